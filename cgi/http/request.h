/*
 * request: reads CGI meta-variables (RFC 3875, 4.1) into a typed request. Pure.
 *
 * All slices point into the variables.
 */
#ifndef HS_REQUEST_H
#define HS_REQUEST_H

#include "base/result.h"
#include "cgi/http/auth/auth.h"
#include "cgi/http/routes.h"

#include <stdint.h>

enum { HS_FORM_MOST = 8 << 10 }; /* bytes of a form of the console */

struct hs_request {
	enum hs_method method;
	const struct hs_route *route; /* NULL: there is no such path */
	struct hs_credentials credentials;
	struct hs_slice settings_header; /* X-Segment-Settings; p == NULL: not sent */
	struct hs_slice remote_addr;     /* for the log and the rejected file */
	uint64_t content_length;         /* bytes of the body; without has_length, the most that it may have */
	bool has_length;                 /* false: the body ends with the request; direct routes alone */
	bool gzip;                       /* the body is to be inflated; direct routes alone */
	bool wants_page;                 /* Accept names text/html: browsers do, monitors do not */
};

/*
 * Fills the request from NAME=VALUE strings and checks the head: HS_OK, or, in this order, HS_E_PATH,
 * HS_E_METHOD, HS_E_MEDIA_TYPE, HS_E_NO_LENGTH, HS_E_BAD_LENGTH, HS_E_TOO_LARGE, HS_E_ENCODING; on direct
 * routes HS_E_SDK_METHOD, HS_E_BAD_LENGTH, HS_E_TOO_LARGE, HS_E_SDK_ENCODING. Fills all but the body's three
 * members in every case. A body may have max_body bytes, on direct routes max_sdk_body, and a form of the
 * console, which anybody may send, HS_FORM_MOST.
 */
enum hs_result hs_request_read(struct hs_request *r, char *const *params, uint64_t max_body, uint64_t max_sdk_body);

#endif

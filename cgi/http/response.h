/*
 * response: status, media type, headers and body, and how they are printed for CGI. Pure.
 *
 * The head is that of RFC 3875, 6.2: "Status: 200 OK", CRLF, headers, empty line.
 */
#ifndef HS_RESPONSE_H
#define HS_RESPONSE_H

#include "base/buf.h"

enum { HS_RESPONSE_HEADERS = 8 }; /* besides Content-Type and Content-Length */

struct hs_header {
	struct hs_slice name, value; /* constants, or slices of the request, its outcome or the settings */
};

/* A zeroed struct with `body` set is ready to be filled. */
struct hs_response {
	int status;
	struct hs_slice media_type;
	struct hs_header header[HS_RESPONSE_HEADERS];
	unsigned headers;
	struct hs_buf *body; /* not owned */
};

/* Adds a header. At most HS_RESPONSE_HEADERS. */
void hs_response_header(struct hs_response *r, struct hs_slice name, struct hs_slice value);

/*
 * Prints the head; 204 and 304 have neither type nor length (RFC 9110, 8.6). `without_body` (for HEAD)
 * empties the body after the head has given its length.
 */
void hs_response_print(const struct hs_response *r, bool without_body, struct hs_buf *head);

#endif

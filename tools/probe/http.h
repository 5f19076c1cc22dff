/*
 * http: requests over HTTP and HTTPS, and their answers; libcurl, and the only place that
 * knows it. With `make CURL=no` every call says HS_HTTP_NONE (http_none.c).
 *
 * Redirects are not followed: Segment's senders do not follow them either, so a redirect
 * is an answer like any other. Certificates are checked unless `insecure`.
 */
#ifndef HS_HTTP_H
#define HS_HTTP_H

#include "base/buf.h"

struct hs_http; /* a connection that is used again; for one thread */

enum hs_http_result {
	HS_HTTP_OK,          /* there is an answer, of whatever status */
	HS_HTTP_URL,         /* not an http or https URL, or the CA file cannot be read */
	HS_HTTP_UNREACHABLE, /* no such host, nobody listens, no route */
	HS_HTTP_TLS,         /* TLS or certificate; or one side speaks TLS and the other does not */
	HS_HTTP_TIMEOUT,
	HS_HTTP_CUT, /* the connection ended before there was an answer */
	HS_HTTP_MEMORY,
	HS_HTTP_NONE, /* built without libcurl */
};

struct hs_http_target {
	const char *url;
	const char *cacert; /* a PEM file of authorities to believe; NULL: the system's */
	bool insecure;      /* believe any certificate */
};

struct hs_http_request {
	const char *method;      /* GET, or one with a body */
	const char *below;       /* appended to the URL: "/health"; "" for the URL itself */
	struct hs_slice headers; /* lines, a NUL behind each; see hs_sender_headers */
	struct hs_slice body;
	int timeout_ms;
	/* Called now and then with the bytes of the body that are sent; NULL: not. */
	void (*progress)(void *context, uint64_t sent, uint64_t all);
	void *context;
};

enum { HS_HTTP_BODY_MAX = 64 << 10 }; /* bytes; what follows is thrown away */

/* A zeroed struct is ready; hs_http_answer_free returns its memory. */
struct hs_http_answer {
	int status;
	struct hs_buf body;
	char server[64], location[256]; /* headers, unfiltered; "" if not sent */
	int64_t date_ms;                /* of the Date header, since 1970; 0: not sent */
	int64_t took_us;
};

/* The target must outlive it. NULL: out of memory. */
struct hs_http *hs_http_new(const struct hs_http_target *target);
void hs_http_free(struct hs_http *h); /* NULL is fine */

enum hs_http_result hs_http_send(struct hs_http *h, const struct hs_http_request *request,
                                 struct hs_http_answer *answer);
void hs_http_answer_free(struct hs_http_answer *answer);

/* What kept the last request from an answer: one line, with its remedy. Valid until the next. */
const char *hs_http_error(const struct hs_http *h);

#endif

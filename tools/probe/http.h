/*
 * http: HTTP and HTTPS requests. By libcurl; with `make CURL=no` every call
 * returns HS_HTTP_NONE (http_none.c).
 *
 * Does not follow redirects, since Segment's senders do not: a redirect is an answer like any
 * other. Checks certificates unless `insecure`.
 */
#ifndef HS_HTTP_H
#define HS_HTTP_H

#include "base/buf.h"

struct hs_http; /* a connection, reused between requests; for one thread */

enum hs_http_result {
	HS_HTTP_OK,          /* an answer of any status */
	HS_HTTP_URL,         /* not an http or https URL, or the CA file cannot be read */
	HS_HTTP_UNREACHABLE, /* unknown host, closed port, or no route */
	HS_HTTP_TLS,         /* TLS or certificate error; or only one side speaks TLS */
	HS_HTTP_TIMEOUT,
	HS_HTTP_CUT, /* the connection ended before an answer */
	HS_HTTP_MEMORY,
	HS_HTTP_NONE, /* built without libcurl */
};

struct hs_http_target {
	const char *url;
	const char *cacert; /* PEM file of trusted authorities; NULL: the system's */
	bool insecure;      /* accept any certificate */
};

/*
 * The URL as it is printed and kept: without query and fragment, in which a token may be. Of one with an @ only what
 * precedes its "//": where a password ends is not known of a URL that is wrong.
 */
static inline struct hs_slice hs_http_shown(const char *url)
{
	const char *host = strstr(url, "//");

	if (strchr(url, '@') != NULL)
		return hs_slice(url, host == NULL ? 0 : (size_t)(host - url) + 2);
	return hs_slice(url, strcspn(url, "?#"));
}

struct hs_http_request {
	const char *method; /* GET or OPTIONS, or a method with a body */
	const char *below;  /* appended to the URL: "/health"; "" for the URL itself */
	/* Lines, each followed by a NUL; see hs_sender_headers. "Name:" leaves out a header that libcurl adds. */
	struct hs_slice headers;
	struct hs_slice body;
	int timeout_ms;
	bool chunked; /* without Content-Length, in HTTP/1.1 */
	/* Called now and then with the number of body bytes sent; NULL: not called. */
	void (*progress)(void *context, uint64_t sent, uint64_t all);
	void *context;
};

enum { HS_HTTP_BODY_MAX = 64 << 10 }; /* bytes kept; the rest is dropped */

/* A zeroed struct is valid; hs_http_answer_free frees its memory. */
struct hs_http_answer {
	int status;
	struct hs_buf body;
	char server[64], location[256];             /* headers as sent, unfiltered; "": absent */
	char allow_origin[256], allow_headers[512]; /* Access-Control-Allow-…, of several the last */
	unsigned allow_origins;                     /* headers Access-Control-Allow-Origin */
	int64_t date_ms;                            /* Date header in seconds since 1970; 0: absent */
	int64_t took_us;
};

/* The target must outlive it. NULL: out of memory. */
struct hs_http *hs_http_new(const struct hs_http_target *target);
void hs_http_free(struct hs_http *h); /* NULL is fine */

enum hs_http_result hs_http_send(struct hs_http *h, const struct hs_http_request *request,
                                 struct hs_http_answer *answer);
void hs_http_answer_free(struct hs_http_answer *answer);

/*
 * False: a line that begins like a status line (RFC 9112, 4), and is none. libcurl takes that for status 200, so a
 * function that is given header lines must ask, and end the request. Any other line is true.
 */
bool hs_http_accepts_line(struct hs_slice line);

/*
 * Why a request failed whose CURLcode is `code`: `said`, what libcurl wrote to its error buffer, or its words for
 * the code. An answer that is no HTTP is called that whatever the version of libcurl, which may also have refused
 * it by hs_http_accepts_line (CURLE_WRITE_ERROR). What libcurl wrote about the URL of a proxy may have its password,
 * and is left out.
 */
const char *hs_http_why(int code, const char *said);

/* Why the last request got no answer: one line, with the remedy. Valid until the next request. */
const char *hs_http_error(const struct hs_http *h);

#endif

/*
 * body: reads the body of a request, all of it and no more, and inflates it.
 */
#ifndef HS_BODY_H
#define HS_BODY_H

#include "cgi/http/exchange.h"

/*
 * Reads the body into scratch->body, inflated if it came as gzip. From the last byte on the answer has a
 * time limit, and a large body waits for the semaphore: before it is inflated, if its declared length
 * is large. A body without a length ends with the request, which plain CGI does not show (RFC 3875, 4.2): so
 * a chunked request fails under Apache's CGI. The other web servers, as shipped, pass its length, which they
 * know once they have read it; nginx passes none with fastcgi_request_buffering off.
 *
 * HS_OK; the transport's verdict; HS_E_NO_LENGTH (CGI alone), HS_E_SHORT_BODY, HS_E_LONG_BODY,
 * HS_E_SLOW_BODY, HS_E_TOO_LARGE (without a length), HS_E_GZIP, HS_E_INFLATED (more than max_sdk_body),
 * HS_E_LARGE_BODIES, HS_E_MEMORY.
 */
enum hs_result hs_body_read(struct hs_exchange *exchange);

/* Makes a request of this size, if it is large, wait for the semaphore. HS_OK or HS_E_LARGE_BODIES. */
enum hs_result hs_body_enter(struct hs_exchange *exchange, size_t size);

#endif

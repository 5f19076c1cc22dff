/*
 * cors: the headers that let a page of another origin read an answer (Fetch standard, 3.3.2). Pure.
 */
#ifndef HS_CORS_H
#define HS_CORS_H

#include "cgi/http/response.h"
#include "config/sources.h"

/*
 * Adds the headers of any answer. `source` is the one that the key names, of which a server's allows no
 * origin; NULL: the key is not known yet, and an origin that any browser source allows is allowed.
 * `origin` is the request's header. If it is not allowed, or longer than 512 bytes, only Vary is added: no
 * shared cache may give a page the answer that was made for another, or for none (RFC 9111, 4.1).
 */
void hs_cors_add(const struct hs_settings *s, const struct hs_source *source, struct hs_slice origin,
                 struct hs_response *response);

/*
 * Adds those of a preflight. `asked` is Access-Control-Request-Headers, which is allowed as it is if
 * it is a list of names of at most 512 bytes.
 */
void hs_cors_add_preflight(const struct hs_settings *s, struct hs_slice origin, struct hs_slice asked,
                           struct hs_response *response);

#endif

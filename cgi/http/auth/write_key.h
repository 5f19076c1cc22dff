/*
 * write_key: finds the source whose write key a request shows. Pure.
 *
 * Segment's libraries show it as the user name of Basic, as `writeKey` in the body, or both. A
 * Bearer token is mostly that of OAuth, which means nothing here.
 */
#ifndef HS_WRITE_KEY_H
#define HS_WRITE_KEY_H

#include "cgi/http/auth/authenticator.h"
#include "config/sources.h"
#include "event/envelope.h"

/*
 * Looks at Basic, the body's writeKey or else that of a batch's first event, and without one at Bearer.
 * A key that is not known does not count beside one that is: Basic may be the web server's own.
 *
 * HS_OK, and *source is set (it points into the settings); HS_E_WRITE_KEY (no key, or none that is
 * known), HS_E_WRITE_KEY_REVOKED, HS_E_TWO_KEYS (two known keys that differ), or HS_E_MEMORY.
 * `scratch` is wiped before the function returns.
 */
enum hs_result hs_write_key_check(const struct hs_settings *s, const struct hs_credentials *c,
                                  const struct hs_envelope *envelope, struct hs_buf *scratch,
                                  const struct hs_source **source);

/* Finds the source of one key, revoked or not. HS_OK, and *source may be NULL; or HS_E_MEMORY. */
enum hs_result hs_write_key_find(const struct hs_settings *s, struct hs_slice key, const struct hs_source **source);

/*
 * HS_OK, or HS_E_ORIGIN: a browser's source lists the origins that may use its key. `origin` is the
 * header; n == 0: there is none.
 */
enum hs_result hs_write_key_origin(const struct hs_settings *s, const struct hs_source *source, struct hs_slice origin);

#endif

/*
 * auth: who is let in. Pure: headers and body in, a verdict and a tenant out.
 *
 * X-Signature is the lower-case hex HMAC-SHA1 of what Segment signed, and that is one
 * of four spans (https://segment.com/docs/connections/destinations/catalog/actions-webhook/):
 *   - the whole body (one event; and the whole batch, which is proposed upstream),
 *   - the text of a batch's first element,
 *   - where that element is {"json": value} and nothing else, the text of the value.
 * The bytes are those of the body; nothing is serialised again. Of the JSON no more is
 * read than the first element, and only when the body itself does not match.
 *
 * An API key comes as the user name of Basic (RFC 7617; the password does not count)
 * or as a Bearer token (RFC 6750). MACs and keys are compared in constant time, and
 * every configured one is compared, so the time does not tell which.
 */
#ifndef HS_AUTH_H
#define HS_AUTH_H

#include "core/json.h"
#include "core/settings.h"

struct hs_credentials {
	struct hs_slice signature;     /* X-Signature; p == NULL: not sent */
	bool signature_twice;          /* the header came more than once */
	struct hs_slice authorization; /* Authorization; p == NULL: not sent */
};

/*
 * HS_OK, HS_E_NO_SIGNATURE to HS_E_NO_CREDENTIALS, or HS_E_MEMORY. *tenant is the
 * label of the key that matched (it points into the settings), or empty. `json` is
 * scratch; so is `key`, which is wiped before the function returns.
 *
 * Under `either` a revoked key is HS_E_KEY_REVOKED even beside a valid signature; under
 * `signature` keys are not looked at.
 */
enum hs_result hs_auth_check(const struct hs_settings *s, const struct hs_credentials *c,
                             struct hs_slice body, struct hs_json *json, struct hs_buf *key,
                             struct hs_slice *tenant);

#endif

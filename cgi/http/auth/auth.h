/*
 * auth: who is let in. Pure: headers and body in, a verdict and a tenant out.
 *
 * X-Signature is the lower-case hex HMAC-SHA1 of what Segment signed, and that is one
 * of four spans (https://segment.com/docs/connections/destinations/catalog/actions-webhook/):
 *   - the whole body (one event; and the whole batch, which is proposed upstream),
 *   - the text of a batch's first element,
 *   - where that element is {"json": value} and nothing else, the text of the value.
 * batch_signature in the settings takes only some of these for a batch.
 * The bytes are those of the body; nothing is serialised again. A batch's first element is
 * compared first, since the whole body takes as long as reading it; no JSON after that element
 * is read. A body that is no array is compared as a whole, and its JSON is not read at all.
 *
 * An API key comes as the user name of Basic (RFC 7617; the password does not count)
 * or as a Bearer token (RFC 6750). MACs and keys are compared in constant time, and
 * every configured key is compared, so the time does not tell which. Of the secrets the one that
 * matched last comes first, and the rest are tried only if it does not match.
 *
 * What the head alone can decide is decided without the body: hs_auth_head. Only a signature that
 * has the right shape needs the body: hs_auth_body.
 */
#ifndef HS_AUTH_H
#define HS_AUTH_H

#include "config/settings.h"
#include "event/dialect.h"

struct hs_credentials {
	struct hs_slice signature;     /* X-Signature; p == NULL: not sent */
	bool signature_twice;          /* the header came more than once */
	struct hs_slice authorization; /* Authorization; p == NULL: not sent */
};

/*
 * A body costs its bytes times the secrets, before anything is known of its sender. A text up to
 * HS_AUTH_SMALL bytes costs less than the rest of its request; hashing larger ones is an effort
 * that the caller may refuse.
 */
enum { HS_AUTH_SMALL = 1 << 16 };

struct hs_auth_effort {
	unsigned first;  /* index of the secret to try first; set to that of the one that matched */
	bool only_small; /* hash no text above HS_AUTH_SMALL bytes: HS_E_UNVERIFIED instead */
	uint64_t hashed; /* bytes of texts above HS_AUTH_SMALL that were hashed, added */
};

/*
 * HS_OK, a result of class auth, or HS_E_MEMORY. If *needs_body is true the
 * result is HS_OK, and hs_auth_body decides. *tenant is the label of the key that matched (it
 * points into the settings), or empty. `key` is scratch, which is wiped before the function returns.
 *
 * Under `either` a revoked key is HS_E_KEY_REVOKED even beside a valid signature; under
 * `signature` keys are not looked at.
 */
enum hs_result hs_auth_head(const struct hs_settings *s, const struct hs_credentials *c,
                            struct hs_buf *key, struct hs_slice *tenant, bool *needs_body);

/*
 * Does the signature match the body? HS_OK, HS_E_SIGNATURE, HS_E_TENANT (the secret that matches has
 * another label than *tenant), HS_E_UNVERIFIED or HS_E_MEMORY. At HS_OK *tenant is the secret's
 * label, unless it has none. `events` reads the body from its start; of a batch the first event may be
 * peeked at, and no JSON after it is read.
 */
enum hs_result hs_auth_body(const struct hs_settings *s, const struct hs_credentials *c,
                            struct hs_slice body, struct hs_body_reader *events,
                            struct hs_auth_effort *effort, struct hs_slice *tenant);

/* Both, without a limit. */
enum hs_result hs_auth_check(const struct hs_settings *s, const struct hs_credentials *c,
                             struct hs_slice body, struct hs_json *json, struct hs_buf *key,
                             struct hs_slice *tenant);

#endif

/*
 * auth: decides whether a sender is let in. Pure: headers and body in, a result and a tenant out.
 *
 * The setting `auth` demands all of the forms that it names, or any of them; each form is
 * a file of its own, see authenticator.h. Forms are tried in the order of their table. MACs
 * and keys are compared in constant time. The body is not read if the head can decide.
 */
#ifndef HS_AUTH_H
#define HS_AUTH_H

#include "cgi/http/auth/authenticator.h"

/*
 * HS_OK, a result of class auth, or HS_E_MEMORY. If *needs_body is true the result is HS_OK,
 * and hs_auth_body decides. *tenant is the label of the key that matched (it points into the
 * settings), or empty. `key` is scratch, which is wiped before the function returns.
 *
 * Where any form is enough, a revoked key is HS_E_KEY_REVOKED even beside a valid signature;
 * where only a signature is demanded, keys are not looked at.
 */
enum hs_result hs_auth_head(const struct hs_settings *s, const struct hs_credentials *c, struct hs_buf *key,
                            struct hs_slice *tenant, bool *needs_body);

/*
 * After hs_auth_head, if that needs the body. HS_OK, HS_E_SIGNATURE, HS_E_TENANT (the secret that
 * matches has another label than *tenant), HS_E_UNVERIFIED or HS_E_MEMORY. At HS_OK *tenant is the
 * secret's label, unless it has none. `events` reads the body from its start; its first event
 * may be peeked at, and no JSON after that is read.
 */
enum hs_result hs_auth_body(const struct hs_settings *s, const struct hs_credentials *c, struct hs_slice body,
                            struct hs_body_reader *events, struct hs_auth_effort *effort, struct hs_slice *tenant);

/* Runs both, without a limit on the effort. `json` and `key` are scratch. Errors as above. */
enum hs_result hs_auth_check(const struct hs_settings *s, const struct hs_credentials *c, struct hs_slice body,
                             struct hs_json *json, struct hs_buf *key, struct hs_slice *tenant);

/* For WWW-Authenticate, which each 401 must carry (RFC 9110, 15.5.2). */
struct hs_slice hs_auth_challenge(void);

#endif

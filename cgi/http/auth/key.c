/*
 * key: an API key, as the user name of Basic (RFC 7617; the password does not count) or as a
 * Bearer token (RFC 6750).
 *
 * Keys are compared by their SHA-256 in constant time, and with every configured key, so
 * that the time does not tell which one matched.
 */
#include "cgi/http/auth/authenticator.h"
#include "cgi/http/auth/authorization.h"

#include <openssl/crypto.h>
#include <stddef.h>

/* Appends the key inside an Authorization header; false if there is none. */
static bool read_key(struct hs_slice header, struct hs_buf *key)
{
	enum hs_auth_scheme scheme = hs_authorization_read(header, key);
	char *colon;

	if (scheme != HS_AUTH_SCHEME_BASIC)
		return scheme == HS_AUTH_SCHEME_BEARER && key->n > 0;
	colon = key->n == 0 ? NULL : memchr(key->p, ':', key->n);
	if (colon == NULL) /* RFC 7617, 2: user-id and password are separated by a colon */
		return false;
	key->n = (size_t)(colon - key->p);
	return key->n > 0;
}

static enum hs_result find_key(const struct hs_settings *s, struct hs_slice key, struct hs_slice *tenant)
{
	uint8_t digest[HS_SHA256_BYTES];
	size_t i;

	if (!hs_sha256(key, digest))
		return HS_E_MEMORY;
	i = hs_sha256_find(s->key, s->keys, sizeof *s->key, offsetof(struct hs_key, sha256), digest);
	if (i == s->keys)
		return HS_E_KEY;
	if (s->key[i].revoked)
		return HS_E_KEY_REVOKED;
	*tenant = hs_slice_str(s->key[i].tenant);
	return HS_OK;
}

static bool is_configured(const struct hs_settings *s)
{
	return hs_settings_demand_key(s);
}

static bool is_shown(const struct hs_credentials *c)
{
	return c->authorization.p != NULL;
}

static enum hs_result check_head(struct hs_auth_exchange *x)
{
	struct hs_slice header = x->credentials->authorization;
	struct hs_buf *key = x->scratch;
	enum hs_result result;

	if (!is_shown(x->credentials))
		return HS_E_NO_KEY;
	hs_buf_reset(key);
	if (read_key(header, key))
		result = find_key(x->settings, hs_buf_slice(key), x->tenant);
	else
		result = hs_buf_ok(key) ? HS_E_KEY : HS_E_MEMORY;
	if (key->p != NULL)
		OPENSSL_cleanse(key->p, key->cap);
	return result;
}

const struct hs_authenticator hs_authenticator_key = {
	.name = "key",
	.challenge = "Basic realm=\"hookspool\"",
	.configured = is_configured,
	.shown = is_shown,
	.check_head = check_head,
};

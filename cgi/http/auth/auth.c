#include "cgi/http/auth/auth.h"
#include "base/base64.h"
#include "base/hex.h"

#include <openssl/crypto.h>

/* Stops at the first that matches. */
static enum hs_result matches_any_secret(const struct hs_settings *s, const uint8_t *mac,
                                         struct hs_slice span, struct hs_auth_effort *e, bool *match)
{
	uint8_t expected[HS_SHA1_BYTES];
	unsigned first = e->first < s->secrets ? e->first : 0;

	if (span.n > HS_AUTH_SMALL && e->only_small)
		return HS_E_UNVERIFIED;
	for (unsigned i = 0; i < s->secrets && !*match; i++) {
		unsigned tried = (first + i) % s->secrets;

		if (!hs_hmac_sha1(s->secret[tried], span, expected))
			return HS_E_MEMORY;
		e->hashed += span.n > HS_AUTH_SMALL ? span.n : 0;
		*match = hs_equal_constant_time(expected, mac, sizeof expected);
		if (*match)
			e->first = tried;
	}
	return HS_OK;
}

/*
 * The signature of a batch is that of its first event. It is looked at before that of the
 * whole body, which takes as long as reading it.
 */
static enum hs_result check_first_event(const struct hs_settings *s, const uint8_t *mac, struct hs_body_reader *events,
                                        struct hs_auth_effort *e, bool *match)
{
	struct hs_slice span[HS_DIALECT_SPANS];
	unsigned spans;
	bool more;
	enum hs_result r = hs_body_peek(events, &more);

	if (r != HS_OK || !more)
		return r == HS_E_MEMORY ? r : HS_OK;
	spans = events->dialect->spans(events->json, span);
	for (unsigned i = 0; i < spans && r == HS_OK && !*match; i++)
		r = matches_any_secret(s, mac, span[i], e, match);
	return r;
}

/* Has the header the shape of a signature? Then `mac` is what it says. */
static enum hs_result read_signature(const struct hs_credentials *c, uint8_t mac[static HS_SHA1_BYTES])
{
	if (c->signature_twice)
		return HS_E_SIGNATURE_TWICE;
	if (c->signature.p == NULL)
		return HS_E_NO_SIGNATURE;
	return hs_hex_decode(hs_slice_trim(c->signature), mac, HS_SHA1_BYTES) ? HS_OK : HS_E_SIGNATURE;
}

/* A secret's label is the tenant; a key's must be the same. */
static enum hs_result settle_tenant(const struct hs_settings *s, unsigned secret, struct hs_slice *tenant)
{
	struct hs_slice label = hs_slice_str(s->secret_tenant[secret]);

	if (label.n == 0)
		return HS_OK;
	if (tenant->n > 0 && !hs_slice_eq(*tenant, label))
		return HS_E_TENANT;
	*tenant = label;
	return HS_OK;
}

enum hs_result hs_auth_body(const struct hs_settings *s, const struct hs_credentials *c,
                            struct hs_slice body, struct hs_body_reader *events,
                            struct hs_auth_effort *effort, struct hs_slice *tenant)
{
	uint8_t mac[HS_SHA1_BYTES];
	bool match = false, is_batch = events->dialect->spans != NULL;
	enum hs_result r = read_signature(c, mac);

	if (r == HS_OK && is_batch && s->batch_signature != HS_BATCH_SIGNATURE_WHOLE)
		r = check_first_event(s, mac, events, effort, &match);
	if (r == HS_OK && !match && !(is_batch && s->batch_signature == HS_BATCH_SIGNATURE_FIRST))
		r = matches_any_secret(s, mac, body, effort, &match);
	if (r != HS_OK || !match)
		return r != HS_OK ? r : HS_E_SIGNATURE;
	return settle_tenant(s, effort->first, tenant);
}

/* The key inside an Authorization header: appended to `key`; false if there is none. */
static bool read_key(struct hs_slice header, struct hs_buf *key)
{
	size_t scheme = 0;
	struct hs_slice rest;
	char *colon;

	while (scheme < header.n && header.p[scheme] != ' ')
		scheme++;
	rest = hs_slice_trim(hs_slice(header.p + scheme, header.n - scheme));
	if (hs_slice_eq_nocase(hs_slice(header.p, scheme), HS_SLICE("Bearer"))) {
		hs_buf_put_slice(key, rest);
		return rest.n > 0;
	}
	if (!hs_slice_eq_nocase(hs_slice(header.p, scheme), HS_SLICE("Basic")) ||
	    !hs_base64_decode(rest, key))
		return false;
	colon = key->n == 0 ? NULL : memchr(key->p, ':', key->n);
	if (colon == NULL) /* RFC 7617, 2: user-id and password are separated by a colon */
		return false;
	key->n = (size_t)(colon - key->p);
	return key->n > 0;
}

static enum hs_result find_key(const struct hs_settings *s, struct hs_slice key,
                               struct hs_slice *tenant)
{
	uint8_t digest[HS_SHA256_BYTES];
	const struct hs_key *found = NULL;

	if (!hs_sha256(key, digest))
		return HS_E_MEMORY;
	for (unsigned i = 0; i < s->keys; i++)
		if (hs_equal_constant_time(s->key[i].sha256, digest, sizeof digest))
			found = &s->key[i];
	if (found == NULL)
		return HS_E_KEY;
	if (found->revoked)
		return HS_E_KEY_REVOKED;
	*tenant = hs_slice_str(found->tenant);
	return HS_OK;
}

static enum hs_result check_key(const struct hs_settings *s, const struct hs_credentials *c,
                                struct hs_buf *key, struct hs_slice *tenant)
{
	enum hs_result r;

	if (c->authorization.p == NULL)
		return HS_E_NO_KEY;
	hs_buf_reset(key);
	if (read_key(hs_slice_trim(c->authorization), key))
		r = find_key(s, hs_buf_slice(key), tenant);
	else
		r = hs_buf_ok(key) ? HS_E_KEY : HS_E_MEMORY;
	if (key->p != NULL)
		OPENSSL_cleanse(key->p, key->cap);
	return r;
}

static enum hs_result check_shape(const struct hs_credentials *c, bool *needs_body)
{
	uint8_t mac[HS_SHA1_BYTES];
	enum hs_result r = read_signature(c, mac);

	*needs_body = r == HS_OK;
	return r;
}

enum hs_result hs_auth_head(const struct hs_settings *s, const struct hs_credentials *c,
                            struct hs_buf *key, struct hs_slice *tenant, bool *needs_body)
{
	enum hs_result by_key, by_signature;

	*tenant = HS_SLICE_NONE;
	*needs_body = false;
	if (s->auth == HS_AUTH_NONE)
		return HS_OK;
	if (s->auth == HS_AUTH_SIGNATURE)
		return check_shape(c, needs_body);

	by_key = check_key(s, c, key, tenant);
	if (s->auth == HS_AUTH_KEY || by_key == HS_E_KEY_REVOKED || by_key == HS_E_MEMORY)
		return by_key;
	if (s->auth == HS_AUTH_BOTH)
		return by_key != HS_OK ? by_key : check_shape(c, needs_body);

	/* either */
	if (by_key == HS_OK)
		return HS_OK;
	by_signature = check_shape(c, needs_body);
	if (by_signature == HS_E_NO_SIGNATURE)
		return by_key == HS_E_NO_KEY ? HS_E_NO_CREDENTIALS : by_key;
	return by_signature;
}

enum hs_result hs_auth_check(const struct hs_settings *s, const struct hs_credentials *c,
                             struct hs_slice body, struct hs_json *json, struct hs_buf *key,
                             struct hs_slice *tenant)
{
	struct hs_auth_effort effort = { 0 };
	struct hs_body_reader events;
	bool needs_body;
	enum hs_result r = hs_auth_head(s, c, key, tenant, &needs_body);

	if (r != HS_OK || !needs_body)
		return r;
	hs_body_open(&events, json, body);
	return hs_auth_body(s, c, body, &events, &effort, tenant);
}

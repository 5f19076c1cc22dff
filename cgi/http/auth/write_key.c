#include "cgi/http/auth/write_key.h"
#include "cgi/http/auth/authorization.h"

#include <openssl/crypto.h>

enum hs_result hs_write_key_find(const struct hs_settings *s, struct hs_slice key, const struct hs_source **source)
{
	uint8_t digest[HS_SHA256_BYTES];

	*source = NULL;
	if (key.n == 0 || key.n > HS_WRITE_KEY_MAX)
		return HS_OK;
	if (!hs_sha256(key, digest))
		return HS_E_MEMORY;
	*source = hs_source_with(s, digest);
	return HS_OK;
}

static void wipe(struct hs_buf *scratch)
{
	if (scratch->p != NULL)
		OPENSSL_cleanse(scratch->p, scratch->cap);
	hs_buf_reset(scratch);
}

/* The source of the header's key. Reads schemes other than `scheme` as no key. */
static enum hs_result find_in_head(const struct hs_settings *s, const struct hs_credentials *c,
                                   enum hs_auth_scheme scheme, struct hs_buf *scratch, const struct hs_source **source)
{
	struct hs_slice key = HS_SLICE_NONE;
	enum hs_result result = HS_OK;

	*source = NULL;
	if (c->authorization.p == NULL)
		return HS_OK;
	hs_buf_reset(scratch);
	if (hs_authorization_read(c->authorization, scratch) == scheme) {
		const char *colon = scratch->n > 0 ? memchr(scratch->p, ':', scratch->n) : NULL;

		key = hs_buf_slice(scratch);
		if (scheme == HS_AUTH_SCHEME_BASIC && colon != NULL) /* home-made clients leave it out */
			key.n = (size_t)(colon - key.p);
	}
	result = hs_buf_ok(scratch) ? hs_write_key_find(s, key, source) : HS_E_MEMORY;
	wipe(scratch);
	return result;
}

/* *shown: the body has a key, known or not. */
static enum hs_result find_in_body(const struct hs_settings *s, const struct hs_envelope *envelope,
                                   struct hs_buf *scratch, const struct hs_source **source, bool *shown)
{
	struct hs_envelope first = *envelope;
	enum hs_result result = HS_OK;
	struct hs_slice key;

	*source = NULL;
	if (envelope->write_key.p == NULL && envelope->batch.p != NULL)
		hs_envelope_find(&first, hs_envelope_first_event(envelope));
	*shown = first.write_key.p != NULL;
	if (!*shown)
		return HS_OK;
	hs_buf_reset(scratch);
	if (hs_envelope_key(&first, scratch, &key))
		result = hs_write_key_find(s, key, source);
	else if (!hs_buf_ok(scratch))
		result = HS_E_MEMORY;
	wipe(scratch);
	return result;
}

enum hs_result hs_write_key_check(const struct hs_settings *s, const struct hs_credentials *c,
                                  const struct hs_envelope *envelope, struct hs_buf *scratch,
                                  const struct hs_source **source)
{
	const struct hs_source *in_head = NULL, *in_body = NULL;
	bool shown = false;
	enum hs_result result = find_in_body(s, envelope, scratch, &in_body, &shown);

	*source = NULL;
	if (result == HS_OK)
		result = find_in_head(s, c, HS_AUTH_SCHEME_BASIC, scratch, &in_head);
	if (result == HS_OK && in_head == NULL && !shown)
		result = find_in_head(s, c, HS_AUTH_SCHEME_BEARER, scratch, &in_head);
	if (result != HS_OK)
		return result;
	if (in_head != NULL && in_body != NULL && in_head != in_body)
		return HS_E_TWO_KEYS;
	*source = in_body != NULL ? in_body : in_head;
	if (*source == NULL)
		return HS_E_WRITE_KEY;
	return (*source)->revoked ? HS_E_WRITE_KEY_REVOKED : HS_OK;
}

enum hs_result hs_write_key_origin(const struct hs_settings *s, const struct hs_source *source, struct hs_slice origin)
{
	if (!source->browser || source->any_origin)
		return HS_OK;
	return origin.n > 0 && hs_source_allows(s, source, origin) ? HS_OK : HS_E_ORIGIN;
}

/*
 * signature: X-Signature, the hex HMAC-SHA1 of what Segment signed, by a shared secret.
 *
 * Segment signs one of four texts (https://segment.com/docs/connections/destinations/catalog/actions-webhook/):
 *   - the whole body (one event; and the whole batch, which is proposed upstream),
 *   - the text of a batch's first element,
 *   - where that element is {"json": value} and nothing else, the text of the value.
 * batch_signature in the settings accepts only some of these for a batch. The bytes are those
 * of the body; nothing is serialised again. No JSON after a batch's first element is read, and
 * of a single event none.
 */
#include "base/hex.h"
#include "cgi/http/auth/authenticator.h"

/* Tries the secrets in turn, first the one that matched last, and stops at a match. */
static enum hs_result matches_any_secret(const struct hs_settings *s, const uint8_t *mac, struct hs_slice span,
                                         struct hs_auth_effort *e, bool *match)
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
 * Segment signs a batch's first event. That is compared before the whole body, whose hash takes
 * as long as reading it.
 */
static enum hs_result check_first_event(const struct hs_settings *s, const uint8_t *mac, struct hs_body_reader *events,
                                        struct hs_auth_effort *e, bool *match)
{
	struct hs_slice span[HS_DIALECT_SPANS];
	unsigned spans;
	bool more;
	enum hs_result result = hs_body_peek(events, &more);

	if (result != HS_OK || !more)
		return result == HS_E_MEMORY ? result : HS_OK;
	spans = events->dialect->spans(events->json, span);
	for (unsigned i = 0; i < spans && result == HS_OK && !*match; i++)
		result = matches_any_secret(s, mac, span[i], e, match);
	return result;
}

/* HS_OK if the header has the shape of a signature; `mac` is what it says. */
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

static bool is_configured(const struct hs_settings *s)
{
	return hs_settings_demand_signature(s);
}

static bool is_shown(const struct hs_credentials *c)
{
	return c->signature.p != NULL || c->signature_twice;
}

/* The body is read only for a header of the right shape. */
static enum hs_result check_head(struct hs_auth_exchange *x)
{
	uint8_t mac[HS_SHA1_BYTES];

	return read_signature(x->credentials, mac);
}

static enum hs_result check_body(struct hs_auth_exchange *x)
{
	const struct hs_settings *s = x->settings;
	uint8_t mac[HS_SHA1_BYTES];
	bool match = false, has_spans = x->events->dialect->spans != NULL;
	enum hs_result result = read_signature(x->credentials, mac);

	if (result == HS_OK && has_spans && s->batch_signature != HS_BATCH_SIGNATURE_WHOLE)
		result = check_first_event(s, mac, x->events, x->effort, &match);
	if (result == HS_OK && !match && !(has_spans && s->batch_signature == HS_BATCH_SIGNATURE_FIRST))
		result = matches_any_secret(s, mac, x->body, x->effort, &match);
	if (result != HS_OK || !match)
		return result != HS_OK ? result : HS_E_SIGNATURE;
	return settle_tenant(s, x->effort->first, x->tenant);
}

const struct hs_authenticator hs_authenticator_signature = {
	.name = "signature",
	.configured = is_configured,
	.shown = is_shown,
	.check_head = check_head,
	.check_body = check_body,
};

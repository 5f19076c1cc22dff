#include "config/settings.h"

/* The words of `auth`: which forms count, and whether one of them is enough or all are demanded. */
static const struct {
	bool signature, key, any;
} policy[] = {
	[HS_AUTH_SIGNATURE] = { .signature = true },
	[HS_AUTH_KEY] = { .key = true },
	[HS_AUTH_BOTH] = { .signature = true, .key = true },
	[HS_AUTH_EITHER] = { .signature = true, .key = true, .any = true },
	[HS_AUTH_NONE] = { 0 },
	[HS_AUTH_NOBODY] = { .key = true },
};

bool hs_settings_demand_signature(const struct hs_settings *s)
{
	return policy[s->auth].signature;
}

bool hs_settings_demand_key(const struct hs_settings *s)
{
	return policy[s->auth].key;
}

bool hs_settings_demand_any(const struct hs_settings *s)
{
	return policy[s->auth].any;
}

const char *hs_settings_tenant(const struct hs_settings *s, const char *label)
{
	for (unsigned i = 0; i < s->keys; i++)
		if (strcmp(s->key[i].tenant, label) == 0)
			return s->key[i].tenant;
	for (unsigned i = 0; i < s->secrets; i++)
		if (label[0] != '\0' && strcmp(s->secret_tenant[i], label) == 0)
			return s->secret_tenant[i];
	for (unsigned i = 0; i < s->sources; i++)
		if (label[0] != '\0' && strcmp(s->source[i].tenant, label) == 0)
			return s->source[i].tenant;
	return NULL;
}

bool hs_settings_have_tenants(const struct hs_settings *s)
{
	for (unsigned i = 0; i < s->secrets; i++)
		if (s->secret_tenant[i][0] != '\0')
			return true;
	for (unsigned i = 0; i < s->sources; i++)
		if (s->source[i].tenant[0] != '\0')
			return true;
	return s->keys > 0;
}

const char *hs_settings_demand(const struct hs_settings *s)
{
	static const char *const demand[] = {
		[HS_AUTH_SIGNATURE] = "a signature",
		[HS_AUTH_KEY] = "an API key",
		[HS_AUTH_BOTH] = "a signature and an API key",
		[HS_AUTH_EITHER] = "a signature or an API key",
		[HS_AUTH_NONE] = "nothing",
		[HS_AUTH_NOBODY] = "an API key, but there is none",
	};

	return demand[s->auth];
}

const char *hs_settings_batch_demand(const struct hs_settings *s)
{
	static const char *const demand[] = {
		[HS_BATCH_SIGNATURE_EITHER] = "; a batch's signature may cover its first event or its whole body",
		[HS_BATCH_SIGNATURE_FIRST] = "; a batch's signature covers its first event",
		[HS_BATCH_SIGNATURE_WHOLE] = "; a batch's signature covers its whole body",
	};

	if (!s->batches)
		return "; batches are refused";
	return hs_settings_demand_signature(s) ? demand[s->batch_signature] : "";
}

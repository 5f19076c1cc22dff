#include "cgi/http/auth/auth.h"

static const struct hs_authenticator *const forms[] = {
#define HS_AUTHENTICATOR_ROW(form) &hs_authenticator_##form,
	HS_AUTHENTICATORS(HS_AUTHENTICATOR_ROW)
#undef HS_AUTHENTICATOR_ROW
};

enum { FORMS = sizeof forms / sizeof *forms };

struct hs_slice hs_auth_challenge(void)
{
	for (unsigned i = 0; i < FORMS; i++)
		if (forms[i]->challenge != NULL)
			return hs_slice_str(forms[i]->challenge);
	return HS_SLICE_NONE;
}

/* Every configured form must let the sender in. */
static enum hs_result check_all(struct hs_auth_exchange *x, bool *needs_body)
{
	for (unsigned i = 0; i < FORMS; i++) {
		enum hs_result result;

		if (!forms[i]->configured(x->settings))
			continue;
		result = forms[i]->check_head(x);
		if (result != HS_OK)
			return result;
		*needs_body = *needs_body || forms[i]->check_body != NULL;
	}
	return HS_OK;
}

/* A sender that is barred (403) stays barred, whatever else it shows. A failure is not a verdict. */
static bool is_final(enum hs_result result)
{
	return !hs_result_is(result, HS_CLASS_AUTH) || hs_result_info(result)->status == 403;
}

/* A single form is enough. If none lets the sender in, the last one that was shown decides the result. */
static enum hs_result check_any(struct hs_auth_exchange *x, bool *needs_body)
{
	enum hs_result last = HS_E_NO_CREDENTIALS;

	for (unsigned i = 0; i < FORMS; i++) {
		enum hs_result result;

		if (!forms[i]->configured(x->settings) || !forms[i]->shown(x->credentials))
			continue;
		result = forms[i]->check_head(x);
		*needs_body = result == HS_OK && forms[i]->check_body != NULL;
		if (is_final(result))
			return result;
		last = result;
	}
	return last;
}

enum hs_result hs_auth_head(const struct hs_settings *s, const struct hs_credentials *c, struct hs_buf *key,
                            struct hs_slice *tenant, bool *needs_body)
{
	struct hs_auth_exchange x = { .settings = s, .credentials = c, .scratch = key, .tenant = tenant };

	*tenant = HS_SLICE_NONE;
	*needs_body = false;
	return hs_settings_demand_any(s) ? check_any(&x, needs_body) : check_all(&x, needs_body);
}

enum hs_result hs_auth_body(const struct hs_settings *s, const struct hs_credentials *c, struct hs_slice body,
                            struct hs_body_reader *events, struct hs_auth_effort *effort, struct hs_slice *tenant)
{
	struct hs_auth_exchange x = {
		.settings = s, .credentials = c, .tenant = tenant, .body = body, .events = events, .effort = effort
	};
	bool any = hs_settings_demand_any(s);

	for (unsigned i = 0; i < FORMS; i++) {
		const struct hs_authenticator *form = forms[i];
		enum hs_result result;

		if (!form->configured(s) || form->check_body == NULL)
			continue;
		if (any && !form->shown(c))
			continue;
		result = form->check_body(&x);
		if (result != HS_OK || any)
			return result;
	}
	return HS_OK;
}

enum hs_result hs_auth_check(const struct hs_settings *s, const struct hs_credentials *c, struct hs_slice body,
                             struct hs_json *json, struct hs_buf *key, struct hs_slice *tenant)
{
	struct hs_auth_effort effort = { 0 };
	struct hs_body_reader events;
	bool needs_body;
	enum hs_result result = hs_auth_head(s, c, key, tenant, &needs_body);

	if (result != HS_OK || !needs_body)
		return result;
	hs_body_open(&events, json, body);
	return hs_auth_body(s, c, body, &events, &effort, tenant);
}

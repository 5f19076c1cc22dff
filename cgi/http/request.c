#include "cgi/http/request.h"

/* What is looked at, and nothing else: the index of each variable in `var`. */
enum variable {
	REQUEST_METHOD,
	PATH_INFO,
	CONTENT_TYPE,
	CONTENT_LENGTH,
	CONTENT_ENCODING,
	REDIRECT_AUTHORIZATION,
	SETTINGS,
	REMOTE_ADDR,
	ACCEPT,
#define CREDENTIAL_INDEX(member, variable) CREDENTIAL_##member,
	HS_CREDENTIALS(CREDENTIAL_INDEX)
#undef CREDENTIAL_INDEX
	VARIABLES
};

/* Lengths are known here: a server hands over some thirty variables, each compared to all. */
#define NAME(s) { s, sizeof s - 1 }

static const struct hs_slice names[VARIABLES] = {
	[REQUEST_METHOD] = NAME("REQUEST_METHOD"),
	[PATH_INFO] = NAME("PATH_INFO"),
	[CONTENT_TYPE] = NAME("CONTENT_TYPE"),
	[CONTENT_LENGTH] = NAME("CONTENT_LENGTH"),
	[CONTENT_ENCODING] = NAME("HTTP_CONTENT_ENCODING"),
	/* what Apache makes of a variable when a RewriteRule redirects internally */
	[REDIRECT_AUTHORIZATION] = NAME("REDIRECT_HTTP_AUTHORIZATION"),
	[SETTINGS] = NAME("HTTP_X_SEGMENT_SETTINGS"),
	[REMOTE_ADDR] = NAME("REMOTE_ADDR"),
	[ACCEPT] = NAME("HTTP_ACCEPT"),
#define CREDENTIAL_NAME(member, variable) [CREDENTIAL_##member] = NAME(variable),
	HS_CREDENTIALS(CREDENTIAL_NAME)
#undef CREDENTIAL_NAME
};

static int variable_named(struct hs_slice name)
{
	for (int v = 0; v < VARIABLES; v++)
		if (hs_slice_eq(names[v], name))
			return v;
	return VARIABLES;
}

/* First one wins, as FCGX_GetParam and getenv have it; a second signature is noted. */
static void collect(char *const *params, struct hs_slice var[static VARIABLES], bool *twice)
{
	*twice = false;
	for (; params != NULL && *params != NULL; params++) {
		const char *equals = strchr(*params, '=');
		int v;

		if (equals == NULL)
			continue;
		v = variable_named(hs_slice(*params, (size_t)(equals - *params)));
		if (v == VARIABLES)
			continue;
		if (var[v].p == NULL)
			var[v] = hs_slice_str(equals + 1);
		else if (v == CREDENTIAL_signature)
			*twice = true;
	}
}

static enum hs_method method_of(struct hs_slice text)
{
	static const char *const methods[] = { [HS_METHOD_POST] = "POST",   [HS_METHOD_PUT] = "PUT",
		                               [HS_METHOD_PATCH] = "PATCH", [HS_METHOD_GET] = "GET",
		                               [HS_METHOD_HEAD] = "HEAD" };

	for (int m = 0; m < HS_METHOD_OTHER; m++)
		if (hs_slice_eq(text, hs_slice_str(methods[m])))
			return (enum hs_method)m;
	return HS_METHOD_OTHER;
}

static enum hs_resource resource_of(struct hs_slice path)
{
	if (path.n == 0 || hs_slice_eq(path, HS_SLICE("/")))
		return HS_RESOURCE_INTAKE;
	return hs_slice_eq(path, HS_SLICE("/health")) ? HS_RESOURCE_HEALTH : HS_RESOURCE_NONE;
}

/* application/json or application/anything+json (RFC 6839, 3.1), parameters allowed. */
static bool is_json_type(struct hs_slice type)
{
	const struct hs_slice prefix = HS_SLICE("application/"), suffix = HS_SLICE("json");
	const char *semicolon;

	if (type.n == 0)
		return true;
	semicolon = memchr(type.p, ';', type.n);
	if (semicolon != NULL)
		type.n = (size_t)(semicolon - type.p);
	type = hs_slice_trim(type);
	if (type.n < prefix.n + suffix.n ||
	    !hs_slice_eq_nocase(hs_slice(type.p, prefix.n), prefix) ||
	    !hs_slice_eq_nocase(hs_slice(type.p + type.n - suffix.n, suffix.n), suffix))
		return false;
	return type.n == prefix.n + suffix.n ||
	       (type.n > prefix.n + suffix.n + 1 && type.p[type.n - suffix.n - 1] == '+');
}

/* RFC 9110, 8.6: digits and nothing else. Too many of them are too large, not wrong. */
static enum hs_result read_length(struct hs_slice text, uint64_t max, uint64_t *length)
{
	*length = 0;
	if (text.n == 0)
		return HS_E_NO_LENGTH;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < '0' || text.p[i] > '9')
			return HS_E_BAD_LENGTH;
	for (size_t i = 0; i < text.n; i++) {
		*length = *length * 10 + (uint64_t)(text.p[i] - '0');
		if (*length > max)
			return HS_E_TOO_LARGE;
	}
	return HS_OK;
}

static bool is_intake_method(enum hs_method m)
{
	return m == HS_METHOD_POST || m == HS_METHOD_PUT || m == HS_METHOD_PATCH;
}

static bool is_identity(struct hs_slice encoding)
{
	return encoding.n == 0 || hs_slice_eq_nocase(hs_slice_trim(encoding), HS_SLICE("identity"));
}

static void fill_credentials(struct hs_credentials *c, const struct hs_slice var[static VARIABLES])
{
#define CREDENTIAL_FILL(member, variable) c->member = var[CREDENTIAL_##member];
	HS_CREDENTIALS(CREDENTIAL_FILL)
#undef CREDENTIAL_FILL
	/* two headers that the server joined: X-Signature and X_Signature, say */
	if (c->signature.n > 0 && memchr(c->signature.p, ',', c->signature.n) != NULL)
		c->signature_twice = true;
	if (c->authorization.n == 0)
		c->authorization = var[REDIRECT_AUTHORIZATION];
}

enum hs_result hs_request_read(struct hs_request *r, char *const *params, uint64_t max_body)
{
	struct hs_slice var[VARIABLES] = { HS_SLICE_NONE };
	bool health;
	enum hs_result length;

	memset(r, 0, sizeof *r);
	collect(params, var, &r->credentials.signature_twice);
	r->method = method_of(var[REQUEST_METHOD]);
	r->resource = resource_of(var[PATH_INFO]);
	r->settings_header = var[SETTINGS];
	r->remote_addr = var[REMOTE_ADDR];
	r->wants_page =
	    var[ACCEPT].n > 0 && memmem(var[ACCEPT].p, var[ACCEPT].n, "text/html", 9) != NULL;
	fill_credentials(&r->credentials, var);
	health = r->resource == HS_RESOURCE_HEALTH;

	if (r->resource == HS_RESOURCE_NONE)
		return HS_E_PATH;
	if (health)
		return r->method == HS_METHOD_GET || r->method == HS_METHOD_HEAD ? HS_OK : HS_E_METHOD;
	if (!is_intake_method(r->method))
		return HS_E_METHOD;
	if (!is_json_type(var[CONTENT_TYPE]))
		return HS_E_MEDIA_TYPE;
	length = read_length(var[CONTENT_LENGTH], max_body, &r->content_length);
	if (length != HS_OK)
		return length;
	return is_identity(var[CONTENT_ENCODING]) ? HS_OK : HS_E_ENCODING;
}

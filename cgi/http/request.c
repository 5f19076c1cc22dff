#include "cgi/http/request.h"

/* Indexes of the variables that are read. */
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

/* With lengths, because each of some thirty variables that a server passes is compared with all names. */
#define NAME(s) \
	{ \
		s, sizeof s - 1 \
	}

static const struct hs_slice names[VARIABLES] = {
	[REQUEST_METHOD] = NAME("REQUEST_METHOD"),
	[PATH_INFO] = NAME("PATH_INFO"),
	[CONTENT_TYPE] = NAME("CONTENT_TYPE"),
	[CONTENT_LENGTH] = NAME("CONTENT_LENGTH"),
	[CONTENT_ENCODING] = NAME("HTTP_CONTENT_ENCODING"),
	/* Apache's name for the variable after a RewriteRule has redirected internally */
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

/* The first variable of a name counts, as for FCGX_GetParam and getenv; notes a second signature. */
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
	static const char *const methods[] = {
		[HS_METHOD_POST] = "POST", [HS_METHOD_PUT] = "PUT",   [HS_METHOD_PATCH] = "PATCH",
		[HS_METHOD_GET] = "GET",   [HS_METHOD_HEAD] = "HEAD", [HS_METHOD_OPTIONS] = "OPTIONS"
	};

	for (int m = 0; m < HS_METHOD_OTHER; m++)
		if (hs_slice_eq(text, hs_slice_str(methods[m])))
			return (enum hs_method)m;
	return HS_METHOD_OTHER;
}

/* RFC 9110, 8.6: digits only. A number beyond 64 bits is too large, not malformed. */
static enum hs_result read_length(struct hs_slice text, uint64_t max, uint64_t *length)
{
	*length = 0;
	if (text.n == 0)
		return HS_E_NO_LENGTH;
	for (size_t i = 0; i < text.n; i++)
		if (!hs_is_digit(text.p[i]))
			return HS_E_BAD_LENGTH;
	for (size_t i = 0; i < text.n; i++) {
		*length = *length * 10 + (uint64_t)(text.p[i] - '0');
		if (*length > max)
			return HS_E_TOO_LARGE;
	}
	return HS_OK;
}

static bool is_identity(struct hs_slice encoding)
{
	return encoding.n == 0 || hs_slice_eq_nocase(hs_slice_trim(encoding), HS_SLICE("identity"));
}

/* x-gzip is the same (RFC 9110, 8.4.1.3). */
static bool is_gzip(struct hs_slice encoding)
{
	encoding = hs_slice_trim(encoding);
	return hs_slice_eq_nocase(encoding, HS_SLICE("gzip")) || hs_slice_eq_nocase(encoding, HS_SLICE("x-gzip"));
}

static enum hs_result read_body_head(struct hs_request *r, struct hs_slice length, struct hs_slice encoding,
                                     uint64_t most)
{
	bool direct = r->route->direct != NULL;
	enum hs_result result = read_length(length, most, &r->content_length);

	r->has_length = result != HS_E_NO_LENGTH;
	if (direct && !r->has_length) {
		r->content_length = most;
		result = HS_OK;
	}
	if (result != HS_OK || is_identity(encoding))
		return result;
	r->gzip = direct && is_gzip(encoding);
	if (r->gzip)
		return HS_OK;
	return direct ? HS_E_SDK_ENCODING : HS_E_ENCODING;
}

/* The most bytes that a body may have on the route. */
static uint64_t most_of(const struct hs_route *route, uint64_t max_body, uint64_t max_sdk_body)
{
	return route->direct != NULL ? max_sdk_body : route->console ? HS_FORM_MOST : max_body;
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

enum hs_result hs_request_read(struct hs_request *r, char *const *params, uint64_t max_body, uint64_t max_sdk_body)
{
	struct hs_slice var[VARIABLES] = { HS_SLICE_NONE };

	memset(r, 0, sizeof *r);
	collect(params, var, &r->credentials.signature_twice);
	r->method = method_of(var[REQUEST_METHOD]);
	r->route = hs_route_find(var[PATH_INFO]);
	r->settings_header = var[SETTINGS];
	r->remote_addr = var[REMOTE_ADDR];
	r->wants_page = var[ACCEPT].n > 0 && memmem(var[ACCEPT].p, var[ACCEPT].n, "text/html", 9) != NULL;
	fill_credentials(&r->credentials, var);
	if (r->route == NULL)
		return HS_E_PATH;
	if ((r->route->methods & 1U << r->method) == 0)
		return r->route->direct != NULL ? HS_E_SDK_METHOD : HS_E_METHOD;
	if (r->route->accepts == NULL)
		return HS_OK;
	if (!r->route->accepts(var[CONTENT_TYPE]))
		return HS_E_MEDIA_TYPE;
	return read_body_head(r, var[CONTENT_LENGTH], var[CONTENT_ENCODING], most_of(r->route, max_body, max_sdk_body));
}

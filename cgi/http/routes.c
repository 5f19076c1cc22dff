#include "cgi/http/routes.h"
#include "cgi/http/handlers.h"

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
	if (type.n < prefix.n + suffix.n || !hs_slice_eq_nocase(hs_slice(type.p, prefix.n), prefix) ||
	    !hs_slice_eq_nocase(hs_slice(type.p + type.n - suffix.n, suffix.n), suffix))
		return false;
	return type.n == prefix.n + suffix.n ||
	       (type.n > prefix.n + suffix.n + 1 && type.p[type.n - suffix.n - 1] == '+');
}

#define TEXT(literal) \
	{ \
		literal, sizeof(literal) - 1 \
	}
#define METHOD(name) (1U << HS_METHOD_##name)

static const struct hs_route routes[] = {
	{ "intake", TEXT(""), METHOD(POST) | METHOD(PUT) | METHOD(PATCH), TEXT("POST, PUT, PATCH"), is_json_type, true,
	  false, hs_handle_events },
	{ "health", TEXT("/health"), METHOD(GET) | METHOD(HEAD), TEXT("GET, HEAD"), NULL, false, false,
	  hs_handle_health },
};

const struct hs_route *hs_route_find(struct hs_slice path)
{
	if (hs_slice_eq(path, HS_SLICE("/")))
		path.n = 0;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (hs_slice_eq(routes[i].path, path))
			return &routes[i];
	return NULL;
}

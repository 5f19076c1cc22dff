/* routes: which path is which route, and what it says of the events. */
#include "cgi/http/routes.h"
#include "tests/lib/unit.h"

static const struct {
	const char *path, *name, *type, *channel;
} cases[] = {
	{ "", "intake", NULL, NULL },
	{ "/", "intake", NULL, NULL },
	{ "/health", "health", NULL, NULL },
	{ "/v1/t", "direct", "track", "client" },
	{ "/v1/i/", "direct", "identify", "client" },
	{ "/v1/p", "direct", "page", "client" },
	{ "/v1/s", "direct", "screen", "client" },
	{ "/v1/g", "direct", "group", "client" },
	{ "/v1/a", "direct", "alias", "client" },
	{ "/v1/b", "direct", "", "client" },
	{ "/v1/m", "metrics", "", "client" },
	{ "/v1/track", "direct", "track", "server" },
	{ "/v1/identify", "direct", "identify", "server" },
	{ "/v1/page", "direct", "page", "server" },
	{ "/v1/screen", "direct", "screen", "server" },
	{ "/v1/group", "direct", "group", "server" },
	{ "/v1/alias/", "direct", "alias", "server" },
	{ "/v1/batch", "direct", "", "server" },
	{ "/v1/import/", "direct", "", "server" }, /* analytics-java */
	/* what libraries make of addresses that have the path already */
	{ "/v1/b/b", "direct", "", "client" },
	{ "/v1/t/t/", "direct", "track", "client" },
	{ "/v1/v1/b", "direct", "", "client" },
	{ "/v1/v1/v1/b/b", "direct", "", "client" },
	{ "/v1/batch/v1/batch", "direct", "", "server" },
	{ "/v1//t", "direct", "track", "client" },
	{ "/v1/m/m", "metrics", "", "client" },
	/* nothing that only looks like one */
	{ "/v1/t/b", "unknown", "", "" },
	{ "/v1/b/t", "unknown", "", "" },
	{ "/v1/T", "unknown", "", "" },
	{ "/v1/tt", "unknown", "", "" },
	{ "/v1/", "unknown", "", "" },
	{ "/v1/v1", "unknown", "", "" },
	{ "/v1/pixel/track", "unknown", "", "" },
	{ "/v1/projects/settings", "unknown", "", "" },
	{ "/v1/projects/K/settings/x", "unknown", "", "" },
	{ "/projects/K", "unknown", "", "" },
	{ "/v1", NULL, NULL, NULL },
	{ "/v2/t", NULL, NULL, NULL },
	{ "/t", NULL, NULL, NULL },
	{ "/b", NULL, NULL, NULL },
	{ "/x/v1/t", NULL, NULL, NULL },
	{ "/x/t", NULL, NULL, NULL },
	{ "//", NULL, NULL, NULL },
	{ "/health/", NULL, NULL, NULL },
	{ "/*", NULL, NULL, NULL },
	{ "/analytics.js/v1/K/other.js", NULL, NULL, NULL },
};

TEST(paths)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct hs_route *route = hs_route_find(hs_slice_str(cases[i].path));

		if ((route == NULL) != (cases[i].name == NULL))
			fail_msg("%s: %s", cases[i].path, route == NULL ? "no route" : route->name);
		if (route == NULL)
			continue;
		assert_string_equal(route->name, cases[i].name);
		if ((route->direct == NULL) != (cases[i].type == NULL))
			fail_msg("%s: direct intake or not", cases[i].path);
		if (route->direct == NULL)
			continue;
		if (!hs_slice_eq(route->direct->type, hs_slice_str(cases[i].type)) ||
		    !hs_slice_eq(route->direct->channel, hs_slice_str(cases[i].channel)))
			fail_msg("%s: type or channel", cases[i].path);
	}
}

TEST(keys_in_paths)
{
	static const struct {
		const char *path, *name, *key;
	} table[] = {
		{ "/v1/projects/K-1/settings", "settings", "K-1" },
		{ "/v1/projects/K-1/settings/", "settings", "K-1" },
		{ "/v1/v1/projects/K-1/settings", "settings", "K-1" },
		{ "/projects/K-1/settings", "settings", "K-1" },
		{ "/v1/projects/v1/settings", "settings", "v1" },
		{ "/analytics.js/v1/K-1/analytics.min.js", "script", "K-1" },
		{ "/console/console.css", "console", "console.css" },
		{ "/console/console", "console", "" },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const struct hs_route *route = hs_route_find(hs_slice_str(table[i].path));

		assert_non_null(route);
		assert_string_equal(route->name, table[i].name);
		assert_slice_equal(hs_route_key(route, hs_slice_str(table[i].path)), hs_slice_str(table[i].key));
	}
}

/* A preflight must be told from the route that it asks about. */
TEST(options)
{
	const struct hs_route *route = hs_route_preflight();

	assert_int_equal(route->methods, 1U << HS_METHOD_OPTIONS);
	assert_non_null(route->direct);
	assert_int_equal(hs_route_find(HS_SLICE("/v1/t"))->methods, 1U << HS_METHOD_POST);
}

TESTS("routes", NULL, NULL)

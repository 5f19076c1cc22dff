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

/* With parameters, as browsers send it. */
static bool is_form_type(struct hs_slice type)
{
	const struct hs_slice form = HS_SLICE("application/x-www-form-urlencoded");

	return type.n >= form.n && hs_slice_eq_nocase(hs_slice(type.p, form.n), form) &&
	       (type.n == form.n || type.p[form.n] == ';');
}

#define TEXT(literal) \
	{ \
		literal, sizeof(literal) - 1 \
	}
#define METHOD(name) (1U << HS_METHOD_##name)

/* Libraries send text/plain, application/json or nothing. */
static bool is_any_type(struct hs_slice type)
{
	(void)type;
	return true;
}

#define DIRECT(type, channel) \
	&(const struct hs_direct_path) \
	{ \
		TEXT(type), TEXT(channel) \
	}
#define GETS METHOD(GET) | METHOD(HEAD), TEXT("GET, HEAD")
#define POSTS METHOD(POST), TEXT("POST, OPTIONS"), is_any_type
/* Segment tells devices and servers by the path: short names are for devices. */
#define CLIENT(name, type) \
	{ \
		"direct", TEXT("/v1/" name), POSTS, true, DIRECT(type, "client"), false, hs_handle_direct \
	}
#define SERVER(name, type) \
	{ \
		"direct", TEXT("/v1/" name), POSTS, true, DIRECT(type, "server"), false, hs_handle_direct \
	}

#define CONSOLE_GET(name, handler) \
	{ \
		"console", TEXT("/console" name), GETS, NULL, false, NULL, true, hs_handle_console_##handler \
	}
#define CONSOLE_POST(name, handler) \
	{ \
		"console", TEXT("/console" name), METHOD(POST), TEXT("POST"), is_form_type, false, NULL, true, \
		    hs_handle_console_##handler \
	}

/* The mount comes first, because most requests are for it. */
static const struct hs_route routes[] = {
	{ "intake", TEXT(""), METHOD(POST) | METHOD(PUT) | METHOD(PATCH), TEXT("POST, PUT, PATCH"), is_json_type, true,
	  NULL, false, hs_handle_events },
	{ "health", TEXT("/health"), GETS, NULL, false, NULL, false, hs_handle_health },
	CLIENT("t", "track"),
	CLIENT("i", "identify"),
	CLIENT("p", "page"),
	CLIENT("s", "screen"),
	CLIENT("g", "group"),
	CLIENT("a", "alias"),
	CLIENT("b", ""),
	SERVER("track", "track"),
	SERVER("identify", "identify"),
	SERVER("page", "page"),
	SERVER("screen", "screen"),
	SERVER("group", "group"),
	SERVER("alias", "alias"),
	SERVER("batch", ""),
	SERVER("import", ""),
	{ "metrics", TEXT("/v1/m"), POSTS, false, DIRECT("", "client"), false, hs_handle_sdk_metrics },
	{ "settings", TEXT("/v1/projects/*/settings"), GETS, NULL, false, DIRECT("", "client"), false,
	  hs_handle_sdk_settings },
	{ "settings", TEXT("/projects/*/settings"), GETS, NULL, false, DIRECT("", "client"), false,
	  hs_handle_sdk_settings },
	{ "figures", TEXT("/metrics"), GETS, NULL, false, NULL, false, hs_handle_metrics },
	{ "script", TEXT("/analytics.js/v1/*/analytics.min.js"), GETS, NULL, false, DIRECT("", "client"), false,
	  hs_handle_sdk_script },
	CONSOLE_GET("", page),
	CONSOLE_GET("/feed", feed),
	CONSOLE_GET("/rejected", rejected),
	CONSOLE_GET("/overview", overview),
	CONSOLE_GET("/schema", schema),
	CONSOLE_POST("/login", login),
	CONSOLE_POST("/logout", logout),
	CONSOLE_GET("/*", file),
};

/* Paths of direct intake that are not in the table. All methods, so that a wrong path is always told as such. */
static const struct hs_route unknown = { "unknown", TEXT("/v1/"),   ~0U,   TEXT("POST, OPTIONS"), NULL,
	                                 true,      DIRECT("", ""), false, hs_handle_unknown };

static const struct hs_route preflight = { "preflight", TEXT(""),       METHOD(OPTIONS), TEXT("OPTIONS"),    NULL,
	                                   false,       DIRECT("", ""), false,           hs_handle_preflight };

const struct hs_route *hs_route_preflight(void)
{
	return &preflight;
}

/* Takes the next segment off the path; empty ones do not count. False: there is none. */
static bool next_segment(struct hs_slice *path, struct hs_slice *segment)
{
	size_t n = 0;

	while (path->n > 0 && path->p[0] == '/')
		*path = hs_slice(path->p + 1, path->n - 1);
	while (n < path->n && path->p[n] != '/')
		n++;
	*segment = hs_slice(path->p, n);
	*path = hs_slice(path->p + n, path->n - n);
	return n > 0;
}

static bool is_star(struct hs_slice segment)
{
	return hs_slice_eq(segment, HS_SLICE("*"));
}

/* Compares segment by segment. *key is what the pattern's "*" has matched. */
static bool matches(struct hs_slice pattern, struct hs_slice path, struct hs_slice *key)
{
	struct hs_slice wanted, segment;

	*key = HS_SLICE_NONE;
	while (next_segment(&pattern, &wanted)) {
		if (!next_segment(&path, &segment) || (!is_star(wanted) && !hs_slice_eq(wanted, segment)))
			return false;
		if (is_star(wanted))
			*key = segment;
	}
	return !next_segment(&path, &segment);
}

/* Skips the first segment as long as it is repeated. */
static struct hs_slice skip_repeated(struct hs_slice path)
{
	struct hs_slice first, second, rest = path, after;

	next_segment(&rest, &first);
	for (after = rest; next_segment(&after, &second) && hs_slice_eq(first, second); rest = after)
		path = rest;
	return path;
}

/* True if the path is that of a row of two segments, said more than once: /v1/b/b, /v1/b/v1/b. */
static bool repeats(struct hs_slice row, struct hs_slice path)
{
	struct hs_slice version, name, segment;
	bool named = false;

	next_segment(&row, &version);
	next_segment(&row, &name);
	if (next_segment(&row, &segment))
		return false;
	if (!next_segment(&path, &segment) || !hs_slice_eq(segment, version))
		return false;
	while (next_segment(&path, &segment)) {
		bool is_name = hs_slice_eq(segment, name);

		if (!is_name && !hs_slice_eq(segment, version))
			return false;
		named = named || is_name;
	}
	return named;
}

static bool begins(struct hs_slice path, struct hs_slice with)
{
	return path.n >= with.n && hs_bytes_eq(path.p, with.p, with.n);
}

/* The file of the console that the path names; the last row of the table. NULL: the path is none of the console's. */
static const struct hs_route *find_file(struct hs_slice path)
{
	const struct hs_route *file = &routes[sizeof routes / sizeof *routes - 1];
	struct hs_slice key;

	return matches(file->path, path, &key) ? file : NULL;
}

static const struct hs_route *find_direct(struct hs_slice path)
{
	struct hs_slice key, short_path = skip_repeated(path);

	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (routes[i].direct != NULL &&
		    (matches(routes[i].path, short_path, &key) || repeats(routes[i].path, path)))
			return &routes[i];
	return begins(path, HS_SLICE("/v1/")) || begins(path, HS_SLICE("/projects/")) ? &unknown : find_file(path);
}

const struct hs_route *hs_route_find(struct hs_slice path)
{
	if (hs_slice_eq(path, HS_SLICE("/")))
		path.n = 0;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (hs_slice_eq(routes[i].path, path))
			return &routes[i];
	return find_direct(path);
}

struct hs_slice hs_route_key(const struct hs_route *route, struct hs_slice path)
{
	struct hs_slice key;

	return matches(route->path, skip_repeated(path), &key) ? key : HS_SLICE_NONE;
}

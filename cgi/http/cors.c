#include "cgi/http/cors.h"

enum { HEADER_MOST = 512 }; /* bytes of a request's header that an answer repeats */

/* An origin is visible ASCII (RFC 6454, 6.2), or "null". */
static bool is_origin(struct hs_slice origin)
{
	for (size_t i = 0; i < origin.n; i++)
		if (origin.p[i] <= ' ' || origin.p[i] > '~')
			return false;
	return origin.n > 0 && origin.n <= HEADER_MOST;
}

/* Names with commas between them; anything else could be more than a list. */
static bool is_list_of_names(struct hs_slice list)
{
	static const char others[] = "!#$%&'*+-.^_`|~, \t"; /* RFC 9110, 5.6.2, and what divides names */

	for (size_t i = 0; i < list.n; i++)
		if (!hs_is_digit(list.p[i]) && (hs_lower(list.p[i]) < 'a' || hs_lower(list.p[i]) > 'z') &&
		    (list.p[i] == '\0' || strchr(others, list.p[i]) == NULL))
			return false;
	return list.n > 0 && list.n <= HEADER_MOST;
}

static bool is_allowed(const struct hs_settings *s, const struct hs_source *source, struct hs_slice origin)
{
	return is_origin(origin) && (source == NULL || source->browser) && hs_source_allows(s, source, origin);
}

void hs_cors_add(const struct hs_settings *s, const struct hs_source *source, struct hs_slice origin,
                 struct hs_response *response)
{
	hs_response_header(response, HS_SLICE("Vary"), HS_SLICE("Origin"));
	if (!is_allowed(s, source, origin))
		return;
	hs_response_header(response, HS_SLICE("Access-Control-Allow-Origin"), origin);
	if (hs_source_lists(s, source, origin))
		hs_response_header(response, HS_SLICE("Access-Control-Allow-Credentials"), HS_SLICE("true"));
	if (response->status == 429)
		hs_response_header(response, HS_SLICE("Access-Control-Expose-Headers"), HS_SLICE("Retry-After"));
}

void hs_cors_add_preflight(const struct hs_settings *s, struct hs_slice origin, struct hs_slice asked,
                           struct hs_response *response)
{
	hs_cors_add(s, NULL, origin, response);
	if (!is_allowed(s, NULL, origin))
		return;
	hs_response_header(response, HS_SLICE("Access-Control-Allow-Methods"), HS_SLICE("POST, GET, OPTIONS"));
	hs_response_header(response, HS_SLICE("Access-Control-Allow-Headers"),
	                   is_list_of_names(asked) ? asked : HS_SLICE("authorization, content-type, x-retry-count"));
	hs_response_header(response, HS_SLICE("Access-Control-Max-Age"), HS_SLICE("86400"));
}

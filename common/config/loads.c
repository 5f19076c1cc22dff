#include "config/loads.h"

#include <string.h>

const struct hs_load *hs_load_find(const struct hs_settings *s, const char *label)
{
	for (unsigned i = 0; i < s->loads; i++)
		if (strcmp(s->load[i].label, label) == 0)
			return &s->load[i];
	return NULL;
}

bool hs_loads_have_password(const struct hs_settings *s)
{
	for (unsigned i = 0; i < s->loads; i++)
		if (s->load[i].password != NULL)
			return true;
	return false;
}

static bool is_at(struct hs_slice text, size_t i, struct hs_slice word)
{
	return text.n - i >= word.n && hs_slice_eq_nocase(hs_slice(text.p + i, word.n), word);
}

bool hs_load_url_has_password(struct hs_slice url)
{
	bool after_host = false, in_query = false, has_colon = false;
	size_t i = 0;

	while (i < url.n && !is_at(url, i, HS_SLICE("://")))
		i++;
	for (i += 3; i < url.n; i++) {
		char c = url.p[i];

		if (c == '@' && !after_host && has_colon)
			return true;
		after_host = after_host || c == '/' || c == '?';
		has_colon = has_colon || c == ':';
		in_query = in_query || c == '?';
		if (in_query && (c == '?' || c == '&') &&
		    (is_at(url, i + 1, HS_SLICE("password=")) || is_at(url, i + 1, HS_SLICE("passwd=")) ||
		     is_at(url, i + 1, HS_SLICE("sslpassword="))))
			return true;
	}
	return false;
}

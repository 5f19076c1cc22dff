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

static bool is_end_or_digit(struct hs_slice text, size_t i)
{
	return i == text.n || hs_is_digit(text.p[i]) || strchr("/?,", text.p[i]) != NULL;
}

/* A word that follows a colon and is no port is a password, though it has a / or ? in it. */
bool hs_load_url_has_password(struct hs_slice url)
{
	bool after_host = false, in_query = false, has_colon = false, in_brackets = false, is_odd = false;
	size_t i = 0;

	while (i < url.n && !is_at(url, i, HS_SLICE("://")))
		i++;
	for (i += 3; i < url.n; i++) {
		char c = url.p[i];

		if (c == '@' && ((!after_host && has_colon) || is_odd))
			return true;
		in_brackets = c == '[' || (in_brackets && c != ']');
		is_odd = is_odd || (c == ':' && !after_host && !in_brackets && !is_end_or_digit(url, i + 1));
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

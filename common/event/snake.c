#include "event/snake.h"

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* Bytes of multi-byte characters have no case and are copied. */
static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
}

static bool is_plain(char c)
{
	return is_lower(c) || hs_is_digit(c);
}

/* The length of the prefix that is snake case already; *glue: an upper-case run may follow directly. */
static size_t snake_prefix(struct hs_slice key, bool *glue)
{
	bool lower_seen = false;
	size_t i;

	for (i = 0; i < key.n; i++) {
		bool joins = key.p[i] == '_' && i > 0 && i + 1 < key.n && is_plain(key.p[i + 1]);

		if (joins)
			lower_seen = false;
		else if (!is_plain(key.p[i]))
			break;
		else if (is_lower(key.p[i]))
			lower_seen = true;
	}
	*glue = !lower_seen;
	return i;
}

/* Upper-case letters and digits, lowered, then lower-case letters and digits. */
static size_t copy_run(struct hs_slice key, size_t *at, char *out)
{
	size_t i = *at, n = 0;

	for (; i < key.n && (is_upper(key.p[i]) || hs_is_digit(key.p[i])); i++)
		out[n++] = hs_lower(key.p[i]);
	for (; i < key.n && is_plain(key.p[i]); i++)
		out[n++] = key.p[i];
	*at = i;
	return n;
}

size_t hs_snake(struct hs_slice key, char *out)
{
	bool glue;
	size_t at = snake_prefix(key, &glue), n = at;

	if (n > 0)
		memcpy(out, key.p, n);
	if (at < key.n && glue && is_upper(key.p[at]))
		n += copy_run(key, &at, out + n);
	while (at < key.n) {
		if (!is_plain(key.p[at]) && !is_upper(key.p[at])) {
			at++;
			continue;
		}
		if (n > 0)
			out[n++] = '_';
		n += copy_run(key, &at, out + n);
	}
	if (n == 0)
		out[n++] = '_';
	return n;
}

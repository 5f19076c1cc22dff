#include "cgi/http/console/query.h"
#include "base/hex.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>

/* Takes the next NAME=VALUE off the query. */
static bool next_pair(struct hs_slice *rest, struct hs_slice *name, struct hs_slice *value)
{
	const char *end, *equals;
	struct hs_slice pair;

	if (rest->n == 0)
		return false;
	end = memchr(rest->p, '&', rest->n);
	pair = hs_slice(rest->p, end != NULL ? (size_t)(end - rest->p) : rest->n);
	*rest = end != NULL ? hs_slice(end + 1, rest->n - pair.n - 1) : HS_SLICE_NONE;
	equals = pair.n > 0 ? memchr(pair.p, '=', pair.n) : NULL;
	*name = hs_slice(pair.p, equals != NULL ? (size_t)(equals - pair.p) : pair.n);
	*value = equals != NULL ? hs_slice(equals + 1, pair.n - name->n - 1) : HS_SLICE_NONE;
	return true;
}

/* The byte of "%2F" at p; -1: it is none, or NUL. */
static int escaped(const char *p, size_t n)
{
	int high = n > 2 ? hs_hex_digit(p[1]) : -1, low = n > 2 ? hs_hex_digit(p[2]) : -1;

	return high < 0 || low < 0 || high + low == 0 ? -1 : high << 4 | low;
}

static bool is_text(struct hs_slice text)
{
	size_t i = 0, n = 1;

	for (; i < text.n && n > 0 && text.p[i] != '\0'; i += n)
		n = hs_utf8_length(text.p + i, text.n - i);
	return i == text.n;
}

static bool decode(struct hs_slice from, struct hs_query_value *value)
{
	for (size_t i = 0; i < from.n; i++) {
		int c = from.p[i] == '+' ? ' ' : from.p[i] == '%' ? escaped(from.p + i, from.n - i) : from.p[i];

		if (c == -1 && from.p[i] == '%')
			return false;
		if (value->n == sizeof value->text)
			return false;
		value->text[value->n++] = (char)c;
		i += from.p[i] == '%' ? 2 : 0;
	}
	return is_text(hs_slice(value->text, value->n));
}

bool hs_query_value(struct hs_slice query, const char *name, struct hs_query_value *value)
{
	struct hs_slice found, raw;

	value->n = 0;
	while (next_pair(&query, &found, &raw))
		if (hs_slice_eq(found, hs_slice_str(name)))
			return decode(raw, value);
	return true;
}

/* Reads digits up to `end`, or to the end of the text if that is NUL. */
static bool read_number(const char **p, char end, uint64_t *number)
{
	unsigned digits = 0;

	for (*number = 0; hs_is_digit(**p) && digits < 19; digits++)
		*number = *number * 10 + (uint64_t)(*(*p)++ - '0');
	return digits > 0 && *(*p)++ == end;
}

bool hs_query_position(struct hs_slice query, const char *name, struct hs_position *position, bool *given)
{
	struct hs_query_value value;
	char text[HS_QUERY_POSITION];
	const char *p = text;

	*position = (struct hs_position){ 0 };
	if (!hs_query_value(query, name, &value) || value.n >= sizeof text)
		return false;
	*given = value.n > 0;
	memcpy(text, value.text, value.n);
	text[value.n] = '\0';
	return !*given || (read_number(&p, '.', &position->number) && read_number(&p, '.', &position->offset) &&
	                   read_number(&p, '\0', &position->edit));
}

void hs_query_print_position(const struct hs_position *position, char out[static HS_QUERY_POSITION])
{
	snprintf(out, HS_QUERY_POSITION, "%" PRIu64 ".%" PRIu64 ".%" PRIu64, position->number, position->offset,
	         position->edit);
}

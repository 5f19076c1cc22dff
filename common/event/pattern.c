#include "event/pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool hs_pattern_compile(struct hs_pattern *pattern, struct hs_slice text, const bool star[])
{
	unsigned stars = 0;

	for (size_t i = 0; i < text.n; i++)
		stars += star[i];
	*pattern = (struct hs_pattern){ .text = malloc(text.n + 1), .end = calloc(stars + 1, sizeof *pattern->end) };
	if (pattern->text == NULL || pattern->end == NULL)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (star[i])
			pattern->end[pattern->parts++] = (uint16_t)pattern->n;
		else
			pattern->text[pattern->n++] = text.p[i];
	pattern->end[pattern->parts++] = (uint16_t)pattern->n;
	return true;
}

void hs_pattern_free(struct hs_pattern *pattern)
{
	free(pattern->text);
	free(pattern->end);
}

static struct hs_slice part_at(const struct hs_pattern *pattern, unsigned i)
{
	size_t from = i == 0 ? 0 : pattern->end[i - 1];

	return hs_slice(pattern->text + from, pattern->end[i] - from);
}

/* The first and the last part are at the ends; each of the others is taken where it comes first. */
bool hs_pattern_matches(const struct hs_pattern *pattern, struct hs_slice text)
{
	struct hs_slice first = part_at(pattern, 0), last = part_at(pattern, pattern->parts - 1);

	if (pattern->parts == 1)
		return hs_slice_eq(first, text);
	if (text.n < first.n + last.n || !hs_bytes_eq(text.p, first.p, first.n) ||
	    !hs_bytes_eq(text.p + text.n - last.n, last.p, last.n))
		return false;
	text = hs_slice(text.p + first.n, text.n - first.n - last.n);
	for (unsigned i = 1; i + 1 < pattern->parts; i++) {
		struct hs_slice part = part_at(pattern, i);
		const char *at;

		if (part.n == 0)
			continue;
		at = text.n == 0 ? NULL : memmem(text.p, text.n, part.p, part.n);
		if (at == NULL)
			return false;
		text = hs_slice(at + part.n, (size_t)(text.p + text.n - at) - part.n);
	}
	return true;
}

bool hs_pattern_is_any(const struct hs_pattern *pattern)
{
	return pattern->parts > 1 && pattern->n == 0;
}

bool hs_pattern_is_same(const struct hs_pattern *a, const struct hs_pattern *b)
{
	return a->parts == b->parts && hs_slice_eq(hs_slice(a->text, a->n), hs_slice(b->text, b->n)) &&
	       memcmp(a->end, b->end, a->parts * sizeof *a->end) == 0;
}

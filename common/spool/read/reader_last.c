/* Finds the start of the last n wanted lines. */
#include "base/io.h"
#include "spool/read/reader.h"
#include "spool/read/reader_private.h"

#include <errno.h>
#include <stdlib.h>

enum {
	WINDOW = 1 << 20, /* looked at first, of a segment's end, doubled … */
};

struct last {
	bool (*is_wanted)(void *context, struct hs_slice line);
	void *context;
	uint64_t *start; /* a ring of the `n` last wanted lines' offsets */
	size_t n, found;
};

/* All wanted lines of what is open from here on. */
static enum hs_result collect(struct hs_reader *r, struct last *l)
{
	struct hs_slice line;
	uint64_t at = r->lines.at;
	int got;

	l->found = 0;
	while ((got = hs_line_reader_next(&r->lines, &line)) == 1) {
		if (l->is_wanted == NULL || l->is_wanted(l->context, line))
			l->start[l->found++ % l->n] = at;
		at = r->lines.at;
	}
	return got < 0 ? hs_reader_why_failed(r) : HS_OK;
}

/*
 * Of a plain segment of which [0, end) counts: the end first, for that is nearly always
 * enough; twice as much of it each time.
 */
static enum hs_result collect_plain(struct hs_reader *r, struct last *l, size_t want, uint64_t end)
{
	enum hs_result result = HS_OK;
	uint64_t window = WINDOW, from = end;

	while (result == HS_OK && from > 0) {
		struct hs_slice line;

		from = window < end ? end - window : 0;
		hs_line_reader_start(&r->lines, r->fd, from, end);
		if (from > 0 && hs_line_reader_next(&r->lines, &line) < 0) /* the rest of one */
			return HS_E_IO;
		result = collect(r, l);
		if (l->found >= want)
			break;
		window *= 2;
	}
	return result;
}

/* In the segment that is open: *want is what is still missing of it afterwards. */
static enum hs_result look_back(struct hs_reader *r, struct last *l, size_t *want)
{
	enum hs_result result;

	if (r->lines.inflater != NULL)
		result = collect(r, l);
	else
		result = collect_plain(r, l, *want, r->lines.end);
	if (result != HS_OK)
		return result;
	if (l->found < *want) {
		*want -= l->found;
	} else {
		r->at.offset = l->start[(l->found - *want) % l->n];
		*want = 0;
	}
	return HS_OK;
}

/* The sealed segment before number `before`, the plain one if there are two. NULL: none. */
static const struct hs_sealed *find_before(const struct hs_reader *r, uint64_t before)
{
	const struct hs_sealed *best = NULL;

	for (size_t i = 0; r->list != NULL && i < r->count && r->list[i].number < before; i++)
		if (best == NULL || best->number != r->list[i].number)
			best = &r->list[i];
	return best;
}

/* From the open segment back through the sealed ones, until there are enough. */
static enum hs_result walk_back(struct hs_reader *r, struct last *l, size_t want)
{
	const struct hs_sealed *sealed;
	struct hs_position found;
	struct hs_glance g;
	enum hs_result result = hs_reader_glance(r, &g);

	if (result != HS_OK)
		return result;
	hs_reader_let_go(r);
	r->at = (struct hs_position){ .number = g.number };
	hs_reader_read_open(r, &g);
	result = look_back(r, l, &want);
	found = r->at;
	if (result == HS_OK && want > 0)
		result = hs_reader_list_again(r);
	while (result == HS_OK && want > 0 && (sealed = find_before(r, found.number)) != NULL) {
		bool there;

		hs_reader_let_go(r);
		r->at = (struct hs_position){ .number = sealed->number };
		result = hs_reader_open_sealed(r, sealed, &there);
		if (result == HS_OK && !there) {
			result = hs_reader_list_again(r); /* it has another form by now, or is gone */
			continue;
		}
		if (result == HS_OK)
			result = look_back(r, l, &want);
		found = r->at;
	}
	hs_reader_let_go(r);
	r->at = found;
	return result;
}

enum hs_result hs_reader_last(struct hs_reader *r, size_t n, bool (*is_wanted)(void *context, struct hs_slice line),
                              void *context)
{
	struct last l = { .is_wanted = is_wanted, .context = context, .n = n };
	enum hs_result result;

	if (n == 0) {
		result = hs_reader_end(r, &r->at);
		hs_reader_let_go(r);
		return result;
	}
	l.start = calloc(n, sizeof *l.start);
	if (l.start == NULL)
		return HS_E_MEMORY;
	result = walk_back(r, &l, n);
	free(l.start);
	return result;
}

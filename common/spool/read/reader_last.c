/* Finds the start of the last n wanted lines. */
#include "base/io.h"
#include "spool/read/reader.h"
#include "spool/read/reader_private.h"

#include <errno.h>
#include <stdlib.h>

enum {
	WINDOW = 1 << 20,      /* looked at first, of a segment's end; doubled … */
	WINDOW_MOST = 1 << 26, /* … up to this */
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

/* Counts what was found; once that is enough, the position is at the first of them. */
static void settle(struct hs_reader *r, const struct last *l, size_t *want)
{
	if (l->found < *want) {
		*want -= l->found;
	} else {
		r->at.offset = l->start[(l->found - *want) % l->n];
		*want = 0;
	}
}

/* Moves to the first line that begins at `from` or later. *first is where it begins, at most `end`. */
static enum hs_result find_line(struct hs_reader *r, uint64_t from, uint64_t end, uint64_t *first)
{
	struct hs_slice line;

	/* the newline before `from` may be the last byte of the window before */
	hs_line_reader_start(&r->lines, r->fd, from > 0 ? from - 1 : 0, end);
	if (from > 0 && hs_line_reader_next(&r->lines, &line) < 0)
		return HS_E_IO;
	*first = r->lines.at;
	return HS_OK;
}

/*
 * The wanted lines of a plain segment of which [0, end) counts, from its end on: each window lies
 * before the one that was read last, so a byte is read once. The windows grow.
 */
static enum hs_result collect_plain(struct hs_reader *r, struct last *l, size_t *want, uint64_t end)
{
	uint64_t window = WINDOW, first = 0;
	enum hs_result result = HS_OK;

	while (result == HS_OK && *want > 0 && end > 0) {
		result = find_line(r, window < end ? end - window : 0, end, &first);
		if (result == HS_OK && first < end) {
			result = collect(r, l);
			settle(r, l, want);
			end = first;
		}
		if (window < WINDOW_MOST || first >= end)
			window *= 2; /* also for a line that is longer */
	}
	return result;
}

/* In the segment that is open: *want is what is still missing of it afterwards. */
static enum hs_result look_back(struct hs_reader *r, struct last *l, size_t *want)
{
	enum hs_result result;

	if (r->lines.inflater == NULL)
		return collect_plain(r, l, want, r->lines.end);
	result = collect(r, l);
	if (result == HS_OK)
		settle(r, l, want);
	return result;
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
		if (result == HS_OK && !hs_reader_may_skip(r))
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

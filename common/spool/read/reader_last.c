/* Finds the start of the last n wanted lines. */
#include "base/io.h"
#include "spool/read/reader.h"
#include "spool/read/reader_private.h"

#include <errno.h>
#include <stdlib.h>

enum {
	WINDOW = 1 << 20,      /* bytes at a segment's end that are read first; then twice as many … */
	WINDOW_MOST = 1 << 26, /* … up to this */
};

struct last {
	bool (*is_wanted)(void *context, struct hs_slice line);
	void *context;
	uint64_t *start; /* offsets of the last `n` wanted lines, a ring */
	size_t n, found;
};

/* Collects the wanted lines that begin from here to `end`. */
static enum hs_result collect(struct hs_reader *reader, struct last *last, uint64_t end)
{
	struct hs_slice line;
	uint64_t at = reader->lines.at;
	int got = 0;

	last->found = 0;
	while (at < end && (got = hs_line_reader_next(&reader->lines, &line)) == 1) {
		if (last->is_wanted == NULL || last->is_wanted(last->context, line))
			last->start[last->found++ % last->n] = at;
		at = reader->lines.at;
	}
	return got < 0 ? hs_reader_why_failed(reader) : HS_OK;
}

/* Counts what was found; once that is enough, the position is at the first of them. */
static void settle(struct hs_reader *reader, const struct last *last, size_t *want)
{
	if (last->found < *want) {
		*want -= last->found;
	} else {
		reader->at.offset = last->start[(last->found - *want) % last->n];
		*want = 0;
	}
}

/*
 * Collects from the segment's text before `end`, from its end on. Each window lies before the one that was
 * read last, so a byte is read once, and a gzip member at most twice; the windows grow.
 */
static enum hs_result collect_windows(struct hs_reader *reader, struct last *last, size_t *want, uint64_t end)
{
	uint64_t window = WINDOW, first = 0;
	enum hs_result result = HS_OK;

	while (result == HS_OK && *want > 0 && end > 0) {
		result = hs_reader_start_line(reader, window < end ? end - window : 0, end);
		first = reader->lines.at;
		if (window < WINDOW_MOST || first >= end) /* also for a line that is longer */
			window *= 2;
		if (result != HS_OK || first >= end)
			continue;
		result = collect(reader, last, end);
		settle(reader, last, want);
		end = first;
	}
	return result;
}

/* Collects from the current segment, and subtracts what was found from *want. */
static enum hs_result look_back(struct hs_reader *reader, struct last *last, size_t *want)
{
	uint64_t end = reader->lines.end;
	enum hs_result result;

	if (reader->lines.inflater == NULL || hs_line_reader_gzip_size(&reader->lines, reader->fd, &end))
		return collect_windows(reader, last, want, end);
	if (!hs_line_reader_start_gzip(&reader->lines, reader->fd, 0))
		return hs_io_result(errno);
	result = collect(reader, last, UINT64_MAX);
	if (result == HS_OK)
		settle(reader, last, want);
	return result;
}

const struct hs_sealed *hs_reader_find_before(const struct hs_reader *reader, uint64_t before)
{
	const struct hs_sealed *after = hs_reader_find(reader, before), *best;

	if (reader->list == NULL || reader->count == 0 || after == reader->list)
		return NULL;
	best = after != NULL ? after - 1 : &reader->list[reader->count - 1];
	return best > reader->list && best[-1].number == best->number ? best - 1 : best;
}

/* Goes from the open segment back through the sealed ones until `want` lines are found. */
static enum hs_result walk_back(struct hs_reader *reader, struct last *last, size_t want)
{
	const struct hs_sealed *sealed;
	struct hs_position found;
	struct hs_glance glance;
	enum hs_result result = hs_reader_glance(reader, &glance);

	if (result != HS_OK)
		return result;
	hs_reader_start(reader, (struct hs_position){ .number = glance.number });
	hs_reader_read_open(reader, &glance);
	result = look_back(reader, last, &want);
	found = reader->at;
	if (result == HS_OK && want > 0)
		result = hs_reader_list_again(reader);
	while (result == HS_OK && want > 0 && (sealed = hs_reader_find_before(reader, found.number)) != NULL) {
		bool there;

		hs_reader_start(reader, (struct hs_position){ .number = sealed->number });
		result = hs_reader_open_sealed(reader, sealed, &there);
		if (result == HS_OK && !there) {
			result = hs_reader_list_again(reader); /* it is compressed by now, or gone */
			continue;
		}
		if (result == HS_OK && !hs_reader_may_skip(reader))
			result = look_back(reader, last, &want);
		found = reader->at;
	}
	hs_reader_let_go(reader);
	reader->at = found;
	return result;
}

enum hs_result hs_reader_last(struct hs_reader *reader, size_t n,
                              bool (*is_wanted)(void *context, struct hs_slice line), void *context)
{
	struct last last = { .is_wanted = is_wanted, .context = context, .n = n };
	enum hs_result result;

	if (n == 0) {
		result = hs_reader_end(reader, &reader->at);
		hs_reader_start(reader, reader->at);
		return result;
	}
	last.start = calloc(n, sizeof *last.start);
	if (last.start == NULL)
		return HS_E_MEMORY;
	result = walk_back(reader, &last, n);
	free(last.start);
	return result;
}

#include "spool/figures/cursor_lag.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/file/line_reader.h"
#include "spool/summary/summary_file.h"

#include <stdlib.h>

enum { PIECE = 1 << 16 };

/* A segment that a cursor has not passed; the open one is the last. */
struct part {
	uint64_t number;
	uint64_t bytes, lines; /* of the text; `lines` is valid if there is a summary */
	bool has_summary;
	int64_t first_ms, last_ms;         /* spooled, if there is a summary */
	struct hs_sealed *sealed;          /* NULL: the open one */
	uint64_t bytes_after, lines_after; /* of the later segments */
};

struct walk {
	const struct hs_spool_dir *dir;
	struct part *part;
	size_t parts;
	uint64_t known_bytes, known_lines; /* of what was counted: the mean record, for the rest */
	uint64_t budget;                   /* bytes of lines that may still be read */
	char piece[PIECE];
};

/* --- segments -------------------------------------------------------------------- */

/* Opens a part's file if its bytes are where offsets say. -1: it is compressed, or gone. */
static int open_plain(const struct walk *w, struct part *part)
{
	int fd = part->sealed == NULL ? hs_io_open_plain(w->dir->fd, "events.jsonl")
	                              : hs_sealed_open(w->dir->fd, "events", part->sealed);

	if (fd >= 0 && part->sealed != NULL && part->sealed->gzip) {
		hs_io_close(fd);
		return -1;
	}
	return fd;
}

/* A sealed segment by its summary, or else by its size. */
static void measure(const struct walk *w, struct hs_summary_reader *summary, struct part *part)
{
	int fd = hs_sealed_open(w->dir->fd, "events", part->sealed);
	struct stat st;

	if (fd < 0)
		return;
	if (hs_io_fstat(fd, &st) == 0) {
		part->bytes = (uint64_t)st.st_size;
		part->has_summary = hs_summary_open(summary, w->dir, false, part->number, &st);
	}
	hs_io_close(fd);
	if (!part->has_summary)
		return;
	part->bytes = summary->head.text_bytes;
	part->lines = summary->head.lines;
	part->first_ms = summary->head.first_spooled;
	part->last_ms = summary->head.last_spooled;
}

/* How many lines begin in [from, part->bytes), as far as the budget reaches; then by the mean record. */
static uint64_t count_lines(struct walk *w, struct part *part, uint64_t from)
{
	int fd = w->budget > 0 ? open_plain(w, part) : -1;
	uint64_t at = from, lines = 0;
	ssize_t got = 1;

	while (fd >= 0 && at < part->bytes && w->budget > 0 && got > 0) {
		uint64_t left = part->bytes - at;

		got = hs_io_read_at(fd, w->piece, left < PIECE ? (size_t)left : PIECE, at);
		for (ssize_t i = 0; i < got; i++)
			lines += w->piece[i] == '\n';
		at += got > 0 ? (uint64_t)got : 0;
		w->budget -= w->budget > PIECE ? PIECE : w->budget;
	}
	if (fd >= 0)
		hs_io_close(fd);
	w->known_bytes += at - from;
	w->known_lines += lines;
	if (at < part->bytes && w->known_lines > 0)
		lines += (uint64_t)((double)(part->bytes - at) * (double)w->known_lines / (double)w->known_bytes);
	return lines;
}

/* Fills the parts from segment `lowest` on, the last first, so that each knows what is after it. */
static void fill_parts(struct walk *w, struct hs_sealed *list, size_t count, uint64_t lowest, struct hs_position end)
{
	struct hs_summary_reader summary = HS_SUMMARY_READER_NONE;
	uint64_t bytes = 0, lines = 0;

	for (size_t i = 0; i < count; i++)
		if (list[i].number >= lowest && list[i].number < end.number)
			w->part[w->parts++] = (struct part){ .number = list[i].number, .sealed = &list[i] };
	w->part[w->parts++] = (struct part){ .number = end.number, .bytes = end.offset };
	for (size_t i = 0; i + 1 < w->parts; i++) {
		measure(w, &summary, &w->part[i]);
		if (w->part[i].has_summary) {
			w->known_bytes += w->part[i].bytes;
			w->known_lines += w->part[i].lines;
		}
	}
	for (size_t i = w->parts; i-- > 0;) {
		struct part *part = &w->part[i];

		part->bytes_after = bytes;
		part->lines_after = lines;
		bytes += part->bytes;
		if (i > 0) /* the lines of the first are before no other's */
			lines += part->has_summary ? part->lines : count_lines(w, part, 0);
	}
	hs_summary_close(&summary);
}

/* --- one cursor ------------------------------------------------------------------ */

/* When the line at this offset was spooled; 0: that cannot be seen. */
static int64_t spooled_at(struct walk *w, struct part *part, uint64_t offset)
{
	static const char label[] = "\"spooled_at\":\"";
	int fd = open_plain(w, part);
	ssize_t got = fd < 0 ? 0 : hs_io_read_at(fd, w->piece, PIECE, offset);
	const char *end = got > 0 ? memchr(w->piece, '\n', (size_t)got) : NULL, *at;
	int64_t ms = 0;

	if (fd >= 0)
		hs_io_close(fd);
	if (got <= 0)
		return 0;
	if (end == NULL)
		end = w->piece + got;
	at = memmem(w->piece, (size_t)(end - w->piece), label, sizeof label - 1);
	if (at != NULL && end - at >= (ptrdiff_t)sizeof label - 1 + HS_TIMESTAMP_TEXT)
		hs_timestamp_parse(hs_slice(at + sizeof label - 1, HS_TIMESTAMP_TEXT), &ms);
	return ms;
}

/* Between the first and the last time of the segment, by the offset. */
static int64_t interpolate(const struct part *part, uint64_t offset)
{
	double share = part->bytes > 0 ? (double)offset / (double)part->bytes : 0;

	if (part->has_summary)
		return part->first_ms + (int64_t)(share * (double)(part->last_ms - part->first_ms));
	return part->sealed != NULL ? part->sealed->sealed_ms : 0;
}

/* The first part with something after the position, and where in it that begins. NULL: the cursor is at the end. */
static struct part *find_next(struct walk *w, struct hs_position at, uint64_t *offset)
{
	for (size_t i = 0; i < w->parts; i++) {
		struct part *part = &w->part[i];

		*offset = part->number == at.number ? at.offset : 0;
		if (part->number >= at.number && *offset < part->bytes)
			return part;
	}
	return NULL;
}

static uint64_t lines_from(struct walk *w, struct part *part, uint64_t offset)
{
	if (!part->has_summary || (part->bytes - offset <= w->budget && !part->sealed->gzip && offset > 0))
		return count_lines(w, part, offset);
	return (uint64_t)((double)part->lines * (double)(part->bytes - offset) / (double)part->bytes + 0.5);
}

static void find_lag(struct walk *w, int64_t now_ms, struct hs_cursor_lag *c)
{
	uint64_t offset;
	struct part *part = find_next(w, c->at, &offset);
	int64_t ms;

	if (part == NULL)
		return;
	c->bytes = part->bytes - offset + part->bytes_after;
	c->records = lines_from(w, part, offset) + part->lines_after;
	ms = spooled_at(w, part, offset);
	if (ms == 0)
		ms = interpolate(part, offset);
	c->age_ms = ms > 0 && ms < now_ms ? now_ms - ms : 0;
}

/* Unmarks cursors beyond the end, and returns the lowest segment of the others. */
static uint64_t find_lowest(struct hs_cursor_lag *cursor, size_t cursors, struct hs_position end)
{
	uint64_t lowest = end.number;

	for (size_t i = 0; i < cursors; i++) {
		struct hs_position at = cursor[i].at;

		cursor[i].usable = cursor[i].usable &&
		                   (at.number < end.number || (at.number == end.number && at.offset <= end.offset));
		if (cursor[i].usable && at.number < lowest)
			lowest = at.number;
	}
	return lowest;
}

enum hs_result hs_cursor_lag_find(const struct hs_spool_dir *dir, struct hs_sealed *list, size_t count,
                                  struct hs_position end, int64_t now_ms, struct hs_cursor_lag *cursor, size_t cursors)
{
	struct walk *w = calloc(1, sizeof *w);

	if (w != NULL)
		w->part = calloc(count + 1, sizeof *w->part);
	if (w == NULL || w->part == NULL) {
		free(w);
		return HS_E_MEMORY;
	}
	w->dir = dir;
	w->budget = HS_CURSOR_LAG_READ;
	fill_parts(w, list, count, find_lowest(cursor, cursors, end), end);
	for (size_t i = 0; i < cursors; i++)
		if (cursor[i].usable)
			find_lag(w, now_ms, &cursor[i]);
	free(w->part);
	free(w);
	return HS_OK;
}

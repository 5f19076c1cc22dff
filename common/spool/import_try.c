/* A commit that was cut short: which of its lines are in the spool? */
#include "spool/import.h"
#include "spool/import_private.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	COMMIT_EVENTS = 4000,
	COMMIT_MS = 70000, /* a person waits, not a sender; more than rotate_min_gap */
};

/* --- a try that was cut short: which of its lines are in the spool? --------------- */

static int by_hash(const void *a, const void *b)
{
	const struct trace *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static int by_row(const void *a, const void *b)
{
	const struct trace *x = a, *y = b;

	return x->row < y->row ? -1 : x->row > y->row;
}

/* A line of the spool, its '\n' included, accounts for one line of the try. */
static void note_landed(const struct run *x, struct traces *t, struct hs_slice line)
{
	uint64_t hash = hs_hash(line.p, line.n, x->seed);
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->trace[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < t->count && t->trace[low].hash == hash; low++) {
		struct trace *w = &t->trace[low];

		if (!w->landed && hs_slice_eq(hs_slice(t->lines->p + w->at, w->n), line)) {
			w->landed = true;
			return;
		}
	}
}

static enum hs_result look_through(const struct run *x, struct traces *t, struct hs_slice stamp,
                                   struct hs_line_reader *lines)
{
	struct hs_slice line;
	int more;

	while ((more = hs_line_reader_next(lines, &line)) == 1)
		if (memmem(line.p, line.n, stamp.p, stamp.n) != NULL)
			note_landed(x, t, hs_slice(line.p, line.n + 1)); /* its '\n' stands behind it */
	return more >= 0 || errno == EILSEQ ? HS_OK : errno == ENOMEM ? HS_E_MEMORY : HS_E_IO;
}

static enum hs_result look_into(const struct run *x, struct traces *t, struct hs_slice stamp, const char *stream,
                                struct hs_sealed *sealed)
{
	struct hs_line_reader lines = { 0 };
	int fd = hs_sealed_lines(&lines, x->opened.dir.fd, stream, sealed);
	enum hs_result r;

	if (fd < 0)
		return errno == ENOENT ? HS_OK : errno == ENOMEM ? HS_E_MEMORY : HS_E_IO;
	r = look_through(x, t, stamp, &lines);
	hs_line_reader_free(&lines);
	hs_io_close(fd);
	return r;
}

/* In the segments sealed behind number `after`. */
static enum hs_result find_landed(const struct run *x, struct traces *t, struct hs_slice stamp, const char *stream,
                                  uint64_t after)
{
	struct hs_sealed *list = NULL;
	size_t count = 0;
	enum hs_result r = hs_sealed_list(x->opened.dir.fd, stream, &list, &count);

	if (t->count > 0)
		qsort(t->trace, t->count, sizeof *t->trace, by_hash);
	for (size_t i = 0; i < count && r == HS_OK; i++)
		if (list[i].number > after &&
		    !(i > 0 && list[i].number == list[i - 1].number)) /* plain and .gz: once */
			r = look_into(x, t, stamp, stream, &list[i]);
	free(list);
	return r;
}

/* Takes the lines that have landed out of the commit. How many. */
static uint64_t drop_landed(struct commit *c)
{
	struct hs_record_batch *in = &c->maker.batch;
	bool landed[COMMIT_EVENTS] = { false };
	size_t to = 0, from = 0, kept = 0, rows = in->count;

	for (size_t i = 0; i < c->weak.count; i++)
		landed[c->weak.trace[i].row] |= c->weak.trace[i].landed;
	for (size_t i = 0; i < rows; i++) {
		struct hs_record record = in->record[i];

		if (!landed[i]) {
			memmove(in->lines.p + to, in->lines.p + from, record.n);
			to += record.n;
			in->record[kept++] = record;
		}
		from += record.n;
	}
	in->lines.n = to;
	in->count = kept;
	return rows - kept;
}

/* The same of what is refused. */
static void drop_refused(struct commit *c)
{
	struct traces *t = &c->refused;
	size_t to = 0;

	if (t->count > 0)
		qsort(t->trace, t->count, sizeof *t->trace, by_row);
	for (size_t i = 0; i < t->count; i++) {
		if (t->trace[i].landed)
			continue;
		memmove(c->rejected.p + to, c->rejected.p + t->trace[i].at, t->trace[i].n);
		to += t->trace[i].n;
	}
	c->rejected.n = to;
}

/* What an earlier run was about to append, to the letter. */
static enum hs_result fill_again(struct run *x, struct commit *c, bool *more)
{
	const struct hs_try *try = &x->checkpoint.try;
	struct hs_slice name = x->name;
	enum hs_result r;

	memcpy(c->spooled_at, try->spooled_at, sizeof c->spooled_at);
	x->name = hs_slice(try->name, try->name_n);
	r = hs_import_fill(x, c, try->to.at, more);
	x->name = name;
	return r;
}

enum hs_result hs_import_finish_try(struct run *x, struct commit *c, bool *more)
{
	struct hs_try try = x->checkpoint.try;
	struct hs_slice stamp = hs_slice_str(try.spooled_at);
	enum hs_result r = fill_again(x, c, more);

	/* seals what is there, mended and synced: then all of it stands in sealed segments */
	if (r == HS_OK)
		r = hs_spool_rotate(x->spool, hs_io_now_monotonic() + COMMIT_MS);
	if (r == HS_OK)
		r = find_landed(x, &c->weak, stamp, "events", try.after);
	if (r == HS_OK)
		r = find_landed(x, &c->refused, stamp, "rejected", try.rejected_after);
	if (r != HS_OK)
		return r;
	c->already = drop_landed(c);
	drop_refused(c);
	r = hs_import_append(x, c);
	if (r == HS_OK)
		hs_import_count(x, c);
	return r;
}

/* Finishes a commit that was interrupted: finds which of its lines are in the spool. */
#include "base/array.h"
#include "spool/import.h"
#include "spool/import_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_hash(const void *a, const void *b)
{
	const struct trace *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* Marks the trace of a line of the spool, its '\n' included; each line accounts for one trace. */
static void note_landed(const struct run *x, struct traces *t, struct hs_slice line)
{
	uint64_t hash = hs_hash(line.p, line.n, x->seed);
	size_t i = hs_array_from(t->trace, t->count, sizeof *t->trace, hash);

	for (; i < t->count && t->trace[i].hash == hash; i++) {
		struct trace *w = &t->trace[i];

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
			note_landed(x, t, hs_slice(line.p, line.n + 1)); /* the reader's buffer has its '\n' */
	return more >= 0 || errno == EILSEQ ? HS_OK : hs_io_result(errno);
}

static enum hs_result look_into(const struct run *x, struct traces *t, struct hs_slice stamp, const char *stream,
                                struct hs_sealed *sealed)
{
	struct hs_line_reader lines = { 0 };
	int fd = hs_sealed_lines(&lines, x->resume.opened.dir.fd, stream, sealed);
	enum hs_result r;

	if (fd < 0)
		return errno == ENOENT ? HS_OK : hs_io_result(errno);
	r = look_through(x, t, stamp, &lines);
	hs_line_reader_free(&lines);
	hs_io_close(fd);
	return r;
}

/* Marks the traces whose lines are in sealed segments with numbers above `after`. */
static enum hs_result find_landed(const struct run *x, struct traces *t, struct hs_slice stamp, const char *stream,
                                  uint64_t after)
{
	struct hs_sealed *list;
	size_t count;
	enum hs_result r = hs_sealed_list(x->resume.opened.dir.fd, stream, &list, &count);

	if (t->count > 0)
		qsort(t->trace, t->count, sizeof *t->trace, by_hash);
	for (size_t i = 0; i < count && r == HS_OK; i++)
		if (list[i].number > after &&
		    !(i > 0 && hs_sealed_same(&list[i], &list[i - 1]))) /* plain and .gz: once */
			r = look_into(x, t, stamp, stream, &list[i]);
	free(list);
	return r;
}

/* Removes the records that have landed from the commit, and returns how many. */
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

/* Makes the very lines that an earlier run was about to append. */
static enum hs_result fill_again(struct run *x, struct commit *c, bool *more)
{
	const struct hs_try *try = &x->resume.checkpoint.try;
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
	struct hs_try try = x->resume.checkpoint.try;
	struct hs_slice stamp = hs_slice_str(try.spooled_at);
	enum hs_result r = fill_again(x, c, more);

	if (r == HS_OK && x->done->error != 0)
		return HS_OK; /* not all of the commit could be read: it stays unfinished, for a later run */
	/* recovers and seals the open segment: all lines are in sealed segments then */
	if (r == HS_OK)
		r = hs_spool_rotate(x->spool, hs_io_now_monotonic() + COMMIT_MS);
	if (r == HS_OK)
		r = find_landed(x, &c->weak, stamp, "events", try.after);
	if (r == HS_OK)
		r = find_landed(x, &c->refused, stamp, "rejected", try.rejected_after);
	if (r != HS_OK)
		return r;
	c->already = drop_landed(c);
	hs_import_drop_refused(c);
	r = hs_import_append(x, c);
	if (r == HS_OK)
		hs_import_count(x, c);
	return r;
}

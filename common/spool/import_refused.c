/* Takes rejected lines out of a commit: those that are in the spool already, and those of suppressed people. */
#include "spool/import.h"
#include "spool/import_private.h"

#include <stdlib.h>
#include <string.h>

static int by_row(const void *a, const void *b)
{
	const struct trace *x = a, *y = b;

	return x->row < y->row ? -1 : x->row > y->row;
}

void hs_import_drop_refused(struct commit *c)
{
	struct traces *t = &c->refused;
	size_t to = 0;

	if (t->count > 0)
		qsort(t->trace, t->count, sizeof *t->trace, by_row);
	for (size_t i = 0; i < t->count; i++) {
		struct trace *line = &t->trace[i];

		if (line->landed || line->suppressed)
			continue;
		memmove(c->rejected.p + to, c->rejected.p + line->at, line->n);
		line->at = to;
		to += line->n;
	}
	c->rejected.n = to;
}

/* The unplanned events from record `from` on, `count` of them, which begin at byte `at`. */
struct part {
	size_t from, count, at, n;
};

static struct part part_of(const struct hs_record_batch *in, size_t from, size_t count, size_t at)
{
	struct part p = { from, count, at, 0 };

	for (size_t i = from; i < from + count; i++)
		p.n += in->record[i].n;
	return p;
}

/*
 * Sets suppressed[i] for the records of suppressed people. The spool counts them and does not say which they are, so
 * a part that has some is halved until all or none of it are.
 */
static enum hs_result find_suppressed(struct run *x, const struct hs_record_batch *in, struct part p,
                                      bool suppressed[static COMMIT_EVENTS])
{
	uint64_t duplicate, found = 0;
	struct hs_append look = { .records = hs_slice(in->lines.p + p.at, p.n),
		                  .record = in->record + p.from,
		                  .count = p.count,
		                  .duplicate = &duplicate,
		                  .suppressed = &found,
		                  .deadline_ms = hs_io_now_monotonic() + COMMIT_MS,
		                  .look_only = true };
	enum hs_result r = p.count > 0 ? hs_spool_append(x->spool, &look) : HS_OK;
	struct part half;

	if (r != HS_OK || found == 0)
		return r;
	if (found == p.count) {
		memset(suppressed + p.from, true, p.count);
		return HS_OK;
	}
	half = part_of(in, p.from, p.count / 2, p.at);
	r = find_suppressed(x, in, half, suppressed);
	half = part_of(in, p.from + half.count, p.count - half.count, p.at + half.n);
	return r == HS_OK ? find_suppressed(x, in, half, suppressed) : r;
}

enum hs_result hs_import_drop_suppressed(struct run *x, struct commit *c)
{
	const struct hs_record_batch *in = &c->unplanned.batch;
	bool suppressed[COMMIT_EVENTS] = { false };
	struct traces *t = &c->refused;
	enum hs_result r = find_suppressed(x, in, part_of(in, 0, in->count, 0), suppressed);

	if (r != HS_OK)
		return r;
	if (t->count > 0)
		qsort(t->trace, t->count, sizeof *t->trace, by_row);
	for (size_t i = 0, k = 0; i < t->count && k < in->count; i++) {
		struct trace *line = &t->trace[i];

		line->suppressed = line->unplanned && suppressed[k];
		k += line->unplanned;
		c->kept_out += line->suppressed && !line->landed;
	}
	c->rejections -= c->kept_out;
	if (c->kept_out > 0)
		hs_import_drop_refused(c);
	return HS_OK;
}

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

enum hs_result hs_import_drop_suppressed(struct run *x, struct commit *c)
{
	struct traces *t = &c->refused;
	const char *record = c->people.p;
	enum hs_result r = HS_OK;

	if (t->count > 0)
		qsort(t->trace, t->count, sizeof *t->trace, by_row);
	for (size_t i = 0; i < t->count && r == HS_OK; i++) {
		struct trace *line = &t->trace[i];

		if (line->people > 0)
			r = hs_spool_suppresses(x->spool, hs_slice(record, line->people), &line->suppressed);
		record += line->people;
		c->kept_out += line->suppressed && !line->landed;
	}
	c->rejections -= c->kept_out;
	if (c->kept_out > 0)
		hs_import_drop_refused(c);
	return r;
}

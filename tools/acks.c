#include "tools/acks.h"

#include <stdlib.h>
#include <string.h>

void hs_acks_start(struct hs_acks *a, struct hs_position position)
{
	*a = (struct hs_acks){ .position = position };
}

void hs_acks_free(struct hs_acks *a)
{
	while (a->first != NULL) {
		struct hs_item *item = a->first;

		a->first = item->later;
		free(item);
	}
	a->last = NULL;
}

static void append(struct hs_acks *a, struct hs_item *item)
{
	item->earlier = a->last;
	*(a->last == NULL ? &a->first : &a->last->later) = item;
	a->last = item;
}

static void drop(struct hs_acks *a, struct hs_item *item)
{
	*(item->earlier == NULL ? &a->first : &item->earlier->later) = item->later;
	*(item->later == NULL ? &a->last : &item->later->earlier) = item->earlier;
	free(item);
}

struct hs_item *hs_acks_add(struct hs_acks *a, struct hs_slice line, struct hs_position after)
{
	struct hs_item *item = calloc(1, sizeof *item + line.n + 1);

	if (item == NULL)
		return NULL;
	item->after = after;
	item->n = line.n + 1;
	memcpy(item->line, line.p, line.n);
	item->line[line.n] = '\n';
	append(a, item);
	a->open++;
	a->bytes += item->n;
	return item;
}

bool hs_acks_pass(struct hs_acks *a, struct hs_position after)
{
	if (a->last == NULL) {
		a->position = after;
		return true;
	}
	if (!a->last->done) {
		struct hs_item *range = calloc(1, sizeof *range);

		if (range == NULL)
			return false;
		range->done = true;
		append(a, range);
	}
	a->last->after = after;
	return true;
}

/* A range needs no line: it may stand here for hours. */
static struct hs_item *shorten(struct hs_acks *a, struct hs_item *item)
{
	struct hs_item *range = realloc(item, sizeof *range);

	if (range == NULL)
		return item;
	*(range->earlier == NULL ? &a->first : &range->earlier->later) = range;
	*(range->later == NULL ? &a->last : &range->later->earlier) = range;
	return range;
}

void hs_acks_done(struct hs_acks *a, struct hs_item *item)
{
	a->open--;
	a->bytes -= item->n;
	item->done = true;
	if (item->later != NULL && item->later->done) {
		item->after = item->later->after;
		drop(a, item->later);
	}
	if (item->earlier == NULL) {
		a->position = item->after;
		drop(a, item);
	} else if (item->earlier->done) {
		item->earlier->after = item->after;
		drop(a, item);
	} else {
		shorten(a, item);
	}
}

size_t hs_acks_ranges(const struct hs_acks *a, struct hs_span *to, size_t most)
{
	size_t n = 0;

	for (const struct hs_item *i = a->first; i != NULL && n < most; i = i->later)
		if (i->done)
			to[n++] = (struct hs_span){ i->earlier->after, i->after };
	return n;
}

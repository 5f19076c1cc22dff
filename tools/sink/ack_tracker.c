#include "tools/sink/ack_tracker.h"

#include <stdlib.h>
#include <string.h>

bool hs_position_is_after(struct hs_position a, struct hs_position b)
{
	return a.number != b.number ? a.number > b.number : a.edit == b.edit && a.offset > b.offset;
}

/* --- queues ---------------------------------------------------------------- */

void hs_item_queue_push(struct hs_item_queue *q, struct hs_item *item)
{
	item->next = NULL;
	if (q->head == NULL)
		q->head = item;
	else
		q->tail->next = item;
	q->tail = item;
}

struct hs_item *hs_item_queue_pop(struct hs_item_queue *q)
{
	struct hs_item *item = q->head;

	if (item == NULL)
		return NULL;
	q->head = item->next;
	if (q->head == NULL)
		q->tail = NULL;
	item->next = NULL;
	return item;
}

/* --- the records ------------------------------------------------------------- */

void hs_ack_tracker_free(struct hs_ack_tracker *a)
{
	while (a->first != NULL)
		hs_ack_tracker_done(a, a->first);
}

struct hs_item *hs_ack_tracker_add(struct hs_ack_tracker *a, struct hs_slice line, struct hs_position before)
{
	struct hs_item *item = calloc(1, sizeof *item + line.n + 1);

	if (item == NULL)
		return NULL;
	item->number = ++a->read;
	item->before = before;
	item->n = line.n + 1;
	memcpy(item->line, line.p, line.n);
	item->line[line.n] = '\n';
	item->earlier = a->last;
	*(a->last == NULL ? &a->first : &a->last->later) = item;
	a->last = item;
	a->open++;
	a->bytes += item->n;
	return item;
}

void hs_ack_tracker_done(struct hs_ack_tracker *a, struct hs_item *item)
{
	a->open--;
	a->bytes -= item->n;
	*(item->earlier == NULL ? &a->first : &item->earlier->later) = item->later;
	*(item->later == NULL ? &a->last : &item->later->earlier) = item->earlier;
	free(item);
}

struct hs_position hs_ack_tracker_position(const struct hs_ack_tracker *a, struct hs_position read)
{
	return a->first != NULL ? a->first->before : read;
}

/* --- what is done after the position -------------------------------------------- */

/* The users that were met: a hash table, at most half full. */
enum { SLOTS = 2 * HS_CURSOR_HELD };
struct met {
	uint16_t slot[SLOTS]; /* 1 + an index of ahead->held; 0: free */
	struct hs_ahead *ahead;
};

/* False if there is no room for one more. */
static bool meet(struct met *m, uint64_t user, struct hs_position from)
{
	size_t at = (size_t)(user % SLOTS);

	for (; m->slot[at] != 0; at = (at + 1) % SLOTS)
		if (m->ahead->held[m->slot[at] - 1].user == user)
			return true;
	if (m->ahead->count == HS_CURSOR_HELD)
		return false;
	m->ahead->held[m->ahead->count] = (struct hs_held_user){ user, from };
	m->slot[at] = (uint16_t)++m->ahead->count;
	return true;
}

void hs_ack_tracker_ahead(const struct hs_ack_tracker *a, struct hs_position read, const struct hs_ahead *unread,
                          struct hs_ahead *ahead)
{
	struct met met = { .ahead = ahead };
	bool unread_is_after = hs_position_is_after(unread->to, read);

	*ahead = (struct hs_ahead){ .count = 0 };
	if (a->first == NULL && !unread_is_after)
		return;
	ahead->to = unread_is_after ? unread->to : read;
	for (const struct hs_item *i = a->first; i != NULL; i = i->later)
		if (!meet(&met, i->user, i->before)) {
			ahead->to = i->before;
			return;
		}
	for (size_t i = 0; unread_is_after && i < unread->count; i++) {
		const struct hs_held_user *held = &unread->held[i];

		if (!meet(&met, held->user, hs_position_is_after(read, held->from) ? read : held->from)) {
			ahead->to = read;
			return;
		}
	}
}

static int by_user(const void *a, const void *b)
{
	const struct hs_held_user *x = a, *y = b;

	return x->user < y->user ? -1 : x->user > y->user;
}

void hs_ahead_sort(struct hs_ahead *ahead)
{
	qsort(ahead->held, ahead->count, sizeof *ahead->held, by_user);
}

bool hs_ahead_has_done(const struct hs_ahead *ahead, struct hs_position after, uint64_t user)
{
	struct hs_held_user key = { .user = user };
	const struct hs_held_user *held;

	if (ahead->to.number == 0 || hs_position_is_after(after, ahead->to) ||
	    (after.number == ahead->to.number && after.edit != ahead->to.edit))
		return false;
	held = bsearch(&key, ahead->held, ahead->count, sizeof key, by_user);
	return held == NULL || (!hs_position_is_after(after, held->from) &&
	                        (after.number != held->from.number || after.edit == held->from.edit));
}

#include "tools/sink/keyed_scheduler.h"

#include <stdlib.h>

enum { SLOTS = 1 << 14 };

/* A user that has records here, put and not forgotten. */
struct hs_keyed_user {
	struct hs_keyed_user *next; /* of the same slot */
	uint64_t key;
	size_t records;
	size_t parked, busy;          /* busy: those that later ones wait for: parked, or given and one_per_key */
	struct hs_item_queue waiting; /* for them */
};

struct partition {
	struct hs_item_queue ready, parked; /* both in the order of the spool */
	struct hs_item_queue returned;      /* to go before ready */
};

struct hs_keyed_scheduler {
	unsigned partitions;
	bool one_per_key;
	size_t given;                      /* and not answered */
	struct hs_keyed_user *slot[SLOTS]; /* lists by key */
	struct partition partition[];
};

static struct partition *partition_of(struct hs_keyed_scheduler *s, const struct hs_item *item)
{
	return &s->partition[(item->user >> 32) % s->partitions];
}

/* --- users ---------------------------------------------------------------- */

/* The place of the user's pointer in its list, or the list's end. */
static struct hs_keyed_user **find_user(struct hs_keyed_scheduler *s, uint64_t key)
{
	struct hs_keyed_user **at = &s->slot[key % SLOTS];

	while (*at != NULL && (*at)->key != key)
		at = &(*at)->next;
	return at;
}

bool hs_keyed_scheduler_put(struct hs_keyed_scheduler *s, struct hs_item *item)
{
	struct hs_keyed_user **at = find_user(s, item->user);

	if (*at == NULL) {
		*at = calloc(1, sizeof **at);
		if (*at == NULL)
			return false;
		(*at)->key = item->user;
	}
	item->of = *at;
	item->of->records++;
	hs_item_queue_push(&partition_of(s, item)->ready, item);
	return true;
}

void hs_keyed_scheduler_forget(struct hs_keyed_scheduler *s, struct hs_item *item)
{
	struct hs_keyed_user **at, *user = item->of;

	if (--user->records > 0)
		return;
	at = find_user(s, user->key);
	*at = user->next;
	free(user);
}

/* --- queues --------------------------------------------------------------- */

/* Takes out the item after `before`, or with NULL the first. */
static struct hs_item *remove_after(struct hs_item_queue *q, struct hs_item *before)
{
	struct hs_item *item = before == NULL ? q->head : before->next;

	if (before == NULL)
		q->head = item->next;
	else
		before->next = item->next;
	if (q->tail == item)
		q->tail = before;
	item->next = NULL;
	return item;
}

/* Moves all of `first` to the front of `q`. */
static void prepend(struct hs_item_queue *q, struct hs_item_queue *first)
{
	if (first->head == NULL)
		return;
	first->tail->next = q->head;
	if (q->head == NULL)
		q->tail = first->tail;
	q->head = first->head;
	*first = (struct hs_item_queue){ NULL, NULL };
}

static void push_front(struct hs_item_queue *q, struct hs_item *item)
{
	struct hs_item_queue one = { item, item };

	item->next = NULL;
	prepend(q, &one);
}

/* --- holding a user's records ----------------------------------------------- */

/*
 * Called when a record that later ones of its user wait for has left: they are ready now. With one_per_key
 * only the first of them is, since the next one must wait for it.
 */
static void let_go(const struct hs_keyed_scheduler *s, struct partition *partition, const struct hs_item *item)
{
	struct hs_item_queue *waiting = &item->of->waiting;
	struct hs_item *next;

	if (--item->of->busy > 0 || waiting->head == NULL)
		return;
	if (!s->one_per_key) {
		prepend(&partition->ready, waiting);
		return;
	}
	next = hs_item_queue_pop(waiting);
	next->is_next = true;
	push_front(&partition->ready, next);
}

void hs_keyed_scheduler_given(struct hs_keyed_scheduler *s, struct hs_item *item)
{
	s->given++;
	if (s->one_per_key)
		item->of->busy++;
}

void hs_keyed_scheduler_answered(struct hs_keyed_scheduler *s, struct hs_item *item)
{
	s->given--;
	if (s->one_per_key)
		let_go(s, partition_of(s, item), item);
}

void hs_keyed_scheduler_park(struct hs_keyed_scheduler *s, struct hs_item *item)
{
	struct partition *partition = partition_of(s, item);
	struct hs_item *before = NULL;

	for (struct hs_item *i = partition->parked.head; i != NULL && i->number < item->number; i = i->next)
		before = i;
	item->of->busy++;
	item->of->parked++;
	if (before == partition->parked.tail) {
		hs_item_queue_push(&partition->parked, item);
	} else {
		item->next = before == NULL ? partition->parked.head : before->next;
		*(before == NULL ? &partition->parked.head : &before->next) = item;
	}
}

void hs_keyed_scheduler_return(struct hs_keyed_scheduler *s, struct hs_item *item)
{
	item->is_next = true;
	hs_item_queue_push(&partition_of(s, item)->returned, item);
}

void hs_keyed_scheduler_returned_all(struct hs_keyed_scheduler *s)
{
	for (unsigned i = 0; i < s->partitions; i++)
		prepend(&s->partition[i].ready, &s->partition[i].returned);
}

/* --- which record is next ------------------------------------------------- */

/* True if an earlier record of its user is parked. */
static bool has_parked_before(const struct partition *partition, const struct hs_item *item)
{
	if (item->of->parked == 1)
		return false;
	for (const struct hs_item *i = partition->parked.head; i != item; i = i->next)
		if (i->of == item->of)
			return true;
	return false;
}

static struct hs_item *next_parked(const struct hs_keyed_scheduler *s, struct partition *partition, int rule,
                                   int64_t now_ms)
{
	struct hs_item *before = NULL, *i = partition->parked.head;

	for (; i != NULL; before = i, i = i->next)
		if (i->retry_ms <= now_ms && (rule < 0 || (i->rule == (unsigned)rule && !i->alone)) &&
		    !has_parked_before(partition, i))
			break;
	if (i == NULL)
		return NULL;
	remove_after(&partition->parked, before);
	i->of->parked--;
	let_go(s, partition, i);
	return i;
}

/* The first ready record whose user has none before it; those that must wait leave the queue. */
static struct hs_item *next_ready(struct partition *partition, int rule)
{
	struct hs_item *i;

	for (; (i = partition->ready.head) != NULL; i->is_next = false) {
		struct hs_item_queue *waiting = &i->of->waiting;

		if (i->of->busy == 0 && (i->is_next || waiting->head == NULL))
			break;
		hs_item_queue_pop(&partition->ready);
		if (i->is_next)
			push_front(waiting, i);
		else
			hs_item_queue_push(waiting, i);
	}
	return i == NULL || (rule >= 0 && i->rule != (unsigned)rule) ? NULL : hs_item_queue_pop(&partition->ready);
}

struct hs_item *hs_keyed_scheduler_next(struct hs_keyed_scheduler *s, unsigned partition, int rule, bool ready_first,
                                        int64_t now_ms)
{
	struct partition *of = &s->partition[partition];
	struct hs_item *item = ready_first ? next_ready(of, rule) : NULL;

	if (item == NULL)
		item = next_parked(s, of, rule, now_ms);
	if (item == NULL)
		item = next_ready(of, rule);
	if (item != NULL)
		item->is_next = false;
	return item;
}

/* Parks a record that was parked again, so that another of its user cannot overtake it. */
void hs_keyed_scheduler_put_back(struct hs_keyed_scheduler *s, struct hs_item *item)
{
	if (item->tries > 0 || item->alone) {
		hs_keyed_scheduler_park(s, item);
		return;
	}
	item->is_next = true;
	push_front(&partition_of(s, item)->ready, item);
}

int64_t hs_keyed_scheduler_due(const struct hs_keyed_scheduler *s, int64_t seen_ms, int64_t now_ms)
{
	int64_t due = -1;

	for (unsigned i = 0; i < s->partitions; i++)
		for (const struct hs_item *k = s->partition[i].parked.head; k != NULL; k = k->next) {
			int64_t left = k->retry_ms > now_ms ? k->retry_ms - now_ms : 0;

			if (k->retry_ms > seen_ms && (due < 0 || left < due))
				due = left;
		}
	return due;
}

bool hs_keyed_scheduler_is_stuck(const struct hs_keyed_scheduler *s)
{
	if (s->given > 0)
		return false;
	for (unsigned i = 0; i < s->partitions; i++)
		if (s->partition[i].ready.head != NULL || s->partition[i].returned.head != NULL)
			return false;
	return true;
}

/* --- all of them ---------------------------------------------------------- */

struct hs_keyed_scheduler *hs_keyed_scheduler_new(unsigned partitions, bool one_per_key)
{
	struct hs_keyed_scheduler *s = calloc(1, sizeof *s + partitions * sizeof s->partition[0]);

	if (s != NULL) {
		s->partitions = partitions;
		s->one_per_key = one_per_key;
	}
	return s;
}

void hs_keyed_scheduler_free(struct hs_keyed_scheduler *s)
{
	struct hs_keyed_user *user;

	for (size_t i = 0; s != NULL && i < SLOTS; i++)
		while ((user = s->slot[i]) != NULL) {
			s->slot[i] = user->next;
			free(user);
		}
	free(s);
}

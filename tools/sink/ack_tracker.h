/*
 * ack_tracker: the records that were read and are not done, in the order of the spool.
 *
 * Records are done in any order, but those of one user in theirs. The cursor can stand no
 * further than the first that is not done. What is done behind it is remembered by what is not:
 * all up to the last that was read, but for some users, from the first of theirs on (struct
 * hs_ahead). So one record that is tried again for hours holds up its user alone, and after a
 * restart nobody else's are handled twice, however many there were.
 */
#ifndef HS_ACK_TRACKER_H
#define HS_ACK_TRACKER_H

#include "spool/position/cursor.h"

/* A record on its way through a handler. */
struct hs_item {
	struct hs_item *next;              /* in a queue of its lane */
	struct hs_item *earlier, *later;   /* in the order of the spool */
	struct hs_position before;         /* where it begins in the spool */
	uint64_t user;            /* hs_record_head_user */
	int64_t first_ms;         /* when it failed first; 0: never */
	int64_t retry_ms;
	unsigned tries; /* that failed … */
	unsigned tries_before; /* … and those before it was set aside, if it is tried again since */
	unsigned rule;
	bool alone;   /* its batch was refused: find out which one it was */
	bool is_next; /* of its user: those that wait come after it */
	size_t n;
	char line[]; /* n bytes, its '\n' included */
};

/* Items chained by `next`. Zeroed: empty. */
struct hs_item_queue {
	struct hs_item *head, *tail;
};

void hs_item_queue_push(struct hs_item_queue *q, struct hs_item *item);
struct hs_item *hs_item_queue_pop(struct hs_item_queue *q); /* NULL: it is empty */

/* Zeroed: none. */
struct hs_ack_tracker {
	struct hs_item *first, *last;
	size_t open, bytes; /* records, and their lines together */
};

void hs_ack_tracker_free(struct hs_ack_tracker *a);

/* Takes a copy of the line, behind all others. NULL: out of memory. */
struct hs_item *hs_ack_tracker_add(struct hs_ack_tracker *a, struct hs_slice line, struct hs_position before);

/* It is done, and gone. */
void hs_ack_tracker_done(struct hs_ack_tracker *a, struct hs_item *item);

/* Where the cursor can stand, if everything up to `read` was read. */
struct hs_position hs_ack_tracker_position(const struct hs_ack_tracker *a, struct hs_position read);

/*
 * What is done behind that position. `unread` is what an earlier run has left to say of
 * records that were not read again yet; its `to` has the number 0 if there are none.
 */
void hs_ack_tracker_ahead(const struct hs_ack_tracker *a, struct hs_position read, const struct hs_ahead *unread,
		   struct hs_ahead *ahead);

/*
 * Has an earlier run, which has left this, done the user's record that ends at `after`? Within
 * a segment positions of different edits cannot be compared: then no. Users must be sorted.
 */
bool hs_ahead_has_done(const struct hs_ahead *ahead, struct hs_position after, uint64_t user);

/* Sorts the users. */
void hs_ahead_sort(struct hs_ahead *ahead);

/* Is `a` behind `b`? Within a segment only of one edit; otherwise false. */
bool hs_is_behind(struct hs_position a, struct hs_position b);

#endif

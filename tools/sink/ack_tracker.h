/*
 * ack_tracker: the records that were read and are not done, in the order of the spool.
 *
 * Records are done in any order, but each user's in the order of the spool. The cursor cannot pass
 * the first record that is not done. What is done after it is saved as its complement: everything
 * up to the last record that was read, except, for some users, from their first record that is not
 * done (struct hs_ahead). So a record that is tried again for hours delays its own user only, and
 * after a restart no other user's records are handled twice.
 */
#ifndef HS_ACK_TRACKER_H
#define HS_ACK_TRACKER_H

#include "spool/position/cursor.h"

/* A record in a sink, or on its way there. */
struct hs_item {
	struct hs_item *next;            /* in a hs_item_queue */
	struct hs_item *earlier, *later; /* in the order of the spool */
	uint64_t number;                 /* counts up in the order of reading */
	struct hs_position before;       /* where the cursor may be as long as it is not done */
	struct hs_position begin; /* its first byte, while `before` may be the end of the segment before it … */
	uint64_t seen;            /* … and the edit of its segment in which it was seen last (record_check.h) */
	uint64_t user;            /* hs_record_head_user, or another key */
	struct hs_keyed_user *of; /* keyed_scheduler.c's own */
	int64_t first_ms;         /* when it first failed, by the monotonic clock; 0: never */
	int64_t retry_ms;         /* parked: not before */
	unsigned tries;           /* that failed in this run … */
	unsigned tries_before;    /* … and before it became the dead letter it was read from */
	unsigned rule;            /* its group: for handlers, an index of routing_rules.h */
	bool alone;               /* its batch was refused: offer it by itself */
	bool is_next;             /* it goes before its user's waiting records */
	size_t n;                 /* bytes in line, its '\n' included */
	char line[];
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
	size_t open, bytes; /* how many records; the length of their lines */
	uint64_t read;      /* how many were added */
};

void hs_ack_tracker_free(struct hs_ack_tracker *a);

/* Appends a copy of the line. The item is the tracker's. NULL: out of memory. */
struct hs_item *hs_ack_tracker_add(struct hs_ack_tracker *a, struct hs_slice line, struct hs_position before);

/* The record is done: removes and frees it. */
void hs_ack_tracker_done(struct hs_ack_tracker *a, struct hs_item *item);

/* Returns the furthest position for the cursor, if everything up to `read` was read. */
struct hs_position hs_ack_tracker_position(const struct hs_ack_tracker *a, struct hs_position read);

/*
 * Fills in what is done after that position. `unread` is what an earlier run has saved of records
 * that this run has not read yet; unread->to.number is 0 if there are none.
 */
void hs_ack_tracker_ahead(const struct hs_ack_tracker *a, struct hs_position read, const struct hs_ahead *unread,
                          struct hs_ahead *ahead);

/*
 * True if the run that saved `ahead` has done the user's record that ends at `after`. False if
 * their segment was rewritten in between, so that the positions cannot be compared. The users must
 * be sorted.
 */
bool hs_ahead_has_done(const struct hs_ahead *ahead, struct hs_position after, uint64_t user);

/* Sorts the users. */
void hs_ahead_sort(struct hs_ahead *ahead);

/* True if `a` is after `b`; false within a segment that was rewritten in between. */
bool hs_position_is_after(struct hs_position a, struct hs_position b);

#endif

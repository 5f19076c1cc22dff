/*
 * acks: which of the records that were read are done, in the order of the spool.
 *
 * Records are done in any order. The cursor can move only to the first that is not; what is
 * done after it is kept as ranges, so that one record which is tried again for hours holds up
 * neither the others nor, after a restart, makes them be handled twice.
 *
 *	cursor                 a range that is done            another
 *	  |  [ not done ]  [ (from ———————————————— to] ]  [ not done ]  (…]
 *
 * The list alternates between records that are not done and ranges that are, so its length
 * is at most twice the number of the former.
 */
#ifndef HS_ACKS_H
#define HS_ACKS_H

#include "store/cursor.h"

/* A record on its way through a handler. */
struct hs_item {
	struct hs_item *next;              /* in a queue of its lane */
	struct hs_item *earlier, *later;   /* in the order of the spool */
	struct hs_position after; /* behind it in the spool */
	uint64_t user;            /* hs_main_user */
	int64_t first_ms;         /* when it failed first; 0: never */
	int64_t retry_ms;
	unsigned tries; /* that failed */
	unsigned rule;
	bool alone;   /* its batch was refused: find out which one it was */
	bool is_next; /* of its user: those that wait come after it */
	bool done;
	size_t n;
	char line[]; /* n bytes, its '\n' included */
};

struct hs_acks {
	struct hs_position position; /* everything before it is done */
	struct hs_item *first, *last;
	size_t open, bytes; /* records that are not done, and their lines together */
};

void hs_acks_start(struct hs_acks *a, struct hs_position position);
void hs_acks_free(struct hs_acks *a);

/* Takes a copy of the line, which is the next in the spool and ends at `after`. NULL: no memory. */
struct hs_item *hs_acks_add(struct hs_acks *a, struct hs_slice line, struct hs_position after);

/* What comes next in the spool, up to `after`, is done. False: no memory. */
bool hs_acks_pass(struct hs_acks *a, struct hs_position after);

/* It is done, and no longer there. */
void hs_acks_done(struct hs_acks *a, struct hs_item *item);

/* The first ranges behind the position that are done, at most so many: how many there are. */
size_t hs_acks_ranges(const struct hs_acks *a, struct hs_span *to, size_t most);

#endif

/*
 * kept_place: where the cursor was some time ago, for retention: a stream that loses its end within that time gets
 * those records again. It remembers one position for each sixteenth of the time, so what is kept is that much older
 * at most.
 */
#ifndef HS_KEPT_PLACE_H
#define HS_KEPT_PLACE_H

#include "spool/position/rewrite_log.h"

enum { HS_KEPT_PLACES = 18 };

struct hs_kept_place {
	int64_t hold_ms;
	struct hs_position kept; /* the result; number 0: nothing yet */
	struct {
		struct hs_position position;
		int64_t ms; /* when the cursor was there, by the monotonic clock */
	} seen[HS_KEPT_PLACES];
	unsigned count;
};

/* Begins with what an earlier run kept (number 0: nothing), and the present position, which may be before that. */
void hs_kept_place_begin(struct hs_kept_place *k, int64_t hold_ms, struct hs_position kept, struct hs_position now,
                         int64_t ms);

/*
 * After hs_kept_place_begin: in an earlier run the cursor was there (number 0: not known), at a time that may be
 * before the clock's zero. Without this, runs that are shorter than hold_ms would never let anything go.
 */
void hs_kept_place_recall(struct hs_kept_place *k, struct hs_position was, int64_t ms);

/* The cursor is there at that time; updates k->kept. */
void hs_kept_place_note(struct hs_kept_place *k, struct hs_position now, int64_t ms);

/* The milliseconds until k->kept changes although the cursor does not move; -1: it does not. */
int64_t hs_kept_place_due(const struct hs_kept_place *k, int64_t ms);

#endif

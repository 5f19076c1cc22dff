/*
 * consumer_lag: finds how far each cursor is behind the end of the spool, in one pass over it.
 *
 *	hs_consumer_lag_start(&lag, dir);             // before asking for the end
 *	for each line of the events: hs_consumer_lag_line(&lag, position after the line, line);
 *	hs_consumer_lag_end(&lag, end);               // lag.cursor is complete
 */
#ifndef HS_CONSUMER_LAG_H
#define HS_CONSUMER_LAG_H

#include "base/timestamp.h"
#include "spool/position/cursor.h"

enum { HS_CONSUMER_LAG_CURSORS = 1000 };

struct hs_consumer_lag_cursor {
	char name[HS_CURSOR_NAME_MAX + 1];
	struct hs_position at; /* in the segment as it is now, after rewrites */
	int64_t saved_ms;
	bool damaged, held;
	int error;                 /* damaged: the errno with which reading it failed; 0: its text is damaged */
	int64_t holder;            /* process that holds it; 0: not known */
	struct hs_history history; /* of the spool when it was saved */
	bool ahead;                /* it is after the end, so it belongs to another spool */
	bool met;                  /* the pass has found a line after it */
	uint64_t records, bytes;   /* before it, if met; after hs_consumer_lag_end those after it */
	char oldest[HS_TIMESTAMP_TEXT + 1]; /* spooled_at of the first record after it; "": none */
};

/* Zeroed: no cursors. */
struct hs_consumer_lag {
	struct hs_consumer_lag_cursor *cursor; /* by position; after hs_consumer_lag_end by name */
	size_t count, room;
	size_t passed;           /* the first of them, which are met */
	uint64_t records, bytes; /* of the lines so far */
	bool more;               /* some beyond HS_CONSUMER_LAG_CURSORS were left out */
};

/* Lists the cursors. HS_OK, HS_E_MEMORY, or results of hs_cursor_list and of hs_rewrite_log's. */
enum hs_result hs_consumer_lag_start(struct hs_consumer_lag *lag, const struct hs_spool_dir *dir);
/* `after`: the position after the line. Lines come in their order. */
void hs_consumer_lag_line(struct hs_consumer_lag *lag, struct hs_position after, struct hs_slice line);
/*
 * hs_consumer_lag_line for all lines of a sealed segment at once. False: a cursor is in it, or before it and not met
 * yet, so its lines are wanted one by one.
 */
bool hs_consumer_lag_segment(struct hs_consumer_lag *lag, uint64_t number, uint64_t lines, uint64_t bytes);
/* Completes the cursors, and sorts them by name. */
void hs_consumer_lag_end(struct hs_consumer_lag *lag, struct hs_position end);
void hs_consumer_lag_free(struct hs_consumer_lag *lag);

#endif

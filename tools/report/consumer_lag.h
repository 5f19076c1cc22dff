/*
 * consumer_lag: how far behind the end of the spool each cursor stands, by walking the spool once.
 *
 *	hs_consumer_lag_start(&lag, place);           // before the end is asked for
 *	for each line of the events: hs_consumer_lag_line(&lag, position behind it, line);
 *	hs_consumer_lag_end(&lag, end);               // now the cursors tell
 */
#ifndef HS_CONSUMER_LAG_H
#define HS_CONSUMER_LAG_H

#include "base/timestamp.h"
#include "spool/position/cursor.h"

enum { HS_CONSUMER_LAG_CURSORS = 1000 };

struct hs_consumer_lag_cursor {
	char name[HS_CURSOR_NAME_MAX + 1];
	struct hs_position at; /* in the file as it is now */
	int64_t saved_ms;
	bool damaged, held;
	int64_t holder;            /* held: by this process; 0: not known */
	struct hs_history history; /* in which it was saved */
	bool ahead;              /* behind the end: of another spool */
	bool met;                /* the walk has passed it, and found a line behind it */
	uint64_t records, bytes; /* met: before it, and after hs_consumer_lag_end behind it */
	char oldest[HS_TIMESTAMP_TEXT + 1]; /* spooled_at of the first record that waits; "": none */
};

/* Zeroed: no cursors. */
struct hs_consumer_lag {
	struct hs_consumer_lag_cursor *cursor; /* in the order of their positions */
	size_t count, room;
	size_t passed;           /* so many are met */
	uint64_t records, bytes; /* so far */
	bool more;               /* there are more than HS_CONSUMER_LAG_CURSORS; the others are left out */
};

/* HS_OK, HS_E_MEMORY, or what hs_cursor_list and hs_rewrite_log_share return. */
enum hs_result hs_consumer_lag_start(struct hs_consumer_lag *lag, const struct hs_spool_dir *dir);
void hs_consumer_lag_line(struct hs_consumer_lag *lag, struct hs_position behind, struct hs_slice line);
/* Sorts the cursors by name. */
void hs_consumer_lag_end(struct hs_consumer_lag *lag, struct hs_position end);
void hs_consumer_lag_free(struct hs_consumer_lag *lag);

#endif

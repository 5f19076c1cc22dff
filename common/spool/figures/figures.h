/*
 * figures: all that a monitor asks of a spool: the metrics, sizes and ages, and how far each cursor is
 * behind. Collecting them is cheap: it looks at names, sizes and summaries, and reads at most
 * HS_CURSOR_LAG_READ bytes of lines.
 */
#ifndef HS_FIGURES_H
#define HS_FIGURES_H

#include "config/settings.h"
#include "spool/figures/cursor_lag.h"
#include "spool/figures/ship_figures.h"
#include "spool/shared/metrics.h"

enum { HS_FIGURES_CURSORS = 1000 };

enum hs_figures_state { HS_STATE_OPEN, HS_STATE_SEALED, HS_STATE_COMPRESSED, HS_STATES };

struct hs_figures {
	enum hs_result result; /* HS_OK; otherwise why the spool cannot be read: only `metrics` may be known */
	struct hs_metrics_figures *metrics; /* NULL: none */
	int64_t now_ms;
	uint64_t bytes; /* of the files of events */
	uint64_t segments[HS_STATES];
	uint64_t rejected_bytes; /* of the files of rejected lines */
	bool has_space;
	uint64_t free_bytes; /* of the file system, for this user */
	int64_t oldest_ms,
	    last_ms; /* when the oldest and the last record were spooled; 0: there is none, or not known */
	struct hs_ship_figures ship;  /* at_ms 0: there are none */
	struct hs_cursor_lag *cursor; /* `cursors` of them, in no order; those beyond the limit are left out */
	size_t cursors;
};

/*
 * Collects them, as the spool's owner or a reader of its group. A spool that is missing is not made. Never
 * fails as a whole; see `result`. hs_figures_free frees what it holds.
 */
void hs_figures_collect(const struct hs_settings *settings, struct hs_figures *figures);
void hs_figures_free(struct hs_figures *figures);

#endif

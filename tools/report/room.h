/*
 * room: how much the spool can still take, and for how many days at the rate of the last day, as `hookspool stats`
 * shows it. A consumer that is stuck keeps its segments from being deleted, and so the disk fills down to min_free.
 *
 *	room for 41.2 days, 12.3 GB, at the rate of the last day
 */
#ifndef HS_ROOM_H
#define HS_ROOM_H

#include "base/json_writer.h"
#include "spool/shared/metrics.h"
#include "spool/shared/spool_dir.h"

struct hs_room {
	bool is_known;        /* false: the file system does not tell; then the rest is 0 */
	uint64_t bytes;       /* free above min_free */
	uint64_t bytes_a_day; /* lines that were written, before compression; 0: none, or not known */
};

/* `figures` NULL: no rate is known. */
struct hs_room hs_room_find(const struct hs_spool_dir *dir, const struct hs_metrics_figures *figures, int64_t now_ms);

/* Appends a line; nothing if the room is not known. */
void hs_room_put(const struct hs_room *room, struct hs_buf *out);

/*
 * Writes the member "room" of an object, on a line: {"bytes":…,"bytes_a_day":…,"days":41.2}, or null if it is not
 * known; days is null without a rate.
 */
void hs_room_json(const struct hs_room *room, struct hs_json_writer *w);

#endif

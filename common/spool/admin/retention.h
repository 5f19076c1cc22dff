/*
 * retention: what becomes of sealed segments: compressed, and in the end deleted.
 *
 * One process at a time does it (flock on .hookspool/run/maintain), outside the path of any
 * request: a thread of the FastCGI handler, or `hookspool maintain` from cron. Each step
 * can be interrupted anywhere: a compressed copy gets its name only when it is whole and
 * synced, and the plain one goes only after that.
 */
#ifndef HS_RETENTION_H
#define HS_RETENTION_H

#include "spool/shared/spool_dir.h"

/* Below .hookspool/run: who is at it, and the copy that is being made. */
#define HS_RETENTION_LOCK "maintain"
#define HS_RETENTION_COPY "gzip"

struct hs_retention_counts {
	uint64_t compressed, deleted; /* segments */
	uint64_t summaries;           /* made for segments that had none */
	uint64_t letters;             /* dead letters that were taken out of failed.jsonl */
	bool busy;                    /* another process is at it: nothing was done */
};

/*
 * Compresses and deletes what the settings ask for, both streams. Ages go by believed time, see
 * clock.h. A directory, link or FIFO with a segment's name is told of once and passed over; a
 * segment that cannot be read is told of and does not hold up the others. What a cursor has not
 * passed is kept, unless retain_force is set. A dead letter goes when it is older than retain_days
 * and than the oldest event that is left. `stop` is asked now
 * and then, and ends the work early if it says so (NULL: never). HS_OK, HS_E_IO,
 * HS_E_FULL, HS_E_SYNC or HS_E_MEMORY.
 */
enum hs_result hs_retention_run(const struct hs_spool_dir *dir, bool (*stop)(void *context), void *context,
                                struct hs_retention_counts *done);

#endif

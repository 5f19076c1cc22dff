/*
 * retention: compresses sealed segments, and deletes them when they are old.
 *
 * One process at a time does it (flock on .hookspool/run/maintain), never while a request waits: a
 * thread of the FastCGI handler, or `hookspool maintain` from cron. It can be interrupted at any
 * point: a compressed copy gets its name once it is whole and synced, and only then the plain
 * segment goes.
 */
#ifndef HS_RETENTION_H
#define HS_RETENTION_H

#include "spool/shared/spool_dir.h"
#include "spool/summary/summary_file.h"

/* Below .hookspool/run: the lock, and the copy that is being made. */
#define HS_RETENTION_LOCK "maintain"
#define HS_RETENTION_COPY "gzip"

struct hs_retention_counts {
	uint64_t compressed, deleted; /* segments */
	uint64_t bytes, all_bytes;    /* of plain segments: compressed so far, and to be compressed */
	uint64_t summaries;           /* made for segments without one */
	uint64_t letters;             /* removed from failed.jsonl */
	bool busy;                    /* another process holds the lock: nothing was done */
};

/*
 * Compresses and deletes in both streams as the settings say, by believed time (clock.h). Events that
 * a cursor has not passed stay, unless retain_force is set. Removes dead letters that are older than
 * retain_days and than the oldest event. Logs a directory, link or FIFO with a segment's name once,
 * and passes it over; logs a segment that cannot be read, and goes on with the others. `stop` (may
 * be NULL) is called now and then; true ends the work early. `seen` has one element a stream, see
 * summary_file.h. HS_OK, HS_E_SYNC, HS_E_LOCKED, as hs_io_result, or HS_E_SPOOL_STATE; logged.
 */
enum hs_result hs_retention_run(const struct hs_spool_dir *dir, bool (*stop)(void *context), void *context,
                                struct hs_summary_seen seen[static HS_STREAMS], struct hs_retention_counts *done);

/*
 * Makes the missing summaries of the segments that were sealed at `since_ms` or later, by their names. Does
 * nothing if another process holds the lock, which makes them. Logs a failure. `stop` as above.
 */
void hs_retention_summarize(const struct hs_spool_dir *dir, int64_t since_ms, bool (*stop)(void *context),
                            void *context);

#endif

/*
 * segment: the files of one stream: the open one, and the sealed ones beside it.
 *
 * events.jsonl                              open: appended to, never cut
 * events-20261123T101500.123Z-000042.jsonl  sealed: never changed
 * .hookspool/aside-events-42-1234-1795…     set aside: a segment that a kill has torn or a failed
 *                                           sync has poisoned; its first 1234 bytes are to be
 *                                           kept, and sealed with this stamp (ms)
 *
 * A segment in trouble is not repaired in place, since `tail -F` prints all of a file again that was
 * cut. It is renamed aside, its whole lines are copied to the sealed name, and a new open segment is
 * begun. Each step can be resumed: an aside file without its sealed one is copied again, one with it
 * is removed.
 *
 *	segment_file  the open segment's name and descriptor
 *	segment_open  finds it on the disk, or sets it aside
 *	segment_seal  rotation
 *	segment       makes it fit for an append, appends, waits
 */
#ifndef HS_SEGMENT_H
#define HS_SEGMENT_H

#include "spool/write/group_commit.h"
#include "spool/write/segment_file.h"

void hs_segment_init(struct hs_segment *s, const struct hs_spool_dir *dir, int stream);
void hs_segment_close(struct hs_segment *s);

/* Take and release the stream's append lock. HS_OK, HS_E_TIMEOUT, HS_E_SPOOL_STATE or HS_E_IO. */
enum hs_result hs_segment_lock(struct hs_segment *s, int64_t deadline_ms);
void hs_segment_unlock(struct hs_segment *s);

/*
 * Under the lock: makes the open segment fit to append n bytes to: it is there, ours, whole, not
 * poisoned and not due for rotation; the disk has room, and the clock shows a time by which segments
 * can be named, sealed and deleted. HS_OK, HS_E_FULL, HS_E_CLOCK, HS_E_SYNC, HS_E_ROTATE_GAP,
 * HS_E_TIMEOUT, HS_E_SPOOL_FILE, HS_E_SPOOL_OWNER, HS_E_SPOOL_STATE, or as hs_io_result.
 */
enum hs_result hs_segment_prepare(struct hs_segment *s, uint64_t n, int64_t deadline_ms);

/*
 * hs_segment_begin locks and prepares. Results of both; at an error the lock is not held.
 * hs_segment_end unlocks.
 */
enum hs_result hs_segment_begin(struct hs_segment *s, uint64_t n, int64_t deadline_ms);
void hs_segment_end(struct hs_segment *s);

/* A write that may not be on stable storage yet. */
struct hs_unsynced {
	struct hs_ticket ticket;
	struct hs_file *file;
};

/*
 * Under the lock, after prepare: appends whole lines, among which `events` are for the metrics. HS_OK fills
 * *pending, which must go to hs_segment_wait or hs_segment_forget. HS_E_SPOOL_STATE, or as hs_io_result: the file
 * is as it was, or the next prepare finds a fragment at its end.
 */
enum hs_result hs_segment_write(struct hs_segment *s, struct hs_slice lines, uint64_t events,
                                struct hs_unsynced *pending);

/* Without the lock: waits until the lines are on stable storage. Results of hs_commit_wait. */
enum hs_result hs_segment_wait(struct hs_segment *s, struct hs_unsynced *pending, int64_t deadline_ms);

/* Drops a pending write without waiting (durability = none). */
void hs_segment_forget(struct hs_unsynced *pending);

/*
 * Under the lock, after prepare: seals the open segment, unless it is empty, and opens a new one.
 * Results of prepare; HS_E_ROTATE_GAP: the last rotation is less than rotate_min_gap ago, try again.
 */
enum hs_result hs_segment_rotate(struct hs_segment *s, int64_t deadline_ms);

/*
 * Without the lock: after a rotation by this process that listed no directory, looks for segments of other
 * programs. An error leaves that to the next append. Call it when the events are answered.
 */
void hs_segment_look_around(struct hs_segment *s);

/*
 * Under the lock, for an open segment that the state knows. *news: another program has put sealed
 * segments there, which prepare takes in (foreign_segments.h). HS_OK, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_segment_has_news(struct hs_segment *s, bool *news);

/*
 * Under the lock: prepares for no bytes, and looks at the directory even if its ctime has not
 * changed. Results of prepare.
 */
enum hs_result hs_segment_settle(struct hs_segment *s, int64_t deadline_ms);

/* Under the lock, after prepare: the open segment's descriptor, to read from. */
int hs_segment_fd(const struct hs_segment *s);

/*
 * Under the lock, after prepare: syncs all that is in the segment. HS_OK, HS_E_SYNC, HS_E_TIMEOUT
 * or HS_E_IO.
 */
enum hs_result hs_segment_sync(struct hs_segment *s, int64_t deadline_ms);

/*
 * Under the lock, after prepare: fills *pending without a write, to wait until all that is in the
 * segment is on stable storage.
 */
void hs_segment_join(struct hs_segment *s, struct hs_unsynced *pending);

#endif

/*
 * segment: the files of one stream: the open one, and the sealed ones beside it.
 *
 * events.jsonl                              open: appended to, never cut
 * events-20261123T101500.123Z-000042.jsonl  sealed: never changed
 * .hookspool/aside-events-42-1234-1795…     being cleaned: a segment that was torn by a
 *                                           kill or poisoned by a failed sync; its first
 *                                           1234 bytes are to be kept, and sealed with this
 *                                           stamp (ms)
 *
 * A segment in trouble is not repaired in place, since `tail -F` would print all of a
 * file again that was cut. It is renamed aside, what is whole in it is copied to the
 * sealed name, and a new open segment is begun. Each step can be resumed: an aside file
 * without its sealed one is copied again, one with it is removed.
 */
#ifndef HS_SEGMENT_H
#define HS_SEGMENT_H

#include "spool/file/segment_list.h"
#include "spool/shared/spool_dir.h"
#include "spool/write/group_commit.h"

/* An open segment's descriptor, kept until the last waiter is done with it. */
struct hs_file;

/* One process's view of a stream. */
struct hs_segment {
	const struct hs_spool_dir *dir;
	struct hs_stream *stream; /* in the shared state */
	const char *name;         /* "events", "rejected" */
	struct hs_file *file;     /* under the stream's append lock; may be out of date */
	uint64_t rotate_size;
	bool sealed;  /* a segment was sealed by this process: for whoever has to look after their sum */
	uint64_t end; /* of the open segment's file, as prepare found it: never read from the state */
};

void hs_segment_init(struct hs_segment *s, const struct hs_spool_dir *dir, int stream);
void hs_segment_close(struct hs_segment *s);

/* Takes and returns the stream's append lock. HS_OK, HS_E_TIMEOUT, HS_E_SPOOL_STATE or HS_E_IO. */
enum hs_result hs_segment_lock(struct hs_segment *s, int64_t deadline_ms);
void hs_segment_unlock(struct hs_segment *s);

/*
 * Under the lock: makes the open segment fit to append n bytes to: it is there, ours,
 * whole, not poisoned, not due for rotation; there is room, and the clock shows a time by
 * which segments can be named, sealed and deleted. HS_OK, HS_E_FULL, HS_E_CLOCK, HS_E_IO,
 * HS_E_SYNC, HS_E_MEMORY, HS_E_ROTATE_GAP, HS_E_SPOOL_FILE, HS_E_SPOOL_OWNER or HS_E_SPOOL_STATE.
 */
enum hs_result hs_segment_prepare(struct hs_segment *s, uint64_t n, int64_t deadline_ms);

/*
 * hs_segment_begin locks and prepares; results of both, and at an error the lock is not held.
 * hs_segment_end unlocks.
 */
enum hs_result hs_segment_begin(struct hs_segment *s, uint64_t n, int64_t deadline_ms);
void hs_segment_end(struct hs_segment *s);

/* What hs_segment_write leaves to wait for. */
struct hs_unsynced {
	struct hs_ticket ticket;
	struct hs_file *file;
};

/*
 * Under the lock, after prepare: appends whole lines. HS_OK fills *pending, which must go
 * to hs_segment_wait. At HS_E_FULL, HS_E_IO or HS_E_SPOOL_STATE the file is as it was.
 */
enum hs_result hs_segment_write(struct hs_segment *s, struct hs_slice lines, struct hs_unsynced *pending);

/* Without the lock: until the lines are on stable storage. Results of hs_commit_wait. */
enum hs_result hs_segment_wait(struct hs_segment *s, struct hs_unsynced *pending, int64_t deadline_ms);

/* Drops a pending write that nobody waits for (durability = none). */
void hs_segment_forget(struct hs_unsynced *pending);

/*
 * Under the lock, after prepare: seals the open segment, unless it is empty, and opens a
 * new one. Results of prepare; HS_E_ROTATE_GAP if the last rotation is less than rotate_min_gap
 * ago: try again.
 */
enum hs_result hs_segment_rotate(struct hs_segment *s, int64_t deadline_ms);

/*
 * Under the lock, of an open segment that the state knows: has somebody put sealed segments
 * there that are not taken in (foreign_segments.h)? prepare takes them in. HS_OK, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_segment_has_news(struct hs_segment *s, bool *news);

/*
 * Under the lock: looks at the directory whatever its ctime says, and settles the numbers: what
 * prepare does when it sees that something has changed. Results of prepare.
 */
enum hs_result hs_segment_settle(struct hs_segment *s, int64_t deadline_ms);

/* What the open segment of the rejected may grow to between two rotations, unless one append is more. */
uint64_t hs_segment_most(const struct hs_segment *s);

/* Under the lock, after prepare: the open segment's descriptor, to read from. */
int hs_segment_fd(const struct hs_segment *s);

/*
 * Under the lock, after prepare: syncs all that stands in the segment, as leader. Results
 * of hs_commit_all, HS_E_TIMEOUT or HS_E_IO.
 */
enum hs_result hs_segment_sync(struct hs_segment *s, int64_t deadline_ms);

/*
 * Under the lock, after prepare: a pending write without a write: to wait until all that
 * stands in the segment is on stable storage.
 */
void hs_segment_join(struct hs_segment *s, struct hs_unsynced *pending);

#endif

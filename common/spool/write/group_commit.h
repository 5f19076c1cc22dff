/*
 * group_commit: one sync for all writers that wrote before it, across threads and processes.
 *
 * A writer appends under the stream's append lock and takes a ticket. Then it waits until the segment
 * is synced past its target. The waiter that gets the sync lock is the leader: it publishes "in
 * flight, up to X", syncs, publishes "synced up to X", and wakes the waiters that this covers, and
 * one of the later ones, to lead next.
 *
 * A failed sync is final for its segment. Linux reports a write-back error once and then calls the
 * pages clean, so a second sync would return 0 over lost bytes
 * (https://wiki.postgresql.org/wiki/Fsync_Errors). On failure the leader poisons the segment. So does
 * a process that finds the sync lock of a dead leader with its mark still in flight, for that leader
 * may have been told of an error and died of something else. Every waiter gets HS_E_SYNC, and the
 * next writer sets the segment aside.
 *
 * The kernel reports an error to the descriptors that were open when it occurred, and to no later one
 * once any program that synced the file has been told (errseq_t, Linux 4.17). So a sync proves
 * nothing about bytes that were written before its descriptor was opened. Two marks tell of writers
 * that died:
 *
 * the file's length  grows with the write itself, so not even death in mid-write hides it. A process
 *                    that opens the file keeps it as the descriptor's `blind` mark: the bytes
 *                    between `synced` and there were written before.
 * in_flight          is stored before a sync: up to here.
 *
 * A leader whose descriptor is blind to a part of what it will sync writes that part again
 * first, through its own descriptor, line by line: then its sync proves those bytes, too. So a writer
 * that was killed before its sync costs the others two system calls and no 503. Only if what it wrote
 * is no longer whole in the page cache is the segment poisoned.
 * As a rule no descriptor is blind, since the writer of the first byte that is not synced lives and
 * had the file open before it wrote.
 */
#ifndef HS_GROUP_COMMIT_H
#define HS_GROUP_COMMIT_H

#include "spool/shared/metrics.h"
#include "spool/shared/shared_state.h"

struct hs_ticket {
	uint64_t generation;        /* of the segment written to */
	uint64_t target;            /* its bytes up to here must be on stable storage */
	uint32_t epoch;             /* the first sync that begins after this number covers it */
	int fd;                     /* of that segment, open until the wait is over */
	uint64_t blind;             /* the file's length when that was opened: see above */
	struct hs_metrics *metrics; /* count the sync, if this writer leads; NULL: nothing does */
};

/* Under the append lock, after the write: publishes the new end and fills the ticket. */
void hs_commit_note(struct hs_stream *stream, int fd, uint64_t blind, uint64_t end, struct hs_ticket *ticket);

/*
 * Writes the lines between two offsets again, at their place. HS_OK, or HS_E_SYNC: they are no longer
 * whole lines of JSON, cannot be read or written, or memory is out.
 */
enum hs_result hs_commit_renew(int fd, uint64_t from, uint64_t to);

/*
 * Waits until the ticket's bytes are on stable storage; may lead. HS_OK: they are. HS_E_SYNC: they
 * are not, or it cannot be told. HS_E_TIMEOUT: the deadline passed first. HS_E_IO: a lock is broken.
 */
enum hs_result hs_commit_wait(struct hs_stream *stream, const struct hs_ticket *ticket, int64_t deadline_ms);

/*
 * Under the append lock: poisons the segment if its leader died during a sync, so that nothing more
 * is written to it. Without this call only waiters would notice.
 */
void hs_commit_notice(struct hs_stream *stream);

/*
 * Waits until no sync is under way, and keeps others from starting one until hs_commit_resume.
 * HS_OK, HS_E_TIMEOUT or HS_E_IO: there is nothing to resume then.
 */
enum hs_result hs_commit_quiesce(struct hs_stream *stream, int64_t deadline_ms);
void hs_commit_resume(struct hs_stream *stream);

/*
 * Under the append lock, quiesced: syncs the open segment to its end, and counts that in the metrics (NULL:
 * does not). HS_OK, or HS_E_SYNC: then it is poisoned.
 */
enum hs_result hs_commit_all(struct hs_stream *stream, int fd, uint64_t blind, struct hs_metrics *metrics);

/*
 * Under the append lock, quiesced: ends the open segment's generation. Its waiters learn that
 * `synced` bytes of it are safe.
 */
void hs_commit_end(struct hs_stream *stream, uint64_t synced);

/* Without a lock: how many bytes of an ended generation are safe. False: it has not ended, or is forgotten. */
bool hs_commit_past(const struct hs_stream *stream, uint64_t generation, uint64_t *synced);

/* Under the append lock: begins a generation, of a file that holds `size` synced bytes. */
void hs_commit_begin(struct hs_stream *stream, uint64_t size);

#endif

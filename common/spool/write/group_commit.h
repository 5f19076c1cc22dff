/*
 * group_commit: one sync for all who wrote before it, across threads and processes.
 *
 * A writer appends under the stream's append lock and takes a ticket. Then it waits until
 * the segment is synced past its target. Whoever gets the sync lock is the leader: it
 * publishes "in flight, up to X", syncs, publishes "synced up to X", and wakes those
 * whom this covers, and one of those who came later, to lead next.
 *
 * A failed sync is final for its segment. Linux reports a write-back error once and then
 * calls the pages clean, so a second sync would answer 0 over lost bytes
 * (https://wiki.postgresql.org/wiki/Fsync_Errors). On failure the leader poisons the
 * segment; so does whoever finds the sync lock of a dead leader with its mark still in
 * flight, for that leader may have been told of an error and died of something else.
 * Everyone who waits gets HS_E_SYNC, and the next writer sets the segment aside.
 *
 * An error is told to the descriptors that were open when it occurred, and to no later one
 * once anybody has been told, any program whose sync of the same file came first included
 * (errseq_t, Linux 4.17). So a sync proves nothing of bytes that were written before its
 * descriptor was opened. Two marks tell of writers that died:
 *
 * the file's length  grows with the write itself, so not even death in mid-write hides it.
 *                    Whoever opens the file keeps it as the descriptor's `blind` mark: what
 *                    lies between `synced` and there was written before.
 * in_flight          is stored before a sync: up to here.
 *
 * A leader whose descriptor is blind to a part of what it will sync writes that part anew
 * first, through its own descriptor, line by line: then its sync speaks for those bytes,
 * too. So a writer that was killed before its sync costs the others two system calls and no
 * 503. Only if what it wrote is no longer whole in the page cache is the segment poisoned.
 * Writers that live lead for themselves as a rule: whoever wrote the first byte that is not
 * synced had the file open before it.
 */
#ifndef HS_GROUP_COMMIT_H
#define HS_GROUP_COMMIT_H

#include "spool/shared/shared_state.h"

struct hs_ticket {
	uint64_t generation; /* of the segment written to */
	uint64_t target;     /* its bytes up to here must be on stable storage */
	uint32_t epoch;      /* the first sync that begins after this number covers it */
	int fd;              /* of that segment, open until the wait is over */
	uint64_t blind;      /* what this descriptor's sync does not speak for */
};

/* Under the append lock, after the write: publishes the new end and fills the ticket. */
void hs_commit_note(struct hs_stream *stream, int fd, uint64_t blind, uint64_t end, struct hs_ticket *ticket);

/*
 * Writes the lines between two offsets anew, at their place. HS_OK, or HS_E_SYNC: they are
 * not whole lines of JSON any more, or cannot be read or written.
 */
enum hs_result hs_commit_renew(int fd, uint64_t from, uint64_t to);

/*
 * Waits, or leads. HS_OK: on stable storage. HS_E_SYNC: it is not, or nobody can tell.
 * HS_E_TIMEOUT: the deadline passed first. HS_E_IO: a lock is broken.
 */
enum hs_result hs_commit_wait(struct hs_stream *stream, const struct hs_ticket *ticket, int64_t deadline_ms);

/*
 * Under the append lock: poisons the segment if its leader died over a sync, so that
 * nothing more is written to it. Otherwise only those who wait would find out.
 */
void hs_commit_notice(struct hs_stream *stream);

/* Waits until no sync is under way, and keeps others from starting one. */
enum hs_result hs_commit_quiesce(struct hs_stream *stream, int64_t deadline_ms);
void hs_commit_resume(struct hs_stream *stream);

/*
 * Under the append lock, quiesced: syncs the open segment to its end. HS_OK, or
 * HS_E_SYNC: then it is poisoned.
 */
enum hs_result hs_commit_all(struct hs_stream *stream, int fd, uint64_t blind);

/*
 * Under the append lock, quiesced: ends the open segment's generation. Those who wait on
 * it learn that `synced` bytes of it are safe.
 */
void hs_commit_end(struct hs_stream *stream, uint64_t synced);

/* Without a lock: how a generation ended; false if it has not, or if that is forgotten. */
bool hs_commit_past(const struct hs_stream *stream, uint64_t generation, uint64_t *synced);

/* Under the append lock: begins a generation, of a file that holds `size` synced bytes. */
void hs_commit_begin(struct hs_stream *stream, uint64_t size);

#endif

/*
 * commit: one sync for all who wrote before it, across threads and processes.
 *
 * A writer appends under the family's append lock and takes a ticket. Then it waits until
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
 */
#ifndef HS_COMMIT_H
#define HS_COMMIT_H

#include "store/state.h"

struct hs_ticket {
	uint64_t generation; /* of the segment written to */
	uint64_t target;     /* its bytes up to here must be on stable storage */
	uint32_t epoch;      /* the first sync that begins after this number covers it */
	int fd;              /* of that segment, open until the wait is over */
};

/* Under the append lock, after the write: publishes the new end and fills the ticket. */
void hs_commit_note(struct hs_family *f, int fd, uint64_t end, struct hs_ticket *t);

/*
 * Waits, or leads. HS_OK: on stable storage. HS_E_SYNC: it is not, or nobody can tell.
 * HS_E_BUSY: the deadline passed first. HS_E_IO: a lock is broken.
 */
enum hs_result hs_commit_wait(struct hs_family *f, const struct hs_ticket *t, int64_t deadline_ms);

/*
 * Under the append lock: poisons the segment if its leader died over a sync, so that
 * nothing more is written to it. Otherwise only those who wait would find out.
 */
void hs_commit_notice(struct hs_family *f);

/* Waits until no sync is under way, and keeps others from starting one. */
enum hs_result hs_commit_quiesce(struct hs_family *f, int64_t deadline_ms);
void hs_commit_resume(struct hs_family *f);

/*
 * Under the append lock, quiesced: syncs the open segment to its end. HS_OK, or
 * HS_E_SYNC: then it is poisoned.
 */
enum hs_result hs_commit_all(struct hs_family *f, int fd);

/*
 * Under the append lock, quiesced: ends the open segment's generation. Those who wait on
 * it learn that `synced` bytes of it are safe.
 */
void hs_commit_end(struct hs_family *f, uint64_t synced);

/* Without a lock: how a generation ended; false if it has not, or if that is forgotten. */
bool hs_commit_past(const struct hs_family *f, uint64_t generation, uint64_t *synced);

/* Under the append lock: begins a generation, of a file that holds `size` synced bytes. */
void hs_commit_begin(struct hs_family *f, uint64_t size);

#endif

/*
 * shared_state: what the processes that use one spool share: .hookspool/run/state, mapped.
 *
 * It holds no data, only where things stand, in this machine's byte order; it is rebuilt from
 * the spool whenever it cannot be trusted: after a reboot, so on another machine, too. Who
 * may trust it is settled by flock(2) on the spool directory and on the state itself: every user
 * holds both shared for as long as the spool is open; whoever gets both exclusively is alone,
 * and sets the state up again before sharing it. (Not on a file in .hookspool/run: who removed
 * that would part those who come from those who are there.) So locks that a killed process left
 * behind, or that an earlier
 * boot wrote, never outlive the last user.
 *
 * Somebody may cut or empty the file while it is mapped. Then all or part of it reads as zeros
 * (io.h), its locks among them, which would exclude nobody. So words that are never 0 stand
 * around each stream: they are looked at after what was read and before a byte is written, a
 * name is changed or a 200 is given. A state that is lost is closed, and set up again by
 * whoever gets alone, as ever: until then nobody writes.
 */
#ifndef HS_SHARED_STATE_H
#define HS_SHARED_STATE_H

#include "base/result.h"
#include "spool/shared/fingerprints.h"
#include "spool/shared/recent_ids.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { HS_EVENTS, HS_REJECTED, HS_STREAMS };
enum { HS_PAST = 64, HS_OWN = 64 };
#define HS_INTACT UINT64_C(0x68737069746e6163)

/* How a segment ended that is no longer open. */
struct hs_past {
	_Atomic uint64_t generation;
	_Atomic uint64_t synced; /* bytes of it that are on stable storage */
};

/* A segment that this spool has sealed itself. */
struct hs_own {
	uint64_t number;
	int64_t sealed_ms;
};

/* One stream of files: events.jsonl and the sealed events-….jsonl, or the rejected. */
struct hs_stream {
	_Atomic uint64_t first; /* HS_INTACT */
	pthread_mutex_t append; /* who writes, seals, opens. Taken before `sync`, never after */
	pthread_mutex_t sync;   /* who syncs: the leader of a group commit */

	/* under `append` */
	uint32_t known;            /* 0: what follows must be found out from the disk */
	uint64_t generation;       /* of the open segment, +1 each time one is opened */
	uint64_t number;           /* in the sealed name it will get */
	uint64_t saved;            /* the number that is on stable storage: nothing is appended under another */
	struct hs_own own[HS_OWN]; /* [number % HS_OWN] */
	int64_t looked_ns;         /* ctime of the directory when that was read; see foreign_segments.h */
	int64_t look_again_us;     /* not before that, on the clock that never jumps */
	uint64_t inode;            /* of its file: the device's number may change at a remount */
	uint64_t reserved;         /* blocks are allocated up to here */
	uint32_t trusted;      /* a file that is found was left by another boot: no write-back error of it is lost */
	int64_t opened_ms;     /* when the open segment got its first line; 0: it is empty */
	int64_t sealed_ms;     /* stamp of the newest sealed segment */
	int64_t rotated_ms;    /* when that was, on the clock that never jumps */
	uint64_t room;         /* bytes that need no new look at the disk's free space … */
	int64_t room_until_ms; /* … until then, on that clock */

	/* read without a lock, see group_commit.c */
	struct hs_past past[HS_PAST]; /* [generation % HS_PAST] */
	_Atomic uint64_t current;     /* = generation; 0 between two of them */
	_Atomic uint64_t written;     /* whole lines end here */
	_Atomic uint64_t synced;      /* everything below is on stable storage */
	_Atomic uint64_t in_flight;   /* a sync of everything below is under way; 0: none */
	_Atomic uint32_t poisoned;    /* a sync of the open segment failed, or may have */
	_Atomic uint32_t epoch;       /* syncs begun */
	_Atomic uint32_t wake[2];     /* futexes: those who wait for an even, an odd epoch */
	_Atomic uint64_t last;        /* HS_INTACT */
};

/*
 * What the index's file looked like when it was last written, so that one which somebody
 * damaged, replaced or put back is not believed. Under the events' append lock.
 */
struct hs_index_print {
	uint64_t size, inode;
	int64_t changed_ns; /* 0: nothing is known, and nothing is believed */
	uint32_t writing;   /* a transaction is under way, or its writer was killed in it */
	uint32_t window_s;  /* the longest that a process has asked for: so long ids are kept */
	uint32_t latest_s;  /* the latest time at which it has forgotten what was out of the window */
};

/* The wall clock beside one that no correction moves: see clock.h. Under `lock`, the last taken. */
struct hs_clock {
	pthread_mutex_t lock;
	int64_t wall_ms;        /* at the last look; 0: nobody has looked */
	int64_t boot_ms;        /* since boot, then; -1: that was another boot */
	int64_t steady_ms;      /* how long it has run without a jump, up to a week */
	_Atomic int64_t lag_ms; /* how far the clock is ahead of the believed time */
};

struct hs_shared_state {
	char magic[8];
	uint32_t version; /* of the spool's format: a newer one is not ours to touch */
	uint32_t layout;  /* of this struct and of the C library's mutex: both sides must agree */
	uint32_t ready;   /* 0: whoever set it up was killed over it */
	char boot_id[40]; /* "" if it could not be told: then nothing is trusted when alone */
	uint64_t inode;   /* of this file: a copy speaks of other files, and is not trusted */
	uint64_t life;    /* random, another one each time that nothing of before counts */
	struct hs_stream stream[HS_STREAMS];
	struct hs_index_print index;
	struct hs_clock clock;
	struct hs_recent_ids recent; /* under the events' append lock; so is the next one */
	struct hs_fingerprints fingerprints;
	_Atomic uint64_t strange;        /* a hash of the names that maintenance has told of; 0: none */
	_Atomic uint64_t suppress_epoch; /* +1 each time the list of suppressed people is replaced */
	_Atomic uint64_t receipts_seen;  /* bytes of erased.jsonl, and nobody is suppressed by them */
	_Atomic uint64_t modes;          /* what the files' modes follow, see modes.h; 0: it is not known */
	_Atomic int64_t slow_ms;         /* when an append last took long (hs_io_now_monotonic's clock); 0: never */
	char spool_id[40];               /* what history.h read last: if its file alone is lost */
	uint64_t spool_epoch;
	_Atomic uint64_t last; /* HS_INTACT */
};

struct hs_shared_state_handle {
	struct hs_shared_state *state;
	int lock_fd; /* the spool directory, opened once more: flock(2) belongs to the description */
	int state_fd;
	uint64_t life; /* of one that is open to read only */
};

/* False: the state is lost, and nothing that was read of it counts. */
bool hs_stream_is_intact(const struct hs_stream *stream);
bool hs_shared_state_is_intact(const struct hs_shared_state *state);
/* The same, and the file has its size and its name in .hookspool/run: otherwise open it again. */
bool hs_shared_state_is_current(const struct hs_shared_state_handle *handle, int run_dir);

/*
 * Opens the state in .hookspool/run. HS_OK, HS_E_SETTING_UP (another process sets it up
 * and does not finish), HS_E_SPOOL_VERSION, HS_E_SPOOL_FILE, HS_E_SPOOL_FS, HS_E_SPOOL_STATE
 * (it cannot be read, or it is cut and others have it open), HS_E_FULL, HS_E_MEMORY or HS_E_IO.
 */
enum hs_result hs_shared_state_open(int spool_dir, int run_dir, struct hs_shared_state_handle *handle);

/*
 * The same for who may read the file and no more. No lock is taken, so nothing may be written
 * there, and what is there may be set up anew at any time: hs_shared_state_is_current tells, after what
 * was read. HS_OK, HS_E_SPOOL_ASLEEP (nobody has set it up since the machine was started),
 * HS_E_SPOOL_OWNER (it may not be read), HS_E_SPOOL_VERSION, HS_E_SPOOL_FILE, HS_E_SPOOL_FS,
 * HS_E_SPOOL_STATE or HS_E_IO.
 */
enum hs_result hs_shared_state_open_to_read(int run_dir, struct hs_shared_state_handle *handle);
void hs_shared_state_close(struct hs_shared_state_handle *handle);

/*
 * Makes the next user find out everything anew, as after a reboot; the numbers are kept.
 * HS_OK, HS_E_SPOOL_IN_USE (somebody uses the spool) or results of opening.
 */
enum hs_result hs_shared_state_distrust(int spool_dir, int run_dir);

/* Makes what must survive a power cut (the numbers) do so. HS_OK or HS_E_IO. */
enum hs_result hs_shared_state_sync(const struct hs_shared_state_handle *handle);

/*
 * Takes a stream's mutex by `deadline_ms` (hs_io_now_monotonic's clock). *died: its last
 * holder was killed while it held it. HS_OK, HS_E_TIMEOUT or HS_E_IO.
 */
enum hs_result hs_shared_state_lock(pthread_mutex_t *mutex, int64_t deadline_ms, bool *died);
/* The same without waiting: HS_E_TIMEOUT if somebody else has it. */
enum hs_result hs_shared_state_try_lock(pthread_mutex_t *mutex, bool *died);
void hs_shared_state_unlock(pthread_mutex_t *mutex);
/*
 * One of the stream's. In a state that is lost it stays as it is: what the C library would read
 * and follow there may be zeros by half.
 */
void hs_stream_unlock(const struct hs_stream *stream, pthread_mutex_t *mutex);

#endif

/*
 * shared_state: the memory that all processes with one open spool share: .hookspool/run/state, mapped.
 *
 * It holds no data, only offsets, numbers and locks, in this machine's byte order, and is rebuilt from
 * the spool whenever it cannot be trusted: after a reboot, and so on another machine, too. flock(2) on
 * the spool directory and on the state itself decides that: every process holds both shared while it
 * has the spool open. A process that gets both exclusively is alone, and sets the state up again
 * before it shares them. (A lock file in .hookspool/run would not do: if it were removed, new
 * processes would not see the old ones.) So locks that a killed process or an earlier boot has left
 * never outlive the last process.
 *
 * Another program may cut or empty the file while it is mapped. Then all or part of it reads as zeros
 * (io.h), its locks among them, which would exclude no one. So each stream is enclosed in words that
 * are never 0. They are checked after the state was read, and before a byte is written, a name is
 * changed or a 200 is sent. A state that is lost is closed, and set up again by the first process that
 * is alone: until then no process writes.
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

/* The end of a generation. */
struct hs_past {
	_Atomic uint64_t generation;
	_Atomic uint64_t synced; /* bytes of it that are on stable storage */
};

/* A segment that this spool has sealed, not another program. */
struct hs_own {
	uint64_t number;
	int64_t sealed_ms;
};

/* A stream of segments: events.jsonl and the sealed events-….jsonl, or those of rejected. */
struct hs_stream {
	_Atomic uint64_t first; /* HS_INTACT */
	pthread_mutex_t append; /* to write, seal or open. Taken before `sync`, never after */
	pthread_mutex_t sync;   /* to sync: held by the leader of a group commit */

	/* under `append` */
	uint32_t known;            /* 0: the rest must be found out from the disk */
	uint64_t generation;       /* of the open segment, +1 each time one is opened */
	uint64_t number;           /* in the sealed name that the open segment will get */
	uint64_t saved;            /* the number on stable storage: nothing is appended under another */
	struct hs_own own[HS_OWN]; /* [number % HS_OWN] */
	int64_t looked_ns;         /* the directory's ctime when it was last read; see foreign_segments.h */
	int64_t look_again_us;     /* not to be read before this, on the monotonic clock */
	uint64_t inode;            /* of the open segment's file: the device's number may change at a remount */
	uint64_t reserved;         /* its blocks are allocated up to here */
	uint32_t trusted;      /* the file on the disk was left by another boot: no write-back error of it is lost */
	int64_t opened_ms;     /* when the open segment got its first line; 0: it is empty */
	int64_t sealed_ms;     /* stamp of the newest sealed segment */
	int64_t rotated_ms;    /* when that was, on the monotonic clock */
	uint64_t room;         /* bytes that can be written without asking for the disk's free space … */
	int64_t room_until_ms; /* … until then, on that clock */

	/* read without a lock, see group_commit.c */
	struct hs_past past[HS_PAST]; /* [generation % HS_PAST] */
	_Atomic uint64_t current;     /* = generation; 0 between two of them */
	_Atomic uint64_t written;     /* the end of the whole lines */
	_Atomic uint64_t synced;      /* everything below is on stable storage */
	_Atomic uint64_t in_flight;   /* a sync of everything below is under way; 0: none */
	_Atomic uint64_t events;      /* that appends have counted, for the metrics … */
	_Atomic uint64_t served;      /* … and those that a sync has served; under `sync` */
	_Atomic uint32_t poisoned;    /* a sync of the open segment failed, or may have */
	_Atomic uint32_t epoch;       /* syncs begun */
	_Atomic uint32_t wake[2];     /* futexes of the waiters for an even, an odd epoch */
	_Atomic uint64_t last;        /* HS_INTACT */
};

/*
 * Size and times of the index's file when it was last written, so that a file that was damaged,
 * replaced or put back is not believed. Under the events' append lock.
 */
struct hs_index_print {
	uint64_t size, inode;
	int64_t changed_ns; /* 0: not known, and the file is not believed */
	uint32_t writing;   /* a transaction is under way, or its writer was killed during it */
	uint32_t window_s;  /* how long ids are kept: the longest time that a process has asked for */
	uint32_t latest_s;  /* the latest time at which ids outside the window were forgotten */
	/* How far the index is while it is behind; it began with segment `behind_from`. */
	int64_t behind_since_ms; /* on the monotonic clock; 0: it is not behind */
	uint64_t behind_from;
	uint32_t behind_permille;
};

/* The wall clock beside the time since boot: see clock.h. Under `lock`, which is taken after all others. */
struct hs_clock {
	pthread_mutex_t lock;
	int64_t wall_ms;        /* at the last look; 0: there was none */
	int64_t boot_ms;        /* since boot, then; -1: that was another boot */
	int64_t steady_ms;      /* how long the clock has run without a jump, up to a week */
	_Atomic int64_t lag_ms; /* how far the clock is ahead of the believed time */
	/* the earliest time that it showed while it was behind, and the last one of these or the next; 0: it never was */
	_Atomic int64_t behind_ms, behind_end_ms;
};

struct hs_shared_state {
	char magic[8];
	uint32_t version; /* of the spool's format: a newer one must not be touched */
	uint32_t layout;  /* of this struct and of the C library's mutex: all processes must agree */
	uint32_t ready;   /* 0: it is being set up, or the process that did so was killed */
	char boot_id[40]; /* "" if it is not known: then a process that is alone trusts nothing */
	uint64_t inode;   /* of this file: a copy describes other files, and is not trusted */
	uint64_t life;    /* random; changes each time the state is reset */
	struct hs_stream stream[HS_STREAMS];
	struct hs_index_print index;
	struct hs_clock clock;
	struct hs_recent_ids recent; /* under the events' append lock; so is the next one */
	struct hs_fingerprints fingerprints;
	_Atomic uint64_t strange;        /* a hash of the names that maintenance has reported; 0: none */
	_Atomic uint64_t suppress_epoch; /* +1 each time the list of suppressed people is replaced */
	_Atomic uint64_t receipts_seen;  /* bytes of erased.jsonl that were read and suppress no person */
	_Atomic uint64_t modes;          /* group and mode that the files were given, see modes.h; 0: not known */
	_Atomic int64_t slow_ms;         /* when an append last took long (hs_io_now_monotonic's clock); 0: never */
	char spool_id[40];               /* id and epoch that history.c read last, in case its file alone is lost */
	uint64_t spool_epoch;
	_Atomic uint64_t last; /* HS_INTACT */
};

struct hs_shared_state_handle {
	struct hs_shared_state *state;
	int lock_fd;   /* the spool directory, opened again, since flock(2) belongs to the open file; -1: read only */
	int state_fd;  /* .hookspool/run/state */
	uint64_t life; /* read only: the state's life when it was opened */
};

/* False: the state is lost, and nothing that was read from it counts. */
bool hs_stream_is_intact(const struct hs_stream *stream);
bool hs_shared_state_is_intact(const struct hs_shared_state *state);
/* False also if its file has lost its size or its name in .hookspool/run: then open it again. */
bool hs_shared_state_is_current(const struct hs_shared_state_handle *handle, int run_dir);

/*
 * Opens the state in .hookspool/run. HS_OK; HS_E_SETTING_UP: another process does not finish setting
 * it up, or has a state open that was cut; HS_E_SPOOL_STATE: it cannot be read; HS_E_SPOOL_VERSION,
 * HS_E_SPOOL_FILE, HS_E_SPOOL_FS, or as hs_io_result.
 */
enum hs_result hs_shared_state_open(int spool_dir, int run_dir, struct hs_shared_state_handle *handle);

/*
 * Opens the state for a process that may only read the file. It takes no lock and must not write there; the
 * state may be set up again at any time, which hs_shared_state_is_current tells after a read. HS_OK;
 * HS_E_SPOOL_ASLEEP: it was not set up since the machine was started; HS_E_SPOOL_OWNER: it may not be
 * read; HS_E_SPOOL_VERSION, HS_E_SPOOL_FILE, HS_E_SPOOL_FS, HS_E_SPOOL_STATE, or as hs_io_result.
 */
enum hs_result hs_shared_state_open_to_read(int run_dir, struct hs_shared_state_handle *handle);
void hs_shared_state_close(struct hs_shared_state_handle *handle);

/*
 * Makes the next process that is alone find out everything from the disk, as after a reboot; keeps
 * the numbers. HS_OK; HS_E_SPOOL_IN_USE: a process has the spool open; results of hs_shared_state_open.
 */
enum hs_result hs_shared_state_distrust(int spool_dir, int run_dir);

/* Syncs the state: the segments' numbers must survive a power cut. HS_OK or HS_E_IO. */
enum hs_result hs_shared_state_sync(const struct hs_shared_state_handle *handle);

/*
 * Takes a mutex of the state by `deadline_ms` (hs_io_now_monotonic's clock). *died: its last holder
 * died while it held it. HS_OK, HS_E_TIMEOUT or HS_E_IO.
 */
enum hs_result hs_shared_state_lock(pthread_mutex_t *mutex, int64_t deadline_ms, bool *died);
/* Like hs_shared_state_lock, without waiting: HS_E_TIMEOUT if it is taken. */
enum hs_result hs_shared_state_try_lock(pthread_mutex_t *mutex, bool *died);
void hs_shared_state_unlock(pthread_mutex_t *mutex);
/*
 * Releases one of a stream's mutexes. Does nothing if the state is lost: the C library would follow
 * pointers there that may be half zeros.
 */
void hs_stream_unlock(const struct hs_stream *stream, pthread_mutex_t *mutex);

#endif

/*
 * wrap: makes chosen calls of the C library, of libcrypto and of LMDB fail, wait, or be the last thing a process
 * does. Tests are linked with WRAP of the Makefile (ld --wrap); elsewhere
 * nothing here has an effect. Plans belong to the process; a child made by fork starts
 * with a copy of its parent's.
 */
#ifndef HS_TEST_WRAP_H
#define HS_TEST_WRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wrap_call {
	WRAP_FDATASYNC,
	WRAP_FSYNC,
	WRAP_PWRITE,
	WRAP_PREAD,
	WRAP_OPENAT,
	WRAP_RENAMEAT,
	WRAP_UNLINKAT,
	WRAP_FTRUNCATE,
	WRAP_FALLOCATE,
	WRAP_FSTATVFS,
	WRAP_FCHMOD,
	WRAP_FLOCK,
	WRAP_CALLS_OF_FILES, /* those above */
	WRAP_CALLOC = WRAP_CALLS_OF_FILES,
	WRAP_REALLOC,
	WRAP_FDOPENDIR,
	WRAP_MALLOC, /* and strdup, strndup */
	WRAP_MMAP,
	WRAP_FSTAT,
	WRAP_FSTATAT,
	WRAP_MKDIRAT,
	WRAP_LINKAT,
	WRAP_ACCEPT4,
	WRAP_EPOLL_CTL,
	WRAP_SHA1,   /* SHA1_Init, SHA1_Update, SHA1_Final */
	WRAP_SHA256, /* likewise */
	WRAP_LMDB,   /* every function of LMDB that returns a code: it is the errno of the plan */
	WRAP_LOCK,   /* pthread_mutex_init, pthread_rwlock_init: likewise */
	WRAP_CALLS
};

enum { WRAP_FOREVER = 1 << 30 };

/* Forgets every plan and every count, and restores disks, directories and clocks. */
void wrap_reset(void);

/* The number of its calls since wrap_reset. */
unsigned wrap_count(enum wrap_call call);

/* The bytes that WRAP_PREAD has returned since wrap_reset. */
uint64_t wrap_bytes_read(void);

/* The nth call from now on (from 1) and the next `times - 1` fail with this errno. */
void wrap_fail(enum wrap_call call, unsigned nth, unsigned times, int error);

/* The errno with which a call fails most often. */
int wrap_error(enum wrap_call call);

/* The nth write from now on writes half of its bytes; if `error` is not 0, the next one fails with it. */
void wrap_short_write(unsigned nth, int error);

/* Calls the hook before the nth call from now on, in the thread that makes it. */
void wrap_before(enum wrap_call call, unsigned nth, void (*hook)(void *context), void *context);

/*
 * Raises SIGKILL before the nth call on files, counted over all kinds. `torn`: if it is
 * a write, half of its bytes are written first.
 */
void wrap_kill(unsigned nth, bool torn);

/* The number of calls on files since wrap_reset: wrap_kill's nth runs from 1 to this. */
unsigned wrap_count_files(void);

/* The free inodes of every file system, as seen from now on; -1: the real number; -2: none is counted, as on btrfs. */
void wrap_inodes(long long free);

/* Sets the free bytes likewise. */
void wrap_space(long long free);

/* From now on malloc and realloc give no more bytes at once than these: for what is long there is no memory. */
void wrap_memory(size_t most);

/* Adds `shift` to the device number of every file. */
void wrap_device(unsigned shift);

/* The type of every file system, as statfs(2) tells it; 0: the real one. */
void wrap_file_system(uint32_t type);

/* From now on a directory tells no kinds of files, as some file systems do not. */
void wrap_hide_kinds(void);

/* Moves the clocks: CLOCK_REALTIME, and all others. */
void wrap_clock(int64_t date_ms, int64_t monotonic_ms);

#endif

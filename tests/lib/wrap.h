/*
 * wrap: makes chosen calls of the C library fail, wait, or be the last thing a process
 * does. A test that wants this is linked with WRAP of the Makefile (ld --wrap); in others
 * nothing here has any effect. Plans belong to the process; a child made by fork starts
 * with a copy of its parent's.
 */
#ifndef HS_TEST_WRAP_H
#define HS_TEST_WRAP_H

#include <stdbool.h>
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
	WRAP_CALLS
};

enum { WRAP_FOREVER = 1 << 30 };

/* Forgets every plan and every count, and puts the clocks right. */
void wrap_reset(void);

/* How often it was called since wrap_reset. */
unsigned wrap_count(enum wrap_call call);

/* From now on the nth call (from 1) and the `times - 1` behind it fail with this errno. */
void wrap_fail(enum wrap_call call, unsigned nth, unsigned times, int error);

/* The nth write from now on writes half of its bytes; with an errno the next one fails. */
void wrap_short_write(unsigned nth, int error);

/* Calls the hook before the nth call from now on, in the thread that makes it. */
void wrap_before(enum wrap_call call, unsigned nth, void (*hook)(void *context), void *context);

/*
 * SIGKILL before the nth call of any on files, counted over all of them. `torn`: if it is
 * a write, half of it happens first.
 */
void wrap_kill(unsigned nth, bool torn);

/* Calls on files since wrap_reset: the nth above runs from 1 to this. */
unsigned wrap_count_files(void);

/* From now on every file system has so many free inodes; -1: as many as it has. */
void wrap_inodes(long long free);

/* … so many free bytes. */
void wrap_space(long long free);

/* From now on every file is on another device: its number is so much higher. */
void wrap_device(unsigned shift);

/* Moves the clocks by so many ms: the one that tells the date, and the one that never jumps. */
void wrap_clock(int64_t date_ms, int64_t monotonic_ms);

#endif

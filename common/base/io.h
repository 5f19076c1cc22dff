/*
 * io: every system call that touches the disk or the clock. Most functions make one call, with the
 * arguments that this project always wants, and repeat it after EINTR. Tests replace the C
 * library's functions to make them fail.
 *
 * Unless stated otherwise a function returns 0 (or a descriptor) or -1 with errno set.
 * Descriptors are close-on-exec and symbolic links are never followed.
 */
#ifndef HS_IO_H
#define HS_IO_H

#include "base/buf.h"
#include "base/result.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Returns HS_E_FULL, HS_E_READ_ONLY, HS_E_MEMORY or HS_E_IO for an errno. */
enum hs_result hs_io_result(int error);

/* Opens or makes a directory, by absolute path or below another descriptor. */
int hs_io_open_dir(int at, const char *path);
int hs_io_make_dir(int at, const char *path, mode_t mode);

/* Sets the mode, with the set-group-id bit, or the group. */
int hs_io_set_mode(int fd, mode_t mode);
int hs_io_set_group(int fd, gid_t group);
/* True if this process is in the group. */
bool hs_io_is_in_group(gid_t group);

/* Opens a file to read and write. */
int hs_io_open(int at, const char *name);
/* Makes the file first if it is missing, with exactly this mode, whatever the umask is. */
int hs_io_open_or_make(int at, const char *name, mode_t mode);
/* Makes a new file; EEXIST if there is one. */
int hs_io_make(int at, const char *name, mode_t mode);
int hs_io_open_read(int at, const char *name);
/* hs_io_open_read, but HS_IO_NOT_PLAIN if a directory, link, FIFO or device has that name. */
#define HS_IO_NOT_PLAIN EMEDIUMTYPE
int hs_io_open_plain(int at, const char *name);
/*
 * Opens another program's file to read: follows symbolic links; it may be a pipe. EINTR: a signal was caught, as while
 * a FIFO had no writer yet.
 */
int hs_io_open_outside(const char *path);
/* Names a place, without a right to read it (O_PATH): follows symbolic links. */
int hs_io_open_place(const char *path);
int hs_io_close(int fd);

int hs_io_stat(int at, const char *name, struct stat *st);
int hs_io_fstat(int fd, struct stat *st);
/* Like hs_io_stat for another program's file: follows symbolic links. */
int hs_io_stat_outside(const char *path, struct stat *st);
/* The path that a path's symbolic links lead to (realpath(3)), of PATH_MAX bytes at most. */
int hs_io_real_path(const char *path, char to[static PATH_MAX]);
/* The running program's own file: its path, cut to n - 1 bytes, with a NUL; and its status. */
int hs_io_own_path(char *path, size_t n);
int hs_io_own_stat(struct stat *st);

/*
 * Writes all n bytes at the offset. -1: some of them may have been written; errno is
 * ENOSPC if the kernel wrote none and reported no error.
 */
int hs_io_write_at(int fd, const char *p, size_t n, uint64_t offset);

/* Reads up to n bytes from the offset. Returns their number, 0 at the end of the file, or -1. */
ssize_t hs_io_read_at(int fd, char *to, size_t n, uint64_t offset);
/* Reads from the descriptor's own offset, or from a pipe. Fails with EINTR, so that a signal can stop it. */
ssize_t hs_io_read(int fd, char *to, size_t n);

/*
 * Appends a whole small file to the buffer, and fills *st; EFBIG above `most` bytes, ENOMEM. Follows
 * symbolic links, because settings may be reached through one.
 */
int hs_io_read_file(const char *path, size_t most, struct hs_buf *to, struct stat *st);

/* Syncs data and the metadata needed to find it (fdatasync). Never repeated: a failure is final. */
int hs_io_sync_data(int fd);
/* Syncs a directory's entries (fsync). */
int hs_io_sync_dir(int fd);

/*
 * Starts to write these bytes to the disk, once the n bytes before them are written. After a large file
 * that is written in such steps, a sync of another file in the same journal has little to wait for. This
 * is no sync, but its failure is final: a later hs_io_sync_data does not report it again.
 */
int hs_io_write_out(int fd, uint64_t offset, uint64_t n);

int hs_io_truncate(int fd, uint64_t size);
/* Reserves blocks without a change of size (fallocate, FALLOC_FL_KEEP_SIZE). */
int hs_io_reserve(int fd, uint64_t offset, uint64_t n);
int hs_io_rename(int from_dir, const char *from, int to_dir, const char *to);
/* Gives a file a second name. */
int hs_io_link(int from_dir, const char *from, int to_dir, const char *to);
int hs_io_unlink(int dir, const char *name);
/* Sets the modification time to that of `of`. */
int hs_io_set_changed(int fd, const struct stat *of);

/* flock(2): operation as there, LOCK_NB included. */
int hs_io_lock(int fd, int operation);

/* Like hs_io_lock, but waits up to `most_ms` for a lock that is taken; then -1 and EWOULDBLOCK. */
int hs_io_lock_within(int fd, int operation, int64_t most_ms);

/*
 * Maps n bytes of the file, shared and writable; NULL on failure. If the file is cut, or a page of it
 * cannot be read, the kernel sends SIGBUS to a thread that touches the mapping. Then all of it
 * becomes zeros, in this process alone. So a mapping needs a word that is never 0; check it after
 * reading and before acting on what was read.
 */
void *hs_io_map(int fd, size_t n);
/* Maps a file that is open to read only: a write to the mapping kills the process. */
const void *hs_io_map_read(int fd, size_t n);
/*
 * hs_io_map_read for any number of files, to be touched inside HS_IO_GUARDED alone: it never becomes zeros. The
 * kernel reads the pages that are touched, and others only after hs_io_map_fetch.
 */
const void *hs_io_map_guarded(int fd, size_t n);
/* Starts to read these bytes of a mapping from the disk. */
void hs_io_map_fetch(const void *p, size_t n);
void hs_io_unmap(void *p, size_t n);
/* Makes it zeros without a SIGBUS; the memory is kept until the process ends. */
void hs_io_unmap_lost(void *p, size_t n);

/*
 * For LMDB's mappings: HS_IO_GUARDED is true at first. A SIGBUS in this thread before hs_io_guard_end
 * makes it return again, with false; abandon what was under way. hs_io_map must have been called
 * before, since it installs the handler.
 */
struct hs_io_guard {
	sigjmp_buf back;
	struct hs_io_guard *outer;
};
#define HS_IO_GUARDED(guard) (hs_io_guard_begin(guard), sigsetjmp((guard)->back, 0) == 0)
void hs_io_guard_begin(struct hs_io_guard *guard);
void hs_io_guard_end(struct hs_io_guard *guard);
/* Makes this thread's innermost HS_IO_GUARDED return false, as a SIGBUS does. Returns if there is none. */
void hs_io_guard_fail(void);

struct hs_space {
	uint64_t bytes;  /* free for this user */
	uint64_t inodes; /* free for this user; UINT64_MAX where inodes are not counted */
};
int hs_io_space(int fd, struct hs_space *space);

/* 1 on a network file system, where locks and syncs cannot be trusted; 0 on others; -1. */
int hs_io_is_network(int fd);

/* Calls each(context, name) for every entry but . and .., until it returns false. */
int hs_io_list(int dir, bool (*each)(void *context, const char *name), void *context);
/* Like hs_io_list, and tells whether the entry is a plain file. */
int hs_io_list_kinds(int dir, bool (*each)(void *context, const char *name, bool plain), void *context);

/*
 * Returns a descriptor that becomes readable when a file in the directory is written, made or
 * renamed, or when the directory itself is moved or removed, if its parent may be read
 * (inotify(7)). hs_io_drain reads its events; hs_io_close closes it.
 */
int hs_io_watch(const char *dir);
/* Makes the descriptor readable also when this file is written, cut, or loses its name. */
void hs_io_watch_file(int fd, const char *path);
void hs_io_drain(int fd);
/* Waits until the descriptor is readable, a signal comes, or ms have passed (-1: no limit). */
void hs_io_wait_readable(int fd, int64_t ms);
/* As hs_io_wait_readable, until it is writable. */
void hs_io_wait_writable(int fd, int64_t ms);

/* Milliseconds since 1970, and on a clock that never jumps. (Clocks and sleeping: io_time.c; mappings: io_map.c.) */
int64_t hs_io_now(void);
int64_t hs_io_now_monotonic(void);
/* Milliseconds since boot; unlike the monotonic clock it counts the time asleep. */
int64_t hs_io_now_boot(void);
/* The monotonic clock in microseconds. */
int64_t hs_io_now_us(void);

/* For root: becomes this user, in this group alone, for good. */
int hs_io_become(uid_t user, gid_t group);

/* Identifies this boot of the machine; false if that fails. */
bool hs_io_boot_id(char id[static 37]);

/* A random number from the kernel. */
uint64_t hs_io_random(void);

/*
 * Call it first in main. If one of the descriptors 0, 1 and 2 is closed, opens /dev/null there, so that it
 * can be neither read nor written, as before: else a file of the spool would take its place, and messages
 * would be written into it. -1: errno.
 */
int hs_io_hold_standard(void);

/*
 * Keeps secrets in this process: no core is written, and no other process of its user, except
 * root's, may trace it or read its memory (PR_SET_DUMPABLE, RLIMIT_CORE). Children that run other
 * programs inherit the limit. Failures are ignored.
 */
void hs_io_keep_private(void);

/* Sleeps, for back-off or to keep a rate; a signal may end it early. */
void hs_io_pause(int64_t ms);
void hs_io_pause_us(int64_t us);

/* Gives this thread the lowest priority; a failure is ignored. */
void hs_io_yield_to_all(void);

/*
 * Sleeps until hs_io_wake, for at most ms, if *word is `seen` (futex(2)). May return early. The word
 * may be in a file that several processes have mapped.
 */
void hs_io_wait(_Atomic uint32_t *word, uint32_t seen, int64_t ms);
/* Wakes up to this many sleepers. */
void hs_io_wake(_Atomic uint32_t *word, int sleepers);

#endif

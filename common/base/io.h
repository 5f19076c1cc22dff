/*
 * io: every system call that touches the disk or the clock. Thin on purpose: one call
 * each, EINTR retried, the arguments this project always wants filled in. Tests replace
 * the C library's function underneath to make each one fail.
 *
 * Unless it says otherwise a function returns 0 (or a descriptor) or -1 with errno set.
 * Descriptors are close-on-exec and symbolic links are never followed.
 */
#ifndef HS_IO_H
#define HS_IO_H

#include "base/buf.h"
#include "base/result.h"

#include <errno.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* What errno means to a sender: HS_E_FULL, HS_E_READ_ONLY, HS_E_MEMORY or HS_E_IO. */
enum hs_result hs_io_result(int error);

/* A directory, by absolute path or below another descriptor. */
int hs_io_open_dir(int at, const char *path);
int hs_io_make_dir(int at, const char *path, mode_t mode);

/* The mode, the set-group-id bit included, or the group of what is open. */
int hs_io_set_mode(int fd, mode_t mode);
int hs_io_set_group(int fd, gid_t group);
/* Is it a group of this process's? */
bool hs_io_is_in_group(gid_t group);

/* A plain file: to read and write. */
int hs_io_open(int at, const char *name);
/* The same, made if it is missing, with exactly this mode whatever the umask. */
int hs_io_open_or_make(int at, const char *name, mode_t mode);
/* The same, but it must be new: EEXIST otherwise. */
int hs_io_make(int at, const char *name, mode_t mode);
int hs_io_open_read(int at, const char *name);
/* hs_io_open_read, but HS_IO_NOT_PLAIN if a directory, link, FIFO or device has that name. */
#define HS_IO_NOT_PLAIN EMEDIUMTYPE
int hs_io_open_plain(int at, const char *name);
/* Somebody else's file, to read: symbolic links are followed, a pipe may stand there. */
int hs_io_open_outside(const char *path);
int hs_io_close(int fd);

int hs_io_stat(int at, const char *name, struct stat *st);
int hs_io_fstat(int fd, struct stat *st);
/* Of somebody else's file, by its path: symbolic links are followed. */
int hs_io_stat_outside(const char *path, struct stat *st);
/* The running program's own file: its path and a NUL, and what it is. */
int hs_io_own_path(char *path, size_t n);
int hs_io_own_stat(struct stat *st);

/*
 * Writes all n bytes at the offset. At -1 some of them may have been written; errno is
 * ENOSPC if the kernel took none without saying why.
 */
int hs_io_write_at(int fd, const char *p, size_t n, uint64_t offset);

/* Up to n bytes from the offset; 0 at the end of the file. */
ssize_t hs_io_read_at(int fd, char *to, size_t n, uint64_t offset);
/* The same from where the descriptor, perhaps a pipe, stands; EINTR is for who must stop. */
ssize_t hs_io_read(int fd, char *to, size_t n);

/*
 * Appends a whole small file to the buffer and tells its mode; EFBIG above `most` bytes.
 * The one place where symbolic links are followed: settings may lie behind one.
 */
int hs_io_read_file(const char *path, size_t most, struct hs_buf *to, struct stat *st);

/* The data and what is needed to find it (fdatasync). A failure is final: never retried. */
int hs_io_sync_data(int fd);
/* A directory's entries (fsync). */
int hs_io_sync_dir(int fd);

int hs_io_truncate(int fd, uint64_t size);
/* Blocks for bytes that the size does not show yet (fallocate, FALLOC_FL_KEEP_SIZE). */
int hs_io_reserve(int fd, uint64_t offset, uint64_t n);
int hs_io_rename(int from_dir, const char *from, int to_dir, const char *to);
/* A second name for a file. */
int hs_io_link(int from_dir, const char *from, int to_dir, const char *to);
int hs_io_unlink(int dir, const char *name);
/* The file gets the time of change that the other one had. */
int hs_io_set_changed(int fd, const struct stat *of);

/* flock(2): operation as there, LOCK_NB included. */
int hs_io_lock(int fd, int operation);

/*
 * n bytes of the file, shared and writable; NULL at failure. If the file is cut, or a page of
 * it cannot be read, the kernel sends SIGBUS to whoever touches the mapping. Then all of it
 * becomes zeros, in memory of this process alone: whatever is mapped needs a word in it that
 * is never 0, to be looked at after what was read and before anything is done about it.
 */
void *hs_io_map(int fd, size_t n);
/* The same of a file that is open to read only: who writes there is killed. */
const void *hs_io_map_read(int fd, size_t n);
void hs_io_unmap(void *p, size_t n);
/* The same zeros without a SIGBUS; the memory stays for as long as the process lives. */
void hs_io_unmap_lost(void *p, size_t n);

/*
 * For mappings that are not ours (LMDB's): from HS_IO_GUARDED, which is true, to
 * hs_io_guard_end a SIGBUS in this thread makes HS_IO_GUARDED return again, with false, and
 * what was under way must be abandoned. Something must have been mapped by hs_io_map before.
 */
struct hs_io_guard {
	sigjmp_buf back;
	struct hs_io_guard *outer;
};
#define HS_IO_GUARDED(guard) (hs_io_guard_begin(guard), sigsetjmp((guard)->back, 0) == 0)
void hs_io_guard_begin(struct hs_io_guard *guard);
void hs_io_guard_end(struct hs_io_guard *guard);

struct hs_space {
	uint64_t bytes;  /* free for this user */
	uint64_t inodes; /* free for this user; UINT64_MAX where inodes are not counted */
};
int hs_io_space(int fd, struct hs_space *space);

/* 1: a network file system, where locks and syncs cannot be trusted; 0: not; -1. */
int hs_io_is_network(int fd);

/* Calls each(context, name) for every entry but . and .., until it returns false. */
int hs_io_list(int dir, bool (*each)(void *context, const char *name), void *context);
/* hs_io_list, but it tells whether each is a plain file, too. */
int hs_io_list_kinds(int dir, bool (*each)(void *context, const char *name, bool plain), void *context);

/*
 * A descriptor that becomes readable when a file in the directory is written to, made or
 * renamed, or, if the one above it may be read, the directory itself moved or removed
 * (inotify(7)). hs_io_drain takes what it has to tell. Closed by hs_io_close.
 */
int hs_io_watch(const char *dir);
/* The same descriptor tells of a file, too: that it is written to, cut, or loses its name. */
void hs_io_watch_file(int fd, const char *path);
void hs_io_drain(int fd);
/* Until the descriptor is readable, or a signal, or ms have passed (-1: no limit). */
void hs_io_wait_readable(int fd, int64_t ms);

/* Milliseconds: since 1970, and on a clock that never jumps. */
int64_t hs_io_now(void);
int64_t hs_io_now_monotonic(void);
/* Milliseconds since boot; unlike the monotonic clock it counts the time asleep. */
int64_t hs_io_now_boot(void);
/* The latter in microseconds. */
int64_t hs_io_now_us(void);

/* For root: gives up everything but this user and this group, for good. */
int hs_io_become(uid_t user, gid_t group);

/* Identifies this boot of the machine; false if it cannot be told. */
bool hs_io_boot_id(char id[static 37]);

/* From the kernel, for seeds. */
uint64_t hs_io_random(void);

/*
 * Keeps secrets in this process: no core of it is written, and no other process of its user
 * may trace it or read its memory (PR_SET_DUMPABLE, RLIMIT_CORE; root may). Children that
 * run other programs inherit the limit. Best effort: failure is not told.
 */
void hs_io_keep_private(void);

/* Sleeps; for back-off, and to keep a rate. */
void hs_io_pause(int64_t ms);
void hs_io_pause_us(int64_t us);

/* Gives this thread the lowest priority. If that fails it goes on as it is. */
void hs_io_yield_to_all(void);

/*
 * Sleeps while *word is `seen`, at most so many ms, until hs_io_wake (futex(2)). The
 * word may lie in a file mapped by several processes.
 */
void hs_io_wait(_Atomic uint32_t *word, uint32_t seen, int64_t ms);
void hs_io_wake(_Atomic uint32_t *word, int sleepers);

#endif

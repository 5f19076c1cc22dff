#define OPENSSL_SUPPRESS_DEPRECATED
#include "tests/lib/wrap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* With _FILE_OFFSET_BITS=64 glibc's headers lead to other symbols; musl has only one. */
#ifdef __GLIBC__
#define REAL(name) __real_##name##64
#define WRAP(name) __wrap_##name##64
#else
#define REAL(name) __real_##name
#define WRAP(name) __wrap_##name
#endif

/* Weak: a test that is linked without --wrap has none of these, and calls none. */
#define WEAK __attribute__((weak))
WEAK int __real_fdatasync(int fd);
WEAK int __real_fsync(int fd);
WEAK ssize_t REAL(pwrite)(int fd, const void *p, size_t n, off_t offset);
WEAK ssize_t REAL(pread)(int fd, void *p, size_t n, off_t offset);
WEAK int REAL(openat)(int at, const char *path, int flags, ...);
WEAK int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);
WEAK int __real_unlinkat(int dir, const char *name, int flags);
WEAK int REAL(ftruncate)(int fd, off_t size);
WEAK int REAL(fallocate)(int fd, int mode, off_t offset, off_t n);
WEAK int REAL(fstatvfs)(int fd, struct statvfs *out);
WEAK int REAL(fstatfs)(int fd, struct statfs *out);
WEAK struct dirent *REAL(readdir)(DIR *d);
WEAK int REAL(fstat)(int fd, struct stat *st);
WEAK int REAL(fstatat)(int at, const char *path, struct stat *st, int flags);
WEAK int __real_fchmod(int fd, mode_t mode);
WEAK DIR *__real_fdopendir(int fd);
WEAK int __real_flock(int fd, int operation);
WEAK void *__real_malloc(size_t n);
WEAK void *REAL(mmap)(void *p, size_t n, int protection, int flags, int fd, off_t offset);
WEAK int __real_mkdirat(int at, const char *path, mode_t mode);
WEAK int __real_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
WEAK int __real_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
WEAK int __real_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
WEAK char *__real_strdup(const char *text);
WEAK char *__real_strndup(const char *text, size_t n);
WEAK void *__real_calloc(size_t count, size_t n);
WEAK void *__real_realloc(void *p, size_t n);
WEAK int __real_clock_gettime(clockid_t clock, struct timespec *t);
WEAK int __real_SHA1_Init(SHA_CTX *c);
WEAK int __real_SHA1_Update(SHA_CTX *c, const void *p, size_t n);
WEAK int __real_SHA1_Final(unsigned char *out, SHA_CTX *c);
WEAK int __real_SHA256_Init(SHA256_CTX *c);
WEAK int __real_SHA256_Update(SHA256_CTX *c, const void *p, size_t n);
WEAK int __real_SHA256_Final(unsigned char *out, SHA256_CTX *c);

int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
ssize_t WRAP(pwrite)(int fd, const void *p, size_t n, off_t offset);
ssize_t WRAP(pread)(int fd, void *p, size_t n, off_t offset);
int WRAP(openat)(int at, const char *path, int flags, ...);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_unlinkat(int dir, const char *name, int flags);
int WRAP(ftruncate)(int fd, off_t size);
int WRAP(fallocate)(int fd, int mode, off_t offset, off_t n);
int WRAP(fstatvfs)(int fd, struct statvfs *out);
int WRAP(fstatfs)(int fd, struct statfs *out);
struct dirent *WRAP(readdir)(DIR *d);
int WRAP(fstat)(int fd, struct stat *st);
int WRAP(fstatat)(int at, const char *path, struct stat *st, int flags);
int __wrap_fchmod(int fd, mode_t mode);
DIR *__wrap_fdopendir(int fd);
int __wrap_flock(int fd, int operation);
void *__wrap_malloc(size_t n);
void *WRAP(mmap)(void *p, size_t n, int protection, int flags, int fd, off_t offset);
int __wrap_mkdirat(int at, const char *path, mode_t mode);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_SHA1_Init(SHA_CTX *c);
int __wrap_SHA1_Update(SHA_CTX *c, const void *p, size_t n);
int __wrap_SHA1_Final(unsigned char *out, SHA_CTX *c);
int __wrap_SHA256_Init(SHA256_CTX *c);
int __wrap_SHA256_Update(SHA256_CTX *c, const void *p, size_t n);
int __wrap_SHA256_Final(unsigned char *out, SHA256_CTX *c);

/* --- plans ------------------------------------------------------------------ */

/* A plan is made, and forgotten, while other threads make such calls. */
struct plan {
	_Atomic unsigned count;
	_Atomic unsigned fail_from, fail_to; /* counts; fail_to is the first that succeeds again */
	_Atomic int error;
	_Atomic unsigned hook_at; /* set last */
	void (*hook)(void *context);
	void *context;
};

enum { RESERVED_MOST = 4096 }; /* bytes */

static struct plan plans[WRAP_CALLS];
static _Atomic unsigned files, kill_at;
static bool kill_torn;
static _Atomic unsigned short_at;
static _Atomic int64_t date_shift, monotonic_shift;

static _Atomic long long inodes_free = -1, bytes_free = -1;
static _Atomic unsigned device_shift;
static _Atomic uint32_t file_system;
static _Atomic bool hides_kinds;

void wrap_inodes(long long free)
{
	atomic_store(&inodes_free, free);
}

void wrap_space(long long free)
{
	atomic_store(&bytes_free, free);
}

void wrap_device(unsigned shift)
{
	atomic_store(&device_shift, shift);
}

void wrap_file_system(uint32_t type)
{
	atomic_store(&file_system, type);
}

void wrap_hide_kinds(void)
{
	atomic_store(&hides_kinds, true);
}

static _Atomic size_t memory_most = SIZE_MAX;

void wrap_memory(size_t most)
{
	atomic_store(&memory_most, most);
}

static _Atomic uint64_t bytes_read;

void wrap_reset(void)
{
	for (int i = 0; i < WRAP_CALLS; i++) {
		plans[i].hook_at = 0;
		plans[i].fail_from = plans[i].fail_to = 0;
		atomic_store(&plans[i].count, 0);
	}
	atomic_store(&files, 0);
	atomic_store(&kill_at, 0);
	atomic_store(&bytes_read, 0);
	short_at = 0;
	wrap_inodes(-1);
	wrap_space(-1);
	wrap_memory(SIZE_MAX);
	wrap_device(0);
	wrap_file_system(0);
	atomic_store(&hides_kinds, false);
	wrap_clock(0, 0);
}

unsigned wrap_count(enum wrap_call call)
{
	return atomic_load(&plans[call].count);
}

uint64_t wrap_bytes_read(void)
{
	return atomic_load(&bytes_read);
}

unsigned wrap_count_files(void)
{
	return atomic_load(&files);
}

void wrap_fail(enum wrap_call call, unsigned nth, unsigned times, int error)
{
	struct plan *p = &plans[call];

	p->error = error;
	p->fail_from = wrap_count(call) + nth;
	p->fail_to = p->fail_from + times;
}

int wrap_error(enum wrap_call call)
{
	bool is_memory = call == WRAP_CALLOC || call == WRAP_REALLOC || call == WRAP_MALLOC || call == WRAP_MMAP ||
	                 call == WRAP_LOCK;

	return is_memory ? ENOMEM : call == WRAP_PWRITE ? ENOSPC : EIO;
}

void wrap_short_write(unsigned nth, int error)
{
	short_at = wrap_count(WRAP_PWRITE) + nth;
	if (error != 0)
		wrap_fail(WRAP_PWRITE, nth + 1, 1, error);
}

void wrap_before(enum wrap_call call, unsigned nth, void (*hook)(void *context), void *context)
{
	struct plan *p = &plans[call];

	p->hook = hook;
	p->context = context;
	p->hook_at = wrap_count(call) + nth;
}

void wrap_kill(unsigned nth, bool torn)
{
	kill_torn = torn;
	atomic_store(&kill_at, wrap_count_files() + nth);
}

void wrap_clock(int64_t date_ms, int64_t monotonic_ms)
{
	atomic_store(&date_shift, date_ms);
	atomic_store(&monotonic_shift, monotonic_ms);
}

/* --- before each call --------------------------------------------------------- */

/* True if the process must die before this call. */
static bool is_last(enum wrap_call call)
{
	return call < WRAP_CALLS_OF_FILES && atomic_fetch_add(&files, 1) + 1 == atomic_load(&kill_at);
}

/* Counts; false with errno set if the call is to fail. */
static bool may(enum wrap_call call)
{
	struct plan *p = &plans[call];
	unsigned n = atomic_fetch_add(&p->count, 1) + 1;

	if (n == p->hook_at)
		p->hook(p->context);
	if (n < p->fail_from || n >= p->fail_to)
		return true;
	errno = p->error;
	return false;
}

/* True if the call may give so many bytes. */
static bool may_give(enum wrap_call call, size_t n)
{
	if (may(call) && n <= atomic_load(&memory_most))
		return true;
	errno = ENOMEM;
	return false;
}

static bool may_file(enum wrap_call call)
{
	if (is_last(call))
		raise(SIGKILL);
	return may(call);
}

/* --- the calls ---------------------------------------------------------------- */

int __wrap_fdatasync(int fd)
{
	return may_file(WRAP_FDATASYNC) ? __real_fdatasync(fd) : -1;
}

int __wrap_fsync(int fd)
{
	return may_file(WRAP_FSYNC) ? __real_fsync(fd) : -1;
}

ssize_t WRAP(pwrite)(int fd, const void *p, size_t n, off_t offset)
{
	if (is_last(WRAP_PWRITE)) {
		if (kill_torn)
			REAL(pwrite)(fd, p, n / 2, offset);
		raise(SIGKILL);
	}
	if (!may(WRAP_PWRITE))
		return -1;
	return REAL(pwrite)(fd, p, wrap_count(WRAP_PWRITE) == short_at ? n / 2 : n, offset);
}

ssize_t WRAP(pread)(int fd, void *p, size_t n, off_t offset)
{
	ssize_t got = may_file(WRAP_PREAD) ? REAL(pread)(fd, p, n, offset) : -1;

	atomic_fetch_add(&bytes_read, got > 0 ? (uint64_t)got : 0);
	return got;
}

int WRAP(openat)(int at, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if ((flags & O_CREAT) != 0) {
		va_start(args, flags);
		mode = (mode_t)va_arg(args, unsigned);
		va_end(args);
	}
	return may_file(WRAP_OPENAT) ? REAL(openat)(at, path, flags, mode) : -1;
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return may_file(WRAP_RENAMEAT) ? __real_renameat(from_dir, from, to_dir, to) : -1;
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
	return may_file(WRAP_UNLINKAT) ? __real_unlinkat(dir, name, flags) : -1;
}

int WRAP(ftruncate)(int fd, off_t size)
{
	return may_file(WRAP_FTRUNCATE) ? REAL(ftruncate)(fd, size) : -1;
}

int WRAP(fallocate)(int fd, int mode, off_t offset, off_t n)
{
	if (!may_file(WRAP_FALLOCATE))
		return -1;
	/* a file system in memory clears each page of it, a fifth of the time of the tests that make calls fail */
	return REAL(fallocate)(fd, mode, offset, n < RESERVED_MOST ? n : RESERVED_MOST);
}

int WRAP(fstatvfs)(int fd, struct statvfs *out)
{
	int r = may_file(WRAP_FSTATVFS) ? REAL(fstatvfs)(fd, out) : -1;
	long long inodes = atomic_load(&inodes_free), bytes = atomic_load(&bytes_free);

	if (r == 0 && inodes != -1) {
		out->f_files = inodes < 0 ? 0 : 1000000;
		out->f_ffree = out->f_favail = inodes < 0 ? 0 : (fsfilcnt_t)inodes;
	}
	if (r == 0 && bytes >= 0)
		out->f_bfree = out->f_bavail = (fsblkcnt_t)bytes / out->f_frsize;
	return r;
}

int WRAP(fstatfs)(int fd, struct statfs *out)
{
	int r = REAL(fstatfs)(fd, out);
	uint32_t type = atomic_load(&file_system);

	if (r == 0 && type != 0)
		out->f_type = (__typeof__(out->f_type))type;
	return r;
}

struct dirent *WRAP(readdir)(DIR *d)
{
	struct dirent *entry = REAL(readdir)(d);

	if (entry != NULL && atomic_load(&hides_kinds))
		entry->d_type = DT_UNKNOWN;
	return entry;
}

int WRAP(fstat)(int fd, struct stat *st)
{
	int r = may(WRAP_FSTAT) ? REAL(fstat)(fd, st) : -1;

	st->st_dev += r == 0 ? atomic_load(&device_shift) : 0;
	return r;
}

int WRAP(fstatat)(int at, const char *path, struct stat *st, int flags)
{
	int r = may(WRAP_FSTATAT) ? REAL(fstatat)(at, path, st, flags) : -1;

	st->st_dev += r == 0 ? atomic_load(&device_shift) : 0;
	return r;
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return may_file(WRAP_FCHMOD) ? __real_fchmod(fd, mode) : -1;
}

int __wrap_flock(int fd, int operation)
{
	return may_file(WRAP_FLOCK) ? __real_flock(fd, operation) : -1;
}

int __wrap_mkdirat(int at, const char *path, mode_t mode)
{
	return may(WRAP_MKDIRAT) ? __real_mkdirat(at, path, mode) : -1;
}

int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	return may(WRAP_LINKAT) ? __real_linkat(from_dir, from, to_dir, to, flags) : -1;
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	return may(WRAP_ACCEPT4) ? __real_accept4(fd, address, size, flags) : -1;
}

int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	return may(WRAP_EPOLL_CTL) ? __real_epoll_ctl(epoll_fd, operation, fd, event) : -1;
}

void *WRAP(mmap)(void *p, size_t n, int protection, int flags, int fd, off_t offset)
{
	return may(WRAP_MMAP) ? REAL(mmap)(p, n, protection, flags, fd, offset) : MAP_FAILED;
}

void *__wrap_malloc(size_t n)
{
	return may_give(WRAP_MALLOC, n) ? __real_malloc(n) : NULL;
}

char *__wrap_strdup(const char *text)
{
	return may(WRAP_MALLOC) ? __real_strdup(text) : NULL;
}

char *__wrap_strndup(const char *text, size_t n)
{
	return may(WRAP_MALLOC) ? __real_strndup(text, n) : NULL;
}

void *__wrap_calloc(size_t count, size_t n)
{
	return may(WRAP_CALLOC) ? __real_calloc(count, n) : NULL;
}

void *__wrap_realloc(void *p, size_t n)
{
	return may_give(WRAP_REALLOC, n) ? __real_realloc(p, n) : NULL;
}

DIR *__wrap_fdopendir(int fd)
{
	return may(WRAP_FDOPENDIR) ? __real_fdopendir(fd) : NULL;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	int64_t ms = atomic_load(clock == CLOCK_REALTIME ? &date_shift : &monotonic_shift);
	int r = __real_clock_gettime(clock, t);

	t->tv_sec += (time_t)(ms / 1000);
	t->tv_nsec += (long)(ms % 1000) * 1000000;
	if (t->tv_nsec >= 1000000000 || t->tv_nsec < 0) {
		long carry = t->tv_nsec < 0 ? -1 : 1;

		t->tv_sec += carry;
		t->tv_nsec -= carry * 1000000000;
	}
	return r;
}

int __wrap_SHA1_Init(SHA_CTX *c)
{
	return may(WRAP_SHA1) ? __real_SHA1_Init(c) : 0;
}

int __wrap_SHA1_Update(SHA_CTX *c, const void *p, size_t n)
{
	return may(WRAP_SHA1) ? __real_SHA1_Update(c, p, n) : 0;
}

int __wrap_SHA1_Final(unsigned char *out, SHA_CTX *c)
{
	return may(WRAP_SHA1) ? __real_SHA1_Final(out, c) : 0;
}

int __wrap_SHA256_Init(SHA256_CTX *c)
{
	return may(WRAP_SHA256) ? __real_SHA256_Init(c) : 0;
}

int __wrap_SHA256_Update(SHA256_CTX *c, const void *p, size_t n)
{
	return may(WRAP_SHA256) ? __real_SHA256_Update(c, p, n) : 0;
}

int __wrap_SHA256_Final(unsigned char *out, SHA256_CTX *c)
{
	return may(WRAP_SHA256) ? __real_SHA256_Final(out, c) : 0;
}

/* --- calls that return their error ------------------------------------------------ */

#define RETURNS_ERROR(call, name, parameters, arguments) \
	WEAK int __real_##name parameters; \
	int __wrap_##name parameters; \
	int __wrap_##name parameters \
	{ \
		return may(call) ? __real_##name arguments : errno; \
	}

RETURNS_ERROR(WRAP_LOCK, pthread_mutex_init, (pthread_mutex_t * lock, const pthread_mutexattr_t *attr), (lock, attr))
RETURNS_ERROR(WRAP_LOCK, pthread_rwlock_init, (pthread_rwlock_t * lock, const pthread_rwlockattr_t *attr), (lock, attr))

RETURNS_ERROR(WRAP_LMDB, mdb_env_create, (MDB_env * *env), (env))
RETURNS_ERROR(WRAP_LMDB, mdb_env_open, (MDB_env * env, const char *path, unsigned flags, mdb_mode_t mode),
              (env, path, flags, mode))
RETURNS_ERROR(WRAP_LMDB, mdb_env_info, (MDB_env * env, MDB_envinfo *info), (env, info))
RETURNS_ERROR(WRAP_LMDB, mdb_env_get_fd, (MDB_env * env, mdb_filehandle_t *fd), (env, fd))
RETURNS_ERROR(WRAP_LMDB, mdb_env_set_assert, (MDB_env * env, MDB_assert_func *tell), (env, tell))
RETURNS_ERROR(WRAP_LMDB, mdb_env_set_mapsize, (MDB_env * env, size_t size), (env, size))
RETURNS_ERROR(WRAP_LMDB, mdb_txn_begin, (MDB_env * env, MDB_txn *parent, unsigned flags, MDB_txn **txn),
              (env, parent, flags, txn))
RETURNS_ERROR(WRAP_LMDB, mdb_txn_renew, (MDB_txn * txn), (txn))
RETURNS_ERROR(WRAP_LMDB, mdb_dbi_open, (MDB_txn * txn, const char *name, unsigned flags, MDB_dbi *dbi),
              (txn, name, flags, dbi))
RETURNS_ERROR(WRAP_LMDB, mdb_dbi_flags, (MDB_txn * txn, MDB_dbi dbi, unsigned *flags), (txn, dbi, flags))
RETURNS_ERROR(WRAP_LMDB, mdb_stat, (MDB_txn * txn, MDB_dbi dbi, MDB_stat *stat), (txn, dbi, stat))
RETURNS_ERROR(WRAP_LMDB, mdb_get, (MDB_txn * txn, MDB_dbi dbi, MDB_val *key, MDB_val *value), (txn, dbi, key, value))
RETURNS_ERROR(WRAP_LMDB, mdb_cursor_open, (MDB_txn * txn, MDB_dbi dbi, MDB_cursor **c), (txn, dbi, c))
RETURNS_ERROR(WRAP_LMDB, mdb_cursor_renew, (MDB_txn * txn, MDB_cursor *c), (txn, c))
RETURNS_ERROR(WRAP_LMDB, mdb_cursor_get, (MDB_cursor * c, MDB_val *key, MDB_val *value, MDB_cursor_op op),
              (c, key, value, op))
RETURNS_ERROR(WRAP_LMDB, mdb_cursor_put, (MDB_cursor * c, MDB_val *key, MDB_val *value, unsigned flags),
              (c, key, value, flags))
RETURNS_ERROR(WRAP_LMDB, mdb_cursor_del, (MDB_cursor * c, unsigned flags), (c, flags))

/* A commit that fails frees the transaction all the same. */
WEAK int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn)
{
	if (may(WRAP_LMDB))
		return __real_mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return errno;
}

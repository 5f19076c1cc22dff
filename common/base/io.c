#include "base/io.h"
#include "base/defect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Repeats an interrupted call. close(2) and fdatasync(2) must not be repeated: see below. */
#define RETRY(result, call) \
	do { \
		result = (call); \
	} while (result < 0 && errno == EINTR)

enum hs_result hs_io_result(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG: return HS_E_FULL;
	case EROFS: return HS_E_READ_ONLY;
	case ENOMEM: return HS_E_MEMORY;
	default: return HS_E_IO;
	}
}

int hs_io_open_dir(int at, const char *path)
{
	int fd;

	RETRY(fd, openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	return fd;
}

int hs_io_make_dir(int at, const char *path, mode_t mode)
{
	int r;

	RETRY(r, mkdirat(at, path, mode));
	return r;
}

int hs_io_set_mode(int fd, mode_t mode)
{
	return fchmod(fd, mode);
}

int hs_io_set_group(int fd, gid_t group)
{
	return fchown(fd, (uid_t)-1, group);
}

bool hs_io_is_in_group(gid_t group)
{
	gid_t list[256];
	int n = getgroups(sizeof list / sizeof list[0], list);

	for (int i = 0; i < n; i++)
		if (list[i] == group)
			return true;
	return group == getegid();
}

static int open_file(int at, const char *name, int flags, mode_t mode)
{
	int fd;

	/* O_NONBLOCK: a FIFO in the place of a file must not block */
	RETRY(fd, openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, mode));
	return fd;
}

int hs_io_open(int at, const char *name)
{
	return open_file(at, name, O_RDWR, 0);
}

int hs_io_open_read(int at, const char *name)
{
	return open_file(at, name, O_RDONLY, 0);
}

int hs_io_open_plain(int at, const char *name)
{
	int fd = hs_io_open_read(at, name), error;
	struct stat st;

	if (fd < 0) {
		if (errno == ELOOP || errno == ENXIO) /* a symbolic link, a socket */
			errno = HS_IO_NOT_PLAIN;
		return -1;
	}
	error = hs_io_fstat(fd, &st) < 0 ? errno : HS_IO_NOT_PLAIN;
	if (error == HS_IO_NOT_PLAIN && S_ISREG(st.st_mode))
		return fd;
	hs_io_close(fd);
	errno = error;
	return -1;
}

int hs_io_open_outside(const char *path)
{
	return openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
}

int hs_io_open_place(const char *path)
{
	int fd;

	RETRY(fd, openat(AT_FDCWD, path, O_PATH | O_CLOEXEC));
	return fd;
}

int hs_io_make(int at, const char *name, mode_t mode)
{
	int fd = open_file(at, name, O_RDWR | O_CREAT | O_EXCL, mode);

	if (fd >= 0 && fchmod(fd, mode) < 0) {
		int saved = errno;

		hs_io_close(fd);
		hs_io_unlink(at, name);
		errno = saved;
		return -1;
	}
	return fd;
}

int hs_io_open_or_make(int at, const char *name, mode_t mode)
{
	int fd = hs_io_open(at, name); /* usually it exists */

	if (fd < 0 && errno == ENOENT)
		fd = hs_io_make(at, name, mode);
	return fd < 0 && errno == EEXIST ? hs_io_open(at, name) : fd;
}

int hs_io_close(int fd)
{
	return close(fd); /* on Linux the descriptor is gone even at EINTR */
}

int hs_io_stat(int at, const char *name, struct stat *st)
{
	return fstatat(at, name, st, AT_SYMLINK_NOFOLLOW);
}

int hs_io_stat_outside(const char *path, struct stat *st)
{
	return fstatat(AT_FDCWD, path, st, 0);
}

int hs_io_real_path(const char *path, char to[static PATH_MAX])
{
	return realpath(path, to) == NULL ? -1 : 0;
}

static const char OWN[] = "/proc/self/exe";

int hs_io_own_path(char *path, size_t n)
{
	ssize_t got = readlink(OWN, path, n - 1);

	if (got < 0)
		return -1;
	path[got] = '\0';
	return 0;
}

int hs_io_own_stat(struct stat *st)
{
	return hs_io_stat_outside(OWN, st);
}

int hs_io_fstat(int fd, struct stat *st)
{
	return fstat(fd, st);
}

int hs_io_write_at(int fd, const char *p, size_t n, uint64_t offset)
{
	while (n > 0) {
		ssize_t wrote;

		RETRY(wrote, pwrite(fd, p, n, (off_t)offset));
		if (wrote < 0)
			return -1;
		if (wrote == 0) {
			errno = ENOSPC;
			return -1;
		}
		p += wrote;
		n -= (size_t)wrote;
		offset += (uint64_t)wrote;
	}
	return 0;
}

ssize_t hs_io_read_at(int fd, char *to, size_t n, uint64_t offset)
{
	ssize_t got;

	RETRY(got, pread(fd, to, n, (off_t)offset));
	return got;
}

ssize_t hs_io_read(int fd, char *to, size_t n)
{
	return read(fd, to, n);
}

int hs_io_read_file(const char *path, size_t most, struct hs_buf *to, struct stat *st)
{
	size_t start = to->n;
	ssize_t got = 1;
	int fd, saved;

	RETRY(fd, openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	if (fd < 0)
		return -1;
	if (hs_io_fstat(fd, st) < 0)
		got = -1;
	else if (st->st_size > 0 && (uint64_t)st->st_size <= most)
		hs_buf_reserve(to, (size_t)st->st_size + 4096); /* growing would leave copies of secrets behind */
	while (got > 0) {
		char *p = hs_buf_reserve(to, 4096);

		errno = p == NULL ? ENOMEM : EFBIG;
		got = p == NULL || to->n - start > most ? -1 : hs_io_read_at(fd, p, 4096, to->n - start);
		if (got > 0)
			to->n += (size_t)got;
	}
	saved = errno;
	hs_io_close(fd);
	errno = saved;
	return (int)got;
}

int hs_io_sync_data(int fd)
{
	/* never repeated: a second call may return 0 although bytes were lost */
	return HS_DEFECT == HS_DEFECT_NO_SYNC ? 0 : fdatasync(fd);
}

int hs_io_sync_dir(int fd)
{
	return fsync(fd);
}

int hs_io_write_out(int fd, uint64_t offset, uint64_t n)
{
	const unsigned all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
	int r = 0;

	if (offset >= n)
		RETRY(r, sync_file_range(fd, (off_t)(offset - n), (off_t)n, all));
	if (r == 0)
		RETRY(r, sync_file_range(fd, (off_t)offset, (off_t)n, SYNC_FILE_RANGE_WRITE));
	return r < 0 && (errno == ENOSYS || errno == EPERM) ? 0 : r; /* a sandbox may forbid it */
}

int hs_io_truncate(int fd, uint64_t size)
{
	int r;

	RETRY(r, ftruncate(fd, (off_t)size));
	return r;
}

int hs_io_reserve(int fd, uint64_t offset, uint64_t n)
{
	int r;

	RETRY(r, fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)n));
	return r;
}

int hs_io_rename(int from_dir, const char *from, int to_dir, const char *to)
{
	return renameat(from_dir, from, to_dir, to);
}

int hs_io_link(int from_dir, const char *from, int to_dir, const char *to)
{
	return linkat(from_dir, from, to_dir, to, 0);
}

int hs_io_set_changed(int fd, const struct stat *of)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, of->st_mtim };

	return futimens(fd, times);
}

int hs_io_unlink(int dir, const char *name)
{
	return unlinkat(dir, name, 0);
}

int hs_io_lock(int fd, int operation)
{
	int r;

	RETRY(r, flock(fd, operation));
	return r;
}

int hs_io_lock_within(int fd, int operation, int64_t most_ms)
{
	int64_t deadline_ms = hs_io_now_monotonic() + most_ms;

	while (hs_io_lock(fd, operation | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || hs_io_now_monotonic() > deadline_ms)
			return -1;
		hs_io_pause(1);
	}
	return 0;
}

int hs_io_space(int fd, struct hs_space *space)
{
	struct statvfs vfs;
	int r;

	RETRY(r, fstatvfs(fd, &vfs));
	if (r < 0)
		return -1;
	space->bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	space->inodes = vfs.f_files == 0 ? UINT64_MAX : (uint64_t)vfs.f_favail;
	return 0;
}

int hs_io_is_network(int fd)
{
	struct statfs fs;
	int r;

	RETRY(r, fstatfs(fd, &fs));
	if (r < 0)
		return -1;
	switch ((uint32_t)fs.f_type) {
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case AFS_SUPER_MAGIC:
	case CODA_SUPER_MAGIC:
	case V9FS_MAGIC:
	case 0xFF534D42: /* CIFS, SMB2 and Ceph: statfs(2) */
	case 0xFE534D42:
	case 0x00C36400: return 1;
	default: return 0;
	}
}

static bool is_plain(int dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_REG;
	return hs_io_stat(dir, entry->d_name, &st) < 0 || S_ISREG(st.st_mode);
}

int hs_io_list_kinds(int dir, bool (*each)(void *context, const char *name, bool plain), void *context)
{
	int fd = hs_io_open_dir(dir, ".");
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int saved;

	if (d == NULL) {
		saved = errno;
		if (fd >= 0)
			hs_io_close(fd);
		errno = saved;
		return -1;
	}
	errno = 0;
	while ((entry = readdir(d)) != NULL) {
		bool dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;

		if (!dots && !each(context, entry->d_name, is_plain(dir, entry)))
			break;
		errno = 0;
	}
	saved = entry == NULL ? errno : 0;
	closedir(d);
	errno = saved;
	return saved == 0 ? 0 : -1;
}

struct names_only {
	bool (*each)(void *context, const char *name);
	void *context;
};

static bool pass_name(void *context, const char *name, bool plain)
{
	struct names_only *n = context;

	(void)plain;
	return n->each(n->context, name);
}

int hs_io_list(int dir, bool (*each)(void *context, const char *name), void *context)
{
	struct names_only n = { each, context };

	return hs_io_list_kinds(dir, pass_name, &n);
}

int hs_io_watch(const char *dir)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char above[PATH_MAX];

	if (fd >= 0 && inotify_add_watch(fd, dir, IN_MODIFY | IN_MOVE | IN_CREATE | IN_ONLYDIR) < 0) {
		int saved = errno;

		hs_io_close(fd);
		errno = saved;
		return -1;
	}
	/* a directory that is held open does not report its own removal */
	if (fd >= 0 && snprintf(above, sizeof above, "%s/..", dir) < (int)sizeof above)
		inotify_add_watch(fd, above, IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR);
	return fd;
}

void hs_io_watch_file(int fd, const char *path)
{
	inotify_add_watch(fd, path, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF);
}

void hs_io_drain(int fd)
{
	char events[4096];

	while (read(fd, events, sizeof events) > 0)
		continue;
}

static void wait_for(int fd, short events, int64_t ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	poll(&p, 1, ms < 0 ? -1 : ms > INT_MAX ? INT_MAX : (int)ms);
}

void hs_io_wait_readable(int fd, int64_t ms)
{
	wait_for(fd, POLLIN, ms);
}

void hs_io_wait_writable(int fd, int64_t ms)
{
	wait_for(fd, POLLOUT, ms);
}

bool hs_io_boot_id(char id[static 37])
{
	int fd = open_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY, 0);
	ssize_t got = 0;

	if (fd >= 0) {
		RETRY(got, read(fd, id, 36));
		hs_io_close(fd);
	}
	id[got == 36 ? 36 : 0] = '\0';
	return got == 36;
}

uint64_t hs_io_random(void)
{
	uint64_t v;

	if (getrandom(&v, sizeof v, 0) == (ssize_t)sizeof v)
		return v;
	return (uint64_t)hs_io_now_monotonic() << 20 ^ (uint64_t)getpid();
}

int hs_io_hold_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return -1;
	return 0;
}

void hs_io_keep_private(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int hs_io_become(uid_t user, gid_t group)
{
	return setgroups(1, &group) < 0 || setgid(group) < 0 || setuid(user) < 0 ? -1 : 0;
}

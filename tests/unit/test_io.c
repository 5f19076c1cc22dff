/* io: what the thin functions promise beyond the calls that they make. */
#include "base/io.h"
#include "tests/lib/processes.h"
#include "tests/lib/temp_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static mode_t mode_of(int fd)
{
	struct stat st;

	assert_int_equal(hs_io_fstat(fd, &st), 0);
	return st.st_mode & 07777;
}

TEST(what_errno_means)
{
	assert_result(hs_io_result(ENOSPC), HS_E_FULL);
	assert_result(hs_io_result(EDQUOT), HS_E_FULL);
	assert_result(hs_io_result(EFBIG), HS_E_FULL);
	assert_result(hs_io_result(ENOMEM), HS_E_MEMORY);
	assert_result(hs_io_result(EIO), HS_E_IO);
	assert_result(hs_io_result(EROFS), HS_E_READ_ONLY);
	assert_result(hs_io_result(0), HS_E_IO);
}

TEST(modes_are_exact)
{
	mode_t before = umask(0777);
	int a = hs_io_make(temp.fd, "a", 0640), b = hs_io_open_or_make(temp.fd, "b", 0600);

	umask(before);
	assert_int_equal(mode_of(a), 0640);
	assert_int_equal(mode_of(b), 0600);
	assert_true((fcntl(a, F_GETFD) & FD_CLOEXEC) != 0);
	close(a);
	close(b);
}

TEST(a_new_file_is_new)
{
	int a = hs_io_make(temp.fd, "a", 0600), b;

	assert_int_equal(hs_io_make(temp.fd, "a", 0600), -1);
	assert_int_equal(errno, EEXIST);
	b = hs_io_open_or_make(temp.fd, "a", 0600);
	assert_true(b >= 0);
	close(a);
	close(b);
	wrap_fail(WRAP_FCHMOD, 1, 1, EPERM); /* no file with a wrong mode stays */
	assert_int_equal(hs_io_make(temp.fd, "c", 0600), -1);
	assert_int_equal(errno, EPERM);
	assert_false(spooldir_exists(&temp.d, "c"));
}

TEST(links_are_not_followed)
{
	struct stat st;

	spooldir_write(&temp.d, "target", HS_SLICE("x"));
	assert_int_equal(symlinkat("target", temp.fd, "link"), 0);
	assert_int_equal(symlinkat(".", temp.fd, "there"), 0);
	assert_int_equal(hs_io_open(temp.fd, "link"), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(hs_io_open_read(temp.fd, "link"), -1);
	assert_int_equal(hs_io_open_or_make(temp.fd, "link", 0600), -1);
	assert_int_equal(hs_io_open_dir(temp.fd, "there"), -1);
	assert_int_equal(hs_io_stat(temp.fd, "link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

/* Nothing is at the other end; opening must not wait for it. */
TEST(a_fifo_does_not_hold_us_up)
{
	int fd;

	assert_int_equal(mkfifoat(temp.fd, "fifo", 0600), 0);
	fd = hs_io_open(temp.fd, "fifo");
	if (fd >= 0)
		close(fd);
	fd = hs_io_open_read(temp.fd, "fifo");
	if (fd >= 0)
		close(fd);
}

TEST(what_is_no_plain_file_is_told)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), plain;
	size_t before;

	snprintf(at.sun_path, sizeof at.sun_path, "%s", spooldir_path(&temp.d, "socket"));
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	close(fd);
	spooldir_write(&temp.d, "plain", HS_SLICE("x"));
	spooldir_mkdir(&temp.d, "folder");
	assert_int_equal(mkfifoat(temp.fd, "fifo", 0600), 0);
	assert_int_equal(symlinkat("plain", temp.fd, "link"), 0);
	before = unit_descriptors();
	for (const char *const *name = (const char *const[]){ "socket", "folder", "fifo", "link", NULL }; *name != NULL;
	     name++) {
		assert_int_equal(hs_io_open_plain(temp.fd, *name), -1);
		assert_int_equal(errno, HS_IO_NOT_PLAIN);
	}
	assert_int_equal(hs_io_open_plain(temp.fd, "none"), -1);
	assert_int_equal(errno, ENOENT);
	wrap_fail(WRAP_FSTAT, 1, 1, EIO);
	assert_int_equal(hs_io_open_plain(temp.fd, "plain"), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(unit_descriptors(), before);
	plain = hs_io_open_plain(temp.fd, "plain");
	assert_true(plain >= 0);
	close(plain);
}

/* Another process makes it after it was looked for. */
TEST(a_file_that_appears_meanwhile_is_opened)
{
	int fd;

	spooldir_write(&temp.d, "a", HS_SLICE("x"));
	wrap_fail(WRAP_OPENAT, 1, 1, ENOENT);
	fd = hs_io_open_or_make(temp.fd, "a", 0600);
	assert_true(fd >= 0);
	close(fd);
}

TEST(interrupted_calls_are_repeated)
{
	static const enum wrap_call calls[] = { WRAP_OPENAT, WRAP_MKDIRAT, WRAP_FALLOCATE, WRAP_FSTATVFS, WRAP_FLOCK };
	int fd = hs_io_make(temp.fd, "a", 0600), other;
	struct hs_space space;

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		wrap_fail(calls[i], 1, 2, EINTR);
	other = hs_io_open(temp.fd, "a");
	assert_true(other >= 0);
	assert_int_equal(hs_io_make_dir(temp.fd, "folder", 0700), 0);
	assert_true(hs_io_reserve(fd, 0, 4096) == 0 || errno == EOPNOTSUPP);
	assert_int_equal(hs_io_space(fd, &space), 0);
	assert_int_equal(hs_io_lock(fd, LOCK_EX), 0);
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		assert_true(wrap_count(calls[i]) >= 3);
	close(fd);
	close(other);
}

/* Files outside of the spool may lie on a network. One that is opened to be read may be a FIFO without a writer. */
TEST(interrupted_calls_outside_are_repeated_unless_they_may_wait_for_ever)
{
	struct hs_buf text = { 0 };
	const char *path = spooldir_path(&temp.d, "a");
	struct stat st;
	int fd;

	spooldir_write(&temp.d, "a", HS_SLICE("text"));
	wrap_fail(WRAP_OPENAT, 1, 1, EINTR);
	assert_int_equal(hs_io_open_outside(path), -1);
	assert_int_equal(errno, EINTR);
	fd = hs_io_open_outside(path);
	assert_true(fd >= 0);
	close(fd);
	wrap_fail(WRAP_OPENAT, 1, 2, EINTR);
	fd = hs_io_open_place(path);
	assert_true(fd >= 0);
	close(fd);
	wrap_fail(WRAP_OPENAT, 1, 2, EINTR);
	assert_int_equal(hs_io_read_file(path, 100, &text, &st), 0);
	assert_slice_equal(hs_buf_slice(&text), HS_SLICE("text"));
	assert_true(wrap_count(WRAP_OPENAT) >= 8);
	hs_buf_free(&text);
}

TEST(a_wait_is_over_when_there_is_something)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	alarm(20);
	hs_io_wait_writable(ends[1], -1);
	assert_int_equal(write(ends[1], "x", 1), 1);
	hs_io_wait_readable(ends[0], INT64_MAX);
	alarm(0);
	close(ends[0]);
	close(ends[1]);
}

TEST(short_writes_are_continued)
{
	int fd = hs_io_make(temp.fd, "a", 0600);
	struct hs_buf text;

	wrap_short_write(1, 0);
	assert_int_equal(hs_io_write_at(fd, "0123456789", 10, 0), 0);
	wrap_fail(WRAP_PWRITE, 1, 1, EINTR);
	assert_int_equal(hs_io_write_at(fd, "abc", 3, 4), 0);
	text = spooldir_read(&temp.d, "a");
	assert_slice_equal(hs_buf_slice(&text), HS_SLICE("0123abc789"));
	hs_buf_free(&text);
	wrap_short_write(1, ENOSPC);
	assert_int_equal(hs_io_write_at(fd, "0123456789", 10, 100), -1);
	assert_int_equal(errno, ENOSPC);
	wrap_short_write(2, 0);
	assert_int_equal(hs_io_write_at(fd, "x", 1, 200), 0);
	assert_int_equal(hs_io_write_at(fd, "", 0, 200), 0);
	close(fd);
}

/* The kernel writes nothing and gives no reason. */
TEST(a_write_of_nothing_means_full)
{
	int fd = hs_io_make(temp.fd, "a", 0600);

	wrap_short_write(1, 0);
	assert_int_equal(hs_io_write_at(fd, "x", 1, 0), -1); /* half of one byte */
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

TEST(a_sync_is_never_retried)
{
	int fd = hs_io_make(temp.fd, "a", 0600);

	wrap_fail(WRAP_FDATASYNC, 1, 1, EINTR);
	assert_int_equal(hs_io_sync_data(fd), -1);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 1);
	wrap_fail(WRAP_FSYNC, 1, 1, EIO);
	assert_int_equal(hs_io_sync_dir(temp.fd), -1);
	assert_int_equal(wrap_count(WRAP_FSYNC), 1);
	close(fd);
}

TEST(reserving_leaves_the_size)
{
	int fd = hs_io_make(temp.fd, "a", 0600);
	struct stat st;

	if (hs_io_reserve(fd, 0, 1 << 20) < 0) {
		assert_int_equal(errno, EOPNOTSUPP);
		close(fd);
		skip();
	}
	assert_int_equal(hs_io_fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_true(st.st_blocks > 0);
	close(fd);
}

TEST(a_whole_small_file)
{
	struct hs_buf text = { 0 };
	const char *path = spooldir_path(&temp.d, "a");
	struct stat st;

	spooldir_write(&temp.d, "a", HS_SLICE("0123456789"));
	hs_buf_put_slice(&text, HS_SLICE("> "));
	assert_int_equal(hs_io_read_file(path, 10, &text, &st), 0);
	assert_slice_equal(hs_buf_slice(&text), HS_SLICE("> 0123456789"));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(hs_io_read_file(path, 9, &text, &st), -1);
	assert_int_equal(errno, EFBIG);
	wrap_fail(WRAP_PREAD, 1, 1, EIO);
	assert_int_equal(hs_io_read_file(path, 10, &text, &st), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(hs_io_read_file(spooldir_path(&temp.d, "none"), 10, &text, &st), -1);
	assert_int_equal(errno, ENOENT);
	hs_buf_free(&text);
}

static bool count_to_three(void *context, const char *name)
{
	assert_true(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
	return ++*(int *)context < 3;
}

TEST(listing)
{
	int count = 0;

	assert_int_equal(hs_io_list(temp.fd, count_to_three, &count), 0);
	assert_int_equal(count, 0);
	for (char name[2] = "a"; name[0] < 'f'; name[0]++)
		spooldir_write(&temp.d, name, HS_SLICE(""));
	assert_int_equal(hs_io_list(temp.fd, count_to_three, &count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(hs_io_list(temp.fd, count_to_three, &count), 0); /* it starts again from the first name */
	assert_int_equal(count, 4);
	assert_int_equal(hs_io_list(-1, count_to_three, &count), -1);
}

TEST(locks_exclude_descriptors)
{
	int a = hs_io_open_or_make(temp.fd, "lock", 0600), b = hs_io_open(temp.fd, "lock");
	int64_t start;

	assert_int_equal(hs_io_lock(a, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(hs_io_lock(b, LOCK_SH | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	start = hs_io_now_monotonic();
	assert_int_equal(hs_io_lock_within(b, LOCK_SH, 20), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	assert_true(hs_io_now_monotonic() - start >= 20);
	assert_int_equal(hs_io_lock_within(-1, LOCK_SH, 20), -1);
	assert_int_equal(errno, EBADF);
	hs_io_close(a);
	assert_int_equal(hs_io_lock(b, LOCK_SH | LOCK_NB), 0);
	close(b);
}

TEST(a_wait_ends)
{
	_Atomic uint32_t word = 5;
	int64_t start = hs_io_now_monotonic();

	hs_io_wait(&word, 4, 10000); /* the value differs already */
	assert_true(hs_io_now_monotonic() - start < 5000);
	hs_io_wait(&word, 5, 10); /* no wake comes */
	assert_true(hs_io_now_monotonic() - start >= 9);
}

TEST(this_boot)
{
	char one[37], two[37];

	assert_true(hs_io_boot_id(one));
	assert_int_equal(strlen(one), 36);
	assert_true(hs_io_boot_id(two));
	assert_string_equal(one, two);
	wrap_fail(WRAP_OPENAT, 1, 1, ENOENT);
	assert_false(hs_io_boot_id(two));
	assert_string_equal(two, "");
}

TEST(space_and_network)
{
	struct hs_space space;

	assert_int_equal(hs_io_space(temp.fd, &space), 0);
	assert_true(space.bytes > 0 && space.inodes > 0);
	wrap_inodes(5);
	assert_int_equal(hs_io_space(temp.fd, &space), 0);
	assert_int_equal(space.inodes, 5);
	wrap_inodes(-2);
	assert_int_equal(hs_io_space(temp.fd, &space), 0);
	assert_true(space.inodes == UINT64_MAX);
	wrap_reset();
	assert_true(hs_io_is_network(temp.fd) >= 0);
	assert_int_equal(hs_io_space(-1, &space), -1);
	assert_int_equal(hs_io_is_network(-1), -1);
	assert_true(hs_io_random() != hs_io_random());
}

TEST(network_file_systems_are_known)
{
	/* statfs(2); CIFS, SMB2 and Ceph have no name in the kernel's headers */
	static const uint32_t network[] = { NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, AFS_SUPER_MAGIC, CODA_SUPER_MAGIC,
		                            V9FS_MAGIC,      0xFF534D42,      0xFE534D42,      0x00C36400 };
	static const uint32_t local[] = { EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, TMPFS_MAGIC, 0xFFFFFFFF };

	for (size_t i = 0; i < sizeof network / sizeof *network; i++) {
		wrap_file_system(network[i]);
		assert_int_equal(hs_io_is_network(temp.fd), 1);
	}
	for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
		wrap_file_system(local[i]);
		assert_int_equal(hs_io_is_network(temp.fd), 0);
	}
}

static bool note_kind(void *context, const char *name, bool plain)
{
	((char *)context)[name[0] - 'a'] = plain ? 'f' : '-';
	return true;
}

/* Some file systems tell the kinds of files only one by one. */
TEST(plain_files_are_told_from_others)
{
	spooldir_write(&temp.d, "a", HS_SLICE(""));
	spooldir_mkdir(&temp.d, "b");
	assert_int_equal(symlinkat("a", temp.fd, "c"), 0);
	spooldir_write(&temp.d, "d", HS_SLICE(""));
	for (int hidden = 0; hidden < 2; hidden++) {
		char kinds[8] = "";

		if (hidden)
			wrap_hide_kinds();
		assert_int_equal(hs_io_list_kinds(temp.fd, note_kind, kinds), 0);
		assert_string_equal(kinds, "f--f");
	}
}

/* Its kind is then told by the call that opens it. */
TEST(a_file_of_no_kind_that_is_gone_meanwhile_counts_as_one)
{
	char kinds[8] = "";

	spooldir_mkdir(&temp.d, "a");
	wrap_hide_kinds();
	wrap_fail(WRAP_FSTATAT, 1, WRAP_FOREVER, ENOENT);
	assert_int_equal(hs_io_list_kinds(temp.fd, note_kind, kinds), 0);
	assert_string_equal(kinds, "f");
}

TEST(groups_are_ours_or_not)
{
	gid_t list[256];
	int n = getgroups(256, list);
	gid_t other = 54321;

	assert_true(hs_io_is_in_group(getegid()));
	for (int i = 0; i < n; i++)
		assert_true(hs_io_is_in_group(list[i]));
	for (int i = 0; i < n; i++)
		other += other == list[i];
	assert_int_equal(hs_io_is_in_group(other), other == getegid());
}

static int is_in_others(void *context)
{
	static const gid_t list[] = { 54321, 54322 };

	(void)context;
	if (setgroups(2, list) < 0)
		return 4;
	return hs_io_is_in_group(54321) + hs_io_is_in_group(54322) + hs_io_is_in_group(54323);
}

TEST(further_groups_are_ours_too)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(child_run(is_in_others, NULL), 2);
}

TEST(what_cannot_be_watched_is_told)
{
	size_t before = unit_descriptors();
	int fd;

	spooldir_write(&temp.d, "file", HS_SLICE(""));
	assert_int_equal(hs_io_watch(spooldir_path(&temp.d, "none")), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(hs_io_watch(spooldir_path(&temp.d, "file")), -1);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(unit_descriptors(), before);
	fd = hs_io_watch(temp.d.path);
	assert_true(fd >= 0);
	close(fd);
}

/* A directory whose path is so long that that of the one above it has no room. */
TEST(a_directory_with_the_longest_path_is_watched)
{
	char path[PATH_MAX] = "";
	int fd;

	while (strlen(path) + strlen(temp.d.path) + 4 <= sizeof path)
		strcat(path, "/.");
	strcat(path, temp.d.path);
	assert_in_range(strlen(path), PATH_MAX - 4, PATH_MAX - 1);
	fd = hs_io_watch(path);
	assert_true(fd >= 0);
	close(fd);
}

static int watch_without_descriptors(void *context)
{
	struct rlimit limit = { (rlim_t)temp.fd, (rlim_t)temp.fd };

	(void)context;
	for (int fd = STDERR_FILENO + 1; fd < temp.fd; fd++)
		dup2(STDERR_FILENO, fd);
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? 2 : hs_io_watch("/") == -1 && errno == EMFILE ? 0 : 1;
}

TEST(a_watch_without_a_descriptor_is_told)
{
	assert_int_equal(child_run(watch_without_descriptors, NULL), 0);
}

TEST(the_path_of_a_file)
{
	char path[PATH_MAX], real[PATH_MAX];

	spooldir_write(&temp.d, "a", HS_SLICE(""));
	assert_int_equal(hs_io_real_path(spooldir_path(&temp.d, "a"), path), 0);
	assert_int_equal(hs_io_real_path(path, real), 0);
	assert_string_equal(real, path);
	assert_int_equal(hs_io_real_path(spooldir_path(&temp.d, "none"), path), -1);
	assert_int_equal(errno, ENOENT);
}

/* Returns a bit for each standard stream that is open after all of them were closed, and 8 for success. */
static int hold_closed(void *files)
{
	struct rlimit limit = { *(rlim_t *)files, *(rlim_t *)files };
	int result, open = 0;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		close(fd);
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 16;
	result = hs_io_hold_standard();
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		open |= (fcntl(fd, F_GETFD) >= 0) << fd;
	return open | (result == 0 ? 8 : 0);
}

/* Otherwise a file of ours would take the place of a standard stream. */
TEST(standard_streams_are_all_held_or_it_fails)
{
	for (rlim_t files = 0; files < 4; files++)
		assert_int_equal(child_run(hold_closed, &files), files < 3 ? (1 << files) - 1 : 15);
}

TESTS("io", temp_dir_begin, temp_dir_end)

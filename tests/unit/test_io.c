/* io: what the thin functions promise beyond the calls they make. */
#include "base/io.h"
#include "tests/lib/cases.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

struct scene {
	struct spooldir d;
	int dir;
};

static int begin(void **state)
{
	static struct scene s;

	spooldir_make(&s.d, "");
	assert_int_equal(hs_io_make_dir(AT_FDCWD, s.d.path, 0700), 0);
	s.dir = hs_io_open_dir(AT_FDCWD, s.d.path);
	assert_true(s.dir >= 0);
	wrap_reset();
	*state = &s;
	return 0;
}

static int finish(void **state)
{
	struct scene *s = *state;

	wrap_reset();
	hs_io_close(s->dir);
	spooldir_remove(&s->d);
	return 0;
}

static mode_t mode_of(int fd)
{
	struct stat st;

	assert_int_equal(hs_io_fstat(fd, &st), 0);
	return st.st_mode & 07777;
}

static void what_errno_means(void **state)
{
	(void)state;
	assert_result(hs_io_result(ENOSPC), HS_E_FULL);
	assert_result(hs_io_result(EDQUOT), HS_E_FULL);
	assert_result(hs_io_result(EFBIG), HS_E_FULL);
	assert_result(hs_io_result(ENOMEM), HS_E_MEMORY);
	assert_result(hs_io_result(EIO), HS_E_IO);
	assert_result(hs_io_result(EROFS), HS_E_READ_ONLY);
	assert_result(hs_io_result(0), HS_E_IO);
}

static void modes_are_exact(void **state)
{
	struct scene *s = *state;
	mode_t before = umask(0777);
	int a = hs_io_make(s->dir, "a", 0640), b = hs_io_open_or_make(s->dir, "b", 0600);

	umask(before);
	assert_int_equal(mode_of(a), 0640);
	assert_int_equal(mode_of(b), 0600);
	assert_true((fcntl(a, F_GETFD) & FD_CLOEXEC) != 0);
	close(a);
	close(b);
}

static void a_new_file_is_new(void **state)
{
	struct scene *s = *state;
	int a = hs_io_make(s->dir, "a", 0600), b;

	assert_int_equal(hs_io_make(s->dir, "a", 0600), -1);
	assert_int_equal(errno, EEXIST);
	b = hs_io_open_or_make(s->dir, "a", 0600);
	assert_true(b >= 0);
	close(a);
	close(b);
	wrap_fail(WRAP_FCHMOD, 1, 1, EPERM); /* no file with a wrong mode stays */
	assert_int_equal(hs_io_make(s->dir, "c", 0600), -1);
	assert_int_equal(errno, EPERM);
	assert_false(spooldir_exists(&s->d, "c"));
}

static void links_are_not_followed(void **state)
{
	struct scene *s = *state;
	struct stat st;

	spooldir_write(&s->d, "target", HS_SLICE("x"));
	assert_int_equal(symlinkat("target", s->dir, "link"), 0);
	assert_int_equal(symlinkat(".", s->dir, "there"), 0);
	assert_int_equal(hs_io_open(s->dir, "link"), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(hs_io_open_read(s->dir, "link"), -1);
	assert_int_equal(hs_io_open_or_make(s->dir, "link", 0600), -1);
	assert_int_equal(hs_io_open_dir(s->dir, "there"), -1);
	assert_int_equal(hs_io_stat(s->dir, "link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

/* Nobody is at the other end; opening must not wait for one. */
static void a_fifo_does_not_hold_us_up(void **state)
{
	struct scene *s = *state;
	int fd;

	assert_int_equal(mkfifoat(s->dir, "fifo", 0600), 0);
	fd = hs_io_open(s->dir, "fifo");
	if (fd >= 0)
		close(fd);
	fd = hs_io_open_read(s->dir, "fifo");
	if (fd >= 0)
		close(fd);
}

static void short_writes_are_continued(void **state)
{
	struct scene *s = *state;
	int fd = hs_io_make(s->dir, "a", 0600);
	struct hs_buf text;

	wrap_short_write(1, 0);
	assert_int_equal(hs_io_write_at(fd, "0123456789", 10, 0), 0);
	wrap_fail(WRAP_PWRITE, 1, 1, EINTR);
	assert_int_equal(hs_io_write_at(fd, "abc", 3, 4), 0);
	text = spooldir_read(&s->d, "a");
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

/* The kernel takes nothing and gives no reason. */
static void a_write_of_nothing_means_full(void **state)
{
	struct scene *s = *state;
	int fd = hs_io_make(s->dir, "a", 0600);

	wrap_short_write(1, 0);
	assert_int_equal(hs_io_write_at(fd, "x", 1, 0), -1); /* half of one byte */
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void a_sync_is_never_retried(void **state)
{
	struct scene *s = *state;
	int fd = hs_io_make(s->dir, "a", 0600);

	wrap_fail(WRAP_FDATASYNC, 1, 1, EINTR);
	assert_int_equal(hs_io_sync_data(fd), -1);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 1);
	wrap_fail(WRAP_FSYNC, 1, 1, EIO);
	assert_int_equal(hs_io_sync_dir(s->dir), -1);
	assert_int_equal(wrap_count(WRAP_FSYNC), 1);
	close(fd);
}

static void reserving_leaves_the_size(void **state)
{
	struct scene *s = *state;
	int fd = hs_io_make(s->dir, "a", 0600);
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

static void a_whole_small_file(void **state)
{
	struct scene *s = *state;
	struct hs_buf text = { 0 };
	char path[PATH_MAX + 8];
	struct stat st;

	snprintf(path, sizeof path, "%s/a", s->d.path);
	spooldir_write(&s->d, "a", HS_SLICE("0123456789"));
	hs_buf_put_slice(&text, HS_SLICE("> "));
	assert_int_equal(hs_io_read_file(path, 10, &text, &st), 0);
	assert_slice_equal(hs_buf_slice(&text), HS_SLICE("> 0123456789"));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(hs_io_read_file(path, 9, &text, &st), -1);
	assert_int_equal(errno, EFBIG);
	wrap_fail(WRAP_PREAD, 1, 1, EIO);
	assert_int_equal(hs_io_read_file(path, 10, &text, &st), -1);
	assert_int_equal(errno, EIO);
	snprintf(path, sizeof path, "%s/none", s->d.path);
	assert_int_equal(hs_io_read_file(path, 10, &text, &st), -1);
	assert_int_equal(errno, ENOENT);
	hs_buf_free(&text);
}

static bool count_to_three(void *context, const char *name)
{
	assert_true(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
	return ++*(int *)context < 3;
}

static void listing(void **state)
{
	struct scene *s = *state;
	int count = 0;

	assert_int_equal(hs_io_list(s->dir, count_to_three, &count), 0);
	assert_int_equal(count, 0);
	for (char name[2] = "a"; name[0] < 'f'; name[0]++)
		spooldir_write(&s->d, name, HS_SLICE(""));
	assert_int_equal(hs_io_list(s->dir, count_to_three, &count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(hs_io_list(s->dir, count_to_three, &count), 0); /* from the start again */
	assert_int_equal(count, 4);
	assert_int_equal(hs_io_list(-1, count_to_three, &count), -1);
}

static void locks_exclude_descriptors(void **state)
{
	struct scene *s = *state;
	int a = hs_io_open_or_make(s->dir, "lock", 0600), b = hs_io_open(s->dir, "lock");
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

static void a_wait_ends(void **state)
{
	_Atomic uint32_t word = 5;
	int64_t start = hs_io_now_monotonic();

	(void)state;
	hs_io_wait(&word, 4, 10000); /* it is another already */
	assert_true(hs_io_now_monotonic() - start < 5000);
	hs_io_wait(&word, 5, 10); /* nobody wakes us */
	assert_true(hs_io_now_monotonic() - start >= 9);
}

static void this_boot(void **state)
{
	char one[37], two[37];

	(void)state;
	assert_true(hs_io_boot_id(one));
	assert_int_equal(strlen(one), 36);
	assert_true(hs_io_boot_id(two));
	assert_string_equal(one, two);
	wrap_fail(WRAP_OPENAT, 1, 1, ENOENT);
	assert_false(hs_io_boot_id(two));
	assert_string_equal(two, "");
}

static void space_and_network(void **state)
{
	struct scene *s = *state;
	struct hs_space space;

	assert_int_equal(hs_io_space(s->dir, &space), 0);
	assert_true(space.bytes > 0 && space.inodes > 0);
	assert_true(hs_io_is_network(s->dir) >= 0);
	assert_int_equal(hs_io_space(-1, &space), -1);
	assert_int_equal(hs_io_is_network(-1), -1);
	assert_true(hs_io_random() != hs_io_random());
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_errno_means),
		TEST(modes_are_exact),
		TEST(a_new_file_is_new),
		TEST(links_are_not_followed),
		TEST(a_fifo_does_not_hold_us_up),
		TEST(short_writes_are_continued),
		TEST(a_write_of_nothing_means_full),
		TEST(a_sync_is_never_retried),
		TEST(reserving_leaves_the_size),
		TEST(a_whole_small_file),
		TEST(listing),
		TEST(locks_exclude_descriptors),
		TEST(a_wait_ends),
		TEST(this_boot),
		TEST(space_and_network),
	};

	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}

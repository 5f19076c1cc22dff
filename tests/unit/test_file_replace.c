/* file_replace: after any failure or kill there is the old file or the new one, whole. */
#include "base/array.h"
#include "base/file_replace.h"
#include "tests/lib/processes.h"
#include "tests/lib/temp_dir.h"

#include <stdlib.h>

static enum hs_result put(const char *text)
{
	return hs_file_replace_text(temp.fd, "file", "file-new", 0640, hs_slice_str(text));
}

static void assert_text(const char *name, const char *expected)
{
	char text[64];
	int fd = hs_io_open_read(temp.fd, name);
	ssize_t got = fd < 0 ? 0 : hs_io_read_at(fd, text, sizeof text, 0);

	assert_true(got >= 0);
	assert_slice_equal(hs_slice(text, (size_t)got), hs_slice_str(expected));
	if (fd >= 0)
		hs_io_close(fd);
}

static bool exists(const char *name)
{
	struct stat st;

	return hs_io_stat(temp.fd, name, &st) == 0;
}

TEST(a_new_file_takes_the_old_ones_place)
{
	struct stat st;

	assert_result(put("old"), HS_OK);
	assert_result(put("new"), HS_OK);
	assert_text("file", "new");
	assert_int_equal(hs_io_stat(temp.fd, "file", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_false(exists("file-new"));
}

TEST(it_is_synced_before_it_is_renamed)
{
	static const struct {
		enum wrap_call call;
		int error;
		enum hs_result expected;
		const char *text;
	} faults[] = {
		{ WRAP_UNLINKAT, EROFS, HS_E_READ_ONLY, "old" },
		{ WRAP_OPENAT, ENOSPC, HS_E_FULL, "old" },
		{ WRAP_FCHMOD, EPERM, HS_E_IO, "old" },
		{ WRAP_PWRITE, ENOSPC, HS_E_FULL, "old" },
		{ WRAP_FDATASYNC, EIO, HS_E_SYNC, "old" },
		{ WRAP_RENAMEAT, EIO, HS_E_IO, "old" },
		{ WRAP_FSYNC, EIO, HS_E_IO, "new" },
	};

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		wrap_reset();
		assert_result(put("old"), HS_OK);
		wrap_fail(faults[i].call, 1, 1, faults[i].error);
		assert_result(put("new"), faults[i].expected);
		wrap_reset();
		assert_text("file", faults[i].text);
		assert_false(exists("file-new"));
	}
}

static int put_and_die(void *context)
{
	(void)context;
	return put("new") == HS_OK ? 0 : 1;
}

TEST(killed_before_every_call)
{
	bool was_old = false;
	int status = -1;
	unsigned nth;

	for (nth = 1; status != 0; nth++) {
		char text[8] = "";
		int fd;

		assert_result(put("old"), HS_OK);
		status = child_killed(nth, true, put_and_die, NULL);
		fd = hs_io_open_read(temp.fd, "file");
		assert_true(hs_io_read_at(fd, text, sizeof text - 1, 0) == 3);
		hs_io_close(fd);
		assert_true(strcmp(text, "old") == 0 || strcmp(text, "new") == 0);
		assert_true(was_old || strcmp(text, "old") == 0);
		was_old |= strcmp(text, "old") == 0;
	}
	assert_true(nth > 6);
	assert_result(put("last"), HS_OK);
	assert_text("file", "last");
}

TEST(the_first_one_stays)
{
	for (int i = 0; i < 2; i++) {
		struct hs_file_replace f = { temp.fd, "file", temp.fd, "file-new", 0600, false, -1 };
		enum hs_result r = hs_file_replace_begin(&f);
		bool made;

		assert_result(r, HS_OK);
		assert_int_equal(hs_io_write_at(f.fd, i == 0 ? "1st" : "2nd", 3, 0), 0);
		assert_result(hs_file_replace_first(&f, r, &made), HS_OK);
		assert_int_equal(made, i == 0);
		assert_int_equal(f.fd, -1);
		assert_text("file", "1st");
		assert_false(exists("file-new"));
	}
}

/* FAT and some network file systems have no links. */
TEST(the_first_one_is_made_where_there_are_no_links)
{
	static const int errors[] = { EPERM, EOPNOTSUPP, ENOSYS };

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		struct hs_file_replace f = { temp.fd, "file", temp.fd, "file-new", 0600, false, -1 };
		bool made;

		if (i > 0)
			spooldir_unlink(&temp.d, "file");
		assert_result(hs_file_replace_begin(&f), HS_OK);
		assert_int_equal(hs_io_write_at(f.fd, "1st", 3, 0), 0);
		wrap_fail(WRAP_LINKAT, 1, 1, errors[i]);
		assert_result(hs_file_replace_first(&f, HS_OK, &made), HS_OK);
		assert_true(made);
		assert_text("file", "1st");
		assert_false(exists("file-new"));
	}
}

TEST(a_first_one_that_cannot_be_made_is_told)
{
	struct hs_file_replace f = { temp.fd, "file", temp.fd, "file-new", 0600, false, -1 };
	bool made;

	assert_result(hs_file_replace_begin(&f), HS_OK);
	wrap_fail(WRAP_LINKAT, 1, 1, EPERM);
	wrap_fail(WRAP_RENAMEAT, 1, 1, ENOSPC);
	assert_result(hs_file_replace_first(&f, HS_OK, &made), HS_E_FULL);
	assert_false(made);
	assert_false(exists("file"));
	assert_false(exists("file-new"));
}

TEST(what_is_cancelled_leaves_nothing)
{
	struct hs_file_replace f = { temp.fd, "file", temp.fd, "file-new", 0600, false, -1 };

	assert_result(put("old"), HS_OK);
	assert_result(hs_file_replace_begin(&f), HS_OK);
	hs_file_replace_cancel(&f);
	hs_file_replace_cancel(&f);
	assert_false(exists("file-new"));
	assert_result(hs_file_replace_begin(&f), HS_OK);
	assert_result(hs_file_replace_end(&f, HS_E_MEMORY), HS_E_MEMORY);
	assert_false(exists("file-new"));
	assert_text("file", "old");
}

TEST(an_array_grows_or_stays_as_it_was)
{
	struct {
		uint32_t *list;
		size_t count, cap;
	} a = { NULL, 0, 0 };

	for (uint32_t i = 0; i < 10000; i++) {
		assert_true(HS_ARRAY_ROOM(&a.list, a.count, &a.cap));
		a.list[a.count++] = i;
	}
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(a.list[i], i);
	while (a.count < a.cap)
		a.list[a.count++] = 7;
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	assert_false(HS_ARRAY_ROOM(&a.list, a.count, &a.cap));
	assert_int_equal(a.count, a.cap);
	assert_int_equal(a.list[9999], 9999);
	assert_true(HS_ARRAY_ROOM(&a.list, a.count, &a.cap));
	free(a.list);
}

TESTS("file_replace", temp_dir_begin, temp_dir_end)

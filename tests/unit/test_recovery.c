/* recovery: keeps whole lines of a segment that was set aside, from every step at which the work may
 * have stopped. */
#include "base/io.h"
#include "spool/write/recovery.h"
#include "tests/lib/events.h"
#include "tests/lib/processes.h"
#include "tests/lib/said.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static struct scene {
	struct spooldir d;
	struct hs_spool_dir dir;
} s;

FIXTURE(begin)
{
	wrap_reset();
	spooldir_make(&s.d, "");
	s.dir.fd = spooldir_open(&s.d);
	assert_int_equal(hs_io_make_dir(s.dir.fd, ".hookspool", 0700), 0);
	s.dir.private_dir = hs_io_open_dir(s.dir.fd, ".hookspool");
	assert_int_equal(hs_io_make_dir(s.dir.private_dir, "run", 0700), 0);
	s.dir.run_dir = hs_io_open_dir(s.dir.private_dir, "run");
	s.dir.settings = s.d.settings;
	return 0;
}

FIXTURE(finish)
{
	wrap_reset();
	close(s.dir.run_dir);
	close(s.dir.private_dir);
	close(s.dir.fd);
	spooldir_remove(&s.d);
	return 0;
}

static void again(void)
{
	finish(NULL);
	begin(NULL);
}

static struct hs_found look(void)
{
	struct hs_found found;

	assert_result(hs_recovery_look(&s.dir, "events", &found), HS_OK);
	return found;
}

/* Writes an aside file with these lines and the bytes after them. */
static void set_aside(const char *words, const char *more, uint64_t number, int64_t keep)
{
	struct events *e = events_new(words);
	char name[HS_SEALED_NAME], path[HS_SEALED_NAME + 16];

	hs_buf_put(&e->lines, more, strlen(more));
	hs_recovery_name(
	    "events",
	    &(struct hs_aside){ number, keep < 0 ? e->lines.n : (uint64_t)keep, INT64_C(1795428900123), false }, name);
	snprintf(path, sizeof path, ".hookspool/%s", name);
	spooldir_write(&s.d, path, hs_buf_slice(&e->lines));
	events_free(e);
}

static size_t sealed(void)
{
	return spooldir_names(&s.d, "", "events-");
}

static bool finish_aside(enum hs_result expected)
{
	struct hs_found found = look();
	bool used = false;

	assert_int_not_equal(found.aside.number, 0);
	assert_result(hs_recovery_finish(&s.dir, "events", &found.aside, &used), expected);
	return used;
}

TEST(an_empty_spool)
{
	struct hs_found found = look();

	assert_int_equal(found.sealed_ms, 0);
	assert_int_equal(found.aside.number, 0);
}

TEST(numbers_are_found)
{
	struct hs_found found;

	spooldir_write(&s.d, "events-20261123T101500.123Z-000042.jsonl", HS_SLICE(""));
	spooldir_write(&s.d, "events-20261123T101500.124Z-000043.jsonl.gz", HS_SLICE(""));
	spooldir_write(&s.d, "events-20261123T101500.122Z-000041.jsonl", HS_SLICE(""));
	spooldir_write(&s.d, "events-foreign.jsonl", HS_SLICE(""));
	spooldir_write(&s.d, "rejected-20261123T101500.123Z-000099.jsonl", HS_SLICE(""));
	spooldir_write(&s.d, ".hookspool/aside-events-7-100-1795428900125", HS_SLICE(""));
	spooldir_write(&s.d, ".hookspool/aside-rejected-8-100-9", HS_SLICE(""));
	found = look();
	assert_int_equal(found.sealed_ms, INT64_C(1795428900124));
	assert_int_equal(found.aside.number, 7);
	assert_int_equal(found.aside.keep, 100);
	assert_false(found.aside.sealed);
	/* a foreign segment of its number: the aside file must still be copied */
	spooldir_write(&s.d, "events-20261023T101500.122Z-000007.jsonl.gz", HS_SLICE(""));
	assert_false(look().aside.sealed);
	spooldir_write(&s.d, "events-20261123T101500.125Z-000007.jsonl.gz", HS_SLICE(""));
	assert_true(look().aside.sealed);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

TEST(foreign_files_are_left_alone)
{
	static const char *const names[] = { "aside-events",
		                             "aside-events-",
		                             "aside-events-7",
		                             "aside-events-7-5",
		                             "aside-events-0-5-9",
		                             "aside-events-7-5-x",
		                             "aside-events-07-5-9",
		                             "aside-events-7-5-9~",
		                             "aside-events-+7-5-9",
		                             "aside-event",
		                             "aside-",
		                             "aside-events-99999999999999999999-1-9",
		                             "aside-events-7-5-" ZEROS ZEROS ZEROS "9" };
	char path[300];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, ".hookspool/%s", names[i]);
		spooldir_write(&s.d, path, HS_SLICE("{}\n"));
	}
	assert_int_equal(look().aside.number, 0);
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "aside-"), sizeof names / sizeof *names);
}

/* Finishes the aside file; returns what is logged meanwhile, which is valid until the next call. */
static const char *finish_and_say(void)
{
	said_begin(HS_LOG_WARN);
	assert_true(finish_aside(HS_OK));
	return said_end();
}

TEST(whole_lines_are_copied)
{
	struct hs_buf torn;
	const char *said;

	set_aside("a b", "{\"torn", 7, -1);
	said = finish_and_say();
	if (strstr(said, "a segment was set aside; ") == NULL ||
	    strstr(said, " bytes of whole lines are in events-20261123T101500.123Z-000007.jsonl") == NULL)
		fail_msg("it says: %s", said);
	assert_int_equal(sealed(), 1);
	assert_string_equal(spooldir_name(&s.d, "events-", 0), "events-20261123T101500.123Z-000007.jsonl");
	assert_once(&s.d, "a b");
	assert_sound(&s.d);
	torn = spooldir_read(&s.d, ".hookspool/torn");
	assert_slice_equal(hs_buf_slice(&torn), HS_SLICE("{\"torn\n"));
	hs_buf_free(&torn);
}

/* After `keep` the content of the disk is unknown. */
TEST(only_what_is_kept)
{
	struct events *e = events_new("a");

	set_aside("a b", "", 7, (int64_t)e->lines.n);
	assert_true(finish_aside(HS_OK));
	assert_once(&s.d, "a");
	assert_int_equal(spooldir_lines(&s.d), 1);
	again();
	set_aside("a b", "", 7, (int64_t)e->lines.n - 1);
	assert_false(finish_aside(HS_OK));
	assert_int_equal(sealed(), 0);
	assert_sound(&s.d);
	again();
	set_aside("a b", "", 7, 0);
	assert_false(finish_aside(HS_OK));
	assert_int_equal(sealed(), 0);
	assert_sound(&s.d);
	events_free(e);
}

/* A person gets a megabyte of what was never acknowledged to look at. */
TEST(a_long_rest_is_kept_in_part)
{
	static char rest[3 << 20];
	off_t kept;

	memset(rest, 'x', sizeof rest - 1);
	for (size_t i = 1000; i < sizeof rest - 1; i += 1000)
		rest[i] = '\n';
	set_aside("a", rest, 7, -1);
	assert_true(finish_aside(HS_OK));
	assert_once(&s.d, "a");
	kept = spooldir_size(&s.d, ".hookspool/torn");
	assert_in_range(kept, (1 << 20) - 2000, 1 << 20);
}

TEST(a_file_shorter_than_what_is_kept)
{
	set_aside("a b", "", 7, 100000);
	assert_true(finish_aside(HS_OK));
	assert_once(&s.d, "a b");
}

TEST(large_files_are_copied)
{
	struct hs_buf text = { 0 };
	char line[256];

	for (int i = 0; i < 10000; i++)
		hs_buf_put(&text, line,
		           (size_t)snprintf(line, sizeof line, "{\"message_id\":\"m%d\",\"x\":\"%0100d\"}\n", i, i));
	spooldir_write(&s.d, ".hookspool/aside-events-3-9999999-1795428900123", hs_buf_slice(&text));
	hs_buf_free(&text);
	assert_true(finish_aside(HS_OK));
	assert_int_equal(spooldir_lines(&s.d), 10000);
	assert_once(&s.d, "m0 m9999 m5000");
}

TEST(a_copy_that_was_left_half_done)
{
	set_aside("a b", "", 7, -1);
	spooldir_write(&s.d, ".hookspool/run/copy-events", HS_SLICE("{\"half"));
	spooldir_write(&s.d, ".hookspool/run/copy-rejected", HS_SLICE("{\"half"));
	assert_true(finish_aside(HS_OK));
	assert_true(spooldir_exists(&s.d, ".hookspool/run/copy-rejected")); /* not ours */
	assert_once(&s.d, "a b");
	spooldir_unlink(&s.d, ".hookspool/run/copy-rejected");
	assert_sound(&s.d);
}

TEST(a_copy_that_was_done)
{
	set_aside("a b", "", 7, -1);
	spooldir_write(&s.d, "events-20261123T101500.123Z-000007.jsonl",
	               HS_SLICE("{\"message_id\":\"a\"}\n{\"message_id\":\"b\"}\n"));
	assert_true(finish_aside(HS_OK));
	assert_int_equal(sealed(), 1);
	assert_once(&s.d, "a b");
	assert_int_equal(wrap_count(WRAP_FSYNC), 1); /* its name, before the original goes */
	assert_sound(&s.d);
}

TEST(a_copy_whose_name_cannot_be_synced)
{
	struct hs_found found;
	bool used;

	set_aside("a", "", 7, -1);
	spooldir_write(&s.d, "events-20261123T101500.123Z-000007.jsonl", HS_SLICE("{\"message_id\":\"a\"}\n"));
	found = look();
	wrap_fail(WRAP_FSYNC, 1, 1, EIO);
	assert_result(hs_recovery_finish(&s.dir, "events", &found.aside, &used), HS_E_IO);
	wrap_reset();
	assert_int_equal(look().aside.number, 7); /* the original is still there */
	assert_true(finish_aside(HS_OK));
	assert_once(&s.d, "a");
}

TEST(an_original_that_cannot_be_opened_stays)
{
	struct hs_found found;
	bool used;

	set_aside("a", "", 7, -1);
	found = look();
	wrap_fail(WRAP_OPENAT, 1, 1, EMFILE);
	assert_result(hs_recovery_finish(&s.dir, "events", &found.aside, &used), hs_io_result(EMFILE));
	wrap_reset();
	assert_int_equal(look().aside.number, 7);
	assert_true(finish_aside(HS_OK));
	assert_once(&s.d, "a");
}

TEST(several_aside_files_are_finished_one_by_one)
{
	set_aside("a", "", 3, -1);
	set_aside("b", "", 4, -1);
	set_aside("c", "", 5, -1);
	for (int i = 0; i < 3; i++)
		finish_aside(HS_OK);
	assert_int_equal(sealed(), 3);
	assert_once(&s.d, "a b c");
	assert_int_equal(look().aside.number, 0);
}

/* Until the copy and its name are synced, the original stays. */
TEST(the_original_goes_last)
{
	static const struct {
		enum wrap_call call;
		int error;
		enum hs_result expected;
	} faults[] = {
		{ WRAP_FDATASYNC, EIO, HS_E_SYNC }, { WRAP_FSYNC, EIO, HS_E_IO }, { WRAP_PWRITE, ENOSPC, HS_E_FULL },
		{ WRAP_RENAMEAT, EIO, HS_E_IO },    { WRAP_PREAD, EIO, HS_E_IO }, { WRAP_FCHMOD, EPERM, HS_E_IO },
		{ WRAP_UNLINKAT, EIO, HS_E_IO },
	};

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		struct hs_found found;
		bool used;

		again();
		set_aside("a b", "", 7, -1);
		found = look();
		wrap_fail(faults[i].call, 1, 1, faults[i].error);
		assert_result(hs_recovery_finish(&s.dir, "events", &found.aside, &used), faults[i].expected);
		assert_int_equal(look().aside.number, 7);
		wrap_reset();
		assert_true(finish_aside(HS_OK));
		assert_int_equal(sealed(), 1);
		assert_once(&s.d, "a b");
		assert_sound(&s.d);
	}
}

/* "aside-events-2" is as long as "aside-rejected": what follows it is no number of the other stream. */
TEST(a_file_that_the_other_stream_set_aside_is_not_taken)
{
	struct hs_spool_dir dir = s.dir;
	struct hs_found found;

	spooldir_mkdir(&s.d, "alone"); /* the last name of the folder decided */
	spooldir_write(&s.d, "alone/aside-events-2-10-1764000000000", HS_SLICE("x"));
	dir.private_dir = hs_io_open_dir(s.dir.fd, "alone");
	assert_result(hs_recovery_look(&dir, "rejected", &found), HS_OK);
	assert_int_equal(found.aside.number, 0);
	assert_result(hs_recovery_look(&dir, "events", &found), HS_OK);
	assert_int_equal(found.aside.number, 2);
	close(dir.private_dir);
}

static int copy_and_die(void *context)
{
	struct hs_found found;
	bool used;

	(void)context;
	hs_recovery_look(&s.dir, "events", &found);
	hs_recovery_finish(&s.dir, "events", &found.aside, &used);
	return 0;
}

TEST(killed_before_every_call)
{
	int status = -1;
	unsigned nth;

	for (nth = 1; status != 0; nth++) {
		again();
		set_aside("a b", "{\"torn", 7, -1);
		status = child_killed(nth, true, copy_and_die, NULL);
		if (look().aside.number != 0)
			finish_aside(HS_OK);
		assert_int_equal(sealed(), 1);
		assert_once(&s.d, "a b");
		assert_sound(&s.d);
	}
	assert_true(nth > 8);
}

static uint64_t scan(const char *text, uint64_t from, uint64_t to)
{
	uint64_t whole;
	int fd;

	spooldir_write(&s.d, "text", hs_slice_str(text));
	fd = hs_io_open(s.dir.fd, "text");
	assert_result(hs_recovery_scan(fd, from, to, &whole), HS_OK);
	close(fd);
	return whole;
}

TEST(how_much_is_whole)
{
	assert_int_equal(scan("", 0, 0), 0);
	assert_int_equal(scan("{}\n{}\n", 0, 6), 6);
	assert_int_equal(scan("{}\n{}\n", 3, 6), 6);
	assert_int_equal(scan("{}\n{}\n", 3, 5), 3);
	assert_int_equal(scan("{}\n{}", 0, 5), 3);
	assert_int_equal(scan("{}\nx\n{}\n", 0, 8), 3);
	assert_int_equal(scan("{}\n\n{}\n", 0, 7), 3);
	assert_int_equal(scan("[]\n{}\n", 0, 6), 0);
	wrap_fail(WRAP_PREAD, 1, 1, EIO);
	{
		int fd = hs_io_open(s.dir.fd, "text");
		uint64_t whole;

		assert_result(hs_recovery_scan(fd, 0, 6, &whole), HS_E_IO);
		close(fd);
	}
}

TESTS("recovery", begin, finish)

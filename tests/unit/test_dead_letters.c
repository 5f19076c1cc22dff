/*
 * dead_letters: a record that is set aside stays, as one line, despite concurrent writers and
 * kills.
 */
#include "base/io.h"
#include "spool/admin/dead_letters.h"
#include "spool/erase.h"
#include "spool/shared/spool_dir.h"
#include "spool/spool.h"
#include "tests/lib/processes.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static struct scene {
	struct spooldir d;
	struct hs_opened_spool o;
} s;

FIXTURE(make)
{
	wrap_reset();
	spooldir_make(&s.d, "");
	return hs_spool_dir_open(&s.o, s.d.settings, true) == HS_OK ? 0 : -1;
}

FIXTURE(finish)
{
	wrap_reset();
	hs_spool_dir_close(&s.o);
	spooldir_remove(&s.d);
	return 0;
}

static void assert_text(const char *want)
{
	struct hs_buf text = spooldir_read(&s.d, "failed.jsonl");

	assert_true(hs_slice_eq(hs_buf_slice(&text), hs_slice_str(want)));
	hs_buf_free(&text);
}

TEST(lines_follow_one_another)
{
	assert_int_equal(hs_dead_letters_append(&s.o.dir, HS_SLICE("{\"a\":1}\n"), UINT64_MAX, NULL), HS_OK);
	assert_int_equal(hs_dead_letters_append(&s.o.dir, HS_SLICE("{\"b\":2}\n"), UINT64_MAX, NULL), HS_OK);
	assert_true(wrap_count(WRAP_FDATASYNC) >= 2 && wrap_count(WRAP_FSYNC) >= 1);
	assert_text("{\"a\":1}\n{\"b\":2}\n");
}

/* The name of a new file has to be on the disk, too. */
TEST(the_first_line_waits_for_the_directory)
{
	wrap_reset();
	wrap_fail(WRAP_FSYNC, 1, 1, EIO);
	assert_int_not_equal(hs_dead_letters_append(&s.o.dir, HS_SLICE("{\"a\":1}\n"), UINT64_MAX, NULL), HS_OK);
	wrap_reset();
}

TEST(a_fragment_gets_a_line_of_its_own)
{
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{\"a\":1}\n{\"torn"));
	assert_int_equal(hs_dead_letters_append(&s.o.dir, HS_SLICE("{\"b\":2}\n"), UINT64_MAX, NULL), HS_OK);
	assert_text("{\"a\":1}\n{\"torn\n{\"b\":2}\n");
}

TEST(a_failure_leaves_it_as_it_was)
{
	static const enum wrap_call calls[] = { WRAP_PWRITE, WRAP_FDATASYNC, WRAP_PREAD };

	assert_int_equal(hs_dead_letters_append(&s.o.dir, HS_SLICE("{\"a\":1}\n"), UINT64_MAX, NULL), HS_OK);
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		wrap_fail(calls[i], 1, 1, calls[i] == WRAP_PWRITE ? ENOSPC : EIO);
		assert_int_not_equal(hs_dead_letters_append(&s.o.dir, HS_SLICE("{\"b\":2}\n"), UINT64_MAX, NULL),
		                     HS_OK);
		wrap_reset();
		assert_text("{\"a\":1}\n");
	}
	wrap_short_write(1, ENOSPC);
	assert_int_equal(hs_dead_letters_append(&s.o.dir, HS_SLICE("{\"b\":2}\n"), UINT64_MAX, NULL), HS_E_FULL);
	wrap_reset();
	assert_text("{\"a\":1}\n");
}

static int append_some(void *context)
{
	(void)context;
	for (int i = 0; i < 50; i++)
		if (hs_dead_letters_append(&s.o.dir, HS_SLICE("{\"from\":\"one of several\"}\n"), UINT64_MAX, NULL) !=
		    HS_OK)
			return 1;
	return 0;
}

TEST(several_at_once)
{
	children_run(4, append_some);
	assert_int_equal(spooldir_size(&s.d, "failed.jsonl"), 200 * 26);
}

static void later(void *context)
{
	(void)context;
	wrap_clock(0, 11000);
}

TEST(nothing_is_set_aside_while_another_has_the_lock)
{
	int fd = open(spooldir_path(&s.d, ".hookspool/run/failed.lock"), O_RDWR | O_CREAT, 0600);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	wrap_before(WRAP_FLOCK, 3, later, NULL);
	assert_result(hs_dead_letters_append(&s.o.dir, HS_SLICE("{\"a\":1}\n"), UINT64_MAX, NULL), HS_E_LOCKED);
	assert_false(spooldir_exists(&s.d, "failed.jsonl"));
	close(fd);
	assert_result(hs_dead_letters_append(&s.o.dir, HS_SLICE("{\"a\":1}\n"), UINT64_MAX, NULL), HS_OK);
	assert_text("{\"a\":1}\n");
}

/* --- taking out, killed ------------------------------------------------------------- */

enum { LETTERS = 6 };

/* The text of letter n; its record belongs to user "a" for 1 and 4, to user "b" for the others. */
static const char *letter(int n)
{
	static char text[160];

	snprintf(text, sizeof text,
	         "{\"failed_at\":\"2026-11-28T10:15:0%d.000Z\",\"cursor\":\"crm\","
	         "\"record\":{\"type\":\"page\",\"user_id\":\"%s\",\"message_id\":\"m%d\"}}\n",
	         n, n % 3 == 1 ? "a" : "b", n);
	return text;
}

static enum hs_result drop_2_and_4(void)
{
	struct hs_dead_letters_line lines[2];

	for (size_t i = 0; i < 2; i++) {
		struct hs_slice line = hs_slice_str(letter(i == 0 ? 2 : 4));

		line.n--;
		lines[i] = (struct hs_dead_letters_line){ .hash = hs_dead_letters_hash(line, 7) };
	}
	return hs_dead_letters_drop(&s.o.dir, lines, 2, 7);
}

static int drop_in_child(void *context)
{
	(void)context;
	return drop_2_and_4() == HS_OK ? 0 : 1;
}

/* How often the whole letter is in the file. */
static unsigned times(const char *file, int n)
{
	struct hs_buf text = { 0 };
	unsigned count = 0;

	if (spooldir_exists(&s.d, file))
		text = spooldir_read(&s.d, file);
	for (size_t at = 0; at < text.n;) {
		const char *end = memchr(text.p + at, '\n', text.n - at);
		size_t length = end == NULL ? text.n - at : (size_t)(end - text.p) - at + 1;

		count += length == strlen(letter(n)) && memcmp(text.p + at, letter(n), length) == 0;
		at += length;
	}
	hs_buf_free(&text);
	return count;
}

static void erase_a(void)
{
	struct hs_subject a = { .id = (char[]){ "a" }, .n = 1, .before = { UINT64_MAX, 0 }, .until_ms = INT64_MAX };
	struct hs_subjects subjects;
	struct hs_eraser how = { .subjects = &subjects };
	struct hs_erasure done;
	struct hs_spool *spool = hs_spool_new(s.d.settings);

	assert_non_null(spool);
	hs_subjects_init(&subjects, 1);
	assert_true(hs_subjects_add(&subjects, &a, NULL));
	assert_int_equal(hs_erase(spool, s.d.settings, &how, &done), HS_OK);
	hs_subjects_free(&subjects);
	hs_spool_free(spool);
}

static bool says_a(const char *file)
{
	struct hs_buf text = { 0 };
	bool says;

	if (!spooldir_exists(&s.d, file))
		return false;
	text = spooldir_read(&s.d, file);
	says = memmem(text.p, text.n, "\"user_id\":\"a\"", 13) != NULL;
	hs_buf_free(&text);
	return says;
}

/* After the kill, letters that stay and one appended then are there once; the next run finishes. */
TEST(killed_anywhere)
{
	bool ended = false, copy_left = false, copy_said_a = false;

	finish(state);
	for (unsigned nth = 1; !ended; nth++) {
		bool erase = nth % 4 >= 2; /* with whole writes and with torn ones */

		make(state);
		for (int n = 1; n < LETTERS; n++)
			assert_int_equal(hs_dead_letters_append(&s.o.dir, hs_slice_str(letter(n)), UINT64_MAX, NULL),
			                 HS_OK);
		ended = child_killed(nth, nth % 2 == 1, drop_in_child, NULL) == 0;
		copy_left |= spooldir_exists(&s.d, "failed-copy.jsonl");
		copy_said_a |= erase && says_a("failed-copy.jsonl");
		for (int n = 1; n < LETTERS; n++)
			assert_in_range(times("failed.jsonl", n), ended ? n != 2 && n != 4 : n % 2, n != 2 || !ended);
		assert_int_equal(hs_dead_letters_append(&s.o.dir, hs_slice_str(letter(LETTERS)), UINT64_MAX, NULL),
		                 HS_OK);
		if (erase)
			erase_a();
		assert_false(erase && (says_a("failed.jsonl") || says_a("failed-copy.jsonl")));
		assert_int_equal(drop_2_and_4(), HS_OK);
		assert_false(spooldir_exists(&s.d, "failed-copy.jsonl"));
		for (int n = 1; n <= LETTERS; n++)
			assert_int_equal(times("failed.jsonl", n), n != 2 && n != 4 && !(erase && n == 1));
		if (!ended)
			finish(state);
		assert_true(nth < 200);
	}
	assert_true(copy_left && copy_said_a); /* otherwise the test has shown nothing */
}

/* --- a bound ------------------------------------------------------------------------- */

TEST(a_full_file_takes_no_more)
{
	struct hs_slice line = hs_slice_str(letter(1));

	assert_int_equal(hs_dead_letters_append(&s.o.dir, line, 10, NULL), HS_OK); /* a first letter always fits */
	assert_int_equal(hs_dead_letters_append(&s.o.dir, line, 2 * line.n, NULL), HS_OK);
	assert_int_equal(hs_dead_letters_append(&s.o.dir, line, 3 * line.n - 1, NULL), HS_E_FAILED_MAX);
	assert_int_equal(hs_dead_letters_append(&s.o.dir, line, line.n / 2, NULL), HS_E_FAILED_MAX);
	assert_int_equal(times("failed.jsonl", 1), 2);
	assert_int_equal(hs_dead_letters_append(&s.o.dir, line, 3 * line.n, NULL), HS_OK);
}

/* Appends a letter of one day in October, whose record was spooled on another. */
static void add_dated(const char *failed, const char *spooled)
{
	char text[200];

	snprintf(text, sizeof text,
	         "{\"failed_at\":\"2026-10-%sT00:00:00.000Z\",\"cursor\":\"crm\","
	         "\"record\":{\"type\":\"page\",\"spooled_at\":\"2026-10-%sT00:00:00.000Z\"}}\n",
	         failed, spooled);
	assert_int_equal(hs_dead_letters_append(&s.o.dir, hs_slice_str(text), UINT64_MAX, NULL), HS_OK);
}

enum { DAY = 86400 };
/* Without its last letter the file goes; if it cannot, all is as before. */
TEST(the_last_letter)
{
	static const enum wrap_call calls[] = { WRAP_UNLINKAT, WRAP_FSYNC };
	struct hs_dead_letters_line line;
	struct hs_slice text = hs_slice_str(letter(2));

	spooldir_write(&s.d, "failed.jsonl", text);
	text.n--;
	line = (struct hs_dead_letters_line){ .hash = hs_dead_letters_hash(text, 7) };
	assert_int_equal(hs_dead_letters_drop(&s.o.dir, &line, 1, 7), HS_OK);
	assert_true(line.gone);
	assert_false(spooldir_exists(&s.d, "failed.jsonl"));
	for (size_t i = 0; i < 2; i++) {
		enum hs_result r = HS_OK;

		for (unsigned nth = 1; r == HS_OK && nth < 10; nth++) {
			spooldir_write(&s.d, "failed.jsonl", hs_slice_str(letter(2)));
			line.gone = false;
			wrap_fail(calls[i], nth, 10, EIO);
			r = hs_dead_letters_drop(&s.o.dir, &line, 1, 7);
			wrap_reset();
		}
		assert_int_equal(r, HS_E_IO);
	}
}

/* The time so many days after the first of October began. */
static int64_t october(int days)
{
	return INT64_C(1790812800000) + days * DAY * INT64_C(1000);
}

static enum hs_result expire(int before, uint64_t *gone)
{
	return hs_dead_letters_expire(&s.o.dir, october(30), october(before), gone);
}

TEST(old_letters_go)
{
	struct hs_dead_letters_size size;
	struct hs_buf after;
	uint64_t gone;

	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{\"damaged\n")); /* it stays, for a person to look at */
	add_dated("05", "04");
	add_dated("09", "08");
	add_dated("06", "10"); /* a clock was wrong: the later time counts */
	assert_int_equal(hs_dead_letters_look(s.o.dir.fd, october(30), &size), HS_OK);
	assert_int_equal(size.oldest_ms, october(4));
	wrap_reset();
	assert_int_equal(expire(4, &gone), HS_OK);
	assert_int_equal(gone, 0);
	assert_int_equal(wrap_count(WRAP_RENAMEAT), 0); /* where none goes, no copy is made */
	assert_int_equal(expire(8, &gone), HS_OK);
	assert_int_equal(gone, 1);
	after = spooldir_read(&s.d, "failed.jsonl");
	assert_non_null(memmem(after.p, after.n, "{\"damaged\n", 10));
	assert_null(memmem(after.p, after.n, "10-05", 5));
	assert_non_null(memmem(after.p, after.n, "at\":\"2026-10-09", 15));
	assert_int_equal(expire(30, &gone), HS_OK);
	assert_int_equal(gone, 2);
	hs_buf_free(&after);
}

/* Otherwise a line that another process appends meanwhile would be lost with the old file. */
TEST(no_letter_goes_while_another_has_the_lock)
{
	struct hs_dead_letters_line line = { .hash = 1 };
	uint64_t gone;
	int lock;

	add_dated("05", "04");
	assert_result(hs_dead_letters_lock(&s.o.dir, &lock), HS_OK);
	wrap_before(WRAP_FLOCK, 3, later, NULL);
	assert_result(expire(8, &gone), HS_E_LOCKED);
	assert_int_equal(gone, 0);
	wrap_reset();
	wrap_before(WRAP_FLOCK, 3, later, NULL);
	assert_result(hs_dead_letters_drop(&s.o.dir, &line, 1, 7), HS_E_LOCKED);
	hs_io_close(lock);
	assert_result(expire(8, &gone), HS_OK);
	assert_int_equal(gone, 1);
}

/* Many are written again in pieces: neither each by itself nor all at once. */
TEST(many_letters_stay)
{
	static char text[1 << 12];
	struct hs_buf letters = { 0 };
	uint64_t gone;

	add_dated("05", "04");
	memset(text, 'x', sizeof text - 1);
	for (int i = 0; i < 1000; i++)
		hs_buf_printf(&letters, "{\"damaged %s\n", text);
	spooldir_add(&s.d, "failed.jsonl", hs_buf_slice(&letters));
	wrap_reset();
	assert_int_equal(expire(8, &gone), HS_OK);
	assert_int_equal(gone, 1);
	assert_in_range(wrap_count(WRAP_PWRITE), 4, 40);
	assert_int_equal(spooldir_size(&s.d, "failed.jsonl"), letters.n);
	hs_buf_free(&letters);
}

/* A clock that was wrong once keeps no letter of others. */
TEST(old_letters_go_whatever_stands_first)
{
	struct hs_dead_letters_size size;
	struct hs_buf after;
	uint64_t gone;

	spooldir_write(&s.d, "failed.jsonl",
	               HS_SLICE("{\"failed_at\":\"2031-01-01T00:00:00.000Z\",\"record\":{\"type\":\"page\"}}\n"));
	assert_int_equal(hs_dead_letters_look(s.o.dir.fd, october(30), &size), HS_OK);
	assert_int_equal(size.oldest_ms, 0);
	add_dated("09", "09");
	add_dated("05", "04");
	assert_int_equal(hs_dead_letters_look(s.o.dir.fd, october(30), &size), HS_OK);
	assert_int_equal(size.oldest_ms, october(4));
	assert_int_equal(expire(7, &gone), HS_OK);
	assert_int_equal(gone, 1);
	after = spooldir_read(&s.d, "failed.jsonl");
	assert_non_null(memmem(after.p, after.n, "2031", 4)); /* when it failed is unknown */
	assert_non_null(memmem(after.p, after.n, "10-09", 5));
	hs_buf_free(&after);
}

static int expire_in_child(void *context)
{
	uint64_t gone;

	(void)context;
	return expire(7, &gone) == HS_OK ? 0 : 1;
}

TEST(killed_while_old_ones_go)
{
	bool ended = false;

	finish(state);
	for (unsigned nth = 1; !ended; nth++) {
		struct hs_buf text;
		uint64_t gone;

		make(state);
		add_dated("05", "04");
		add_dated("09", "08");
		ended = child_killed(nth, nth % 2 == 1, expire_in_child, NULL) == 0;
		add_dated("11", "10");
		assert_int_equal(expire(7, &gone), HS_OK);
		text = spooldir_read(&s.d, "failed.jsonl");
		assert_null(memmem(text.p, text.n, "10-05", 5));
		assert_non_null(memmem(text.p, text.n, "at\":\"2026-10-09", 15));
		assert_non_null(memmem(text.p, text.n, "at\":\"2026-10-11", 15));
		assert_false(spooldir_exists(&s.d, "failed-copy.jsonl"));
		hs_buf_free(&text);
		if (!ended)
			finish(state);
		assert_true(nth < 200);
	}
}

TEST(a_read_only_disk_has_its_own_result)
{
	static const enum wrap_call calls[] = { WRAP_UNLINKAT, WRAP_PWRITE, WRAP_RENAMEAT };

	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		assert_int_equal(hs_dead_letters_append(&s.o.dir, hs_slice_str(letter(1)), UINT64_MAX, NULL), HS_OK);
		wrap_fail(calls[i], 1, 1, EROFS);
		assert_result(drop_2_and_4(), HS_E_READ_ONLY);
		wrap_reset();
		assert_int_equal(times("failed.jsonl", 1), i + 1);
	}
}

/* The file was removed by hand, or erased as a whole: the copy goes all the same. */
TEST(a_copy_without_its_file)
{
	spooldir_write(&s.d, "failed-copy.jsonl", hs_slice_str(letter(1)));
	assert_int_equal(drop_2_and_4(), HS_OK);
	assert_false(spooldir_exists(&s.d, "failed-copy.jsonl"));
}

/* Each entry of the list removes one line, however often the line is there. */
TEST(equal_letters_go_one_by_one)
{
	struct hs_dead_letters_line lines[3] = { { .hash = hs_dead_letters_hash(HS_SLICE("{\"a\":1}"), 7) } };

	for (int i = 0; i < 5; i++)
		assert_int_equal(hs_dead_letters_append(&s.o.dir, HS_SLICE("{\"a\":1}\n"), UINT64_MAX, NULL), HS_OK);
	lines[1] = lines[2] = lines[0];
	assert_int_equal(hs_dead_letters_drop(&s.o.dir, lines, 3, 7), HS_OK);
	assert_true(lines[0].gone && lines[1].gone && lines[2].gone);
	assert_text("{\"a\":1}\n{\"a\":1}\n");
}

/* More than is written at a time. */
TEST(one_of_many_letters_goes)
{
	enum { MANY = 3000 };
	struct hs_dead_letters_line line;
	struct hs_buf before = { 0 }, after;
	size_t at = 0;

	for (int i = 0; i < MANY; i++) {
		size_t from = before.n;

		hs_buf_printf(&before, "{\"number\":%d,\"text\":\"%0150d\"}\n", i, i);
		if (i == MANY - 10)
			line = (struct hs_dead_letters_line){ .hash = hs_dead_letters_hash(
								  hs_slice(before.p + from, before.n - from - 1), 7) };
		at = i == MANY - 10 ? from : at;
	}
	spooldir_write(&s.d, "failed.jsonl", hs_buf_slice(&before));
	assert_int_equal(hs_dead_letters_drop(&s.o.dir, &line, 1, 7), HS_OK);
	after = spooldir_read(&s.d, "failed.jsonl");
	assert_int_equal(before.n - after.n, (char *)memchr(before.p + at, '\n', before.n - at) + 1 - (before.p + at));
	assert_memory_equal(before.p, after.p, at);
	assert_memory_equal(before.p + before.n - (after.n - at), after.p + at, after.n - at);
	hs_buf_free(&before);
	hs_buf_free(&after);
}

TEST(names_of_dead_letters)
{
	static const char *const names[] = { "failed.jsonl", "failed-2.jsonl", "failed.jsonl.gz",
		                             "failed-2026.jsonl.gz" };
	static const char *const others[] = { "failed",        "failed.json",      "failed-2026.txt", "fail-2026.jsonl",
		                              "failed.jsonl~", "failed.jsonl.bz2", "failed.gz",       "" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!hs_dead_letters_is_name(names[i]))
			fail_msg("%s", names[i]);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (hs_dead_letters_is_name(others[i]))
			fail_msg("%s", others[i]);
}

/* Letters without a time that can be right are never too old. */
TEST(the_time_of_a_letter)
{
	static const struct {
		const char *line;
		int day; /* 0: none */
	} cases[] = {
		{ "{\"failed_at\":\"2026-10-05T00:00:00.000Z\",\"record\":{\"spooled_at\":\"2026-10-04T00:00:00.000Z\"}"
		  "}\n",
		  5 },
		{ "{\"failed_at\":\"2026-10-05T00:00:00.000Z\",\"record\":{\"spooled_at\":\"yesterday\"}}\n", 5 },
		{ "{\"failed_at\":\"2026-10-05T00:00:00.000Z\",\"record\":{\"type\":\"page\"}}\n", 5 },
		{ "{\"other\":1,\"failed_at\":\"2026-10-05T00:00:00.000Z\",\"record\":{}}\n", 0 },
		{ "{\"failed_at\":\"yesterday\",\"record\":{\"spooled_at\":\"2026-10-04T00:00:00.000Z\"}}\n", 0 },
		{ "{\"failed_at\":\"1970-01-01T00:00:00.000Z\",\"record\":{}}\n", 0 },
		{ "{}\n", 0 },
	};
	struct hs_dead_letters_size size;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		spooldir_write(&s.d, "failed.jsonl", hs_slice_str(cases[i].line));
		assert_result(hs_dead_letters_look(s.o.dir.fd, october(30), &size), HS_OK);
		if (size.oldest_ms != (cases[i].day > 0 ? october(cases[i].day - 1) : 0))
			fail_msg("%s", cases[i].line);
	}
}

static enum hs_result look_for_event(void *context, bool *gone)
{
	*gone = *(int *)context == 1;
	return *(int *)context == 2 ? HS_E_IO : HS_OK;
}

/* No letter is written of an event that was erased meanwhile, nor of one of which that is not known. */
TEST(a_letter_of_an_event_that_is_erased)
{
	int event = 0;
	struct hs_dead_letters_origin from = { .look = look_for_event, .context = &event };

	for (event = 0; event < 3; event++)
		assert_result(hs_dead_letters_append(&s.o.dir, HS_SLICE("{\"a\":1}\n"), UINT64_MAX, &from),
		              event == 2 ? HS_E_IO : HS_OK);
	assert_text("{\"a\":1}\n");
}

/* A line that is there more often than it is listed, beside another one. */
TEST(more_of_a_letter_than_are_listed)
{
	struct hs_dead_letters_line lines[2] = { { .hash = hs_dead_letters_hash(HS_SLICE("{\"a\":1}"), 7) },
		                                 { .hash = hs_dead_letters_hash(HS_SLICE("{\"b\":2}"), 7) } };

	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{\"a\":1}\n{\"a\":1}\n{\"b\":2}\n{\"b\":2}\n{\"c\":3}\n"));
	assert_int_equal(hs_dead_letters_drop(&s.o.dir, lines, 2, 7), HS_OK);
	assert_text("{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
}

/* A copy that cannot be written, or removed: the file stays as it is, and the next run does it. */
TEST(a_copy_that_fails)
{
	struct hs_dead_letters_line line = { .hash = 1 };
	struct hs_buf text = { 0 };
	uint64_t gone;

	for (int i = 0; i < 5000; i++)
		hs_buf_printf(&text, "{\"number\":%d,\"text\":\"%0150d\"}\n", i, i);
	spooldir_write(&s.d, "failed.jsonl", hs_buf_slice(&text));
	for (unsigned nth = 1; nth <= 3; nth++) { /* several pieces */
		wrap_fail(WRAP_PWRITE, nth, 1, ENOSPC);
		assert_result(hs_dead_letters_drop(&s.o.dir, &line, 1, 7), HS_E_FULL);
		wrap_reset();
		assert_int_equal(spooldir_size(&s.d, "failed.jsonl"), text.n);
	}
	hs_buf_free(&text);
	spooldir_write(&s.d, "failed-copy.jsonl", HS_SLICE("{}\n"));
	wrap_fail(WRAP_UNLINKAT, 1, 1, EIO);
	assert_result(expire(1, &gone), HS_E_IO);
	wrap_reset();
	assert_result(expire(1, &gone), HS_OK);
	assert_false(spooldir_exists(&s.d, "failed-copy.jsonl"));
}

TEST(a_letter_without_its_record)
{
	static const char *const without[] = { "", "x", "{\"failed_at\":\"x\"}", "{\"a\":1,\"record\":{\"b\":2" };

	for (size_t i = 0; i < sizeof without / sizeof *without; i++)
		if (hs_dead_letters_record(hs_slice_str(without[i])).p != NULL)
			fail_msg("'%s' has a record", without[i]);
	assert_slice_equal(hs_dead_letters_record(HS_SLICE("{\"a\":1,\"record\":{\"b\":2}}")), HS_SLICE("{\"b\":2}"));
}

TESTS("dead_letters", make, finish)

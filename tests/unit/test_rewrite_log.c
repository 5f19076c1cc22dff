/*
 * rewrite_log: a position survives removals before it, whatever step is interrupted, and
 * compression and edits do not undo each other.
 */
#include "base/io.h"
#include "spool/position/rewrite_log.h"
#include "spool/shared/spool_dir.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/no_cut.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct hs_opened_spool o = SPOOLDIR_CLOSED;
static struct hs_rewrite_log *rewrites;

/* A spool with one sealed segment, number 1, of these words. */
FIXTURE(close_all)
{
	if (rewrites != NULL) {
		hs_rewrite_log_close(rewrites);
		hs_spool_dir_close(&o);
		rewrites = NULL;
	}
	return finish(state);
}

FIXTURE(tell_and_close)
{
	fail_each_tell();
	return close_all(state);
}

static void make_segment(const char *settings, const char *words)
{
	close_all(NULL);
	make(settings);
	seal(words);
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	assert_result(hs_rewrite_log_open(&o.dir, &rewrites), HS_OK);
}

/* Where the nth line (from 0) of the segment begins. */
static uint64_t line_at(unsigned nth)
{
	struct hs_buf text = spooldir_read(&s.d, spooldir_name(&s.d, "events-", 0));
	uint64_t at = 0;

	while (nth-- > 0)
		at += (uint64_t)((char *)memchr(text.p + at, '\n', text.n - at) - (text.p + at)) + 1;
	hs_buf_free(&text);
	return at;
}

/* A clean copy of the segment without the nth line (from 0), plain. */
static struct hs_rewrite prepare(unsigned nth, struct hs_range *removed)
{
	const char *name = spooldir_name(&s.d, "events-", 0);
	struct hs_buf text = spooldir_read(&s.d, name), rest = { 0 };
	struct hs_rewrite edit = { .stream = "events", .copy = "erase-copy", .removed = removed, .count = 1 };

	assert_true(hs_sealed_parse("events", name, &edit.sealed));
	edit.read = spooldir_stat(&s.d, name);
	removed->offset = line_at(nth);
	removed->bytes = line_at(nth + 1) - removed->offset;
	hs_buf_put(&rest, text.p, removed->offset);
	hs_buf_put(&rest, text.p + removed->offset + removed->bytes, text.n - removed->offset - removed->bytes);
	spooldir_write(&s.d, ".hookspool/run/erase-copy", hs_buf_slice(&rest));
	hs_buf_free(&text);
	hs_buf_free(&rest);
	return edit;
}

static enum hs_result erase(unsigned nth)
{
	struct hs_range removed;
	struct hs_rewrite edit = prepare(nth, &removed);

	return hs_rewrite_log_replace(rewrites, &edit);
}

/* Asks a handle that has just read the journal. */
static uint64_t number(void)
{
	struct hs_rewrite_log *fresh;
	uint64_t n;

	assert_int_equal(hs_rewrite_log_open(&o.dir, &fresh), HS_OK);
	assert_int_equal(hs_rewrite_log_share(fresh), HS_OK);
	n = hs_rewrite_log_number(fresh, 1);
	hs_rewrite_log_close(fresh);
	return n;
}

static uint64_t translate(uint64_t offset, uint64_t edit)
{
	struct hs_position p = { 1, offset, edit, 0 };

	assert_int_equal(hs_rewrite_log_share(rewrites), HS_OK);
	assert_int_equal(hs_rewrite_log_translate(rewrites, &p), HS_OK);
	assert_int_equal(p.edit, hs_rewrite_log_number(rewrites, 1));
	hs_rewrite_log_release(rewrites);
	return p.offset;
}

TEST(positions_move_with_their_lines)
{
	uint64_t was[6], d;

	make_segment("", "a b c d e");
	for (unsigned i = 0; i < 6; i++)
		was[i] = line_at(i);
	assert_int_equal(number(), 0);
	assert_int_equal(translate(was[3], 0), was[3]);
	assert_int_equal(erase(1), HS_OK); /* b */
	assert_int_equal(number(), 1);
	assert_int_equal(translate(was[0], 0), 0);
	assert_int_equal(translate(was[1], 0), was[1]); /* after a, before c */
	assert_int_equal(translate(was[2], 0), was[1]);
	assert_int_equal(translate(was[1] + 5, 0), was[1]);
	assert_int_equal(translate(was[5], 0), was[4]);
	d = line_at(2);
	assert_int_equal(erase(0), HS_OK); /* a */
	assert_int_equal(erase(1), HS_OK); /* d */
	assert_int_equal(number(), 3);
	assert_int_equal(translate(was[3], 0), line_at(1)); /* before d: now before e */
	assert_int_equal(translate(d, 1), line_at(1));
	assert_int_equal(translate(line_at(1), 3), line_at(1));
	assert_once(&s.d, "c e");
	assert_int_equal(spooldir_lines(&s.d), 2);
}

/* The hash of the line before a position, once one of these lines is gone. */
static uint64_t before_is(uint64_t offset)
{
	struct hs_position p = { 1, offset, 0, 77 };

	assert_int_equal(hs_rewrite_log_share(rewrites), HS_OK);
	assert_int_equal(hs_rewrite_log_translate(rewrites, &p), HS_OK);
	hs_rewrite_log_release(rewrites);
	return p.before;
}

TEST(the_line_before_is_known_while_it_exists)
{
	uint64_t was[6];

	make_segment("", "a b c d e");
	for (unsigned i = 0; i < 6; i++)
		was[i] = line_at(i);
	assert_int_equal(erase(1), HS_OK); /* b */
	assert_int_equal(before_is(was[1]), 77);
	assert_int_equal(before_is(was[2]), 0);
	assert_int_equal(before_is(was[3]), 77);
	assert_int_equal(before_is(was[5]), 77);
	assert_int_equal(erase(1), HS_OK); /* c */
	assert_int_equal(erase(2), HS_OK); /* e */
	assert_int_equal(before_is(was[1]), 77);
	assert_int_equal(before_is(was[2]), 0);
	assert_int_equal(before_is(was[3]), 0);
	assert_int_equal(before_is(was[4]), 77);
	assert_int_equal(before_is(was[5]), 0);
}

TEST(many_ranges)
{
	const char *name;
	struct hs_range removed[3] = { { 0, 10 }, { 20, 5 }, { 100, 50 } };
	struct hs_rewrite edit = { .stream = "events", .copy = "c", .removed = removed, .count = 3 };

	make_segment("", "a b c d e");
	name = spooldir_name(&s.d, "events-", 0);
	assert_true(hs_sealed_parse("events", name, &edit.sealed));
	edit.read = spooldir_stat(&s.d, name);
	spooldir_write(&s.d, ".hookspool/run/c", HS_SLICE("{}\n"));
	assert_int_equal(hs_rewrite_log_replace(rewrites, &edit), HS_OK);
	assert_int_equal(translate(0, 0), 0);
	assert_int_equal(translate(10, 0), 0);
	assert_int_equal(translate(15, 0), 5);
	assert_int_equal(translate(22, 0), 10);
	assert_int_equal(translate(25, 0), 10);
	assert_int_equal(translate(99, 0), 84);
	assert_int_equal(translate(149, 0), 85);
	assert_int_equal(translate(200, 0), 135);
}

static int erase_b(void *context)
{
	(void)context;
	/* a lock shared with the parent would outlive the child */
	if (hs_rewrite_log_open(&o.dir, &rewrites) != HS_OK)
		return -1;
	return (int)erase(1);
}

/* After a kill before any call there is one file or the other, the journal knows which, and the edit
 * can be repeated. */
/* Ranges that do not ascend would lead to a place before the file, or after it. */
TEST(ranges_that_nobody_wrote_lead_nowhere)
{
	static const char *const ranges[] = { "9,90,0,5",
		                              "9,9,12,1",
		                              "1,18446744073709551615",
		                              "1,2,3",
		                              "1,x",
		                              "1",
		                              "18446744073709551616,1",
		                              "9,90,100,5}",
		                              "99999999999999999999,1",
		                              "199,0,x" };

	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		struct hs_position p = { .number = 1, .offset = 200 };
		char text[512];

		make_segment("", "a b c");
		snprintf(text, sizeof text,
		         "{\"segment\":1,\"edit\":1,\"file\":\"%s\",\"inode\":[3,9],\"size\":[700,400],"
		         "\"removed\":[%s]}\n{\"segment\":1,\"edit\":1,\"done\":true}\n",
		         spooldir_name(&s.d, "events-", 0), ranges[i]);
		spooldir_write(&s.d, ".hookspool/edits", hs_slice_str(text));
		assert_result(hs_rewrite_log_share(rewrites), HS_OK);
		assert_int_equal(hs_rewrite_log_number(rewrites, 1), 1);
		if (hs_rewrite_log_translate(rewrites, &p) != HS_E_IO)
			fail_msg("[%s] leads to %llu", ranges[i], (unsigned long long)p.offset);
		hs_rewrite_log_release(rewrites);
		close_all(NULL);
	}
}

/* A line of the journal may end anywhere, or name no range at all. */
TEST(ranges_that_end_early)
{
	static const struct {
		const char *ranges;
		enum hs_result result;
	} cases[] = { { "[]}", HS_OK }, { "[12", HS_E_IO }, { "[12,1", HS_E_IO }, { "[", HS_OK } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_position p = { .number = 1, .offset = 200 };
		struct hs_buf text = { 0 };

		make_segment("", "a b c");
		for (int edit = 1; edit < 3; edit++)
			hs_buf_printf(&text,
			              "{\"segment\":1,\"edit\":%d,\"file\":\"%s\",\"inode\":[3,9],\"size\":[700,400],"
			              "\"removed\":%s\n{\"segment\":1,\"edit\":%d,\"done\":true}\n",
			              edit, spooldir_name(&s.d, "events-", 0), cases[i].ranges, edit);
		spooldir_write(&s.d, ".hookspool/edits", hs_buf_slice(&text));
		hs_buf_free(&text);
		assert_result(hs_rewrite_log_share(rewrites), HS_OK);
		if (hs_rewrite_log_translate(rewrites, &p) != cases[i].result || p.offset != 200)
			fail_msg("%s", cases[i].ranges);
		hs_rewrite_log_release(rewrites);
		close_all(NULL);
	}
}

TEST(a_kill_leaves_one_file_or_the_other)
{
	unsigned nth, undone = 0, done = 0;
	int status = -1;

	for (nth = 1; status != 0; nth++) {
		uint64_t c;
		bool there;

		make_segment("", "a b c");
		c = line_at(2);
		assert_int_equal(translate(c, 0), c); /* the handle has read the journal, and must read it again */
		prepare(1, &(struct hs_range){ 0, 0 });
		status = child_killed(nth, true, erase_b, NULL);
		there = spooldir_count(&s.d, "b") == 1;
		assert_int_equal(number(), there ? 0 : 1);
		assert_int_equal(translate(c, 0), there ? c : line_at(1));
		if (there)
			assert_int_equal(erase(1), HS_OK);
		undone += there;
		done += !there;
		assert_int_equal(erase(0), HS_OK); /* settles what was left */
		assert_int_equal(number(), 2);
		assert_int_equal(translate(c, 0), 0);
		assert_once(&s.d, "c");
	}
	assert_true(undone > 5 && done > 1);
}

TEST(any_call_may_fail)
{
	static const enum wrap_call calls[] = { WRAP_FDATASYNC, WRAP_FSYNC,     WRAP_PWRITE, WRAP_OPENAT,
		                                WRAP_RENAMEAT,  WRAP_FTRUNCATE, WRAP_REALLOC };

	for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++)
		for (unsigned nth = 1; nth <= 3; nth++) {
			struct hs_range removed;
			struct hs_rewrite edit;
			bool there;

			make_segment("", "a b c");
			edit = prepare(1, &removed);
			wrap_fail(calls[c], nth, 1, calls[c] == WRAP_PWRITE ? ENOSPC : EIO);
			hs_rewrite_log_replace(rewrites, &edit);
			wrap_reset();
			there = spooldir_count(&s.d, "b") == 1;
			assert_int_equal(number(), there ? 0 : 1);
			if (there)
				assert_int_equal(erase(1), HS_OK);
			assert_int_equal(erase(0), HS_OK);
			assert_int_equal(number(), 2);
			assert_once(&s.d, "c");
		}
}

TEST(a_file_that_changed_is_not_replaced)
{
	struct hs_range removed;
	struct hs_rewrite edit;

	make_segment("", "a b c");
	edit = prepare(1, &removed);
	maintain();
	assert_int_equal(s.maintained.compressed, 1);
	assert_int_equal(hs_rewrite_log_replace(rewrites, &edit), HS_E_REWRITTEN);
	assert_int_equal(number(), 0);
	assert_once(&s.d, "a b c");
}

static void add_half_a_line(void *context)
{
	(void)context;
	spooldir_add(&s.d, spooldir_name(&s.d, "events-", 0), HS_SLICE("{\"type\":"));
}

/* A program that copies the segment into the spool goes on: before it is replaced, or at any step of that. */
TEST(a_file_that_grows_is_not_replaced)
{
	static const enum wrap_call calls[] = { WRAP_FLOCK, WRAP_FSTATAT, WRAP_OPENAT, WRAP_PWRITE, WRAP_FDATASYNC };

	for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++) {
		struct hs_range removed;
		struct hs_rewrite edit;
		off_t size;

		make_segment("", "a b c");
		edit = prepare(1, &removed);
		size = edit.read.st_size;
		file_time_passes();
		wrap_before(calls[c], 1, add_half_a_line, NULL);
		assert_result(hs_rewrite_log_replace(rewrites, &edit), HS_E_REWRITTEN);
		wrap_reset();
		assert_int_equal(spooldir_size(&s.d, spooldir_name(&s.d, "events-", 0)), size + 8);
		assert_int_equal(number(), 0);
	}
}

/* Its size need not change: another copy may have reserved all of it, or be over it in place. */
TEST(a_file_that_was_written_to_is_not_replaced)
{
	struct hs_range removed;
	struct hs_rewrite edit;

	make_segment("", "a b c");
	edit = prepare(1, &removed);
	file_time_passes();
	spooldir_flip(&s.d, spooldir_name(&s.d, "events-", 0), 0);
	assert_result(hs_rewrite_log_replace(rewrites, &edit), HS_E_REWRITTEN);
	assert_int_equal(number(), 0);
}

static void before_compressor_renames(void *context)
{
	*(enum hs_result *)context = erase(1);
}

/* An edit comes after the compressor read the segment, before its copy gets the name. */
TEST(compression_does_not_bring_lines_back)
{
	enum hs_result erased = HS_E_IO;

	make_segment("", "a b c");
	wrap_before(WRAP_FDATASYNC, 1, before_compressor_renames, &erased);
	maintain();
	wrap_reset();
	assert_int_equal(erased, HS_OK);
	assert_int_equal(s.maintained.compressed, 0);
	assert_int_equal(spooldir_count(&s.d, "b"), 0);
	maintain();
	assert_int_equal(s.maintained.compressed, 1);
	assert_once(&s.d, "a c");
	assert_int_equal(number(), 1);
}

/* A kill between the compressor's last steps leaves the segment twice. */
TEST(the_other_form_goes_first)
{
	const char *name;
	char gz[HS_SEALED_NAME + 4];

	make_segment("", "a b c");
	name = spooldir_name(&s.d, "events-", 0);
	snprintf(gz, sizeof gz, "%s.gz", name);
	spooldir_write(&s.d, gz, HS_SLICE("what the compressor left"));
	assert_int_equal(erase(1), HS_OK);
	assert_false(spooldir_exists(&s.d, gz));
	assert_once(&s.d, "a c");
}

/* If it stays, or may come back after a power cut, the segment stays as it is: the .gz would bring the lines back. */
TEST(the_other_form_does_not_go)
{
	static const enum wrap_call calls[] = { WRAP_UNLINKAT, WRAP_FSYNC };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		char gz[HS_SEALED_NAME + 4];

		make_segment("", "a b c");
		snprintf(gz, sizeof gz, "%s.gz", spooldir_name(&s.d, "events-", 0));
		spooldir_write(&s.d, gz, HS_SLICE("what the compressor left"));
		wrap_fail(calls[i], 1, 1, EIO);
		assert_result(erase(1), HS_E_IO);
		wrap_reset();
		assert_int_equal(number(), 0);
		assert_result(erase(1), HS_OK);
		assert_once(&s.d, "a c");
		close_all(NULL);
	}
	make_segment("", "a");
}

/* The segment was not replaced, and the journal's line stays: it moves no position, and the next edit drops it. */
TEST(an_edit_that_cannot_be_taken_back)
{
	uint64_t c;

	make_segment("", "a b c");
	c = line_at(2);
	no_cut = true;
	wrap_fail(WRAP_RENAMEAT, 1, 1, EROFS);
	assert_result(erase(1), HS_E_READ_ONLY);
	wrap_reset();
	no_cut = false;
	assert_int_equal(translate(c, 0), c);
	assert_once(&s.d, "a b c");
	assert_result(erase(1), HS_OK);
	assert_int_equal(number(), 1);
	assert_true(translate(c, 0) < c);
	assert_once(&s.d, "a c");
}

/* No position points into the rejected segments. */
TEST(other_streams_are_not_journaled)
{
	struct hs_rewrite edit = { .stream = "rejected", .copy = "c", .sealed = { .number = 7, .sealed_ms = 1000 } };
	char name[HS_SEALED_NAME];
	struct hs_buf text;

	make_segment("", "a");
	hs_sealed_print("rejected", &edit.sealed, name);
	spooldir_write(&s.d, name, HS_SLICE("{\"a\":1}\n{\"b\":1}\n"));
	spooldir_write(&s.d, ".hookspool/run/c", HS_SLICE("{\"b\":1}\n"));
	edit.read = spooldir_stat(&s.d, name);
	assert_int_equal(hs_rewrite_log_replace(rewrites, &edit), HS_OK);
	text = spooldir_read(&s.d, name);
	assert_int_equal(text.n, 8);
	hs_buf_free(&text);
	assert_false(spooldir_exists(&s.d, ".hookspool/edits"));
}

/* Edits two segments, and removes the first. Returns where f was in the second. */
static uint64_t edit_two_segments(void)
{
	uint64_t c;

	make_segment("compress = none\nrotate_min_gap = 0\n", "a b c");
	assert_int_equal(erase(0), HS_OK);
	seal("d e f");
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	c = line_at(2);
	assert_int_equal(erase(1), HS_OK); /* e, of segment 2 */
	return c;
}

/* The lowest descriptor that is free. */
static int free_descriptor(void)
{
	int fd = dup(0);

	assert_true(fd >= 0 && close(fd) == 0);
	return fd;
}

TEST(a_journal_that_is_replaced_is_closed)
{
	struct hs_rewrite_log *reader;
	int lowest;

	edit_two_segments();
	assert_result(hs_rewrite_log_open(&o.dir, &reader), HS_OK);
	assert_int_equal(hs_rewrite_log_share(reader), HS_OK);
	hs_rewrite_log_release(reader);
	lowest = free_descriptor();
	assert_int_equal(hs_rewrite_log_trim(rewrites, 0), HS_OK);
	assert_int_equal(hs_rewrite_log_share(reader), HS_OK);
	hs_rewrite_log_release(reader);
	assert_in_range(free_descriptor(), 0, lowest);
	hs_rewrite_log_close(reader);
}

TEST(edits_of_deleted_segments_are_forgotten)
{
	static const enum wrap_call calls[] = { WRAP_FDATASYNC, WRAP_PWRITE, WRAP_RENAMEAT, WRAP_FSYNC };
	uint64_t size, c;
	struct hs_position p;

	c = edit_two_segments();
	size = (uint64_t)spooldir_size(&s.d, ".hookspool/edits");
	assert_int_equal(hs_rewrite_log_trim(rewrites, size), HS_OK); /* not worth it */
	assert_int_equal(spooldir_size(&s.d, ".hookspool/edits"), size);
	wrap_fail(WRAP_RENAMEAT, 1, 1, EROFS);
	assert_result(hs_rewrite_log_trim(rewrites, 0), HS_E_READ_ONLY);
	wrap_reset();
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		wrap_fail(calls[i], 1, 1, EIO);
		hs_rewrite_log_trim(rewrites, 0);
		wrap_reset();
		assert_int_equal(hs_rewrite_log_share(rewrites), HS_OK);
		assert_int_equal(hs_rewrite_log_number(rewrites, 2), 1);
		hs_rewrite_log_release(rewrites);
	}
	assert_int_equal(hs_rewrite_log_trim(rewrites, 0), HS_OK);
	assert_true((uint64_t)spooldir_size(&s.d, ".hookspool/edits") < size);
	assert_int_equal(number(), 0); /* of segment 1 */
	p = (struct hs_position){ 2, c, 0, 0 };
	assert_int_equal(hs_rewrite_log_share(rewrites), HS_OK);
	assert_int_equal(hs_rewrite_log_translate(rewrites, &p), HS_OK);
	hs_rewrite_log_release(rewrites);
	assert_int_equal(p.offset, line_at(1));
	assert_int_equal(erase(0), HS_OK);
	assert_once(&s.d, "f");
}

static int trim_in_child(void *context)
{
	(void)context;
	return hs_rewrite_log_trim(rewrites, 0) == HS_OK ? 0 : 1;
}

/* Whatever a kill leaves, the entries of an existing segment are complete, and the next run trims. */
TEST(a_kill_while_it_is_trimmed)
{
	bool ended = false;

	for (unsigned nth = 1; !ended; nth++) {
		struct hs_position p;
		uint64_t size, c;

		c = edit_two_segments();
		size = (uint64_t)spooldir_size(&s.d, ".hookspool/edits");
		ended = child_killed(nth, nth % 2 == 1, trim_in_child, NULL) == 0;
		for (int run = 0; run < 2; run++) { /* as the kill left it; trimmed */
			p = (struct hs_position){ 2, c, 0, 0 };
			assert_int_equal(hs_rewrite_log_share(rewrites), HS_OK);
			assert_int_equal(hs_rewrite_log_number(rewrites, 2), 1);
			assert_int_equal(hs_rewrite_log_translate(rewrites, &p), HS_OK);
			hs_rewrite_log_release(rewrites);
			assert_int_equal(p.offset, line_at(1));
			assert_int_equal(hs_rewrite_log_trim(rewrites, 0), HS_OK);
		}
		assert_true((uint64_t)spooldir_size(&s.d, ".hookspool/edits") < size);
		assert_int_equal(number(), 0); /* of segment 1 */
		if (ended)
			assert_true(nth > 6); /* otherwise the test has shown nothing */
		assert_true(nth < 200);
	}
}

TEST(a_journal_that_is_cut_while_it_is_used)
{
	struct hs_position p = { 1, 1000, 0, 0 };

	make_segment("", "a b c");
	assert_result(erase(1), HS_OK);
	assert_result(hs_rewrite_log_share(rewrites), HS_OK);
	spooldir_cut(&s.d, ".hookspool/edits", 0);
	assert_result(hs_rewrite_log_translate(rewrites, &p), HS_E_IO);
	hs_rewrite_log_release(rewrites);
}

static enum hs_result run_trim(void)
{
	return hs_rewrite_log_trim(rewrites, 0);
}

static uint64_t at_c;

static void prepare_trim(void)
{
	at_c = edit_two_segments();
}

static void is_trimmed(void)
{
	struct hs_position p = { 2, at_c, 0, 0 };

	assert_int_equal(number(), 0); /* of segment 1, which is gone */
	assert_result(hs_rewrite_log_share(rewrites), HS_OK);
	assert_result(hs_rewrite_log_translate(rewrites, &p), HS_OK);
	hs_rewrite_log_release(rewrites);
	assert_int_equal(p.offset, line_at(1));
}

TEST_WITH(trimming, NULL, tell_and_close)
{
	fail_each_of(FAIL_CALL(WRAP_PREAD) | FAIL_CALL(WRAP_FSTAT) | FAIL_CALL(WRAP_FDOPENDIR) |
	                 FAIL_CALL(WRAP_REALLOC),
	             &(struct job){ prepare_trim, run_trim, is_trimmed, 0 });
}

/* Another file has the segment's name, or its plain form is there again, which counts. */
TEST(a_segment_that_was_replaced_is_not_edited)
{
	struct hs_range removed;
	struct hs_rewrite edit;
	struct hs_buf text;
	char plain[HS_SEALED_NAME];

	make_segment("", "a b c");
	edit = prepare(1, &removed);
	edit.read.st_ino++;
	assert_result(hs_rewrite_log_replace(rewrites, &edit), HS_E_REWRITTEN);
	snprintf(plain, sizeof plain, "%s", spooldir_name(&s.d, "events-", 0));
	text = spooldir_read(&s.d, plain);
	maintain();
	edit.sealed.gzip = true;
	edit.read = spooldir_stat(&s.d, spooldir_name(&s.d, "events-", 0));
	spooldir_write(&s.d, plain, hs_buf_slice(&text));
	hs_buf_free(&text);
	assert_result(hs_rewrite_log_replace(rewrites, &edit), HS_E_REWRITTEN);
	assert_int_equal(number(), 0);
	assert_int_equal(spooldir_count(&s.d, "b"), 2); /* in both forms */
}

/* An erase, a repair, a backup and an adoption take turns. */
TEST(one_rewriter_at_a_time)
{
	int lock, second;

	make_segment("", "a");
	assert_result(hs_rewriter_lock(o.dir.run_dir, &lock), HS_OK);
	assert_result(hs_rewriter_lock(o.dir.run_dir, &second), HS_E_LOCKED);
	assert_int_equal(second, -1);
	hs_io_close(lock);
	assert_result(hs_rewriter_lock(o.dir.run_dir, &lock), HS_OK);
	hs_io_close(lock);
}

TESTS("rewrite_log", NULL, close_all)

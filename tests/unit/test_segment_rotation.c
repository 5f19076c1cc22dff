/*
 * segment_rotation: the open file and its successors, through failures, clocks that go back, and two processes.
 */
#include "tests/lib/processes.h"
#include "tests/lib/segment_view.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

/* --- rotation --------------------------------------------------------------------------------- */

TEST(rotation_by_size)
{
	again("rotate_size = 4K\nrotate_min_gap = 0\n");
	for (int i = 0; i < 200; i++) {
		char word[16];

		snprintf(word, sizeof word, "e%d", i);
		assert_result(put(&s.view, word), HS_OK);
		assert_true(spooldir_size(&s.d, "events.jsonl") <= 4096);
	}
	assert_true(sealed() >= 3);
	assert_int_equal(spooldir_lines(&s.d), 200);
	for (size_t i = 0; i < sealed(); i++)
		assert_true(spooldir_size(&s.d, spooldir_name(&s.d, "events-", i)) > 3900);
	assert_sound(&s.d);
}

TEST(a_batch_larger_than_a_segment)
{
	char words[4096] = "";

	again("rotate_size = 4K\nrotate_min_gap = 0\n");
	for (int i = 0; i < 200; i++)
		snprintf(words + strlen(words), 16, "e%d ", i);
	assert_result(put(&s.view, words), HS_OK);
	assert_int_equal(sealed(), 0);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_int_equal(sealed(), 1);
	assert_int_equal(spooldir_lines(&s.d), 201);
}

TEST(rotation_by_age)
{
	again("rotate_age = 1h\nrotate_min_gap = 0\n");
	assert_result(put(&s.view, "a"), HS_OK);
	wrap_clock(3599000, 3599000);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_int_equal(sealed(), 0);
	wrap_clock(3601000, 3601000);
	assert_result(prepare(&s.view, 0), HS_OK);
	assert_int_equal(sealed(), 1);
	assert_int_equal(spooldir_size(&s.d, "events.jsonl"), 0);
	wrap_clock(360000000, 360000000); /* an empty one has no age */
	assert_result(prepare(&s.view, 0), HS_OK);
	assert_int_equal(sealed(), 1);
}

TEST(rotation_by_age_is_off)
{
	again("rotate_age = 0\nrotate_min_gap = 0\n");
	assert_result(put(&s.view, "a"), HS_OK);
	wrap_clock(360000000, 360000000);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_int_equal(sealed(), 0);
}

/* A spool that waits for its first event: its file may be older than that. */
TEST(age_counts_from_the_first_line)
{
	again("rotate_age = 1h\nrotate_min_gap = 0\n");
	assert_result(prepare(&s.view, 0), HS_OK);
	close_view(&s.view);
	spooldir_unlink(&s.d, ".hookspool/run/state");
	open_view(&s.view, &s.d, HS_EVENTS);
	assert_result(prepare(&s.view, 0), HS_OK); /* finds the empty file */
	wrap_clock(3000000, 3000000);
	assert_result(put(&s.view, "a"), HS_OK);
	wrap_clock(6000000, 6000000);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_int_equal(sealed(), 0);
	wrap_clock(6601000, 6601000);
	assert_result(put(&s.view, "c"), HS_OK);
	assert_int_equal(sealed(), 1);
	assert_once(&s.d, "a b c");
}

/* Its lines tell when the segment began, so age survives restarts. */
TEST(age_is_read_back)
{
	again("rotate_age = 1h\nrotate_min_gap = 0\n");
	assert_result(put(&s.view, "a"), HS_OK);
	close_view(&s.view);
	spooldir_unlink(&s.d, ".hookspool/run/state");
	open_view(&s.view, &s.d, HS_EVENTS);
	wrap_clock(3599000, 0);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_int_equal(sealed(), 0);
	wrap_clock(3601000, 0);
	assert_result(put(&s.view, "c"), HS_OK);
	assert_int_equal(sealed(), 1);
	assert_once(&s.d, "a b c");
}

TEST(the_gap_between_rotations)
{
	again("rotate_size = 4K\nrotate_min_gap = 1m\n");
	for (int i = 0; i < 200; i++) {
		char word[16];

		snprintf(word, sizeof word, "e%d", i);
		assert_result(put(&s.view, word), HS_OK);
	}
	assert_int_equal(sealed(), 1); /* the first rotates at once, the others must wait */
	assert_result(rotate(&s.view), HS_E_ROTATE_GAP);
	wrap_clock(0, 20000); /* far below the minute, since a busy machine takes seconds, too */
	assert_result(rotate(&s.view), HS_E_ROTATE_GAP);
	wrap_clock(0, 61000);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_int_equal(sealed(), 2);
	assert_int_equal(spooldir_lines(&s.d), 201);
}

TEST(rotation_on_demand)
{
	assert_result(rotate(&s.view), HS_OK); /* nothing to seal */
	assert_int_equal(sealed(), 0);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_result(rotate(&s.view), HS_OK);
	assert_int_equal(sealed(), 1);
	assert_int_equal(spooldir_size(&s.d, "events.jsonl"), 0);
	assert_result(rotate(&s.view), HS_OK);
	assert_int_equal(sealed(), 1);
	assert_once(&s.d, "a");
}

/* With such a clock nothing is named, sealed or deleted; service resumes when it is corrected. */
TEST(a_clock_that_is_decades_off)
{
	static const int64_t years[] = { -56, -5, 80, 300 };

	for (size_t i = 0; i < sizeof years / sizeof *years; i++) {
		wrap_clock(years[i] * 365 * 86400000, 0);
		assert_result(put(&s.view, "a"), HS_E_CLOCK);
	}
	wrap_clock(0, 0);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_once(&s.d, "a");
}

/* Each has its own name, after the one before, whatever the clock says. */
TEST(names_never_repeat)
{
	static const int64_t clock[] = { 0, 0, -86400000, -86400000, 3600000, 0, -3600000 };

	for (size_t i = 0; i < sizeof clock / sizeof *clock; i++) {
		char word[16];

		wrap_clock(clock[i], 0);
		snprintf(word, sizeof word, "e%zu", i);
		assert_result(put(&s.view, word), HS_OK);
		assert_result(rotate(&s.view), HS_OK);
		assert_int_equal(sealed(), i + 1);
		assert_sound(&s.d);
		if (i % 2 == 0)
			continue;
		close_view(&s.view); /* the state is lost; the names tell */
		spooldir_unlink(&s.d, ".hookspool/run/state");
		open_view(&s.view, &s.d, HS_EVENTS);
	}
	/* numbers of deleted segments are not used again: the state remembers them */
	while (sealed() > 0)
		spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	assert_result(put(&s.view, "z"), HS_OK);
	assert_result(rotate(&s.view), HS_OK);
	assert_non_null(strstr(spooldir_name(&s.d, "events-", 0), "-000008.jsonl"));
}

/* The state is lost, "a" is left, and a cursor is in segment 42: which number does b get? */
static void number_after_a_cursor(const char *offset, const char *name)
{
	char cursor[256];

	assert_result(put(&s.view, "a"), HS_OK);
	close_view(&s.view);
	spooldir_unlink(&s.d, ".hookspool/run/state");
	spooldir_mkdir(&s.d, ".hookspool/cursors");
	snprintf(cursor, sizeof cursor,
	         "{\"number\":42,\"offset\":%s,\"edit\":0,"
	         "\"before\":\"0000000000000000\",\"spool\":\"00000000000000000000000000000000\","
	         "\"epoch\":1,\"saved_at\":\"2026-11-23T10:15:00.123Z\"}\n",
	         offset);
	spooldir_write(&s.d, ".hookspool/cursors/c", hs_slice_str(cursor));
	open_view(&s.view, &s.d, HS_EVENTS);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_result(rotate(&s.view), HS_OK);
	assert_non_null(strstr(spooldir_name(&s.d, "events-", 0), name));
}

/* All sealed segments were deleted, too: new events must come after the consumer's position. */
TEST(numbers_go_on_where_a_cursor_stands)
{
	number_after_a_cursor("0", "-000042.jsonl");
}

/* The consumer has passed lines that are gone: new ones must not take their place. */
TEST(a_cursor_beyond_the_end)
{
	number_after_a_cursor("500", "-000043.jsonl");
}

TEST(the_numbers_are_synced)
{
	assert_result(put(&s.view, "a"), HS_OK);
	wrap_reset();
	assert_result(rotate(&s.view), HS_OK);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 1); /* the state; the segment was synced */
	assert_true(wrap_count(WRAP_FSYNC) >= 1);
}

/* Bytes without a waiter are synced before the segment gets its sealed name. */
TEST(a_sealed_segment_is_synced)
{
	struct hs_unsynced pending;

	assert_result(write_line(&s.view, "a", &pending), HS_OK);
	hs_segment_forget(&pending);
	wrap_reset();
	assert_result(rotate(&s.view), HS_OK);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 2);
	assert_once(&s.d, "a");
	assert_result(write_line(&s.view, "b", &pending), HS_OK);
	wrap_reset();
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	rotate(&s.view);
	assert_result(hs_segment_wait(&s.view.segment, &pending, soon()), HS_E_SYNC);
	wrap_reset();
	assert_result(put(&s.view, "c"), HS_OK);
	assert_int_equal(spooldir_count(&s.d, "b"), 0);
	assert_once(&s.d, "a c");
	assert_sound(&s.d);
}

TEST(waiting_over_a_rotation)
{
	struct hs_unsynced pending;

	assert_result(write_line(&s.view, "a", &pending), HS_OK);
	assert_result(rotate(&s.view), HS_OK);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_result(hs_segment_wait(&s.view.segment, &pending, soon()), HS_OK);
	assert_once(&s.d, "a b");
}

TEST(every_failure_of_a_rotation)
{
	for (int call = 0; call < WRAP_CALLS; call++)
		for (unsigned nth = 1; nth <= 3; nth++) {
			again("rotate_min_gap = 0\n");
			assert_result(put(&s.view, "a"), HS_OK);
			wrap_reset();
			wrap_fail((enum wrap_call)call, nth, 1, EIO);
			rotate(&s.view);
			wrap_reset();
			assert_result(put(&s.view, "b"), HS_OK);
			assert_once(&s.d, "a b");
			assert_sound(&s.d);
		}
}

/* --- two views ------------------------------------------------------------------------------ */

TEST(two_processes_see_each_others_segments)
{
	struct view other;

	open_view(&other, &s.d, HS_EVENTS);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_result(put(&other, "b"), HS_OK);
	assert_result(rotate(&other), HS_OK);
	assert_result(put(&s.view, "c"), HS_OK);
	assert_result(rotate(&s.view), HS_OK);
	assert_result(put(&s.view, "d"), HS_OK);
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_result(put(&s.view, "lost"), HS_E_SYNC);
	assert_result(put(&other, "e"), HS_OK);
	assert_result(put(&s.view, "f"), HS_OK);
	assert_once(&s.d, "a b c d e f");
	assert_int_equal(spooldir_count(&s.d, "lost"), 0);
	assert_sound(&s.d);
	close_view(&other);
}

TEST(the_streams_are_apart)
{
	struct view rejected;

	open_view(&rejected, &s.d, HS_REJECTED);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_result(put(&rejected, "b"), HS_OK);
	assert_result(rotate(&rejected), HS_OK);
	assert_int_equal(sealed(), 0);
	assert_int_equal(spooldir_names(&s.d, "", "rejected-"), 1);
	assert_int_equal(spooldir_lines(&s.d), 1);
	close_view(&rejected);
}

TESTS("segment_rotation", begin, finish)

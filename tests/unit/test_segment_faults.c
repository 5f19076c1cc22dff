/*
 * segment_faults: a lock that is held, a state that is torn, a file that changes at the worst moment: the open segment
 * refuses what it cannot keep, loses nothing, and goes on afterwards.
 */
#include "spool/write/foreign_segments.h"
#include "spool/write/segment_open.h"
#include "spool/write/segment_seal.h"
#include "tests/lib/processes.h"
#include "tests/lib/segment_view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct hs_stream *stream(void)
{
	return s.view.segment.stream;
}

static void tear(void *unused)
{
	(void)unused;
	atomic_store(&stream()->last, 0);
}

/* A state that was cut reads as zeros. */
static void cut(void *unused)
{
	tear(unused);
	atomic_store(&stream()->synced, 0);
	atomic_store(&stream()->written, 0);
}

static void mend(void)
{
	atomic_store(&stream()->last, HS_INTACT);
}

static void move_away(void *unused)
{
	(void)unused;
	spooldir_rename(&s.d, "events.jsonl", "moved.jsonl");
}

/* --- a sync that does not end ----------------------------------------------------------------------- */

static enum hs_result prepare_at_once(void)
{
	enum hs_result result = hs_segment_lock(&s.view.segment, soon());

	assert_result(result, HS_OK);
	result = hs_segment_prepare(&s.view.segment, 1, hs_io_now_monotonic() - 1);
	hs_segment_unlock(&s.view.segment);
	return result;
}

static enum hs_result rotate_at_once(void)
{
	return hs_segment_rotate(&s.view.segment, hs_io_now_monotonic() - 1);
}

static enum hs_result sync_at_once(void)
{
	return hs_segment_sync(&s.view.segment, hs_io_now_monotonic() - 1);
}

static void poison(void *unused)
{
	(void)unused;
	atomic_store(&stream()->poisoned, 1);
}

static void nothing(void *unused)
{
	(void)unused;
}

/* Another process brings a segment above the open one, which is empty. */
static void bring(void *unused)
{
	(void)unused;
	assert_result(rotate(&s.view), HS_OK);
	spooldir_write(&s.d, "events-20261123T101500.123Z-000007.jsonl", HS_SLICE("{}\n"));
	stream()->looked_ns = stream()->look_again_us = 0;
}

/* The leader of a sync hangs: whoever must end the segment waits in vain, and succeeds when it is done. */
TEST(a_leader_that_does_not_let_go)
{
	static const struct {
		void (*before)(void *unused);
		enum hs_result (*step)(void);
	} cases[] = { { poison, prepare_at_once },
		      { move_away, prepare_at_once },
		      { bring, prepare_at_once },
		      { nothing, rotate_at_once },
		      { nothing, sync_at_once } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool died;

		again("rotate_min_gap = 0\n");
		assert_result(put(&s.view, "a"), HS_OK);
		cases[i].before(NULL);
		assert_result(hs_shared_state_try_lock(&stream()->sync, &died), HS_OK);
		assert_result(cases[i].step(), HS_E_TIMEOUT);
		hs_shared_state_unlock(&stream()->sync);
		if (cases[i].step != sync_at_once)
			assert_result(put(&s.view, "b"), HS_OK);
		assert_result(hs_segment_sync(&s.view.segment, soon()), HS_OK);
		assert_result(rotate(&s.view), HS_OK);
		assert_result(put(&s.view, "c"), HS_OK);
		assert_once(&s.d, "c");
	}
}

/* --- a state that is torn ------------------------------------------------------------------------------- */

/* Whatever is read from it then may be anything: no file is moved, and nothing is written, on its word. */
static void tear_before(enum wrap_call call, enum hs_result (*step)(void))
{
	bool ended = false;

	for (unsigned nth = 1; !ended; nth++) {
		enum hs_result result;

		again("rotate_min_gap = 0\n");
		assert_result(put(&s.view, "a"), HS_OK);
		wrap_reset();
		wrap_before(call, nth, cut, NULL);
		result = step();
		if (result == HS_OK && !hs_stream_is_intact(stream())) /* found by the write that follows */
			result = HS_E_SPOOL_STATE;
		ended = wrap_count(call) < nth;
		wrap_reset();
		assert_result(result, ended ? HS_OK : HS_E_SPOOL_STATE);
		close_view(&s.view); /* as every process does that finds it torn */
		open_view(&s.view, &s.d, HS_EVENTS);
		assert_result(put(&s.view, "b"), HS_OK);
		assert_once(&s.d, "a b");
	}
}

static enum hs_result rotate_it(void)
{
	return hs_segment_rotate(&s.view.segment, soon());
}

static enum hs_result move_it_aside(void)
{
	poison(NULL);
	return hs_segment_prepare(&s.view.segment, 1, soon());
}

static enum hs_result adopt_it(void)
{
	stream()->known = 0;
	return hs_segment_prepare(&s.view.segment, 1, soon());
}

TEST(a_state_that_is_torn_within_a_step)
{
	tear_before(WRAP_FSTATAT, rotate_it);
	tear_before(WRAP_FSTATAT, move_it_aside);
	tear_before(WRAP_PREAD, adopt_it);
}

TEST(a_state_that_is_torn_before_a_step)
{
	struct events *e = events_new("b");
	struct hs_unsynced pending = { 0 };

	assert_result(put(&s.view, "a"), HS_OK);
	assert_result(hs_segment_lock(&s.view.segment, soon()), HS_OK);
	tear(NULL);
	assert_result(hs_segment_prepare(&s.view.segment, 1, soon()), HS_E_SPOOL_STATE);
	mend();
	assert_result(hs_segment_prepare(&s.view.segment, e->lines.n, soon()), HS_OK);
	tear(NULL);
	assert_result(hs_segment_write(&s.view.segment, hs_buf_slice(&e->lines), 1, &pending), HS_E_SPOOL_STATE);
	mend();
	stream()->generation++; /* another one's number */
	assert_result(hs_segment_write(&s.view.segment, hs_buf_slice(&e->lines), 1, &pending), HS_E_SPOOL_STATE);
	stream()->generation--;
	hs_segment_unlock(&s.view.segment);
	assert_result(put(&s.view, "c"), HS_OK);
	assert_once(&s.d, "a c");
	assert_int_equal(spooldir_count(&s.d, "b"), 0);
	events_free(e);
}

/* --- a file that changes ---------------------------------------------------------------------------------- */

static void move_away_again(void *unused)
{
	if (spooldir_exists(&s.d, "events.jsonl"))
		move_away(unused);
	wrap_before(WRAP_FSTATAT, 1, move_away_again, NULL);
}

/* Somebody moves each new one: it is given up, until that ends. */
TEST(a_file_that_is_moved_again_and_again)
{
	assert_result(put(&s.view, "a"), HS_OK);
	wrap_reset();
	wrap_before(WRAP_FSTATAT, 1, move_away_again, NULL);
	assert_result(prepare(&s.view, 1), HS_E_IO);
	wrap_reset();
	assert_result(put(&s.view, "b"), HS_OK);
	assert_once(&s.d, "b");
}

static void replace(void *unused)
{
	move_away(unused);
	spooldir_write(&s.d, "events.jsonl", HS_SLICE("{\"message_id\":\"x\"}\n"));
}

/* Between a process's look at the name and its opening of the file. */
TEST(a_file_that_changes_before_it_is_opened)
{
	void (*const change[])(void *unused) = { move_away, replace };

	for (size_t i = 0; i < 2; i++) {
		struct view other;

		again("rotate_min_gap = 0\n");
		assert_result(put(&s.view, "a"), HS_OK);
		open_view(&other, &s.d, HS_EVENTS);
		wrap_reset();
		wrap_before(WRAP_OPENAT, 1, change[i], NULL);
		assert_result(put(&other, "b"), HS_OK);
		wrap_reset();
		assert_result(put(&s.view, "c"), HS_OK);
		assert_once(&s.d, "b c");
		assert_int_equal(spooldir_count(&s.d, "a"), 0); /* it is in the file that was moved */
		assert_int_equal(spooldir_count(&s.d, "x"), i);
		close_view(&other);
	}
}

/* By a process that has no descriptor of the file yet, or one of an earlier file. */
TEST(a_file_that_was_moved_is_missed_by_any_process)
{
	for (int has_one = 0; has_one < 2; has_one++) {
		struct view other;

		again("rotate_min_gap = 0\n");
		assert_result(put(&s.view, "a"), HS_OK);
		open_view(&other, &s.d, HS_EVENTS);
		if (has_one) {
			assert_result(put(&other, "b"), HS_OK);
			assert_result(rotate(&s.view), HS_OK);
			assert_result(put(&s.view, "c"), HS_OK);
		}
		move_away(NULL);
		assert_result(put(&other, "d"), HS_OK);
		assert_result(put(&s.view, "e"), HS_OK);
		assert_once(&s.d, has_one ? "a b d e" : "d e");
		close_view(&other);
	}
}

/* A process was killed when it had ended the poisoned segment, and then somebody removed the file. */
TEST(a_poisoned_file_that_has_gone)
{
	assert_result(put(&s.view, "a"), HS_OK);
	poison(NULL);
	assert_result(hs_segment_end_generation(&s.view.segment, soon()), HS_OK);
	spooldir_unlink(&s.d, "events.jsonl");
	assert_result(put(&s.view, "b"), HS_OK);
	assert_once(&s.d, "b");
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "aside"), 0);
}

/* Without durability what was written was acknowledged, and what is set aside keeps it. */
TEST(a_poisoned_file_without_durability)
{
	struct hs_unsynced pending;

	for (int damaged = 0; damaged < 2; damaged++) {
		again("rotate_min_gap = 0\ndurability = none\n");
		assert_result(write_line(&s.view, "a", &pending), HS_OK);
		hs_segment_forget(&pending);
		assert_int_equal(atomic_load(&stream()->synced), 0);
		if (damaged) { /* no process leaves such numbers */
			atomic_store(&stream()->synced, atomic_load(&stream()->written));
			atomic_store(&stream()->written, 1);
		}
		poison(NULL);
		assert_result(write_line(&s.view, "b", &pending), HS_OK);
		hs_segment_forget(&pending);
		assert_once(&s.d, "a b");
	}
}

TEST(a_socket_in_the_place_of_the_file)
{
	assert_int_equal(mknodat(s.view.dir.fd, "events.jsonl", S_IFSOCK | 0600, 0), 0);
	assert_result(put(&s.view, "a"), HS_E_SPOOL_FILE);
	spooldir_unlink(&s.d, "events.jsonl");
	assert_result(put(&s.view, "a"), HS_OK);
}

/* --- names -------------------------------------------------------------------------------------------------- */

static char taken[HS_SEALED_NAME];

/* Somebody puts a file where the segment would get its sealed name. */
static void take_name(void *unused)
{
	struct hs_sealed sealed = { .number = stream()->number, .sealed_ms = stream()->sealed_ms };

	(void)unused;
	hs_sealed_print("events", &sealed, taken);
	spooldir_write(&s.d, taken, HS_SLICE("{\"message_id\":\"x\"}\n"));
}

TEST(a_sealed_name_that_is_taken)
{
	bool ended = false;
	unsigned nth;

	for (nth = 1; !ended; nth++) {
		again("rotate_min_gap = 0\n");
		assert_result(put(&s.view, "a"), HS_OK);
		wrap_reset();
		wrap_before(WRAP_FSTATAT, nth, take_name, NULL);
		assert_result(hs_segment_rotate(&s.view.segment, soon()), HS_OK);
		ended = wrap_count(WRAP_FSTATAT) < nth;
		wrap_reset();
		assert_once(&s.d, "a");
		assert_int_equal(spooldir_count(&s.d, "x"), ended ? 0 : 1); /* it is not replaced */
	}
	assert_true(nth > 2);
}

/* The state is lost; cursors know no lines of refused events. */
TEST(refused_events_of_a_lost_state)
{
	struct view rejected;

	open_view(&rejected, &s.d, HS_REJECTED);
	assert_result(put(&rejected, "a"), HS_OK);
	close_view(&rejected);
	hs_shared_state_close(&s.view.state);
	spooldir_unlink(&s.d, ".hookspool/run/state");
	open_view(&rejected, &s.d, HS_REJECTED);
	assert_result(put(&rejected, "b"), HS_OK);
	assert_true(rejected.segment.stream->number > 0);
	close_view(&rejected);
	assert_result(hs_shared_state_open(s.view.dir.fd, s.view.dir.run_dir, &s.view.state), HS_OK);
	s.view.segment.stream = &s.view.state.state->stream[HS_EVENTS];
}

TESTS("segment_faults", begin, finish)

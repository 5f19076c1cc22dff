/*
 * segment_writers: writers that die before their sync, and a shared state that is cut.
 */
#include "tests/lib/processes.h"
#include "tests/lib/segment_view.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

/* --- writers that die before their sync ---------------------------------------------- */

static int write_and_die(void *context)
{
	struct hs_unsynced pending;
	struct view v;

	(void)context;
	open_view(&v, &s.d, HS_EVENTS);
	if (write_line(&v, "a", &pending) == HS_OK)
		raise(SIGKILL);
	return 1;
}

/* A dead process leaves "a"; `lost`: as NULs, since its write-back failed and the error was reported. */
static void leave_unsynced(bool lost)
{
	off_t from = spooldir_size(&s.d, "events.jsonl");
	static const char nuls[4096];
	int fd;

	assert_int_equal(child_run(write_and_die, NULL), -1);
	if (!lost)
		return;
	fd = open(spooldir_path(&s.d, "events.jsonl"), O_WRONLY);
	assert_true(fd >= 0);
	from = from < 0 ? 0 : from;
	assert_true(pwrite(fd, nuls, (size_t)(spooldir_size(&s.d, "events.jsonl") - from), from) > 0);
	close(fd);
}

static void reopen_view(void)
{
	close_view(&s.view);
	open_view(&s.view, &s.d, HS_EVENTS);
	wrap_reset();
}

/* A sync covers nothing written before the file was opened, so that is written again. */
TEST(lines_of_a_dead_writer_are_rewritten)
{
	assert_result(put(&s.view, "x"), HS_OK);
	leave_unsynced(false);
	reopen_view();
	assert_result(put(&s.view, "b"), HS_OK); /* it is not refused */
	assert_int_equal(wrap_count(WRAP_PWRITE), 2);
	assert_result(put(&s.view, "c"), HS_OK); /* and once is enough */
	assert_int_equal(wrap_count(WRAP_PWRITE), 3);
	assert_int_equal(sealed(), 0);
	assert_once(&s.d, "x a b c");
	assert_sound(&s.d);
}

/* A process that opened the file before the write receives any error. */
TEST(an_older_descriptor_needs_no_rewriting)
{
	assert_result(put(&s.view, "x"), HS_OK);
	leave_unsynced(false);
	wrap_reset();
	assert_result(put(&s.view, "b"), HS_OK);
	assert_int_equal(wrap_count(WRAP_PWRITE), 1);
	assert_once(&s.d, "x a b");
}

/* A sync over lost bytes returns 0: nothing after them may be acknowledged, and they do not count. */
TEST(lost_lines_of_a_dead_writer_are_not_believed)
{
	assert_result(put(&s.view, "x"), HS_OK);
	leave_unsynced(true);
	reopen_view();
	assert_result(put(&s.view, "b"), HS_E_SYNC);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_once(&s.d, "x a b");
	assert_sound(&s.d);
}

TEST(a_rotation_does_not_seal_lost_lines)
{
	assert_result(put(&s.view, "x"), HS_OK);
	leave_unsynced(true);
	reopen_view();
	rotate(&s.view);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_once(&s.d, "x b");
	assert_sound(&s.d);
}

/* A failed or killed rewrite has the effect of a failed sync, and no more. */
TEST(rewriting_fails)
{
	assert_result(put(&s.view, "x"), HS_OK);
	leave_unsynced(false);
	reopen_view();
	wrap_fail(WRAP_PWRITE, 2, 1, EIO);
	assert_result(put(&s.view, "b"), HS_E_SYNC);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_once(&s.d, "x b");
	assert_sound(&s.d);
}

/* Without the state the synced part is unknown: the whole file is written again. */
TEST(a_lost_state_vouches_for_nothing)
{
	assert_result(put(&s.view, "x y"), HS_OK);
	leave_unsynced(false);
	spooldir_unlink(&s.d, ".hookspool/run/state");
	reopen_view();
	assert_result(put(&s.view, "b"), HS_OK);
	assert_int_equal(wrap_count(WRAP_PWRITE), 2);
	assert_once(&s.d, "x y a b");
	assert_sound(&s.d);
}

/* Processes are killed before their sync, one after the other: no append is refused. */
TEST(a_storm_of_deaths_before_the_sync)
{
	char word[16];

	for (int i = 0; i < 40; i++) {
		leave_unsynced(false);
		if (i % 2 == 0)
			reopen_view();
		snprintf(word, sizeof word, "w%d", i);
		assert_result(put(&s.view, word), HS_OK);
		assert_once(&s.d, word);
	}
	assert_int_equal(sealed(), 0);
	assert_sound(&s.d);
}

/* --- a state that is cut -------------------------------------------------------------- */

static const off_t lengths[] = {
	0, 100, 2048, 4096, sizeof(struct hs_shared_state) - 4096, sizeof(struct hs_shared_state) - 8
};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

/* Prepared, under the lock: the write must not go where a state of zeros points. */
TEST(a_state_that_is_cut_before_a_write)
{
	for (int i = 0; i < LENGTHS; i++) {
		bool lost = lengths[i] < (off_t)offsetof(struct hs_shared_state, stream[HS_EVENTS + 1]);
		struct events *e = events_new("b");
		struct hs_unsynced pending = { 0 };
		struct hs_buf before, after;
		enum hs_result r;

		again("rotate_min_gap = 0\n");
		assert_result(put(&s.view, "a x y"), HS_OK);
		assert_result(hs_segment_lock(&s.view.segment, soon()), HS_OK);
		assert_result(hs_segment_prepare(&s.view.segment, e->lines.n, soon()), HS_OK);
		before = spooldir_read(&s.d, "events.jsonl");
		spooldir_cut(&s.d, ".hookspool/run/state", lengths[i]);
		assert_result(hs_segment_write(&s.view.segment, hs_buf_slice(&e->lines), 0, &pending),
		              lost ? HS_E_SPOOL_STATE : HS_OK);
		hs_segment_forget(&pending);
		after = spooldir_read(&s.d, "events.jsonl");
		assert_int_equal(after.n, before.n + (lost ? 0 : e->lines.n));
		assert_memory_equal(after.p, before.p, before.n);
		hs_segment_unlock(&s.view.segment);
		r = prepare(&s.view, 1); /* which also reads the clock, which is after the streams */
		assert_true(r == HS_E_SPOOL_STATE || (!lost && r == HS_OK));
		hs_buf_free(&before);
		hs_buf_free(&after);
		events_free(e);
		reopen_view();
		assert_result(put(&s.view, "c"), HS_OK);
		assert_once(&s.d, "a x y c");
		assert_sound(&s.d);
	}
}

/* Zeros must not tell a waiter that its line is synced. */
TEST(a_state_that_is_cut_before_a_sync)
{
	struct hs_unsynced pending;

	reopen_view(); /* now, since cmocka has set its own signal handler after the set-up */
	assert_result(write_line(&s.view, "a", &pending), HS_OK);
	spooldir_cut(&s.d, ".hookspool/run/state", 0);
	assert_result(hs_segment_wait(&s.view.segment, &pending, soon()), HS_E_SYNC);
	reopen_view();
	assert_result(put(&s.view, "b"), HS_OK);
	assert_once(&s.d, "a b");
	assert_sound(&s.d);
}

TESTS("segment_writers", begin, finish)

/*
 * spool_admin: what is asked of a spool that cannot be used, or not yet: an answer that says so, and the right one
 * once it can.
 */
#include "base/io.h"
#include "spool/figures/openmetrics.h"
#include "spool/shared/rates.h"
#include "spool/shared/spool_dir.h"
#include "spool/spool.h"
#include "tests/lib/said.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file has the name of the spool's directory. */
static void obstruct(void)
{
	make("rotate_min_gap = 0\n");
	close(open(s.d.path, O_CREAT | O_WRONLY, 0600));
}

static void clear(void)
{
	assert_int_equal(unlink(s.d.path), 0);
}

TEST(ids_of_a_spool_that_cannot_be_used)
{
	struct hs_known known = { .ids = 7 };

	obstruct();
	assert_result(hs_spool_known(s.spool, soon(), &known), HS_E_SPOOL_DIR);
	assert_int_equal(known.ids, 0);
	clear();
	put("a b");
	assert_result(hs_spool_known(s.spool, soon(), &known), HS_OK);
	assert_int_equal(known.ids, 2);
}

TEST(the_clock_of_a_spool_that_cannot_be_used)
{
	obstruct();
	assert_result(hs_spool_trust_clock(s.spool), HS_E_SPOOL_DIR);
	clear();
	assert_result(hs_spool_trust_clock(s.spool), HS_OK);
}

TEST(limits_of_a_spool_that_cannot_be_used)
{
	obstruct();
	assert_null(hs_spool_rates(s.spool, true));
	clear();
	assert_non_null(hs_spool_rates(s.spool, true)); /* it is not given up */
}

/* A moment without descriptors, say, must not switch the limits off for as long as the process lives. */
TEST(limits_that_could_not_be_opened_are_tried_again)
{
	make("rotate_min_gap = 0\n");
	put("a");
	spooldir_mkdir(&s.d, ".hookspool/rates");
	assert_null(hs_spool_rates(s.spool, true));
	maintain();
	assert_null(hs_spool_rates(s.spool, true));
	assert_int_equal(rmdir(spooldir_path(&s.d, ".hookspool/rates")), 0);
	assert_null(hs_spool_rates(s.spool, true)); /* no request waits for another try */
	maintain();
	assert_non_null(hs_spool_rates(s.spool, false));
}

static void open_rates_first(void *unused)
{
	(void)unused;
	assert_non_null(hs_spool_rates(s.spool, true));
}

/* Two threads need them at once: both get the same. */
TEST(limits_that_two_threads_open)
{
	struct hs_rates *rates;
	size_t open;

	make("rotate_min_gap = 0\n");
	put("a");
	open = unit_descriptors();
	wrap_reset();
	wrap_before(WRAP_FSTAT, 1, open_rates_first, NULL);
	rates = hs_spool_rates(s.spool, true);
	assert_non_null(rates);
	assert_ptr_equal(rates, hs_spool_rates(s.spool, false));
	assert_int_equal(unit_descriptors(), open + 1);
}

TEST(limits_that_cannot_be_written)
{
	make("rotate_min_gap = 0\n");
	put("a");
	assert_non_null(hs_spool_rates(s.spool, true));
	said_begin(HS_LOG_ERROR);
	wrap_clock(0, 120000);
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	(void)hs_spool_maintain(s.spool, NULL, NULL, &s.maintained);
	assert_non_null(strstr(said_end(), "write .hookspool/rates"));
}

TEST(a_slow_request_to_a_spool_that_cannot_be_used)
{
	bool slow;

	obstruct();
	hs_spool_note_time(s.spool, hs_io_now_monotonic() - 60000);
	clear();
	assert_result(hs_spool_is_slow(s.spool, &slow), HS_OK);
	assert_false(slow);
}

/* --- health and maintenance --------------------------------------------------------------------- */

static int die_with_the_lock(void *lock)
{
	bool died;

	if (hs_shared_state_try_lock(lock, &died) == HS_OK)
		raise(SIGKILL);
	return 1;
}

/* Its holder died, and somebody gave it back without putting it right. */
static void break_lock(void *lock)
{
	assert_int_equal(child_run(die_with_the_lock, lock), -1);
	assert_int_equal(pthread_mutex_trylock(lock), EOWNERDEAD);
	pthread_mutex_unlock(lock);
}

TEST(health_with_a_broken_lock)
{
	struct hs_shared_state *shared;
	bool catching_up;

	make("rotate_min_gap = 0\n");
	put("a");
	assert_result(hs_spool_health(s.spool, &catching_up), HS_OK);
	shared = spooldir_state(&s.d);
	wrap_reset();
	wrap_before(WRAP_FSTATVFS, 2, break_lock,
	            &shared->stream[HS_EVENTS].append); /* when refused events are looked at */
	assert_result(hs_spool_health(s.spool, &catching_up), HS_E_IO);
	wrap_reset();
	spooldir_state_done(shared);
}

TEST(without_an_index_nothing_catches_up)
{
	bool catching_up = true;

	make("dedup_window = 0\n");
	put("a");
	assert_result(hs_spool_health(s.spool, &catching_up), HS_OK);
	assert_false(catching_up);
}

static void put_a_folder(const char *name)
{
	if (spooldir_exists(&s.d, name))
		spooldir_unlink(&s.d, name);
	spooldir_mkdir(&s.d, name);
}

/* A full disk, or a file that is none, stops no maintenance: it may make room, and events are looked after. */
TEST(maintenance_of_a_spool_that_takes_no_events)
{
	struct hs_retention_counts done;

	for (int i = 0; i < 2; i++) {
		make("rotate_min_gap = 0\n");
		seal("a");
		put("b");
		if (i == 0)
			wrap_inodes(0);
		else
			put_a_folder("rejected.jsonl");
		assert_result(hs_spool_maintain(s.spool, NULL, NULL, &done), i == 0 ? HS_OK : HS_E_SPOOL_FILE);
		wrap_reset();
		assert_true(spooldir_exists(&s.d, ".hookspool/run/summary/events-1"));
	}
	assert_int_equal(rmdir(spooldir_path(&s.d, "rejected.jsonl")), 0);
}

TEST(a_directory_that_cannot_be_made)
{
	make("");
	wrap_fail(WRAP_MKDIRAT, 1, 1, EACCES);
	assert_false(hs_spool_dir_make(s.d.settings));
	wrap_reset();
	assert_false(spooldir_exists(&s.d, ""));
	assert_true(hs_spool_dir_make(s.d.settings));
	assert_true(spooldir_exists(&s.d, ""));
	assert_true(hs_spool_dir_make(s.d.settings));
}

/* Secrets without a name are told by their place in the settings. */
TEST(the_twelfth_secret_was_used)
{
	char settings[400] = "";
	struct hs_buf text = { 0 };

	for (int i = 1; i <= 12; i++)
		snprintf(settings + strlen(settings), sizeof settings - strlen(settings), "secret = secret-%d\n", i);
	make(settings);
	put("a");
	hs_spool_count_answer(s.spool, &(struct hs_answered){ .status = 200, .secret = 12, .arrived_ms = 5000 });
	hs_spool_count_answer(s.spool, &(struct hs_answered){ .status = 200, .secret = 9, .arrived_ms = 5000 });
	assert_result(hs_figures_put(s.d.settings, HS_EXPOSITION_TEXT, &text), HS_OK);
	hs_buf_putc(&text, '\0');
	assert_non_null(strstr(text.p, "\"#12\""));
	assert_non_null(strstr(text.p, "\"#9\""));
	hs_buf_free(&text);
}

TESTS("spool_admin", NULL, finish)

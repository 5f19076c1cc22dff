/*
 * spool_admin: what is asked of a spool that cannot be used, or not yet: an answer that says so, and the right one
 * once it can.
 */
#include "spool/figures/openmetrics.h"
#include "spool/shared/spool_dir.h"
#include "spool/spool.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
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

/* retry_policy: how long a record that failed waits. */
#include "base/io.h"
#include "tests/lib/said.h"
#include "tests/lib/unit.h"
#include "tools/command.h"
#include "tools/sink/retry_policy.h"

const struct hs_command *const hs_commands[] = { NULL }; /* for tools/command.c */

enum { HOUR_MS = 3600000, SLACK_MS = 60000 /* that the machine may need between two looks at the clock */ };

/* The pause of a record that has failed so often, first so long ago, after an answer that asks for one; 0: none. */
static int64_t pause_after(unsigned tries, int64_t since_ms, int64_t retry_for_ms, int64_t retry_after_ms)
{
	struct hs_retry_policy p = { .command = "test", .noun = "at", .failed = "with", .retry_for_ms = retry_for_ms };
	struct hs_item item = { .tries = tries - 1 };
	struct hs_ack ack = { .item = &item,
		              .outcome = HS_OUTCOME_RETRY,
		              .status = 503,
		              .retry_after_ms = retry_after_ms,
		              .on = HS_SLICE("x") };
	int64_t now = hs_io_now_monotonic();
	int code = 0;

	p.said_again[0] = true;
	item.first_ms = now - since_ms;
	assert_int_equal(hs_retry_policy_decide(&p, &ack, &code), HS_FATE_PARK);
	assert_int_equal(item.tries, tries);
	return item.retry_ms - now;
}

TEST(pauses_grow)
{
	assert_in_range(pause_after(1, 0, 4 * HOUR_MS, 0), 500, 1000 + SLACK_MS);
	assert_in_range(pause_after(11, HOUR_MS, 4 * HOUR_MS, 0), 300000, 600000 + SLACK_MS);
	assert_in_range(pause_after(1000, HOUR_MS, 4 * HOUR_MS, 0), 300000, 600000 + SLACK_MS);
}

TEST(a_server_can_ask_for_a_longer_pause_not_for_a_shorter_one)
{
	assert_in_range(pause_after(11, HOUR_MS, 4 * HOUR_MS, 1000), 300000, 600000 + SLACK_MS);
	assert_in_range(pause_after(1, 0, 4 * HOUR_MS, HOUR_MS), HOUR_MS, HOUR_MS + SLACK_MS);
}

/* So that a run with --once ends when it said it would. */
TEST(no_pause_is_longer_than_what_is_left)
{
	assert_in_range(pause_after(1, 0, HOUR_MS, 4 * HOUR_MS), HOUR_MS - SLACK_MS, HOUR_MS);
	assert_in_range(pause_after(11, HOUR_MS, HOUR_MS + 2 * SLACK_MS, 0), SLACK_MS, 2 * SLACK_MS);
}

TEST(a_window_that_is_full_is_told_once)
{
	struct hs_retry_policy p = { .command = "test" };

	said_begin(HS_LOG_INFO);
	hs_retry_policy_say_window(&p, 12);
	assert_non_null(strstr(said_end(), "hookspool test: 12 records wait for earlier ones of their users"));
	said_begin(HS_LOG_INFO);
	hs_retry_policy_say_window(&p, 13);
	assert_string_equal(said_end(), "");
}

TESTS("retry_policy", NULL, NULL)

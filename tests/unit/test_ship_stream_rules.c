/*
 * stream_rules: each setting of a stream that would break a promise is refused, each that might is named; and no
 * other.
 */
#include "tests/lib/unit.h"
#include "tools/ship/stream_rules.h"

#include <string.h>

static struct hs_engine_stream good(void)
{
	return (struct hs_engine_stream){ .replicas = 3,
		                          .window_ms = 120000,
		                          .max_bytes = -1,
		                          .max_messages = -1,
		                          .max_per_subject = -1,
		                          .discard_new = true,
		                          .limits_retention = true,
		                          .file_storage = true,
		                          .server_version = "2.12.3" };
}

/* A change to a stream, and what is found: words of each finding, refusals first; "" ends them. */
struct rule_case {
	const char *name;
	void (*change)(struct hs_engine_stream *s, struct hs_stream_rules *rules);
	const char *refused, *doubtful; /* NULL: nothing */
};

#define CHANGE(name, ...) \
	static void name(__attribute__((unused)) struct hs_engine_stream *s, \
	                 __attribute__((unused)) struct hs_stream_rules *rules) \
	{ \
		__VA_ARGS__; \
	}

CHANGE(nothing, )
CHANGE(no_ack, s->no_ack = true)
CHANGE(sealed, s->sealed = true)
CHANGE(work_queue, s->limits_retention = false)
CHANGE(one_a_subject, s->max_per_subject = 1)
CHANGE(discard_old, s->discard_new = false)
CHANGE(discard_old_and_bytes, s->discard_new = false; s->max_bytes = 1000)
CHANGE(discard_old_and_messages, s->discard_new = false; s->max_messages = 1000)
CHANGE(lossy, s->discard_new = false; s->max_bytes = 1000; rules->lossy = true)
CHANGE(limited, s->max_bytes = 1000; s->max_messages = 10)
CHANGE(max_age, s->max_age_ms = 1000)
CHANGE(short_window, s->window_ms = 119999)
CHANGE(window_below_ack_wait, rules->ack_wait_ms = 30001)
CHANGE(window_of_ack_wait, rules->ack_wait_ms = 30000)
CHANGE(short_window_in_tests, s->window_ms = 1000; rules->old_server = true)
CHANGE(one_replica, s->replicas = 1)
CHANGE(in_memory, s->file_storage = false)

static const struct rule_case cases[] = {
	{ "nothing", nothing, NULL, NULL },
	{ "no_ack", no_ack, "acknowledges nothing", NULL },
	{ "sealed", sealed, "sealed", NULL },
	{ "work queue", work_queue, "deletes what its consumers have read", NULL },
	{ "one message a subject", one_a_subject, "max_msgs_per_subject", NULL },
	{ "discard old without a limit", discard_old, NULL, NULL },
	{ "discard old, max_bytes", discard_old_and_bytes, "deletes its oldest messages", NULL },
	{ "discard old, max_msgs", discard_old_and_messages, "deletes its oldest messages", NULL },
	{ "--lossy", lossy, NULL, NULL },
	{ "limits, discard new", limited, NULL, NULL },
	{ "max_age", max_age, NULL, NULL },
	{ "window below 2 min", short_window, "duplicate window", NULL },
	{ "window below 4 ack_wait", window_below_ack_wait, "duplicate window", NULL },
	{ "window of 4 ack_wait", window_of_ack_wait, NULL, NULL },
	{ "any window in tests", short_window_in_tests, NULL, NULL },
	{ "one replica", one_replica, NULL, "one replica" },
	{ "in memory", in_memory, NULL, "in memory" },
};

/* Expects at most one finding of either verdict, with these words and a remedy. */
static void expect(const char *name, const struct hs_engine_stream *s, const struct hs_stream_rules *rules,
                   const char *refused, const char *doubtful)
{
	struct hs_stream_finding finding[HS_STREAM_FINDINGS];
	size_t n = hs_stream_judge(s, rules, finding), wanted = (size_t)(refused != NULL) + (doubtful != NULL);

	if (n != wanted)
		fail_msg("%s: %zu findings, the first: %s", name, n, n > 0 ? finding[0].what : "");
	for (size_t i = 0; i < n; i++) {
		bool is_refusal = refused != NULL && i == 0;

		assert_int_equal(finding[i].verdict, is_refusal ? HS_STREAM_REFUSED : HS_STREAM_DOUBTFUL);
		if (strstr(finding[i].what, is_refusal ? refused : doubtful) == NULL)
			fail_msg("%s: %s", name, finding[i].what);
		assert_true(finding[i].remedy[0] != '\0');
	}
}

TEST(settings)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_engine_stream s = good();
		struct hs_stream_rules rules = { .ack_wait_ms = 5000 };

		cases[i].change(&s, &rules);
		expect(cases[i].name, &s, &rules, cases[i].refused, cases[i].doubtful);
	}
}

TEST(versions)
{
	static const char old[] = "older than 2.10.23", early[] = "older than 2.11";
	static const struct {
		const char *version, *refused, *doubtful;
	} of[] = {
		{ "2.9.10", old, NULL },
		{ "2.10.22", old, NULL },
		{ "2.10.23", NULL, early },
		{ "2.10.29", NULL, early },
		{ "2.10.27-beta.1", NULL, early },
		{ "2.11.0", NULL, NULL },
		{ "2.11.0-RC.1", NULL, NULL },
		{ "2.12.3", NULL, NULL },
		{ "10.0.0", NULL, NULL },
		{ "1.99.99", old, NULL },
		{ "", old, NULL },
		{ "2.11", old, NULL },
		{ "two", old, NULL },
	};

	for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
		struct hs_stream_rules rules = { .ack_wait_ms = 5000 };
		struct hs_engine_stream s = good();

		strcpy(s.server_version, of[i].version);
		expect(of[i].version, &s, &rules, of[i].refused, of[i].doubtful);
		rules.old_server = true;
		expect(of[i].version, &s, &rules, NULL, of[i].refused != NULL ? of[i].refused : of[i].doubtful);
	}
}

/* All at once fits. */
TEST(everything_is_wrong)
{
	struct hs_engine_stream s = {
		.no_ack = true, .sealed = true, .max_per_subject = 1, .max_bytes = 1, .server_version = "2.9.10"
	};
	struct hs_stream_finding finding[HS_STREAM_FINDINGS];
	size_t n = hs_stream_judge(&s, &(struct hs_stream_rules){ .ack_wait_ms = 5000 }, finding);

	assert_int_equal(n, 9);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(finding[i].verdict, i < 7 ? HS_STREAM_REFUSED : HS_STREAM_DOUBTFUL);
}

TESTS("ship_stream_rules", NULL, NULL)

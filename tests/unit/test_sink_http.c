/*
 * sink_http over posts that end as a test says: what a request holds, what an answer means, when the breaker opens, how
 * long it pauses, and what wakes the pump.
 */
#include "base/io.h"
#include "tests/lib/said.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/sink/http_posts.h"
#include "tools/sink/pump.h"
#include "tools/sink/sink_http.h"

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>

#define SIGNED "X-Signature: c9963b837183dc667106461b3de91d0885f539b3"

enum { JOBS = 16 };

/* --- the posts ------------------------------------------------------------------------ */

struct hs_http_posts {
	bool started[JOBS], ended[JOBS];
	struct hs_http_posted posted[JOBS];
	struct hs_slice headers, body; /* of the last one */
	bool without_memory;
	int64_t due;
};

static struct hs_http_posts posts;
static bool no_posts;
static struct hs_ack_tracker acks;
static int64_t clock_ms;
static unsigned acknowledged;

struct hs_http_posts *hs_http_posts_new(const struct hs_http_target *target, unsigned slots, int timeout_ms)
{
	(void)target;
	(void)timeout_ms;
	assert_in_range(slots, 1, JOBS);
	posts.due = -1;
	return no_posts ? NULL : &posts;
}

void hs_http_posts_free(struct hs_http_posts *p)
{
	*p = (struct hs_http_posts){ .started = { false } };
}

bool hs_http_posts_start(struct hs_http_posts *p, unsigned slot, struct hs_slice headers, struct hs_slice body)
{
	assert_false(p->started[slot]);
	p->headers = headers;
	p->body = body;
	p->started[slot] = !p->without_memory;
	return p->started[slot];
}

size_t hs_http_posts_poll(struct hs_http_posts *p, struct pollfd *fds)
{
	(void)p;
	(void)fds;
	return 0;
}

int64_t hs_http_posts_due(struct hs_http_posts *p)
{
	return p->due;
}

void hs_http_posts_work(struct hs_http_posts *p)
{
	(void)p;
}

bool hs_http_posts_ended(struct hs_http_posts *p, unsigned slot, struct hs_http_posted *posted)
{
	if (!p->started[slot] || !p->ended[slot])
		return false;
	p->started[slot] = p->ended[slot] = false;
	*posted = p->posted[slot];
	return true;
}

void hs_pump_ack(struct hs_pump *pump, const struct hs_ack *ack)
{
	(void)pump;
	hs_ack_tracker_done(&acks, ack->item);
	acknowledged++;
}

/* --- the pump ------------------------------------------------------------------------- */

static struct hs_sink_http_options options = {
	.command = "forward", .target = { .url = "http://a.test/" }, .timeout_ms = 1000, .breaks = true
};

static struct hs_sink *new_sink_of(unsigned jobs, unsigned batch)
{
	struct hs_sink *sink;

	options.jobs = jobs;
	options.batch = batch;
	sink = hs_sink_http_new(&options);
	assert_non_null(sink);
	acknowledged = 0;
	return sink;
}

static struct hs_sink *new_sink(unsigned jobs)
{
	return new_sink_of(jobs, 1);
}

static void end(struct hs_sink *sink)
{
	sink->ops->close(sink);
	hs_ack_tracker_free(&acks);
	wrap_reset();
	clock_ms = 0;
}

static void pass(int64_t ms)
{
	clock_ms += ms;
	wrap_clock(0, clock_ms);
}

static bool offer(struct hs_sink *sink, unsigned partition, struct hs_slice line, bool alone)
{
	struct hs_offered record = { .line = line, .partition = partition };

	record.item = hs_ack_tracker_add(&acks, record.line, (struct hs_position){ .number = 1 });
	assert_non_null(record.item);
	record.item->alone = alone;
	if (sink->ops->offer(sink, &record))
		return true;
	hs_ack_tracker_done(&acks, record.item);
	return false;
}

/* Offers each partition a record, as long as there is room; returns how many it took. */
static unsigned offer_all(struct hs_sink *sink)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < sink->partitions; i++) {
		if (!sink->ops->has_room(sink, i))
			continue;
		assert_true(offer(sink, i, HS_SLICE("{}"), false));
		sink->ops->flush(sink, i);
		taken++;
	}
	return taken;
}

/* All posts that are under way end so. */
static void answer_all(struct hs_sink *sink, struct hs_http_posted posted)
{
	for (unsigned i = 0; i < sink->partitions; i++) {
		posts.ended[i] = posts.started[i];
		posts.posted[i] = posted;
	}
	sink->ops->collect(sink, NULL);
}

static const struct hs_http_posted unavailable = { .status = 503, .why = "" }, done = { .status = 200, .why = "" };

/* --- the breaker ---------------------------------------------------------------------- */

TEST(requests_that_were_under_way_do_not_lengthen_the_pause)
{
	struct hs_sink *sink = new_sink(JOBS);

	assert_int_equal(offer_all(sink), JOBS);
	answer_all(sink, unavailable);
	assert_in_range(sink->ops->due(sink), 1, 1000);
	assert_int_equal(offer_all(sink), 0);
	pass(1000);
	answer_all(sink, unavailable);
	assert_int_equal(offer_all(sink), 1);
	answer_all(sink, unavailable);
	assert_in_range(sink->ops->due(sink), 1001, 2000);
	pass(2000);
	answer_all(sink, unavailable);
	assert_int_equal(offer_all(sink), 1);
	answer_all(sink, done);
	assert_int_equal(offer_all(sink), JOBS);
	end(sink);
}

TEST(late_failures_do_not_end_the_trial)
{
	struct hs_sink *sink = new_sink(JOBS);

	assert_int_equal(offer_all(sink), JOBS);
	for (unsigned i = 0; i < 5; i++) {
		posts.ended[i] = true;
		posts.posted[i] = unavailable;
	}
	sink->ops->collect(sink, NULL);
	pass(1000);
	sink->ops->collect(sink, NULL);
	assert_int_equal(offer_all(sink), 1); /* in the first partition */
	for (unsigned i = 5; i < JOBS; i++) {
		posts.ended[i] = true;
		posts.posted[i] = unavailable;
	}
	sink->ops->collect(sink, NULL);
	assert_int_equal(acknowledged, JOBS);
	assert_int_equal(offer_all(sink), 0);
	pass(2000);
	sink->ops->collect(sink, NULL);
	assert_int_equal(offer_all(sink), 0);
	end(sink);
}

/* The records that failed may be due in hours only. */
TEST(after_the_pause_nothing_wakes_the_pump_until_there_is_a_record)
{
	struct hs_sink *sink = new_sink(JOBS);

	assert_int_equal(offer_all(sink), JOBS);
	answer_all(sink, unavailable);
	pass(1000);
	assert_int_equal(sink->ops->due(sink), 0); /* the pump has not offered anything since the end of the pause */
	sink->ops->collect(sink, NULL);
	assert_int_equal(sink->ops->due(sink), -1);
	assert_int_equal(offer_all(sink), 1);
	end(sink);
}

TEST(the_pause_grows_up_to_a_minute)
{
	static const int pauses[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct hs_sink *sink = new_sink(5);

	assert_int_equal(offer_all(sink), 5);
	for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
		answer_all(sink, unavailable);
		assert_in_range(sink->ops->due(sink), pauses[i] * 500 + 1, pauses[i] * 1000);
		pass(pauses[i] * 1000);
		sink->ops->collect(sink, NULL);
		assert_int_equal(offer_all(sink), 1);
	}
	end(sink);
}

TEST(a_post_that_needs_care_sooner_wakes_the_pump_during_the_pause)
{
	struct hs_sink *sink = new_sink(JOBS);

	assert_int_equal(offer_all(sink), JOBS);
	answer_all(sink, unavailable);
	posts.due = 300;
	assert_int_equal(sink->ops->due(sink), 300);
	posts.due = 5000;
	assert_in_range(sink->ops->due(sink), 301, 1000);
	end(sink);
}

/* --- requests ------------------------------------------------------------------------- */

TEST(a_batch_ends_when_it_is_full_long_or_for_a_record_alone)
{
	struct hs_sink *sink = new_sink_of(1, 3);
	struct hs_buf line = { 0 };

	sink->ops->flush(sink, 0); /* nothing was gathered */
	assert_true(offer(sink, 0, HS_SLICE("{\"a\":1}"), false));
	assert_true(offer(sink, 0, HS_SLICE("{}"), false));
	assert_true(offer(sink, 0, HS_SLICE("{}"), false));
	assert_false(offer(sink, 0, HS_SLICE("{}"), false));
	sink->ops->flush(sink, 0);
	assert_slice_equal(posts.body, HS_SLICE("[{\"a\":1},{},{}]"));
	sink->ops->flush(sink, 0); /* it is under way */
	assert_slice_equal(posts.body, HS_SLICE("[{\"a\":1},{},{}]"));
	assert_false(sink->ops->has_room(sink, 0));
	answer_all(sink, done);
	assert_true(offer(sink, 0, HS_SLICE("{}"), true));
	assert_false(sink->ops->has_room(sink, 0));
	sink->ops->flush(sink, 0);
	assert_slice_equal(posts.body, HS_SLICE("[{}]"));
	answer_all(sink, done);
	hs_buf_reserve(&line, 4 << 20);
	memset(line.p, ' ', line.n = 4 << 20);
	assert_true(offer(sink, 0, hs_buf_slice(&line), false));
	assert_false(offer(sink, 0, HS_SLICE("{}"), false));
	hs_buf_free(&line);
	end(sink);
}

/* HMAC-SHA1 with the key "key", of the first event alone. */
TEST(a_batch_is_signed_by_its_first_event)
{
	struct hs_hmac *secret = hs_hmac_new(HS_SLICE("key"));
	struct hs_sink *sink;

	options.secret = secret;
	sink = new_sink_of(1, 2);
	assert_true(offer(sink, 0, HS_SLICE("{}"), false) && offer(sink, 0, HS_SLICE("{\"b\":2}"), false));
	sink->ops->flush(sink, 0);
	assert_non_null(memmem(posts.headers.p, posts.headers.n, SIGNED, sizeof SIGNED));
	end(sink);
	options.secret = NULL;
	hs_hmac_free(secret);
}

/* Nothing was sent, so that nothing is acknowledged; a reason to stop that was there before stays. */
TEST(without_memory_for_a_request_the_run_ends)
{
	static const struct {
		enum wrap_call call; /* WRAP_CALLS: the posts */
		int code, expected;
	} cases[] = { { WRAP_REALLOC, 0, EX_OSERR },
		      { WRAP_SHA1, 0, EX_OSERR },
		      { WRAP_CALLS, 0, EX_OSERR },
		      { WRAP_CALLS, EX_CONFIG, EX_CONFIG } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_sink *sink;

		options.secret = hs_hmac_new(HS_SLICE("key"));
		sink = new_sink(1);
		sink->code = cases[i].code;
		posts.without_memory = cases[i].call == WRAP_CALLS;
		if (cases[i].call != WRAP_CALLS)
			wrap_fail(cases[i].call, 1, 1, ENOMEM);
		assert_true(offer(sink, 0, HS_SLICE("{}"), false));
		sink->ops->flush(sink, 0);
		assert_int_equal(sink->code, cases[i].expected);
		sink->ops->collect(sink, NULL);
		assert_int_equal(acknowledged, 0);
		assert_true(sink->ops->drain(sink, -1));
		end(sink);
		hs_hmac_free((struct hs_hmac *)options.secret);
		options.secret = NULL;
	}
}

TEST(without_memory_or_libcurl_there_is_no_sink)
{
	options.jobs = options.batch = 1;
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_null(hs_sink_http_new(&options));
	wrap_reset();
	no_posts = true;
	assert_null(hs_sink_http_new(&options));
	no_posts = false;
}

/* --- answers -------------------------------------------------------------------------- */

TEST(what_a_status_means)
{
	enum { STOPS = -1 };
	static const struct {
		int from, to, outcome, of_batch;
	} cases[] = {
		{ 0, 0, HS_OUTCOME_RETRY, HS_OUTCOME_RETRY },       { 100, 199, HS_OUTCOME_REFUSED, HS_OUTCOME_ALONE },
		{ 200, 299, HS_OUTCOME_DONE, HS_OUTCOME_DONE },     { 300, 399, STOPS, STOPS },
		{ 400, 400, HS_OUTCOME_REFUSED, HS_OUTCOME_ALONE }, { 401, 401, STOPS, STOPS },
		{ 402, 402, HS_OUTCOME_REFUSED, HS_OUTCOME_ALONE }, { 403, 403, STOPS, STOPS },
		{ 404, 406, HS_OUTCOME_REFUSED, HS_OUTCOME_ALONE }, { 407, 407, STOPS, STOPS },
		{ 408, 408, HS_OUTCOME_RETRY, HS_OUTCOME_RETRY },   { 409, 424, HS_OUTCOME_REFUSED, HS_OUTCOME_ALONE },
		{ 425, 425, HS_OUTCOME_RETRY, HS_OUTCOME_RETRY },   { 426, 428, HS_OUTCOME_REFUSED, HS_OUTCOME_ALONE },
		{ 429, 429, HS_OUTCOME_RETRY, HS_OUTCOME_RETRY },   { 430, 499, HS_OUTCOME_REFUSED, HS_OUTCOME_ALONE },
		{ 500, 500, HS_OUTCOME_RETRY, HS_OUTCOME_RETRY },   { 501, 501, HS_OUTCOME_REFUSED, HS_OUTCOME_ALONE },
		{ 502, 504, HS_OUTCOME_RETRY, HS_OUTCOME_RETRY },   { 505, 505, HS_OUTCOME_REFUSED, HS_OUTCOME_ALONE },
		{ 506, 599, HS_OUTCOME_RETRY, HS_OUTCOME_RETRY },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int status = cases[i].from; status <= cases[i].to; status++) {
			assert_int_equal(hs_sink_http_stops(status), cases[i].outcome == STOPS);
			if (cases[i].outcome == STOPS)
				continue;
			assert_int_equal(hs_sink_http_outcome(status, false), cases[i].outcome);
			assert_int_equal(hs_sink_http_outcome(status, true), cases[i].of_batch);
		}
}

/* The records of both requests stay undone. */
TEST(two_refusals_at_once_stop_it_once_with_their_remedies)
{
	struct hs_sink *sink = new_sink(2);
	const char *said;

	assert_int_equal(offer_all(sink), 2);
	assert_false(sink->ops->drain(sink, 1000));
	assert_true(sink->ops->drain(sink, 0)); /* given up */
	said_begin(HS_LOG_INFO);
	answer_all(sink, (struct hs_http_posted){ .status = 407, .why = "" });
	said = said_end();
	assert_non_null(strstr(said, "http://a.test/: it answered 407: the proxy wants credentials"));
	assert_int_equal(sink->code, EX_CONFIG);
	assert_int_equal(acknowledged, 0);
	assert_true(sink->ops->drain(sink, 1000));
	end(sink);
}

TESTS("sink_http", NULL, NULL)

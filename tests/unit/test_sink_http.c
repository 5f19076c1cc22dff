/* sink_http over posts that end as a test says: when the breaker opens, how long it pauses, and what wakes the pump. */
#include "base/io.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/sink/http_posts.h"
#include "tools/sink/pump.h"
#include "tools/sink/sink_http.h"

#include <stdlib.h>
#include <sysexits.h>

enum { JOBS = 16 };

/* --- the posts ------------------------------------------------------------------------ */

struct hs_http_posts {
	bool started[JOBS], ended[JOBS];
	struct hs_http_posted posted[JOBS];
};

static struct hs_http_posts posts;
static struct hs_ack_tracker acks;
static int64_t clock_ms;
static unsigned acknowledged;

struct hs_http_posts *hs_http_posts_new(const struct hs_http_target *target, unsigned slots, int timeout_ms)
{
	(void)target;
	(void)timeout_ms;
	assert_in_range(slots, 1, JOBS);
	return &posts;
}

void hs_http_posts_free(struct hs_http_posts *p)
{
	*p = (struct hs_http_posts){ .started = { false } };
}

bool hs_http_posts_start(struct hs_http_posts *p, unsigned slot, struct hs_slice headers, struct hs_slice body)
{
	(void)headers;
	(void)body;
	assert_false(p->started[slot]);
	p->started[slot] = true;
	return true;
}

size_t hs_http_posts_poll(struct hs_http_posts *p, struct pollfd *fds)
{
	(void)p;
	(void)fds;
	return 0;
}

int64_t hs_http_posts_due(struct hs_http_posts *p)
{
	(void)p;
	return -1;
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

static struct hs_sink *new_sink(unsigned jobs)
{
	const struct hs_sink_http_options options = { .command = "forward",
		                                      .target = { .url = "http://a.test/" },
		                                      .jobs = jobs,
		                                      .batch = 1,
		                                      .timeout_ms = 1000,
		                                      .breaks = true };
	struct hs_sink *sink = hs_sink_http_new(&options);

	assert_non_null(sink);
	acknowledged = 0;
	return sink;
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

/* Offers each partition a record, as long as there is room; returns how many it took. */
static unsigned offer_all(struct hs_sink *sink)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < sink->partitions; i++) {
		struct hs_offered record = { .line = HS_SLICE("{}"), .partition = i };

		if (!sink->ops->has_room(sink, i))
			continue;
		record.item = hs_ack_tracker_add(&acks, record.line, (struct hs_position){ .number = 1 });
		assert_non_null(record.item);
		assert_true(sink->ops->offer(sink, &record));
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

TESTS("sink_http", NULL, NULL)

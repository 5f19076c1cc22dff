/* ingest_many: one handler and many requests: late answers, limits of time and memory. */
#include "spool/shared/rates.h"
#include "tests/lib/stage.h"
#include "tests/lib/temp_dir.h"
#include "tests/lib/wrap.h"

#include <errno.h>

/* --- health -------------------------------------------------------------------------------- */

TEST(health)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(""));

	strcpy(s->param[1], "REQUEST_METHOD=GET");
	param(s, "PATH_INFO", "/health");
	assert_int_equal(serve(s), 200);
	expect(s, "story", "HWFE");
	expect(s, "answer", "{\"status\":\"ok\"}\n");

	next_request(s, HS_SLICE(""));
	strcpy(s->param[1], "REQUEST_METHOD=HEAD");
	param(s, "PATH_INFO", "/health");
	assert_int_equal(serve(s), 200);
	expect(s, "answer", "");
	assert_true(contains(&s->head, "Content-Length: 16\r\n"));

	next_request(s, HS_SLICE(""));
	strcpy(s->param[1], "REQUEST_METHOD=GET");
	param(s, "PATH_INFO", "/health");
	s->catching_up = true;
	assert_int_equal(serve(s), 200);
	expect(s, "answer", "{\"status\":\"ok\",\"index\":\"catching up\"}\n");

	next_request(s, HS_SLICE(""));
	strcpy(s->param[1], "REQUEST_METHOD=GET");
	param(s, "PATH_INFO", "/health");
	s->health_result = HS_E_FULL;
	assert_int_equal(serve(s), 503);
	expect(s, "answer", "{\"message\":\"storage is full, try again\"}\n");
	free_stage(s);
}

/* --- one receiver, many requests -------------------------------------------------------------- */

TEST(requests_are_independent)
{
	struct stage *s =
	    new_stage(CONF "auth = either\nsecret = s3cret\n[keys]\nacme = k3y\n", HS_SLICE("[" PAGE "," NO_ID "]"));

	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	assert_int_equal(serve(s), 200);
	next_request(s, HS_SLICE(PAGE)); /* authenticated by signature: no tenant, no rejected event */
	sign(s, s->body);
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE);
	expect(s, "rejected", "");
	expect(s, "answer", "{\"accepted\":1,\"duplicate\":0,\"rejected\":0}\n");
	next_request(s, HS_SLICE("[" PAGE));
	sign(s, s->body);
	assert_int_equal(serve(s), 400);
	next_request(s, HS_SLICE(PAGE)); /* the JSON reader was left inside an array */
	sign(s, s->body);
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE);
	free_stage(s);
}

/* While one request waits for the disk, the thread serves others with all that it has. */
TEST(a_post_is_answered_later)
{
	struct stage *s = new_stage(CONF "auth = either\nsecret = s3cret\n[keys]\nacme = k3y\n", HS_SLICE(PAGE));
	struct stage *other = new_stage(OPEN, HS_SLICE("[" PAGE "," PAGE "," NO_ID "]"));
	struct hs_buf large = { 0 };

	s->hold = true;
	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	hs_serve(s->scratch, s->exchange, s->settings);
	expect(s, "story", "RP");
	hs_serve(s->scratch, other->exchange, other->settings);
	put_batch(&large, PAGE, 30000);
	next_request(other, hs_buf_slice(&large));
	hs_serve(s->scratch, other->exchange, other->settings);
	hs_scratch_rest(s->scratch);
	s->duplicate = 1;
	done_at_last(s);
	expect(s, "story", "RPAAWFE");
	expect(s, "answer", "{\"accepted\":0,\"duplicate\":1,\"rejected\":0}\n");
	assert_true(contains(&s->records, "\"tenant\":\"acme\""));
	hs_buf_free(&large);
	free_stage(other);
	free_stage(s);
}

TEST(a_failed_post_is_not_acknowledged)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	s->hold = true;
	hs_serve(s->scratch, s->exchange, s->settings);
	s->append_result = HS_E_TIMEOUT;
	done_at_last(s);
	assert_true(contains(&s->head, "Status: 503"));
	free_stage(s);
}

static void expect_late(struct stage *s, const char *story)
{
	expect(s, "story", story);
	assert_true(contains(&s->head, "Status: 503"));
	assert_true(contains(&s->head, "Retry-After"));
	expect(s, "answer", "{\"message\":\"storage too slow, try again\"}\n");
	hs_exchange_expire(s->exchange, INT64_MAX); /* it has ended already */
	expect(s, "story", story);
}

/* The disk hangs: the sender gets one answer in time, whatever becomes known later. */
TEST(a_hanging_append_is_answered_in_time)
{
	static const char *const bodies[] = { "[" PAGE "," NO_ID "]", NO_ID, "broken" };
	struct stage *s;

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		s = new_stage(OPEN, hs_slice_str(bodies[i]));
		s->hangs_ms = HS_ANSWER_MS;
		serve_and_read_log(s);
		expect_late(s, "RAWCFE");
		assert_int_equal(s->counts, 1);
		assert_int_equal(s->counted.status, 503);
		next_request(s, s->body); /* the exchange can be used again */
		s->hangs_ms = HS_ANSWER_MS - 1;
		assert_in_range(serve(s), 200, 400);
		expect(s, "story", "RAWFE");
		free_stage(s);
	}
}

TEST(a_hanging_post_is_answered_in_time)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));
	int64_t due = monotonic_ms + HS_ANSWER_MS;

	s->hold = true;
	hs_serve(s->scratch, s->exchange, s->settings);
	hs_exchange_expire(s->exchange, due - 1);
	expect(s, "story", "RP");
	hs_exchange_expire(s->exchange, due);
	expect(s, "story", "RPWC"); /* not ended: the store still reads what is to be written */
	done_at_last(s);
	expect_late(s, "RPWCFE");
	expect(s, "records", PAGE_LINE);
	free_stage(s);
}

/* Both threads have to do with the request then: the later of the two ends it. */
TEST(a_post_that_is_done_while_its_late_answer_is_sent_ends_once)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	s->hold = s->done_in_write = true;
	hs_serve(s->scratch, s->exchange, s->settings);
	hs_exchange_expire(s->exchange, INT64_MAX);
	expect_late(s, "RPWCFE");
	expect(s, "records", PAGE_LINE);
	free_stage(s);
}

static struct hs_rates *rates;

static struct hs_rates *rates_of(void *self)
{
	(void)self;
	return rates;
}

/* Sends twenty events of a source that may send ten at once. True: it has to wait now. */
static bool must_wait(struct stage *s, const char *body, bool late)
{
	const struct hs_rate rate = { .name = HS_SLICE("shop"), .rate = 1000 };
	int64_t days = 86400000;

	wall_ms += days; /* whatever was owed is paid for */
	next_request(s, hs_slice_str(body));
	param(s, "PATH_INFO", "/v1/b");
	s->hold = true;
	s->held = NULL;
	s->hangs_ms = late ? HS_ANSWER_MS : 0;
	hs_serve(s->scratch, s->exchange, s->settings);
	if (late)
		hs_exchange_expire(s->exchange, INT64_MAX);
	if (s->held != NULL)
		done_at_last(s);
	assert_true(contains(&s->head, late ? "Status: 503" : "Status: 200"));
	return hs_rates_wait(rates, &rate, wall_ms) > 0;
}

/* It is told to send the same again, and would pay for it twice. */
TEST(a_source_does_not_pay_for_what_was_answered_late)
{
	static const char *const more[] = { "", ",{\"type\":\"page\"}" /* a rejected one: appended, not posted */ };
	struct stage *s = new_stage(OPEN "[sources]\nshop = KEY browser origin=* rate=1/s\n", HS_SLICE(""));
	enum hs_result result;

	assert_int_equal(temp_dir_begin(NULL), 0);
	rates = hs_rates_open(temp.fd, 0600, &result);
	assert_non_null(rates);
	s->store.rates = rates_of;
	for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
		struct hs_buf body = { 0 };

		hs_buf_put_slice(&body, HS_SLICE("{\"writeKey\":\"KEY\",\"batch\":[" PAGE));
		for (int n = 1; n < 20; n++)
			hs_buf_printf(&body, ",%s", PAGE);
		hs_buf_printf(&body, "%s]}", more[i]);
		hs_buf_putc(&body, '\0');
		assert_true(must_wait(s, body.p, false));
		assert_false(must_wait(s, body.p, true));
		assert_true(must_wait(s, body.p, false));
		hs_buf_free(&body);
	}
	hs_rates_close(rates);
	free_stage(s);
	assert_int_equal(temp_dir_end(NULL), 0);
	hs_log_level(HS_LOG_INFO); /* directories of tests silence it */
}

TEST(a_hanging_health_check_is_answered_in_time)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(""));

	strcpy(s->param[1], "REQUEST_METHOD=GET");
	param(s, "PATH_INFO", "/health");
	s->hangs_ms = HS_ANSWER_MS;
	serve_and_read_log(s);
	expect_late(s, "HWCFE"); /* the handler may still read the request's strings until F */
	free_stage(s);
}

/* A refusal is one line in the log, which no text of the sender can break. */
TEST(a_refusal_is_one_line_of_the_log)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(NO_ID));

	strcpy(s->param[2], "REMOTE_ADDR=1.2.3.4\nforged");
	assert_int_equal(serve(s), 400);
	assert_true(s->log.n > 0);
	assert_ptr_equal(memchr(s->log.p, '\n', s->log.n), s->log.p + s->log.n - 1);
	assert_true(contains(&s->log, "userId or anonymousId required"));
	next_request(s, HS_SLICE(PAGE));
	assert_int_equal(serve(s), 200);
	assert_int_equal(s->log.n, 0); /* every request is logged at debug only */
	free_stage(s);
}

/* A sanitizer sees what is not freed. */
TEST(without_memory_there_is_no_exchange)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	for (unsigned nth = 1; nth <= 2; nth++) {
		wrap_fail(WRAP_REALLOC, nth, 1, ENOMEM);
		assert_null(hs_exchange_new(&s->transport, stage_ended, s));
		wrap_reset();
	}
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_null(hs_exchange_new(&s->transport, stage_ended, s));
	wrap_reset();
	free_stage(s);
}

TEST(a_long_address_is_cut_in_the_log)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(NO_ID));
	char address[66], cut[68];

	memset(address, 'x', 65);
	address[65] = '\0';
	snprintf(cut, sizeof cut, " %.64s: ", address);
	snprintf(s->param[2], sizeof s->param[2], "REMOTE_ADDR=%s", address);
	assert_int_equal(serve(s), 400);
	assert_true(contains(&s->log, cut));
	free_stage(s);
}

static void put_wide_event(struct hs_buf *body, unsigned leaves)
{
	hs_buf_put_slice(body, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\""));
	for (unsigned i = 0; i < leaves; i++) {
		hs_buf_put_slice(body, HS_SLICE(",\"leaf"));
		hs_buf_put_uint(body, i);
		hs_buf_put_slice(body, HS_SLICE("\":\"\""));
	}
	hs_buf_putc(body, '}');
}

/* Whatever was served, an idle handler is small. */
static void expect_memory_returned(struct hs_buf *body, int status)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));
	size_t before, after;

	assert_int_equal(serve(s), 200);
	before = unit_heap();
	next_request(s, hs_buf_slice(body));
	assert_int_equal(serve(s), status);
	hs_buf_free(&s->records);
	hs_buf_free(&s->rejected);
	after = unit_heap();
	if (after > before + (2u << 20))
		fail_msg("%zu KiB are kept", (after - before) / 1024);
	hs_buf_free(body);
	free_stage(s);
}

TEST(memory_is_returned_after_a_batch)
{
	struct hs_buf body = { 0 };

	put_batch(&body, PAGE, 60000);
	expect_memory_returned(&body, 200);
}

TEST(memory_is_returned_after_a_refused_batch)
{
	struct hs_buf body = { 0 };

	put_batch(&body, NO_ID, 60000);
	expect_memory_returned(&body, 400);
}

TEST(memory_is_returned_after_broken_json)
{
	struct hs_buf body = { 0 };

	put_batch(&body, PAGE, 100000);
	hs_buf_putc(&body, 'x');
	expect_memory_returned(&body, 400);
}

TEST(memory_is_returned_after_a_wide_event)
{
	struct hs_buf body = { 0 };

	put_wide_event(&body, 300000);
	expect_memory_returned(&body, 200);
}

TEST(memory_is_returned_after_a_long_array)
{
	struct hs_buf body = { 0 };

	hs_buf_put_slice(&body, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\",\"list\":"));
	put_batch(&body, "1", 300000);
	hs_buf_putc(&body, '}');
	expect_memory_returned(&body, 200);
}

/* A worker that was idle for a while holds next to nothing. */
TEST(an_idle_scratch_holds_little)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));
	struct hs_buf body = { 0 }, page = { 0 };
	size_t before, busy, idle;

	assert_int_equal(serve(s), 200);
	hs_scratch_rest(s->scratch);
	hs_exchange_rest(s->exchange);
	before = unit_heap();
	put_batch(&body, PAGE, 800); /* below HS_KEEP_BYTES in every form: kept for the next request */
	for (int i = 0; i < 3; i++) {
		next_request(s, hs_buf_slice(&body));
		assert_int_equal(serve(s), 200);
	}
	put_batch(&page, PAGE, 300); /* small enough to be posted: it belongs to the exchange */
	next_request(s, hs_buf_slice(&page));
	assert_int_equal(serve(s), 200);
	hs_buf_free(&s->records);
	hs_buf_free(&s->log);
	busy = unit_heap();
	hs_scratch_rest(s->scratch);
	hs_exchange_rest(s->exchange);
	idle = unit_heap();
	hs_buf_free(&body);
	hs_buf_free(&page);
	assert_true(busy > before + HS_KEEP_BYTES); /* otherwise the test shows nothing */
	if (idle > before + 6 * HS_REST_BYTES)
		fail_msg("%zu KiB are kept", (idle - before) / 1024);
	free_stage(s);
}

TESTS("ingest_many", NULL, NULL)

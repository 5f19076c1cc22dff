/* body: reads bodies with a length and without one, and inflates them within their bound. */
#include "cgi/http/body.h"
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <zlib.h>

enum { MOST = 1000, GZIP_WINDOW = 15 + 16, PEER_GONE = -1, TOO_SLOW = -2 };

static struct {
	struct hs_transport transport; /* first, so that the transport is the fixture */
	struct hs_slice sent;
	size_t at, step;
	long then; /* what read returns after the body */
	struct hs_scratch *scratch;
	struct hs_settings settings;
	struct hs_exchange exchange;
	struct hs_store_ops store;
} f;

static long sent_read(struct hs_transport *transport, char *to, size_t n, int64_t deadline_ms)
{
	(void)transport;
	(void)deadline_ms;
	if (n > f.sent.n - f.at)
		n = f.sent.n - f.at;
	if (n > f.step)
		n = f.step;
	if (n == 0)
		return f.then;
	memcpy(to, f.sent.p + f.at, n);
	f.at += n;
	return (long)n;
}

static int64_t now(void)
{
	return 0;
}

/* Forgets the last request; the next one has no length. */
static void prepare(struct hs_slice sent)
{
	if (f.scratch == NULL)
		f.scratch = hs_scratch_new(&f.store, 1);
	assert_non_null(f.scratch);
	hs_scratch_make_way(f.scratch);
	f.transport = (struct hs_transport){ .read = sent_read, .reads_past_length = true };
	f.sent = sent;
	f.at = 0;
	f.step = SIZE_MAX;
	f.then = 0;
	f.store.now_monotonic = now;
	f.settings.max_sdk_body = MOST;
	f.exchange.transport = &f.transport;
	f.exchange.scratch = f.scratch;
	f.exchange.settings = &f.settings;
	f.exchange.request = (struct hs_request){ .content_length = MOST };
}

static void prepare_length(struct hs_slice sent, size_t length)
{
	prepare(sent);
	f.exchange.request.has_length = true;
	f.exchange.request.content_length = length;
}

static void expect_body(struct hs_slice body)
{
	assert_result(hs_body_read(&f.exchange), HS_OK);
	assert_non_null(f.scratch->body.p);
	assert_int_equal(f.scratch->body.n, body.n);
	assert_memory_equal(f.scratch->body.p, body.p, body.n);
	assert_int_equal(f.exchange.answer_by, HS_ANSWER_MS);
}

static void expect_refusal(enum hs_result result)
{
	assert_result(hs_body_read(&f.exchange), result);
	assert_false(f.scratch->inside);
}

static struct hs_slice zeros(size_t n)
{
	static char bytes[2 << 20];

	assert_true(n <= sizeof bytes);
	return hs_slice(bytes, n);
}

static void gzip(struct hs_slice text, struct hs_buf *to)
{
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)text.p, .avail_in = (unsigned)text.n };
	size_t room;

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY), Z_OK);
	room = deflateBound(&z, text.n);
	z.next_out = (unsigned char *)hs_buf_reserve(to, room);
	z.avail_out = (unsigned)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	to->n += room - z.avail_out;
	deflateEnd(&z);
}

TEST(a_body_of_a_length_is_read_to_it)
{
	prepare_length(HS_SLICE("12345"), 5);
	f.step = 2;
	expect_body(HS_SLICE("12345"));
	prepare_length(HS_SLICE(""), 0);
	expect_body(HS_SLICE(""));
	prepare_length(HS_SLICE("1234"), 5);
	expect_refusal(HS_E_SHORT_BODY);
	prepare_length(HS_SLICE("123456"), 5);
	expect_refusal(HS_E_LONG_BODY);
}

TEST(a_body_without_a_length_is_read_to_the_end)
{
	size_t steps[] = { 1, 7, SIZE_MAX };

	for (size_t i = 0; i < 3; i++) {
		prepare(zeros(MOST));
		f.step = steps[i];
		expect_body(zeros(MOST));
		prepare(zeros(MOST + 1));
		f.step = steps[i];
		expect_refusal(HS_E_TOO_LARGE);
	}
	prepare(HS_SLICE(""));
	expect_body(HS_SLICE(""));
	prepare(HS_SLICE("{"));
	f.then = PEER_GONE;
	expect_refusal(HS_E_SHORT_BODY);
	prepare(HS_SLICE("{"));
	f.then = TOO_SLOW;
	expect_refusal(HS_E_SLOW_BODY);
}

/* The end of file may never come: nothing is read. */
TEST(cgi_needs_a_length)
{
	prepare(HS_SLICE("{}"));
	f.transport.reads_past_length = false;
	expect_refusal(HS_E_NO_LENGTH);
	assert_int_equal(f.at, 0);
}

static void put_read_body(struct hs_buf *body, size_t n)
{
	hs_buf_reset(body);
	hs_buf_put_slice(body, zeros(n));
	f.transport.body = body;
}

TEST(a_body_that_was_read_is_taken_over)
{
	struct hs_buf body = { 0 };

	for (size_t n = 0; n <= MOST; n += MOST) {
		prepare(HS_SLICE(""));
		put_read_body(&body, n);
		expect_body(zeros(n));
	}
	prepare(HS_SLICE(""));
	put_read_body(&body, MOST + 1);
	expect_refusal(HS_E_TOO_LARGE);
	prepare_length(HS_SLICE(""), 5);
	put_read_body(&body, 4);
	expect_refusal(HS_E_SHORT_BODY);
	prepare_length(HS_SLICE(""), 5);
	put_read_body(&body, 6);
	expect_refusal(HS_E_LONG_BODY);
	prepare_length(HS_SLICE(""), 5);
	put_read_body(&body, 5);
	f.transport.verdict = HS_E_CROWDED;
	expect_refusal(HS_E_CROWDED);
	hs_buf_free(&body);
}

TEST(gzip_is_inflated_within_the_bound)
{
	struct hs_buf in = { 0 };

	for (size_t n = 0; n <= MOST + 1; n += n < MOST ? MOST : 1) {
		hs_buf_reset(&in);
		gzip(zeros(n), &in);
		prepare(hs_buf_slice(&in));
		f.exchange.request.gzip = true;
		if (n <= MOST)
			expect_body(zeros(n));
		else
			expect_refusal(HS_E_INFLATED);
	}
	hs_buf_reset(&in);
	gzip(zeros(MOST), &in);
	prepare(hs_slice(in.p, in.n - 1));
	f.exchange.request.gzip = true;
	expect_refusal(HS_E_GZIP);
	prepare(HS_SLICE(""));
	f.exchange.request.gzip = true;
	expect_refusal(HS_E_GZIP);
	hs_buf_free(&in);
}

static void inflate_large(struct hs_buf *in, struct hs_semaphore *large)
{
	prepare_length(hs_buf_slice(in), in->n);
	f.exchange.request.gzip = true;
	f.settings.max_sdk_body = 2 << 20;
	f.store.large = large;
}

/* A body that would be large waits before it has cost any memory; one that hides its size is found out. */
TEST(large_bodies_wait_before_they_are_inflated)
{
	struct hs_semaphore *large = hs_semaphore_new(1);
	struct hs_buf in = { 0 };

	gzip(zeros(1 << 20), &in);
	for (int lies = 0; lies < 2; lies++) {
		if (lies)
			gzip(HS_SLICE(""), &in); /* a second member: the last trailer says 0 */
		inflate_large(&in, large);
		expect_body(zeros(1 << 20));
		assert_true(f.scratch->inside);
		hs_scratch_make_way(f.scratch);
		assert_true(hs_semaphore_enter(large, 0));
		hs_buf_free(&f.scratch->inflated);
		inflate_large(&in, large);
		expect_refusal(HS_E_LARGE_BODIES);
		assert_true(f.scratch->inflated.cap <= (lies ? HS_LARGE_BYTES + 1 : 0));
		hs_semaphore_leave(large);
	}
	hs_buf_reset(&in);
	gzip(zeros(HS_LARGE_BYTES), &in);
	inflate_large(&in, large);
	expect_body(zeros(HS_LARGE_BYTES));
	assert_false(f.scratch->inside);
	hs_semaphore_free(large);
	f.store.large = NULL;
	hs_buf_free(&in);
}

TEST(large_bodies_wait_before_they_are_read_as_json)
{
	struct hs_semaphore *large = hs_semaphore_new(1);

	prepare_length(zeros(1 << 20), 1 << 20);
	f.settings.max_body = 2 << 20;
	f.store.large = large;
	assert_true(hs_semaphore_enter(large, 0));
	expect_refusal(HS_E_LARGE_BODIES);
	hs_semaphore_leave(large);
	prepare_length(zeros(1 << 20), 1 << 20);
	f.store.large = large;
	expect_body(zeros(1 << 20));
	assert_true(f.scratch->inside);
	hs_scratch_make_way(f.scratch);
	hs_semaphore_free(large);
	f.store.large = NULL;
}

FIXTURE(finish)
{
	hs_scratch_free(f.scratch);
	f.scratch = NULL;
	return 0;
}

TESTS("body", NULL, finish)

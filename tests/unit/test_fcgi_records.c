/*
 * fcgi_records: a request is complete at its last byte, and only if nothing in it is unusual;
 * and tests/cases/fcgi.txt, in one piece, byte by byte, and as far as libfcgi is concerned.
 */
#include "cgi/server/fcgi_records.h"
#include "tests/lib/cases.h"

#include <stdlib.h>
#include <string.h>

enum { BEGIN = 1, PARAMS = 4, STDIN = 5, DATA = 8, RESPONDER = 1, FILTER = 3 };

struct bytes {
	unsigned char p[8192];
	size_t n;
};

/* Appends a record with n bytes of content, and padding; the content is zeros, that is, empty pairs. */
static void put(struct bytes *b, unsigned type, unsigned number, size_t content, size_t padding)
{
	const unsigned char header[8] = { 1,
		                          (unsigned char)type,
		                          (unsigned char)(number >> 8),
		                          (unsigned char)number,
		                          (unsigned char)(content >> 8),
		                          (unsigned char)content,
		                          (unsigned char)padding,
		                          0 };

	assert_true(b->n + sizeof header + content + padding <= sizeof b->p);
	memcpy(b->p + b->n, header, sizeof header);
	memset(b->p + b->n + sizeof header, type == PARAMS ? 0 : 'x', content + padding);
	b->n += sizeof header + content + padding;
}

static void put_begin(struct bytes *b, unsigned number, unsigned role, size_t padding)
{
	size_t at = b->n + 8;

	put(b, BEGIN, number, 8, padding);
	b->p[at] = 0;
	b->p[at + 1] = (unsigned char)role;
}

static void put_streams(struct bytes *b, unsigned number)
{
	put(b, PARAMS, number, 301, 4);
	put(b, PARAMS, number, 7, 0);
	put(b, PARAMS, number, 0, 0);
	put(b, STDIN, number, 860, 4);
	put(b, STDIN, number, 100, 0);
	put(b, STDIN, number, 0, 0);
}

/* Looks at a copy that ends where its memory ends, so that a sanitizer sees a read beyond it. */
static bool is_whole(const struct bytes *b, size_t n)
{
	unsigned char *copy = malloc(n + (n == 0));
	bool whole;

	assert_non_null(copy);
	memcpy(copy, b->p, n);
	whole = hs_fcgi_records_whole(copy, n);
	free(copy);
	return whole;
}

TEST(whole_at_the_last_byte)
{
	static const unsigned numbers[] = { 1, 255, 256, 65535 };

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct bytes b = { .n = 0 };

		put_begin(&b, numbers[i], RESPONDER, 0);
		put_streams(&b, numbers[i]);
		for (size_t n = 0; n < b.n; n++)
			assert_false(is_whole(&b, n));
		assert_true(is_whole(&b, b.n));
		put_begin(&b, numbers[i], RESPONDER, 0); /* the next one on a kept connection */
		assert_true(is_whole(&b, b.n));
	}
}

TEST(without_a_body)
{
	struct bytes b = { .n = 0 };

	put_begin(&b, 1, RESPONDER, 0);
	put(&b, PARAMS, 1, 0, 0);
	put(&b, STDIN, 1, 0, 0);
	assert_true(is_whole(&b, b.n));
}

/* In each of these cases libfcgi would wait for more, or ask for it. */
TEST(unusual_requests)
{
	struct bytes b = { .n = 0 };

	put_begin(&b, 0, RESPONDER, 0);
	put_streams(&b, 0);
	assert_false(is_whole(&b, b.n)); /* number 0 is the connection's own */
	b.n = 0;
	put_begin(&b, 1, FILTER, 0);
	put_streams(&b, 1);
	assert_false(is_whole(&b, b.n)); /* a DATA stream follows */
	b.n = 0;
	put_begin(&b, 1, RESPONDER, 8);
	put_streams(&b, 1);
	assert_false(is_whole(&b, b.n)); /* libfcgi 2.4.2 forgets this padding */
	b.n = 0;
	put_begin(&b, 1, RESPONDER, 0);
	put_streams(&b, 2);
	assert_false(is_whole(&b, b.n)); /* two requests on one connection */
	b.n = 0;
	put_begin(&b, 1, RESPONDER, 0);
	put(&b, STDIN, 1, 0, 0);
	put(&b, PARAMS, 1, 0, 0);
	put(&b, STDIN, 1, 0, 0);
	assert_false(is_whole(&b, b.n)); /* the streams in another order */
	b.n = 0;
	put_begin(&b, 1, RESPONDER, 0);
	put(&b, DATA, 1, 0, 0);
	put_streams(&b, 1);
	assert_false(is_whole(&b, b.n));
}

TEST(another_version)
{
	struct bytes b = { .n = 0 };

	put_begin(&b, 1, RESPONDER, 0);
	put_streams(&b, 1);
	b.p[0] = 2;
	assert_false(is_whole(&b, b.n));
	b.p[0] = 1;
	b.p[16] = 0;
	assert_false(is_whole(&b, b.n));
}

/* --- cases ------------------------------------------------------------------------ */

static void put_record(struct test_case *c, struct hs_buf *b, struct hs_slice line)
{
	int64_t type = case_number(c, case_word(&line)), number = case_number(c, case_word(&line));
	struct hs_slice length = case_word(&line);
	int64_t n = hs_slice_eq(length, HS_SLICE("=")) ? (int64_t)line.n : case_number(c, length);
	const char header[8] = { 1, (char)type, (char)(number >> 8), (char)number, (char)(n >> 8), (char)n, 0, 0 };

	hs_buf_put(b, header, sizeof header);
	hs_buf_put_slice(b, line);
}

static struct hs_buf bytes_of(struct test_case *c)
{
	struct hs_buf b = { 0 };

	for (size_t i = 0; i < c->count; i++) {
		struct case_line *line = &c->lines[i];

		if (strcmp(line->key, "record") == 0)
			put_record(c, &b, line->value);
		else if (strcmp(line->key, "bytes") == 0)
			hs_buf_put_slice(&b, line->value);
		else
			continue;
		line->asked = true;
	}
	return b;
}

static void check_request(struct test_case *c, struct hs_fcgi_request *f)
{
	static const char *const names[] = { "head", "body", "whole", "broken" };
	struct hs_slice expected;
	struct hs_buf text = { 0 };
	size_t count, zeros = 0;

	case_same(c, "the state", hs_slice_str(names[f->state]), case_get(c, "state"));
	if (case_find(c, "reply", &expected))
		case_same(c, "the reply", hs_buf_slice(&f->reply), expected);
	if (f->state != HS_FCGI_BODY && f->state != HS_FCGI_WHOLE)
		return;
	assert_true(hs_fcgi_variables(hs_buf_slice(&f->head), &text, &count));
	for (size_t i = 0; i < text.n; i++)
		zeros += text.p[i] == '\0';
	assert_int_equal(zeros, count);
	case_same(c, "the variables", hs_buf_slice(&text), case_get(c, "variables"));
	case_same(c, "the body", hs_buf_slice(&f->body), case_get(c, "body"));
	hs_buf_free(&text);
}

static void run_fcgi_case(struct test_case *c)
{
	struct hs_buf b = bytes_of(c);
	struct hs_fcgi_request one = { 0 }, many = { 0 };
	unsigned char *exact = (unsigned char *)unit_exact_copy(hs_buf_slice(&b));
	struct hs_slice yes;
	bool whole = case_find(c, "whole", &yes);

	if (hs_fcgi_records_whole(exact, b.n) != whole)
		case_fail(c, "libfcgi %s", whole ? "would not get it" : "would get it");
	hs_fcgi_feed(&one, exact, b.n);
	check_request(c, &one);
	for (size_t i = 0; i < b.n; i++)
		hs_fcgi_feed(&many, exact + i, 1);
	check_request(c, &many);
	hs_fcgi_request_free(&one);
	hs_fcgi_request_free(&many);
	hs_buf_free(&b);
	free(exact);
}

TESTS_AND_CASES("fcgi_records", "fcgi.txt", run_fcgi_case)

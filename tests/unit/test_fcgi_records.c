/* fcgi_records: a request is whole when its last byte is there, and only if nothing in it is odd. */
#include "cgi/fcgi_records.h"
#include "tests/lib/cases.h"

#include <stdlib.h>
#include <string.h>

enum { BEGIN = 1, PARAMS = 4, STDIN = 5, DATA = 8, RESPONDER = 1, FILTER = 3 };

struct bytes {
	unsigned char p[8192];
	size_t n;
};

/* Appends a record of so many bytes of content, and of padding. */
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
	memset(b->p + b->n + sizeof header, 'x', content + padding);
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
	put(b, PARAMS, number, 300, 4);
	put(b, PARAMS, number, 7, 0);
	put(b, PARAMS, number, 0, 0);
	put(b, STDIN, number, 860, 4);
	put(b, STDIN, number, 100, 0);
	put(b, STDIN, number, 0, 0);
}

/* A copy that ends where its memory ends, so that a sanitizer sees a byte too many. */
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

static void whole_at_the_last_byte(void **state)
{
	static const unsigned numbers[] = { 1, 255, 256, 65535 };

	(void)state;
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

static void without_a_body(void **state)
{
	struct bytes b = { .n = 0 };

	(void)state;
	put_begin(&b, 1, RESPONDER, 0);
	put(&b, PARAMS, 1, 0, 0);
	put(&b, STDIN, 1, 0, 0);
	assert_true(is_whole(&b, b.n));
}

/* In each of these libfcgi would wait for more, or ask for it. */
static void odd_ones(void **state)
{
	struct bytes b = { .n = 0 };

	(void)state;
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

static void another_version(void **state)
{
	struct bytes b = { .n = 0 };

	(void)state;
	put_begin(&b, 1, RESPONDER, 0);
	put_streams(&b, 1);
	b.p[0] = 2;
	assert_false(is_whole(&b, b.n));
	b.p[0] = 1;
	b.p[16] = 0;
	assert_false(is_whole(&b, b.n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_at_the_last_byte),
		cmocka_unit_test(without_a_body),
		cmocka_unit_test(odd_ones),
		cmocka_unit_test(another_version),
	};

	return cmocka_run_group_tests_name("fcgi_records", tests, NULL, NULL);
}

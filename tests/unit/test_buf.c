/* buf: growth, bounds, failure that sticks, and bytes as JSON strings. */
#include "base/buf.h"
#include "tests/lib/unit.h"

TEST(what_is_put_is_there)
{
	struct hs_buf b = { 0 };

	hs_buf_put(&b, "ab", 2);
	hs_buf_putc(&b, 'c');
	hs_buf_put_slice(&b, HS_SLICE("\0d"));
	hs_buf_put(&b, NULL, 0);
	hs_buf_put_slice(&b, HS_SLICE_NONE);
	assert_true(hs_buf_ok(&b));
	assert_slice_equal(hs_buf_slice(&b), HS_SLICE("abc\0d"));
	hs_buf_free(&b);
	assert_null(b.p);
	assert_int_equal(b.cap, 0);
}

TEST(it_grows_and_keeps_what_it_has)
{
	struct hs_buf b = { 0 };

	for (unsigned i = 0; i < 100000; i++)
		hs_buf_putc(&b, (char)(i % 251));
	assert_true(hs_buf_ok(&b));
	assert_int_equal(b.n, 100000);
	for (unsigned i = 0; i < 100000; i++)
		if (b.p[i] != (char)(i % 251))
			fail_msg("byte %u changed", i);
	hs_buf_free(&b);
}

TEST(a_reserve_has_room)
{
	struct hs_buf b = { 0 };
	char *p;

	hs_buf_put(&b, "x", 1);
	p = hs_buf_reserve(&b, 5000);
	assert_non_null(p);
	assert_ptr_equal(p, b.p + 1);
	assert_true(b.cap - b.n >= 5000);
	memset(p, 'y', 5000);
	assert_int_equal(b.n, 1);
	hs_buf_free(&b);
}

TEST(the_bound_holds_to_the_byte)
{
	struct hs_buf b = { .max = 300 };
	char fill[301] = { 0 };

	hs_buf_put(&b, fill, 300);
	assert_true(hs_buf_ok(&b));
	assert_int_equal(b.n, 300);
	assert_in_range(b.cap, 300, 300);
	hs_buf_putc(&b, 'x');
	assert_false(hs_buf_ok(&b));
	assert_int_equal(b.n, 300);
	hs_buf_free(&b);

	b = (struct hs_buf){ .max = 300 };
	hs_buf_put(&b, fill, 301);
	assert_false(hs_buf_ok(&b));
	assert_int_equal(b.n, 0);
	hs_buf_free(&b);
}

TEST(printf_appends_text_of_any_length)
{
	struct hs_buf b = { 0 };
	char fill[1000] = { 0 };

	memset(fill, 'x', sizeof fill - 1);
	hs_buf_printf(&b, "%s", "");
	assert_true(hs_buf_ok(&b));
	assert_int_equal(b.n, 0);
	hs_buf_printf(&b, "%c", 'a');
	hs_buf_printf(&b, "%s|%d", fill, 42);
	assert_true(hs_buf_ok(&b));
	assert_int_equal(b.n, 1 + 999 + 3);
	assert_memory_equal(b.p, "axx", 3);
	assert_memory_equal(b.p + b.n - 4, "x|42", 4);
	hs_buf_free(&b);
}

/* A wide character that has no bytes, for one. */
TEST(printf_of_what_has_no_text_fails)
{
	static const wchar_t none[] = { 0x7FFFFFFF, 0 };
	struct hs_buf b = { 0 };

	hs_buf_put_slice(&b, HS_SLICE("before"));
	hs_buf_printf(&b, "%ls", none);
	assert_false(hs_buf_ok(&b));
	assert_int_equal(b.n, 6);
	hs_buf_free(&b);
}

TEST(failure_sticks_until_reset)
{
	struct hs_buf b = { .max = 4 };

	hs_buf_put(&b, "abc", 3);
	hs_buf_put(&b, "de", 2);
	hs_buf_putc(&b, 'f'); /* there would be room */
	assert_false(hs_buf_ok(&b));
	assert_null(hs_buf_reserve(&b, 1));
	assert_slice_equal(hs_buf_slice(&b), HS_SLICE("abc"));
	hs_buf_reset(&b);
	assert_true(hs_buf_ok(&b));
	assert_int_equal(b.n, 0);
	hs_buf_put(&b, "wxyz", 4);
	assert_slice_equal(hs_buf_slice(&b), HS_SLICE("wxyz"));
	hs_buf_free(&b);
}

TEST(absurd_sizes_fail)
{
	struct hs_buf b = { 0 };

	hs_buf_put(&b, "abc", 3);
	assert_null(hs_buf_reserve(&b, SIZE_MAX)); /* the sum overflows */
	assert_false(hs_buf_ok(&b));
	hs_buf_free(&b);
}

TEST(shrinking_returns_memory_above_the_mark)
{
	struct hs_buf b = { 0 };
	char fill[1000] = { 0 };

	hs_buf_put(&b, fill, sizeof fill);
	hs_buf_shrink(&b, 100000);
	assert_int_equal(b.n, 0);
	assert_true(b.cap >= sizeof fill); /* small enough to keep */
	hs_buf_put(&b, fill, sizeof fill);
	b.failed = true;
	hs_buf_shrink(&b, 999);
	assert_int_equal(b.cap, 0);
	assert_null(b.p);
	assert_true(hs_buf_ok(&b));
	hs_buf_put(&b, "again", 5);
	assert_slice_equal(hs_buf_slice(&b), HS_SLICE("again"));
	hs_buf_free(&b);
}

TEST(numbers_are_decimal)
{
	struct hs_buf b = { 0 };

	hs_buf_put_uint(&b, 0);
	hs_buf_putc(&b, ' ');
	hs_buf_put_uint(&b, 10);
	hs_buf_putc(&b, ' ');
	hs_buf_put_uint(&b, 1234567890);
	hs_buf_putc(&b, ' ');
	hs_buf_put_uint(&b, UINT64_MAX);
	assert_slice_equal(hs_buf_slice(&b), HS_SLICE("0 10 1234567890 18446744073709551615"));
	hs_buf_free(&b);
}

static void expect_json(struct hs_slice in, struct hs_slice out, bool whole)
{
	struct hs_buf b = { 0 };

	assert_int_equal(hs_buf_put_json(&b, in), whole);
	assert_slice_equal(hs_buf_slice(&b), out);
	hs_buf_free(&b);
}

TEST(bytes_become_json_strings)
{
	expect_json(HS_SLICE(""), HS_SLICE("\"\""), true);
	expect_json(HS_SLICE("plain"), HS_SLICE("\"plain\""), true);
	expect_json(HS_SLICE("a\"b\\c/d"), HS_SLICE("\"a\\\"b\\\\c/d\""), true);
	expect_json(HS_SLICE("\b\f\n\r\t"), HS_SLICE("\"\\b\\f\\n\\r\\t\""), true);
	expect_json(HS_SLICE("\0\x01\x1F "), HS_SLICE("\"\\u0000\\u0001\\u001f \""), true);
	expect_json(HS_SLICE("größe €😀"), HS_SLICE("\"größe €😀\""), true);
}

TEST(what_is_not_utf8_is_replaced_byte_by_byte)
{
	expect_json(HS_SLICE("a\xFF"
	                     "b"),
	            HS_SLICE("\"a\\ufffdb\""), false);
	expect_json(HS_SLICE("\xC0\xAF"), HS_SLICE("\"\\ufffd\\ufffd\""), false);
	expect_json(HS_SLICE("\xED\xA0\x80"), HS_SLICE("\"\\ufffd\\ufffd\\ufffd\""), false);
	expect_json(HS_SLICE("\xC3"), HS_SLICE("\"\\ufffd\""), false);
	expect_json(HS_SLICE("\xE2\x82!"), HS_SLICE("\"\\ufffd\\ufffd!\""), false);
}

/* Texts are copied by blocks; a byte must be escaped wherever in a block it is. */
TEST(a_byte_is_escaped_in_any_place)
{
	char text[50], expected[64];

	for (size_t at = 0; at < sizeof text; at++)
		for (int c = 1; c < 256; c++) {
			char byte = (char)c;
			struct hs_buf one = { 0 };
			bool whole = hs_buf_put_json(&one, hs_slice(&byte, 1));
			size_t n = one.n - 2; /* without the quotes */

			memset(text, 'x', sizeof text);
			text[at] = byte;
			memset(expected, 'x', sizeof expected);
			expected[0] = '"';
			memcpy(expected + 1 + at, one.p + 1, n);
			expected[sizeof text + n] = '"';
			expect_json(hs_slice(text, sizeof text), hs_slice(expected, sizeof text + n + 1), whole);
			hs_buf_free(&one);
		}
}

TESTS("buf", NULL, NULL)

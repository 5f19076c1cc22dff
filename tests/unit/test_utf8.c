/*
 * utf8: every code point, and every sequence of up to three bytes, compared with a decoder
 * written in another way: decode freely, then demand the shortest form.
 */
#include "base/utf8.h"
#include "tests/lib/unit.h"

#include <stdlib.h>

/* The length of the well-formed sequence at p, 0 if there is none; RFC 3629, 3, as arithmetic. */
static size_t length_by_arithmetic(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned ones = 0;
	uint32_t code;

	while (ones < 8 && (p[0] & (0x80u >> ones)) != 0)
		ones++;
	if (ones == 0)
		return 1;
	if (ones == 1 || ones > 4 || ones > n)
		return 0;
	code = p[0] & (0x7Fu >> ones);
	for (unsigned i = 1; i < ones; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3F);
	}
	return code < least[ones] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF) ? 0 : ones;
}

static void check(const unsigned char *p, size_t n)
{
	size_t got = hs_utf8_length((const char *)p, n), expected = length_by_arithmetic(p, n);

	if (got != expected)
		fail_msg("%02x %02x %02x %02x, %zu bytes: expected %zu, got %zu", p[0], p[1], p[2], p[3], n, expected,
		         got);
}

TEST(every_sequence_of_three_bytes)
{
	unsigned char p[4] = { 0 };

	for (unsigned i = 0; i < 1u << 24; i++) {
		p[0] = (unsigned char)(i >> 16);
		p[1] = (unsigned char)(i >> 8);
		p[2] = (unsigned char)i;
		if (p[2] == 0) {
			check(p, 1);
			check(p, 2);
		}
		check(p, 3);
	}
}

TEST(sequences_of_four_bytes)
{
	static const unsigned char edge[] = { 0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0xBF, 0xC0, 0xFF };

	for (unsigned a = 0xE0; a < 0x100; a++)
		for (unsigned b = 0; b < 0x100; b++)
			for (size_t c = 0; c < sizeof edge; c++)
				for (size_t d = 0; d < sizeof edge; d++) {
					unsigned char p[4] = { (unsigned char)a, (unsigned char)b, edge[c], edge[d] };

					check(p, 4);
				}
}

/* A cut sequence is invalid, and nothing is read beyond its end. */
TEST(cut_sequences)
{
	static const char *const whole[] = { "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80" };

	for (size_t i = 0; i < 3; i++)
		for (size_t n = 1; n < strlen(whole[i]); n++) {
			char *p = unit_exact_copy(hs_slice(whole[i], n));

			assert_int_equal(hs_utf8_length(p, n), 0);
			free(p);
		}
}

TEST(encoded_text_is_well_formed)
{
	for (uint32_t code = 0; code <= 0x10FFFF; code++) {
		char p[4];
		size_t n = hs_utf8_put(p, code);
		size_t expected = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
		bool surrogate = code >= 0xD800 && code <= 0xDFFF;

		if (n != expected || hs_utf8_length(p, n) != (surrogate ? 0 : n))
			fail_msg("U+%04X: %zu bytes", code, n);
	}
}

TEST(code_points_have_their_bytes)
{
	static const struct {
		uint32_t code;
		const char *bytes;
	} table[] = {
		{ 0x41, "A" },
		{ 0x7F, "\x7F" },
		{ 0x80, "\xC2\x80" },
		{ 0x7FF, "\xDF\xBF" },
		{ 0x800, "\xE0\xA0\x80" },
		{ 0x20AC, "\xE2\x82\xAC" },
		{ 0xD800, "\xED\xA0\x80" },
		{ 0xDFFF, "\xED\xBF\xBF" },
		{ 0xFFFF, "\xEF\xBF\xBF" },
		{ 0x10000, "\xF0\x90\x80\x80" },
		{ 0x1F600, "\xF0\x9F\x98\x80" },
		{ 0x10FFFF, "\xF4\x8F\xBF\xBF" },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		char p[4];

		assert_slice_equal(hs_slice(p, hs_utf8_put(p, table[i].code)), hs_slice_str(table[i].bytes));
	}
}

/* The ranges once more, as Unicode's table of general categories and Bidi_Control has them. */
static bool harms_a_terminal(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c <= 0x9F) ||     /* Cc */
	       c == 0x61C || c == 0x200E || c == 0x200F || /* Bidi_Control */
	       (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 ||
	       c == 0x2029 ||                                                /* Zl, Zp */
	       (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||                /* other Cf */
	       (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xD800 && c <= 0xDFFF); /* no UTF-8 */
}

static void expect_columns(const char *text, unsigned want)
{
	unsigned columns = 0;

	for (size_t at = 0, n = strlen(text), length; at < n; at += length) {
		assert_false(hs_utf8_unprintable(text + at, n - at, &length));
		columns += hs_utf8_columns(text + at, length);
	}
	if (columns != want)
		fail_msg("\"%s\": %u columns, expected %u", text, columns, want);
}

TEST(columns_of_a_terminal)
{
	expect_columns("abc ~", 5);
	expect_columns("Café … █", 8);
	expect_columns("日本語", 6);
	expect_columns("한국어", 6);
	expect_columns("ﾊﾝｶｸ", 4);
	expect_columns("ＡＢ", 4);
	expect_columns("\U00020000\U0003FFFD", 4);
	expect_columns("\U0001F600\U0001F680\u2705", 6);
	expect_columns("e\u0301\u0300", 1);
	expect_columns("\u1112\u1161\u11AB", 2); /* a syllable of Hangul in its parts */
	expect_columns("\U0001F468\u200D\U0001F469\uFE0F", 4);
	expect_columns("Привет", 6);
	expect_columns("\U0010FFFD", 1); /* behind all ranges */
}

TEST(text_that_harms_a_terminal_is_unprintable)
{
	for (uint32_t code = 0; code <= 0x10FFFF; code++) {
		bool surrogate = code >= 0xD800 && code <= 0xDFFF;
		char p[4];
		size_t n = hs_utf8_put(p, code), length = 0;

		if (hs_utf8_unprintable(p, n, &length) != harms_a_terminal(code) || length != (surrogate ? 1 : n))
			fail_msg("U+%04X: %zu of %zu bytes", code, length, n);
	}
	for (size_t i = 0; i < 3; i++) { /* cut: a byte that is no UTF-8 */
		char *p = unit_exact_copy(hs_slice("\xE2\x82\xAC", i));
		size_t length;

		assert_true(i == 0 || hs_utf8_unprintable(p, i, &length));
		assert_true(i == 0 || length == 1);
		free(p);
	}
}

TESTS("utf8", NULL, NULL)

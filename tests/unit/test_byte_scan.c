/*
 * byte_scan: every byte at every place, among others of every kind, by vector instructions
 * and by words.
 */
#include "base/byte_scan.h"
#include "tests/lib/unit.h"

static unsigned bits(const char *p, bool (*is)(unsigned char))
{
	unsigned mask = 0;

	for (int i = 0; i < 16; i++)
		mask |= (unsigned)is((unsigned char)p[i]) << i;
	return mask;
}

static bool is_quote(unsigned char c)
{
	return c == '"' || c == '\\';
}

static bool is_odd(unsigned char c)
{
	return is_quote(c) || c < 0x20 || c >= 0x80;
}

static bool is_strange(unsigned char c)
{
	return c < 0x20 || c >= 0x80;
}

static bool is_comma(unsigned char c)
{
	return c == ',';
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static void check(const char *p)
{
	assert_int_equal(hs_scan16_odd(p), bits(p, is_odd));
	assert_int_equal(HS_SCAN16_BY_WORDS(hs_scan8_odd, p), bits(p, is_odd));
	assert_int_equal(hs_scan16_quotes(p), bits(p, is_quote));
	assert_int_equal(HS_SCAN16_BY_WORDS(hs_scan8_quotes, p), bits(p, is_quote));
	assert_int_equal(hs_scan16_strange(p), bits(p, is_strange));
	assert_int_equal(HS_SCAN16_BY_WORDS(hs_scan8_strange, p), bits(p, is_strange));
	assert_int_equal(hs_scan16_equal(p, ','), bits(p, is_comma));
	assert_int_equal(hs_scan16_digits(p), bits(p, is_digit));
	assert_int_equal(HS_SCAN16_BY_WORDS(hs_scan8_digits, p), bits(p, is_digit));
}

TEST(every_byte_at_every_place)
{
	static const unsigned char others[] = { 0,   1,   0x1F, ' ', '!',  '"',  '#',  '/',  '0',  '9',
		                                ':', '[', '\\', ']', 0x7F, 0x80, 0xA2, 0xB0, 0xDC, 0xFF };
	char text[18];

	for (size_t i = 0; i < sizeof others; i++)
		for (int c = 0; c < 256; c++)
			for (int at = 0; at < 16; at++) {
				memset(text, others[i], sizeof text);
				text[1 + at] = (char)c;
				check(text + 1);
			}
}

TEST(neighbours_of_every_kind)
{
	uint64_t random = 42;
	char text[16];

	for (int round = 0; round < 200000; round++) {
		for (int i = 0; i < 16; i++) {
			random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			text[i] = random >> 62 == 0 ? "\"\\09/: \x1f\x80"[random >> 33 & 7] : (char)(random >> 50);
		}
		check(text);
	}
}

TEST(sixty_four_bytes)
{
	char text[HS_SCAN64];

	for (int c = 0; c < 256; c++)
		for (int at = 0; at < HS_SCAN64; at++) {
			unsigned quotes = 4;

			memset(text, 'a', sizeof text);
			text[at / 2] = text[at] = (char)c;
			if (hs_scan64_is_plain(text, &quotes) == is_strange((unsigned char)c))
				fail_msg("byte %d at %d", c, at);
			assert_int_equal(__builtin_parity(quotes & 0xFFFF), c != '"' || at > 0);
			for (int i = 0; i < HS_SCAN64; i++) {
				bool is_there = (unsigned char)text[i] == c;

				assert_int_equal(hs_scan64_equal(text, (char)c) >> i & 1, is_there);
				assert_int_equal(hs_scan64_strange(text) >> i & 1,
				                 is_there && is_strange((unsigned char)c) && c != 'a');
			}
		}
}

TEST(plain_blocks_are_passed)
{
	char text[4 * HS_SCAN64];

	for (int c = 0; c < 256; c++)
		for (size_t at = 0; at < sizeof text; at++) {
			unsigned quotes = 2, best = 2, expected = 0;
			size_t n = sizeof text - at % 3, end = n / HS_SCAN64 * HS_SCAN64;

			memset(text, 'a', sizeof text);
			text[at / 5] = '"';
			text[at] = (char)c;
			if (is_strange((unsigned char)c) && at / HS_SCAN64 * HS_SCAN64 < end)
				end = at / HS_SCAN64 * HS_SCAN64;
			for (size_t i = 0; i < end; i++)
				expected += text[i] == '"';
			if (hs_scan_plain(text, text + n, &quotes) != text + end ||
			    hs_scan_plain_best(text, text + n, &best) != text + end)
				fail_msg("byte %d at %zu", c, at);
			assert_int_equal(__builtin_parity(quotes & 0xFFFF), (expected + 1) % 2);
			assert_int_equal(__builtin_parity(best & 0xFFFF), (expected + 1) % 2);
		}
}

TESTS("byte_scan", NULL, NULL)

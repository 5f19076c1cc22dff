/* hex: digits, lengths, and nothing but digits. */
#include "base/hex.h"
#include "tests/lib/unit.h"

#include <stdio.h>

TEST(every_byte_there_and_back)
{
	for (unsigned i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)i, back = 0;
		char text[3], expected[3];

		hs_hex_encode(&byte, 1, text);
		snprintf(expected, sizeof expected, "%02x", i);
		assert_memory_equal(text, expected, 2);
		assert_true(hs_hex_decode(hs_slice(text, 2), &back, 1));
		assert_int_equal(back, i);
	}
}

TEST(digits_of_either_case)
{
	uint8_t out[3];

	assert_true(hs_hex_decode(HS_SLICE("aBCdeF"), out, 3));
	assert_memory_equal(out, "\xAB\xCD\xEF", 3);
	assert_true(hs_hex_decode(HS_SLICE(""), out, 0));
}

TEST(nothing_but_digits)
{
	for (int c = -128; c < 128; c++) {
		const char *digits = "0123456789abcdefABCDEF";
		const char *at = c == 0 ? NULL : strchr(digits, c);
		int expected = at == NULL ? -1 : at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
		char text[2] = { (char)c, '0' }, swapped[2] = { '0', (char)c };
		uint8_t out;

		assert_int_equal(hs_hex_digit((char)c), expected);
		assert_int_equal(hs_hex_decode(hs_slice(text, 2), &out, 1), expected >= 0);
		assert_int_equal(hs_hex_decode(hs_slice(swapped, 2), &out, 1), expected >= 0);
	}
}

TEST(the_length_must_fit)
{
	uint8_t out[4];

	assert_false(hs_hex_decode(HS_SLICE("abc"), out, 1));
	assert_false(hs_hex_decode(HS_SLICE("abc"), out, 2));
	assert_false(hs_hex_decode(HS_SLICE("ab"), out, 2));
	assert_false(hs_hex_decode(HS_SLICE("abcdef"), out, 2));
	assert_false(hs_hex_decode(HS_SLICE(""), out, 1));
	assert_false(hs_hex_decode(HS_SLICE_NONE, out, 1));
}

TESTS("hex", NULL, NULL)

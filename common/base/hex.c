#include "base/hex.h"

enum { IS = 0x80 }; /* marks a digit, so that other bytes are 0 */

/* A table, because each request's signature is decoded twice. */
static const uint8_t digit[256] = {
	['0'] = IS | 0,  ['1'] = IS | 1,  ['2'] = IS | 2,  ['3'] = IS | 3,  ['4'] = IS | 4,  ['5'] = IS | 5,
	['6'] = IS | 6,  ['7'] = IS | 7,  ['8'] = IS | 8,  ['9'] = IS | 9,  ['a'] = IS | 10, ['b'] = IS | 11,
	['c'] = IS | 12, ['d'] = IS | 13, ['e'] = IS | 14, ['f'] = IS | 15, ['A'] = IS | 10, ['B'] = IS | 11,
	['C'] = IS | 12, ['D'] = IS | 13, ['E'] = IS | 14, ['F'] = IS | 15,
};

int hs_hex_digit(char c)
{
	uint8_t d = digit[(unsigned char)c];

	return d != 0 ? d & 15 : -1;
}

bool hs_hex_decode(struct hs_slice text, uint8_t *out, size_t n)
{
	const unsigned char *p = (const unsigned char *)text.p;
	unsigned all = IS;

	if (text.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++, p += 2) {
		unsigned high = digit[p[0]], low = digit[p[1]];

		all &= high & low;
		out[i] = (uint8_t)(high << 4 | (low & 15));
	}
	return all != 0;
}

void hs_hex_encode(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
}

#include "base/utf8.h"

static int continues(unsigned char c, unsigned char low, unsigned char high)
{
	return c >= low && c <= high;
}

size_t hs_utf8_length(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned char c = p[0];

	if (c < 0x80)
		return 1;
	if (c < 0xC2) /* a continuation byte, or an overlong pair */
		return 0;
	if (c < 0xE0)
		return n >= 2 && continues(p[1], 0x80, 0xBF) ? 2 : 0;
	if (c < 0xF0) {
		unsigned char low = c == 0xE0 ? 0xA0 : 0x80;  /* overlong */
		unsigned char high = c == 0xED ? 0x9F : 0xBF; /* surrogates */

		return n >= 3 && continues(p[1], low, high) && continues(p[2], 0x80, 0xBF) ? 3 : 0;
	}
	if (c < 0xF5) {
		unsigned char low = c == 0xF0 ? 0x90 : 0x80;  /* overlong */
		unsigned char high = c == 0xF4 ? 0x8F : 0xBF; /* above U+10FFFF */

		return n >= 4 && continues(p[1], low, high) && continues(p[2], 0x80, 0xBF) &&
		               continues(p[3], 0x80, 0xBF)
		           ? 4
		           : 0;
	}
	return 0;
}

size_t hs_utf8_put(char out[static 4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xC0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xE0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3F));
		out[2] = (char)(0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3F));
	out[2] = (char)(0x80 | (c >> 6 & 0x3F));
	out[3] = (char)(0x80 | (c & 0x3F));
	return 4;
}

static bool is_format(uint32_t c)
{
	static const uint16_t range[][2] = {
		{ 0x061C, 0x061C }, { 0x200E, 0x200F }, { 0x2028, 0x202E },
		{ 0x2060, 0x206F }, { 0xFEFF, 0xFEFF }, { 0xFFF9, 0xFFFB },
	};

	for (size_t i = 0; i < sizeof range / sizeof range[0]; i++)
		if (c >= range[i][0] && c <= range[i][1])
			return true;
	return false;
}

bool hs_utf8_unprintable(const char *text, size_t n, size_t *length)
{
	const unsigned char *p = (const unsigned char *)text;

	*length = hs_utf8_length(text, n);
	switch (*length) {
	case 0: *length = 1; return true;
	case 1: return p[0] < 0x20 || p[0] == 0x7F;
	case 2: return p[0] == 0xC2 ? p[1] < 0xA0 : is_format((p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu));
	case 3: return is_format((p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu));
	default: return false;
	}
}

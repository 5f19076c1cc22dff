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

struct range {
	uint32_t first, last;
};

static bool is_in(uint32_t c, const struct range *range, size_t ranges)
{
	for (size_t i = 0; i < ranges && c >= range[i].first; i++)
		if (c <= range[i].last)
			return true;
	return false;
}

/* East_Asian_Width W and F, with a few neighbours that are not. */
static const struct range wide[] = {
	{ 0x1100, 0x115F },   { 0x231A, 0x231B },   { 0x2329, 0x232A },   { 0x23E9, 0x23EC },   { 0x23F0, 0x23F0 },
	{ 0x23F3, 0x23F3 },   { 0x25FD, 0x25FE },   { 0x2614, 0x2615 },   { 0x2648, 0x2653 },   { 0x267F, 0x267F },
	{ 0x2693, 0x2693 },   { 0x26A1, 0x26A1 },   { 0x26AA, 0x26AB },   { 0x26BD, 0x26BE },   { 0x26C4, 0x26C5 },
	{ 0x26CE, 0x26CE },   { 0x26D4, 0x26D4 },   { 0x26EA, 0x26EA },   { 0x26F2, 0x26F3 },   { 0x26F5, 0x26F5 },
	{ 0x26FA, 0x26FA },   { 0x26FD, 0x26FD },   { 0x2705, 0x2705 },   { 0x270A, 0x270B },   { 0x2728, 0x2728 },
	{ 0x274C, 0x274C },   { 0x274E, 0x274E },   { 0x2753, 0x2755 },   { 0x2757, 0x2757 },   { 0x2795, 0x2797 },
	{ 0x27B0, 0x27B0 },   { 0x27BF, 0x27BF },   { 0x2B1B, 0x2B1C },   { 0x2B50, 0x2B50 },   { 0x2B55, 0x2B55 },
	{ 0x2E80, 0x303E },   { 0x3041, 0x4DBF },   { 0x4E00, 0xA4C6 },   { 0xA960, 0xA97C },   { 0xAC00, 0xD7A3 },
	{ 0xF900, 0xFAFF },   { 0xFE10, 0xFE19 },   { 0xFE30, 0xFE6B },   { 0xFF01, 0xFF60 },   { 0xFFE0, 0xFFE6 },
	{ 0x16FE0, 0x1B2FB }, { 0x1F004, 0x1F004 }, { 0x1F0CF, 0x1F0CF }, { 0x1F18E, 0x1F18E }, { 0x1F191, 0x1F19A },
	{ 0x1F200, 0x1F320 }, { 0x1F32D, 0x1F64F }, { 0x1F680, 0x1F6FC }, { 0x1F7E0, 0x1F7F0 }, { 0x1F90C, 0x1FAFF },
	{ 0x20000, 0x3FFFD },
};

static const struct range none[] = {
	{ 0x0300, 0x036F }, { 0x0483, 0x0489 }, { 0x0591, 0x05BD }, { 0x064B, 0x065F },   { 0x093C, 0x093C },
	{ 0x0941, 0x0948 }, { 0x094D, 0x094D }, { 0x0E31, 0x0E31 }, { 0x0E34, 0x0E3A },   { 0x0E47, 0x0E4E },
	{ 0x1160, 0x11FF }, { 0x1AB0, 0x1ACE }, { 0x1DC0, 0x1DFF }, { 0x200B, 0x200D },   { 0x20D0, 0x20F0 },
	{ 0x3099, 0x309A }, { 0xFE00, 0xFE0F }, { 0xFE20, 0xFE2F }, { 0xE0100, 0xE01EF },
};

unsigned hs_utf8_columns(const char *text, size_t length)
{
	static const unsigned char lead[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
	uint32_t c = (unsigned char)text[0] & lead[length];

	for (size_t i = 1; i < length; i++)
		c = c << 6 | ((unsigned char)text[i] & 0x3F);
	if (c < none[0].first)
		return 1;
	return is_in(c, none, sizeof none / sizeof *none) ? 0 : is_in(c, wide, sizeof wide / sizeof *wide) ? 2 : 1;
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

#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (hs_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters to `bytes` (1 to 3) bytes; `out` has room for 3. False if a character or a spare bit is wrong. */
static bool decode_group(const char *p, int bytes, char *out)
{
	uint32_t bits = 0;

	for (int i = 0; i < 4; i++) {
		int v = i <= bytes ? value(p[i]) : 0;

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
	}
	out[0] = (char)(bits >> 16);
	out[1] = (char)(bits >> 8);
	out[2] = (char)bits;
	return (bits & (bytes == 1 ? 0xFFFFu : bytes == 2 ? 0xFFu : 0u)) == 0;
}

bool hs_base64_decode(struct hs_slice text, struct hs_buf *out)
{
	size_t start = out->n;
	char *to = hs_buf_reserve(out, text.n / 4 * 3 + 1);

	if (text.n % 4 != 0 || to == NULL)
		return false;
	for (size_t i = 0; i < text.n; i += 4) {
		const char *p = text.p + i;
		bool last = i + 4 == text.n;
		int bytes = !last || p[3] != '=' ? 3 : p[2] != '=' ? 2 : 1;

		if (!decode_group(p, bytes, to)) {
			out->n = start;
			return false;
		}
		to += bytes;
		out->n += (size_t)bytes;
	}
	return true;
}

void hs_base64_encode(struct hs_slice bytes, struct hs_buf *out)
{
	for (size_t i = 0; i < bytes.n; i += 3) {
		size_t left = bytes.n - i;
		uint32_t bits = (uint32_t)(unsigned char)bytes.p[i] << 16;
		char group[4];

		if (left > 1)
			bits |= (uint32_t)(unsigned char)bytes.p[i + 1] << 8;
		if (left > 2)
			bits |= (unsigned char)bytes.p[i + 2];
		group[0] = alphabet[bits >> 18];
		group[1] = alphabet[bits >> 12 & 63];
		group[2] = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		group[3] = left > 2 ? alphabet[bits & 63] : '=';
		hs_buf_put(out, group, 4);
	}
}

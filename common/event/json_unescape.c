/* json_unescape: decodes the escapes of a string that json.c has read (RFC 8259, 7). */
#include "base/hex.h"
#include "base/utf8.h"
#include "event/json.h"

static uint32_t hex4(const char *p)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++)
		code = code << 4 | (uint32_t)hs_hex_digit(p[i]);
	return code;
}

/* p is at the u of an escape; returns the code point and the number of bytes read after the u. */
static uint32_t unescape_unicode(const char *p, const char *end, size_t *used)
{
	uint32_t high = hex4(p + 1), low;

	*used = 4;
	if (high < 0xD800 || high > 0xDBFF || end - p < 11 || p[5] != '\\' || p[6] != 'u')
		return high;
	low = hex4(p + 7);
	if (low < 0xDC00 || low > 0xDFFF)
		return high;
	*used = 10;
	return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

void hs_json_unescape(struct hs_slice inner, struct hs_buf *out)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *p = inner.p, *end = inner.p + inner.n;

	while (p < end) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));
		const char *simple;
		size_t used = 0;

		if (slash == NULL) {
			hs_buf_put(out, p, (size_t)(end - p));
			return;
		}
		hs_buf_put(out, p, (size_t)(slash - p));
		p = slash + 1;
		if (*p == 'u') {
			uint32_t code = unescape_unicode(p, end, &used);
			char *put = hs_buf_reserve(out, 4);

			if (put != NULL)
				out->n += hs_utf8_put(put, code);
		} else {
			simple = memchr(from, *p, sizeof from - 1);
			hs_buf_putc(out, simple != NULL ? to[simple - from] : *p);
		}
		p += 1 + used;
	}
}

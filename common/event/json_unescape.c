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

/* The code of a \uXXXX at the start; -1: there is none. */
static int unicode_escape(struct hs_slice s)
{
	if (s.n < 6 || s.p[0] != '\\' || s.p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++)
		if (hs_hex_digit(s.p[i]) < 0)
			return -1;
	return (int)hex4(s.p + 2);
}

bool hs_json_can_unescape(struct hs_slice inner)
{
	for (size_t i = 0; i < inner.n; i++) {
		struct hs_slice rest = hs_slice(inner.p + i, inner.n - i);

		if (rest.p[0] != '\\')
			continue;
		if (rest.n < 2 || (rest.p[1] == 'u' && unicode_escape(rest) < 0))
			return false;
		i++;
	}
	return true;
}

/* No escape but \uXXXX yields a letter or an underscore. */
bool hs_json_inner_decodes_to(struct hs_slice inner, struct hs_slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		size_t used = unicode_escape(inner) == name.p[i] ? 6 : 1;

		if (inner.n == 0 || (used == 1 && inner.p[0] != name.p[i]))
			return false;
		inner = hs_slice(inner.p + used, inner.n - used);
	}
	return inner.n == 0;
}

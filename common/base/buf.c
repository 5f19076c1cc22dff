#include "base/buf.h"
#include "base/byte_scan.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BYTES = 256 };

char *hs_buf_grow(struct hs_buf *b, size_t n)
{
	size_t want, cap;
	char *p;

	if (b->failed)
		return NULL;
	if (b->cap - b->n >= n && b->p != NULL)
		return b->p + b->n;
	want = b->n + n;
	if (want < n || (b->max != 0 && want > b->max)) {
		b->failed = true;
		return NULL;
	}
	cap = b->cap < FIRST_BYTES ? FIRST_BYTES : b->cap + b->cap / 2;
	if (cap < want)
		cap = want;
	if (b->max != 0 && cap > b->max)
		cap = b->max;
	p = realloc(b->p, cap);
	if (p == NULL) {
		b->failed = true;
		return NULL;
	}
	b->p = p;
	b->cap = cap;
	return p + b->n;
}

void hs_buf_put_uint(struct hs_buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	hs_buf_put(b, digits + at, sizeof digits - at);
}

void hs_buf_printf(struct hs_buf *b, const char *format, ...)
{
	va_list args;
	char *to;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	to = n < 0 ? NULL : hs_buf_reserve(b, (size_t)n + 1);
	if (to == NULL) {
		b->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf(to, (size_t)n + 1, format, args);
	va_end(args);
	b->n += (size_t)n;
}

static void put_escaped(struct hs_buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char six[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	switch (c) {
	case '"': hs_buf_put(b, "\\\"", 2); break;
	case '\\': hs_buf_put(b, "\\\\", 2); break;
	case '\b': hs_buf_put(b, "\\b", 2); break;
	case '\f': hs_buf_put(b, "\\f", 2); break;
	case '\n': hs_buf_put(b, "\\n", 2); break;
	case '\r': hs_buf_put(b, "\\r", 2); break;
	case '\t': hs_buf_put(b, "\\t", 2); break;
	default: hs_buf_put(b, six, sizeof six); break;
	}
}

/* The first byte from `at` on that is not surely one to copy, or is near the end. */
static size_t skip_plain(struct hs_slice s, size_t at)
{
	for (; s.n - at >= 16; at += 16) {
		unsigned odd = hs_scan16_odd(s.p + at) | hs_scan16_equal(s.p + at, 0x7F);

		if (odd != 0)
			return at + hs_scan16_first(odd);
	}
	return at;
}

bool hs_buf_put_json(struct hs_buf *b, struct hs_slice s)
{
	bool whole = true;
	size_t from = 0, at = skip_plain(s, 0);

	hs_buf_putc(b, '"');
	while (at < s.n) {
		unsigned char c = (unsigned char)s.p[at];
		size_t length = hs_utf8_length(s.p + at, s.n - at);

		if (length > 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7F) {
			at = skip_plain(s, at + length);
			continue;
		}
		hs_buf_put(b, s.p + from, at - from);
		if (length == 0) {
			hs_buf_put(b, "\\ufffd", 6);
			whole = false;
		} else {
			put_escaped(b, c);
		}
		from = ++at;
	}
	hs_buf_put(b, s.p + from, at - from);
	hs_buf_putc(b, '"');
	return whole;
}

void hs_buf_reset(struct hs_buf *b)
{
	b->n = 0;
	b->failed = false;
}

void hs_buf_shrink(struct hs_buf *b, size_t keep)
{
	hs_buf_reset(b);
	if (b->cap > keep) {
		free(b->p);
		b->p = NULL;
		b->cap = 0;
	}
}

void hs_buf_free(struct hs_buf *b)
{
	hs_buf_shrink(b, 0);
}

void hs_buf_wipe(struct hs_buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->cap);
	hs_buf_free(b);
}

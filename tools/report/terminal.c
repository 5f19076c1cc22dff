#include "tools/report/terminal.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static void put_hex(struct hs_buf *out, unsigned value, unsigned digits)
{
	while (digits-- > 0)
		hs_buf_putc(out, "0123456789abcdef"[value >> 4 * digits & 15]);
}

/* Appends one character of n bytes. No unprintable one needs more than four hexadecimal digits. */
static void put_escape(struct hs_buf *out, const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;

	if (n == 1 && p[0] >= 0x80) {
		hs_buf_put(out, "\\x", 2);
		put_hex(out, p[0], 2);
		return;
	}
	hs_buf_put(out, "\\u", 2);
	if (n == 1)
		put_hex(out, p[0], 4);
	else if (n == 2)
		put_hex(out, (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu), 4);
	else
		put_hex(out, (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu), 4);
}

void hs_terminal_put(struct hs_buf *out, struct hs_slice text)
{
	size_t from = 0, at = 0;

	while (at < text.n) {
		size_t length;

		if (!hs_utf8_unprintable(text.p + at, text.n - at, &length) || text.p[at] == '\n' ||
		    text.p[at] == '\t') {
			at += length;
			continue;
		}
		hs_buf_put(out, text.p + from, at - from);
		put_escape(out, text.p + at, length);
		from = at += length;
	}
	hs_buf_put(out, text.p + from, text.n - from);
}

static bool is_clean(struct hs_slice text)
{
	for (size_t at = 0, length; at < text.n; at += length)
		if (hs_utf8_unprintable(text.p + at, text.n - at, &length) && text.p[at] != '\n' && text.p[at] != '\t')
			return false;
	return true;
}

void hs_terminal_clean(struct hs_buf *b, size_t from)
{
	struct hs_slice text = hs_slice(b->p + from, b->n - from);
	struct hs_buf clean = { 0 };

	if (!hs_buf_ok(b) || text.n == 0 || is_clean(text))
		return;
	hs_terminal_put(&clean, text);
	b->n = from;
	hs_buf_put_slice(b, hs_buf_slice(&clean));
	b->failed |= !hs_buf_ok(&clean);
	hs_buf_free(&clean);
}

static bool lost;

bool hs_terminal_has_lost(void)
{
	return lost;
}

bool hs_terminal_write(FILE *out, struct hs_slice text)
{
	struct hs_buf clean = { 0 };
	bool ok;

	if (text.n == 0) /* perhaps at no address */
		return true;
	if (isatty(fileno(out)) != 1)
		return fwrite(text.p, 1, text.n, out) == text.n;
	hs_terminal_put(&clean, text);
	lost |= !hs_buf_ok(&clean);
	ok = hs_buf_ok(&clean) && fwrite(clean.p, 1, clean.n, out) == clean.n;
	hs_buf_free(&clean);
	return ok;
}

bool hs_terminal_printf(FILE *out, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int n;
	bool ok;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		lost = true;
		return false;
	}
	ok = hs_terminal_write(out, hs_slice(text, (size_t)n));
	free(text);
	return ok;
}

void hs_terminal_print_json(struct hs_buf *json)
{
	hs_buf_putc(json, '\n');
	if (hs_buf_ok(json))
		hs_terminal_write(stdout, hs_buf_slice(json));
	else
		lost = true;
	hs_buf_free(json);
}

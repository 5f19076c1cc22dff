#include "tools/report.h"
#include "tools/terminal.h"

#include <stdarg.h>
#include <stdio.h>

static void print_row(const struct hs_report *r, enum hs_verdict verdict, const char *what,
                      const char *remedy, const char *text)
{
	static const char *const word[] = { "ok  ", "warn", "FAIL" };
	static const char *const paint[] = { "\033[32m", "\033[33m", "\033[31m" };

	printf("%s%s%s ", r->colours ? paint[verdict] : "", word[verdict],
	       r->colours ? "\033[0m" : "");
	hs_terminal_printf(stdout, "%-11s %s\n", what, text);
	while (*remedy != '\0') {
		size_t n = strcspn(remedy, "\n");

		hs_terminal_printf(stdout, "     -> %.*s\n", (int)n, remedy);
		remedy += n + (remedy[n] == '\n');
	}
	fflush(stdout);
}

static void put_member(struct hs_buf *b, const char *name, const char *value)
{
	hs_buf_put_slice(b, hs_slice_str(name));
	hs_buf_put_json(b, hs_slice_str(value));
}

static void add(struct hs_report *r, enum hs_verdict verdict, const char *what, const char *remedy,
                const char *format, va_list args)
{
	static const char *const word[] = { "ok", "warn", "fail" };
	char text[1024];

	vsnprintf(text, sizeof text, format, args);
	r->count[verdict]++;
	if (!r->json) {
		print_row(r, verdict, what, remedy, text);
		return;
	}
	hs_buf_put_slice(&r->text, r->text.n == 0 ? HS_SLICE("[") : HS_SLICE(",\n"));
	put_member(&r->text, "{\"check\":", what);
	put_member(&r->text, ",\"verdict\":", word[verdict]);
	put_member(&r->text, ",\"text\":", text);
	put_member(&r->text, ",\"remedy\":", remedy);
	hs_buf_putc(&r->text, '}');
}

void hs_report_ok(struct hs_report *r, const char *what, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(r, HS_CHECK_OK, what, "", format, args);
	va_end(args);
}

void hs_report_warn(struct hs_report *r, const char *what, const char *remedy, const char *format,
                    ...)
{
	va_list args;

	va_start(args, format);
	add(r, HS_CHECK_WARN, what, remedy, format, args);
	va_end(args);
}

void hs_report_fail(struct hs_report *r, const char *what, const char *remedy, const char *format,
                    ...)
{
	va_list args;

	va_start(args, format);
	add(r, HS_CHECK_FAIL, what, remedy, format, args);
	va_end(args);
}

void hs_report_end(struct hs_report *r)
{
	if (r->json && r->text.n > 0)
		hs_terminal_printf(stdout, "%.*s]\n", (int)r->text.n, r->text.p);
	hs_buf_free(&r->text);
}

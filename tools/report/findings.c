#include "tools/report/findings.h"
#include "base/json_writer.h"
#include "tools/report/terminal.h"

#include <stdarg.h>
#include <stdio.h>

static void print_row(const struct hs_findings *r, enum hs_verdict verdict, const char *what, const char *remedy,
                      const char *text)
{
	static const char *const word[] = { "ok  ", "warn", "FAIL" };
	static const char *const paint[] = { "\033[32m", "\033[33m", "\033[31m" };

	printf("%s%s%s ", r->colours ? paint[verdict] : "", word[verdict], r->colours ? "\033[0m" : "");
	hs_terminal_printf(stdout, "%-11s %s\n", what, text);
	while (*remedy != '\0') {
		size_t n = strcspn(remedy, "\n");

		hs_terminal_printf(stdout, "     -> %.*s\n", (int)n, remedy);
		remedy += n + (remedy[n] == '\n');
	}
	fflush(stdout);
}

static void put_json_row(struct hs_buf *out, const char *verdict, const char *what, const char *remedy,
                         const char *text)
{
	struct hs_json_writer w = { .out = out, .comma = out->n > 0, .line = out->n > 0 };

	if (out->n == 0)
		hs_json_writer_array(&w, NULL);
	hs_json_writer_object(&w, NULL);
	hs_json_writer_text(&w, "check", hs_slice_str(what));
	hs_json_writer_text(&w, "verdict", hs_slice_str(verdict));
	hs_json_writer_text(&w, "text", hs_slice_str(text));
	hs_json_writer_text(&w, "remedy", hs_slice_str(remedy));
	hs_json_writer_end(&w, '}');
}

/* Adds only the worst; without bars, which begin the figures, and control characters. */
static void note(struct hs_findings *r, enum hs_verdict verdict, const char *what, const char *text)
{
	size_t start;

	for (unsigned worse = verdict + 1U; worse <= HS_CHECK_FAIL; worse++)
		if (r->count[worse] > 0)
			return;
	if (verdict == HS_CHECK_OK)
		return;
	if (r->count[verdict] == 1)
		hs_buf_reset(&r->text);
	else
		hs_buf_put_slice(&r->text, HS_SLICE("; "));
	start = r->text.n;
	hs_buf_put_slice(&r->text, hs_slice_str(what));
	hs_buf_put_slice(&r->text, HS_SLICE(": "));
	hs_buf_put_slice(&r->text, hs_slice_str(text));
	for (size_t i = start; hs_buf_ok(&r->text) && i < r->text.n; i++)
		if (r->text.p[i] == '|' || (unsigned char)r->text.p[i] < ' ' || r->text.p[i] == 127)
			r->text.p[i] = ' ';
}

void hs_findings_figure(struct hs_findings *r, const char *label, uint64_t value, const char *unit)
{
	if (!r->nagios)
		return;
	hs_buf_putc(&r->figures, ' ');
	hs_buf_put_slice(&r->figures, hs_slice_str(label));
	hs_buf_putc(&r->figures, '=');
	hs_buf_put_uint(&r->figures, value);
	hs_buf_put_slice(&r->figures, hs_slice_str(unit));
}

int hs_findings_nagios_exit(const struct hs_findings *r)
{
	return r->count[HS_CHECK_FAIL] > 0 ? 2 : r->count[HS_CHECK_WARN] > 0 ? 1 : 0;
}

static void print_nagios(struct hs_findings *r, bool unknown)
{
	static const char *const word[] = { "OK", "WARNING", "CRITICAL" };
	bool nothing = r->count[HS_CHECK_OK] + r->count[HS_CHECK_WARN] + r->count[HS_CHECK_FAIL] == 0;
	const char *text = nothing                ? "nothing was checked"
	                   : unknown              ? "a check could not run"
	                   : !hs_buf_ok(&r->text) ? "out of memory: hookspool check says more"
	                                          : "nothing is out of order";
	struct hs_slice said = r->text.n > 0 ? hs_buf_slice(&r->text) : hs_slice_str(text);

	hs_findings_figure(r, "warnings", r->count[HS_CHECK_WARN], "");
	hs_findings_figure(r, "failures", r->count[HS_CHECK_FAIL], "");
	hs_terminal_printf(stdout, "HOOKSPOOL %s: %.*s",
	                   nothing || unknown ? "UNKNOWN" : word[hs_findings_nagios_exit(r)], (int)said.n, said.p);
	if (!nothing)
		hs_terminal_printf(stdout, " |%.*s", (int)r->figures.n, r->figures.p);
	putchar('\n');
}

static void add(struct hs_findings *r, enum hs_verdict verdict, const char *what, const char *remedy,
                const char *format, va_list args)
{
	static const char *const word[] = { "ok", "warn", "fail" };
	char text[1024];

	vsnprintf(text, sizeof text, format, args);
	r->count[verdict]++;
	if (r->nagios) {
		note(r, verdict, what, text);
		return;
	}
	if (!r->json) {
		print_row(r, verdict, what, remedy, text);
		return;
	}
	put_json_row(&r->text, word[verdict], what, remedy, text);
}

void hs_findings_ok(struct hs_findings *r, const char *what, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(r, HS_CHECK_OK, what, "", format, args);
	va_end(args);
}

void hs_findings_warn(struct hs_findings *r, const char *what, const char *remedy, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(r, HS_CHECK_WARN, what, remedy, format, args);
	va_end(args);
}

void hs_findings_fail(struct hs_findings *r, const char *what, const char *remedy, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(r, HS_CHECK_FAIL, what, remedy, format, args);
	va_end(args);
}

void hs_findings_end(struct hs_findings *r, bool unknown)
{
	if (r->nagios)
		print_nagios(r, unknown);
	else if (r->json && (r->text.n > 0 || !hs_buf_ok(&r->text))) {
		hs_buf_putc(&r->text, ']');
		hs_terminal_print_json(&r->text);
	}
	hs_buf_free(&r->text);
	hs_buf_free(&r->figures);
}

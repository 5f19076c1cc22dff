#include "store/log.h"
#include "core/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static _Atomic int highest = HS_LOG_INFO;

void hs_log_level(enum hs_level level)
{
	atomic_store(&highest, (int)level);
}

/* '?' for each character that could forge a line or control a terminal. Returns the new length. */
static size_t clean(char *line, size_t n)
{
	size_t to = 0;

	for (size_t at = 0, length; at < n; at += length)
		if (hs_utf8_unprintable(line + at, n - at, &length)) {
			line[to++] = '?';
		} else {
			memmove(line + to, line + at, length);
			to += length;
		}
	return to;
}

/* Cuts, cleans and writes. Nobody can be told of a failure to log. */
static void emit(char line[static HS_LOG_LINE], size_t n)
{
	if (n > HS_LOG_LINE - 1)
		n = HS_LOG_LINE - 1;
	n = clean(line, n);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

static size_t put(char line[static HS_LOG_LINE], size_t n, const char *format, va_list args)
{
	int more;

	if (n >= HS_LOG_LINE)
		return n;
	more = vsnprintf(line + n, HS_LOG_LINE - n, format, args);
	return more < 0 ? n : n + (size_t)more;
}

static size_t put_head(char line[static HS_LOG_LINE], enum hs_level level)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	return (size_t)snprintf(line, HS_LOG_LINE, "hookspool[%ld]: %s: ", (long)getpid(), names[level]);
}

void hs_log(enum hs_level level, const char *format, ...)
{
	char line[HS_LOG_LINE];
	int saved = errno;
	va_list args;
	size_t n;

	if ((int)level > atomic_load(&highest))
		return;
	n = put_head(line, level);
	va_start(args, format);
	n = put(line, n, format, args);
	va_end(args);
	emit(line, n);
	errno = saved;
}

void hs_log_result(enum hs_result r, const char *format, ...)
{
	const struct hs_result_info *info = hs_result_info(r);
	char line[HS_LOG_LINE];
	int saved = errno;
	va_list args;
	size_t n;

	if ((int)info->level > atomic_load(&highest))
		return;
	n = put_head(line, info->level);
	va_start(args, format);
	n = put(line, n, format, args);
	va_end(args);
	if (n < HS_LOG_LINE)
		n += (size_t)snprintf(line + n, HS_LOG_LINE - n, ": %s%s%s", info->message,
		                      info->remedy[0] != '\0' ? "; " : "", info->remedy);
	emit(line, n);
	errno = saved;
}

#include "base/log.h"
#include "base/io.h"
#include "base/timestamp.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static _Atomic int highest = HS_LOG_INFO;
static _Atomic unsigned long dropped; /* lines, since their number was last logged */

void hs_log_level(enum hs_level level)
{
	atomic_store(&highest, (int)level);
}

/* Replaces each character that could forge a line or control a terminal by '?'. Returns the new length. */
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

/* --- writing, without ever waiting -------------------------------------------- */

/* Fails with EOPNOTSUPP, EINVAL or ENOSYS where the kernel or the C library lacks RWF_NOWAIT. */
static ssize_t write_at_once(char *line, size_t n)
{
#ifdef RWF_NOWAIT
	struct iovec part = { line, n };

	return pwritev2(STDERR_FILENO, &part, 1, -1, RWF_NOWAIT);
#else
	(void)line;
	(void)n;
	errno = ENOSYS;
	return -1;
#endif
}

/*
 * O_NONBLOCK belongs to the open file description, which we share with the process that gave us the
 * descriptor; so the call itself must not wait, or the description must be our own. Linux 6.4 and
 * later accept RWF_NOWAIT for a pipe. A pipe of our own user can be reopened.
 */
static ssize_t write_pipe(char *line, size_t n)
{
	ssize_t written = write_at_once(line, n);
	int own;

	if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
		return written;
	own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (own < 0)
		return -1;
	written = write(own, line, n);
	close(own);
	return written;
}

/*
 * The last way for a pipe: splice(2) heeds its own flag, not the description's. It comes last
 * because every line then takes a page of the pipe.
 */
static ssize_t splice_pipe(const char *line, size_t n)
{
	int ends[2];
	ssize_t written = -1;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	if (write(ends[1], line, n) == (ssize_t)n)
		written = splice(ends[0], NULL, STDERR_FILENO, NULL, n, SPLICE_F_NONBLOCK);
	close(ends[0]);
	close(ends[1]);
	return written;
}

/* For terminals, which may be stopped, and for devices. */
static ssize_t write_ready(const char *line, size_t n)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&p, 1, 0) > 0 ? write(STDERR_FILENO, line, n) : -1; /* an error does not wait, either */
}

/* False: there is no room for the line, or nowhere to write it. A pipe takes a line whole (PIPE_BUF). */
static bool write_line(char *line, size_t n)
{
	struct stat st;
	ssize_t written;

	if (fstat(STDERR_FILENO, &st) < 0)
		return false;
	if (S_ISREG(st.st_mode)) {
		written = write(STDERR_FILENO, line, n);
	} else if (S_ISSOCK(st.st_mode)) {
		written = send(STDERR_FILENO, line, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else if (S_ISFIFO(st.st_mode)) {
		written = write_pipe(line, n);
		if (written < 0 && errno != EAGAIN && errno != EPIPE)
			written = splice_pipe(line, n);
	} else {
		written = write_ready(line, n);
	}
	return written > 0;
}

/* Logs of servers and journals add the time; a plain file does not. */
static size_t put_time(char line[static HS_LOG_LINE])
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	hs_timestamp_text(hs_io_now(), line);
	line[HS_TIMESTAMP_TEXT] = ' ';
	return HS_TIMESTAMP_TEXT + 1;
}

static size_t put_head(char line[static HS_LOG_LINE], enum hs_level level)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	size_t n = put_time(line);

	return n + (size_t)snprintf(line + n, HS_LOG_LINE - n, "hookspool[%ld]: %s: ", (long)getpid(), names[level]);
}

void hs_log_flush(void)
{
	unsigned long n = atomic_exchange(&dropped, 0);
	char line[HS_LOG_LINE];
	size_t length;

	if (n == 0)
		return;
	length = put_head(line, HS_LOG_WARN);
	length += (size_t)snprintf(line + length, sizeof line - length,
	                           "%lu lines of the log were dropped: standard error was full; check "
	                           "whether its reader has stopped or is slow\n",
	                           n);
	if (!write_line(line, length))
		atomic_fetch_add(&dropped, n);
}

/* --- lines --------------------------------------------------------------------- */

/* Cuts, cleans and writes, or counts what could not be written. */
static void emit(char line[static HS_LOG_LINE], size_t n)
{
	if (n > HS_LOG_LINE - 1)
		n = HS_LOG_LINE - 1;
	n = clean(line, n);
	line[n++] = '\n';
	if (atomic_load(&dropped) > 0)
		hs_log_flush(); /* before the first line that can be written again */
	if (!write_line(line, n))
		atomic_fetch_add(&dropped, 1);
}

static size_t put(char line[static HS_LOG_LINE], size_t n, const char *format, va_list args)
{
	int more;

	more = vsnprintf(line + n, HS_LOG_LINE - n, format, args);
	return more < 0 ? n : n + (size_t)more;
}

/* `result` NULL: the line ends with the text. */
static void log_line(enum hs_level level, const struct hs_result_info *result, const char *format, va_list args)
{
	char line[HS_LOG_LINE];
	int saved = errno;
	size_t n;

	if ((int)level > atomic_load(&highest))
		return;
	n = put(line, put_head(line, level), format, args);
	if (result != NULL && n < HS_LOG_LINE)
		n += (size_t)snprintf(line + n, HS_LOG_LINE - n, ": %s%s%s", result->message,
		                      result->remedy[0] != '\0' ? "; " : "", result->remedy);
	emit(line, n);
	errno = saved;
}

void hs_log(enum hs_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(level, NULL, format, args);
	va_end(args);
}

void hs_log_result(enum hs_result result, const char *format, ...)
{
	const struct hs_result_info *info = hs_result_info(result);
	va_list args;

	va_start(args, format);
	log_line(info->level, info, format, args);
	va_end(args);
}

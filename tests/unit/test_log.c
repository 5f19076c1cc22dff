/* log: one write a line, whatever is in it. */
#include "base/buf.h"
#include "base/log.h"
#include "tests/lib/deny_call.h"
#include "tests/lib/processes.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *caught_context; /* for a function that speaks */

/* Returns what was written to descriptor 2 meanwhile; the caller frees it. */
static char *caught(void (*speak)(void))
{
	int ends[2], saved = dup(STDERR_FILENO);
	char *text = calloc(1, 1 << 16);
	size_t n = 0;
	ssize_t got;

	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	speak(); /* less than a pipe holds */
	dup2(saved, STDERR_FILENO);
	close(saved);
	while ((got = read(ends[0], text + n, (1 << 16) - 1 - n)) > 0)
		n += (size_t)got;
	close(ends[0]);
	return text;
}

static void expect(void (*speak)(void), const char *format)
{
	char expected[2 * HS_LOG_LINE], *text = caught(speak);

	snprintf(expected, sizeof expected, "hookspool[%ld]: %s\n", (long)getpid(), format);
	assert_string_equal(text, expected);
	free(text);
}

static void say_plain(void)
{
	hs_log(HS_LOG_WARN, "%d of %s", 3, "these");
}

static void say_controls(void)
{
	hs_log(HS_LOG_ERROR, "a%sb", "\nhookspool[1]: error: forged\r\t\x1b[2J\x7f");
}

static void say_marks(void)
{
	hs_log(HS_LOG_ERROR, "a%sb",
	       "\xC2\x9B"
	       "2J\x9B\xE2\x80\xAE\xE2\x81\xA9\xC3\xA9\xE2\x80\xA8");
}

static void say_much(void)
{
	char much[4 * HS_LOG_LINE];

	memset(much, 'x', sizeof much - 1);
	much[sizeof much - 1] = '\0';
	hs_log(HS_LOG_INFO, "%s", much);
	hs_log_result(HS_E_FULL, "%s", much);
}

static void say_result(void)
{
	hs_log_result(HS_E_TIMEOUT, "append to %s", "x");
}

static void say_too_low(void)
{
	hs_log(HS_LOG_DEBUG, "nothing");
	hs_log_result(HS_OK, "nothing");
}

TEST(a_line)
{
	expect(say_plain, "warn: 3 of these");
}

TEST(a_line_cannot_be_forged)
{
	expect(say_controls, "error: a?hookspool[1]: error: forged???[2J?b");
	expect(say_marks, "error: a?2J???\xC3\xA9?b");
}

TEST(a_long_line_is_cut)
{
	char *text = caught(say_much), *first = strchr(text, '\n');

	assert_non_null(first);
	assert_int_equal(first - text + 1, HS_LOG_LINE);
	assert_int_equal(strlen(text), 2 * HS_LOG_LINE);
	assert_int_equal(text[2 * HS_LOG_LINE - 1], '\n');
	free(text);
}

TEST(a_result_comes_with_its_remedy)
{
	const struct hs_result_info *info = hs_result_info(HS_E_TIMEOUT);
	char format[HS_LOG_LINE];

	snprintf(format, sizeof format, "warn: append to x: %s; %s", info->message, info->remedy);
	expect(say_result, format);
}

TEST(levels)
{
	char *text = caught(say_too_low);

	assert_string_equal(text, "");
	free(text);
	hs_log_level(HS_LOG_DEBUG);
	text = caught(say_too_low);
	assert_non_null(strstr(text, "debug: nothing\n"));
	free(text);
	hs_log_level(HS_LOG_ERROR);
	text = caught(say_plain);
	assert_string_equal(text, "");
	free(text);
	hs_log_level(HS_LOG_INFO);
}

static void say_what_has_no_text(void)
{
	static const wchar_t none[] = { 0x7FFFFFFF, 0 };

	hs_log(HS_LOG_WARN, "a%ls", none);
}

/* The level is told all the same. */
TEST(a_line_whose_text_cannot_be_made)
{
	char *text = caught(say_what_has_no_text);

	assert_non_null(strstr(text, "]: warn: "));
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
}

TEST(errno_stays)
{
	errno = ENOSPC;
	free(caught(say_plain));
	errno = ENOSPC;
	close(dup(STDERR_FILENO));
	hs_log(HS_LOG_DEBUG, "x");
	assert_int_equal(errno, ENOSPC);
}

/* --- full pipes and sockets ------------------------------------------------------------- */

enum { FLOOD = 4000 }; /* lines; more than a pipe or a socket holds */

static void fill(int *passed)
{
	alarm(20); /* a line without room must not wait for ever */
	for (*passed = 0; *passed < FLOOD; ++*passed)
		hs_log(HS_LOG_WARN, "line %d of a flood", *passed);
	alarm(0);
}

/* Adds what can be read without waiting. */
static void take_all(int fd, struct hs_buf *text)
{
	char part[4096];
	ssize_t got;

	while ((got = recv(fd, part, sizeof part, MSG_DONTWAIT)) > 0 ||
	       (got < 0 && errno == ENOTSOCK && (got = read(fd, part, sizeof part)) > 0))
		hs_buf_put(text, part, (size_t)got);
	hs_buf_putc(text, '\0');
	text->n--;
}

/* The log then has whole lines only, and tells how many are missing. */
static void check_flood(const char *text)
{
	int lines = 0, said = 0;
	unsigned long missing = 0;

	for (const char *p = text, *end; *p != '\0'; p = end + 1, lines++) {
		const char *dropped = strstr(p, "warn: ");

		end = strchr(p, '\n');
		assert_non_null(end);
		if (sscanf(dropped, "warn: %lu lines of the log were dropped", &missing) == 1)
			said++;
	}
	assert_int_equal(said, 1);
	assert_true(missing > 0);
	/* the flood less the missing lines, the line that tells so, and the one after it */
	assert_int_equal(lines, (int)(FLOOD - missing) + 2);
	assert_non_null(strstr(text, "dropped: standard error was full"));
	assert_non_null(strstr(text, "warn: it flows again\n"));
}

static void flood(int reader, int writer)
{
	struct hs_buf text = { 0 };
	int saved = dup(STDERR_FILENO), passed;

	dup2(writer, STDERR_FILENO);
	fill(&passed);
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0); /* shared with others */
	take_all(reader, &text);
	hs_log(HS_LOG_WARN, "it flows again");
	hs_log_flush(); /* nothing is left to report */
	take_all(reader, &text);
	dup2(saved, STDERR_FILENO);
	close(saved);
	check_flood(text.p);
	hs_buf_free(&text);
	close(reader);
	close(writer);
}

TEST(a_pipe_that_is_not_read)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	flood(ends[0], ends[1]);
}

TEST(a_socket_that_is_not_read)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	flood(ends[0], ends[1]);
}

/* The number of dropped lines is reported without waiting for another line. */
TEST(the_number_dropped_is_reported_without_another_line)
{
	struct hs_buf text = { 0 };
	int ends[2], saved = dup(STDERR_FILENO), passed;

	assert_int_equal(pipe(ends), 0);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	dup2(ends[1], STDERR_FILENO);
	fill(&passed);
	hs_log_flush();
	take_all(ends[0], &text);
	assert_null(strstr(text.p, "dropped"));
	hs_log_flush();
	take_all(ends[0], &text);
	dup2(saved, STDERR_FILENO);
	assert_non_null(strstr(text.p, "lines of the log were dropped"));
	hs_buf_free(&text);
	close(saved);
	close(ends[0]);
	close(ends[1]);
}

/* --- what a kernel or a sandbox refuses ----------------------------------------------------- */

/* Calls that fail, each with its errno; 0: no more. A line is then written or counted as dropped, and nobody waits. */
struct denied {
	struct {
		long call;
		unsigned error;
	} of[4];
	bool written;
};

static int speak_denied(void *context)
{
	const struct denied *denied = context;

	for (size_t i = 0; i < 4 && denied->of[i].call != 0; i++)
		if (!deny_call(denied->of[i].call, denied->of[i].error))
			_exit(2);
	hs_log(HS_LOG_WARN, "a line");
	_exit(0); /* what a sanitizer has to say would come through the same pipe */
}

static void speak_in_child(void)
{
	assert_int_equal(child_run(speak_denied, caught_context), 0);
}

TEST(a_pipe_where_calls_are_refused)
{
	static struct denied cases[] = {
		{ { { SYS_pwritev2, EOPNOTSUPP } }, true },
		{ { { SYS_pwritev2, ENOSYS } }, true },
		{ { { SYS_pwritev2, EINVAL } }, true },
		{ { { SYS_pwritev2, EIO } }, true },
		{ { { SYS_pwritev2, EPERM } }, true },
		{ { { SYS_pwritev2, EAGAIN } }, false }, /* it is full */
		{ { { SYS_pwritev2, EPIPE } }, false },  /* nobody reads it */
		{ { { SYS_pwritev2, EOPNOTSUPP }, { SYS_openat, EACCES } }, true },
		{ { { SYS_pwritev2, EOPNOTSUPP }, { SYS_openat, EACCES }, { SYS_pipe2, EMFILE } }, false },
		{ { { SYS_pwritev2, EOPNOTSUPP }, { SYS_openat, EACCES }, { SYS_write, EIO } }, false },
		{ { { SYS_pwritev2, EOPNOTSUPP }, { SYS_openat, EACCES }, { SYS_splice, EINVAL } }, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *text;

		caught_context = &cases[i];
		text = caught(speak_in_child);
		if ((strstr(text, "warn: a line\n") != NULL) != cases[i].written)
			fail_msg("%zu: '%s'", i, text);
		free(text);
	}
}

/* Opens a terminal whose output is stopped until somebody reads; returns its other side. */
static int stopped_terminal(int *terminal)
{
	char text[1024];
	int other = posix_openpt(O_RDWR | O_NOCTTY);

	assert_true(other >= 0 && grantpt(other) == 0 && unlockpt(other) == 0);
	*terminal = open(ptsname(other), O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_true(*terminal >= 0);
	memset(text, 'x', sizeof text);
	while (write(*terminal, text, sizeof text) > 0)
		continue;
	assert_int_equal(fcntl(*terminal, F_SETFL, 0), 0); /* as we get it */
	return other;
}

TEST(a_terminal_that_is_stopped)
{
	struct hs_buf text = { 0 };
	int terminal, other = stopped_terminal(&terminal), saved = dup(STDERR_FILENO);

	dup2(terminal, STDERR_FILENO);
	alarm(60);
	hs_log(HS_LOG_WARN, "a line"); /* does not wait */
	assert_int_equal(fcntl(other, F_SETFL, O_NONBLOCK), 0);
	while (text.n == 0 || strstr(text.p, "dropped") == NULL) {
		take_all(other, &text);
		hs_log_flush();
	}
	alarm(0);
	dup2(saved, STDERR_FILENO);
	assert_null(memmem(text.p, text.n, "a line", 6));
	hs_buf_free(&text);
	close(saved);
	close(terminal);
	close(other);
}

static int speak_to_device(void *path)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		return 2;
	hs_log(HS_LOG_WARN, "a line");
	hs_log_flush();
	return 0;
}

TEST(a_device_takes_the_line_or_not)
{
	assert_int_equal(child_run(speak_to_device, (char[]){ "/dev/null" }), 0);
	assert_int_equal(child_run(speak_to_device, (char[]){ "/dev/full" }), 0);
}

TESTS("log", NULL, NULL)

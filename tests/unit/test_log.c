/* log: one write a line, whatever is in it. */
#include "store/log.h"
#include "tests/lib/cases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What stands on descriptor 2 meanwhile; the caller frees it. */
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
	hs_log(HS_LOG_ERROR, "a%sb", "\xC2\x9B" "2J\x9B\xE2\x80\xAE\xE2\x81\xA9\xC3\xA9\xE2\x80\xA8");
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
	hs_log_result(HS_E_BUSY, "append to %s", "x");
}

static void say_too_low(void)
{
	hs_log(HS_LOG_DEBUG, "nothing");
	hs_log_result(HS_OK, "nothing");
}

static void a_line(void **state)
{
	(void)state;
	expect(say_plain, "warn: 3 of these");
}

static void a_line_cannot_be_forged(void **state)
{
	(void)state;
	expect(say_controls, "error: a?hookspool[1]: error: forged???[2J?b");
	expect(say_marks, "error: a?2J???\xC3\xA9?b");
}

static void a_long_line_is_cut(void **state)
{
	char *text = caught(say_much), *first = strchr(text, '\n');

	(void)state;
	assert_non_null(first);
	assert_int_equal(first - text + 1, HS_LOG_LINE);
	assert_int_equal(strlen(text), 2 * HS_LOG_LINE);
	assert_int_equal(text[2 * HS_LOG_LINE - 1], '\n');
	free(text);
}

static void a_result_comes_with_its_remedy(void **state)
{
	const struct hs_result_info *info = hs_result_info(HS_E_BUSY);
	char format[HS_LOG_LINE];

	(void)state;
	snprintf(format, sizeof format, "warn: append to x: %s; %s", info->message, info->remedy);
	expect(say_result, format);
}

static void levels(void **state)
{
	char *text = caught(say_too_low);

	(void)state;
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

static void errno_stays(void **state)
{
	(void)state;
	errno = ENOSPC;
	free(caught(say_plain));
	errno = ENOSPC;
	close(dup(STDERR_FILENO));
	hs_log(HS_LOG_DEBUG, "x");
	assert_int_equal(errno, ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line),
		cmocka_unit_test(a_line_cannot_be_forged),
		cmocka_unit_test(a_long_line_is_cut),
		cmocka_unit_test(a_result_comes_with_its_remedy),
		cmocka_unit_test(levels),
		cmocka_unit_test(errno_stays),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

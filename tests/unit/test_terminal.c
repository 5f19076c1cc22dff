/* terminal: foreign text, made safe for a terminal. */
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/report/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

static void expect(struct hs_slice text, struct hs_slice want)
{
	struct hs_buf out = { 0 };

	hs_terminal_put(&out, text);
	if (!hs_slice_eq(hs_buf_slice(&out), want))
		fail_msg("got %.*s", (int)out.n, out.p);
	hs_buf_reset(&out);
	hs_buf_put_slice(&out, HS_SLICE("\033[1mours")); /* this part stays unchanged */
	hs_buf_put_slice(&out, text);
	hs_terminal_clean(&out, 8);
	assert_int_equal(memcmp(out.p, "\033[1mours", 8), 0);
	assert_slice_equal(hs_slice(out.p + 8, out.n - 8), want);
	hs_buf_free(&out);
}

TEST(harmless_text_stays)
{
	expect(HS_SLICE(""), HS_SLICE(""));
	expect(HS_SLICE("{\"a\":\"caf\xC3\xA9 \\u001b\"}\n"), HS_SLICE("{\"a\":\"caf\xC3\xA9 \\u001b\"}\n"));
	expect(HS_SLICE("a\tb\n"), HS_SLICE("a\tb\n"));
	expect(HS_SLICE("\xE2\x80\x8D\xF0\x9F\x98\x80"), HS_SLICE("\xE2\x80\x8D\xF0\x9F\x98\x80"));
}

TEST(control_characters_are_escaped)
{
	expect(HS_SLICE("\033]0;title\a"), HS_SLICE("\\u001b]0;title\\u0007"));
	expect(HS_SLICE("\r\b\x7F\0"), HS_SLICE("\\u000d\\u0008\\u007f\\u0000"));
	expect(HS_SLICE("\xC2\x9B"
	                "2J"),
	       HS_SLICE("\\u009b2J"));
	expect(HS_SLICE("x\xE2\x80\xAEy\xE2\x81\xA6z"), HS_SLICE("x\\u202ey\\u2066z"));
	expect(HS_SLICE("\xD8\x9C\xEF\xBB\xBF\xE2\x80\xA8"), HS_SLICE("\\u061c\\ufeff\\u2028"));
	expect(HS_SLICE("\x9B"
	                "2J\xE2\x80"),
	       HS_SLICE("\\x9b2J\\xe2\\x80"));
}

TEST(a_file_gets_every_byte)
{
	char *text = NULL;
	size_t n = 0;
	FILE *file = tmpfile();

	assert_non_null(file);
	assert_true(hs_terminal_printf(file, "%s\n", "\033[2J\xC2\x9B"));
	rewind(file);
	assert_int_equal(getline(&text, &n, file), 7);
	assert_string_equal(text, "\033[2J\xC2\x9B\n");
	free(text);
	fclose(file);
}

/* A stream to a terminal, and its other end. */
static FILE *open_terminal(int *other)
{
	struct termios raw;
	char name[64];
	FILE *file;
	int fd;

	*other = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(*other >= 0 && grantpt(*other) == 0 && unlockpt(*other) == 0);
	assert_int_equal(ptsname_r(*other, name, sizeof name), 0);
	fd = open(name, O_RDWR | O_NOCTTY);
	assert_true(fd >= 0 && tcgetattr(fd, &raw) == 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(fd, TCSANOW, &raw), 0);
	file = fdopen(fd, "w");
	assert_non_null(file);
	setvbuf(file, NULL, _IONBF, 0);
	return file;
}

TEST(a_terminal_gets_escapes)
{
	char got[64];
	int other;
	FILE *file = open_terminal(&other);

	assert_true(hs_terminal_printf(file, "%s\n", "\033[2J"));
	assert_int_equal(read(other, got, sizeof got), 10);
	assert_int_equal(memcmp(got, "\\u001b[2J\n", 10), 0);
	fcntl(fileno(file), F_SETFL, O_NONBLOCK);
	while (hs_terminal_write(file, HS_SLICE("nobody reads this\n")))
		;
	assert_true(ferror(file) && !hs_terminal_has_lost()); /* the stream knows of it */
	close(other);
	fclose(file);
}

/* A buffer that has failed stays as it is. */
TEST(what_is_lost_is_not_made_safe)
{
	struct hs_buf b = { 0 };

	hs_buf_put_slice(&b, HS_SLICE("\033"));
	b.failed = true;
	hs_terminal_clean(&b, 0);
	assert_slice_equal(hs_buf_slice(&b), HS_SLICE("\033"));
	assert_false(hs_buf_ok(&b));
	hs_buf_free(&b);
}

/* Last: it is never forgotten. */
TEST(lost_text_is_known)
{
	int other;
	FILE *file = open_terminal(&other);
	static const wchar_t none[] = { 0xD800, 0 };

	assert_false(hs_terminal_printf(file, "%ls", none)); /* printf(3) fails as it does without memory */
	assert_true(hs_terminal_has_lost());
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	assert_false(hs_terminal_write(file, HS_SLICE("x")));
	wrap_reset();
	fclose(file);
	close(other);
}

TESTS("terminal", NULL, NULL)

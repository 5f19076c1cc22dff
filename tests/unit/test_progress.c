/* progress and output: the line on a terminal, which goes before the first line of output. */
#include "tests/lib/unit.h"
#include "tools/report/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Standard error and output are files meanwhile. */
struct redirected {
	FILE *file;
	int kept;
};

static struct redirected redirect(int fd)
{
	struct redirected r = { tmpfile(), dup(fd) };

	assert_non_null(r.file);
	assert_int_equal(dup2(fileno(r.file), fd), fd);
	return r;
}

/* Puts the descriptor back; returns what was written to it. */
static const char *put_back(struct redirected *r, int fd)
{
	static char text[512];
	ssize_t n;

	assert_int_equal(dup2(r->kept, fd), fd);
	close(r->kept);
	n = pread(fileno(r->file), text, sizeof text - 1, 0);
	assert_true(n >= 0);
	text[n] = '\0';
	fclose(r->file);
	return text;
}

/* A progress that shows its line each time. */
static void show(struct hs_progress *p)
{
	p->terminal = true;
	p->next_ms = 0;
	hs_progress_show(p, "half");
}

static void put_line(struct hs_output *o)
{
	hs_buf_put_slice(&o->buf, HS_SLICE("a line\n"));
	assert_true(hs_output_line(o, NULL));
}

TEST(a_line_is_shown_after_two_seconds_only)
{
	struct redirected error = redirect(STDERR_FILENO);
	struct hs_progress p;

	hs_progress_begin(&p);
	p.terminal = true;
	assert_true(p.next_ms == p.begun_ms + 2000);
	hs_progress_show(&p, "early");
	assert_false(p.shown);
	show(&p);
	assert_true(p.shown);
	hs_progress_clear(&p);
	assert_string_equal(put_back(&error, STDERR_FILENO), "\r\033[Khalf\r\033[K");
}

TEST(the_first_output_ends_it)
{
	struct redirected error = redirect(STDERR_FILENO);
	struct hs_progress p;
	struct hs_output o;
	int pipes[2], kept = dup(STDOUT_FILENO);

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(dup2(pipes[1], STDOUT_FILENO), STDOUT_FILENO);
	hs_progress_begin(&p);
	hs_output_start(&o, false, (struct hs_position){ 0 });
	hs_output_ends(&o, &p);
	show(&p);
	put_line(&o);
	assert_true(hs_output_flush(&o));
	assert_false(p.shown);
	p.next_ms = 0;
	hs_progress_show(&p, "again");
	assert_int_equal(dup2(kept, STDOUT_FILENO), STDOUT_FILENO);
	assert_string_equal(put_back(&error, STDERR_FILENO), "\r\033[Khalf\r\033[K");
	hs_output_free(&o);
	close(kept);
	close(pipes[0]);
	close(pipes[1]);
}

TEST(output_into_a_file_does_not_end_it)
{
	struct redirected error = redirect(STDERR_FILENO), out = redirect(STDOUT_FILENO);
	struct hs_progress p;
	struct hs_output o;

	hs_progress_begin(&p);
	hs_output_start(&o, false, (struct hs_position){ 0 });
	hs_output_ends(&o, &p);
	show(&p);
	put_line(&o);
	assert_true(hs_output_flush(&o));
	show(&p);
	assert_string_equal(put_back(&out, STDOUT_FILENO), "a line\n");
	assert_string_equal(put_back(&error, STDERR_FILENO), "\r\033[Khalf\r\033[Khalf");
	hs_output_free(&o);
}

static void expect_left(int64_t begun_s, uint64_t done, uint64_t all, const char *want)
{
	struct hs_progress p;
	char text[HS_PROGRESS_LEFT];

	hs_progress_begin(&p);
	p.begun_ms -= begun_s * 1000;
	hs_progress_left(&p, done, all, text);
	assert_string_equal(text, want);
}

TEST(the_time_left_is_estimated)
{
	expect_left(10, 0, 100, "");
	expect_left(10, 100, 100, "");
	expect_left(10, 50, 100, ", 10 s left");
	expect_left(10, 1, 100, ", 16 min left");
	expect_left(10, 1, UINT64_MAX, "");
}

TESTS("progress", NULL, NULL)

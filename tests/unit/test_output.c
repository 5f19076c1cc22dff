/* output: what a consumer's cursor may believe of lines on their way to a pipe, and how a write that fails is told. */
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/report/output.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LINE = 1000, START = 7 };

static struct scene {
	int saved, reader; /* standard output as it was; the other end of the pipe that it is */
	struct hs_output *o;
	uint64_t lines; /* that were put */
} s;

FIXTURE(begin)
{
	int fd[2];

	signal(SIGPIPE, SIG_IGN);
	s = (struct scene){ .saved = dup(STDOUT_FILENO), .o = calloc(1, sizeof *s.o) };
	if (s.o == NULL || pipe2(fd, O_CLOEXEC) < 0)
		return -1;
	fflush(stdout);
	dup2(fd[1], STDOUT_FILENO);
	close(fd[1]);
	s.reader = fd[0];
	return 0;
}

FIXTURE(finish)
{
	wrap_reset();
	dup2(s.saved, STDOUT_FILENO);
	close(s.saved);
	if (s.reader >= 0)
		close(s.reader);
	hs_output_free(s.o);
	free(s.o);
	return 0;
}

static void start(bool careful)
{
	hs_output_start(s.o, careful, (struct hs_position){ .number = 1, .offset = START });
}

/* Appends a line whose position counts lines. */
static bool put(void)
{
	struct hs_position end = { .number = 1, .offset = START + ++s.lines };
	char line[LINE];

	memset(line, 'x', sizeof line);
	line[LINE - 1] = '\n';
	hs_buf_put(&s.o->buf, line, sizeof line);
	return hs_output_line(s.o, s.o->careful ? &end : NULL);
}

/* Reads all that is in the pipe. */
static size_t read_all(void)
{
	char part[4096];
	size_t all = 0;
	ssize_t n;

	fcntl(s.reader, F_SETFL, O_NONBLOCK);
	while ((n = read(s.reader, part, sizeof part)) > 0)
		all += (size_t)n;
	return all;
}

/* The reader may stop for hours: the consumer goes on, and its cursor stays before what is not written. */
TEST(a_careful_output_does_not_wait_and_confirms_whole_lines)
{
	size_t got = 0;

	start(true);
	while (!hs_output_is_full(s.o))
		assert_true(put());
	got += read_all();
	assert_true(got > 0 && got < s.lines * LINE);
	assert_int_equal(s.o->confirmed.offset, START + got / LINE);
	while (got < s.lines * LINE) {
		assert_true(hs_output_flush(s.o));
		got += read_all();
		assert_int_equal(s.o->confirmed.offset, START + got / LINE);
	}
	assert_int_equal(got, s.lines * LINE);
	assert_false(hs_output_is_full(s.o));
}

TEST(many_short_lines_are_enough)
{
	struct hs_position end = { .number = 1 };

	start(true);
	while (end.offset < HS_OUTPUT_MARKS) {
		assert_int_equal(read_all(), 0);
		hs_buf_putc(&s.o->buf, '\n');
		end.offset++;
		assert_true(hs_output_line(s.o, &end));
	}
	assert_int_equal(s.o->confirmed.offset, HS_OUTPUT_MARKS);
	assert_int_equal(read_all(), HS_OUTPUT_MARKS);
}

static void *read_slowly(void *all)
{
	char part[4096];
	ssize_t n;

	while ((n = read(s.reader, part, sizeof part)) > 0)
		*(size_t *)all += (size_t)n;
	return NULL;
}

/* Another process with the same standard output may have made it so: cat(1) would fail. */
TEST(a_plain_output_waits_even_if_it_is_not_to_block)
{
	size_t all = 0;
	pthread_t reader;

	fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
	start(false);
	assert_int_equal(pthread_create(&reader, NULL, read_slowly, &all), 0);
	while (s.lines < 500)
		assert_true(put());
	assert_true(hs_output_flush(s.o));
	dup2(s.saved, STDOUT_FILENO); /* the reader sees the end */
	pthread_join(reader, NULL);
	assert_int_equal(all, s.lines * LINE);
}

/* Another writer may take the room between the look at it and the write. */
TEST(a_careful_output_does_not_wait_for_what_seemed_to_be_writable)
{
	/* one more would fit, and 8 bytes of text are a larger number */
	int full = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t most = UINT64_MAX - 2;

	assert_int_equal(write(full, &most, sizeof most), sizeof most);
	dup2(full, STDOUT_FILENO);
	close(full);
	start(true);
	hs_buf_put_slice(&s.o->buf, HS_SLICE("1234567\n"));
	assert_true(hs_output_line(s.o, &(struct hs_position){ .number = 1, .offset = START + 1 }));
	assert_true(hs_output_flush(s.o));
	assert_int_equal(s.o->confirmed.offset, START);
	assert_int_equal(read(STDOUT_FILENO, &most, sizeof most), sizeof most);
	assert_true(hs_output_flush(s.o));
	assert_int_equal(s.o->confirmed.offset, START + 1);
}

/* The line that tells how far a command is would be in the way on a terminal alone. */
TEST(progress_ends_before_output_unless_that_goes_to_a_file)
{
	struct hs_progress progress;
	FILE *file = tmpfile();

	hs_output_ends(s.o, &progress);
	assert_ptr_equal(s.o->progress, &progress);
	s.o->progress = NULL;
	dup2(fileno(file), STDOUT_FILENO);
	hs_output_ends(s.o, &progress);
	assert_null(s.o->progress);
	wrap_fail(WRAP_FSTAT, 1, 1, EIO);
	hs_output_ends(s.o, &progress);
	assert_ptr_equal(s.o->progress, &progress);
	s.o->progress = NULL;
	fclose(file);
}

TEST(what_cannot_be_written_is_told)
{
	start(true);
	assert_true(put());
	close(s.reader);
	s.reader = -1;
	errno = 0;
	assert_false(hs_output_flush(s.o));
	assert_int_equal(errno, EPIPE);
	assert_int_equal(s.o->confirmed.offset, START);
}

TEST(without_memory_nothing_more_is_written)
{
	start(false);
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	assert_true(put()); /* there is not enough to be written yet */
	wrap_reset();
	errno = 0;
	assert_false(hs_output_flush(s.o));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(read_all(), 0);
}

TESTS("output", begin, finish)

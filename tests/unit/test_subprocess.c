/* subprocess: what a handler writes to its standard output, as answers. */
#include "base/buf.h"
#include "tests/lib/unit.h"
#include "tools/sink/subprocess.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The handler's output is a pipe that the test writes to; there is no process. */
static struct scene {
	struct hs_subprocess worker;
	int out;
} s;

FIXTURE(make)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	s.worker = (struct hs_subprocess){ .in = -1, .out = fd[0], .err = -1 };
	s.out = fd[1];
	return 0;
}

FIXTURE(finish)
{
	close(s.out);
	close(s.worker.out);
	hs_subprocess_free(&s.worker);
	return 0;
}

/* Writes the text in pieces; after each takes the answers, one to a line of *answers. */
static void feed(struct hs_slice text, size_t piece, struct hs_buf *answers)
{
	struct hs_slice answer;

	for (size_t n; text.n > 0; text = hs_slice(text.p + n, text.n - n)) {
		n = piece < text.n ? piece : text.n;
		assert_int_equal(write(s.out, text.p, n), n);
		hs_subprocess_pump(&s.worker);
		while (hs_subprocess_answer(&s.worker, &answer)) {
			hs_buf_put_slice(answers, answer);
			hs_buf_putc(answers, '\n');
		}
	}
}

/* A sender may choose the rest of a long message: none of it becomes an answer to the next record. */
TEST(the_rest_of_a_long_line_is_no_answer)
{
	static const size_t lengths[] = { 0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 69632, 131072, 1000001 };
	static const size_t pieces[] = { 1000, 4096, 32768 };

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0] * 3; i++) {
		size_t n = lengths[i / 3], kept = n < HS_SUBPROCESS_ANSWER ? n : HS_SUBPROCESS_ANSWER;
		struct hs_buf text = { 0 }, expected = { 0 }, answers = { 0 };

		for (size_t k = 0; k < n; k++)
			hs_buf_putc(&text, "65 0"[k % 4]);
		hs_buf_put(&expected, text.p, kept);
		hs_buf_put_slice(&text, HS_SLICE("\n75 try again\n0\n"));
		hs_buf_put_slice(&expected, HS_SLICE("\n75 try again\n0\n"));
		feed(hs_buf_slice(&text), pieces[i % 3], &answers);
		if (!hs_slice_eq(hs_buf_slice(&answers), hs_buf_slice(&expected)))
			fail_msg("%zu bytes in pieces of %zu: %zu bytes of answers, expected %zu", n, pieces[i % 3],
			         answers.n, expected.n);
		hs_buf_free(&text);
		hs_buf_free(&expected);
		hs_buf_free(&answers);
	}
}

TEST(a_line_without_an_end_is_no_answer)
{
	struct hs_buf text = { 0 }, answers = { 0 };

	for (size_t k = 0; k < 200000; k++)
		hs_buf_putc(&text, '0');
	feed(hs_buf_slice(&text), 32768, &answers);
	assert_int_equal(answers.n, 0);
	hs_buf_free(&text);
	hs_buf_free(&answers);
}

TESTS("subprocess", make, finish)

/* pieces: a long text is handed over in parts, until nobody takes one or memory is out. */
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "warehouse/pieces.h"

#include <errno.h>

static struct hs_buf text;

FIXTURE(begin)
{
	while (text.n < 3 * HS_PIECE_BYTES)
		hs_buf_putc(&text, (char)('a' + text.n % 26));
	return 0;
}

FIXTURE(finish)
{
	wrap_reset();
	hs_buf_free(&text);
	return 0;
}

static bool put_text(const struct hs_pieces *pieces, struct hs_piece_out *out)
{
	(void)pieces;
	return hs_piece_out_put(out, hs_buf_slice(&text));
}

static const struct hs_pieces pieces = { .put = put_text };

static bool take_some(void *context, struct hs_slice piece)
{
	assert_true(piece.n > 0);
	return --*(int *)context > 0;
}

TEST(all_of_them_are_the_text)
{
	struct hs_buf out = { 0 };
	size_t n;

	assert_true(hs_pieces_put(&pieces, &out));
	assert_slice_equal(hs_buf_slice(&out), hs_buf_slice(&text));
	assert_true(hs_pieces_count(&pieces, &n));
	assert_int_equal(n, text.n);
	hs_buf_free(&out);
}

TEST(they_end_where_nobody_takes_one)
{
	for (int most = 1; most <= 2; most++) {
		int left = most;

		assert_false(hs_pieces_each(&pieces, take_some, &left));
		assert_int_equal(left, 0);
	}
}

TEST(they_end_without_memory)
{
	unsigned nth = 0;
	bool done;

	do {
		int left = 1000;

		wrap_fail(WRAP_REALLOC, ++nth, 1, ENOMEM);
		done = hs_pieces_each(&pieces, take_some, &left);
		wrap_reset();
	} while (!done);
	assert_true(nth > 1);
}

TESTS("pieces", begin, finish)

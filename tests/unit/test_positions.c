/*
 * positions: line_before and record_check: the line by which a saved position is known, and whether a record at a place
 * was erased, whatever fails.
 */
#include "base/io.h"
#include "spool/position/line_before.h"
#include "spool/position/record_check.h"
#include "spool/shared/spool_dir.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- line_before -------------------------------------------------------------------------------- */

static int file_of(const struct hs_buf *text)
{
	int fd = memfd_create("lines", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(hs_io_write_at(fd, text->p, text->n, 0), 0);
	return fd;
}

/* Lines of all lengths around the bytes that are read at once, each found from where it ends. */
TEST(the_line_before_a_place)
{
	static const size_t lengths[] = { 0, 5, 65534, 65535, 65536, 65537, 131072, 300000, 1, 0, 7 };
	enum { COUNT = sizeof lengths / sizeof *lengths };
	struct hs_line_reader lines = { 0 };
	struct hs_buf text = { 0 };
	struct hs_slice line;
	uint64_t end[COUNT];
	int fd;

	for (size_t i = 0; i < COUNT; i++) {
		for (size_t n = 0; n < lengths[i]; n++)
			hs_buf_putc(&text, (char)('a' + i));
		hs_buf_putc(&text, '\n');
		end[i] = text.n;
	}
	fd = file_of(&text);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(hs_line_before(&lines, fd, end[i], &line), 1);
		assert_slice_equal(line, hs_slice(text.p + end[i] - 1 - lengths[i], lengths[i]));
	}
	assert_int_equal(hs_line_before(&lines, fd, end[1] - 2, &line), 0);  /* in the middle of a line */
	assert_int_equal(hs_line_before(&lines, fd, end[7] - 20, &line), 0); /* … of a long one */
	assert_int_equal(hs_line_before(&lines, fd, 3, &line), 0);
	assert_int_equal(hs_line_before(&lines, fd, 0, &line), 0); /* before the first one */
	assert_int_equal(hs_line_before(&lines, fd, text.n + 100, &line), 0);
	for (unsigned nth = 1; nth < 3; nth++) {
		wrap_fail(WRAP_PREAD, nth, 1, EIO);
		assert_int_equal(hs_line_before(&lines, fd, end[7], &line), -1);
		assert_int_equal(errno, EIO);
		wrap_reset();
	}
	hs_line_reader_free(&lines);
	hs_buf_free(&text);
	close(fd);
}

/* It begins at byte 0, or so near to it that the bytes read at once begin within it. */
TEST(the_first_line_before_a_place)
{
	for (size_t n = 65534; n <= 65538; n++) {
		struct hs_line_reader lines = { 0 };
		struct hs_buf text = { 0 };
		struct hs_slice line;
		int fd;

		memset(hs_buf_reserve(&text, n + 1), 'a', n);
		text.n = n;
		hs_buf_putc(&text, '\n');
		fd = file_of(&text);
		assert_int_equal(hs_line_before(&lines, fd, text.n, &line), 1);
		assert_int_equal(line.n, n);
		hs_line_reader_free(&lines);
		hs_buf_free(&text);
		close(fd);
	}
}

/* --- record_check -------------------------------------------------------------------------------- */

static struct hs_opened_spool opened = SPOOLDIR_CLOSED;
static struct hs_rewrite_log *rewrites;

FIXTURE(close_all)
{
	hs_rewrite_log_close(rewrites);
	rewrites = NULL;
	hs_spool_dir_close(&opened);
	return finish(state);
}

/* The records of a segment, of which the second and the fourth are erased after their places were noted. */
static void erase_two(struct hs_position begin[static 5])
{
	make("rotate_min_gap = 0\ncompress = none\n");
	put("a anna@b c anna@d e");
	rotate();
	for (unsigned i = 0; i < 5; i++)
		begin[i] = position_after(i);
	begin[0].number = 1;
	assert_int_equal(events_erase(s.spool, &s.d, "anna"), 2);
	assert_result(hs_spool_dir_open(&opened, s.d.settings, false), HS_OK);
	assert_result(hs_rewrite_log_open(&opened.dir, &rewrites), HS_OK);
}

TEST(records_that_were_erased_are_told)
{
	struct hs_position begin[5];
	struct hs_record_check check;

	erase_two(begin);
	check = (struct hs_record_check){ .rewrites = rewrites };
	for (int i = 0; i < 5; i++) {
		struct hs_record_origin origin = { .rewrites = rewrites, .begin = begin[i] };
		uint64_t seen = 0;
		bool erased;

		assert_result(hs_record_check(&check, begin[i], &seen, &erased), HS_OK);
		assert_int_equal(erased, i % 2);
		assert_int_equal(seen, 1);
		assert_result(hs_record_origin_look(&origin, &erased), HS_OK);
		assert_int_equal(erased, i % 2);
	}
}

/* A failure is no answer, and the next question is asked anew. */
TEST(records_of_which_nothing_is_known)
{
	static const enum wrap_call calls[] = { WRAP_FLOCK, WRAP_PREAD };
	struct hs_position begin[5];
	unsigned failed = 0;

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (unsigned nth = 1; nth < 5; nth++) {
			struct hs_record_check check = { 0 };
			uint64_t seen = 0;
			bool erased;
			enum hs_result result;

			erase_two(begin);
			check.rewrites = rewrites;
			wrap_reset();
			wrap_fail(calls[i], nth, 1, EIO);
			result = hs_record_check(&check, begin[1], &seen, &erased);
			wrap_reset();
			failed += result != HS_OK;
			assert_true(result == HS_OK ? erased : seen == 0);
			hs_record_check_again(&check);
			assert_result(hs_record_check(&check, begin[1], &seen, &erased), HS_OK);
			assert_int_equal(erased, result != HS_OK || seen == 0);
			close_all(NULL);
		}
	assert_true(failed > 2);
}

TESTS("positions", NULL, close_all)

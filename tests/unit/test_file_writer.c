/* file_writer: hs_file_writer_end puts the file on stable storage, or reports that it could not. */
#include "base/io.h"
#include "spool/file/file_writer.h"
#include "spool/file/gzip.h"
#include "spool/file/line_reader.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static enum hs_result write_one(bool gzip)
{
	FILE *file = tmpfile();
	struct hs_file_writer w = { 0 };
	enum hs_result r;

	assert_non_null(file);
	r = hs_file_writer_start(&w, fileno(file), gzip);
	if (r == HS_OK)
		r = hs_file_writer_put(&w, HS_SLICE("a line\n"));
	if (r == HS_OK)
		r = hs_file_writer_end(&w);
	hs_file_writer_free(&w);
	fclose(file);
	return r;
}

TEST(the_end_is_synced)
{
	for (int gzip = 0; gzip < 2; gzip++) {
		wrap_reset();
		assert_result(write_one(gzip), HS_OK);
		assert_int_equal(wrap_count(WRAP_FDATASYNC), 1);
	}
}

/* The original is deleted next, so a failed sync must not go unnoticed. */
TEST(a_failed_sync_is_reported)
{
	for (int gzip = 0; gzip < 2; gzip++) {
		wrap_reset();
		wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
		assert_result(write_one(gzip), HS_E_SYNC);
	}
	wrap_reset();
}

/* --- members that were compressed elsewhere --------------------------------------------------- */

/* Puts a text, and then a member that claims to be that text; returns what is in the file. */
static struct hs_buf with_member(struct hs_slice text, struct hs_slice member)
{
	FILE *file = tmpfile();
	struct hs_line_reader lines = { 0 };
	struct hs_file_writer w = { 0 };
	struct hs_buf got = { 0 };
	struct hs_slice line;

	assert_non_null(file);
	assert_result(hs_file_writer_start(&w, fileno(file), true), HS_OK);
	assert_result(hs_file_writer_put(&w, text), HS_OK);
	assert_result(hs_file_writer_member(&w, member), HS_OK);
	assert_result(hs_file_writer_put(&w, HS_SLICE("end\n")), HS_OK);
	assert_result(hs_file_writer_end(&w), HS_OK);
	hs_file_writer_free(&w);
	assert_true(hs_line_reader_start_gzip(&lines, fileno(file), 0));
	while (hs_line_reader_next(&lines, &line) == 1) {
		hs_buf_put_slice(&got, line);
		hs_buf_putc(&got, '\n');
	}
	hs_line_reader_free(&lines);
	fclose(file);
	return got;
}

/* A member of another text, or none at all, is not believed: the text itself is compressed. */
TEST(a_member_that_does_not_fit)
{
	struct hs_gzip *gzip = hs_gzip_new();
	struct hs_slice made;
	struct hs_buf got;
	char other[512];
	size_t n;

	assert_non_null(gzip);
	made = hs_gzip_member(gzip, HS_SLICE("a longer text\n"));
	n = made.n;
	assert_in_range(n, 1, sizeof other);
	memcpy(other, made.p, n);
	for (int i = 0; i < 3; i++) {
		got = with_member(HS_SLICE("text\n"), i == 0   ? hs_slice(other, n)
		                                      : i == 1 ? HS_SLICE("no member")
		                                               : HS_SLICE(""));
		assert_slice_equal(hs_buf_slice(&got), HS_SLICE("text\nend\n"));
		hs_buf_free(&got);
	}
	got = with_member(HS_SLICE("a longer text\n"), hs_slice(other, n));
	assert_slice_equal(hs_buf_slice(&got), HS_SLICE("a longer text\nend\n"));
	hs_buf_free(&got);
	hs_gzip_free(gzip);
}

TEST(without_memory_nothing_is_left_out)
{
	for (int gzip = 0; gzip < 2; gzip++)
		for (int call = WRAP_CALLOC; call <= WRAP_MALLOC; call++)
			for (unsigned nth = 1; nth < 8; nth++) {
				wrap_reset();
				wrap_fail((enum wrap_call)call, nth, 1, ENOMEM);
				if (write_one(gzip) == HS_OK)
					assert_true(wrap_count((enum wrap_call)call) < nth);
			}
	wrap_reset();
	assert_result(write_one(true), HS_OK);
}

TESTS("file_writer", NULL, NULL)

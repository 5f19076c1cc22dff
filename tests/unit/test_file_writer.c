/* file_writer: hs_file_writer_end puts the file on stable storage, or reports that it could not. */
#include "base/io.h"
#include "spool/file/file_writer.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdio.h>

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

TESTS("file_writer", NULL, NULL)

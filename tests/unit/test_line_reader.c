/* line_reader: files of lines, plain and gzip, around the borders of a chunk. */
#include "base/io.h"
#include "spool/file/gzip.h"
#include "spool/file/line_reader.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_dir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

enum { CHUNK = 1 << 18 }; /* as in line_reader.c: what is read at once */

FIXTURE(tell_and_end)
{
	fail_each_tell();
	return temp_dir_end(state);
}

static int file_of(struct hs_slice text)
{
	int fd = memfd_create("lines", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(hs_io_write_at(fd, text.p, text.n, 0), 0);
	return fd;
}

static int gzip_of(struct hs_slice text)
{
	int fd = memfd_create("lines", MFD_CLOEXEC), copy = dup(fd);
	gzFile file = gzdopen(copy, "wb1");

	assert_non_null(file);
	assert_int_equal(gzwrite(file, text.p, (unsigned)text.n), text.n);
	assert_int_equal(gzclose(file), Z_OK);
	return fd;
}

static void expect_next(struct hs_line_reader *l, int result, const char *text)
{
	struct hs_slice line = HS_SLICE_NONE;

	assert_int_equal(hs_line_reader_next(l, &line), result);
	if (result > 0)
		assert_slice_equal(line, hs_slice_str(text));
}

TEST(lines_one_by_one)
{
	struct hs_line_reader l = { 0 };
	int fd = file_of(HS_SLICE("one\n\nthree\nfour"));

	hs_line_reader_start(&l, fd, 0, UINT64_MAX);
	expect_next(&l, 1, "one");
	assert_int_equal(l.at, 4);
	expect_next(&l, 1, "");
	assert_int_equal(l.at, 5);
	expect_next(&l, 1, "three");
	expect_next(&l, 2, "four");
	assert_int_equal(l.at, 15);
	expect_next(&l, 0, NULL);
	expect_next(&l, 0, NULL);
	hs_line_reader_start(&l, fd, 5, 10); /* nothing after the end is read */
	expect_next(&l, 2, "three");
	expect_next(&l, 0, NULL);
	hs_line_reader_start(&l, fd, 5, 11);
	expect_next(&l, 1, "three");
	expect_next(&l, 0, NULL);
	hs_line_reader_start(&l, fd, 100, 200);
	expect_next(&l, 0, NULL);
	hs_line_reader_start(&l, fd, 4, 4);
	expect_next(&l, 0, NULL);
	hs_line_reader_free(&l);
	close(fd);
}

/* Lines whose newline lies around the borders of a chunk. */
TEST(borders)
{
	static const int lengths[] = { CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7, 1 };
	struct hs_line_reader l = { 0 };
	struct hs_buf text = { 0 };

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		for (int j = 0; j < lengths[i]; j++)
			hs_buf_putc(&text, (char)('a' + (int)i));
		hs_buf_putc(&text, '\n');
	}
	for (int zip = 0; zip < 2; zip++) {
		int fd = zip ? gzip_of(hs_buf_slice(&text)) : file_of(hs_buf_slice(&text));

		if (zip)
			assert_true(hs_line_reader_start_gzip(&l, fd, 0));
		else
			hs_line_reader_start(&l, fd, 0, text.n);
		for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
			struct hs_slice line;

			assert_int_equal(hs_line_reader_next(&l, &line), 1);
			assert_int_equal(line.n, lengths[i]);
			assert_int_equal(line.p[0], 'a' + (int)i);
			assert_int_equal(line.p[line.n - 1], 'a' + (int)i);
		}
		assert_int_equal(l.at, text.n);
		expect_next(&l, 0, NULL);
		close(fd);
	}
	hs_line_reader_free(&l);
	hs_buf_free(&text);
}

TEST(gzip_from_an_offset)
{
	struct hs_line_reader l = { 0 };
	int fd = gzip_of(HS_SLICE("one\ntwo\nthree\n"));

	assert_true(hs_line_reader_start_gzip(&l, fd, 4));
	assert_int_equal(l.at, 4);
	expect_next(&l, 1, "two");
	expect_next(&l, 1, "three");
	expect_next(&l, 0, NULL);
	assert_true(hs_line_reader_start_gzip(&l, fd, 14));
	expect_next(&l, 0, NULL);
	hs_line_reader_start(&l, fd, 0, 0); /* plain again */
	assert_null(l.inflater);
	hs_line_reader_free(&l);
	close(fd);
}

/* A foreign file or pipe, plain or compressed; a line that is too long comes in parts. */
TEST(a_foreign_file)
{
	struct hs_buf text = { 0 };
	struct hs_line_reader l = { 0 };

	hs_buf_put_slice(&text, HS_SLICE("one\n"));
	for (int i = 0; i < CHUNK + 9; i++)
		hs_buf_putc(&text, 'x');
	hs_buf_put_slice(&text, HS_SLICE("\ntwo\nlonger than ten\nthree"));
	for (int zip = 0; zip < 2; zip++)
		for (int stream = 0; stream < 2; stream++) {
			int fd = zip ? gzip_of(hs_buf_slice(&text)) : file_of(hs_buf_slice(&text));

			assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
			assert_true(hs_line_reader_start_outside(&l, fd, stream, 10, 0));
			expect_next(&l, 1, "one");
			for (int part = 0; part < (CHUNK + 9) / 10; part++)
				expect_next(&l, 3, "xxxxxxxxxx");
			expect_next(&l, 1, "xxx");
			assert_int_equal(l.at, 4 + CHUNK + 10);
			expect_next(&l, 1, "two");
			expect_next(&l, 3, "longer tha");
			hs_line_reader_back(&l, 3);
			expect_next(&l, 1, "than ten");
			expect_next(&l, 2, "three");
			expect_next(&l, 0, NULL);
			assert_int_equal(l.at, text.n);
			lseek(fd, 0, SEEK_SET);
			assert_true(hs_line_reader_start_outside(&l, fd, stream, 10, 4 + CHUNK + 10));
			expect_next(&l, 1, "two");
			lseek(fd, 0, SEEK_SET);
			assert_true(hs_line_reader_start_outside(&l, fd, stream, 10, 4 + CHUNK + 10 + 4 + 3));
			expect_next(&l, 3, "ger than t"); /* from the middle of a line */
			close(fd);
		}
	hs_line_reader_free(&l);
	hs_buf_free(&text);
}

TEST(a_foreign_pipe_in_pieces)
{
	struct hs_line_reader l = { 0 };
	int ends[2], empty = file_of(HS_SLICE(""));

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "o", 1), 1);
	close(ends[1]); /* one byte: too few to tell what it is */
	assert_true(hs_line_reader_start_outside(&l, ends[0], true, 10, 0));
	expect_next(&l, 2, "o");
	assert_true(hs_line_reader_start_outside(&l, empty, false, 10, 0));
	expect_next(&l, 0, NULL);
	hs_line_reader_free(&l);
	close(ends[0]);
	close(empty);
}

/* Every cut and every wrong byte is noticed before the end is reported. */
TEST(damage)
{
	struct hs_line_reader l = { 0 };
	struct hs_slice line;
	char bytes[256];
	int fd = gzip_of(HS_SLICE("{\"one\":1}\n{\"two\":2}\n"));
	ssize_t n = hs_io_read_at(fd, bytes, sizeof bytes, 0);
	int more;

	close(fd);
	for (ssize_t cut = 0; cut < n; cut++) {
		fd = file_of(hs_slice(bytes, (size_t)cut));
		assert_true(hs_line_reader_start_gzip(&l, fd, 0));
		while ((more = hs_line_reader_next(&l, &line)) > 0)
			continue;
		assert_int_equal(more, -1);
		assert_int_equal(errno, EILSEQ);
		close(fd);
	}
	for (ssize_t at = 10; at < n; at++) { /* after the header, which is not checked */
		bytes[at] ^= 0x55;
		fd = file_of(hs_slice(bytes, (size_t)n));
		assert_true(hs_line_reader_start_gzip(&l, fd, 0));
		while ((more = hs_line_reader_next(&l, &line)) > 0)
			continue;
		assert_int_equal(more, -1);
		close(fd);
		bytes[at] ^= 0x55;
	}
	hs_line_reader_free(&l);
}

/* Lines before the damage are delivered, even if they were inflated together with it. */
TEST(lines_before_the_damage)
{
	struct hs_buf text = { 0 };
	struct hs_line_reader l = { 0 };
	struct hs_slice line;
	char bytes[8192];
	int fd, lines = 0, more;
	ssize_t n;

	for (int i = 0; i < 1000; i++) {
		char one[32];

		snprintf(one, sizeof one, "{\"n\":%d}\n", i);
		hs_buf_put_slice(&text, hs_slice_str(one));
	}
	fd = gzip_of(hs_buf_slice(&text));
	n = hs_io_read_at(fd, bytes, sizeof bytes, 0);
	assert_in_range(n, 1000, sizeof bytes - 1);
	close(fd);
	bytes[n - 8] ^= 0x55; /* the check sum: all of the text is before it */
	fd = file_of(hs_slice(bytes, (size_t)n));
	assert_true(hs_line_reader_start_gzip(&l, fd, 0));
	while ((more = hs_line_reader_next(&l, &line)) == 1)
		lines++;
	assert_int_equal(more, -1);
	assert_int_equal(errno, EILSEQ);
	assert_int_equal(lines, 1000);
	assert_int_equal(hs_line_reader_next(&l, &line), -1);
	hs_line_reader_free(&l);
	hs_buf_free(&text);
	close(fd);
}

enum { LINES = 20 };

/* Three members as in gzip.h; *begin and *end are those of the second one. */
static void three_members(struct hs_buf *file, size_t *begin, size_t *end)
{
	struct hs_gzip *gzip = hs_gzip_new();

	for (int member = 0; member < 3; member++) {
		struct hs_buf text = { 0 };

		for (int i = 0; i < LINES; i++)
			hs_buf_printf(&text, "{\"member\":%d,\"line\":%d}\n", member, i);
		*begin = member == 1 ? file->n : *begin;
		hs_buf_put_slice(file, hs_gzip_member(gzip, hs_buf_slice(&text)));
		*end = member == 1 ? file->n : *end;
		hs_buf_free(&text);
	}
	hs_gzip_free(gzip);
}

/* Expects every line of this member. */
static void expect_member(struct hs_line_reader *l, int member)
{
	for (int i = 0; i < LINES; i++) {
		char text[64];

		snprintf(text, sizeof text, "{\"member\":%d,\"line\":%d}", member, i);
		expect_next(l, 1, text);
	}
}

TEST(the_size_of_a_gzip_files_text)
{
	struct hs_line_reader l = { 0 };
	struct hs_buf file = { 0 };
	uint64_t bytes = 0, inflated;
	size_t begin, end;
	int fd;

	three_members(&file, &begin, &end);
	fd = file_of(hs_buf_slice(&file));
	assert_true(hs_line_reader_start_gzip(&l, fd, 0));
	for (int member = 0; member < 3; member++)
		expect_member(&l, member);
	inflated = l.at;
	assert_true(hs_line_reader_gzip_size(&l, fd, &bytes));
	assert_int_equal(bytes, inflated);
	close(fd);
	fd = file_of(hs_slice(file.p, end - 1)); /* cut */
	assert_false(hs_line_reader_gzip_size(&l, fd, &bytes));
	close(fd);
	fd = gzip_of(HS_SLICE("one\n")); /* the head of another program's does not tell it */
	assert_false(hs_line_reader_gzip_size(&l, fd, &bytes));
	close(fd);
	hs_line_reader_free(&l);
	hs_buf_free(&file);
}

/* Nothing of a member is returned whose check sum is wrong; what follows it is whole. False: no line is gone. */
static bool expect_damage(struct hs_line_reader *l)
{
	struct hs_slice line;

	expect_member(l, 0);
	if (hs_line_reader_next(l, &line) == 1) { /* a bit that nobody reads, after the last of the text */
		hs_line_reader_back(l, line.n + 1);
		expect_member(l, 1);
		expect_member(l, 2);
		return false;
	}
	assert_int_equal(errno, EILSEQ);
	expect_next(l, -1, NULL);
	assert_int_equal(errno, EILSEQ);
	assert_true(hs_line_reader_pass_damage(l));
	expect_member(l, 2);
	return true;
}

TEST(a_damaged_member)
{
	struct hs_line_reader l = { 0 };
	struct hs_buf file = { 0 };
	size_t begin = 0, end = 0, whole = 0;

	three_members(&file, &begin, &end);
	for (size_t at = begin + HS_GZIP_HEAD; at < end; at++)
		for (int bit = 0; bit < 8; bit++) {
			int fd;

			file.p[at] ^= (char)(1 << bit);
			fd = file_of(hs_buf_slice(&file));
			assert_true(hs_line_reader_start_gzip(&l, fd, 0));
			whole += !expect_damage(&l);
			expect_next(&l, 0, NULL);
			file.p[at] ^= (char)(1 << bit);
			close(fd);
		}
	assert_true(whole < 8);
	hs_line_reader_free(&l);
	hs_buf_free(&file);
}

/* The check sum tells that the text is right, and where the member ends. */
TEST(a_damaged_size_in_a_head)
{
	struct hs_line_reader l = { 0 };
	struct hs_buf file = { 0 };
	size_t begin = 0, end = 0;

	three_members(&file, &begin, &end);
	for (size_t at = begin + HS_GZIP_HEAD - 8; at < begin + HS_GZIP_HEAD; at++)
		for (int bit = 0; bit < 8; bit++) {
			int fd;

			file.p[at] ^= (char)(1 << bit);
			fd = file_of(hs_buf_slice(&file));
			assert_true(hs_line_reader_start_gzip(&l, fd, 0));
			for (int member = 0; member < 3; member++)
				expect_member(&l, member);
			expect_next(&l, 0, NULL);
			file.p[at] ^= (char)(1 << bit);
			close(fd);
		}
	hs_line_reader_free(&l);
	hs_buf_free(&file);
}

/* Without a head behind the damage nothing is passed. */
TEST(damage_that_cannot_be_passed)
{
	struct hs_line_reader l = { 0 };
	struct hs_buf file = { 0 };
	size_t begin = 0, end = 0;
	int fd;

	three_members(&file, &begin, &end);
	file.p[end - 1] ^= 1;
	file.p[end] ^= 1;
	fd = file_of(hs_buf_slice(&file));
	assert_true(hs_line_reader_start_gzip(&l, fd, 0));
	expect_member(&l, 0);
	expect_next(&l, -1, NULL);
	assert_false(hs_line_reader_pass_damage(&l));
	expect_next(&l, -1, NULL);
	assert_int_equal(errno, EILSEQ);
	hs_line_reader_free(&l);
	hs_buf_free(&file);
	close(fd);
}

TEST(reading_fails)
{
	struct hs_line_reader l = { 0 };
	struct hs_slice line;
	int fd = file_of(HS_SLICE("one\n"));

	wrap_reset();
	hs_line_reader_start(&l, fd, 0, 4);
	wrap_fail(WRAP_PREAD, 1, 1, EIO);
	assert_int_equal(hs_line_reader_next(&l, &line), -1);
	assert_int_equal(errno, EIO);
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_false(hs_line_reader_start_gzip(&l, fd, 0));
	wrap_reset();
	hs_line_reader_free(&l);
	close(fd);
}

TEST(what_a_record_is)
{
	struct hs_json json = { 0 };

	assert_result(hs_line_check(&json, HS_SLICE("{}")), HS_OK);
	assert_result(hs_line_check(&json, HS_SLICE("{\"a\":[1,null]}")), HS_OK);
	assert_true(hs_line_check(&json, HS_SLICE("")) != HS_OK);
	assert_true(hs_line_check(&json, HS_SLICE("[1]")) != HS_OK);
	assert_true(hs_line_check(&json, HS_SLICE("{\"a\":1")) != HS_OK);
	assert_true(hs_line_check(&json, HS_SLICE("{}{}")) != HS_OK);
	assert_true(hs_line_check(&json, HS_SLICE("{\"a\":\"\0\"}")) != HS_OK);
	assert_true(hs_line_check(&json, HS_SLICE("\0\0\0\0")) != HS_OK);
	hs_json_free(&json);
}

/* --- a plain file and its compressed form -------------------------------------------------------- */

static struct hs_pair pair;
static const char *gz_text;

static void write_pair(void)
{
	gzFile file;

	temp_dir_end(NULL);
	temp_dir_begin(NULL);
	spooldir_write(&temp.d, "plain", HS_SLICE("one\ntwo\n"));
	file = gzopen(spooldir_path(&temp.d, "gz"), "wb");
	assert_int_equal(gzwrite(file, gz_text, (unsigned)strlen(gz_text)), strlen(gz_text));
	assert_int_equal(gzclose(file), Z_OK);
}

static enum hs_result run_pair(void)
{
	return hs_line_reader_pair(temp.fd, "plain", "gz", &pair);
}

static void is_same(void)
{
	assert_true(pair.both && pair.same && pair.inode[0] == (uint64_t)spooldir_inode(&temp.d, "plain"));
}

/* The plain one would be removed: whatever fails, another text is never the same. */
TEST_WITH(the_two_forms_are_the_same, temp_dir_begin, tell_and_end)
{
	gz_text = "one\ntwo\n";
	fail_each(&(struct job){ write_pair, run_pair, is_same, 0 });
}

static void is_other(void)
{
	assert_true(pair.both && !pair.same);
}

TEST_WITH(the_two_forms_differ, temp_dir_begin, tell_and_end)
{
	static const char *const texts[] = { "one\ntwO\n", "one\n", "one\ntwo\nthree\n", "one\ntwo", "" };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		gz_text = texts[i];
		fail_each(&(struct job){ write_pair, run_pair, is_other, 0 });
	}
}

/* The disk fails before the place at which a foreign file is to be read on. */
TEST(reading_fails_before_the_place)
{
	struct hs_line_reader l = { 0 };
	char line[32];
	struct hs_buf text = { 0 };
	int fd;

	for (unsigned i = 0; i < 300000; i++)
		hs_buf_put(&text, line, (size_t)snprintf(line, sizeof line, "%u\n", i * 7919U % 100003U));
	fd = gzip_of(hs_buf_slice(&text));
	wrap_fail(WRAP_PREAD, 2, 1, EIO);
	assert_false(hs_line_reader_start_outside(&l, fd, false, 0, text.n - 6));
	assert_int_equal(errno, EIO);
	hs_line_reader_free(&l);
	assert_true(hs_line_reader_start_outside(&l, fd, false, 0, text.n - (size_t)strlen(line)));
	line[strlen(line) - 1] = '\0';
	expect_next(&l, 1, line);
	hs_line_reader_free(&l);
	hs_buf_free(&text);
	close(fd);
}

TESTS("line_reader", NULL, NULL)

/* gzip: the writer makes an ordinary gzip file that can be read from anywhere. */
#include "base/io.h"
#include "spool/file/file_writer.h"
#include "spool/file/gzip.h"
#include "spool/file/line_reader.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { MEGABYTE = 1 << 20, HEAD_PLAIN = 20 };

/* Lines of different lengths, `bytes` in all or a little more; one of them is longer than a member. */
static void fill(struct hs_buf *text, size_t bytes)
{
	for (int i = 0; text->n < bytes; i++) {
		char line[64];
		int n = snprintf(line, sizeof line, "{\"n\":%d,\"x\":\"%.*s\"}\n", i, i % 17, "abcdefghijklmnopq");

		if (i == 50000)
			for (int j = 0; j < 3 * MEGABYTE; j++)
				hs_buf_putc(text, (char)('a' + j % 26));
		hs_buf_put(text, line, (size_t)n);
	}
	assert_true(hs_buf_ok(text));
}

static int write_gzip(struct hs_slice text, size_t piece, enum hs_file_writer_form form)
{
	int fd = memfd_create("gzip", MFD_CLOEXEC);
	struct hs_file_writer w = { 0 };

	assert_result(hs_file_writer_start(&w, fd, form), HS_OK);
	for (size_t at = 0; at < text.n; at += piece)
		assert_result(hs_file_writer_put(&w, hs_slice(text.p + at, text.n - at < piece ? text.n - at : piece)),
		              HS_OK);
	assert_result(hs_file_writer_end(&w), HS_OK);
	assert_int_equal(w.text_crc, hs_crc32(0, text));
	hs_file_writer_free(&w);
	return fd;
}

/* zlib's gzread takes plain files, too: the first bytes must say gzip. */
static void expect_zlib_reads(int fd, struct hs_slice text)
{
	int copy = dup(fd);
	char *back = malloc(text.n + 2);
	gzFile file;

	assert_non_null(back);
	assert_int_equal(hs_io_read_at(fd, back, 2, 0), 2);
	assert_memory_equal(back, "\x1f\x8b", 2);
	assert_int_equal(lseek(copy, 0, SEEK_SET), 0);
	file = gzdopen(copy, "rb");
	assert_non_null(file);
	assert_int_equal(gzread(file, back, (unsigned)text.n + 1), text.n);
	assert_int_equal(gzclose(file), Z_OK);
	assert_slice_equal(hs_slice(back, text.n), text);
	free(back);
}

TEST(zlib_reads_it)
{
	static const size_t sizes[] = { 0, 1, 100, MEGABYTE - 1, MEGABYTE, MEGABYTE + 1, 5 * MEGABYTE };
	struct hs_buf text = { 0 };

	fill(&text, 6 * MEGABYTE);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (int form = HS_FILE_WRITER_GZIP; form <= HS_FILE_WRITER_GZIP_SHARED; form++) {
			struct hs_slice part = hs_slice(text.p, sizes[i]);
			int fd = write_gzip(part, 70000, (enum hs_file_writer_form)form);

			expect_zlib_reads(fd, part);
			close(fd);
		}
	hs_buf_free(&text);
}

/* The sizes in the heads lead from member to member; each ends with a line, except in the long line. */
TEST(heads_lead_through_the_file)
{
	struct hs_buf text = { 0 };
	uint64_t at = 0, plain_at = 0, whole = 0;
	uint32_t member, plain;
	char head[HS_GZIP_HEAD];
	struct stat st;
	int fd;

	fill(&text, 8 * MEGABYTE);
	fd = write_gzip(hs_buf_slice(&text), 1000, HS_FILE_WRITER_GZIP);
	assert_int_equal(fstat(fd, &st), 0);
	for (; at < (uint64_t)st.st_size; at += member) {
		assert_int_equal(hs_io_read_at(fd, head, sizeof head, at), sizeof head);
		assert_true(hs_gzip_head(hs_slice(head, sizeof head), &member, &plain));
		plain_at += plain;
		whole += text.p[plain_at - 1] == '\n';
	}
	assert_int_equal(at, st.st_size);
	assert_int_equal(plain_at, text.n);
	assert_true(whole >= 5);
	close(fd);
	hs_buf_free(&text);
}

/* Reads from each of many lines on, as from the start. */
TEST(reading_begins_anywhere)
{
	struct hs_buf text = { 0 };
	struct hs_line_reader l = { 0 };
	size_t at = 0, n = 0;
	int fd;

	fill(&text, 8 * MEGABYTE);
	fd = write_gzip(hs_buf_slice(&text), 200000, HS_FILE_WRITER_GZIP);
	while (at < text.n) {
		size_t line = (size_t)((char *)memchr(text.p + at, '\n', text.n - at) - (text.p + at));
		struct hs_slice got;

		if (n++ % 2111 == 0) {
			assert_true(hs_line_reader_start_gzip(&l, fd, at));
			assert_int_equal(l.at, at);
			assert_int_equal(hs_line_reader_next(&l, &got), 1);
			assert_slice_equal(got, hs_slice(text.p + at, line));
		}
		at += line + 1;
	}
	assert_true(hs_line_reader_start_gzip(&l, fd, text.n));
	assert_int_equal(hs_line_reader_next(&l, &(struct hs_slice){ 0 }), 0);
	hs_line_reader_free(&l);
	close(fd);
	hs_buf_free(&text);
}

/* Skipped members are not inflated, so they may be damaged. But a cut file is noticed. */
TEST(members_before_it_are_not_inflated)
{
	struct hs_buf text = { 0 };
	struct hs_line_reader l = { 0 };
	struct hs_slice line;
	struct stat st;
	int fd;

	fill(&text, 4 * MEGABYTE);
	fd = write_gzip(hs_buf_slice(&text), 200000, HS_FILE_WRITER_GZIP);
	assert_int_equal(pwrite(fd, "damage", 6, 1000), 6);
	assert_true(hs_line_reader_start_gzip(&l, fd, text.n));
	assert_int_equal(l.at, text.n);
	assert_int_equal(hs_line_reader_next(&l, &line), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, st.st_size - 1), 0);
	assert_true(hs_line_reader_start_gzip(&l, fd, text.n));
	assert_int_equal(hs_line_reader_next(&l, &line), -1);
	assert_int_equal(errno, EILSEQ);
	hs_line_reader_free(&l);
	close(fd);
	hs_buf_free(&text);
}

/* Gzip files of other programs, and forged heads, have no such members. */
TEST(other_heads_are_told_apart)
{
	struct hs_gzip *g = hs_gzip_new();
	struct hs_slice member = hs_gzip_member(g, HS_SLICE("text\n"));
	uint32_t bytes, plain;
	char head[HS_GZIP_HEAD];

	assert_true(hs_gzip_head(member, &bytes, &plain));
	assert_int_equal(bytes, member.n);
	assert_int_equal(plain, 5);
	assert_false(hs_gzip_head(hs_slice(member.p, HS_GZIP_HEAD - 1), &bytes, &plain));
	memcpy(head, member.p, sizeof head);
	head[3] = 0; /* no extra field */
	assert_false(hs_gzip_head(hs_slice(head, sizeof head), &bytes, &plain));
	memcpy(head, member.p, sizeof head);
	memset(head + HEAD_PLAIN, 0xFF, 4);
	assert_false(hs_gzip_head(hs_slice(head, sizeof head), &bytes, &plain));
	memset(head + HEAD_PLAIN - 4, 0, 4); /* skipping a member of no bytes would never end */
	memset(head + HEAD_PLAIN, 0, 4);
	assert_false(hs_gzip_head(hs_slice(head, sizeof head), &bytes, &plain));
	hs_gzip_free(g);
}

/* Failed writes and allocations are reported. */
TEST(failures_are_reported)
{
	struct hs_file_writer w = { 0 };
	int fd = memfd_create("gzip", MFD_CLOEXEC);

	wrap_reset();
	assert_result(hs_file_writer_start(&w, fd, HS_FILE_WRITER_GZIP_BACKGROUND), HS_OK);
	assert_result(hs_file_writer_put(&w, HS_SLICE("a line\n")), HS_OK);
	wrap_fail(WRAP_PWRITE, 1, 1, ENOSPC);
	assert_result(hs_file_writer_end(&w), HS_E_FULL);
	hs_file_writer_free(&w);
	wrap_reset();
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_result(hs_file_writer_start(&w, fd, HS_FILE_WRITER_GZIP), HS_E_MEMORY);
	hs_file_writer_free(&w);
	wrap_reset();
	close(fd);
}

TESTS("gzip", NULL, NULL)

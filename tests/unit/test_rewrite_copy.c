/*
 * rewrite_copy: a copy of a gzip file has the lines that are kept, as a filter of the plain text finds
 * them; members without a line that goes are copied as they are.
 */
#include "spool/file/gzip.h"
#include "spool/position/rewrite_copy.h"
#include "tests/lib/random.h"
#include "tests/lib/temp_spool.h"
#include "tests/lib/zlib_gunzip.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MEMBERS = 7, LINES_MAX = 1 << 14, TEXT_MAX = 12 << 20 };

/* The original, its lines, and which of them go. */
static struct {
	struct hs_buf text;
	int fd;
	size_t line[LINES_MAX + 1]; /* where each begins; then the end of the text */
	size_t lines;
	bool goes[LINES_MAX];
} o;

static struct hs_opened_spool opened = SPOOLDIR_CLOSED;

FIXTURE(open_dir)
{
	make("");
	assert_result(hs_spool_dir_open(&opened, s.d.settings, true), HS_OK);
	return 0;
}

FIXTURE(close_dir)
{
	hs_spool_dir_close(&opened);
	if (o.fd > 0)
		close(o.fd);
	hs_buf_free(&o.text);
	memset(&o, 0, sizeof o);
	return finish(state);
}

/* Lines of a few hundred bytes; the one with the number `giant` is longer than a member. */
static void make_original(struct random_source *random, size_t giant)
{
	static char filling[3 * HS_GZIP_MEMBER];
	struct hs_file_writer w = { 0 };

	memset(filling, 'x', sizeof filling);
	hs_buf_reset(&o.text);
	for (o.lines = 0; o.text.n < (size_t)MEMBERS << 20; o.lines++) {
		char number[48];
		int n = snprintf(number, sizeof number, "%zu %u ", o.lines, random_below(random, 1 << 30));
		size_t more = o.lines == giant ? 5 * HS_GZIP_MEMBER / 2 : 500 + random_below(random, 2000);

		assert_true(o.lines < LINES_MAX);
		o.line[o.lines] = o.text.n;
		hs_buf_put(&o.text, number, (size_t)n);
		hs_buf_put(&o.text, filling, more);
		hs_buf_putc(&o.text, '\n');
	}
	o.line[o.lines] = o.text.n;
	assert_true(hs_buf_ok(&o.text));
	if (o.fd > 0)
		close(o.fd);
	o.fd = memfd_create("original", MFD_CLOEXEC);
	assert_result(hs_file_writer_start(&w, o.fd, HS_FILE_WRITER_GZIP), HS_OK);
	assert_result(hs_file_writer_put(&w, hs_buf_slice(&o.text)), HS_OK);
	assert_result(hs_file_writer_end(&w), HS_OK);
	hs_file_writer_free(&w);
}

/* The lines from offset `from` on, up to `to`, go with this chance in a thousand. */
static void choose(struct random_source *random, size_t from, size_t to, uint32_t chance)
{
	for (size_t i = 0; i < o.lines; i++)
		if (o.line[i] >= from && o.line[i] < to)
			o.goes[i] = random_below(random, 1000) < chance;
}

/* Copies the original without the lines that go. The result of the first call that fails. */
static enum hs_result make_copy(struct hs_rewrite_copy *copy, enum hs_file_writer_form form)
{
	struct hs_line_reader lines = { 0 };
	struct hs_slice line;
	enum hs_result r = hs_rewrite_copy_begin(copy, &opened.dir, "test-copy", form);

	assert_true(hs_line_reader_start_gzip(&lines, o.fd, 0));
	for (size_t i = 0; i < o.lines && r == HS_OK; i++) {
		assert_int_equal(hs_line_reader_next(&lines, &line), 1);
		assert_slice_equal(line, hs_slice(o.text.p + o.line[i], o.line[i + 1] - o.line[i] - 1));
		r = o.goes[i] ? hs_rewrite_copy_omit(copy, o.line[i], line.n + 1)
		              : hs_rewrite_copy_keep_from(copy, &lines, line, true);
	}
	if (r == HS_OK)
		r = hs_file_writer_end(&copy->writer);
	hs_line_reader_free(&lines);
	return r;
}

static struct hs_buf raw(int fd)
{
	struct hs_buf all = { 0 };
	ssize_t got = 1;

	while (got > 0) {
		char *to = hs_buf_reserve(&all, 1 << 20);

		assert_non_null(to);
		got = hs_io_read_at(fd, to, 1 << 20, all.n);
		assert_true(got >= 0);
		all.n += (size_t)got;
	}
	return all;
}

static void expect_kept_lines(const struct hs_rewrite_copy *copy)
{
	struct hs_buf want = { 0 }, got = { 0 }, file = raw(copy->file.fd);
	bool doubtful;

	for (size_t i = 0; i < o.lines; i++)
		if (!o.goes[i])
			hs_buf_put(&want, o.text.p + o.line[i], o.line[i + 1] - o.line[i]);
	assert_result(zlib_gunzip(hs_buf_slice(&file), TEXT_MAX, &got, &doubtful), HS_OK);
	assert_slice_equal(hs_buf_slice(&got), hs_buf_slice(&want));
	assert_int_equal(copy->writer.text_crc, hs_crc32(0, hs_buf_slice(&want)));
	hs_buf_free(&want);
	hs_buf_free(&got);
	hs_buf_free(&file);
}

static bool is_untouched(size_t from, size_t to)
{
	for (size_t i = 0; i < o.lines; i++)
		if (o.line[i] >= from && o.line[i] < to && o.goes[i])
			return false;
	return true;
}

/* Returns how many members of the original no line goes of; expects each of them in the copy. */
static size_t expect_untouched_members(const struct hs_rewrite_copy *copy)
{
	struct hs_buf before = raw(o.fd), after = raw(copy->file.fd);
	size_t found = 0, text_at = 0;
	uint32_t bytes, plain;

	for (size_t at = 0; at < before.n; at += bytes, text_at += plain) {
		assert_true(hs_gzip_head(hs_slice(before.p + at, before.n - at), &bytes, &plain));
		if (is_untouched(text_at, text_at + plain)) {
			assert_non_null(memmem(after.p, after.n, before.p + at, bytes));
			found++;
		}
	}
	hs_buf_free(&before);
	hs_buf_free(&after);
	return found;
}

/* In each member no, a few, half of the or all lines go. */
TEST_WITH(a_copy_has_what_a_filter_keeps, open_dir, close_dir)
{
	static const uint32_t chances[] = { 0, 1, 500, 1000 };
	uint64_t seed = random_seed();
	struct random_source random = random_new(seed);

	print_message("HS_SEED=%llu\n", (unsigned long long)seed);
	for (int form = HS_FILE_WRITER_GZIP; form <= HS_FILE_WRITER_GZIP_SHARED; form++) {
		struct hs_rewrite_copy copy = HS_REWRITE_COPY_NONE;

		make_original(&random, form == HS_FILE_WRITER_GZIP_BACKGROUND ? 900 : SIZE_MAX);
		for (size_t m = 0; m <= MEMBERS; m++)
			choose(&random, m << 20, (m + 1) << 20, chances[random_below(&random, 4)]);
		assert_result(make_copy(&copy, (enum hs_file_writer_form)form), HS_OK);
		expect_kept_lines(&copy);
		hs_rewrite_copy_drop(&copy);
	}
}

TEST_WITH(untouched_members_are_copied_as_they_are, open_dir, close_dir)
{
	struct random_source random = random_new(1);
	struct hs_rewrite_copy copy = HS_REWRITE_COPY_NONE;

	make_original(&random, SIZE_MAX);
	o.goes[0] = o.goes[o.lines / 2] = true;
	choose(&random, o.text.n - 1000, o.text.n, 1000);
	assert_result(make_copy(&copy, HS_FILE_WRITER_GZIP_SHARED), HS_OK);
	expect_kept_lines(&copy);
	assert_true(expect_untouched_members(&copy) >= MEMBERS - 3);
	hs_rewrite_copy_drop(&copy);
}

/* The writer's second thread is at work then; the copy is dropped nevertheless. */
TEST_WITH(a_write_fails, open_dir, close_dir)
{
	struct random_source random = random_new(2);
	unsigned writes;

	make_original(&random, SIZE_MAX);
	choose(&random, 0, o.text.n, 2);
	o.goes[0] = true;
	for (unsigned nth = 1; nth <= MEMBERS; nth++) {
		struct hs_rewrite_copy copy = HS_REWRITE_COPY_NONE;

		wrap_reset();
		wrap_fail(WRAP_PWRITE, nth, 1, nth % 2 == 0 ? ENOSPC : EIO);
		assert_result(make_copy(&copy, HS_FILE_WRITER_GZIP_SHARED), nth % 2 == 0 ? HS_E_FULL : HS_E_IO);
		writes = wrap_count(WRAP_PWRITE);
		hs_rewrite_copy_drop(&copy);
		assert_int_equal(writes, nth); /* nothing is written after the failure */
		assert_false(spooldir_exists(&s.d, ".hookspool/run/test-copy"));
	}
	wrap_reset();
}

/* A reader returns the lines before the member that is damaged, and none of its own. */
TEST_WITH(a_damaged_member_is_not_copied, open_dir, close_dir)
{
	struct random_source random = random_new(3);
	struct hs_line_reader lines = { 0 };
	uint64_t before = 0;
	struct hs_slice line;
	struct hs_buf file;
	uint32_t bytes, plain;
	int more;

	make_original(&random, SIZE_MAX);
	file = raw(o.fd);
	assert_true(hs_gzip_head(hs_buf_slice(&file), &bytes, &plain));
	hs_buf_free(&file);
	assert_int_equal(pwrite(o.fd, "damage", 6, bytes + bytes / 2), 6);
	assert_true(hs_line_reader_start_gzip(&lines, o.fd, 0));
	while ((more = hs_line_reader_next(&lines, &line)) == 1) {
		before = lines.at;
		assert_true((lines.member.bytes.p != NULL) == (lines.at <= plain));
	}
	assert_int_equal(more, -1);
	assert_int_equal(errno, EILSEQ);
	assert_in_range(before, 1, plain);
	hs_line_reader_free(&lines);
}

TESTS("rewrite_copy", NULL, NULL)

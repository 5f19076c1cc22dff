/*
 * file_faults: files of segments without memory, without threads, and on a disk that does not take or give them:
 * nothing is written or read that is wrong, and each failure says what it is.
 */
#include "base/io.h"
#include "spool/file/file_writer.h"
#include "spool/file/gzip.h"
#include "spool/file/line_reader.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_dir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

/* --- calls that --wrap does not reach ------------------------------------------------------------- */

static bool no_threads, no_compressor, no_inflater, no_window;
static int disk_error; /* of sync_file_range(2) */

static void *real(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	assert_non_null(function);
	return function;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *context)
{
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	*(void **)&create = real("pthread_create");
	return no_threads ? EAGAIN : create(thread, attributes, start, context);
}

struct libdeflate_compressor *libdeflate_alloc_compressor(int level)
{
	struct libdeflate_compressor *(*alloc)(int);

	*(void **)&alloc = real("libdeflate_alloc_compressor");
	return no_compressor ? NULL : alloc(level);
}

int inflateInit2_(z_streamp z, int bits, const char *version, int size)
{
	int (*init)(z_streamp, int, const char *, int);

	*(void **)&init = real("inflateInit2_");
	return no_inflater ? Z_MEM_ERROR : init(z, bits, version, size);
}

int inflate(z_streamp z, int flush)
{
	int (*next)(z_streamp, int);

	*(void **)&next = real("inflate");
	return no_window ? Z_MEM_ERROR : next(z, flush);
}

int sync_file_range(int fd, off_t offset, off_t n, unsigned flags)
{
	(void)fd;
	(void)offset;
	(void)n;
	(void)flags;
	errno = disk_error;
	return disk_error != 0 ? -1 : 0;
}

FIXTURE(tell_and_reset)
{
	fail_each_tell();
	wrap_reset();
	no_threads = no_compressor = no_inflater = no_window = false;
	disk_error = 0;
	return 0;
}

/* --- writing --------------------------------------------------------------------------------------- */

static int memory_file(void)
{
	int fd = memfd_create("lines", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Writes the text `times` times. */
static enum hs_result write_text(int fd, enum hs_file_writer_form form, struct hs_slice text, int times)
{
	struct hs_file_writer w;
	enum hs_result result = hs_file_writer_start(&w, fd, form);

	for (int i = 0; i < times && result == HS_OK; i++)
		result = hs_file_writer_put(&w, text);
	if (result == HS_OK)
		result = hs_file_writer_end(&w);
	hs_file_writer_free(&w);
	return result;
}

TEST(without_a_thread_or_a_compressor)
{
	static const enum hs_file_writer_form forms[] = { HS_FILE_WRITER_PLAIN, HS_FILE_WRITER_GZIP,
		                                          HS_FILE_WRITER_GZIP_SHARED, HS_FILE_WRITER_GZIP_BACKGROUND };
	int fd = memory_file();

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		no_threads =
		    true; /* two threads are better than one, but a thread of low priority must be another one */
		assert_result(write_text(fd, forms[i], HS_SLICE("a\n"), 1),
		              forms[i] == HS_FILE_WRITER_GZIP_BACKGROUND ? HS_E_MEMORY : HS_OK);
		no_threads = false;
		no_compressor = true;
		assert_result(write_text(fd, forms[i], HS_SLICE("a\n"), 1),
		              forms[i] == HS_FILE_WRITER_PLAIN ? HS_OK : HS_E_MEMORY);
		no_compressor = false;
	}
	close(fd);
}

/* Bytes that are handed to the disk early may be those that it cannot keep. A sandbox may forbid to hand them over. */
TEST(a_disk_that_does_not_take_it)
{
	static char text[1 << 16];
	int fd = memory_file();

	memset(text, 'x', sizeof text);
	disk_error = EIO;
	assert_result(write_text(fd, HS_FILE_WRITER_PLAIN, hs_slice(text, sizeof text), 32), HS_E_SYNC);
	disk_error = EPERM;
	assert_result(write_text(fd, HS_FILE_WRITER_PLAIN, hs_slice(text, sizeof text), 32), HS_OK);
	close(fd);
}

/* Once there was no memory for a line, the file is not whole, whatever comes after that. */
TEST(a_line_for_which_there_was_no_memory)
{
	struct hs_file_writer w;
	int fd = memory_file();

	for (int gzip = 0; gzip < 2; gzip++) {
		assert_result(hs_file_writer_start(&w, fd, gzip ? HS_FILE_WRITER_GZIP : HS_FILE_WRITER_PLAIN), HS_OK);
		wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
		assert_result(hs_file_writer_put(&w, HS_SLICE("a\n")), HS_E_MEMORY);
		wrap_reset();
		if (gzip)
			assert_result(hs_file_writer_cut(&w), HS_E_MEMORY);
		assert_result(hs_file_writer_end(&w), HS_E_MEMORY);
		hs_file_writer_free(&w);
	}
	close(fd);
}

/* The first byte of each line of a file, and its length. */
static struct hs_buf lines_of(int fd, bool gzip)
{
	struct hs_line_reader lines = { 0 };
	struct hs_buf got = { 0 };
	struct hs_slice line;

	assert_result(hs_line_reader_start_file(&lines, fd, gzip, 0, UINT64_MAX), HS_OK);
	while (hs_line_reader_next(&lines, &line) > 0)
		hs_buf_printf(&got, "%.1s %zu\n", line.p, line.n);
	hs_line_reader_free(&lines);
	return got;
}

/* A member that is longer than its text and than any of ours, or that has bytes behind it, is made again. */
TEST(members_that_are_not_taken_over)
{
	struct hs_gzip *gzip = hs_gzip_new();
	char *text = malloc(HS_GZIP_MEMBER), *copy;
	struct hs_slice member;
	uint32_t random = 1;

	assert_true(gzip != NULL && text != NULL);
	for (int i = 0; i < HS_GZIP_MEMBER; i++) { /* nothing makes it shorter */
		random = random * 1664525 + 1013904223;
		text[i] = (char)(i + 1 == HS_GZIP_MEMBER ? '\n' : random >> 24);
	}
	for (size_t n = 8; n <= HS_GZIP_MEMBER; n += HS_GZIP_MEMBER - 8) {
		struct hs_file_writer w;
		struct hs_buf got;
		int fd = memory_file();

		member = hs_gzip_member(gzip, hs_slice(text + HS_GZIP_MEMBER - n, n));
		copy = malloc(member.n + 1);
		assert_non_null(copy);
		memcpy(copy, member.p, member.n);
		copy[member.n] = 'x';
		assert_result(hs_file_writer_start(&w, fd, HS_FILE_WRITER_GZIP), HS_OK);
		assert_result(hs_file_writer_put(&w, hs_slice(text + HS_GZIP_MEMBER - n, n)), HS_OK);
		assert_result(hs_file_writer_member(&w, hs_slice(copy, member.n + (n == 8))), HS_OK);
		assert_result(hs_file_writer_put(&w, HS_SLICE("end\n")), HS_OK);
		assert_result(hs_file_writer_end(&w), HS_OK);
		hs_file_writer_free(&w);
		got = lines_of(fd, true);
		assert_true(got.n > 4);
		assert_memory_equal(got.p + got.n - 4, "e 3\n", 4);
		hs_buf_free(&got);
		free(copy);
		close(fd);
	}
	free(text);
	hs_gzip_free(gzip);
}

/* --- reading --------------------------------------------------------------------------------------- */

enum { LINES = 20 };

/* Three members as in gzip.h; *at is where the second begins. */
static struct hs_buf three_members(size_t *at)
{
	struct hs_gzip *gzip = hs_gzip_new();
	struct hs_buf file = { 0 };

	for (int member = 0; member < 3; member++) {
		struct hs_buf text = { 0 };

		*at = member == 1 ? file.n : *at;
		for (int i = 0; i < LINES; i++)
			hs_buf_printf(&text, "{\"member\":%d,\"line\":%d}\n", member, i);
		hs_buf_put_slice(&file, hs_gzip_member(gzip, hs_buf_slice(&text)));
		hs_buf_free(&text);
	}
	hs_gzip_free(gzip);
	return file;
}

static int file_of(struct hs_slice text)
{
	int fd = memory_file();

	assert_int_equal(hs_io_write_at(fd, text.p, text.n, 0), 0);
	return fd;
}

static int source; /* the file of the job below */
static int lines_read, lines_there;

static void nothing_to_prepare(void)
{
}

static enum hs_result read_all(void)
{
	struct hs_line_reader lines = { 0 };
	struct hs_slice line;
	enum hs_result result = HS_OK;
	int more = 1;

	lines_read = 0;
	if (!hs_line_reader_start_gzip(&lines, source, 0))
		return hs_io_result(errno);
	while (more > 0) {
		more = hs_line_reader_next(&lines, &line);
		lines_read += more == 1;
	}
	if (more < 0) {
		assert_int_not_equal(errno, EILSEQ); /* it is no damage of the file */
		result = hs_io_result(errno);
	}
	hs_line_reader_free(&lines);
	return result;
}

static void are_all_lines(void)
{
	assert_int_equal(lines_read, lines_there);
}

/* A member that is not as its head says, whatever fails while it is looked at. */
TEST(a_failure_is_no_damage)
{
	size_t second = 0;
	struct hs_buf file = three_members(&second);

	file.p[second + HS_GZIP_HEAD - 4] ^= 1; /* the size of its text */
	source = file_of(hs_buf_slice(&file));
	lines_there = 3 * LINES;
	fail_each(&(struct job){ nothing_to_prepare, read_all, are_all_lines, 0 });
	close(source);
	hs_buf_free(&file);
}

/* A line begins in a member, and ends in the next one, which is longer than what there is room for. */
TEST(a_failure_in_a_line_over_two_members)
{
	struct hs_gzip *gzip = hs_gzip_new();
	struct hs_buf file = { 0 }, text = { 0 };
	size_t second;

	hs_buf_put_slice(&file, hs_gzip_member(gzip, HS_SLICE("one\ntw")));
	second = file.n;
	for (int i = 0; i < 600000; i++)
		hs_buf_putc(&text, 'o');
	hs_buf_put_slice(&text, HS_SLICE("\nthree\n"));
	for (int wrong = 0; wrong < 2; wrong++) {
		file.n = second;
		hs_buf_put_slice(&file, hs_gzip_member(gzip, hs_buf_slice(&text)));
		file.p[second + HS_GZIP_HEAD - 4] ^= (char)wrong; /* the size of its text */
		source = file_of(hs_buf_slice(&file));
		lines_there = 3;
		fail_each(&(struct job){ nothing_to_prepare, read_all, are_all_lines, 0 });
		close(source);
	}
	hs_buf_free(&text);
	hs_buf_free(&file);
	hs_gzip_free(gzip);
}

/* Its head says that there is text; there is none. */
TEST(a_member_without_text)
{
	struct hs_gzip *gzip = hs_gzip_new();
	struct hs_slice empty = hs_gzip_member(gzip, HS_SLICE_NONE), line;
	struct hs_line_reader lines = { 0 };
	char bytes[256];
	int fd;

	assert_in_range(empty.n, 1, sizeof bytes);
	memcpy(bytes, empty.p, empty.n);
	bytes[HS_GZIP_HEAD - 4] = 5;
	fd = file_of(hs_slice(bytes, empty.n));
	assert_true(hs_line_reader_start_gzip(&lines, fd, 0));
	assert_int_equal(hs_line_reader_next(&lines, &line), -1);
	assert_int_equal(errno, EILSEQ);
	hs_line_reader_free(&lines);
	hs_gzip_free(gzip);
	close(fd);
}

/* A file of another program, which zlib reads. */
TEST(zlib_without_memory)
{
	struct hs_line_reader lines = { 0 };
	struct hs_slice line;
	int fd = memory_file();
	gzFile file = gzdopen(dup(fd), "wb");

	assert_int_equal(gzwrite(file, "one\n", 4), 4);
	assert_int_equal(gzclose(file), Z_OK);
	no_inflater = true;
	assert_false(hs_line_reader_start_gzip(&lines, fd, 0));
	assert_int_equal(errno, ENOMEM);
	no_inflater = false;
	assert_true(hs_line_reader_start_gzip(&lines, fd, 0));
	no_window = true;
	assert_int_equal(hs_line_reader_next(&lines, &line), -1);
	assert_int_equal(errno, ENOMEM);
	no_window = false;
	assert_true(hs_line_reader_start_gzip(&lines, fd, 0));
	assert_int_equal(hs_line_reader_next(&lines, &line), 1);
	hs_line_reader_free(&lines);
	close(fd);
}

/* --- passing damage over ------------------------------------------------------------------------------ */

/* Reads the first member, and comes to damage in the second. */
static void read_to_damage(struct hs_line_reader *lines, int fd)
{
	struct hs_slice line;

	assert_true(hs_line_reader_start_gzip(lines, fd, 0));
	for (int i = 0; i < LINES; i++)
		assert_int_equal(hs_line_reader_next(lines, &line), 1);
	assert_int_equal(hs_line_reader_next(lines, &line), -1);
	assert_int_equal(errno, EILSEQ);
}

TEST(damage_is_passed_only_where_a_whole_member_follows)
{
	static const enum wrap_call calls[] = { WRAP_FSTAT, WRAP_PREAD };
	size_t second = 0;
	struct hs_buf file = three_members(&second);
	struct hs_line_reader lines = { 0 };
	size_t third = 2 * second; /* all have about as many bytes */
	uint32_t member, plain;
	int fd;

	assert_true(hs_gzip_head(hs_slice(file.p + second, file.n - second), &member, &plain));
	third = second + member;
	file.p[third - 12] ^= 0x55;
	fd = file_of(hs_buf_slice(&file));
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) { /* which cannot be looked at */
		read_to_damage(&lines, fd);
		wrap_fail(calls[i], 1, 1, EIO);
		assert_false(hs_line_reader_pass_damage(&lines));
		wrap_reset();
		assert_true(hs_line_reader_pass_damage(&lines));
	}
	assert_int_equal(ftruncate(fd, (off_t)file.n - 1), 0); /* the third member is cut */
	read_to_damage(&lines, fd);
	assert_false(hs_line_reader_pass_damage(&lines));
	assert_int_equal(ftruncate(fd, (off_t)third), 0); /* the damaged one is the last */
	read_to_damage(&lines, fd);
	assert_true(hs_line_reader_pass_damage(&lines));
	read_to_damage(&lines, fd);
	assert_int_equal(ftruncate(fd, (off_t)third - 1), 0); /* … and is cut meanwhile */
	assert_false(hs_line_reader_pass_damage(&lines));
	hs_line_reader_start(&lines, fd, 0, UINT64_MAX); /* a plain file has no members */
	assert_false(hs_line_reader_pass_damage(&lines));
	close(fd);
	hs_line_reader_free(&lines);
	hs_buf_free(&file);
}

/* The place at which to read on is in the damage: the next read tells. */
TEST(a_place_behind_damage)
{
	size_t second = 0;
	struct hs_buf file = three_members(&second);
	struct hs_line_reader lines = { 0 };
	struct hs_slice line;
	int fd;

	file.p[second + HS_GZIP_HEAD + 8] ^= 0x55;
	fd = file_of(hs_buf_slice(&file));
	assert_true(hs_line_reader_start_gzip(&lines, fd, LINES * 26 + 5));
	assert_int_equal(hs_line_reader_next(&lines, &line), -1);
	assert_int_equal(errno, EILSEQ);
	close(fd);
	hs_line_reader_free(&lines);
	hs_buf_free(&file);
}

/* --- other files ----------------------------------------------------------------------------------------- */

/* It begins like a .gz, and is none. */
TEST(a_foreign_file_that_begins_like_a_gz)
{
	struct hs_line_reader lines = { 0 };
	struct hs_slice line;
	int fd = file_of(HS_SLICE("\x1F one\n"));

	assert_true(hs_line_reader_start_outside(&lines, fd, false, 0, 0));
	assert_int_equal(hs_line_reader_next(&lines, &line), 1);
	assert_slice_equal(line, HS_SLICE("\x1F one"));
	close(fd);
	hs_line_reader_free(&lines);
}

/* The room of a long line is given back; if that fails it stays, and no line is lost. */
TEST(the_room_of_a_long_line)
{
	enum { LONG = 3 << 20 };
	struct hs_buf text = { 0 };
	int fd;

	for (int i = 0; i < 2; i++) {
		for (int n = 0; n < LONG; n++)
			hs_buf_putc(&text, (char)('a' + i));
		hs_buf_putc(&text, '\n');
	}
	hs_buf_put_slice(&text, HS_SLICE("c\n"));
	fd = file_of(hs_buf_slice(&text));
	for (unsigned nth = 1; nth < 16; nth++) {
		struct hs_line_reader lines = { 0 };
		struct hs_slice line;
		int count = 0, more;

		hs_line_reader_start(&lines, fd, 0, UINT64_MAX);
		wrap_fail(WRAP_REALLOC, nth, 1, ENOMEM);
		while ((more = hs_line_reader_next(&lines, &line)) == 1)
			count++;
		wrap_reset();
		if (more == 0)
			assert_int_equal(count, 3);
		else
			assert_int_equal(errno, ENOMEM);
		hs_line_reader_free(&lines);
	}
	close(fd);
	hs_buf_free(&text);
}

/* A piece of a long line is read again with more of it: all that is not used yet is kept. */
TEST(a_long_piece_that_is_read_again)
{
	enum { PIECE = 3 << 20, KEPT = PIECE - (1 << 18) - 10 };
	struct hs_line_reader lines = { 0 };
	struct hs_buf text = { 0 };
	struct hs_slice line;
	int fd;

	for (int n = 0; n < 2 * PIECE; n++)
		hs_buf_putc(&text, (char)('a' + n % 7));
	hs_buf_putc(&text, '\n');
	fd = file_of(hs_buf_slice(&text));
	assert_true(hs_line_reader_start_outside(&lines, fd, false, PIECE, 0));
	assert_int_equal(hs_line_reader_next(&lines, &line), 3);
	assert_int_equal(line.n, PIECE);
	hs_line_reader_back(&lines, KEPT);
	assert_int_equal(hs_line_reader_next(&lines, &line), 3);
	assert_slice_equal(line, hs_slice(text.p + PIECE - KEPT, PIECE));
	hs_line_reader_free(&lines);
	hs_buf_free(&text);
	close(fd);
}

/* A plain segment without its .gz, or the other way round, is no pair. */
TEST_WITH(a_form_that_is_not_there, temp_dir_begin, temp_dir_end)
{
	struct hs_pair pair;

	spooldir_write(&temp.d, "plain", HS_SLICE("one\n"));
	assert_result(hs_line_reader_pair(temp.fd, "plain", "gz", &pair), HS_OK);
	assert_false(pair.both || pair.same);
	assert_result(hs_line_reader_pair(temp.fd, "gz", "plain", &pair), HS_OK);
	assert_false(pair.both || pair.same);
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	assert_result(hs_line_reader_pair(temp.fd, "plain", "plain", &pair), HS_E_MEMORY);
	wrap_reset();
}

TESTS("file_faults", NULL, tell_and_reset)

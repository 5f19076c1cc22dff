/*
 * look_faults: readers (the last lines, windows backwards, saved positions) and the inventory of ids return nothing
 * wrong, whichever of their calls fails, and all of it when the fault is gone.
 */
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/admin/inventory.h"
#include "spool/read/reader.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* A compressed segment, a plain one and the open one. */
static void three_segments(void)
{
	make("rotate_min_gap = 0\n");
	seal("a b");
	maintain();
	seal("c");
	put("d e");
	save_cursor("mine", position_after(2));
	s.got[0] = '\0';
}

FIXTURE(tell_and_finish)
{
	fail_each_tell();
	return finish(state);
}

static void add_word(struct hs_slice line)
{
	struct hs_slice word = word_of(line);
	size_t n = strlen(s.got);

	snprintf(s.got + n, sizeof s.got - n, "%.*s ", (int)word.n, word.p);
}

/* Reads to the end; HS_READ_FAILED ends it. */
static enum hs_result read_on(struct hs_reader *reader)
{
	struct hs_slice line;
	enum hs_read read;

	s.got[0] = '\0';
	while ((read = hs_reader_next(reader, &line)) == HS_READ_LINE)
		add_word(line);
	if (read == HS_READ_FAILED)
		assert_int_not_equal(hs_reader_result(reader), HS_OK);
	else
		assert_int_equal(read, HS_READ_END);
	return read == HS_READ_FAILED ? hs_reader_result(reader) : HS_OK;
}

static enum hs_result with_reader(enum hs_result (*work)(struct hs_reader *reader))
{
	struct hs_reader *reader;
	enum hs_result result = hs_reader_open(s.d.settings, &reader);

	if (result != HS_OK)
		return result;
	result = work(reader);
	hs_reader_close(reader);
	return result;
}

/* --- the last lines ----------------------------------------------------------- */

static bool is_no_c(void *context, struct hs_slice line)
{
	(void)context;
	return !hs_slice_eq(word_of(line), HS_SLICE("c"));
}

static enum hs_result read_last(struct hs_reader *reader)
{
	enum hs_result result = hs_reader_last(reader, 3, is_no_c, NULL);

	return result == HS_OK ? read_on(reader) : result;
}

static enum hs_result run_last(void)
{
	return with_reader(read_last);
}

static void is_last(void)
{
	assert_string_equal(s.got, "b c d e ");
}

TEST(the_last_lines)
{
	fail_each(&(struct job){ three_segments, run_last, is_last, 0 });
}

/* The first segment as somebody else's program would compress it: without sizes at its head. */
static void compressed_elsewhere(void)
{
	char gz[HS_SEALED_NAME + 4], plain[HS_SEALED_NAME];
	struct hs_buf text;
	gzFile file;

	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a b");
	seal("c");
	put("d e");
	snprintf(plain, sizeof plain, "%s", spooldir_name(&s.d, "events-", 0));
	snprintf(gz, sizeof gz, "%s.gz", plain);
	text = spooldir_read(&s.d, plain);
	file = gzopen(spooldir_path(&s.d, gz), "wb");
	assert_int_equal(gzwrite(file, text.p, (unsigned)text.n), text.n);
	assert_int_equal(gzclose(file), Z_OK);
	spooldir_unlink(&s.d, plain);
	hs_buf_free(&text);
}

TEST(the_last_lines_of_what_was_compressed_elsewhere)
{
	fail_each_of(FAIL_CALL(WRAP_OPENAT) | FAIL_CALL(WRAP_PREAD) | FAIL_CALL(WRAP_CALLOC),
	             &(struct job){ compressed_elsewhere, run_last, is_last, 12 });
}

static enum hs_result walk_back(struct hs_reader *reader)
{
	struct hs_position stop, start;
	enum hs_result result = hs_reader_end(reader, &stop);
	struct hs_slice line;

	s.got[0] = '\0';
	while (result == HS_OK) {
		result = hs_reader_back(reader, &stop, 1, &start); /* a window of a line */
		if (result != HS_OK || (start.number == stop.number && start.offset == stop.offset))
			break;
		if (hs_reader_next(reader, &line) != HS_READ_LINE)
			return hs_reader_result(reader);
		add_word(line);
		stop = start;
	}
	return result;
}

static void compress_now(void *context)
{
	(void)context;
	s.d.settings->compress = HS_COMPRESS_GZIP;
	hs_spool_maintain(s.spool, NULL, NULL, &s.maintained);
}

/* Between any two files that a reader opens, or reads: it finds each line once. */
TEST(segments_that_are_compressed_meanwhile)
{
	for (int i = 0; i < 4; i++) {
		bool ended = false, last = i == 1 || i == 2;

		for (unsigned nth = 1; !ended; nth++) {
			make("rotate_min_gap = 0\ncompress = none\n");
			seal("a b");
			seal("c");
			put("d e");
			wrap_reset();
			wrap_before(i == 2 ? WRAP_PREAD : WRAP_OPENAT, nth, compress_now, NULL);
			s.maintained.compressed = 0;
			assert_result(last ? run_last() : with_reader(i == 0 ? read_on : walk_back), HS_OK);
			ended = s.maintained.compressed == 0;
			wrap_reset();
			assert_string_equal(s.got, last ? "b c d e " : i == 0 ? "a b c d e " : "e d c b a ");
		}
	}
}

/* --- the end, a time, a position that was edited ---------------------------------------- */

static int64_t between_ms;

static void two_times(void)
{
	make("rotate_min_gap = 0\n");
	seal("a b");
	hs_io_pause(2); /* times of events have milliseconds */
	between_ms = hs_io_now();
	put("c d");
	maintain();
}

static enum hs_result read_since(struct hs_reader *reader)
{
	enum hs_result result = hs_reader_since(reader, between_ms);

	return result == HS_OK ? read_on(reader) : result;
}

static enum hs_result run_since(void)
{
	return with_reader(read_since);
}

static void is_since(void)
{
	assert_string_equal(s.got, "c d ");
}

TEST(lines_since_a_time)
{
	fail_each_of(FAIL_CALL(WRAP_OPENAT) | FAIL_CALL(WRAP_PREAD) | FAIL_CALL(WRAP_FDOPENDIR) |
	                 FAIL_CALL(WRAP_REALLOC),
	             &(struct job){ two_times, run_since, is_since, 12 });
}

static enum hs_result renew(struct hs_reader *reader)
{
	struct hs_position p = { 1, 0, 0, 0 };
	enum hs_result result = hs_reader_renew(reader, &p);

	if (result == HS_OK)
		assert_true(p.number == 1 && p.offset == 0 && p.edit == 0);
	return result;
}

static enum hs_result run_renew(void)
{
	return with_reader(renew);
}

static void is_renewed(void)
{
}

TEST(a_position_is_renewed)
{
	fail_each_of(FAIL_CALL(WRAP_FLOCK) | FAIL_CALL(WRAP_FSTAT) | FAIL_CALL(WRAP_CALLOC),
	             &(struct job){ two_times, run_renew, is_renewed, 12 });
}

/* It returns when the time is over, though nothing happens. */
TEST(waiting_has_an_end)
{
	int64_t begin_ms;

	two_times();
	open_reader();
	assert_read("a b c d");
	begin_ms = hs_io_now_monotonic();
	hs_reader_wait(s.reader, 20);
	assert_in_range(hs_io_now_monotonic() - begin_ms, 0, 60000);
	assert_read("");
	put("e");
	hs_reader_wait(s.reader, 1);
	hs_reader_wait(s.reader, 0);
	assert_read("e");
}

/* --- windows, backwards -------------------------------------------------------- */

static enum hs_result run_back(void)
{
	return with_reader(walk_back);
}

static void is_backwards(void)
{
	assert_string_equal(s.got, "e d c b a ");
}

TEST(backwards)
{
	fail_each(&(struct job){ three_segments, run_back, is_backwards, 0 });
}

/* --- a position that was saved --------------------------------------------------- */

static enum hs_fit fits, differs, begins;
static struct hs_position second, other, start;

static void prepare_fit(void)
{
	three_segments();
	second = other = position_after(2);
	other.before++;
	start = (struct hs_position){ .number = 2, .before = second.before }; /* the same place, in the next segment */
}

static enum hs_result fit_both(struct hs_reader *reader)
{
	enum hs_result result = hs_reader_fit(reader, second, &fits);

	if (result == HS_OK)
		result = hs_reader_fit(reader, other, &differs);
	if (result == HS_OK)
		result = hs_reader_fit(reader, start, &begins);
	if (result != HS_OK)
		return result;
	hs_reader_start(reader, second);
	return read_on(reader);
}

static enum hs_result run_fit(void)
{
	return with_reader(fit_both);
}

static void is_fit(void)
{
	assert_int_equal(fits, HS_FIT);
	assert_int_equal(differs, HS_FIT_NOT);
	assert_int_equal(begins, HS_FIT);
	assert_string_equal(s.got, "c d e ");
}

TEST(a_saved_position)
{
	fail_each(&(struct job){ prepare_fit, run_fit, is_fit, 0 });
}

/* --- as another user ---------------------------------------------------------------- */

/* The spool belongs to somebody else, whose process has it open: it may be read, and nothing is written. */
static void give_away(uid_t user)
{
	static const char *const folders[] = { "", ".hookspool", ".hookspool/run" };

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		assert_int_equal(chown(spooldir_path(&s.d, folders[i]), user, (gid_t)-1), 0);
}

static void others_segments(void)
{
	three_segments();
	give_away(12345);
}

static enum hs_result run_read(void)
{
	return with_reader(read_on);
}

static void is_read(void)
{
	assert_string_equal(s.got, "a b c d e ");
}

TEST(a_spool_of_another_user)
{
	if (geteuid() != 0)
		skip(); /* only root can give files away */
	fail_each_of(FAIL_CALL(WRAP_OPENAT) | FAIL_CALL(WRAP_FSTAT) | FAIL_CALL(WRAP_PREAD) | FAIL_CALL(WRAP_MMAP),
	             &(struct job){ others_segments, run_read, is_read, 16 });
}

/* No command of its owner's has run yet: that is the remedy, and the disk is well. */
TEST(a_new_spool_of_another_user)
{
	struct hs_reader *reader;

	if (geteuid() != 0)
		skip(); /* only root can give files away */
	make("");
	put("a");
	give_away(12345);
	assert_result(hs_reader_open(s.d.settings, &reader), HS_E_SPOOL_ASLEEP);
	give_away(0);
	open_reader();
	give_away(12345);
	assert_all("a");
}

/* Files of another user may not be readable, or go meanwhile. */
TEST(files_of_another_user)
{
	static const int errors[] = { EACCES, ENOENT };

	if (geteuid() != 0)
		skip(); /* only root can give files away */
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		for (unsigned nth = 1; nth < 16; nth++) {
			others_segments();
			wrap_reset();
			wrap_fail(WRAP_OPENAT, nth, 1, errors[i]);
			if (run_read() == HS_OK)
				assert_true(strlen(s.got) >= strlen("d e "));
			wrap_reset();
			assert_result(run_read(), HS_OK);
			is_read();
		}
}

static void rotate_now(void *done)
{
	*(bool *)done = true;
	hs_spool_rotate(s.spool, hs_io_now_monotonic());
}

TEST(a_spool_of_another_user_is_rotated_meanwhile)
{
	static const enum wrap_call calls[] = { WRAP_OPENAT, WRAP_FSTAT };

	if (geteuid() != 0)
		skip(); /* only root can give files away */
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		bool done = true;

		for (unsigned nth = 1; done; nth++) {
			others_segments();
			wrap_reset();
			done = false;
			wrap_before(calls[i], nth, rotate_now, &done);
			assert_result(run_read(), HS_OK);
			wrap_reset();
			is_read();
		}
	}
}

static void rotate_often(void *done)
{
	*(bool *)done = true;
	for (int i = 0; i <= HS_PAST; i++) { /* how the first one ended is forgotten then */
		char word[16];

		snprintf(word, sizeof word, "x%d", i);
		append(word);
		hs_spool_rotate(s.spool, hs_io_now_monotonic());
	}
}

static enum hs_result read_to_end(struct hs_reader *reader)
{
	struct hs_position end;
	enum hs_result result = hs_reader_end(reader, &end);
	struct hs_slice line;

	s.got[0] = '\0';
	while (result == HS_OK && !hs_reader_has_passed(reader, end) && hs_reader_next(reader, &line) == HS_READ_LINE)
		add_word(line);
	return result;
}

/* Whatever a writer does while the end is looked for: all that was there at first is before it. */
TEST(the_end_of_a_spool_of_another_user)
{
	static const enum wrap_call calls[] = { WRAP_FSTAT, WRAP_FSTATAT };

	if (geteuid() != 0)
		skip(); /* only root can give files away */
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		bool done = true;

		for (unsigned nth = 1; done; nth++) {
			enum hs_result result;

			others_segments();
			wrap_reset();
			done = false;
			wrap_before(calls[i], nth, rotate_often, &done);
			result = with_reader(read_to_end);
			wrap_reset();
			if (result == HS_E_SPOOL_ASLEEP) /* so many rotations took longer than it waits */
				continue;
			assert_result(result, HS_OK);
			assert_int_equal(strncmp(s.got, "a b c d e ", 10), 0);
		}
	}
}

static void let_time_pass(void *context)
{
	(void)context;
	wrap_clock(0, 5000);
}

/* A writer was killed between two steps, and none has come since: a reader cannot set it right, and says so. */
TEST(a_spool_of_another_user_that_is_asleep)
{
	struct hs_shared_state *shared;
	uint64_t current;

	if (geteuid() != 0)
		skip(); /* only root can give files away */
	others_segments();
	open_reader();
	shared = spooldir_state(&s.d);
	current = atomic_exchange(&shared->stream[HS_EVENTS].current, 0);
	wrap_reset();
	wrap_before(WRAP_FSTATAT, 3, let_time_pass, NULL);
	assert_result(read_to_end(s.reader), HS_E_SPOOL_ASLEEP);
	wrap_reset();
	atomic_store(&shared->stream[HS_EVENTS].current, current);
	spooldir_state_done(shared);
	assert_result(read_to_end(s.reader), HS_OK);
	is_read();
}

/* A state that cannot be looked at is one that is lost: what a writer has sealed meanwhile comes all the same, once. */
TEST(a_spool_of_another_user_whose_state_cannot_be_looked_at)
{
	bool ended = false;

	if (geteuid() != 0)
		skip(); /* only root can give files away */
	for (unsigned nth = 1; !ended; nth++) {
		char got[sizeof s.got];

		others_segments();
		open_reader();
		assert_result(read_on(s.reader), HS_OK);
		put("f");
		rotate();
		put("g");
		wrap_reset();
		wrap_fail(WRAP_FSTATAT, nth, 1, EIO);
		read_on(s.reader);
		ended = wrap_count(WRAP_FSTATAT) < nth;
		wrap_reset();
		snprintf(got, sizeof got, "%.63s", s.got);
		assert_result(read_on(s.reader), HS_OK);
		assert_true(strlen(got) + strlen(s.got) == strlen("f g "));
		assert_true(strcmp(got, "f g ") == 0 || strcmp(s.got, "g ") == 0 || strcmp(s.got, "f g ") == 0);
	}
}

/* --- the ids ------------------------------------------------------------------------ */

static size_t ids;

static enum hs_result run_inventory(void)
{
	struct hs_inventory inventory = { 0 };
	enum hs_result result = hs_inventory_take(&inventory, s.d.settings);

	ids = inventory.count;
	hs_inventory_free(&inventory);
	return result;
}

static void is_counted(void)
{
	assert_int_equal(ids, 5);
}

TEST(the_inventory)
{
	fail_each(&(struct job){ three_segments, run_inventory, is_counted, 0 });
}

/* Only ids of the window count, and lines that have one; damage ends a segment, and no more. */
TEST(ids_that_count)
{
	struct hs_buf text = { 0 };
	char now[HS_TIMESTAMP_TEXT + 1];

	make("rotate_min_gap = 0\ndedup_window = 1h\n");
	seal("a b");
	maintain();
	spooldir_cut(&s.d, spooldir_name(&s.d, "events-", 0), 40);
	hs_timestamp_text(hs_io_now(), now);
	hs_buf_printf(&text,
	              "{\"type\":\"page\",\"message_id\":\"new\",\"spooled_at\":\"%s\"}\n"
	              "{\"type\":\"page\",\"message_id\":\"old\",\"spooled_at\":\"2020-01-01T00:00:00.000Z\"}\n"
	              "{\"type\":\"page\",\"spooled_at\":\"%s\"}\nnot JSON\n",
	              now, now);
	spooldir_write(&s.d, "events.jsonl", hs_buf_slice(&text));
	hs_buf_free(&text);
	assert_result(run_inventory(), HS_OK);
	assert_int_equal(ids, 1);
}

/* Files that are deleted meanwhile have none; those of others cannot be counted. */
TEST(files_of_ids_that_cannot_be_opened)
{
	unsigned refused = 0, fewer = 0;
	bool ended = false;

	three_segments();
	for (unsigned nth = 1; !ended; nth++) {
		wrap_reset();
		wrap_fail(WRAP_OPENAT, nth, 1, EACCES);
		refused += run_inventory() == HS_E_SPOOL_DIR;
		ended = wrap_count(WRAP_OPENAT) < nth;
		wrap_reset();
		wrap_fail(WRAP_OPENAT, nth, 1, ENOENT);
		if (run_inventory() == HS_OK)
			fewer += ids < 5;
		wrap_reset();
	}
	assert_true(refused > 1 && fewer > 1);
}

TEST(an_inventory_without_a_spool)
{
	make("");
	ids = 1;
	assert_result(run_inventory(), HS_OK); /* it is not made yet */
	assert_int_equal(ids, 0);
	close(open(s.d.path, O_CREAT | O_WRONLY, 0600));
	assert_result(run_inventory(), HS_E_SPOOL_DIR);
	assert_int_equal(unlink(s.d.path), 0);
}

/* Then no id is looked at by anybody. */
TEST(an_inventory_without_a_window)
{
	make("rotate_min_gap = 0\ndedup_window = 0\n");
	seal("a b");
	ids = 1;
	assert_result(run_inventory(), HS_OK);
	assert_int_equal(ids, 0);
}

int main(void)
{
	if (access("/dev/shm", W_OK) == 0) /* failures, not power cuts: memory will do, and is quick */
		setenv("TMPDIR", "/dev/shm", 0);
	return unit_run("look_faults", NULL, tell_and_finish);
}

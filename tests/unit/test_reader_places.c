/*
 * reader_places: where reading begins, by a time or a saved position, and what a reader says of a spool that is moved,
 * or of a segment that goes, at any step.
 */
#include "base/io.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- a time ----------------------------------------------------------------------------------- */

/* Lines that do not tell when they were spooled are read rather than left out. */
TEST(lines_without_a_time_are_read)
{
	static const char *const lines[] = { "", ",\"spooled_at\":\"2026\"",
		                             ",\"spooled_at\":\"in November of some year\"" };

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct hs_buf text = { 0 };

		make("rotate_min_gap = 0\ncompress = none\n");
		assert_result(hs_spool_health(s.spool, NULL), HS_OK);
		hs_buf_printf(&text,
		              "{\"message_id\":\"old\",\"spooled_at\":\"2026-11-20T00:00:00.000Z\"}\n"
		              "{\"message_id\":\"x\"%s}\n"
		              "{\"message_id\":\"y\",\"spooled_at\":\"2026-11-20T00:00:00.000Z\"}\n",
		              lines[i]);
		spooldir_write(&s.d, "events-20261123T101500.123Z-000001.jsonl", hs_buf_slice(&text));
		hs_buf_free(&text);
		open_reader();
		assert_result(hs_reader_since(s.reader, 1795219200000), HS_OK); /* 2026-11-21 */
		assert_read("x y");
	}
}

/* A gap is passed on the way to the time. */
TEST(a_time_after_a_gap)
{
	int64_t ms;

	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a");
	seal("b");
	open_reader();
	read_some(1);
	hs_io_pause(2); /* times of events have milliseconds */
	ms = hs_io_now();
	seal("c");
	put("d");
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 1));
	assert_result(hs_reader_since(s.reader, ms), HS_OK);
	assert_read("c d");
}

/* --- a saved position ------------------------------------------------------------------------------ */

static enum hs_fit fit_of(struct hs_position p)
{
	enum hs_fit fit;

	open_reader();
	assert_result(hs_reader_fit(s.reader, p, &fit), HS_OK);
	return fit;
}

TEST(positions_that_fit_and_those_that_do_not)
{
	for (int gzip = 0; gzip < 2; gzip++) {
		struct hs_position inside, second, p;

		make(gzip ? "rotate_min_gap = 0\n" : "rotate_min_gap = 0\ncompress = none\n");
		seal("a b");
		seal("c");
		put("d");
		maintain();
		inside = position_after(1);
		second = (struct hs_position){ .number = 2, .before = position_after(2).before };
		assert_int_equal(fit_of((struct hs_position){ 0 }), HS_FIT);
		assert_int_equal(fit_of(inside), HS_FIT);
		assert_int_equal(fit_of(second), HS_FIT);
		p = inside;
		p.before ^= 1;
		assert_int_equal(fit_of(p), HS_FIT_NOT);
		p = second;
		p.before ^= 1;
		assert_int_equal(fit_of(p), HS_FIT_NOT);
		p = inside;
		p.offset += 100000; /* beyond the end of the segment */
		assert_int_equal(fit_of(p), HS_FIT_NOT);
		p = inside;
		p.offset += 5; /* in the middle of a line */
		assert_int_equal(fit_of(p), HS_FIT_NOT);
		p = inside;
		p.before = 0; /* a cursor of an early build */
		assert_int_equal(fit_of(p), HS_FIT_UNKNOWN);
		p = second;
		p.before = 0;
		assert_int_equal(fit_of(p), HS_FIT_UNKNOWN);
		assert_int_equal(fit_of((struct hs_position){ .number = 9 }), HS_FIT_NOT);
		spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
		assert_int_equal(fit_of(second), HS_FIT_UNKNOWN); /* the line before it is gone */
	}
}

/* Nothing is before the start of a segment that follows an empty one. */
TEST(a_position_after_an_empty_segment)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	spooldir_mkdir(&s.d, "");
	spooldir_write(&s.d, "events-20261123T101500.123Z-000001.jsonl", HS_SLICE(""));
	put("a");
	assert_int_equal(fit_of((struct hs_position){ .number = 2, .before = 7 }), HS_FIT_UNKNOWN);
}

/* A position at the start of a segment remembers the last line of the one before, if that is there. */
TEST(the_line_before_a_segment_is_remembered)
{
	for (int gone = 0; gone < 2; gone++) {
		make("rotate_min_gap = 0\ncompress = none\n");
		seal("a");
		seal("b");
		if (gone)
			spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
		open_reader();
		hs_reader_start(s.reader, (struct hs_position){ .number = 2 });
		assert_result(hs_reader_remember(s.reader), HS_OK);
		assert_int_equal(hs_reader_position(s.reader).before != 0, !gone);
		assert_read("b");
	}
}

/* --- a spool that is moved --------------------------------------------------------------------------- */

/* Whatever fails first: the folder that is read is no longer the spool. */
TEST(a_spool_that_is_moved_while_it_is_followed)
{
	for (int fails = 0; fails < 3; fails++) {
		char away[PATH_MAX + 8];
		struct hs_slice line;

		make("");
		put("a b");
		open_reader();
		assert_true(hs_reader_watch(s.reader) >= 0);
		if (fails == 0)
			assert_read("a b");
		snprintf(away, sizeof away, "%s.away", s.d.path);
		assert_int_equal(rename(s.d.path, away), 0);
		if (fails > 0)
			wrap_fail(WRAP_PREAD, 1, 1, EIO);
		if (fails == 2) /* another one is there */
			assert_int_equal(mkdir(s.d.path, 0700), 0);
		assert_int_equal(hs_reader_next(s.reader, &line), HS_READ_FAILED);
		wrap_reset();
		assert_result(hs_reader_result(s.reader), HS_E_SPOOL_DIR);
		if (fails == 2)
			assert_int_equal(rmdir(s.d.path), 0);
		assert_int_equal(rename(away, s.d.path), 0);
	}
}

/* Changes on the servers of a network's file system are not reported: it looks again and again. */
TEST(a_spool_on_a_network)
{
	make("");
	put("a");
	open_reader();
	assert_read("a");
	wrap_file_system(0x6969); /* NFS_SUPER_MAGIC */
	assert_int_equal(hs_reader_watch(s.reader), -1);
	for (int i = 0; i < 5; i++)
		assert_read("");
	assert_in_range(hs_reader_patience(s.reader), 1, 10000);
	put("b");
	assert_read("b");
	wrap_reset();
}

/* A change that comes later gets an earlier time, but another one: it is found. */
TEST(a_clock_that_was_set_back)
{
	make("");
	put("a");
	open_reader();
	hs_reader_watch(s.reader);
	wrap_clock(-3600000, 0);
	assert_read("a");
	assert_read("");
	assert_true(hs_reader_patience(s.reader) < 0); /* idle: no need to look */
	put("b");
	assert_read("b");
	wrap_reset();
}

/* --- while it is read ------------------------------------------------------------------------------------ */

static char segment[HS_SEALED_NAME];
static bool removed;

static void remove_segment(void *context)
{
	removed = spooldir_exists(&s.d, segment);
	if (!removed)
		return;
	spooldir_unlink(&s.d, segment);
	if (context != NULL)
		wrap_fail(WRAP_FDOPENDIR, 1, 1, EIO);
}

/* Retention deletes it before any look at a file: it is a gap, or an error of the list, and no line comes twice. */
TEST(a_segment_that_goes_while_it_is_opened)
{
	static int list_fails;
	unsigned gaps = 0, failures = 0;

	for (int i = 0; i < 2; i++) {
		bool ended = false;

		for (unsigned nth = 1; !ended; nth++) {
			struct hs_slice line;
			enum hs_read what;
			unsigned lines = 0;

			make("rotate_min_gap = 0\ncompress = none\n");
			seal("a");
			seal("b");
			put("c");
			snprintf(segment, sizeof segment, "%s", spooldir_name(&s.d, "events-", 1));
			open_reader();
			wrap_reset();
			removed = false;
			wrap_before(WRAP_OPENAT, nth, remove_segment, i > 0 ? &list_fails : NULL);
			while ((what = hs_reader_next(s.reader, &line)) == HS_READ_LINE || what == HS_READ_GAP) {
				gaps += what == HS_READ_GAP;
				lines += what == HS_READ_LINE;
			}
			ended = wrap_count(WRAP_OPENAT) < nth;
			failures += what == HS_READ_FAILED;
			wrap_reset();
			while ((what = hs_reader_next(s.reader, &line)) == HS_READ_LINE || what == HS_READ_GAP)
				lines += what == HS_READ_LINE;
			assert_int_equal(what, HS_READ_END);
			assert_true(lines == 3 || (lines == 2 && removed));
		}
	}
	assert_true(gaps > 0 && failures > 0);
}

static void replace_by_folder(void *context)
{
	remove_segment(context);
	if (removed)
		spooldir_mkdir(&s.d, segment);
}

static void cut_open(void *context)
{
	(void)context;
	if (spooldir_exists(&s.d, "events.jsonl") && spooldir_size(&s.d, "events.jsonl") > 5)
		spooldir_cut(&s.d, "events.jsonl", spooldir_size(&s.d, "events.jsonl") - 5);
}

/* A folder is passed over; the whole lines of an open segment that somebody has cut come. */
TEST(files_that_others_change)
{
	for (int i = 0; i < 2; i++)
		for (unsigned nth = 1; nth < 16; nth++) {
			struct hs_slice line;
			enum hs_read what;
			unsigned lines = 0, gaps = 0;

			make("rotate_min_gap = 0\ncompress = none\n");
			seal("a");
			seal("b");
			put("c");
			snprintf(segment, sizeof segment, "%s", spooldir_name(&s.d, "events-", 1));
			open_reader();
			wrap_reset();
			wrap_before(i == 0 ? WRAP_OPENAT : WRAP_PREAD, nth, i == 0 ? replace_by_folder : cut_open,
			            NULL);
			for (int n = 0; n < 20; n++) {
				what = hs_reader_next(s.reader, &line);
				lines += what == HS_READ_LINE;
				gaps += what == HS_READ_GAP;
				if (what == HS_READ_LINE)
					assert_true(line.n > 0 && line.p[line.n - 1] == '}');
			}
			wrap_reset();
			assert_in_range(lines, 2, 3);
			assert_in_range(gaps, 0, 1);
		}
}

/* Without a look at the file it waits as long as for one that is as it was. */
TEST(waiting_without_a_look)
{
	make("");
	put("a");
	open_reader();
	assert_true(hs_reader_watch(s.reader) >= 0);
	assert_in_range(hs_reader_patience(s.reader), 1, 10000); /* nothing is open */
	assert_read("a");
	wrap_fail(WRAP_FSTAT, 1, 1, EIO);
	hs_reader_patience(s.reader);
	wrap_reset();
	put("b");
	hs_reader_wait(s.reader, -1); /* it has come already: there is a notice */
	assert_read("b");
}

static bool none(void *context, struct hs_summary_reader *summary)
{
	(void)context;
	(void)summary;
	return false;
}

/* A segment that is passed over is before the time, too. */
TEST(a_time_after_what_is_passed_over)
{
	make("rotate_min_gap = 0\n");
	seal("a b");
	maintain();
	put("c");
	open_reader();
	hs_reader_choose(s.reader, none, NULL);
	assert_result(hs_reader_since(s.reader, 1), HS_OK);
	assert_read("c");
}

/* Nothing is before the start of a spool, and no more lines than there are come last. */
TEST(before_the_first_line)
{
	struct hs_position stop = { 0 }, start = { 9, 9, 9, 9 };

	make("");
	put("a b");
	open_reader();
	assert_result(hs_reader_back(s.reader, &stop, 10, &start), HS_OK);
	assert_true(start.number == stop.number && start.offset == stop.offset);
	assert_result(hs_reader_last(s.reader, 5, NULL, NULL), HS_OK);
	assert_read("a b");
}

/* A segment is passed over by its summary; if that cannot be looked at it is read. */
TEST(a_segment_that_cannot_be_passed_over)
{
	unsigned skipped = 0;
	bool ended = false;

	for (unsigned nth = 1; !ended; nth++) {
		struct hs_slice line;
		enum hs_read what;
		uint64_t lines = 0;

		make("rotate_min_gap = 0\n");
		seal("a b");
		maintain();
		put("c");
		open_reader();
		hs_reader_choose(s.reader, none, NULL);
		wrap_reset();
		wrap_fail(WRAP_FSTAT, nth, 1, EIO);
		while ((what = hs_reader_next(s.reader, &line)) != HS_READ_END) {
			skipped += what == HS_READ_SKIPPED;
			lines += what == HS_READ_LINE ? 1 : what == HS_READ_SKIPPED ? hs_reader_skipped(s.reader) : 0;
		}
		ended = wrap_count(WRAP_FSTAT) < nth;
		wrap_reset();
		assert_int_equal(lines, 3);
	}
	assert_true(skipped > 1);
}

int main(void)
{
	if (access("/dev/shm", W_OK) == 0) /* nothing is to outlive a power cut: memory will do, and is quick */
		setenv("TMPDIR", "/dev/shm", 0);
	return unit_run("reader_places", NULL, finish);
}

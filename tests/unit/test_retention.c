/*
 * retention: sealed segments are compressed and deleted as the settings say, whatever
 * step is interrupted, and no event is lost or doubled.
 */
#include "base/io.h"
#include "spool/admin/retention.h"
#include "spool/shared/shared_state.h"
#include "spool/shared/spool_dir.h"
#include "tests/lib/passing.h"
#include "tests/lib/said.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

TEST(sealed_segments_are_compressed)
{
	make("rotate_min_gap = 0\n");
	seal("a b");
	seal("c");
	maintain();
	assert_int_equal(s.maintained.compressed, 2);
	assert_string_equal(strstr(spooldir_name(&s.d, "events-", 0), ".jsonl"), ".jsonl.gz");
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 2);
	assert_once(&s.d, "a b c");
	maintain();
	assert_int_equal(s.maintained.compressed, 0);
	assert_sound(&s.d);
}

/* Events need the room that a copy would take. */
TEST(without_room_nothing_is_compressed)
{
	make("rotate_min_gap = 0\n");
	seal("a b");
	wrap_space(0);
	maintain();
	assert_int_equal(s.maintained.compressed, 0);
	wrap_space(-1);
	assert_null(strstr(spooldir_name(&s.d, "events-", 0), ".gz"));
	maintain();
	assert_int_equal(s.maintained.compressed, 1);
	assert_once(&s.d, "a b");
}

TEST(uncompressed_segments_are_left_as_they_are)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a");
	maintain();
	assert_int_equal(s.maintained.compressed, 0);
	assert_null(strstr(spooldir_name(&s.d, "events-", 0), ".gz"));
}

/* An administrator restores a segment that retention has deleted; `cp` writes on to the file that it has opened. */
TEST(a_segment_that_is_being_copied_in_is_left)
{
	struct hs_buf all;
	char name[128];

	make("rotate_min_gap = 0\n");
	seal("a b c");
	seal("d");
	snprintf(name, sizeof name, "%s", spooldir_name(&s.d, "events-", 0));
	all = spooldir_read_raw(&s.d, name);
	spooldir_unlink(&s.d, name);
	spooldir_write(&s.d, name, hs_slice(all.p, all.n - 5));
	maintain();
	assert_int_equal(s.maintained.compressed, 1);
	assert_true(spooldir_exists(&s.d, name));
	spooldir_add(&s.d, name, hs_slice(all.p + all.n - 5, 5));
	maintain();
	assert_int_equal(s.maintained.compressed, 1);
	assert_false(spooldir_exists(&s.d, name));
	assert_once(&s.d, "a b c d");
	hs_buf_free(&all);
}

static void add_event(void *context)
{
	struct events *e = context;

	spooldir_add(&s.d, spooldir_name(&s.d, "events-", 0), hs_buf_slice(&e->lines));
}

/* The copy's last part comes when the first has been read, and ended with a line. */
TEST(a_segment_that_grows_while_it_is_compressed_is_left)
{
	struct events *e = events_new("c");

	make("rotate_min_gap = 0\n");
	seal("a b");
	wrap_before(WRAP_RENAMEAT, 1, add_event, e); /* the summary's name, when all has been read */
	maintain();
	wrap_reset();
	assert_int_equal(s.maintained.compressed, 0);
	assert_once(&s.d, "a b c");
	maintain();
	assert_int_equal(s.maintained.compressed, 1);
	assert_once(&s.d, "a b c");
	events_free(e);
}

/* Killed when the copy has its name and the plain one is still there. */
TEST(a_finished_copy_is_believed)
{
	char plain[128];

	make("rotate_min_gap = 0\n");
	seal("a b");
	snprintf(plain, sizeof plain, "%s", spooldir_name(&s.d, "events-", 0));
	wrap_fail(WRAP_UNLINKAT, 4, 1, EIO); /* the first three remove leftovers of a kill */
	assert_result(hs_spool_maintain(s.spool, NULL, NULL, &s.maintained), HS_E_IO);
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 2);
	maintain();
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 1);
	assert_false(spooldir_exists(&s.d, plain));
	assert_once(&s.d, "a b");
	assert_sound(&s.d);
}

/* A copy made by hand, and not finished, is not believed. */
TEST(an_unfinished_copy_is_not_believed)
{
	char gz[128];

	make("rotate_min_gap = 0\n");
	seal("a b");
	snprintf(gz, sizeof gz, "%s.gz", spooldir_name(&s.d, "events-", 0));
	spooldir_write(&s.d, gz, HS_SLICE("\x1f\x8b\x08"));
	maintain();
	spooldir_unlink(&s.d, gz);
	assert_once(&s.d, "a b");
	maintain();
	assert_int_equal(s.maintained.compressed, 1);
}

/* Whatever call fails, the events are there once, and the next run finishes. */
TEST(any_call_may_fail)
{
	static const enum wrap_call calls[] = { WRAP_FDATASYNC, WRAP_FSYNC,    WRAP_PWRITE,   WRAP_PREAD,
		                                WRAP_OPENAT,    WRAP_RENAMEAT, WRAP_UNLINKAT, WRAP_FDOPENDIR };

	for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++) {
		bool ended = false;

		for (unsigned nth = 1; !ended; nth++) {
			make("rotate_min_gap = 0\n");
			seal("a b");
			wrap_reset();
			wrap_fail(calls[c], nth, 1, EIO);
			hs_spool_maintain(s.spool, NULL, NULL, &s.maintained);
			ended = wrap_count(calls[c]) < nth;
			wrap_reset();
			assert_true(spooldir_count(&s.d, "a") >= 1); /* perhaps plain and compressed */
			maintain();
			assert_sound(&s.d);
			assert_once(&s.d, "a b");
			assert_int_equal(spooldir_names(&s.d, "", "events-"), 1);
		}
	}
}

TEST(only_one_run_at_a_time)
{
	int fd;

	make("rotate_min_gap = 0\n");
	seal("a");
	fd = open(spooldir_path(&s.d, ".hookspool/run/maintain"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	maintain();
	assert_true(s.maintained.busy);
	assert_int_equal(s.maintained.compressed, 0);
	close(fd);
	maintain();
	assert_int_equal(s.maintained.compressed, 1);
}

static const char summary[] = ".hookspool/run/summary/events-1";

TEST(summaries_are_left_to_the_run_that_has_the_lock)
{
	struct hs_opened_spool o;
	int fd;

	make("rotate_min_gap = 0\n");
	seal("a");
	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	fd = open(spooldir_path(&s.d, ".hookspool/run/maintain"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	hs_retention_summarize(&o.dir, 0, NULL, NULL);
	assert_false(spooldir_exists(&s.d, summary));
	close(fd);
	hs_retention_summarize(&o.dir, 0, NULL, NULL);
	assert_true(spooldir_exists(&s.d, summary));
	hs_spool_dir_close(&o);
}

static bool at_once(void *context)
{
	(void)context;
	return true;
}

TEST(it_stops_when_asked)
{
	make("rotate_min_gap = 0\n");
	seal("a");
	assert_int_equal(hs_spool_maintain(s.spool, at_once, NULL, &s.maintained), HS_OK);
	assert_int_equal(s.maintained.compressed, 0);
	assert_sound(&s.d);
}

static bool after_some(void *context)
{
	unsigned *left = context;

	return *left == 0 || (*left)-- == 0;
}

/* At any question: what it has not done the next run does. */
TEST(it_stops_at_any_step)
{
	bool stopped = true;

	for (unsigned turns = 0; stopped; turns++) {
		unsigned left = turns;

		make("rotate_min_gap = 0\n");
		seal("a b");
		seal("c");
		assert_result(hs_spool_maintain(s.spool, after_some, &left, &s.maintained), HS_OK);
		stopped = left == 0;
		assert_int_equal(spooldir_names(&s.d, "", "events-"), 2);
		maintain();
		assert_int_equal(spooldir_names(&s.d, "", "events-"), 2);
		assert_non_null(strstr(spooldir_name(&s.d, "events-", 0), ".gz"));
		assert_once(&s.d, "a b c");
		assert_in_range(turns, 0, 100);
	}
}

/* --- while others are at work ------------------------------------------------------------- */

static char plain[HS_SEALED_NAME], gz[HS_SEALED_NAME + 3];

static void remove_plain(void *removed)
{
	*(bool *)removed |= spooldir_exists(&s.d, plain);
	if (spooldir_exists(&s.d, plain))
		spooldir_unlink(&s.d, plain);
}

/* A person deletes the segment before any look at it. That is no failure, and its copy does not stay for it. */
TEST(a_segment_that_is_deleted_meanwhile)
{
	static const enum wrap_call calls[] = { WRAP_OPENAT, WRAP_FSTATAT };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		unsigned gone = 0;
		bool ended = false;

		for (unsigned nth = 1; !ended; nth++) {
			bool removed = false;

			make("rotate_min_gap = 0\n");
			seal("a");
			seal("b");
			snprintf(plain, sizeof plain, "%s", spooldir_name(&s.d, "events-", 0));
			wrap_reset();
			wrap_before(calls[i], nth, remove_plain, &removed);
			maintain();
			ended = wrap_count(calls[i]) < nth;
			wrap_reset();
			gone += removed && s.maintained.compressed == 1;
			assert_int_equal(spooldir_count(&s.d, "a"), !removed || s.maintained.compressed == 2);
			assert_once(&s.d, "b");
		}
		assert_true(gone > 0);
	}
}

/* A segment and its finished copy, as a run leaves them that is killed between its last two steps. */
static void prepare_twice(void)
{
	struct hs_buf text;

	make("rotate_min_gap = 0\n");
	seal("a");
	snprintf(plain, sizeof plain, "%s", spooldir_name(&s.d, "events-", 0));
	snprintf(gz, sizeof gz, "%s.gz", plain);
	text = spooldir_read(&s.d, plain);
	maintain();
	spooldir_write(&s.d, plain, hs_buf_slice(&text));
	spooldir_age(&s.d, plain);
	hs_buf_free(&text);
}

static void replace_one(void *context)
{
	const char *name = context;
	struct hs_buf bytes;

	if (!spooldir_exists(&s.d, name))
		return;
	bytes = spooldir_read_raw(&s.d, name);
	spooldir_write(&s.d, "new", hs_buf_slice(&bytes));
	spooldir_rename(&s.d, "new", name); /* another file, of which nobody knows what is in it */
	hs_buf_free(&bytes);
}

/* If either is another one by now, both stay, for the next run. */
TEST(a_file_that_is_replaced_after_it_was_compared)
{
	for (int i = 0; i < 2; i++) {
		unsigned left = 0;
		bool ended = false;

		for (unsigned nth = 1; !ended; nth++) {
			prepare_twice();
			wrap_reset();
			wrap_before(WRAP_FSTATAT, nth, replace_one, i > 0 ? gz : plain);
			maintain();
			ended = wrap_count(WRAP_FSTATAT) < nth;
			wrap_reset();
			left += spooldir_names(&s.d, "", "events-") == 2;
			if (spooldir_exists(&s.d, plain))
				spooldir_age(&s.d, plain);
			maintain();
			assert_int_equal(spooldir_names(&s.d, "", "events-"), 1);
			assert_once(&s.d, "a");
		}
		assert_true(left > 0);
	}
	for (unsigned nth = 1; nth < 8; nth++) { /* it is gone when it is to be removed */
		prepare_twice();
		wrap_fail(WRAP_UNLINKAT, nth, 1, ENOENT);
		maintain();
		wrap_reset();
	}
	for (unsigned nth = 1, left = 1; left > 0; nth++) { /* it cannot be looked at then */
		prepare_twice();
		wrap_fail(WRAP_FSTATAT, nth, 1, EIO);
		hs_spool_maintain(s.spool, NULL, NULL, &s.maintained);
		left = wrap_count(WRAP_FSTATAT) >= nth;
		wrap_reset();
		assert_true(spooldir_count(&s.d, "a") >= 1);
		maintain();
		assert_once(&s.d, "a");
	}
}

/* Without what hs_spool_maintain does before. */
static void run(void)
{
	struct hs_summary_seen seen[HS_STREAMS] = { { .count = 0 } };
	struct hs_opened_spool o;

	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_result(hs_retention_run(&o.dir, NULL, NULL, seen, &s.maintained), HS_OK);
	hs_spool_dir_close(&o);
	for (int i = 0; i < HS_STREAMS; i++)
		free(seen[i].pair);
}

/* Segments that were copied in are left until they have got their numbers. */
TEST(a_segment_beyond_the_open_one_is_left)
{
	static const char later[] = "events-20261123T101500.123Z-000050.jsonl";

	make("rotate_min_gap = 0\n");
	seal("a");
	put("b");
	spooldir_write(&s.d, later, HS_SLICE("{\"type\":\"page\"}\n"));
	spooldir_age(&s.d, later);
	run();
	assert_int_equal(s.maintained.compressed, 1);
	assert_true(spooldir_exists(&s.d, later));
}

/* Once for all processes and runs, until there are others. */
TEST(what_is_no_segment_is_told_once)
{
	static const char *const strange[] = { "events-20261123T101500.123Z-000009.jsonl",
		                               "rejected-20261123T101500.123Z-000009.jsonl.gz" };

	make("");
	put("a");
	for (int i = 0; i < 2; i++) {
		spooldir_mkdir(&s.d, strange[i]);
		said_begin(HS_LOG_WARN);
		maintain();
		assert_non_null(strstr(said_end(), strange[i]));
		said_begin(HS_LOG_WARN);
		maintain();
		restart();
		maintain();
		assert_string_equal(said_end(), "");
	}
}

/* The next run tells it if this one could not read the folder once more. */
TEST(what_is_no_segment_is_told_whatever_fails)
{
	static const char strange[] = "events-20261123T101500.123Z-000009.jsonl";
	bool ended = false;

	for (unsigned nth = 1; !ended; nth++) {
		make("");
		put("a");
		spooldir_mkdir(&s.d, strange);
		said_begin(HS_LOG_WARN);
		wrap_reset();
		wrap_fail(WRAP_FDOPENDIR, nth, 1, EIO);
		hs_spool_maintain(s.spool, NULL, NULL, &s.maintained);
		ended = wrap_count(WRAP_FDOPENDIR) < nth;
		wrap_reset();
		maintain();
		assert_non_null(strstr(said_end(), strange));
	}
}

/* A writer caps the rejected lines, too, so that maintenance need not wait for it. */
TEST(a_writer_that_does_not_let_go)
{
	struct hs_shared_state *shared;
	pthread_mutex_t *lock;

	make("rotate_min_gap = 0\n");
	seal("a");
	shared = spooldir_state(&s.d);
	lock = &shared->stream[HS_REJECTED].append;
	assert_int_equal(pthread_mutex_trylock(lock), 0);
	passing_begin();
	run();
	passing_end();
	assert_int_equal(pthread_mutex_unlock(lock), 0);
	spooldir_state_done(shared);
	assert_int_equal(s.maintained.compressed, 1);
}

static int die_with_lock(void *context)
{
	struct hs_shared_state *shared = spooldir_state(&s.d);

	(void)context;
	return pthread_mutex_trylock(&shared->stream[HS_REJECTED].append);
}

/* A lock that nobody can take any more is a failure that is told, and the events are compressed all the same. */
TEST(a_lock_that_is_lost)
{
	struct hs_summary_seen seen[HS_STREAMS] = { { .count = 0 } };
	struct hs_shared_state *shared;
	struct hs_opened_spool o;

	if (!robust_mutexes_work())
		skip();
	make("rotate_min_gap = 0\n");
	seal("a");
	assert_int_equal(child_run(die_with_lock, NULL), 0);
	shared = spooldir_state(&s.d);
	assert_int_equal(pthread_mutex_trylock(&shared->stream[HS_REJECTED].append), EOWNERDEAD);
	pthread_mutex_unlock(&shared->stream[HS_REJECTED].append);
	spooldir_state_done(shared);
	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_result(hs_retention_run(&o.dir, NULL, NULL, seen, &s.maintained), HS_E_IO);
	hs_spool_dir_close(&o);
	for (int i = 0; i < HS_STREAMS; i++)
		free(seen[i].pair);
	assert_int_equal(s.maintained.compressed, 1);
}

TEST(the_oldest_go_first)
{
	make("rotate_min_gap = 0\ncompress = none\nretain_bytes = 300\n");
	seal("a b");
	seal("c d");
	seal("e");
	maintain();
	assert_true(s.maintained.deleted >= 1);
	assert_int_equal(spooldir_count(&s.d, "a"), 0);
	assert_once(&s.d, "e");
}

TEST(old_segments_are_deleted)
{
	static const char old[] = "events-20200101T000000.000Z-000001.jsonl";

	make("retain_days = 30\n");
	maintain(); /* the clock is believed before there is an old segment */
	spooldir_write(&s.d, old, HS_SLICE("{\"type\":\"page\"}\n"));
	put("a");
	spooldir_write(&s.d, "notes.txt", HS_SLICE("mine\n"));
	maintain();
	assert_int_equal(s.maintained.deleted, 1);
	assert_false(spooldir_exists(&s.d, old));
	assert_true(spooldir_exists(&s.d, "notes.txt"));
	assert_once(&s.d, "a");
}

/* A letter of January 2020 and one of a clock that was ahead; the old one stays as long as its record may. */
TEST(old_dead_letters_go)
{
	static const char old[] = "events-20200101T000000.000Z-000001.jsonl";
	static const char letter[] = "{\"failed_at\":\"2039-01-01T00:00:00.000Z\",\"record\":{\"spooled_at\":"
				     "\"2039-01-01T00:00:00.000Z\"}}\n{\"failed_at\":\"2020-01-01T00:00:00.000Z\","
				     "\"record\":{\"spooled_at\":\"2020-01-01T00:00:00.000Z\"}}\n";

	make("retain_days = 30\n");
	maintain(); /* the clock is believed before there is an old segment */
	spooldir_write(&s.d, old, HS_SLICE("{\"spooled_at\":\"2020-01-01T00:00:00.000Z\"}\n"));
	put("a");
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE(letter));
	spooldir_mkdir(&s.d, ".hookspool/cursors");
	spooldir_write(&s.d, ".hookspool/cursors/broken", HS_SLICE("x")); /* a broken cursor holds all segments */
	maintain();
	assert_int_equal(s.maintained.deleted, 0);
	assert_int_equal(s.maintained.letters, 0);
	spooldir_unlink(&s.d, ".hookspool/cursors/broken");
	maintain();
	assert_int_equal(s.maintained.deleted, 1);
	assert_int_equal(s.maintained.letters, 1);
	assert_int_equal(spooldir_size(&s.d, "failed.jsonl"), (sizeof letter - 1) / 2);
}

static void make_with_old_letter(void)
{
	make("retain_days = 30\nrotate_min_gap = 0\n");
	maintain();
	seal("a");
	spooldir_write(&s.d, "failed.jsonl",
	               HS_SLICE("{\"failed_at\":\"2020-01-01T00:00:00.000Z\",\"record\":{\"spooled_at\":"
	                        "\"2020-01-01T00:00:00.000Z\"}}\n"));
}

/* A consumer writes them just now: they go the next time. */
TEST(dead_letters_that_are_being_written_stay)
{
	int fd;

	make_with_old_letter();
	fd = open(spooldir_path(&s.d, ".hookspool/run/failed.lock"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	passing_begin();
	maintain();
	passing_end();
	assert_int_equal(s.maintained.letters, 0);
	close(fd);
	maintain();
	assert_int_equal(s.maintained.letters, 1);
}

/* A segment that was copied in has a late number, and events as old as the letter. */
TEST(a_dead_letter_stays_as_long_as_any_record_of_its_age)
{
	static const char older[] = "events-20200102T000000.000Z-000001.jsonl";
	static const char letter[] = "{\"failed_at\":\"2020-02-01T00:00:00.000Z\",\"record\":{\"spooled_at\":"
				     "\"2020-02-01T00:00:00.000Z\"}}\n";

	make("retain_days = 30\nrotate_min_gap = 0\ncompress = none\n");
	maintain();
	seal("a");
	spooldir_write(&s.d, older, HS_SLICE("{\"spooled_at\":\"2020-01-01T00:00:00.000Z\"}\n"));
	spooldir_age(&s.d, older);
	put("b");
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE(letter));
	save_cursor("mine", (struct hs_position){ 1, 0, 0, 0 }); /* which holds the segments */
	maintain();
	assert_int_equal(s.maintained.letters, 0);
	spooldir_unlink(&s.d, older);
	maintain();
	assert_int_equal(s.maintained.letters, 1);
}

/* The open segment is empty, and has no oldest event. */
TEST(old_dead_letters_go_after_a_rotation)
{
	make_with_old_letter();
	assert_int_equal(spooldir_size(&s.d, "events.jsonl"), 0);
	maintain();
	assert_int_equal(s.maintained.letters, 1);
	assert_false(spooldir_exists(&s.d, "failed.jsonl"));
}

TEST(dead_letters_stay_without_retention)
{
	make("");
	put("a");
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{\"failed_at\":\"2020-01-01T00:00:00.000Z\",\"record\":{}}\n"));
	spooldir_write(&s.d, "failed-copy.jsonl", HS_SLICE("{}\n")); /* left by a kill */
	maintain();
	assert_int_equal(s.maintained.letters, 0);
	assert_true(spooldir_size(&s.d, "failed.jsonl") > 0);
	assert_false(spooldir_exists(&s.d, "failed-copy.jsonl"));
}

/* Even when retention has deleted all segments: no position can name them. */
TEST(edits_of_deleted_segments_go)
{
	static const char old[] = "events-20200101T000000.000Z-000001.jsonl";
	struct hs_buf text = { 0 };

	make("retain_days = 30\n");
	maintain(); /* the clock is believed before there is an old segment */
	spooldir_write(&s.d, old, HS_SLICE("{\"spooled_at\":\"2020-01-01T00:00:00.000Z\"}\n"));
	put("a");
	for (int n = 1; n < 1000; n++) {
		char line[256];

		snprintf(line, sizeof line,
		         "{\"segment\":1,\"edit\":%d,\"file\":\"%s\",\"inode\":[1,2],\"size\":[9,8],"
		         "\"removed\":[0,1]}\n{\"segment\":1,\"edit\":%d,\"done\":true}\n",
		         n, old, n);
		hs_buf_put_slice(&text, hs_slice_str(line));
	}
	spooldir_write(&s.d, ".hookspool/edits", hs_buf_slice(&text));
	hs_buf_free(&text);
	maintain();
	assert_int_equal(s.maintained.deleted, 1);
	assert_int_equal(spooldir_size(&s.d, ".hookspool/edits"), 0);
}

/* A rebuilt index knows the ids of compressed segments. */
TEST(duplicates_are_known_from_compressed_segments)
{
	make("rotate_min_gap = 0\n");
	seal("a b");
	maintain();
	spooldir_unlink(&s.d, ".hookspool/run/index");
	put_known("a b c", 2);
	assert_once(&s.d, "a b c");
}

TESTS("retention", NULL, finish)

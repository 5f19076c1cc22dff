/*
 * retention: sealed segments are compressed and deleted as the settings say, whatever
 * step is interrupted, and no event is lost or doubled.
 */
#include "base/io.h"
#include "spool/admin/retention.h"
#include "spool/shared/spool_dir.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
	static const enum wrap_call calls[] = { WRAP_FDATASYNC, WRAP_FSYNC,    WRAP_PWRITE,  WRAP_PREAD,
		                                WRAP_OPENAT,    WRAP_RENAMEAT, WRAP_UNLINKAT };

	for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++)
		for (unsigned nth = 1; nth <= 16; nth++) {
			make("rotate_min_gap = 0\n");
			seal("a b");
			wrap_fail(calls[c], nth, 1, EIO);
			hs_spool_maintain(s.spool, NULL, NULL, &s.maintained);
			wrap_reset();
			assert_true(spooldir_count(&s.d, "a") >= 1); /* perhaps plain and compressed */
			maintain();
			assert_sound(&s.d);
			assert_once(&s.d, "a b");
			assert_int_equal(spooldir_names(&s.d, "", "events-"), 1);
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

/* schema_maintain: maintenance counts for the catalogue, but not again before the gap is over. */
#include "base/io.h"
#include "schema/schema.h"
#include "schema/schema_file.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* The records that the catalogue's file has. */
static uint64_t counted(void)
{
	struct hs_schema schema = { 0 };
	uint64_t records;

	open_reader();
	assert_result(hs_schema_load(&schema, hs_reader_dir(s.reader)), HS_OK);
	records = schema.table.records;
	hs_schema_free(&schema);
	close_reader();
	return records;
}

static void count_for(int64_t gap_ms)
{
	hs_schema_maintain(s.d.settings, &(struct hs_schema_work){ 0 }, gap_ms);
}

TEST(it_counts_once_in_a_gap)
{
	put("a b");
	count_for(60000); /* there is no file yet */
	assert_int_equal(counted(), 2);
	put("c");
	count_for(60000);
	assert_int_equal(counted(), 2);
	wrap_clock(61000, 61000);
	count_for(60000);
	assert_int_equal(counted(), 3);
}

TEST(a_command_counts_at_once)
{
	put("a b");
	count_for(0);
	assert_int_equal(counted(), 2);
	put("c");
	count_for(0);
	assert_int_equal(counted(), 3);
}

/* The clock was set back: a file from the future is not waited for. */
TEST(a_file_from_the_future_is_old)
{
	put("a b");
	count_for(60000);
	put("c");
	wrap_clock(-3600000, 0);
	count_for(60000);
	assert_int_equal(counted(), 3);
}

static bool is_over(void *looks)
{
	return ++*(int *)looks >= 2;
}

/* A count that is stopped at once has counted some records all the same, so that it ends at last. */
TEST(a_count_that_is_stopped_at_once)
{
	int looks = 1;

	put("a b c d e f g h i j");
	hs_schema_maintain(s.d.settings, &(struct hs_schema_work){ .stop = is_over, .context = &looks }, 0);
	assert_int_equal(counted(), 10);
}

/* Two hundred records, counted in more than one go. */
TEST(a_count_that_is_stopped_goes_on_where_it_was)
{
	int looks = 0;

	put(many("w", 0, 200));
	hs_schema_maintain(s.d.settings, &(struct hs_schema_work){ .stop = is_over, .context = &looks }, 0);
	assert_in_range(counted(), 1, 199);
	count_for(0);
	assert_int_equal(counted(), 200);
}

/* Both the file and its folder. */
TEST(what_cannot_be_synced_is_an_error)
{
	static const enum wrap_call calls[] = { WRAP_FDATASYNC, WRAP_FSYNC };
	static const enum hs_result results[] = { HS_E_SYNC, HS_E_IO };

	for (size_t i = 0; i < 2; i++) {
		struct hs_schema schema = { 0 };

		put(i == 0 ? "a" : "b");
		open_reader();
		wrap_fail(calls[i], 1, 1, EIO);
		assert_result(hs_schema_advance(s.reader, &(struct hs_schema_work){ 0 }, &schema), results[i]);
		hs_schema_free(&schema);
		wrap_reset();
	}
	count_for(0);
	assert_int_equal(counted(), 2);
}

/* --- while records are counted ---------------------------------------------------------------------- */

static enum hs_result advance(bool (*look)(void *context), int64_t until_ms)
{
	unsigned looks = 0;
	struct hs_schema schema = { 0 };
	enum hs_result r;

	open_reader();
	r = hs_schema_advance(
	    s.reader, &(struct hs_schema_work){ .stop = look, .context = &looks, .until_ms = until_ms }, &schema);
	hs_schema_free(&schema);
	close_reader();
	return r;
}

TEST(a_count_ends_when_its_time_is_over)
{
	int64_t now = hs_io_now_monotonic();

	put(many("w", 0, 200));
	assert_result(advance(NULL, now), HS_OK);
	assert_in_range(counted(), 1, 199);
	assert_result(advance(NULL, now + 3600000), HS_OK);
	assert_int_equal(counted(), 200);
}

/* The clock goes on a minute at the first look. */
static bool take_long(void *looks)
{
	if ((*(unsigned *)looks)++ == 0)
		wrap_clock(60000, 60000);
	return false;
}

/* A part that was read is saved, so that a kill costs little. */
TEST(a_long_count_is_saved_in_parts)
{
	put(many("w", 0, 300));
	assert_result(advance(take_long, 0), HS_OK);
	assert_true(wrap_count(WRAP_RENAMEAT) >= 2);
	assert_int_equal(counted(), 300);
}

/* Values that erase has left to be gathered, likewise. */
TEST(values_are_gathered_in_parts)
{
	put(many("w", 0, 300));
	assert_result(advance(NULL, 0), HS_OK);
	open_reader();
	assert_result(hs_schema_forget(hs_reader_dir(s.reader)), HS_OK);
	close_reader();
	wrap_reset();
	assert_result(advance(take_long, 0), HS_OK);
	assert_true(wrap_count(WRAP_RENAMEAT) >= 2);
	assert_int_equal(counted(), 300);
}

/* As after a repair that has given segments other numbers. */
TEST(values_that_are_to_be_gathered_after_the_end_are_counted_anew)
{
	struct hs_schema schema = { 0 };

	put("a b");
	count_for(0);
	open_reader();
	assert_result(hs_schema_load(&schema, hs_reader_dir(s.reader)), HS_OK);
	schema.gathering = true;
	schema.gather = (struct hs_position){ .number = 50 };
	schema.gather_end = (struct hs_position){ .number = 51 };
	assert_result(hs_schema_save(&schema, hs_reader_dir(s.reader)), HS_OK);
	assert_result(hs_schema_advance(s.reader, &(struct hs_schema_work){ 0 }, &schema), HS_OK);
	assert_int_equal(schema.table.records, 2);
	assert_false(schema.gathering);
	hs_schema_free(&schema);
	close_reader();
	assert_int_equal(counted(), 2);
}

/* Another process is first each time, and leaves one that is not counted. */
static bool count_another(void *looks)
{
	char word[2][16];

	if (++*(unsigned *)looks > 100)
		return false;
	for (size_t i = 0; i < 2; i++)
		snprintf(word[i], sizeof word[i], "%c%u", "xy"[i], *(unsigned *)looks);
	put(word[0]);
	hs_schema_maintain(s.d.settings, &(struct hs_schema_work){ 0 }, 0);
	put(word[1]);
	return false;
}

TEST(a_count_that_others_overtake_each_time_ends)
{
	put("a");
	assert_result(advance(count_another, 0), HS_E_REWRITTEN);
	assert_in_range(counted(), 10, 50);
}

/* After a restore, a catalogue whose last record was deleted may be of another history. */
TEST(a_file_of_another_epoch_without_its_last_record_is_made_anew)
{
	for (unsigned more = 0; more < 2; more++) {
		struct hs_schema schema = { 0 };

		make("rotate_min_gap = 0\n");
		seal("a b");
		count_for(0);
		open_reader();
		assert_result(hs_schema_load(&schema, hs_reader_dir(s.reader)), HS_OK);
		schema.epoch += more;
		assert_result(hs_schema_save(&schema, hs_reader_dir(s.reader)), HS_OK);
		hs_schema_free(&schema);
		close_reader();
		put("c");
		spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
		count_for(0);
		assert_int_equal(counted(), more == 0 ? 3 : 1);
	}
}

TEST(a_call_that_fails_in_maintenance_loses_nothing)
{
	unsigned records = 0;

	for (unsigned nth = 1; nth < 20; nth++) {
		char word[16];

		snprintf(word, sizeof word, "w%u", nth);
		put(word);
		records++;
		wrap_fail(WRAP_OPENAT, nth, 1, EIO);
		count_for(0);
		wrap_reset();
		assert_in_range(counted(), 0, records);
	}
	count_for(0);
	assert_int_equal(counted(), records);
}

/* --- its file ------------------------------------------------------------------------------------------ */

static enum hs_result load(bool read_only)
{
	struct hs_schema schema = { 0 };
	struct hs_spool_dir dir = *hs_reader_dir(s.reader);
	enum hs_result r;

	dir.read_only = read_only;
	r = hs_schema_load(&schema, &dir);
	hs_schema_free(&schema);
	return r;
}

/* A reader who may only read the records goes without it. */
TEST(a_file_that_cannot_be_opened)
{
	put("a");
	count_for(0);
	open_reader();
	wrap_fail(WRAP_OPENAT, 1, 1, EACCES);
	assert_result(load(true), HS_OK);
	wrap_fail(WRAP_OPENAT, 1, 1, EACCES);
	assert_true(load(false) != HS_OK);
	wrap_fail(WRAP_OPENAT, 1, 1, EMFILE);
	assert_true(load(true) != HS_OK);
	wrap_reset();
	close_reader();
}

TEST(a_folder_or_a_huge_file_in_its_place_is_replaced)
{
	put("a");
	spooldir_mkdir(&s.d, ".hookspool/schema");
	open_reader();
	assert_result(load(false), HS_OK);
	close_reader();
	assert_int_equal(rmdir(spooldir_path(&s.d, ".hookspool/schema")), 0);
	spooldir_write(&s.d, ".hookspool/schema", HS_SLICE("x"));
	assert_int_equal(truncate(spooldir_path(&s.d, ".hookspool/schema"), 2 * HS_SCHEMA_BYTES), 0);
	count_for(0);
	assert_int_equal(counted(), 1);
}

static void pass_an_hour(void *context)
{
	(void)context;
	wrap_clock(3600000, 3600000);
}

TEST(a_file_that_another_process_keeps_locked)
{
	struct hs_schema schema = { 0 };

	put("a");
	count_for(0);
	open_reader();
	assert_result(hs_schema_load(&schema, hs_reader_dir(s.reader)), HS_OK);
	wrap_fail(WRAP_FLOCK, 1, WRAP_FOREVER, EWOULDBLOCK);
	wrap_before(WRAP_FLOCK, 2, pass_an_hour, NULL);
	assert_result(hs_schema_save(&schema, hs_reader_dir(s.reader)), HS_E_LOCKED);
	wrap_reset();
	wrap_fail(WRAP_FLOCK, 1, 1, EIO);
	assert_result(hs_schema_save(&schema, hs_reader_dir(s.reader)), HS_E_IO);
	wrap_reset();
	assert_result(hs_schema_save(&schema, hs_reader_dir(s.reader)), HS_OK);
	hs_schema_free(&schema);
	close_reader();
}

FIXTURE(end)
{
	wrap_reset();
	return finish(state);
}

TESTS("schema_maintain", begin, end)

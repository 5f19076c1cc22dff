/* schema_maintain: maintenance counts for the catalogue, but not again before the gap is over. */
#include "schema/schema.h"
#include "schema/schema_file.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>

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

FIXTURE(end)
{
	wrap_reset();
	return finish(state);
}

TESTS("schema_maintain", begin, end)

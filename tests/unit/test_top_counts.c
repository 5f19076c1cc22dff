/* top_counts: counts by decoded name, for a limited number of names. */
#include "event/top_counts.h"
#include "tests/lib/same_hash.h"
#include "tests/lib/unit.h"

#include <stdio.h>

static struct hs_top_counts counts;

FIXTURE(finish)
{
	hs_top_counts_free(&counts);
	return 0;
}

/* The value of "k" in the line. */
static void add(const char *line, uint64_t bytes)
{
	struct hs_record_fields walk = hs_record_fields_of(hs_slice_str(line));
	struct hs_record_field leaf;

	assert_true(hs_record_field_next(&walk, &leaf));
	assert_true(hs_top_counts_add_field(&counts, &leaf, bytes));
}

static void expect(size_t i, const char *name, uint64_t records, uint64_t bytes)
{
	assert_true(i < counts.count);
	assert_string_equal(counts.row[i].name, name);
	assert_int_equal(counts.row[i].n, strlen(name));
	assert_int_equal(counts.row[i].records, records);
	assert_int_equal(counts.row[i].bytes, bytes);
}

TEST(names)
{
	struct hs_record_field missing = { .name = HS_SLICE_NONE };

	add("{\"k\":\"a\"}", 1);
	add("{\"k\":\"b\"}", 10);
	add("{\"k\":\"\\u0062\"}", 100);
	add("{\"k\":\"\"}", 5);
	add("{\"k\":39.950}", 7);
	assert_true(hs_top_counts_add_field(&counts, &missing, 1000));
	hs_top_counts_sort(&counts, false);
	assert_int_equal(counts.count, 4);
	expect(0, "b", 2, 110);
	expect(1, "", 1, 5);
	expect(2, "39.950", 1, 7);
	expect(3, "a", 1, 1);
	assert_int_equal(hs_top_counts_rest(&counts, 1).records, 3);
	assert_int_equal(hs_top_counts_rest(&counts, 1).bytes, 13);
	assert_int_equal(hs_top_counts_rest(&counts, 4).records, 0);
	hs_top_counts_sort(&counts, true);
	expect(0, "b", 2, 110);
	expect(3, "", 1, 5);
}

TEST(a_limited_number_of_names)
{
	char line[64];

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < HS_TOP_COUNTS_NAMES + 5; i++) {
			snprintf(line, sizeof line, "{\"k\":\"name %d\"}", i);
			add(line, 2);
		}
	assert_int_equal(counts.count, HS_TOP_COUNTS_NAMES);
	for (size_t i = 0; i < counts.count; i++)
		assert_int_equal(counts.row[i].records, 2);
	assert_int_equal(hs_top_counts_rest(&counts, HS_TOP_COUNTS_NAMES).records, 10);
	assert_int_equal(hs_top_counts_rest(&counts, HS_TOP_COUNTS_NAMES).bytes, 20);
}

TEST(long_names)
{
	char name[2 * HS_TOP_COUNTS_NAME];

	memset(name, 'x', sizeof name);
	memcpy(name + HS_TOP_COUNTS_NAME - 1, "\xc3\xa9", 2); /* the cut would split it */
	assert_true(hs_top_counts_add(&counts, hs_slice(name, sizeof name), 1));
	assert_true(hs_top_counts_add(&counts, hs_slice(name, sizeof name - 1), 1));
	assert_int_equal(counts.count, 1);
	assert_int_equal(counts.row[0].n, HS_TOP_COUNTS_NAME - 1);
	assert_int_equal(counts.row[0].records, 2);
	memset(name, '\x80', sizeof name); /* no character begins there */
	assert_true(hs_top_counts_add(&counts, hs_slice(name, sizeof name), 1));
	assert_int_equal(counts.row[1].n, 0);
}

TEST(names_that_have_the_same_hash)
{
	static const char *const beginning[] = { "a", "b", "cc" };
	char room[SAME_HASH_MAX];

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < 3; i++)
			assert_true(hs_top_counts_add(&counts, same_hash(room, beginning[i]), 1));
	assert_int_equal(counts.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(counts.row[i].records, 2);
}

TESTS("top_counts", NULL, finish)

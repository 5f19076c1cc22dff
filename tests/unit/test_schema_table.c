/* schema_table: names and values that are alike, too long, too many, or have no room. */
#include "schema/schema_file.h"
#include "schema/schema_json.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/same_hash.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

static struct hs_schema_table t;
static struct hs_buf out;

FIXTURE(begin)
{
	t.seed = 1;
	return 0;
}

FIXTURE(finish)
{
	fail_each_tell();
	wrap_reset();
	hs_schema_table_free(&t);
	hs_buf_free(&out);
	return 0;
}

static bool add(const char *line, bool count)
{
	return hs_schema_table_add(&t, hs_slice_str(line), 1, count);
}

TEST(fields_whose_names_have_the_same_hash)
{
	static const char *const events[] = { "page", "screen" }, *const beginning[] = { "a", "b", "cc" };
	char room[SAME_HASH_MAX];

	for (size_t e = 0; e < 2; e++) {
		assert_non_null(hs_schema_table_put_event(&t, hs_slice_str(events[e])));
		for (size_t i = 0; i < 3; i++)
			assert_non_null(hs_schema_table_put_field(&t, same_hash(room, beginning[i])));
	}
	for (uint32_t e = 0; e < 2; e++)
		for (uint32_t i = 0; i < 3; i++)
			assert_int_equal(hs_schema_table_find(&t, e, same_hash(room, beginning[i])), 3 * e + i);
	assert_int_equal(hs_schema_table_find(&t, 2, same_hash(room, "a")), HS_SCHEMA_NONE);
}

/* For readers of a catalogue. */
TEST(what_a_catalogue_cannot_have_twice_or_beyond_its_limits)
{
	char value[HS_SCHEMA_VALUE + 8];

	assert_null(hs_schema_table_put_field(&t, HS_SLICE("a"))); /* of no event */
	assert_non_null(hs_schema_table_put_event(&t, HS_SLICE("page")));
	assert_null(hs_schema_table_put_event(&t, HS_SLICE("page")));
	assert_non_null(hs_schema_table_put_field(&t, HS_SLICE("a")));
	assert_null(hs_schema_table_put_field(&t, HS_SLICE("a")));
	memset(value, 'x', sizeof value);
	assert_false(hs_schema_table_put_value(&t, hs_slice(value, sizeof value), 1));
	assert_true(hs_schema_table_put_value(&t, hs_slice(value, HS_SCHEMA_VALUE), 1));
	for (size_t i = 1; i < HS_SCHEMA_VALUES; i++)
		assert_true(hs_schema_table_put_value(&t, hs_slice(value, i), 1));
	assert_false(hs_schema_table_put_value(&t, HS_SLICE(""), 1));
	assert_non_null(hs_schema_table_put_field(&t, HS_SLICE("b")));
	t.bytes = HS_SCHEMA_BYTES;
	assert_false(hs_schema_table_put_value(&t, HS_SLICE(""), 1));
	assert_null(hs_schema_table_put_field(&t, HS_SLICE("c")));
	assert_null(hs_schema_table_put_event(&t, HS_SLICE("screen")));
}

/* A record that is counted already brings values alone. */
TEST(a_counted_record_makes_no_event_and_no_field)
{
	assert_true(add("{\"type\":\"page\",\"a\":1}", true));
	assert_true(add("{\"type\":\"page\",\"a\":2,\"b\":3}", false));
	assert_true(add("{\"type\":\"screen\",\"a\":2}", false));
	assert_int_equal(t.records, 1);
	assert_int_equal(t.count, 1);
	assert_int_equal(t.event[0].fields, 2);
	assert_int_equal(t.field[1].value_count, 2);
}

TEST(an_event_that_is_no_text_names_nothing)
{
	assert_true(add("{\"type\":\"track\",\"event\":7}", true));
	assert_slice_equal(hs_schema_event_type(&t.event[0]), HS_SLICE("track"));
	assert_null(hs_schema_event_name(&t.event[0]).p);
}

/* Only a damaged record has such a value. */
TEST(a_long_value_without_a_character_is_cut)
{
	char line[400] = "{\"type\":\"page\",\"a\":\"";

	memset(line + strlen(line), '\x80', 2 * HS_SCHEMA_VALUE);
	strcat(line, "\"}");
	assert_true(add(line, true));
	assert_slice_equal(hs_slice(t.field[1].value[0].text, t.field[1].value[0].n), HS_SLICE("…"));
}

TEST(a_field_that_was_not_seen_since_is_not_shown)
{
	struct hs_schema schema = { .table.seed = 1 };
	struct hs_schema_view view = { .since_ms = 1795428900000 };

	assert_true(hs_schema_table_add(
	    &schema.table, HS_SLICE("{\"type\":\"page\",\"spooled_at\":\"2026-11-22T10:15:00.000Z\",\"old\":1}"), 1,
	    true));
	assert_true(hs_schema_table_add(
	    &schema.table, HS_SLICE("{\"type\":\"page\",\"spooled_at\":\"2026-11-23T10:15:00.000Z\",\"new\":1}"), 1,
	    true));
	hs_schema_table_sort(&schema.table);
	hs_schema_put_json(&schema, &view, &out, NULL, NULL);
	assert_null(memmem(out.p, out.n, "\"old\"", 5));
	assert_non_null(memmem(out.p, out.n, "\"new\"", 5));
	hs_schema_free(&schema);
}

/* --- its file ------------------------------------------------------------------------------ */

TEST(bytes_that_are_no_catalogue_are_refused)
{
	struct hs_schema schema = { .table.seed = 1 }, other = { .table.seed = 1 };
	char endless[100];

	assert_true(hs_schema_table_add(&schema.table, HS_SLICE("{\"type\":\"page\",\"a\":1}"), 1, true));
	hs_schema_encode(&schema, &out);
	assert_result(hs_schema_decode(&other, hs_buf_slice(&out)), HS_OK);
	hs_schema_free(&other);
	hs_buf_putc(&out, '\0'); /* one byte more */
	assert_result(hs_schema_decode(&other, hs_buf_slice(&out)), HS_E_SPOOL_FILE);
	hs_schema_free(&other);
	memset(endless, '\xFF', sizeof endless); /* a number without an end */
	assert_result(hs_schema_decode(&other, hs_slice(endless, sizeof endless)), HS_E_SPOOL_FILE);
	hs_schema_free(&other);
	hs_schema_free(&schema);
}

/* --- without memory -------------------------------------------------------------------------- */

static struct hs_buf record[3];
static size_t found;

static void nothing(void)
{
}

/* A value that is decoded, one that is cut, and more fields than there is room for at first. */
static void put_records(void)
{
	hs_buf_printf(&record[0], "{\"type\":\"page\",\"a\":\"%0*d\"}", HS_SCHEMA_VALUE + 1, 1);
	hs_buf_printf(&record[1], "{\"type\":\"page\",\"b\":\"\\u0041%0400d\"}", 1);
	hs_buf_printf(&record[2], "{\"type\":\"screen\"");
	for (int i = 0; i < 300; i++)
		hs_buf_printf(&record[2], ",\"f%d\":%d", i, i);
	hs_buf_putc(&record[2], '}');
}

static enum hs_result add_records(void)
{
	enum hs_result result = HS_OK;

	hs_schema_table_free(&t);
	for (size_t i = 0; i < 3 && result == HS_OK; i++)
		if (!hs_schema_table_add(&t, hs_buf_slice(&record[i]), 1, true))
			result = HS_E_MEMORY;
	found = t.field_count;
	return result;
}

static void all_are_there(void)
{
	assert_int_equal(t.records, 3);
	assert_int_equal(found, 3 + 301);
	assert_int_equal(t.field[1].value[0].n, HS_SCHEMA_VALUE + strlen("…"));
}

TEST(without_memory_a_record_is_not_half_counted)
{
	put_records();
	fail_each(&(struct job){ nothing, add_records, all_are_there, 100 });
	for (size_t i = 0; i < 3; i++)
		hs_buf_free(&record[i]);
}

TESTS("schema_table", begin, finish)

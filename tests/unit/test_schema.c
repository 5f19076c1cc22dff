/*
 * schema: each record is counted once, whatever happens between; the table is bounded; values of people who
 * were erased are gone from the file, and so are those of deleted segments; a damaged file is made anew.
 */
#include "base/io.h"
#include "schema/schema.h"
#include "spool/erase.h"
#include "spool/file/gzip.h"
#include "tests/lib/random.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char file[] = ".hookspool/schema";

/* --- the table --------------------------------------------------------------------- */

static struct hs_schema_table table_of(const char *const *lines, size_t count)
{
	struct hs_schema_table t = { .seed = 1 };

	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(lines[i]);
		char *line = unit_exact_copy(hs_slice(lines[i], n));

		assert_true(hs_schema_table_add(&t, hs_slice(line, n), 1, true));
		free(line);
	}
	return t;
}

#define TABLE(...) \
	table_of((const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

/* "name types count values many" of each field of the first event. */
static const char *fields_of(const struct hs_schema_table *t)
{
	static char text[4096];
	size_t n = 0;

	text[0] = '\0';
	for (uint32_t i = t->event[0].first; i != HS_SCHEMA_NONE; i = t->field[i].next) {
		const struct hs_schema_field *f = &t->field[i];

		n += (size_t)snprintf(text + n, sizeof text - n, "%.*s %u %u %u%s\n", (int)f->name.n, f->name.p,
		                      f->types, (unsigned)f->count, f->value_count, f->many ? " many" : "");
		assert_true(n < sizeof text);
	}
	return text;
}

TEST(types_and_counts)
{
	struct hs_schema_table t = TABLE(
	    "{\"type\":\"track\",\"event\":\"A\",\"spooled_at\":\"2026-11-23T10:15:00.000Z\",\"p\":1,\"q\":null}",
	    "{\"type\":\"track\",\"event\":\"A\",\"spooled_at\":\"2026-11-22T10:15:00.000Z\",\"q\":true,\"p\":\"x\"}",
	    "{\"type\":\"track\",\"event\":\"\\u0041\",\"p\":-1.5e3,\"p\":false,\"\\u0070\":null}",
	    "{\"type\":\"track\",\"event\":\"B\"}", "{\"type\":\"page\"}", "{\"event\":\"A\",\"type\":\"track\"}",
	    "not JSON", "", "{}", "{\"type\":\"pa\\u0000ge\"}", "{\"type\":7}");

	assert_int_equal(t.records, 11);
	assert_int_equal(t.other, 6);
	assert_int_equal(t.count, 3);
	assert_int_equal(t.event[0].count, 3);
	assert_true(t.event[0].first_ms == INT64_C(1795342500000));
	assert_true(t.event[0].last_ms == INT64_C(1795428900000));
	assert_true(t.event[1].last_ms == 0);
	assert_slice_equal(hs_schema_event_name(&t.event[0]), HS_SLICE("A"));
	assert_null(hs_schema_event_name(&t.event[2]).p);
	assert_slice_equal(hs_schema_event_type(&t.event[2]), HS_SLICE("page"));
	assert_string_equal(fields_of(&t), "type 1 3 1\nevent 1 3 1\nspooled_at 1 2 2\np 15 3 4\nq 12 2 1\n");
	hs_schema_table_free(&t);
}

static void add_numbered(struct hs_schema_table *t, const char *format, int from, int to, uint64_t segment)
{
	for (int i = from; i < to; i++) {
		char line[4096];
		int n = snprintf(line, sizeof line, format, i); // NOLINT

		assert_true(n > 0 && (size_t)n < sizeof line);
		assert_true(hs_schema_table_add(t, hs_slice(line, (size_t)n), segment, true));
	}
}

TEST(up_to_twenty_values)
{
	struct hs_schema_table t = { .seed = 1 };
	char line[400] = "{\"type\":\"page\",\"v\":\"";

	add_numbered(&t, "{\"type\":\"page\",\"v\":%d}", 0, 20, 1);
	add_numbered(&t, "{\"type\":\"page\",\"v\":%d}", 0, 20, 2);
	assert_string_equal(fields_of(&t), "type 1 40 1\nv 2 40 20\n");
	add_numbered(&t, "{\"type\":\"page\",\"v\":%d}", 20, 21, 3);
	assert_string_equal(fields_of(&t), "type 1 41 1\nv 2 41 1 many\n");
	assert_slice_equal(hs_slice(t.field[1].value[0].text, t.field[1].value[0].n), HS_SLICE("20"));
	hs_schema_table_free(&t);

	memset(line + strlen(line), 'a', 99);
	strcat(line, "\xc3\xa9\"}"); /* 101 bytes: the last character does not fit */
	assert_true(hs_schema_table_add(&t, hs_slice_str(line), 1, true));
	assert_string_equal(fields_of(&t), "type 1 1 1\nv 1 1 1 many\n");
	assert_int_equal(t.field[1].value[0].n, 99 + strlen("…"));
	hs_schema_table_free(&t);
}

TEST(values_go_with_their_last_segment)
{
	struct hs_schema_table t = { .seed = 1 };

	add_numbered(&t, "{\"type\":\"page\",\"v\":%d}", 0, 3, 1);
	add_numbered(&t, "{\"type\":\"page\",\"v\":%d}", 2, 4, 2);
	hs_schema_table_drop(&t, 2);
	assert_string_equal(fields_of(&t), "type 1 5 1\nv 2 5 2\n");
	hs_schema_table_drop(&t, 3);
	assert_string_equal(fields_of(&t), "type 1 5 0\nv 2 5 0\n");
	add_numbered(&t, "{\"type\":\"page\",\"v\":%d}", 0, 30, 4);
	hs_schema_table_drop(&t, 5);
	assert_string_equal(fields_of(&t), "type 1 35 0\nv 2 35 0 many\n");
	add_numbered(&t, "{\"type\":\"page\",\"v\":%d}", 7, 8, 5);
	assert_string_equal(fields_of(&t), "type 1 36 1\nv 2 36 1 many\n");
	hs_schema_table_drop(&t, UINT64_MAX);
	assert_string_equal(fields_of(&t), "type 1 36 0\nv 2 36 0\n");
	hs_schema_table_free(&t);
}

TEST(names_are_bounded)
{
	struct hs_schema_table t = { .seed = 1 };

	add_numbered(&t, "{\"type\":\"track\",\"event\":\"%d\"}", 0, HS_SCHEMA_EVENTS + 7, 1);
	assert_int_equal(t.count, HS_SCHEMA_EVENTS);
	assert_int_equal(t.other, 7);
	hs_schema_table_free(&t);
	add_numbered(&t, "{\"type\":\"page\",\"p%d\":1}", 0, HS_SCHEMA_FIELDS + 7, 1);
	assert_int_equal(t.event[0].fields, HS_SCHEMA_FIELDS);
	assert_int_equal(t.event[0].other, 8); /* `type` is a field, too */
	assert_int_equal(t.other, 0);
	hs_schema_table_free(&t);
}

/* The worst that senders can do: names that never come again, long or short, with short values. */
TEST(memory_is_bounded)
{
	static const char *const formats[] = {
		("{\"type\":\"track\",\"event\":\"%d\",\"a%1$d\":%1$d,\"b%1$d\":%1$d,\"c%1$d\":%1$d,\"d%1$d\":%1$d,"
		 "\"e%1$d\":%1$d,\"f%1$d\":%1$d,\"g%1$d\":%1$d,\"h%1$d\":%1$d,\"i%1$d\":%1$d,\"j%1$d\":%1$d}"),
		"{\"type\":\"track\",\"event\":\"%d\",\"a%1$2000d\":%1$d}",
		"{\"type\":\"track\",\"event\":\"%d\",\"a\":\"%1$090d\"}",
	};

	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		struct hs_schema_table t = { .seed = 1 };
		size_t before = unit_heap();

		add_numbered(&t, formats[i], 0, 30000, 1);
		assert_true(t.bytes <= HS_SCHEMA_BYTES);
		assert_in_range(unit_heap() - before, 0, 48 << 20);
		assert_int_equal(t.records, 30000);
		hs_schema_table_free(&t);
	}
}

/* --- the file ------------------------------------------------------------------------ */

static struct hs_schema schema_of_random_records(struct random_source *r)
{
	struct hs_schema schema = { .table.seed = 7, .spool = "0123456789abcdef0123456789abcde", .epoch = 3 };

	for (uint32_t i = random_below(r, 60); i-- > 0;) {
		char line[400];
		int n = snprintf(line, sizeof line,
		                 "{\"type\":\"track\",\"event\":\"%u\",\"p%u\":%u,\"q\":\"%0*u\",\"r\":%s}",
		                 random_below(r, 4), random_below(r, 9), random_below(r, 50), (int)random_below(r, 140),
		                 1, random_below(r, 2) == 0 ? "null" : "true");

		assert_true(hs_schema_table_add(&schema.table, hs_slice(line, (size_t)n), random_below(r, 5), true));
	}
	schema.counted = (struct hs_position){ random_below(r, 9), UINT64_MAX, 1, UINT64_MAX / 3 };
	schema.gathering = random_below(r, 2) == 1;
	schema.saved_ms = INT64_MAX;
	return schema;
}

static struct hs_buf print(struct hs_schema *schema)
{
	struct hs_buf text = { 0 };

	hs_schema_table_sort(&schema->table);
	hs_schema_put_json(schema, &(struct hs_schema_view){ .no_examples = false }, &text, NULL, NULL);
	assert_true(hs_buf_ok(&text));
	return text;
}

TEST(what_is_written_is_read)
{
	uint64_t seed = random_seed();

	for (unsigned i = 0; i < 200; i++) {
		struct random_source r = random_new(seed + i);
		struct hs_schema one = schema_of_random_records(&r), two = { .table.seed = 9 };
		struct hs_buf bytes = { 0 }, again = { 0 }, of_one, of_two;
		char *copy;

		hs_schema_encode(&one, &bytes);
		copy = unit_exact_copy(hs_buf_slice(&bytes));
		assert_result(hs_schema_decode(&two, hs_slice(copy, bytes.n)), HS_OK);
		hs_schema_encode(&two, &again);
		assert_slice_equal(hs_buf_slice(&again), hs_buf_slice(&bytes));
		assert_int_equal(one.table.bytes, two.table.bytes);
		of_one = print(&one);
		of_two = print(&two);
		assert_slice_equal(hs_buf_slice(&of_two), hs_buf_slice(&of_one));
		for (size_t n = 0; n < bytes.n; n += 1 + n / 7) { /* cut anywhere it is none */
			struct hs_schema cut = { .table.seed = 9 };

			assert_result(hs_schema_decode(&cut, hs_slice(copy, n)), HS_E_SPOOL_FILE);
			hs_schema_free(&cut);
		}
		free(copy);
		hs_buf_free(&bytes);
		hs_buf_free(&again);
		hs_buf_free(&of_one);
		hs_buf_free(&of_two);
		hs_schema_free(&one);
		hs_schema_free(&two);
	}
}

/* Fills the table but for less than a value, by a field with a long name. */
static void fill(struct hs_schema_table *t)
{
	struct hs_buf line = { 0 };
	size_t n = HS_SCHEMA_BYTES - t->bytes - sizeof *t->field;

	hs_buf_put_slice(&line, HS_SLICE("{\"type\":\"page\",\""));
	while (n-- > 0)
		hs_buf_putc(&line, 'n');
	hs_buf_put_slice(&line, HS_SLICE("\":null}"));
	assert_true(hs_buf_ok(&line));
	assert_true(hs_schema_table_add(t, hs_buf_slice(&line), 1, true));
	assert_int_equal(t->bytes, HS_SCHEMA_BYTES);
	hs_buf_free(&line);
}

/* Else whoever can send fills it, and it is made anew from the whole spool each time. */
TEST(a_full_catalogue_is_read)
{
	struct hs_schema one = { .table.seed = 7 }, two = { .table.seed = 9 };
	struct hs_buf bytes = { 0 };

	add_numbered(&one.table, "{\"type\":\"page\",\"v\":%d}", 0, 5, 1);
	fill(&one.table);
	add_numbered(&one.table, "{\"type\":\"page\",\"v\":%d}", 5, 6, 1);
	hs_schema_encode(&one, &bytes);
	assert_result(hs_schema_decode(&two, hs_buf_slice(&bytes)), HS_OK);
	assert_int_equal(two.table.records, 7);
	assert_int_equal(two.table.field[1].count, 6);
	assert_true(two.table.field[1].many);
	assert_int_equal(two.table.field[1].value_count, 1);
	hs_buf_free(&bytes);
	hs_schema_free(&one);
	hs_schema_free(&two);
}

/* --- in a spool ------------------------------------------------------------------------ */

/* Brings the catalogue up to date, but for a call that fails; returns the result. */
static enum hs_result advance_with(const struct hs_schema_work *work, enum wrap_call call, unsigned nth)
{
	struct hs_schema schema = { 0 };
	struct hs_reader *reader;
	enum hs_result r;

	assert_result(hs_reader_open(s.d.settings, &reader), HS_OK);
	if (nth > 0)
		wrap_fail(call, nth, 1, EIO);
	r = hs_schema_advance(reader, work, &schema);
	if (nth > 0)
		wrap_reset();
	hs_schema_free(&schema);
	hs_reader_close(reader);
	return r;
}

static enum hs_result advance(const struct hs_schema_work *work)
{
	return advance_with(work, WRAP_FSYNC, 0);
}

static void count(void)
{
	assert_result(advance(&(struct hs_schema_work){ 0 }), HS_OK);
}

/* The records that the file has counted. */
static uint64_t counted(void)
{
	struct hs_schema schema = { 0 };
	struct hs_reader *reader;
	uint64_t records;

	assert_result(hs_reader_open(s.d.settings, &reader), HS_OK);
	assert_result(hs_schema_load(&schema, hs_reader_dir(reader)), HS_OK);
	records = schema.table.records;
	assert_int_equal(schema.table.count > 0 ? schema.table.event[0].count : 0, records);
	hs_schema_free(&schema);
	hs_reader_close(reader);
	return records;
}

static bool file_has(const char *text)
{
	struct hs_buf bytes = spooldir_read(&s.d, file);
	bool has = memmem(bytes.p, bytes.n, text, strlen(text)) != NULL;

	hs_buf_free(&bytes);
	return has;
}

TEST(each_record_is_counted_once)
{
	make("rotate_min_gap = 0\ncompress = gzip\n");
	put("a b");
	count();
	assert_int_equal(counted(), 2);
	put("c");
	rotate();
	count();
	assert_int_equal(counted(), 3);
	maintain(); /* compresses the segment in which the position was */
	put("d e");
	count();
	count();
	assert_int_equal(counted(), 5);
	seal("f");
	restart();
	count();
	assert_int_equal(counted(), 6);
	assert_true(file_has("f"));
}

TEST(nothing_new_writes_nothing)
{
	ino_t inode;

	put("a");
	count();
	inode = spooldir_inode(&s.d, file);
	count();
	assert_int_equal(spooldir_inode(&s.d, file), inode);
}

TEST(deleted_segments_stay_counted_without_their_values)
{
	seal("early-1");
	seal("early-2 kept");
	put("kept-2");
	count();
	assert_true(file_has("early-1"));
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	count();
	assert_int_equal(counted(), 4);
	assert_false(file_has("early-1"));
	assert_true(file_has("early-2"));
	assert_true(file_has("kept-2"));
}

TEST(records_that_were_deleted_before_they_were_counted)
{
	seal("a");
	count();
	seal("b");
	seal("c");
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	put("d");
	count();
	assert_int_equal(counted(), 3);
}

TEST(a_damaged_file_is_made_anew)
{
	struct hs_buf whole;

	put("a b c");
	count();
	whole = spooldir_read(&s.d, file);
	for (size_t i = 0; i < whole.n; i += 1 + i / 16) {
		spooldir_write(&s.d, file, hs_slice(whole.p, i));
		count();
		assert_int_equal(counted(), 3);
		whole.p[i] ^= 0x10;
		spooldir_write(&s.d, file, hs_buf_slice(&whole));
		whole.p[i] ^= 0x10;
		count(); /* another serial number alone is no damage */
		assert_int_equal(counted(), 3);
	}
	hs_buf_free(&whole);
}

/* A file with a check sum that holds, of a spool that went on differently. */
TEST(a_file_of_another_history_is_made_anew)
{
	struct hs_buf other;

	put("a b c d");
	count();
	other = spooldir_read(&s.d, file);
	make("rotate_min_gap = 0\n");
	put("x y");
	spooldir_write(&s.d, file, hs_buf_slice(&other));
	count();
	assert_int_equal(counted(), 2);
	hs_buf_free(&other);
}

/* A backup's catalogue beside records that go on after it, and beside fewer records. */
TEST(a_restored_file_goes_on_where_it_was)
{
	struct hs_buf early;
	off_t size;

	put("a b");
	count();
	early = spooldir_read(&s.d, file);
	size = spooldir_size(&s.d, "events.jsonl");
	put("c");
	count();
	spooldir_write(&s.d, file, hs_buf_slice(&early));
	count();
	assert_int_equal(counted(), 3);
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/state");
	spooldir_cut(&s.d, "events.jsonl", size);
	restart();
	count();
	assert_int_equal(counted(), 2);
	hs_buf_free(&early);
}

static int count_in_child(void *context)
{
	(void)context;
	return (int)advance(&(struct hs_schema_work){ 0 });
}

TEST(killed_anywhere_counts_each_once)
{
	uint64_t records = 0;
	int status = -1;

	for (unsigned nth = 1; status == -1; nth++) {
		char words[64];

		snprintf(words, sizeof words, "a%u b%u", nth, nth);
		put(words);
		if (nth % 7 == 0)
			rotate();
		records += 2;
		status = child_killed(nth, nth % 2 == 0, count_in_child, NULL);
		if (nth % 5 == 0) {
			count();
			assert_int_equal(counted(), records);
		}
	}
	assert_int_equal(status, 0);
	count();
	assert_int_equal(counted(), records);
}

TEST(a_failing_call_loses_nothing)
{
	static const enum wrap_call calls[] = { WRAP_FDATASYNC, WRAP_FSYNC, WRAP_PWRITE,
		                                WRAP_RENAMEAT,  WRAP_PREAD, WRAP_OPENAT };
	uint64_t records = 0, failed = 0;

	for (size_t c = 0; c < sizeof calls / sizeof *calls; c++)
		for (unsigned nth = 1; nth < 12; nth++) {
			char words[64];

			snprintf(words, sizeof words, "c%zu-%u", c, nth);
			put(words);
			records++;
			failed += advance_with(&(struct hs_schema_work){ 0 }, calls[c], nth) != HS_OK;
			count();
			assert_int_equal(counted(), records);
		}
	assert_true(failed > sizeof calls / sizeof *calls);
}

/* Another process counts the same records and is first to save. */
static bool count_meanwhile(void *context)
{
	unsigned *calls = context;

	if ((*calls)++ == 0)
		count();
	return false;
}

TEST(two_at_work_count_each_once)
{
	unsigned calls = 0;
	struct hs_schema_work work = { .stop = count_meanwhile, .context = &calls };

	put("a b c");
	assert_result(advance(&work), HS_OK);
	assert_true(calls > 1);
	assert_int_equal(counted(), 3);
}

/* --- erase ----------------------------------------------------------------------------- */

/* Appends a page of this user, who has an e-mail address like the id. */
static void put_user(const char *id, int number)
{
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("2026-11-23T10:15:00.123Z") };
	struct hs_record_maker in;
	struct hs_json json = { 0 };
	struct hs_append append;
	struct hs_event e;
	uint64_t duplicate;
	char text[200];

	snprintf(text, sizeof text,
	         "{\"type\":\"page\",\"userId\":\"%s\",\"name\":\"%s@example\",\"messageId\":\"%s-%d\"}", id, id, id,
	         number);
	assert_true(hs_record_maker_init(&in));
	assert_result(hs_json_document(&json, hs_slice_str(text)), HS_OK);
	assert_result(hs_event_read(&e, &json, 0, HS_VALIDATE_SPEC), HS_OK);
	assert_result(hs_record_maker_put(&in, &e, &stamp, HS_NAMES_WAREHOUSE), HS_OK);
	append = (struct hs_append){ .records = hs_buf_slice(&in.batch.lines),
		                     .record = in.batch.record,
		                     .count = in.batch.count,
		                     .duplicate = &duplicate,
		                     .deadline_ms = soon() };
	assert_result(hs_spool_append(s.spool, &append), HS_OK);
	hs_record_maker_free(&in);
	hs_json_free(&json);
}

static void erase(const char *id)
{
	struct hs_subject who = {
		.id = (char *)(uintptr_t)id, .n = strlen(id), .before = { UINT64_MAX, 0 }, .until_ms = INT64_MAX
	};
	struct hs_subjects subjects;
	struct hs_eraser eraser = { .subjects = &subjects };
	struct hs_erasure done;

	hs_subjects_init(&subjects, 1);
	assert_true(hs_subjects_add(&subjects, &who, NULL));
	assert_result(hs_erase(s.spool, s.d.settings, &eraser, &done), HS_OK);
	hs_subjects_free(&subjects);
}

TEST(erase_leaves_no_value_of_the_person)
{
	put_user("anna", 1);
	put_user("bert", 1);
	rotate();
	put_user("anna", 2);
	count();
	assert_true(file_has("anna"));
	erase("anna");
	assert_false(file_has("anna"));
	assert_int_equal(counted(), 3);
	put_user("cleo", 1);
	count();
	assert_false(file_has("anna"));
	assert_true(file_has("bert@example")); /* gathered anew */
	assert_true(file_has("cleo"));
	assert_int_equal(counted(), 4);
}

TEST(erase_after_retention_leaves_no_value)
{
	put_user("anna", 1);
	rotate();
	put_user("bert", 1);
	count();
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	assert_true(file_has("anna"));
	erase("anna");
	assert_false(file_has("anna"));
}

/* Between reading the records and saving the catalogue. */
static bool erase_meanwhile(void *context)
{
	unsigned *calls = context;

	if ((*calls)++ == 0)
		erase("anna");
	return false;
}

TEST(erase_while_records_are_counted)
{
	for (int before = 0; before < 2; before++) { /* with a file, and without one */
		unsigned calls = 0;
		struct hs_schema_work work = { .stop = erase_meanwhile, .context = &calls };

		make("rotate_min_gap = 0\n");
		put_user("bert", 1);
		if (before == 1)
			count();
		put_user("anna", 1);
		assert_result(advance(&work), HS_OK);
		assert_true(calls > 1);
		assert_false(file_has("anna"));
		assert_true(file_has("bert"));
		assert_int_equal(counted(), 1);
	}
}

/* A catalogue that a kill left half saved has values, too. */
TEST(erase_removes_what_a_kill_has_left)
{
	bool left = false;

	put_user("anna", 1);
	for (unsigned nth = 1; !left; nth++) {
		assert_int_equal(child_killed(nth, false, count_in_child, NULL), -1);
		left = spooldir_exists(&s.d, ".hookspool/run/schema-new") &&
		       spooldir_size(&s.d, ".hookspool/run/schema-new") > 20;
	}
	erase("anna");
	assert_false(spooldir_exists(&s.d, ".hookspool/run/schema-new"));
}

TEST(an_erase_that_cannot_drop_the_values_is_unfinished)
{
	struct hs_reader *reader;

	put_user("anna", 1);
	count();
	assert_result(hs_reader_open(s.d.settings, &reader), HS_OK);
	wrap_fail(WRAP_RENAMEAT, 1, 1, EIO);
	assert_result(hs_schema_forget(hs_reader_dir(reader)), HS_E_IO);
	wrap_reset();
	assert_result(hs_schema_forget(hs_reader_dir(reader)), HS_OK);
	assert_false(file_has("anna"));
	hs_reader_close(reader);
}

/* --- printing --------------------------------------------------------------------------- */

TEST(print_needs_no_scan)
{
	struct hs_buf text = { 0 };
	struct hs_reader *reader;

	put("a");
	assert_result(hs_reader_open(s.d.settings, &reader), HS_OK);
	assert_result(hs_schema_print(hs_reader_dir(reader), &(struct hs_schema_view){ 0 }, &text), HS_OK);
	assert_slice_equal(hs_buf_slice(&text), HS_SLICE("{\"records\":0,\"as_of\":null,\"other\":0,\"events\":[]}\n"));
	count();
	hs_buf_reset(&text);
	assert_result(hs_schema_print(hs_reader_dir(reader), &(struct hs_schema_view){ .no_examples = true }, &text),
	              HS_OK);
	assert_non_null(memmem(text.p, text.n, "{\"type\":\"track\",\"event\":null,\"count\":1,", 39));
	assert_null(memmem(text.p, text.n, "example", 7));
	hs_buf_reset(&text);
	assert_result(hs_schema_print(hs_reader_dir(reader), &(struct hs_schema_view){ .since_ms = INT64_MAX }, &text),
	              HS_OK);
	assert_non_null(memmem(text.p, text.n, "\"events\":[]", 11));
	hs_buf_free(&text);
	hs_reader_close(reader);
}

TESTS("schema", begin, finish)

/*
 * row_faults: when memory or a hash fails while a record becomes rows of a database, there are no rows of it, and none
 * that differ; and they are right when there is memory again.
 */
#include "tests/lib/every_fault.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "warehouse/rows.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

enum { RECORDS_MAX = 8, LONG = 1200 };

#define TIMES "\"spooled_at\":\"2026-01-02T00:00:00.000Z\""

static struct hs_buf record[RECORDS_MAX], right, out;
static size_t records;

static const struct hs_row_options *options;

/* --- records ------------------------------------------------------------------------------------- */

static struct hs_buf *next_record(void)
{
	assert_true(records < RECORDS_MAX);
	return &record[records++];
}

static void put_long(struct hs_buf *to, const char *part)
{
	size_t end = to->n + LONG;

	while (to->n < end)
		hs_buf_put_slice(to, hs_slice_str(part));
}

static void add(const char *text)
{
	hs_buf_put_slice(next_record(), hs_slice_str(text));
}

/* Names and ids that are decoded, cut, hashed, or compared. */
static void add_strange(void)
{
	struct hs_buf *r;

	add("{\"type\":\"track\",\"event\":\"Order \\u0043ompleted\",\"message_id\":\"m\",\"user_id\":7.0," TIMES
	    ",\"properties_a\":1,\"properties_Long\\u0065r\":\"\\u00e9x\"}");
	add("{\"type\":\"identify\",\"message_id\":\"m\",\"user_id\":\"u\"," TIMES
	    ",\"traits_a\":1,\"context_ip\":\"192.0.2.1\"}");
	add("{\"type\":\"alias\",\"user_id\":\"u\"," TIMES "}");
	r = next_record();
	hs_buf_printf(r, "{\"type\":\"track\",\"message_id\":\"m\"," TIMES ",\"event\":\"\\u0041");
	put_long(r, "Much \\u00e9 ");
	hs_buf_printf(r, "\"}");
	r = next_record();
	hs_buf_printf(r, "{\"type\":\"page\",\"user_id\":\"u\"," TIMES ",\"message_id\":\"\\u0041");
	put_long(r, "\\ud83d\\ude00");
	hs_buf_printf(r, "\",\"properties_");
	put_long(r, "long_");
	hs_buf_printf(r, "\":1}");
	/* analytics.js repeats the name of a page, here in another spelling */
	r = next_record();
	hs_buf_printf(r, "{\"type\":\"page\",\"message_id\":\"m\"," TIMES ",\"name\":\"\\u0041");
	put_long(r, "b");
	hs_buf_printf(r, "\",\"properties_name\":\"A");
	put_long(r, "b");
	hs_buf_printf(r, "\"}");
}

/* A track with so many cells for every table, and so many for its own. */
static void add_cells(int shared, int own)
{
	struct hs_buf *r = next_record();

	hs_buf_printf(r, "{\"type\":\"track\",\"event\":\"E\",\"message_id\":\"m\"," TIMES);
	for (int i = 0; i < shared + own; i++)
		hs_buf_printf(r, ",\"%s_a%d\":%d", i < shared ? "context" : "properties", i, i);
	hs_buf_putc(r, '}');
}

/* There is room for 64 cells at first, which ends in another place each time. */
static void add_many(void)
{
	add_cells(1, 70);
	add_cells(70, 1);
	add_cells(40, 1);
	add_cells(1, 40);
	add_cells(1, 18);
}

FIXTURE(tell)
{
	fail_each_tell();
	wrap_reset();
	for (size_t i = 0; i < records; i++)
		hs_buf_free(&record[i]);
	records = 0;
	hs_buf_free(&right);
	hs_buf_free(&out);
	return 0;
}

/* --- their rows ------------------------------------------------------------------------------------- */

static void put_cell(const struct hs_cell *cell)
{
	hs_buf_putc(&out, cell->rest ? '!' : ' ');
	hs_buf_put_slice(&out, cell->column);
	hs_buf_putc(&out, '=');
	hs_buf_put_slice(&out, cell->value.text);
}

static void put_rows(const struct hs_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		hs_buf_put_slice(&out, rows->row[i].table);
		for (size_t k = 0; k < rows->row[i].cells; k++)
			put_cell(&rows->row[i].cell[k]);
		hs_buf_putc(&out, '\n');
	}
}

static bool take_cell(void *context, const struct hs_cell *cell)
{
	(void)context;
	put_cell(cell);
	return true;
}

/* Walks over the fields, as for a record that has too many, with a maker that knows no names yet. */
static enum hs_result walk(struct hs_slice line, const struct hs_rows *rows)
{
	struct hs_row_maker *maker = hs_row_maker_new(options);
	enum hs_result result = maker == NULL ? HS_E_MEMORY : HS_OK;

	for (size_t i = 0; i < rows->count && result == HS_OK; i++)
		result = hs_row_maker_walk(maker, line, &rows->row[i].walk, take_cell, NULL);
	hs_row_maker_free(maker);
	return result;
}

static enum hs_result make(struct hs_slice line)
{
	struct hs_row_maker *maker = hs_row_maker_new(options);
	struct hs_rows rows = { .count = 0 };
	enum hs_result result = maker == NULL ? HS_E_MEMORY : hs_row_maker_make(maker, line, &rows);

	if (result == HS_OK) {
		put_rows(&rows);
		result = walk(line, &rows);
	}
	if (result == HS_OK)
		result = hs_row_maker_without_event(maker, &rows);
	if (result == HS_OK) {
		put_rows(&rows);
		result = walk(line, &rows);
	}
	hs_row_maker_free(maker);
	return result;
}

static void nothing(void)
{
}

static enum hs_result make_all(void)
{
	enum hs_result result = HS_OK;

	hs_buf_reset(&out);
	for (size_t i = 0; i < records && result == HS_OK; i++)
		result = make(hs_buf_slice(&record[i]));
	return result;
}

static void are_right(void)
{
	assert_true(hs_buf_ok(&out) && out.n > 0);
	if (right.n == 0)
		hs_buf_put_slice(&right, hs_buf_slice(&out));
	assert_slice_equal(hs_buf_slice(&out), hs_buf_slice(&right));
}

static void make_each_fail(const struct hs_row_options *with)
{
	options = with;
	assert_non_null(hs_buf_reserve(&out, 1 << 20)); /* so that no planned failure hits it */
	fail_each(&(struct job){ nothing, make_all, are_right, UINT_MAX });
}

static bool says(const char *text)
{
	return memmem(right.p, right.n, text, strlen(text)) != NULL;
}

TEST(names_and_ids)
{
	add_strange();
	make_each_fail(&(struct hs_row_options){ .tenant = true });
	assert_true(says("order_completed") && says("id=sha256-") && says("id=hookspool-") && says("user_id=7 "));
	assert_true(says(" name=") && !says("name_2="));
}

TEST(more_cells_than_there_is_room_for)
{
	add_many();
	make_each_fail(&(struct hs_row_options){ 0 });
	assert_true(says(" a65=65"));
}

TEST(cells_that_are_chosen)
{
	static const char *const include[] = { "tracks.a*", NULL }, *const exclude[] = { "e.a3", NULL };

	add_many();
	make_each_fail(&(struct hs_row_options){ .include = include, .exclude = exclude });
	assert_true(says(" a2=2") && !says(" a3=3"));
}

static bool take_none(void *context, const struct hs_cell *cell)
{
	(void)cell;
	return --*(int *)context > 0;
}

/* The taker of the cells of a walk may have no memory for the next one. */
TEST(a_walk_ends_where_nobody_takes_its_cells)
{
	static const struct hs_row_options none;
	struct hs_row_maker *maker = hs_row_maker_new(&none);
	struct hs_rows rows;
	int most = 2;

	add("{\"type\":\"track\",\"event\":\"E\",\"message_id\":\"m\"," TIMES ",\"properties_a\":1,\"properties_b\":2,"
	    "\"properties_c\":3}");
	assert_non_null(maker);
	assert_result(hs_row_maker_make(maker, hs_buf_slice(&record[0]), &rows), HS_OK);
	assert_result(hs_row_maker_walk(maker, hs_buf_slice(&record[0]), &rows.row[1].walk, take_none, &most),
	              HS_E_MEMORY);
	assert_int_equal(most, 0);
	hs_row_maker_free(maker);
}

/* The names of one record fill the room for all: those of the next have a place for as long as they are looked at. */
TEST(names_beyond_all_room_without_memory)
{
	enum { NAMES = 1200, NAME = 3800 };
	static const struct hs_row_options none;
	struct hs_row_maker *maker = hs_row_maker_new(&none);
	struct hs_buf *r = next_record();
	struct hs_rows rows;

	assert_non_null(maker);
	hs_buf_printf(r, "{\"type\":\"page\",\"message_id\":\"m\"," TIMES);
	for (int i = 0; i < NAMES; i++)
		hs_buf_printf(r, ",\"properties_%0*d\":1", NAME, i);
	hs_buf_printf(r, ",\"properties_last\":7");
	for (int length = 4000; length < 4060; length += 20) /* needs more room than the one before */
		hs_buf_printf(r, ",\"properties_%0*d\":1", length, 1);
	hs_buf_putc(r, '}');
	assert_true(hs_buf_ok(r));
	wrap_reset();
	assert_result(hs_row_maker_make(maker, hs_buf_slice(r), &rows), HS_OK);
	assert_true(rows.row[0].walk.is_needed);
	hs_row_maker_free(maker);
	for (unsigned nth = 1, calls = wrap_count(WRAP_REALLOC); nth <= calls; nth++) {
		enum hs_result result;

		maker = hs_row_maker_new(&none);
		wrap_fail(WRAP_REALLOC, nth, 1, ENOMEM);
		result = hs_row_maker_make(maker, hs_buf_slice(r), &rows);
		wrap_reset();
		assert_true(result == HS_OK || result == HS_E_MEMORY);
		hs_row_maker_free(maker);
	}
}

TESTS("row_faults", NULL, tell)

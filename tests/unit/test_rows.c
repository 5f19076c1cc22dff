/* rows: tests/cases/warehouse.txt; tables without their event; what --include and --exclude choose. */
#include "tests/lib/cases.h"
#include "warehouse/rows.h"

#include <stdio.h>

static void put_cell(struct hs_buf *out, const struct hs_cell *cell)
{
	hs_buf_put_slice(out, cell->rest ? HS_SLICE(" !") : HS_SLICE(" "));
	hs_buf_put_slice(out, cell->column);
	if (cell->path.n > 0)
		hs_buf_printf(out, "(%.*s)", (int)cell->path.n, cell->path.p);
	hs_buf_putc(out, '=');
	if (cell->value.is_string)
		hs_buf_putc(out, '"');
	hs_buf_put_slice(out, cell->value.text);
	if (cell->value.is_string)
		hs_buf_putc(out, '"');
}

static void put_row(struct hs_buf *out, const struct hs_row *row)
{
	hs_buf_reset(out);
	hs_buf_put_slice(out, row->table);
	for (size_t i = 0; i < row->cells; i++)
		put_cell(out, &row->cell[i]);
}

static void run_rows_case(struct test_case *c)
{
	static const struct hs_row_options none;
	struct hs_row_maker *maker = hs_row_maker_new(&none);
	struct hs_slice line = case_get(c, "line"), expected, flag;
	struct hs_buf text = { 0 };
	struct hs_rows rows;
	bool bad = case_find(c, "bad", &flag), empty = case_find(c, "none", &flag);
	size_t at = 0, n = 0;

	assert_non_null(maker);
	case_result(c, hs_row_maker_make(maker, line, &rows), bad ? HS_E_JSON_SYNTAX : HS_OK);
	for (; !bad && !empty && case_next(c, "row", &at, &expected); n++) {
		if (n == rows.count)
			case_fail(c, "only %zu rows", n);
		put_row(&text, &rows.row[n]);
		case_same(c, "the row", hs_buf_slice(&text), expected);
	}
	if (!bad)
		assert_int_equal(rows.count, n);
	hs_buf_free(&text);
	hs_row_maker_free(maker);
}

static const char *const track =
    "{\"type\":\"track\",\"event\":\"E\",\"message_id\":\"m\",\"spooled_at\":\"2026-01-02T00:00:"
    "00.000Z\",\"tenant\":\"acme\",\"integrations_all\":true,\"properties_a\":1,\"properties_b\":2}";

/* The event and the table of a track whose event is n letters. */
static void event_of(size_t n, struct hs_buf *event, struct hs_buf *table, size_t *whole)
{
	static const struct hs_row_options none;
	struct hs_row_maker *maker = hs_row_maker_new(&none);
	struct hs_buf line = { 0 };
	struct hs_rows rows;

	assert_non_null(maker);
	hs_buf_put_slice(&line, HS_SLICE("{\"type\":\"track\",\"event\":\""));
	for (size_t i = 0; i < n; i++)
		hs_buf_putc(&line, "Ab"[i % 2]);
	hs_buf_put_slice(&line, HS_SLICE("\",\"message_id\":\"m\",\"spooled_at\":\"2026-01-02T00:00:00.000Z\"}"));
	assert_int_equal(hs_row_maker_make(maker, hs_buf_slice(&line), &rows), HS_OK);
	assert_int_equal(rows.count, 2);
	hs_buf_reset(event);
	hs_buf_reset(table);
	hs_buf_put_slice(table, rows.row[1].table);
	for (size_t i = 0; i < rows.row[0].cells; i++) {
		const struct hs_cell *cell = &rows.row[0].cell[i];

		if (hs_slice_eq(cell->column, HS_SLICE("event")))
			hs_buf_put_slice(event, cell->value.text);
		if (hs_slice_eq(cell->column, HS_SLICE("event_text")))
			*whole = cell->value.text.n;
	}
	hs_buf_free(&line);
	hs_row_maker_free(maker);
}

TEST(event_is_the_slug_up_to_its_limit_and_then_the_name_of_the_table)
{
	struct hs_buf event = { 0 }, table = { 0 };
	size_t whole = 0, letters = HS_ROW_EVENT_MAX / 3 * 2; /* "AbAb" becomes "ab_ab" */

	event_of(letters, &event, &table, &whole);
	assert_int_equal(whole, letters);
	assert_in_range(event.n, HS_ROW_EVENT_MAX - 3, HS_ROW_EVENT_MAX);
	assert_memory_equal(event.p, "ab_ab_", 6);
	assert_int_equal(table.n, HS_WAREHOUSE_NAME);
	event_of(letters + 4, &event, &table, &whole);
	assert_int_equal(whole, letters + 4);
	assert_slice_equal(hs_buf_slice(&event), hs_buf_slice(&table));
	hs_buf_free(&event);
	hs_buf_free(&table);
}

/* The cells that a walk has come by. */
struct walked {
	size_t count;
	char first[64], last[64], text[64];
};

static bool note_walked(void *context, const struct hs_cell *cell)
{
	struct walked *w = context;

	if (w->count++ == 0)
		snprintf(w->first, sizeof w->first, "%.*s", (int)cell->column.n, cell->column.p);
	snprintf(w->last, sizeof w->last, "%.*s", (int)cell->column.n, cell->column.p);
	snprintf(w->text, sizeof w->text, "%.*s", (int)cell->value.text.n, cell->value.text.p);
	return true;
}

/* The row of a table comes by all cells of its own, that of `tracks` by none. */
static void expect_walk(struct hs_row_maker *maker, struct hs_slice line, const struct hs_rows *rows, size_t many)
{
	struct walked own = { 0 }, shared = { 0 };

	assert_int_equal(hs_row_maker_walk(maker, line, &rows->row[0].walk, note_walked, &shared), HS_OK);
	assert_int_equal(shared.count, 1);
	assert_string_equal(shared.last, "context_locale");
	assert_int_equal(hs_row_maker_walk(maker, line, &rows->row[1].walk, note_walked, &own), HS_OK);
	assert_int_equal(own.count, many + 1);
	assert_string_equal(own.first, "context_locale");
	assert_string_equal(own.last, "p69999");
	assert_string_equal(own.text, "69999");
}

/* The id of the first row of a record whose message id has n bytes. */
static void id_of(size_t n, struct hs_buf *id)
{
	static const struct hs_row_options none;
	struct hs_row_maker *maker = hs_row_maker_new(&none);
	struct hs_buf line = { 0 };
	struct hs_rows rows;

	assert_non_null(maker);
	hs_buf_put_slice(&line, HS_SLICE("{\"type\":\"track\",\"event\":\"E\",\"message_id\":\""));
	for (size_t i = 0; i < n; i++)
		hs_buf_putc(&line, 'x');
	hs_buf_put_slice(&line, HS_SLICE("\",\"spooled_at\":\"2026-01-02T00:00:00.000Z\"}"));
	assert_int_equal(hs_row_maker_make(maker, hs_buf_slice(&line), &rows), HS_OK);
	hs_buf_reset(id);
	hs_buf_put_slice(id, rows.row[0].cell[0].value.text);
	hs_buf_free(&line);
	hs_row_maker_free(maker);
}

TEST(an_id_is_itself_up_to_its_limit_and_then_a_hash)
{
	struct hs_buf id = { 0 };

	id_of(HS_ROW_ID_MAX, &id);
	assert_int_equal(id.n, HS_ROW_ID_MAX);
	for (size_t n = HS_ROW_ID_MAX + 1; n < 100 * HS_ROW_ID_MAX; n *= 10) {
		id_of(n, &id);
		assert_int_equal(id.n, 7 + 64);
		assert_memory_equal(id.p, "sha256-", 7);
	}
	hs_buf_free(&id);
}

/* More fields than their places are kept of, in one record: nothing of it is mistaken for the next one's. */
TEST(records_with_very_many_fields_do_not_disturb_the_next_ones)
{
	enum { MANY = 70000 };
	static const struct hs_row_options none;
	static const char small[] = "{\"type\":\"track\",\"event\":\"E\",\"message_id\":\"m\",\"properties_p69999\":1,"
				    "\"properties_new\":2,\"spooled_at\":\"2026-01-02T00:00:00.000Z\"}";
	struct hs_row_maker *maker = hs_row_maker_new(&none);
	struct hs_buf line = { 0 };
	struct hs_rows rows;

	assert_non_null(maker);
	hs_buf_put_slice(&line, HS_SLICE("{\"type\":\"track\",\"event\":\"E\",\"message_id\":\"m\""));
	for (int i = 0; i < MANY; i++)
		hs_buf_printf(&line, ",\"properties_p%d\":%d", i, i);
	hs_buf_put_slice(&line, HS_SLICE(",\"properties_event\":\"E\",\"context_locale\":\"de\""));
	hs_buf_put_slice(&line, HS_SLICE(",\"spooled_at\":\"2026-01-02T00:00:00.000Z\"}"));
	for (int i = 0; i < 4; i++) {
		const struct hs_row *row = &rows.row[1];
		bool is_small = i % 2 == 1;

		assert_int_equal(hs_row_maker_make(maker, is_small ? hs_slice_str(small) : hs_buf_slice(&line), &rows),
		                 HS_OK);
		assert_int_equal(rows.count, 2);
		assert_int_equal(row->walk.is_needed, !is_small);
		if (is_small) {
			assert_slice_equal(row->cell[row->cells - 1].column, HS_SLICE("new"));
			assert_slice_equal(row->cell[row->cells - 1].value.text, HS_SLICE("2"));
			assert_slice_equal(row->cell[row->cells - 2].column, HS_SLICE("p69999"));
		} else {
			assert_slice_equal(row->cell[row->cells - 1].column, HS_SLICE("event_text"));
			expect_walk(maker, hs_buf_slice(&line), &rows, MANY);
		}
		hs_row_maker_shrink(maker);
	}
	hs_buf_free(&line);
	hs_row_maker_free(maker);
}

/* A record that takes much memory leaves it to the next ones only until it is to be given back. */
TEST(a_record_with_many_fields_leaves_no_memory_behind)
{
	static const struct hs_row_options none;
	struct hs_row_maker *maker = hs_row_maker_new(&none);
	struct hs_buf line = { 0 };
	struct hs_rows rows;
	size_t before;

	assert_non_null(maker);
	hs_buf_put_slice(&line, HS_SLICE("{\"type\":\"track\",\"event\":\"E\",\"message_id\":\"m\""));
	for (int i = 0; i < 10000; i++)
		hs_buf_printf(&line, ",\"properties_p%d\":%d", i, i);
	hs_buf_put_slice(&line, HS_SLICE(",\"spooled_at\":\"2026-01-02T00:00:00.000Z\"}"));
	for (int i = 0; i < 2; i++) {
		const struct hs_row *row = &rows.row[1];

		assert_result(hs_row_maker_make(maker, hs_buf_slice(&line), &rows), HS_OK);
		assert_int_equal(rows.count, 2);
		assert_slice_equal(row->cell[row->cells - 1].column, HS_SLICE("p9999"));
		before = unit_heap();
		hs_row_maker_shrink(maker);
		assert_true(before - unit_heap() > 10000 * sizeof *row->cell);
		assert_result(hs_row_maker_make(maker, hs_slice_str(track), &rows), HS_OK);
		assert_slice_equal(rows.row[1].cell[rows.row[1].cells - 1].column, HS_SLICE("b"));
	}
	hs_buf_free(&line);
	hs_row_maker_free(maker);
}

/* The rows of `track` as text, one after another. */
static void rows_with(const struct hs_row_options *options, bool without_event, const char *expected)
{
	struct hs_row_maker *maker = hs_row_maker_new(options);
	struct hs_buf text = { 0 }, all = { 0 };
	struct hs_rows rows;

	assert_non_null(maker);
	for (int twice = 0; twice < 2; twice++) { /* the second time names come from the cache */
		assert_result(hs_row_maker_make(maker, hs_slice_str(track), &rows), HS_OK);
		if (without_event)
			assert_result(hs_row_maker_without_event(maker, &rows), HS_OK);
		hs_buf_reset(&all);
		for (size_t i = 0; i < rows.count; i++) {
			put_row(&text, &rows.row[i]);
			hs_buf_put_slice(&all, hs_buf_slice(&text));
			hs_buf_putc(&all, '\n');
		}
		assert_slice_equal(hs_buf_slice(&all), hs_slice_str(expected));
	}
	hs_buf_free(&text);
	hs_buf_free(&all);
	hs_row_maker_free(maker);
}

#define TIMES \
	" id=\"m\" received_at=\"2026-01-02T00:00:00.000Z\" uuid_ts=\"2026-01-02T00:00:00.000Z\" " \
	"timestamp=\"2026-01-02T00:00:00.000Z\""
#define EVENT " event=\"e\" event_text=\"E\""

TEST(without_its_table_the_properties_are_for_the_rest)
{
	rows_with(&(struct hs_row_options){ 0 }, true, "tracks" TIMES EVENT " !a=1 !b=2\n");
}

TEST(a_record_without_rows_has_none_without_its_event_either)
{
	static const struct hs_row_options none;
	struct hs_row_maker *maker = hs_row_maker_new(&none);
	struct hs_rows rows;

	assert_non_null(maker);
	assert_result(hs_row_maker_make(maker, HS_SLICE("{\"type\":\"delete\",\"user_id\":\"u\"}"), &rows), HS_OK);
	assert_result(hs_row_maker_without_event(maker, &rows), HS_OK);
	assert_int_equal(rows.count, 0);
	hs_row_maker_free(maker);
}

TEST(a_tenant_has_a_column_where_there_are_several)
{
	rows_with(&(struct hs_row_options){ .tenant = true }, false,
	          "tracks" TIMES " tenant=\"acme\"" EVENT "\ne" TIMES " tenant=\"acme\"" EVENT " a=1 b=2\n");
}

TEST(exclude_wins_but_what_the_loader_needs_stays)
{
	static const char *const exclude[] = { "e.a", "*.timestamp", "*.id", NULL };

	rows_with(&(struct hs_row_options){ .exclude = exclude }, false,
	          "tracks" TIMES EVENT "\ne" TIMES EVENT " b=2\n");
}

TEST(exclude_takes_columns_that_every_table_of_its_kind_is_made_with)
{
	static const char *const exclude[] = { "tracks.event", "*.event_text", NULL };

	rows_with(&(struct hs_row_options){ .exclude = exclude }, false,
	          "tracks" TIMES "\ne" TIMES " event=\"e\" a=1 b=2\n");
}

TEST(a_table_can_be_excluded)
{
	static const char *const exclude[] = { "tracks", NULL };

	rows_with(&(struct hs_row_options){ .exclude = exclude }, false, "e" TIMES EVENT " a=1 b=2\n");
}

TEST(without_its_event_too_a_table_can_be_excluded)
{
	static const char *const exclude[] = { "tracks", NULL };

	rows_with(&(struct hs_row_options){ .exclude = exclude }, true, "");
}

TEST(include_names_the_only_tables)
{
	static const char *const include[] = { "t*", NULL };

	rows_with(&(struct hs_row_options){ .include = include }, false, "tracks" TIMES EVENT "\n");
}

TEST(include_takes_a_field_that_is_left_out)
{
	static const char *const include[] = { "tracks._integrations_*", NULL };

	rows_with(&(struct hs_row_options){ .include = include }, false,
	          "tracks" TIMES EVENT " _integrations_all=true\ne" TIMES EVENT " a=1 b=2\n");
}

TEST(with_lists_too_the_properties_of_an_event_without_a_table_are_for_the_rest)
{
	static const char *const exclude[] = { "tracks.b", NULL };

	rows_with(&(struct hs_row_options){ .exclude = exclude }, true, "tracks" TIMES EVENT " !a=1\n");
}

TEST(what_is_excluded_from_the_table_of_an_event_is_not_in_the_rest_of_tracks_either)
{
	static const char *const exclude[] = { "e.a", "e.event", NULL };

	rows_with(&(struct hs_row_options){ .exclude = exclude }, true, "tracks" TIMES EVENT " !b=2\n");
}

/* They tell rows apart, put them in order, or find those of a person; each where its table has it. */
TEST(columns_that_the_loader_cannot_do_without)
{
	assert_true(hs_table_needs(HS_TABLE_GROUPS, HS_SLICE("group_id")));
	assert_false(hs_table_needs(HS_TABLE_TRACKS, HS_SLICE("group_id")));
	assert_false(hs_table_needs(HS_TABLE_TRACKS, HS_SLICE("event")));
}

TESTS_AND_CASES("rows", "warehouse.txt", run_rows_case)

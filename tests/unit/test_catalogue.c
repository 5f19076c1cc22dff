/* catalogue: limits, the types of new columns, names that are cut, tables that somebody else has made. */
#include "tests/lib/every_fault.h"
#include "tests/lib/memory_target.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/load/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
	struct memory_target *m;
	struct hs_catalogue_options options;
	struct hs_catalogue catalogue;
};

FIXTURE(make)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->m = memory_target_new();
	f->options = (struct hs_catalogue_options){ .prefix = "", .columns_max = 180, .tables_max = 500 };
	f->catalogue.options = &f->options;
	assert_int_equal(hs_catalogue_read(&f->catalogue, &f->m->target), HS_TARGET_OK);
	*state = f;
	return 0;
}

FIXTURE(end)
{
	struct fixture *f = *state;

	fail_each_tell();
	wrap_reset();
	hs_catalogue_free(&f->catalogue);
	memory_target_free(f->m);
	free(f);
	return 0;
}

static struct hs_catalogue_table *table(struct fixture *f, const char *name)
{
	bool full;

	return hs_catalogue_table(&f->catalogue, hs_slice_str(name), &full);
}

/* The type of a column after a value of this type. */
static enum hs_column_type note(struct fixture *f, struct hs_catalogue_table *t, const char *name,
                                enum hs_column_type type)
{
	bool full;
	ptrdiff_t column = hs_catalogue_column(&f->catalogue, t, hs_slice_str(name), &full);

	assert_true(column >= 0);
	hs_catalogue_note(&f->catalogue, t, (size_t)column, type);
	return t->table.column[column].type;
}

TEST_WITH(type_of_a_new_column_is_that_of_its_first_values_and_then_stays, make, end)
{
	struct fixture *f = *state;
	struct hs_catalogue_table *t = table(f, "order");

	assert_int_equal(note(f, t, "total", HS_COLUMN_NUMBER), HS_COLUMN_NUMBER);
	assert_int_equal(note(f, t, "mixed", HS_COLUMN_NUMBER), HS_COLUMN_NUMBER);
	assert_int_equal(note(f, t, "mixed", HS_COLUMN_BOOLEAN), HS_COLUMN_TEXT);
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_OK);
	assert_int_equal(note(f, t, "total", HS_COLUMN_TEXT), HS_COLUMN_NUMBER);
}

TEST_WITH(type_option_decides_for_new_columns_alone, make, end)
{
	static const char *const types[] = { "order.zip=text", "*.sum_*=number", NULL };
	struct fixture *f = *state;
	struct hs_catalogue_table *t;

	f->options.types = types;
	t = table(f, "order");
	assert_int_equal(note(f, t, "zip", HS_COLUMN_NUMBER), HS_COLUMN_TEXT);
	assert_int_equal(note(f, t, "sum_net", HS_COLUMN_TEXT), HS_COLUMN_NUMBER);
	assert_int_equal(note(f, table(f, "parcel"), "zip", HS_COLUMN_NUMBER), HS_COLUMN_NUMBER);
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_OK);
	f->options.types = (const char *const[]){ "*.zip=number", NULL };
	assert_int_equal(note(f, t, "zip", HS_COLUMN_NUMBER), HS_COLUMN_TEXT);
	f->options.types = NULL;
}

TEST_WITH(columns_and_tables_end_at_their_limits_but_required_tables_do_not, make, end)
{
	struct fixture *f = *state;
	struct hs_catalogue_table *t;
	bool full;

	f->options.tables_max = 1;
	t = table(f, "order");
	f->options.columns_max = t->table.columns + 1;
	note(f, t, "first", HS_COLUMN_TEXT);
	assert_int_equal(hs_catalogue_column(&f->catalogue, t, HS_SLICE("second"), &full), -1);
	assert_true(full);
	assert_true(hs_catalogue_column(&f->catalogue, t, HS_SLICE("first"), &full) >= 0);
	assert_null(hs_catalogue_table(&f->catalogue, HS_SLICE("parcel"), &full));
	assert_true(full);
	assert_non_null(table(f, "tracks"));
}

TEST_WITH(table_names_are_cut_together_with_the_prefix_and_never_meet, make, end)
{
	struct fixture *f = *state;
	char name[2][HS_WAREHOUSE_NAME + 1];
	struct hs_catalogue_table *t[2];

	f->options.prefix = "shop_";
	for (int i = 0; i < 2; i++) {
		memset(name[i], 'a', HS_WAREHOUSE_NAME);
		name[i][HS_WAREHOUSE_NAME] = '\0';
		name[i][HS_WAREHOUSE_NAME - 1] = (char)('x' + i);
		t[i] = table(f, name[i]);
		assert_int_equal(strlen(t[i]->table.name), HS_WAREHOUSE_NAME);
		assert_int_equal(strncmp(t[i]->table.name, "shop_a", 6), 0);
	}
	assert_string_not_equal(t[0]->table.name, t[1]->table.name);
	assert_ptr_equal(table(f, name[0]), t[0]);
}

TEST_WITH(what_was_made_is_found_again_and_told_once, make, end)
{
	struct fixture *f = *state;
	struct hs_catalogue_table *t = table(f, "order");
	size_t columns;

	note(f, t, "total", HS_COLUMN_NUMBER);
	columns = t->table.columns;
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_OK);
	assert_int_equal(f->catalogue.new_tables, 1);
	assert_int_equal(f->catalogue.new_columns, columns);
	assert_non_null(memmem(f->catalogue.news.p, f->catalogue.news.n, "table order", 11));
	assert_int_equal(hs_catalogue_read(&f->catalogue, &f->m->target), HS_TARGET_OK);
	t = table(f, "order");
	assert_int_equal(t->table.columns, columns);
	assert_int_equal(note(f, t, "total", HS_COLUMN_TEXT), HS_COLUMN_NUMBER);
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_OK);
	assert_int_equal(f->catalogue.new_tables, 1);
}

TEST_WITH(table_without_a_unique_id_is_refused_with_the_statement_that_mends_it, make, end)
{
	struct fixture *f = *state;

	table(f, "order");
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_OK);
	f->m->table[0].unique_id = false;
	assert_int_equal(hs_catalogue_read(&f->catalogue, &f->m->target), HS_TARGET_OK);
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_OK); /* nobody needs it */
	table(f, "order");
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_DENIED);
	assert_non_null(strstr(f->m->target.message, "order has no unique index on id"));
}

/* Makes a table or something else that has the name, as another program or loader would. */
static void make_there(struct fixture *f, const char *name, const char *column, bool taken)
{
	struct hs_target_table there = { .name = (char *)(uintptr_t)name };

	assert_true(hs_target_add_column(&there, hs_slice_str(column), HS_COLUMN_TEXT));
	assert_int_equal(f->m->target.ops->make_table(&f->m->target, &there), HS_TARGET_OK);
	f->m->table[f->m->tables - 1].taken = taken;
	there.name = NULL;
	hs_target_table_free(&there);
}

TEST_WITH(tables_of_a_longer_prefix_are_another_loaders, make, end)
{
	struct fixture *f = *state;
	bool full;

	make_there(f, "globex_identifies", "id", false);
	make_there(f, "globex_hookspool_load", "name", false);
	make_there(f, "globex_orders", "id", false);
	make_there(f, "order", "id", false);
	make_there(f, "trace_hookspool_load", "id", false); /* an event's, for it has an id */
	make_there(f, "trhookspool_load", "name", false);
	assert_int_equal(hs_catalogue_read(&f->catalogue, &f->m->target), HS_TARGET_OK);
	assert_int_equal(f->catalogue.tables, 1);
	assert_true(table(f, "order")->exists);
	assert_null(hs_catalogue_table(&f->catalogue, HS_SLICE("globex_identifies"), &full));
	assert_true(full);
	assert_null(hs_catalogue_table(&f->catalogue, HS_SLICE("trial"), &full));
	assert_true(full);
	assert_non_null(table(f, "tracks")); /* which every loader has */
	assert_non_null(table(f, "globe"));
	assert_int_equal(table(f, "globe")->index, 2);
}

TEST_WITH(table_whose_name_is_taken_is_not_made, make, end)
{
	struct fixture *f = *state;
	bool full;

	make_there(f, "daily", "id", true);
	make_there(f, "an_index", "id", true);
	make_there(f, "users", "id", true);
	assert_int_equal(hs_catalogue_read(&f->catalogue, &f->m->target), HS_TARGET_OK);
	assert_int_equal(f->catalogue.tables, 0);
	assert_null(hs_catalogue_table(&f->catalogue, HS_SLICE("an_index"), &full));
	assert_true(full);
	assert_null(hs_catalogue_table(&f->catalogue, HS_SLICE("daily"), &full));
	assert_true(full);
	assert_non_null(table(f, "dail"));
	assert_non_null(table(f, "daily_"));
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_OK);
	assert_non_null(table(f, "users"));
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_DENIED);
	assert_non_null(strstr(f->m->target.message, "users is there, but is no table"));
}

TEST_WITH(column_that_never_had_a_value_is_a_text, make, end)
{
	struct fixture *f = *state;
	struct hs_catalogue_table *t = table(f, "order");
	bool full;
	ptrdiff_t column = hs_catalogue_column(&f->catalogue, t, HS_SLICE("blank"), &full);

	assert_true(column >= 0);
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_OK);
	assert_int_equal(f->m->table[0].column[column].type, HS_COLUMN_TEXT);
	assert_string_equal(hs_catalogue_type_word(HS_COLUMN_NONE), "text");
	assert_string_equal(hs_catalogue_type_word(HS_COLUMN_FOREIGN), "text");
	assert_string_equal(hs_catalogue_type_word(HS_COLUMN_NUMBER), "number");
}

TEST_WITH(table_without_columns_has_none, make, end)
{
	struct fixture *f = *state;

	memory_target_make_table(f->m, "blank", (const char *const[]){ NULL });
	assert_int_equal(hs_catalogue_read(&f->catalogue, &f->m->target), HS_TARGET_OK);
	assert_int_equal(hs_catalogue_look_up(f->catalogue.table[0], HS_SLICE("id")), -1);
	assert_int_equal(hs_catalogue_find_column(f->catalogue.table[0], HS_SLICE("id")), -1);
}

/* --- what a database does ------------------------------------------------------------------- */

static const struct hs_target_ops *real;
static unsigned noted, notes_that_succeed;

/* As SQLite does where there is a column User_Id. */
static enum hs_target_result add_foreign(struct hs_target *t, const char *name, struct hs_target_column *column,
                                         size_t columns)
{
	for (size_t i = 0; i < columns; i++)
		if (strcmp(column[i].name, "user_id") == 0)
			column[i].type = HS_COLUMN_FOREIGN;
	return real->add_columns(t, name, column, columns);
}

TEST_WITH(table_that_cannot_have_a_column_that_the_loader_needs_is_refused, make, end)
{
	struct fixture *f = *state;
	struct hs_target_ops ops = *f->m->target.ops;

	real = f->m->target.ops;
	ops.add_columns = add_foreign;
	f->m->target.ops = &ops;
	make_there(f, "order", "id", false);
	assert_int_equal(hs_catalogue_read(&f->catalogue, &f->m->target), HS_TARGET_OK);
	assert_non_null(table(f, "order"));
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_DENIED);
	assert_non_null(strstr(f->m->target.message, "order.user_id must be a text"));
	assert_non_null(strstr(f->m->target.message, "change its type by SQL"));
	f->m->target.ops = real;
}

static enum hs_target_result note_name(struct hs_target *t, const char *name, const char *column, struct hs_slice path)
{
	(void)t, (void)name, (void)column, (void)path;
	noted++;
	return noted > notes_that_succeed ? HS_TARGET_FULL : HS_TARGET_OK;
}

TEST_WITH(column_whose_whole_name_cannot_be_noted_is_not_made, make, end)
{
	struct fixture *f = *state;
	struct hs_target_ops ops = *f->m->target.ops;
	struct hs_catalogue_table *t = table(f, "order");
	static const char *const names[] = { "first", "second", "third" };
	bool full;

	real = f->m->target.ops;
	ops.note_name = note_name;
	f->m->target.ops = &ops;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		ptrdiff_t column = hs_catalogue_column(&f->catalogue, t, hs_slice_str(names[i]), &full);

		assert_true(hs_catalogue_note_path(t, (size_t)column, HS_SLICE("a.b")));
	}
	noted = 0;
	notes_that_succeed = 1;
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_FULL);
	assert_int_equal(noted, 2);
	assert_int_equal(f->m->tables, 0);
	notes_that_succeed = 100;
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_OK);
	assert_int_equal(noted, 5);
	assert_int_equal(f->m->tables, 1);
	f->m->target.ops = real;
}

/* --- memory ----------------------------------------------------------------------------------- */

static struct fixture *reading;

static void forget(void)
{
	hs_catalogue_free(&reading->catalogue);
}

static enum hs_result read_all(void)
{
	static const char long_name[] =
	    "a_table_whose_name_has_more_bytes_than_a_database_takes_for_a_name_of_one_of_its_tables";
	bool full;

	if (hs_catalogue_read(&reading->catalogue, &reading->m->target) != HS_TARGET_OK ||
	    hs_catalogue_table(&reading->catalogue, hs_slice_str(long_name), &full) == NULL)
		return HS_E_MEMORY;
	return HS_OK;
}

/* Names that are not to be had are known, or the catalogue is not read. */
static void is_read(void)
{
	bool full;

	assert_true(reading->catalogue.tables >= 2);
	assert_null(hs_catalogue_table(&reading->catalogue, HS_SLICE("globex_orders"), &full));
	assert_true(full);
	assert_null(hs_catalogue_table(&reading->catalogue, HS_SLICE("daily"), &full));
	assert_true(full);
}

TEST_WITH(without_memory_no_name_is_taken_for_one_that_is_to_be_had, make, end)
{
	const struct job job = { .prepare = forget, .run = read_all, .is_done = is_read, .each = 1000 };

	reading = *state;
	make_there(reading, "globex_hookspool_load", "name", false);
	make_there(reading, "daily", "id", true);
	make_there(reading, "order", "id", false);
	fail_each_of(FAIL_CALL(WRAP_MALLOC) | FAIL_CALL(WRAP_CALLOC) | FAIL_CALL(WRAP_REALLOC), &job);
}

TESTS("catalogue", NULL, NULL)

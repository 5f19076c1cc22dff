/* catalogue: limits, the types of new columns, names that are cut, tables that somebody else has made. */
#include "tests/lib/memory_target.h"
#include "tests/lib/unit.h"
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

TESTS("catalogue", NULL, NULL)

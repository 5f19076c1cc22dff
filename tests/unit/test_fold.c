/* fold: random rows in any order, against a fold of the test's own. */
#include "tests/lib/every_fault.h"
#include "tests/lib/memory_target.h"
#include "tests/lib/random.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/load/fold.h"
#include "tools/load/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 30, OWN = 2 /* columns that are neither key nor id */ };

static const struct hs_catalogue_options options = { .prefix = "", .columns_max = 180, .tables_max = 500 };
static const char *const own[OWN] = { "plan", "n" };

struct fixture {
	struct memory_target *m;
	struct hs_catalogue catalogue;
	struct hs_catalogue_table *from, *to;
	struct hs_fold *fold;
};

static struct hs_catalogue_table *table(struct fixture *f, const char *name)
{
	static const enum hs_column_type types[OWN] = { HS_COLUMN_TEXT, HS_COLUMN_NUMBER };
	bool full;
	struct hs_catalogue_table *t = hs_catalogue_table(&f->catalogue, hs_slice_str(name), &full);

	assert_non_null(t);
	for (int i = 0; i < OWN; i++)
		hs_catalogue_note(&f->catalogue, t,
		                  (size_t)hs_catalogue_column(&f->catalogue, t, hs_slice_str(own[i]), &full), types[i]);
	return t;
}

FIXTURE(make)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->m = memory_target_new();
	f->catalogue.options = &options;
	assert_int_equal(hs_catalogue_read(&f->catalogue, &f->m->target), HS_TARGET_OK);
	f->from = table(f, "identifies");
	f->to = table(f, "users");
	assert_int_equal(hs_catalogue_apply(&f->catalogue, &f->m->target), HS_TARGET_OK);
	f->fold = hs_fold_new();
	*state = f;
	return 0;
}

FIXTURE(end)
{
	struct fixture *f = *state;

	fail_each_tell();
	wrap_reset();
	hs_fold_free(f->fold);
	hs_catalogue_free(&f->catalogue);
	memory_target_free(f->m);
	free(f);
	return 0;
}

/* A row of identifies; "": NULL. `rest`: what _rest says of n, as the text that was sent. */
struct given {
	char id[16], timestamp[32], received_at[32], value[OWN][16], rest[16];
};

static struct given random_row(struct random_source *r, unsigned i)
{
	struct given row = { .id = "" };

	snprintf(row.id, sizeof row.id, "m-%02u", i);
	/* few different times, so that ids decide; with three digits or six */
	snprintf(row.timestamp, sizeof row.timestamp, "2026-11-23T10:15:0%u.%s", random_below(r, 3),
	         random_below(r, 2) == 0 ? "500Z" : "500000Z");
	snprintf(row.received_at, sizeof row.received_at, "2026-11-23T10:15:0%u.500Z", random_below(r, 3));
	if (random_below(r, 8) == 0)
		row.timestamp[0] = '\0';
	if (random_below(r, 2) == 0)
		snprintf(row.value[0], sizeof row.value[0], "plan %u", i);
	if (random_below(r, 3) == 0)
		snprintf(row.value[1], sizeof row.value[1], "%u", i);
	else if (random_below(r, 3) == 0)
		snprintf(row.rest, sizeof row.rest, "none %u", i);
	return row;
}

static void add(struct fixture *f, const struct given *row)
{
	struct hs_slice value[64];
	char rest[64];

	snprintf(rest, sizeof rest, "{\"n\":\"\\\"%s\\\"\"}", row->rest);
	for (size_t i = 0; i < hs_fold_column_count(f->fold); i++) {
		const char *name = f->from->table.column[hs_fold_columns(f->fold)[i]].name;
		const char *text = strcmp(name, "id") == 0            ? row->id
		                   : strcmp(name, "timestamp") == 0   ? row->timestamp
		                   : strcmp(name, "received_at") == 0 ? row->received_at
		                   : strcmp(name, own[0]) == 0        ? row->value[0]
		                   : strcmp(name, own[1]) == 0        ? row->value[1]
		                   : strcmp(name, "_rest") == 0       ? (row->rest[0] != '\0' ? rest : "")
		                                                      : "";

		value[i] = text[0] != '\0' ? hs_slice_str(text) : HS_SLICE_NONE;
	}
	assert_true(hs_fold_add(f->fold, value));
}

/* Whether row a comes before row b: by the lesser of the times, to whole seconds, then by id. */
static bool comes_before(const struct given *a, const struct given *b)
{
	char second[2];
	const struct given *row[] = { a, b };

	for (int i = 0; i < 2; i++) {
		second[i] = row[i]->received_at[18];
		if (row[i]->timestamp[0] != '\0' && row[i]->timestamp[18] < second[i])
			second[i] = row[i]->timestamp[18];
	}
	return second[0] != second[1] ? second[0] < second[1] : strcmp(a->id, b->id) < 0;
}

/* The latest row that says something of an own column; NULL: none does. */
static const struct given *latest(const struct given *row, unsigned rows, int column)
{
	const struct given *last = NULL;

	for (unsigned i = 0; i < rows; i++) {
		bool says = row[i].value[column][0] != '\0' || (column == 1 && row[i].rest[0] != '\0');

		if (says && (last == NULL || comes_before(last, &row[i])))
			last = &row[i];
	}
	return last;
}

static void value_is(const struct hs_target_rows *made, const char *column, const char *expected)
{
	for (size_t i = 0; i < made->columns; i++)
		if (strcmp(made->table->column[made->column[i]].name, column) == 0) {
			assert_slice_equal(made->value[i], hs_slice_str(expected));
			return;
		}
	assert_string_equal(expected, "");
}

static void fold_random_rows(struct fixture *f, struct random_source *r, unsigned rows)
{
	struct hs_fold_end how = { .id = HS_SLICE("u-1"), .numbers = HS_NUMBER_EXACT };
	struct given *row = calloc(rows, sizeof *row);
	unsigned *order = calloc(rows, sizeof *order);
	const struct given *plan, *n;
	struct hs_target_rows made;
	char rest[64] = "";

	assert_true(hs_fold_begin(f->fold, f->from, f->to));
	assert_true(hs_fold_rows(f->fold) == 0);
	for (unsigned i = 0; i < rows; i++) {
		unsigned other = random_below(r, i + 1);

		row[i] = random_row(r, i);
		order[i] = order[other];
		order[other] = i;
	}
	for (unsigned i = 0; i < rows; i++)
		add(f, &row[order[i]]);
	assert_true(hs_fold_end(f->fold, &how, &made));
	plan = latest(row, rows, 0);
	n = latest(row, rows, 1);
	if (n != NULL && n->rest[0] != '\0')
		snprintf(rest, sizeof rest, "{\"n\":\"\\\"%s\\\"\"}", n->rest);
	value_is(&made, "id", "u-1");
	value_is(&made, "plan", plan == NULL ? "" : plan->value[0]);
	value_is(&made, "n", n == NULL ? "" : n->value[1]);
	value_is(&made, "_rest", rest);
	assert_int_equal(strncmp(hs_fold_first_key(f->fold), "2026-11-23T10:15:0", 18), 0);
	free(row);
	free(order);
}

TEST_WITH(random_rows_in_any_order_become_what_a_plain_fold_says, make, end)
{
	struct random_source r = random_new(random_seed());

	for (int run = 0; run < 2000; run++)
		fold_random_rows(*state, &r, 1 + random_below(&r, ROWS_MAX));
}

TEST_WITH(thousands_of_rows_of_which_most_are_overwritten, make, end)
{
	struct random_source r = random_new(random_seed());

	for (int run = 0; run < 10; run++)
		fold_random_rows(*state, &r, 1 + random_below(&r, 5000));
}

/* --- long rows ----------------------------------------------------------------------- */

/* Adds a row of this second with a plan, n and a _rest; "": NULL. */
static void add_row(struct fixture *f, unsigned second, const char *plan, const char *n, const char *rest,
                    bool selected)
{
	struct hs_slice value[64];
	char id[16], timestamp[40];

	snprintf(id, sizeof id, "m-%u", second);
	snprintf(timestamp, sizeof timestamp, "2026-11-23T10:15:%02uZ", second);
	for (size_t i = 0; i < hs_fold_column_count(f->fold); i++) {
		const char *name = f->from->table.column[hs_fold_columns(f->fold)[i]].name;
		const char *text = strcmp(name, "id") == 0          ? id
		                   : strcmp(name, "timestamp") == 0 ? timestamp
		                   : strcmp(name, own[0]) == 0      ? plan
		                   : strcmp(name, own[1]) == 0      ? n
		                   : strcmp(name, "_rest") == 0     ? rest
		                                                    : "";

		value[i] = text[0] != '\0' ? hs_slice_str(text) : HS_SLICE_NONE;
	}
	assert_true(selected ? hs_fold_add_selected(f->fold, value, &f->m->target) : hs_fold_add(f->fold, value));
}

static void add_long(struct fixture *f, unsigned second, const char *plan, const char *n, const char *rest)
{
	add_row(f, second, plan, n, rest, false);
}

/* As add_long, from a target that may keep the row. */
static void select_long(struct fixture *f, unsigned second, const char *plan, const char *n)
{
	add_row(f, second, plan, n, "", true);
}

/* `n` bytes of a letter, between two texts. */
static char *long_text(const char *before, size_t n, const char *after)
{
	char *text = malloc(strlen(before) + n + strlen(after) + 1);

	assert_non_null(text);
	strcpy(text, before);
	memset(text + strlen(before), 'x', n);
	strcpy(text + strlen(before) + n, after);
	return text;
}

/* Whether there is a row of what was added, which is known before it is made, so that no more is read. */
static bool has_row(struct fixture *f)
{
	struct hs_fold_end how = { .id = HS_SLICE("u-1"), .numbers = HS_NUMBER_EXACT };
	struct hs_target_rows made;
	bool is_too_long = hs_fold_is_too_long(f->fold);

	assert_int_equal(hs_fold_end(f->fold, &how, &made), !is_too_long);
	return !is_too_long;
}

TEST_WITH(row_that_is_too_long_is_not_made_and_the_next_one_is, make, end)
{
	struct fixture *f = *state;
	char *most = long_text("", HS_PERSON_MAX - 100, ""), *more = long_text("", HS_PERSON_MAX + 1, "");

	assert_true(hs_fold_begin(f->fold, f->from, f->to));
	add_long(f, 1, most, "1", "");
	assert_true(has_row(f));
	add_long(f, 2, most, "", ""); /* in place of the other */
	assert_true(has_row(f));
	add_long(f, 3, "", "", "{\"a\":\"1\"}");
	assert_true(has_row(f));
	hs_fold_again(f->fold);
	add_long(f, 4, more, "", "");
	assert_false(has_row(f));
	add_long(f, 5, "free", "", "");
	assert_false(has_row(f));
	hs_fold_again(f->fold);
	add_long(f, 6, "free", "", "");
	assert_true(has_row(f));
	free(most);
	free(more);
}

TEST_WITH(rest_that_is_too_long_is_not_made, make, end)
{
	struct fixture *f = *state;
	char *most = long_text("{\"a\":\"\\\"", HS_REST_MAX - 12, "\\\"\"}");
	char *more = long_text("{\"a\":\"\\\"", HS_REST_MAX - 11, "\\\"\"}");

	assert_true(hs_fold_begin(f->fold, f->from, f->to));
	add_long(f, 2, "", "", most);
	add_long(f, 1, "", "", more); /* comes before, and does not count */
	add_long(f, 3, "", "", most);
	assert_true(has_row(f));
	add_long(f, 4, "", "", "{\"b\":\"1\"}");
	assert_false(has_row(f));
	hs_fold_again(f->fold);
	add_long(f, 1, "", "", more);
	assert_false(has_row(f));
	free(most);
	free(more);
}

/* A value that its column does not take is longer in _rest. */
TEST_WITH(rest_that_is_too_long_once_it_has_the_values_of_columns_is_not_made, make, end)
{
	struct hs_fold_end how = { .id = HS_SLICE("u-1"), .numbers = HS_NUMBER_EXACT, .narrow = true };
	struct fixture *f = *state;
	char *plan = long_text("", HS_REST_MAX / 4, "");
	struct hs_target_rows made;

	assert_true(hs_fold_begin(f->fold, f->from, f->to));
	memset(plan, '"', HS_REST_MAX / 4); /* each is \\\" */
	add_long(f, 1, plan, "", "");
	assert_true(has_row(f));
	assert_false(hs_fold_end(f->fold, &how, &made));
	assert_true(hs_fold_is_too_long(f->fold));
	free(plan);
}

/* The value of a column and the _rest together. */
TEST_WITH(values_and_rest_that_are_too_long_together_are_not_made, make, end)
{
	struct fixture *f = *state;
	char *plan = long_text("", HS_PERSON_MAX - (4 << 20), ""), *rest = long_text("{\"a\":\"", 4 << 20, "\"}");

	assert_true(hs_fold_begin(f->fold, f->from, f->to));
	add_long(f, 1, plan, "", "");
	assert_true(has_row(f));
	add_long(f, 2, "", "", rest);
	assert_false(has_row(f));
	free(plan);
	free(rest);
}

/* A long text that n did not take, before and after a number that it took. */
TEST_WITH(long_member_that_comes_before_the_value_of_its_column_is_not_kept, make, end)
{
	struct fixture *f = *state;
	char *plan = long_text("", HS_PERSON_MAX - (4 << 20), ""), *rest = long_text("{\"n\":\"", 6 << 20, "\"}");

	assert_true(hs_fold_begin(f->fold, f->from, f->to));
	add_long(f, 3, plan, "5", "");
	add_long(f, 2, "", "", rest);
	assert_true(has_row(f));
	assert_true(hs_fold_has_room(f->fold, 3 << 20));
	add_long(f, 4, "", "", rest);
	assert_false(has_row(f));
	free(plan);
	free(rest);
}

TEST_WITH(person_with_too_many_values_in_rest_has_no_row, make, end)
{
	struct fixture *f = *state;
	struct hs_buf rest = { 0 };

	assert_true(hs_fold_begin(f->fold, f->from, f->to));
	for (unsigned i = 0; i < HS_PERSON_REST_VALUES; i++)
		hs_buf_printf(&rest, "%c\"%x\":\"1\"", i == 0 ? '{' : ',', i);
	hs_buf_put(&rest, "}", 2);
	assert_true(hs_buf_ok(&rest));
	add_long(f, 1, "", "", rest.p);
	add_long(f, 2, "", "", rest.p);
	assert_true(has_row(f));
	add_long(f, 3, "", "", "{\"another\":\"1\"}");
	assert_false(has_row(f));
	hs_fold_again(f->fold);
	add_long(f, 1, "", "", rest.p);
	add_long(f, 2, "", "", "{\"another\":1,\"more\":2}"); /* as another program writes it */
	assert_false(has_row(f));
	hs_buf_free(&rest);
}

/* --- rows that others have written -------------------------------------------------------- */

/* Folds one row with a plan, n and a _rest; the row is what `made` is then, until the next. */
static void fold_one(struct fixture *f, const char *plan, const char *n, const char *rest, bool narrow,
                     struct hs_target_rows *made)
{
	static struct hs_fold_end how;

	how = (struct hs_fold_end){ .id = HS_SLICE("u-1"), .numbers = HS_NUMBER_EXACT, .narrow = narrow };
	hs_fold_again(f->fold);
	add_long(f, 1, plan, n, rest);
	assert_true(hs_fold_end(f->fold, &how, made));
}

TEST_WITH(rest_that_another_program_has_written_is_read_as_json, make, end)
{
	static const char *const cases[][2] = {
		{ "{\"b\":[1,{}],\"a\":7}", "{\"a\":7,\"b\":[1,{}]}" },
		{ "{\"\\u0061\":null,\"user_id\":5}", "{\"a\":null}" },
		{ "[1]", "" },
		{ "{\"a\":1", "" },
		{ "7", "" },
	};
	struct fixture *f = *state;
	struct hs_target_rows made;

	assert_true(hs_fold_begin(f->fold, f->from, f->to));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fold_one(f, "free", "", cases[i][0], false, &made);
		value_is(&made, "plan", "free");
		value_is(&made, "_rest", cases[i][1]);
	}
	fold_one(f, "free", "1", "{\"n\":7,\"plan\":[]}", false, &made); /* after the columns of its row */
	value_is(&made, "plan", "");
	value_is(&made, "n", "");
	value_is(&made, "_rest", "{\"n\":7,\"plan\":[]}");
}

static struct hs_target_column *column_of(struct hs_catalogue_table *t, const char *name)
{
	ptrdiff_t at = hs_catalogue_look_up(t, hs_slice_str(name));

	assert_true(at >= 0);
	return &t->table.column[at];
}

TEST_WITH(values_that_the_columns_of_another_program_do_not_take_go_to_rest_in_the_order_of_names, make, end)
{
	struct fixture *f = *state;
	struct hs_target_rows made;

	assert_true(hs_fold_begin(f->fold, f->from, f->to));
	assert_true(hs_fold_is_plain(f->fold));
	column_of(f->to, "plan")->max = 4;
	assert_false(hs_fold_is_plain(f->fold));
	column_of(f->to, "plan")->max = 0;
	column_of(f->to, "n")->numbers = HS_NUMBER_DOUBLE;
	assert_false(hs_fold_is_plain(f->fold));
	column_of(f->to, "plan")->max = 4;
	fold_one(f, "free", "1.5", "{\"o\":\"1\"}", false, &made);
	value_is(&made, "plan", "free");
	value_is(&made, "n", "1.5");
	value_is(&made, "_rest", "{\"o\":\"1\"}");
	fold_one(f, "freed", "1.00000000000000000001", "{\"o\":\"1\",\"z\":\"2\"}", false, &made);
	value_is(&made, "plan", "");
	value_is(&made, "n", "");
	value_is(&made, "_rest",
	         "{\"n\":\"1.00000000000000000001\",\"o\":\"1\",\"plan\":\"\\\"freed\\\"\",\"z\":\"2\"}");
	column_of(f->to, "n")->numbers = HS_NUMBER_EXACT;
	column_of(f->to, "n")->type = HS_COLUMN_BOOLEAN;
	assert_false(hs_fold_is_plain(f->fold));
	fold_one(f, "free", "1", "", true, &made); /* narrow: whatever is not in every such table */
	value_is(&made, "_rest", "{\"n\":\"1\",\"plan\":\"\\\"free\\\"\"}");
}

TEST_WITH(rows_whose_table_has_no_time_of_receipt_are_in_the_order_of_the_other_time, make, end)
{
	struct hs_fold_end how = { .id = HS_SLICE("u-1"), .numbers = HS_NUMBER_EXACT };
	struct fixture *f = *state;
	struct hs_target_rows made;

	column_of(f->from, "received_at")->type = HS_COLUMN_FOREIGN;
	assert_true(hs_fold_begin(f->fold, f->from, f->to));
	assert_string_equal(hs_fold_first_key(f->fold), "");
	assert_string_equal(hs_fold_last_key(f->fold), "");
	add_long(f, 2, "late", "", "");
	add_long(f, 1, "early", "7", "");
	assert_true(hs_fold_end(f->fold, &how, &made));
	value_is(&made, "plan", "late");
	value_is(&made, "n", "7");
	value_is(&made, "received_at", "");
	assert_string_equal(hs_fold_first_key(f->fold), "2026-11-23T10:15:01Z m-1");
}

/* --- memory of the target --------------------------------------------------------------------- */

static unsigned rows_kept, rows_freed;

static void *keep_row(struct hs_target *target)
{
	rows_kept++;
	return target;
}

static void free_row(void *row)
{
	assert_non_null(row);
	rows_freed++;
}

TEST_WITH(row_with_long_values_is_kept_once_until_none_of_them_counts, make, end)
{
	struct hs_target_ops ops;
	struct fixture *f = *state;
	char *plan = long_text("", 2 << 20, ""), *late = long_text("late", 0, "");

	ops = *f->m->target.ops;
	ops.keep_row = keep_row;
	ops.free_row = free_row;
	f->m->target.ops = &ops;
	rows_kept = rows_freed = 0;
	assert_true(hs_fold_begin(f->fold, f->from, f->to));
	select_long(f, 1, plan, plan);
	assert_int_equal(rows_kept, 1);
	select_long(f, 2, late, "");
	assert_int_equal(rows_freed, 0);
	select_long(f, 3, "", late);
	assert_int_equal(rows_freed, 1);
	assert_int_equal(rows_kept, 1);
	hs_fold_again(f->fold);
	assert_int_equal(rows_freed, 1);
	free(plan);
	free(late);
}

/* --- memory ------------------------------------------------------------------------------------- */

static struct fixture *folding;
static struct hs_target_rows folded;

/* Everything that a row can be made of: rests of ours and of others, columns that do not take a value, a hashed id. */
static enum hs_result fold_all(void)
{
	struct hs_fold_end how = { .id = HS_SLICE("sha256-u"),
		                   .whole = { HS_SLICE("user\t"), true, false },
		                   .numbers = HS_NUMBER_EXACT };
	static const char *const rests[] = { "{\"a\":\"1\"}", "{\"\\u0062\":7}", "{\"o\":\"1\"}" };

	if (!hs_fold_begin(folding->fold, folding->from, folding->to))
		return HS_E_MEMORY;
	for (unsigned i = 0; i < sizeof rests / sizeof *rests; i++) {
		struct hs_slice value[64] = { HS_SLICE_NONE };

		for (size_t c = 0; c < hs_fold_column_count(folding->fold); c++) {
			const char *name = folding->from->table.column[hs_fold_columns(folding->fold)[c]].name;

			value[c] = strcmp(name, "id") == 0          ? HS_SLICE("m")
			           : strcmp(name, "timestamp") == 0 ? HS_SLICE("2026-11-23T10:15:00Z")
			           : strcmp(name, "plan") == 0      ? HS_SLICE("freed")
			           : strcmp(name, "_rest") == 0     ? hs_slice_str(rests[i])
			                                            : HS_SLICE_NONE;
		}
		if (!hs_fold_add(folding->fold, value))
			return HS_E_MEMORY;
	}
	return hs_fold_end(folding->fold, &how, &folded) ? HS_OK : HS_E_MEMORY;
}

static void is_folded(void)
{
	value_is(&folded, "plan", "");
	value_is(&folded, "_rest",
	         "{\"a\":\"1\",\"b\":7,\"id\":\"\\\"user\\\\t\\\"\",\"o\":\"1\",\"plan\":\"\\\"freed\\\"\"}");
}

static void fresh(void)
{
	hs_fold_free(folding->fold);
	folding->fold = hs_fold_new();
	assert_non_null(folding->fold);
}

TEST_WITH(without_memory_there_is_no_row_and_never_half_of_one, make, end)
{
	const struct job job = { .prepare = fresh, .run = fold_all, .is_done = is_folded, .each = 1000 };

	folding = *state;
	column_of(folding->to, "plan")->max = 4;
	fail_each_of(FAIL_CALL(WRAP_MALLOC) | FAIL_CALL(WRAP_CALLOC) | FAIL_CALL(WRAP_REALLOC), &job);
}

TESTS("fold", NULL, NULL)

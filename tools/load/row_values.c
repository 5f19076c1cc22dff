#include "tools/load/row_values.h"

#include <stdlib.h>

void hs_row_values_free(struct hs_row_values *v)
{
	hs_buf_free(&v->text);
	hs_buf_free(&v->one);
	hs_buf_free(&v->more);
	free(v->column);
	free(v->place);
	free(v->value);
	hs_misfits_free(&v->misfits);
}

static bool make_room(struct hs_row_values *v, size_t columns, size_t n)
{
	if (columns > v->columns_cap) {
		size_t *column = realloc(v->column, columns * sizeof *column);
		uint32_t *place;

		if (column == NULL)
			return false;
		v->column = column;
		place = realloc(v->place, columns * sizeof *place);
		if (place == NULL)
			return false;
		v->place = place;
		v->columns_cap = columns;
	}
	memset(v->place, 0, columns * sizeof *v->place);
	if (n * columns > v->values_cap) {
		struct hs_slice *value = realloc(v->value, n * columns * sizeof *value);

		if (value == NULL)
			return false;
		v->value = value;
		v->values_cap = n * columns;
	}
	return true;
}

static void choose(struct hs_row_values *v, size_t column)
{
	if (v->place[column] != 0)
		return;
	v->column[v->columns] = column;
	v->place[column] = (uint32_t)++v->columns;
}

/* The columns that one of the rows has a value for, and _rest; but none that takes no values of ours. */
static void choose_columns(struct hs_row_values *v, const struct hs_batch *b, const struct hs_catalogue_table *t,
                           const size_t *row, size_t n)
{
	v->columns = 0;
	choose(v, t->id);
	for (size_t i = 0; i < n; i++) {
		const struct hs_batch_row *r = &b->row[row[i]];

		for (size_t c = r->cell; c < r->cell + r->cells; c++)
			if (b->cell[c].column != HS_BATCH_NO_COLUMN &&
			    t->table.column[b->cell[c].column].type != HS_COLUMN_FOREIGN)
				choose(v, b->cell[c].column);
	}
	choose(v, t->rest);
}

static void put_rest(struct hs_row_values *v, const struct hs_catalogue_table *t, const struct hs_batch_cell *cell)
{
	struct hs_slice name =
	    cell->column == HS_BATCH_NO_COLUMN ? cell->name : hs_slice_str(t->table.column[cell->column].name);

	hs_buf_putc(&v->more, v->more.n == 0 ? '{' : ',');
	hs_buf_put_json(&v->more, name);
	hs_buf_putc(&v->more, ':');
	hs_value_put_rest(&cell->value, &v->more);
	v->rest++;
}

/* Offsets in `text`, since it moves; they become slices at the end. */
static struct hs_slice at_offset(const struct hs_buf *text, size_t start)
{
	return hs_slice((const char *)(uintptr_t)(start + 1), text->n - start);
}

static void fill_cell(struct hs_row_values *v, const struct hs_batch_row *r, const struct hs_batch_cell *cell,
                      enum hs_number_range numbers, struct hs_slice *value)
{
	const struct hs_catalogue_table *t = r->table;
	size_t start = v->text.n;
	const struct hs_target_column *column =
	    cell->column == HS_BATCH_NO_COLUMN ? NULL : &t->table.column[cell->column];

	/* a row that is too wide keeps the columns that its table was made with */
	if (column == NULL || (r->narrow && !hs_catalogue_is_required(t, cell->column)) ||
	    !hs_value_fits(&cell->value, column->type, hs_target_numbers(column, numbers), &v->one) ||
	    (column->max > 0 && v->one.n > column->max)) {
		if (column != NULL && !r->narrow)
			hs_misfits_note(&v->misfits, t->table.name + v->prefix, column, &cell->value);
		put_rest(v, t, cell);
		return;
	}
	hs_buf_put_slice(&v->text, hs_buf_slice(&v->one));
	value[v->place[cell->column] - 1] = at_offset(&v->text, start);
}

static void fill_row(struct hs_row_values *v, const struct hs_batch *b, const struct hs_batch_row *r,
                     enum hs_number_range numbers, struct hs_slice *value)
{
	size_t start;

	for (size_t i = 0; i < v->columns; i++)
		value[i] = HS_SLICE_NONE;
	hs_buf_reset(&v->more);
	for (size_t c = r->cell; c < r->cell + r->cells; c++)
		fill_cell(v, r, &b->cell[c], numbers, value);
	if (v->more.n == 0)
		return;
	hs_buf_putc(&v->more, '}');
	start = v->text.n;
	hs_buf_put_slice(&v->text, hs_buf_slice(&v->more));
	value[v->place[r->table->rest] - 1] = at_offset(&v->text, start);
}

bool hs_row_values_make(struct hs_row_values *v, const struct hs_batch *b, struct hs_catalogue_table *t,
                        const size_t *row, size_t n, enum hs_number_range numbers, struct hs_target_rows *rows)
{
	if (!make_room(v, t->table.columns, n))
		return false;
	choose_columns(v, b, t, row, n);
	hs_buf_reset(&v->text);
	hs_buf_reserve(&v->text, 1);
	v->rest = 0;
	hs_misfits_forget_noted(&v->misfits);
	for (size_t i = 0; i < n; i++)
		fill_row(v, b, &b->row[row[i]], numbers, v->value + i * v->columns);
	if (!hs_buf_ok(&v->text) || !hs_buf_ok(&v->one) || !hs_buf_ok(&v->more))
		return false;
	hs_buf_shrink(&v->one, HS_ROW_VALUES_KEEP);
	hs_buf_shrink(&v->more, HS_ROW_VALUES_KEEP);
	for (size_t i = 0; i < n * v->columns; i++)
		if (v->value[i].p != NULL)
			v->value[i].p = v->text.p + ((uintptr_t)v->value[i].p - 1);
	*rows = (struct hs_target_rows){
		.table = &t->table, .column = v->column, .columns = v->columns, .rows = n, .value = v->value
	};
	return true;
}

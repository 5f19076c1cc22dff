#include "tools/load/row_values.h"
#include "base/array.h"
#include "tools/load/limits.h"
#include "tools/load/table_needs.h"

#include <stdlib.h>

enum { LONG_REST = 2 << 20 /* bytes of a _rest that is made in pieces */ };

void hs_row_values_free(struct hs_row_values *v)
{
	hs_buf_free(&v->text);
	free(v->misfit);
	free(v->column);
	free(v->place);
	free(v->value);
	free(v->made);
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

/* The columns that one of the rows has a value for; but none that takes no values of ours. */
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
	if (t->uses_rest)
		choose(v, t->rest);
}

static struct hs_slice name_of(const struct hs_catalogue_table *t, const struct hs_batch_cell *cell)
{
	return cell->column == HS_BATCH_NO_COLUMN ? cell->name : hs_slice_str(t->table.column[cell->column].name);
}

static void put_rest(struct hs_row_values *v, const struct hs_catalogue_table *t, const struct hs_batch_cell *cell)
{
	hs_buf_put_json(&v->text, name_of(t, cell));
	hs_buf_putc(&v->text, ':');
	hs_value_put_rest(&cell->value, &v->text);
	v->rest++;
}

static const char to_be_set[1];

/* Notes a value that is in v->text from `start` to its end. False: out of memory. */
static bool note_made(struct hs_row_values *v, size_t start, struct hs_slice *value)
{
	if (!HS_ARRAY_ROOM(&v->made, v->mades, &v->made_cap))
		return false;
	v->made[v->mades++] = (struct hs_made_value){ (size_t)(value - v->value), start };
	*value = hs_slice(to_be_set, v->text.n - start);
	return true;
}

/* Two fields of a record may have one column: the last one's value counts. */
static void set_made(struct hs_row_values *v)
{
	for (size_t i = v->mades; i-- > 0;) {
		struct hs_slice *value = &v->value[v->made[i].value];

		if (value->p == to_be_set)
			value->p = v->text.p + v->made[i].start;
	}
}

/*
 * True if the column takes the cell; then *text is its text, and *made tells that it is at the end of v->text. An id of
 * a person that is too long is the database's to refuse: in _rest no delete would find it.
 */
static bool fits(struct hs_row_values *v, const struct hs_batch_row *r, const struct hs_batch_cell *cell,
                 enum hs_number_range numbers, struct hs_slice *text, bool *made)
{
	const struct hs_target_column *column = &r->table->table.column[cell->column];
	size_t start = v->text.n;

	/* a row that is too wide keeps the columns that its table was made with */
	if (r->narrow && hs_catalogue_required_type(r->table, cell->column) == HS_COLUMN_NONE)
		return false;
	if (!hs_value_text(&cell->value, column->type, hs_target_numbers(column, numbers), &v->text, text) ||
	    (column->max > 0 && text->n > column->max && !hs_table_is_of_person(column->name))) {
		v->text.n = start;
		return false;
	}
	*made = v->text.n > start;
	return true;
}

/* Fills the value of the row's cell `i`, or notes that it goes to _rest. */
static bool fill_cell(struct hs_row_values *v, const struct hs_batch *b, const struct hs_batch_row *r, size_t i,
                      enum hs_number_range numbers, struct hs_slice *value)
{
	const struct hs_catalogue_table *t = r->table;
	const struct hs_batch_cell *cell = &b->cell[r->cell + i];
	bool known = cell->column != HS_BATCH_NO_COLUMN, made;
	struct hs_slice text;
	size_t start = v->text.n;

	if (!known || !fits(v, r, cell, numbers, &text, &made)) {
		if (known && !r->narrow)
			hs_misfits_note(&v->misfits, t->table.name + v->prefix, &t->table.column[cell->column],
			                hs_catalogue_required_type(t, cell->column), &cell->value, numbers);
		if (!HS_ARRAY_ROOM(&v->misfit, v->misfit_count, &v->misfit_cap))
			return false;
		v->misfit[v->misfit_count++] = (uint32_t)i;
		return true;
	}
	value += v->place[cell->column] - 1;
	*value = text;
	return !made || note_made(v, start, value);
}

/* --- a long _rest ------------------------------------------------------------------- */

struct rest_walk {
	const struct hs_rest_pieces *rest;
	struct hs_piece_out *out;
	size_t cell, misfit; /* how many of those that were kept it has come by */
	uint64_t members;
};

static bool put_member(struct rest_walk *w, struct hs_slice name, const struct hs_value *value)
{
	hs_buf_putc(&w->out->buf, w->members++ == 0 ? '{' : ',');
	hs_buf_put_json(&w->out->buf, name);
	hs_buf_putc(&w->out->buf, ':');
	return hs_value_put_rest_pieces(value, w->out);
}

/* Puts the next of the cells that were kept, if it is a misfit. */
static bool put_kept(struct rest_walk *w)
{
	const struct hs_rest_pieces *rest = w->rest;
	const struct hs_row_values *v = rest->values;
	const struct hs_batch_cell *cell = &rest->batch->cell[rest->row->cell + w->cell];

	w->cell++;
	if (w->misfit == v->misfit_count || v->misfit[w->misfit] != w->cell - 1)
		return true;
	w->misfit++;
	return put_member(w, name_of(rest->row->table, cell), &cell->value);
}

static bool put_walked(void *context, const struct hs_cell *cell, ptrdiff_t column)
{
	struct rest_walk *w = context;

	return column >= 0 ? put_kept(w) : put_member(w, cell->column, &cell->value);
}

/* The cells that the walk does not make come first. */
static bool put_members(struct rest_walk *w)
{
	const struct hs_batch_row *row = w->rest->row;

	while (w->cell < row->cells - row->walked)
		if (!put_kept(w))
			return false;
	if (row->walk.is_needed && !hs_batch_walk(w->rest->batch, row, put_walked, w))
		return false;
	hs_buf_putc(&w->out->buf, '}');
	return hs_piece_out_pass(w->out);
}

static bool put_long_rest(const struct hs_pieces *pieces, struct hs_piece_out *out)
{
	return put_members(&(struct rest_walk){ .rest = (const struct hs_rest_pieces *)pieces, .out = out });
}

/* Where the members are counted, instead of being put: the first time. */
static bool count_long_rest(const struct hs_pieces *pieces, struct hs_piece_out *out)
{
	const struct hs_rest_pieces *rest = (const struct hs_rest_pieces *)pieces;
	struct rest_walk walk = { .rest = rest, .out = out };
	bool done = put_members(&walk);

	*rest->members = walk.members;
	return done;
}

/* The _rest of a row of a long record; `is_alone`: there is no other row. */
static bool fill_long_rest(struct hs_row_values *v, const struct hs_batch *b, const struct hs_batch_row *r,
                           bool is_alone, struct hs_slice *value)
{
	size_t start = v->text.n, n;
	uint64_t members;

	v->long_rest = (struct hs_rest_pieces){ { count_long_rest }, v, b, r, &members };
	if (!hs_pieces_count(&v->long_rest.pieces, &n))
		return false;
	if (n > HS_REST_MAX) {
		v->is_too_long = true;
		return true;
	}
	v->rest += members;
	v->long_rest = (struct hs_rest_pieces){ { put_long_rest }, v, b, r, NULL };
	v->has_long_rest = is_alone && n > LONG_REST;
	if (v->has_long_rest) {
		*value = hs_target_pieces(n);
		return true;
	}
	return hs_pieces_put(&v->long_rest.pieces, &v->text) && note_made(v, start, value);
}

static bool fill_row(struct hs_row_values *v, const struct hs_batch *b, const struct hs_batch_row *r,
                     enum hs_number_range numbers, bool is_alone, struct hs_slice *value)
{
	size_t start;

	for (size_t i = 0; i < v->columns; i++)
		value[i] = HS_SLICE_NONE;
	v->misfit_count = 0;
	for (size_t i = 0; i < r->cells; i++)
		if (!fill_cell(v, b, r, i, numbers, value))
			return false;
	if (v->misfit_count == 0 && !r->has_more)
		return true;
	v->lacks_rest = !r->table->uses_rest;
	if (v->lacks_rest)
		return true;
	if (r->has_more || b->is_lent)
		return fill_long_rest(v, b, r, is_alone, &value[v->place[r->table->rest] - 1]);
	start = v->text.n;
	for (size_t i = 0; i < v->misfit_count; i++) {
		hs_buf_putc(&v->text, i == 0 ? '{' : ',');
		put_rest(v, r->table, &b->cell[r->cell + v->misfit[i]]);
	}
	hs_buf_putc(&v->text, '}');
	return note_made(v, start, &value[v->place[r->table->rest] - 1]);
}

/* Ends early if a row is too long, or lacks the column _rest. False: out of memory. */
static bool fill_rows(struct hs_row_values *v, const struct hs_batch *b, const struct hs_catalogue_table *t,
                      const size_t *row, size_t n, enum hs_number_range numbers)
{
	if (!make_room(v, t->table.columns, n))
		return false;
	choose_columns(v, b, t, row, n);
	hs_buf_reset(&v->text);
	v->rest = 0;
	v->mades = 0;
	v->has_long_rest = v->is_too_long = v->lacks_rest = false;
	hs_misfits_forget_noted(&v->misfits);
	for (size_t i = 0; i < n && !v->is_too_long && !v->lacks_rest; i++)
		if (!fill_row(v, b, &b->row[row[i]], numbers, n == 1, v->value + i * v->columns))
			return false;
	return hs_buf_ok(&v->text);
}

bool hs_row_values_make(struct hs_row_values *v, const struct hs_batch *b, struct hs_catalogue_table *t,
                        const size_t *row, size_t n, enum hs_number_range numbers, struct hs_target_rows *rows)
{
	if (!fill_rows(v, b, t, row, n, numbers))
		return false;
	if (v->lacks_rest) {
		t->uses_rest = true;
		if (!fill_rows(v, b, t, row, n, numbers))
			return false;
	}
	set_made(v);
	*rows = (struct hs_target_rows){ .table = &t->table,
		                         .column = v->column,
		                         .columns = v->columns,
		                         .rows = n,
		                         .value = v->value,
		                         .pieces = v->has_long_rest ? &v->long_rest.pieces : NULL };
	return true;
}

#include "tools/load/batch.h"
#include "base/array.h"
#include "spool/shared/history.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MADE_BYTES = 2048 /* room for ids and names that a record's rows have made */ };

bool hs_batch_init(struct hs_batch *b, size_t bytes)
{
	*b = (struct hs_batch){
		.text = malloc(bytes), .made = malloc(bytes), .cap = bytes, .made_cap = bytes, .bytes = bytes
	};
	return b->text != NULL && b->made != NULL;
}

static void free_texts(struct hs_batch *b)
{
	free(b->text);
	free(b->made);
	b->text = b->made = NULL;
	b->cap = b->made_cap = 0;
}

static void free_cells(struct hs_batch *b)
{
	free(b->cell);
	b->cell = NULL;
	b->cells_cap = 0;
}

void hs_batch_forget_refusals(struct hs_batch *b)
{
	for (size_t i = 0; i < b->records; i++) {
		free(b->record[i].why);
		b->record[i].why = NULL;
	}
	for (size_t i = 0; i < b->rows; i++)
		b->row[i].refused = false;
}

void hs_batch_free(struct hs_batch *b)
{
	hs_batch_forget_refusals(b);
	free_texts(b);
	free(b->record);
	free(b->row);
	free(b->cell);
	*b = (struct hs_batch){ 0 };
}

void hs_batch_reset(struct hs_batch *b)
{
	hs_batch_forget_refusals(b);
	b->n = b->made_n = b->records = b->rows = b->cells = 0;
	b->gone = b->damaged = 0;
	b->newest_ms = 0;
	b->erases = b->is_lent = false;
	if (b->cells_cap > 2 * (size_t)HS_BATCH_CELLS)
		free_cells(b);
}

/* An event in snake case is at most twice as long as in the line, and comes twice. */
static size_t made_for(size_t n)
{
	return 4 * n + MADE_BYTES;
}

/* Makes the text at least this large. */
static bool grow(char **p, size_t *cap, size_t n)
{
	char *more;

	if (n <= *cap)
		return true;
	more = realloc(*p, n);
	if (more == NULL)
		return false;
	*p = more;
	*cap = n;
	return true;
}

bool hs_batch_has_room(struct hs_batch *b, size_t n)
{
	if (n > HS_BATCH_LONG || b->is_lent)
		return b->records == 0;
	if (b->records == 0)
		return grow(&b->text, &b->cap, n > b->bytes ? n : b->bytes) &&
		       grow(&b->made, &b->made_cap, made_for(n) > b->bytes ? made_for(n) : b->bytes);
	return b->cells < HS_BATCH_CELLS && b->cap - b->n >= n && b->made_cap - b->made_n >= made_for(n);
}

/* Copies what is not part of a line: what the maker has made, valid until its next call. */
static struct hs_slice kept(struct hs_batch *b, struct hs_slice text)
{
	char *to = b->made + b->made_n;

	if (b->is_lent || text.p == NULL || (text.p >= b->text && text.p < b->text + b->n))
		return text;
	assert(text.n <= b->made_cap - b->made_n);
	memcpy(to, text.p, text.n);
	b->made_n += text.n;
	return hs_slice(to, text.n);
}

/* Adds a cell to the last row. */
static bool add_cell(struct hs_batch *b, struct hs_catalogue *c, const struct hs_cell *cell, bool is_walked)
{
	struct hs_batch_row *row = &b->row[b->rows];
	struct hs_catalogue_table *t = row->table;
	struct hs_batch_cell *to;
	ptrdiff_t column = -1;
	bool full = true;

	if (!cell->rest)
		column = hs_catalogue_column(c, t, cell->column, &full);
	if (column < 0 && full && is_walked) {
		row->has_more = true;
		return true;
	}
	if ((column < 0 && !full) || !HS_ARRAY_ROOM(&b->cell, b->cells, &b->cells_cap))
		return false;
	to = &b->cell[b->cells++];
	*to = (struct hs_batch_cell){ .column = HS_BATCH_NO_COLUMN, .value = cell->value };
	to->value.text = kept(b, cell->value.text);
	if (column < 0) {
		to->name = kept(b, cell->column);
		return true;
	}
	to->column = (uint32_t)column;
	if (to->column < t->present)
		return true;
	hs_catalogue_note(c, t, (size_t)column, hs_value_type(&cell->value));
	return hs_catalogue_note_path(t, (size_t)column, cell->path);
}

/* The batch and the catalogue, for a walk over the last row. */
struct adding {
	struct hs_batch *batch;
	struct hs_catalogue *catalogue;
};

static bool add_walked(void *context, const struct hs_cell *cell)
{
	const struct adding *a = context;

	return add_cell(a->batch, a->catalogue, cell, true);
}

static bool add_walk(struct hs_batch *b, struct hs_catalogue *c, const struct hs_row_walk *walk)
{
	struct hs_batch_row *to = &b->row[b->rows];
	struct adding adding = { b, c };

	to->walk = *walk;
	if (!walk->is_needed)
		return true;
	to->walk.table = kept(b, walk->table);
	to->walk.own_table = kept(b, walk->own_table);
	to->walked = b->cells;
	if (hs_row_maker_walk(b->maker, b->record[to->record].line, walk, add_walked, &adding) != HS_OK)
		return false;
	to->walked = b->cells - to->walked;
	return true;
}

static bool add_row(struct hs_batch *b, struct hs_catalogue *c, struct hs_catalogue_table *t, const struct hs_row *row)
{
	if (!HS_ARRAY_ROOM(&b->row, b->rows, &b->rows_cap))
		return false;
	b->row[b->rows] = (struct hs_batch_row){ .table = t, .cell = b->cells, .record = b->records - 1 };
	for (size_t i = 0; i < row->cells; i++)
		if (!add_cell(b, c, &row->cell[i], false))
			return false;
	if (!add_walk(b, c, &row->walk))
		return false;
	b->row[b->rows].cells = b->cells - b->row[b->rows].cell;
	b->rows++;
	return true;
}

struct walking {
	struct hs_catalogue_table *table;
	bool (*take)(void *context, const struct hs_cell *cell, ptrdiff_t column);
	void *context;
};

static bool pass_cell(void *context, const struct hs_cell *cell)
{
	const struct walking *w = context;

	return w->take(w->context, cell, cell->rest ? -1 : hs_catalogue_find_column(w->table, cell->column));
}

bool hs_batch_walk(const struct hs_batch *b, const struct hs_batch_row *row,
                   bool (*take)(void *context, const struct hs_cell *cell, ptrdiff_t column), void *context)
{
	struct walking walking = { row->table, take, context };

	return hs_row_maker_walk(b->maker, b->record[row->record].line, &row->walk, pass_cell, &walking) == HS_OK;
}

/* Notes the time of a row, which all rows of its record have. */
static void note_time(struct hs_batch *b, const struct hs_row *row)
{
	size_t i = 0;
	int64_t ms;

	while (i < row->cells && !hs_slice_eq(row->cell[i].column, HS_SLICE("uuid_ts")))
		i++;
	if (i < row->cells && hs_timestamp_parse_near(&b->minute, row->cell[i].value.text, &ms) && ms > b->newest_ms)
		b->newest_ms = ms;
}

/* Makes the rows of the last record. */
static enum hs_result make_rows(struct hs_batch *b, struct hs_row_maker *maker, struct hs_catalogue *c)
{
	struct hs_catalogue_table *table[HS_ROWS_MAX];
	struct hs_rows rows;
	enum hs_result result = hs_row_maker_make(maker, b->record[b->records - 1].line, &rows);
	bool full;

	b->record[b->records - 1].is_unplaced = false;
	if (result != HS_OK)
		return result;
	b->maker = maker;
	b->erases = hs_slice_eq(rows.type, HS_SLICE("delete"));
	for (size_t i = 0; i < rows.count; i++) {
		table[i] = hs_catalogue_table(c, rows.row[i].table, &full);
		if (table[i] == NULL && !full)
			return HS_E_MEMORY;
		if (table[i] != NULL)
			continue;
		result = hs_row_maker_without_event(maker, &rows);
		if (result != HS_OK)
			return result;
		b->record[b->records - 1].is_unplaced = rows.count == 0;
		break;
	}
	if (rows.count > 0)
		note_time(b, &rows.row[0]);
	for (size_t i = 0; i < rows.count; i++)
		if (!add_row(b, c, table[i], &rows.row[i]))
			return HS_E_MEMORY;
	hs_row_maker_shrink(maker);
	return HS_OK;
}

enum hs_result hs_batch_add(struct hs_batch *b, struct hs_row_maker *maker, struct hs_catalogue *c,
                            struct hs_slice line, struct hs_position after)
{
	char *copy = b->text + b->n;

	if (!HS_ARRAY_ROOM(&b->record, b->records, &b->records_cap))
		return HS_E_MEMORY;
	b->is_lent = line.n > HS_BATCH_LONG;
	if (b->is_lent) {
		free_texts(b); /* of others before, while this one is in memory */
		free_cells(b);
	} else {
		memcpy(copy, line.p, line.n);
		b->n += line.n;
		line.p = copy;
	}
	b->record[b->records++] = (struct hs_batch_record){ .line = line, .after = after };
	return make_rows(b, maker, c);
}

enum hs_result hs_batch_remake(struct hs_batch *b, struct hs_row_maker *maker, struct hs_catalogue *c)
{
	size_t records = b->records;
	enum hs_result result = HS_OK;

	b->rows = b->cells = b->made_n = 0;
	/* more may go to _rest now than when there was room for each record */
	if (!grow(&b->made, &b->made_cap, made_for(b->n) + records * MADE_BYTES))
		return HS_E_MEMORY;
	for (b->records = 1; b->records <= records && result != HS_E_MEMORY; b->records++)
		result = make_rows(b, maker, c);
	b->records = records;
	return result == HS_E_MEMORY ? result : HS_OK; /* a damaged line has no rows */
}

void hs_batch_group_rows(const struct hs_batch *b, size_t *row, size_t *end, size_t tables)
{
	for (size_t i = 0; i < b->rows; i++)
		end[b->row[i].table->index]++;
	for (size_t i = 1; i < tables; i++)
		end[i] += end[i - 1];
	for (size_t i = b->rows; i-- > 0;)
		row[--end[b->row[i].table->index]] = i;
	for (size_t i = 0; i < b->rows; i++)
		end[b->row[i].table->index]++;
}

bool hs_batch_hash_last(struct hs_batch *batch, struct hs_digest *digest)
{
	struct hs_batch_record *last = batch->records == 0 ? NULL : &batch->record[batch->records - 1];

	return last == NULL || last->after.before != 0 || hs_history_hash(digest, last->line, &last->after.before);
}

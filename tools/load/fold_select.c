#include "tools/load/fold_select.h"
#include "base/array.h"

#include <stdlib.h>
#include <string.h>

/* --- all at once --------------------------------------------------------------------- */

struct adding {
	struct hs_fold *fold;
	struct hs_target *target;
};

static bool add_row(void *context, const struct hs_slice *value)
{
	const struct adding *a = context;

	return hs_fold_add_selected(a->fold, value, a->target);
}

enum hs_target_result hs_fold_select(struct hs_fold *fold, struct hs_target *target,
                                     const struct hs_catalogue_table *from, const struct hs_catalogue_table *to,
                                     const struct hs_target_where *where)
{
	struct adding adding = { fold, target };

	if (!hs_fold_begin(fold, from, to))
		return HS_TARGET_FULL;
	return target->ops->select(target, &from->table, hs_fold_columns(fold), hs_fold_column_count(fold), where,
	                           add_row, &adding);
}

/* --- row by row ------------------------------------------------------------------------ */

/* The columns that make the key of a row. */
enum { ID, TIMESTAMP, RECEIVED_AT, KEYS };

struct listed_row {
	struct hs_row_key *key;
	char *id;
};

struct listing {
	struct hs_fold *fold;
	struct hs_target *target;
	const struct hs_catalogue_table *from;
	ptrdiff_t key[KEYS]; /* of `from`; -1: it has no such column */
	struct listed_row *row;
	size_t rows, cap;
	size_t *column, *place; /* that a row is asked for, and where each is among those of the fold */
	size_t columns;
	struct hs_slice *value; /* of a row, as the fold takes it */
};

static bool list_row(void *context, const struct hs_slice *value)
{
	struct listing *l = context;
	struct hs_slice part[KEYS] = { HS_SLICE_NONE, HS_SLICE_NONE, HS_SLICE_NONE };
	struct listed_row *row;
	size_t n = 0;

	for (int i = 0; i < KEYS; i++)
		if (l->key[i] >= 0)
			part[i] = value[n++];
	if (!HS_ARRAY_ROOM(&l->row, l->rows, &l->cap))
		return false;
	row = &l->row[l->rows++];
	row->key = hs_fold_row_key(l->fold, part[TIMESTAMP], part[RECEIVED_AT], part[ID]);
	row->id = strndup(part[ID].p, part[ID].n);
	return row->key != NULL && row->id != NULL;
}

static enum hs_target_result list_rows(struct listing *l, const struct hs_target_where *where)
{
	static const char *const names[KEYS] = { "id", "timestamp", "received_at" };
	size_t column[KEYS], n = 0;

	for (int i = 0; i < KEYS; i++) {
		l->key[i] = hs_catalogue_look_up(l->from, hs_slice_str(names[i]));
		if (l->key[i] >= (ptrdiff_t)l->from->present ||
		    (l->key[i] >= 0 && l->from->table.column[l->key[i]].type == HS_COLUMN_FOREIGN))
			l->key[i] = -1; /* as for the fold */
		if (l->key[i] >= 0)
			column[n++] = (size_t)l->key[i];
	}
	return l->target->ops->select(l->target, &l->from->table, column, n, where, list_row, l);
}

static int latest_first(const void *a, const void *b)
{
	return strcmp(((const struct listed_row *)b)->key->text, ((const struct listed_row *)a)->key->text);
}

static bool is_key(const struct listing *l, size_t column)
{
	for (int i = 0; i < KEYS; i++)
		if (l->key[i] == (ptrdiff_t)column)
			return true;
	return false;
}

/* The columns without a value so far, and those of the key. */
static void choose_columns(struct listing *l)
{
	l->columns = 0;
	for (size_t i = 0; i < hs_fold_column_count(l->fold); i++) {
		size_t column = hs_fold_columns(l->fold)[i];

		if (hs_fold_key(l->fold, i) != NULL && !is_key(l, column))
			continue;
		l->column[l->columns] = column;
		l->place[l->columns++] = i;
	}
}

static bool add_listed(void *context, const struct hs_slice *value)
{
	struct listing *l = context;

	memset(l->value, 0, hs_fold_column_count(l->fold) * sizeof *l->value);
	for (size_t i = 0; i < l->columns; i++)
		l->value[l->place[i]] = value[i];
	return hs_fold_add_selected(l->fold, l->value, l->target);
}

static enum hs_target_result add_listed_rows(struct listing *l)
{
	enum hs_target_result result = HS_TARGET_OK;

	if (l->rows > 1)
		qsort(l->row, l->rows, sizeof *l->row, latest_first);
	for (size_t i = 0; i < l->rows && result == HS_TARGET_OK; i++) {
		struct hs_slice id = hs_slice_str(l->row[i].id);

		choose_columns(l);
		result = l->target->ops->select(l->target, &l->from->table, l->column, l->columns,
		                                &(struct hs_target_where){ "id", &id, 1 }, add_listed, l);
	}
	return result;
}

static void free_listing(struct listing *l)
{
	for (size_t i = 0; i < l->rows; i++) {
		hs_row_key_drop(l->row[i].key);
		free(l->row[i].id);
	}
	free(l->row);
	free(l->column);
	free(l->place);
	free(l->value);
}

enum hs_target_result hs_fold_select_sparingly(struct hs_fold *fold, struct hs_target *target,
                                               const struct hs_catalogue_table *from,
                                               const struct hs_catalogue_table *to, const struct hs_target_where *where)
{
	struct listing l = { .fold = fold, .target = target, .from = from };
	enum hs_target_result result = HS_TARGET_FULL;
	size_t columns;

	if (!hs_fold_begin(fold, from, to))
		return result;
	columns = hs_fold_column_count(fold);
	l.column = calloc(columns, sizeof *l.column);
	l.place = calloc(columns, sizeof *l.place);
	l.value = calloc(columns, sizeof *l.value);
	if (l.column != NULL && l.place != NULL && l.value != NULL)
		result = list_rows(&l, where);
	if (result == HS_TARGET_OK)
		result = add_listed_rows(&l);
	free_listing(&l);
	return result;
}

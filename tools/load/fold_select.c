#include "tools/load/fold_select.h"
#include "base/array.h"
#include "tools/load/limits.h"

#include <stdlib.h>
#include <string.h>

enum {
	LONG_ROW = 1 << 20, /* bytes of texts of a row that is read by itself, and of rows that are read together */
	SPACES = 2 << 20,   /* that a database may have put into a _rest */
	LISTED_ROW = 160,   /* that a row takes in the list, beside its id, which is there twice */
};

/* The columns that make the key of a row. */
enum { ID, TIMESTAMP, RECEIVED_AT, KEYS };

struct listed_row {
	struct hs_row_key *key;
	char *id;
	size_t bytes; /* of its texts */
};

struct listing {
	struct hs_fold *fold;
	struct hs_target *target;
	const struct hs_catalogue_table *from;
	ptrdiff_t key[KEYS]; /* of `from`; -1: it has no such column */
	size_t keys;
	struct listed_row *row;
	size_t rows, cap;
	bool any;               /* row is there */
	size_t longest;         /* bytes of the texts of a row */
	size_t listed;          /* bytes that the list takes */
	size_t *column, *place; /* that rows are asked for, and where each is among those of the fold */
	size_t columns;
	struct hs_slice *value; /* of a row, as the fold takes it */
	size_t wanted, rest;    /* bytes of the texts of a long row that are asked for, and of its _rest */
};

static bool is_key(const struct listing *l, size_t column)
{
	for (int i = 0; i < KEYS; i++)
		if (l->key[i] == (ptrdiff_t)column)
			return true;
	return false;
}

static void find_keys(struct listing *l)
{
	static const char *const names[KEYS] = { "id", "timestamp", "received_at" };

	for (int i = 0; i < KEYS; i++) {
		l->key[i] = hs_catalogue_look_up(l->from, hs_slice_str(names[i]));
		if (l->key[i] >= (ptrdiff_t)l->from->present ||
		    (l->key[i] >= 0 && l->from->table.column[l->key[i]].type == HS_COLUMN_FOREIGN))
			l->key[i] = -1; /* as for the fold */
	}
}

/* --- the list ---------------------------------------------------------------------------- */

static size_t bytes_of_row(const struct listing *l, const struct hs_slice *value)
{
	size_t bytes = 0;

	for (size_t i = l->keys; i < l->columns; i++)
		bytes += hs_target_length(value[i]);
	return bytes;
}

static bool note_length(void *context, const struct hs_slice *value)
{
	struct listing *l = context;
	size_t bytes = bytes_of_row(l, value);

	l->any = true;
	if (bytes > l->longest)
		l->longest = bytes;
	return true;
}

/* A false ends the call, which says that memory is out: here, or because the list would be too long. */
static bool list_row(void *context, const struct hs_slice *value)
{
	struct listing *l = context;
	struct hs_slice part[KEYS] = { HS_SLICE_NONE, HS_SLICE_NONE, HS_SLICE_NONE };
	struct listed_row *row;
	size_t n = 0;

	for (int i = 0; i < KEYS; i++)
		if (l->key[i] >= 0)
			part[i] = value[n++];
	l->listed += LISTED_ROW + 2 * part[ID].n;
	if (l->listed > HS_PERSON_LIST_MAX) {
		hs_fold_give_up(l->fold);
		return false;
	}
	if (!HS_ARRAY_ROOM(&l->row, l->rows, &l->cap))
		return false;
	row = &l->row[l->rows++];
	*row = (struct listed_row){ .key = hs_fold_row_key(l->fold, part[TIMESTAMP], part[RECEIVED_AT], part[ID]),
		                    .id = strndup(part[ID].p != NULL ? part[ID].p : "", part[ID].n),
		                    .bytes = bytes_of_row(l, value) };
	return row->key != NULL && row->id != NULL;
}

/* Asks for the rows' keys, with the lengths of their texts. */
static enum hs_target_result look_at_rows(struct listing *l, const struct hs_target_where *where,
                                          bool (*each)(void *context, const struct hs_slice *value))
{
	struct hs_target_where lengths = *where;

	l->columns = 0;
	for (int i = 0; i < KEYS; i++)
		if (l->key[i] >= 0)
			l->column[l->columns++] = (size_t)l->key[i];
	l->keys = lengths.lengths_from = l->columns;
	for (size_t i = 0; i < hs_fold_column_count(l->fold); i++) {
		size_t column = hs_fold_columns(l->fold)[i];

		if (!is_key(l, column) && l->from->table.column[column].type == HS_COLUMN_TEXT)
			l->column[l->columns++] = column;
	}
	return l->target->ops->select(l->target, &l->from->table, l->column, l->columns, &lengths, each, l);
}

static int latest_first(const void *a, const void *b)
{
	return strcmp(((const struct listed_row *)b)->key->text, ((const struct listed_row *)a)->key->text);
}

/* --- reading ------------------------------------------------------------------------------- */

/* Which values rows are asked for beside those of their key. */
enum part { ALL, ALL_BUT_REST, REST };

static bool is_in(const struct listing *l, enum part part, size_t column)
{
	return part == ALL || (column == l->from->rest) == (part == REST);
}

/* The columns of the key, and then those in which the next rows may have a value that counts. */
static void choose_columns(struct listing *l, enum part part)
{
	l->columns = 0;
	for (int keys = 1; keys >= 0; keys--) {
		for (size_t i = 0; i < hs_fold_column_count(l->fold); i++) {
			size_t column = hs_fold_columns(l->fold)[i];

			if (is_key(l, column) != (keys == 1) ||
			    (keys == 0 && (!is_in(l, part, column) || !hs_fold_wants(l->fold, i))))
				continue;
			l->column[l->columns] = column;
			l->place[l->columns++] = i;
		}
	}
}

static bool add_row(void *context, const struct hs_slice *value)
{
	struct listing *l = context;

	memset(l->value, 0, hs_fold_column_count(l->fold) * sizeof *l->value);
	for (size_t i = 0; i < l->columns; i++)
		l->value[l->place[i]] = value[i];
	/* a false ends the call, which says that memory is out */
	return hs_fold_add_selected(l->fold, l->value, l->target) && !hs_fold_is_too_long(l->fold);
}

static enum hs_target_result add_rows(struct listing *l, const struct hs_target_where *where)
{
	enum hs_target_result result =
	    l->target->ops->select(l->target, &l->from->table, l->column, l->columns, where, add_row, l);

	return result == HS_TARGET_FULL && hs_fold_is_too_long(l->fold) ? HS_TARGET_OK : result;
}

static bool note_wanted(void *context, const struct hs_slice *value)
{
	struct listing *l = context;

	for (size_t i = l->keys; i < l->columns; i++)
		if (l->column[i] == l->from->rest)
			l->rest = hs_target_length(value[i]);
		else if (l->from->table.column[l->column[i]].type == HS_COLUMN_TEXT)
			l->wanted += hs_target_length(value[i]);
	return true;
}

/* The values of a long row, if there is room for them, and then its _rest, which may be as long. */
static enum hs_target_result add_long_row(struct listing *l, const struct listed_row *row)
{
	struct hs_slice id = hs_slice_str(row->id);
	struct hs_target_where where = { .key = "id", .value = &id, .values = 1, .is_long = true };
	struct hs_target_where lengths = { .key = "id", .value = &id, .values = 1, .lengths_from = l->keys };
	enum hs_target_result result;

	l->wanted = l->rest = 0;
	choose_columns(l, ALL);
	result = l->target->ops->select(l->target, &l->from->table, l->column, l->columns, &lengths, note_wanted, l);
	if (result != HS_TARGET_OK)
		return result;
	if (l->rest > HS_REST_MAX + SPACES || !hs_fold_has_room(l->fold, l->wanted)) {
		hs_fold_give_up(l->fold);
		return HS_TARGET_OK;
	}
	choose_columns(l, ALL_BUT_REST);
	result = add_rows(l, &where);
	if (result != HS_TARGET_OK || l->rest == 0 || hs_fold_is_too_long(l->fold))
		return result;
	choose_columns(l, REST);
	return add_rows(l, &where);
}

/* Adds the rows from the i-th on that are read together; returns how many they are. */
static size_t add_next_rows(struct listing *l, size_t i, enum hs_target_result *result)
{
	struct hs_slice id[HS_TARGET_SELECT_MAX];
	struct hs_target_where where = { .key = "id", .value = id };
	size_t bytes = 0;

	if (l->row[i].bytes > LONG_ROW) {
		*result = add_long_row(l, &l->row[i]);
		return 1;
	}
	for (; i < l->rows && where.values < HS_TARGET_SELECT_MAX && bytes + l->row[i].bytes <= LONG_ROW; i++) {
		bytes += l->row[i].bytes;
		id[where.values++] = hs_slice_str(l->row[i].id);
	}
	choose_columns(l, ALL);
	*result = add_rows(l, &where);
	return where.values;
}

static enum hs_target_result add_latest_first(struct listing *l, const struct hs_target_where *where)
{
	enum hs_target_result result = look_at_rows(l, where, list_row);

	if (result == HS_TARGET_FULL && hs_fold_is_too_long(l->fold))
		return HS_TARGET_OK;
	if (l->rows > 1)
		qsort(l->row, l->rows, sizeof *l->row, latest_first);
	for (size_t i = 0; i < l->rows && result == HS_TARGET_OK && !hs_fold_is_too_long(l->fold);)
		i += add_next_rows(l, i, &result);
	return result;
}

/* Values that do not count may make the fold too long, but not if the latest rows come first. */
static enum hs_target_result measure_and_add(struct listing *l, const struct hs_target_where *where)
{
	enum hs_target_result result;

	find_keys(l);
	result = look_at_rows(l, where, note_length);
	if (result != HS_TARGET_OK || !l->any)
		return result;
	if (l->longest <= LONG_ROW) {
		choose_columns(l, ALL);
		result = add_rows(l, where);
		if (result != HS_TARGET_OK || !hs_fold_is_too_long(l->fold))
			return result;
		hs_fold_again(l->fold);
	}
	return add_latest_first(l, where);
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

enum hs_target_result hs_fold_select(struct hs_fold *fold, struct hs_target *target,
                                     const struct hs_catalogue_table *from, const struct hs_catalogue_table *to,
                                     const struct hs_target_where *where)
{
	struct listing l = { .fold = fold, .target = target, .from = from };
	enum hs_target_result result = HS_TARGET_FULL;
	size_t columns;

	if (!hs_fold_begin(fold, from, to))
		return result;
	columns = hs_fold_column_count(fold) + KEYS;
	l.column = calloc(columns, sizeof *l.column);
	l.place = calloc(columns, sizeof *l.place);
	l.value = calloc(columns, sizeof *l.value);
	if (l.column != NULL && l.place != NULL && l.value != NULL)
		result = measure_and_add(&l, where);
	free_listing(&l);
	return result;
}

#include "tools/load/quick_people.h"
#include "base/array.h"
#include "tools/load/known_people.h"
#include "tools/load/limits.h"
#include "tools/load/row_values.h"

#include <stdlib.h>
#include <string.h>

enum {
	PEOPLE = HS_TARGET_SELECT_MAX, /* at once */
	ROWS = 100,                    /* of the batch, made into values at once */
	TEXT_BYTES = 256 * 1024,       /* of values in one upsert, about */
};

static const size_t NOT_THERE = SIZE_MAX;

struct entry {
	char *id;
	size_t row;
};

struct person {
	size_t entry, entries;
	char *as_of;  /* of their row; NULL: none */
	size_t there; /* rows of theirs in the database, if they have no row of their own */
	bool quick, found;
	struct hs_known_person *known; /* NULL: not */
};

struct hs_quick_people {
	struct hs_target *target;
	struct hs_fold *fold;
	const struct hs_quick_people_task *task;
	struct entry *entry;
	size_t entries, cap;
	struct person person[PEOPLE];
	size_t people;
	struct hs_known_people known;

	struct hs_row_values values;
	size_t *place;         /* of a column of `from`: its index in the fold's columns, or NOT_THERE … */
	struct hs_slice *full; /* … which are the values of one row */
	struct hs_buf text;    /* of the rows for the next upsert … */
	struct hs_slice *value;
	size_t *column;
	bool *used; /* … and which columns they have */
	struct person *row[PEOPLE];
	size_t rows;
};

struct hs_quick_people *hs_quick_people_new(struct hs_target *target, struct hs_fold *fold)
{
	struct hs_quick_people *q = calloc(1, sizeof *q);

	if (q == NULL)
		return NULL;
	q->target = target;
	q->fold = fold;
	return q;
}

static void forget_people(struct hs_quick_people *q)
{
	while (q->people > 0)
		free(q->person[--q->people].as_of);
}

static void end_task(struct hs_quick_people *q)
{
	forget_people(q);
	while (q->entries > 0)
		free(q->entry[--q->entries].id);
	free(q->place);
	free(q->full);
	free(q->value);
	free(q->column);
	free(q->used);
	q->place = q->column = NULL;
	q->full = q->value = NULL;
	q->used = NULL;
	q->rows = 0;
}

void hs_quick_people_free(struct hs_quick_people *q)
{
	if (q == NULL)
		return;
	end_task(q);
	hs_known_people_forget(&q->known);
	free(q->entry);
	hs_row_values_free(&q->values);
	hs_buf_free(&q->text);
	free(q);
}

bool hs_quick_people_add(struct hs_quick_people *q, struct hs_slice id, size_t row)
{
	char *copy = strndup(id.p, id.n);

	if (copy == NULL || !HS_ARRAY_ROOM(&q->entry, q->entries, &q->cap)) {
		free(copy);
		end_task(q);
		return false;
	}
	q->entry[q->entries++] = (struct entry){ copy, row };
	return true;
}

static struct hs_slice id_of(const struct hs_quick_people *q, const struct person *p)
{
	return hs_slice_str(q->entry[p->entry].id);
}

/* --- what the database has of them ---------------------------------------------------- */

/* The person with this id; NULL: it is nobody's. They are sorted by it. */
static struct person *find(struct hs_quick_people *q, struct hs_slice id)
{
	size_t low = 0, high = q->people;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct hs_slice other = id_of(q, &q->person[middle]);
		int order = memcmp(other.p, id.p, other.n < id.n ? other.n : id.n);

		if (order == 0 && other.n == id.n)
			return &q->person[middle];
		if (order < 0 || (order == 0 && other.n < id.n))
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* A row of `to`: id, _as_of, the length of its _rest. */
static bool note_row(void *context, const struct hs_slice *value)
{
	struct person *p = value[0].p == NULL ? NULL : find(context, value[0]);

	if (p == NULL)
		return true;
	p->found = true;
	p->quick = value[1].p != NULL && value[2].p == NULL;
	if (!p->quick)
		return true;
	p->as_of = strndup(value[1].p, value[1].n);
	return p->as_of != NULL;
}

/* A row of `from`: the id of its person. */
static bool count_row(void *context, const struct hs_slice *value)
{
	struct person *p = value[0].p == NULL ? NULL : find(context, value[0]);

	if (p != NULL)
		p->there++;
	return true;
}

static ptrdiff_t column_named(const struct hs_target_table *table, const char *name)
{
	for (size_t i = 0; i < table->columns; i++)
		if (strcmp(table->column[i].name, name) == 0 && table->column[i].type == HS_COLUMN_TEXT)
			return (ptrdiff_t)i;
	return -1;
}

/* Asks for the rows of all people, or for those of all who have no row in `to`. */
static enum hs_target_result ask(struct hs_quick_people *q, bool missing)
{
	const struct hs_quick_people_task *task = q->task;
	const struct hs_target_table *table = missing ? &task->from->table : &task->to->table;
	struct hs_slice id[PEOPLE];
	struct hs_target_where where = { .key = missing ? task->key : "id",
		                         .value = id,
		                         .lengths_from = missing ? 0 : 2 };
	size_t column[] = { task->to->id, (size_t)column_named(&task->to->table, "_as_of"), task->to->rest };

	if (missing)
		column[0] = (size_t)column_named(table, task->key);
	for (size_t i = 0; i < q->people; i++)
		if (q->person[i].quick && !q->person[i].found)
			id[where.values++] = id_of(q, &q->person[i]);
	if (where.values == 0)
		return HS_TARGET_OK;
	return q->target->ops->select(q->target, table, column, missing ? 1 : 3, &where, missing ? count_row : note_row,
	                              q);
}

/* Finds the people of whom it is known which rows their values are of, unless another loader may add rows. */
static enum hs_target_result find_known(struct hs_quick_people *q)
{
	enum hs_target_result result = HS_TARGET_OK;
	bool any = false, alone = false;

	for (size_t i = 0; i < q->people; i++) {
		struct person *p = &q->person[i];

		if (p->found && p->quick)
			p->known = hs_known_people_find(&q->known, q->task->from, id_of(q, p), p->as_of);
		any = any || p->known != NULL;
	}
	if (any)
		result = q->target->ops->is_alone(q->target, &alone);
	if (!any || alone)
		return result;
	for (size_t i = 0; i < q->people; i++)
		q->person[i].known = NULL;
	hs_known_people_forget(&q->known);
	return result;
}

/* --- their rows ------------------------------------------------------------------------ */

/*
 * Adds rows of the batch to the fold. *quick becomes false if one has a _rest. `lent`: they are all the rows of the
 * person, whose values stay until the fold ends.
 */
static bool add_rows(struct hs_quick_people *q, size_t entry, size_t n, bool lent, bool *quick)
{
	const struct hs_quick_people_task *task = q->task;
	struct hs_target_rows rows;
	size_t row[ROWS];

	for (size_t i = 0; i < n; i++)
		row[i] = q->entry[entry + i].row;
	if (!hs_row_values_make(&q->values, task->batch, task->from, row, n, q->target->ops->numbers, &rows))
		return false;
	*quick = q->values.rest == 0;
	for (size_t i = 0; i < n && *quick; i++) {
		memset(q->full, 0, hs_fold_column_count(q->fold) * sizeof *q->full);
		for (size_t c = 0; c < rows.columns; c++)
			if (q->place[rows.column[c]] != NOT_THERE)
				q->full[q->place[rows.column[c]]] = rows.value[i * rows.columns + c];
		if (!(lent ? hs_fold_lend(q->fold, q->full) : hs_fold_add(q->fold, q->full)))
			return false;
	}
	return true;
}

/* Copies the row for the upsert; offsets in `text`, since it moves. */
static bool keep_row(struct hs_quick_people *q, struct person *p, const struct hs_target_rows *row)
{
	struct hs_slice *value = q->value + q->rows * q->task->to->table.columns;

	memset(value, 0, q->task->to->table.columns * sizeof *value);
	for (size_t i = 0; i < row->columns; i++) {
		value[row->column[i]] = hs_slice((const char *)(uintptr_t)(q->text.n + 1), row->value[i].n);
		hs_buf_put_slice(&q->text, row->value[i]);
		q->used[row->column[i]] = true;
	}
	q->row[q->rows++] = p;
	return hs_buf_ok(&q->text);
}

/* Moves the values together that one of the rows has; fills `rows`. */
static void pack(struct hs_quick_people *q, struct hs_target_rows *rows)
{
	const struct hs_target_table *table = &q->task->to->table;
	size_t columns = 0, n = 0;

	for (size_t c = 0; c < table->columns; c++)
		if (q->used[c])
			q->column[columns++] = c;
	for (size_t row = 0; row < q->rows; row++)
		for (size_t c = 0; c < columns; c++) {
			struct hs_slice value = q->value[row * table->columns + q->column[c]];

			if (value.p != NULL)
				value.p = q->text.p + ((uintptr_t)value.p - 1);
			q->value[n++] = value;
		}
	*rows = (struct hs_target_rows){
		.table = table, .column = q->column, .columns = columns, .rows = q->rows, .value = q->value
	};
}

/* Puts the rows that were kept. If one is refused they are all left to the caller, who finds out which. */
static enum hs_target_result put_kept(struct hs_quick_people *q)
{
	enum hs_target_result result = HS_TARGET_OK;
	struct hs_target_rows rows;

	if (q->rows > 0) {
		pack(q, &rows);
		result = q->target->ops->upsert(q->target, &rows);
	}
	if (result == HS_TARGET_ROW || result == HS_TARGET_WIDE) {
		for (size_t i = 0; i < q->rows; i++)
			q->row[i]->quick = false;
		result = HS_TARGET_OK;
	}
	q->rows = 0;
	hs_buf_shrink(&q->text, HS_ROW_VALUES_KEEP);
	hs_buf_reserve(&q->text, 1);
	memset(q->used, 0, q->task->to->table.columns * sizeof *q->used);
	return result;
}

/* Folds all rows of the person in the batch. False: out of memory. */
static bool fold_rows(struct hs_quick_people *q, struct person *p)
{
	hs_fold_again(q->fold);
	for (size_t i = 0; i < p->entries && p->quick; i += ROWS) {
		size_t left = p->entries - i;

		if (!add_rows(q, p->entry + i, left < ROWS ? left : ROWS, p->entries <= ROWS, &p->quick))
			return false;
	}
	if (p->quick && p->known != NULL)
		hs_known_person_thin(p->known, q->fold);
	else if (p->quick && p->found)
		p->quick = strcmp(p->as_of, hs_fold_first_key(q->fold)) < 0;
	return true;
}

struct measuring {
	size_t columns, bytes;
};

static bool add_lengths(void *context, const struct hs_slice *value)
{
	struct measuring *m = context;

	for (size_t i = 1; i < m->columns; i++)
		m->bytes += hs_target_length(value[i]);
	return true;
}

/* Counts the bytes of the texts of the person's row in the database. */
static enum hs_target_result measure(struct hs_quick_people *q, const struct person *p, size_t *bytes)
{
	const struct hs_catalogue_table *to = q->task->to;
	struct hs_slice id = id_of(q, p);
	struct measuring measuring = { .columns = 1 };
	enum hs_target_result result;

	q->column[0] = to->id;
	for (size_t i = 0; i < to->present; i++)
		if (i != to->id && to->table.column[i].type == HS_COLUMN_TEXT)
			q->column[measuring.columns++] = i;
	result = q->target->ops->select(
	    q->target, &to->table, q->column, measuring.columns,
	    &(struct hs_target_where){ .key = "id", .value = &id, .values = 1, .lengths_from = 1 }, add_lengths,
	    &measuring);
	*bytes = measuring.bytes;
	return result;
}

/* Keeps the row for the next upsert; one that is long is put at once, because a copy of it would be as long. */
static enum hs_target_result put_row(struct hs_quick_people *q, struct person *p, const struct hs_target_rows *row)
{
	enum hs_target_result result = HS_TARGET_OK;
	size_t bytes = 0, there = 0;

	for (size_t i = 0; i < row->columns; i++)
		bytes += row->value[i].n;
	if (bytes < TEXT_BYTES)
		return keep_row(q, p, row) ? HS_TARGET_OK : HS_TARGET_FULL;
	if (p->found)
		result = measure(q, p, &there);
	if (result == HS_TARGET_OK && bytes + there > HS_PERSON_MAX)
		p->quick = false; /* it may be too long: whoever folds all their rows can tell */
	else if (result == HS_TARGET_OK)
		result = q->target->ops->upsert(q->target, row);
	if (result != HS_TARGET_ROW && result != HS_TARGET_WIDE)
		return result;
	p->quick = false;
	return HS_TARGET_OK;
}

static enum hs_target_result make_row(struct hs_quick_people *q, struct person *p)
{
	struct hs_fold_end how = { .id = id_of(q, p), .numbers = q->target->ops->numbers };
	enum hs_target_result result = HS_TARGET_OK;
	struct hs_target_rows row;

	if (!fold_rows(q, p))
		return HS_TARGET_FULL;
	if (p->known != NULL && strcmp(hs_fold_last_key(q->fold), p->as_of) < 0)
		how.as_of = p->as_of;
	if (p->quick && hs_fold_end(q->fold, &how, &row))
		result = put_row(q, p, &row);
	else if (p->quick && !hs_fold_is_too_long(q->fold))
		result = HS_TARGET_FULL;
	p->quick = p->quick && !hs_fold_is_too_long(q->fold);
	if (result == HS_TARGET_OK && p->quick && p->known != NULL && !hs_known_person_update(p->known, q->fold))
		result = HS_TARGET_FULL;
	hs_buf_shrink(&q->values.text, HS_ROW_VALUES_KEEP);
	return result;
}

static enum hs_target_result make_rows(struct hs_quick_people *q)
{
	enum hs_target_result result = put_kept(q);

	for (size_t i = 0; i < q->people && result == HS_TARGET_OK; i++) {
		struct person *p = &q->person[i];

		if (!p->found)
			p->quick = p->quick && p->there == p->entries;
		if (p->quick)
			result = make_row(q, p);
		if (result == HS_TARGET_OK && q->text.n > TEXT_BYTES)
			result = put_kept(q);
	}
	return result == HS_TARGET_OK ? put_kept(q) : result;
}

void hs_quick_people_note(struct hs_quick_people *q, const struct hs_catalogue_table *from, struct hs_slice id)
{
	hs_known_people_note(&q->known, from, id, q->fold);
}

void hs_quick_people_forget(struct hs_quick_people *q)
{
	hs_known_people_forget(&q->known);
}

/* --- the task ---------------------------------------------------------------------------- */

/* Whether a row of `to` can be made of a batch at all: the values in it are those that the database has stored. */
static bool can_be_quick(const struct hs_quick_people *q)
{
	const struct hs_quick_people_task *task = q->task;

	return !task->from->repeated && !task->from->table.triggers && hs_fold_is_plain(q->fold) &&
	       column_named(&task->from->table, task->key) >= 0 && column_named(&task->to->table, "_as_of") >= 0;
}

static bool begin_task(struct hs_quick_people *q)
{
	const struct hs_quick_people_task *task = q->task;
	size_t columns = task->to->table.columns;

	if (!hs_fold_begin(q->fold, task->from, task->to))
		return false;
	q->place = calloc(task->from->table.columns, sizeof *q->place);
	q->full = calloc(hs_fold_column_count(q->fold) + 1, sizeof *q->full);
	q->value = calloc(columns * PEOPLE, sizeof *q->value);
	q->column = calloc(columns, sizeof *q->column);
	q->used = calloc(columns, sizeof *q->used);
	if (q->place == NULL || q->full == NULL || q->value == NULL || q->column == NULL || q->used == NULL)
		return false;
	for (size_t i = 0; i < task->from->table.columns; i++)
		q->place[i] = NOT_THERE;
	for (size_t i = 0; i < hs_fold_column_count(q->fold); i++)
		q->place[hs_fold_columns(q->fold)[i]] = i;
	return true;
}

static int by_id(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->id, y->id);

	return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

/* Makes the next people of the entries from `i` on; returns the first entry after theirs. */
static size_t next_people(struct hs_quick_people *q, size_t i, bool quick)
{
	forget_people(q);
	while (i < q->entries && q->people < PEOPLE) {
		struct person *p = &q->person[q->people++];

		*p = (struct person){ .entry = i, .quick = quick && strlen(q->entry[i].id) <= HS_ROW_ID_MAX };
		while (i < q->entries && strcmp(q->entry[i].id, q->entry[p->entry].id) == 0)
			i++;
		p->entries = i - p->entry;
	}
	return i;
}

static enum hs_target_result put_people(struct hs_quick_people *q)
{
	enum hs_target_result result = ask(q, false);

	if (result == HS_TARGET_OK)
		result = ask(q, true);
	if (result == HS_TARGET_OK)
		result = find_known(q);
	if (result == HS_TARGET_OK)
		result = make_rows(q);
	for (size_t i = 0; i < q->people && result == HS_TARGET_OK; i++) {
		struct hs_slice id = id_of(q, &q->person[i]);

		if (q->person[i].quick)
			continue;
		hs_known_people_drop(&q->known, q->task->from, id);
		if (!q->task->left(q->task->context, id))
			result = HS_TARGET_FULL;
	}
	return result;
}

enum hs_target_result hs_quick_people_put(struct hs_quick_people *q, const struct hs_quick_people_task *task)
{
	enum hs_target_result result = HS_TARGET_OK;
	bool quick;

	if (q->entries == 0)
		return HS_TARGET_OK;
	q->task = task;
	if (!begin_task(q))
		result = HS_TARGET_FULL;
	quick = result == HS_TARGET_OK && can_be_quick(q);
	qsort(q->entry, q->entries, sizeof *q->entry, by_id);
	for (size_t i = 0; i < q->entries && result == HS_TARGET_OK;) {
		i = next_people(q, i, quick);
		result = put_people(q);
	}
	end_task(q);
	return result;
}

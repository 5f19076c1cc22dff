#include "tools/load/people.h"
#include "base/array.h"
#include "base/timestamp.h"
#include "event/id_text.h"
#include "event/json.h"
#include "event/record_fields.h"
#include "tools/load/person_row.h"
#include "tools/load/quick_people.h"
#include "tools/load/table_needs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The two tables of people, and where their rows come from. */
static const struct kind {
	enum hs_table_kind from, to;
	const char *key; /* column of `from`: the id in `to` */
} kinds[] = {
	{ HS_TABLE_IDENTIFIES, HS_TABLE_USERS, "user_id" },
	{ HS_TABLE_GROUPS, HS_TABLE_ACCOUNTS, "group_id" },
};

enum {
	KINDS = sizeof kinds / sizeof *kinds,
	KEPT_BYTES = 64 * 1024, /* of a buffer that a long id has made larger */
};

struct hs_people {
	struct hs_catalogue *catalogue;
	struct hs_target *target;
	struct hs_fold *fold;
	/* Those of each kind whose rows change. */
	struct ids {
		char **id;
		size_t count, cap;
	} changed[KINDS];
	struct hs_quick_people *quick;
	struct hs_buf scratch;
};

struct hs_people *hs_people_new(struct hs_catalogue *catalogue, struct hs_target *target)
{
	struct hs_people *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->catalogue = catalogue;
	p->target = target;
	p->fold = hs_fold_new();
	p->quick = hs_quick_people_new(target, p->fold);
	if (p->fold == NULL || p->quick == NULL) {
		hs_people_free(p);
		return NULL;
	}
	return p;
}

static void forget_ids(struct ids *ids)
{
	while (ids->count > 0)
		free(ids->id[--ids->count]);
}

void hs_people_free(struct hs_people *p)
{
	if (p == NULL)
		return;
	for (int k = 0; k < KINDS; k++) {
		forget_ids(&p->changed[k]);
		free(p->changed[k].id);
	}
	hs_quick_people_free(p->quick);
	hs_fold_free(p->fold);
	hs_buf_free(&p->scratch);
	free(p);
}

static bool add_id(struct ids *ids, struct hs_slice id)
{
	if (!HS_ARRAY_ROOM(&ids->id, ids->count, &ids->cap))
		return false;
	ids->id[ids->count] = strndup(id.p, id.n);
	return ids->id[ids->count] != NULL && ++ids->count > 0;
}

/* The table of a kind, if it is known already; NULL: it is not. */
static struct hs_catalogue_table *known(const struct hs_people *p, enum hs_table_kind kind)
{
	for (size_t i = 0; i < p->catalogue->tables; i++)
		if (p->catalogue->table[i]->kind == kind)
			return p->catalogue->table[i];
	return NULL;
}

void hs_people_forget(struct hs_people *p)
{
	hs_quick_people_forget(p->quick);
}

/* --- before the transaction ---------------------------------------------------------- */

static bool has_rows(const struct hs_batch *batch, const struct hs_catalogue_table *table)
{
	for (size_t i = 0; i < batch->rows; i++)
		if (batch->row[i].table == table)
			return true;
	return false;
}

static bool copy_columns(struct hs_people *p, const struct hs_catalogue_table *from, struct hs_catalogue_table *to)
{
	for (size_t i = 0; i < from->table.columns; i++) {
		const struct hs_target_column *column = &from->table.column[i];
		ptrdiff_t at;
		bool full;

		if (!hs_person_row_has(column->name) || column->type == HS_COLUMN_FOREIGN)
			continue;
		at = hs_catalogue_column(p->catalogue, to, hs_slice_str(column->name), &full);
		if (at < 0 && !full)
			return false;
		if (at < 0)
			continue;
		hs_catalogue_note(p->catalogue, to, (size_t)at, column->type);
		if (column->path != NULL && !hs_catalogue_note_path(to, (size_t)at, hs_slice_str(column->path)))
			return false;
	}
	return true;
}

bool hs_people_prepare(struct hs_people *p, const struct hs_batch *batch)
{
	for (int k = 0; k < KINDS; k++) {
		struct hs_catalogue_table *from = known(p, kinds[k].from), *to;
		bool full;

		bool erases = batch == NULL || batch->erases;

		if (from == NULL || !(erases ? known(p, kinds[k].to) != NULL : has_rows(batch, from)))
			continue;
		to = hs_catalogue_table(p->catalogue, hs_table_name(kinds[k].to), &full);
		if (to == NULL || !copy_columns(p, from, to))
			return false;
	}
	return true;
}

/* --- a person's row ---------------------------------------------------------------------- */

/* Makes the row of one id anew; removes it if no row is left to make it from. */
static enum hs_target_result remake(struct hs_people *p, const struct kind *kind, struct hs_slice id)
{
	struct hs_catalogue_table *from = known(p, kind->from), *to = known(p, kind->to);
	struct hs_person_row row = {
		.target = p->target, .fold = p->fold, .from = from, .to = to, .key = kind->key, .id = id
	};
	enum hs_target_result result;

	if (from == NULL || to == NULL || !from->exists || !to->exists)
		return HS_TARGET_OK;
	from->used = to->used = true;
	result = hs_person_row_remake(&row);
	if (result == HS_TARGET_OK && row.is_put)
		hs_quick_people_note(p->quick, from, id);
	hs_fold_again(p->fold); /* it may have a long row in memory */
	return result;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Makes the rows of those noted for a kind anew, and forgets them. */
static enum hs_target_result remake_all(struct hs_people *p, int kind)
{
	struct ids *ids = &p->changed[kind];
	enum hs_target_result result = HS_TARGET_OK;

	if (ids->count > 1)
		qsort(ids->id, ids->count, sizeof *ids->id, by_text);
	for (size_t i = 0; i < ids->count && result == HS_TARGET_OK; i++)
		if (i == 0 || strcmp(ids->id[i - 1], ids->id[i]) != 0)
			result = remake(p, &kinds[kind], hs_slice_str(ids->id[i]));
	forget_ids(ids);
	return result;
}

/* The cell of the column from the row's cell `c` on; NULL: there is none. */
static const struct hs_batch_cell *next_cell(const struct hs_batch *batch, const struct hs_batch_row *row, size_t c,
                                             const char *column)
{
	for (; c < row->cells; c++) {
		const struct hs_batch_cell *cell = &batch->cell[row->cell + c];

		if (cell->column != HS_BATCH_NO_COLUMN &&
		    strcmp(row->table->table.column[cell->column].name, column) == 0)
			return cell;
	}
	return NULL;
}

/* The text of a row's key column, as the database has it; p == NULL: none. */
static struct hs_slice key_of(struct hs_people *p, const struct hs_batch *batch, const struct hs_batch_row *row,
                              const char *key)
{
	const struct hs_batch_cell *first = &batch->cell[row->cell], *cell = next_cell(batch, row, 0, key);

	for (; cell != NULL; cell = next_cell(batch, row, (size_t)(cell - first) + 1, key))
		if (hs_value_fits(&cell->value, HS_COLUMN_TEXT, p->target->ops->numbers, &p->scratch))
			return hs_buf_slice(&p->scratch);
	return HS_SLICE_NONE;
}

bool hs_people_is_too_long(struct hs_people *p, const struct hs_batch *batch, const struct hs_batch_row *row,
                           const char *key)
{
	const struct hs_batch_cell *first = &batch->cell[row->cell], *cell = next_cell(batch, row, 0, key);
	bool is_long = false;

	for (; cell != NULL && !is_long; cell = next_cell(batch, row, (size_t)(cell - first) + 1, key)) {
		struct hs_slice text = cell->value.text;

		if (text.n <= HS_PEOPLE_ID_MAX)
			continue;
		if (cell->value.escaped) {
			hs_buf_reset(&p->scratch);
			hs_json_unescape(text, &p->scratch);
			text = hs_buf_slice(&p->scratch);
		}
		is_long = text.n > HS_PEOPLE_ID_MAX;
	}
	hs_buf_shrink(&p->scratch, KEPT_BYTES);
	return is_long;
}

static bool add_left(void *context, struct hs_slice id)
{
	return add_id(context, id);
}

static enum hs_target_result put_kind(struct hs_people *p, const struct hs_batch *batch, int k)
{
	const struct kind *kind = &kinds[k];
	struct hs_catalogue_table *to = known(p, kind->to);
	struct hs_quick_people_task task = { .batch = batch,
		                             .from = known(p, kind->from),
		                             .to = to,
		                             .key = kind->key,
		                             .left = add_left,
		                             .context = &p->changed[k] };
	enum hs_target_result result;

	if (task.from == NULL || to == NULL || !task.from->exists || !to->exists)
		return HS_TARGET_OK;
	to->used = to->used || has_rows(batch, task.from);
	for (size_t i = 0; i < batch->rows; i++) {
		struct hs_slice id;

		if (batch->row[i].table != task.from || batch->row[i].refused)
			continue;
		id = key_of(p, batch, &batch->row[i], kind->key);
		if (!hs_buf_ok(&p->scratch) || (id.n > 0 && !hs_quick_people_add(p->quick, id, i)))
			return HS_TARGET_FULL;
	}
	hs_buf_shrink(&p->scratch, KEPT_BYTES);
	result = hs_quick_people_put(p->quick, &task);
	if (result == HS_TARGET_OK)
		result = remake_all(p, k);
	forget_ids(&p->changed[k]);
	return result;
}

enum hs_target_result hs_people_put(struct hs_people *p, const struct hs_batch *batch)
{
	enum hs_target_result result = HS_TARGET_OK;

	for (int k = 0; k < KINDS && result == HS_TARGET_OK; k++)
		result = put_kind(p, batch, k);
	hs_fold_again(p->fold);
	return result;
}

/* --- a deletion --------------------------------------------------------------------------------- */

static bool has_column(const struct hs_target_table *table, const char *name)
{
	for (size_t i = 0; i < table->columns; i++)
		if (strcmp(table->column[i].name, name) == 0)
			return true;
	return false;
}

static bool note_id(void *context, const struct hs_slice *value)
{
	return value[0].n == 0 || add_id(context, value[0]);
}

/* Notes the users or groups in the person's rows, whose own rows lose what those say. */
static enum hs_target_result note_changed(struct hs_people *p, int kind, const char *key, struct hs_slice id)
{
	const struct hs_catalogue_table *from = known(p, kinds[kind].from);

	if (from == NULL || !from->exists || !has_column(&from->table, key))
		return HS_TARGET_OK;
	for (size_t i = 0; i < from->table.columns; i++)
		if (strcmp(from->table.column[i].name, kinds[kind].key) == 0)
			return p->target->ops->select(
			    p->target, &from->table, &i, 1,
			    &(struct hs_target_where){ .key = key, .value = &id, .values = 1 }, note_id,
			    &p->changed[kind]);
	return HS_TARGET_OK;
}

/* True for a table with rows of ours, some of which a delete would not find; notes what mends it. */
static bool hides_people(struct hs_people *p, const struct hs_target_table *table)
{
	struct hs_table_lack lack = { .what = "" };

	if (!has_column(table, "_rest") || hs_table_has_person(p->target, table, &lack))
		return false;
	snprintf(p->target->message, sizeof p->target->message, "%s; %s", lack.what, lack.remedy);
	return true;
}

static enum hs_target_result erase_rows(struct hs_people *p, const char *key, const struct hs_person *person,
                                        uint64_t *gone)
{
	struct hs_target_limits limits = { person->until, person->derived, true };
	enum hs_target_result result = HS_TARGET_OK;

	for (size_t i = 0; i < p->catalogue->tables && result == HS_TARGET_OK; i++) {
		const struct hs_catalogue_table *t = p->catalogue->table[i];
		bool has_time = has_column(&t->table, "uuid_ts"), is_ours = has_column(&t->table, "_rest");

		if (!t->exists || !has_column(&t->table, "user_id") || !(has_time || is_ours))
			continue;
		limits.until = has_time ? person->until : HS_SLICE_NONE;
		if (hides_people(p, &t->table))
			return HS_TARGET_DENIED;
		if (has_column(&t->table, key))
			result = hs_person_row_erase(p->target, &t->table, key, person->id, &limits, gone);
		if (result == HS_TARGET_OK && t->kind == HS_TABLE_ALIASES)
			result = hs_person_row_erase(p->target, &t->table, "previous_id", person->id, &limits, gone);
	}
	return result;
}

enum hs_target_result hs_people_erase(struct hs_people *p, const struct hs_person *person, uint64_t *gone)
{
	bool is_user = person->kind == HS_SUBJECT_USER;
	const char *key = is_user ? "user_id" : "anonymous_id";
	enum hs_target_result result = HS_TARGET_OK;

	hs_people_forget(p);
	if (is_user && !add_id(&p->changed[0], person->id))
		result = HS_TARGET_FULL;
	for (int k = is_user; k < KINDS && result == HS_TARGET_OK; k++)
		result = note_changed(p, k, key, person->id);
	if (result == HS_TARGET_OK)
		result = erase_rows(p, key, person, gone);
	for (int k = 0; k < KINDS && result == HS_TARGET_OK; k++)
		result = remake_all(p, k);
	for (int k = 0; k < KINDS; k++)
		forget_ids(&p->changed[k]);
	return result;
}

/* The user as their rows have it; false: no database can store it, or memory is out. */
static bool read_user(const struct hs_value *value, struct hs_buf *user)
{
	if (value->is_string)
		return hs_value_fits(value, HS_COLUMN_TEXT, HS_NUMBER_EXACT, user);
	hs_buf_reset(user);
	hs_id_put_number(user, value->text);
	return hs_buf_ok(user);
}

/* The time of a delete, or `newest_ms` if that is later. False: as read_delete. */
static bool read_until(const struct hs_people *p, const struct hs_value *value, int64_t newest_ms, struct hs_buf *until)
{
	struct hs_value at = *value;
	char text[HS_TIMESTAMP_TEXT + 1];
	int64_t ms;

	if (value->is_string && hs_timestamp_parse(value->text, &ms) && ms < newest_ms &&
	    hs_timestamp_is_possible(newest_ms)) {
		hs_timestamp_text(newest_ms, text);
		at.text = hs_slice_str(text);
	}
	return hs_value_fits(&at, HS_COLUMN_TIMESTAMP, p->target->ops->numbers, until);
}

/* The user of a delete, and the limit of their rows; false: the record has none that a database can store. */
static bool read_delete(struct hs_people *p, struct hs_slice line, int64_t newest_ms, struct hs_buf *user,
                        struct hs_buf *until)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;
	bool has_user = false, has_time = false;

	while (hs_record_field_next(&walk, &field)) {
		struct hs_value value = { field.value, field.is_string, field.value_escaped };

		if (hs_slice_eq(field.name, HS_SLICE("user_id")))
			has_user = read_user(&value, user);
		else if (hs_slice_eq(field.name, HS_SLICE("spooled_at")))
			has_time = read_until(p, &value, newest_ms, until);
	}
	return has_user && has_time;
}

enum hs_target_result hs_people_delete(struct hs_people *p, const struct hs_batch *batch, int64_t newest_ms,
                                       uint64_t *gone)
{
	struct hs_buf user = { 0 }, until = { 0 };
	enum hs_target_result result = HS_TARGET_OK;

	if (read_delete(p, batch->record[0].line, newest_ms, &user, &until))
		result = hs_people_erase(
		    p, &(struct hs_person){ HS_SUBJECT_USER, hs_buf_slice(&user), hs_buf_slice(&until), false }, gone);
	else if (!hs_buf_ok(&user) || !hs_buf_ok(&until))
		result = HS_TARGET_FULL; /* the delete is to be tried again */
	hs_buf_free(&user);
	hs_buf_free(&until);
	return result;
}

const char *hs_people_key_of(enum hs_table_kind kind)
{
	for (int k = 0; k < KINDS; k++)
		if (kinds[k].from == kind)
			return kinds[k].key;
	return NULL;
}

/* --- all of them ----------------------------------------------------------------------------------- */

static const struct kind *kind_of(enum hs_table_kind to)
{
	return &kinds[to == HS_TABLE_USERS ? 0 : 1];
}

enum hs_table_kind hs_people_source(enum hs_table_kind to)
{
	return kind_of(to)->from;
}

const char *hs_people_key(enum hs_table_kind to)
{
	return kind_of(to)->key;
}

bool hs_people_prepare_table(struct hs_people *p, enum hs_table_kind to)
{
	struct hs_catalogue_table *from = known(p, kind_of(to)->from), *table;
	bool full;

	if (from == NULL)
		return true;
	table = hs_catalogue_table(p->catalogue, hs_table_name(to), &full);
	return table != NULL && copy_columns(p, from, table);
}

enum hs_target_result hs_people_remake(struct hs_people *p, enum hs_table_kind to, struct hs_slice id)
{
	return remake(p, kind_of(to), id);
}

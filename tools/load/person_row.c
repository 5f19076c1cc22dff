#include "tools/load/person_row.h"
#include "base/digest.h"
#include "base/hex.h"
#include "tools/load/fold_select.h"
#include "tools/load/limits.h"
#include "tools/report/terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HASHED_ID = 7 + 2 * HS_SHA256_BYTES };

/* A row that is being put. */
struct put {
	struct hs_person_row *row;
	struct hs_fold_end how;
	bool is_folded; /* the fold has not ended since it was made */
	bool is_there;  /* the database has a row of the person */
};

bool hs_person_row_has(const char *name)
{
	return strcmp(name, "id") != 0 && strcmp(name, "anonymous_id") != 0 && strcmp(name, "user_id") != 0 &&
	       strcmp(name, "group_id") != 0 && strcmp(name, "_rest") != 0;
}

/* The id of a person's row; one that is longer than an index takes is hashed, as message ids are. */
static bool settle_id(struct hs_slice id, char hashed[static HASHED_ID], struct hs_fold_end *how)
{
	uint8_t sha256[HS_SHA256_BYTES];

	how->id = id;
	if (id.n <= HS_ROW_ID_MAX)
		return true;
	if (!hs_sha256(id, sha256))
		return false;
	memcpy(hashed, "sha256-", 7);
	hs_hex_encode(sha256, HS_SHA256_BYTES, hashed + 7);
	how->id = hs_slice(hashed, HASHED_ID);
	how->whole = (struct hs_value){ id, true, false };
	return true;
}

/* --- what is there ------------------------------------------------------------------ */

enum hs_target_result hs_person_row_erase(struct hs_target *target, const struct hs_target_table *table,
                                          const char *key, struct hs_slice id, const struct hs_target_limits *limits,
                                          uint64_t *gone)
{
	enum hs_target_result result = target->ops->erase(target, table, key, id, limits, gone);
	size_t n = strlen(target->message);

	if (result != HS_TARGET_ROW)
		return result;
	snprintf(target->message + n, sizeof target->message - n,
	         "; rows of %s have to go: drop the constraint or trigger that keeps them, or give the constraint ON "
	         "DELETE CASCADE or SET NULL",
	         table->name);
	return HS_TARGET_DENIED;
}

static enum hs_target_result remove_row(struct put *p)
{
	static const struct hs_target_limits all = { .person = false };
	uint64_t gone = 0;

	p->is_there = false;
	return hs_person_row_erase(p->row->target, &p->row->to->table, "id", p->how.id, &all, &gone);
}

static bool note_there(void *context, const struct hs_slice *value)
{
	(void)value;
	((struct put *)context)->is_there = true;
	return true;
}

static enum hs_target_result look(struct put *p)
{
	struct hs_target *target = p->row->target;

	return target->ops->select(target, &p->row->to->table, &p->row->to->id, 1,
	                           &(struct hs_target_where){ .key = "id", .value = &p->how.id, .values = 1 },
	                           note_there, p);
}

static enum hs_target_result fold(struct put *p)
{
	struct hs_person_row *r = p->row;

	p->is_folded = true;
	return hs_fold_select(r->fold, r->target, r->from, r->to,
	                      &(struct hs_target_where){ .key = r->key, .value = &r->id, .values = 1 });
}

/* --- the row ------------------------------------------------------------------------- */

/* Says why there is no row. */
static enum hs_target_result refuse_long(struct hs_target *target)
{
	snprintf(
	    target->message, sizeof target->message,
	    "it would be longer than %d bytes, or its _rest longer than %d bytes or %d values, or it is made of too "
	    "many rows of which some are long: the loader has no memory for it",
	    HS_PERSON_MAX, HS_REST_MAX, HS_PERSON_REST_VALUES);
	return HS_TARGET_ROW;
}

/* True for a column that rows of the person could fill, and do not. */
static bool is_null(const struct hs_person_row *r, const struct hs_target_rows *row, size_t column)
{
	const struct hs_target_column *c = &r->to->table.column[column];

	for (size_t i = 0; i < row->columns; i++)
		if (row->column[i] == column)
			return false;
	return c->type != HS_COLUMN_FOREIGN &&
	       (column == r->to->rest ||
	        (hs_person_row_has(c->name) && hs_catalogue_look_up(r->from, hs_slice_str(c->name)) >= 0));
}

/* Overwrites the row: deleted, it would take the rows that refer to it along, or be kept by them. */
static enum hs_target_result overwrite(struct hs_person_row *r, struct hs_target_rows *row)
{
	size_t columns = r->to->table.columns, n = row->columns;
	size_t *column = calloc(columns, sizeof *column);
	struct hs_slice *value = calloc(columns, sizeof *value);
	enum hs_target_result result = HS_TARGET_FULL;

	if (column != NULL && value != NULL) {
		memcpy(column, row->column, n * sizeof *column);
		memcpy(value, row->value, n * sizeof *value);
		for (size_t i = 0; i < columns; i++)
			if (is_null(r, row, i))
				column[n++] = i;
		row->column = column;
		row->value = value;
		row->columns = n;
		row->nulls = true;
		result = r->target->ops->upsert(r->target, row);
	}
	free(column);
	free(value);
	return result;
}

static enum hs_target_result put_row(struct put *p, bool narrow)
{
	struct hs_person_row *r = p->row;
	enum hs_target_result result = p->is_folded ? HS_TARGET_OK : fold(p);
	struct hs_target_rows row;

	if (result != HS_TARGET_OK)
		return result;
	p->is_folded = false;
	p->how.narrow = narrow;
	if (!hs_fold_end(r->fold, &p->how, &row))
		return hs_fold_is_too_long(r->fold) ? refuse_long(r->target) : HS_TARGET_FULL;
	return p->is_there ? overwrite(r, &row) : r->target->ops->insert(r->target, &row);
}

static bool is_refused(const struct put *p, enum hs_target_result result)
{
	return (result == HS_TARGET_WIDE || result == HS_TARGET_ROW) && !hs_fold_is_too_long(p->row->fold);
}

/*
 * Puts the row that was folded. One that is refused is tried as a new one, since columns of others get their defaults
 * then, and without its own columns. Then it is left out: its identifies are there.
 */
static enum hs_target_result put_or_leave_out(struct put *p)
{
	enum hs_target_result result = put_row(p, false);

	if (is_refused(p, result) && p->is_there) {
		result = remove_row(p);
		if (result == HS_TARGET_OK)
			result = put_row(p, false);
	}
	if (is_refused(p, result))
		result = put_row(p, true);
	p->row->is_put = result == HS_TARGET_OK;
	if (result != HS_TARGET_WIDE && result != HS_TARGET_ROW)
		return result;
	hs_terminal_printf(stderr, "hookspool load: %s: a row was refused: %s\n", p->row->to->table.name,
	                   p->row->target->message);
	return p->is_there ? remove_row(p) : HS_TARGET_OK;
}

enum hs_target_result hs_person_row_remake(struct hs_person_row *row)
{
	const struct hs_target_ops *ops = row->target->ops;
	struct put p = { .row = row, .how = { .numbers = ops->numbers, .consumes = ops->whole_texts } };
	char hashed[HASHED_ID];
	enum hs_target_result result;

	row->is_put = false;
	if (!settle_id(row->id, hashed, &p.how))
		return HS_TARGET_FULL;
	result = look(&p);
	if (result == HS_TARGET_OK)
		result = fold(&p);
	if (result != HS_TARGET_OK)
		return result;
	if (hs_fold_rows(row->fold) > 0 || hs_fold_is_too_long(row->fold))
		return put_or_leave_out(&p);
	return p.is_there ? remove_row(&p) : HS_TARGET_OK;
}

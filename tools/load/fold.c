#include "tools/load/fold.h"
#include "base/array.h"
#include "event/json.h"
#include "tools/load/fold_rest.h"
#include "tools/load/kept_row.h"
#include "tools/load/limits.h"

#include <stdlib.h>
#include <string.h>

enum {
	KEPT_BYTES = 64 * 1024, /* of a buffer that a long value has made larger */
	LONG_REST = 2 << 20,    /* bytes of a _rest that is made in pieces */
	LONG_VALUE = 1 << 20,   /* bytes of a value that is not copied, if its row can be kept */
	LONG_MEMBER = 4 * 1024, /* bytes of a member that is not copied, if its column has a later value */
	MEMBER_BYTES = 4,       /* of a _rest, around name and value */
};

/* The latest value of a column of `from`. */
struct latest {
	struct hs_row_key *key; /* of its row; NULL: no row has given a value */
	struct hs_slice value;
	struct hs_buf copy;       /* of the value, unless it is lent … */
	struct hs_kept_row *kept; /* … or here; NULL: it is not */
};

struct hs_fold {
	const struct hs_catalogue_table *from, *to;
	size_t *column; /* of `from` */
	size_t columns, columns_cap;
	struct latest *latest; /* by index in `column` */
	size_t latest_cap;
	struct hs_members seen; /* the latest value of each name in a _rest */
	size_t rows;
	size_t bytes, rest_bytes; /* of values of columns, and of members, that count so far */
	bool is_too_long;
	struct hs_row_key *first, *last;
	struct hs_row_key *row;   /* while it is added … */
	struct hs_target *target; /* … from there; NULL: from elsewhere, … */
	struct hs_kept_row *kept; /* … and has been kept; NULL: it has not */
	bool has_rest;            /* a row had */
	bool *is_own;             /* by index in `column`: a person's row does not have it, or has it otherwise */
	ptrdiff_t timestamp, received_at, id, rest; /* indexes in `column` */

	struct hs_json json;
	struct hs_buf scratch, out, key;
	const struct hs_fold_end *how;
	size_t *to_column;
	struct hs_slice *value;
	size_t out_cap;
	struct hs_fold_rest in_rest; /* so far */
};

struct hs_fold *hs_fold_new(void)
{
	struct hs_fold *f = calloc(1, sizeof *f);

	if (f != NULL)
		hs_json_init(&f->json, 1);
	return f;
}

static void forget_latest(struct hs_fold *f, struct latest *latest)
{
	if (latest->key != NULL)
		f->bytes -= latest->value.n;
	hs_row_key_drop(latest->key);
	hs_kept_row_drop(latest->kept);
	latest->key = NULL;
	latest->kept = NULL;
	hs_buf_shrink(&latest->copy, KEPT_BYTES);
}

static void forget(struct hs_fold *f)
{
	for (size_t i = 0; i < f->columns; i++)
		forget_latest(f, &f->latest[i]);
	hs_members_forget(&f->seen);
	f->rest_bytes = 0;
	f->is_too_long = false;
	hs_row_key_drop(f->first);
	hs_row_key_drop(f->last);
	f->first = f->last = NULL;
	f->rows = 0;
	f->has_rest = false;
	hs_buf_shrink(&f->out, KEPT_BYTES);
	hs_buf_shrink(&f->scratch, KEPT_BYTES);
}

void hs_fold_free(struct hs_fold *f)
{
	if (f == NULL)
		return;
	forget(f);
	for (size_t i = 0; i < f->latest_cap; i++)
		hs_buf_free(&f->latest[i].copy);
	hs_json_free(&f->json);
	hs_buf_free(&f->scratch);
	hs_buf_free(&f->out);
	hs_buf_free(&f->key);
	free(f->column);
	free(f->latest);
	free(f->is_own);
	free(f->to_column);
	free(f->value);
	hs_members_free(&f->seen);
	hs_fold_rest_free(&f->in_rest);
	free(f);
}

/* --- the rows ------------------------------------------------------------------------ */

/* A column of the rows that a person's row does not have, or has otherwise. */
static bool is_own(struct hs_slice name)
{
	static const char *const names[] = { "id", "_rest", "user_id", "group_id", "anonymous_id" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (hs_slice_eq(name, hs_slice_str(names[i])))
			return true;
	return false;
}

/* A column of the rows that is neither a person's nor needed to make their row: it is not read. */
static bool is_useless(struct hs_slice name)
{
	return is_own(name) && !hs_slice_eq(name, HS_SLICE("id")) && !hs_slice_eq(name, HS_SLICE("_rest"));
}

static bool make_latest(struct hs_fold *f, size_t columns)
{
	struct latest *latest;
	bool *is_own_column;

	if (columns <= f->latest_cap)
		return true;
	is_own_column = realloc(f->is_own, columns * sizeof *is_own_column);
	if (is_own_column == NULL)
		return false;
	f->is_own = is_own_column;
	latest = realloc(f->latest, columns * sizeof *latest);
	if (latest == NULL)
		return false;
	memset(latest + f->latest_cap, 0, (columns - f->latest_cap) * sizeof *latest);
	f->latest = latest;
	f->latest_cap = columns;
	return true;
}

bool hs_fold_begin(struct hs_fold *f, const struct hs_catalogue_table *from, const struct hs_catalogue_table *to)
{
	forget(f);
	f->columns = 0;
	f->from = from;
	f->to = to;
	f->timestamp = f->received_at = f->id = f->rest = -1;
	if (!make_latest(f, from->present))
		return false;
	for (size_t i = 0; i < from->present; i++) {
		const char *name = from->table.column[i].name;

		if (from->table.column[i].type == HS_COLUMN_FOREIGN || is_useless(hs_slice_str(name)))
			continue;
		if (!HS_ARRAY_ROOM(&f->column, f->columns, &f->columns_cap))
			return false;
		if (strcmp(name, "timestamp") == 0)
			f->timestamp = (ptrdiff_t)f->columns;
		else if (strcmp(name, "received_at") == 0)
			f->received_at = (ptrdiff_t)f->columns;
		else if (strcmp(name, "id") == 0)
			f->id = (ptrdiff_t)f->columns;
		else if (strcmp(name, "_rest") == 0)
			f->rest = (ptrdiff_t)f->columns;
		f->is_own[f->columns] = is_own(hs_slice_str(name));
		f->column[f->columns++] = i;
	}
	return true;
}

void hs_fold_again(struct hs_fold *f)
{
	forget(f);
}

const size_t *hs_fold_columns(const struct hs_fold *f)
{
	return f->column;
}

size_t hs_fold_column_count(const struct hs_fold *f)
{
	return f->columns;
}

size_t hs_fold_rows(const struct hs_fold *f)
{
	return f->rows;
}

const char *hs_fold_first_key(const struct hs_fold *f)
{
	return f->first == NULL ? "" : f->first->text;
}

const char *hs_fold_last_key(const struct hs_fold *f)
{
	return f->last == NULL ? "" : f->last->text;
}

struct hs_row_key *hs_fold_key(const struct hs_fold *f, size_t column)
{
	return f->latest[column].key;
}

void hs_fold_drop(struct hs_fold *f, size_t column)
{
	forget_latest(f, &f->latest[column]);
}

bool hs_fold_is_too_long(const struct hs_fold *f)
{
	return f->is_too_long;
}

void hs_fold_give_up(struct hs_fold *f)
{
	f->is_too_long = true;
}

bool hs_fold_has_room(const struct hs_fold *f, size_t bytes)
{
	return bytes <= HS_PERSON_MAX - f->bytes - f->rest_bytes;
}

bool hs_fold_wants(struct hs_fold *f, size_t column)
{
	return f->latest[column].key == NULL &&
	       hs_members_find(&f->seen, hs_slice_str(f->from->table.column[f->column[column]].name)) < 0;
}

bool hs_fold_has_rest(const struct hs_fold *f)
{
	return f->has_rest;
}

static struct hs_slice value_of(const struct hs_slice *value, ptrdiff_t at)
{
	return at < 0 ? HS_SLICE_NONE : value[at];
}

struct hs_row_key *hs_fold_row_key(struct hs_fold *f, struct hs_slice at, struct hs_slice received, struct hs_slice id)
{
	return hs_row_key_make(at, received, id, &f->key);
}

/* Whether the column of this name has a value of a later row. */
static bool has_later(const struct hs_fold *f, struct hs_slice name)
{
	for (size_t i = 0; i < f->columns; i++)
		if (hs_slice_eq(name, hs_slice_str(f->from->table.column[f->column[i]].name)))
			return f->latest[i].key != NULL && strcmp(f->row->text, f->latest[i].key->text) < 0;
	return false;
}

/* Sets a member, unless that makes the fold too long; `there`: the index of that name, or -1. False: out of memory. */
static bool set_member(struct hs_fold *f, struct hs_slice name, struct hs_slice value, ptrdiff_t there)
{
	size_t bytes = f->rest_bytes + name.n + value.n + MEMBER_BYTES;

	if (there >= 0)
		bytes -= hs_members_name(&f->seen, (size_t)there).n + hs_members_value(&f->seen, (size_t)there).n +
		         MEMBER_BYTES;
	if (bytes >= HS_REST_MAX /* with a brace */ || bytes > HS_PERSON_MAX - f->bytes ||
	    (there < 0 && f->seen.count == HS_PERSON_REST_VALUES)) {
		f->is_too_long = true;
		return true;
	}
	f->rest_bytes = bytes;
	return hs_members_set(&f->seen, name, value, f->row);
}

/* Notes a member of a row's _rest, if it is of the person, and not of the message, and the latest of its name. */
static bool see_member(struct hs_fold *f, struct hs_slice inner, struct hs_slice value)
{
	struct hs_slice name;
	ptrdiff_t there;

	hs_buf_reset(&f->scratch);
	hs_json_unescape(inner, &f->scratch);
	if (!hs_buf_ok(&f->scratch))
		return false;
	name = hs_buf_slice(&f->scratch);
	if (is_own(name))
		return true;
	there = hs_members_find(&f->seen, name);
	if (there >= 0 && strcmp(f->row->text, hs_members_key(&f->seen, (size_t)there)->text) < 0)
		return true;
	f->has_rest = true;
	if (value.n >= LONG_MEMBER && has_later(f, name))
		return true;
	return set_member(f, name, value, there);
}

/* A _rest that somebody else has written. */
static bool see_strange_rest(struct hs_fold *f, struct hs_slice rest)
{
	struct hs_json *j = &f->json;
	enum hs_result result = hs_json_document(j, rest);

	if (result != HS_OK || j->tok[0].kind != HS_JSON_OBJECT)
		return result != HS_E_MEMORY;
	for (uint32_t key = 1; key < j->tok[0].next && !f->is_too_long; key = j->tok[key + 1].next)
		if (!see_member(f, hs_json_inner(j, key), hs_json_raw(j, key + 1)))
			return false;
	return true;
}

static bool see_rest(struct hs_fold *f, struct hs_slice rest)
{
	struct hs_rest_reader reader = { rest.p, rest.p + rest.n, false };
	struct hs_slice name, value;

	if (rest.p == NULL)
		return true;
	if (!hs_rest_is_usual(rest))
		return see_strange_rest(f, rest);
	while (!f->is_too_long && hs_rest_read(&reader, &name, &value) == HS_REST_MEMBER)
		if (!see_member(f, name, value))
			return false;
	return true;
}

/* Keeps the row, if the target can. NULL: it cannot, or memory is out. */
static struct hs_kept_row *keep_row(struct hs_fold *f)
{
	if (f->kept == NULL && f->target != NULL)
		f->kept = hs_kept_row_new(f->target);
	return f->kept == NULL ? NULL : hs_kept_row_hold(f->kept);
}

/* Notes the value of a row if it is the latest of its column. */
static bool see_value(struct hs_fold *f, size_t column, struct hs_slice value, bool lent)
{
	struct latest *latest = &f->latest[column];

	if (latest->key != NULL && strcmp(f->row->text, latest->key->text) < 0)
		return true;
	forget_latest(f, latest);
	if (!hs_fold_has_room(f, value.n)) {
		f->is_too_long = true;
		return true;
	}
	f->bytes += value.n;
	latest->key = hs_row_key_hold(f->row);
	latest->value = value;
	if (!lent && value.n >= LONG_VALUE)
		latest->kept = keep_row(f);
	if (lent || latest->kept != NULL)
		return true;
	hs_buf_put_slice(&latest->copy, value);
	hs_buf_reserve(&latest->copy, 1); /* a text without bytes is not NULL */
	latest->value = hs_buf_slice(&latest->copy);
	return hs_buf_ok(&latest->copy);
}

static void see_key(struct hs_fold *f)
{
	if (f->first == NULL || strcmp(f->row->text, f->first->text) < 0) {
		hs_row_key_drop(f->first);
		f->first = hs_row_key_hold(f->row);
	}
	if (f->last == NULL || strcmp(f->row->text, f->last->text) > 0) {
		hs_row_key_drop(f->last);
		f->last = hs_row_key_hold(f->row);
	}
}

static bool add(struct hs_fold *f, const struct hs_slice *value, bool lent)
{
	bool added = true;

	f->row =
	    hs_fold_row_key(f, value_of(value, f->timestamp), value_of(value, f->received_at), value_of(value, f->id));
	if (f->row == NULL)
		return false;
	f->rows++;
	see_key(f);
	for (size_t i = 0; i < f->columns && added && !f->is_too_long; i++)
		if (value[i].p != NULL && (ptrdiff_t)i != f->rest && !f->is_own[i])
			added = see_value(f, i, value[i], lent);
	added = added && (f->is_too_long || see_rest(f, value_of(value, f->rest)));
	hs_row_key_drop(f->row);
	hs_kept_row_drop(f->kept);
	f->kept = NULL;
	return added;
}

bool hs_fold_add(void *fold, const struct hs_slice *value)
{
	return add(fold, value, false);
}

bool hs_fold_add_selected(struct hs_fold *f, const struct hs_slice *value, struct hs_target *target)
{
	bool added;

	f->target = target;
	added = add(f, value, false);
	f->target = NULL;
	return added;
}

bool hs_fold_lend(struct hs_fold *f, const struct hs_slice *value)
{
	return add(f, value, true);
}

/* --- the fold -------------------------------------------------------------------------- */

/* The index in `to` of a column of that name; -1: it has none. */
static ptrdiff_t column_named(const struct hs_catalogue_table *to, struct hs_slice name)
{
	ptrdiff_t column = hs_catalogue_look_up(to, name);

	return column < (ptrdiff_t)to->present ? column : -1;
}

bool hs_fold_is_plain(const struct hs_fold *f)
{
	for (size_t i = 0; i < f->columns; i++) {
		const struct hs_target_column *from = &f->from->table.column[f->column[i]], *to;
		struct hs_slice name = hs_slice_str(from->name);
		ptrdiff_t column = column_named(f->to, name);

		if (is_own(name))
			continue;
		if (column < 0)
			return false;
		to = &f->to->table.column[column];
		if (to->type != from->type || to->numbers != from->numbers || to->max != from->max)
			return false;
	}
	return true;
}

/* Whether the column takes the value as it is. */
static bool takes(struct hs_fold *f, size_t to, const struct hs_value *value, const struct hs_target_column *from)
{
	const struct hs_target_column *column = &f->to->table.column[to];

	if (f->how->narrow && hs_catalogue_required_type(f->to, to) == HS_COLUMN_NONE)
		return false;
	if (column->max > 0 && value->text.n > column->max)
		return false;
	if (column->type == from->type && column->numbers == from->numbers)
		return true;
	return hs_value_fits(value, column->type, hs_target_numbers(column, f->how->numbers), &f->scratch);
}

static bool set_value(struct hs_fold *f, size_t from, struct hs_slice text)
{
	const struct hs_target_column *source = &f->from->table.column[from];
	bool is_string = source->type == HS_COLUMN_TEXT || source->type == HS_COLUMN_TIMESTAMP;
	struct hs_value value = { text, is_string, false };
	ptrdiff_t column = column_named(f->to, hs_slice_str(source->name));

	hs_buf_reset(&f->scratch);
	if (column < 0 /* the table is full */ || !takes(f, (size_t)column, &value, source))
		return hs_buf_ok(&f->scratch) && hs_fold_rest_move(&f->in_rest, hs_slice_str(source->name), value);
	f->value[column] = text;
	return true;
}

/*
 * The latest value of each name counts: that of a column, or one in a _rest, which comes after the columns of its
 * row.
 */
static bool fold_values(struct hs_fold *f)
{
	for (size_t i = 0; i < f->columns; i++) {
		const struct latest *latest = &f->latest[i];
		ptrdiff_t member;
		bool is_overruled;

		if (latest->key == NULL)
			continue;
		member = hs_members_find(&f->seen, hs_slice_str(f->from->table.column[f->column[i]].name));
		is_overruled =
		    member >= 0 && strcmp(hs_members_key(&f->seen, (size_t)member)->text, latest->key->text) < 0;
		if (member >= 0)
			f->seen.member[member].is_overruled = is_overruled;
		if ((member < 0 || is_overruled) && !set_value(f, f->column[i], latest->value))
			return false;
	}
	return true;
}

static bool make_room(struct hs_fold *f)
{
	size_t n = f->to->present;

	if (n > f->out_cap) {
		size_t *column = realloc(f->to_column, n * sizeof *column);
		struct hs_slice *value;

		if (column == NULL)
			return false;
		f->to_column = column;
		value = realloc(f->value, n * sizeof *value);
		if (value == NULL)
			return false;
		f->value = value;
		f->out_cap = n;
	}
	for (size_t i = 0; i < n; i++)
		f->value[i] = HS_SLICE_NONE;
	return true;
}

static size_t bytes_of_values(const struct hs_fold *f)
{
	size_t bytes = 0;

	for (size_t i = 0; i < f->to->present; i++)
		bytes += f->value[i].n;
	return bytes;
}

/* Sets *value to the _rest, of n bytes; *pieces, if it is long, to what makes it. False: too long, or out of memory. */
static bool make_rest(struct hs_fold *f, struct hs_slice *value, const struct hs_pieces **pieces)
{
	size_t n;

	hs_fold_rest_end(&f->in_rest);
	*value = HS_SLICE_NONE;
	*pieces = NULL;
	if (!hs_pieces_count(&f->in_rest.pieces, &n))
		return false;
	f->is_too_long = n > HS_REST_MAX || bytes_of_values(f) > HS_PERSON_MAX - n;
	if (f->is_too_long)
		return false;
	if (n > LONG_REST && f->how->consumes) {
		hs_buf_reset(&f->out);
		hs_buf_reserve(&f->out, n + 1); /* at once: a buffer that grows is twice in memory for a moment */
		if (!hs_pieces_put(&f->in_rest.pieces, &f->out))
			return false;
		hs_members_forget(&f->seen);
		*value = hs_buf_slice(&f->out);
	} else if (n > LONG_REST) {
		*value = hs_target_pieces(n);
		*pieces = &f->in_rest.pieces;
	} else if (n > 0) {
		hs_buf_reset(&f->out);
		if (!hs_pieces_put(&f->in_rest.pieces, &f->out))
			return false;
		*value = hs_buf_slice(&f->out);
	}
	return true;
}

/* Drops the columns without a value, so that others' columns get their defaults; returns how many are left. */
static size_t keep_given(struct hs_fold *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->to->present; i++) {
		if (f->value[i].p == NULL)
			continue;
		f->to_column[n] = i;
		f->value[n++] = f->value[i];
	}
	return n;
}

bool hs_fold_end(struct hs_fold *f, const struct hs_fold_end *how, struct hs_target_rows *row)
{
	ptrdiff_t as_of = column_named(f->to, HS_SLICE("_as_of"));
	const struct hs_pieces *pieces;

	f->how = how;
	if (f->is_too_long)
		return false;
	hs_fold_rest_begin(&f->in_rest, &f->seen);
	if (!make_room(f) || !fold_values(f) ||
	    (how->whole.text.p != NULL && !hs_fold_rest_move(&f->in_rest, HS_SLICE("id"), how->whole)) ||
	    !make_rest(f, &f->value[f->to->rest], &pieces))
		return false;
	f->value[f->to->id] = how->id;
	if (as_of >= 0)
		f->value[as_of] = hs_slice_str(how->as_of != NULL ? how->as_of : hs_fold_last_key(f));
	*row = (struct hs_target_rows){ .table = &f->to->table,
		                        .column = f->to_column,
		                        .columns = keep_given(f),
		                        .rows = 1,
		                        .value = f->value,
		                        .pieces = pieces };
	return true;
}

#include "tools/load/fold.h"
#include "base/array.h"
#include "event/json.h"
#include "tools/load/members.h"
#include "tools/load/row_values.h"

#include <stdlib.h>
#include <string.h>

/* Rows are thinned first at this many rows or bytes of text, then at twice what the last time left. */
enum { THIN_PIECES = 1024, THIN_BYTES = 1024 * 1024 };

/* A row that was added: its key, and its values, in `text`; an offset of -1 is NULL. */
struct piece {
	char *key;
	size_t value; /* index of its first one in `at` */
};

struct span {
	ptrdiff_t start; /* -1: NULL */
	size_t n;
};

struct hs_fold {
	const struct hs_catalogue_table *from, *to;
	size_t *column; /* of `from` */
	size_t columns, columns_cap;
	struct hs_buf text;
	struct span *at;
	size_t spans, spans_cap;
	struct piece *piece;
	size_t pieces, pieces_cap;
	size_t thin_pieces, thin_bytes; /* thin the rows at this size */
	bool *given;                    /* while they are thinned: a later row has a value for this column … */
	struct hs_members seen;         /* … or for this name in its _rest */
	ptrdiff_t timestamp, received_at, id, rest; /* indexes in `column` */

	struct hs_json json;
	struct hs_buf rest_text, scratch, out, key;
	const struct hs_fold_end *how;
	size_t *to_column;
	struct hs_slice *value;
	size_t out_cap;
	struct hs_members in_rest; /* so far */
};

struct hs_fold *hs_fold_new(void)
{
	struct hs_fold *f = calloc(1, sizeof *f);

	if (f != NULL)
		hs_json_init(&f->json, 1);
	return f;
}

static void forget(struct hs_fold *f)
{
	while (f->pieces > 0)
		free(f->piece[--f->pieces].key);
	hs_members_forget(&f->in_rest);
	f->spans = 0;
	f->thin_pieces = THIN_PIECES;
	f->thin_bytes = THIN_BYTES;
	hs_buf_shrink(&f->text, HS_ROW_VALUES_KEEP);
}

void hs_fold_free(struct hs_fold *f)
{
	if (f == NULL)
		return;
	forget(f);
	hs_json_free(&f->json);
	hs_buf_free(&f->text);
	hs_buf_free(&f->rest_text);
	hs_buf_free(&f->scratch);
	hs_buf_free(&f->out);
	hs_buf_free(&f->key);
	free(f->column);
	free(f->at);
	free(f->piece);
	free(f->to_column);
	free(f->value);
	free(f->given);
	hs_members_free(&f->seen);
	hs_members_free(&f->in_rest);
	free(f);
}

/* --- the rows ------------------------------------------------------------------------ */

bool hs_fold_begin(struct hs_fold *f, const struct hs_catalogue_table *from, const struct hs_catalogue_table *to)
{
	forget(f);
	f->columns = 0;
	f->from = from;
	f->to = to;
	f->timestamp = f->received_at = f->id = f->rest = -1;
	for (size_t i = 0; i < from->present; i++) {
		const char *name = from->table.column[i].name;

		if (from->table.column[i].type == HS_COLUMN_FOREIGN)
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

bool hs_fold_is_empty(const struct hs_fold *f)
{
	return f->pieces == 0;
}

const char *hs_fold_first_key(const struct hs_fold *f)
{
	const char *first = f->pieces == 0 ? "" : f->piece[0].key;

	for (size_t i = 1; i < f->pieces; i++)
		if (strcmp(f->piece[i].key, first) < 0)
			first = f->piece[i].key;
	return first;
}

static struct hs_slice value_of(const struct hs_slice *value, ptrdiff_t at)
{
	return at < 0 ? HS_SLICE_NONE : value[at];
}

/* A time with six digits, so that texts compare as times: 2026-11-23T10:15:00.123Z has three. */
static void put_time(struct hs_buf *key, struct hs_slice time)
{
	if (time.n == 24) {
		hs_buf_put(key, time.p, 23);
		hs_buf_put_slice(key, HS_SLICE("000Z"));
	} else {
		hs_buf_put_slice(key, time);
	}
}

static bool is_before(struct hs_slice a, struct hs_slice b)
{
	char text[2][64] = { "", "" };
	struct hs_buf x = { .p = text[0], .cap = 63, .max = 63 }, y = { .p = text[1], .cap = 63, .max = 63 };

	put_time(&x, a);
	put_time(&y, b);
	return strcmp(text[0], text[1]) < 0;
}

/* The key of a row: the lesser of its times, a blank, its id. To be freed; NULL: out of memory. */
static char *make_key(struct hs_fold *f, const struct hs_slice *value)
{
	struct hs_slice at = value_of(value, f->timestamp), received = value_of(value, f->received_at);

	if (at.p == NULL || (received.p != NULL && is_before(received, at)))
		at = received;
	hs_buf_reset(&f->key);
	put_time(&f->key, at);
	hs_buf_putc(&f->key, ' ');
	hs_buf_put_slice(&f->key, value_of(value, f->id));
	return hs_buf_ok(&f->key) ? strndup(f->key.p, f->key.n) : NULL;
}

/* A column of the rows that a person's row does not have, or has otherwise. */
static bool is_own(struct hs_slice name)
{
	static const char *const names[] = { "id", "_rest", "user_id", "group_id", "anonymous_id" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (hs_slice_eq(name, hs_slice_str(names[i])))
			return true;
	return false;
}

/* Calls `take` with each member of a row's _rest that is of the person, and not of the message. */
static bool each_member(struct hs_fold *f, struct hs_slice rest,
                        bool (*take)(struct hs_fold *f, struct hs_slice name, struct hs_slice value))
{
	struct hs_json *j = &f->json;

	if (rest.p == NULL || hs_json_document(j, rest) != HS_OK || j->tok[0].kind != HS_JSON_OBJECT)
		return true;
	for (uint32_t key = 1; key < j->tok[0].next; key = j->tok[key + 1].next) {
		struct hs_slice name;

		hs_buf_reset(&f->scratch);
		hs_json_unescape(hs_json_inner(j, key), &f->scratch);
		name = hs_buf_slice(&f->scratch);
		if (!hs_buf_ok(&f->scratch) || (!is_own(name) && !take(f, name, hs_json_raw(j, key + 1))))
			return false;
	}
	return true;
}

static struct hs_slice text_at(const struct hs_fold *f, const struct span *at)
{
	return at->start < 0 ? HS_SLICE_NONE : hs_slice(f->text.p + at->start, at->n);
}

/* --- fewer rows ---------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct piece *)a)->key, ((const struct piece *)b)->key);
}

/* Rows in the order in which they were added. */
static int by_place(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

static bool see_member(struct hs_fold *f, struct hs_slice name, struct hs_slice value)
{
	(void)value;
	for (size_t i = 0; i < f->columns; i++)
		if (hs_slice_eq(hs_slice_str(f->from->table.column[f->column[i]].name), name))
			f->given[i] = true;
	return hs_members_add(&f->seen, name);
}

/* Drops the values of a row that a later one, seen before, overwrites. *left: it has others. */
static bool thin(struct hs_fold *f, const struct piece *piece, bool *left)
{
	size_t seen = f->seen.count;

	*left = false;
	if (f->rest >= 0) {
		struct span *rest = &f->at[piece->value + (size_t)f->rest];

		if (!each_member(f, text_at(f, rest), see_member))
			return false;
		if (f->seen.count == seen)
			rest->start = -1;
	}
	for (size_t i = 0; i < f->columns; i++) {
		struct span *at = &f->at[piece->value + i];

		if ((ptrdiff_t)i != f->rest && f->given[i])
			at->start = -1;
		*left = *left || at->start >= 0;
		f->given[i] = f->given[i] || at->start >= 0;
	}
	return true;
}

/* Moves the values that are left together, in the order in which their rows were added. */
static void close_gaps(struct hs_fold *f)
{
	size_t spans = 0, text = 0;

	qsort(f->piece, f->pieces, sizeof *f->piece, by_place);
	for (size_t i = 0; i < f->pieces; i++) {
		memmove(f->at + spans, f->at + f->piece[i].value, f->columns * sizeof *f->at);
		f->piece[i].value = spans;
		for (size_t c = 0; c < f->columns; c++) {
			struct span *at = &f->at[spans++];

			if (at->start < 0)
				continue;
			memmove(f->text.p + text, f->text.p + at->start, at->n);
			at->start = (ptrdiff_t)text;
			text += at->n;
		}
	}
	f->spans = spans;
	f->text.n = text;
}

/*
 * Keeps only the values that count: the latest of each column, and each _rest with a name that no later row has. The
 * first and the last row stay, for their keys. False: out of memory.
 */
static bool thin_all(struct hs_fold *f)
{
	size_t left = 0;
	bool *given = realloc(f->given, f->columns * sizeof *given);

	if (given == NULL)
		return false;
	f->given = given;
	memset(given, 0, f->columns * sizeof *given);
	hs_members_forget(&f->seen);
	qsort(f->piece, f->pieces, sizeof *f->piece, by_key);
	for (size_t i = f->pieces; i-- > 0;) {
		struct piece piece = f->piece[i];
		bool keeps;

		if (!thin(f, &piece, &keeps))
			return false;
		if (!keeps && i > 0 && i + 1 < f->pieces) {
			free(piece.key);
			f->piece[i].key = NULL;
		}
	}
	for (size_t i = 0; i < f->pieces; i++)
		if (f->piece[i].key != NULL)
			f->piece[left++] = f->piece[i];
	f->pieces = left;
	close_gaps(f);
	f->thin_pieces = left < THIN_PIECES / 2 ? THIN_PIECES : 2 * left;
	f->thin_bytes = f->text.n < THIN_BYTES / 2 ? THIN_BYTES : 2 * f->text.n;
	return true;
}

bool hs_fold_add(void *fold, const struct hs_slice *value)
{
	struct hs_fold *f = fold;
	char *key;

	if ((f->pieces >= f->thin_pieces || f->text.n >= f->thin_bytes) && !thin_all(f))
		return false;
	if (!HS_ARRAY_ROOM(&f->piece, f->pieces, &f->pieces_cap))
		return false;
	key = make_key(f, value);
	if (key == NULL)
		return false;
	f->piece[f->pieces++] = (struct piece){ key, f->spans };
	for (size_t i = 0; i < f->columns; i++) {
		if (!HS_ARRAY_ROOM(&f->at, f->spans, &f->spans_cap))
			return false;
		f->at[f->spans++] = (struct span){ value[i].p == NULL ? -1 : (ptrdiff_t)f->text.n, value[i].n };
		hs_buf_put_slice(&f->text, value[i]);
	}
	return hs_buf_ok(&f->text);
}

/* --- the fold -------------------------------------------------------------------------- */

/* The index in `to` of a column of that name; -1: it has none. */
static ptrdiff_t column_named(const struct hs_catalogue_table *to, struct hs_slice name)
{
	for (size_t i = 0; i < to->present; i++)
		if (hs_slice_eq(hs_slice_str(to->table.column[i].name), name))
			return (ptrdiff_t)i;
	return -1;
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

static bool take_member(struct hs_fold *f, struct hs_slice name, struct hs_slice value)
{
	ptrdiff_t column = column_named(f->to, name);

	if (column >= 0)
		f->value[column] = HS_SLICE_NONE;
	return hs_members_set(&f->in_rest, name, &value);
}

/* A value that the column of the other table does not take goes to _rest, as JSON. */
static bool move_to_rest(struct hs_fold *f, struct hs_slice name, ptrdiff_t column, struct hs_slice text,
                         bool is_string)
{
	struct hs_slice value;

	hs_buf_reset(&f->scratch);
	hs_buf_reset(&f->rest_text);
	if (is_string)
		hs_buf_put_json(&f->scratch, text);
	else
		hs_buf_put_slice(&f->scratch, text);
	hs_buf_put_json(&f->rest_text, hs_buf_slice(&f->scratch));
	value = hs_buf_slice(&f->rest_text);
	if (column >= 0)
		f->value[column] = HS_SLICE_NONE;
	return hs_buf_ok(&f->rest_text) && hs_members_set(&f->in_rest, name, &value);
}

/* Whether the column takes the value as it is. */
static bool takes(struct hs_fold *f, size_t to, const struct hs_value *value, const struct hs_target_column *from)
{
	const struct hs_target_column *column = &f->to->table.column[to];

	if (f->how->narrow && !hs_catalogue_is_required(f->to, to))
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

	if (column < 0 /* the table is full */ || !takes(f, (size_t)column, &value, source))
		return move_to_rest(f, hs_slice_str(source->name), column, text, is_string);
	f->value[column] = text;
	return hs_members_set(&f->in_rest, hs_slice_str(source->name), NULL);
}

static bool fold_piece(struct hs_fold *f, const struct piece *piece)
{
	struct hs_slice rest = HS_SLICE_NONE;

	for (size_t i = 0; i < f->columns; i++) {
		struct hs_slice text = text_at(f, &f->at[piece->value + i]);

		if (text.p == NULL)
			continue;
		if ((ptrdiff_t)i == f->rest)
			rest = text;
		else if (!is_own(hs_slice_str(f->from->table.column[f->column[i]].name)) &&
		         !set_value(f, f->column[i], text))
			return false;
	}
	return each_member(f, rest, take_member);
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

/* Notes the id that was too long for an index. */
static bool put_whole(struct hs_fold *f, struct hs_slice whole)
{
	struct hs_slice value;

	if (whole.p == NULL)
		return true;
	hs_buf_reset(&f->scratch);
	hs_buf_reset(&f->rest_text);
	hs_buf_put_json(&f->scratch, whole);
	hs_buf_put_json(&f->rest_text, hs_buf_slice(&f->scratch));
	value = hs_buf_slice(&f->rest_text);
	return hs_buf_ok(&f->rest_text) && hs_members_set(&f->in_rest, HS_SLICE("id"), &value);
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

	f->how = how;
	hs_members_forget(&f->in_rest);
	if (!make_room(f))
		return false;
	qsort(f->piece, f->pieces, sizeof *f->piece, by_key);
	for (size_t i = 0; i < f->pieces; i++)
		if (!fold_piece(f, &f->piece[i]))
			return false;
	if (!put_whole(f, how->whole))
		return false;
	hs_buf_reset(&f->out);
	hs_members_put(&f->in_rest, &f->out);
	if (!hs_buf_ok(&f->out))
		return false;
	f->value[f->to->id] = how->id;
	f->value[f->to->rest] = f->out.n > 0 ? hs_buf_slice(&f->out) : HS_SLICE_NONE;
	if (as_of >= 0)
		f->value[as_of] = hs_slice_str(f->piece[f->pieces - 1].key);
	*row = (struct hs_target_rows){
		.table = &f->to->table, .column = f->to_column, .columns = keep_given(f), .rows = 1, .value = f->value
	};
	return true;
}

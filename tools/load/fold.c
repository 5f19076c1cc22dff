#include "tools/load/fold.h"
#include "base/array.h"
#include "event/json.h"

#include <stdlib.h>
#include <string.h>

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
	ptrdiff_t timestamp, received_at, id, rest; /* indexes in `column` */

	struct hs_json json;
	struct hs_buf rest_text, scratch, out, key;
	const struct hs_fold_end *how;
	size_t *to_column;
	struct hs_slice *value;
	size_t out_cap;
	char **rest_name; /* what is in _rest so far, by column … */
	char **rest_value;
	size_t rests, rests_cap, values_cap;
};

struct hs_fold *hs_fold_new(void)
{
	struct hs_fold *f = calloc(1, sizeof *f);

	if (f != NULL)
		hs_json_init(&f->json, 1);
	return f;
}

static void forget_rest(struct hs_fold *f)
{
	for (; f->rests > 0; f->rests--) {
		free(f->rest_name[f->rests - 1]);
		free(f->rest_value[f->rests - 1]);
	}
}

static void forget(struct hs_fold *f)
{
	while (f->pieces > 0)
		free(f->piece[--f->pieces].key);
	forget_rest(f);
	f->spans = 0;
	hs_buf_reset(&f->text);
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
	free(f->rest_name);
	free(f->rest_value);
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

bool hs_fold_add(void *fold, const struct hs_slice *value)
{
	struct hs_fold *f = fold;
	char *key;

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

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct piece *)a)->key, ((const struct piece *)b)->key);
}

/* The index in `to` of a column of that name; -1: it has none. */
static ptrdiff_t column_named(const struct hs_catalogue_table *to, struct hs_slice name)
{
	for (size_t i = 0; i < to->present; i++)
		if (hs_slice_eq(hs_slice_str(to->table.column[i].name), name))
			return (ptrdiff_t)i;
	return -1;
}

/* Notes that a column has its value in _rest, as JSON text inside a string; `value` NULL: no more. */
static bool set_rest(struct hs_fold *f, struct hs_slice name, const struct hs_slice *value)
{
	size_t i = 0;

	while (i < f->rests && !hs_slice_eq(hs_slice_str(f->rest_name[i]), name))
		i++;
	if (i == f->rests) {
		if (value == NULL)
			return true;
		if (!HS_ARRAY_ROOM(&f->rest_name, f->rests, &f->rests_cap) ||
		    !HS_ARRAY_ROOM(&f->rest_value, f->rests, &f->values_cap))
			return false;
		f->rest_value[i] = NULL;
		f->rest_name[i] = strndup(name.p, name.n);
		if (f->rest_name[i] == NULL)
			return false;
		f->rests++;
	}
	free(f->rest_value[i]);
	f->rest_value[i] = value == NULL ? NULL : strndup(value->p, value->n);
	return value == NULL || f->rest_value[i] != NULL;
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

/* Takes over the members of a row's _rest. */
static bool add_rest(struct hs_fold *f, struct hs_slice text)
{
	struct hs_json *j = &f->json;

	if (text.p == NULL || hs_json_document(j, text) != HS_OK || j->tok[0].kind != HS_JSON_OBJECT)
		return true;
	for (uint32_t key = 1; key < j->tok[0].next; key = j->tok[key + 1].next) {
		struct hs_slice value = hs_json_raw(j, key + 1), name;
		ptrdiff_t column;

		hs_buf_reset(&f->scratch);
		hs_json_unescape(hs_json_inner(j, key), &f->scratch);
		name = hs_buf_slice(&f->scratch);
		if (is_own(name)) /* of the message, not of the person */
			continue;
		column = column_named(f->to, name);
		if (!hs_buf_ok(&f->scratch) || !set_rest(f, name, &value))
			return false;
		if (column >= 0)
			f->value[column] = HS_SLICE_NONE;
	}
	return true;
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
	return hs_buf_ok(&f->rest_text) && set_rest(f, name, &value);
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
	return set_rest(f, hs_slice_str(source->name), NULL);
}

static bool fold_piece(struct hs_fold *f, const struct piece *piece)
{
	struct hs_slice rest = HS_SLICE_NONE;

	for (size_t i = 0; i < f->columns; i++) {
		struct span at = f->at[piece->value + i];
		struct hs_slice text = hs_slice(f->text.p + at.start, at.n);

		if (at.start < 0)
			continue;
		if ((ptrdiff_t)i == f->rest)
			rest = text;
		else if (!is_own(hs_slice_str(f->from->table.column[f->column[i]].name)) &&
		         !set_value(f, f->column[i], text))
			return false;
	}
	return add_rest(f, rest);
}

static bool put_rest(struct hs_fold *f)
{
	hs_buf_reset(&f->out);
	for (size_t i = 0; i < f->rests; i++) {
		if (f->rest_value[i] == NULL)
			continue;
		hs_buf_putc(&f->out, f->out.n == 0 ? '{' : ',');
		hs_buf_put_json(&f->out, hs_slice_str(f->rest_name[i]));
		hs_buf_putc(&f->out, ':');
		hs_buf_put_slice(&f->out, hs_slice_str(f->rest_value[i]));
	}
	if (f->out.n > 0)
		hs_buf_putc(&f->out, '}');
	return hs_buf_ok(&f->out);
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
	return hs_buf_ok(&f->rest_text) && set_rest(f, HS_SLICE("id"), &value);
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
	forget_rest(f);
	if (!make_room(f))
		return false;
	qsort(f->piece, f->pieces, sizeof *f->piece, by_key);
	for (size_t i = 0; i < f->pieces; i++)
		if (!fold_piece(f, &f->piece[i]))
			return false;
	if (!put_whole(f, how->whole) || !put_rest(f))
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

#include "warehouse/rows.h"
#include "base/array.h"
#include "base/digest.h"
#include "base/hex.h"
#include "event/id_text.h"
#include "event/json.h"
#include "event/snake.h"
#include "warehouse/field_places.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* A cell of the record that is being made; names are looked up when it is complete, since their text moves. */
struct draft {
	struct hs_slice text; /* of the value */
	uint32_t place;       /* index in places.place */
	bool is_string, escaped;
};

enum {
	KEPT_FIELDS = 8192,     /* of cells and drafts: more are freed after the record */
	KEPT_BYTES = 64 * 1024, /* of a buffer that a long name has made larger */
};

struct hs_row_maker {
	const struct hs_row_options *options;
	struct hs_field_places places;

	/* the record */
	enum hs_family family;
	struct hs_value common[HS_COMMONS]; /* text.p == NULL: absent or null */
	struct draft *draft;
	size_t drafts, drafts_cap;
	struct hs_cell *cell;
	size_t cells, cells_cap;
	size_t shared, all;          /* the first of them: those of every row; and those of its own table, too */
	bool is_walked;              /* there are too many fields for drafts and cells of them */
	struct hs_buf made;          /* table and ids */
	struct hs_slice event_table; /* of a track, in `made`; n == 0: it has none */
	struct hs_buf scratch, slug;
	struct hs_digest *digest;
};

struct hs_row_maker *hs_row_maker_new(const struct hs_row_options *options)
{
	struct hs_row_maker *m = calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->options = options;
	m->digest = hs_digest_new();
	if (m->digest != NULL)
		return m;
	free(m);
	return NULL;
}

void hs_row_maker_free(struct hs_row_maker *m)
{
	if (m == NULL)
		return;
	hs_field_places_free(&m->places);
	free(m->draft);
	free(m->cell);
	hs_buf_free(&m->made);
	hs_buf_free(&m->scratch);
	hs_buf_free(&m->slug);
	hs_digest_free(m->digest);
	free(m);
}

/* --- the record's cells ------------------------------------------------------------- */

/* Sets *same if both are one text. False: out of memory. */
static bool compare_texts(struct hs_row_maker *m, struct hs_value a, struct hs_value b, bool *same)
{
	size_t n;

	*same = !a.escaped && !b.escaped && hs_slice_eq(a.text, b.text);
	if (!a.escaped && !b.escaped)
		return true;
	hs_buf_reset(&m->scratch);
	hs_json_unescape(a.text, &m->scratch);
	n = m->scratch.n;
	hs_json_unescape(b.text, &m->scratch);
	if (!hs_buf_ok(&m->scratch))
		return false;
	*same = hs_slice_eq(hs_slice(m->scratch.p, n), hs_slice(m->scratch.p + n, m->scratch.n - n));
	return true;
}

static bool is_null(struct hs_value value)
{
	return !value.is_string && hs_slice_eq(value.text, HS_SLICE("null"));
}

static bool add_draft(struct hs_row_maker *m, size_t place, struct hs_value value)
{
	if (!HS_ARRAY_ROOM(&m->draft, m->drafts, &m->drafts_cap))
		return false;
	m->draft[m->drafts++] = (struct draft){ value.text, (uint32_t)place, value.is_string, value.escaped };
	return true;
}

enum fate { FATE_NO_MEMORY, FATE_COMMON, FATE_DROPPED, FATE_CELL };

/* The fate of a field: the value of a common column, noted in `common`, a cell, or nothing. */
static enum fate fate_of(struct hs_row_maker *m, enum hs_family family, const struct hs_record_field *field,
                         struct hs_value *common, const struct hs_place **place)
{
	struct hs_value value = { field->value, field->is_string, field->value_escaped }, *same;
	const struct hs_place *n = *place = hs_field_place(&m->places, family, field);
	bool repeated = false;

	if (n == NULL)
		return FATE_NO_MEMORY;
	if (is_null(value))
		return FATE_DROPPED;
	same = n->common >= 0 ? &common[n->common] : NULL;
	if (n->where == HS_WHERE_COMMON && same != NULL) {
		*same = value;
		return FATE_COMMON;
	}
	/* analytics.js repeats the name of a page among its properties */
	if (n->where == HS_WHERE_OWN && same != NULL && same->text.p != NULL && same->is_string == value.is_string &&
	    !compare_texts(m, *same, value, &repeated))
		return FATE_NO_MEMORY;
	if (repeated)
		return FATE_DROPPED;
	return n->where == HS_WHERE_LEFT_OUT && m->options->include == NULL ? FATE_DROPPED : FATE_CELL;
}

/* Notes a field: the value of a common column, or a draft of a cell. */
static bool add_field(struct hs_row_maker *m, const struct hs_record_field *field)
{
	const struct hs_place *n;
	enum fate fate = fate_of(m, m->family, field, m->common, &n);

	if (fate != FATE_CELL)
		return fate != FATE_NO_MEMORY;
	m->is_walked = m->is_walked || !n->is_kept;
	return m->is_walked || add_draft(m, (size_t)(n - m->places.place),
	                                 (struct hs_value){ field->value, field->is_string, field->value_escaped });
}

static struct hs_value text_of(struct hs_slice text)
{
	return (struct hs_value){ text, true, false };
}

/* True if the text is an id that a column takes: not too long, and without what no database can store. */
static bool is_id(struct hs_row_maker *m, const struct hs_value *id)
{
	enum { ESCAPE = 6 /* bytes of the longest one, which may be that of one byte */ };

	return id->text.n <= ESCAPE * HS_ROW_ID_MAX &&
	       hs_value_fits(id, HS_COLUMN_TEXT, HS_NUMBER_EXACT, &m->scratch) && m->scratch.n <= HS_ROW_ID_MAX;
}

/*
 * The id: that of the record, or, if that is too long or no database can store it, a hash of it. A
 * record of an early spool may have none: then a hash of the line. True if the id as sent goes to _rest.
 */
static bool settle_id(struct hs_row_maker *m, struct hs_slice line)
{
	struct hs_value *id = &m->common[HS_COMMON_ID], whole = text_of(line);
	bool absent = id->text.p == NULL;
	struct hs_slice prefix = absent ? HS_SLICE("hookspool-") : HS_SLICE("sha256-");
	uint8_t sha256[HS_SHA256_BYTES];
	size_t start = m->made.n, bytes = absent ? HS_SHA256_BYTES / 2 : HS_SHA256_BYTES;
	char hex[2 * HS_SHA256_BYTES];

	if (!absent && is_id(m, id))
		return false;
	/* without memory it is not known whether it is one */
	if (!hs_buf_ok(&m->scratch) || !hs_value_hash(absent ? &whole : id, m->digest, &m->scratch, sha256)) {
		m->made.failed = true;
		return false;
	}
	hs_hex_encode(sha256, bytes, hex);
	hs_buf_put_slice(&m->made, prefix);
	hs_buf_put(&m->made, hex, 2 * bytes);
	if (hs_buf_ok(&m->made))
		*id = text_of(hs_slice(m->made.p + start, m->made.n - start));
	return !absent;
}

static const enum hs_common_column people[] = { HS_COMMON_ANONYMOUS_ID, HS_COMMON_USER_ID, HS_COMMON_GROUP_ID,
	                                        HS_COMMON_PREVIOUS_ID };

/* The most bytes that settle_people makes of the id's number. */
static size_t most_of(const struct hs_value *id)
{
	return id->text.n + HS_ID_TEXT_ZEROS + 32;
}

/* A number that is an id counts by its value, so that 7 and 7.0 are one person here, too, when they are erased. */
static void settle_people(struct hs_row_maker *m)
{
	for (size_t i = 0; i < sizeof people / sizeof *people; i++) {
		struct hs_value *id = &m->common[people[i]];
		size_t start = m->made.n;

		if (id->text.p == NULL || id->is_string || hs_id_is_plain(id->text))
			continue;
		hs_id_put_number(&m->made, id->text);
		if (hs_buf_ok(&m->made))
			id->text = hs_slice(m->made.p + start, m->made.n - start);
	}
}

/* Makes room in `made` for all that is put there, since cells point into it. */
static void reserve(struct hs_row_maker *m)
{
	size_t n = 2 * HS_SHA256_BYTES + 16 + HS_ROW_EVENT_MAX + 2 * HS_WAREHOUSE_NAME;

	for (size_t i = 0; i < sizeof people / sizeof *people; i++)
		n += most_of(&m->common[people[i]]);
	hs_buf_shrink(&m->made, KEPT_BYTES);
	hs_buf_reserve(&m->made, n);
}

/* --- rows ------------------------------------------------------------------------------ */

static bool add_cell(struct hs_row_maker *m, struct hs_cell cell)
{
	if (!HS_ARRAY_ROOM(&m->cell, m->cells, &m->cells_cap))
		return false;
	m->cell[m->cells++] = cell;
	return true;
}

static bool add_common(struct hs_row_maker *m, int i)
{
	if (m->common[i].text.p == NULL || (i == HS_COMMON_TENANT && !m->options->tenant))
		return true;
	return add_cell(
	    m, (struct hs_cell){ .column = hs_common_column_name((enum hs_common_column)i), .value = m->common[i] });
}

static bool add_commons(struct hs_row_maker *m, struct hs_value sent_id, bool hashed)
{
	struct hs_value *received = &m->common[HS_COMMON_RECEIVED_AT], *at = &m->common[HS_COMMON_TIMESTAMP];

	if (received->text.p == NULL)
		*received = m->common[HS_COMMON_UUID_TS];
	if (at->text.p == NULL)
		*at = *received;
	for (int i = 0; i < HS_COMMONS; i++)
		if (!add_common(m, i))
			return false;
	return !hashed || add_cell(m, (struct hs_cell){ .column = HS_SLICE("id"), .value = sent_id, .rest = true });
}

/* Cells of what goes to every row of the record, or of what goes to its own table. */
static bool add_drafts(struct hs_row_maker *m, enum hs_where where)
{
	for (size_t i = 0; i < m->drafts; i++) {
		const struct draft *d = &m->draft[i];
		const struct hs_place *n = &m->places.place[d->place];
		struct hs_cell cell = { .value = { d->text, d->is_string, d->escaped } };

		if ((n->where == HS_WHERE_OWN) != (where == HS_WHERE_OWN))
			continue;
		cell.column = hs_slice(m->places.text.p + n->column, n->column_n);
		cell.path = hs_slice(m->places.text.p + n->column + n->column_n, n->path_n);
		cell.left_out = n->where == HS_WHERE_LEFT_OUT;
		if (!add_cell(m, cell))
			return false;
	}
	return true;
}

/* The cell of a field that is walked over. */
static struct hs_cell passing_cell(const struct hs_row_maker *m, const struct hs_record_field *field,
                                   const struct hs_place *n)
{
	const char *names = m->places.text.p;

	return (struct hs_cell){ .column = hs_slice(names + n->column, n->column_n),
		                 .path = hs_slice(names + n->column + n->column_n, n->path_n),
		                 .value = { field->value, field->is_string, field->value_escaped },
		                 .left_out = n->where == HS_WHERE_LEFT_OUT };
}

/* The properties of an event that has no table are left out of `tracks` if they would be of its own table, too. */
static bool is_cell_wanted(const struct hs_row_options *o, struct hs_slice table, struct hs_slice own_table,
                           const struct hs_cell *cell, bool own)
{
	return hs_row_wants_column(o, table, cell->column, cell->left_out) &&
	       (!own || own_table.n == 0 || hs_row_wants_column(o, own_table, cell->column, cell->left_out));
}

/* Copies the wanted ones of the first `n` cells to the end of the list; false: out of memory. */
static bool choose_cells(struct hs_row_maker *m, struct hs_slice table, struct hs_slice own_table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_cell_wanted(m->options, table, own_table, &m->cell[i], i >= m->shared) &&
		    !add_cell(m, m->cell[i]))
			return false;
	return true;
}

/* A row of the first `n` cells; `from` is where its own copy of them begins, for lists of GLOBs. */
static bool add_row_to(struct hs_row_maker *m, struct hs_rows *rows, enum hs_table_kind kind, struct hs_slice table,
                       size_t n)
{
	bool picky = hs_row_options_choose(m->options), has_own = n == m->all && kind != HS_TABLE_TRACKS;
	struct hs_slice own_table = kind == HS_TABLE_TRACKS ? m->event_table : HS_SLICE_NONE;
	size_t from = picky ? m->cells : 0;

	if (!hs_row_wants_table(m->options, table))
		return true;
	if (picky && !choose_cells(m, table, own_table, n))
		return false;
	rows->row[rows->count++] =
	    (struct hs_row){ .kind = kind,
		             .table = table,
		             .from = from,
		             .cells = picky ? m->cells - from : n,
		             .walk = { table, own_table, m->family, m->is_walked, has_own, false } };
	return true;
}

static bool add_row(struct hs_row_maker *m, struct hs_rows *rows, enum hs_table_kind kind, size_t n)
{
	return add_row_to(m, rows, kind, hs_table_name(kind), n);
}

/* --- a record -------------------------------------------------------------------------- */

static const struct {
	struct hs_slice type;
	enum hs_family family;
	enum hs_table_kind kind;
} types[] = {
#define TEXT(literal) \
	{ \
		literal, sizeof(literal) - 1 \
	}
	{ TEXT("track"), HS_FAMILY_TRACK, HS_TABLE_TRACKS },
	{ TEXT("identify"), HS_FAMILY_IDENTIFY, HS_TABLE_IDENTIFIES },
	{ TEXT("page"), HS_FAMILY_PAGE, HS_TABLE_PAGES },
	{ TEXT("screen"), HS_FAMILY_PAGE, HS_TABLE_SCREENS },
	{ TEXT("group"), HS_FAMILY_GROUP, HS_TABLE_GROUPS },
	{ TEXT("alias"), HS_FAMILY_ALIAS, HS_TABLE_ALIASES },
#undef TEXT
};

/* Index in `types`; -1: none. `type` comes first in a record. */
static int type_of(struct hs_slice line, struct hs_slice *type)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;

	while (hs_record_field_next(&walk, &field)) {
		if (!hs_slice_eq(field.name, HS_SLICE("type")))
			continue;
		*type = field.value;
		for (size_t i = 0; i < sizeof types / sizeof *types; i++)
			if (field.is_string && hs_slice_eq(field.value, types[i].type))
				return (int)i;
		return -1;
	}
	return -1;
}

bool hs_row_is_delete(struct hs_slice line)
{
	struct hs_slice type = HS_SLICE_NONE;

	return type_of(line, &type) < 0 && hs_slice_eq(type, HS_SLICE("delete"));
}

static void free_drafts(struct hs_row_maker *m)
{
	free(m->draft);
	m->draft = NULL;
	m->drafts = m->drafts_cap = 0;
}

static bool read_fields(struct hs_row_maker *m, struct hs_slice line, bool *whole)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;

	while (hs_record_field_next(&walk, &field))
		if (!add_field(m, &field))
			return false;
	if (m->is_walked)
		free_drafts(m);
	*whole = m->common[HS_COMMON_UUID_TS].text.p != NULL;
	return true;
}

/* The event in snake case, in m->slug. */
static void make_slug(struct hs_row_maker *m, const struct hs_value *event)
{
	struct hs_slice name = event->text;

	hs_buf_reset(&m->slug);
	if (event->escaped) {
		hs_buf_reset(&m->scratch);
		hs_json_unescape(event->text, &m->scratch);
		name = hs_buf_slice(&m->scratch);
	}
	hs_column_names_put_snake_key(&m->slug, name);
	if (!hs_buf_ok(&m->scratch))
		m->slug.failed = true;
}

/* Appends to `made`. */
static struct hs_slice put_table(struct hs_row_maker *m)
{
	size_t start = m->made.n;

	hs_column_names_put_table(&m->made, hs_buf_slice(&m->slug));
	return hs_buf_ok(&m->made) ? hs_slice(m->made.p + start, m->made.n - start) : HS_SLICE_NONE;
}

/* The table of a track's event, in `made`; the columns event and event_text. */
static struct hs_slice settle_event(struct hs_row_maker *m)
{
	struct hs_value *event = &m->common[HS_COMMON_EVENT];
	struct hs_slice table, slug;
	size_t start;

	if (event->text.p == NULL)
		return HS_SLICE_NONE;
	make_slug(m, event);
	if (!hs_buf_ok(&m->slug)) {
		m->made.failed = true;
		return HS_SLICE_NONE;
	}
	m->common[HS_COMMON_EVENT_TEXT] = *event;
	table = put_table(m);
	slug = m->slug.n <= HS_ROW_EVENT_MAX ? hs_buf_slice(&m->slug) : table;
	start = m->made.n;
	hs_column_names_put_whole(&m->made, slug);
	*event = text_of(hs_slice(m->made.p + start, m->made.n - start));
	hs_buf_shrink(&m->slug, KEPT_BYTES);
	hs_buf_shrink(&m->scratch, KEPT_BYTES);
	return table;
}

static bool make_rows(struct hs_row_maker *m, int type, struct hs_rows *rows)
{
	struct hs_slice table = m->event_table;
	bool has_event = types[type].family == HS_FAMILY_TRACK && table.n > 0 && !hs_slice_eq(table, HS_SLICE("_"));

	m->shared = m->cells;
	if (!add_drafts(m, HS_WHERE_OWN))
		return false;
	m->all = m->cells;
	if (m->drafts_cap > KEPT_FIELDS)
		free_drafts(m); /* before anything else is made */
	if (types[type].family != HS_FAMILY_TRACK)
		return add_row(m, rows, types[type].kind, m->all);
	if (!add_row(m, rows, HS_TABLE_TRACKS, m->shared))
		return false;
	if (has_event)
		return add_row_to(m, rows, HS_TABLE_EVENT, table, m->all);
	return hs_row_maker_without_event(m, rows) == HS_OK;
}

enum hs_result hs_row_maker_make(struct hs_row_maker *m, struct hs_slice line, struct hs_rows *rows)
{
	struct hs_value sent_id;
	bool whole, hashed;
	int type;

	*rows = (struct hs_rows){ .count = 0 };
	type = type_of(line, &rows->type);
	if (type < 0)
		return rows->type.p == NULL ? HS_E_JSON_SYNTAX : HS_OK;
	hs_field_places_bound(&m->places);
	memset(m->common, 0, sizeof m->common);
	m->family = types[type].family;
	m->event_table = HS_SLICE_NONE;
	m->drafts = m->cells = 0;
	m->is_walked = false;
	if (!read_fields(m, line, &whole))
		return HS_E_MEMORY;
	if (!whole)
		return HS_E_JSON_SYNTAX;
	reserve(m);
	settle_people(m);
	sent_id = m->common[HS_COMMON_ID];
	hashed = settle_id(m, line);
	if (types[type].family == HS_FAMILY_TRACK)
		m->event_table = settle_event(m);
	if (!hs_buf_ok(&m->made) || !add_commons(m, sent_id, hashed) || !add_drafts(m, HS_WHERE_COMMON) ||
	    !make_rows(m, type, rows))
		return HS_E_MEMORY;
	hs_buf_shrink(&m->scratch, KEPT_BYTES);
	for (size_t i = 0; i < rows->count; i++)
		rows->row[i].cell = m->cell + rows->row[i].from;
	return HS_OK;
}

enum hs_result hs_row_maker_without_event(struct hs_row_maker *m, struct hs_rows *rows)
{
	bool tracks = rows->count > 0 && rows->row[0].kind == HS_TABLE_TRACKS;

	rows->count = 0;
	if (!tracks)
		return HS_OK;
	for (size_t i = m->shared; i < m->all; i++)
		m->cell[i].rest = true;
	if (!add_row(m, rows, HS_TABLE_TRACKS, m->all))
		return HS_E_MEMORY;
	assert(rows->count == 1); /* it was there before, so it is wanted */
	rows->row[0].cell = m->cell + rows->row[0].from;
	rows->row[0].walk.has_own = rows->row[0].walk.own_is_rest = true;
	return HS_OK;
}

/* The fields that go to every row of the record, or those that go to its own table. */
static enum hs_result walk_over(struct hs_row_maker *m, struct hs_slice line, const struct hs_row_walk *row, bool own,
                                bool (*take)(void *context, const struct hs_cell *cell), void *context)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	bool picky = hs_row_options_choose(m->options);
	struct hs_value common[HS_COMMONS] = { 0 };
	struct hs_record_field field;

	while (hs_record_field_next(&walk, &field)) {
		const struct hs_place *n;
		enum fate fate = fate_of(m, row->family, &field, common, &n);
		struct hs_cell cell;

		if (fate == FATE_NO_MEMORY)
			return HS_E_MEMORY;
		if (fate != FATE_CELL || (n->where == HS_WHERE_OWN) != own)
			continue;
		cell = passing_cell(m, &field, n);
		cell.rest = own && row->own_is_rest;
		if (picky && !is_cell_wanted(m->options, row->table, row->own_table, &cell, own))
			continue;
		if (!take(context, &cell))
			return HS_E_MEMORY;
	}
	return HS_OK;
}

enum hs_result hs_row_maker_walk(struct hs_row_maker *m, struct hs_slice line, const struct hs_row_walk *row,
                                 bool (*take)(void *context, const struct hs_cell *cell), void *context)
{
	enum hs_result result = walk_over(m, line, row, false, take, context);

	return result == HS_OK && row->has_own ? walk_over(m, line, row, true, take, context) : result;
}

void hs_row_maker_shrink(struct hs_row_maker *m)
{
	if (m->cells_cap <= KEPT_FIELDS)
		return;
	free(m->cell);
	m->cell = NULL;
	m->cells = m->cells_cap = 0;
}

#include "warehouse/rows.h"
#include "base/array.h"
#include "base/digest.h"
#include "base/hash.h"
#include "base/hex.h"
#include "event/json.h"
#include "event/snake.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

/* Records whose fields go to the same places. */
enum family { TRACK, PAGE, IDENTIFY, GROUP, ALIAS, FAMILIES };

/* Where a field goes. Decided once for each name and family, and kept. */
enum where {
	LEFT_OUT,
	COMMON, /* to every row of the record */
	OWN,    /* a property or trait: not to tracks */
};

struct name {
	struct hs_slice field; /* as the line has it */
	enum family family;
	enum where where;
	uint32_t column, column_n; /* in `text` */
	uint32_t path, path_n;     /* in `text`: the whole name of a column that was cut */
	int common;                /* COMMON, and OWN with the name of one: its index in `commons`; -1: none */
};

/* The columns that every row has, and those that the rows of one family have. */
static const struct {
	const char *field, *column;
	unsigned families; /* 1 << enum family, for each */
} commons[] = {
#define EVERY ((1U << FAMILIES) - 1)
	{ "message_id", "id", EVERY },
	{ "received_at", "received_at", EVERY },
	{ "spooled_at", "uuid_ts", EVERY },
	{ "timestamp", "timestamp", EVERY },
	{ "sent_at", "sent_at", EVERY },
	{ "original_timestamp", "original_timestamp", EVERY },
	{ "anonymous_id", "anonymous_id", EVERY },
	{ "user_id", "user_id", EVERY },
	{ "tenant", "tenant", EVERY },
	{ "event", "event", 1U << TRACK },
	{ "", "event_text", 1U << TRACK },
	{ "name", "name", 1U << PAGE },
	{ "category", "category", 1U << PAGE },
	{ "group_id", "group_id", 1U << GROUP },
	{ "previous_id", "previous_id", 1U << ALIAS },
	{ "", "_rest", EVERY },
#undef EVERY
};

enum { ID, RECEIVED_AT, UUID_TS, TIMESTAMP, LEADING, TENANT = 8, EVENT, EVENT_TEXT };
enum { COMMONS = sizeof commons / sizeof *commons, NAMES_MAX = 1 << 16 };

/* A cell of the record that is being made; names are looked up when it is complete, since `text` moves. */
struct draft {
	size_t name;
	struct hs_value value;
};

struct hs_row_maker {
	const struct hs_row_options *options;
	struct hs_buf text; /* of the names */
	struct name *name;
	size_t names, names_cap;
	uint32_t *slot; /* 1 + index in `name`, by hash; 0: free; `slots` is a power of two */
	size_t slots;

	/* the record */
	struct hs_value common[COMMONS]; /* text.p == NULL: absent or null */
	struct draft *draft;
	size_t drafts, drafts_cap;
	struct hs_cell *cell;
	size_t cells, cells_cap;
	size_t shared, all; /* the first of them: those of every row; and those of its own table, too */
	struct hs_buf made; /* table and ids */
	struct hs_buf scratch;
};

struct hs_row_maker *hs_row_maker_new(const struct hs_row_options *options)
{
	struct hs_row_maker *m = calloc(1, sizeof *m);

	if (m != NULL)
		m->options = options;
	return m;
}

static void forget_names(struct hs_row_maker *m)
{
	for (size_t i = 0; i < m->names; i++)
		free((char *)(uintptr_t)m->name[i].field.p);
	m->names = 0;
	hs_buf_reset(&m->text);
	if (m->slots > 0)
		memset(m->slot, 0, m->slots * sizeof *m->slot);
}

void hs_row_maker_free(struct hs_row_maker *m)
{
	if (m == NULL)
		return;
	forget_names(m);
	free(m->name);
	free(m->slot);
	free(m->draft);
	free(m->cell);
	hs_buf_free(&m->text);
	hs_buf_free(&m->made);
	hs_buf_free(&m->scratch);
	free(m);
}

/* --- where a field goes ------------------------------------------------------------ */

static bool skip(struct hs_slice *name, struct hs_slice prefix)
{
	if (name->n <= prefix.n || memcmp(name->p, prefix.p, prefix.n) != 0)
		return false;
	*name = hs_slice(name->p + prefix.n, name->n - prefix.n);
	return true;
}

/* The common column with this name, or the one that the field of this name goes to; -1: none. */
static int common_of(enum family family, struct hs_slice name, bool by_field)
{
	for (int i = 0; i < COMMONS; i++)
		if ((commons[i].families >> family & 1) != 0 &&
		    hs_slice_eq(name, hs_slice_str(by_field ? commons[i].field : commons[i].column)))
			return i;
	return -1;
}

/* Sets where the field goes; returns its column before it is cut, in `scratch`. */
static struct hs_slice decide(struct hs_row_maker *m, struct name *n, struct hs_slice field)
{
	static const struct hs_slice prefixes[] = { { "properties_", 11 }, { "traits_", 7 } };
	struct hs_slice own = field, context = HS_SLICE("context_"), whole = field;

	n->where = LEFT_OUT;
	n->common = common_of(n->family, field, true);
	if (n->common >= 0 || skip(&own, context)) {
		n->where = COMMON;
		return n->common >= 0 ? hs_slice_str(commons[n->common].column) : whole;
	}
	if (!skip(&own, prefixes[n->family >= IDENTIFY])) {
		hs_buf_putc(&m->scratch, '_');
		hs_buf_put_slice(&m->scratch, field);
		return hs_slice(m->scratch.p + field.n, m->scratch.n - field.n);
	}
	n->where = OWN;
	whole = own;
	n->common = common_of(n->family, own, false);
	if (n->common < 0 && !skip(&whole, context))
		return own;
	m->scratch.p[own.p - m->scratch.p - 1] = '_'; /* the last byte of the prefix is one */
	return hs_slice(own.p - 1, own.n + 1);
}

/* Makes the entry of a field that has been copied into it. */
static bool make_name(struct hs_row_maker *m, struct name *n, bool escaped)
{
	struct hs_slice column;
	size_t start = m->text.n;

	hs_buf_reset(&m->scratch);
	if (escaped) {
		hs_json_unescape(n->field, &m->scratch);
		hs_buf_reset(&m->made);
		hs_buf_put_slice(&m->made, hs_buf_slice(&m->scratch));
		hs_buf_reset(&m->scratch);
		hs_column_names_put_snake(&m->scratch, hs_buf_slice(&m->made));
	} else {
		hs_column_names_put_snake(&m->scratch, n->field);
	}
	hs_buf_reserve(&m->scratch, m->scratch.n + 1);
	if (!hs_buf_ok(&m->scratch) || !hs_buf_ok(&m->made))
		return false;
	column = decide(m, n, hs_buf_slice(&m->scratch));
	hs_buf_put_slice(&m->text, column);
	hs_column_names_bound(&m->text, start);
	n->column = (uint32_t)start;
	n->column_n = (uint32_t)(m->text.n - start);
	n->path = (uint32_t)m->text.n;
	n->path_n = 0;
	if (n->column_n != column.n || memcmp(m->text.p + start, column.p, column.n) != 0) {
		hs_buf_put_slice(&m->text, column);
		n->path_n = (uint32_t)column.n;
	}
	return hs_buf_ok(&m->text);
}

static size_t slot_of(const struct hs_row_maker *m, enum family family, struct hs_slice field)
{
	size_t at = hs_hash(field.p, field.n, (uint64_t)family) & (m->slots - 1);

	for (; m->slot[at] != 0; at = (at + 1) & (m->slots - 1)) {
		const struct name *n = &m->name[m->slot[at] - 1];

		if (n->family == family && hs_slice_eq(n->field, field))
			break;
	}
	return at;
}

static bool grow_slots(struct hs_row_maker *m)
{
	size_t slots = m->slots == 0 ? 1024 : 2 * m->slots;
	uint32_t *slot = calloc(slots, sizeof *slot);

	if (slot == NULL)
		return false;
	free(m->slot);
	m->slot = slot;
	m->slots = slots;
	for (size_t i = 0; i < m->names; i++)
		m->slot[slot_of(m, m->name[i].family, m->name[i].field)] = (uint32_t)i + 1;
	return true;
}

/* The index of the field's entry; -1: out of memory. */
static ptrdiff_t find_name(struct hs_row_maker *m, enum family family, const struct hs_record_field *field)
{
	struct name *n;
	size_t at;

	if (2 * m->names >= m->slots && !grow_slots(m))
		return -1;
	at = slot_of(m, family, field->name);
	if (m->slot[at] != 0)
		return (ptrdiff_t)m->slot[at] - 1;
	if (!HS_ARRAY_ROOM(&m->name, m->names, &m->names_cap))
		return -1;
	n = &m->name[m->names];
	*n = (struct name){ .family = family, .field = { malloc(field->name.n + 1), field->name.n } };
	if (n->field.p == NULL)
		return -1;
	memcpy((char *)(uintptr_t)n->field.p, field->name.p, field->name.n);
	m->slot[at] = (uint32_t)++m->names;
	return make_name(m, n, field->name_escaped) ? (ptrdiff_t)m->names - 1 : -1;
}

/* --- the record's cells ------------------------------------------------------------- */

static bool same_text(struct hs_row_maker *m, struct hs_value a, struct hs_value b)
{
	size_t n;

	if (!a.escaped && !b.escaped)
		return hs_slice_eq(a.text, b.text);
	hs_buf_reset(&m->scratch);
	hs_json_unescape(a.text, &m->scratch);
	n = m->scratch.n;
	hs_json_unescape(b.text, &m->scratch);
	return hs_buf_ok(&m->scratch) &&
	       hs_slice_eq(hs_slice(m->scratch.p, n), hs_slice(m->scratch.p + n, m->scratch.n - n));
}

static bool is_null(struct hs_value value)
{
	return !value.is_string && hs_slice_eq(value.text, HS_SLICE("null"));
}

static bool add_draft(struct hs_row_maker *m, size_t name, struct hs_value value)
{
	if (!HS_ARRAY_ROOM(&m->draft, m->drafts, &m->drafts_cap))
		return false;
	m->draft[m->drafts++] = (struct draft){ name, value };
	return true;
}

/* Notes a field: the value of a common column, or a draft of a cell. */
static bool add_field(struct hs_row_maker *m, enum family family, const struct hs_record_field *field)
{
	struct hs_value value = { field->value, field->is_string, field->value_escaped };
	ptrdiff_t at = find_name(m, family, field);
	const struct name *n;

	if (at < 0 || is_null(value))
		return at >= 0;
	n = &m->name[at];
	if (n->where == COMMON && n->common >= 0) {
		m->common[n->common] = value;
		return true;
	}
	/* analytics.js repeats the name of a page among its properties */
	if (n->where == OWN && n->common >= 0 && m->common[n->common].text.p != NULL &&
	    m->common[n->common].is_string == value.is_string && same_text(m, m->common[n->common], value))
		return true;
	if (n->where == LEFT_OUT && m->options->include == NULL)
		return true;
	return add_draft(m, (size_t)at, value);
}

static struct hs_value text_of(struct hs_slice text)
{
	return (struct hs_value){ text, true, false };
}

/*
 * The id: that of the record, or, if that is too long or no database can store it, a hash of it. A
 * record of an early spool may have none: then a hash of the line. True if the id as sent goes to _rest.
 */
static bool settle_id(struct hs_row_maker *m, struct hs_slice line)
{
	struct hs_value *id = &m->common[ID];
	bool absent = id->text.p == NULL;
	struct hs_slice prefix = absent ? HS_SLICE("hookspool-") : HS_SLICE("sha256-"), text;
	uint8_t sha256[HS_SHA256_BYTES];
	size_t start = m->made.n, bytes = absent ? HS_SHA256_BYTES / 2 : HS_SHA256_BYTES;
	char hex[2 * HS_SHA256_BYTES];

	if (!absent) {
		if (hs_value_fits(id, HS_COLUMN_TEXT, HS_NUMBER_EXACT, &m->scratch) && m->scratch.n <= HS_ROW_ID_MAX)
			return false;
		hs_buf_reset(&m->scratch);
		if (id->escaped)
			hs_json_unescape(id->text, &m->scratch);
		else
			hs_buf_put_slice(&m->scratch, id->text);
	}
	text = absent ? line : hs_buf_slice(&m->scratch);
	if (!hs_buf_ok(&m->scratch) || !hs_sha256(text, sha256)) {
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
	if (m->common[i].text.p == NULL || (i == TENANT && !m->options->tenant))
		return true;
	return add_cell(m, (struct hs_cell){ .column = hs_slice_str(commons[i].column), .value = m->common[i] });
}

static bool add_commons(struct hs_row_maker *m, struct hs_value sent_id, bool hashed)
{
	struct hs_value *received = &m->common[RECEIVED_AT], *at = &m->common[TIMESTAMP];

	if (received->text.p == NULL)
		*received = m->common[UUID_TS];
	if (at->text.p == NULL)
		*at = *received;
	for (int i = 0; i < COMMONS; i++)
		if (!add_common(m, i))
			return false;
	return !hashed || add_cell(m, (struct hs_cell){ .column = HS_SLICE("id"), .value = sent_id, .rest = true });
}

/* Cells of what goes to every row of the record, or of what goes to its own table. */
static bool add_drafts(struct hs_row_maker *m, enum where where)
{
	for (size_t i = 0; i < m->drafts; i++) {
		const struct draft *d = &m->draft[i];
		const struct name *n = &m->name[d->name];
		struct hs_cell cell = { .value = d->value };

		if ((n->where == OWN) != (where == OWN))
			continue;
		cell.column = hs_slice(m->text.p + n->column, n->column_n);
		cell.path = hs_slice(m->text.p + n->path, n->path_n);
		cell.left_out = n->where == LEFT_OUT;
		if (!add_cell(m, cell))
			return false;
	}
	return true;
}

static bool matches(const char *const *globs, struct hs_slice table, struct hs_slice column)
{
	char name[2 * HS_WAREHOUSE_NAME + 2];

	if (globs == NULL)
		return false;
	snprintf(name, sizeof name, "%.*s%s%.*s", (int)table.n, table.p, column.n > 0 ? "." : "", (int)column.n,
	         column.n > 0 ? column.p : "");
	for (; *globs != NULL; globs++)
		if ((strchr(*globs, '.') != NULL) == (column.n > 0) && fnmatch(*globs, name, 0) == 0)
			return true;
	return false;
}

static bool has_table_glob(const char *const *globs)
{
	for (; globs != NULL && *globs != NULL; globs++)
		if (strchr(*globs, '.') == NULL)
			return true;
	return false;
}

static bool is_table_wanted(const struct hs_row_options *o, struct hs_slice table)
{
	if (has_table_glob(o->include) && !matches(o->include, table, HS_SLICE_NONE))
		return false;
	return !matches(o->exclude, table, HS_SLICE_NONE);
}

static bool is_cell_wanted(const struct hs_row_options *o, struct hs_slice table, const struct hs_cell *cell)
{
	struct hs_required_column required[HS_REQUIRED_COLUMNS_MAX];
	size_t n;

	if (cell->left_out && !matches(o->include, table, cell->column))
		return false;
	if (!matches(o->exclude, table, cell->column))
		return true;
	n = hs_required_columns(hs_table_kind_of(table), o->tenant, required);
	for (size_t i = 0; i < n; i++)
		if (hs_slice_eq(cell->column, hs_slice_str(required[i].name)))
			return true;
	return false;
}

/* Copies the wanted ones of the first `n` cells to the end of the list; false: out of memory. */
static bool choose_cells(struct hs_row_maker *m, struct hs_slice table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_cell_wanted(m->options, table, &m->cell[i]) && !add_cell(m, m->cell[i]))
			return false;
	return true;
}

/* A row of the first `n` cells; `from` is where its own copy of them begins, for lists of GLOBs. */
static bool add_row_to(struct hs_row_maker *m, struct hs_rows *rows, enum hs_table_kind kind, struct hs_slice table,
                       size_t n)
{
	bool picky = m->options->include != NULL || m->options->exclude != NULL;
	size_t from = picky ? m->cells : 0;

	if (!is_table_wanted(m->options, table))
		return true;
	if (picky && !choose_cells(m, table, n))
		return false;
	rows->row[rows->count++] =
	    (struct hs_row){ .kind = kind, .table = table, .from = from, .cells = picky ? m->cells - from : n };
	return true;
}

static bool add_row(struct hs_row_maker *m, struct hs_rows *rows, enum hs_table_kind kind, size_t n)
{
	return add_row_to(m, rows, kind, hs_table_name(kind), n);
}

/* --- a record -------------------------------------------------------------------------- */

static const struct {
	struct hs_slice type;
	enum family family;
	enum hs_table_kind kind;
} types[] = {
#define TEXT(literal) \
	{ \
		literal, sizeof(literal) - 1 \
	}
	{ TEXT("track"), TRACK, HS_TABLE_TRACKS }, { TEXT("identify"), IDENTIFY, HS_TABLE_IDENTIFIES },
	{ TEXT("page"), PAGE, HS_TABLE_PAGES },    { TEXT("screen"), PAGE, HS_TABLE_SCREENS },
	{ TEXT("group"), GROUP, HS_TABLE_GROUPS }, { TEXT("alias"), ALIAS, HS_TABLE_ALIASES },
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

static bool read_fields(struct hs_row_maker *m, enum family family, struct hs_slice line, bool *whole)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;

	while (hs_record_field_next(&walk, &field))
		if (!add_field(m, family, &field))
			return false;
	*whole = m->common[UUID_TS].text.p != NULL;
	return true;
}

/* The table of a track's event, in `made`; the columns event and event_text. */
static struct hs_slice settle_event(struct hs_row_maker *m)
{
	struct hs_value *event = &m->common[EVENT];
	struct hs_slice table;
	size_t start;

	if (event->text.p == NULL)
		return HS_SLICE_NONE;
	m->common[EVENT_TEXT] = *event;
	hs_buf_reset(&m->scratch);
	if (event->escaped)
		hs_json_unescape(event->text, &m->scratch);
	else
		hs_buf_put_slice(&m->scratch, event->text);
	start = m->made.n;
	hs_column_names_put_table(&m->made, hs_buf_slice(&m->scratch));
	if (!hs_buf_ok(&m->scratch) || !hs_buf_ok(&m->made))
		return HS_SLICE_NONE;
	table = hs_slice(m->made.p + start, m->made.n - start);
	start = m->made.n;
	hs_column_names_put_snake_key(&m->made, hs_buf_slice(&m->scratch));
	*event = text_of(hs_slice(m->made.p + start, m->made.n - start));
	return hs_buf_ok(&m->made) ? table : HS_SLICE_NONE;
}

static bool make_rows(struct hs_row_maker *m, int type, struct hs_slice table, struct hs_rows *rows)
{
	bool has_event = types[type].family == TRACK && table.n > 0 && !hs_slice_eq(table, HS_SLICE("_"));

	m->shared = m->cells;
	if (!add_drafts(m, OWN))
		return false;
	m->all = m->cells;
	if (types[type].family != TRACK)
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
	struct hs_slice table = HS_SLICE_NONE;
	bool whole, hashed;
	int type;

	*rows = (struct hs_rows){ .count = 0 };
	type = type_of(line, &rows->type);
	if (type < 0)
		return rows->type.p == NULL ? HS_E_JSON_SYNTAX : HS_OK;
	if (m->names > NAMES_MAX)
		forget_names(m);
	memset(m->common, 0, sizeof m->common);
	m->drafts = m->cells = 0;
	if (!read_fields(m, types[type].family, line, &whole))
		return HS_E_MEMORY;
	if (!whole)
		return HS_E_JSON_SYNTAX;
	hs_buf_reset(&m->made);
	hs_buf_reserve(&m->made,
	               2 * HS_SHA256_BYTES + 16 + 2 * HS_SNAKE_MAX(m->common[EVENT].text.n) + 2 * HS_WAREHOUSE_NAME);
	sent_id = m->common[ID];
	hashed = settle_id(m, line);
	if (types[type].family == TRACK)
		table = settle_event(m);
	if (!hs_buf_ok(&m->made) || !add_commons(m, sent_id, hashed) || !add_drafts(m, COMMON) ||
	    !make_rows(m, type, table, rows))
		return HS_E_MEMORY;
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
	rows->row[0].cell = m->cell + rows->row[0].from;
	return HS_OK;
}

/*
 * Rows go in by one statement with arrays (mysql_arrays.c), ON DUPLICATE KEY UPDATE `id` = `id`. That statement cannot
 * name the key, and runs triggers for rows that are there already: a table with another unique index or with triggers
 * is asked first which ids it has, and the rest goes in by a plain INSERT. Never INSERT IGNORE, which stores cut texts
 * and 0000-00-00.
 */
#include "tools/load/mysql_rows.h"
#include "base/digest.h"
#include "base/hex.h"
#include "tools/load/mysql_arrays.h"
#include "tools/load/sql_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	VALUE_BYTES = 16,      /* of a statement, around each value */
	STATEMENT_ROOM = 8192, /* of a packet that rows leave free */
	LONG_ROW = 1 << 20,    /* bytes of a row that is sent in pieces */
	LONG_KEY = 64 * 1024 /* bytes of a value that rows are looked up by; no person of identifies has a longer id */
};

/* --- values ------------------------------------------------------------------------------------ */

/*
 * The reverse of hs_mysql_to_column. A time, which is written in place: 2026-11-23 10:15:00.123000 becomes
 * 2026-11-23T10:15:00.123Z.
 */
static struct hs_slice from_column(enum hs_column_type type, struct hs_slice value)
{
	char *text = (char *)(uintptr_t)value.p;

	if (value.p == NULL)
		return value;
	if (type == HS_COLUMN_BOOLEAN)
		return hs_slice_eq(value, HS_SLICE("0")) ? HS_SLICE("false") : HS_SLICE("true");
	if (type == HS_COLUMN_TIMESTAMP && value.n == 26) {
		text[10] = 'T';
		if (memcmp(text + 23, "000", 3) == 0)
			value.n = 23;
		text[value.n++] = 'Z'; /* where the text had its NUL, or a digit */
	}
	return value;
}

static enum hs_column_type type_at(const struct hs_target_rows *rows, size_t i)
{
	return rows->table->column[rows->column[i]].type;
}

static void put_value(struct hs_mysql *m, enum hs_column_type type, struct hs_slice value)
{
	if (value.p == NULL)
		hs_buf_put_slice(&m->sql, HS_SLICE("NULL"));
	else if (!hs_mysql_put_value(m, hs_mysql_to_column(type, value)))
		m->sql.failed = true;
}

/* (value, …) of a row */
static void put_row(struct hs_mysql *m, const struct hs_target_rows *rows, size_t row)
{
	for (size_t c = 0; c < rows->columns; c++) {
		hs_buf_put_slice(&m->sql, c == 0 ? HS_SLICE("(") : HS_SLICE(", "));
		put_value(m, type_at(rows, c), rows->value[row * rows->columns + c]);
	}
	hs_buf_putc(&m->sql, ')');
}

/* --- rows that are inserted ------------------------------------------------------------------------- */

/* A long row, which an array would copy. */
static enum hs_target_result put_long(struct hs_mysql *m, const struct hs_target_rows *rows)
{
	hs_buf_reset(&m->sql);
	hs_sql_put_insert(&m->sql, rows, '`');
	hs_buf_put_slice(&m->sql, HS_SLICE(" VALUES "));
	put_row(m, rows, 0);
	hs_buf_put_slice(&m->sql, HS_SLICE(" ON DUPLICATE KEY UPDATE `id` = `id`"));
	return hs_mysql_run_values(m, &m->target.inserted);
}

/* --- rows that are asked for first ------------------------------------------------------------------ */

struct id_of_row {
	struct hs_slice id;
	size_t row;
};

/* The rows of a call by their ids, and which are there already. */
struct asked {
	struct id_of_row *by_id;
	size_t rows;
	bool *there;
};

static int compare_ids(const void *a, const void *b)
{
	const struct id_of_row *x = a, *y = b;
	size_t n = x->id.n < y->id.n ? x->id.n : y->id.n;
	int order = n == 0 ? 0 : memcmp(x->id.p, y->id.p, n);

	if (order == 0 && x->id.n != y->id.n)
		order = x->id.n < y->id.n ? -1 : 1;
	return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

static bool note_there(void *context, const struct hs_slice *value)
{
	struct asked *a = context;
	struct id_of_row key = { value[0], 0 };
	size_t low = 0, high = a->rows;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_ids(&a->by_id[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < a->rows && hs_slice_eq(a->by_id[low].id, value[0]); low++)
		a->there[a->by_id[low].row] = true;
	return true;
}

static bool list_ids(struct asked *a, const struct hs_target_rows *rows)
{
	size_t id = 0;

	*a = (struct asked){ .by_id = calloc(rows->rows, sizeof *a->by_id),
		             .rows = rows->rows,
		             .there = calloc(rows->rows, sizeof *a->there) };
	if (a->by_id == NULL || a->there == NULL)
		return false;
	while (strcmp(rows->table->column[rows->column[id]].name, "id") != 0)
		id++;
	for (size_t row = 0; row < rows->rows; row++)
		a->by_id[row] = (struct id_of_row){ rows->value[row * rows->columns + id], row };
	qsort(a->by_id, a->rows, sizeof *a->by_id, compare_ids);
	for (size_t i = 1; i < a->rows; i++) /* the same id twice: the first stays */
		if (hs_slice_eq(a->by_id[i].id, a->by_id[i - 1].id))
			a->there[a->by_id[i].row] = true;
	return true;
}

/* Asks which ids are there, and locks where they would be, so that no other loader adds one. */
static enum hs_target_result ask(struct hs_mysql *m, const struct hs_target_rows *rows, struct asked *a)
{
	if (!list_ids(a, rows))
		return hs_mysql_no_memory(m);
	hs_mysql_say(m, "SELECT `id` FROM ");
	hs_mysql_put_name(m, rows->table->name);
	for (size_t i = 0; i < a->rows; i++) {
		hs_buf_put_slice(&m->sql, i == 0 ? HS_SLICE(" WHERE `id` IN (") : HS_SLICE(", "));
		hs_mysql_put_text(m, a->by_id[i].id);
	}
	hs_buf_put_slice(&m->sql, HS_SLICE(") FOR UPDATE"));
	if (hs_mysql_check_statement(m) != HS_TARGET_OK)
		return HS_TARGET_ROW; /* half as many may fit */
	return hs_mysql_rows(m, note_there, a);
}

/* Inserts the rows that are not there. */
static enum hs_target_result put_new(struct hs_mysql *m, const struct hs_target_rows *rows, const struct asked *a)
{
	uint64_t inserted = 0;

	hs_buf_reset(&m->sql);
	hs_sql_put_insert(&m->sql, rows, '`');
	hs_buf_put_slice(&m->sql, HS_SLICE(" VALUES "));
	for (size_t row = 0; row < rows->rows; row++) {
		if (a->there[row])
			continue;
		hs_buf_put_slice(&m->sql, inserted++ > 0 ? HS_SLICE(", ") : HS_SLICE(""));
		put_row(m, rows, row);
	}
	m->target.inserted = inserted;
	return inserted > 0 ? hs_mysql_run_values(m, NULL) : HS_TARGET_OK;
}

static void put_list(struct hs_mysql *m, const struct hs_target_where *where)
{
	for (size_t i = 0; i < where->values; i++) {
		hs_buf_put_slice(&m->sql, i == 0 ? HS_SLICE("") : HS_SLICE(", "));
		hs_mysql_put_text(m, where->value[i]);
	}
	hs_buf_putc(&m->sql, ')');
}

/* A value that may be too long for a packet, which would have it twice, with escapes. False: out of memory. */
static bool put_where_long(struct hs_mysql *m, const struct hs_target_where *where)
{
	uint8_t sha256[HS_SHA256_BYTES];
	char hex[2 * HS_SHA256_BYTES];

	if (!hs_sha256(where->value[0], sha256))
		return false;
	hs_hex_encode(sha256, HS_SHA256_BYTES, hex);
	hs_buf_put_slice(&m->sql, HS_SLICE(" WHERE length(CONVERT("));
	hs_mysql_put_name(m, where->key);
	hs_buf_printf(&m->sql, " USING utf8mb4)) = %zu AND sha2(CONVERT(", where->value[0].n);
	hs_mysql_put_name(m, where->key);
	hs_buf_printf(&m->sql, " USING utf8mb4), 256) = '%.*s'", (int)sizeof hex, hex);
	return true;
}

/* WHERE key IN (values), for the index, and then by bytes: a key of yours may ignore case. */
static void put_where(struct hs_mysql *m, const struct hs_target_where *where)
{
	if (where->values == 0) {
		hs_sql_put_where_null(&m->sql, where->key, '`');
		return;
	}
	if (where->values == 1 && where->value[0].n > LONG_KEY) {
		m->sql.failed = !put_where_long(m, where) || m->sql.failed;
		return;
	}
	hs_sql_put_where(&m->sql, where->key, '`');
	put_list(m, where);
	hs_buf_put_slice(&m->sql, HS_SLICE(" AND CONVERT("));
	hs_mysql_put_name(m, where->key);
	hs_buf_printf(&m->sql, " USING utf8mb4) COLLATE %s IN (", m->collation);
	put_list(m, where);
}

/* Overwrites the row with this id by the values that are given; `nulls`: by those that are NULL, too. */
static enum hs_target_result update(struct hs_mysql *m, const struct hs_target_rows *rows, size_t row, bool nulls)
{
	const struct hs_slice *value = rows->value + row * rows->columns;
	size_t id = 0;
	bool any = false;

	hs_mysql_say(m, "UPDATE ");
	hs_mysql_put_name(m, rows->table->name);
	for (size_t c = 0; c < rows->columns; c++) {
		const struct hs_target_column *column = &rows->table->column[rows->column[c]];
		bool is_id = strcmp(column->name, "id") == 0;

		if (is_id)
			id = c;
		if (is_id || (value[c].p == NULL && !nulls))
			continue;
		hs_buf_put_slice(&m->sql, any ? HS_SLICE(", ") : HS_SLICE(" SET "));
		any = true;
		hs_mysql_put_name(m, column->name);
		hs_buf_put_slice(&m->sql, HS_SLICE(" = "));
		put_value(m, column->type, value[c]);
	}
	put_where(m, &(struct hs_target_where){ .key = "id", .value = &value[id], .values = 1 });
	return any ? hs_mysql_run_values(m, NULL) : HS_TARGET_OK;
}

static enum hs_target_result put_asked(struct hs_mysql *m, const struct hs_target_rows *rows, bool overwrite)
{
	struct asked asked;
	enum hs_target_result result = ask(m, rows, &asked);

	if (result == HS_TARGET_OK)
		result = put_new(m, rows, &asked);
	for (size_t row = 0; row < rows->rows && overwrite && result == HS_TARGET_OK; row++)
		if (asked.there[row])
			result = update(m, rows, row, rows->nulls);
	free(asked.by_id);
	free(asked.there);
	return result;
}

/* --- rows --------------------------------------------------------------------------------------------- */

static size_t bytes_of(const struct hs_target_rows *rows)
{
	size_t n = rows->rows * rows->columns, bytes = STATEMENT_ROOM + n * VALUE_BYTES;

	for (size_t i = 0; i < n; i++)
		bytes += rows->value[i].n;
	return bytes;
}

/* After a savepoint, so that an error leaves the transaction as it was. */
static enum hs_target_result put_all_or_none(struct hs_target *t, const struct hs_target_rows *rows, bool overwrite)
{
	struct hs_mysql *m = hs_mysql_of(t);
	size_t bytes = bytes_of(rows);
	enum hs_target_result result = hs_mysql_check_size(m, bytes);
	char said[sizeof t->message];

	if (result != HS_TARGET_OK)
		return result;
	m->pieces = rows->pieces;
	hs_mysql_say(m, "SAVEPOINT hookspool_rows");
	result = hs_mysql_run(m);
	if (result != HS_TARGET_OK)
		return result;
	if (overwrite || rows->table->other_unique || rows->table->triggers || !m->bulk)
		result = put_asked(m, rows, overwrite);
	else if (rows->rows == 1 && (bytes > LONG_ROW || rows->pieces != NULL))
		result = put_long(m, rows);
	else
		result = hs_mysql_insert_arrays(m, rows);
	if (result == HS_TARGET_OK)
		return result;
	memcpy(said, t->message, sizeof said);
	hs_mysql_say(m, "ROLLBACK TO SAVEPOINT hookspool_rows");
	hs_mysql_run(m);
	memcpy(t->message, said, sizeof said);
	return result;
}

enum hs_target_result hs_mysql_insert(struct hs_target *t, const struct hs_target_rows *rows)
{
	return put_all_or_none(t, rows, false);
}

enum hs_target_result hs_mysql_upsert(struct hs_target *t, const struct hs_target_rows *rows)
{
	return put_all_or_none(t, rows, true);
}

struct selection {
	const struct hs_target_table *table;
	const size_t *column;
	size_t columns;
	struct hs_slice *value;
	bool (*each)(void *context, const struct hs_slice *value);
	void *context;
};

static bool pass_on(void *context, const struct hs_slice *value)
{
	struct selection *s = context;

	for (size_t i = 0; i < s->columns; i++)
		s->value[i] = from_column(s->table->column[s->column[i]].type, value[i]);
	return s->each(s->context, s->value);
}

/*
 * Runs the SELECT in m->sql. FOR UPDATE: it reads what others have committed since, and waits for what they have
 * not.
 */
static enum hs_target_result fetch(struct hs_mysql *m, const struct hs_target_table *table, const size_t *column,
                                   size_t columns, bool (*each)(void *context, const struct hs_slice *value),
                                   void *context)
{
	struct selection selection = { table, column, columns, calloc(columns + 1, sizeof(struct hs_slice)),
		                       each,  context };
	enum hs_target_result result;

	if (selection.value == NULL)
		return hs_mysql_no_memory(m);
	hs_buf_put_slice(&m->sql, HS_SLICE(" FOR UPDATE"));
	result = hs_mysql_rows(m, pass_on, &selection);
	free(selection.value);
	return result;
}

enum hs_target_result hs_mysql_scan(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                    size_t columns, struct hs_slice after, size_t rows,
                                    bool (*each)(void *context, const struct hs_slice *value), void *context)
{
	struct hs_mysql *m = hs_mysql_of(t);
	const struct hs_target_column *first = &table->column[column[0]];
	char collate[64] = "";

	if (first->loose)
		snprintf(collate, sizeof collate, " COLLATE %s", m->collation);
	hs_buf_reset(&m->sql);
	hs_sql_put_scan(&m->sql, table, column, columns, after.p != NULL, collate, '`');
	if (after.p != NULL)
		hs_mysql_put_text(m, after);
	hs_sql_put_scan_end(&m->sql, first->name, rows, collate, '`');
	return fetch(m, table, column, columns, each, context);
}

enum hs_target_result hs_mysql_update(struct hs_target *t, const struct hs_target_rows *row)
{
	return update(hs_mysql_of(t), row, 0, true);
}

enum hs_target_result hs_mysql_select(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                      size_t columns, const struct hs_target_where *where,
                                      bool (*each)(void *context, const struct hs_slice *value), void *context)
{
	struct hs_mysql *m = hs_mysql_of(t);

	hs_buf_reset(&m->sql);
	hs_sql_put_select(&m->sql, table, column, columns, where->lengths_from, '`');
	put_where(m, where);
	return fetch(m, table, column, columns, each, context);
}

enum hs_target_result hs_mysql_erase(struct hs_target *t, const struct hs_target_table *table, const char *key,
                                     struct hs_slice value, const struct hs_target_limits *limits, uint64_t *gone)
{
	struct hs_mysql *m = hs_mysql_of(t);
	enum hs_target_result result;

	hs_mysql_say(m, "DELETE FROM ");
	hs_mysql_put_name(m, table->name);
	put_where(m, &(struct hs_target_where){ .key = key, .value = &value, .values = 1 });
	if (limits->until.p != NULL) {
		hs_buf_put_slice(&m->sql, HS_SLICE(" AND (`uuid_ts` IS NULL OR `uuid_ts` <= "));
		put_value(m, HS_COLUMN_TIMESTAMP, limits->until);
		hs_buf_putc(&m->sql, ')');
	}
	if (limits->without_user)
		hs_buf_put_slice(&m->sql, HS_SLICE(" AND length(coalesce(`user_id`, '')) = 0"));
	result = hs_mysql_run(m);
	if (result == HS_TARGET_OK)
		*gone += mysql_affected_rows(m->my);
	return result;
}

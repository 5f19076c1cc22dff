#include "tools/load/postgresql_rows.h"
#include "tools/load/sql_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hs_postgresql *of(struct hs_target *t)
{
	return (struct hs_postgresql *)t;
}

static void put_list(struct hs_postgresql *s, size_t values)
{
	for (size_t i = 1; i <= values; i++)
		hs_buf_printf(&s->sql, "%s$%zu", i == 1 ? " IN (" : ", ", i);
	hs_postgresql_put(s, ")");
}

/*
 * WHERE key IN ($1, …), for the index, and then by bytes: a key of yours may ignore case. They are texts: a column of
 * another type is compared by its text.
 */
static void put_where(struct hs_postgresql *s, const struct hs_target_table *table, const char *key, size_t values)
{
	enum hs_column_type type = HS_COLUMN_FOREIGN;

	if (values == 0) {
		hs_sql_put_where_null(&s->sql, key, '"');
		return;
	}
	for (size_t i = 0; i < table->columns; i++)
		if (strcmp(table->column[i].name, key) == 0)
			type = table->column[i].type;
	hs_postgresql_put(s, " WHERE ");
	if (type == HS_COLUMN_TEXT) {
		hs_postgresql_put_name(s, key);
		put_list(s, values);
		hs_postgresql_put(s, " AND ");
	}
	hs_postgresql_put_name(s, key);
	hs_postgresql_put(s, type == HS_COLUMN_TEXT ? " COLLATE \"C\"" : "::text COLLATE \"C\"");
	put_list(s, values);
}

/* The value of an answer as hs_value_fits writes it: a time has three digits, if the last three are zeros. */
static struct hs_slice value_at(const PGresult *answer, int row, int column, enum hs_column_type type)
{
	char *text = PQgetvalue(answer, row, column);
	size_t n = (size_t)PQgetlength(answer, row, column);

	if (PQgetisnull(answer, row, column))
		return HS_SLICE_NONE;
	if (type == HS_COLUMN_BOOLEAN)
		return *text == 't' ? HS_SLICE("true") : HS_SLICE("false");
	if (type == HS_COLUMN_TIMESTAMP && n > 4 && memcmp(text + n - 4, "000Z", 4) == 0) {
		n -= 3;
		text[n - 1] = 'Z';
	}
	return hs_slice(text, n);
}

/* A column between two texts. */
static void put_within(struct hs_postgresql *s, const char *before, const struct hs_target_column *column,
                       const char *after)
{
	hs_postgresql_put(s, before);
	hs_postgresql_put_name(s, column->name);
	hs_postgresql_put(s, after);
}

static void put_column(struct hs_postgresql *s, const struct hs_target_column *column)
{
	if (column->type == HS_COLUMN_TIMESTAMP)
		put_within(s, "to_char(", column, ", 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
	else
		put_within(s, "", column, "");
}

/* `collate` comes after the first column. */
static void put_select(struct hs_postgresql *s, const struct hs_target_table *table, const size_t *column,
                       size_t columns, size_t lengths_from, const char *collate)
{
	for (size_t i = 0; i < columns; i++) {
		hs_postgresql_put(s, i == 0 ? "" : ", ");
		if (hs_target_is_length(table, column[i], i, lengths_from))
			put_within(s, "octet_length(", &table->column[column[i]], "::text)");
		else
			put_column(s, &table->column[column[i]]);
		hs_postgresql_put(s, i == 0 ? collate : "");
	}
	hs_postgresql_put(s, " FROM ");
	hs_postgresql_put_table(s, table->name);
}

void *hs_postgresql_keep_row(struct hs_target *t)
{
	char *row = of(t)->row;

	of(t)->row = NULL;
	return row;
}

void hs_postgresql_free_row(void *row)
{
	free(row);
}

/* Runs the SELECT in s->sql, with these values for $1, $2 …; only one row is in memory, and that is a result. */
static enum hs_target_result fetch(struct hs_postgresql *s, const struct hs_target_table *table, const size_t *column,
                                   size_t columns, const struct hs_slice *value, size_t values,
                                   bool (*each)(void *context, const struct hs_slice *value), void *context)
{
	struct hs_slice *found = calloc(columns + 1, sizeof *found);
	enum hs_target_result result;
	PGresult *answer;

	s->step = HS_POSTGRESQL_ROWS;
	result = found == NULL ? hs_postgresql_no_memory(s) : hs_postgresql_send(s, value, (int)values);
	while (found != NULL && (answer = PQgetResult(s->db)) != NULL) {
		if (result == HS_TARGET_OK)
			result = hs_postgresql_result(s, answer);
		for (int row = 0; result == HS_TARGET_OK && row < PQntuples(answer); row++) {
			for (size_t i = 0; i < columns; i++)
				found[i] = value_at(answer, row, (int)i, table->column[column[i]].type);
			if (!each(context, found))
				result = hs_postgresql_no_memory(s);
		}
		PQclear(answer);
	}
	free(found);
	return result;
}

/* --- a long row --------------------------------------------------------------------------- */

/*
 * libpq has an answer twice for a moment, and keeps the room for one of them as long as the connection is there: so the
 * texts of a long row come in pieces.
 */
enum {
	FIRST_PIECE = 16 * 1024, /* characters of each text, which come with the other values … */
	NEXT_PIECE = 1 << 20,    /* … and of those that come after them */
};

struct long_row {
	const struct hs_target_table *table;
	const size_t *column;
	size_t columns;
	struct hs_slice id;
	size_t *length;         /* of each text, in bytes; 0: of another value */
	struct hs_slice *value; /* in `text` */
	char *text;             /* of all values, one after another: `n` bytes so far, of `room` */
	size_t n, room;
};

static void put_where_id(struct hs_postgresql *s, const struct long_row *row, const char *after)
{
	hs_postgresql_put(s, " FROM ");
	hs_postgresql_put_table(s, row->table->name);
	put_where(s, row->table, "id", 1);
	hs_postgresql_put(s, after);
}

static bool is_text(const struct long_row *row, size_t i)
{
	return row->table->column[row->column[i]].type == HS_COLUMN_TEXT;
}

/* Asks for the lengths, and locks the row, so that it stays as it is. */
static enum hs_target_result read_lengths(struct hs_postgresql *s, struct long_row *row, bool *found)
{
	PGresult *answer;
	enum hs_target_result result;

	hs_postgresql_begin_sql(s, "SELECT ");
	for (size_t i = 0; i < row->columns; i++) {
		hs_postgresql_put(s, i == 0 ? "" : ", ");
		if (is_text(row, i))
			put_within(s, "octet_length(", &row->table->column[row->column[i]], "::text)");
		else
			hs_postgresql_put(s, "0");
	}
	put_where_id(s, row, " FOR UPDATE");
	result = hs_postgresql_ask(s, &row->id, 1, &answer);
	*found = result == HS_TARGET_OK && PQntuples(answer) == 1;
	for (size_t i = 0; i < row->columns && *found; i++)
		row->length[i] = strtoul(PQgetvalue(answer, 0, (int)i), NULL, 10);
	PQclear(answer);
	return result;
}

/* Appends the text, unless there is more of it than there was to be. */
static bool append(struct long_row *row, struct hs_slice text)
{
	if (row->room - row->n < text.n)
		return false;
	if (text.n > 0)
		memcpy(row->text + row->n, text.p, text.n);
	row->n += text.n;
	return true;
}

static enum hs_target_result has_changed(struct hs_postgresql *s)
{
	snprintf(s->target.message, sizeof s->target.message, "a row has changed while it was read");
	return HS_TARGET_AGAIN;
}

/* Reads on in the i-th text, whose first characters are there. */
static enum hs_target_result read_on(struct hs_postgresql *s, struct long_row *row, size_t i)
{
	const struct hs_target_column *column = &row->table->column[row->column[i]];
	enum hs_target_result result = HS_TARGET_OK;

	for (size_t from = FIRST_PIECE; row->value[i].n < row->length[i] && result == HS_TARGET_OK;
	     from += NEXT_PIECE) {
		PGresult *answer;

		hs_postgresql_begin_sql(s, "SELECT ");
		put_within(s, "substr(", column, "::text");
		hs_buf_printf(&s->sql, ", %zu, %d)", from + 1, NEXT_PIECE);
		put_where_id(s, row, "");
		result = hs_postgresql_ask(s, &row->id, 1, &answer);
		if (result == HS_TARGET_OK) {
			struct hs_slice piece =
			    PQntuples(answer) == 1 ? value_at(answer, 0, 0, HS_COLUMN_TEXT) : HS_SLICE_NONE;

			row->value[i].n += piece.n;
			if (piece.n == 0 || !append(row, piece))
				result = has_changed(s);
		}
		PQclear(answer);
	}
	return result;
}

/* Asks for the values, of a long text its first characters. */
static enum hs_target_result ask_values(struct hs_postgresql *s, const struct long_row *row, PGresult **answer)
{
	hs_postgresql_begin_sql(s, "SELECT ");
	for (size_t i = 0; i < row->columns; i++) {
		const struct hs_target_column *column = &row->table->column[row->column[i]];

		hs_postgresql_put(s, i == 0 ? "" : ", ");
		if (row->length[i] <= FIRST_PIECE) {
			put_column(s, column);
			continue;
		}
		put_within(s, "left(", column, "::text");
		hs_buf_printf(&s->sql, ", %d)", FIRST_PIECE);
	}
	put_where_id(s, row, "");
	return hs_postgresql_ask(s, &row->id, 1, answer);
}

static enum hs_target_result read_values(struct hs_postgresql *s, struct long_row *row)
{
	PGresult *answer;
	enum hs_target_result result = ask_values(s, row, &answer);

	if (result == HS_TARGET_OK && PQntuples(answer) != 1)
		result = has_changed(s);
	for (size_t i = 0; i < row->columns && result == HS_TARGET_OK; i++)
		row->room += row->length[i] > 0 ? row->length[i] : (size_t)PQgetlength(answer, 0, (int)i);
	row->text = malloc(row->room + 1);
	if (row->text == NULL)
		result = hs_postgresql_no_memory(s);
	for (size_t i = 0; i < row->columns && result == HS_TARGET_OK; i++) {
		struct hs_slice value = value_at(answer, 0, (int)i, row->table->column[row->column[i]].type);

		row->value[i] = value.p == NULL ? HS_SLICE_NONE : hs_slice(row->text + row->n, value.n);
		if (!append(row, value))
			result = has_changed(s);
		else
			result = read_on(s, row, i);
	}
	PQclear(answer);
	return result;
}

static enum hs_target_result select_long(struct hs_postgresql *s, const struct hs_target_table *table,
                                         const size_t *column, size_t columns, const struct hs_target_where *where,
                                         bool (*each)(void *context, const struct hs_slice *value), void *context)
{
	struct long_row row = { .table = table,
		                .column = column,
		                .columns = columns,
		                .id = where->value[0],
		                .length = calloc(columns + 1, sizeof *row.length),
		                .value = calloc(columns + 1, sizeof *row.value) };
	enum hs_target_result result = HS_TARGET_OK;
	bool found = false;

	s->step = HS_POSTGRESQL_ROWS;
	if (row.length == NULL || row.value == NULL)
		result = hs_postgresql_no_memory(s);
	if (result == HS_TARGET_OK)
		result = read_lengths(s, &row, &found);
	if (found)
		result = read_values(s, &row);
	if (found && result == HS_TARGET_OK) {
		s->row = row.text;
		if (!each(context, row.value))
			result = hs_postgresql_no_memory(s);
		row.text = s->row;
		s->row = NULL;
	}
	free(row.text);
	free(row.length);
	free(row.value);
	return result;
}

enum hs_target_result hs_postgresql_select(struct hs_target *t, const struct hs_target_table *table,
                                           const size_t *column, size_t columns, const struct hs_target_where *where,
                                           bool (*each)(void *context, const struct hs_slice *value), void *context)
{
	struct hs_postgresql *s = of(t);

	if (where->is_long)
		return select_long(s, table, column, columns, where, each, context);
	hs_postgresql_begin_sql(s, "SELECT ");
	put_select(s, table, column, columns, where->lengths_from, "");
	put_where(s, table, where->key, where->values);
	if (strcmp(where->key, "id") == 0)
		hs_postgresql_put(s, " FOR UPDATE");
	return fetch(s, table, column, columns, where->value, where->values, each, context);
}

enum hs_target_result hs_postgresql_scan(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                         size_t columns, struct hs_slice after, size_t rows,
                                         bool (*each)(void *context, const struct hs_slice *value), void *context)
{
	struct hs_postgresql *s = of(t);
	const char *first = table->column[column[0]].name;
	const char *collate = table->column[column[0]].loose ? " COLLATE \"C\"" : "";

	hs_postgresql_begin_sql(s, columns == 1 ? "SELECT DISTINCT " : "SELECT ");
	put_select(s, table, column, columns, 0, collate);
	hs_postgresql_put(s, " WHERE ");
	hs_postgresql_put_name(s, first);
	hs_postgresql_put(s, collate);
	hs_postgresql_put(s, after.p != NULL ? " > $1" : " IS NOT NULL");
	hs_sql_put_scan_end(&s->sql, first, rows, collate, '"');
	return fetch(s, table, column, columns, &after, after.p != NULL, each, context);
}

enum hs_target_result hs_postgresql_erase(struct hs_target *t, const struct hs_target_table *table, const char *key,
                                          struct hs_slice value, const struct hs_target_limits *limits, uint64_t *gone)
{
	struct hs_postgresql *s = of(t);
	struct hs_slice values[] = { value, limits->until };
	PGresult *answer;
	enum hs_target_result result;

	s->step = HS_POSTGRESQL_ROWS;
	hs_postgresql_begin_sql(s, "DELETE FROM ");
	hs_postgresql_put_table(s, table->name);
	put_where(s, table, key, 1);
	if (limits->until.p != NULL)
		hs_postgresql_put(s, " AND (\"uuid_ts\" <= $2::timestamptz OR \"uuid_ts\" IS NULL)");
	if (limits->without_user)
		hs_postgresql_put(s, " AND length(coalesce(\"user_id\"::text, '')) = 0");
	result = hs_postgresql_ask(s, values, limits->until.p != NULL ? 2 : 1, &answer);
	if (result == HS_TARGET_OK)
		*gone += strtoull(PQcmdTuples(answer), NULL, 10);
	PQclear(answer);
	return result;
}

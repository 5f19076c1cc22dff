/*
 * postgresql_copy: rows go to PostgreSQL by COPY straight into the table, after a savepoint. If one is there already,
 * the same rows go by way of a temporary table, since COPY itself knows no ON CONFLICT.
 *
 * The binary format spares the server reading texts, but its COPY gathers up to 1000 rows of it, of whose bytes it does
 * not know the number, and the time for that grows with the square of their number (ResourceOwnerRememberTupleDesc of
 * versions 12 to 17). A condition that is volatile, and always true, makes it insert row by row: for more than a few
 * rows that takes less processor time, if some 8 % more of the write-ahead log.
 */
#include "tools/load/postgresql_rows.h"
#include "tools/load/postgresql_types.h"
#include "tools/load/sql_text.h"

#include <stdlib.h>
#include <string.h>

enum {
	CHUNK = 64 * 1024, /* bytes that are sent at once */
	FEW = 128,         /* rows */
};

/* A COPY of rows, in the binary format. */
struct copy {
	struct hs_postgresql *s;
	const struct hs_target_rows *rows;
	const struct hs_postgresql_type **type; /* of each column of `rows` */
	bool unlike;                            /* a column has another type than we believe: it has no such value */
};

/* --- sending values ----------------------------------------------------------------------- */

/* Sends what is in s->data. False: PQgetResult tells why, or memory is out. */
static bool send_data(struct hs_postgresql *s)
{
	bool sent = hs_buf_ok(&s->data) && PQputCopyData(s->db, s->data.p, (int)s->data.n) == 1;

	s->data.n = 0;
	return sent;
}

static bool send_piece(void *context, struct hs_slice piece)
{
	struct hs_postgresql *s = context;

	hs_buf_put_slice(&s->data, piece);
	return s->data.n < CHUNK ? hs_buf_ok(&s->data) : send_data(s);
}

/* Sends a text a chunk at a time, so that there is no copy of a long one, libpq's neither. */
static bool send_text(struct copy *c, const struct hs_postgresql_type *type, struct hs_slice text)
{
	bool sent = true;

	hs_postgresql_put_text_length(&c->s->data, type, text.n);
	if (hs_target_is_pieces(text))
		return hs_pieces_each(c->rows->pieces, send_piece, c->s);
	for (; text.n > CHUNK && sent; text.p += CHUNK, text.n -= CHUNK)
		sent = send_piece(c->s, hs_slice(text.p, CHUNK));
	return sent && send_piece(c->s, text);
}

static bool send_value(struct copy *c, const struct hs_postgresql_type *type, struct hs_slice value)
{
	if (value.p == NULL)
		hs_postgresql_put_null(&c->s->data);
	else if (type->put == NULL)
		return send_text(c, type, value);
	else
		c->unlike = !type->put(&c->s->data, value);
	return !c->unlike && hs_buf_ok(&c->s->data);
}

/* Sends the rows as they are written, so that there is never a copy of them all. */
static bool send_rows(struct copy *c)
{
	const struct hs_target_rows *rows = c->rows;
	struct hs_buf *data = &c->s->data;
	const struct hs_slice *value = rows->value;
	bool sent = true;

	hs_buf_reset(data);
	hs_buf_put(data, HS_POSTGRESQL_SIGNATURE, HS_POSTGRESQL_SIGNATURE_BYTES);
	for (size_t row = 0; row < rows->rows && sent; row++) {
		hs_postgresql_put_columns_of_row(data, (int)rows->columns);
		for (size_t i = 0; i < rows->columns && sent; i++)
			sent = send_value(c, c->type[i], *value++);
		if (sent && data->n >= CHUNK)
			sent = send_data(c->s);
	}
	hs_postgresql_put_columns_of_row(data, HS_POSTGRESQL_END);
	return sent && send_data(c->s);
}

/* Runs s->sql, which is the beginning of a COPY, and sends the rows. */
static enum hs_target_result copy(struct copy *c)
{
	struct hs_postgresql *s = c->s;
	enum hs_target_result result;
	const char *why = NULL;
	PGresult *answer;

	hs_postgresql_put(s, " (");
	hs_postgresql_put_columns(s, c->rows);
	hs_postgresql_put(s, ") FROM STDIN (FORMAT binary)");
	if (c->rows->rows > FEW)
		hs_postgresql_put(s, " WHERE pg_catalog.random() >= 0");
	result = hs_postgresql_run_sql(s);
	if (result != HS_TARGET_OK)
		return result;
	if (!send_rows(c) && (c->unlike || !hs_buf_ok(&s->data)))
		why = c->unlike ? "a column has another type" : "out of memory";
	PQputCopyEnd(s->db, why);
	while ((answer = PQgetResult(s->db)) != NULL) {
		s->target.inserted = strtoull(PQcmdTuples(answer), NULL, 10);
		if (result == HS_TARGET_OK)
			result = hs_postgresql_result(s, answer);
		PQclear(answer);
		if (PQstatus(s->db) == CONNECTION_BAD)
			return HS_TARGET_AWAY;
	}
	if (why == NULL)
		return result;
	return c->unlike ? HS_TARGET_CATALOGUE : hs_postgresql_no_memory(s);
}

/* --- rows of a table ------------------------------------------------------------------------ */

/* The type of the column, whose index among those of the table is `guess` as far as we know. */
static const struct hs_postgresql_type *find_type(const PGresult *answer, const char *name, int guess)
{
	int n = PQntuples(answer);

	for (int i = 0; i < n; i++) {
		int row = (guess + i) % n;

		if (strcmp(PQgetvalue(answer, row, 0), name) == 0)
			return hs_postgresql_type(strtoul(PQgetvalue(answer, row, 1), NULL, 10));
	}
	return NULL;
}

/*
 * Runs `savepoint`, locks the table as writing it does, and reads the types that its columns now keep until the end of
 * the transaction: bytes of one type must not be taken for those of another.
 */
static enum hs_target_result begin_rows(struct copy *c, const char *savepoint)
{
	struct hs_postgresql *s = c->s;
	const struct hs_target_table *table = c->rows->table;
	enum hs_target_result result;
	PGresult *answer = NULL;

	s->step = HS_POSTGRESQL_ROWS;
	hs_postgresql_begin_sql(s, savepoint);
	hs_postgresql_put(s, "; LOCK TABLE ONLY ");
	hs_postgresql_put_table(s, table->name);
	hs_postgresql_put(s, " IN ROW EXCLUSIVE MODE; SELECT attname, atttypid FROM pg_catalog.pg_attribute "
	                     "WHERE attnum > 0 AND NOT attisdropped AND attrelid = '");
	hs_postgresql_put_table(s, table->name);
	hs_postgresql_put(s, "'::regclass ORDER BY attnum");
	if (!hs_buf_ok(&s->sql))
		return hs_postgresql_no_memory(s);
	answer = PQexec(s->db, hs_sql_string(&s->sql));
	result = hs_postgresql_result(s, answer);
	for (size_t i = 0; i < c->rows->columns && result == HS_TARGET_OK; i++) {
		size_t column = c->rows->column[i];

		c->type[i] = find_type(answer, table->column[column].name, (int)column);
		if (c->type[i] == NULL)
			result = HS_TARGET_CATALOGUE;
	}
	PQclear(answer);
	return result;
}

static enum hs_target_result copy_into_table(struct copy *c)
{
	c->s->step = HS_POSTGRESQL_ROWS;
	hs_postgresql_begin_sql(c->s, "COPY ");
	hs_postgresql_put_table(c->s, c->rows->table->name);
	return copy(c);
}

#define STAGE "pg_temp.hookspool_rows"

/* By way of a temporary table without any constraint. */
static enum hs_target_result copy_by_stage(struct copy *c, bool update)
{
	struct hs_postgresql *s = c->s;
	enum hs_target_result result;
	PGresult *answer;

	s->step = HS_POSTGRESQL_STAGE;
	hs_postgresql_begin_sql(s, "CREATE TEMPORARY TABLE hookspool_rows ON COMMIT DROP AS SELECT ");
	hs_postgresql_put_columns(s, c->rows);
	hs_postgresql_put(s, " FROM ");
	hs_postgresql_put_table(s, c->rows->table->name);
	hs_postgresql_put(s, " WITH NO DATA");
	result = hs_postgresql_run_sql(s);
	if (result == HS_TARGET_OK) {
		hs_postgresql_begin_sql(s, "COPY " STAGE);
		result = copy(c);
	}
	if (result != HS_TARGET_OK)
		return result;
	s->step = HS_POSTGRESQL_ROWS;
	hs_postgresql_begin_sql(s, "INSERT INTO ");
	hs_postgresql_put_table(s, c->rows->table->name);
	hs_postgresql_put(s, " (");
	hs_postgresql_put_columns(s, c->rows);
	hs_postgresql_put(s, ") SELECT * FROM " STAGE " ON CONFLICT (\"id\") DO ");
	if (update)
		hs_sql_put_update(&s->sql, c->rows, "excluded", '"');
	else
		hs_postgresql_put(s, "NOTHING");
	result = hs_postgresql_ask(s, NULL, 0, &answer);
	if (result == HS_TARGET_OK)
		s->target.inserted = strtoull(PQcmdTuples(answer), NULL, 10);
	PQclear(answer);
	return result == HS_TARGET_OK ? hs_postgresql_run(s, "DROP TABLE " STAGE) : result;
}

/* Bytes of the values of a row, each with a NUL. */
static size_t bytes_of(const struct hs_target_rows *row)
{
	size_t n = row->columns;

	for (size_t i = 0; i < row->columns; i++)
		n += row->value[i].n;
	return n;
}

/* By one statement, in which the server reads each text as a value of its column. */
static enum hs_target_result overwrite_one(struct copy *c)
{
	struct hs_postgresql *s = c->s;
	const struct hs_target_rows *row = c->rows;
	const char **value = calloc(row->columns, sizeof *value);
	PGresult *answer = NULL;
	enum hs_target_result result;

	hs_buf_reset(&s->data);
	hs_buf_reserve(&s->data, bytes_of(row)); /* at once: the texts do not move */
	hs_postgresql_begin_sql(s, "INSERT INTO ");
	hs_postgresql_put_table(s, row->table->name);
	hs_postgresql_put(s, " (");
	hs_postgresql_put_columns(s, row);
	for (size_t i = 0; i < row->columns && value != NULL; i++) {
		hs_buf_printf(&s->sql, i == 0 ? ") VALUES ($%zu" : ", $%zu", i + 1);
		value[i] = row->value[i].p == NULL || !hs_buf_ok(&s->data) ? NULL : s->data.p + s->data.n;
		hs_buf_put_slice(&s->data, row->value[i]);
		hs_buf_putc(&s->data, '\0');
	}
	hs_postgresql_put(s, ") ON CONFLICT (\"id\") DO ");
	hs_sql_put_update(&s->sql, row, "excluded", '"');
	if (value != NULL && hs_buf_ok(&s->data) && hs_buf_ok(&s->sql)) {
		answer = PQexecParams(s->db, hs_sql_string(&s->sql), (int)row->columns, NULL, value, NULL, NULL, 0);
		result = hs_postgresql_result(s, answer);
	} else {
		result = hs_postgresql_no_memory(s);
	}
	PQclear(answer);
	free((void *)value);
	return result;
}

/* A row that is short is not worth a temporary table: that of a person whose identifies came late, say. */
static enum hs_target_result overwrite(struct copy *c)
{
	bool is_short = c->rows->rows == 1 && c->rows->pieces == NULL && bytes_of(c->rows) < CHUNK;

	return is_short ? overwrite_one(c) : copy_by_stage(c, true);
}

/* Inside a savepoint, so that an error leaves the transaction as it was. */
static enum hs_target_result put_rows(struct hs_target *t, const struct hs_target_rows *rows, bool update)
{
	struct copy c = { (struct hs_postgresql *)t, rows, .type = calloc(rows->columns, sizeof *c.type) };
	enum hs_target_result result, after;

	if (c.type == NULL)
		return hs_postgresql_no_memory(c.s);
	t->state[0] = '\0';
	result = begin_rows(&c, "SAVEPOINT rows");
	if (result == HS_TARGET_OK)
		result = update ? overwrite(&c) : copy_into_table(&c);
	/* 23505: an id is there; 0A000: the table has policies for its rows, which COPY does not keep */
	if (!update && (strcmp(t->state, "23505") == 0 || strcmp(t->state, "0A000") == 0)) {
		result = begin_rows(&c, "ROLLBACK TO rows");
		if (result == HS_TARGET_OK)
			result = copy_by_stage(&c, false);
	}
	free(c.type);
	if (result == HS_TARGET_AWAY)
		return result;
	after = hs_postgresql_run(c.s, result == HS_TARGET_OK ? "RELEASE rows" : "ROLLBACK TO rows; RELEASE rows");
	return result == HS_TARGET_OK || after == HS_TARGET_AWAY ? after : result;
}

enum hs_target_result hs_postgresql_insert(struct hs_target *t, const struct hs_target_rows *rows)
{
	return put_rows(t, rows, false);
}

enum hs_target_result hs_postgresql_upsert(struct hs_target *t, const struct hs_target_rows *rows)
{
	return put_rows(t, rows, true);
}

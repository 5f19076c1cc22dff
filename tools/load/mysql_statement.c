/*
 * The statements of mysql_session.h. A value that is long, or that would make a statement long, is not escaped into its
 * text, but sent beside it: escapes could make it twice as long, and a statement is one packet.
 */
#include "base/array.h"
#include "tools/load/mysql_session.h"
#include "tools/load/sql_text.h"

#include <mariadb/mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	LONG_BYTES = 256 * 1024,   /* of a value that is sent in pieces … */
	PIECE_BYTES = 64 * 1024,   /* … of this size */
	STATEMENT_BYTES = 4 << 20, /* of a text to which no values are added but short ones … */
	SHORT_BYTES = 256,         /* … with fewer bytes than this … */
	PARAMETERS = 60000,        /* … unless there are so many others; the server takes 65,535 */
	PACKET_ROOM = 64,          /* bytes of a packet beside the statement */
};

void hs_mysql_say(struct hs_mysql *m, const char *sql)
{
	hs_buf_reset(&m->sql);
	hs_buf_put_slice(&m->sql, hs_slice_str(sql));
}

void hs_mysql_put_name(struct hs_mysql *m, const char *name)
{
	hs_sql_put_name(&m->sql, hs_slice_str(name), '`');
}

void hs_mysql_put_text(struct hs_mysql *m, struct hs_slice text)
{
	char *to;

	hs_buf_putc(&m->sql, '\'');
	to = hs_buf_reserve(&m->sql, 2 * text.n + 1);
	if (to != NULL)
		m->sql.n += mysql_real_escape_string(m->my, to, text.p, text.n);
	hs_buf_putc(&m->sql, '\'');
}

enum hs_target_result hs_mysql_check_size(struct hs_mysql *m, size_t bytes)
{
	if (m->packet_max == 0 || bytes <= m->packet_max)
		return HS_TARGET_OK;
	snprintf(m->target.message, sizeof m->target.message,
	         "the row is larger than max_allowed_packet of the server, %zu bytes", m->packet_max);
	snprintf(m->target.state, sizeof m->target.state, "%d", ER_NET_PACKET_TOO_LARGE);
	return HS_TARGET_ROW;
}

enum hs_target_result hs_mysql_check_statement(struct hs_mysql *m)
{
	return hs_mysql_check_size(m, m->sql.n + PACKET_ROOM);
}

enum hs_target_result hs_mysql_run(struct hs_mysql *m)
{
	if (!hs_buf_ok(&m->sql))
		return hs_mysql_no_memory(m);
	if (hs_mysql_check_statement(m) != HS_TARGET_OK) {
		snprintf(m->target.message, sizeof m->target.message,
		         "max_allowed_packet of the server, %zu bytes, is less than a statement has; SET GLOBAL "
		         "max_allowed_packet = 16777216",
		         m->packet_max);
		return HS_TARGET_DENIED;
	}
	if (mysql_real_query(m->my, m->sql.p, m->sql.n) != 0)
		return hs_mysql_error(m, mysql_errno(m->my), mysql_error(m->my));
	return HS_TARGET_OK;
}

static bool is_sent_apart(const struct hs_mysql *m, struct hs_slice text)
{
	size_t most = m->packet_max / 2 < STATEMENT_BYTES ? m->packet_max / 2 : STATEMENT_BYTES;

	if (text.n >= LONG_BYTES || hs_target_is_pieces(text))
		return true;
	return text.n >= SHORT_BYTES && m->sql.n + 2 * text.n > most && m->long_count < PARAMETERS;
}

struct hs_slice hs_mysql_to_column(enum hs_column_type type, struct hs_slice value)
{
	if (value.p == NULL)
		return value;
	if (type == HS_COLUMN_TIMESTAMP)
		return hs_slice(value.p, value.n - 1);
	if (type == HS_COLUMN_BOOLEAN)
		return value.p[0] == 't' ? HS_SLICE("1") : HS_SLICE("0");
	return value;
}

bool hs_mysql_put_value(struct hs_mysql *m, struct hs_slice text)
{
	if (!is_sent_apart(m, text)) {
		hs_mysql_put_text(m, text);
		return true;
	}
	if (!HS_ARRAY_ROOM(&m->longs, m->long_count, &m->longs_cap))
		return false;
	m->longs[m->long_count++] = text;
	hs_buf_putc(&m->sql, '?');
	return true;
}

/* The parameter that is sent in pieces. */
struct sending {
	MYSQL_STMT *statement;
	unsigned parameter;
};

static bool send_piece(void *context, struct hs_slice piece)
{
	const struct sending *to = context;

	return mysql_stmt_send_long_data(to->statement, to->parameter, piece.p, piece.n) == 0;
}

/* False: the statement tells why, or memory is out. */
static bool send_long(const struct hs_mysql *m, MYSQL_STMT *statement, unsigned parameter, struct hs_slice value)
{
	struct sending to = { statement, parameter };

	if (hs_target_is_pieces(value))
		return hs_pieces_each(m->pieces, send_piece, &to);
	for (size_t n; value.n > 0; value.p += n, value.n -= n) {
		n = value.n < PIECE_BYTES ? value.n : PIECE_BYTES;
		if (!send_piece(&to, hs_slice(value.p, n)))
			return false;
	}
	return true;
}

/* Prepares what is in m->sql, and runs it with the long values. */
static bool run_prepared(struct hs_mysql *m, MYSQL_STMT *statement, MYSQL_BIND *bind)
{
	for (size_t i = 0; i < m->long_count; i++)
		bind[i].buffer_type = MYSQL_TYPE_STRING;
	if (mysql_stmt_prepare(statement, m->sql.p, m->sql.n) != 0 || mysql_stmt_bind_param(statement, bind) != 0)
		return false;
	for (size_t i = 0; i < m->long_count; i++)
		if (!send_long(m, statement, (unsigned)i, m->longs[i]))
			return false;
	return mysql_stmt_execute(statement) == 0;
}

static enum hs_target_result run_with_longs(struct hs_mysql *m, uint64_t *rows)
{
	MYSQL_STMT *statement = mysql_stmt_init(m->my);
	MYSQL_BIND *bind = calloc(m->long_count, sizeof *bind);
	enum hs_target_result result = HS_TARGET_OK;

	if (statement == NULL || bind == NULL || !hs_buf_ok(&m->sql) ||
	    (!run_prepared(m, statement, bind) && mysql_stmt_errno(statement) == 0))
		result = hs_mysql_no_memory(m);
	else if (mysql_stmt_errno(statement) != 0)
		result = hs_mysql_error(m, mysql_stmt_errno(statement), mysql_stmt_error(statement));
	else
		*rows = mysql_stmt_affected_rows(statement);
	if (statement != NULL)
		mysql_stmt_close(statement);
	free(bind);
	return result;
}

/* The server has a parameter in memory as it has a packet. */
static enum hs_target_result check_values(struct hs_mysql *m)
{
	enum hs_target_result result = hs_mysql_check_statement(m);

	for (size_t i = 0; i < m->long_count && result == HS_TARGET_OK; i++)
		result = hs_mysql_check_size(m, m->longs[i].n + PACKET_ROOM);
	return result;
}

enum hs_target_result hs_mysql_run_values(struct hs_mysql *m, uint64_t *rows)
{
	enum hs_target_result result = check_values(m);
	uint64_t changed = 0;

	if (result == HS_TARGET_OK && m->long_count > 0) {
		result = run_with_longs(m, &changed);
	} else if (result == HS_TARGET_OK) {
		result = hs_mysql_run(m);
		changed = mysql_affected_rows(m->my);
	}
	m->long_count = 0;
	if (rows != NULL)
		*rows = changed;
	return result;
}

enum hs_target_result hs_mysql_rows(struct hs_mysql *m, bool (*each)(void *context, const struct hs_slice *value),
                                    void *context)
{
	enum hs_target_result result = hs_mysql_run(m);
	MYSQL_RES *rows = result == HS_TARGET_OK ? mysql_use_result(m->my) : NULL;
	unsigned columns = rows != NULL ? mysql_num_fields(rows) : 0;
	struct hs_slice *value = calloc(columns + 1, sizeof *value);
	MYSQL_ROW row;

	if (result == HS_TARGET_OK && rows == NULL)
		result = hs_mysql_error(m, mysql_errno(m->my), mysql_error(m->my));
	if (value == NULL)
		result = hs_mysql_no_memory(m);
	while (result == HS_TARGET_OK && (row = mysql_fetch_row(rows)) != NULL) {
		const unsigned long *length = mysql_fetch_lengths(rows);

		for (unsigned i = 0; i < columns; i++)
			value[i] = row[i] != NULL ? hs_slice(row[i], length[i]) : HS_SLICE_NONE;
		if (!each(context, value))
			result = hs_mysql_no_memory(m);
	}
	if (result == HS_TARGET_OK) /* the rows came while they were fetched */
		result = hs_mysql_error(m, mysql_errno(m->my), mysql_error(m->my));
	mysql_free_result(rows); /* and those that were not */
	free(value);
	return result;
}

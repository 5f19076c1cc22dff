/*
 * target_sqlite: a file of SQLite 3: sqlite:/var/lib/hookspool/warehouse.db.
 *
 * A time is text in UTC in a column of the type TIMESTAMP TEXT, whose affinity is that of text
 * (https://www.sqlite.org/datatype3.html, 3.1). WAL, so that readers never wait for the loader; FULL, so that
 * a commit is on stable storage; secure_delete, so that what was erased is gone from the file.
 */
#include "tools/load/sql_text.h"
#include "tools/load/sqlite_session.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	LONG_BYTES = 4 << 20,                                                          /* of a row */
	OPEN_FLAGS = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, /* the loader is one thread */
};

/* Pages of 8 KB, in a new file, halve the system calls; the cache holds a batch, so that it writes no page twice. */
static const char pragmas[] = "PRAGMA page_size = 8192; PRAGMA cache_size = -10240; PRAGMA journal_mode = WAL; "
			      "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON";

static const char position_table[] =
    "(name TEXT PRIMARY KEY, spool TEXT, number INTEGER, \"offset\" INTEGER, edit INTEGER, "
    "before TEXT, records INTEGER, rest INTEGER, saved_at TIMESTAMP TEXT, segments_gone INTEGER, lines_damaged "
    "INTEGER, newest_ms INTEGER)";
static const char names_table[] = "(table_name TEXT, name TEXT, path TEXT, PRIMARY KEY (table_name, name))";

static enum hs_target_result make_own_tables(struct hs_sqlite *s)
{
	static const struct {
		const char *name, *columns;
	} own[] = { { "hookspool_load", position_table }, { "hookspool_names", names_table } };
	enum hs_target_result result = HS_TARGET_OK;

	for (size_t i = 0; i < 2 && result == HS_TARGET_OK; i++) {
		hs_buf_reset(&s->sql);
		hs_buf_printf(&s->sql, "CREATE TABLE IF NOT EXISTS \"%s%s\" %s", s->target.prefix, own[i].name,
		              own[i].columns);
		result = hs_buf_ok(&s->sql) ? hs_sqlite_run(s, hs_sql_string(&s->sql)) : hs_sqlite_out_of_memory(s);
	}
	return result;
}

static enum hs_target_result look_for_count(struct hs_target *t, const char *column)
{
	struct hs_sqlite *s = hs_sqlite_of(t);
	sqlite3_stmt *statement;
	enum hs_target_result result;

	hs_buf_reset(&s->sql);
	hs_buf_printf(&s->sql, "SELECT l.%s FROM \"%shookspool_load\" l", column, t->prefix);
	result = hs_sqlite_prepare(s, &statement);
	sqlite3_finalize(statement);
	return result;
}

static enum hs_target_result add_count(struct hs_target *t, const char *column)
{
	struct hs_sqlite *s = hs_sqlite_of(t);
	enum hs_target_result result;

	hs_buf_reset(&s->sql);
	hs_buf_printf(&s->sql, "ALTER TABLE \"%shookspool_load\" ADD COLUMN %s INTEGER", t->prefix, column);
	result = hs_buf_ok(&s->sql) ? hs_sqlite_run(s, hs_sql_string(&s->sql)) : hs_sqlite_out_of_memory(s);
	if (result == HS_TARGET_BROKEN && strstr(t->message, "duplicate column name") != NULL)
		return HS_TARGET_OK; /* another loader was first */
	return result;
}

static void disconnect(struct hs_target *t)
{
	struct hs_sqlite *s = hs_sqlite_of(t);

	hs_sqlite_empty_wal(s, HS_TARGET_LOCK_MS);
	sqlite3_close_v2(s->db);
	s->db = NULL;
}

/* Opens the file without making or changing anything; one that is not there is an empty database. */
static enum hs_target_result look_at(struct hs_sqlite *s, const char *path)
{
	int code = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READONLY, NULL);

	if (code == SQLITE_CANTOPEN && sqlite3_system_errno(s->db) == ENOENT) {
		sqlite3_close_v2(s->db);
		code = sqlite3_open_v2(":memory:", &s->db, SQLITE_OPEN_READWRITE, NULL);
	}
	if (code == SQLITE_OK)
		sqlite3_busy_timeout(s->db, HS_TARGET_LOCK_MS);
	return hs_sqlite_result(s, code);
}

/* A file that is not there is made for the owner alone, as the spool is; SQLite gives its WAL the same mode. */
static enum hs_target_result open_file(struct hs_sqlite *s, const char *path)
{
	mode_t mask = umask(0177);
	enum hs_target_result result = hs_sqlite_result(s, sqlite3_open_v2(path, &s->db, OPEN_FLAGS, NULL));

	umask(mask);
	if (result != HS_TARGET_OK)
		return result;
	sqlite3_busy_timeout(s->db, HS_TARGET_LOCK_MS);
	result = hs_sqlite_run(s, pragmas);
	if (result != HS_TARGET_OK)
		return result;
	s->wal_holds_erased = true; /* an earlier run may have ended before it could empty it */
	hs_sqlite_empty_wal(s, 0);
	return make_own_tables(s);
}

static enum hs_target_result connect_to(struct hs_target *t)
{
	struct hs_sqlite *s = hs_sqlite_of(t);
	const char *path = strchr(t->url, ':') + 1;
	enum hs_target_result result;

	s->small_cache = false;
	result = t->look_only ? look_at(s, path) : open_file(s, path);
	if (result == HS_TARGET_OK)
		result = hs_target_add_counts(t, look_for_count, add_count);
	if (result != HS_TARGET_OK)
		disconnect(t);
	return result;
}

/* --- transactions ------------------------------------------------------------------------ */

static enum hs_target_result begin(struct hs_target *t, struct hs_target_position *at)
{
	struct hs_sqlite *s = hs_sqlite_of(t);
	sqlite3_stmt *statement;
	enum hs_target_result result = hs_sqlite_begin(s);

	*at = (struct hs_target_position){ .found = false };
	if (result != HS_TARGET_OK)
		return result;
	hs_buf_reset(&s->sql);
	hs_buf_printf(&s->sql,
	              "SELECT spool, number, \"offset\", edit, before, records, rest, %s FROM \"%shookspool_load\" "
	              "WHERE name = ?1",
	              t->counts, t->prefix);
	result = hs_sqlite_prepare(s, &statement);
	if (result == HS_TARGET_OK) {
		sqlite3_bind_text(statement, 1, t->name, -1, SQLITE_STATIC);
		int code = sqlite3_step(statement);

		result = hs_sqlite_result(s, code);
		if (code == SQLITE_ROW) {
			at->found = true;
			snprintf(at->spool, sizeof at->spool, "%s", hs_sqlite_text(statement, 0));
			at->number = (uint64_t)sqlite3_column_int64(statement, 1);
			at->offset = (uint64_t)sqlite3_column_int64(statement, 2);
			at->edit = (uint64_t)sqlite3_column_int64(statement, 3);
			at->before = strtoull(hs_sqlite_text(statement, 4), NULL, 16);
			at->records = (uint64_t)sqlite3_column_int64(statement, 5);
			at->rest = (uint64_t)sqlite3_column_int64(statement, 6);
			at->gone = (uint64_t)sqlite3_column_int64(statement, 7);
			at->damaged = (uint64_t)sqlite3_column_int64(statement, 8);
			at->newest_ms = (uint64_t)sqlite3_column_int64(statement, 9);
		}
	}
	sqlite3_finalize(statement);
	if (result == HS_TARGET_CATALOGUE && t->look_only)
		return HS_TARGET_OK;
	if (result != HS_TARGET_OK)
		hs_sqlite_run(s, "ROLLBACK");
	return result;
}

static void rollback(struct hs_target *t)
{
	if (hs_sqlite_of(t)->db != NULL && !sqlite3_get_autocommit(hs_sqlite_of(t)->db))
		sqlite3_exec(hs_sqlite_of(t)->db, "ROLLBACK", NULL, NULL, NULL);
}

static enum hs_target_result commit(struct hs_target *t)
{
	struct hs_sqlite *s = hs_sqlite_of(t);
	enum hs_target_result result = hs_sqlite_run(s, "COMMIT");

	if (result == HS_TARGET_OK)
		hs_sqlite_empty_wal(s, 0);
	return result;
}

static void tidy(struct hs_target *t)
{
	hs_sqlite_empty_wal(hs_sqlite_of(t), 0);
}

static enum hs_target_result set_position(struct hs_target *t, const struct hs_target_position *at)
{
	typedef unsigned long long ull;
	struct hs_sqlite *s = hs_sqlite_of(t);

	hs_buf_reset(&s->sql);
	hs_buf_printf(&s->sql,
	              "INSERT OR REPLACE INTO \"%shookspool_load\" (name, spool, number, \"offset\", edit, before, "
	              "records, rest, " HS_TARGET_COUNTS ", saved_at) VALUES (",
	              t->prefix);
	hs_sql_put_text(&s->sql, hs_slice_str(t->name));
	hs_buf_printf(&s->sql,
	              ", '%s', %llu, %llu, %llu, '%016llx', %llu, %llu, %llu, %llu, %llu, "
	              "strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', 'now'))",
	              at->spool, (ull)at->number, (ull)at->offset, (ull)at->edit, (ull)at->before, (ull)at->records,
	              (ull)at->rest, (ull)at->gone, (ull)at->damaged, (ull)at->newest_ms);
	return hs_buf_ok(&s->sql) ? hs_sqlite_run(s, hs_sql_string(&s->sql)) : hs_sqlite_out_of_memory(s);
}

static enum hs_target_result is_alone(struct hs_target *t, bool *alone)
{
	struct hs_sqlite *s = hs_sqlite_of(t);
	sqlite3_stmt *statement;
	enum hs_target_result result;

	hs_buf_reset(&s->sql);
	hs_buf_printf(&s->sql, "SELECT 1 FROM \"%shookspool_load\" WHERE name <> ?1 LIMIT 1", t->prefix);
	result = hs_sqlite_prepare(s, &statement);
	if (result == HS_TARGET_OK) {
		int code;

		sqlite3_bind_text(statement, 1, t->name, -1, SQLITE_STATIC);
		code = sqlite3_step(statement);
		*alone = code == SQLITE_DONE;
		result = hs_sqlite_result(s, code);
	}
	sqlite3_finalize(statement);
	return result;
}

/* --- rows ---------------------------------------------------------------------------------- */

/*
 * Reads a literal with a point, no exponent and at most 14 digits: digits and power of ten are exact doubles, so their
 * quotient is the double nearest to it. False: it is another.
 */
static bool is_short_decimal(struct hs_slice text, double *number)
{
	static const double powers[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14 };
	bool negative = text.n > 0 && text.p[0] == '-';
	int64_t digits = 0;
	size_t point = text.n;

	if (text.n > 15)
		return false;
	for (size_t i = negative; i < text.n; i++) {
		if (text.p[i] == '.' && point == text.n)
			point = i;
		else if (hs_is_digit(text.p[i]))
			digits = 10 * digits + (text.p[i] - '0');
		else
			return false;
	}
	if (point == text.n)
		return false;
	*number = (double)digits / powers[text.n - point - 1];
	*number = negative ? -*number : *number;
	return true;
}

/* A whole number binds as 64 bits, any other as a double: hs_value_text has checked that it returns as it was. */
static int bind_number(sqlite3_stmt *statement, int at, struct hs_slice text)
{
	char literal[1100], *end;
	long long whole;
	double number;

	if (is_short_decimal(text, &number))
		return sqlite3_bind_double(statement, at, number);
	snprintf(literal, sizeof literal, "%.*s", (int)text.n, text.p);
	errno = 0;
	whole = strtoll(literal, &end, 10);
	if (*end == '\0' && errno == 0 && strcmp(literal, "-0") != 0)
		return sqlite3_bind_int64(statement, at, whole);
	return sqlite3_bind_double(statement, at, strtod(literal, NULL));
}

static int bind(sqlite3_stmt *statement, int at, enum hs_column_type type, struct hs_slice value)
{
	if (value.p == NULL)
		return sqlite3_bind_null(statement, at);
	if (type == HS_COLUMN_BOOLEAN)
		return sqlite3_bind_int(statement, at, value.p[0] == 't');
	if (type == HS_COLUMN_NUMBER)
		return bind_number(statement, at, value);
	return sqlite3_bind_text64(statement, at, value.p, value.n, SQLITE_STATIC, SQLITE_UTF8);
}

/* INSERT … ON CONFLICT ("id" COLLATE BINARY) DO …: what another unique index refuses is an error, not the same row. */
static void put_insert(struct hs_buf *sql, const struct hs_target_rows *rows, bool update)
{
	hs_sql_put_insert(sql, rows, '"');
	hs_buf_put_slice(sql, HS_SLICE(" VALUES ("));
	for (size_t i = 0; i < rows->columns; i++)
		hs_buf_put_slice(sql, i == 0 ? HS_SLICE("?") : HS_SLICE(", ?"));
	hs_buf_put_slice(sql, HS_SLICE(") ON CONFLICT (\"id\" COLLATE BINARY) DO "));
	if (update)
		hs_sql_put_update(sql, rows, "excluded", '"');
	else
		hs_buf_put_slice(sql, HS_SLICE("NOTHING"));
}

/* Binds a row's values, but for those that are the same in `before`, the row bound last; NULL: there is none. */
static int bind_row(sqlite3_stmt *statement, const struct hs_target_rows *rows, const struct hs_slice *value,
                    const struct hs_slice *before)
{
	int code = SQLITE_OK;

	for (size_t i = 0; i < rows->columns && code == SQLITE_OK; i++)
		if (before == NULL || (value[i].p == NULL) != (before[i].p == NULL) ||
		    !hs_slice_eq(value[i], before[i]))
			code = bind(statement, (int)i + 1, rows->table->column[rows->column[i]].type, value[i]);
	return code;
}

static enum hs_target_result put_rows(struct hs_sqlite *s, const struct hs_target_rows *rows, bool update)
{
	sqlite3_stmt *statement;
	sqlite3_int64 before = sqlite3_total_changes64(s->db);
	enum hs_target_result result;
	int code = SQLITE_DONE;

	hs_buf_reset(&s->sql);
	put_insert(&s->sql, rows, update);
	result = hs_sqlite_prepare(s, &statement);
	for (size_t row = 0; row < rows->rows && result == HS_TARGET_OK && code == SQLITE_DONE; row++) {
		const struct hs_slice *value = rows->value + row * rows->columns;

		code = bind_row(statement, rows, value, row > 0 ? value - rows->columns : NULL);
		if (code == SQLITE_OK)
			code = sqlite3_step(statement);
		sqlite3_reset(statement);
	}
	if (result == HS_TARGET_OK)
		result = hs_sqlite_result(s, code);
	sqlite3_finalize(statement);
	s->target.inserted = (uint64_t)(sqlite3_total_changes64(s->db) - before);
	return result;
}

/* SQLite takes a text as a whole, and copies it into its record. */
static enum hs_target_result put_whole(struct hs_sqlite *s, const struct hs_target_rows *row, bool update)
{
	struct hs_slice *value = malloc(row->columns * sizeof *value);
	struct hs_target_rows whole = *row;
	struct hs_buf text = { 0 };
	enum hs_target_result result;
	size_t n = 0;

	for (size_t i = 0; i < row->columns; i++)
		n += hs_target_is_pieces(row->value[i]) ? row->value[i].n : 0;
	hs_buf_reserve(&text, n + 1); /* at once: a buffer that grows is twice in memory for a moment */
	if (value == NULL || !hs_pieces_put(row->pieces, &text)) {
		result = hs_sqlite_out_of_memory(s);
	} else {
		for (size_t i = 0; i < row->columns; i++)
			value[i] = hs_target_is_pieces(row->value[i]) ? hs_buf_slice(&text) : row->value[i];
		whole.value = value;
		whole.pieces = NULL;
		result = put_rows(s, &whole, update);
	}
	hs_buf_free(&text);
	free(value);
	return result;
}

/* The pages of a long row are read and written once, in order; the cache would only hold another copy of it. */
static void fit_cache(struct hs_sqlite *s, bool is_long)
{
	if (is_long == s->small_cache)
		return;
	s->small_cache = is_long;
	hs_sqlite_run(s, s->small_cache ? "PRAGMA cache_size = -1024" : "PRAGMA cache_size = -10240");
#ifdef __GLIBC__
	if (is_long)
		malloc_trim(0); /* they lie among others */
#endif
}

/* Inside a savepoint, so that an error leaves the transaction as it was. */
static enum hs_target_result put_all_or_none(struct hs_target *t, const struct hs_target_rows *rows, bool update)
{
	struct hs_sqlite *s = hs_sqlite_of(t);
	enum hs_target_result result;
	size_t bytes = 0;

	for (size_t i = 0; rows->rows == 1 && i < rows->columns; i++)
		bytes += rows->value[i].n;
	fit_cache(s, bytes > LONG_BYTES);
	result = hs_sqlite_run(s, "SAVEPOINT rows");
	if (result != HS_TARGET_OK)
		return result;
	result = hs_sqlite_check_transaction(s, rows->pieces != NULL ? put_whole(s, rows, update)
	                                                             : put_rows(s, rows, update));
	if (result != HS_TARGET_OK)
		sqlite3_exec(s->db, "ROLLBACK TO rows", NULL, NULL, NULL);
	sqlite3_exec(s->db, "RELEASE rows", NULL, NULL, NULL);
	return result;
}

static enum hs_target_result insert(struct hs_target *t, const struct hs_target_rows *rows)
{
	return put_all_or_none(t, rows, false);
}

static enum hs_target_result upsert(struct hs_target *t, const struct hs_target_rows *rows)
{
	return put_all_or_none(t, rows, true);
}

/*
 * A result's value as hs_value_fits writes it; `number` is room for a double's, whose digits SQLite's own text
 * would lose.
 */
static struct hs_slice value_at(sqlite3_stmt *statement, int at, enum hs_column_type type,
                                char number[static HS_DOUBLE_TEXT])
{
	if (sqlite3_column_type(statement, at) == SQLITE_NULL)
		return HS_SLICE_NONE;
	if (type == HS_COLUMN_BOOLEAN)
		return sqlite3_column_int(statement, at) != 0 ? HS_SLICE("true") : HS_SLICE("false");
	if (sqlite3_column_type(statement, at) == SQLITE_FLOAT) {
		hs_value_double_text(sqlite3_column_double(statement, at), number);
		return hs_slice_str(number);
	}
	const char *text = hs_sqlite_text(statement, at);

	return hs_slice(text, (size_t)sqlite3_column_bytes(statement, at));
}

/* Runs the SELECT in s->sql, with these values for ?1, ?2 … */
static enum hs_target_result fetch(struct hs_sqlite *s, const struct hs_target_table *table, const size_t *column,
                                   size_t columns, const struct hs_slice *value, size_t values,
                                   bool (*each)(void *context, const struct hs_slice *value), void *context)
{
	struct hs_slice *found = calloc(columns + 1, sizeof *found);
	char(*number)[HS_DOUBLE_TEXT] = calloc(columns + 1, sizeof *number);
	sqlite3_stmt *statement = NULL;
	enum hs_target_result result;
	int code;

	result = found == NULL || number == NULL ? hs_sqlite_out_of_memory(s) : hs_sqlite_prepare(s, &statement);
	if (result == HS_TARGET_OK) {
		for (size_t i = 0; i < values; i++)
			sqlite3_bind_text64(statement, (int)i + 1, value[i].p, value[i].n, SQLITE_STATIC, SQLITE_UTF8);
		while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
			for (size_t i = 0; i < columns; i++)
				found[i] = value_at(statement, (int)i, table->column[column[i]].type, number[i]);
			if (!each(context, found))
				break;
		}
		result = code == SQLITE_ROW ? hs_sqlite_out_of_memory(s) : hs_sqlite_result(s, code);
	}
	sqlite3_finalize(statement);
	free(found);
	free(number);
	return result;
}

static enum hs_target_result select_rows(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                         size_t columns, const struct hs_target_where *where,
                                         bool (*each)(void *context, const struct hs_slice *value), void *context)
{
	struct hs_sqlite *s = hs_sqlite_of(t);

	if (where->is_long)
		fit_cache(s, true);
	hs_buf_reset(&s->sql);
	hs_sql_put_select(&s->sql, table, column, columns, where->lengths_from, '"');
	hs_sqlite_put_where(s, where->key, where->values);
	return fetch(s, table, column, columns, where->value, where->values, each, context);
}

static enum hs_target_result scan(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                  size_t columns, struct hs_slice after, size_t rows,
                                  bool (*each)(void *context, const struct hs_slice *value), void *context)
{
	struct hs_sqlite *s = hs_sqlite_of(t);

	hs_buf_reset(&s->sql);
	hs_sql_put_scan(&s->sql, table, column, columns, after.p != NULL, HS_SQLITE_BYTES, '"');
	hs_buf_put_slice(&s->sql, after.p != NULL ? HS_SLICE("?1") : HS_SLICE(""));
	hs_sql_put_scan_end(&s->sql, table->column[column[0]].name, rows, HS_SQLITE_BYTES, '"');
	return fetch(s, table, column, columns, &after, after.p != NULL, each, context);
}

static enum hs_target_result update(struct hs_target *t, const struct hs_target_rows *row)
{
	struct hs_sqlite *s = hs_sqlite_of(t);
	sqlite3_stmt *statement;
	enum hs_target_result result;

	hs_buf_reset(&s->sql);
	hs_buf_put_slice(&s->sql, HS_SLICE("UPDATE "));
	hs_sql_put_name(&s->sql, hs_slice_str(row->table->name), '"');
	for (size_t i = 1; i < row->columns; i++) {
		hs_buf_put_slice(&s->sql, i == 1 ? HS_SLICE(" SET ") : HS_SLICE(", "));
		hs_sql_put_name(&s->sql, hs_slice_str(row->table->column[row->column[i]].name), '"');
		hs_buf_printf(&s->sql, " = ?%zu", i + 1);
	}
	hs_sqlite_put_where(s, "id", 1);
	result = hs_sqlite_prepare(s, &statement);
	if (result != HS_TARGET_OK)
		return result;
	for (size_t i = 0; i < row->columns && result == HS_TARGET_OK; i++)
		result = hs_sqlite_result(
		    s, bind(statement, (int)i + 1, row->table->column[row->column[i]].type, row->value[i]));
	if (result == HS_TARGET_OK)
		result = hs_sqlite_result(s, sqlite3_step(statement));
	sqlite3_finalize(statement);
	return result;
}

static enum hs_target_result erase(struct hs_target *t, const struct hs_target_table *table, const char *key,
                                   struct hs_slice value, const struct hs_target_limits *limits, uint64_t *gone)
{
	struct hs_slice until = limits->until;
	struct hs_sqlite *s = hs_sqlite_of(t);
	sqlite3_stmt *statement;
	enum hs_target_result result;

	hs_buf_reset(&s->sql);
	hs_buf_put_slice(&s->sql, HS_SLICE("DELETE FROM "));
	hs_sql_put_name(&s->sql, hs_slice_str(table->name), '"');
	hs_sqlite_put_where(s, key, 1);
	hs_buf_put_slice(&s->sql,
	                 until.p != NULL ? HS_SLICE(" AND (\"uuid_ts\" <= ?2 OR \"uuid_ts\" IS NULL)") : HS_SLICE(""));
	if (limits->without_user)
		hs_buf_put_slice(&s->sql, HS_SLICE(" AND length(coalesce(\"user_id\", '')) = 0"));
	result = hs_sqlite_prepare(s, &statement);
	if (result != HS_TARGET_OK)
		return result;
	sqlite3_bind_text64(statement, 1, value.p, value.n, SQLITE_STATIC, SQLITE_UTF8);
	if (until.p != NULL)
		sqlite3_bind_text64(statement, 2, until.p, until.n, SQLITE_STATIC, SQLITE_UTF8);
	result = hs_sqlite_result(s, sqlite3_step(statement));
	sqlite3_finalize(statement);
	s->wal_holds_erased = s->wal_holds_erased || limits->person;
	if (result == HS_TARGET_OK)
		*gone += (uint64_t)sqlite3_changes64(s->db);
	return result;
}

static void free_target(struct hs_target *t)
{
	disconnect(t);
	hs_buf_free(&hs_sqlite_of(t)->sql);
	free(t);
}

static const struct hs_target_ops ops = {
	.name = "sqlite",
	.numbers = HS_NUMBER_SQLITE,
	.ddl_rolls_back = true,
	.columns_max = 2000,
	.reserved = "sqlite_",
	.whole_texts = true,
	.mend_id = { "CREATE UNIQUE INDEX \"", "_id\" ON \"", "\" (id COLLATE BINARY)" },
	.parse = hs_sqlite_parse,
	.connect = connect_to,
	.disconnect = disconnect,
	.tables = hs_sqlite_tables,
	.stamp = hs_sqlite_stamp,
	.make_table = hs_sqlite_make_table,
	.add_columns = hs_sqlite_add_columns,
	.note_name = hs_sqlite_note_name,
	.begin = begin,
	.insert = insert,
	.upsert = upsert,
	.select = select_rows,
	.scan = scan,
	.erase = erase,
	.retype_begin = hs_sqlite_retype_begin,
	.update = update,
	.retype_end = hs_sqlite_retype_end,
	.is_alone = is_alone,
	.set_position = set_position,
	.commit = commit,
	.tidy = tidy,
	.rollback = rollback,
	.free = free_target,
};

struct hs_target *hs_target_sqlite_new(void)
{
	struct hs_sqlite *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->target.ops = &ops;
	return &s->target;
}

#include "tools/load/sqlite_session.h"
#include "tools/load/sql_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct hs_sqlite *hs_sqlite_of(struct hs_target *t)
{
	return (struct hs_sqlite *)t;
}

bool hs_sqlite_parse(struct hs_target *t, const char **why)
{
	const char *path = strchr(t->url, ':') + 1;

	*why = "expected sqlite:/PATH, the path of a file, since a database without one is gone when the loader ends";
	return path[0] != '\0' && strcmp(path, ":memory:") != 0;
}

static enum hs_target_result meaning(int code, const char *message)
{
	switch (code & 0xFF) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return HS_TARGET_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return HS_TARGET_AGAIN;
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_NOMEM: return HS_TARGET_FULL;
	case SQLITE_SCHEMA: return HS_TARGET_CATALOGUE;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG: return HS_TARGET_ROW;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY: return HS_TARGET_DENIED;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT: return HS_TARGET_UNFIT;
	case SQLITE_ERROR:
		return strstr(message, "no such table") != NULL || strstr(message, "no such column") != NULL ||
		               strstr(message, "has no column named") != NULL ||
		               strstr(message, "already exists") != NULL
		           ? HS_TARGET_CATALOGUE
		           : HS_TARGET_BROKEN;
	default: return HS_TARGET_BROKEN;
	}
}

/* Appends why a file could not be opened, if the system has told, or what to do about what is in it. */
static void note_cause(struct hs_sqlite *s, int code)
{
	const char *remedy = (code & 0xFF) == SQLITE_NOTADB    ? "; name another file, or move this one away"
	                     : (code & 0xFF) == SQLITE_CORRUPT ? "; restore it, or move it away: a new one is loaded "
	                                                         "with all that the spool has"
	                                                       : "";
	int why = (code & 0xFF) == SQLITE_CANTOPEN && s->db != NULL ? sqlite3_system_errno(s->db) : 0;
	size_t n = strlen(s->target.message);

	snprintf(s->target.message + n, sizeof s->target.message - n, "%s", remedy);
	if (why != 0)
		snprintf(s->target.message + n, sizeof s->target.message - n, ": %s%s", strerror(why),
		         why == ENOENT ? ": make its folder, for the user who runs this" : "");
}

enum hs_target_result hs_sqlite_result(struct hs_sqlite *s, int code)
{
	enum hs_target_result result = meaning(code, s->db != NULL ? sqlite3_errmsg(s->db) : "");

	if (result != HS_TARGET_OK) {
		snprintf(s->target.message, sizeof s->target.message, "%s",
		         s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(code));
		note_cause(s, code);
		snprintf(s->target.state, sizeof s->target.state, "%d", code & 0xFF);
	}
	return result;
}

enum hs_target_result hs_sqlite_check_transaction(struct hs_sqlite *s, enum hs_target_result result)
{
	char said[256];

	if (result != HS_TARGET_ROW || sqlite3_get_autocommit(s->db) == 0)
		return result;
	snprintf(said, sizeof said, "%.255s", s->target.message);
	snprintf(s->target.message, sizeof s->target.message,
	         "%s: a trigger or a constraint refuses this row by ROLLBACK, which undoes all others, too; let it say "
	         "ABORT instead",
	         said);
	return HS_TARGET_DENIED;
}

enum hs_target_result hs_sqlite_out_of_memory(struct hs_sqlite *s)
{
	/* not what SQLite says, which knows of no error */
	snprintf(s->target.message, sizeof s->target.message, "%s", sqlite3_errstr(SQLITE_NOMEM));
	snprintf(s->target.state, sizeof s->target.state, "%d", SQLITE_NOMEM);
	return HS_TARGET_FULL;
}

enum hs_target_result hs_sqlite_run(struct hs_sqlite *s, const char *sql)
{
	return hs_sqlite_result(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

enum hs_target_result hs_sqlite_begin(struct hs_sqlite *s)
{
	int moved = 0;

	if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0) {
		snprintf(s->target.message, sizeof s->target.message,
		         "the file has been moved, removed or replaced while it was open");
		return HS_TARGET_AWAY;
	}
	return hs_sqlite_run(s, s->target.look_only ? "BEGIN" : "BEGIN IMMEDIATE");
}

enum hs_target_result hs_sqlite_prepare(struct hs_sqlite *s, sqlite3_stmt **statement)
{
	*statement = NULL;
	if (!hs_buf_ok(&s->sql))
		return hs_sqlite_out_of_memory(s);
	return hs_sqlite_result(s, sqlite3_prepare_v2(s->db, s->sql.p, (int)s->sql.n, statement, NULL));
}

static void put_list(struct hs_sqlite *s, size_t values)
{
	for (size_t i = 1; i <= values; i++)
		hs_buf_printf(&s->sql, "%s?%zu", i > 1 ? ", " : "", i);
	hs_buf_putc(&s->sql, ')');
}

/* A number goes by its text: the column would take "7.0" for 7. But a 7 of a column of doubles has the text 7.0. */
void hs_sqlite_put_where(struct hs_sqlite *s, const char *key, size_t values)
{
	if (values == 0) {
		hs_sql_put_where_null(&s->sql, key, '"');
		return;
	}
	hs_sql_put_where(&s->sql, key, '"');
	put_list(s, values);
	hs_buf_put_slice(&s->sql, HS_SLICE(" AND (typeof("));
	hs_sql_put_name(&s->sql, hs_slice_str(key), '"');
	hs_buf_put_slice(&s->sql, HS_SLICE(") = 'real' OR CAST("));
	hs_sql_put_name(&s->sql, hs_slice_str(key), '"');
	hs_buf_put_slice(&s->sql, HS_SLICE(" AS TEXT)" HS_SQLITE_BYTES " IN ("));
	put_list(s, values);
	hs_buf_putc(&s->sql, ')');
}

const char *hs_sqlite_text(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text != NULL ? text : "";
}

void hs_sqlite_empty_wal(struct hs_sqlite *s, int wait_ms)
{
	int code;

	if (s->db == NULL || !s->wal_holds_erased)
		return;
	sqlite3_busy_timeout(s->db, wait_ms);
	code = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_busy_timeout(s->db, HS_TARGET_LOCK_MS);
	s->wal_holds_erased = code != SQLITE_OK;
}

/*
 * sqlite_session: the connection of target_sqlite, and what its calls share.
 */
#ifndef HS_SQLITE_SESSION_H
#define HS_SQLITE_SESSION_H

#include "base/buf.h"
#include "tools/load/target.h"

#include <sqlite3.h>

struct hs_sqlite {
	struct hs_target target; /* first: both have one address */
	sqlite3 *db;
	struct hs_buf sql;
	bool wal_holds_erased; /* or may: hs_sqlite_empty_wal has still to succeed */
	bool small_cache;      /* for a long row */
};

struct hs_sqlite *hs_sqlite_of(struct hs_target *t);

/* hs_target_ops.parse: refuses what is no file, which SQLite would forget when the loader ends. */
bool hs_sqlite_parse(struct hs_target *t, const char **why);

/* The meaning of a result code; notes SQLite's message if it is an error. */
enum hs_target_result hs_sqlite_result(struct hs_sqlite *s, int code);
enum hs_target_result hs_sqlite_out_of_memory(struct hs_sqlite *s);

/*
 * After an error in a transaction: its meaning, unless the error has ended the transaction, as ROLLBACK of a trigger or
 * a constraint does. Then nothing of it is left, so that no other row of it may count as written: DENIED.
 */
enum hs_target_result hs_sqlite_check_transaction(struct hs_sqlite *s, enum hs_target_result result);

/* Begins a transaction. AWAY if the file is not at its path any more: nobody would read what is written to it then. */
enum hs_target_result hs_sqlite_begin(struct hs_sqlite *s);

/* Runs statements without results. */
enum hs_target_result hs_sqlite_run(struct hs_sqlite *s, const char *sql);

/* Prepares what is in s->sql. */
enum hs_target_result hs_sqlite_prepare(struct hs_sqlite *s, sqlite3_stmt **statement);

#define HS_SQLITE_BYTES " COLLATE BINARY"

/* Puts WHERE key IN (?1, …), for the index, and then by bytes: a key of yours may ignore case. */
void hs_sqlite_put_where(struct hs_sqlite *s, const char *key, size_t values);

/*
 * Empties the WAL if it may hold what was erased; while a reader or another loader needs it, waits for so long. If that
 * was not enough, a later call does it.
 */
void hs_sqlite_empty_wal(struct hs_sqlite *s, int wait_ms);

/* The text of a column, "" for NULL; valid until the next step. */
const char *hs_sqlite_text(sqlite3_stmt *statement, int column);

/* sqlite_catalogue.c: the target's calls about tables and columns. */
enum hs_target_result hs_sqlite_tables(struct hs_target *t,
                                       bool (*each)(void *context, const struct hs_target_table *table), void *context);
enum hs_target_result hs_sqlite_stamp(struct hs_target *t, bool whole, uint64_t *stamp);
enum hs_target_result hs_sqlite_make_table(struct hs_target *t, struct hs_target_table *table);
enum hs_target_result hs_sqlite_add_columns(struct hs_target *t, const char *table, struct hs_target_column *column,
                                            size_t columns);
enum hs_target_result hs_sqlite_retype_begin(struct hs_target *t, const char *table, struct hs_target_column *column,
                                             bool there);
enum hs_target_result hs_sqlite_retype_end(struct hs_target *t, const char *table,
                                           const struct hs_target_column *column);
enum hs_target_result hs_sqlite_note_name(struct hs_target *t, const char *table, const char *name,
                                          struct hs_slice path);

#endif

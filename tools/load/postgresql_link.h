/*
 * postgresql_link: the connection to PostgreSQL: where it may go without TLS, statements, and what the
 * errors mean. Everything here is target_postgresql.c's.
 *
 * All that a statement needs is set in its own transaction, by SET LOCAL, and no prepared statement has a
 * name: so pgbouncer may give each transaction another session.
 */
#ifndef HS_POSTGRESQL_LINK_H
#define HS_POSTGRESQL_LINK_H

#include "base/buf.h"
#include "tools/load/target.h"

#include <libpq-fe.h>

/* The step under way decides which GRANT mends a missing permission. */
enum hs_postgresql_step {
	HS_POSTGRESQL_CONNECT,
	HS_POSTGRESQL_SCHEMA,
	HS_POSTGRESQL_TABLE,
	HS_POSTGRESQL_COLUMNS,
	HS_POSTGRESQL_ROWS,
	HS_POSTGRESQL_STAGE,
};

enum { HS_POSTGRESQL_OWN_TABLE = 80 /* room for the name of a table of ours; a prefix has at most 40 bytes */ };

struct hs_postgresql {
	struct hs_target target; /* first: both have one address */
	PGconn *db;
	enum hs_postgresql_step step;
	const char *table;            /* that the step is about; NULL: none */
	struct hs_target_position at; /* as the last `begin` read it */
	struct hs_buf sql, data;
	char *row;           /* texts of the long row that each() of a select has; NULL: taken over, or none */
	bool checks_at_once; /* the next transaction checks deferred constraints at each statement */
};

/* Begins a transaction; HS_TARGET_LOCK_MS is 500. Times are read as UTC, in ISO 8601. */
#define HS_POSTGRESQL_BEGIN \
	"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = 500; SET LOCAL TimeZone = 'UTC'; " \
	"SET LOCAL DateStyle = 'ISO'; SET LOCAL extra_float_digits = 1"

/* Connects. A host that is no socket and not this machine gets TLS, unless the URL itself names sslmode. */
enum hs_target_result hs_postgresql_open(struct hs_postgresql *s);
void hs_postgresql_close(struct hs_postgresql *s);

/* Sets the target's message and returns FULL: no memory here. */
enum hs_target_result hs_postgresql_no_memory(struct hs_postgresql *s);

/* The meaning of an answer; after an error the target has its message and SQLSTATE. `answer` may be NULL. */
enum hs_target_result hs_postgresql_result(struct hs_postgresql *s, const PGresult *answer);

/* Runs the statements in `sql`, parted by semicolons, and drops their rows. */
enum hs_target_result hs_postgresql_run(struct hs_postgresql *s, const char *sql);

/* Runs s->sql with these texts as $1 …; *answer is to be cleared by PQclear, after an error, too. */
enum hs_target_result hs_postgresql_ask(struct hs_postgresql *s, const struct hs_slice *value, int values,
                                        PGresult **answer);

/* Sends s->sql with these texts; PQgetResult returns a row at a time then, and must be called up to its NULL. */
enum hs_target_result hs_postgresql_send(struct hs_postgresql *s, const struct hs_slice *value, int values);

/*
 * Parts of s->sql: begin, append a text, "name", "schema"."table", "schema"."PREFIXname", the columns of the rows;
 * run it.
 */
void hs_postgresql_begin_sql(struct hs_postgresql *s, const char *sql);
void hs_postgresql_put(struct hs_postgresql *s, const char *sql);
void hs_postgresql_put_name(struct hs_postgresql *s, const char *name);
void hs_postgresql_put_table(struct hs_postgresql *s, const char *table);
void hs_postgresql_put_own_table(struct hs_postgresql *s, const char *name);
void hs_postgresql_put_columns(struct hs_postgresql *s, const struct hs_target_rows *rows);
enum hs_target_result hs_postgresql_run_sql(struct hs_postgresql *s);

/*
 * Begins a transaction that writes rows, unless the target only looks: it waits for that of another loader of these
 * tables. After an error it may have to be rolled back.
 */
enum hs_target_result hs_postgresql_begin(struct hs_postgresql *s);

/* postgresql_catalogue.c: the target's call. */
enum hs_target_result hs_postgresql_stamp(struct hs_target *t, bool whole, uint64_t *stamp);
enum hs_target_result hs_postgresql_tables(struct hs_target *t,
                                           bool (*each)(void *context, const struct hs_target_table *table),
                                           void *context);

#endif

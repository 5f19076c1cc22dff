/*
 * mysql_session: a connection to MariaDB, with its URL, its session settings and the meaning of its errors.
 *
 *	mysql://USER@HOST[:PORT]/DATABASE?socket=/PATH&defaults_file=/PATH&tls=verify
 *
 * All parts may be percent-encoded. A password comes from the options files of MariaDB (~/.my.cnf, or
 * defaults_file) or from hs_target.password. Without tls=…, a host that is neither this machine nor a
 * socket is asked for a certificate that it proves; tls=require asks for encryption alone, tls=off for neither.
 */
#ifndef HS_MYSQL_SESSION_H
#define HS_MYSQL_SESSION_H

#include "base/buf.h"
#include "tools/load/target.h"

#include <mariadb/mysql.h>

struct hs_mysql {
	struct hs_target target; /* first: both have one address */
	MYSQL *my;
	struct hs_buf sql;
	struct hs_slice *longs;         /* the values of the ? in `sql` … */
	const struct hs_pieces *pieces; /* … and of that which is in pieces */
	size_t long_count, longs_cap;
	char *text; /* of the URL, in pieces: */
	char *user, *host, *port, *database, *socket, *defaults_file, *tls;
	const char *collation; /* compares bytes, blanks at the end included */
	bool bulk;             /* the server takes arrays of rows */
	size_t packet_max;     /* bytes of a statement */
	char account[384];     /* 'loader'@'localhost', as GRANT writes it */
	struct hs_target_position begun;
};

static inline struct hs_mysql *hs_mysql_of(struct hs_target *t)
{
	return (struct hs_mysql *)t;
}

/* Takes the URL apart. False: *why tells. */
bool hs_mysql_parse(struct hs_target *t, const char **why);

enum hs_target_result hs_mysql_connect(struct hs_target *t);
void hs_mysql_disconnect(struct hs_target *t);

/* Notes an error, with what mends it, and says what the loader does about it. */
enum hs_target_result hs_mysql_error(struct hs_mysql *m, unsigned code, const char *said);
enum hs_target_result hs_mysql_no_memory(struct hs_mysql *m);

/*
 * Runs the statement in m->sql; its result is still to be fetched. DENIED if it is larger than a packet may be, which
 * only a server that takes less than 1 MB can say of a statement without values.
 */
enum hs_target_result hs_mysql_run(struct hs_mysql *m);
/*
 * Runs a statement whose values were put by hs_mysql_put_value; *rows, unless it is NULL, is how many it changed. It is
 * ROW if the statement or one of its values is larger than a packet may be.
 */
enum hs_target_result hs_mysql_run_values(struct hs_mysql *m, uint64_t *rows);
/*
 * Runs it, and calls each() with its rows, as they come: it runs no other statement; a false from each() ends with
 * FULL. Values: NULL is p == NULL.
 */
enum hs_target_result hs_mysql_rows(struct hs_mysql *m, bool (*each)(void *context, const struct hs_slice *value),
                                    void *context);

/*
 * A packet that is too large would cost the connection: OK if the server takes so many bytes, or m->sql, in one packet,
 * or ROW.
 */
enum hs_target_result hs_mysql_check_size(struct hs_mysql *m, size_t bytes);
enum hs_target_result hs_mysql_check_statement(struct hs_mysql *m);

/* Replaces what is in m->sql. */
void hs_mysql_say(struct hs_mysql *m, const char *sql);
/* Appends `name`, and 'text' with its escapes. */
void hs_mysql_put_name(struct hs_mysql *m, const char *name);
void hs_mysql_put_text(struct hs_mysql *m, struct hs_slice text);
/*
 * Appends a text for hs_mysql_run_values, until which it must stay: a long one, or any that would make the statement
 * long, is ?, and is sent in pieces. False: out of memory.
 */
bool hs_mysql_put_value(struct hs_mysql *m, struct hs_slice text);
/* A value of hs_value_fits as MariaDB reads it: a time without its Z, a boolean as a digit; NULL is p == NULL. */
struct hs_slice hs_mysql_to_column(enum hs_column_type type, struct hs_slice value);

/* mysql_catalogue.c: the calls of the same names. */
enum hs_target_result hs_mysql_tables(struct hs_target *t,
                                      bool (*each)(void *context, const struct hs_target_table *table), void *context);
enum hs_target_result hs_mysql_stamp(struct hs_target *t, bool whole, uint64_t *stamp);
enum hs_target_result hs_mysql_check_table(struct hs_target *t, struct hs_target_table *table);
enum hs_target_result hs_mysql_make_table(struct hs_target *t, struct hs_target_table *table);
enum hs_target_result hs_mysql_retype_begin(struct hs_target *t, const char *table, struct hs_target_column *column,
                                            bool there);
enum hs_target_result hs_mysql_retype_end(struct hs_target *t, const char *table,
                                          const struct hs_target_column *column);
enum hs_target_result hs_mysql_add_columns(struct hs_target *t, const char *table, struct hs_target_column *column,
                                           size_t columns);

#endif

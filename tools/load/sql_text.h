/*
 * sql_text: the parts of SQL statements that all databases write alike. Pure.
 *
 * `quote` is the character around names: " in SQLite and PostgreSQL, ` in MariaDB. Names are always quoted.
 */
#ifndef HS_SQL_TEXT_H
#define HS_SQL_TEXT_H

#include "base/buf.h"
#include "tools/load/target.h"

/* Ends the text with a NUL that is not part of it. Check hs_buf_ok() before. */
const char *hs_sql_string(struct hs_buf *sql);

/* "name", the quote inside it doubled. */
void hs_sql_put_name(struct hs_buf *sql, struct hs_slice name, char quote);

/* 'text', for constants of ours: names and ids without backslashes. */
void hs_sql_put_text(struct hs_buf *sql, struct hs_slice text);

/* INSERT INTO table (columns) */
void hs_sql_put_insert(struct hs_buf *sql, const struct hs_target_rows *rows, char quote);

/*
 * UPDATE SET column = coalesce(FROM.column, table.column), or if rows->nulls FROM.column alone, for every column but
 * id. `from`: excluded, say.
 */
void hs_sql_put_update(struct hs_buf *sql, const struct hs_target_rows *rows, const char *from, char quote);

/* SELECT columns FROM table; from column `lengths_from` on, unless that is 0, the bytes of texts in their place. */
void hs_sql_put_select(struct hs_buf *sql, const struct hs_target_table *table, const size_t *column, size_t columns,
                       size_t lengths_from, char quote);

/* WHERE key IN (, or WHERE key IS NULL */
void hs_sql_put_where(struct hs_buf *sql, const char *key, char quote);
void hs_sql_put_where_null(struct hs_buf *sql, const char *key, char quote);

/*
 * SELECT … FROM table WHERE first > , but the WHERE only with `after`; then hs_sql_put_scan_end. `collate`: what comes
 * after the name of the first column, so that it is compared by bytes; "": nothing.
 */
void hs_sql_put_scan(struct hs_buf *sql, const struct hs_target_table *table, const size_t *column, size_t columns,
                     bool after, const char *collate, char quote);
void hs_sql_put_scan_end(struct hs_buf *sql, const char *first, size_t rows, const char *collate, char quote);

/* The column by which people are looked up: user_id of identifies, group_id of groups. NULL: another table. */
const char *hs_sql_person_column(const char *prefix, const struct hs_target_table *table);

/* For identifies, groups: ; CREATE INDEX on the column by which people are looked up. Else nothing. */
void hs_sql_put_user_index(struct hs_buf *sql, const char *prefix, const struct hs_target_table *table, char quote);

#endif

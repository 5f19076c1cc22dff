/*
 * mysql_rows: rows of MariaDB: put there, read and erased, as struct hs_target_ops says.
 */
#ifndef HS_MYSQL_ROWS_H
#define HS_MYSQL_ROWS_H

#include "tools/load/mysql_session.h"

enum hs_target_result hs_mysql_insert(struct hs_target *t, const struct hs_target_rows *rows);
enum hs_target_result hs_mysql_upsert(struct hs_target *t, const struct hs_target_rows *rows);
enum hs_target_result hs_mysql_select(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                      size_t columns, const struct hs_target_where *where,
                                      bool (*each)(void *context, const struct hs_slice *value), void *context);
enum hs_target_result hs_mysql_scan(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                    size_t columns, struct hs_slice after, size_t rows,
                                    bool (*each)(void *context, const struct hs_slice *value), void *context);
enum hs_target_result hs_mysql_erase(struct hs_target *t, const struct hs_target_table *table, const char *key,
                                     struct hs_slice value, const struct hs_target_limits *limits, uint64_t *gone);
enum hs_target_result hs_mysql_update(struct hs_target *t, const struct hs_target_rows *row);

#endif

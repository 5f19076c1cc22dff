/*
 * postgresql_rows: rows of PostgreSQL: put there, read and erased, as struct hs_target_ops says.
 */
#ifndef HS_POSTGRESQL_ROWS_H
#define HS_POSTGRESQL_ROWS_H

#include "tools/load/postgresql_link.h"

/* postgresql_copy.c's */
enum hs_target_result hs_postgresql_insert(struct hs_target *t, const struct hs_target_rows *rows);
enum hs_target_result hs_postgresql_upsert(struct hs_target *t, const struct hs_target_rows *rows);

enum hs_target_result hs_postgresql_select(struct hs_target *t, const struct hs_target_table *table,
                                           const size_t *column, size_t columns, const struct hs_target_where *where,
                                           bool (*each)(void *context, const struct hs_slice *value), void *context);
void *hs_postgresql_keep_row(struct hs_target *t);
void hs_postgresql_free_row(void *row);
enum hs_target_result hs_postgresql_scan(struct hs_target *t, const struct hs_target_table *table, const size_t *column,
                                         size_t columns, struct hs_slice after, size_t rows,
                                         bool (*each)(void *context, const struct hs_slice *value), void *context);
enum hs_target_result hs_postgresql_erase(struct hs_target *t, const struct hs_target_table *table, const char *key,
                                          struct hs_slice value, const struct hs_target_limits *limits, uint64_t *gone);

#endif

/*
 * mysql_arrays: many rows in one statement, whose parameters are arrays (STMT_ATTR_ARRAY_SIZE of MariaDB's connector).
 */
#ifndef HS_MYSQL_ARRAYS_H
#define HS_MYSQL_ARRAYS_H

#include "tools/load/mysql_session.h"

/*
 * Inserts those of the rows whose id is not there; m->target.inserted is how many. The table has no other unique index,
 * and no triggers; no value is hs_target_is_pieces(). Results as of struct hs_target_ops's insert.
 */
enum hs_target_result hs_mysql_insert_arrays(struct hs_mysql *m, const struct hs_target_rows *rows);

#endif

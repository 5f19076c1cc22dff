/*
 * column_names: the names of tables and columns, made from the names of a record. Pure.
 *
 * A record that was written with names = verbatim has dots and the sender's spelling; each of its
 * components is turned into snake case first, so that both kinds have the same columns.
 */
#ifndef HS_COLUMN_NAMES_H
#define HS_COLUMN_NAMES_H

#include "base/buf.h"

enum { HS_WAREHOUSE_NAME = 63 /* bytes of a name, in every database */ };

/*
 * Appends the name of a field in warehouse style: itself, or, if it has a dot or a capital letter, its
 * components in snake case, joined by _.
 */
void hs_column_names_put_snake(struct hs_buf *out, struct hs_slice field);

/* Appends a key, dots and all, in snake case. */
void hs_column_names_put_snake_key(struct hs_buf *out, struct hs_slice key);

/*
 * Appends a name, bounded to HS_WAREHOUSE_NAME bytes: a longer one is cut at a character to 54 bytes, then come "_" and
 * eight hex digits of the whole name's SHA-256. A name with characters beyond U+FFFF, which MariaDB does not take in a
 * name, or with half a surrogate pair, which PostgreSQL takes nowhere, loses them and gets the digits, too.
 */
void hs_column_names_put_bounded(struct hs_buf *out, struct hs_slice name);

/* Appends a name as a text that every database takes: with U+FFFD for half a surrogate pair, so as long as it was. */
void hs_column_names_put_whole(struct hs_buf *out, struct hs_slice name);

/* Bounds the name that `out` has from `start` on. */
void hs_column_names_bound(struct hs_buf *out, size_t start);

/*
 * Appends the table of an event, by its name in snake case: that, bounded, with a "_" before it if another table
 * has it.
 */
void hs_column_names_put_table(struct hs_buf *out, struct hs_slice slug);

/* True for the table names that are not those of events: tracks, users, … */
bool hs_column_names_is_table(struct hs_slice name);

#endif

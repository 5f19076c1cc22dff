/*
 * postgresql_types: the types of PostgreSQL whose values we write, and those values in COPY's binary format
 * (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"; what is within a value is that of the
 * server's functions numeric_recv, timestamptz_recv and so on). It spares the server reading texts: times above all.
 * Pure.
 */
#ifndef HS_POSTGRESQL_TYPES_H
#define HS_POSTGRESQL_TYPES_H

#include "tools/load/target.h"

struct hs_postgresql_type {
	unsigned long oid;            /* the same in every database (pg_type.dat) */
	enum hs_column_type column;   /* the values that it takes … */
	enum hs_number_range numbers; /* … and of them these numbers */
	bool any_modifier;            /* else a value might be rounded, as by numeric(10,2) and timestamp(3) */
	bool only_rest;               /* it takes JSON, which is in `_rest` alone */
	char version;                 /* a byte before each value; 0: there is none */
	/* Appends a value with its length. False: the type has no such value. NULL: the value is the text itself. */
	bool (*put)(struct hs_buf *out, struct hs_slice text);
};

/* NULL: a type that we do not write. */
const struct hs_postgresql_type *hs_postgresql_type(unsigned long oid);

/* Before the rows is the signature, before each row its number of columns, after all of them HS_POSTGRESQL_END. */
#define HS_POSTGRESQL_SIGNATURE "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0" /* 19 bytes */
enum { HS_POSTGRESQL_SIGNATURE_BYTES = 19, HS_POSTGRESQL_END = -1 };
void hs_postgresql_put_columns_of_row(struct hs_buf *out, int columns);

/* Appends NULL; or the length of a text of n bytes, after which the caller appends these. */
void hs_postgresql_put_null(struct hs_buf *out);
void hs_postgresql_put_text_length(struct hs_buf *out, const struct hs_postgresql_type *type, size_t n);

#endif

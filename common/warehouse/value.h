/*
 * value: the types of columns, and which values of a record they take. Pure.
 *
 * There is one type for all numbers, so that 39.95 fits after 40. A string is a timestamp only with
 * date, time and zone (RFC 3339). A column's type is that of its first values, and then stays; what does
 * not fit goes into the row's _rest, as the JSON text that was sent.
 */
#ifndef HS_VALUE_H
#define HS_VALUE_H

#include "base/digest.h"
#include "event/record_fields.h"
#include "warehouse/pieces.h"

enum hs_column_type {
	HS_COLUMN_NONE, /* no value so far but null */
	HS_COLUMN_BOOLEAN,
	HS_COLUMN_NUMBER,
	HS_COLUMN_TIMESTAMP,
	HS_COLUMN_TEXT,
	HS_COLUMN_FOREIGN, /* of a table made by others, of a type that we do not know: left alone */
};

/* Which numbers a database, or one of its columns, returns as they were. */
enum hs_number_range {
	HS_NUMBER_AS_DATABASE, /* a column: those of its database */
	HS_NUMBER_EXACT,       /* every number of JSON (PostgreSQL's numeric) */
	HS_NUMBER_DOUBLE,      /* what a double returns as it was (MariaDB) */
	HS_NUMBER_SQLITE,      /* 64-bit integers, and what a double returns */
	HS_NUMBER_INTEGER_16,
	HS_NUMBER_INTEGER_32,
	HS_NUMBER_INTEGER_64,
};

/* A value of a record, as its line has it. */
struct hs_value {
	struct hs_slice text; /* a string's bytes between the quotes, else the literal */
	bool is_string, escaped;
};

/* The type that a column gets from this value: of a string that is no timestamp TEXT; of null NONE. */
enum hs_column_type hs_value_type(const struct hs_value *value);

/* The type for values of both types: NONE yields to the other, two unlike ones become TEXT. */
enum hs_column_type hs_column_type_join(enum hs_column_type a, enum hs_column_type b);

/*
 * True if the column takes the value as it is; then *text is what the database gets: a string decoded, a number by its
 * literal, "true" or "false", a time in UTC with three digits, or six if it has microseconds
 * (2026-11-23T10:15:00.123456Z). TEXT takes a string decoded, and anything else as it was written. No column takes
 * U+0000, half a surrogate pair, a year before 1 or beyond 9999, or second 60.
 *
 * *text is a slice of the value wherever that is written so; otherwise of `out`, to which it is appended, and which
 * then has more bytes than before. Check hs_buf_ok(out).
 */
bool hs_value_text(const struct hs_value *value, enum hs_column_type type, enum hs_number_range numbers,
                   struct hs_buf *out, struct hs_slice *text);

/* Like hs_value_text, but the text is always in `out`, which is reset first. */
bool hs_value_fits(const struct hs_value *value, enum hs_column_type type, enum hs_number_range numbers,
                   struct hs_buf *out);

/* The SHA-256 of the text, decoded a part at a time into `scratch`. False: out of memory. */
bool hs_value_hash(const struct hs_value *value, struct hs_digest *digest, struct hs_buf *scratch,
                   uint8_t sha256[static HS_SHA256_BYTES]);

/* Writes the shortest text that reads back as this double, which is finite. */
enum { HS_DOUBLE_TEXT = 32 };
void hs_value_double_text(double number, char text[static HS_DOUBLE_TEXT]);

/* Appends the value as a member of _rest: a JSON string with the JSON text that was sent ("\"free\""). */
void hs_value_put_rest(const struct hs_value *value, struct hs_buf *out);

/* Appends JSON text, which has no control characters, within a string of JSON. */
void hs_value_put_quoted(struct hs_slice json, struct hs_buf *out);

/* As hs_value_put_rest, in pieces. False: take() was, or out of memory. */
bool hs_value_put_rest_pieces(const struct hs_value *value, struct hs_piece_out *out);

/* The end of a part of the text from `at` on that is about a piece and splits neither an escape nor a character. */
size_t hs_value_part(const struct hs_value *value, size_t at);

/* Such a part, decoded: in `scratch`, which is reset, if it has escapes. Check hs_buf_ok(scratch). */
struct hs_slice hs_value_decode(const struct hs_value *value, size_t at, size_t end, struct hs_buf *scratch);

#endif

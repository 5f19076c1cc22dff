/*
 * projection: --fields a,b,c: some fields of a record as one line of tab-separated values.
 *
 * A string is decoded; other values are written as they were sent; a missing field, or null, is
 * empty. A tab in a value is written as \t, a newline as \n, a carriage return as \r, a backslash as
 * \\ and a NUL as U+FFFD, so that each record is one line and each field one column. With `raw` values are
 * written as they are.
 */
#ifndef HS_PROJECTION_H
#define HS_PROJECTION_H

#include "event/record_fields.h"

enum { HS_PROJECTION_MAX = 256 };

/* Zeroed and hs_projection_set: ready. */
struct hs_projection {
	struct hs_slice name[HS_PROJECTION_MAX];         /* slices of the option's argument */
	struct hs_record_field field[HS_PROJECTION_MAX]; /* of the present record … */
	unsigned era[HS_PROJECTION_MAX], now;            /* … if era[i] == now */
	unsigned count;
	bool raw;
	struct hs_buf scratch;
};

/*
 * Sets the names, which are separated by commas; the list must outlive the projection. False after
 * a message to standard error: a name is empty, or there are too many.
 */
bool hs_projection_set(struct hs_projection *c, const char *command, const char *list);

/* Appends the line and its '\n'. Check hs_buf_ok(out). */
void hs_projection_put(struct hs_projection *c, struct hs_slice line, struct hs_buf *out);
void hs_projection_free(struct hs_projection *c);

#endif

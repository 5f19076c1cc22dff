/*
 * projection: --fields a,b,c: some fields of a record as one line of tab-separated values.
 *
 * A string is decoded, everything else stands as it was sent. What is missing, or null, is
 * empty. A tab in a value is written as \t, a newline \n, a carriage return \r, a backslash
 * \\ and a NUL \0, so each record is one line and each field one column. With `raw` they
 * are written as they are.
 */
#ifndef HS_PROJECTION_H
#define HS_PROJECTION_H

#include "event/record_fields.h"

enum { HS_PROJECTION_MAX = 256 };

/* Zeroed and hs_projection_set: ready. */
struct hs_projection {
	struct hs_slice name[HS_PROJECTION_MAX]; /* slices of the option's argument */
	struct hs_record_field leaf[HS_PROJECTION_MAX];  /* of the record at hand */
	unsigned era[HS_PROJECTION_MAX], now;    /* leaf[i] counts if era[i] is now */
	unsigned count;
	bool raw;
	struct hs_buf scratch;
};

/*
 * The names, with commas between them; the list must outlive the columns. False after a
 * message to standard error: an empty name, or too many.
 */
bool hs_projection_set(struct hs_projection *c, const char *command, const char *list);

/* Appends the line and its '\n'. Look at hs_buf_ok(). */
void hs_projection_put(struct hs_projection *c, struct hs_slice line, struct hs_buf *out);
void hs_projection_free(struct hs_projection *c);

#endif

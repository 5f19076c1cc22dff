/*
 * record_fields: the names and values of a record, one after the other, straight from its line.
 *
 * A record is flat and was made by hs_flatten, so its text need not be judged again: this
 * finds a filter's few fields at the left edge of a line in some tens of nanoseconds. On a
 * text that is not a record the walk ends early; it never leaves the line.
 *
 *	struct hs_record_fields walk = hs_record_fields_of(line);
 *	struct hs_record_field leaf;
 *	while (hs_record_field_next(&walk, &leaf))
 *		…
 */
#ifndef HS_RECORD_FIELDS_H
#define HS_RECORD_FIELDS_H

#include "base/buf.h"

struct hs_record_fields {
	const char *p, *end;
};

/* Slices of the line. */
struct hs_record_field {
	struct hs_slice name;  /* between the quotes */
	struct hs_slice value; /* of a string what is between the quotes; else the literal */
	bool is_string;
	bool name_escaped, value_escaped; /* it contains a backslash */
};

/* The line without its '\n'. */
struct hs_record_fields hs_record_fields_of(struct hs_slice line);
bool hs_record_field_next(struct hs_record_fields *walk, struct hs_record_field *leaf);

/*
 * Is that the leaf's name, or its value's text? Compared decoded, so "\u0061" is "a";
 * `scratch` is for that. A number is its literal. null is nothing, not even "null".
 */
bool hs_record_field_is_named(const struct hs_record_field *leaf, struct hs_slice name, struct hs_buf *scratch);
bool hs_record_field_is(const struct hs_record_field *leaf, struct hs_slice text, struct hs_buf *scratch);

/*
 * Appends the value's text: a string decoded, with U+FFFD for a lone surrogate, null as
 * nothing, everything else as it stands. Look at hs_buf_ok().
 */
void hs_record_field_put(const struct hs_record_field *leaf, struct hs_buf *out);

/* An id's text; a number counts by its value, so 7.0 is 7 (id_text.h). */
bool hs_record_field_is_id(const struct hs_record_field *leaf, struct hs_slice id, struct hs_buf *scratch);
void hs_record_field_put_id(const struct hs_record_field *leaf, struct hs_buf *out);

#endif

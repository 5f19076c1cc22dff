/*
 * record_fields: iterates over the names and values of a record, directly in its line.
 *
 * A record is flat and was written by hs_flatten, so it needs no validation: finding the few
 * fields of a filter at the start of a line takes some tens of nanoseconds. In a text that is not a
 * record the iteration ends early; it never reads beyond the line.
 *
 *	struct hs_record_fields walk = hs_record_fields_of(line);
 *	struct hs_record_field field;
 *	while (hs_record_field_next(&walk, &field))
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
	struct hs_slice value; /* a string's bytes between the quotes, else the literal */
	bool is_string;
	bool name_escaped, value_escaped; /* has a backslash */
};

/* Begins at the first field. `line` is without its '\n'. */
struct hs_record_fields hs_record_fields_of(struct hs_slice line);
/* Reads the next field; false at the end. */
bool hs_record_field_next(struct hs_record_fields *walk, struct hs_record_field *field);

/*
 * True if the name, or the text of the value, is that. Strings are compared decoded, so "\u0061"
 * is "a"; a number by its literal; null equals nothing, not even "null".
 */
bool hs_record_field_is_named(const struct hs_record_field *field, struct hs_slice name, struct hs_buf *scratch);
bool hs_record_field_is(const struct hs_record_field *field, struct hs_slice text, struct hs_buf *scratch);

/*
 * The value, a string decoded, as a slice of the line or of scratch, which is valid until that is used again.
 * p is NULL: memory is out, or the field is zeroed.
 */
struct hs_slice hs_record_field_decoded(const struct hs_record_field *field, struct hs_buf *scratch);
/* Spares the call where there is nothing to decode. */
static inline struct hs_slice hs_record_field_text(const struct hs_record_field *field, struct hs_buf *scratch)
{
	return field->value_escaped ? hs_record_field_decoded(field, scratch) : field->value;
}

bool hs_record_field_is_null(const struct hs_record_field *field);

/*
 * Appends the value as text: a string decoded, with U+FFFD for a lone surrogate; null as nothing;
 * anything else verbatim. Check hs_buf_ok() after.
 */
void hs_record_field_put(const struct hs_record_field *field, struct hs_buf *out);

/* Like these two, for an id: a number counts by its value (id_text.h), so 7.0 is 7, and for the first 7.0, too. */
bool hs_record_field_is_id(const struct hs_record_field *field, struct hs_slice id, struct hs_buf *scratch);
void hs_record_field_put_id(const struct hs_record_field *field, struct hs_buf *out);

#endif

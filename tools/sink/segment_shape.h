/*
 * segment_shape: a record as an event in Segment's own shape, as far as the record has it. Pure.
 *
 *	type, event, user_id, …          the Spec's fields by their names there: userId, …
 *	properties_x, traits_x,          members of properties, traits, context, integrations: {"x": …}; deeper
 *	context_x, integrations_x        names stay joined: context_page_url is {"page_url": …} in context
 *	tenant, source, spooled_at, and  left out: hookspool added them
 *	settings_x before that
 *	any other field                  at the top, by its name
 *
 * Value bytes are copied. An array is a string of JSON in a record, and stays one. For records with the
 * warehouses' names; with verbatim ones (properties.x) the dot divides.
 */
#ifndef HS_SEGMENT_SHAPE_H
#define HS_SEGMENT_SHAPE_H

#include "base/buf.h"

/* Appends the event of a record, a line without its '\n'. Check hs_buf_ok() after. */
void hs_segment_shape_put(struct hs_slice line, struct hs_buf *out);

#endif

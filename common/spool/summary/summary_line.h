/* summary_line: the fields of an event's line that a summary is about. */
#ifndef HS_SUMMARY_LINE_H
#define HS_SUMMARY_LINE_H

#include "event/event.h"
#include "event/record_fields.h"

enum {
	HS_SUMMARY_FIELDS = HS_FIELD_PREVIOUS_ID + 1, /* type, event, timestamp and the ids */
	HS_SUMMARY_PLACES = HS_FIELD_COUNT + 4,
};

struct hs_summary_line {
	struct hs_record_field field[HS_SUMMARY_FIELDS]; /* name.p is NULL: absent */
	struct hs_record_field tenant, source, spooled_at;
	struct hs_record_field other; /* the last one of any other name */
};

/*
 * Which field followed each other field in the lines before: a guess, which saves reading names. Zeroed: none.
 * Its numbers are summary_line's.
 */
struct hs_summary_layout {
	uint8_t next[HS_SUMMARY_PLACES];
};

/*
 * Returns the first '\n' of the text, or NULL. *sound is true if what is before it, or all of the text, has
 * only UTF-8 without control characters and an even number of quotes; false also if that has fewer than 64 bytes.
 */
const char *hs_summary_line_end(struct hs_slice text, bool *sound);

/*
 * Reads the fields of a line without its '\n', as slices of it; `sound` is what hs_summary_line_end said of it.
 * HS_OK if the line is as hookspool writes it: flat fields in their order, then a tenant, a source, settings, then
 * spooled_at; no reader looks for ids after that. Otherwise HS_E_MEMORY, or an HS_E_JSON_ result.
 *
 * A sound line of the usual form is not parsed after spooled_at, since that would cost more than everything
 * else that a summary costs. All that is known of it is that it is sound, that a field of an object comes first, if
 * there is one, and that it ends with '}': so a torn line, or one with zeros or foreign bytes, is found. Any other
 * line, also one with an escape or a fraction before spooled_at, is parsed strictly; `json` is scratch.
 */
enum hs_result hs_summary_line_read(struct hs_summary_line *line, struct hs_summary_layout *layout,
                                    struct hs_json *json, struct hs_slice text, bool sound);

#endif

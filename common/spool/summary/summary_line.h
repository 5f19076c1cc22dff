/* summary_line: the fields of an event's line that a summary is about. */
#ifndef HS_SUMMARY_LINE_H
#define HS_SUMMARY_LINE_H

#include "event/event.h"
#include "event/record_fields.h"

enum { HS_SUMMARY_FIELDS = HS_FIELD_PREVIOUS_ID + 1 /* type, event, timestamp and the ids */ };

struct hs_summary_line {
	struct hs_record_field field[HS_SUMMARY_FIELDS]; /* name.p is NULL: absent */
	struct hs_record_field tenant, spooled_at;
	struct hs_record_field other; /* the last one of any other name */
};

/*
 * Reads the fields of a line without its '\n', as slices of it. HS_OK if the line is as hookspool writes
 * it: flat fields in their order, then a tenant, then settings, then spooled_at; no reader looks for ids
 * after that. Otherwise HS_E_MEMORY, or an HS_E_JSON_ result.
 *
 * In a line of the usual form the fields up to spooled_at are read without parsing the rest, of which
 * this is sure: it has no control character and no byte that is not UTF-8, quotes come in pairs, and it
 * ends with '}'. Any other line is parsed strictly, with `json` as scratch.
 */
enum hs_result hs_summary_line_read(struct hs_summary_line *line, struct hs_json *json, struct hs_slice text);

#endif

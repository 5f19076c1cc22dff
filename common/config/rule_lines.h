/*
 * rule_lines: reads the sections [events] and [fields]; rules.h has what they mean. For this room alone.
 *
 *	[events]
 *	drop | keep = NAME:PATTERN [NAME:PATTERN …]
 *	sample = PERCENT% NAME:PATTERN [NAME:PATTERN …]
 *	unplanned = keep | drop | reject | flag
 *
 *	[fields]
 *	NAME | BEGINNING* = keep | drop | hash | last N | no query | cut N
 *
 * "LABEL: " before the word or the name makes a line one tenant's. NAME is that of a field in a record. In a
 * PATTERN * is any run of bytes; with blanks it is written in double quotes, in which \" \\ and \* are
 * the characters themselves.
 */
#ifndef HS_RULE_LINES_H
#define HS_RULE_LINES_H

#include "config/settings_reading.h"

/* Add a line. False after hs_settings_fail(). */
bool hs_rule_lines_add_event(struct hs_settings_reading *reading, const char *name, const char *value);
bool hs_rule_lines_add_field(struct hs_settings_reading *reading, const char *name, const char *value);

/*
 * After the file and the environment: finds lines that can never match or that need hash_key, and sets
 * what depends on rules: rejected_body is none by default if a field is masked or events are dropped, and
 * no address is in rejected lines and the log if context_ip is masked, be it for one tenant alone.
 */
void hs_rule_lines_settle(struct hs_settings_reading *reading);

#endif

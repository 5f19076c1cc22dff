/*
 * source_lines: reads the lines of [sources], whose form sources.h has. For this room alone.
 */
#ifndef HS_SOURCE_LINES_H
#define HS_SOURCE_LINES_H

#include "config/settings_reading.h"

/* Adds a line. Returns false after hs_settings_fail(); no key is in the message. */
bool hs_sources_add(struct hs_settings_reading *reading, const char *label, const char *value);

/* After the file and the environment: gives browser sources the limits that their lines leave out. */
void hs_sources_settle(struct hs_settings *settings);

/* Wipes and frees the sources. */
void hs_sources_forget(struct hs_settings *settings);

#endif

/* load_lines: reads the section [load]; loads.h has its form. For this room alone. */
#ifndef HS_LOAD_LINES_H
#define HS_LOAD_LINES_H

#include "config/settings_reading.h"

/* Adds a line. False after hs_settings_fail(); no message has a password. */
bool hs_loads_add(struct hs_settings_reading *reading, const char *label, const char *value);

/* Wipes and frees. */
void hs_loads_forget(struct hs_settings *s);

#endif

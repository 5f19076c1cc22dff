/*
 * settings_file: finds and reads the settings: $HOOKSPOOL_CONF, else hookspool.conf
 * beside the program, else hookspool/hookspool.conf in the folder above the program's, else
 * /etc/hookspool/hookspool.conf, else the environment alone.
 */
#ifndef HS_SETTINGS_FILE_H
#define HS_SETTINGS_FILE_H

#include "config/settings.h"

/*
 * NULL and an error to show if anything is wrong: also if the file holds a secret or a
 * key and is readable by everybody. `path` NULL: look for it as above. What was read
 * stands in used[n] ("" if there was no file). The settings are the caller's.
 */
struct hs_settings *hs_settings_load(const char *path, char *const *variables, char *used, size_t n,
                                     struct hs_settings_error *error);

#endif

/*
 * settings_file: finds and reads the settings: $HOOKSPOOL_CONF, else hookspool.conf
 * beside the program, else hookspool/hookspool.conf in the folder above the program's, else
 * /etc/hookspool/hookspool.conf, else the environment alone.
 */
#ifndef HS_SETTINGS_FILE_H
#define HS_SETTINGS_FILE_H

#include "config/settings.h"

/*
 * Loads the file at `path`, or, if that is NULL, finds it as above. Returns NULL and fills *error if
 * anything is wrong, if everybody may write to the file, or if everybody may read one that holds a secret or a key.
 * Writes the path of the file to used[n]; "" if there is none. The caller owns the settings.
 */
struct hs_settings *hs_settings_load(const char *path, char *const *variables, char *used, size_t n,
                                     struct hs_settings_error *error);

#endif

/*
 * settings_access: who may send: secrets, keys, their labels, and what `auth` makes of them. For this
 * room alone.
 *
 * Functions that take a reading return false after hs_settings_fail(). No secret and no key is in
 * a message.
 */
#ifndef HS_SETTINGS_ACCESS_H
#define HS_SETTINGS_ACCESS_H

#include "config/settings_reading.h"

/* Adds a secret. `label` is the tenant of the events that it signs; "": they have none. */
bool hs_settings_add_secret(struct hs_settings_reading *reading, const char *label, const char *value);

/* Adds a line of [secrets]. */
bool hs_settings_add_labelled_secret(struct hs_settings_reading *reading, const char *label, const char *value);

/* Adds a line of [keys]: a key in clear, or its SHA-256, and either may be revoked. */
bool hs_settings_add_key(struct hs_settings_reading *reading, const char *label, const char *value);

/* True if the text can be a label: 1 to HS_TENANT_MAX letters, digits, dots, _ and -. */
bool hs_settings_is_label(const char *text);

/* Checks the label of a line in a section. */
bool hs_settings_check_label(struct hs_settings_reading *reading, const char *section, const char *label);

/* After the file and the environment: decides `auth` if it was not given, and checks that it can be met. */
void hs_settings_settle_auth(struct hs_settings_reading *reading);

/* Wipe and free. */
void hs_settings_forget_secrets(struct hs_settings *settings);
void hs_settings_forget_keys(struct hs_settings *settings);

#endif

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

/* Sets a key of HMAC-SHA-256, of at least HS_KEY_BYTES_MIN bytes. */
enum { HS_KEY_BYTES_MIN = 16 };
bool hs_settings_set_key(struct hs_settings_reading *reading, const char *name, struct hs_hmac256 **key,
                         const char *value);

/* Adds a line of [secrets]. */
bool hs_settings_add_labelled_secret(struct hs_settings_reading *reading, const char *label, const char *value);

/* Adds a line of [keys]: a key in clear, or its SHA-256, and either may be revoked. */
bool hs_settings_add_key(struct hs_settings_reading *reading, const char *label, const char *value);

/* True if the text can be a label: 1 to HS_TENANT_MAX letters, digits, dots, _ and -. */
bool hs_settings_is_label(const char *text);

/* Checks the label of a line in a section. */
bool hs_settings_check_label(struct hs_settings_reading *reading, const char *section, const char *label);

/* Reads a key in clear or its SHA-256, either of them perhaps after "revoked:". */
bool hs_settings_read_key(struct hs_settings_reading *reading, const char *section, const char *label,
                          struct hs_slice value, uint8_t sha256[static HS_SHA256_BYTES], bool *revoked);

/* Checks that a source's key is neither in [keys] nor a secret, because it may be public. */
bool hs_settings_check_key_elsewhere(struct hs_settings_reading *reading, const char *label,
                                     const uint8_t sha256[static HS_SHA256_BYTES]);

/* After the file and the environment: checks that metrics_token and hash_key are no key or secret of a sender. */
void hs_settings_check_private(struct hs_settings_reading *reading);

/* After the file and the environment: decides `auth` if it was not given, and checks that it can be met. */
void hs_settings_settle_auth(struct hs_settings_reading *reading);

/* Wipe and free. */
void hs_settings_forget_secrets(struct hs_settings *settings);
void hs_settings_forget_keys(struct hs_settings *settings);

#endif

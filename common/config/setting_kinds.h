/*
 * setting_kinds: the rows of settings_table.h as data: finds one, reads its value, says which
 * values it takes. Texts, addresses and secrets are read by settings_parse.c.
 */
#ifndef HS_SETTING_KINDS_H
#define HS_SETTING_KINDS_H

#include "config/settings.h"

enum {
	HS_SETTING_WORDS_MAX = 6,
	HS_SETTING_EXPECTED_MAX = sizeof((struct hs_setting_doc *)NULL)->expected,
};

enum hs_setting_kind {
	HS_SETTING_PATH,
	HS_SETTING_URL,
	HS_SETTING_ADDRESSES,
	HS_SETTING_SECRET,
	HS_SETTING_TOKEN,
	HS_SETTING_PASSWORD,
	HS_SETTING_KEY,
	HS_SETTING_CHOICE,
	HS_SETTING_SIZE,
	HS_SETTING_DURATION,
	HS_SETTING_RATE,
	HS_SETTING_COUNT,
	HS_SETTING_MODE,
};

struct hs_setting {
	const char *name;
	enum hs_setting_kind kind;
	size_t offset; /* of the member in struct hs_settings */
	const char *lowest, *highest, *fallback;
	const char *word[HS_SETTING_WORDS_MAX];
	const char *help;
};

#define HS_SETTING_ONE(...) +1
enum { HS_SETTINGS_COUNT = 0 HS_SETTINGS(HS_SETTING_ONE) };
#undef HS_SETTING_ONE

extern const struct hs_setting hs_setting_table[HS_SETTINGS_COUNT];

/* The row with this name, or NULL. */
const struct hs_setting *hs_setting_find(const char *name);

/* The member that belongs to a row. */
void *hs_setting_member(const struct hs_setting *setting, struct hs_settings *settings);

/* Stores a choice or a number in its member. False: the value is not one that the row allows. */
bool hs_setting_store(const struct hs_setting *setting, struct hs_settings *settings, const char *value);

/* Reads a number of the row's kind, or its first word as 0. False: the row does not allow it. */
bool hs_setting_read_number(const struct hs_setting *setting, const char *value, int64_t *number);

/* Describes in words the values that the row allows. */
void hs_setting_expected(const struct hs_setting *setting, char out[static HS_SETTING_EXPECTED_MAX]);

#endif

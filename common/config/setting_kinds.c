#include "config/setting_kinds.h"

#include <assert.h>
#include <stdio.h>

#define WORDS(...) \
	{ \
		__VA_ARGS__ \
	}
#define ROW(kind, name, lowest, highest, fallback, words, help) \
	{ #name, HS_SETTING_##kind, offsetof(struct hs_settings, name), lowest, highest, fallback, WORDS words, help },
const struct hs_setting hs_setting_table[HS_SETTINGS_COUNT] = { HS_SETTINGS(ROW) };
#undef ROW
#undef WORDS

const struct hs_setting *hs_setting_find(const char *name)
{
	for (size_t i = 0; i < HS_SETTINGS_COUNT; i++)
		if (strcmp(hs_setting_table[i].name, name) == 0)
			return &hs_setting_table[i];
	return NULL;
}

void *hs_setting_member(const struct hs_setting *setting, struct hs_settings *settings)
{
	return (char *)settings + setting->offset;
}

/* --- numbers ----------------------------------------------------------------- */

struct unit {
	const char *suffix;
	int64_t factor;
};

/* The units of a kind; the last one has no suffix. */
static const struct unit *units_of(enum hs_setting_kind kind)
{
	static const struct unit sizes[] = { { "G", 1 << 30 }, { "M", 1 << 20 }, { "K", 1 << 10 }, { "", 1 } };
	static const struct unit durations[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
		                                 { "s", 1000 },     { "ms", 1 },      { "", 0 } };
	static const struct unit rates[] = { { "/s", 1000 }, { "", 0 } };
	static const struct unit plain[] = { { "", 1 } };

	return kind == HS_SETTING_SIZE       ? sizes
	       : kind == HS_SETTING_DURATION ? durations
	       : kind == HS_SETTING_RATE     ? rates
	                                     : plain;
}

/* Sizes may also be written as commands print them: 64 MB for 64M. */
static bool is_unit(enum hs_setting_kind kind, const char *text, const char *suffix)
{
	size_t n = strlen(suffix);

	return strncmp(text, suffix, n) == 0 &&
	       (text[n] == '\0' || (kind == HS_SETTING_SIZE && text[n] == 'B' && text[n + 1] == '\0'));
}

/*
 * The factor of a unit; 0: there is no such unit. A duration and a rate need one, because its bare number would be
 * a guess.
 */
static int64_t factor_of(enum hs_setting_kind kind, const char *text)
{
	const struct unit *unit = units_of(kind);

	while (unit->suffix[0] != '\0' && !is_unit(kind, text, unit->suffix))
		unit++;
	return is_unit(kind, text, unit->suffix) ? unit->factor : 0;
}

static bool read_number(enum hs_setting_kind kind, const char *text, int64_t *value)
{
	int64_t base = kind == HS_SETTING_MODE ? 8 : 10, n = 0, factor;
	const char *p = text;

	for (; *p >= '0' && *p < '0' + base; p++) {
		if (n > (INT64_MAX - base) / base)
			return false;
		n = n * base + (*p - '0');
	}
	if (p == text)
		return false;
	*value = n;
	if (n == 0 && *p == '\0') /* zero needs no unit */
		return true;
	while (kind == HS_SETTING_SIZE && *p == ' ')
		p++;
	factor = factor_of(kind, p);
	if (factor == 0 || n > INT64_MAX / factor)
		return false;
	*value = n * factor;
	return true;
}

static bool is_in_range(const struct hs_setting *setting, int64_t number)
{
	int64_t lowest = 0, highest = 0;

	read_number(setting->kind, setting->lowest, &lowest);
	read_number(setting->kind, setting->highest, &highest);
	return setting->kind == HS_SETTING_MODE ? number == lowest || number == highest
	                                        : number >= lowest && number <= highest;
}

/* --- values ------------------------------------------------------------------ */

static bool store_choice(const struct hs_setting *setting, int *choice, const char *value)
{
	for (int i = 0; i < HS_SETTING_WORDS_MAX; i++)
		if (setting->word[i] != NULL && strcmp(setting->word[i], value) == 0) {
			*choice = i;
			return true;
		}
	return false;
}

bool hs_setting_read_number(const struct hs_setting *setting, const char *value, int64_t *number)
{
	int64_t n = 0;

	if ((setting->word[0] == NULL || strcmp(setting->word[0], value) != 0) &&
	    (!read_number(setting->kind, value, &n) || !is_in_range(setting, n)))
		return false;
	*number = n;
	return true;
}

bool hs_setting_store(const struct hs_setting *setting, struct hs_settings *settings, const char *value)
{
	void *member = hs_setting_member(setting, settings);

	return setting->kind == HS_SETTING_CHOICE ? store_choice(setting, member, value)
	                                          : hs_setting_read_number(setting, value, member);
}

static void print_words(const struct hs_setting *setting, char *out, size_t n)
{
	size_t at = 0;
	int last = HS_SETTING_WORDS_MAX;

	while (setting->word[last - 1] == NULL)
		last--;
	for (int i = 0; i < last; i++) {
		if (setting->word[i] == NULL)
			continue;
		at += (size_t)snprintf(out + at, n - at, "%s%s",
		                       at == 0         ? ""
		                       : i == last - 1 ? " or "
		                                       : ", ",
		                       setting->word[i]);
		assert(at < n);
	}
}

void hs_setting_expected(const struct hs_setting *setting, char out[static HS_SETTING_EXPECTED_MAX])
{
	static const char *const nouns[] = { [HS_SETTING_SIZE] = "a size",
		                             [HS_SETTING_DURATION] = "a time",
		                             [HS_SETTING_COUNT] = "a number",
		                             [HS_SETTING_RATE] = "a rate" };
	static const char *const units[] = { [HS_SETTING_SIZE] = " (bytes, K, M, G)",
		                             [HS_SETTING_DURATION] = " (ms, s, m, h, d)",
		                             [HS_SETTING_COUNT] = "",
		                             [HS_SETTING_RATE] = "" };
	const size_t n = HS_SETTING_EXPECTED_MAX;
	bool has_word = setting->word[0] != NULL;

	switch (setting->kind) {
	case HS_SETTING_PATH: snprintf(out, n, "an absolute path"); break;
	case HS_SETTING_URL: snprintf(out, n, "https://host/path, without a final slash"); break;
	case HS_SETTING_ADDRESSES: snprintf(out, n, "addresses and ranges (10.0.0.0/8), divided by blanks"); break;
	case HS_SETTING_SECRET: snprintf(out, n, "a text, at most %d of them", HS_SECRETS_MAX); break;
	case HS_SETTING_TOKEN: snprintf(out, n, "a text of %d bytes or more, or sha256:HEX", HS_TOKEN_LEAST); break;
	case HS_SETTING_PASSWORD: snprintf(out, n, "what hookspool passwd prints"); break;
	case HS_SETTING_KEY: snprintf(out, n, "a random text of at least 16 bytes"); break;
	case HS_SETTING_CHOICE: print_words(setting, out, n); break;
	case HS_SETTING_MODE: snprintf(out, n, "%s or %s", setting->lowest, setting->highest); break;
	default:
		snprintf(out, n, "%s from %s to %s%s%s%s", nouns[setting->kind], setting->lowest, setting->highest,
		         units[setting->kind], has_word ? ", or " : "", has_word ? setting->word[0] : "");
	}
}

/* --- for people -------------------------------------------------------------- */

size_t hs_settings_count(void)
{
	return HS_SETTINGS_COUNT;
}

void hs_setting_doc(size_t i, struct hs_setting_doc *doc)
{
	const struct hs_setting *setting = &hs_setting_table[i];

	*doc = (struct hs_setting_doc){ .name = setting->name, .fallback = setting->fallback, .help = setting->help };
	hs_setting_expected(setting, doc->expected);
}

/* settings_parse: hs_settings_new: reads the file's text, then the environment, and settles who may send. */
#include "base/hex.h"
#include "base/password.h"
#include "config/ini.h"
#include "config/load_lines.h"
#include "config/rule_lines.h"
#include "config/settings_access.h"
#include "config/settings_reading.h"
#include "config/ship.h"
#include "config/source_lines.h"
#include "event/rules.h"

#include <stdio.h>
#include <stdlib.h>

/* --- one setting --------------------------------------------------------------- */

static bool set_text(struct hs_settings_reading *reading, const struct hs_setting *s, const char *value)
{
	char **text = hs_setting_member(s, reading->settings);

	free(*text);
	*text = strdup(value);
	if (*text == NULL)
		return hs_settings_fail(reading, "out of memory");
	return true;
}

static bool set_path(struct hs_settings_reading *reading, const struct hs_setting *s, const char *value)
{
	return value[0] == '/'
	           ? set_text(reading, s, value)
	           : hs_settings_fail(reading, "%s = %s: write the absolute path, from the first /", s->name, value);
}

/* The address is served within JSON and is the beginning of others, so it is plain text up to its path. */
static bool set_url(struct hs_settings_reading *reading, const struct hs_setting *s, const char *value)
{
	size_t n = strlen(value), scheme = strncmp(value, "https://", 8) == 0 ? 8 : 7;
	bool ok = (scheme == 8 || strncmp(value, "http://", 7) == 0) && n > scheme && value[scheme] != '/' &&
	          value[scheme] != ':' && value[n - 1] != '/';

	for (size_t i = 0; i < n; i++)
		ok = ok && value[i] > ' ' && value[i] <= '~' && strchr("?#@\\\"'<>", value[i]) == NULL;
	return ok ? set_text(reading, s, value)
	          : hs_settings_fail(reading, "%s = %s: expected https://host/path, without a final slash", s->name,
	                             value);
}

/* No message has the value: a password in clear may stand there by mistake. */
static bool set_password(struct hs_settings_reading *reading, const struct hs_setting *s, const char *value)
{
	return hs_password_is_hash(value)
	           ? set_text(reading, s, value)
	           : hs_settings_fail(reading, "%s: expected the hash that hookspool passwd prints", s->name);
}

static bool set_addresses(struct hs_settings_reading *reading, const struct hs_setting *s, const char *value)
{
	struct hs_ip_range *range = hs_setting_member(s, reading->settings);
	unsigned *count = &reading->settings->proxies;

	for (*count = 0; *value != '\0'; value += strspn(value, " \t")) {
		size_t n = strcspn(value, " \t");

		if (*count == HS_PROXIES_MAX)
			return hs_settings_fail(reading, "%s: there are more than %d: join some as ranges", s->name,
			                        HS_PROXIES_MAX);
		if (!hs_ip_range_read(hs_slice(value, n), &range[(*count)++]))
			return hs_settings_fail(reading,
			                        "%s: %.*s: expected an address or a range, as 10.0.0.0/8 or ::1, "
			                        "divided by blanks",
			                        s->name, (int)n, value);
		value += n;
	}
	return true;
}

/* No value is in a message. */
static bool set_token(struct hs_settings_reading *reading, const struct hs_setting *s, const char *value)
{
	struct hs_token *token = hs_setting_member(s, reading->settings);
	struct hs_slice text = hs_slice_str(value);
	const struct hs_slice prefix = HS_SLICE("sha256:");
	bool hashed = text.n >= prefix.n && hs_bytes_eq(text.p, prefix.p, prefix.n);

	if (hashed)
		token->is_set =
		    text.n == prefix.n + 2 * HS_SHA256_BYTES &&
		    hs_hex_decode(hs_slice(text.p + prefix.n, text.n - prefix.n), token->sha256, HS_SHA256_BYTES);
	else
		token->is_set = text.n >= HS_TOKEN_LEAST && strcspn(value, " \t") == text.n;
	if (token->is_set && !hashed && !hs_sha256(text, token->sha256))
		return hs_settings_fail(reading, "out of memory");
	reading->metrics_token = (struct hs_private_text){ .given = token->is_set, .line = reading->line };
	memcpy(reading->metrics_token.sha256, token->sha256, HS_SHA256_BYTES);
	if (!token->is_set)
		return hs_settings_fail(reading,
		                        "%s: expected a text of at least %d bytes without blanks, or sha256: and "
		                        "64 hex digits: head -c 24 /dev/urandom | base64 makes one",
		                        s->name, HS_TOKEN_LEAST);
	return true;
}

static bool set_value(struct hs_settings_reading *reading, const struct hs_setting *s, const char *value)
{
	char expected[HS_SETTING_EXPECTED_MAX];

	if (value[0] == '\0')
		return hs_settings_fail(reading, "%s has no value", s->name);
	if (s->kind == HS_SETTING_PATH)
		return set_path(reading, s, value);
	if (s->kind == HS_SETTING_URL)
		return set_url(reading, s, value);
	if (s->kind == HS_SETTING_PASSWORD)
		return set_password(reading, s, value);
	if (s->kind == HS_SETTING_ADDRESSES)
		return set_addresses(reading, s, value);
	if (s->kind == HS_SETTING_SECRET)
		return hs_settings_add_secret(reading, "", value);
	if (s->kind == HS_SETTING_TOKEN)
		return set_token(reading, s, value);
	if (s->kind == HS_SETTING_KEY)
		return hs_settings_set_key(reading, s->name, hs_setting_member(s, reading->settings), value);
	if (hs_setting_store(s, reading->settings, value))
		return true;
	hs_setting_expected(s, expected);
	return hs_settings_fail(reading, "%s = %s: expected %s", s->name, value, expected);
}

/* --- the file --------------------------------------------------------------- */

/* No message has the value: a password may be there by mistake. */
static bool set_ship(struct hs_settings_reading *reading, const char *name, const char *value)
{
	struct hs_settings *s = reading->settings;
	int number = hs_ship_number(name);
	uint32_t bit = number < 0 ? 0 : UINT32_C(1) << number;
	const char *expected;

	if ((reading->ship_given & bit) != 0)
		return hs_settings_fail(reading, "[ship] %s is given twice: remove one", name);
	reading->ship_given |= bit;
	if (s->ship == NULL)
		s->ship = calloc(1, sizeof *s->ship);
	expected = s->ship == NULL ? "memory" : hs_ship_set(s->ship, name, value);
	if (expected != NULL)
		return hs_settings_fail(reading, "[ship] %s: expected %s", name, expected);
	return true;
}

static bool set_pair(struct hs_settings_reading *reading, struct hs_slice section, const char *name, const char *value)
{
	const struct hs_setting *s;

	if (hs_slice_eq(section, HS_SLICE("keys")))
		return hs_settings_add_key(reading, name, value);
	if (hs_slice_eq(section, HS_SLICE("secrets")))
		return hs_settings_add_labelled_secret(reading, name, value);
	if (hs_slice_eq(section, HS_SLICE("sources")))
		return hs_sources_add(reading, name, value);
	if (hs_slice_eq(section, HS_SLICE("load")))
		return hs_loads_add(reading, name, value);
	if (hs_slice_eq(section, HS_SLICE("ship")))
		return set_ship(reading, name, value);
	if (hs_slice_eq(section, HS_SLICE("events")))
		return hs_rule_lines_add_event(reading, name, value);
	if (hs_slice_eq(section, HS_SLICE("fields")))
		return hs_rule_lines_add_field(reading, name, value);
	if (section.n > 0)
		return hs_settings_fail(reading,
		                        "[%.*s]: unknown section: there are [secrets], [keys], [sources], [load], "
		                        "[ship], [events] and [fields], and what is above them",
		                        (int)section.n, section.p);
	s = hs_setting_find(name);
	if (s == NULL)
		return hs_settings_fail(reading, "%s: unknown setting: see hookspool.conf(5)", name);
	if (s->kind != HS_SETTING_SECRET && reading->given[s - hs_setting_table])
		return hs_settings_fail(reading, "%s is given twice: remove one", name);
	reading->given[s - hs_setting_table] = true;
	return set_value(reading, s, value);
}

static void read_file(struct hs_settings_reading *reading, const char *name, struct hs_slice text)
{
	struct hs_ini ini;

	reading->name = name;
	reading->stage = HS_FAULT_LINE;
	hs_ini_start(&ini, text);
	while (!reading->failed && hs_ini_next(&ini)) {
		reading->line = ini.line;
		reading->raw = ini.raw;
		set_pair(reading, ini.section, ini.name, ini.value);
	}
	if (ini.error != NULL) {
		reading->line = ini.line;
		hs_settings_fail(reading, "%s", ini.error);
	}
	hs_ini_end(&ini);
	reading->line = 0;
	reading->raw = HS_SLICE_NONE;
}

/* --- the environment -------------------------------------------------------- */

static const char prefix[] = "HOOKSPOOL_";

/* Copies the setting's name from HOOKSPOOL_NAME=VALUE, in small letters. */
static void read_name(const char *variable, const char *equals, char *name, size_t size)
{
	const char *p = variable + sizeof prefix - 1;
	size_t n = 0;

	for (; p < equals && n < size - 1; p++)
		name[n++] = hs_lower(*p);
	name[n] = '\0';
}

static bool set_variable(struct hs_settings_reading *reading, const char *variable, const char *equals)
{
	char name[64]; /* longer than that of any setting */
	const struct hs_setting *s;

	read_name(variable, equals, name, sizeof name);
	if (strcmp(name, "conf") == 0)
		return true;
	reading->name = "environment";
	s = hs_setting_find(name);
	if (s == NULL)
		return hs_settings_fail(reading, "%.*s: unknown setting: see hookspool.conf(5)",
		                        (int)(equals - variable), variable);
	if (s->kind == HS_SETTING_SECRET)
		hs_settings_forget_secrets(reading->settings);
	reading->given[s - hs_setting_table] = true;
	return set_value(reading, s, equals + 1);
}

/* HOOKSPOOL_MAX_BODY=8M overrides max_body; HOOKSPOOL_SECRET replaces all secrets. */
static void read_environment(struct hs_settings_reading *reading, char *const *variables)
{
	reading->stage = HS_FAULT_ENVIRONMENT;
	for (; variables != NULL && *variables != NULL; variables++) {
		const char *equals = strchr(*variables, '=');

		if (strncmp(*variables, prefix, sizeof prefix - 1) == 0 && equals != NULL &&
		    !set_variable(reading, *variables, equals))
			return;
	}
}

/* --- all together ----------------------------------------------------------- */

static void set_defaults(struct hs_settings_reading *reading)
{
	for (size_t i = 0; i < HS_SETTINGS_COUNT; i++)
		if (hs_setting_table[i].fallback[0] != '\0')
			set_value(reading, &hs_setting_table[i], hs_setting_table[i].fallback);
}

struct hs_settings *hs_settings_new(const char *name, struct hs_slice text, char *const *variables,
                                    struct hs_settings_error *error)
{
	struct hs_settings_reading reading = { .settings = calloc(1, sizeof(struct hs_settings)), .error = error };

	*error = (struct hs_settings_error){ .fault = HS_FAULT_OTHER };
	if (reading.settings == NULL) {
		hs_settings_fail(&reading, "out of memory");
		return NULL;
	}
	set_defaults(&reading);
	if (text.p != NULL)
		read_file(&reading, name, text);
	read_environment(&reading, variables);
	reading.name = text.p != NULL ? name : "no settings file";
	reading.stage = text.p != NULL ? HS_FAULT_SPOOL_DIR : HS_FAULT_ABSENT;
	if (!reading.failed && reading.settings->spool_dir == NULL)
		hs_settings_fail(&reading, "spool_dir is missing: name the directory for the events");
	if (!reading.failed)
		hs_settings_settle_auth(&reading);
	if (!reading.failed)
		hs_settings_check_private(&reading);
	hs_sources_settle(reading.settings);
	hs_rule_lines_settle(&reading);
	explicit_bzero(reading.secret_sha256, sizeof reading.secret_sha256);
	explicit_bzero(&reading.hash_key, sizeof reading.hash_key);
	if (reading.failed) {
		hs_settings_free(reading.settings);
		return NULL;
	}
	return reading.settings;
}

void hs_settings_free(struct hs_settings *s)
{
	if (s == NULL)
		return;
	hs_settings_forget_secrets(s);
	hs_settings_forget_keys(s);
	hs_loads_forget(s);
	if (s->ship != NULL)
		hs_ship_clear(s->ship);
	free(s->ship);
	hs_sources_forget(s);
	hs_rules_free(s->rules);
	hs_hmac256_free(s->hash_key);
	free(s->spool_dir);
	free(s->console_password);
	free(s->public_url);
	free(s->sdk_script);
	free(s);
}

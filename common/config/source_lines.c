#include "config/source_lines.h"
#include "config/settings_access.h"
#include "config/sources.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOT_GIVEN = -1 }; /* as a rate or a daily amount, while the line is read */

/* A line of [sources] while it is read. Nothing is owned. */
struct source_line {
	struct hs_settings_reading *reading;
	struct hs_source *source;
	bool has_kind; /* browser or server was seen */
};

static bool next_word(struct hs_slice *rest, struct hs_slice *word)
{
	size_t n = 0;

	*rest = hs_slice_trim(*rest);
	while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
		n++;
	*word = hs_slice(rest->p, n);
	*rest = hs_slice(rest->p + n, rest->n - n);
	return n > 0;
}

/* Takes `prefix` off the word. */
static bool take(struct hs_slice *word, struct hs_slice prefix)
{
	if (word->n < prefix.n || memcmp(word->p, prefix.p, prefix.n) != 0)
		return false;
	*word = hs_slice(word->p + prefix.n, word->n - prefix.n);
	return true;
}

/* Reports an error of the line: `name` and `value` are what it is about; "" and n == 0: the whole line. */
static bool refuse(struct source_line *l, const char *name, struct hs_slice value, const char *why)
{
	bool whole = name[0] == '\0' && value.n == 0;

	return hs_settings_fail(l->reading, "[sources] %s: %s%.*s%s%s", l->source->label, name, (int)value.n,
	                        value.n > 0 ? value.p : "", whole ? "" : ": ", why);
}

/* --- origins -------------------------------------------------------------------- */

static bool is_scheme(struct hs_slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = hs_lower(s.p[i]);

		if ((c < 'a' || c > 'z') && (i == 0 || (!hs_is_digit(c) && c != '+' && c != '-' && c != '.')))
			return false;
	}
	return s.n > 0;
}

/* Says what is wrong with an origin; NULL: nothing. Sets *scheme to the length of its scheme. */
static const char *fault_of_origin(struct hs_slice s, size_t *scheme)
{
	size_t n = 0;

	while (n + 2 < s.n && memcmp(s.p + n, "://", 3) != 0)
		n++;
	if (n + 2 >= s.n || !is_scheme(hs_slice(s.p, n)))
		return "an origin begins with its scheme: https://shop.example";
	if (n + 3 == s.n)
		return "an origin has a host: https://shop.example";
	*scheme = n;
	for (size_t i = n + 3; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("/?#@\\\"'<>,*", s.p[i]) != NULL)
			return "an origin is scheme, host and port alone, without a path: https://shop.example";
	return NULL;
}

/* A browser's Origin header leaves out the port that its scheme has by default. */
static struct hs_slice without_default_port(struct hs_slice s, size_t scheme)
{
	struct hs_slice port = scheme == 5 ? HS_SLICE(":443") : HS_SLICE(":80");
	bool is_web = hs_slice_eq_nocase(hs_slice(s.p, scheme), HS_SLICE("https")) ||
	              hs_slice_eq_nocase(hs_slice(s.p, scheme), HS_SLICE("http"));

	if (is_web && memcmp(s.p + s.n - port.n, port.p, port.n) == 0) /* its scheme alone is as long as a port */
		s.n -= port.n;
	return s;
}

static char *lower_copy(struct hs_slice s)
{
	char *copy = malloc(s.n + 1);

	for (size_t i = 0; copy != NULL && i < s.n; i++)
		copy[i] = hs_lower(s.p[i]);
	if (copy != NULL)
		copy[s.n] = '\0';
	return copy;
}

static bool read_origin(struct source_line *l, struct hs_slice value)
{
	struct hs_source *source = l->source;
	struct hs_slice origin = value;
	const char *fault;
	size_t scheme;

	if (hs_slice_eq(value, HS_SLICE("*"))) {
		source->any_origin = true;
		return true;
	}
	if (origin.n > 3 && origin.p[origin.n - 1] == '/')
		origin.n--;
	fault = fault_of_origin(origin, &scheme);
	if (fault != NULL)
		return refuse(l, "origin=", value, fault);
	if (source->origins == HS_ORIGINS_MAX)
		return refuse(l, "origin=", value, "there are more than 64: remove some, or divide the source");
	if (source->origin == NULL)
		source->origin = calloc(HS_ORIGINS_MAX, sizeof *source->origin);
	if (source->origin == NULL)
		return hs_settings_fail(l->reading, "out of memory");
	source->origin[source->origins] = lower_copy(without_default_port(origin, scheme));
	if (source->origin[source->origins++] == NULL)
		return hs_settings_fail(l->reading, "out of memory");
	return true;
}

/* --- other words ----------------------------------------------------------------- */

/* Reads a value as the setting `like` takes it. */
static bool read_number(struct source_line *l, const char *name, const char *like, struct hs_slice value,
                        int64_t *number)
{
	const struct hs_setting *setting = hs_setting_find(like);
	char text[32], expected[HS_SETTING_EXPECTED_MAX], why[HS_SETTING_EXPECTED_MAX + 16];

	if (*number != NOT_GIVEN)
		return refuse(l, name, value, "is given twice: remove one");
	snprintf(text, sizeof text, "%.*s", (int)value.n, value.p);
	if (value.n < sizeof text && hs_setting_read_number(setting, text, number))
		return true;
	hs_setting_expected(setting, expected);
	snprintf(why, sizeof why, "expected %s", expected);
	return refuse(l, name, value, why);
}

static bool read_tenant(struct source_line *l, struct hs_slice value)
{
	if (l->source->tenant[0] != '\0')
		return refuse(l, "tenant=", value, "is given twice: remove one");
	if (value.n <= HS_TENANT_MAX)
		memcpy(l->source->tenant, value.p, value.n);
	if (!hs_settings_is_label(l->source->tenant))
		return refuse(l, "tenant=", value,
		              "a tenant has 1 to 64 letters, digits, dots, _ or -, and is not - alone");
	return true;
}

static bool read_kind(struct source_line *l, struct hs_slice word)
{
	if (l->has_kind)
		return refuse(l, "", word, "a source is browser or server once: remove one");
	l->has_kind = true;
	l->source->browser = hs_slice_eq(word, HS_SLICE("browser"));
	return true;
}

/* An unknown word is not in the message: it may be a part of a key with a blank. */
static bool read_word(struct source_line *l, struct hs_slice word)
{
	struct hs_slice value = word;

	if (hs_slice_eq(word, HS_SLICE("browser")) || hs_slice_eq(word, HS_SLICE("server")))
		return read_kind(l, word);
	if (take(&value, HS_SLICE("tenant=")))
		return read_tenant(l, value);
	if (take(&value, HS_SLICE("origin=")))
		return read_origin(l, value);
	if (take(&value, HS_SLICE("rate=")))
		return read_number(l, "rate=", "browser_rate", value, &l->source->rate);
	if (take(&value, HS_SLICE("daily=")))
		return read_number(l, "daily=", "browser_daily", value, &l->source->daily);
	return refuse(l, "", HS_SLICE_NONE,
	              "unknown word: there are browser, server, tenant=, origin=, rate= and daily=, and no key has a "
	              "blank");
}

/* --- a line ------------------------------------------------------------------ */

/* A key is part of paths and of Basic's user name, and a forgotten key must not make a word the key. */
static bool check_key_text(struct source_line *l, struct hs_slice key)
{
	static const char *const words[] = { "browser", "server", "tenant=", "origin=", "rate=", "daily=" };

	if (hs_slice_eq(key, HS_SLICE(HS_SETTINGS_SAMPLE_WRITE_KEY)))
		return refuse(l, "", HS_SLICE_NONE, "this is the sample's text: enter the key");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct hs_slice word = key;

		if (take(&word, hs_slice_str(words[i])) && (word.n == 0 || words[i][strlen(words[i]) - 1] == '='))
			return refuse(l, "", key, "the key is missing: write it before the words");
	}
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] <= ' ' || key.p[i] > '~' || strchr(":/?#%\"\\", key.p[i]) != NULL)
			return refuse(
			    l, "the key", HS_SLICE_NONE,
			    "it has a character that no write key may have (: / ? # % \" \\, or none of ASCII)");
	return true;
}

static bool read_key(struct source_line *l, const char *text, struct hs_slice word)
{
	struct hs_source *source = l->source;
	struct hs_slice key = word;

	if (strncmp(text, HS_SETTINGS_SAMPLE_KEY, sizeof HS_SETTINGS_SAMPLE_KEY - 1) == 0)
		return refuse(l, "", HS_SLICE_NONE, "this is the sample's text: enter the key");
	take(&key, HS_SLICE("revoked:"));
	if (!take(&key, HS_SLICE("sha256:")) && !check_key_text(l, key))
		return false;
	return hs_settings_read_key(l->reading, "sources", source->label, word, source->sha256, &source->revoked);
}

/* A browser has an origin, a server has none. */
static bool check_words(struct source_line *l)
{
	const struct hs_source *source = l->source;
	bool has_origin = source->any_origin || source->origins > 0;

	if (source->browser && !has_origin)
		return refuse(
		    l, "browser", HS_SLICE_NONE,
		    "its key is public: add the origins of its pages (origin=https://shop.example), or origin=* "
		    "for any");
	if (!source->browser && has_origin)
		return refuse(l, "origin=", HS_SLICE_NONE, "only a browser has one: remove it, or add browser");
	return true;
}

static bool check_unique(struct source_line *l)
{
	const struct hs_settings *s = l->reading->settings;

	for (unsigned i = 0; i < s->sources; i++) {
		const struct hs_source *other = &s->source[i];

		if (strcmp(other->label, l->source->label) == 0)
			return hs_settings_fail(l->reading,
			                        "[sources] %s is given twice: give each source a label of its own",
			                        other->label);
		if (memcmp(other->sha256, l->source->sha256, HS_SHA256_BYTES) == 0)
			return hs_settings_fail(l->reading,
			                        "[sources] %s: the same key as %s: give each source a key of its own",
			                        l->source->label, other->label);
	}
	return hs_settings_check_key_elsewhere(l->reading, l->source->label, l->source->sha256);
}

bool hs_sources_add(struct hs_settings_reading *reading, const char *label, const char *value)
{
	struct hs_settings *s = reading->settings;
	struct hs_slice rest = hs_slice_str(value), word;
	struct source_line l = { .reading = reading };

	if (!hs_settings_check_label(reading, "sources", label))
		return false;
	if (s->sources == HS_SOURCES_MAX)
		return hs_settings_fail(reading, "[sources]: there are more than %d: remove some", HS_SOURCES_MAX);
	if (s->source == NULL) /* never moved, so that no copy of a key is left behind */
		s->source = calloc(HS_SOURCES_MAX, sizeof *s->source);
	if (s->source == NULL)
		return hs_settings_fail(reading, "out of memory");
	l.source = &s->source[s->sources];
	l.source->rate = l.source->daily = NOT_GIVEN;
	snprintf(l.source->label, sizeof l.source->label, "%s", label);
	next_word(&rest, &word);
	if (!read_key(&l, value, word))
		return false;
	while (next_word(&rest, &word))
		if (!read_word(&l, word))
			return false;
	if (!check_words(&l) || !check_unique(&l))
		return false;
	s->sources++;
	return true;
}

void hs_sources_settle(struct hs_settings *s)
{
	for (unsigned i = 0; i < s->sources; i++) {
		struct hs_source *source = &s->source[i];

		if (source->rate == NOT_GIVEN)
			source->rate = source->browser ? s->browser_rate : 0;
		if (source->daily == NOT_GIVEN)
			source->daily = source->browser ? s->browser_daily : 0;
	}
}

/* Wipes one entry more than s->sources: hs_sources_add may have failed halfway through it. */
void hs_sources_forget(struct hs_settings *s)
{
	unsigned used = s->sources < HS_SOURCES_MAX ? s->sources + 1 : HS_SOURCES_MAX;

	if (s->source == NULL)
		return;
	for (unsigned i = 0; i < used; i++) {
		for (unsigned j = 0; j < s->source[i].origins; j++)
			free(s->source[i].origin[j]);
		free(s->source[i].origin);
	}
	explicit_bzero(s->source, used * sizeof *s->source);
	free(s->source);
	s->source = NULL;
	s->sources = 0;
}

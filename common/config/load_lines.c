#include "config/load_lines.h"
#include "config/loads.h"
#include "config/settings_access.h"

#include <stdio.h>
#include <stdlib.h>

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

static bool refuse(struct hs_settings_reading *reading, const struct hs_load *load, const char *why)
{
	return hs_settings_fail(reading, "[load] %s: %s", load->label, why);
}

static bool set(struct hs_settings_reading *reading, const struct hs_load *load, char **text, struct hs_slice value)
{
	if (*text != NULL)
		return refuse(reading, load, "a word is given twice: remove one");
	if (value.n == 0)
		return refuse(reading, load, "a word has no value");
	*text = strndup(value.p, value.n);
	if (*text == NULL)
		return hs_settings_fail(reading, "out of memory");
	return true;
}

static bool read_url(struct hs_settings_reading *reading, struct hs_load *load, struct hs_slice url)
{
	static const char *const schemes[] = { "sqlite:/", "postgresql://", "postgres://", "mysql://", "mariadb://" };

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		size_t n = strlen(schemes[i]);

		if (url.n <= n || memcmp(url.p, schemes[i], n) != 0)
			continue;
		if (hs_load_url_has_password(url))
			return refuse(reading, load, "move the password out of the URL: URL password=TEXT");
		return set(reading, load, &load->url, url);
	}
	return refuse(reading, load, "expected sqlite:/PATH, postgresql://… or mysql://…");
}

static bool set_on_delete(struct hs_settings_reading *reading, struct hs_load *load, struct hs_slice value)
{
	if (load->has_on_delete)
		return refuse(reading, load, "a word is given twice: remove one");
	load->has_on_delete = true;
	load->ignore_deletes = hs_slice_eq(value, HS_SLICE("ignore"));
	if (!load->ignore_deletes && !hs_slice_eq(value, HS_SLICE("follow")))
		return refuse(reading, load, "on_delete=: expected follow or ignore");
	return true;
}

/* A word is not in the message: it may be a part of a password with a blank. */
static bool read_word(struct hs_settings_reading *reading, struct hs_load *load, struct hs_slice word)
{
	const struct {
		struct hs_slice name;
		char **text;
	} words[] = { { HS_SLICE("password="), &load->password },
		      { HS_SLICE("schema="), &load->schema },
		      { HS_SLICE("prefix="), &load->prefix },
		      { HS_SLICE("tenant="), &load->tenant },
		      { HS_SLICE("on_delete="), NULL } };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = words[i].name.n;

		if (word.n < n || memcmp(word.p, words[i].name.p, n) != 0)
			continue;
		word = hs_slice(word.p + n, word.n - n);
		return words[i].text == NULL ? set_on_delete(reading, load, word)
		                             : set(reading, load, words[i].text, word);
	}
	return refuse(reading, load,
	              "unknown word: there are password=, schema=, prefix=, tenant= and on_delete=, and no value has a "
	              "blank");
}

bool hs_loads_add(struct hs_settings_reading *reading, const char *label, const char *value)
{
	struct hs_settings *s = reading->settings;
	struct hs_slice rest = hs_slice_str(value), word;
	struct hs_load *load;

	if (!hs_settings_check_label(reading, "load", label))
		return false;
	if (label[0] == '.')
		return hs_settings_fail(reading, "[load] %s: the name of a position does not begin with a dot", label);
	if (hs_load_find(s, label) != NULL)
		return hs_settings_fail(reading, "[load] %s is given twice: give each database a label of its own",
		                        label);
	if (s->loads == HS_LOADS_MAX)
		return hs_settings_fail(reading, "[load]: there are more than %d: remove some", HS_LOADS_MAX);
	if (s->load == NULL)
		s->load = calloc(HS_LOADS_MAX, sizeof *s->load);
	if (s->load == NULL)
		return hs_settings_fail(reading, "out of memory");
	load = &s->load[s->loads++];
	snprintf(load->label, sizeof load->label, "%s", label);
	next_word(&rest, &word);
	if (!read_url(reading, load, word))
		return false;
	while (next_word(&rest, &word))
		if (!read_word(reading, load, word))
			return false;
	return true;
}

void hs_loads_forget(struct hs_settings *s)
{
	for (unsigned i = 0; i < s->loads; i++) {
		struct hs_load *load = &s->load[i];

		if (load->password != NULL)
			explicit_bzero(load->password, strlen(load->password));
		free(load->url);
		free(load->password);
		free(load->schema);
		free(load->prefix);
		free(load->tenant);
	}
	free(s->load);
	s->load = NULL;
	s->loads = 0;
}

#include "config/rule_lines.h"
#include "config/settings_access.h"
#include "event/rules.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHOWN = 100 /* bytes of a line in a message */ };

/* --- a line ------------------------------------------------------------------------ */

static bool refuse(struct hs_settings_reading *reading, const char *section, const char *name, const char *value,
                   const char *why)
{
	return hs_settings_fail(reading, "[%s] %.*s = %.*s: %s", section, SHOWN, name, SHOWN, value, why);
}

static bool no_memory(struct hs_settings_reading *reading)
{
	return hs_settings_fail(reading, "out of memory");
}

static struct hs_rules *rules_of(struct hs_settings_reading *reading)
{
	if (reading->settings->rules == NULL)
		reading->settings->rules = calloc(1, sizeof *reading->settings->rules);
	return reading->settings->rules;
}

/* Parts "LABEL: rest". *tenant: an owned copy, or NULL. False: out of memory. */
static bool part_tenant(const char *name, char **tenant, const char **rest)
{
	const char *colon = strchr(name, ':');
	size_t n = colon == NULL ? 0 : (size_t)(colon - name);

	*rest = name;
	*tenant = NULL;
	if (colon == NULL || (colon[1] != ' ' && colon[1] != '\t'))
		return true;
	*rest = colon + 1 + strspn(colon + 1, " \t");
	*tenant = strndup(name, n);
	return *tenant != NULL;
}

static const char *fault_of_empty(const char *name)
{
	return name[0] == '\0' ? "the name of a field is missing" : NULL;
}

/* Says why no record has a field of that name; NULL: one may. When all is read: the environment may set `names`. */
static const char *fault_of_name(const struct hs_settings *s, const char *name)
{
	for (; *name != '\0' && s->names == HS_NAMES_WAREHOUSE; name++) {
		unsigned char c = (unsigned char)*name;

		if (c < 0x80 && c != '_' && !hs_is_digit((char)c) && (c < 'a' || c > 'z'))
			return "no field has that name: write it as in a record, in small letters joined by _";
	}
	return NULL;
}

/* --- [fields] ------------------------------------------------------------------------ */

static bool is_same(const struct hs_field_rule *a, const struct hs_field_rule *b)
{
	return a->is_prefix == b->is_prefix && strcmp(a->name, b->name) == 0 &&
	       (a->tenant == NULL || b->tenant == NULL ? a->tenant == b->tenant : strcmp(a->tenant, b->tenant) == 0);
}

static const char *fault_of_field(const struct hs_rules *rules, const struct hs_field_rule *rule)
{
	if (!rule->is_prefix && hs_rules_is_fixed(hs_slice_str(rule->name)))
		return "it identifies an event or a person, or hookspool needs it: remove the line, or drop the event "
		       "in [events]";
	if (strchr(rule->name, '*') != NULL)
		return "a * stands at the end of a name alone";
	for (const struct hs_field_rule *other = rules->field; other < rule; other++)
		if (is_same(other, rule))
			return "the name is given twice: remove one";
	return NULL;
}

bool hs_rule_lines_add_field(struct hs_settings_reading *reading, const char *name, const char *value)
{
	struct hs_rules *rules = rules_of(reading);
	struct hs_field_rule *rule;
	const char *rest, *fault;
	size_t n;

	if (rules == NULL)
		return no_memory(reading);
	if (rules->fields == HS_RULES_LINES_MAX)
		return hs_settings_fail(reading, "[fields]: there are more than %d lines: join some with *",
		                        HS_RULES_LINES_MAX);
	if (rules->field == NULL)
		rules->field = calloc(HS_RULES_LINES_MAX, sizeof *rules->field);
	rule = rules->field == NULL ? NULL : &rules->field[rules->fields++];
	if (rule == NULL || !part_tenant(name, &rule->tenant, &rest))
		return no_memory(reading);
	n = strlen(rest);
	rule->is_prefix = n > 0 && rest[n - 1] == '*';
	rule->name = strndup(rest, n - rule->is_prefix);
	rule->line = reading->line;
	if (rule->name == NULL)
		return no_memory(reading);
	if (!hs_mask_read(hs_slice_str(value), &rule->mask))
		return refuse(reading, "fields", name, value, "expected " HS_MASK_WORDS);
	fault = fault_of_field(rules, rule);
	if (fault == NULL && !(rule->is_prefix && n == 1))
		fault = fault_of_empty(rule->name);
	if (fault != NULL)
		return refuse(reading, "fields", name, value, fault);
	return true;
}

/* --- a condition --------------------------------------------------------------------------- */

/* A pattern while it is read. */
struct pattern_text {
	char text[HS_PATTERN_MAX];
	bool star[HS_PATTERN_MAX];
	size_t n;
};

static bool put(struct pattern_text *p, char c, bool star)
{
	if (p->n == HS_PATTERN_MAX)
		return false;
	p->text[p->n] = c;
	p->star[p->n++] = star;
	return true;
}

/* Reads a pattern from *at and moves there. Returns what is wrong with it; NULL: nothing. */
static const char *read_pattern(const char **at, struct pattern_text *p)
{
	const char *c = *at;
	bool quoted = *c == '"';

	p->n = 0;
	for (c += quoted; *c != '\0' && (quoted ? *c != '"' : *c != ' ' && *c != '\t'); c++) {
		bool escaped = quoted && c[0] == '\\' && c[1] != '\0' && strchr("\"\\*", c[1]) != NULL;

		c += escaped;
		if (!put(p, *c, *c == '*' && !escaped))
			return "a pattern has at most 1024 bytes";
	}
	if (quoted && *c != '"')
		return "a quote without its end";
	c += quoted;
	if (*c != '\0' && *c != ' ' && *c != '\t')
		return "text after a closing quote";
	if (p->n == 0 && !quoted)
		return "a pattern is missing: write NAME:PATTERN";
	*at = c;
	return NULL;
}

static struct hs_condition *more_conditions(struct hs_rules *rules)
{
	if (rules->condition == NULL)
		rules->condition = calloc(HS_RULES_CONDITIONS_MAX, sizeof *rules->condition);
	return rules->condition == NULL ? NULL : &rules->condition[rules->conditions];
}

static bool is_for_deletes(const struct hs_condition *c)
{
	return strcmp(c->name, "type") == 0 && hs_pattern_matches(&c->pattern, HS_SLICE("delete"));
}

/* Reads NAME:PATTERN. Returns what is wrong; NULL: nothing. */
static const char *read_condition(struct hs_settings_reading *reading, const char **at, struct hs_event_rule *rule)
{
	struct hs_rules *rules = reading->settings->rules;
	size_t n = strcspn(*at, ": \t");
	struct hs_condition *condition;
	struct pattern_text pattern;
	const char *fault;

	if ((*at)[n] != ':')
		return "expected NAME:PATTERN, as in event:\"Order *\"";
	if (rules->conditions == HS_RULES_CONDITIONS_MAX)
		return "there are more than 512 conditions: join some with *";
	condition = more_conditions(rules);
	if (condition == NULL)
		return "out of memory";
	rules->conditions++;
	rule->conditions++;
	*condition = (struct hs_condition){ .name = strndup(*at, n), .event_rule = (unsigned)(rule - rules->event) };
	if (condition->name == NULL)
		return "out of memory";
	*at += n + 1;
	fault = fault_of_empty(condition->name);
	if (fault == NULL)
		fault = read_pattern(at, &pattern);
	if (fault == NULL && !hs_pattern_compile(&condition->pattern, hs_slice(pattern.text, pattern.n), pattern.star))
		fault = "out of memory";
	if (fault == NULL && is_for_deletes(condition))
		rule->names_delete = true;
	return fault;
}

/* --- [events] ------------------------------------------------------------------------------ */

/* Reads "10%" or "0.25%" in hundredths of a percent, and moves after it. */
static bool read_percent(const char **at, unsigned *sample)
{
	unsigned whole = 0, part = 0, digits = 0, n = 0;
	const char *c = *at;

	for (; hs_is_digit(*c) && n < 3; c++, n++)
		whole = whole * 10 + (unsigned)(*c - '0');
	if (n > 0 && *c == '.')
		for (c++; hs_is_digit(*c) && digits < 2; c++, digits++)
			part = part * 10 + (unsigned)(*c - '0');
	*sample = whole * 100 + (digits == 1 ? part * 10 : part);
	if (n == 0 || *c != '%' || *sample > HS_RULES_SAMPLE_ALL)
		return false;
	*at = c + 1;
	return true;
}

static bool set_unplanned(struct hs_settings_reading *reading, struct hs_rules *rules, const char *value)
{
	static const char *const words[] = { "keep", "drop", "reject", "flag" };

	if (reading->unplanned_given)
		return hs_settings_fail(reading, "[events] unplanned is given twice: remove one");
	reading->unplanned_given = true;
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(value, words[i]) == 0) {
			rules->unplanned = (enum hs_unplanned)i;
			return true;
		}
	return refuse(reading, "events", "unplanned", value, "expected keep, drop, reject or flag");
}

/* Reads the conditions. Returns what is wrong; NULL: nothing. */
static const char *read_conditions(struct hs_settings_reading *reading, const char *at, struct hs_event_rule *rule)
{
	const char *fault = NULL;

	if (rule->action == HS_EVENT_SAMPLE && !read_percent(&at, &rule->sample))
		return "expected a share from 0% to 100% first, as in 10% event:\"Mouse Moved\"";
	for (at += strspn(at, " \t"); *at != '\0' && fault == NULL; at += strspn(at, " \t"))
		fault = read_condition(reading, &at, rule);
	return fault == NULL && rule->conditions == 0 ? "expected NAME:PATTERN, as in event:\"Order *\"" : fault;
}

static bool read_action(const char *word, enum hs_event_action *action)
{
	static const char *const words[] = { "keep", "drop", "sample" };

	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(word, words[i]) == 0) {
			*action = (enum hs_event_action)i;
			return true;
		}
	return false;
}

/* Fills the line at rules->events. Returns what is wrong; NULL: nothing. */
static const char *read_event_line(struct hs_settings_reading *reading, const char *name, const char *value)
{
	struct hs_rules *rules = reading->settings->rules;
	struct hs_event_rule *rule = &rules->event[rules->events++];
	const char *word;
	char text[2 * SHOWN];
	int n = snprintf(text, sizeof text, "%s = %s", name, value);

	if (n >= (int)sizeof text)
		memcpy(text + sizeof text - sizeof "…", "…", sizeof "…");
	rule->text = strdup(text);
	rule->line = reading->line;
	if (rule->text == NULL || !part_tenant(name, &rule->tenant, &word))
		return "out of memory";
	if (strcmp(word, "unplanned") == 0)
		return "unplanned is for all tenants: write it without a label";
	if (!read_action(word, &rule->action))
		return "unknown word: there are keep, drop, sample and unplanned";
	return read_conditions(reading, value, rule);
}

bool hs_rule_lines_add_event(struct hs_settings_reading *reading, const char *name, const char *value)
{
	struct hs_rules *rules = rules_of(reading);
	const char *fault;

	if (rules == NULL)
		return no_memory(reading);
	if (strcmp(name, "unplanned") == 0)
		return set_unplanned(reading, rules, value);
	if (rules->events == HS_RULES_LINES_MAX)
		return hs_settings_fail(reading, "[events]: there are more than %d lines: join some with *",
		                        HS_RULES_LINES_MAX);
	if (rules->event == NULL)
		rules->event = calloc(HS_RULES_LINES_MAX, sizeof *rules->event);
	if (rules->event == NULL)
		return no_memory(reading);
	fault = read_event_line(reading, name, value);
	if (fault != NULL)
		return refuse(reading, "events", name, value, fault);
	return true;
}

/* --- all lines together ----------------------------------------------------------------------- */

static bool refuse_line(struct hs_settings_reading *reading, int line, const char *what, const char *why)
{
	reading->line = line;
	reading->stage = HS_FAULT_LINE;
	hs_settings_fail(reading, "%.*s: %s", SHOWN, what, why);
	reading->line = 0;
	return false;
}

static bool is_source(const struct hs_settings *s, const struct hs_pattern *pattern)
{
	for (unsigned i = 0; i < s->sources; i++)
		if (hs_pattern_matches(pattern, hs_slice_str(s->source[i].label)))
			return true;
	return false;
}

static bool is_tenant(const struct hs_settings *s, const struct hs_pattern *pattern)
{
	for (unsigned i = 0; i < s->keys; i++)
		if (hs_pattern_matches(pattern, hs_slice_str(s->key[i].tenant)))
			return true;
	for (unsigned i = 0; i < s->secrets; i++)
		if (hs_pattern_matches(pattern, hs_slice_str(s->secret_tenant[i])))
			return true;
	for (unsigned i = 0; i < s->sources; i++)
		if (hs_pattern_matches(pattern, hs_slice_str(s->source[i].tenant)))
			return true;
	return false;
}

static bool is_type(const struct hs_settings *s, const struct hs_pattern *pattern)
{
	static const char *const types[] = { "identify", "track", "page", "screen", "group", "alias", "delete" };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (hs_pattern_matches(pattern, hs_slice_str(types[i])))
			return true;
	return s->validate == HS_VALIDATE_LENIENT;
}

/* Says why a condition can never match; NULL: it can. */
static const char *fault_of_condition(const struct hs_settings *s, const struct hs_condition *c)
{
	const char *fault = fault_of_name(s, c->name);

	if (fault != NULL)
		return fault;
	if (strcmp(c->name, "type") == 0 && !is_type(s, &c->pattern))
		return "it can never match: the types are identify, track, page, screen, group, alias and delete";
	if (strcmp(c->name, "tenant") == 0 && !is_tenant(s, &c->pattern))
		return "it can never match: no key, secret or source has that label as its tenant";
	if (strcmp(c->name, "source") == 0 && !is_source(s, &c->pattern))
		return "it can never match: [sources] has no such label";
	return NULL;
}

/* True if line `a` has a condition that matches wherever c does. */
static bool has_wider(const struct hs_rules *r, unsigned a, const struct hs_condition *c)
{
	for (unsigned i = 0; i < r->conditions; i++) {
		const struct hs_condition *other = &r->condition[i];

		if (other->event_rule == a && strcmp(other->name, c->name) == 0 &&
		    (hs_pattern_is_any(&other->pattern) || hs_pattern_is_same(&other->pattern, &c->pattern)))
			return true;
	}
	return false;
}

/* True if line `a` passes over delete events, and line `b` names them, not only by a * for all types. */
static bool is_about_spared(const struct hs_rules *r, unsigned a, unsigned b)
{
	bool names = false;

	if (!r->event[b].names_delete || !hs_rules_spare_deletes(&r->event[a]))
		return false;
	for (unsigned i = 0; i < r->conditions && !names; i++)
		names = r->condition[i].event_rule == b && is_for_deletes(&r->condition[i]) &&
		        !hs_pattern_is_any(&r->condition[i].pattern);
	return names;
}

/* True if line `a` decides about every event that line `b` could match. */
static bool decides_first(const struct hs_rules *r, unsigned a, unsigned b)
{
	const struct hs_event_rule *first = &r->event[a], *second = &r->event[b];
	unsigned wider = 0;

	if (first->tenant != NULL && (second->tenant == NULL || strcmp(first->tenant, second->tenant) != 0))
		return false;
	if (is_about_spared(r, a, b))
		return false;
	for (unsigned i = 0; i < r->conditions; i++) {
		const struct hs_condition *c = &r->condition[i];
		bool repeated = false;

		if (c->event_rule != a)
			continue;
		for (unsigned k = 0; k < r->conditions && !repeated; k++)
			repeated = r->condition[k].event_rule == b && strcmp(r->condition[k].name, c->name) == 0 &&
			           has_wider(r, a, &r->condition[k]);
		wider += repeated;
	}
	return wider == first->conditions;
}

static bool check_order(struct hs_settings_reading *reading, const struct hs_rules *r, unsigned b)
{
	char why[80];

	for (unsigned a = 0; a < b; a++) {
		if (!decides_first(r, a, b))
			continue;
		snprintf(why, sizeof why, "line %d decides about these events first: remove one, or change the order",
		         r->event[a].line);
		return refuse_line(reading, r->event[b].line, r->event[b].text, why);
	}
	return true;
}

static bool check_label(struct hs_settings_reading *reading, const char *tenant, int line)
{
	if (tenant != NULL && hs_settings_tenant(reading->settings, tenant) == NULL)
		return refuse_line(reading, line, tenant, "no key, secret or source has that label as its tenant");
	return true;
}

static bool check_events(struct hs_settings_reading *reading, const struct hs_rules *r)
{
	for (unsigned i = 0; i < r->conditions; i++) {
		const struct hs_event_rule *rule = &r->event[r->condition[i].event_rule];
		const char *fault = fault_of_condition(reading->settings, &r->condition[i]);

		if (fault != NULL)
			return refuse_line(reading, rule->line, rule->text, fault);
	}
	for (unsigned i = 0; i < r->events; i++)
		if (!check_label(reading, r->event[i].tenant, r->event[i].line) || !check_order(reading, r, i))
			return false;
	return true;
}

static bool check_fields(struct hs_settings_reading *reading, const struct hs_rules *r)
{
	for (unsigned i = 0; i < r->fields; i++) {
		const struct hs_field_rule *rule = &r->field[i];
		const char *fault = fault_of_name(reading->settings, rule->name);

		if (fault != NULL)
			return refuse_line(reading, rule->line, rule->name, fault);
		if (rule->mask.kind == HS_MASK_HASH && reading->settings->hash_key == NULL)
			return refuse_line(reading, rule->line, rule->name,
			                   "hash needs a key: set hash_key above the sections, to a random text of at "
			                   "least 16 bytes");
		if (!check_label(reading, rule->tenant, rule->line))
			return false;
	}
	return true;
}

static bool is_given(const struct hs_settings_reading *reading, const char *name)
{
	return reading->given[hs_setting_find(name) - hs_setting_table];
}

void hs_rule_lines_settle(struct hs_settings_reading *reading)
{
	struct hs_settings *s = reading->settings;
	struct hs_slice address = s->names == HS_NAMES_VERBATIM ? HS_SLICE("context.ip") : HS_SLICE("context_ip");

	if (s->rules == NULL || reading->failed)
		return;
	if (!check_events(reading, s->rules) || !check_fields(reading, s->rules))
		return;
	s->rules->hash_key = s->hash_key;
	hs_rules_settle(s->rules);
	if ((s->rules->masks || s->rules->drops) && !is_given(reading, "rejected_body"))
		s->rejected_body = 0;
	/* for all tenants if for one: a line of the log may come before it is known whose the request is */
	s->hides_addresses = hs_rules_mask_for_any(s->rules, address) && !is_given(reading, "ip");
}

#include "tools/sink/routing_rules.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const types[] = { "identify", "track", "page", "screen", "group", "alias", "delete" };

static bool is_type(struct hs_slice text)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (hs_slice_eq(text, hs_slice_str(types[i])))
			return true;
	return false;
}

/* Finds the '=' before the command; one after a backslash belongs to a name. */
static const char *end_of(const char *text)
{
	for (; *text != '\0' && *text != '='; text++)
		if (*text == '\\' && text[1] != '\0')
			text++;
	return *text == '=' ? text : NULL;
}

/* Copies the name without its backslashes. p == NULL: out of memory. */
static struct hs_slice unescape(struct hs_routing_rules *r, struct hs_slice name)
{
	char *copy = malloc(name.n + 1);
	size_t n = 0;

	if (copy == NULL)
		return HS_SLICE_NONE;
	r->name[r->count] = copy;
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '\\' && i + 1 < name.n)
			i++;
		copy[n++] = name.p[i];
	}
	return hs_slice(copy, n);
}

static bool refuse(const char *command, const char *argument, const char *expected)
{
	fprintf(stderr, "hookspool %s: --on %s: expected %s\n", command, argument, expected);
	return false;
}

bool hs_routing_rules_add(struct hs_routing_rules *r, const char *command, const char *argument)
{
	const char *equals = end_of(argument), *colon;
	struct hs_routing_rule rule = { .on = hs_slice_str(argument) };

	if (equals == NULL || equals == argument || equals[1] == '\0')
		return refuse(command, argument, "TYPE=COMMAND, TYPE:NAME=COMMAND or *=COMMAND");
	if (r->count == HS_ROUTING_RULES_MAX) {
		fprintf(stderr, "hookspool %s: at most %d handlers\n", command, HS_ROUTING_RULES_MAX);
		return false;
	}
	rule.on.n = (size_t)(equals - argument);
	rule.command = equals + 1;
	colon = memchr(argument, ':', rule.on.n);
	if (!hs_slice_eq(rule.on, HS_SLICE("*")))
		rule.type = hs_slice(argument, colon != NULL ? (size_t)(colon - argument) : rule.on.n);
	if (rule.type.p != NULL && !is_type(rule.type))
		return refuse(command, argument, "identify, track, page, screen, group, alias, delete or *");
	if (colon != NULL) {
		rule.name = unescape(r, hs_slice(colon + 1, (size_t)(equals - colon - 1)));
		if (rule.name.p == NULL)
			return refuse(command, argument, "more memory");
	}
	r->rule[r->count++] = rule;
	return true;
}

void hs_routing_rules_free(struct hs_routing_rules *r)
{
	for (unsigned i = 0; i < HS_ROUTING_RULES_MAX; i++)
		free(r->name[i]);
	hs_buf_free(&r->scratch);
}

static bool is(const struct hs_record_field *field, struct hs_slice text, struct hs_buf *scratch)
{
	return field->name.p != NULL && hs_buf_ok(scratch) && hs_record_field_is(field, text, scratch);
}

int hs_routing_rules_find(struct hs_routing_rules *r, const struct hs_record_head *m)
{
	int best = HS_ROUTING_RULES_NONE, best_exact = -1;

	hs_buf_reset(&r->scratch);
	if (r->no_test && hs_record_head_is_test(m, &r->scratch))
		return HS_ROUTING_RULES_NONE;
	for (unsigned i = 0; i < r->count && hs_buf_ok(&r->scratch); i++) {
		const struct hs_routing_rule *rule = &r->rule[i];
		int exact = (rule->type.p != NULL) + (rule->name.p != NULL);

		if (exact <= best_exact ||
		    (rule->type.p != NULL && !is(&m->leaf[HS_HEAD_TYPE], rule->type, &r->scratch)) ||
		    (rule->name.p != NULL && !is(&m->leaf[HS_HEAD_EVENT], rule->name, &r->scratch) &&
		     !is(&m->leaf[HS_HEAD_NAME], rule->name, &r->scratch)))
			continue;
		best = (int)i;
		best_exact = exact;
	}
	return hs_buf_ok(&r->scratch) ? best : HS_ROUTING_RULES_MEMORY;
}

bool hs_routing_rules_may_find(const struct hs_routing_rules *r, struct hs_summary_reader *summary)
{
	for (unsigned i = 0; i < r->count; i++)
		if (r->rule[i].type.p == NULL || hs_summary_may_have(summary, HS_SUMMARY_TYPES, r->rule[i].type))
			return true;
	return false;
}

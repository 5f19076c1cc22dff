#include "event/rules.h"
#include "event/event.h"
#include "event/id_text.h"

#include <stdatomic.h>
#include <stdlib.h>

void hs_rules_free(struct hs_rules *rules)
{
	if (rules == NULL)
		return;
	for (unsigned i = 0; i < rules->fields; i++) {
		free(rules->field[i].tenant);
		free(rules->field[i].name);
	}
	for (unsigned i = 0; i < rules->events; i++) {
		free(rules->event[i].tenant);
		free(rules->event[i].text);
	}
	for (unsigned i = 0; i < rules->conditions; i++) {
		free(rules->condition[i].name);
		hs_pattern_free(&rules->condition[i].pattern);
	}
	free(rules->field);
	free(rules->event);
	free(rules->condition);
	free(rules);
}

bool hs_rules_is_fixed(struct hs_slice name)
{
	static const char *const added[] = { "tenant", "source", "spooled_at", "original_message_id" };
	static const enum hs_field fields[] = { HS_FIELD_TYPE,     HS_FIELD_EVENT,        HS_FIELD_TIMESTAMP,
		                                HS_FIELD_USER_ID,  HS_FIELD_ANONYMOUS_ID, HS_FIELD_MESSAGE_ID,
		                                HS_FIELD_GROUP_ID, HS_FIELD_PREVIOUS_ID,  HS_FIELD_RECEIVED_AT };

	for (size_t i = 0; i < sizeof added / sizeof *added; i++)
		if (hs_slice_eq(name, hs_slice_str(added[i])))
			return true;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (hs_slice_eq(name, hs_field_name(fields[i])))
			return true;
	return false;
}

/* --- order ------------------------------------------------------------------------ */

static int by_tenant(const char *a, const char *b)
{
	return a == NULL || b == NULL ? (a == NULL) - (b == NULL) : strcmp(a, b);
}

/* Whole names first, by name; then the beginnings, the longest first. Of names alike, a tenant's first. */
static int by_exactness(const void *a, const void *b)
{
	const struct hs_field_rule *x = a, *y = b;
	size_t n = strlen(x->name), m = strlen(y->name);
	int order;

	if (x->is_prefix != y->is_prefix)
		return x->is_prefix - y->is_prefix;
	if (x->is_prefix && n != m)
		return n < m ? 1 : -1;
	order = strcmp(x->name, y->name);
	return order != 0 ? order : by_tenant(x->tenant, y->tenant);
}

static int by_name(const void *a, const void *b)
{
	const struct hs_condition *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : (x->event_rule > y->event_rule) - (x->event_rule < y->event_rule);
}

static bool may_drop(const struct hs_event_rule *rule)
{
	return rule->action == HS_EVENT_DROP || (rule->action == HS_EVENT_SAMPLE && rule->sample < HS_RULES_SAMPLE_ALL);
}

static _Atomic uint64_t settled; /* how many rules this process has settled */

void hs_rules_settle(struct hs_rules *r)
{
	if (r->fields > 0)
		qsort(r->field, r->fields, sizeof *r->field, by_exactness);
	if (r->conditions > 0)
		qsort(r->condition, r->conditions, sizeof *r->condition, by_name);
	for (unsigned i = 0; i < r->fields; i++) {
		r->has_tenants = r->has_tenants || r->field[i].tenant != NULL;
		r->masks = r->masks || r->field[i].mask.kind != HS_MASK_KEEP;
	}
	r->drops = r->unplanned == HS_UNPLANNED_DROP;
	for (unsigned i = 0; i < r->events; i++) {
		r->samples = r->samples || r->event[i].action == HS_EVENT_SAMPLE;
		r->drops = r->drops || may_drop(&r->event[i]);
	}
	r->version = atomic_fetch_add(&settled, 1) + 1;
}

/* --- a name ------------------------------------------------------------------------- */

static bool is_for(const char *tenant, struct hs_slice other)
{
	return tenant == NULL || hs_slice_eq(hs_slice_str(tenant), other);
}

static bool covers(const struct hs_field_rule *rule, struct hs_slice name)
{
	size_t n = strlen(rule->name);

	return rule->is_prefix ? name.n >= n && memcmp(name.p, rule->name, n) == 0
	                       : hs_slice_eq(hs_slice_str(rule->name), name);
}

static uint8_t id_of(struct hs_slice name)
{
	static const enum hs_field ids[] = { HS_FIELD_USER_ID, HS_FIELD_ANONYMOUS_ID, HS_FIELD_MESSAGE_ID };

	for (uint8_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (hs_slice_eq(name, hs_field_name(ids[i])))
			return i + 1;
	return 0;
}

void hs_rules_about(const struct hs_rules *r, struct hs_slice tenant, struct hs_slice name,
                    struct hs_rules_about *about)
{
	*about = (struct hs_rules_about){ .id = r->samples ? id_of(name) : 0 };
	for (unsigned i = 0; i < r->conditions; i++) {
		if (!hs_slice_eq(hs_slice_str(r->condition[i].name), name))
			continue;
		about->condition = (uint16_t)(about->conditions == 0 ? i : about->condition);
		about->conditions++;
	}
	if (hs_rules_is_fixed(name))
		return;
	for (unsigned i = 0; i < r->fields && about->mask == 0; i++)
		if (is_for(r->field[i].tenant, tenant) && covers(&r->field[i], name))
			about->mask = (uint16_t)(i + 1);
	if (about->mask > 0 && r->field[about->mask - 1].mask.kind == HS_MASK_KEEP)
		about->mask = 0;
}

bool hs_rules_mask_for_any(const struct hs_rules *r, struct hs_slice name)
{
	struct hs_rules_about about = { 0 };

	for (unsigned i = 0; i < r->fields && about.mask == 0; i++)
		if (covers(&r->field[i], name))
			hs_rules_about(r, hs_slice_str(r->field[i].tenant == NULL ? "" : r->field[i].tenant), name,
			               &about);
	return about.mask > 0;
}

/* --- delete events ------------------------------------------------------------------- */

bool hs_rules_spare_deletes(const struct hs_event_rule *rule)
{
	return rule->action == HS_EVENT_SAMPLE || (rule->action == HS_EVENT_DROP && !rule->names_delete);
}

/* True if the line keeps every delete event that it is tried on. */
static bool keeps_deletes(const struct hs_rules *r, unsigned line)
{
	bool all = r->event[line].action == HS_EVENT_KEEP;

	for (unsigned i = 0; i < r->conditions && all; i++)
		all = r->condition[i].event_rule != line ||
		      (strcmp(r->condition[i].name, "type") == 0 &&
		       hs_pattern_matches(&r->condition[i].pattern, HS_SLICE("delete")));
	return all;
}

bool hs_rules_drop_deletes(const struct hs_rules *r, unsigned line)
{
	const struct hs_event_rule *rule = &r->event[line];
	bool drops = rule->action == HS_EVENT_DROP && rule->names_delete;

	for (unsigned i = 0; i < line && drops; i++)
		drops = !keeps_deletes(r, i) ||
		        (r->event[i].tenant != NULL && by_tenant(r->event[i].tenant, rule->tenant) != 0);
	return drops;
}

/* --- a record ------------------------------------------------------------------------ */

void hs_rules_begin(const struct hs_rules *r, struct hs_slice tenant, enum hs_event_type type, struct hs_facts *facts)
{
	facts->tenant = tenant;
	facts->type = type;
	if (r->conditions > 0)
		memset(facts->matched, 0, (r->conditions + 63) / 64 * sizeof *facts->matched);
	if (r->samples)
		memset(facts->id, 0, sizeof facts->id);
}

/*
 * A cryptographic hash, because the same user must be in the sample on every machine; of the number's text, because
 * 7, 7.0 and "7" are one user.
 */
static enum hs_result note_id(struct hs_slice id, bool is_string, struct hs_buf *text, uint64_t *hash)
{
	uint8_t digest[HS_SHA256_BYTES];

	if (!is_string && !hs_id_is_plain(id)) {
		hs_buf_reset(text);
		hs_id_put_number(text, id);
		if (!hs_buf_ok(text))
			return HS_E_MEMORY;
		id = hs_buf_slice(text);
	}
	if (!hs_sha256(id, digest))
		return HS_E_MEMORY;
	*hash = 0;
	for (int i = 0; i < 6; i++)
		*hash = *hash << 8 | digest[i];
	*hash += *hash == 0;
	return HS_OK;
}

/* As event.c has it: a number, or a string that is not empty. */
static bool is_id(const struct hs_record_field *value)
{
	return value->value.n > 0 && (value->is_string || value->value.p[0] == '-' || hs_is_digit(value->value.p[0]));
}

enum hs_result hs_rules_tell(const struct hs_rules *r, const struct hs_rules_about *about,
                             const struct hs_record_field *value, struct hs_buf *text, struct hs_facts *facts)
{
	struct hs_slice decoded = value->value;

	if (about->conditions == 0 && about->id == 0)
		return HS_OK;
	if (value->value_escaped) {
		hs_buf_reset(text);
		hs_record_field_put(value, text);
		if (!hs_buf_ok(text))
			return HS_E_MEMORY;
		decoded = hs_buf_slice(text);
	}
	for (unsigned i = about->condition; i < about->condition + about->conditions; i++)
		if (hs_pattern_matches(&r->condition[i].pattern, decoded))
			facts->matched[i / 64] |= UINT64_C(1) << i % 64;
	return about->id > 0 && is_id(value) ? note_id(decoded, value->is_string, text, &facts->id[about->id - 1])
	                                     : HS_OK;
}

/* A user is in or out with all events, on every host alike; an event of nobody by its id. */
static bool is_in_sample(const struct hs_facts *facts, unsigned sample)
{
	uint64_t hash = facts->id[0] != 0 ? facts->id[0] : facts->id[1] != 0 ? facts->id[1] : facts->id[2];

	return hash % HS_RULES_SAMPLE_ALL < sample;
}

static enum hs_decision decide_unplanned(const struct hs_rules *r, const struct hs_facts *facts)
{
	if (facts->type == HS_EVENT_TYPE_DELETE)
		return HS_DECISION_KEEP;
	return r->unplanned == HS_UNPLANNED_KEEP     ? HS_DECISION_KEEP
	       : r->unplanned == HS_UNPLANNED_DROP   ? HS_DECISION_DROP
	       : r->unplanned == HS_UNPLANNED_REJECT ? HS_DECISION_REJECT
	                                             : HS_DECISION_FLAG;
}

enum hs_decision hs_rules_decide(const struct hs_rules *r, const struct hs_facts *facts, unsigned *line)
{
	unsigned matched[HS_RULES_LINES_MAX] = { 0 };

	for (unsigned i = 0; i < r->conditions; i++)
		matched[r->condition[i].event_rule] += (unsigned)(facts->matched[i / 64] >> i % 64 & 1);
	for (*line = 0; *line < r->events; ++*line) {
		const struct hs_event_rule *rule = &r->event[*line];

		if (matched[*line] < rule->conditions || !is_for(rule->tenant, facts->tenant))
			continue;
		if (facts->type == HS_EVENT_TYPE_DELETE && hs_rules_spare_deletes(rule))
			continue;
		return rule->action == HS_EVENT_DROP ||
		               (rule->action == HS_EVENT_SAMPLE && !is_in_sample(facts, rule->sample))
		           ? HS_DECISION_DROP
		           : HS_DECISION_KEEP;
	}
	return decide_unplanned(r, facts);
}

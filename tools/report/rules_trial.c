#include "tools/report/rules_trial.h"
#include "event/json.h"

void hs_rules_trial_free(struct hs_rules_trial *t)
{
	for (size_t i = 0; i < HS_RULES_LINES_MAX; i++) {
		hs_buf_free(&t->field[i].name);
		hs_buf_free(&t->field[i].before);
		hs_buf_free(&t->field[i].after);
	}
	hs_buf_free(&t->name);
	hs_buf_free(&t->text);
	hs_buf_free(&t->value);
}

/* --- names -------------------------------------------------------------------------- */

/* Decodes the name. False: out of memory. */
static bool name_of(struct hs_rules_trial *t, const struct hs_record_field *field, struct hs_slice *name)
{
	*name = field->name;
	if (!field->name_escaped)
		return true;
	hs_buf_reset(&t->name);
	hs_json_unescape(field->name, &t->name);
	*name = hs_buf_slice(&t->name);
	return hs_buf_ok(&t->name);
}

/* Reads the next field. False: there is none, or *r is no longer HS_OK. */
static bool next_field(struct hs_rules_trial *t, struct hs_record_fields *walk, struct hs_record_field *field,
                       struct hs_slice *name, enum hs_result *r)
{
	if (*r != HS_OK || !hs_record_field_next(walk, field))
		return false;
	if (!name_of(t, field, name))
		*r = HS_E_MEMORY;
	return *r == HS_OK;
}

/* The value of a field that hookspool writes itself, or checks; n == 0: it is absent. */
static struct hs_slice value_of(struct hs_slice line, struct hs_slice name)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;

	while (hs_record_field_next(&walk, &field))
		if (hs_slice_eq(field.name, name))
			return field.value;
	return HS_SLICE_NONE;
}

/* Cuts "_2" off. */
static bool without_number(struct hs_slice *name)
{
	size_t n = name->n;

	while (n > 0 && hs_is_digit(name->p[n - 1]))
		n--;
	if (n == name->n || n < 2 || name->p[n - 1] != '_')
		return false;
	name->n = n - 1;
	return true;
}

static bool has_field(struct hs_slice line, struct hs_slice name)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;

	while (hs_record_field_next(&walk, &field))
		if (hs_slice_eq(field.name, name))
			return true;
	return false;
}

static bool is_named(const struct hs_rules *rules, const struct hs_rules_about *about)
{
	return about->mask > 0 && !rules->field[about->mask - 1].is_prefix;
}

/* A second value of a name is masked as the first, unless a line names it (ruling.c). */
static void look_up(struct hs_rules_trial *t, struct hs_slice line, struct hs_slice tenant, struct hs_slice name,
                    struct hs_rules_about *about)
{
	struct hs_rules_about first;

	hs_rules_about(t->rules, tenant, name, about);
	if (is_named(t->rules, about) || !without_number(&name) || !has_field(line, name))
		return;
	hs_rules_about(t->rules, tenant, name, &first);
	about->mask = first.mask;
}

/* --- a record -------------------------------------------------------------------------- */

static void put_value(const struct hs_record_field *field, struct hs_buf *out)
{
	if (field->is_string)
		hs_buf_putc(out, '"');
	hs_buf_put_slice(out, field->value);
	if (field->is_string)
		hs_buf_putc(out, '"');
}

static bool is_changed(struct hs_rules_trial *t, const struct hs_record_field *field, const struct hs_mask *mask)
{
	hs_buf_reset(&t->text);
	put_value(field, &t->text);
	return mask->kind == HS_MASK_DROP || !hs_slice_eq(hs_buf_slice(&t->text), hs_buf_slice(&t->value));
}

static enum hs_result try_mask(struct hs_rules_trial *t, unsigned line, struct hs_slice name,
                               const struct hs_record_field *field)
{
	const struct hs_field_rule *rule = &t->rules->field[line];
	struct hs_rules_field_trial *trial = &t->field[line];

	hs_buf_reset(&t->value);
	if (hs_mask_put(&rule->mask, t->rules->hash_key, field, &t->text, &t->value) != HS_OK)
		return HS_E_MEMORY;
	trial->values++;
	if (!is_changed(t, field, &rule->mask))
		return HS_OK;
	if (!hs_buf_ok(&t->text))
		return HS_E_MEMORY;
	if (trial->changed++ == 0) {
		hs_buf_put_slice(&trial->name, name);
		put_value(field, &trial->before);
		hs_buf_put_slice(&trial->after, hs_buf_slice(&t->value));
	}
	return hs_buf_ok(&trial->name) && hs_buf_ok(&trial->before) && hs_buf_ok(&trial->after) ? HS_OK : HS_E_MEMORY;
}

static void count(struct hs_rules_trial *t, enum hs_decision decision, unsigned line)
{
	t->records++;
	t->kept += decision == HS_DECISION_KEEP;
	t->dropped += decision == HS_DECISION_DROP;
	t->rejected += decision == HS_DECISION_REJECT;
	t->flagged += decision == HS_DECISION_FLAG;
	if (line == t->rules->events)
		return;
	t->event[line].matched++;
	t->event[line].dropped += decision == HS_DECISION_DROP;
}

static enum hs_result tell(struct hs_rules_trial *t, struct hs_slice line, struct hs_facts *facts)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;
	enum hs_result r = HS_OK;
	struct hs_slice name;

	while (next_field(t, &walk, &field, &name, &r)) {
		struct hs_rules_about about;

		hs_rules_about(t->rules, facts->tenant, name, &about);
		r = hs_rules_tell(t->rules, &about, &field, &t->text, facts);
	}
	return r;
}

static enum hs_result mask(struct hs_rules_trial *t, struct hs_slice line, struct hs_slice tenant)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;
	enum hs_result r = HS_OK;
	struct hs_slice name;

	while (next_field(t, &walk, &field, &name, &r)) {
		struct hs_rules_about about;

		look_up(t, line, tenant, name, &about);
		if (about.mask > 0)
			r = try_mask(t, about.mask - 1u, name, &field);
	}
	return r;
}

enum hs_result hs_rules_trial_record(struct hs_rules_trial *t, struct hs_slice line)
{
	struct hs_slice tenant = value_of(line, HS_SLICE("tenant"));
	enum hs_decision decision;
	struct hs_facts facts;
	enum hs_result r;
	unsigned decided;

	hs_rules_begin(t->rules, tenant, hs_event_type_of(value_of(line, HS_SLICE("type"))), &facts);
	r = tell(t, line, &facts);
	if (r != HS_OK)
		return r;
	decision = hs_rules_decide(t->rules, &facts, &decided);
	count(t, decision, decided);
	return decision == HS_DECISION_KEEP || decision == HS_DECISION_FLAG ? mask(t, line, tenant) : HS_OK;
}

#include "event/ruling.h"

#include <stdlib.h>

enum { TEXT_KEEP = 1 << 16, NAMES_KEEP = 1 << 13 };

void hs_ruling_free(struct hs_ruling *r)
{
	free(r->of_name);
	hs_buf_free(&r->tenant);
	hs_buf_free(&r->value);
	hs_buf_free(&r->text);
	*r = (struct hs_ruling){ 0 };
}

void hs_ruling_shrink(struct hs_ruling *r)
{
	hs_buf_shrink(&r->value, TEXT_KEEP);
	hs_buf_shrink(&r->text, TEXT_KEEP);
	if (r->names <= NAMES_KEEP)
		return;
	free(r->of_name);
	r->of_name = NULL;
	r->names = 0;
}

/* --- what is kept from record to record ----------------------------------------------- */

static uint32_t fields_of(const struct hs_ruling *r)
{
	uint32_t fields = 0;

	for (int f = 0; f < HS_FIELD_FLAT_COUNT; f++)
		fields |= (uint32_t)!hs_ruling_says_nothing(&r->of_field[f]) << f;
	return fields;
}

static void begin_era(struct hs_ruling *r, const struct hs_name_cache *names, struct hs_slice tenant)
{
	r->era++;
	r->version = r->rules->version;
	r->forgotten = names->forgotten;
	hs_buf_reset(&r->tenant);
	hs_buf_put_slice(&r->tenant, tenant);
	for (int f = 0; f < HS_FIELD_FLAT_COUNT; f++)
		hs_rules_about(r->rules, tenant, hs_field_name((enum hs_field)f), &r->of_field[f]);
	r->known = fields_of(r);
}

static bool is_other_era(const struct hs_ruling *r, const struct hs_name_cache *names, struct hs_slice tenant)
{
	return r->era == 0 || r->version != r->rules->version || r->forgotten != names->forgotten ||
	       (r->rules->has_tenants && !hs_slice_eq(hs_buf_slice(&r->tenant), tenant));
}

static bool make_room(struct hs_ruling *r, const struct hs_name_cache *names)
{
	size_t more = names->name_cap;
	struct hs_rules_of_name *of_name = realloc(r->of_name, more * sizeof *of_name);

	if (of_name == NULL)
		return false;
	memset(of_name + r->names, 0, (more - r->names) * sizeof *of_name);
	r->of_name = of_name;
	r->names = more;
	return true;
}

/* --- a record --------------------------------------------------------------------------- */

/* A value that hookspool adds itself: conditions alone. */
static enum hs_result tell_added(struct hs_ruling *r, struct hs_slice name, struct hs_slice value)
{
	struct hs_record_field field = { .value = value, .is_string = true };
	struct hs_rules_about about;

	if (value.n == 0)
		return HS_OK;
	hs_rules_about(r->rules, r->facts.tenant, name, &about);
	return hs_rules_tell(r->rules, &about, &field, &r->text, &r->facts);
}

enum hs_result hs_ruling_begin(struct hs_ruling *r, struct hs_name_cache *names, enum hs_event_type type,
                               struct hs_slice tenant, struct hs_slice source)
{
	const struct hs_rules *rules = r->rules;
	enum hs_result result;

	if (is_other_era(r, names, tenant))
		begin_era(r, names, tenant);
	r->fields = r->known;
	names->rules = r->era;
	hs_rules_begin(rules, tenant, type, &r->facts);
	if (rules->conditions == 0)
		return hs_buf_ok(&r->tenant) ? HS_OK : HS_E_MEMORY;
	result = tell_added(r, HS_SLICE("tenant"), tenant);
	if (result == HS_OK)
		result = tell_added(r, HS_SLICE("source"), source);
	return hs_buf_ok(&r->tenant) ? result : HS_E_MEMORY;
}

/* --- a name ------------------------------------------------------------------------------ */

static const struct hs_rules_about *look_up(struct hs_ruling *r, const struct hs_name_cache *names, uint32_t name)
{
	struct hs_rules_of_name *of_name;

	if (name >= r->names && !make_room(r, names))
		return NULL;
	of_name = &r->of_name[name];
	if (of_name->era != r->era) {
		of_name->era = r->era;
		hs_rules_about(r->rules, r->facts.tenant, hs_name_cache_text_of(names, name), &of_name->about);
	}
	return &of_name->about;
}

/*
 * A second value of a name has a number after it. Conditions are about the name alone; a mask covers
 * these, too, unless a line names them. No line is about a fixed name, so a * covers what has a number after it.
 */
const struct hs_rules_about *hs_ruling_look_up(struct hs_ruling *r, const struct hs_name_cache *names, uint32_t step,
                                               uint32_t name)
{
	uint32_t first = hs_name_cache_name_of(names, step);
	const struct hs_rules_about *about = look_up(r, names, first);

	if (about == NULL || name == first)
		return about;
	r->numbered = (struct hs_rules_about){ .mask = about->mask };
	about = look_up(r, names, name);
	if (about != NULL && about->mask > 0 &&
	    (!r->rules->field[about->mask - 1].is_prefix || hs_rules_is_fixed(hs_name_cache_text_of(names, first))))
		r->numbered.mask = about->mask;
	return about == NULL ? NULL : &r->numbered;
}

/* --- a value ------------------------------------------------------------------------------ */

static const struct hs_mask *mask_of(const struct hs_ruling *r, const struct hs_rules_about *about)
{
	static const struct hs_mask keep = { HS_MASK_KEEP, 0 };

	return about->mask == 0 ? &keep : &r->rules->field[about->mask - 1].mask;
}

static enum hs_result tell(struct hs_ruling *r, const struct hs_rules_about *about, const struct hs_record_field *value)
{
	return about->conditions == 0 && about->id == 0 ? HS_OK
	                                                : hs_rules_tell(r->rules, about, value, &r->text, &r->facts);
}

enum hs_result hs_ruling_put(struct hs_ruling *r, const struct hs_rules_about *about, struct hs_slice label,
                             const struct hs_record_field *value, struct hs_buf *out)
{
	const struct hs_mask *mask = mask_of(r, about);
	enum hs_result result = tell(r, about, value);

	if (result != HS_OK || mask->kind == HS_MASK_DROP)
		return result;
	hs_buf_put_slice(out, label);
	return hs_mask_put(mask, r->rules->hash_key, value, &r->text, out);
}

enum hs_result hs_ruling_apply(struct hs_ruling *r, const struct hs_rules_about *about, struct hs_buf *out,
                               size_t start, size_t value)
{
	const struct hs_mask *mask = mask_of(r, about);
	struct hs_record_field field;
	enum hs_result result;

	if (!hs_buf_ok(out))
		return HS_E_MEMORY;
	field = hs_mask_field(hs_slice(out->p + value, out->n - value));
	result = tell(r, about, &field);
	if (result != HS_OK || !hs_mask_may_change(mask, hs_slice(out->p + value, out->n - value)))
		return result;
	if (mask->kind == HS_MASK_DROP) {
		out->n = start;
		return HS_OK;
	}
	hs_buf_reset(&r->value);
	hs_buf_put(&r->value, out->p + value, out->n - value);
	if (!hs_buf_ok(&r->value))
		return HS_E_MEMORY;
	field = hs_mask_field(hs_buf_slice(&r->value));
	out->n = value;
	return hs_mask_put(mask, r->rules->hash_key, &field, &r->text, out);
}

enum hs_result hs_ruling_decide(const struct hs_ruling *r, bool *flag)
{
	enum hs_decision decision;
	unsigned line;

	*flag = false;
	if (r->rules->events == 0 && r->rules->unplanned == HS_UNPLANNED_KEEP)
		return HS_OK;
	decision = hs_rules_decide(r->rules, &r->facts, &line);
	*flag = decision == HS_DECISION_FLAG;
	return decision == HS_DECISION_DROP ? HS_E_DROPPED : decision == HS_DECISION_REJECT ? HS_E_UNPLANNED : HS_OK;
}

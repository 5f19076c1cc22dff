/*
 * ruling: the rules applied to a record while it is flattened. What they say about a name is looked up
 * once and kept beside the flattener's names.
 */
#ifndef HS_RULING_H
#define HS_RULING_H

#include "event/event.h"
#include "event/name_cache.h"
#include "event/rules.h"

/* Working memory of one flattener. Zeroed: no rules, and its name cache must be empty, too. */
struct hs_ruling {
	const struct hs_rules *rules; /* of this record; NULL: none */
	struct hs_facts facts;        /* of this record */
	struct hs_rules_about of_field[HS_FIELD_FLAT_COUNT];
	uint32_t known;           /* a bit for each of these that the rules say something about, in this era … */
	uint32_t fields;          /* … and for this record: 0 without rules */
	struct hs_rules_of_name { /* by the index of a name */
		uint64_t era;     /* valid if it is that of the ruling */
		struct hs_rules_about about;
	} * of_name;
	size_t names;                   /* in of_name */
	struct hs_rules_about numbered; /* of the last name with a number after it */

	uint64_t era;              /* another era: other rules, another tenant with rules of its own, or new names */
	uint64_t version;          /* of the rules of this era */
	uint32_t forgotten;        /* by the name cache, in this era */
	struct hs_buf tenant;      /* of this era */
	struct hs_buf value, text; /* a value, and its text */
};

void hs_ruling_free(struct hs_ruling *ruling);
void hs_ruling_shrink(struct hs_ruling *ruling);

/* Sets the rules of the next record; NULL: none, and no other call is needed. */
static inline void hs_ruling_set(struct hs_ruling *ruling, struct hs_name_cache *names, const struct hs_rules *rules)
{
	ruling->rules = rules;
	ruling->fields = 0;
	names->rules = 0;
}

/*
 * Begins a record with rules, after hs_name_cache_next: names that they pass are claimed quickly (name_cache.h).
 * n == 0: no tenant, no source. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_ruling_begin(struct hs_ruling *ruling, struct hs_name_cache *names, enum hs_event_type type,
                               struct hs_slice tenant, struct hs_slice source);

/* True if a field needs neither hs_ruling_put nor hs_ruling_apply. */
static inline bool hs_ruling_says_nothing(const struct hs_rules_about *about)
{
	return about->mask == 0 && about->conditions == 0 && about->id == 0;
}

/*
 * Looks up what the rules say about a leaf of a step, for which `name` was claimed; valid until the next call.
 * NULL: out of memory.
 */
static inline const struct hs_rules_about *hs_ruling_about(struct hs_ruling *ruling, const struct hs_name_cache *names,
                                                           uint32_t step, uint32_t name);

/* Its slow path: nothing is known about the name yet, or a number was added to it. */
const struct hs_rules_about *hs_ruling_look_up(struct hs_ruling *ruling, const struct hs_name_cache *names,
                                               uint32_t step, uint32_t name);

enum hs_ruling_sight { HS_RULING_KEEPS, HS_RULING_DROPS, HS_RULING_MUST_SEE };

/*
 * Tells what becomes of a value with these rules, as far as a quick look at its JSON text suffices. If it does
 * not, HS_RULING_MUST_SEE: hs_ruling_put or hs_ruling_apply find out.
 */
static inline enum hs_ruling_sight hs_ruling_glance(const struct hs_ruling *ruling, const struct hs_rules_about *about,
                                                    struct hs_slice value)
{
	const struct hs_mask *mask;

	if (about->conditions > 0 || about->id > 0)
		return HS_RULING_MUST_SEE;
	mask = &ruling->rules->field[about->mask - 1].mask;
	if (mask->kind == HS_MASK_DROP)
		return HS_RULING_DROPS;
	return hs_mask_may_change(mask, value) ? HS_RULING_MUST_SEE : HS_RULING_KEEPS;
}

/*
 * Tells the rules a value, and appends label and masked value to `out`, or nothing. The value is not in
 * `out`; its name is not looked at. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_ruling_put(struct hs_ruling *ruling, const struct hs_rules_about *about, struct hs_slice label,
                             const struct hs_record_field *value, struct hs_buf *out);

/*
 * As hs_ruling_put, for a field that was appended to `out` from `start`, its value from `value`: masks or removes
 * it there. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_ruling_apply(struct hs_ruling *ruling, const struct hs_rules_about *about, struct hs_buf *out,
                               size_t start, size_t value);

static inline const struct hs_rules_about *hs_ruling_about(struct hs_ruling *ruling, const struct hs_name_cache *names,
                                                           uint32_t step, uint32_t name)
{
	if (HS_MOSTLY(name < ruling->names && ruling->of_name[name].era == ruling->era &&
	              name == hs_name_cache_name_of(names, step)))
		return &ruling->of_name[name].about;
	return hs_ruling_look_up(ruling, names, step, name);
}

/* Decides about the record; *flag: it is to be marked as unplanned. HS_OK, HS_E_DROPPED or HS_E_UNPLANNED. */
enum hs_result hs_ruling_decide(const struct hs_ruling *ruling, bool *flag);

#endif

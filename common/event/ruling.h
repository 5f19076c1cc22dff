/*
 * ruling: the rules applied to a record while it is flattened. What they say about a name is looked up
 * once and kept beside the flattener's names.
 */
#ifndef HS_RULING_H
#define HS_RULING_H

#include "event/event.h"
#include "event/name_cache.h"
#include "event/rules.h"

/* Working memory of one flattener. Zeroed: no rules. */
struct hs_ruling {
	const struct hs_rules *rules; /* of this record; NULL: none */
	struct hs_facts facts;        /* of this record */
	struct hs_rules_about of_field[HS_FIELD_FLAT_COUNT];
	uint32_t known;           /* a bit for each of these that the rules say something about, in this era … */
	uint32_t fields;          /* … and for this record: 0 without rules */
	struct hs_rules_of_name { /* by the index of a name */
		uint32_t era;     /* valid if it is that of the ruling */
		uint32_t quiet;   /* the same, and the rules say nothing about the name */
		struct hs_rules_about about;
	} * of_name;
	size_t names;              /* in of_name */
	uint32_t era, forgotten;   /* another era: other rules, another tenant with rules of its own, or new names */
	uint64_t version;          /* of the rules of this era */
	struct hs_buf tenant;      /* of this era */
	struct hs_buf value, text; /* a value, and its text */
};

void hs_ruling_free(struct hs_ruling *ruling);
void hs_ruling_shrink(struct hs_ruling *ruling);

/* Sets the rules of the next record; NULL: none, and no other call is needed. */
static inline void hs_ruling_set(struct hs_ruling *ruling, const struct hs_rules *rules)
{
	ruling->rules = rules;
	ruling->fields = 0;
}

/* Begins a record with rules. n == 0: no tenant, no source. HS_OK or HS_E_MEMORY. */
enum hs_result hs_ruling_begin(struct hs_ruling *ruling, const struct hs_name_cache *names, struct hs_slice tenant,
                               struct hs_slice source);

/*
 * For the field that was appended to out from `start`, its value from `value`: tells the rules, and masks
 * or removes it. HS_OK or HS_E_MEMORY.
 */
enum hs_result hs_ruling_field(struct hs_ruling *ruling, enum hs_field field, struct hs_buf *out, size_t start,
                               size_t value);

/* Does that for the step of a name; `label` is what was claimed, at `start`. */
enum hs_result hs_ruling_leaf(struct hs_ruling *ruling, const struct hs_name_cache *names, uint32_t step,
                              struct hs_slice label, struct hs_buf *out, size_t start);

/* True if hs_ruling_leaf has nothing to do, as is known of most names. This is what rules cost a leaf. */
static inline bool hs_ruling_passes(const struct hs_ruling *ruling, const struct hs_name_cache *names, uint32_t step,
                                    struct hs_slice label)
{
	uint32_t name = hs_name_cache_name_of(names, step);

	return name < ruling->names && ruling->of_name[name].quiet == ruling->era &&
	       label.p == names->text.p + names->name[name].label; /* no number was added */
}

/* Decides about the record; *flag: it is to be marked as unplanned. HS_OK, HS_E_DROPPED or HS_E_UNPLANNED. */
enum hs_result hs_ruling_decide(const struct hs_ruling *ruling, bool *flag);

#endif

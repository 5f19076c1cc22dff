/*
 * rules_trial: what the rules of the settings would do with records: counts and an example for each line.
 * Nothing is written.
 */
#ifndef HS_RULES_TRIAL_H
#define HS_RULES_TRIAL_H

#include "event/rules.h"

enum { HS_RULES_EXAMPLE_MAX = 200 /* bytes that an example shows */ };

struct hs_rules_trial {
	const struct hs_rules *rules;
	uint64_t records, kept, dropped, rejected, flagged;
	struct hs_rules_event_trial {
		uint64_t matched, dropped; /* records that the line decided about; dropped of them */
	} event[HS_RULES_LINES_MAX];
	struct hs_rules_field_trial {
		uint64_t values, changed;    /* that the line is for; changed of them, or left out */
		struct hs_buf name;          /* of the field of the first that changed … */
		struct hs_buf before, after; /* … and its JSON text; after.n == 0: it is left out */
	} field[HS_RULES_LINES_MAX];
	struct hs_buf name, text, value; /* working memory */
};

/* Zeroed but for `rules`, it is ready. */
void hs_rules_trial_free(struct hs_rules_trial *t);

/* Tries a record, a line without its '\n'. HS_OK or HS_E_MEMORY. */
enum hs_result hs_rules_trial_record(struct hs_rules_trial *t, struct hs_slice line);

#endif

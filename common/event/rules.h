/*
 * rules: what is kept of the events, decided before the disk. Pure; the sections [events] and [fields] of
 * the settings become a struct hs_rules (config/rule_lines.h has their form).
 *
 * A line of [events] decides about events: keep, drop or sample. It has conditions, NAME:PATTERN, on the
 * fields of the record as it would be written without [fields]; all of them must match. The first line
 * that matches decides; `unplanned` decides about the events that none matches. A line of [fields] masks
 * the fields with a name (mask.h).
 *
 * A delete event asks for a person's data to be erased, and comes once. So it is kept, whatever `unplanned` is,
 * and lines that sample or drop pass over it, unless a line drops by a condition on `type`.
 *
 * The flattener tells each value of a record as it writes it, so a record is read once. Conditions are
 * tried then, each is a bit, and the lines are decided at the end.
 *
 *	hs_rules_begin(rules, tenant, type, &facts);
 *	for each field: hs_rules_about(rules, tenant, name, &about);        once for a name, and kept
 *	                hs_rules_tell(rules, &about, &value, &text, &facts);
 *	decision = hs_rules_decide(rules, &facts, &line);
 */
#ifndef HS_RULES_H
#define HS_RULES_H

#include "event/event_type.h"
#include "event/mask.h"
#include "event/pattern.h"

enum {
	HS_RULES_LINES_MAX = 256,      /* of each section */
	HS_RULES_CONDITIONS_MAX = 512, /* of all lines together */
	HS_RULES_SAMPLE_ALL = 10000,   /* hundredths of a percent */
};

/* A line of [fields]. Texts are owned. */
struct hs_field_rule {
	char *tenant;   /* NULL: every one */
	char *name;     /* of the field; without the * at its end … */
	bool is_prefix; /* … if it had one */
	struct hs_mask mask;
	int line; /* in the settings file */
};

/* NAME:PATTERN of a line of [events]. */
struct hs_condition {
	char *name;
	struct hs_pattern pattern;
	unsigned event_rule; /* index of its line */
};

enum hs_event_action { HS_EVENT_KEEP, HS_EVENT_DROP, HS_EVENT_SAMPLE };

/* A line of [events]. */
struct hs_event_rule {
	enum hs_event_action action;
	char *tenant;        /* NULL: every one */
	unsigned sample;     /* of HS_RULES_SAMPLE_ALL users that are kept */
	unsigned conditions; /* how many it has */
	bool names_delete;   /* one of them, on `type`, matches delete */
	char *text;          /* as written, for people */
	int line;            /* in the settings file */
};

enum hs_unplanned { HS_UNPLANNED_KEEP, HS_UNPLANNED_DROP, HS_UNPLANNED_REJECT, HS_UNPLANNED_FLAG };

/* Constant once the settings are read, so threads may share it. */
struct hs_rules {
	struct hs_field_rule *field;    /* `fields` of them, in the order of hs_rules_settle */
	struct hs_event_rule *event;    /* `events` of them, in the order of the file */
	struct hs_condition *condition; /* `conditions` of them, in the order of hs_rules_settle */
	unsigned fields, events, conditions;
	enum hs_unplanned unplanned;
	const struct hs_hmac256 *hash_key; /* of the settings; NULL: none */
	bool has_tenants;                  /* a line is for one tenant alone */
	bool masks;                        /* a line of [fields] is not `keep` */
	bool drops;                        /* [events] may drop: a line drops or samples, or `unplanned` is drop */
	bool samples;
	uint64_t version; /* no other rules of this process had or have it; 0: not settled */
};

void hs_rules_free(struct hs_rules *rules); /* NULL is fine */

/* Sorts the lines for the calls below and sets what depends on all of them. */
void hs_rules_settle(struct hs_rules *rules);

/* True for what no line of [fields] may name: it identifies an event or a person, or hookspool needs it. */
bool hs_rules_is_fixed(struct hs_slice name);

/* All that the rules say about a name. Zeroed: nothing. */
struct hs_rules_about {
	uint16_t mask;                  /* 1 + an index of rules->field; 0: none */
	uint16_t condition, conditions; /* the first, and how many, of rules->condition */
	uint8_t id;                     /* 1 + an index of hs_facts.id; 0: it is no id */
};

/* Finds the lines for a field. The most exact name wins; of two alike, that of the tenant. n == 0: no tenant. */
void hs_rules_about(const struct hs_rules *rules, struct hs_slice tenant, struct hs_slice name,
                    struct hs_rules_about *about);

/* True if the rules mask a field with that name for anybody: for some tenant, or without one. */
bool hs_rules_mask_for_any(const struct hs_rules *rules, struct hs_slice name);

/* True if the line does not decide about delete events. */
bool hs_rules_spare_deletes(const struct hs_event_rule *rule);

/* True if that line of [events], an index, may drop delete events: no line above it keeps them all. */
bool hs_rules_drop_deletes(const struct hs_rules *rules, unsigned line);

/* The facts about a record that decide. */
struct hs_facts {
	uint64_t matched[HS_RULES_CONDITIONS_MAX / 64]; /* a bit for each condition */
	struct hs_slice tenant;
	enum hs_event_type type;
	uint64_t id[3]; /* hashes of user_id, anonymous_id and message_id; 0: absent */
};

void hs_rules_begin(const struct hs_rules *rules, struct hs_slice tenant, enum hs_event_type type,
                    struct hs_facts *facts);

/* Tries the conditions on a value before it is masked. `text` is working memory. HS_OK or HS_E_MEMORY. */
enum hs_result hs_rules_tell(const struct hs_rules *rules, const struct hs_rules_about *about,
                             const struct hs_record_field *value, struct hs_buf *text, struct hs_facts *facts);

enum hs_decision { HS_DECISION_KEEP, HS_DECISION_DROP, HS_DECISION_REJECT, HS_DECISION_FLAG };

/* Decides. *line is the index of the line of [events]; rules->events: none matched. */
enum hs_decision hs_rules_decide(const struct hs_rules *rules, const struct hs_facts *facts, unsigned *line);

#endif

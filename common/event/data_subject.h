/*
 * data_subject: a set of people, and which of them a record is about.
 *
 * A record belongs to a user if its user_id or previous_id is the user's, and to an anonymous
 * visitor if its anonymous_id or previous_id is the visitor's. Ids are compared as texts
 * (id_text.h): "a" and "\u0061" are equal, and so are "7", 7 and 7.0. The same id in two tenants
 * means two people.
 */
#ifndef HS_DATA_SUBJECT_H
#define HS_DATA_SUBJECT_H

#include "event/event.h"

enum hs_subject_kind { HS_SUBJECT_USER, HS_SUBJECT_ANONYMOUS };

/* A position in the spool. A line is before it if the line's first byte is. */
struct hs_mark {
	uint64_t number, offset; /* of a segment, and in it */
};

struct hs_subject {
	enum hs_subject_kind kind;
	char *id; /* decoded, `n` bytes */
	size_t n;
	char *tenant;                     /* "": no tenant; NULL: any tenant */
	bool derived;                     /* found by a link (links.h): records that name another user do not match */
	bool deleted;                     /* known from a delete event alone, or by a link from such a person */
	struct hs_mark before;            /* matches only events before this position */
	int64_t until_ms;                 /* matches only other lines with a spooled_at up to this */
	uint64_t pending, events, others; /* counters for the caller */
	int64_t newest_ms;                /* hs_subject_match_event: the greatest spooled_at; 0: none */
	uint32_t links;                   /* number of ids found through this one, see links.h */
	uint64_t hash;
	struct hs_subject *same; /* next in the same slot of the table */
};

struct hs_subjects {
	uint64_t seed;
	struct hs_subject **list; /* in order of addition */
	size_t count, cap;
	struct hs_subject **slot; /* `slots` entries, a power of two; NULL: empty */
	size_t slots;
	struct hs_buf text; /* scratch for decoded ids */
};

void hs_subjects_init(struct hs_subjects *s, uint64_t seed);
void hs_subjects_free(struct hs_subjects *s);

/*
 * Adds a person and copies the id and the tenant. If the set has the person already, the wider
 * limits win. *added (may be NULL) is true if the person or a limit is new. False: out of memory.
 */
bool hs_subjects_add(struct hs_subjects *s, const struct hs_subject *who, bool *added);

/* Adds the person with this id, without limits. tenant NULL: any. False: out of memory. */
bool hs_subjects_add_id(struct hs_subjects *s, enum hs_subject_kind kind, struct hs_slice id, const char *tenant);

/* The ids in a line, as tokens of `json`; 0: absent. */
struct hs_named {
	const struct hs_json *json;
	uint32_t type, user, anonymous, previous;
	struct hs_slice tenant; /* n == 0: none … */
	bool any_tenant;        /* … or it is not known */
	int64_t spooled_ms;     /* INT64_MIN: unknown */
};

/* Reads the ids of a record: the object at token `root` (0: the whole line). */
void hs_named_in_record(struct hs_named *named, const struct hs_json *json, uint32_t root);
/* Reads the ids of an event as sent, in any casing; leaves tenant and time alone. */
void hs_named_in_event(struct hs_named *named, const struct hs_json *json, uint32_t root);

/*
 * True if the event at token `root`, valid or not, says by itself whom it is about: it names somebody, and no field of
 * the Spec is there in two spellings or is an object or array, which could hide somebody else.
 */
bool hs_named_tells_whose(const struct hs_json *json, uint32_t root);

/*
 * Appends a record of the people alone that the event at token `root` names, valid or not, which hs_named_in_record
 * reads; no '\n'. False: the event names nobody, or memory is out.
 */
bool hs_named_put_record(const struct hs_json *json, uint32_t root, struct hs_slice tenant, struct hs_buf *out);

/*
 * False only if the record names nobody in the set. Looks at the record's first bytes without
 * parsing them: several GB/s.
 */
bool hs_subjects_may_match(const struct hs_subjects *s, struct hs_slice record);

/*
 * Calls each(context, subject) for every person that the line is about. `at` is where the line
 * begins if it is an event of the spool, and NULL for any other line. Returns the number of
 * people; -1: out of memory.
 */
int hs_subjects_match(struct hs_subjects *s, const struct hs_named *named, const struct hs_mark *at,
                      void (*each)(void *context, struct hs_subject *who), void *context);

/*
 * Like hs_subjects_match, for a text that is not JSON: finds ids with no letter, digit, '_' or '-'
 * on either side. Skips `derived` ids, since a sender can choose a common word as an id. Uses
 * only tenant and time of `named`; alone here, the tenant may be unknown.
 */
int hs_subjects_match_text(struct hs_subjects *s, struct hs_slice text, const struct hs_named *named,
                           void (*each)(void *context, struct hs_subject *who), void *context);

/* Calls each() for every person of that tenant and time: a truncated text may name any of them. */
int hs_subjects_match_tenant(struct hs_subjects *s, const struct hs_named *named,
                             void (*each)(void *context, struct hs_subject *who), void *context);

/* Appends the decoded text of an id token. False: not an id, or out of memory. */
bool hs_subject_text(const struct hs_json *json, uint32_t token, struct hs_buf *out);

#endif

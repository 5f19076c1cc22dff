/*
 * data_subject: the people whose records are asked for, and whose a record is.
 *
 * A record is a user's if its user_id or previous_id is theirs, and an anonymous
 * visitor's if its anonymous_id or previous_id is. Ids are compared by their texts (id_text.h):
 * "a" and "\u0061" are the same, and so are "7", 7 and 7.0. The tenant is part of who somebody is.
 */
#ifndef HS_DATA_SUBJECT_H
#define HS_DATA_SUBJECT_H

#include "event/event.h"

enum hs_subject_kind { HS_SUBJECT_USER, HS_SUBJECT_ANONYMOUS };

/* A place in the spool. The first byte of a line that comes earlier is before it. */
struct hs_mark {
	uint64_t number, offset; /* of a segment, and in it */
};

struct hs_subject {
	enum hs_subject_kind kind;
	char *id; /* decoded, `n` bytes */
	size_t n;
	char *tenant; /* "": nobody's; NULL: whatever the tenant */
	bool
	    derived; /* found by a link (links.h): a record that names another user is not theirs */
	struct hs_mark before;            /* only events before it */
	int64_t until_ms;                 /* only other lines, by spooled_at, up to it */
	uint64_t pending, events, others; /* the caller's to count */
	uint32_t links;                   /* ids that were found by them, see links.h */
	uint64_t hash;
	struct hs_subject *same; /* the next one in this slot of the table */
};

struct hs_subjects {
	uint64_t seed;
	struct hs_subject **list; /* in the order in which they were added */
	size_t count, cap;
	struct hs_subject **slot; /* `slots` of them, a power of two; 0: none */
	size_t slots;
	struct hs_buf text; /* decoded ids, while they are compared */
};

void hs_subjects_init(struct hs_subjects *s, uint64_t seed);
void hs_subjects_free(struct hs_subjects *s);

/*
 * Adds somebody; if they are there already the farther limits hold. *added tells if that is
 * news, they or their limits (may be NULL). The subject's id and tenant are copied. False: out
 * of memory.
 */
bool hs_subjects_add(struct hs_subjects *s, const struct hs_subject *who, bool *added);

/* The ids of a line, as tokens of `json`; 0: absent. */
struct hs_named {
	const struct hs_json *json;
	uint32_t type, user, anonymous, previous;
	struct hs_slice tenant; /* n == 0: none */
	int64_t spooled_ms;     /* INT64_MIN: unknown */
};

/* Of a record, the object at token `root` (0: a whole line). */
void hs_named_in_record(struct hs_named *named, const struct hs_json *json, uint32_t root);
/* Of an event as it was sent, whatever the casing; tenant and time stay as they are. */
void hs_named_in_event(struct hs_named *named, const struct hs_json *json, uint32_t root);

/*
 * False only if no subject is named in this record, judged by its first bytes and without
 * a strict look; several GB/s.
 */
bool hs_subjects_may_match(const struct hs_subjects *s, struct hs_slice record);

/*
 * Calls each(context, subject) for everybody whose the line is. `at`: where it begins, for
 * an event of the spool; NULL: it is another line. Returns how many; -1: out of memory.
 */
int hs_subjects_match(struct hs_subjects *s, const struct hs_named *named, const struct hs_mark *at,
		      void (*each)(void *context, struct hs_subject *who), void *context);

/*
 * The same for a text that cannot be read as JSON: whoever's id stands in it with no
 * letter, digit, '_' or '-' at either side; but no `derived` one, for a sender may choose a
 * word as his id that stands in everybody's texts. Of `named` only tenant and time are looked at.
 */
int hs_subjects_match_text(struct hs_subjects *s, struct hs_slice text,
			   const struct hs_named *named,
			   void (*each)(void *context, struct hs_subject *who), void *context);

/* Calls each() for everybody of the tenant and time: a text whose end is missing may be theirs. */
int hs_subjects_match_tenant(struct hs_subjects *s, const struct hs_named *named,
			     void (*each)(void *context, struct hs_subject *who), void *context);

/* Appends the decoded text of an id's token. False: it is none, or out of memory. */
bool hs_subject_text(const struct hs_json *json, uint32_t token, struct hs_buf *out);

#endif

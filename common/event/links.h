/*
 * links: which anonymous ids belong to the users who are asked for.
 *
 * A sender can write any link into the spool: a write key in a web page is public, and an event
 * is not signed by the person it names. So a link alone must never make somebody else's records
 * go, and the rule is narrow:
 *
 *   1. A link is an identify record (user_id, anonymous_id) or an alias record (user_id,
 *      previous_id) whose user_id is asked for. It leads to an anonymous id, and no further.
 *   2. An id that is the user_id of any record is a user, and is never reached by a link: neither
 *      the old user id in an alias nor the user behind an anonymous id. They must be named.
 *   3. An anonymous id that stands beside the user_ids of two users, in any record, joins nobody.
 *      Such records count wherever they are, also behind a delete event.
 *   4. Placeholders (hs_is_placeholder) join nobody, and so does a user with more than
 *      HS_LINKS_MAX ids.
 *   5. Ids of different tenants are different ids.
 *
 * So who aliases a victim's id to himself gains nothing: as a user id it falls under 2, and as an
 * anonymous id that the victim has ever used while known it falls under 3; the forged link at most
 * keeps records that should go, and that is told. One thing is beyond any rule: an anonymous id
 * is a secret of its browser. Who knows the id of a visitor who has never been identified can
 * claim it first.
 *
 *	hs_links_init(&links, &subjects, seed);
 *	each record: hs_links_find(&links, line, at);
 *	each record again: hs_links_check(&links, line);
 *	hs_links_settle(&links);
 */
#ifndef HS_LINKS_H
#define HS_LINKS_H

#include "event/data_subject.h"

enum { HS_LINKS_MAX = 1000 /* ids of one user */ };

enum hs_verdict {
	HS_LINK_FOLLOWED,
	HS_LINK_PLACEHOLDER, /* either end of it is one */
	HS_LINK_IS_USER,     /* the id is a user's */
	HS_LINK_SHARED,      /* the id stands beside another user, too */
	HS_LINK_TOO_MANY,    /* its user has more than HS_LINKS_MAX */
	HS_VERDICTS
};

/* The record by which an id was found first, and what came of it. */
struct hs_link {
	const struct hs_subject *id; /* whose kind, id and tenant it tells */
	const struct hs_subject *by; /* one of those asked for */
	struct hs_slice type, field; /* of the record; the field in which the id stands. Literals */
	int64_t spooled_ms;          /* INT64_MIN: unknown */
	enum hs_verdict verdict;
};

struct hs_links {
	struct hs_subjects *subjects; /* who is asked for */
	struct hs_subjects ids;       /* what was found; `pending` is the place in `list` */
	struct hs_link *list;         /* ids.count of them */
	size_t cap;
	struct hs_json json;
	struct hs_buf user, id;
};

/* The subjects must outlive it, and stay the same until hs_links_settle. */
void hs_links_init(struct hs_links *l, struct hs_subjects *subjects, uint64_t seed);
void hs_links_free(struct hs_links *l);

/*
 * The first look at a record, which begins at `at`: does it link an id to somebody asked for,
 * within their limits? False: out of memory.
 */
bool hs_links_find(struct hs_links *l, struct hs_slice record, struct hs_mark at);

/* The second look, at every record: does it speak against an id? False: out of memory. */
bool hs_links_check(struct hs_links *l, struct hs_slice record);

/*
 * Adds the ids that are followed to the subjects: `derived`, of the tenant and with the limits
 * of the link. False: out of memory.
 */
bool hs_links_settle(struct hs_links *l);

/* Why a link is not followed, in a few words; "" if it is. */
const char *hs_verdict_text(enum hs_verdict v);

/*
 * Is this no id but what a program writes where it has none: empty, "null", "undefined", a zero or
 * minus one in any spelling, zeros or f's throughout, punctuation? Letters count in either case,
 * blanks around it do not.
 */
bool hs_is_placeholder(struct hs_slice id);

#endif

/*
 * links: finds the anonymous ids that belong to the users to be erased.
 *
 * A sender can write any link into the spool: the write key in a web page is public, and the person
 * that an event names does not sign it. A link alone must therefore never erase another person's
 * records. The rules are narrow:
 *
 *   1. A link is an identify record (user_id, anonymous_id) or an alias record (user_id,
 *      previous_id) of a user to be erased. It leads to an anonymous id and no further.
 *   2. An id that is the user_id of any record is a user. No link leads to a user: not to the old
 *      user id in an alias, nor to the user of an anonymous id. Users must be named.
 *   3. An anonymous id that appears with the user_ids of two users, in any record, belongs to
 *      neither. Such records count wherever they are, also after a delete event.
 *   4. Placeholders (hs_is_placeholder) link nothing, and neither does a user with more than
 *      HS_LINKS_MAX ids.
 *   5. Ids of different tenants are different ids.
 *
 * An attacker who aliases a victim's id to his own therefore gains nothing: rule 2 covers a user
 * id, and rule 3 an anonymous id that the victim has used while identified. At most, a forged link
 * keeps records that should go, and erase reports that. One attack is beyond any rule: an anonymous
 * id is a secret of its browser, so anyone who learns the id of a visitor who was never identified can
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
	HS_LINK_PLACEHOLDER, /* either end is a placeholder */
	HS_LINK_IS_USER,     /* the id is a user id */
	HS_LINK_SHARED,      /* the id appears with another user, too */
	HS_LINK_TOO_MANY,    /* its user has more than HS_LINKS_MAX */
	HS_VERDICTS
};

/* The first record that links an id, and the verdict. */
struct hs_link {
	const struct hs_subject *id; /* kind, id and tenant */
	const struct hs_subject *by; /* a user to be erased */
	struct hs_slice type, field; /* type of the record, field that has the id: literals */
	int64_t spooled_ms;          /* INT64_MIN: unknown */
	enum hs_verdict verdict;
};

struct hs_links {
	struct hs_subjects *subjects; /* the users to be erased */
	struct hs_subjects ids;       /* the ids found; `pending` is the index in `list` */
	struct hs_link *list;         /* ids.count of them */
	size_t cap;
	struct hs_json json;
	struct hs_buf user, id;
};

/* The subjects must outlive `l` and must not change until hs_links_settle. */
void hs_links_init(struct hs_links *l, struct hs_subjects *subjects, uint64_t seed);
void hs_links_free(struct hs_links *l);

/*
 * First pass, for each record: notes an id that the record at `at` links to one of the subjects,
 * within the subject's limits. False: out of memory.
 */
bool hs_links_find(struct hs_links *l, struct hs_slice record, struct hs_mark at);

/* Second pass, for each record: rejects ids that the record speaks against. False: out of memory. */
bool hs_links_check(struct hs_links *l, struct hs_slice record);

/*
 * Adds the accepted ids to the subjects as `derived`, with tenant and limits of their links.
 * False: out of memory.
 */
bool hs_links_settle(struct hs_links *l);

/* Why a link is not followed, in words; "" for HS_LINK_FOLLOWED. */
const char *hs_verdict_text(enum hs_verdict v);

/*
 * True for what programs write in place of a missing id: empty, "null", "undefined", zero or minus
 * one in any spelling, only zeros or only f's, only punctuation. Ignores case and surrounding
 * blanks.
 */
bool hs_is_placeholder(struct hs_slice id);

#endif

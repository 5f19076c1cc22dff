/*
 * known_people: for people with many rows, which row each value of theirs is of. With that, rows that come late are
 * folded into a person's row without a look at all the others: a value counts if its row comes after the one that the
 * present value is of.
 *
 * It holds as long as nobody else changes their rows: the owner forgets them after any failure and erasure, and asks
 * the database whether another loader has a position there. After a change by hand, --rebuild makes people anew.
 */
#ifndef HS_KNOWN_PEOPLE_H
#define HS_KNOWN_PEOPLE_H

#include "tools/load/fold.h"

struct hs_known_person {
	const struct hs_catalogue_table *from; /* NULL: free */
	char *id, *as_of;
	struct hs_row_key **key; /* by column of `from`; NULL: no row has a value */
	size_t columns;
};

enum { HS_KNOWN_PEOPLE = 64, HS_KNOWN_ROWS = 64 /* people with fewer rows are not worth it */ };

struct hs_known_people { /* all zero: none */
	struct hs_known_person person[HS_KNOWN_PEOPLE];
	size_t next;
};

void hs_known_people_forget(struct hs_known_people *known); /* all of them */
void hs_known_people_drop(struct hs_known_people *known, const struct hs_catalogue_table *from, struct hs_slice id);

/* The person whose row has this _as_of; one with another is dropped. NULL: not known. */
struct hs_known_person *hs_known_people_find(struct hs_known_people *known, const struct hs_catalogue_table *from,
                                             struct hs_slice id, const char *as_of);

/* Notes a person whose row was made of all their rows, which the fold still holds, if it is worth it. */
void hs_known_people_note(struct hs_known_people *known, const struct hs_catalogue_table *from, struct hs_slice id,
                          const struct hs_fold *fold);

/* Drops from the fold what comes before the present values. */
void hs_known_person_thin(const struct hs_known_person *person, struct hs_fold *fold);

/* Notes that what is left in the fold is in the person's row now. False: out of memory. */
bool hs_known_person_update(struct hs_known_person *person, const struct hs_fold *fold);

#endif

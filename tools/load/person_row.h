/*
 * person_row: the row of one person in users or accounts, made of all their rows in identifies or groups.
 */
#ifndef HS_PERSON_ROW_H
#define HS_PERSON_ROW_H

#include "tools/load/fold.h"

struct hs_person_row {
	struct hs_target *target;
	struct hs_fold *fold;                       /* of the rows, when the row has been put */
	const struct hs_catalogue_table *from, *to; /* both are in the database */
	const char *key;                            /* column of `from`: the id of the person … */
	struct hs_slice id;                         /* … which is this */
	bool is_put;                                /* afterwards: the row is there */
};

/*
 * Makes the row anew, in its place if it is there: rows of others may refer to it. It is removed if no row is left to
 * make it from. One that the database refuses is tried without its own columns, and then left out, after a message. As
 * the target's calls; DENIED: as below.
 */
enum hs_target_result hs_person_row_remake(struct hs_person_row *row);

/*
 * Deletes a person's rows, as the target does. DENIED in place of ROW, with what mends it: a constraint or trigger of
 * somebody else keeps one, and it must not stay.
 */
enum hs_target_result hs_person_row_erase(struct hs_target *target, const struct hs_target_table *table,
                                          const char *key, struct hs_slice id, const struct hs_target_limits *limits,
                                          uint64_t *gone);

/* True for a column of identifies or groups that is one of the person's row, too. */
bool hs_person_row_has(const char *column);

#endif

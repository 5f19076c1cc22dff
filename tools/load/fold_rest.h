/*
 * fold_rest: the _rest of a row that is made of many: what their _rests have, and values of columns that went there.
 * It is made in pieces, in the order of the bytes of the names.
 */
#ifndef HS_FOLD_REST_H
#define HS_FOLD_REST_H

#include "tools/load/members.h"
#include "warehouse/value.h"

struct hs_moved_value {
	struct hs_slice name;
	struct hs_value value;
};

struct hs_fold_rest {
	struct hs_pieces pieces; /* first: both have one address */
	struct hs_members *seen; /* but for those that are overruled */
	struct hs_moved_value *moved;
	size_t count, cap;
};

/* Forgets the values that were moved. `seen` must outlive the pieces, and none of its names be moved. */
void hs_fold_rest_begin(struct hs_fold_rest *rest, struct hs_members *seen);
void hs_fold_rest_free(struct hs_fold_rest *rest);

/* Moves a value there, as JSON of its text; name and value must stay as they are. False: out of memory. */
bool hs_fold_rest_move(struct hs_fold_rest *rest, struct hs_slice name, struct hs_value value);

/* Sorts it. Then `pieces` has its text: no byte, if it has no member. */
void hs_fold_rest_end(struct hs_fold_rest *rest);

#endif

/*
 * place_set: the places of the records that the stream has after a point, for the question whether a record is
 * among them. Places are compared in the present edition of each segment (rewrite_log.h).
 */
#ifndef HS_PLACE_SET_H
#define HS_PLACE_SET_H

#include "base/result.h"
#include "spool/position/rewrite_log.h"
#include "tools/ship/place.h"

#include <stddef.h>

/* Zeroed: empty. */
struct hs_place_set {
	struct hs_place *place; /* sorted */
	size_t count;
};

/*
 * Makes the set of a list of places, which it sorts and changes, and owns from now on, also after a failure. With
 * `rewrites` (NULL: there are no edits) it translates them, and leaves out those of erased records: their
 * translation is the place of the record after them. HS_OK, or a result of the rewrite log; then the set is empty.
 */
enum hs_result hs_place_set_make(struct hs_place_set *set, struct hs_place *list, size_t count,
                                 struct hs_rewrite_log *rewrites);
void hs_place_set_free(struct hs_place_set *set);

/* The place must be in the present edition. */
bool hs_place_set_has(const struct hs_place_set *set, const struct hs_place *place);

/* True if the set has a place that is not before this one. */
bool hs_place_set_reaches(const struct hs_place_set *set, const struct hs_place *place);

/* The edition that the set's places of this segment are in; UINT64_MAX: it has none. */
uint64_t hs_place_set_edition(const struct hs_place_set *set, uint64_t number);

/*
 * Translates the place of a record, under the rewrite log's lock. *erased: the record is gone, and the place is
 * that of the next one. HS_OK or a result of hs_rewrite_log_translate.
 */
enum hs_result hs_place_translate(struct hs_rewrite_log *rewrites, struct hs_place *place, bool *erased);

#endif

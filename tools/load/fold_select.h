/* fold_select: the fold of the rows of a person that the target has. */
#ifndef HS_FOLD_SELECT_H
#define HS_FOLD_SELECT_H

#include "tools/load/fold.h"

/*
 * Begins the fold, and adds the rows of `from` that `where` asks for: in one call, or, if one of them is long, the
 * latest first, a long one by itself, without values that do not count, until hs_fold_is_too_long. As the target's
 * calls.
 */
enum hs_target_result hs_fold_select(struct hs_fold *fold, struct hs_target *target,
                                     const struct hs_catalogue_table *from, const struct hs_catalogue_table *to,
                                     const struct hs_target_where *where);

#endif

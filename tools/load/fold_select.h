/* fold_select: the fold of the rows of a person that the target has. */
#ifndef HS_FOLD_SELECT_H
#define HS_FOLD_SELECT_H

#include "tools/load/fold.h"

/* Begins the fold, and adds the rows of `from` that `where` asks for. As the target's calls. */
enum hs_target_result hs_fold_select(struct hs_fold *fold, struct hs_target *target,
                                     const struct hs_catalogue_table *from, const struct hs_catalogue_table *to,
                                     const struct hs_target_where *where);

/*
 * Likewise, with a call for each row, the latest one first, that asks for no value of a column that has one already: so
 * that no long value is in memory that does not count.
 */
enum hs_target_result hs_fold_select_sparingly(struct hs_fold *fold, struct hs_target *target,
                                               const struct hs_catalogue_table *from,
                                               const struct hs_catalogue_table *to,
                                               const struct hs_target_where *where);

#endif

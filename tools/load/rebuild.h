/*
 * rebuild: makes every row of users or accounts anew, from the rows of identifies or groups.
 */
#ifndef HS_REBUILD_H
#define HS_REBUILD_H

#include "tools/load/catalogue.h"

/*
 * `table` is users or accounts. Holds the cursor of the target's name meanwhile, so that its loader does not run.
 * A transaction has some hundred people. Returns an exit code, after a message.
 */
int hs_rebuild(struct hs_target *target, const char *config, const struct hs_catalogue_options *options,
               const char *table);

#endif

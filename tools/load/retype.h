/*
 * retype: gives a column another type, and brings those of its values home that did not fit and so are in _rest.
 * What the new type does not take goes there.
 */
#ifndef HS_RETYPE_H
#define HS_RETYPE_H

#include "tools/load/target.h"

/*
 * `what` is TABLE.COLUMN=TYPE. Holds the cursor of the target's name meanwhile, so that its loader does not run.
 * Returns an exit code, after a message.
 */
int hs_retype(struct hs_target *target, const char *config, const char *what);

#endif

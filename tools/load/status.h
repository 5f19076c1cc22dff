/* status: where the loader is: the position in the database, and what is in the spool after it. */
#ifndef HS_LOAD_STATUS_H
#define HS_LOAD_STATUS_H

#include "tools/load/target.h"

/* Prints it; writes nothing. Returns the exit code: 0, 65 for a position of another spool, or after a message. */
int hs_load_status(struct hs_target *target, const char *config, bool json);

#endif

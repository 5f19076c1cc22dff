/* position_state: the position in the database, compared with where this loader left it. */
#ifndef HS_POSITION_STATE_H
#define HS_POSITION_STATE_H

#include "tools/load/target.h"

enum hs_position_state {
	HS_POSITION_KEPT,
	HS_POSITION_MOVED, /* by another loader */
	HS_POSITION_OLDER, /* fewer records were loaded: the database was put back to an earlier time */
	HS_POSITION_GONE,  /* with the database, or its row was removed */
};

enum hs_position_state hs_position_state_of(const struct hs_target_position *left,
                                            const struct hs_target_position *found);

/* Says on standard error why the loader ends, unless the position is KEPT. Returns the exit code. */
int hs_position_state_tell(enum hs_position_state state, const char *command);

#endif

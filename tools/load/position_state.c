#include "tools/load/position_state.h"

#include <stdio.h>
#include <sysexits.h>

enum hs_position_state hs_position_state_of(const struct hs_target_position *left,
                                            const struct hs_target_position *found)
{
	if (!found->found)
		return left->found ? HS_POSITION_GONE : HS_POSITION_KEPT;
	if (left->found && hs_target_is_same_place(found, left))
		return HS_POSITION_KEPT;
	return left->found && found->records < left->records ? HS_POSITION_OLDER : HS_POSITION_MOVED;
}

int hs_position_state_tell(enum hs_position_state state, const char *command)
{
	static const char *const why[] = {
		[HS_POSITION_KEPT] = "",
		[HS_POSITION_MOVED] = "another loader has this --name: stop one of them",
		[HS_POSITION_OLDER] =
		    "the database has been put back to an earlier time: start this loader again, and it "
		    "loads what has come since; erase again whom you have erased since",
		[HS_POSITION_GONE] =
		    "the position has gone from the database, as if that had been made anew: start this "
		    "loader again, and it loads the spool from its beginning",
	};

	if (state == HS_POSITION_KEPT)
		return 0;
	fprintf(stderr, "hookspool %s: %s\n", command, why[state]);
	return EX_TEMPFAIL;
}

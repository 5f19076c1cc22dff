/* kept_row: the memory of a row of the target, in which values have stayed that several places share. */
#ifndef HS_KEPT_ROW_H
#define HS_KEPT_ROW_H

#include "tools/load/target.h"

struct hs_kept_row {
	size_t holders;
	void *row;
	void (*free_row)(void *row);
};

/* During each() of the target's select: keeps the row, held once. NULL: the target cannot, or memory is out. */
struct hs_kept_row *hs_kept_row_new(struct hs_target *target);
static inline struct hs_kept_row *hs_kept_row_hold(struct hs_kept_row *kept)
{
	kept->holders++;
	return kept;
}
void hs_kept_row_drop(struct hs_kept_row *kept); /* NULL is fine */

#endif

#include "tools/load/kept_row.h"

#include <stdlib.h>

struct hs_kept_row *hs_kept_row_new(struct hs_target *target)
{
	const struct hs_target_ops *ops = target->ops;
	struct hs_kept_row *kept;

	if (ops->keep_row == NULL)
		return NULL;
	kept = malloc(sizeof *kept);
	if (kept == NULL)
		return NULL;
	*kept = (struct hs_kept_row){ 1, ops->keep_row(target), ops->free_row };
	if (kept->row != NULL)
		return kept;
	free(kept);
	return NULL;
}

void hs_kept_row_drop(struct hs_kept_row *kept)
{
	if (kept == NULL || --kept->holders > 0)
		return;
	kept->free_row(kept->row);
	free(kept);
}

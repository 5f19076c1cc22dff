/*
 * dry_run: a target in front of another one, for --dry-run: it reads the other's catalogue and position, prints the
 * tables and columns that would be made, and writes nothing.
 */
#ifndef HS_DRY_RUN_H
#define HS_DRY_RUN_H

#include "tools/load/target.h"

/* The target that is behind it must outlive it. NULL: out of memory. */
struct hs_target *hs_dry_run_new(struct hs_target *behind);

#endif

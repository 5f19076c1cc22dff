/*
 * trial: tries what the loader will need of a database, without a trace: a table and rows are made in a
 * transaction that is rolled back. For `hookspool check`, it prints a line for each finding: ok, warn or fail, what
 * was found, and what mends it, divided by tabs.
 */
#ifndef HS_TRIAL_H
#define HS_TRIAL_H

#include "tools/load/target.h"

/* Returns the exit code: 0, or 1 if anything failed. */
int hs_trial(struct hs_target *target, const char *label);

#endif

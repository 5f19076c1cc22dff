/*
 * check_consumers: the part of `hookspool check` that is about who reads and who sends: cursors
 * that keep old segments and do not move, dead letters, and a sender that has fallen silent.
 */
#ifndef HS_CHECK_CONSUMERS_H
#define HS_CHECK_CONSUMERS_H

#include "config/settings.h"
#include "tools/report/findings.h"

/* `dir` is the spool. A cursor counts as left alone after three days. */
void hs_check_cursors(struct hs_findings *report, const struct hs_settings *settings, int dir);

/* What handlers of each could not deal with: its size and age; a failure if there is no room for more. */
void hs_check_failed(struct hs_findings *report, const struct hs_settings *settings, int dir);

/* Warns if no event has come for so long ("1h"); NULL: does nothing. */
void hs_check_quiet(struct hs_findings *report, const struct hs_settings *settings, const char *quiet_for);

#endif

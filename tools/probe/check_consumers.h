/*
 * check_consumers: the part of `hookspool check` about consumers and senders: cursors that hold back
 * retention and do not move, dead letters, and a sender that has gone quiet.
 */
#ifndef HS_CHECK_CONSUMERS_H
#define HS_CHECK_CONSUMERS_H

#include "config/settings.h"
#include "spool/shared/spool_dir.h"
#include "tools/report/findings.h"

/* Reports cursors that have not moved for three days, and requests of erase that databases have waited for. */
void hs_check_cursors(struct hs_findings *report, const struct hs_settings *settings, const struct hs_spool_dir *dir);

/* Reports size and age of the dead letters of the spool directory `dir`; a failure if there is no room for more. */
void hs_check_failed(struct hs_findings *report, const struct hs_settings *settings, int dir);

/* Warns if no event has come for that time ("1h"); NULL: does nothing. */
void hs_check_quiet(struct hs_findings *report, const struct hs_settings *settings, const char *quiet_for);

#endif

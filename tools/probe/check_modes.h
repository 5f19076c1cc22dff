/* check_modes: whether spool_dir can be reached, and its files have the mode, group and owner that they should have. */
#ifndef HS_CHECK_MODES_H
#define HS_CHECK_MODES_H

#include "config/settings.h"
#include "spool/shared/spool_dir.h"
#include "tools/report/findings.h"

#include <limits.h>

enum { HS_CHECK_GIVE_BACK = 2 * PATH_MAX + 128 }; /* bytes of the remedy, with the NUL */

/* The remedy for files that are another user's, or whose mode keeps their owner out, for the user of this process. */
const char *hs_check_give_back(const struct hs_settings *settings, char out[static HS_CHECK_GIVE_BACK]);

/* The remedy for a spool_dir that is not there, or that this user cannot reach; NULL: it is there. */
const char *hs_check_unreached(const struct hs_settings *settings, char out[static HS_CHECK_GIVE_BACK]);

/* Reports files that do not have spool_mode, from an earlier setting or put there by hand, or not this owner. */
void hs_check_modes(struct hs_findings *report, const struct hs_settings *settings, const struct hs_spool_dir *dir);

#endif

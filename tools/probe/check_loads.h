/* check_loads: the parts of `hookspool check` about [load] and [ship], tried by hookspool-load and hookspool-ship. */
#ifndef HS_CHECK_LOADS_H
#define HS_CHECK_LOADS_H

#include "config/settings.h"
#include "tools/report/findings.h"

/* `file`: the settings file. Does nothing if there is no [load]. */
void hs_check_loads(struct hs_findings *report, const struct hs_settings *settings, const char *file);

/* Likewise for the servers, the stream and the rights of [ship]. */
void hs_check_ship(struct hs_findings *report, const struct hs_settings *settings, const char *file);

#endif

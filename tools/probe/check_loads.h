/* check_loads: the part of `hookspool check` about the databases of [load], each tried by hookspool-load --check. */
#ifndef HS_CHECK_LOADS_H
#define HS_CHECK_LOADS_H

#include "config/settings.h"
#include "tools/report/findings.h"

/* `file`: the settings file. Does nothing if there is no [load]. */
void hs_check_loads(struct hs_findings *report, const struct hs_settings *settings, const char *file);

#endif

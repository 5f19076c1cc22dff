/* check_rules: what `hookspool check` says of the rules. */
#ifndef HS_CHECK_RULES_H
#define HS_CHECK_RULES_H

#include "config/settings.h"
#include "tools/report/findings.h"

/* Nothing if there are no rules. */
void hs_check_rules(struct hs_findings *r, const struct hs_settings *s);

#endif

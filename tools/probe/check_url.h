/*
 * check_url: finds what is between Segment and the handler. Tries the mount as Segment would,
 * with requests that write nothing, and reports what a web server removes or rejects, with the line
 * of its configuration that repairs it.
 */
#ifndef HS_CHECK_URL_H
#define HS_CHECK_URL_H

#include "config/settings.h"
#include "tools/probe/credentials.h"
#include "tools/probe/http.h"
#include "tools/report/findings.h"

/*
 * Adds the findings. `held` has an API key and write keys in clear from the settings, if there are any.
 * Returns 0, or an exit code if the URL cannot be tried: 2 not a URL, EX_UNAVAILABLE no answer, EX_OSERR out of memory.
 */
int hs_check_url(struct hs_findings *report, const struct hs_settings *settings, const struct hs_held *held,
                 const struct hs_http_target *target);

#endif

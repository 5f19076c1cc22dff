/*
 * check_url: what stands between Segment and the handler: the mount is tried as Segment
 * would use it, with requests that write nothing, and what a web server takes away or
 * refuses is told with the line of its configuration that mends it.
 */
#ifndef HS_CHECK_URL_H
#define HS_CHECK_URL_H

#include "config/settings.h"
#include "tools/probe/credentials.h"
#include "tools/probe/http.h"
#include "tools/report/findings.h"

/*
 * Adds its findings. `key`: an API key in clear that the settings know, or NULL. 0, or the
 * exit code if it cannot be tried at all: 2 not a URL, EX_UNAVAILABLE nobody answers there,
 * EX_OSERR out of memory.
 */
int hs_check_url(struct hs_findings *report, const struct hs_settings *settings, const char *key,
                 const struct hs_http_target *target);

#endif

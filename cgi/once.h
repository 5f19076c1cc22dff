/*
 * once: plain CGI (RFC 3875): one request, then the end.
 */
#ifndef HS_ONCE_H
#define HS_ONCE_H

#include "core/settings.h"

/*
 * Serves it. settings NULL: answers that it is not configured; a person in front of a browser
 * is told what is missing, by the error. Returns the exit code.
 */
int hs_once(struct hs_settings *settings, const struct hs_settings_error *error);

#endif

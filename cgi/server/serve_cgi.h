/*
 * serve_cgi: plain CGI (RFC 3875): one request, then the end.
 */
#ifndef HS_SERVE_CGI_H
#define HS_SERVE_CGI_H

#include "config/settings.h"

/*
 * Serves it. settings NULL: answers that it is not configured; a person in front of a browser
 * is told what is missing, by the error. Returns the exit code.
 */
int hs_serve_cgi(struct hs_settings *settings, const struct hs_settings_error *error);

#endif

/*
 * serve_cgi: plain CGI (RFC 3875): serves one request in the process.
 */
#ifndef HS_SERVE_CGI_H
#define HS_SERVE_CGI_H

#include "config/settings.h"

/*
 * Serves the request of the environment. `settings` NULL: answers that hookspool is not configured, and
 * tells a person at a browser what is missing, from *error, which is not used otherwise. Owns `settings`.
 * Returns the exit code.
 */
int hs_serve_cgi(struct hs_settings *settings, const struct hs_settings_error *error);

#endif

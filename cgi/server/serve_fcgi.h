/*
 * serve_fcgi: the FastCGI server: its threads, its signals, its end.
 */
#ifndef HS_SERVE_FCGI_H
#define HS_SERVE_FCGI_H

#include "cgi/server/sandbox.h"

/* Reads the settings again. NULL, after a message: the old ones stay. */
typedef struct hs_settings *hs_reload(void *context);

/*
 * Serves FastCGI on the listening descriptor until SIGTERM, SIGINT or SIGUSR1, then finishes the
 * requests that have begun. SIGHUP reloads the settings. Owns `settings`, even on failure. This process stays in the
 * sandbox afterwards. Returns the exit code.
 */
int hs_serve_fcgi(int listen_fd, struct hs_settings *settings, const struct hs_sandbox_needs *needs, hs_reload *reload,
                  void *context);

#endif

/*
 * serve_fcgi: the threads that serve, and the one place where a signal can land.
 */
#ifndef HS_SUBPROCESS_H
#define HS_SUBPROCESS_H

#include "config/settings.h"

/* Reads the settings again; NULL (after a message) keeps the old ones. */
typedef struct hs_settings *hs_reload(void *context);

/*
 * Serves FastCGI on the descriptor until SIGTERM or SIGINT, then finishes what is in hand.
 * SIGHUP reloads. The settings become the worker's. Returns the exit code.
 */
int hs_serve_fcgi(int listen_fd, struct hs_settings *settings, hs_reload *reload, void *context);

#endif

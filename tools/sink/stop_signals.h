/*
 * stop_signals: SIGINT, SIGTERM and SIGHUP by signalfd(2), for commands that end in good order.
 */
#ifndef HS_STOP_SIGNALS_H
#define HS_STOP_SIGNALS_H

/*
 * From now on these signals, and SIGCHLD, only make the descriptor readable; SIGPIPE is ignored.
 * Returns the descriptor, to be closed; -1 with errno.
 */
int hs_stop_signals_catch(void);

/* The next one that came, without SIGCHLD, which is read away; 0: there is none. fd may be -1. */
int hs_stop_signals_next(int fd);

/* Ends the process by that signal, as a shell expects. 0: does nothing. */
void hs_stop_signals_die(int number);

#endif

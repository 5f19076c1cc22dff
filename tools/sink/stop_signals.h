/*
 * stop_signals: SIGINT, SIGTERM and SIGHUP by signalfd(2), for a run that ends in good order: the
 * first one stops it, the second one, or a deadline, cuts short what is still being finished.
 */
#ifndef HS_STOP_SIGNALS_H
#define HS_STOP_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

/* HS_STOP_SIGNALS_NONE: signals act by themselves. */
struct hs_stop_signals {
	int fd;              /* readable when one came; -1 */
	int number;          /* the last one that came, or that the caller set; 0: none */
	bool now;            /* cut short what is being finished; not said yet */
	int64_t deadline_ms; /* by the monotonic clock; -1: none */
};
#define HS_STOP_SIGNALS_NONE \
	{ \
		.fd = -1, .deadline_ms = -1 \
	}

/*
 * From now on these signals, and SIGCHLD, only make fd readable, and SIGPIPE is ignored; so is SIGHUP if it was, as
 * under nohup(1). False with errno. Close with hs_stop_signals_free, after which they are blocked.
 */
bool hs_stop_signals_catch(struct hs_stop_signals *s);
void hs_stop_signals_free(struct hs_stop_signals *s);

/* After that: they act by themselves again, also one that came meanwhile. */
void hs_stop_signals_let_act(void);

/* Notes the signals that came; reads and drops SIGCHLD. */
void hs_stop_signals_hear(struct hs_stop_signals *s);

/* Begins finishing, which may take this long; -1: as long as it needs. */
void hs_stop_signals_begin(struct hs_stop_signals *s, int64_t ms);
/* Returns the milliseconds left; -1: no limit. */
int64_t hs_stop_signals_left(const struct hs_stop_signals *s);
/* Returns the same, but 0 after a second signal; returns 0 once for each reason. */
int64_t hs_stop_signals_ask(struct hs_stop_signals *s);

/* Ends the process by that signal, as a shell expects. 0: does nothing. */
void hs_stop_signals_die(int number);

#endif

/*
 * sd_notify: tells a supervisor how the process is, by the protocol of sd_notify(3): datagrams of
 * NAME=VALUE lines to the socket that $NOTIFY_SOCKET names. Without libsystemd, which would be
 * a library more for four messages.
 *
 * Nobody waits for a supervisor: a message that cannot be sent at once is dropped. If it was one
 * of the watchdog, the next one is due soon after.
 */
#ifndef HS_SD_NOTIFY_H
#define HS_SD_NOTIFY_H

#include <stdint.h>

struct hs_sd_notify {
	int fd;              /* connected to the supervisor; -1: there is none */
	int64_t watchdog_ms; /* how often it wants to hear of us; 0: never */
	int64_t due_ms;      /* when it will, by hs_io_now_monotonic */
};

/*
 * From $NOTIFY_SOCKET (a path, or @name in the abstract namespace), $WATCHDOG_USEC and
 * $WATCHDOG_PID. Messages are sent at half of the watchdog's time, as sd_watchdog_enabled(3)
 * advises. What cannot be understood or reached is logged, and counts as no supervisor.
 */
void hs_sd_notify_open(struct hs_sd_notify *n);

void hs_sd_notify_ready(const struct hs_sd_notify *n);
void hs_sd_notify_stopping(const struct hs_sd_notify *n);

/* The settings are read again; hs_sd_notify_ready() says that this is over. */
void hs_sd_notify_reloading(const struct hs_sd_notify *n);

/* The watchdog's message, if it is due. */
void hs_sd_notify_alive(struct hs_sd_notify *n, int64_t now_ms);

void hs_sd_notify_close(struct hs_sd_notify *n);

#endif

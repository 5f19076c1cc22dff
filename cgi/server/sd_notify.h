/*
 * sd_notify: reports the state of the process to a supervisor, by the protocol of sd_notify(3):
 * datagrams of NAME=VALUE lines to the socket that $NOTIFY_SOCKET names. Without libsystemd, which
 * is not worth a dependency for four messages.
 *
 * Nothing waits for a supervisor: a message that cannot be sent at once is dropped. After a dropped
 * watchdog message, the next one is due soon enough.
 */
#ifndef HS_SD_NOTIFY_H
#define HS_SD_NOTIFY_H

#include <stdint.h>

struct hs_sd_notify {
	int fd;              /* connected to the supervisor; -1: there is none */
	int64_t watchdog_ms; /* time between watchdog messages; 0: none are wanted */
	int64_t due_ms;      /* when the next one is due (hs_io_now_monotonic's clock) */
};

/*
 * Fills *n from $NOTIFY_SOCKET (a path, or @name in the abstract namespace), $WATCHDOG_USEC and
 * $WATCHDOG_PID. Watchdog messages are due after half of its time, as sd_watchdog_enabled(3)
 * advises. A socket that is not valid or cannot be reached is logged, and counts as none.
 */
void hs_sd_notify_open(struct hs_sd_notify *n);

void hs_sd_notify_ready(const struct hs_sd_notify *n);
void hs_sd_notify_stopping(const struct hs_sd_notify *n);

/* Reports that the settings are being read again; hs_sd_notify_ready() reports the end. */
void hs_sd_notify_reloading(const struct hs_sd_notify *n);

/* Sends the watchdog's message, if it is due. */
void hs_sd_notify_alive(struct hs_sd_notify *n, int64_t now_ms);

void hs_sd_notify_close(struct hs_sd_notify *n);

#endif

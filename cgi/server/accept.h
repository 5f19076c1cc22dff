/*
 * accept: hands out connections to the threads that serve, which share one listening descriptor.
 */
#ifndef HS_ACCEPT_H
#define HS_ACCEPT_H

#include <stdatomic.h>
#include <stdbool.h>

struct hs_acceptor; /* of one thread */

/* Instead of a descriptor. */
enum {
	/* another thread was faster, `ready_fd` is readable, or descriptors ran out (after a short wait) */
	HS_ACCEPT_AGAIN = -1,
	HS_ACCEPT_IDLE = -2, /* no connection came in time */
	HS_ACCEPT_STOP = -3, /* the process is to stop, and no connection is waiting */
};

/*
 * `listen_fd` must not block. When *stopping is set, `stop_fd` must become readable. `ready_fd` wakes
 * one thread, too. NULL: out of memory or descriptors.
 */
struct hs_acceptor *hs_acceptor_new(int listen_fd, int stop_fd, int ready_fd, const _Atomic bool *stopping);
void hs_acceptor_free(struct hs_acceptor *a); /* NULL is fine */

/*
 * Waits for a connection, at most `idle_ms` (0: for ever). Returns its descriptor, or one of
 * the above. After the request to stop it still returns waiting connections for a second, because the
 * senders of closed ones would get 500.
 */
int hs_acceptor_next(struct hs_acceptor *a, int idle_ms);

#endif

/*
 * accept: connections for the threads that serve, which share one listening descriptor.
 */
#ifndef HS_ACCEPT_H
#define HS_ACCEPT_H

#include <stdatomic.h>
#include <stdbool.h>

struct hs_acceptor; /* of one thread */

/* Instead of a descriptor. */
enum {
	/* another thread was faster, `ready_fd` is readable, or descriptors ran out: it has waited a little */
	HS_ACCEPT_AGAIN = -1,
	HS_ACCEPT_IDLE = -2, /* nothing came */
	HS_ACCEPT_STOP = -3,
};

/*
 * `listen_fd` must not block. When *stopping is set, `stop_fd` must become readable.
 * `ready_fd` wakes one thread, too (-1: there is none). NULL: out of memory or descriptors.
 */
struct hs_acceptor *hs_acceptor_new(int listen_fd, int stop_fd, int ready_fd, const _Atomic bool *stopping);
void hs_acceptor_free(struct hs_acceptor *a); /* NULL is fine */

/*
 * Waits for a connection, at most `idle_ms` (0: for ever). Returns its descriptor, or one of
 * the above. Those who are connected already when we are asked to stop are still served, if
 * that does not take long: closed connections are 500 to their senders.
 */
int hs_acceptor_next(struct hs_acceptor *a, int idle_ms);

#endif

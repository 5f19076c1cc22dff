/*
 * partial_poller: all connections whose request is not whole. They hold no thread that serves: one
 * thread polls them all, reads what arrives, and queues those that are ready. It enforces the
 * time limits, and bounds the memory of all of them.
 *
 * Limits: HS_HEAD_MS for the head, hs_body_deadline for the body, HS_REST_MS for the rest of a refused
 * body, HS_UNSENT_MS for an answer that the peer is slow to read. Memory of bodies is bounded in two shares:
 * of senders that the head has let in, and of senders that only the whole body can identify, so that
 * strangers cannot take the room of the others. If a share is full, its largest request is answered 503; if
 * there are too many requests, the oldest is. Unsent answers may hold HS_UNSENT_BYTES.
 */
#ifndef HS_PARTIAL_POLLER_H
#define HS_PARTIAL_POLLER_H

#include "cgi/server/partial_request.h"
#include "cgi/server/runtime.h"

struct hs_partial_poller;

/* Returns the current runtime, shared: drop it. */
typedef struct hs_runtime *hs_use_runtime(void *context);

/* The number of connections that RLIMIT_NOFILE allows beside `others` descriptors; 16 at least. */
int hs_partial_poller_wanted(int others);

/*
 * Starts the poller, for `most` connections; `threads` is the number of threads that serve. NULL: out
 * of memory, threads or descriptors.
 */
struct hs_partial_poller *hs_partial_poller_new(int most, int threads, hs_use_runtime *use, void *context);

/* Ends the thread and closes what is left. No other thread may use the poller. NULL is fine. */
void hs_partial_poller_free(struct hs_partial_poller *poller);

/*
 * Takes over a connection. Returns its request, ready, if that arrives within some milliseconds; else
 * NULL, and the poller owns it.
 */
struct hs_partial_request *hs_partial_poller_enter(struct hs_partial_poller *poller, int fd);

/*
 * Takes over a connection whose request, with this FastCGI number, has been read to its end, answers it and
 * closes it, without waiting. False: the peer is gone, or there is no memory.
 */
bool hs_partial_poller_send(struct hs_partial_poller *poller, int fd, unsigned number, struct hs_slice head,
                            struct hs_slice body);

/* Returns a request that is ready, or NULL; takes no lock if there is none. */
struct hs_partial_request *hs_partial_poller_next(struct hs_partial_poller *poller);

/* A descriptor that is readable while a request is ready. */
int hs_partial_poller_fd(const struct hs_partial_poller *poller);

/* Gives all requests `ms` to be ready; those that are not are then answered 503. */
void hs_partial_poller_stop(struct hs_partial_poller *poller, int64_t ms);

/* After hs_partial_poller_stop: waits for the next request that is ready; NULL: none is left. */
struct hs_partial_request *hs_partial_poller_last(struct hs_partial_poller *poller);

#endif

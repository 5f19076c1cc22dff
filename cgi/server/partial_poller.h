/*
 * partial_poller: all connections whose request is not whole. No thread that serves belongs to one of
 * them: a poller has them all, reads what comes, and queues those that are ready. It keeps the
 * time limits, and it bounds what all of them hold.
 *
 * Limits: HS_HEAD_MS for the head, hs_body_deadline for the body, HS_REST_MS for the rest of one that was
 * refused. Bytes in memory are bounded by two shares, of senders whose key was checked and of those of whom
 * nothing is known before the body is whole: these cannot take the room of the others. Where
 * there is no room, the largest of the same share is answered 503; where there are too many, the oldest.
 */
#ifndef HS_PARTIAL_POLLER_H
#define HS_PARTIAL_POLLER_H

#include "cgi/server/partial_request.h"
#include "cgi/server/runtime.h"

struct hs_partial_poller;

/* Hands out the service that holds now, a user more. */
typedef struct hs_runtime *hs_use_runtime(void *context);

/* At most so many connections for this limit of descriptors (RLIMIT_NOFILE), beside `others`. */
int hs_partial_poller_wanted(int others);

/* Starts the poller. NULL: out of memory, threads or descriptors. `threads` is how many serve. */
struct hs_partial_poller *hs_partial_poller_new(int most, int threads, hs_use_runtime *use, void *context);

/* It must no longer be in use. Closes what is left. NULL is fine. */
void hs_partial_poller_free(struct hs_partial_poller *poller);

/*
 * Takes over a connection. If its request arrives within some milliseconds the arrival that is ready is
 * returned; else NULL, and the poller has it.
 */
struct hs_partial_request *hs_partial_poller_enter(struct hs_partial_poller *poller, int fd);

/* Returns an arrival that is ready, or NULL; costs nothing if there is none. */
struct hs_partial_request *hs_partial_poller_next(struct hs_partial_poller *poller);

/* Readable while one is ready. */
int hs_partial_poller_fd(const struct hs_partial_poller *poller);

/* From now on all have `ms` to be ready, and are answered 503 then. */
void hs_partial_poller_stop(struct hs_partial_poller *poller, int64_t ms);

/* Waits for the next one that is ready; NULL: none is left. After hs_partial_poller_stop only. */
struct hs_partial_request *hs_partial_poller_last(struct hs_partial_poller *poller);

#endif

/*
 * request_pool: slots for FastCGI requests, from arrival to answer. There are more slots than
 * threads, because a request that waits for the disk holds no thread.
 */
#ifndef HS_REQUEST_POOL_H
#define HS_REQUEST_POOL_H

#include "cgi/http/exchange.h"
#include "cgi/http/transport.h"
#include "cgi/server/runtime.h"

struct hs_request_pool;

struct hs_request_slot {
	struct hs_transport *transport; /* for requests that arrive whole; see hs_exchange_from */
	struct hs_exchange *exchange;   /* frees the slot when it has ended */

	/* private */
	struct hs_request_pool *pool;
	struct hs_runtime *runtime;
	struct hs_request_slot *next;
};

/* The number of slots for these threads, at most as many as RLIMIT_NOFILE has descriptors for. */
int hs_request_pool_wanted(int threads);

/* NULL: out of memory. */
struct hs_request_pool *hs_request_pool_new(int n);
void hs_request_pool_free(struct hs_request_pool *pool); /* NULL is fine; every slot must be free */

/* Waits for a free slot, and takes it. */
struct hs_request_slot *hs_request_pool_take(struct hs_request_pool *pool);

/* Sets the runtime that serves the request, and shares it until the slot is left. */
void hs_request_slot_serve(struct hs_request_slot *slot, struct hs_runtime *runtime);

/* Returns the slot to the pool. */
void hs_request_slot_leave(struct hs_request_slot *slot);

/* Frees memory that the free slots hold. */
void hs_request_pool_rest(struct hs_request_pool *pool);

/* Answers requests that have waited for the disk up to their time limit. */
void hs_request_pool_expire(struct hs_request_pool *pool, int64_t now_ms);

#endif

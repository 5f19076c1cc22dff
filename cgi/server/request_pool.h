/*
 * request_pool: a place for each FastCGI request, from its arrival to its answer. There are more of
 * them than threads: a request that waits for the disk has none.
 */
#ifndef HS_REQUEST_POOL_H
#define HS_REQUEST_POOL_H

#include "cgi/http/exchange.h"
#include "cgi/http/transport.h"
#include "cgi/server/runtime.h"

struct hs_request_pool;

struct hs_request_slot {
	struct hs_transport *transport; /* for a request that has arrived whole; see hs_exchange_from */
	struct hs_exchange *exchange;   /* leaves the seat when it has ended */

	/* request_pool.c's */
	struct hs_request_pool *pool;
	struct hs_runtime *runtime;
	struct hs_request_slot *next;
};

/* The number of slots for these threads: few enough that descriptors suffice while all wait for the disk. */
int hs_request_pool_wanted(int threads);

/* NULL: out of memory. */
struct hs_request_pool *hs_request_pool_new(int n);
void hs_request_pool_free(struct hs_request_pool *pool); /* NULL is fine; every slot must be free */

/* Waits until one is free. */
struct hs_request_slot *hs_request_pool_take(struct hs_request_pool *pool);

/* With which service the request in it is served: a user more, until the seat is left. */
void hs_request_slot_serve(struct hs_request_slot *slot, struct hs_runtime *runtime);

void hs_request_slot_leave(struct hs_request_slot *slot);

/* Returns what memory the free ones hold. */
void hs_request_pool_rest(struct hs_request_pool *pool);

/* Ends what has reached its time limit: whoever waits for the disk. */
void hs_request_pool_expire(struct hs_request_pool *pool, int64_t now_ms);

#endif

#include "cgi/server/request_pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
	SLOTS_A_THREAD = 4,
	DESCRIPTORS_A_SLOT = 2, /* its own, and one for a request that is still arriving */
	DESCRIPTORS = 32,       /* for everything but slots and threads */
};

struct hs_request_pool {
	pthread_mutex_t lock; /* guards the free slots, and the runtime of each slot */
	pthread_cond_t left;  /* a slot was left */
	struct hs_request_slot *free;
	int waiting; /* threads that wait for a slot */
	int n;
	struct hs_request_slot slot[];
};

int hs_request_pool_wanted(int threads)
{
	struct rlimit limit;
	int most = threads * SLOTS_A_THREAD, others = threads + DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)(most * DESCRIPTORS_A_SLOT + others))
		most = ((int)limit.rlim_cur - others) / DESCRIPTORS_A_SLOT;
	return most > threads ? most : threads;
}

static void exchange_ended(void *context)
{
	hs_request_slot_leave(context);
}

struct hs_request_pool *hs_request_pool_new(int n)
{
	struct hs_request_pool *pool = calloc(1, sizeof *pool + (size_t)n * sizeof pool->slot[0]);

	if (pool == NULL)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->left, NULL);
	for (; pool->n < n; pool->n++) {
		struct hs_request_slot *slot = &pool->slot[pool->n];

		slot->pool = pool;
		slot->transport = hs_transport_fcgi_new();
		slot->exchange =
		    slot->transport == NULL ? NULL : hs_exchange_new(slot->transport, exchange_ended, slot);
		if (slot->exchange == NULL) {
			pool->n++; /* the last slot is half made */
			hs_request_pool_free(pool);
			return NULL;
		}
		hs_request_slot_leave(slot);
	}
	return pool;
}

void hs_request_pool_free(struct hs_request_pool *pool)
{
	if (pool == NULL)
		return;
	for (int i = 0; i < pool->n; i++) {
		hs_exchange_free(pool->slot[i].exchange);
		if (pool->slot[i].transport != NULL)
			pool->slot[i].transport->free(pool->slot[i].transport);
	}
	pthread_cond_destroy(&pool->left);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

/* The slot that was left last is taken first: its memory is still in the cache. */
struct hs_request_slot *hs_request_pool_take(struct hs_request_pool *pool)
{
	struct hs_request_slot *slot;

	pthread_mutex_lock(&pool->lock);
	pool->waiting++;
	while (pool->free == NULL)
		pthread_cond_wait(&pool->left, &pool->lock);
	pool->waiting--;
	slot = pool->free;
	pool->free = slot->next;
	pthread_mutex_unlock(&pool->lock);
	return slot;
}

void hs_request_slot_serve(struct hs_request_slot *slot, struct hs_runtime *runtime)
{
	pthread_mutex_lock(&slot->pool->lock);
	slot->runtime = hs_runtime_share(runtime);
	pthread_mutex_unlock(&slot->pool->lock);
}

void hs_request_slot_leave(struct hs_request_slot *slot)
{
	struct hs_request_pool *pool = slot->pool;
	struct hs_runtime *runtime;

	pthread_mutex_lock(&pool->lock);
	runtime = slot->runtime;
	slot->runtime = NULL;
	slot->next = pool->free;
	pool->free = slot;
	if (pool->waiting > 0)
		pthread_cond_signal(&pool->left);
	pthread_mutex_unlock(&pool->lock);
	hs_runtime_drop(runtime);
}

void hs_request_pool_rest(struct hs_request_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	for (struct hs_request_slot *slot = pool->free; slot != NULL; slot = slot->next)
		hs_exchange_rest(slot->exchange);
	pthread_mutex_unlock(&pool->lock);
}

static void expire_slot(struct hs_request_pool *pool, struct hs_request_slot *slot, int64_t now_ms)
{
	struct hs_runtime *runtime;

	pthread_mutex_lock(&pool->lock);
	runtime = hs_runtime_share(slot->runtime);
	pthread_mutex_unlock(&pool->lock);
	if (runtime != NULL)
		hs_spool_expire(runtime->spool, now_ms);
	hs_exchange_expire(slot->exchange, now_ms);
	hs_runtime_drop(runtime);
}

void hs_request_pool_expire(struct hs_request_pool *pool, int64_t now_ms)
{
	for (int i = 0; i < pool->n; i++)
		expire_slot(pool, &pool->slot[i], now_ms);
}

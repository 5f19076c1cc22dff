#include "cgi/server/request_pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
	SEATS_A_THREAD = 4,
	DESCRIPTORS_A_SEAT = 2, /* its own, and that of a request that is still arriving */
	DESCRIPTORS = 32,       /* for all but seats and threads */
};

struct hs_request_pool {
	pthread_mutex_t lock; /* of the free seats, and of each one's service */
	pthread_cond_t left;  /* a seat */
	struct hs_request_slot *free;
	int waiting; /* for a seat */
	int n;
	struct hs_request_slot slot[];
};

int hs_request_pool_wanted(int threads)
{
	struct rlimit limit;
	int most = threads * SEATS_A_THREAD, batch = threads + DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)(most * DESCRIPTORS_A_SEAT + batch))
		most = ((int)limit.rlim_cur - batch) / DESCRIPTORS_A_SEAT;
	return most > threads ? most : threads;
}

static void exchange_ended(void *context)
{
	hs_request_slot_leave(context);
}

struct hs_request_pool *hs_request_pool_new(int n)
{
	struct hs_request_pool *s = calloc(1, sizeof *s + (size_t)n * sizeof s->slot[0]);

	if (s == NULL)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->left, NULL);
	for (; s->n < n; s->n++) {
		struct hs_request_slot *slot = &s->slot[s->n];

		slot->pool = s;
		slot->transport = hs_transport_fcgi_new();
		slot->exchange =
		    slot->transport == NULL ? NULL : hs_exchange_new(slot->transport, exchange_ended, slot);
		if (slot->exchange == NULL) {
			s->n++; /* half of it is there */
			hs_request_pool_free(s);
			return NULL;
		}
		hs_request_slot_leave(slot);
	}
	return s;
}

void hs_request_pool_free(struct hs_request_pool *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < s->n; i++) {
		hs_exchange_free(s->slot[i].exchange);
		if (s->slot[i].transport != NULL)
			s->slot[i].transport->free(s->slot[i].transport);
	}
	pthread_cond_destroy(&s->left);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* The one that was left last is given first: its memory is still in the cache. */
struct hs_request_slot *hs_request_pool_take(struct hs_request_pool *s)
{
	struct hs_request_slot *slot;

	pthread_mutex_lock(&s->lock);
	s->waiting++;
	while (s->free == NULL)
		pthread_cond_wait(&s->left, &s->lock);
	s->waiting--;
	slot = s->free;
	s->free = slot->next;
	pthread_mutex_unlock(&s->lock);
	return slot;
}

void hs_request_slot_serve(struct hs_request_slot *slot, struct hs_runtime *service)
{
	pthread_mutex_lock(&slot->pool->lock);
	slot->service = hs_runtime_share(service);
	pthread_mutex_unlock(&slot->pool->lock);
}

void hs_request_slot_leave(struct hs_request_slot *slot)
{
	struct hs_request_pool *s = slot->pool;
	struct hs_runtime *service;

	pthread_mutex_lock(&s->lock);
	service = slot->service;
	slot->service = NULL;
	slot->next = s->free;
	s->free = slot;
	if (s->waiting > 0)
		pthread_cond_signal(&s->left);
	pthread_mutex_unlock(&s->lock);
	hs_runtime_drop(service);
}

void hs_request_pool_rest(struct hs_request_pool *s)
{
	pthread_mutex_lock(&s->lock);
	for (struct hs_request_slot *slot = s->free; slot != NULL; slot = slot->next)
		hs_exchange_rest(slot->exchange);
	pthread_mutex_unlock(&s->lock);
}

static void expire_slot(struct hs_request_pool *s, struct hs_request_slot *slot, int64_t now_ms)
{
	struct hs_runtime *service;

	pthread_mutex_lock(&s->lock);
	service = hs_runtime_share(slot->service);
	pthread_mutex_unlock(&s->lock);
	if (service != NULL)
		hs_spool_expire(service->spool, now_ms);
	hs_exchange_expire(slot->exchange, now_ms);
	hs_runtime_drop(service);
}

void hs_request_pool_expire(struct hs_request_pool *s, int64_t now_ms)
{
	for (int i = 0; i < s->n; i++)
		expire_slot(s, &s->slot[i], now_ms);
}

#include "cgi/http/semaphore.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct hs_semaphore {
	pthread_mutex_t lock;
	pthread_cond_t left;
	int free;
};

struct hs_semaphore *hs_semaphore_new(int places)
{
	struct hs_semaphore *g = calloc(1, sizeof *g);
	pthread_condattr_t attr;

	if (g == NULL || pthread_condattr_init(&attr) != 0) {
		free(g);
		return NULL;
	}
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->left, &attr);
	pthread_condattr_destroy(&attr);
	g->free = places;
	return g;
}

void hs_semaphore_free(struct hs_semaphore *g)
{
	if (g == NULL)
		return;
	pthread_cond_destroy(&g->left);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

bool hs_semaphore_enter(struct hs_semaphore *g, int64_t deadline_ms)
{
	struct timespec until = { .tv_sec = (time_t)(deadline_ms / 1000),
		                  .tv_nsec = (long)(deadline_ms % 1000) * 1000000 };
	bool entered;
	int failed = 0;

	if (g == NULL)
		return true;
	pthread_mutex_lock(&g->lock);
	while (g->free == 0 && failed == 0)
		failed = pthread_cond_timedwait(&g->left, &g->lock, &until);
	entered = g->free > 0;
	g->free -= entered;
	pthread_mutex_unlock(&g->lock);
	return entered;
}

void hs_semaphore_leave(struct hs_semaphore *g)
{
	if (g == NULL)
		return;
	pthread_mutex_lock(&g->lock);
	g->free++;
	pthread_mutex_unlock(&g->lock);
	pthread_cond_signal(&g->left);
}

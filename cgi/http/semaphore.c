#include "cgi/http/semaphore.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct hs_semaphore {
	pthread_mutex_t lock;
	pthread_cond_t freed;
	int free;
};

struct hs_semaphore *hs_semaphore_new(int places)
{
	struct hs_semaphore *semaphore = calloc(1, sizeof *semaphore);
	pthread_condattr_t attr;

	if (semaphore == NULL)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&semaphore->lock, NULL);
	pthread_cond_init(&semaphore->freed, &attr);
	pthread_condattr_destroy(&attr);
	semaphore->free = places;
	return semaphore;
}

void hs_semaphore_free(struct hs_semaphore *semaphore)
{
	if (semaphore == NULL)
		return;
	pthread_cond_destroy(&semaphore->freed);
	pthread_mutex_destroy(&semaphore->lock);
	free(semaphore);
}

bool hs_semaphore_enter(struct hs_semaphore *semaphore, int64_t deadline_ms)
{
	struct timespec until = { .tv_sec = (time_t)(deadline_ms / 1000),
		                  .tv_nsec = (long)(deadline_ms % 1000) * 1000000 };
	bool entered;
	int failed = 0;

	if (semaphore == NULL)
		return true;
	pthread_mutex_lock(&semaphore->lock);
	while (semaphore->free == 0 && failed == 0)
		failed = pthread_cond_timedwait(&semaphore->freed, &semaphore->lock, &until);
	entered = semaphore->free > 0;
	semaphore->free -= entered;
	pthread_mutex_unlock(&semaphore->lock);
	return entered;
}

void hs_semaphore_leave(struct hs_semaphore *semaphore)
{
	if (semaphore == NULL)
		return;
	pthread_mutex_lock(&semaphore->lock);
	semaphore->free++;
	pthread_mutex_unlock(&semaphore->lock);
	pthread_cond_signal(&semaphore->freed);
}

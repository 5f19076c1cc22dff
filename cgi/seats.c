#include "cgi/seats.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
	SEATS_A_THREAD = 4,
	DESCRIPTORS_A_SEAT = 2, /* its own, and that of a request that is still arriving */
	DESCRIPTORS = 32,       /* for all but seats and threads */
};

struct hs_seats {
	pthread_mutex_t lock; /* of the free seats, and of each one's service */
	pthread_cond_t left;  /* a seat */
	struct hs_seat *free;
	int waiting; /* for a seat */
	int n;
	struct hs_seat seat[];
};

int hs_seats_wanted(int threads)
{
	struct rlimit limit;
	int most = threads * SEATS_A_THREAD, taken = threads + DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < (rlim_t)(most * DESCRIPTORS_A_SEAT + taken))
		most = ((int)limit.rlim_cur - taken) / DESCRIPTORS_A_SEAT;
	return most > threads ? most : threads;
}

static void visit_ended(void *context)
{
	hs_seat_leave(context);
}

struct hs_seats *hs_seats_new(int n)
{
	struct hs_seats *s = calloc(1, sizeof *s + (size_t)n * sizeof s->seat[0]);

	if (s == NULL)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->left, NULL);
	for (; s->n < n; s->n++) {
		struct hs_seat *seat = &s->seat[s->n];

		seat->seats = s;
		seat->gateway = hs_gw_fcgi_new();
		seat->visit = seat->gateway == NULL ? NULL : hs_visit_new(seat->gateway, visit_ended, seat);
		if (seat->visit == NULL) {
			s->n++; /* half of it is there */
			hs_seats_free(s);
			return NULL;
		}
		hs_seat_leave(seat);
	}
	return s;
}

void hs_seats_free(struct hs_seats *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < s->n; i++) {
		hs_visit_free(s->seat[i].visit);
		if (s->seat[i].gateway != NULL)
			s->seat[i].gateway->free(s->seat[i].gateway);
	}
	pthread_cond_destroy(&s->left);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* The one that was left last is given first: its memory is still in the cache. */
struct hs_seat *hs_seats_take(struct hs_seats *s)
{
	struct hs_seat *seat;

	pthread_mutex_lock(&s->lock);
	s->waiting++;
	while (s->free == NULL)
		pthread_cond_wait(&s->left, &s->lock);
	s->waiting--;
	seat = s->free;
	s->free = seat->next;
	pthread_mutex_unlock(&s->lock);
	return seat;
}

void hs_seat_serve(struct hs_seat *seat, struct hs_service *service)
{
	pthread_mutex_lock(&seat->seats->lock);
	seat->service = hs_service_share(service);
	pthread_mutex_unlock(&seat->seats->lock);
}

void hs_seat_leave(struct hs_seat *seat)
{
	struct hs_seats *s = seat->seats;
	struct hs_service *service;

	pthread_mutex_lock(&s->lock);
	service = seat->service;
	seat->service = NULL;
	seat->next = s->free;
	s->free = seat;
	if (s->waiting > 0)
		pthread_cond_signal(&s->left);
	pthread_mutex_unlock(&s->lock);
	hs_service_drop(service);
}

void hs_seats_rest(struct hs_seats *s)
{
	pthread_mutex_lock(&s->lock);
	for (struct hs_seat *seat = s->free; seat != NULL; seat = seat->next)
		hs_visit_rest(seat->visit);
	pthread_mutex_unlock(&s->lock);
}

static void expire_seat(struct hs_seats *s, struct hs_seat *seat, int64_t now_ms)
{
	struct hs_service *service;

	pthread_mutex_lock(&s->lock);
	service = hs_service_share(seat->service);
	pthread_mutex_unlock(&s->lock);
	if (service != NULL)
		hs_spool_expire(service->spool, now_ms);
	hs_visit_expire(seat->visit, now_ms);
	hs_service_drop(service);
}

void hs_seats_expire(struct hs_seats *s, int64_t now_ms)
{
	for (int i = 0; i < s->n; i++)
		expire_seat(s, &s->seat[i], now_ms);
}

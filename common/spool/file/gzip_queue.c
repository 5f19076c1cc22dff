#include "spool/file/gzip_queue.h"
#include "base/io.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4 };

enum state { WAITING, BUSY, DONE };

struct slot {
	enum state state; /* under the mutex */
	struct hs_gzip *gzip;
	char *bytes; /* room for HS_GZIP_MEMBER: the text, or a member that was put */
	size_t plain;
	struct hs_slice member; /* if DONE */
};

struct hs_gzip_queue {
	struct slot slot[SLOTS]; /* a ring */
	size_t slots;
	bool helps;      /* `next` compresses, too */
	bool background; /* the thread has the lowest priority */
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;

	/* under the mutex */
	size_t first, count;
	bool stop;
};

static struct slot *slot_at(struct hs_gzip_queue *q, size_t i)
{
	return &q->slot[(q->first + i) % q->slots];
}

/* The oldest text that nobody compresses yet; NULL: none. */
static struct slot *find_waiting(struct hs_gzip_queue *q)
{
	for (size_t i = 0; i < q->count; i++)
		if (slot_at(q, i)->state == WAITING)
			return slot_at(q, i);
	return NULL;
}

/* Called with the mutex held; drops it while working. */
static void compress(struct hs_gzip_queue *q, struct slot *s)
{
	s->state = BUSY;
	pthread_mutex_unlock(&q->mutex);
	s->member = hs_gzip_member(s->gzip, hs_slice(s->bytes, s->plain));
	pthread_mutex_lock(&q->mutex);
	s->state = DONE;
	pthread_cond_broadcast(&q->changed);
}

static void *work(void *context)
{
	struct hs_gzip_queue *q = context;

	if (q->background)
		hs_io_yield_to_all();
	pthread_mutex_lock(&q->mutex);
	while (!q->stop) {
		struct slot *s = find_waiting(q);

		if (s != NULL)
			compress(q, s);
		else
			pthread_cond_wait(&q->changed, &q->mutex);
	}
	pthread_mutex_unlock(&q->mutex);
	return NULL;
}

/* --- the user's side ------------------------------------------------------------------- */

/* Only the user's thread changes the count. */
bool hs_gzip_queue_is_empty(const struct hs_gzip_queue *q)
{
	return q->count == 0;
}

bool hs_gzip_queue_is_full(const struct hs_gzip_queue *q)
{
	return q->count == q->slots;
}

static void put(struct hs_gzip_queue *q, struct hs_slice bytes, size_t plain, enum state state)
{
	struct slot *s = slot_at(q, q->count);

	assert(!hs_gzip_queue_is_full(q) && bytes.n <= HS_GZIP_MEMBER);
	if (bytes.n > 0)
		memcpy(s->bytes, bytes.p, bytes.n);
	s->plain = plain;
	s->member = hs_slice(s->bytes, bytes.n);
	pthread_mutex_lock(&q->mutex);
	s->state = state;
	q->count++;
	pthread_cond_broadcast(&q->changed);
	pthread_mutex_unlock(&q->mutex);
}

void hs_gzip_queue_put(struct hs_gzip_queue *q, struct hs_slice plain)
{
	put(q, plain, plain.n, WAITING);
}

void hs_gzip_queue_put_member(struct hs_gzip_queue *q, struct hs_slice member, size_t plain)
{
	put(q, member, plain, DONE);
}

struct hs_slice hs_gzip_queue_next(struct hs_gzip_queue *q, size_t *plain)
{
	struct slot *oldest = slot_at(q, 0), *waiting;

	assert(q->count > 0);
	pthread_mutex_lock(&q->mutex);
	while (oldest->state != DONE) {
		waiting = q->helps ? find_waiting(q) : NULL;
		if (waiting != NULL)
			compress(q, waiting);
		else
			pthread_cond_wait(&q->changed, &q->mutex);
	}
	q->first = (q->first + 1) % q->slots;
	q->count--;
	pthread_mutex_unlock(&q->mutex);
	*plain = oldest->plain;
	return oldest->member;
}

/* --- making and freeing ------------------------------------------------------------------ */

/* The thread blocks all signals, which are for the program's own threads. */
static bool start_thread(struct hs_gzip_queue *q)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	q->has_thread = pthread_create(&q->thread, NULL, work, q) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return q->has_thread;
}

static bool make_slots(struct hs_gzip_queue *q)
{
	bool good = true;

	for (size_t i = 0; i < q->slots; i++) {
		q->slot[i].gzip = hs_gzip_new();
		q->slot[i].bytes = malloc(HS_GZIP_MEMBER);
		good = good && q->slot[i].gzip != NULL && q->slot[i].bytes != NULL;
	}
	return good;
}

struct hs_gzip_queue *hs_gzip_queue_new(enum hs_gzip_queue_form form)
{
	struct hs_gzip_queue *q = calloc(1, sizeof *q);
	bool good;

	if (q == NULL)
		return NULL;
	pthread_mutex_init(&q->mutex, NULL); /* neither can fail on Linux */
	pthread_cond_init(&q->changed, NULL);
	q->slots = form == HS_GZIP_QUEUE_SHARED ? SLOTS : 1;
	q->helps = form != HS_GZIP_QUEUE_BACKGROUND;
	q->background = form == HS_GZIP_QUEUE_BACKGROUND;
	good = make_slots(q);
	if (good && form != HS_GZIP_QUEUE_HERE)
		good = start_thread(q) || form == HS_GZIP_QUEUE_SHARED;
	if (good)
		return q;
	hs_gzip_queue_free(q);
	return NULL;
}

void hs_gzip_queue_free(struct hs_gzip_queue *q)
{
	if (q == NULL)
		return;
	if (q->has_thread) {
		pthread_mutex_lock(&q->mutex);
		q->stop = true;
		pthread_cond_broadcast(&q->changed);
		pthread_mutex_unlock(&q->mutex);
		pthread_join(q->thread, NULL);
	}
	for (size_t i = 0; i < q->slots; i++) {
		hs_gzip_free(q->slot[i].gzip);
		free(q->slot[i].bytes);
	}
	pthread_cond_destroy(&q->changed);
	pthread_mutex_destroy(&q->mutex);
	free(q);
}

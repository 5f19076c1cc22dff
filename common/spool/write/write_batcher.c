#include "spool/write/write_batcher.h"
#include "base/io.h"

#include <stddef.h>

bool hs_write_batcher_init(struct hs_write_batcher *g, hs_write_batcher_run *run, void *context)
{
	*g = (struct hs_write_batcher){ .run = run, .context = context };
	g->end = &g->waiting;
	return pthread_mutex_init(&g->lock, NULL) == 0;
}

void hs_write_batcher_destroy(struct hs_write_batcher *g)
{
	pthread_mutex_destroy(&g->lock);
}

void hs_write_batcher_release(struct hs_write_batcher *g)
{
	pthread_mutex_lock(&g->lock);
	g->released = true;
	pthread_mutex_unlock(&g->lock);
}

/* --- under the lock ----------------------------------------------------------- */

static void add(struct hs_write_batcher *g, struct hs_member *m)
{
	m->next = NULL;
	*g->end = m;
	g->end = &m->next;
}

/* Moves those whose time is up from a list to the end of another, whose new end it returns. */
static struct hs_member **take_late(struct hs_member **from, int64_t now_ms, struct hs_member **late)
{
	while (*from != NULL) {
		struct hs_member *m = *from;

		if (now_ms < m->deadline_ms) {
			from = &m->next;
			continue;
		}
		*from = m->next;
		m->next = NULL;
		*late = m;
		late = &m->next;
	}
	return late;
}

static struct hs_member **take_late_waiting(struct hs_write_batcher *g, int64_t now_ms, struct hs_member **late)
{
	late = take_late(&g->waiting, now_ms, late);
	for (g->end = &g->waiting; *g->end != NULL; g->end = &(*g->end)->next)
		;
	return late;
}

/* Those who have waited longest. */
static void begin(struct hs_write_batcher *g, int64_t now_us)
{
	struct hs_member **end = &g->waiting;
	int n = 0;

	for (; *end != NULL && n < HS_WRITE_BATCHER_MOST; n++)
		end = &(*end)->next;
	g->working = g->waiting;
	g->waiting = *end;
	*end = NULL;
	if (g->waiting == NULL)
		g->end = &g->waiting;
	g->released = false;
	g->crowded = n >= HS_WRITE_BATCHER_CROWD;
	g->begun_us = now_us;
}

/* How long the next cycle waits for more. */
static int64_t pause_us(const struct hs_write_batcher *g)
{
	return g->crowded ? g->begun_us + HS_WRITE_BATCHER_PACE_US - hs_io_now_us() : 0;
}

/* --- without ------------------------------------------------------------------- */

static void tell(struct hs_member *m, enum hs_result r)
{
	struct hs_member *next;

	for (; m != NULL; m = next) {
		next = m->next;
		m->done(m, r);
	}
}

/* --- the story ----------------------------------------------------------------- */

/* One cycle; under the lock, which is let go for as long as anything takes. */
static void run_cycle(struct hs_write_batcher *g)
{
	struct hs_member *late = NULL, *done;
	enum hs_result r = HS_OK;
	int64_t pause = pause_us(g);

	g->led = true;
	if (pause > 0) {
		pthread_mutex_unlock(&g->lock);
		hs_io_pause_us(pause);
		pthread_mutex_lock(&g->lock);
	}
	take_late_waiting(g, hs_io_now_monotonic(), &late);
	begin(g, hs_io_now_us());
	pthread_mutex_unlock(&g->lock);
	tell(late, HS_E_TIMEOUT);
	if (g->working != NULL)
		r = g->run(g->context, g, g->working);
	pthread_mutex_lock(&g->lock);
	done = g->working;
	g->working = NULL;
	g->led = false;
	pthread_mutex_unlock(&g->lock);
	tell(done, r);
	pthread_mutex_lock(&g->lock);
}

bool hs_write_batcher_join(struct hs_write_batcher *g, struct hs_member *m)
{
	bool leads;

	pthread_mutex_lock(&g->lock);
	add(g, m);
	leads = !g->led;
	g->led = true;
	pthread_mutex_unlock(&g->lock);
	return leads;
}

void hs_write_batcher_lead(struct hs_write_batcher *g)
{
	pthread_mutex_lock(&g->lock);
	do {
		run_cycle(g);
	} while (!g->led && g->waiting != NULL);
	pthread_mutex_unlock(&g->lock);
}

void hs_write_batcher_expire(struct hs_write_batcher *g, int64_t now_ms)
{
	struct hs_member *late = NULL, **end;

	pthread_mutex_lock(&g->lock);
	end = take_late_waiting(g, now_ms, &late);
	if (g->released)
		take_late(&g->working, now_ms, end);
	pthread_mutex_unlock(&g->lock);
	tell(late, HS_E_TIMEOUT);
}

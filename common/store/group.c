#include "store/group.h"
#include "store/io.h"

#include <limits.h>
#include <stddef.h>

enum { LOOK_UP_MS = 20 }; /* sleepers look up this often, woken or not */

bool hs_group_init(struct hs_group *g)
{
	*g = (struct hs_group){ .running = false };
	return pthread_mutex_init(&g->lock, NULL) == 0;
}

void hs_group_destroy(struct hs_group *g)
{
	pthread_mutex_destroy(&g->lock);
}

void hs_group_release(struct hs_group *g)
{
	pthread_mutex_lock(&g->lock);
	g->released = true;
	pthread_mutex_unlock(&g->lock);
}

/* --- under the lock ----------------------------------------------------------- */

static void join(struct hs_group *g, struct hs_member *m)
{
	struct hs_member **end = &g->waiting;

	while (*end != NULL)
		end = &(*end)->next;
	*end = m;
}

static void leave(struct hs_group *g, const struct hs_member *m)
{
	struct hs_member **at = m->taken ? &g->working : &g->waiting;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
}

/* Those who have waited longest. */
static void begin(struct hs_group *g)
{
	struct hs_member **end = &g->waiting;

	for (int n = 0; *end != NULL && n < HS_GROUP_MOST; n++, end = &(*end)->next)
		(*end)->taken = true;
	g->working = g->waiting;
	g->waiting = *end;
	*end = NULL;
	g->running = true;
	g->released = false;
	g->cycle++;
}

static void end(struct hs_group *g, enum hs_result r)
{
	struct hs_member *next;

	for (struct hs_member *m = g->working; m != NULL; m = next) {
		next = m->next;
		m->result = r;
		atomic_store(&m->done, true);
	}
	g->working = NULL;
	g->running = false;
}

/* --- the story ----------------------------------------------------------------- */

static void wake(struct hs_group *g, uint32_t cycle, int sleepers)
{
	atomic_fetch_add(&g->wake[cycle & 1], 1);
	hs_io_wake(&g->wake[cycle & 1], sleepers);
}

/* Under the lock, which is let go for as long as the work takes. */
static void lead(struct hs_group *g, hs_group_run *run, void *context)
{
	uint32_t cycle;
	enum hs_result r;
	bool more;

	begin(g);
	cycle = g->cycle;
	pthread_mutex_unlock(&g->lock);
	r = run(context, g, g->working);
	pthread_mutex_lock(&g->lock);
	end(g, r);
	more = g->waiting != NULL;
	pthread_mutex_unlock(&g->lock);
	wake(g, cycle, INT_MAX);
	if (more)
		wake(g, cycle + 1, 1);
	pthread_mutex_lock(&g->lock);
}

/* Under the lock, which is let go for the sleep; true, without it, if the member is done. */
static bool sleep_on(struct hs_group *g, struct hs_member *m, int64_t left_ms)
{
	_Atomic uint32_t *word = &g->wake[(m->taken ? g->cycle : g->cycle + 1) & 1];
	uint32_t seen = atomic_load(word);

	pthread_mutex_unlock(&g->lock);
	hs_io_wait(word, seen, left_ms > 0 && left_ms < LOOK_UP_MS ? left_ms : LOOK_UP_MS);
	if (atomic_load(&m->done)) /* all of a cycle wake at once: no crowd at the lock */
		return true;
	pthread_mutex_lock(&g->lock);
	return false;
}

/* Under the lock. */
static enum hs_result give_up(struct hs_group *g, const struct hs_member *m)
{
	leave(g, m);
	if (!g->running && g->waiting != NULL) /* it may have been me who was woken to lead */
		wake(g, g->cycle + 1, 1);
	return HS_E_BUSY;
}

enum hs_result hs_group_do(struct hs_group *g, const void *work, int64_t deadline_ms,
                           hs_group_run *run, void *context)
{
	struct hs_member m = { .work = work };

	pthread_mutex_lock(&g->lock);
	join(g, &m);
	while (!atomic_load(&m.done)) {
		int64_t left_ms;

		if (!m.taken && !g->running) {
			lead(g, run, context);
			continue;
		}
		left_ms = deadline_ms - hs_io_now_monotonic();
		if (left_ms <= 0 && (!m.taken || g->released)) {
			m.result = give_up(g, &m);
			break;
		}
		if (sleep_on(g, &m, left_ms))
			return m.result;
	}
	pthread_mutex_unlock(&g->lock);
	return m.result;
}

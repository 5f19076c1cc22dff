#include "spool/write/write_batcher.h"
#include "base/io.h"

#include <stddef.h>

bool hs_write_batcher_init(struct hs_write_batcher *batcher, hs_write_batcher_run *run, void *context)
{
	*batcher = (struct hs_write_batcher){ .run = run, .context = context };
	batcher->end = &batcher->waiting;
	return pthread_mutex_init(&batcher->lock, NULL) == 0;
}

void hs_write_batcher_destroy(struct hs_write_batcher *batcher)
{
	pthread_mutex_destroy(&batcher->lock);
}

void hs_write_batcher_release(struct hs_write_batcher *batcher)
{
	pthread_mutex_lock(&batcher->lock);
	batcher->released = true;
	pthread_mutex_unlock(&batcher->lock);
}

/* --- under the lock ----------------------------------------------------------- */

static void add(struct hs_write_batcher *batcher, struct hs_member *member)
{
	member->next = NULL;
	*batcher->end = member;
	batcher->end = &member->next;
}

/* Moves the members whose deadline has passed to the end of the list *late, and returns its new end. */
static struct hs_member **take_late(struct hs_member **from, int64_t now_ms, struct hs_member **late)
{
	while (*from != NULL) {
		struct hs_member *member = *from;

		if (now_ms < member->deadline_ms) {
			from = &member->next;
			continue;
		}
		*from = member->next;
		member->next = NULL;
		*late = member;
		late = &member->next;
	}
	return late;
}

static struct hs_member **take_late_waiting(struct hs_write_batcher *batcher, int64_t now_ms, struct hs_member **late)
{
	late = take_late(&batcher->waiting, now_ms, late);
	for (batcher->end = &batcher->waiting; *batcher->end != NULL; batcher->end = &(*batcher->end)->next)
		;
	return late;
}

/* Begins a cycle with the members that have waited longest. */
static void begin(struct hs_write_batcher *batcher, int64_t now_us)
{
	struct hs_member **end = &batcher->waiting;
	int n = 0;

	for (; *end != NULL && n < HS_WRITE_BATCHER_MOST; n++)
		end = &(*end)->next;
	batcher->working = batcher->waiting;
	batcher->waiting = *end;
	*end = NULL;
	if (batcher->waiting == NULL)
		batcher->end = &batcher->waiting;
	batcher->released = false;
	batcher->crowded = n >= HS_WRITE_BATCHER_CROWD;
	batcher->begun_us = now_us;
}

/* How long the next cycle waits for more members; at most 0: not at all. */
static int64_t pause_us(const struct hs_write_batcher *batcher)
{
	return batcher->crowded ? batcher->begun_us + HS_WRITE_BATCHER_PACE_US - hs_io_now_us() : 0;
}

/* --- without the lock ---------------------------------------------------------- */

static void tell(struct hs_member *member, enum hs_result result)
{
	struct hs_member *next;

	for (; member != NULL; member = next) {
		next = member->next;
		member->done(member, result);
	}
}

/* --- cycles -------------------------------------------------------------------- */

/* Runs one cycle. Called with the lock held; drops it while working. */
static void run_cycle(struct hs_write_batcher *batcher)
{
	struct hs_member *late = NULL, *done;
	enum hs_result result = HS_OK;
	int64_t pause = pause_us(batcher);

	batcher->led = true;
	if (pause > 0) {
		pthread_mutex_unlock(&batcher->lock);
		hs_io_pause_us(pause);
		pthread_mutex_lock(&batcher->lock);
	}
	take_late_waiting(batcher, hs_io_now_monotonic(), &late);
	begin(batcher, hs_io_now_us());
	pthread_mutex_unlock(&batcher->lock);
	tell(late, HS_E_TIMEOUT);
	if (batcher->working != NULL)
		result = batcher->run(batcher->context, batcher, batcher->working);
	pthread_mutex_lock(&batcher->lock);
	done = batcher->working;
	batcher->working = NULL;
	batcher->led = false;
	pthread_mutex_unlock(&batcher->lock);
	tell(done, result);
	pthread_mutex_lock(&batcher->lock);
}

bool hs_write_batcher_join(struct hs_write_batcher *batcher, struct hs_member *member)
{
	bool leads;

	pthread_mutex_lock(&batcher->lock);
	add(batcher, member);
	leads = !batcher->led;
	batcher->led = true;
	pthread_mutex_unlock(&batcher->lock);
	return leads;
}

void hs_write_batcher_lead(struct hs_write_batcher *batcher)
{
	pthread_mutex_lock(&batcher->lock);
	do {
		run_cycle(batcher);
	} while (!batcher->led && batcher->waiting != NULL);
	pthread_mutex_unlock(&batcher->lock);
}

void hs_write_batcher_expire(struct hs_write_batcher *batcher, int64_t now_ms)
{
	struct hs_member *late = NULL, **end;

	pthread_mutex_lock(&batcher->lock);
	end = take_late_waiting(batcher, now_ms, &late);
	if (batcher->released)
		take_late(&batcher->working, now_ms, end);
	pthread_mutex_unlock(&batcher->lock);
	tell(late, HS_E_TIMEOUT);
}

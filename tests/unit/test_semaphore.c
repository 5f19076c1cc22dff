/* semaphore: never more holders than places; a wait that takes too long fails. */
#include "base/io.h"
#include "cgi/http/semaphore.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

enum { PLACES = 3, THREADS = 12, ROUNDS = 300 };

struct scene {
	struct hs_semaphore *semaphore;
	_Atomic int inside, most, entered;
};

static int64_t in_ms(int64_t ms)
{
	return hs_io_now_monotonic() + ms;
}

static void *come_and_go(void *context)
{
	struct scene *s = context;

	for (int i = 0; i < ROUNDS; i++) {
		int now, most;

		if (!hs_semaphore_enter(s->semaphore, in_ms(60000)))
			continue;
		now = atomic_fetch_add(&s->inside, 1) + 1;
		for (most = s->most; now > most && !atomic_compare_exchange_weak(&s->most, &most, now);)
			;
		hs_io_pause(0);
		atomic_fetch_add(&s->entered, 1);
		atomic_fetch_sub(&s->inside, 1);
		hs_semaphore_leave(s->semaphore);
	}
	return NULL;
}

TEST(never_more_than_places)
{
	struct scene s = { .semaphore = hs_semaphore_new(PLACES) };
	pthread_t t[THREADS];

	assert_non_null(s.semaphore);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, come_and_go, &s), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(s.entered, THREADS * ROUNDS);
	assert_in_range(s.most, 1, PLACES);
	hs_semaphore_free(s.semaphore);
}

TEST(a_full_semaphore_ends_at_the_deadline)
{
	struct hs_semaphore *semaphore = hs_semaphore_new(1);
	int64_t start = hs_io_now_monotonic();

	assert_true(hs_semaphore_enter(semaphore, in_ms(60000)));
	assert_false(hs_semaphore_enter(semaphore, in_ms(30)));
	assert_true(hs_io_now_monotonic() - start >= 30);
	hs_semaphore_leave(semaphore);
	assert_true(hs_semaphore_enter(semaphore, in_ms(60000)));
	hs_semaphore_leave(semaphore);
	hs_semaphore_free(semaphore);
}

TEST(no_semaphore_is_no_limit)
{
	assert_true(hs_semaphore_enter(NULL, 0));
	hs_semaphore_leave(NULL);
	hs_semaphore_free(NULL);
}

TEST(without_memory_there_is_none)
{
	struct hs_semaphore *semaphore;

	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_null(hs_semaphore_new(1));
	wrap_reset();
	semaphore = hs_semaphore_new(1);
	assert_non_null(semaphore);
	hs_semaphore_free(semaphore);
}

TESTS("semaphore", NULL, NULL)

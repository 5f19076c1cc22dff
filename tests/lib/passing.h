/*
 * passing: a wait of a minute is over in a moment: as many seconds pass as milliseconds do, since the machine was
 * started, so that no call of the kernel waits for longer than it would.
 *
 *	passing_begin();
 *	…
 *	passing_end();
 */
#ifndef HS_TEST_PASSING_H
#define HS_TEST_PASSING_H

#include "base/io.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <pthread.h>
#include <stdatomic.h>

static struct {
	pthread_t thread;
	int64_t now_ms;
	atomic_bool is_over;
} passing;

static inline void *passing_work(void *unused)
{
	int64_t shift_ms = -passing.now_ms;

	for (; !atomic_load(&passing.is_over); shift_ms += 1000) {
		wrap_clock(0, shift_ms);
		hs_io_pause(1);
	}
	return unused;
}

static inline void passing_begin(void)
{
	passing.now_ms = hs_io_now_monotonic();
	atomic_store(&passing.is_over, false);
	wrap_clock(0, -passing.now_ms);
	assert_int_equal(pthread_create(&passing.thread, NULL, passing_work, NULL), 0);
}

/* Restores the clock. */
static inline void passing_end(void)
{
	atomic_store(&passing.is_over, true);
	assert_int_equal(pthread_join(passing.thread, NULL), 0);
	wrap_clock(0, 0);
}

#endif

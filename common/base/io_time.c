/* The calls of io.h on clocks, and those that sleep. */
#include "base/io.h"

#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t hs_io_now(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t hs_io_now_monotonic(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

int64_t hs_io_now_boot(void)
{
	return clock_ms(CLOCK_BOOTTIME);
}

int64_t hs_io_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct timespec timespec_of(int64_t ms)
{
	return (struct timespec){ .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };
}

void hs_io_pause(int64_t ms)
{
	struct timespec t = timespec_of(ms);

	nanosleep(&t, NULL);
}

void hs_io_pause_us(int64_t us)
{
	struct timespec t = { .tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000 };

	nanosleep(&t, NULL);
}

/* Where a long has 32 bits and time_t 64, the old call would read half a time. */
#ifdef SYS_futex_time64
#define FUTEX (sizeof(time_t) > sizeof(long) ? SYS_futex_time64 : SYS_futex)
#else
#define FUTEX SYS_futex
#endif

void hs_io_wait(_Atomic uint32_t *word, uint32_t seen, int64_t ms)
{
	struct timespec t = timespec_of(ms);

	syscall(FUTEX, word, FUTEX_WAIT, seen, &t, NULL, 0);
}

void hs_io_wake(_Atomic uint32_t *word, int sleepers)
{
	syscall(FUTEX, word, FUTEX_WAKE, sleepers, NULL, NULL, 0);
}

/* On Linux a thread has a priority of its own: setpriority(2), Bugs. */
void hs_io_yield_to_all(void)
{
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
}

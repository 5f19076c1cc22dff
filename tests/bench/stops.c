/*
 * stops SECONDS: tells whether this machine is stopped at times, as hosts do with guests that use up
 * their share of the processor? Sleeps a millisecond at a time, at the highest priority that
 * it may have, and prints a JSON object: how often it woke more than five milliseconds late, and
 * how late at worst. It needs no processor time to speak of, and no disk.
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static const int64_t NAP = 1000000, LATE = 5000000; /* ns */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int main(int argc, char **argv)
{
	double seconds = argc == 2 ? atof(argv[1]) : 0;
	int64_t until, worst = 0;
	int stops = 0;

	if (seconds <= 0)
		return fputs("usage: stops SECONDS\n", stderr), 2;
	if (sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 50 }) != 0)
		setpriority(PRIO_PROCESS, 0, -20);
	until = now_ns() + (int64_t)(seconds * 1e9);
	for (int64_t at = now_ns(); at < until; at = now_ns()) {
		int64_t late;

		nanosleep(&(struct timespec){ .tv_nsec = NAP }, NULL);
		late = now_ns() - at - NAP;
		stops += late > LATE;
		worst = late > worst ? late : worst;
	}
	printf("{\"side\":\"stops\",\"stops_per_second\":%.1f,\"longest_us\":%.0f}\n", stops / seconds,
	       (double)worst / 1000);
	return 0;
}

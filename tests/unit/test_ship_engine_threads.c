/* The threads of libnats beside the engine's: what they may still hold, and their signals. */
#include "base/io.h"
#include "tests/lib/nats_server.h"
#include "tools/ship/engine_nats.h"

#include <dirent.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

/* --- libnats, watched ------------------------------------------------------------------------------------- */

static struct {
	bool up;                       /* a connection is there, and nothing closes it */
	const natsSubscription *ended; /* unsubscribed last … */
	bool passed;                   /* … and a round trip has followed */
	unsigned made, freed, early;
} seen;

static void *libnats(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	assert_non_null(function);
	return function;
}

natsStatus natsConnection_SubscribeSync(natsSubscription **subscription, natsConnection *connection,
                                        const char *subject)
{
	natsStatus (*real)(natsSubscription **, natsConnection *, const char *);

	*(void **)&real = libnats("natsConnection_SubscribeSync");
	seen.made++;
	return real(subscription, connection, subject);
}

natsStatus natsSubscription_Unsubscribe(natsSubscription *subscription)
{
	natsStatus (*real)(natsSubscription *);

	*(void **)&real = libnats("natsSubscription_Unsubscribe");
	seen.ended = subscription;
	seen.passed = false;
	return real(subscription);
}

natsStatus natsConnection_FlushTimeout(natsConnection *connection, int64_t ms)
{
	natsStatus (*real)(natsConnection *, int64_t), status;

	*(void **)&real = libnats("natsConnection_FlushTimeout");
	status = real(connection, ms);
	seen.passed = seen.passed || status == NATS_OK;
	return status;
}

void natsSubscription_Destroy(natsSubscription *subscription)
{
	void (*real)(natsSubscription *);

	*(void **)&real = libnats("natsSubscription_Destroy");
	if (subscription != NULL) {
		seen.freed++;
		seen.early += seen.up && !(subscription == seen.ended && seen.passed);
	}
	real(subscription);
}

static struct hs_engine *open_engine(void)
{
	static char servers[64];
	struct hs_engine_options options = { .servers = servers,
		                             .stream = "events",
		                             .receiver = "kodabuzi",
		                             .ack_wait_ms = 20000,
		                             .connect_ms = 20000 };
	struct hs_engine_failure failure;
	struct hs_engine *e = NULL;

	nats_fake_start("");
	snprintf(servers, sizeof servers, "nats://127.0.0.1:%d", nats.fake_port);
	assert_int_equal(hs_engine_open(&options, &e, &failure), 0);
	return e;
}

static void ask(struct hs_engine *e)
{
	int64_t until_ms = hs_io_now_monotonic() + PATIENCE_MS;
	struct hs_engine_asked asked;

	hs_engine_ask(e);
	while (!hs_engine_asked(e, &asked)) {
		assert_true(hs_io_now_monotonic() < until_ms);
		hs_io_wait_readable(hs_engine_fd(e), 1000);
		hs_engine_woken(e);
	}
	assert_false(asked.failed);
	hs_engine_asked_free(&asked);
}

/* libnats 3.4.1 crashes when its reader has looked up a subscription that another thread frees then. */
NATS_FAKE_TEST(a_subscription_is_freed_when_nothing_can_hold_it_any_more)
{
	struct hs_engine_failure failure;
	struct hs_engine_stream stream;
	struct hs_engine *e = open_engine();

	memset(&seen, 0, sizeof seen);
	seen.up = true;
	for (int i = 0; i < 3; i++) {
		ask(e);
		assert_int_equal(hs_engine_look(e, &stream, &failure), 0);
	}
	assert_int_equal(seen.made, 6);
	assert_int_equal(seen.freed, 5); /* they do not gather */
	assert_int_equal(seen.early, 0);
	seen.up = false;
	hs_engine_close(e);
	assert_int_equal(seen.freed, 7); /* the one for answers, too */
}

/* --- signals ---------------------------------------------------------------------------------------------- */

/* The blocked signals of a thread, bit n - 1 for signal n. */
static uint64_t blocked(const char *thread)
{
	char path[300], line[256];
	uint64_t set = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
	f = fopen(path, "r");
	if (f == NULL) /* it has ended */
		return 0;
	while (fgets(line, sizeof line, f) != NULL)
		sscanf(line, "SigBlk: %" SCNx64, &set);
	fclose(f);
	return set;
}

static uint64_t bit(int number)
{
	return UINT64_C(1) << (number - 1);
}

/* Counts the other threads of this process, and those that block all of `without` and none of `own`. */
static void count_threads(uint64_t own, uint64_t without, unsigned *threads, unsigned *right)
{
	DIR *folder = opendir("/proc/self/task");

	*threads = *right = 0;
	assert_non_null(folder);
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		uint64_t set;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid())
			continue;
		set = blocked(entry->d_name);
		if ((set & without) == 0) /* a sanitizer's, which was there before */
			continue;
		*threads += 1;
		*right += (set & (own | without)) == without;
	}
	closedir(folder);
}

/* A defect in one of them must be told: a handler, such as a sanitizer's, cannot run if its signal is blocked. */
NATS_FAKE_TEST(threads_take_the_signals_of_their_defects_and_no_other)
{
	const uint64_t own = bit(SIGSEGV) | bit(SIGBUS) | bit(SIGFPE) | bit(SIGILL) | bit(SIGABRT);
	const uint64_t others = bit(SIGINT) | bit(SIGTERM) | bit(SIGHUP) | bit(SIGCHLD);
	struct hs_engine *e = open_engine();
	int64_t until_ms = hs_io_now_monotonic() + PATIENCE_MS;
	unsigned threads, right;

	do { /* a thread that has just begun blocks all of them for a moment */
		assert_true(hs_io_now_monotonic() < until_ms);
		hs_io_pause(10);
		count_threads(own, others, &threads, &right);
	} while (threads < 3 || right < threads);
	hs_engine_close(e);
}

TESTS("ship_engine_threads", NULL, NULL)

/* request_pool: as many slots as descriptors allow; each serves one request, and keeps its runtime until it is left. */
#include "cgi/server/request_pool.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { SLOTS = 3, THREADS = 12, ROUNDS = 300 };

/* A transport in the place of libfcgi's. */
static void free_transport(struct hs_transport *transport)
{
	free(transport);
}

struct hs_transport *hs_transport_fcgi_new(void)
{
	struct hs_transport *transport = calloc(1, sizeof *transport);

	if (transport != NULL)
		transport->free = free_transport;
	return transport;
}

static struct hs_runtime *make_runtime(void)
{
	struct hs_settings_error error;
	struct hs_settings *settings =
	    hs_settings_new("test.conf", HS_SLICE("spool_dir = /nowhere\nauth = none\n"), NULL, &error);
	struct hs_runtime *runtime = hs_runtime_new(settings);

	assert_non_null(runtime);
	return runtime;
}

/* 16 threads need 176 descriptors for all of their slots, and 80 for as many slots as threads. */
TEST(as_many_slots_as_descriptors_allow)
{
	static const struct {
		rlim_t limit;
		int threads, slots;
	} cases[] = {
		{ 100000, 1, 4 }, { 100000, 256, 1024 }, { 177, 16, 64 }, { 176, 16, 64 }, { 175, 16, 63 },
		{ 82, 16, 17 },   { 81, 16, 16 },        { 80, 16, 16 },  { 40, 16, 16 },
	};
	struct rlimit before, now;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (cases[i].limit > before.rlim_max)
			continue;
		now = (struct rlimit){ cases[i].limit, before.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
		assert_int_equal(hs_request_pool_wanted(cases[i].threads), cases[i].slots);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(the_slot_that_was_left_last_is_taken_first)
{
	struct hs_request_pool *pool = hs_request_pool_new(SLOTS);
	struct hs_request_slot *a, *b, *c;

	assert_non_null(pool);
	a = hs_request_pool_take(pool);
	b = hs_request_pool_take(pool);
	c = hs_request_pool_take(pool);
	assert_true(a != b && b != c && a != c);
	assert_true(a->exchange != b->exchange && a->transport != b->transport);
	hs_request_slot_leave(a);
	hs_request_slot_leave(b);
	hs_request_pool_rest(pool); /* not c, whose request is at work */
	assert_ptr_equal(hs_request_pool_take(pool), b);
	assert_ptr_equal(hs_request_pool_take(pool), a);
	for (struct hs_request_slot *const *slot = (struct hs_request_slot *[]){ a, b, c, NULL }; *slot != NULL; slot++)
		hs_request_slot_leave(*slot);
	hs_request_pool_free(pool);
}

struct scene {
	struct hs_request_pool *pool;
	_Atomic int inside, most, served;
};

static void *serve(void *context)
{
	struct scene *s = context;

	for (int i = 0; i < ROUNDS; i++) {
		struct hs_request_slot *slot = hs_request_pool_take(s->pool);
		int now = atomic_fetch_add(&s->inside, 1) + 1, most;

		for (most = s->most; now > most && !atomic_compare_exchange_weak(&s->most, &most, now);)
			;
		atomic_fetch_add(&s->served, 1);
		atomic_fetch_sub(&s->inside, 1);
		hs_request_slot_leave(slot);
	}
	return NULL;
}

/* With no slot left a thread waits, and none waits for ever. */
TEST(never_more_requests_than_slots)
{
	struct scene s = { .pool = hs_request_pool_new(SLOTS) };
	pthread_t t[THREADS];

	assert_non_null(s.pool);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, serve, &s), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(s.served, THREADS * ROUNDS);
	assert_in_range(s.most, 1, SLOTS);
	hs_request_pool_free(s.pool);
}

/* A reload replaces the runtime while requests are at work. */
TEST(a_slot_keeps_its_runtime_until_it_is_left)
{
	struct hs_request_pool *pool = hs_request_pool_new(SLOTS);
	struct hs_runtime *old = make_runtime(), *new = make_runtime();
	struct hs_request_slot *a = hs_request_pool_take(pool), *b = hs_request_pool_take(pool);

	hs_request_slot_serve(a, old);
	hs_request_slot_serve(b, new);
	assert_int_equal(old->users, 2);
	hs_request_pool_expire(pool, INT64_MAX); /* nobody waits for the disk */
	assert_int_equal(old->users, 2);
	assert_int_equal(new->users, 2);
	hs_runtime_drop(old); /* the server's */
	assert_int_equal(old->users, 1);
	hs_request_slot_leave(b);
	assert_int_equal(new->users, 1);
	hs_request_slot_leave(a); /* the last user */
	assert_ptr_equal(hs_request_pool_take(pool), a);
	assert_null(a->runtime);
	hs_request_slot_leave(a);
	hs_runtime_drop(new);
	hs_request_pool_free(pool);
}

TEST(without_memory_there_is_none)
{
	static const enum wrap_call calls[] = { WRAP_CALLOC, WRAP_REALLOC };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		struct hs_request_pool *pool = NULL;

		for (unsigned nth = 1; pool == NULL; nth++) {
			wrap_fail(calls[i], nth, 1, ENOMEM);
			pool = hs_request_pool_new(SLOTS);
			assert_true(pool == NULL || nth > SLOTS);
			wrap_reset();
		}
		hs_request_pool_free(pool);
	}
	hs_request_pool_free(NULL);
}

TESTS("request_pool", NULL, NULL)

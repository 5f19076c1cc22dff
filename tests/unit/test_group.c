/* group: one does it for all who wait; time limits hold while it takes long. */
#include "store/group.h"
#include "store/io.h"
#include "tests/lib/cases.h"

#include <stdlib.h>

enum { THREADS = 20 };

/* A scene: a group, and a leader that can be held up, before it lets go of the work or after. */
struct scene {
	struct hs_group group;
	_Atomic int cycles, members, running;
	_Atomic bool hold_before, hold_after;
	_Atomic int worked[THREADS]; /* how often each work was done */
	enum hs_result result;
};

struct thread {
	pthread_t thread;
	struct scene *s;
	int number;
	int64_t ms;
	_Atomic bool returned;
	enum hs_result result;
};

static void pause_while(_Atomic bool *held)
{
	while (atomic_load(held))
		hs_io_pause(1);
}

static enum hs_result run(void *context, struct hs_group *g, const struct hs_member *first)
{
	struct scene *s = context;

	atomic_fetch_add(&s->cycles, 1);
	assert_int_equal(atomic_fetch_add(&s->running, 1), 0);
	pause_while(&s->hold_before);
	for (const struct hs_member *m = first; m != NULL; m = m->next) {
		atomic_fetch_add(&s->worked[*(const int *)m->work], 1);
		atomic_fetch_add(&s->members, 1);
	}
	hs_group_release(g);
	pause_while(&s->hold_after);
	atomic_fetch_sub(&s->running, 1);
	return s->result;
}

static void *take_part(void *context)
{
	struct thread *t = context;

	t->result = hs_group_do(&t->s->group, &t->number, hs_io_now_monotonic() + t->ms, run, t->s);
	atomic_store(&t->returned, true);
	return NULL;
}

static void start(struct thread *t, struct scene *s, int number, int64_t ms)
{
	*t = (struct thread){ .s = s, .number = number, .ms = ms };
	assert_int_equal(pthread_create(&t->thread, NULL, take_part, t), 0);
}

static enum hs_result finish(struct thread *t)
{
	pthread_join(t->thread, NULL);
	return t->result;
}

static int waiting(struct scene *s)
{
	int n = 0;

	pthread_mutex_lock(&s->group.lock);
	for (const struct hs_member *m = s->group.waiting; m != NULL; m = m->next)
		n++;
	pthread_mutex_unlock(&s->group.lock);
	return n;
}

static void wait_for(struct scene *s, int cycles, int n)
{
	while (atomic_load(&s->cycles) < cycles || waiting(s) < n)
		hs_io_pause(1);
}

static int begin(void **state)
{
	struct scene *s = calloc(1, sizeof *s);

	*state = s;
	return s != NULL && hs_group_init(&s->group) ? 0 : -1;
}

static int end(void **state)
{
	struct scene *s = *state;

	hs_group_destroy(&s->group);
	free(s);
	return 0;
}

static void alone(void **state)
{
	struct scene *s = *state;
	int work = 3;

	assert_result(hs_group_do(&s->group, &work, hs_io_now_monotonic() + 9000, run, s), HS_OK);
	s->result = HS_E_FULL;
	assert_result(hs_group_do(&s->group, &work, hs_io_now_monotonic() + 9000, run, s), HS_E_FULL);
	assert_int_equal(s->cycles, 2);
	assert_int_equal(s->worked[3], 2);
}

static void who_comes_meanwhile_goes_together(void **state)
{
	struct scene *s = *state;
	struct thread t[THREADS];

	s->hold_after = true;
	start(&t[0], s, 0, 60000);
	wait_for(s, 1, 0);
	for (int i = 1; i < THREADS; i++)
		start(&t[i], s, i, 60000);
	wait_for(s, 1, THREADS - 1);
	s->result = HS_E_SYNC; /* everybody hears it, the first one too */
	atomic_store(&s->hold_after, false);
	for (int i = 0; i < THREADS; i++)
		assert_result(finish(&t[i]), HS_E_SYNC);
	assert_int_equal(s->cycles, 2);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(s->worked[i], 1);
}

static void who_waits_too_long_leaves(void **state)
{
	struct scene *s = *state;
	struct thread first, impatient, patient;

	s->hold_after = true;
	start(&first, s, 0, 60000);
	wait_for(s, 1, 0);
	start(&impatient, s, 1, 50);
	start(&patient, s, 2, 60000);
	assert_result(finish(&impatient), HS_E_BUSY);
	assert_false(atomic_load(&patient.returned));
	atomic_store(&s->hold_after, false);
	assert_result(finish(&first), HS_OK);
	assert_result(finish(&patient), HS_OK);
	assert_int_equal(s->worked[1], 0); /* its work was not done behind its back */
	assert_int_equal(s->worked[2], 1);
}

/* While the leader looks at a member's work the member must be there. */
static void nobody_leaves_before_the_work_is_let_go(void **state)
{
	struct scene *s = *state;
	struct thread first, second, third;

	s->hold_after = true;
	start(&first, s, 0, 60000);
	wait_for(s, 1, 0);
	start(&second, s, 1, 60000);
	wait_for(s, 1, 1);
	start(&third, s, 2, 1500);
	wait_for(s, 1, 2);
	atomic_store(&s->hold_before, true);
	atomic_store(&s->hold_after, false);
	assert_result(finish(&first), HS_OK);
	wait_for(s, 2, 0);
	atomic_store(&s->hold_after, true);
	hs_io_pause(1800); /* its time is up, by then */
	assert_false(atomic_load(&third.returned));
	atomic_store(&s->hold_before, false);
	assert_result(finish(&third), HS_E_BUSY); /* now it may go; the leader is not done */
	assert_false(atomic_load(&second.returned));
	atomic_store(&s->hold_after, false);
	assert_result(finish(&second), HS_OK);
	assert_int_equal(s->worked[2], 1);
}

static void *many_times(void *context)
{
	struct thread *t = context;

	for (int i = 0; i < 500; i++)
		if (hs_group_do(&t->s->group, &t->number, hs_io_now_monotonic() + 60000, run, t->s) != HS_OK)
			t->result = HS_E_BUSY;
	return NULL;
}

static void each_work_is_done_once(void **state)
{
	struct scene *s = *state;
	struct thread t[THREADS];

	for (int i = 0; i < THREADS; i++) {
		t[i] = (struct thread){ .s = s, .number = i };
		assert_int_equal(pthread_create(&t[i].thread, NULL, many_times, &t[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_result(finish(&t[i]), HS_OK);
		assert_int_equal(s->worked[i], 500);
	}
	assert_int_equal(s->members, THREADS * 500);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(alone),
		TEST(who_comes_meanwhile_goes_together),
		TEST(who_waits_too_long_leaves),
		TEST(nobody_leaves_before_the_work_is_let_go),
		TEST(each_work_is_done_once),
	};

	return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}

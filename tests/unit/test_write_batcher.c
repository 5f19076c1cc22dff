/* write_batcher: one thread writes for all, without making others sleep; time limits hold meanwhile. */
#include "base/io.h"
#include "spool/write/write_batcher.h"
#include "tests/lib/unit.h"

#include <stdatomic.h>

enum { PIECES = 2 * HS_WRITE_BATCHER_MOST + 10, THREADS = 12, ROUNDS = 500 };

/* A piece of work and its outcome. */
struct piece {
	struct hs_member member; /* first, so that both have one address */
	int worked;              /* how often */
	_Atomic int done;
	enum hs_result result;
};

/* A group, and a leader that can be held before it releases the work or after. */
static struct scene {
	struct hs_write_batcher group;
	_Atomic int cycles, running;
	_Atomic bool hold_before, hold_after;
	enum hs_result result;
	int members[8]; /* of the first cycles */
	int64_t begun_us[8];
	struct piece piece[PIECES];
} s;

static void pause_while(_Atomic bool *held)
{
	while (atomic_load(held))
		hs_io_pause(1);
}

static enum hs_result run(void *context, struct hs_write_batcher *g, const struct hs_member *first)
{
	(void)context;
	int cycle = atomic_fetch_add(&s.cycles, 1), members = 0;

	assert_int_equal(atomic_fetch_add(&s.running, 1), 0);
	if (cycle < 8)
		s.begun_us[cycle] = hs_io_now_us();
	pause_while(&s.hold_before);
	for (const struct hs_member *m = first; m != NULL; m = m->next, members++)
		((struct piece *)m->work)->worked++;
	assert_in_range(members, 1, HS_WRITE_BATCHER_MOST);
	if (cycle < 8)
		s.members[cycle] = members;
	hs_write_batcher_release(g);
	pause_while(&s.hold_after);
	atomic_fetch_sub(&s.running, 1);
	return s.result;
}

static void done(struct hs_member *m, enum hs_result r)
{
	struct piece *p = (struct piece *)m;

	p->result = r;
	atomic_fetch_add(&p->done, 1);
}

/* Posts a piece with a deadline `ms` from now. */
static void post(int number, int64_t ms)
{
	struct piece *p = &s.piece[number];

	p->member = (struct hs_member){ p, hs_io_now_monotonic() + ms, done, NULL };
	if (hs_write_batcher_join(&s.group, &p->member))
		hs_write_batcher_lead(&s.group);
}

static void *post_the_first(void *context)
{
	(void)context;
	post(0, 60000);
	return NULL;
}

static bool has_let_go(void)
{
	bool released;

	pthread_mutex_lock(&s.group.lock);
	released = s.group.released;
	pthread_mutex_unlock(&s.group.lock);
	return released;
}

/* Starts a thread that posts piece 0, and leads until the test lets it go. */
static pthread_t start_leader(void)
{
	pthread_t leader;

	assert_int_equal(pthread_create(&leader, NULL, post_the_first, NULL), 0);
	while (atomic_load(&s.cycles) == 0 || (!s.hold_before && !has_let_go()))
		hs_io_pause(1);
	return leader;
}

FIXTURE(begin)
{
	memset(&s, 0, sizeof s);
	return hs_write_batcher_init(&s.group, run, NULL) ? 0 : -1;
}

FIXTURE(end)
{
	hs_write_batcher_destroy(&s.group);
	return 0;
}

static void expect_done(int number, int worked, enum hs_result r)
{
	assert_int_equal(s.piece[number].done, 1);
	assert_int_equal(s.piece[number].worked, worked);
	assert_result(s.piece[number].result, r);
}

TEST(alone)
{
	post(0, 9000);
	expect_done(0, 1, HS_OK);
	s.result = HS_E_FULL;
	post(1, 9000);
	expect_done(1, 1, HS_E_FULL);
	assert_int_equal(s.cycles, 2);
}

TEST(members_that_join_meanwhile_are_served_together)
{
	pthread_t leader;

	s.hold_after = true;
	leader = start_leader();
	for (int i = 1; i < 20; i++) {
		post(i, 60000); /* returns at once, or the test would hang */
		assert_int_equal(s.piece[i].done, 0);
	}
	s.result = HS_E_SYNC; /* all get it, the first one too */
	atomic_store(&s.hold_after, false);
	pthread_join(leader, NULL);
	for (int i = 0; i < 20; i++)
		expect_done(i, 1, HS_E_SYNC);
	assert_int_equal(s.cycles, 2);
	assert_int_equal(s.members[0], 1);
	assert_int_equal(s.members[1], 19);
}

/* The first cycle is held until all other pieces wait. */
static void serve_a_crowd(void)
{
	pthread_t leader;

	s.hold_after = true;
	leader = start_leader();
	for (int i = 1; i < PIECES; i++)
		post(i, 60000);
	atomic_store(&s.hold_after, false);
	pthread_join(leader, NULL);
}

TEST(a_crowd_goes_in_turns)
{
	serve_a_crowd();
	for (int i = 0; i < PIECES; i++)
		expect_done(i, 1, HS_OK);
	assert_int_equal(s.cycles, 4);
	assert_int_equal(s.members[1], HS_WRITE_BATCHER_MOST);
	assert_int_equal(s.members[2], HS_WRITE_BATCHER_MOST);
}

/* The first cycle has one member, so the second may begin at once; the third may not. */
TEST(crowded_cycles_keep_their_distance)
{
	serve_a_crowd();
	assert_true(s.begun_us[2] - s.begun_us[1] >= HS_WRITE_BATCHER_PACE_US);
	assert_true(s.begun_us[3] - s.begun_us[2] >= HS_WRITE_BATCHER_PACE_US);
}

TEST(a_member_that_waits_too_long_leaves)
{
	pthread_t leader;
	int64_t now;

	s.hold_after = true;
	leader = start_leader();
	post(1, 50);
	post(2, 120000);
	post(3, 50);
	now = hs_io_now_monotonic();
	hs_write_batcher_expire(&s.group, now + 100);
	expect_done(1, 0, HS_E_TIMEOUT);
	expect_done(3, 0, HS_E_TIMEOUT);
	assert_int_equal(s.piece[0].done + s.piece[2].done, 0);
	post(4, 120000);
	hs_write_batcher_expire(&s.group, now + 90000);
	expect_done(0, 1, HS_E_TIMEOUT); /* even the leader's, whose work is under way */
	atomic_store(&s.hold_after, false);
	pthread_join(leader, NULL);
	expect_done(0, 1, HS_E_TIMEOUT);
	expect_done(1, 0, HS_E_TIMEOUT); /* its work was not done after it left */
	expect_done(2, 1, HS_OK);
	expect_done(4, 1, HS_OK);
}

TEST(a_late_member_is_not_taken_into_a_cycle)
{
	pthread_t leader;

	s.hold_after = true;
	leader = start_leader();
	post(1, -1);
	post(2, 60000);
	atomic_store(&s.hold_after, false);
	pthread_join(leader, NULL);
	expect_done(1, 0, HS_E_TIMEOUT);
	expect_done(2, 1, HS_OK);
}

/* All of them came too late: there is nothing to do. */
TEST(a_cycle_without_members)
{
	post(0, -1);
	hs_write_batcher_lead(&s.group);
	expect_done(0, 0, HS_E_TIMEOUT);
	assert_int_equal(s.cycles, 0);
	post(1, 60000);
	hs_write_batcher_lead(&s.group);
	expect_done(1, 1, HS_OK);
}

/* A member must not leave while the leader reads its work. */
TEST(no_member_leaves_before_the_work_is_released)
{
	int64_t later = hs_io_now_monotonic() + 90000;
	pthread_t leader;

	s.hold_before = true;
	s.hold_after = true;
	leader = start_leader();
	hs_write_batcher_expire(&s.group, later);
	assert_int_equal(s.piece[0].done, 0);
	atomic_store(&s.hold_before, false);
	while (s.piece[0].done == 0) { /* until the work is released */
		hs_write_batcher_expire(&s.group, later);
		hs_io_pause(1);
	}
	atomic_store(&s.hold_after, false);
	pthread_join(leader, NULL);
	expect_done(0, 1, HS_E_TIMEOUT);
}

struct thread {
	pthread_t thread;
	int number;
};

static void *many_times(void *context)
{
	struct thread *t = context;
	struct piece *p = &s.piece[t->number];

	for (int i = 0; i < ROUNDS; i++) {
		post(t->number, 60000);
		while (atomic_load(&p->done) != i + 1)
			hs_io_pause_us(10);
		assert_result(p->result, HS_OK);
	}
	return NULL;
}

TEST(each_work_is_done_once)
{
	struct thread t[THREADS];

	for (int i = 0; i < THREADS; i++) {
		t[i] = (struct thread){ .number = i };
		assert_int_equal(pthread_create(&t[i].thread, NULL, many_times, &t[i]), 0);
	}
	for (int i = 0; i < ROUNDS; i++) {
		hs_write_batcher_expire(&s.group, hs_io_now_monotonic());
		hs_io_pause_us(100);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i].thread, NULL);
		assert_int_equal(s.piece[i].worked, ROUNDS);
		assert_int_equal(s.piece[i].done, ROUNDS);
	}
}

TESTS("write_batcher", begin, end)

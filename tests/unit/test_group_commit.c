/*
 * group_commit: which writers may go on, and when. Syncs of the file wait at a gate, fail, or
 * are the last thing that a leader does.
 */
#include "base/io.h"
#include "spool/write/group_commit.h"
#include "tests/lib/processes.h"
#include "tests/lib/temp_dir.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WRITERS = 8, ROUNDS = 200, BYTES = 10 };

static struct scene {
	int fd;
	struct hs_shared_state_handle h;
	struct hs_stream *f;
} s;

FIXTURE(begin)
{
	bool died;

	temp_dir_begin(state);
	assert_result(hs_shared_state_open(temp.fd, temp.fd, &s.h), HS_OK);
	s.f = &s.h.state->stream[HS_EVENTS];
	s.fd = hs_io_make(temp.fd, "events.jsonl", 0600);
	assert_result(hs_shared_state_try_lock(&s.f->append, &died), HS_OK);
	hs_commit_begin(s.f, 0);
	hs_shared_state_unlock(&s.f->append);
	return 0;
}

FIXTURE(finish)
{
	hs_shared_state_close(&s.h);
	close(s.fd);
	return temp_dir_end(state);
}

/* An append that writes nothing: only its end counts here. */
static struct hs_ticket take(void)
{
	struct hs_ticket t;
	bool died;

	hs_shared_state_lock(&s.f->append, soon(), &died);
	hs_commit_note(s.f, s.fd, 0, atomic_load(&s.f->written) + BYTES, &t);
	hs_shared_state_unlock(&s.f->append);
	return t;
}

static enum hs_result commit(void)
{
	struct hs_ticket t = take();

	return hs_commit_wait(s.f, &t, soon());
}

/* --- threads that wait ---------------------------------------------------------- */

struct waiter {
	struct hs_ticket t;
	pthread_t thread;
	_Atomic int done; /* 1 + the result */
	uint64_t synced;  /* when it returned */
};

static void *wait_for_it(void *context)
{
	struct waiter *w = context;
	enum hs_result r = hs_commit_wait(s.f, &w->t, soon());

	w->synced = atomic_load(&s.f->synced);
	atomic_store(&w->done, 1 + (int)r);
	return NULL;
}

static void start(struct waiter *w)
{
	*w = (struct waiter){ .t = take() };
	assert_int_equal(pthread_create(&w->thread, NULL, wait_for_it, w), 0);
}

static enum hs_result result_of(struct waiter *w)
{
	pthread_join(w->thread, NULL);
	return (enum hs_result)(atomic_load(&w->done) - 1);
}

/* A sync that begins, and ends when the test opens the gate. */
struct semaphore {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool reached, open;
};

static void stop_at(void *context)
{
	struct semaphore *g = context;

	pthread_mutex_lock(&g->lock);
	g->reached = true;
	pthread_cond_broadcast(&g->moved);
	while (!g->open)
		pthread_cond_wait(&g->moved, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void await_gate(struct semaphore *g)
{
	pthread_mutex_lock(&g->lock);
	while (!g->reached)
		pthread_cond_wait(&g->moved, &g->lock);
	pthread_mutex_unlock(&g->lock);
}

static void open_gate(struct semaphore *g)
{
	pthread_mutex_lock(&g->lock);
	g->open = true;
	pthread_cond_broadcast(&g->moved);
	pthread_mutex_unlock(&g->lock);
}

#define GATE \
	{ \
		.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER \
	}

/* --- tests -------------------------------------------------------------------------- */

TEST(one_writer)
{
	struct hs_ticket t;

	assert_result(commit(), HS_OK);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 1);
	assert_int_equal(atomic_load(&s.f->synced), BYTES);
	assert_int_equal(atomic_load(&s.f->in_flight), 0);
	hs_commit_note(s.f, s.fd, 0, BYTES, &t); /* all of it is synced already */
	assert_result(hs_commit_wait(s.f, &t, soon()), HS_OK);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 1);
}

static void look_at_mark(void *context)
{
	(void)context;
	assert_int_equal(atomic_load(&s.f->in_flight), BYTES);
	assert_int_equal(atomic_load(&s.f->synced), 0);
}

TEST(the_mark_is_set_before_the_sync)
{
	wrap_before(WRAP_FDATASYNC, 1, look_at_mark, NULL);
	assert_result(commit(), HS_OK);
}

/* During one sync eight more write: one more sync covers all of them. */
TEST(one_sync_covers_all_earlier_writes)
{
	struct semaphore semaphore = GATE;
	struct waiter first, more[WRITERS];

	wrap_before(WRAP_FDATASYNC, 1, stop_at, &semaphore);
	start(&first);
	await_gate(&semaphore);
	for (int i = 0; i < WRITERS; i++)
		start(&more[i]);
	assert_int_equal(atomic_load(&s.f->synced), 0);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(atomic_load(&more[i].done), 0);
	open_gate(&semaphore);
	assert_result(result_of(&first), HS_OK);
	for (int i = 0; i < WRITERS; i++) {
		assert_result(result_of(&more[i]), HS_OK);
		assert_true(more[i].synced >= more[i].t.target);
	}
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 2);
}

/* A sync that began before the write does not count for it. */
TEST(a_sync_that_began_before_does_not_cover)
{
	struct semaphore first_gate = GATE, second_gate = GATE;
	struct waiter first, second;

	wrap_before(WRAP_FDATASYNC, 1, stop_at, &first_gate);
	start(&first);
	await_gate(&first_gate);
	start(&second);
	wrap_before(WRAP_FDATASYNC, 1, stop_at, &second_gate);
	open_gate(&first_gate);
	assert_result(result_of(&first), HS_OK);
	await_gate(&second_gate); /* the second leads its own */
	assert_int_equal(atomic_load(&second.done), 0);
	assert_int_equal(atomic_load(&s.f->synced), BYTES);
	open_gate(&second_gate);
	assert_result(result_of(&second), HS_OK);
}

/* The kernel reports the failure to the leader alone; every waiter must learn of it. */
TEST(a_failed_sync_is_final_for_all)
{
	struct semaphore semaphore = GATE;
	struct waiter first, more[WRITERS];

	assert_result(commit(), HS_OK);
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	wrap_before(WRAP_FDATASYNC, 1, stop_at, &semaphore);
	start(&first);
	await_gate(&semaphore);
	for (int i = 0; i < WRITERS; i++)
		start(&more[i]);
	open_gate(&semaphore);
	assert_result(result_of(&first), HS_E_SYNC);
	for (int i = 0; i < WRITERS; i++)
		assert_result(result_of(&more[i]), HS_E_SYNC);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 2); /* no writer tried again */
	assert_result(commit(), HS_E_SYNC);
	assert_int_equal(atomic_load(&s.f->synced), BYTES);
	assert_int_equal(atomic_load(&s.f->poisoned), 1);
	assert_int_equal(atomic_load(&s.f->in_flight), 0);
	assert_result(hs_commit_all(s.f, s.fd, 0, NULL), HS_E_SYNC);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 2);
}

/* An event synced before counts even if its waiter looks after the failure. */
TEST(a_generation_that_ended)
{
	struct hs_ticket good = take(), bad;

	assert_result(hs_commit_wait(s.f, &good, soon()), HS_OK);
	bad = take();
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_result(hs_commit_quiesce(s.f, soon()), HS_OK);
	assert_result(hs_commit_all(s.f, s.fd, 0, NULL), HS_E_SYNC);
	hs_commit_end(s.f, atomic_load(&s.f->synced));
	hs_commit_resume(s.f);
	assert_result(hs_commit_wait(s.f, &good, soon()), HS_OK); /* between two */
	assert_result(hs_commit_wait(s.f, &bad, soon()), HS_E_SYNC);
	hs_commit_begin(s.f, 0);
	assert_int_equal(atomic_load(&s.f->poisoned), 0);
	assert_result(hs_commit_wait(s.f, &good, soon()), HS_OK);
	assert_result(hs_commit_wait(s.f, &bad, soon()), HS_E_SYNC);
	assert_result(commit(), HS_OK);
	for (int i = 0; i < HS_PAST; i++) { /* forgotten: the answer is unknown */
		assert_result(hs_commit_wait(s.f, &good, soon()), HS_OK);
		hs_commit_end(s.f, BYTES);
		hs_commit_begin(s.f, 0);
	}
	assert_result(hs_commit_wait(s.f, &good, soon()), HS_E_SYNC);
}

/* The last sync of a segment decides for those that wait while it is sealed. */
TEST(waiting_over_a_rotation)
{
	struct waiter w[WRITERS];

	assert_result(hs_commit_quiesce(s.f, soon()), HS_OK);
	for (int i = 0; i < WRITERS; i++)
		start(&w[i]);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(atomic_load(&w[i].done), 0);
	assert_result(hs_commit_all(s.f, s.fd, 0, NULL), HS_OK);
	hs_commit_end(s.f, atomic_load(&s.f->synced));
	hs_commit_resume(s.f);
	hs_commit_begin(s.f, 0);
	for (int i = 0; i < WRITERS; i++)
		assert_result(result_of(&w[i]), HS_OK);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 1);
	assert_int_equal(atomic_load(&s.f->synced), 0);
}

TEST(the_deadline_passes)
{
	struct semaphore semaphore = GATE;
	struct hs_ticket t;
	struct waiter first;

	wrap_before(WRAP_FDATASYNC, 1, stop_at, &semaphore);
	start(&first);
	await_gate(&semaphore);
	t = take();
	assert_result(hs_commit_wait(s.f, &t, hs_io_now_monotonic() + 5), HS_E_TIMEOUT);
	assert_result(hs_commit_quiesce(s.f, hs_io_now_monotonic() + 5), HS_E_TIMEOUT);
	open_gate(&semaphore);
	assert_result(result_of(&first), HS_OK);
	assert_result(hs_commit_wait(s.f, &t, soon()), HS_OK);
}

/* --- leaders that die ------------------------------------------------------------------ */

static void die(void *context)
{
	(void)context;
	raise(SIGKILL);
}

static int lead_and_die(void *context)
{
	(void)context;
	wrap_before(WRAP_FDATASYNC, 1, die, NULL);
	commit();
	return 1;
}

TEST(a_leader_dies_in_its_sync)
{
	struct hs_ticket mine;

	assert_result(commit(), HS_OK);
	mine = take();
	assert_int_equal(child_run(lead_and_die, NULL), -1);
	assert_int_equal(atomic_load(&s.f->in_flight), 3 * BYTES);
	assert_result(hs_commit_wait(s.f, &mine, soon()), HS_E_SYNC);
	assert_int_equal(atomic_load(&s.f->poisoned), 1);
	assert_int_equal(atomic_load(&s.f->in_flight), 0);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 1); /* ours, before */
}

TEST(a_rotation_finds_a_dead_leader)
{
	assert_int_equal(child_run(lead_and_die, NULL), -1);
	assert_result(hs_commit_quiesce(s.f, soon()), HS_OK);
	assert_result(hs_commit_all(s.f, s.fd, 0, NULL), HS_E_SYNC);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 0);
	hs_commit_end(s.f, atomic_load(&s.f->synced));
	hs_commit_resume(s.f);
}

static int die_with_the_lock(void *context)
{
	bool died;

	(void)context;
	if (hs_shared_state_try_lock(&s.f->sync, &died) == HS_OK)
		raise(SIGKILL);
	return 1;
}

/* It had nothing in flight, so it cannot have received an error. */
TEST(a_leader_dies_before_its_sync)
{
	assert_int_equal(child_run(die_with_the_lock, NULL), -1);
	assert_result(commit(), HS_OK);
	assert_int_equal(atomic_load(&s.f->poisoned), 0);
}

/* When a leader is killed, nothing wakes its sleepers. */
static int lead_until_killed(void *context)
{
	static struct semaphore never = GATE;

	(void)context;
	wrap_before(WRAP_FDATASYNC, 1, stop_at, &never);
	commit();
	return 1;
}

static bool is_in_flight(void *context)
{
	(void)context;
	return atomic_load(&s.f->in_flight) != 0;
}

TEST(sleepers_of_a_killed_leader)
{
	struct waiter w[WRITERS];
	pid_t leader;

	if (!robust_mutexes_work())
		skip();
	leader = child_start(lead_until_killed, NULL);
	assert_true(wait_until(is_in_flight, NULL));
	for (int i = 0; i < WRITERS; i++)
		start(&w[i]);
	kill(leader, SIGKILL);
	assert_int_equal(child_wait(leader), -1);
	for (int i = 0; i < WRITERS; i++)
		assert_result(result_of(&w[i]), HS_E_SYNC);
}

/* --- all at once ------------------------------------------------------------------------ */

/*
 * A model of the disk: everything below `safe` was written when a sync began that ended
 * well. Kept outside the state, by the test's own fdatasync.
 */
static struct disk {
	_Atomic uint64_t safe;
	_Atomic unsigned wrong, syncs;
} * disk;

static void *write_and_wait(void *context)
{
	(void)context;
	for (int i = 0; i < ROUNDS; i++) {
		struct hs_ticket t = take();

		if (hs_commit_wait(s.f, &t, soon()) != HS_OK || atomic_load(&s.f->synced) < t.target)
			atomic_fetch_add(&disk->wrong, 1);
	}
	return NULL;
}

static int threads_of_a_process(void *context)
{
	pthread_t thread[WRITERS / 2];

	(void)context;
	for (int i = 0; i < WRITERS / 2; i++)
		if (pthread_create(&thread[i], NULL, write_and_wait, NULL) != 0)
			return 1;
	for (int i = 0; i < WRITERS / 2; i++)
		pthread_join(thread[i], NULL);
	atomic_fetch_add(&disk->syncs, wrap_count(WRAP_FDATASYNC));
	return 0;
}

TEST(threads_and_processes_at_once)
{
	disk = mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(disk != MAP_FAILED);
	children_run(3, threads_of_a_process);
	assert_int_equal(atomic_load(&disk->wrong), 0);
	assert_int_equal(atomic_load(&s.f->synced), 3 * WRITERS / 2 * ROUNDS * BYTES);
	assert_true(atomic_load(&disk->syncs) <= 3 * WRITERS / 2 * ROUNDS);
	munmap(disk, sizeof *disk);
}

/* --- odd ends --------------------------------------------------------------------------- */

/* The lines are not those that were written: nothing is proved by writing them again. */
TEST(lines_that_are_no_longer_whole)
{
	static const char text[] = "{}\n{\"a\":1}\n{";

	assert_int_equal(pwrite(s.fd, text, sizeof text - 1, 0), sizeof text - 1);
	assert_result(hs_commit_renew(s.fd, 0, 3), HS_OK);
	assert_result(hs_commit_renew(s.fd, 0, 11), HS_OK);
	assert_result(hs_commit_renew(s.fd, 3, sizeof text - 1), HS_E_SYNC);
	assert_result(hs_commit_renew(s.fd, 0, 100), HS_E_SYNC); /* it was cut */
	assert_result(hs_commit_renew(s.fd, 0, 5), HS_E_SYNC);
	assert_int_equal(ftruncate(s.fd, 11), 0);
	assert_result(hs_commit_renew(s.fd, 0, 11), HS_OK);
	assert_result(hs_commit_renew(s.fd, 0, 100), HS_E_SYNC);
}

/* A number that came from a torn state says nothing. */
TEST(a_generation_that_ended_in_a_torn_state)
{
	struct hs_ticket t = take();

	assert_result(hs_commit_wait(s.f, &t, soon()), HS_OK);
	hs_commit_end(s.f, atomic_load(&s.f->synced));
	assert_result(hs_commit_wait(s.f, &t, soon()), HS_OK);
	atomic_store(&s.f->last, 0);
	assert_result(hs_commit_wait(s.f, &t, soon()), HS_E_SYNC);
	atomic_store(&s.f->last, HS_INTACT);
}

/* The leader has just finished: its mark was seen a moment too early. */
TEST(a_mark_without_a_dead_leader)
{
	assert_result(commit(), HS_OK);
	atomic_store(&s.f->in_flight, BYTES);
	hs_commit_notice(s.f);
	assert_int_equal(atomic_load(&s.f->poisoned), 0);
	assert_result(commit(), HS_OK);
}

static int die_with_the_sync_lock(void *context)
{
	bool died;

	(void)context;
	if (hs_shared_state_try_lock(&s.f->sync, &died) == HS_OK)
		raise(SIGKILL);
	return 1;
}

/* Somebody gave it back without putting it right: nobody can sync any more, and nobody waits for that. */
TEST(a_broken_lock)
{
	struct hs_ticket t = take();

	assert_int_equal(child_run(die_with_the_sync_lock, NULL), -1);
	assert_int_equal(pthread_mutex_trylock(&s.f->sync), EOWNERDEAD);
	pthread_mutex_unlock(&s.f->sync);
	assert_result(hs_commit_wait(s.f, &t, soon()), HS_E_IO);
}

TESTS("group_commit", begin, finish)

/*
 * spool_faults: what an append acknowledged is kept, through every way that a call can fail, every
 * place of a kill, threads and processes at once, and files that are cut under them.
 */
#include "base/io.h"
#include "spool/shared/metrics.h"
#include "spool/write/rejected.h"
#include "tests/lib/said.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

/* --- every call fails, every call kills ---------------------------------------------------- */

/* The short life of a spool: two segments, a duplicate, a restart. */
static const char *const life[] = { "a b", "b c", "rotate", "d", "a e", "f" };
enum { STEPS = sizeof life / sizeof *life };

static enum hs_result step(struct hs_spool *spool, const char *words)
{
	return strcmp(words, "rotate") == 0 ? hs_spool_rotate(spool, soon()) : events_append(spool, words, NULL);
}

static char plan[128]; /* printed when a test fails */

FIXTURE(tell_plan)
{
	if (plan[0] != '\0')
		printf("# %s\n", plan);
	plan[0] = '\0';
	return finish(state);
}

/* A fault, once or for good: every append that returned HS_OK is there once. */
static void live_with(enum wrap_call call, unsigned nth, bool for_good, int error)
{
	bool kept[STEPS] = { false };

	make("rotate_min_gap = 0\n");
	snprintf(plan, sizeof plan, "call %d, %s %u, errno %d", (int)call, for_good ? "from" : "number", nth, error);
	wrap_fail(call, nth, for_good ? WRAP_FOREVER : 1, error);
	for (size_t i = 0; i < STEPS; i++)
		kept[i] = step(s.spool, life[i]) == HS_OK;
	wrap_reset();
	put("y");                            /* restores what was set aside */
	for (size_t i = 0; i < STEPS; i++) { /* the sender retries what was refused */
		if (strcmp(life[i], "rotate") == 0)
			continue;
		if (kept[i])
			assert_once(&s.d, life[i]);
		else
			assert_result(step(s.spool, life[i]), HS_OK);
	}
	assert_once(&s.d, "a b c d e f y");
	assert_int_equal(spooldir_lines(&s.d), 7);
	assert_sound(&s.d);
}

TEST_WITH(every_call_fails, begin, tell_plan)
{
	static const int errors[] = { EIO, ENOSPC };

	for (int call = 0; call < WRAP_CALLS_OF_FILES; call++) {
		unsigned calls;

		live_with((enum wrap_call)call, 1000000, false, EIO);
		make("rotate_min_gap = 0\n");
		for (size_t i = 0; i < STEPS; i++)
			step(s.spool, life[i]);
		calls = wrap_count((enum wrap_call)call);
		for (unsigned nth = 1; nth <= calls; nth++)
			for (size_t e = 0; e < sizeof errors / sizeof *errors; e++) {
				live_with((enum wrap_call)call, nth, false, errors[e]);
				live_with((enum wrap_call)call, nth, true, errors[e]);
			}
	}
	plan[0] = '\0';
}

TEST(writes_are_cut_short)
{
	for (unsigned nth = 1; nth <= 12; nth++) {
		make("rotate_min_gap = 0\n");
		wrap_short_write(nth, ENOSPC);
		for (size_t i = 0; i < STEPS; i++)
			step(s.spool, life[i]);
		wrap_reset();
		for (size_t i = 0; i < STEPS; i++)
			assert_result(step(s.spool, life[i]), HS_OK);
		assert_once(&s.d, "a b c d e f");
		assert_int_equal(spooldir_lines(&s.d), 6);
		assert_sound(&s.d);
	}
}

struct short_life {
	_Atomic int kept[STEPS]; /* in memory shared with the parent */
};

static int live(void *context)
{
	struct short_life *l = context;
	struct hs_spool *spool = hs_spool_new(s.d.settings);

	for (size_t i = 0; i < STEPS; i++)
		atomic_store(&l->kept[i], step(spool, life[i]) == HS_OK);
	hs_spool_free(spool);
	return 0;
}

/*
 * Killed before every call, alone or beside another process that has the spool open; each
 * write is torn, too.
 */
TEST(killed_before_every_call)
{
	struct short_life *l = mmap(NULL, sizeof *l, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(l != MAP_FAILED);
	for (int beside = 0; beside < 2; beside++) {
		int status = -1;
		unsigned nth;

		for (nth = 1; status != 0; nth++) {
			make("rotate_min_gap = 0\n");
			memset(l, 0, sizeof *l);
			if (beside)
				put("z");
			status = child_killed(nth, nth % 2 == 1, live, l);
			assert_true(status <= 0);
			if (append("y") != HS_OK) /* the first to find a dead leader is refused once */
				put("y");
			for (size_t i = 0; i < STEPS; i++)
				if (atomic_load(&l->kept[i]) && strcmp(life[i], "rotate") != 0)
					assert_once(&s.d, life[i]);
			for (size_t i = 0; i < STEPS; i++)
				assert_result(step(s.spool, life[i]), HS_OK);
			assert_once(&s.d, "a b c d e f y");
			assert_int_equal(spooldir_lines(&s.d), 7 + (size_t)beside);
			assert_sound(&s.d);
		}
		assert_true(nth > 40);
	}
	munmap(l, sizeof *l);
}

/* --- all at once ---------------------------------------------------------------------------- */

enum { PROCESSES = 4, THREADS = 3, APPENDS = 60 };

struct worker {
	struct hs_spool *spool;
	_Atomic unsigned failed;
	unsigned process;
};

/* All append the same events, in different orders: each event is kept once. */
static void *work(void *context)
{
	struct worker *w = context;
	char words[64];

	for (unsigned i = 0; i < APPENDS; i++) {
		unsigned n = (i * 7 + w->process * 13) % APPENDS;

		snprintf(words, sizeof words, "e%u p%u-%u e%u", n, w->process, i, (n + 1) % APPENDS);
		if (events_append(w->spool, words, NULL) != HS_OK)
			atomic_fetch_add(&w->failed, 1);
	}
	return NULL;
}

static int work_in_threads(void *context)
{
	struct worker w = *(struct worker *)context;
	pthread_t thread[THREADS];

	w.spool = hs_spool_new(s.d.settings);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, work, &w);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	hs_spool_free(w.spool);
	return atomic_load(&w.failed) == 0 ? 0 : 1;
}

TEST(threads_and_processes)
{
	pid_t pid[PROCESSES];
	char word[32];

	make("rotate_size = 4K\nrotate_min_gap = 0\n");
	for (unsigned i = 0; i < PROCESSES; i++)
		pid[i] = child_start(work_in_threads, &(struct worker){ .process = i });
	for (int i = 0; i < PROCESSES; i++)
		assert_int_equal(child_wait(pid[i]), 0);
	for (unsigned i = 0; i < APPENDS; i++) {
		snprintf(word, sizeof word, "e%u", i);
		assert_once(&s.d, word);
	}
	assert_int_equal(spooldir_lines(&s.d), APPENDS + PROCESSES * APPENDS);
	assert_true(spooldir_names(&s.d, "", "events-") > 3);
	assert_sound(&s.d);
}

/* --- files that are cut under a running process -------------------------------------------- */

struct cut {
	const struct spooldir *d;
	const char *name;
	off_t size;
};

static void cut(void *context)
{
	const struct cut *c = context;

	spooldir_cut(c->d, c->name, c->size);
}

/* LMDB's work on a cut file is abandoned, not freed: see abandon in index.c. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:liblmdb\nleak:begin_writing\n";
}

static const char STATE[] = ".hookspool/run/state", INDEX[] = ".hookspool/run/index";

/*
 * Cut between appends, or before any call of one: that one may be refused, but the next
 * succeeds, what was kept is there once, and a retry is a duplicate.
 */
static void a_file_that_is_cut(const struct cut *c)
{
	static const enum wrap_call calls[] = { WRAP_FSTATVFS, WRAP_FALLOCATE, WRAP_PREAD, WRAP_PWRITE,
		                                WRAP_FDATASYNC };

	for (size_t i = 0; i <= sizeof calls / sizeof *calls; i++) {
		enum hs_result r;

		make("rotate_min_gap = 0\n");
		seal("a b");
		put("c");
		wrap_reset();
		if (i == 0)
			cut((void *)(uintptr_t)c);
		else
			wrap_before(calls[i - 1], 1, cut, (void *)(uintptr_t)c);
		r = append("d e");
		assert_true(r == HS_OK || r == HS_E_SPOOL_STATE || r == HS_E_SYNC || r == HS_E_IO);
		if (r == HS_OK)
			assert_once(&s.d, "d e");
		wrap_reset();
		assert_result(append("d e"), HS_OK);
		put_known("a b c d e", 5);
		assert_once(&s.d, "a b c d e");
		assert_int_equal(spooldir_lines(&s.d), 5);
		assert_sound(&s.d);
	}
}

TEST(a_state_that_is_cut)
{
	static const off_t lengths[] = { 0, 100, 2048, 4096, 100000, sizeof(struct hs_shared_state) - 4096 };

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		a_file_that_is_cut(&(struct cut){ &s.d, STATE, lengths[i] });
}

TEST(an_index_that_is_cut)
{
	static const off_t lengths[] = { 0, 4096, 8192 };

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		a_file_that_is_cut(&(struct cut){ &s.d, INDEX, lengths[i] });
}

/* All its pages are gone, but its fingerprint says that it is unchanged. */
TEST(an_index_that_is_cut_unseen)
{
	struct hs_shared_state *shared;
	uint64_t duplicate;

	unit_leaves_descriptors(); /* of LMDB's, which is abandoned */
	seal("a b");
	put("c");
	shared = spooldir_state(&s.d);
	shared->index.writing = 1; /* a writer was killed: then the size is not compared */
	spooldir_cut(&s.d, INDEX, 0);
	said_begin(HS_LOG_ERROR);
	if (events_append(s.spool, "a b c", &duplicate) != HS_OK)
		put_known("a b c", 3);
	assert_non_null(strstr(said_end(), "index: its file was cut by somebody else"));
	assert_once(&s.d, "a b c");
	spooldir_state_done(shared);
}

/* A read error of the kernel causes no signal and no loss; service resumes with the disk. */
TEST(a_state_that_cannot_be_read)
{
	put("a");
	restart();
	wrap_reset();
	wrap_fail(WRAP_PREAD, 1, WRAP_FOREVER, EIO);
	assert_result(append("b"), HS_E_SPOOL_STATE);
	wrap_reset();
	wrap_fail(WRAP_PREAD, 2, 1, EIO); /* a page after the first */
	assert_result(append("b"), HS_E_SPOOL_STATE);
	wrap_reset();
	put("b");
	assert_once(&s.d, "a b");
}

static int rotate_apart(void *context)
{
	struct hs_spool *spool = hs_spool_new(s.d.settings);

	(void)context;
	hs_spool_rotate(spool, soon());
	hs_spool_free(spool);
	return 0;
}

/* Without durability a power cut may take what was acknowledged, but a kill, also in a sync, takes nothing. */
TEST(a_kill_without_durability)
{
	int status = -1;

	for (unsigned nth = 1; status != 0; nth++) {
		make("rotate_min_gap = 0\ndurability = none\n");
		put("a b");
		put("c");
		status = child_killed(nth, false, rotate_apart, NULL);
		put("d");
		put_known("a c", 2);
		assert_once(&s.d, "a b c d");
		assert_in_range(nth, 1, 200);
	}
}

static bool is_set_up_make(void *context)
{
	const struct spooldir *d = context;

	return spooldir_size(d, STATE) == (off_t)sizeof(struct hs_shared_state);
}

/* An idle process that looks now and then does not hinder the others. */
TEST(an_idle_process_lets_go)
{
	put("a");
	spooldir_cut(&s.d, STATE, 0);
	hs_spool_look(s.spool);
	assert_true(is_set_up_make(&s.d));
	assert_result(events_append_apart(&s.d, "b", NULL), HS_OK);
	put("c");
	assert_once(&s.d, "a b c");
	assert_sound(&s.d);
}

TESTS("spool_faults", begin, finish)

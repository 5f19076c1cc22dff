/*
 * index_faults: whichever call of LMDB fails, and with whichever error, no event is lost, none is kept twice, and the
 * next append succeeds.
 */
#include "base/io.h"
#include "spool/shared/shared_state.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <lmdb.h>

enum { EACH = 40, EVERY = 1000 };

/* A disk fails; the file is damaged, and made anew at once; the map is too small, or another process has grown it. */
static const int errors[] = { EIO, MDB_CORRUPTED, MDB_MAP_FULL, MDB_MAP_RESIZED };

static void fail_with_each_error(const struct job *job)
{
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		fail_each_with(FAIL_CALL(WRAP_LMDB), errors[i], job);
}

FIXTURE(tell_and_finish)
{
	fail_each_tell();
	return finish(state);
}

/* --- an index that is made ----------------------------------------------------------------- */

static uint64_t known;
static struct events *words; /* all of them are there */

static void lose_index(void)
{
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/index");
}

static enum hs_result run_known(void)
{
	struct hs_append batch = events_batch(words, &known);

	stop();
	s.spool = hs_spool_new(s.d.settings);
	return s.spool == NULL ? HS_E_MEMORY : hs_spool_append(s.spool, &batch);
}

static void are_known(void)
{
	assert_int_equal(known, words->count);
}

static void lose_in_turn(size_t lines)
{
	const struct job job = { lose_index, run_known, are_known, EVERY };

	fail_with_each_error(&job);
	fail_each_of(~FAIL_CALL(WRAP_LMDB), &job);
	assert_int_equal(spooldir_lines(&s.d), lines);
	events_free(words);
}

/* Two segments with summaries, one without, and the open one; somebody was erased. */
TEST_WITH(an_index_that_is_made_anew, NULL, tell_and_finish)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	put("anna@a bert@b");
	seal(many("m", 0, 300));
	seal(many("n", 0, 40));
	maintain();
	assert_int_equal(events_erase(s.spool, &s.d, "anna"), 1);
	maintain();
	seal("late");
	put(many("o", 0, 100));
	words = events_new("bert@b m0 m299 n7 late o0 o99");
	lose_in_turn(442);
}

TEST_WITH(an_index_that_is_made_without_summaries, NULL, tell_and_finish)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a b");
	seal("c");
	put("d");
	words = events_new("a b c d");
	lose_in_turn(4);
}

/* --- an index in use ------------------------------------------------------------------------ */

static int next;

static void two_appends(void)
{
	if (s.spool == NULL || next > 1000) {
		make("rotate_min_gap = 0\n");
		next = 0;
	}
	put(many("x", next + 1, next + 101));
	put_known(many("x", next + 1, next + 101), 100);
	next += 101;
}

/* A new event; then a process that begins moves what is pending to the index, and finds all of them. */
static enum hs_result run_appends(void)
{
	enum hs_result r = events_append(s.spool, many("x", next - 50, next + 1), NULL);

	if (r != HS_OK)
		return r;
	restart();
	return events_append(s.spool, many("x", next - 100, next + 1), &known);
}

static void are_all_known(void)
{
	assert_int_equal(known, 101);
	assert_int_equal(spooldir_lines(&s.d), next);
}

TEST_WITH(an_index_in_use, NULL, tell_and_finish)
{
	fail_with_each_error(&(struct job){ two_appends, run_appends, are_all_known, EACH });
}

/* --- requests that are written together ------------------------------------------------------ */

struct posted {
	struct hs_post post; /* first */
	enum hs_result r;
};

static void post_done(struct hs_post *post, enum hs_result r)
{
	((struct posted *)post)->r = r;
}

static enum hs_result run_posts(void)
{
	struct events *first = events_new(many("x", next - 50, next + 2)), *second = events_new("x0 y");
	uint64_t duplicate[2];
	struct posted p[2] = { { .post = { .append = events_batch(first, &duplicate[0]), .done = post_done } },
		               { .post = { .append = events_batch(second, &duplicate[1]), .done = post_done } } };

	assert_true(hs_spool_post(s.spool, &p[0].post));
	assert_false(hs_spool_post(s.spool, &p[1].post));
	hs_spool_commit(s.spool);
	assert_result(p[0].r, p[1].r);
	events_free(first);
	events_free(second);
	return p[0].r;
}

static void begin_posts(void)
{
	make("rotate_min_gap = 0\n");
	next = 100;
	put(many("x", 0, next));
	restart();
	put_known(many("x", 0, 70), 70); /* they are in the index */
}

static void are_posted(void)
{
	assert_once(&s.d, "x0 x100 x101 y");
	assert_int_equal(spooldir_lines(&s.d), 103);
}

TEST_WITH(requests_that_are_written_together, NULL, tell_and_finish)
{
	fail_with_each_error(&(struct job){ begin_posts, run_posts, are_posted, EACH });
}

/* --- a state that is torn -------------------------------------------------------------------- */

static void tear(void *state)
{
	atomic_store(&((struct hs_shared_state *)state)->stream[HS_EVENTS].last, 0);
}

/* A duplicate writes nothing, so no write finds the damage: but it may have made a new event look known. */
TEST_WITH(a_state_that_is_torn_while_ids_are_looked_up, NULL, tell_and_finish)
{
	unsigned refused = 0;
	bool ended = false;

	for (unsigned nth = 1; !ended; nth++) {
		struct hs_shared_state *shared;
		enum hs_result r;

		make("rotate_min_gap = 0\n");
		put(many("x", 0, 70));
		restart();
		put_known("x0", 1); /* it is in the index */
		shared = spooldir_state(&s.d);
		wrap_reset();
		wrap_before(WRAP_LMDB, nth, tear, shared);
		r = append("x0");
		ended = wrap_count(WRAP_LMDB) < nth;
		wrap_reset();
		assert_result(r, ended ? HS_OK : HS_E_SPOOL_STATE);
		refused += r != HS_OK;
		spooldir_state_done(shared);
		put_known("x0 y", 1);
	}
	assert_true(refused > 0);
}

TESTS("index_faults", NULL, NULL)

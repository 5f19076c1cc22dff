/*
 * spool: what hs_spool_append's HS_OK promises, through every way a call can fail and
 * every place where a process can be killed; threads and processes at once.
 */
#include "base/io.h"
#include "spool/shared/metrics.h"
#include "spool/write/rejected.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the directory ----------------------------------------------------------------- */

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(lstat(spooldir_path(&s.d, name), &st), 0);
	return st.st_mode & 07777;
}

TEST(a_spool_is_made_when_it_is_needed)
{
	assert_int_equal(access(s.d.path, F_OK), -1);
	put("a");
	assert_int_equal(mode_of(""), 0700);
	assert_int_equal(mode_of(".hookspool"), 0700);
	assert_int_equal(mode_of("events.jsonl"), 0600);
	assert_int_equal(mode_of(".hookspool/run"), 0700);
	assert_int_equal(mode_of(".hookspool/run/state"), 0600);
	assert_int_equal(mode_of(".hookspool/run/index"), 0600);
	make("spool_mode = 0640\n");
	assert_result(hs_spool_health(s.spool), HS_OK);
	assert_int_equal(mode_of(""), 0750);
	assert_int_equal(mode_of(".hookspool"), 0750);
	assert_int_equal(mode_of("events.jsonl"), 0640);
	assert_int_equal(mode_of("rejected.jsonl"), 0640);
	hs_spool_look(s.spool); /* existing files get the new mode: here the state, made before */
	assert_int_equal(mode_of(".hookspool/run"), 0750);
	assert_int_equal(mode_of(".hookspool/run/state"), 0640);
	assert_int_equal(mode_of(".hookspool/run/metrics"), 0640);
	assert_int_equal(mode_of(".hookspool/run/edits.lock"), 0640);
	assert_int_equal(mode_of(".hookspool/spool"), 0600);
}

TEST(a_bad_place_is_refused_and_a_good_one_taken)
{
	assert_int_equal(symlink("/tmp", s.d.path), 0);
	assert_result(append("a"), HS_E_SPOOL_DIR);
	assert_int_equal(unlink(s.d.path), 0);
	close(open(s.d.path, O_CREAT | O_WRONLY, 0600));
	assert_result(append("a"), HS_E_SPOOL_DIR);
	assert_int_equal(unlink(s.d.path), 0);
	spooldir_mkdir(&s.d, "");
	assert_int_equal(chmod(s.d.path, 0777), 0); /* anybody may put files there */
	assert_result(append("a"), HS_E_SPOOL_DIR);
	assert_int_equal(chmod(s.d.path, 0700), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(s.d.path, 12345, -1U), 0);
		assert_result(append("a"), HS_E_SPOOL_OWNER);
		assert_int_equal(chown(s.d.path, 0, -1U), 0);
	}
	spooldir_write(&s.d, ".hookspool", HS_SLICE(""));
	assert_result(append("a"), HS_E_SPOOL_FILE);
	spooldir_unlink(&s.d, ".hookspool");
	put("a");
	assert_once(&s.d, "a");
}

TEST(it_follows_the_path)
{
	char other[PATH_MAX + 8];

	put("a");
	snprintf(other, sizeof other, "%s.old", s.d.path);
	assert_int_equal(rename(s.d.path, other), 0);
	put("b");
	assert_once(&s.d, "b");
	assert_int_equal(spooldir_count(&s.d, "a"), 0);
}

/* Two processes with two states would not know of each other's locks. */
TEST(its_private_folder_is_removed)
{
	uint64_t duplicate;

	put("a");
	spooldir_rename(&s.d, ".hookspool", "gone");
	assert_result(events_append_apart(&s.d, "b", &duplicate), HS_E_SETTING_UP); /* ours is still at work */
	hs_spool_look(s.spool);
	assert_result(events_append_apart(&s.d, "b a", &duplicate), HS_OK);
	assert_int_equal(duplicate, 1);
	put_known("c a b", 2);
	assert_once(&s.d, "a b c");
}

/* No backup needs .hookspool/run; files set aside are beside it, not in it. */
TEST(the_run_folder_is_rebuilt)
{
	struct hs_buf lines;

	put("a b");
	lines = spooldir_read(&s.d, "events.jsonl");
	stop();
	spooldir_unlink(&s.d, "events.jsonl");
	spooldir_write(&s.d, ".hookspool/aside-events-7-9999999-1795428900123", hs_buf_slice(&lines));
	hs_buf_free(&lines);
	spooldir_rename(&s.d, ".hookspool/run", "gone");
	restart();
	put_known("b c", 1);
	rotate();
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 2);
	assert_non_null(strstr(spooldir_name(&s.d, "events-", 1), "-000008.jsonl"));
	assert_once(&s.d, "a b c");
	spooldir_rename(&s.d, ".hookspool/run", "gone too");
	spooldir_write(&s.d, ".hookspool/run", HS_SLICE(""));
	assert_result(append("d"), HS_E_SPOOL_FILE);
}

TEST(foreign_files_are_left_alone)
{
	static const char *const names[] = { "README", "aside-events-1-2-3", ".hookspool/notes" };

	assert_result(hs_spool_health(s.spool), HS_OK);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		spooldir_write(&s.d, names[i], HS_SLICE("{}\n"));
	put("a");
	rotate();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(spooldir_size(&s.d, names[i]), 3);
}

TEST(health_writes_nothing)
{
	assert_result(hs_spool_health(s.spool), HS_OK);
	assert_int_equal(spooldir_size(&s.d, "events.jsonl"), 0);
	wrap_fail(WRAP_FSTATVFS, 1, WRAP_FOREVER, EIO);
	assert_result(hs_spool_health(s.spool), HS_E_IO);
	wrap_reset();
	assert_result(hs_spool_health(s.spool), HS_OK);
}

/* A disk with much free space is asked at intervals, and a change is noticed soon. */
TEST(free_space_is_looked_at_again)
{
	put("a");
	wrap_fail(WRAP_FSTATVFS, 1, WRAP_FOREVER, EIO);
	wrap_clock(0, 1000);
	assert_result(append("b"), HS_E_IO);
	wrap_reset();
	put("b");
}

/* --- both streams ------------------------------------------------------------------- */

static enum hs_result put_both(const char *words, const char *body)
{
	struct events *e = events_new(words);
	struct hs_buf rejected = { 0 };
	uint64_t duplicate;
	enum hs_result r;

	hs_rejected_put(&rejected, &(struct hs_rejection){ .spooled_at = HS_SLICE("t"),
	                                                   .status = 400,
	                                                   .message = HS_SLICE("m"),
	                                                   .body = hs_slice_str(body) });
	r = hs_spool_append(s.spool, &(struct hs_append){ .records = hs_buf_slice(&e->lines),
	                                                  .record = e->record,
	                                                  .count = e->count,
	                                                  .rejected = hs_buf_slice(&rejected),
	                                                  .duplicate = &duplicate,
	                                                  .deadline_ms = soon() });
	hs_buf_free(&rejected);
	events_free(e);
	return r;
}

/* --- metrics ------------------------------------------------------------------------ */

static struct hs_metrics_figures *figures(void)
{
	int run_dir = hs_spool_dir_open_run(s.d.path);
	struct hs_metrics_figures *f = hs_metrics_read(run_dir);

	close(run_dir);
	assert_non_null(f);
	return f;
}

static void expect_events(uint64_t accepted, uint64_t duplicates, uint64_t rejected)
{
	struct hs_metrics_figures *f = figures();
	struct hs_metrics_minute minute, sum = { 0 };
	int64_t now = hs_io_now() / 60000;

	assert_int_equal(hs_metrics_value(f, HS_METRIC_ACCEPTED, 0), accepted);
	assert_int_equal(hs_metrics_value(f, HS_METRIC_DUPLICATES, 0), duplicates);
	assert_int_equal(hs_metrics_value(f, HS_METRIC_REJECTED, 0), rejected);
	for (int64_t at = now - 2; at <= now; at++) {
		(void)hs_metrics_minute(f, at, &minute);
		sum.accepted += minute.accepted;
		sum.duplicate += minute.duplicate;
		sum.rejected += minute.rejected;
		sum.bytes += minute.bytes;
	}
	assert_int_equal(sum.accepted, accepted);
	assert_int_equal(sum.duplicate, duplicates);
	assert_int_equal(sum.rejected, rejected);
	assert_int_equal(sum.bytes, hs_metrics_value(f, HS_METRIC_ACCEPTED_BYTES, 0) +
	                                hs_metrics_value(f, HS_METRIC_REJECTED_BYTES, 0));
	hs_metrics_figures_free(f);
}

TEST(what_is_written_is_counted)
{
	uint64_t duplicate;
	struct hs_metrics_figures *f;

	put_known("a b a", 1);
	expect_events(2, 1, 0);
	assert_result(events_append_apart(&s.d, "b c", &duplicate), HS_OK);
	expect_events(3, 2, 0);
	assert_result(put_both("d", "x"), HS_OK);
	expect_events(4, 2, 1);
	f = figures();
	assert_int_equal(hs_metrics_value(f, HS_METRIC_ACCEPTED_BYTES, 0), spooldir_size(&s.d, "events.jsonl"));
	assert_int_equal(hs_metrics_value(f, HS_METRIC_REJECTED_BYTES, 0), spooldir_size(&s.d, "rejected.jsonl"));
	hs_metrics_figures_free(f);
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_result(append("e"), HS_E_SYNC); /* it may be in the spool: its sender tries again */
	expect_events(4, 2, 1);
}

/* A refused request needs no spool; it is counted all the same, and makes none. */
TEST(answers_are_counted)
{
	struct hs_answered refused = { .status = 401 };
	struct hs_metrics_figures *f;

	hs_spool_count_answer(s.spool, &refused);
	assert_int_equal(access(s.d.path, F_OK), -1);
	put("a");
	make("secret = two\n[secrets]\nacme = one\n");
	assert_result(events_append_apart(&s.d, "a", NULL), HS_OK);
	hs_spool_count_answer(s.spool, &refused);
	hs_spool_count_answer(s.spool, &refused);
	hs_spool_count_answer(
	    s.spool, &(struct hs_answered){ .status = 200, .key = HS_SLICE("a-key"), .secret = 1, .arrived_ms = 5000 });
	hs_spool_count_answer(s.spool, &(struct hs_answered){ .status = 200, .secret = 2, .arrived_ms = 5000 });
	f = figures();
	assert_int_equal(hs_metrics_value(f, HS_METRIC_RESPONSES, 401 - 100), 2);
	assert_int_equal(hs_metrics_value(f, HS_METRIC_RESPONSES, 200 - 100), 2);
	for (size_t i = 0, found = 0; i <= HS_METRICS_CREDENTIALS; i++) {
		struct hs_metrics_use use;

		if (i == HS_METRICS_CREDENTIALS) {
			assert_int_equal(found, 3);
		} else if (hs_metrics_use(f, i, &use)) {
			assert_string_equal(use.name, use.kind == HS_CREDENTIAL_KEY ? "a-key"
			                              : use.name[0] == '#'          ? "#1"
			                                                            : "acme");
			assert_int_equal(use.last_ms, 5000);
			found++;
		}
	}
	hs_metrics_figures_free(f);
}

/* A long-lived process notices within a second; see hs_spool_look. */
TEST(lost_metrics_start_again)
{
	put("a b");
	hs_spool_look(s.spool);
	spooldir_unlink(&s.d, ".hookspool/run/metrics");
	put("c");
	hs_spool_look(s.spool);
	put("d");
	expect_events(1, 0, 0);
	spooldir_cut(&s.d, ".hookspool/run/metrics", 0);
	put("e");
	hs_spool_look(s.spool);
	put_known("f f", 1);
	expect_events(1, 1, 0);
	assert_once(&s.d, "a b c d e f");
}

enum { FIRST_SYNCS = 1 }; /* of .hookspool/spool, with the spool */

static size_t rejected_lines(void)
{
	struct hs_buf text = spooldir_read(&s.d, "rejected.jsonl");
	size_t lines = 0;

	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	hs_buf_free(&text);
	return lines;
}

/* rejected_max bounds the sum; the oldest sealed ones go. */
TEST(rejected_files_are_bounded)
{
	char body[512];

	make("rejected_max = 64K\nrotate_min_gap = 0\n");
	memset(body, 'x', sizeof body - 1);
	body[sizeof body - 1] = '\0';
	for (int i = 0; i < 200; i++) {
		off_t sum;

		assert_result(put_both("", body), HS_OK);
		sum = spooldir_size(&s.d, "rejected.jsonl");
		for (size_t n = spooldir_names(&s.d, "", "rejected-"); n > 0; n--)
			sum += spooldir_size(&s.d, spooldir_name(&s.d, "rejected-", n - 1));
		assert_true(sum <= 64 * 1024 + 16 * 1024);
	}
	assert_true(spooldir_names(&s.d, "", "rejected-") >= 2);
	assert_sound(&s.d);
}

TEST(both_are_kept_before_it_is_answered)
{
	assert_result(put_both("a b", "bad"), HS_OK);
	assert_once(&s.d, "a b");
	assert_int_equal(rejected_lines(), 1);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 2 + FIRST_SYNCS);
	assert_result(put_both("", "worse"), HS_OK);
	assert_int_equal(rejected_lines(), 2);
	assert_int_equal(spooldir_lines(&s.d), 2);
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_true(put_both("c", "x") == HS_E_SYNC);
	wrap_fail(WRAP_FDATASYNC, 2, 1, EIO); /* the copy of what was set aside, then the number */
	assert_true(put_both("d", "y") == HS_E_IO);
	assert_result(put_both("c d e", "z"), HS_OK);
	assert_once(&s.d, "a b c d e");
	assert_sound(&s.d);
}

TEST(nothing_to_keep)
{
	put("");
	assert_int_equal(wrap_count(WRAP_FDATASYNC), FIRST_SYNCS);
}

TEST(without_durability_nothing_waits)
{
	make("durability = none\n");
	put("a");
	put_known("a b", 1);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), FIRST_SYNCS);
	assert_once(&s.d, "a b");
}

/* --- a lock that somebody holds ---------------------------------------------------------- */

TEST(a_holder_that_does_not_let_go)
{
	struct hs_shared_state *shared;
	struct events *e = events_new("b");
	uint64_t duplicate;
	bool died;

	put("a");
	shared = spooldir_state(&s.d);
	assert_result(hs_shared_state_try_lock(&shared->stream[HS_EVENTS].sync, &died), HS_OK);
	/* a mutex is not recursive: the holder may as well be this thread */
	assert_result(hs_spool_append(s.spool, &(struct hs_append){ .records = hs_buf_slice(&e->lines),
	                                                            .record = e->record,
	                                                            .count = 1,
	                                                            .duplicate = &duplicate,
	                                                            .deadline_ms = hs_io_now_monotonic() + 30 }),
	              HS_E_TIMEOUT);
	hs_shared_state_unlock(&shared->stream[HS_EVENTS].sync);
	put_known("b", 1); /* it was written as a whole */
	assert_once(&s.d, "a b");
	spooldir_state_done(shared);
	events_free(e);
}

/* --- a disk that hangs ------------------------------------------------------------------- */

struct hanging {
	struct hs_spool *spool;
	_Atomic bool reached, let_go;
	enum hs_result r; /* the leader's result */
};

static void hang(void *context)
{
	struct hanging *h = context;

	atomic_store(&h->reached, true);
	while (!atomic_load(&h->let_go))
		hs_io_pause(1);
}

static void *append_and_hang(void *context)
{
	struct hanging *h = context;

	h->r = events_append(h->spool, "a", NULL);
	return NULL;
}

struct posted {
	struct hs_post post; /* first: the two have one address */
	enum hs_result r;
	bool done;
};

static void post_done(struct hs_post *post, enum hs_result r)
{
	struct posted *p = (struct posted *)post;

	assert_false(p->done);
	p->r = r;
	p->done = true;
}

/* The thread that enforces time limits ends the waiting posts, and the one that hangs. */
TEST(posts_end_in_time_though_the_disk_hangs)
{
	struct hanging h = { .spool = s.spool, .r = HS_OK };
	struct events *e = events_new("b");
	uint64_t duplicate = 0;
	struct posted b = { .post = { .append = { .records = hs_buf_slice(&e->lines),
		                                  .record = e->record,
		                                  .count = 1,
		                                  .duplicate = &duplicate,
		                                  .deadline_ms = hs_io_now_monotonic() + 50 },
		                      .done = post_done } };
	pthread_t leader;

	put("first");
	wrap_before(WRAP_FDATASYNC, 1, hang, &h);
	assert_int_equal(pthread_create(&leader, NULL, append_and_hang, &h), 0);
	while (!atomic_load(&h.reached))
		hs_io_pause(1);
	assert_false(hs_spool_post(s.spool, &b.post)); /* this does not wait */
	hs_spool_expire(s.spool, soon() + 1000);
	assert_true(b.done);
	assert_result(b.r, HS_E_TIMEOUT);
	atomic_store(&h.let_go, true);
	pthread_join(leader, NULL);
	assert_result(h.r, HS_E_TIMEOUT); /* its event is written, but its sender is to try again */
	put_known("a", 1);
	put_known("b", 0);
	assert_once(&s.d, "first a b");
	events_free(e);
}

/* Later callers learn that the disk is slow, for ten minutes. */
TEST(a_slow_disk_is_reported)
{
	struct hs_spool *other = hs_spool_new(s.d.settings);
	bool slow;

	hs_spool_note_time(s.spool, hs_io_now_monotonic() - 900);
	assert_result(hs_spool_is_slow(other, &slow), HS_OK);
	assert_false(slow);
	hs_spool_note_time(s.spool, hs_io_now_monotonic() - 1000);
	assert_result(hs_spool_is_slow(other, &slow), HS_OK);
	assert_true(slow);
	wrap_clock(0, 599000);
	assert_result(hs_spool_is_slow(other, &slow), HS_OK);
	assert_true(slow);
	wrap_clock(0, 600000);
	assert_result(hs_spool_is_slow(other, &slow), HS_OK);
	assert_false(slow);
	hs_spool_free(other);
}

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

/* One fault, once or for good: every append that returned HS_OK is there once. */
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
		put("a b");
		rotate();
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

	put("a b");
	rotate();
	put("c");
	shared = spooldir_state(&s.d);
	shared->index.writing = 1; /* a writer was killed: then the size is not compared */
	spooldir_cut(&s.d, INDEX, 0);
	if (events_append(s.spool, "a b c", &duplicate) != HS_OK)
		put_known("a b c", 3);
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

/* --- what the index knows ----------------------------------------------------------- */

TEST(the_index_is_counted)
{
	struct hs_known known;

	assert_int_equal(hs_spool_known(s.spool, soon(), &known), HS_OK);
	assert_true(known.anew && !known.off && known.ids == 0);
	assert_int_equal(append("a b b acme/b"), HS_OK);
	assert_int_equal(hs_spool_known(s.spool, soon(), &known), HS_OK);
	assert_true(!known.anew && known.ids == 3);
	restart();
	assert_int_equal(hs_spool_known(s.spool, soon(), &known), HS_OK);
	assert_true(!known.anew && known.ids == 3);
	stop();
	spooldir_unlink(&s.d, INDEX);
	restart();
	assert_int_equal(hs_spool_known(s.spool, soon(), &known), HS_OK);
	assert_true(known.anew && known.ids == 3);
	make("dedup_window = 0\n");
	assert_int_equal(hs_spool_known(s.spool, soon(), &known), HS_OK);
	assert_true(known.off);
}

TESTS("spool", begin, finish)

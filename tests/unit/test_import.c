/*
 * import: after a kill before any call on files, or a failure of one, and another run, each event is
 * once in the spool and each refusal once in the rejected file, wherever in a line a commit ends.
 */
#include "base/io.h"
#include "spool/import.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/processes.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	EVENTS = 4030, /* more than a commit, most of them on one line */
	REFUSALS = 5,  /* in three places of the first commit, and in the second */
	STEP = 3,      /* not every call in each run: there are many */
};

static struct {
	struct spooldir d;
	struct hs_buf archive;
	bool known;       /* its events have ids: then only refusals may come twice */
	const char *name; /* the name of the archive, which may differ between runs */
} s;

/* --- an archive ------------------------------------------------------------------- */

static void put_event(struct hs_buf *to, int n)
{
	hs_buf_put_slice(to, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\","));
	if (s.known) {
		hs_buf_put_slice(to, HS_SLICE("\"messageId\":\"id-"));
		hs_buf_put_uint(to, (uint64_t)n);
		hs_buf_put_slice(to, HS_SLICE("\","));
	}
	hs_buf_put_slice(to, HS_SLICE("\"properties\":{\"n\":"));
	hs_buf_put_uint(to, (uint64_t)n);
	hs_buf_put_slice(to, HS_SLICE("}}"));
}

static void make_archive(void)
{
	struct hs_buf *a = &s.archive;
	int n = 0;

	hs_buf_reset(a);
	hs_buf_put_slice(a, HS_SLICE("{\"type\":\"track\",\"userId\":\"u\"}{\"type\":\"bogus\"}"));
	while (n < 10)
		put_event(a, n++);
	hs_buf_put_slice(a, HS_SLICE("\n\n{\"type\"\n["));
	while (n < EVENTS - 5) {
		put_event(a, n++);
		hs_buf_putc(a, ',');
	}
	hs_buf_put_slice(a, HS_SLICE("12] "));
	while (n < EVENTS)
		put_event(a, n++);
	hs_buf_put_slice(a, HS_SLICE("{\"type\""));
	assert_true(hs_buf_ok(a));
}

static void make(bool known)
{
	s.known = known;
	spooldir_make(&s.d, "rotate_min_gap = 0");
	make_archive();
	s.name = "first.jsonl";
}

FIXTURE(finish)
{
	wrap_reset();
	spooldir_remove(&s.d);
	hs_buf_free(&s.archive);
	return 0;
}

/* --- importing -------------------------------------------------------------------- */

static enum hs_result import(bool look_only, struct hs_imported *done)
{
	static const struct hs_inventory nothing;
	struct hs_importer how = { .tenant = "", .look_only = look_only, .inventory = &nothing };
	struct hs_spool *spool = hs_spool_new(s.d.settings);
	char path[] = "/tmp/hookspool-import-XXXXXX";
	int fd = mkstemp(path);
	enum hs_result r;

	assert_true(fd >= 0);
	unlink(path);
	if (spool == NULL) {
		close(fd);
		return HS_E_MEMORY;
	}
	assert_int_equal(write(fd, s.archive.p, s.archive.n), s.archive.n);
	r = hs_import(spool, s.d.settings, &how, fd, s.name, done);
	close(fd);
	hs_spool_free(spool);
	return r;
}

static int run_import(void *context)
{
	struct hs_imported done;

	(void)context;
	return import(false, &done) == HS_OK ? 0 : 1;
}

/* --- what is in the spool ----------------------------------------------------------- */

/* All text of a stream, followed by a NUL. */
static struct hs_buf text_of(const char *stream)
{
	struct hs_buf all = { 0 };
	size_t names = spooldir_names(&s.d, "", stream);

	for (size_t i = 0; i < names; i++) {
		struct hs_buf one = spooldir_read(&s.d, spooldir_name(&s.d, stream, i));

		hs_buf_put(&all, one.p, one.n);
		hs_buf_free(&one);
	}
	hs_buf_putc(&all, '\0');
	return all;
}

static void assert_each_event_once(void)
{
	struct hs_buf text = text_of("events");
	static int seen[EVENTS];

	memset(seen, 0, sizeof seen);
	for (const char *p = text.p; (p = strstr(p, "\"properties_n\":")) != NULL; p++) {
		long n = strtol(p + 15, NULL, 10);

		assert_in_range(n, 0, EVENTS - 1);
		seen[n]++;
	}
	for (int n = 0; n < EVENTS; n++)
		assert_int_equal(seen[n], 1);
	hs_buf_free(&text);
}

static void assert_each_refusal_once(void)
{
	static const char *const places[REFUSALS] = { "line 1, event 1: ", "line 1, event 2: ", "line 3: ",
		                                      "line 4, event 4016: ", "line 4, event 4022: " };
	struct hs_buf text = text_of("rejected");
	size_t lines = 0;

	for (const char *p = text.p; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, REFUSALS);
	for (size_t i = 0; i < REFUSALS; i++)
		assert_non_null(strstr(text.p, places[i]));
	hs_buf_free(&text);
}

static void assert_complete(void)
{
	assert_each_event_once();
	assert_each_refusal_once();
	assert_sound(&s.d);
}

/* --- the tests ------------------------------------------------------------------------ */

TEST(a_whole_archive)
{
	struct hs_imported done;

	make(false);
	assert_int_equal(import(false, &done), HS_OK);
	assert_int_equal(done.lines, 4);
	assert_int_equal(done.events, EVENTS + REFUSALS);
	assert_int_equal(done.accepted, EVENTS);
	assert_int_equal(done.rejected, REFUSALS);
	assert_complete();
	s.name = "second.jsonl";
	assert_int_equal(import(false, &done), HS_OK);
	assert_true(done.done_before);
	assert_int_equal(done.rejected_before, REFUSALS);
	assert_complete();
}

/* --- a line that comes in parts --------------------------------------------------------- */

enum { LONGEST = 160, ROUNDS = 12 };

/* Two events and two refusals; the sizes cut them at every byte. */
static void put_round(struct hs_buf *to, int n)
{
	hs_buf_put_slice(to, HS_SLICE(" [ {\"type\":\"page\",\"userId\":\"\\u00e9\\\"\xC3\xA9\xF0\x9F\x98\x80\","
	                              "\"properties\":{\"a\":[true,-1.5e+3,{}],\"n\":"));
	hs_buf_put_uint(to, (uint64_t)n);
	hs_buf_put_slice(to, HS_SLICE("}} , 12.25e1 ,null] [] "));
	put_event(to, n + 1);
}

static struct hs_imported look(int64_t max_body)
{
	struct hs_imported done;

	s.d.settings->max_body = max_body;
	assert_int_equal(import(true, &done), HS_OK);
	return done;
}

TEST(parts_of_every_size)
{
	struct hs_imported done;

	make(false);
	hs_buf_reset(&s.archive);
	for (int n = 0; n < 2 * ROUNDS; n += 2)
		put_round(&s.archive, n);
	for (int64_t size = LONGEST; size < LONGEST + 200; size++) {
		done = look(size);
		assert_int_equal(done.lines, 1);
		assert_int_equal(done.accepted, 2 * ROUNDS);
		assert_int_equal(done.rejected, 2 * ROUNDS);
	}
	hs_buf_put_slice(&s.archive, HS_SLICE("\n"));
	put_event(&s.archive, 1);
	done = look(60); /* one event is as short as that, on a line of its own */
	assert_int_equal(done.lines, 2);
	assert_int_equal(done.accepted, 1);
	assert_int_equal(done.rejected, 1);
	assert_int_equal(access(s.d.path, F_OK), -1); /* looking makes no spool */
}

static void kill_everywhere(void **state, bool known)
{
	unsigned nth, kills = 0;
	int status = -1;

	for (nth = 1 + (unsigned)(hs_io_random() % STEP); status != 0; nth += STEP) {
		struct hs_imported done;

		make(known);
		status = child_killed(nth, nth % 2 == 1, run_import, NULL);
		kills += status != 0;
		s.name = "a/path with, line 1, event 1: /second.jsonl";
		if (nth % 4 == 1) { /* and once more, in the run that should have completed it */
			child_killed(1 + (unsigned)(hs_io_random() % nth), true, run_import, NULL);
			s.name = "third.jsonl";
		}
		assert_int_equal(import(false, &done), HS_OK);
		assert_int_equal(done.error, 0);
		assert_complete();
		assert_int_equal(import(false, &done), HS_OK);
		assert_true(done.done_before);
		assert_int_equal(done.rejected_before, REFUSALS);
		finish(state);
	}
	assert_true(kills > 40 / STEP);
}

TEST(killed_before_every_call)
{
	kill_everywhere(state, false);
	kill_everywhere(state, true);
	make(false);
}

/* True if a whole commit is in the open segment. */
static bool commit_has_landed(void)
{
	struct hs_buf text = { 0 };
	size_t lines = 0;

	if (!spooldir_exists(&s.d, "events.jsonl"))
		return false;
	text = spooldir_read(&s.d, "events.jsonl");
	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	hs_buf_free(&text);
	return lines == 4000;
}

/* A restore has put the lines of the commit that was interrupted into the spool once more. */
TEST(lines_that_are_there_twice_are_known)
{
	struct hs_imported done;
	struct hs_buf text;
	int status = -1;

	for (unsigned nth = 20; status == -1 && !commit_has_landed(); nth++) {
		finish(state);
		make(false);
		hs_buf_reset(&s.archive);
		for (int n = 0; n < EVENTS; n++)
			put_event(&s.archive, n);
		status = child_killed(nth, false, run_import, NULL);
	}
	assert_int_equal(status, -1);
	text = spooldir_read(&s.d, "events.jsonl");
	spooldir_unlink(&s.d, ".hookspool/run/state"); /* it knows where the last line ends */
	spooldir_add(&s.d, "events.jsonl", hs_buf_slice(&text));
	hs_buf_free(&text);
	assert_int_equal(import(false, &done), HS_OK);
	assert_int_equal(done.error, 0);
	assert_int_equal(spooldir_lines(&s.d), 4000 + EVENTS); /* no third time */
}

static void prepare_import(void)
{
	finish(NULL);
	make(hs_io_random() % 2 == 0);
}

static enum hs_result run_whole_import(void)
{
	struct hs_imported done;
	enum hs_result result = import(false, &done);

	return result == HS_OK && done.error != 0 ? HS_E_IO : result;
}

TEST(a_second_run_repairs_every_failure)
{
	fail_each(&(struct job){ prepare_import, run_whole_import, assert_complete, 6 });
}

FIXTURE(tell_and_finish)
{
	fail_each_tell();
	return finish(state);
}

TESTS("import", NULL, tell_and_finish)

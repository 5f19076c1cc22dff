/*
 * verify_meanwhile: a file goes, comes back whole, grows or is sealed before any step of verify and of repair: what
 * they say is true of the file before or after that, and no good line is lost.
 */
#include "base/io.h"
#include "spool/admin/verify.h"
#include "spool/position/rewrite_log.h"
#include "spool/shared/shared_state.h"
#include "tests/lib/passing.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hs_verified found;
static bool open_is_torn; /* a problem of the open segment was reported */

static void report(void *context, enum hs_problem p, const char *file, uint64_t line)
{
	(void)context;
	(void)line;
	open_is_torn |= p == HS_PROBLEM_TORN && strcmp(file, "events.jsonl") == 0;
}

static enum hs_result verify(bool mend)
{
	struct hs_verifier verifier = { NULL, report, NULL, mend };

	open_is_torn = false;
	return hs_spool_verify(s.spool, &verifier, &found);
}

static uint64_t problems_found(void)
{
	uint64_t sum = 0;

	for (int p = 0; p < HS_PROBLEMS; p++)
		sum += found.problem[p];
	return sum;
}

/* --- before any call of a kind ------------------------------------------------------------- */

static char segment[HS_SEALED_NAME]; /* the first one */
static bool changed;

static void remove_segment(void *context)
{
	(void)context;
	changed = spooldir_exists(&s.d, segment);
	if (changed)
		spooldir_unlink(&s.d, segment);
}

static void replace_by_folder(void *context)
{
	remove_segment(context);
	if (changed)
		spooldir_mkdir(&s.d, segment);
}

static void seal_open(void *context)
{
	(void)context;
	changed = true;
	hs_spool_rotate(s.spool, hs_io_now_monotonic());
}

static void mend_by_hand(void *context)
{
	changed = true;
	spooldir_write(&s.d, "whole", hs_buf_slice(context));
	spooldir_rename(&s.d, "whole", segment);
	spooldir_age(&s.d, segment);
}

static void cut_open(void *context)
{
	(void)context;
	changed = spooldir_size(&s.d, "events.jsonl") > 5;
	if (changed)
		spooldir_cut(&s.d, "events.jsonl", spooldir_size(&s.d, "events.jsonl") - 5);
}

static void prepare(void)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a b");
	seal("c");
	put("d");
	snprintf(segment, sizeof segment, "%s", spooldir_name(&s.d, "events-", 0));
}

/* Verifies with the change before the nth call. False: there are not that many. */
static bool verify_while(enum wrap_call call, unsigned nth, void (*change)(void *context), void *context, bool mend,
                         enum hs_result expected)
{
	enum hs_result result;
	bool ended;

	changed = false;
	wrap_reset();
	wrap_before(call, nth, change, context);
	result = verify(mend);
	ended = wrap_count(call) < nth;
	wrap_reset();
	if (result != HS_OK)
		assert_result(result, expected);
	return !ended;
}

/* Retention may delete it at any time, so that it is no fault. */
TEST(a_segment_that_goes)
{
	unsigned gone = 0;

	prepare();
	for (unsigned nth = 1; verify_while(WRAP_OPENAT, nth, remove_segment, NULL, false, HS_OK); nth++) {
		assert_true(problems_found() == found.problem[HS_PROBLEM_GAP]);
		assert_true(found.lines == 4 || (found.lines == 2 && changed));
		gone += found.lines == 2;
		prepare();
	}
	assert_true(gone > 0);
}

TEST(a_segment_that_becomes_a_folder)
{
	unsigned strange = 0;

	prepare();
	for (unsigned nth = 1; verify_while(WRAP_OPENAT, nth, replace_by_folder, NULL, false, HS_OK); nth++) {
		strange += found.problem[HS_PROBLEM_STRANGE] > 0;
		assert_true(found.lines == 4 || (found.lines == 2 && changed));
		prepare();
	}
	assert_true(strange > 0);
}

static void remove_named(void *context)
{
	changed = spooldir_exists(&s.d, context);
	if (changed)
		spooldir_unlink(&s.d, context);
}

/* The first segment as a killed compression leaves it: plain, and as a whole .gz. */
static void prepare_both_forms(char gz[static HS_SEALED_NAME])
{
	struct hs_buf text;

	prepare();
	text = spooldir_read_raw(&s.d, segment);
	s.d.settings->compress = HS_COMPRESS_GZIP;
	maintain();
	snprintf(gz, HS_SEALED_NAME, "%s", spooldir_name(&s.d, segment, 0));
	spooldir_write(&s.d, segment, hs_buf_slice(&text));
	spooldir_age(&s.d, segment);
	hs_buf_free(&text);
}

/* Either form goes: the other has all of its lines. If neither can be read, verify says so and not that they differ. */
TEST(both_forms_of_a_segment)
{
	static const enum wrap_call calls[] = { WRAP_OPENAT, WRAP_PREAD, WRAP_MALLOC };
	char gz[HS_SEALED_NAME];

	for (int i = 0; i < 2; i++) {
		unsigned gone = 0;

		prepare_both_forms(gz);
		while (verify_while(WRAP_OPENAT, ++gone, remove_named, i == 0 ? segment : gz, false, HS_OK)) {
			assert_true(changed || i == 0);
			assert_int_equal(problems_found(), 0);
			assert_int_equal(found.lines, 4);
			prepare_both_forms(gz);
		}
		assert_true(gone > 2);
	}
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		bool ended = false;

		for (unsigned nth = 1; !ended; nth++) {
			wrap_reset();
			wrap_fail(calls[i], nth, 1, wrap_error(calls[i]));
			if (verify(false) == HS_OK)
				assert_true(problems_found() == 0 && found.lines == 4);
			ended = wrap_count(calls[i]) < nth;
			wrap_reset();
		}
	}
}

static const char twin[] = "events-20200101T000000.000Z-000001.jsonl";

static void bring_twin(void *context)
{
	(void)context;
	changed = true;
	spooldir_write(&s.d, twin, HS_SLICE("{\"type\":\"page\",\"message_id\":\"twin\"}\n"));
}

/* A segment whose number is in use comes, after numbers were given out or before: the next run has given it one. */
TEST(a_segment_with_a_used_number_comes)
{
	unsigned twins = 0;

	prepare();
	for (unsigned nth = 1; verify_while(WRAP_FDOPENDIR, nth, bring_twin, NULL, false, HS_OK); nth++) {
		assert_int_equal(problems_found(), found.problem[HS_PROBLEM_NUMBER]);
		assert_in_range(found.lines, 4, 5);
		twins += found.problem[HS_PROBLEM_NUMBER] > 0;
		assert_result(verify(false), HS_OK);
		assert_int_equal(problems_found(), 0);
		assert_int_equal(found.lines, 5);
		prepare();
	}
	assert_true(twins > 0);
}

/* Each line is counted once, in the open segment or in the sealed one. */
TEST(the_open_segment_is_sealed)
{
	prepare();
	for (unsigned nth = 1; verify_while(WRAP_FDOPENDIR, nth, seal_open, NULL, false, HS_OK); nth++) {
		assert_int_equal(problems_found(), 0);
		assert_int_equal(found.lines, 4);
		prepare();
	}
}

/* Another program shortens the open segment: it is still being written, so that its end is no torn one. */
TEST(the_open_segment_is_cut)
{
	unsigned fewer = 0;

	prepare();
	for (unsigned nth = 1; verify_while(WRAP_PREAD, nth, cut_open, NULL, false, HS_OK); nth++) {
		assert_false(open_is_torn);
		fewer += found.lines < 4;
		prepare();
	}
	assert_true(fewer > 0);
}

/* A person mends what verify has just found: repair leaves that as it is. */
TEST(a_segment_that_is_mended_by_hand)
{
	struct hs_buf whole;
	unsigned by_hand = 0;

	prepare();
	whole = spooldir_read(&s.d, segment);
	for (unsigned nth = 1;; nth++) {
		spooldir_add(&s.d, segment, HS_SLICE("{\"a\":}\n"));
		spooldir_age(&s.d, segment);
		if (!verify_while(WRAP_OPENAT, nth, mend_by_hand, &whole, true, HS_E_REWRITTEN))
			break;
		by_hand += found.mended == 0;
		assert_all("a b c d");
		assert_no_problems();
		hs_buf_free(&whole);
		prepare();
		whole = spooldir_read(&s.d, segment);
	}
	assert_true(by_hand > 0);
	hs_buf_free(&whole);
}

static void add_line(void *context)
{
	changed = true;
	spooldir_add(&s.d, segment, *(const struct hs_slice *)context);
}

/* A copy into the spool goes on, before the repaired one is whole, or after that: the line that comes stays. */
TEST(a_segment_that_grows)
{
	struct hs_slice line = HS_SLICE("{\"type\":\"page\",\"message_id\":\"late\",\"spooled_at\":"
	                                "\"2026-11-23T10:15:00.123Z\"}\n");
	unsigned left = 0, not_kept = 0;

	prepare();
	for (unsigned nth = 1;; nth++) {
		struct hs_buf text;

		spooldir_add(&s.d, segment, HS_SLICE("{\"a\":}\n"));
		spooldir_age(&s.d, segment);
		if (!verify_while(WRAP_FDATASYNC, nth, add_line, &line, true, HS_E_REWRITTEN))
			break;
		left += found.mended == 0;
		not_kept += found.mended == 0 && spooldir_names(&s.d, ".hookspool", "broken-") == 0;
		text = spooldir_read(&s.d, segment);
		assert_non_null(memmem(text.p, text.n, "\"late\"", 6));
		hs_buf_free(&text);
		prepare();
	}
	assert_true(left > 0);
	assert_true(not_kept > 0); /* in the middle of a copy it is no original */
}

/* --- originals -------------------------------------------------------------------------------- */

/* The last original that is kept has no name yet. */
TEST(the_last_name_of_an_original_is_free)
{
	char name[2 * HS_SEALED_NAME];

	prepare();
	spooldir_add(&s.d, segment, HS_SLICE("{\"a\":}\n"));
	spooldir_age(&s.d, segment);
	for (int n = 1; n < 99; n++) {
		snprintf(name, sizeof name, ".hookspool/broken-%.0d%s%s", n > 1 ? n : 0, n > 1 ? "-" : "", segment);
		spooldir_write(&s.d, name, HS_SLICE("x"));
	}
	assert_result(verify(true), HS_OK);
	assert_int_equal(found.mended, 1);
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "broken-99-"), 1);
	assert_all("a b c d");
}

/* --- a writer that does not let go ---------------------------------------------------------- */

TEST(a_writer_that_holds_the_lock)
{
	struct hs_shared_state *shared;
	pthread_mutex_t *lock;

	prepare();
	shared = spooldir_state(&s.d);
	lock = &shared->stream[HS_EVENTS].append;
	assert_int_equal(pthread_mutex_trylock(lock), 0);
	passing_begin();
	assert_result(verify(false), HS_E_TIMEOUT);
	assert_result(verify(true), HS_E_TIMEOUT);
	passing_end();
	assert_int_equal(pthread_mutex_unlock(lock), 0);
	assert_result(verify(false), HS_OK);
	assert_int_equal(found.lines, 4);
	spooldir_state_done(shared);
}

int main(void)
{
	if (access("/dev/shm", W_OK) == 0) /* nothing is to outlive a power cut: memory will do, and is quick */
		setenv("TMPDIR", "/dev/shm", 0);
	return unit_run("verify_meanwhile", NULL, finish);
}

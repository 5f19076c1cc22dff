/*
 * foreign_segments: segments that somebody else puts into the spool are read once, and their events
 * are known; nothing of ours is lost, or comes twice, over it.
 */
#include "base/io.h"
#include "spool/read/reader.h"
#include "spool/spool.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scene {
	struct spooldir d;
	struct hs_spool *spool;
	struct hs_reader *reader;
	char got[4096]; /* the words of the lines that were read: "a b c" */
};

static struct scene s;

static void make(const char *settings)
{
	wrap_reset();
	spooldir_make(&s.d, settings);
	s.spool = hs_spool_new(s.d.settings);
	s.reader = NULL;
}

FIXTURE(begin)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	return 0;
}

FIXTURE(finish)
{
	wrap_reset();
	hs_reader_close(s.reader);
	hs_spool_free(s.spool);
	spooldir_remove(&s.d);
	return 0;
}

static void put(const char *words, uint64_t known)
{
	uint64_t duplicate = 0;

	assert_result(spooldir_append(s.spool, words, &duplicate), HS_OK);
	assert_int_equal(duplicate, known);
}

static void rotate(void)
{
	assert_result(hs_spool_rotate(s.spool, hs_io_now_monotonic() + PATIENCE_MS), HS_OK);
}

/* As after the last process has ended. */
static void restart(void)
{
	hs_spool_free(s.spool);
	s.spool = hs_spool_new(s.d.settings);
}

static void name_of(char out[static HS_SEALED_NAME], uint64_t number)
{
	snprintf(out, HS_SEALED_NAME, "events-20261123T101500.123Z-%06" PRIu64 ".jsonl", number);
}

/* Somebody else's segment. */
static void bring(uint64_t number, const char *words)
{
	struct events *e = events_new(words);
	char name[HS_SEALED_NAME];

	name_of(name, number);
	spooldir_write(&s.d, name, hs_buf_slice(&e->lines));
	events_free(e);
	hs_io_pause(12); /* appends look every ten milliseconds only */
}

static void read_on(struct hs_reader *reader)
{
	static const char label[] = "\"message_id\":\"";
	struct hs_slice line;
	enum hs_read what;

	s.got[0] = '\0';
	while ((what = hs_reader_next(reader, &line)) == HS_READ_LINE) {
		const char *id = memmem(line.p, line.n, label, strlen(label));
		size_t used = strlen(s.got);

		assert_non_null(id);
		id += strlen(label);
		snprintf(s.got + used, sizeof s.got - used, "%s%.*s", used > 0 ? " " : "", (int)strcspn(id, "\""), id);
	}
	assert_int_equal(what, HS_READ_END);
}

/* The reader that has read all so far reads this. */
#define assert_more(words) \
	do { \
		if (s.reader == NULL) \
			assert_result(hs_reader_open(s.d.settings, &s.reader), HS_OK); \
		read_on(s.reader); \
		assert_string_equal(s.got, words); \
	} while (0)

/* All there is, by one who has just come. */
#define assert_all(words) \
	do { \
		struct hs_reader *fresh; \
\
		assert_result(hs_reader_open(s.d.settings, &fresh), HS_OK); \
		read_on(fresh); \
		hs_reader_close(fresh); \
		assert_string_equal(s.got, words); \
	} while (0)

static void note_problem(void *context, enum hs_problem p, const char *file, uint64_t line)
{
	(void)context;
	print_error("# %s, line %" PRIu64 ": %s\n", file, line, hs_problem_text(p));
}

static void assert_no_problems(void)
{
	struct hs_verifier examiner = { .report = note_problem };
	struct hs_verified found;

	assert_result(hs_spool_verify(s.spool, &examiner, &found), HS_OK);
	for (int p = 0; p < HS_PROBLEMS; p++)
		assert_int_equal(found.problem[p], 0);
}

/* A mirror, made again while its spool is read. */
TEST(above_an_empty_open_segment)
{
	put("a", 0);
	rotate();
	assert_more("a");
	bring(2, "b c");
	bring(3, "d");
	assert_more("b c d");
	assert_all("a b c d");
	put("c d e", 2);
	assert_more("e");
	rotate();
	assert_non_null(strstr(spooldir_name(&s.d, "events-", 3), "-000004.jsonl"));
	assert_all("a b c d e");
	assert_no_problems();
}

/* The append is the first one to see them. */
TEST(their_events_are_duplicates_at_once)
{
	put("a", 0);
	bring(1, "b");
	bring(2, "c");
	put("a b c d", 3);
	restart();
	bring(5, "e");
	put("a b c d e f", 5);
	assert_once(&s.d, "a b c d e f");
	assert_all("a c b d e f"); /* the number 1 was ours */
	assert_no_problems();
}

/* What readers have of the open segment, under its number, is neither lost nor read again. */
TEST(an_open_segment_with_lines_keeps_its_number)
{
	struct hs_position at;

	put("a b", 0);
	assert_more("a b");
	at = hs_reader_position(s.reader);
	bring(1, "f");
	bring(2, "g");
	put("c", 0);
	hs_reader_start(s.reader, at);
	assert_more("g f c");
	assert_all("a b g f c");
	assert_int_equal(spooldir_names(&s.d, "", "events-20261123T101500.123Z-000001"), 1);
	rotate();
	assert_all("a b g f c");
	assert_no_problems();
}

/* The same after a restart, and with what it says being all there is to go by. */
TEST(found_by_who_opens_it)
{
	put("a b", 0);
	assert_more("a b");
	hs_reader_close(s.reader);
	s.reader = NULL;
	restart();
	bring(1, "f");
	put("f b c", 2);
	assert_all("a b f c");
	rotate();
	assert_all("a b f c");
	assert_no_problems();
}

TEST(a_number_of_the_past)
{
	put("a", 0);
	rotate();
	put("b", 0);
	rotate();
	put("c", 0);
	assert_more("a b c");
	bring(1, "x y"); /* its name sorts before ours */
	assert_more("x y");
	put("x y a b c d", 5);
	assert_more("d");
	assert_all("a b c x y d");
	restart();
	assert_all("a b c x y d");
	assert_no_problems();
}

static void forget_what_was_ours(void)
{
	struct hs_shared_state *shared = spooldir_state(&s.d);

	memset(shared->stream[HS_EVENTS].own, 0, sizeof shared->stream[HS_EVENTS].own);
	spooldir_state_done(shared);
}

/* Who sealed it is not known any more: the one that was there first keeps its number. */
TEST(the_later_one_moves)
{
	put("a", 0);
	rotate();
	assert_more("a");
	forget_what_was_ours();
	hs_io_pause(20);
	bring(1, "x");
	assert_more("x");
	assert_all("a x");
	assert_no_problems();
}

/* Ours keeps its number, even if somebody has changed its mode since. */
TEST(ours_stays)
{
	char path[PATH_MAX + 128];

	put("a", 0);
	rotate();
	assert_more("a");
	snprintf(path, sizeof path, "%s/%s", s.d.path, spooldir_name(&s.d, "events-", 0));
	bring(1, "x");
	hs_io_pause(20);
	assert_int_equal(chmod(path, 0640), 0);
	assert_more("x");
	assert_all("a x");
}

/* The mirror goes on after the take-over: nothing comes again. */
TEST(brought_again_and_again)
{
	put("a", 0);
	assert_more("a");
	for (int i = 0; i < 3; i++) {
		bring(1, "x");
		hs_io_pause(30);
		put("x", 1);
		assert_more(i == 0 ? "x" : "");
		assert_all("a x");
	}
	spooldir_unlink(&s.d, "events-20261123T101500.123Z-000001.jsonl");
	bring(1, "x");
	assert_all("a x");
}

/* It is compressed and made anew as any other, under its name, and positions stay right. */
TEST(one_that_moved_is_compressed_and_mended)
{
	struct hs_verifier mending = { .mend = true };
	struct hs_verified found;
	struct hs_retention_counts done;
	char name[HS_SEALED_NAME + 4];

	finish(state);
	make("rotate_min_gap = 0\n");
	put("a", 0);
	rotate();
	assert_more("a");
	bring(1, "x y");
	assert_more("x y");
	name_of(name, 1);
	spooldir_add(&s.d, name, HS_SLICE("not a line\n"));
	assert_result(hs_spool_verify(s.spool, &mending, &found), HS_OK);
	assert_int_equal(found.mended, 1);
	assert_result(hs_spool_maintain(s.spool, NULL, NULL, &done), HS_OK);
	assert_int_equal(done.compressed, 2);
	strcat(name, ".gz");
	assert_true(spooldir_exists(&s.d, name));
	assert_all("a x y");
	put("a x y b", 3);
	assert_more("b");
	restart();
	assert_all("a x y b");
	assert_no_problems();
}

/* Two of one number, neither ours, when nothing is known. */
TEST(two_of_one_number_from_the_start)
{
	assert_result(hs_spool_health(s.spool), HS_OK);
	bring(7, "a b");
	hs_io_pause(20);
	spooldir_write(&s.d, "events-20261123T101500.999Z-000007.jsonl",
	               HS_SLICE("{\"message_id\":\"c\",\"spooled_at\":\"2026-11-23T10:15:00.123Z\"}\n"));
	assert_all("a b c");
	assert_more("a b c");
	assert_no_problems();
	put("a b d", 2);
	assert_more("d");
}

/* A name appears at once, its lines by and by. */
TEST(one_that_is_being_copied)
{
	struct events *e = events_new("x y");
	struct hs_slice all = hs_buf_slice(&e->lines);
	char name[HS_SEALED_NAME];

	put("a", 0);
	rotate();
	for (uint64_t number = 1; number < 3; number++) { /* ours, and the open one's */
		finish(state);
		begin(state);
		put("a", 0);
		rotate();
		assert_more("a");
		name_of(name, number);
		spooldir_write(&s.d, name, hs_slice(all.p, all.n - 5));
		assert_more("");
		put("b", 0);
		assert_more("b");
		spooldir_add(&s.d, name, hs_slice(all.p + all.n - 5, 5));
		assert_more("x y");
		put("x y", 2);
		rotate();
		assert_all("a b x y");
		assert_no_problems();
	}
	events_free(e);
}

/* It is not moved, nor is anything else, while what is to be noted cannot be. */
TEST(what_cannot_be_noted)
{
	static const struct {
		enum wrap_call call;
		int error;
		enum hs_result result;
	} faults[] = { { WRAP_PWRITE, ENOSPC, HS_E_FULL }, { WRAP_FDATASYNC, EIO, HS_E_SYNC } };

	for (size_t i = 0; i < 2; i++) {
		uint64_t duplicate;

		put("a", 0);
		rotate();
		assert_more("a");
		bring(1, "x");
		wrap_fail(faults[i].call, 1, 1, faults[i].error);
		assert_result(spooldir_append(s.spool, "x b", &duplicate), faults[i].result);
		if (faults[i].call == WRAP_FDATASYNC) /* its lines come first */
			assert_false(spooldir_exists(&s.d, ".hookspool/numbers"));
		wrap_reset();
		put("x b", 1);
		assert_more("x b");
		assert_all("a x b");
		assert_no_problems();
		finish(state);
		begin(state);
	}
}

static int take_over(void *context)
{
	uint64_t duplicate;

	(void)context;
	return spooldir_append(s.spool, "x b", &duplicate) == HS_OK ? 0 : 1;
}

TEST(killed_before_every_call)
{
	int status = -1;
	unsigned nth;

	for (nth = 1; status != 0; nth++) {
		finish(state);
		begin(state);
		put("a", 0);
		rotate();
		put("c", 0);
		assert_more("a c");
		bring(1, "x"); /* one is sealed, one is open */
		bring(2, "y");
		hs_spool_free(s.spool);
		s.spool = hs_spool_new(s.d.settings);
		wrap_kill(nth, true);
		status = child_wait(child_start(take_over, NULL));
		wrap_reset();
		assert_result(hs_spool_health(s.spool), HS_OK);
		put("x y b", status == 0 ? 3 : (uint64_t)(2 + spooldir_count(&s.d, "b")));
		read_on(s.reader);
		if (strlen(s.got) != 5)
			fail_msg("killed before call %u, it read %s", nth, s.got);
		/* x, y and b, each once, in some order */
		assert_non_null(strchr(s.got, 'x'));
		assert_non_null(strchr(s.got, 'y'));
		assert_non_null(strchr(s.got, 'b'));
		assert_once(&s.d, "a c x y b");
		assert_no_problems();
	}
	assert_true(nth > 20);
}

/* An append does not read the directory; nor does it do so for long after a change. */
TEST(nothing_is_read_without_a_change)
{
	unsigned opened;

	put("a", 0);
	for (int i = 0; i < 3; i++) {
		hs_io_pause(30);
		put("a", 1);
	}
	opened = wrap_count(WRAP_OPENAT);
	for (int i = 0; i < 100; i++)
		put("a", 1);
	assert_int_equal(wrap_count(WRAP_OPENAT), opened);
}

/* After a remount within one boot the file system may have another device number. */
TEST(on_another_device)
{
	struct hs_position at;

	put("a", 0);
	rotate();
	put("b", 0);
	assert_more("a b");
	at = hs_reader_position(s.reader);
	hs_reader_close(s.reader);
	s.reader = NULL;
	hs_spool_free(s.spool);
	wrap_device(1);
	s.spool = hs_spool_new(s.d.settings);
	put("c b", 1);
	assert_result(hs_reader_open(s.d.settings, &s.reader), HS_OK);
	hs_reader_start(s.reader, at);
	assert_more("c");
	rotate();
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 2);
	assert_non_null(strstr(spooldir_name(&s.d, "events-", 1), "-000002.jsonl"));
	assert_all("a b c");
	assert_no_problems();
}

TESTS("foreign_segments", begin, finish)

/*
 * foreign_segments: segments that another program puts into the spool are read once, their events
 * are known as duplicates, and none of our own are lost or doubled by it.
 */
#include "base/io.h"
#include "spool/admin/incoming.h"
#include "spool/shared/spool_dir.h"
#include "spool/write/foreign_segments.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/said.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { LOOK_MS = 12 }; /* appends look every ten milliseconds at most */

FIXTURE(begin_uncompressed)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	return 0;
}

static void name_of(char out[static HS_SEALED_NAME], uint64_t number)
{
	snprintf(out, HS_SEALED_NAME, "events-20261123T101500.123Z-%06" PRIu64 ".jsonl", number);
}

/* Puts a foreign segment into the spool. */
static void bring(uint64_t number, const char *words)
{
	struct events *e = events_new(words);
	char name[HS_SEALED_NAME];

	name_of(name, number);
	spooldir_write(&s.d, name, hs_buf_slice(&e->lines));
	events_free(e);
	hs_io_pause(LOOK_MS);
}

/* A mirror that is updated while it is read. */
TEST(foreign_segments_above_an_empty_open_one)
{
	seal("a");
	assert_read("a");
	bring(2, "b c");
	bring(3, "d");
	assert_read("b c d");
	assert_all("a b c d");
	put_known("c d e", 2);
	assert_read("e");
	rotate();
	assert_non_null(strstr(spooldir_name(&s.d, "events-", 3), "-000004.jsonl"));
	assert_all("a b c d e");
	assert_no_problems();
}

/* A name that was made by hand must not use up the numbers. */
TEST(the_highest_number_is_not_followed)
{
	seal("a");
	bring(HS_SEALED_NUMBER_MOST, "b");
	put("c");
	rotate();
	put_known("b c d", 2);
	rotate();
	assert_all("a b c d");
	assert_no_problems();
}

/* Once our own numbers are as high, they are not too high: our segments keep them. */
TEST(our_own_numbers_are_never_too_high)
{
	spooldir_mkdir(&s.d, "");
	bring(HS_SEALED_NUMBER_MOST / 2, "a");
	put_known("a b", 1);
	rotate();
	put("c");
	rotate();
	bring(HS_SEALED_NUMBER_MOST / 2 + 3, "d"); /* news, so that all are looked at */
	put_known("a b c d e", 4);
	assert_all("a b c d e");
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 4);
	assert_false(spooldir_exists(&s.d, ".hookspool/numbers"));
}

/* A consumer has passed the number that a disk has made of it, and retention has deleted the segment that had that. */
TEST(a_segment_whose_number_is_damaged_is_read)
{
	static const char file[] = ".hookspool/numbers";
	struct hs_buf text;
	enum hs_read what;
	bool found = false;

	seal("a");
	seal("c");
	assert_read("a c");
	bring(1, "b");
	put("e");
	text = spooldir_read(&s.d, file);
	assert_non_null(strstr(text.p, "\"number\":3}"));
	spooldir_flip(&s.d, file, (size_t)(strstr(text.p, "\"number\":") + 9 - text.p));
	hs_buf_free(&text);
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 2));
	restart();
	seal("d");
	do {
		what = read_some(100);
		found |= strchr(s.got, 'b') != NULL;
	} while (what == HS_READ_GAP);
	assert_true(found);
	assert_once(&s.d, "a b d e");
}

/* The append is the first to see them. */
TEST(their_events_are_duplicates_at_once)
{
	put("a");
	bring(1, "b");
	bring(2, "c");
	put_known("a b c d", 3);
	restart();
	bring(5, "e");
	put_known("a b c d e f", 5);
	assert_once(&s.d, "a b c d e f");
	assert_all("a c b d e f"); /* the number 1 was ours */
	assert_no_problems();
}

/* Lines that readers have read from the open segment, under its number, are neither lost nor read again. */
TEST(an_open_segment_with_lines_keeps_its_number)
{
	struct hs_position at;

	put("a b");
	assert_read("a b");
	at = hs_reader_position(s.reader);
	bring(1, "f");
	bring(2, "g");
	put("c");
	hs_reader_start(s.reader, at);
	assert_read("g f c");
	assert_all("a b g f c");
	assert_int_equal(spooldir_names(&s.d, "", "events-20261123T101500.123Z-000001"), 1);
	rotate();
	assert_all("a b g f c");
	assert_no_problems();
}

/* The open segment must be sealed first, and that has to wait for rotate_min_gap. */
TEST(an_append_waits_for_the_gap_before_it_takes_them_in)
{
	make("rotate_min_gap = 1s\ncompress = none\n");
	seal("a");
	put("b");
	bring(3, "c");
	put_known("b c d", 2);
	assert_once(&s.d, "a b c d");
	assert_no_problems();
}

/* And after a restart, when only the files can tell. */
TEST(foreign_segments_found_at_a_restart)
{
	put("a b");
	assert_read("a b");
	close_reader();
	restart();
	bring(1, "f");
	put_known("f b c", 2);
	assert_all("a b f c");
	rotate();
	assert_all("a b f c");
	assert_no_problems();
}

TEST(a_number_already_used)
{
	seal("a");
	seal("b");
	put("c");
	assert_read("a b c");
	bring(1, "x y"); /* its name sorts before ours */
	assert_read("x y");
	put_known("x y a b c d", 5);
	assert_read("d");
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

/* Which one we sealed is forgotten: the first one keeps its number. */
TEST(the_later_segment_moves)
{
	seal("a");
	assert_read("a");
	forget_what_was_ours();
	hs_io_pause(20);
	bring(1, "x");
	assert_read("x");
	assert_all("a x");
	assert_no_problems();
}

/* Our own keeps its number, even if its mode has changed since. */
TEST(our_segment_stays)
{
	const char *path;

	seal("a");
	assert_read("a");
	path = spooldir_path(&s.d, spooldir_name(&s.d, "events-", 0));
	bring(1, "x");
	hs_io_pause(20);
	assert_int_equal(chmod(path, 0640), 0);
	assert_read("x");
	assert_all("a x");
}

/* The mirror goes on after the take-over: nothing is read again. */
TEST(a_segment_brought_repeatedly)
{
	put("a");
	assert_read("a");
	for (int i = 0; i < 3; i++) {
		bring(1, "x");
		hs_io_pause(30);
		put_known("x", 1);
		assert_read(i == 0 ? "x" : "");
		assert_all("a x");
	}
	spooldir_unlink(&s.d, "events-20261123T101500.123Z-000001.jsonl");
	bring(1, "x");
	assert_all("a x");
}

/* It is compressed and repaired like any other, under its name, and positions stay right. */
TEST(a_moved_segment_is_compressed_and_repaired)
{
	struct hs_verifier mending = { .mend = true };
	struct hs_verified found;
	char name[HS_SEALED_NAME + 4];

	make("rotate_min_gap = 0\n");
	seal("a");
	assert_read("a");
	bring(1, "x y");
	assert_read("x y");
	name_of(name, 1);
	spooldir_add(&s.d, name, HS_SLICE("not a line\n"));
	assert_result(hs_spool_verify(s.spool, &mending, &found), HS_OK);
	assert_int_equal(found.mended, 1);
	maintain();
	assert_int_equal(s.maintained.compressed, 2);
	strcat(name, ".gz");
	assert_true(spooldir_exists(&s.d, name));
	assert_all("a x y");
	put_known("a x y b", 3);
	assert_read("b");
	restart();
	assert_all("a x y b");
	assert_no_problems();
}

/* Two segments of one number, neither of them ours, and no state. */
TEST(two_of_one_number_from_the_start)
{
	assert_result(hs_spool_health(s.spool, NULL), HS_OK);
	bring(7, "a b");
	hs_io_pause(20);
	spooldir_write(&s.d, "events-20261123T101500.999Z-000007.jsonl",
	               HS_SLICE("{\"message_id\":\"c\",\"spooled_at\":\"2026-11-23T10:15:00.123Z\"}\n"));
	assert_all("a b c");
	assert_read("a b c");
	assert_no_problems();
	put_known("a b d", 2);
	assert_read("d");
}

/* The name appears at once, the lines come later. */
TEST(a_segment_that_is_being_copied)
{
	struct events *e = events_new("x y");
	struct hs_slice all = hs_buf_slice(&e->lines);
	char name[HS_SEALED_NAME];

	seal("a");
	for (uint64_t number = 1; number < 3; number++) { /* ours, and the open one's */
		begin_uncompressed(state);
		seal("a");
		assert_read("a");
		name_of(name, number);
		spooldir_write(&s.d, name, hs_slice(all.p, all.n - 5));
		assert_read("");
		put("b");
		assert_read("b");
		spooldir_add(&s.d, name, hs_slice(all.p + all.n - 5, 5));
		assert_read("x y");
		put_known("x y", 2);
		rotate();
		assert_all("a b x y");
		assert_no_problems();
	}
	events_free(e);
}

/* The open segment must be sealed first, which is too soon: senders come again, and nothing is out of order. */
TEST(one_that_comes_too_soon)
{
	struct events *e = events_new("c");
	uint64_t duplicate;
	struct hs_append batch;

	make("rotate_min_gap = 1m\n");
	seal("a");
	put("b");
	bring(3, "x");
	batch = events_batch(e, &duplicate);
	batch.deadline_ms = hs_io_now_monotonic() - 1; /* as on a busy machine; it looks all the same */
	assert_result(hs_spool_append(s.spool, &batch), HS_E_ROTATE_GAP);
	hs_io_pause(LOOK_MS);
	s.d.settings->rotate_min_gap = 0;
	put("c");
	assert_all("a b x c");
	assert_no_problems();
	events_free(e);
}

TEST(one_that_cannot_be_looked_at_leaves_no_descriptor_open)
{
	size_t before;

	put("a");
	before = unit_descriptors();
	for (unsigned nth = 1; nth < 10; nth++) {
		bring(1 + nth, "b");
		wrap_fail(WRAP_FSTAT, nth, 1, EIO);
		append("c");
		wrap_reset();
		append("d");
		assert_int_equal(unit_descriptors(), before);
	}
}

/* Nothing is moved while the move cannot be recorded. */
TEST(a_move_that_cannot_be_recorded)
{
	static const struct {
		enum wrap_call call;
		int error;
		enum hs_result result;
	} faults[] = { { WRAP_PWRITE, ENOSPC, HS_E_FULL }, { WRAP_FDATASYNC, EIO, HS_E_SYNC } };

	for (size_t i = 0; i < 2; i++) {
		uint64_t duplicate;

		seal("a");
		assert_read("a");
		bring(1, "x");
		wrap_fail(faults[i].call, 1, 1, faults[i].error);
		assert_result(events_append(s.spool, "x b", &duplicate), faults[i].result);
		if (faults[i].call == WRAP_FDATASYNC) /* its lines come first */
			assert_false(spooldir_exists(&s.d, ".hookspool/numbers"));
		wrap_reset();
		put_known("x b", 1);
		assert_read("x b");
		assert_all("a x b");
		assert_no_problems();
		begin_uncompressed(state);
	}
}

static int take_over(void *context)
{
	uint64_t duplicate;

	(void)context;
	return events_append(s.spool, "x b", &duplicate) == HS_OK ? 0 : 1;
}

TEST(killed_before_every_call)
{
	int status = -1;
	unsigned nth;

	for (nth = 1; status != 0; nth++) {
		begin_uncompressed(state);
		seal("a");
		put("c");
		assert_read("a c");
		bring(1, "x"); /* one is sealed, one is open */
		bring(2, "y");
		restart();
		status = child_killed(nth, true, take_over, NULL);
		assert_result(hs_spool_health(s.spool, NULL), HS_OK);
		put_known("x y b", status == 0 ? 3 : (uint64_t)(2 + spooldir_count(&s.d, "b")));
		read_some(UINT_MAX);
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

/* An append does not read the directory, except shortly after a change. */
TEST(the_directory_is_not_read_without_a_change)
{
	unsigned opened;

	put("a");
	for (int i = 0; i < 3; i++) {
		hs_io_pause(30);
		put_known("a", 1);
	}
	opened = wrap_count(WRAP_OPENAT);
	for (int i = 0; i < 100; i++)
		put_known("a", 1);
	assert_int_equal(wrap_count(WRAP_OPENAT), opened);
}

/* The openat(2) calls of a first append after the loss of the shared state, with as many settled segments. */
static unsigned opens_without_state(int segments)
{
	unsigned before;

	make("rotate_min_gap = 0\ncompress = none\ndedup_window = 0\n");
	for (int i = 0; i < segments; i++)
		seal("a");
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/state");
	wrap_clock(60000, 0);
	before = wrap_count(WRAP_OPENAT);
	restart();
	put("b");
	return wrap_count(WRAP_OPENAT) - before;
}

/* Only to sync it: that it is not being copied shows without opening it. */
TEST(after_the_loss_of_the_state_each_segment_is_opened_once)
{
	unsigned two = opens_without_state(2);

	assert_int_equal(opens_without_state(12), two + 10);
}

/*
 * Consumers know the open segment's lines by its number, which went with the state; others came under that number, or a
 * higher one, before a new state was made.
 */
TEST(the_open_segment_of_a_lost_state_keeps_the_number_of_its_cursors)
{
	static const struct {
		const char *sealed, *put;
		unsigned passed;  /* lines, by the cursor */
		uint64_t brought; /* the foreign segment's number */
		const char *rest; /* read after the cursor */
	} row[] = {
		{ NULL, "a b", 2, 1, "x y d" }, { NULL, "a b", 2, 2, "x y d" },      { NULL, "a b", 1, 1, "b x y d" },
		{ "z", "a b", 3, 1, "x y d" },  { "z", "a b c", 2, 2, "b c x y d" }, { "z", "a b", 3, 3, "x y d" },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct hs_position p, beyond;
		enum hs_fit fit;

		make("rotate_min_gap = 0\ncompress = none\n");
		if (row[i].sealed != NULL)
			seal(row[i].sealed);
		put(row[i].put);
		p = position_after(row[i].passed);
		save_cursor("old", position_after(1));
		if (row[i].sealed != NULL) { /* positions that prove nothing: of a longer file, and of a copy */
			beyond = p;
			beyond.number--;
			beyond.offset += 100000;
			save_cursor("beyond", beyond);
			beyond.offset = p.offset;
			beyond.edit = 7;
			save_cursor("edited", beyond);
		}
		save_cursor("c", p);
		stop();
		spooldir_unlink(&s.d, ".hookspool/run/state");
		bring(row[i].brought, "x y");
		restart();
		put("d");
		open_reader();
		assert_result(hs_reader_fit(s.reader, p, &fit), HS_OK);
		assert_int_equal(fit, HS_FIT);
		assert_read(row[i].rest);
		close_reader();
		assert_no_problems();
	}
}

/* --- what goes while it is looked at ------------------------------------------------------- */

static char going[HS_SEALED_NAME];

static void remove_it(void *unused)
{
	(void)unused;
	if (spooldir_exists(&s.d, going))
		spooldir_unlink(&s.d, going);
}

/* Somebody takes a segment away at any moment of the look that finds it: nothing of ours is lost or doubled. */
static void take_away(uint64_t number)
{
	bool ended = false;

	name_of(going, number);
	for (unsigned nth = 1; !ended; nth++) {
		make("rotate_min_gap = 0\ncompress = none\n");
		seal("a");
		put("b");
		bring(number, "x");
		wrap_reset();
		wrap_before(WRAP_FSTATAT, nth, remove_it, NULL);
		put("c");
		ended = wrap_count(WRAP_FSTATAT) < nth;
		wrap_reset();
		hs_io_pause(LOOK_MS);
		put("d");
		put_known("a b c d", 4);
		assert_once(&s.d, "a b c d");
		assert_int_equal(spooldir_count(&s.d, "x"), ended ? 1 : 0);
	}
}

TEST(one_that_goes_while_it_is_looked_at)
{
	take_away(7);
	take_away(1); /* it has the number of ours */
}

TEST(one_that_is_no_file)
{
	struct hs_sealed sealed = { .number = 7, .sealed_ms = INT64_C(1795428900123) };
	char name[HS_SEALED_NAME];
	int dir;

	name_of(name, 7);
	dir = spooldir_open(&s.d);
	spooldir_mkdir(&s.d, name);
	assert_false(hs_foreign_segments_is_growing(dir, "events", &sealed));
	close(dir);
	put("a b");
	rotate();
	assert_all("a b");
}

/* The form without a suffix and the compressed one are one segment, and get one number. */
TEST(both_forms_of_a_segment_whose_number_is_used)
{
	char name[HS_SEALED_NAME], gz[HS_SEALED_NAME + 4];
	struct hs_buf text;
	gzFile file;

	seal("a");
	bring(1, "x y");
	name_of(name, 1);
	snprintf(gz, sizeof gz, "%s.gz", name);
	text = spooldir_read(&s.d, name);
	file = gzopen(spooldir_path(&s.d, gz), "wb");
	assert_int_equal(gzwrite(file, text.p, (unsigned)text.n), text.n);
	assert_int_equal(gzclose(file), Z_OK);
	hs_buf_free(&text);
	hs_io_pause(LOOK_MS);
	put("b");
	assert_all("a x y b");
	put_known("a x y b", 4);
	assert_no_problems();
}

/* It has the number of ours, and is found again and again before it is whole: it is moved once. */
TEST(one_that_grows_under_a_used_number)
{
	char name[HS_SEALED_NAME];
	off_t numbers;

	seal("a");
	bring(1, "x y");
	name_of(name, 1);
	spooldir_cut(&s.d, name, spooldir_size(&s.d, name) - 1);
	hs_io_pause(LOOK_MS);
	put("b");
	numbers = spooldir_size(&s.d, ".hookspool/numbers");
	for (int i = 0; i < 3; i++) {
		hs_io_pause(LOOK_MS);
		put(i == 0 ? "c" : i == 1 ? "d" : "e");
		rotate();
	}
	assert_int_equal(spooldir_size(&s.d, ".hookspool/numbers"), numbers);
	spooldir_add(&s.d, name, HS_SLICE("\n"));
	hs_io_pause(LOOK_MS);
	put("f");
	assert_once(&s.d, "a b c d e f x y");
	put_known("a b c d e f x y", 8);
	assert_no_problems();
}

/* It is above the open one's number, which is sealed meanwhile: those that follow stay below until it is whole. */
TEST(one_that_grows_during_a_rotation)
{
	char name[HS_SEALED_NAME];

	seal("a");
	put("b");
	bring(3, "x y");
	name_of(name, 3);
	spooldir_cut(&s.d, name, spooldir_size(&s.d, name) - 1);
	hs_io_pause(LOOK_MS);
	rotate();
	put("c");
	assert_read("a b c");
	spooldir_add(&s.d, name, HS_SLICE("\n"));
	hs_io_pause(LOOK_MS);
	put("d");
	assert_read("x y d");
	assert_once(&s.d, "a b c x y d");
	put_known("a b c x y d", 6);
	assert_no_problems();
}

/* The open segment is empty, and its number is not known: it comes after the one that grows. */
TEST(one_that_grows_when_the_state_is_lost)
{
	char name[HS_SEALED_NAME];

	seal("a");
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/state");
	bring(2, "x y");
	name_of(name, 2);
	spooldir_cut(&s.d, name, spooldir_size(&s.d, name) - 1);
	restart();
	put("b");
	spooldir_add(&s.d, name, HS_SLICE("\n"));
	hs_io_pause(LOOK_MS);
	put("c");
	assert_once(&s.d, "a b c x y");
	assert_no_problems();
}

/* --- rotations ------------------------------------------------------------------------ */

static struct watch {
	pthread_mutex_t *append;
	unsigned held, free; /* listings of a directory with and without the append lock */
} watch;

static void note_listing(void *context)
{
	bool died, taken = hs_shared_state_try_lock(watch.append, &died) == HS_OK;

	if (taken)
		hs_shared_state_unlock(watch.append);
	watch.held += !taken;
	watch.free += taken;
	wrap_before(WRAP_FDOPENDIR, 1, note_listing, context);
}

static void fill(unsigned from, unsigned to)
{
	for (char word[16]; from < to; from++) {
		snprintf(word, sizeof word, "w%u", from);
		put(word);
	}
}

TEST(a_rotation_lists_no_directory_under_the_lock)
{
	struct hs_opened_spool o;

	make("rotate_min_gap = 0\ncompress = none\nrotate_size = 64K\n");
	fill(0, 3);
	hs_io_pause(30);
	put_known("w0", 1); /* the directory was looked at */
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	watch = (struct watch){ .append = &o.state.state->stream[HS_EVENTS].append };
	wrap_before(WRAP_FDOPENDIR, 1, note_listing, NULL);
	for (unsigned i = 1; i < 4; i++) {
		rotate();
		fill(3 * i, 3 * i + 3);
	}
	assert_int_equal(watch.held, 0);
	assert_true(watch.free > 0);
	while (spooldir_names(&s.d, "", "events-") < 5)
		fill(1000 * (unsigned)spooldir_lines(&s.d), 1000 * (unsigned)spooldir_lines(&s.d) + 50);
	assert_int_equal(watch.held, 0);
	put_known("w1 w4 w7 w10", 4);
	assert_no_problems();
	wrap_reset();
	hs_spool_dir_close(&o);
}

static void bring_two(void *context)
{
	(void)context;
	bring(3, "y");
	bring(2, "x");
}

/* Right then the directory is not looked at: it is afterwards. */
TEST(segments_that_come_during_a_rotation)
{
	seal("a");
	hs_io_pause(30);
	put("b");
	wrap_before(WRAP_RENAMEAT, 1, bring_two, NULL);
	rotate();
	put_known("x y a b c", 4);
	assert_once(&s.d, "a b c x y");
	rotate();
	read_all();
	assert_int_equal(strlen(s.got), 9);
	assert_no_problems();
}

static void raise_kill(void *context)
{
	(void)context;
	raise(SIGKILL);
}

static int rotate_and_die(void *context)
{
	(void)context;
	wrap_before(WRAP_RENAMEAT, 1, bring_two, NULL);
	wrap_before(WRAP_FDOPENDIR, 1, raise_kill, NULL);
	rotate();
	return 1;
}

/* The process that was to look is killed before: an append looks, a quarter of a second later. */
TEST(the_look_after_a_rotation_is_lost)
{
	seal("a");
	hs_io_pause(30);
	put("b");
	assert_int_equal(child_run(rotate_and_die, NULL), -1);
	hs_io_pause(260);
	put_known("x y a b c", 4);
	assert_once(&s.d, "a b c x y");
	assert_no_problems();
}

/* The directory changes after it was listed, or the segment is set aside: the list says nothing of what is there. */
TEST(a_list_that_is_out_of_date)
{
	struct hs_opened_spool o;
	struct hs_segment segment;
	struct hs_unlocked_look look;

	seal("a");
	put("b");
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	hs_segment_init(&segment, &o.dir, HS_EVENTS);
	assert_false(hs_foreign_segments_list(&segment, &look));
	for (int i = 0; i < 2; i++) {
		uint32_t known = segment.stream->known;

		hs_foreign_segments_look_later(&segment);
		assert_true(hs_foreign_segments_list(&segment, &look));
		assert_int_equal(look.count, 1 + i);
		if (i == 0)
			bring(7, "x");
		else
			segment.stream->known = 0;
		segment.stream->looked_ns = 1;
		hs_foreign_segments_note_list(&segment, &look);
		assert_int_equal(segment.stream->looked_ns, 1);
		segment.stream->known = known;
		free(look.list);
	}
	segment.stream->look_again_us = 0;
	hs_segment_close(&segment);
	hs_spool_dir_close(&o);
	put_known("x c", 1);
}

/* After a remount within one boot the file system may have another device number. */
TEST(on_another_device)
{
	struct hs_position at;

	seal("a");
	put("b");
	assert_read("a b");
	at = hs_reader_position(s.reader);
	close_reader();
	stop();
	wrap_device(1);
	restart();
	put_known("c b", 1);
	assert_result(hs_reader_open(s.d.settings, &s.reader), HS_OK);
	hs_reader_start(s.reader, at);
	assert_read("c");
	rotate();
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 2);
	assert_non_null(strstr(spooldir_name(&s.d, "events-", 1), "-000002.jsonl"));
	assert_all("a b c");
	assert_no_problems();
}

/* --- a segment that is about to be replaced ------------------------------------------------- */

/* The rest of a copy, which comes at the nth question. */
struct copying {
	char name[HS_SEALED_NAME];
	unsigned asked, nth;
	bool stop;
};

static bool copy_on(void *context)
{
	struct copying *c = context;

	if (++c->asked == c->nth)
		spooldir_add(&s.d, c->name, HS_SLICE("}\n"));
	return c->stop;
}

/* A clock that jumps: a minute has passed. */
static bool minute_passes(void *context)
{
	struct copying *c = context;

	spooldir_add(&s.d, c->name, HS_SLICE(" "));
	wrap_clock(0, 61000);
	return c->stop;
}

static enum hs_result await(struct copying *c, bool (*must_stop)(void *context))
{
	struct hs_sealed sealed;
	struct hs_opened_spool o;
	enum hs_result result;

	name_of(c->name, 2);
	assert_true(hs_sealed_parse("events", c->name, &sealed));
	spooldir_write(&s.d, c->name, HS_SLICE("{\"type\":\"page\""));
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	result = hs_foreign_segments_await(o.dir.fd, "events", &sealed, must_stop, c);
	hs_spool_dir_close(&o);
	return result;
}

TEST(a_copy_is_waited_for)
{
	struct copying comes = { .nth = 3 }, stops = { .stop = true }, never = { .nth = 0 };

	seal("a");
	assert_result(await(&comes, copy_on), HS_OK);
	assert_int_equal(comes.asked, 3);
	assert_result(await(&stops, copy_on), HS_OK);
	assert_int_equal(stops.asked, 1);
	assert_result(await(&never, minute_passes), HS_E_REWRITTEN);
	wrap_reset();
}

static bool no_more_is_beside(void *context)
{
	struct copying *c = context;

	if (++c->asked == c->nth)
		spooldir_unlink(&s.d, c->name);
	return c->stop;
}

/* Waits for a segment in one form, beside which another program makes the other one, or has left it. */
static enum hs_result await_beside(struct copying *c, bool gzip, bool (*must_stop)(void *context))
{
	struct hs_sealed sealed;
	struct hs_opened_spool o;
	enum hs_result result;
	char name[HS_SEALED_NAME];

	name_of(c->name, 2);
	assert_true(hs_sealed_parse("events", c->name, &sealed));
	for (int i = 0; i < 2; i++, sealed.gzip = !sealed.gzip) {
		hs_sealed_print("events", &sealed, name);
		spooldir_write(&s.d, name, HS_SLICE("{}\n"));
		spooldir_age(&s.d, name);
		if (sealed.gzip != gzip)
			memcpy(c->name, name, sizeof name);
	}
	sealed.gzip = gzip;
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	result = hs_foreign_segments_await(o.dir.fd, "events", &sealed, must_stop, c);
	hs_spool_dir_close(&o);
	return result;
}

/* gzip(1) and gunzip end with the removal of the file that they have read, by its name. */
TEST(who_compresses_or_unpacks_a_segment_is_waited_for)
{
	struct copying gzip = { .nth = 3 }, gunzip = { .nth = 3 }, never = { .nth = 0 };

	seal("a");
	assert_result(await_beside(&gzip, false, no_more_is_beside), HS_OK);
	assert_int_equal(gzip.asked, 3);
	assert_result(await_beside(&gunzip, true, no_more_is_beside), HS_OK);
	assert_int_equal(gunzip.asked, 3);
	assert_result(await_beside(&never, true, minute_passes), HS_E_REWRITTEN);
	wrap_reset();
	said_begin(HS_LOG_WARN);
	assert_result(await_beside(&never, false, minute_passes), HS_E_REWRITTEN);
	assert_non_null(strstr(said_end(), ".gz is beside its plain file, as if somebody were still compressing it"));
	wrap_reset();
}

/* A kill leaves both forms of a segment, which compression has made. */
TEST(a_compressed_form_that_was_left_is_not_waited_for)
{
	struct copying left = { .nth = 0 };

	seal("a");
	wrap_clock(10000, 0); /* it was ten seconds ago */
	assert_result(await_beside(&left, false, no_more_is_beside), HS_OK);
	assert_int_equal(left.asked, 0);
	wrap_reset();
}

/* --- whatever is copied in is awaited ------------------------------------------------------- */

/* Waits while a segment whose number is in use is being copied in. */
static enum hs_result await_all(struct copying *c, bool (*must_stop)(void *context))
{
	struct hs_opened_spool o;
	enum hs_result result;

	name_of(c->name, 1);
	spooldir_write(&s.d, c->name, HS_SLICE("{\"type\":\"page\",\"message_id\":\"x\""));
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	result = hs_incoming_await(&o.dir, must_stop, c);
	hs_spool_dir_close(&o);
	return result;
}

TEST(erase_and_repair_wait_for_a_copy_of_a_used_number)
{
	struct copying comes = { .nth = 2 }, stops = { .stop = true }, never = { .nth = 0 };

	seal("a");
	put("b");
	assert_result(await_all(&stops, copy_on), HS_OK);
	assert_int_equal(stops.asked, 1);
	assert_result(await_all(&never, minute_passes), HS_E_REWRITTEN);
	wrap_reset();
	assert_result(await_all(&comes, copy_on), HS_OK);
	assert_int_equal(comes.asked, 2);
	assert_all("a b x");
}

static void pass_a_minute(void *context)
{
	(void)context;
	wrap_clock(0, 61000);
}

/* Repair, which nobody stops, gives up in the end, and has replaced nothing. */
TEST(a_repair_does_not_wait_for_ever)
{
	struct copying never = { .nth = 0 };

	seal("a");
	put("b");
	wrap_before(WRAP_FDOPENDIR, 1, pass_a_minute, NULL);
	assert_result(await_all(&never, NULL), HS_E_REWRITTEN);
	wrap_reset();
}

static void prepare_incoming(void)
{
	begin_uncompressed(NULL);
	seal("a");
	put("b");
	bring(1, "x");
}

static enum hs_result run_incoming(void)
{
	struct hs_opened_spool o;
	enum hs_result result = hs_spool_dir_open(&o, s.d.settings, false);

	if (result != HS_OK)
		return result;
	result = hs_incoming_await(&o.dir, NULL, NULL);
	hs_spool_dir_close(&o);
	return result;
}

static void is_taken_in(void)
{
	assert_true(spooldir_exists(&s.d, ".hookspool/numbers"));
	assert_all("a b x");
}

/* Only when all segments are taken in does it say so, whichever call fails. */
TEST(all_is_taken_in_whatever_fails)
{
	fail_each(&(struct job){ prepare_incoming, run_incoming, is_taken_in, 8 });
}

TESTS("foreign_segments", begin_uncompressed, finish)

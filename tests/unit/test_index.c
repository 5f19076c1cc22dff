/*
 * index: each event is kept once, whichever process gets it again and when, through failed writes
 * and syncs, until its window ends.
 */
#include "base/io.h"
#include "spool/dedup/id_lsm.h"
#include "spool/dedup/index_store.h"
#include "spool/shared/shared_state.h"
#include "tests/lib/random.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

/* --- what is a duplicate ------------------------------------------------------------ */

TEST(within_one_append)
{
	put_known("a b a c b a", 3);
	put_known("a a", 2);
	assert_once(&s.d, "a b c");
	assert_int_equal(spooldir_lines(&s.d), 3);
}

TEST(across_appends)
{
	put("a");
	put_known("a", 1);
	put_known("b a c", 1);
	put_known("c d b e a", 3);
	assert_once(&s.d, "a b c d e");
	assert_int_equal(spooldir_lines(&s.d), 5);
}

TEST(the_order_of_the_others_stays)
{
	struct hs_buf text;
	const char *at;

	put("b");
	put_known("a b c b d", 2);
	text = spooldir_read(&s.d, "events.jsonl");
	hs_buf_putc(&text, '\0');
	at = strstr(text.p, "\"a\"");
	assert_non_null(at);
	at = strstr(at, "\"c\"");
	assert_non_null(at);
	assert_non_null(strstr(at, "\"d\""));
	hs_buf_free(&text);
}

TEST(tenants_are_apart)
{
	put_known("a acme/a globex/a acme/a", 1);
	put_known("acme/a initech/a a", 2);
	assert_once(&s.d, "a acme/a globex/a initech/a");
}

TEST(events_without_an_id_are_no_duplicates)
{
	put("!x !x a !x");
	put_known("!x a", 1);
	assert_int_equal(spooldir_lines(&s.d), 5);
}

TEST(turned_off)
{
	make("dedup_window = 0\n");
	put("a a");
	put("a");
	assert_int_equal(spooldir_count(&s.d, "a"), 3);
	assert_false(spooldir_exists(&s.d, ".hookspool/run/index"));
}

/* Drops the ids that processes note for each other: they must read the lines. */
static void lose_recent(void)
{
	static const uint64_t nowhere = UINT64_MAX;
	int fd = open(spooldir_path(&s.d, ".hookspool/run/state"), O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &nowhere, sizeof nowhere, offsetof(struct hs_shared_state, recent.to)),
	                 sizeof nowhere);
	close(fd);
}

static void lose_nothing(void)
{
}

static void across(void (*lose)(void))
{
	struct hs_spool *other = hs_spool_new(s.d.settings);
	uint64_t duplicate;

	put("a b");
	put_in(other, "b c", 1);
	lose();
	put_known("c !without d", 1);
	lose();
	assert_result(events_append_apart(&s.d, "a b c d e", &duplicate), HS_OK);
	assert_int_equal(duplicate, 4);
	put_known("e", 1);
	put_in(other, "e a", 2);
	put(many("s", 0, 100));
	lose();
	put_in(other, many("s", 50, 150), 50);
	lose();
	/* enough that the next process moves them to the index */
	assert_result(events_append_apart(&s.d, many("s", 100, 200), &duplicate), HS_OK);
	assert_int_equal(duplicate, 50);
	put_known(many("s", 0, 200), 200);
	put_in(other, many("s", 0, 200), 200);
	rotate();
	put_in(other, many("s", 0, 200), 200);
	put_known("a b c d e", 5);
	assert_int_equal(spooldir_lines(&s.d), 206);
	hs_spool_free(other);
}

TEST(across_objects_and_processes)
{
	across(lose_nothing);
}

TEST(across_objects_and_processes_without_their_notes)
{
	across(lose_recent);
}

/* Lines of other processes need not be read: their ids are noted. */
TEST(noted_lines_are_not_read)
{
	struct hs_spool *other = hs_spool_new(s.d.settings);
	unsigned reads;

	put("a");
	put_in(other, "b", 0);
	reads = wrap_count(WRAP_PREAD);
	for (int i = 0; i < 10; i++) {
		put(many("s", 100 * i, 100 * i + 100));
		put_in(other, many("s", 100 * i, 100 * i + 100), 100);
	}
	assert_int_equal(wrap_count(WRAP_PREAD), reads);
	hs_spool_free(other);
}

/* Two take turns at thousands: each finds in the index what the other moved there. */
TEST(across_objects_by_the_thousand)
{
	struct hs_spool *other = hs_spool_new(s.d.settings);

	for (int i = 1000; i <= 12000; i += 1000) {
		put_in(i % 2000 == 0 ? s.spool : other, many("s", i, i + 1000), 0);
		if (i == 1000)
			continue;
		put_known(many("s", i - 1000, i + 1000), 2000);
		put_in(other, many("s", i - 1000, i + 1000), 2000);
	}
	assert_int_equal(spooldir_lines(&s.d), 12000);
	hs_spool_free(other);
}

/* A process without a dedup window notes nothing: its lines are read. */
TEST(across_a_process_without_an_index)
{
	struct hs_settings without = *s.d.settings;
	struct hs_spool *other;

	without.dedup_window = 0;
	other = hs_spool_new(&without);
	put("a b");
	put_in(other, "c a", 0);
	put_known("c d", 1);
	put_in(other, "e", 0);
	put_known("a b c d e", 5);
	hs_spool_free(other);
}

TEST(through_rotations_and_restarts)
{
	for (int i = 0; i < 5; i++) {
		put_known(many("m", 0, 100 * i), (uint64_t)(100 * i));
		put(many("m", 100 * i, 100 * i + 100));
		rotate();
		if (i % 2 == 1)
			restart();
	}
	put_known(many("m", 0, 500), 500);
	assert_int_equal(spooldir_lines(&s.d), 500);
	assert_sound(&s.d);
}

/* --- a write or sync that fails ------------------------------------------------------- */

TEST(an_unwritten_id_does_not_count)
{
	put("a");
	wrap_fail(WRAP_PWRITE, 1, 1, ENOSPC);
	assert_result(append("b a c"), HS_E_FULL);
	put_known("b a c", 1);
	assert_once(&s.d, "a b c");
}

/* Without memory: nothing that looks like an event may stay. */
TEST(not_written_and_no_memory)
{
	for (int call = WRAP_CALLOC; call <= WRAP_REALLOC; call++)
		for (unsigned nth = 1; nth <= 4; nth++) {
			struct events *e = events_new(many("x", 0, 300));
			uint64_t duplicate = 0;
			struct hs_append batch = events_batch(e, &duplicate);
			enum hs_result r;

			make("");
			put("a x299");
			wrap_fail(WRAP_PWRITE, 1, WRAP_FOREVER, ENOSPC);
			wrap_fail((enum wrap_call)call, nth, WRAP_FOREVER, ENOMEM);
			r = hs_spool_append(s.spool, &batch);
			wrap_reset();
			assert_true(r == HS_E_FULL || r == HS_E_MEMORY);
			put_known(many("x", 0, 300), 1);
			assert_int_equal(spooldir_lines(&s.d), 301);
			events_free(e);
		}
}

TEST(every_allocation_fails)
{
	for (int call = WRAP_CALLOC; call <= WRAP_REALLOC; call++)
		for (unsigned nth = 1; nth <= 12; nth++)
			for (int ever = 0; ever < 2; ever++) {
				struct events *e = events_new("a b a c");
				uint64_t duplicate = 0;
				struct hs_append batch = events_batch(e, &duplicate);
				enum hs_result r;

				make("");
				if (nth % 2 == 0)
					put("z");
				wrap_fail((enum wrap_call)call, nth, ever ? WRAP_FOREVER : 1, ENOMEM);
				r = hs_spool_append(s.spool, &batch);
				wrap_reset();
				if (r == HS_OK)
					assert_once(&s.d, "a b c");
				assert_result(append("a b c"), HS_OK);
				assert_once(&s.d, "a b c");
				events_free(e);
			}
}

TEST(an_unsynced_id_does_not_count)
{
	put("a");
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_result(append(many("b", 0, 200)), HS_E_SYNC);
	put_known("a", 1);
	put(many("b", 0, 200));
	put_known(many("b", 0, 200), 200);
	assert_int_equal(spooldir_lines(&s.d), 201);
	assert_sound(&s.d);
}

static void append_beside(void *context)
{
	struct events *e = events_new("z");
	uint64_t duplicate;

	hs_spool_append(context, &(struct hs_append){ .records = hs_buf_slice(&e->lines),
	                                              .record = e->record,
	                                              .count = 1,
	                                              .duplicate = &duplicate,
	                                              .deadline_ms = hs_io_now_monotonic() + 5 });
	events_free(e);
}

/* Another process moves lines to the index while their sync is under way; then it fails. */
TEST(only_synced_lines_go_to_the_index)
{
	struct hs_spool *other = hs_spool_new(s.d.settings);

	put(many("a", 0, 150));
	wrap_before(WRAP_FDATASYNC, 1, append_beside, other);
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_result(append(many("b", 0, 200)), HS_E_SYNC);
	put_in(other, many("a", 0, 150), 150);
	put_in(other, many("b", 0, 200), 0);
	put("z");
	put_known(many("b", 0, 200), 200);
	assert_int_equal(spooldir_lines(&s.d), 351);
	hs_spool_free(other);
}

/* A duplicate of an event that is not synced yet waits for the same sync, and shares its fate. */
TEST(a_duplicate_waits_for_its_first)
{
	struct events *e = events_new("b");

	put("a");
	spooldir_add(&s.d, "events.jsonl", hs_buf_slice(&e->lines)); /* its writer was killed */
	wrap_reset();
	put_known("b", 1);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 1);
	put_known("b", 1);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 1);
	events_free(e);
	e = events_new("c");
	spooldir_add(&s.d, "events.jsonl", hs_buf_slice(&e->lines));
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_result(append("c"), HS_E_SYNC);
	put("c");
	assert_once(&s.d, "a b c");
	events_free(e);
}

TEST(whole_lines_of_a_killed_writer_count)
{
	struct events *e = events_new("b c");

	put("a");
	spooldir_add(&s.d, "events.jsonl", hs_buf_slice(&e->lines));
	put_known("b c d", 2);
	assert_once(&s.d, "a b c d");
	events_free(e);
}

/* --- the window ------------------------------------------------------------------------ */

TEST(the_window_ends)
{
	make("dedup_window = 1h\nrotate_min_gap = 0\n");
	put(many("a", 0, 200));
	put(many("b", 0, 200)); /* moves the first ones to the index */
	wrap_clock(3590000, 0);
	put_known("a0 a199", 2);
	wrap_clock(3610000, 0);
	put("a0 a199");
	put_known("a0 a199", 2);
	assert_int_equal(spooldir_count(&s.d, "a0"), 2);
	assert_int_equal(spooldir_count(&s.d, "a1"), 1);
}

/* On a quiet spool an id may stay in memory for weeks, but must not outlive the window. */
TEST(the_window_ends_for_pending_ids_too)
{
	make("dedup_window = 1h\nrotate_min_gap = 0\n");
	put("q");
	wrap_clock(3590000, 0);
	put_known("q", 1);
	wrap_clock(3610000, 0);
	put("q");
	put_known("q", 1);
}

TEST(old_ids_are_removed)
{
	make("dedup_window = 1h\nrotate_min_gap = 0\nrotate_age = 0\n");
	for (int i = 0; i < 10; i++)
		put(many("old", 900 * i, 900 * i + 900));
	assert_int_equal(ids_known(), 9000);
	wrap_clock(7200000, 7200000);
	for (int i = 0; i < 30; i++)
		put(many("new", 900 * i, 900 * i + 900));
	assert_int_equal(ids_known(), 27000);
	put_known(many("new", 17100, 18000), 900);
}

TESTS("index", begin, finish)

/*
 * index: each event is kept once, whichever process gets it again and when; an index that is
 * behind, lost, damaged or too small gives the same answers.
 */
#include "base/io.h"
#include "spool/dedup/id_lsm.h"
#include "spool/dedup/index_store.h"
#include "spool/shared/shared_state.h"
#include "tests/lib/random.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

/* "PREFIX0 PREFIX1 …", in one of two static buffers in turn. */
static const char *many(const char *prefix, int from, int to)
{
	static char text[2][64 * 1024];
	static int next;
	char *out = text[next++ % 2];
	size_t n = 0;

	out[0] = '\0';
	for (int i = from; i < to; i++)
		n += (size_t)snprintf(out + n, sizeof text[0] - n, "%s%d ", prefix, i);
	assert_true(n < sizeof text[0]);
	return out;
}

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

/* The same without memory: nothing that looks like an event may stay. */
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

static uint64_t ids_known(void)
{
	struct hs_known known;

	assert_result(hs_spool_known(s.spool, soon(), &known), HS_OK);
	return known.ids;
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

/* --- an index that is lost, cut, damaged, put back ---------------------------------------- */

static void lose_index(void)
{
	spooldir_unlink(&s.d, ".hookspool/run/index");
}

static void cut_index(void)
{
	spooldir_cut(&s.d, ".hookspool/run/index", spooldir_size(&s.d, ".hookspool/run/index") / 2);
}

static void empty_index(void)
{
	spooldir_cut(&s.d, ".hookspool/run/index", 0);
}

static void put_noise(void)
{
	struct random_source r = random_new(11);
	size_t n = (size_t)spooldir_size(&s.d, ".hookspool/run/index");
	struct hs_buf noise = { 0 };

	while (noise.n < n)
		hs_buf_putc(&noise, (char)random_below(&r, 256));
	spooldir_write(&s.d, ".hookspool/run/index", hs_buf_slice(&noise));
	hs_buf_free(&noise);
}

/* The first pages are good, the others are not. */
static void put_noise_after_the_head(void)
{
	struct hs_buf text = spooldir_read(&s.d, ".hookspool/run/index");

	for (size_t i = 8192; i < text.n; i++)
		text.p[i] = (char)(i * 2654435761U >> 7);
	spooldir_write(&s.d, ".hookspool/run/index", hs_buf_slice(&text));
	hs_buf_free(&text);
}

static void put_another(void)
{
	spooldir_write(&s.d, ".hookspool/new", HS_SLICE("this is no index"));
	spooldir_rename(&s.d, ".hookspool/new", ".hookspool/run/index");
}

static void lose_state(void)
{
	spooldir_unlink(&s.d, ".hookspool/run/state");
}

static void boot(void)
{
	struct hs_shared_state *state = spooldir_state(&s.d);

	state->boot_id[0] = state->boot_id[0] == 'x' ? 'y' : 'x';
	spooldir_state_done(state);
	put_noise(); /* what a power cut may leave of a file that is never synced */
}

static void (*const harms[])(void) = {
	lose_index, cut_index, empty_index, put_noise, put_noise_after_the_head, put_another, lose_state, boot,
};

static void fill_three_segments(void)
{
	for (int i = 0; i < 3; i++) {
		put(many("m", 300 * i, 300 * i + 300));
		if (i < 2)
			rotate();
	}
}

TEST(an_index_damaged_while_it_is_closed)
{
	for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
		make("rotate_min_gap = 0\n");
		fill_three_segments();
		stop();
		harms[i]();
		restart();
		for (int j = 0; j < 3; j++)
			put_known(many("m", 300 * j, 300 * j + 300), 300);
		put("new");
		put_known("new", 1);
		assert_int_equal(spooldir_lines(&s.d), 901);
	}
}

/*
 * Another version left its index, which claims to have read everything. Its ids are not
 * to be believed.
 */
TEST(an_index_of_another_format)
{
	const char *path;
	uint64_t last = UINT64_MAX, mark[64] = { 0 };
	MDB_val key = { sizeof last, &last }, value;
	struct hs_shared_state *shared;
	struct stat st;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi records;

	fill_three_segments();
	put("x");
	stop();
	path = spooldir_path(&s.d, ".hookspool/run/index");
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, HS_ID_LSM_FLAGS, &records), 0);
	assert_int_equal(mdb_get(txn, records, &key, &value), 0);
	assert_true(value.mv_size <= sizeof mark);
	memcpy(mark, value.mv_data, value.mv_size);
	mark[0]--; /* its format */
	value.mv_data = mark;
	assert_int_equal(mdb_drop(txn, records, 0), 0);
	assert_int_equal(mdb_put(txn, records, &key, &value, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	assert_int_equal(stat(path, &st), 0);
	shared = spooldir_state(&s.d);
	shared->index.size = (uint64_t)st.st_size;
	shared->index.changed_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	spooldir_state_done(shared);
	restart();
	for (int j = 0; j < 3; j++)
		put_known(many("m", 300 * j, 300 * j + 300), 300);
	put_known("x y", 1);
}

/* The same while a process has it open. */
static int use_harmed(void *context)
{
	uint64_t duplicate;

	(void)context;
	for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
		if (harms[i] == boot || harms[i] == lose_state) /* never while it is in use */
			continue;
		harms[i]();
		for (int j = 0; j < 3; j++)
			if (events_append(s.spool, many("m", 300 * j, 300 * j + 300), &duplicate) != HS_OK ||
			    duplicate != 300)
				return 10 + (int)i;
		if (events_append(s.spool, many("n", 300 * (int)i, 300 * (int)i + 300), &duplicate) != HS_OK ||
		    duplicate != 0)
			return 20 + (int)i;
	}
	return 0;
}

static int fill_and_use(void *context)
{
	(void)context;
	for (int i = 0; i < 3; i++)
		if (append(many("m", 300 * i, 300 * i + 300)) != HS_OK)
			return 1;
	return use_harmed(NULL);
}

TEST(an_index_damaged_while_it_is_open)
{
	/* in a child, since LMDB may die of what it reads */
	assert_int_equal(child_run(fill_and_use, NULL), 0);
}

/* Several have it open when it is lost: it is rebuilt once, not once for each. */
TEST(a_lost_index_is_rebuilt_once)
{
	struct hs_spool *other = hs_spool_new(s.d.settings);
	ino_t anew;

	put(many("m", 0, 300));
	put_in(other, many("m", 0, 300), 300);
	lose_index();
	put_known(many("m", 0, 300), 300);
	anew = spooldir_inode(&s.d, ".hookspool/run/index");
	put_in(other, many("m", 0, 300), 300);
	assert_int_equal(spooldir_inode(&s.d, ".hookspool/run/index"), anew);
	put_known(many("m", 0, 300), 300);
	put_in(other, many("m", 0, 301), 300);
	put_known(many("m", 0, 302), 301);
	assert_int_equal(spooldir_inode(&s.d, ".hookspool/run/index"), anew);
	hs_spool_free(other);
}

/* The clock is a year ahead for a while: afterwards all ids are still known. */
TEST(the_clock_is_ahead_for_a_while)
{
	put(many("a", 0, 200));
	put(many("b", 0, 200));
	wrap_clock(INT64_C(365) * 86400000, 0);
	put(many("c", 0, 200));
	restart();
	put(many("d", 0, 200));
	wrap_clock(0, 0);
	put_known(many("c", 0, 200), 200);
	put_known(many("d", 0, 200), 200);
	put_known(many("a", 0, 200), 200);
	put_known(many("b", 0, 200), 200);
}

/* Another process has a shorter window: the others still know the ids. */
TEST(another_process_has_a_shorter_window)
{
	struct hs_settings shorter = *s.d.settings;
	struct hs_spool *other;

	shorter.dedup_window = 3600000;
	other = hs_spool_new(&shorter);
	put(many("a", 0, 200));
	wrap_clock(7200000, 7200000);
	put_in(other, many("b", 0, 200), 0);
	put_in(other, many("b", 0, 200), 200);
	hs_spool_free(other);
	other = hs_spool_new(&shorter);
	put_in(other, "b0 c", 1);
	put_known(many("a", 0, 200), 200);
	restart();
	put_known(many("a", 0, 200), 200);
	hs_spool_free(other);
}

/* A longer window than before: ids in the files are known again. */
TEST(the_window_is_made_longer)
{
	struct hs_settings longer;

	make("dedup_window = 1h\nrotate_min_gap = 0\n");
	put(many("a", 0, 200));
	wrap_clock(7200000, 7200000);
	put(many("b", 0, 200));
	restart();
	put_known("b0 c", 1);
	longer = *s.d.settings;
	longer.dedup_window = INT64_C(28) * 86400000;
	stop();
	s.spool = hs_spool_new(&longer);
	put_known(many("a", 0, 200), 200);
	put_known(many("b", 0, 200), 200);
	restart();
}

/* An older copy is put back: the lines that it lacks are read again. */
TEST(an_older_index_is_put_back)
{
	struct hs_buf old;

	put(many("m", 0, 300));
	put("x");
	stop();
	old = spooldir_read(&s.d, ".hookspool/run/index");
	restart();
	put(many("m", 300, 600));
	put("y");
	stop();
	spooldir_write(&s.d, ".hookspool/run/index", hs_buf_slice(&old));
	restart();
	put_known(many("m", 0, 600), 600);
	put_known("x y", 2);
	hs_buf_free(&old);
}

/* An index that has read beyond the end of the file belongs to another file. */
TEST(an_index_ahead_of_the_file)
{
	struct hs_buf text;
	struct hs_shared_state *shared;

	put(many("m", 0, 300));
	text = spooldir_read(&s.d, "events.jsonl");
	put(many("m", 300, 600));
	put("x");
	stop();
	/* the file of an hour ago, and a state that knows only the numbers */
	spooldir_write(&s.d, "events.jsonl", hs_buf_slice(&text));
	shared = spooldir_state(&s.d);
	for (int i = 0; i < HS_STREAMS; i++)
		shared->stream[i].known = 0;
	spooldir_state_done(shared);
	restart();
	put_known(many("m", 0, 300), 300);
	put(many("m", 300, 600));
	put("x");
	assert_int_equal(spooldir_lines(&s.d), 601);
	hs_buf_free(&text);
}

TEST(a_file_that_was_moved_away)
{
	put(many("m", 0, 300));
	put("x");
	spooldir_rename(&s.d, "events.jsonl", "moved.jsonl");
	/* ids in the index still count; the others must be accepted again */
	put(many("n", 0, 300));
	put_known(many("n", 0, 300), 300);
	put("y");
	put_known("y", 1);
	restart();
	put_known(many("n", 0, 300), 300);
	put_known("y z", 1);
	assert_once(&s.d, "y z n0 n299");
}

/* The index has read the old file, and nothing of the new one, however long that is. */
TEST(a_file_that_was_replaced)
{
	struct events *e = events_new(many("r", 0, 600));

	put(many("m", 0, 300));
	put("x");
	spooldir_rename(&s.d, "events.jsonl", "moved.jsonl");
	spooldir_write(&s.d, "events.jsonl", hs_buf_slice(&e->lines));
	put_known(many("r", 0, 600), 600);
	restart();
	put_known(many("r", 0, 600), 600);
	put("y");
	assert_int_equal(spooldir_lines(&s.d), 601);
	events_free(e);
}

static void gzip_in_place(const char *name)
{
	struct hs_buf text = spooldir_read(&s.d, name);
	char gz[HS_SEALED_NAME + 4];
	gzFile file;

	snprintf(gz, sizeof gz, "%s.gz", name);
	file = gzopen(spooldir_path(&s.d, gz), "wb");
	assert_non_null(file);
	assert_int_equal(gzwrite(file, text.p, (unsigned)text.n), text.n);
	assert_int_equal(gzclose(file), Z_OK);
	hs_buf_free(&text);
	spooldir_unlink(&s.d, name);
}

TEST(compressed_segments_are_read)
{
	fill_three_segments();
	gzip_in_place(spooldir_name(&s.d, "events-", 0));
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/index");
	restart();
	for (int j = 0; j < 3; j++)
		put_known(many("m", 300 * j, 300 * j + 300), 300);
	assert_int_equal(spooldir_lines(&s.d), 900);
}

/* Lines before the damage count; those after it cannot be known. */
TEST(a_damaged_gzip_does_not_stop_it)
{
	const char *name;

	fill_three_segments();
	gzip_in_place(spooldir_name(&s.d, "events-", 0));
	name = spooldir_name(&s.d, "events-", 0);
	spooldir_cut(&s.d, name, spooldir_size(&s.d, name) - 8);
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/index");
	restart();
	put_known(many("m", 300, 600), 300);
	put_known(many("m", 600, 900), 300);
}

/* A segment replaced by a link, by a folder, or owned by another user: service goes on. */
TEST(a_false_segment_does_not_stop_it)
{
	const char *path;
	const char *name;

	for (int i = 0; i < 3; i++) {
		make("rotate_min_gap = 0\n");
		fill_three_segments();
		name = spooldir_name(&s.d, "events-", 0);
		path = spooldir_path(&s.d, name);
		if (i < 2)
			spooldir_unlink(&s.d, name);
		if (i == 0)
			assert_int_equal(symlink("/archive/of/old", path), 0);
		else if (i == 1)
			assert_int_equal(mkdir(path, 0700), 0);
		else
			assert_int_equal(chmod(path, 0), 0);
		restart();
		lose_index();
		put_known(many("m", 300, 600), 300);
		put_known(many("m", 600, 900), 300);
	}
}

/* A sealed segment goes before the index has read it. */
TEST(retention_deletes_a_segment)
{
	fill_three_segments();
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/index");
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	restart();
	put_known(many("m", 300, 600), 300);
	put(many("m", 0, 300));
}

/* Another process adds whole segments while this one sleeps. */
TEST(catching_up)
{
	struct hs_spool *other = hs_spool_new(s.d.settings);

	put("a");
	for (int i = 0; i < 4; i++) {
		put_in(other, many("m", 300 * i, 300 * i + 300), 0);
		assert_result(hs_spool_rotate(other, soon()), HS_OK);
	}
	put_in(other, many("m", 1200, 1230), 0);
	for (int i = 0; i < 4; i++)
		put_known(many("m", 300 * i, 300 * i + 300), 300);
	put_known(many("m", 1200, 1230), 30);
	put_known("a", 1);
	hs_spool_free(other);
}

/* Two put ids in turn: each continues from the other's, and no id is lost. */
TEST(in_turns)
{
	enum { TURNS = 60, EACH = 900 };
	struct hs_spool *other = hs_spool_new(s.d.settings);

	for (int i = 0; i < TURNS; i++)
		put_in(i % 2 == 0 ? s.spool : other, many("t", EACH * i, EACH * i + EACH), 0);
	for (int i = 0; i < TURNS; i += 7)
		put_in(i % 2 == 0 ? other : s.spool, many("t", EACH * i, EACH * i + EACH), EACH);
	assert_true(ids_known() >= TURNS * EACH);
	hs_spool_free(other);
}

/* An append of an event without an id, with no time to read much first. */
static enum hs_result put_hurriedly(struct hs_spool *spool)
{
	static const char line[] = "{\"type\":\"a\"}\n";
	struct hs_record record = { .n = sizeof line - 1 };
	uint64_t duplicate;
	struct hs_append append = { .records = HS_SLICE(line),
		                    .record = &record,
		                    .count = 1,
		                    .duplicate = &duplicate,
		                    .deadline_ms = hs_io_now_monotonic() + 1 };

	return hs_spool_append(spool, &append);
}

/* A large spool is not read in one go while senders wait: each append reads on, until all is read. */
static void hurried(void)
{
	int busy = 0;

	while (put_hurriedly(s.spool) == HS_E_INDEXING && busy < 1000)
		busy++;
	assert_true(busy > 1);
}

/* A large spool, in steps: two processes continue each other's work instead of starting again. */
TEST(an_index_rebuilt_in_turns)
{
	enum { LINES = 200000, ATTEMPTS = 300 };
	struct hs_spool *other = hs_spool_new(s.d.settings);
	struct hs_buf text = { 0 };
	char line[128];
	int i;

	spooldir_mkdir(&s.d, "");
	for (i = 0; i < LINES; i++)
		hs_buf_put(&text, line, (size_t)snprintf(line, sizeof line, "{\"message_id\":\"m%d\"}\n", i));
	spooldir_write(&s.d, "events-20261123T101500.123Z-000001.jsonl", hs_buf_slice(&text));
	hs_buf_free(&text);
	put_known("m0 x", 1);
	put_in(other, "m0 x", 2);
	lose_index();
	for (i = 0; i < ATTEMPTS; i++)
		if (put_hurriedly(i % 2 == 0 ? s.spool : other) == HS_OK)
			break;
	assert_true(i < ATTEMPTS);
	put_known("m199999 x y", 2);
	put_in(other, "m0 x y", 3);
	hs_spool_free(other);
}

static size_t peak;

/* Before each read: records how much memory is in use. */
static void weigh(void *context)
{
	size_t now = unit_heap();

	peak = now > peak ? now : peak;
	wrap_before(WRAP_PREAD, 1, weigh, context);
}

static void fill_open_segment(int lines)
{
	struct hs_buf text = { 0 };
	char line[128];

	spooldir_mkdir(&s.d, "");
	for (int i = 0; i < lines; i++)
		hs_buf_put(&text, line, (size_t)snprintf(line, sizeof line, "{\"message_id\":\"m%d\"}\n", i));
	spooldir_write(&s.d, "events.jsonl", hs_buf_slice(&text));
	hs_buf_free(&text);
}

/* However long, it goes to the index in parts, and is never in memory as a whole. */
TEST(a_long_open_segment_takes_little_memory)
{
	enum { LINES = 400000, MOST = 18 << 20 };
	size_t before;

	fill_open_segment(LINES);
	before = peak = unit_heap();
	wrap_before(WRAP_PREAD, 1, weigh, NULL);
	put_known("m0 m399999 x", 2);
	wrap_reset();
	assert_true(peak > before);
	if (peak - before > MOST)
		fail_msg("%zu KiB are held at once", (peak - before) / 1024);
}

/* An open segment with more ids than memory holds: all of them are in the index, for every process. */
TEST(a_long_open_segment)
{
	enum { LINES = 100000 };
	struct hs_spool *other = hs_spool_new(s.d.settings);

	fill_open_segment(LINES);
	put_known("m0 m99999 x", 2);
	for (int i = 0; i < LINES; i += LINES / 20) {
		put_known(many("m", i, i + 300), 300);
		put_in(other, many("m", i, i + 300), 300);
	}
	restart();
	put_known("m0 m32767 m32768 m65535 m65536 m99999 x y", 7);
	hs_spool_free(other);
}

/* The segment that the mark points to is deleted; the next one is read from its start. */
TEST(the_marked_segment_is_gone)
{
	struct hs_spool *other = hs_spool_new(s.d.settings);

	put(many("m", 0, 300));
	put("x");
	assert_result(hs_spool_rotate(other, soon()), HS_OK);
	put_in(other, many("n", 0, 600), 0);
	assert_result(hs_spool_rotate(other, soon()), HS_OK);
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	put_known(many("n", 0, 600), 600);
	put_known(many("m", 0, 300), 300); /* what was read is not forgotten */
	hs_spool_free(other);
}

/* --- sizes -------------------------------------------------------------------------- */

/*
 * The map begins at 16 MiB, so the lines come ready-made: a sealed segment of 900,000 of
 * them is read at the first look, in several transactions, over a map that must grow.
 */
TEST(the_map_grows)
{
	enum { LINES = 900000 };
	struct hs_buf text = { 0 };
	char line[128];

	spooldir_mkdir(&s.d, "");
	for (int i = 0; i < LINES; i++)
		hs_buf_put(&text, line, (size_t)snprintf(line, sizeof line, "{\"message_id\":\"m%d\"}\n", i));
	spooldir_write(&s.d, "events-20261123T101500.123Z-000001.jsonl", hs_buf_slice(&text));
	hs_buf_free(&text);
	hurried();
	put_known("m0 m1 m449999 m450000 m899999 m900000", 5);
	assert_true(spooldir_size(&s.d, ".hookspool/run/index") > 16 << 20);
	restart();
	put_known("m0 m899999 m900000 new", 3);
	for (int i = 0; i < LINES; i += LINES / 30) /* hashes are spread all over it */
		put_known(many("m", i, i + 300), 300);
}

/* --- what LMDB's errors mean --------------------------------------------------------- */

TEST(errors_of_lmdb_have_their_results)
{
	static const struct {
		int code;
		enum hs_result result;
	} want[] = {
		{ 0, HS_OK },
		{ EROFS, HS_E_READ_ONLY },
		{ ENOSPC, HS_E_FULL },
		{ EDQUOT, HS_E_FULL },
		{ EFBIG, HS_E_FULL },
		{ MDB_MAP_FULL, HS_E_FULL },
		{ ENOMEM, HS_E_MEMORY },
		{ EIO, HS_E_IO },
		{ MDB_CORRUPTED, HS_E_IO },
		{ MDB_PANIC, HS_E_IO },
	};

	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
		assert_result(hs_index_result(want[i].code), want[i].result);
}

static int make_anew_within_a_limit(void *context)
{
	struct rlimit limit = { 0, 0 }; /* EFBIG: no file may grow */
	(void)context;
	struct hs_known known;

	stop();
	spooldir_unlink(&s.d, ".hookspool/run/index");
	restart();
	signal(SIGXFSZ, SIG_IGN);
	if (s.spool == NULL || setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return -1;
	return (int)hs_spool_known(s.spool, soon(), &known);
}

/* The index does not fit: the disk is full, not broken. */
TEST(an_index_that_does_not_fit)
{
	put("a");
	assert_int_equal(child_run(make_anew_within_a_limit, NULL), HS_E_FULL);
	put_known("a", 1);
	assert_once(&s.d, "a");
}

TESTS("index", begin, finish)

/*
 * index_behind: while the index is behind, in single steps: summaries that are damaged, segments that go or come, and
 * steps that end too soon. No event is lost, and none is kept twice.
 */
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/dedup/index.h"
#include "spool/dedup/sealed_ids.h"
#include "spool/dedup/tombstones.h"
#include "spool/file/gzip.h"
#include "spool/shared/shared_state.h"
#include "spool/summary/summary.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/said.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { IDS = 19000 /* of a segment: its lines are read in one step, its summary in several */ };

FIXTURE(begin_plain)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	assert_int_equal(mkdir(s.d.path, 0700), 0);
	return 0;
}

FIXTURE(tell_and_finish)
{
	fail_each_tell();
	return finish(state);
}

/* A sealed segment with the ids sNUMBER-0 to sNUMBER-(ids - 1); spooled just now, or nobody knows when. */
static const char *write_segment(unsigned number, int ids, bool is_dated)
{
	static char name[HS_SEALED_NAME];
	char now[HS_TIMESTAMP_TEXT + 1], line[160];
	struct hs_sealed sealed = { .number = number, .sealed_ms = hs_io_now() - 60000 };
	struct hs_buf text = { 0 };

	hs_timestamp_text(hs_io_now() - 60000, now);
	for (int i = 0; i < ids; i++) {
		int n = snprintf(line, sizeof line, "{\"message_id\":\"s%u-%d\",\"spooled_at\":\"%s\"}\n", number, i,
		                 is_dated ? now : "some day");

		hs_buf_put(&text, line, (size_t)n);
	}
	hs_sealed_print("events", &sealed, name);
	spooldir_write(&s.d, name, hs_buf_slice(&text));
	hs_buf_free(&text);
	return name;
}

static void lose_index(void)
{
	stop();
	if (spooldir_exists(&s.d, ".hookspool/run/index"))
		spooldir_unlink(&s.d, ".hookspool/run/index");
	restart();
}

/* An append without time for more than a step. */
static enum hs_result hurry(const char *words, uint64_t *duplicate)
{
	struct events *e = events_new(words);
	struct hs_append batch = events_batch(e, duplicate);
	enum hs_result r;

	*duplicate = 0;
	batch.deadline_ms = hs_io_now_monotonic() - 1;
	r = hs_spool_append(s.spool, &batch);
	events_free(e);
	return r;
}

static void put_hurriedly(const char *words, uint64_t want)
{
	uint64_t duplicate;

	assert_result(hurry(words, &duplicate), HS_OK);
	assert_int_equal(duplicate, want);
}

static bool is_behind(void)
{
	struct hs_known known;

	assert_result(hs_spool_known(s.spool, hs_io_now_monotonic() - 1, &known), HS_OK);
	return known.behind;
}

/* The new segments get their summaries, and the index is left alone. */
static void maintain_without_index(void)
{
	struct hs_settings without = *s.d.settings;
	struct hs_retention_counts done;
	struct hs_spool *other;

	without.dedup_window = 0;
	other = hs_spool_new(&without);
	assert_result(hs_spool_maintain(other, NULL, NULL, &done), HS_OK);
	hs_spool_free(other);
}

/* --- a damaged summary ------------------------------------------------------------------------ */

/* The first half of its id. */
static uint64_t high_of(const char *word)
{
	struct events *e = events_new(word);
	struct hs_id_block_entry entry = hs_id_block_entry(&e->record[0].id, 0);

	events_free(e);
	return entry.high;
}

/* An id of the segment that is among the last of its summary, which a step does not reach. */
static const char *late_id(unsigned number)
{
	static char word[32];
	int i = 0;

	do
		snprintf(word, sizeof word, "s%u-%d", number, i++);
	while (high_of(word) >> 56 < 0xFC);
	assert_true(i < IDS);
	return word;
}

/* A bit of that id. */
static void damage_summary(unsigned number)
{
	char path[64];
	struct hs_buf text;
	uint64_t high = high_of(late_id(number));
	const char *at;

	snprintf(path, sizeof path, ".hookspool/run/summary/events-%u", number);
	text = spooldir_read(&s.d, path);
	at = memmem(text.p, text.n, &high, sizeof high);
	assert_non_null(at);
	spooldir_flip(&s.d, path, (size_t)(at - text.p));
	hs_buf_free(&text);
}

/* The index is behind, with a damaged summary of the second segment. */
static void be_behind_with_damage(void)
{
	write_segment(1, IDS, true);
	write_segment(2, IDS, true);
	maintain();
	lose_index();
	put_hurriedly("x", 0);
	assert_true(is_behind());
	damage_summary(2);
}

/* Only the look-up meets the damage: the segment's lines are read, and its ids are found all the same. */
TEST(damage_that_a_look_up_finds)
{
	be_behind_with_damage();
	put_hurriedly(late_id(2), 1);
	put_known("x s1-0 s2-0 y", 3);
	assert_false(spooldir_exists(&s.d, ".hookspool/run/summary/events-2"));
}

static void lose_database(void *context)
{
	(void)context;
	wrap_fail(WRAP_LMDB, 1, WRAP_FOREVER, EIO);
}

/* The summary has been removed, and the database fails before the lines are read instead, which is told. */
TEST(damage_that_a_look_up_finds_without_the_database)
{
	uint64_t duplicate;

	be_behind_with_damage();
	wrap_before(WRAP_UNLINKAT, 1, lose_database, NULL);
	assert_result(hurry(late_id(2), &duplicate), HS_E_IO);
	wrap_reset();
	put_hurriedly(late_id(2), 1);
}

/* Whichever call of the database fails, no event is taken for a new one, and the next attempt succeeds. */
TEST(the_database_fails_while_it_is_behind)
{
	unsigned failed = 0;
	bool ended = false;

	for (unsigned nth = 1; !ended; nth++) {
		uint64_t duplicate;
		enum hs_result r;

		begin_plain(NULL);
		write_segment(1, IDS, true);
		write_segment(2, IDS, true);
		maintain();
		lose_index();
		put_hurriedly("x", 0);
		assert_true(is_behind());
		wrap_reset();
		wrap_fail(WRAP_LMDB, nth, 1, EIO);
		r = hurry("s2-7 new", &duplicate);
		ended = wrap_count(WRAP_LMDB) < nth;
		wrap_reset();
		failed += r != HS_OK;
		assert_true(r != HS_OK || duplicate == 1);
		put_known("x s1-0 s2-7 new", 3 + (r == HS_OK));
	}
	assert_true(failed > 1);
}

/* New ids of the same append are noted already: its sender comes again. */
TEST(damage_after_ids_were_noted)
{
	static char words[EVENTS_MOST * 8];
	size_t n = 0;
	uint64_t duplicate, fresh = 0;

	for (int i = 0; i < 2000; i++) {
		char word[16];

		snprintf(word, sizeof word, "new%d", i);
		if (high_of(word) >> 56 >= 0xF0) /* near the damage */
			continue;
		n += (size_t)snprintf(words + n, sizeof words - n, "%s ", word);
		fresh++;
	}
	write_segment(1, IDS, true);
	write_segment(2, IDS, true);
	maintain();
	lose_index();
	put_hurriedly("x", 0);
	assert_true(is_behind());
	damage_summary(2);
	snprintf(words + n, sizeof words - n, "%s", late_id(2));
	assert_result(hurry(words, &duplicate), HS_E_INDEXING);
	put_known(words, 1);
	put_known(words, fresh + 1);
}

/* --- segments that go, and others that come ------------------------------------------------------ */

/* Its segments were being taken in together; the next ones, if there are any, have nothing to do with them. */
TEST(a_group_whose_segments_have_gone)
{
	for (int is_last = 0; is_last < 2; is_last++) {
		begin_plain(NULL);
		write_segment(1, IDS, true);
		write_segment(2, IDS, true);
		maintain();
		lose_index();
		put_hurriedly("x", 0);
		assert_true(is_behind());
		if (!is_last) {
			rotate();
			maintain_without_index();
			put_hurriedly("x", 1);
			assert_true(is_behind());
		}
		stop();
		spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
		spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
		restart();
		put_known("x y", 1);
		assert_false(is_behind());
		put_known("x y", 2);
	}
}

/* More than are taken in together. */
TEST(many_small_segments)
{
	enum { SEGMENTS = 258 };

	for (unsigned number = 1; number <= SEGMENTS; number++)
		write_segment(number, 1, true);
	maintain();
	lose_index();
	put_hurriedly("s1-0 s256-0 s257-0 s258-0 x", 4);
	put_known("s1-0 s256-0 s257-0 s258-0 x", 5);
	while (is_behind())
		;
	put_known("s1-0 s256-0 s257-0 s258-0 x", 5);
}

/* This process knows the name that another one has given it, and finds a folder. */
TEST(a_folder_in_the_place_of_the_last_segment)
{
	struct hs_spool *other = hs_spool_new(s.d.settings);
	char name[HS_SEALED_NAME];

	put("a");
	assert_result(hs_spool_rotate(other, soon()), HS_OK);
	snprintf(name, sizeof name, "%s", spooldir_name(&s.d, "events-", 0));
	spooldir_rename(&s.d, name, "elsewhere");
	spooldir_mkdir(&s.d, name);
	said_begin(HS_LOG_ERROR);
	assert_result(append("b"), HS_OK);
	assert_non_null(strstr(said_end(), "no plain file: its events count as new; put the file back"));
	put_known("b", 1);
	hs_spool_free(other);
}

/* A step that has ended one group leaves the next one to the next append. */
TEST(a_step_ends_with_a_group)
{
	write_segment(1, IDS, true);
	maintain();
	lose_index();
	put_hurriedly("x", 0);
	assert_true(is_behind());
	rotate();
	put_hurriedly("y", 0);
	rotate();
	maintain_without_index();
	for (int i = 0; i < 6; i++)
		put_hurriedly("x y s1-0 s1-18999", 4);
	assert_false(is_behind());
	put_known("x y s1-0 s1-18999 z", 4);
}

/* Many segments without summaries: each append reads one at least, and says that it is not done. */
TEST(segments_in_turn)
{
	uint64_t duplicate;
	int busy = 0;

	for (unsigned number = 1; number <= 5; number++)
		write_segment(number, 10, true);
	lose_index();
	while (hurry("s1-0 s5-9 x", &duplicate) == HS_E_INDEXING)
		assert_in_range(busy++, 0, 10);
	assert_int_equal(duplicate, 2);
	assert_true(busy > 1);
}

/* Under plain CGI that is every request: the index lists no segments beside what opening the spool does. */
TEST(a_process_that_begins)
{
	write_segment(1, 10, true);
	put("a");
	rotate();
	put_known("a s1-0 b", 2);
	restart();
	wrap_reset();
	put_known("a s1-0 b c", 3);
	assert_in_range(wrap_count(WRAP_FDOPENDIR), 0, 2);
}

/* Some have summaries: none of these stays open when all are read. */
TEST(segments_in_turn_of_which_some_have_summaries)
{
	for (unsigned number = 1; number <= 3; number++)
		write_segment(number, 10, true);
	maintain();
	for (unsigned number = 4; number <= 9; number++)
		write_segment(number, 10, true);
	lose_index();
	put_known("s1-0 s9-9 x", 2);
	assert_int_equal(summaries_mapped(), 0);
}

/* A segment that is there in both forms is read once; one that is still being copied, later. */
TEST(segments_in_turn_with_copies)
{
	struct hs_buf text;
	char copied[HS_SEALED_NAME];

	make("rotate_min_gap = 0\ncompress = gzip\n");
	assert_int_equal(mkdir(s.d.path, 0700), 0);
	write_segment(1, 10, true);
	text = spooldir_read(&s.d, spooldir_name(&s.d, "events-", 0));
	snprintf(copied, sizeof copied, "%s", spooldir_name(&s.d, "events-", 0));
	maintain();
	spooldir_write(&s.d, copied, hs_buf_slice(&text));
	spooldir_age(&s.d, copied); /* older than the compressed one: nobody is unpacking that */
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 2);
	for (unsigned number = 2; number <= 5; number++)
		write_segment(number, 10, true);
	spooldir_unlink(&s.d, ".hookspool/run/summary/events-1");
	put("a");
	snprintf(copied, sizeof copied, "%s", write_segment(50, 10, true));
	spooldir_cut(&s.d, copied, spooldir_size(&s.d, copied) - 1);
	lose_index();
	put_known("s1-0 s5-9 a b", 3);
	put_known("s1-9 s2-9 b", 3);
	hs_buf_free(&text);
}

static void compress_beside(const char *name)
{
	struct hs_buf text = spooldir_read(&s.d, name);
	char gz[HS_SEALED_NAME + 4];
	gzFile file;

	snprintf(gz, sizeof gz, "%s.gz", name);
	file = gzopen(spooldir_path(&s.d, gz), "wb");
	assert_int_equal(gzwrite(file, text.p, (unsigned)text.n), text.n);
	assert_int_equal(gzclose(file), Z_OK);
	hs_buf_free(&text);
}

/* A segment cannot be read: the others are, and lines of the open segment are found. */
TEST(segments_in_turn_of_which_one_cannot_be_read)
{
	bool ended = false;

	for (unsigned number = 1; number <= 5; number++)
		write_segment(number, 10, true);
	compress_beside(spooldir_name(&s.d, "events-", 2));
	put(many("m", 0, 100));
	for (unsigned nth = 1; !ended; nth++) {
		enum hs_result r;

		lose_index();
		wrap_reset();
		wrap_fail(WRAP_OPENAT, nth, 1, EACCES);
		r = append("m0 m99");
		ended = wrap_count(WRAP_OPENAT) < nth;
		wrap_reset();
		if (r == HS_OK)
			put_known("m0 m99", 2);
	}
	lose_index();
	put_known("m0 m99 s1-0 s2-0 s3-0 s4-0 s5-0", 7);
}

static uint32_t an_hour_ago(void)
{
	return (uint32_t)(hs_io_now() / 1000) - 7200;
}

/* A segment that is older than the window is not read, and a grave that is older is not learned. */
TEST(times_out_of_the_window)
{
	struct events *e = events_new("old young");
	struct hs_tombstone graves[2] = { { e->record[0].id, an_hour_ago() },
		                          { e->record[1].id, an_hour_ago() + 7000 } };
	struct hs_opened_spool o;

	make("rotate_min_gap = 0\ncompress = none\ndedup_window = 1h\nrotate_age = 0\n");
	for (int i = 0; i < 5; i++) {
		wrap_clock(-7200000 + 1000 * i, -7200000 + 1000 * i);
		seal(i == 0 ? "a" : i == 1 ? "b" : i == 2 ? "c" : i == 3 ? "d" : "e");
	}
	wrap_clock(0, 0);
	for (int i = 0; i < 4; i++)
		seal(i == 0 ? "f" : i == 1 ? "g" : i == 2 ? "h" : "i");
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	assert_result(hs_tombstones_put(o.dir.private_dir, graves, 2), HS_OK);
	lose_index();
	put_known("old young a f i", 3);
	assert_result(hs_tombstones_put(o.dir.private_dir, graves, 2), HS_OK);
	hs_spool_dir_close(&o);
	events_free(e);
}

/* An older file of graves was put back: it is read from its beginning. */
TEST(graves_of_an_older_file)
{
	struct events *e = events_new("a b c");
	uint32_t now = (uint32_t)(hs_io_now() / 1000);
	struct hs_tombstone graves[3] = { { e->record[0].id, now },
		                          { e->record[1].id, now },
		                          { e->record[2].id, now } };
	struct hs_opened_spool o;

	put("x");
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	assert_result(hs_tombstones_put(o.dir.private_dir, graves, 2), HS_OK);
	restart();
	put_known("a b x", 3);
	stop();
	spooldir_unlink(&s.d, ".hookspool/" HS_TOMBSTONES_FILE);
	assert_result(hs_tombstones_put(o.dir.private_dir, &graves[2], 1), HS_OK);
	restart();
	put_known("a b c x", 4);
	hs_spool_dir_close(&o);
	events_free(e);
}

/* --- what a summary finds ---------------------------------------------------------------------------- */

static void find(const struct hs_sealed_ids *ids, const char *word, uint32_t since_s, bool want)
{
	struct events *e = events_new(word);
	struct hs_id_block_entry entry = hs_id_block_entry(&e->record[0].id, 0);
	bool found = false;

	assert_true(hs_sealed_ids_find(ids, &entry, 1, since_s, &found));
	assert_int_equal(found, want);
	entry.low ^= 1;
	found = false;
	assert_true(hs_sealed_ids_find(ids, &entry, 1, since_s, &found));
	assert_false(found);
	events_free(e);
}

/* Those of segments below a number are opened; an id whose time nobody knows counts always. */
TEST(summaries_of_small_segments)
{
	struct hs_sealed_ids ids = { 0 };
	struct hs_opened_spool o;

	write_segment(1, 3, true);
	write_segment(2, 3, false);
	write_segment(4, 3, true);
	maintain();
	write_segment(3, 3, true);
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	assert_result(hs_sealed_ids_open(&ids, &o.dir, 1, 4, 0), HS_OK);
	assert_true(hs_sealed_ids_has(&ids, 1) && hs_sealed_ids_has(&ids, 2) && hs_sealed_ids_has(&ids, 3));
	assert_false(hs_sealed_ids_has(&ids, 4));
	assert_null(hs_sealed_ids_of(&ids, 3));
	for (int i = 0; i < 3; i++) {
		char word[16];

		snprintf(word, sizeof word, "s1-%d", i);
		find(&ids, word, 1, true);
		find(&ids, word, UINT32_MAX, false);
		word[1] = '2';
		find(&ids, word, UINT32_MAX, true);
		word[1] = '4';
		find(&ids, word, 1, false);
	}
	hs_sealed_ids_close(&ids);
	hs_spool_dir_close(&o);
}

/* Its ids could not be checked, so its segment counts as one without a summary. */
TEST(a_summary_with_too_few_check_sums)
{
	static const char path[] = ".hookspool/run/summary/events-1";
	struct hs_sealed_ids ids = { 0 };
	struct hs_opened_spool o;
	struct hs_summary head = { 0 };
	struct hs_buf text;

	write_segment(1, 2000, true);
	maintain();
	text = spooldir_read(&s.d, path);
	assert_true(hs_summary_decode(hs_buf_slice(&text), text.n, &head));
	for (size_t i = 0; i < head.parts; i++)
		if (head.part[i].kind == HS_SUMMARY_SUMS) {
			head.part[i].bytes -= sizeof(uint32_t);
			head.part[i].crc =
			    hs_crc32(0, hs_slice(text.p + head.part[i].offset, (size_t)head.part[i].bytes));
		}
	hs_summary_seal(&head);
	memcpy(text.p, &head, hs_summary_head_bytes(head.parts));
	spooldir_write(&s.d, path, hs_buf_slice(&text));
	hs_buf_free(&text);
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	assert_result(hs_sealed_ids_open(&ids, &o.dir, 1, 2, 0), HS_OK);
	assert_true(hs_sealed_ids_has(&ids, 1));
	assert_null(hs_sealed_ids_of(&ids, 1));
	hs_sealed_ids_close(&ids);
	hs_spool_dir_close(&o);
	lose_index();
	put_known("s1-0 s1-1999 x", 2);
}

TEST(ids_whose_time_nobody_knows)
{
	write_segment(1, IDS, false);
	maintain();
	lose_index();
	put_hurriedly("s1-0 s1-18999 x", 2);
	while (is_behind())
		;
	put_known("s1-0 s1-18999 x", 3);
}

static struct events *words;
static uint64_t known;

static enum hs_result run_step(void)
{
	struct hs_append batch = events_batch(words, &known);

	return hs_spool_append(s.spool, &batch);
}

static void are_known(void)
{
	assert_int_equal(known, words->count);
}

/* As if it were the file that the state has noted. */
static void believe_index(void)
{
	struct hs_shared_state *shared = spooldir_state(&s.d);

	shared->index.inode = spooldir_inode(&s.d, ".hookspool/run/index");
	shared->index.writing = 1; /* as a killed writer leaves it: its size and time are not compared */
	spooldir_state_done(shared);
}

static void set_numbers_back(void)
{
	struct hs_shared_state *shared = spooldir_state(&s.d);

	shared->stream[HS_EVENTS].known = 0;
	shared->stream[HS_EVENTS].number = 2;
	spooldir_state_done(shared);
}

/* --- an index of other files -------------------------------------------------------------------------- */

/*
 * It was behind when it took in lines of the open segment out of turn. Then an older copy of the spool is put in the
 * place of that one: the index is ahead of it, and is made anew, whichever call fails.
 */
static struct hs_buf old_index, old_state;

/* `in_group`: the segment that is not in the older copy was being taken in, too. */
static void save_files(bool in_group)
{
	write_segment(1, IDS, true);
	if (in_group)
		write_segment(2, 10, true);
	maintain();
	lose_index();
	if (!in_group) {
		put_hurriedly("x", 0);
		rotate();
		maintain_without_index();
	}
	put_hurriedly(many("m", 0, 100), 0);
	restart();
	put_hurriedly("m0", 1); /* a process that begins moves them to the index */
	stop();
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 1));
	set_numbers_back();
	old_index = spooldir_read(&s.d, ".hookspool/run/index");
	old_state = spooldir_read(&s.d, ".hookspool/run/state");
}

static void put_older_files(void)
{
	stop();
	if (spooldir_exists(&s.d, "events.jsonl"))
		spooldir_unlink(&s.d, "events.jsonl");
	spooldir_write(&s.d, ".hookspool/run/index", hs_buf_slice(&old_index));
	spooldir_write(&s.d, ".hookspool/run/state", hs_buf_slice(&old_state));
	believe_index();
	restart();
}

TEST_WITH(an_index_that_is_ahead, NULL, tell_and_finish)
{
	const struct job job = { put_older_files, run_step, are_known, 40 };

	for (int in_group = 0; in_group < 2; in_group++) {
		begin_plain(NULL);
		save_files(in_group);
		words = events_new("s1-0 s1-1");
		fail_each_of(FAIL_CALL(WRAP_LMDB) | FAIL_CALL(WRAP_UNLINKAT), &job);
		events_free(words);
		hs_buf_free(&old_index);
		hs_buf_free(&old_state);
	}
}

/* --- durability = none -------------------------------------------------------------------------------- */

/* Without a writer that waits, the index syncs lines itself before it takes them; a sync that fails is told. */
TEST(very_many_lines_without_durability)
{
	enum { APPENDS = 17, EACH = 4000 };
	unsigned syncs;

	make("durability = none\nrotate_size = 1G\n");
	put(many("x", 0, 100));
	restart();
	put_known(many("x", 0, 100), 100); /* a process that begins has nothing to move either */
	syncs = wrap_count(WRAP_FDATASYNC);
	for (int i = 1; i < APPENDS; i++)
		put(many("x", i * EACH, (i + 1) * EACH));
	assert_int_equal(wrap_count(WRAP_FDATASYNC), syncs);
	put(many("y", 0, EACH));
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_int_not_equal(append("z"), HS_OK);
	wrap_reset();
	put_known("x0 x4000 y3999 z", 3);
	put_known("x0 x4000 y3999 z", 4);
	assert_int_equal(wrap_count(WRAP_FDATASYNC) > 0, true);
}

/* --- beside a command ------------------------------------------------------------------------------------ */

static void pass_time(void *unused)
{
	(void)unused;
	wrap_clock(0, 60000);
}

/* It goes on in steps until the index has read all, whatever time that takes. */
TEST(a_command_waits_for_the_index)
{
	struct hs_opened_spool o;
	struct hs_segment events;
	struct hs_index *index;

	for (unsigned number = 1; number <= 5; number++)
		write_segment(number, 10, true);
	put("a");
	lose_index();
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	hs_segment_init(&events, &o.dir, HS_EVENTS);
	index = hs_index_new(&o.dir, s.d.path);
	wrap_reset();
	wrap_before(WRAP_LMDB, 20, pass_time, NULL);
	assert_result(hs_index_begin(index, &events, PATIENCE_MS), HS_OK);
	hs_segment_end(&events);
	hs_index_free(index);
	hs_segment_close(&events);
	hs_spool_dir_close(&o);
	put_known("s1-0 s5-9 a", 3);
}

/* --- faults ------------------------------------------------------------------------------------------------ */

static void be_behind(void)
{
	uint64_t duplicate;

	lose_index();
	assert_result(hurry("s1-1", &duplicate), HS_OK);
}

TEST_WITH(a_step_without_the_database, begin_plain, tell_and_finish)
{
	static const int errors[] = { EIO, MDB_CORRUPTED };
	const struct job job = { be_behind, run_step, are_known, 50 };

	write_segment(1, IDS, true);
	maintain();
	words = events_new("s1-0 s1-18999");
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		fail_each_with(FAIL_CALL(WRAP_LMDB), errors[i], &job);
	events_free(words);
}

TESTS("index_behind", begin_plain, finish)

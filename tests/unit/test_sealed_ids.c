/*
 * sealed_ids: after the loss of the index the summaries of sealed segments answer from the first append
 * on, and the index is rebuilt from them, by whoever comes and whatever becomes of them meanwhile.
 */
#include "base/io.h"
#include "base/timestamp.h"
#include "spool/dedup/index.h"
#include "spool/dedup/tombstones.h"
#include "spool/read/reader.h"
#include "spool/shared/spool_dir.h"
#include "spool/spool.h"
#include "spool/summary/summary.h"
#include "tests/lib/events.h"
#include "tests/lib/processes.h"
#include "tests/lib/random.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	IDS = 50000, /* of a segment: two and a half transactions of the index */
	SEGMENTS = 3,
	HURRY_MS = 0, /* time for one transaction */
};

static struct spooldir d;
static struct hs_spool *spool;

/* --- segments -------------------------------------------------------------------------- */

/* Ids FIRST-0 to FIRST-(ids - 1), but for each `without`th; 0: all of them. */
static void write_segment(unsigned number, int ids, int without)
{
	char now[HS_TIMESTAMP_TEXT + 1], stamp[HS_TIMESTAMP_TEXT + 1], name[128], line[128];
	struct hs_buf text = { 0 };
	size_t n = 0;

	hs_timestamp_text(hs_io_now() - 60000, now);
	for (const char *p = now; *p != '\0'; p++)
		if (*p != '-' && *p != ':')
			stamp[n++] = *p;
	stamp[n] = '\0';
	for (int i = 0; i < ids; i++)
		if (without == 0 || i % without != 0)
			hs_buf_put(&text, line,
			           (size_t)snprintf(line, sizeof line,
			                            "{\"message_id\":\"s%u-%d\",\"spooled_at\":\"%s\"}\n", number, i,
			                            now));
	snprintf(name, sizeof name, "events-%s-%06u.jsonl", stamp, number);
	if (spooldir_names(&d, "", "events-") >= number)
		snprintf(name, sizeof name, "%s", spooldir_name(&d, "events-", number - 1));
	spooldir_write(&d, ".new", hs_buf_slice(&text));
	spooldir_rename(&d, ".new", name);
	hs_buf_free(&text);
}

static void maintain(void)
{
	struct hs_retention_counts done;

	assert_result(hs_spool_maintain(spool, NULL, NULL, &done), HS_OK);
}

static void restart(void)
{
	hs_spool_free(spool);
	spool = hs_spool_new(d.settings);
	assert_non_null(spool);
}

static void lose_index(void)
{
	if (spooldir_exists(&d, ".hookspool/run/index"))
		spooldir_unlink(&d, ".hookspool/run/index");
}

static void make(int ids)
{
	wrap_reset();
	spooldir_make(&d, "rotate_min_gap = 0\ncompress = none\n");
	spool = hs_spool_new(d.settings);
	assert_int_equal(mkdir(d.path, 0700), 0);
	for (unsigned number = 1; number <= SEGMENTS; number++)
		write_segment(number, ids, 0);
	maintain();
	assert_int_equal(spooldir_names(&d, ".hookspool/run/summary", "events-"), SEGMENTS);
}

FIXTURE(begin)
{
	make(IDS);
	return 0;
}

FIXTURE(finish)
{
	wrap_reset();
	hs_spool_free(spool);
	spooldir_remove(&d);
	return 0;
}

/* --- appending ---------------------------------------------------------------------------- */

/* Appends with no more time than the index may take for a step. */
static enum hs_result hurry(struct hs_spool *to, const char *words, uint64_t *duplicate)
{
	struct events *e = events_new(words);
	struct hs_append append = {
		.records = hs_buf_slice(&e->lines), .record = e->record, .count = e->count, .duplicate = duplicate
	};
	enum hs_result r;

	*duplicate = 0;
	append.deadline_ms = hs_io_now_monotonic() + HURRY_MS;
	r = hs_spool_append(to, &append);
	events_free(e);
	return r;
}

#define put(words, there) put_at(spool, (words), (there), __FILE__, __LINE__)
#define put_to(to, words, there) put_at((to), (words), (there), __FILE__, __LINE__)
static void put_at(struct hs_spool *to, const char *words, uint64_t there, const char *file, int line)
{
	uint64_t duplicate;

	unit_assert_result(hurry(to, words, &duplicate), HS_OK, file, line);
	_assert_int_equal(duplicate, there, file, line);
}

/* Appends with time to read lines. */
#define put_slowly(words, there) put_slowly_at((words), (there), __FILE__, __LINE__)
static void put_slowly_at(const char *words, uint64_t there, const char *file, int line)
{
	uint64_t duplicate;

	unit_assert_result(events_append(spool, words, &duplicate), HS_OK, file, line);
	_assert_int_equal(duplicate, there, file, line);
}

/* "sN-FROM …": `count` ids of a segment, spread over all of them; odd ones only. */
static const char *some(unsigned number, int count)
{
	static char text[4][32 * 1024];
	static int next;
	char *out = text[next++ % 4];
	size_t n = 0;

	out[0] = '\0';
	for (int i = 0; i < count; i++)
		n += (size_t)snprintf(out + n, sizeof text[0] - n, "s%u-%d ", number, (IDS / count * i) | 1);
	assert_true(n < sizeof text[0]);
	return out;
}

static const char *words_from_to(const char *prefix, int from, int to)
{
	static char text[4][32 * 1024];
	static int next;
	char *out = text[next++ % 4];
	size_t n = 0;

	out[0] = '\0';
	for (int i = from; i < to; i++)
		n += (size_t)snprintf(out + n, sizeof text[0] - n, "%s%d ", prefix, i);
	assert_true(n < sizeof text[0]);
	return out;
}

/* Ids that the index itself has, and pending ones. It takes one step for that. */
static uint64_t ids_known(void)
{
	struct hs_known known;

	assert_result(hs_spool_known(spool, hs_io_now_monotonic() + HURRY_MS, &known), HS_OK);
	return known.ids;
}

/* Until the index has all of them, and then some more. */
static void catch_up(uint64_t all)
{
	int steps = 0;

	while (ids_known() < all && steps < 1000)
		steps++;
	assert_in_range(ids_known(), all, all + 500); /* some are in the index and pending, too */
}

/* Until the index has read all that is there: how many ids of a segment that went it has depends on speed. */
static void catch_up_to_the_end(void)
{
	struct hs_known known;
	int steps = 0;

	do
		assert_result(hs_spool_known(spool, hs_io_now_monotonic() + HURRY_MS, &known), HS_OK);
	while (known.behind && steps++ < 1000);
	assert_false(known.behind);
}

static void put_all(void)
{
	for (unsigned number = 1; number <= SEGMENTS; number++)
		put_slowly(some(number, 500), 500);
}

/* --- tests ------------------------------------------------------------------------------------ */

TEST(known_from_the_first_append_on)
{
	lose_index();
	put("s1-0 s2-25000 s3-49999 new", 3);
	assert_true(ids_known() < SEGMENTS * IDS); /* the summaries have answered */
	for (unsigned number = 1; number <= SEGMENTS; number++)
		put(some(number, 500), 500);
	put("new newer s0-0 s1-50000", 1);
	put("newer s1-50000 s2-50000", 2);
	catch_up(SEGMENTS * IDS + 5);
	put_all();
	put("new newer s0-0 s1-50000 s2-50000 newest", 5);
	restart();
	put_all();
	put("new newest", 2);
	assert_once(&d, "new newer newest s1-0 s2-25000 s3-49999 s0-0 s1-50000");
	assert_int_equal(spooldir_lines(&d), SEGMENTS * IDS + 6);
}

/* A plain CGI program begins for each request: neither the ids nor the open segment are read again. */
TEST(a_process_that_begins_reads_little)
{
	enum { APPENDS = 10, EACH = 1000 }; /* more than recent_ids has */
	bool behind;

	lose_index();
	for (int i = 0; i < APPENDS; i++)
		put(words_from_to("a", i * EACH, (i + 1) * EACH), 0);
	restart();
	put("a1", 1);
	restart();
	wrap_reset();
	put("a0 a9999 s1-1 s2-2", 4);
	assert_in_range(wrap_bytes_read(), 0,
	                sizeof(struct hs_shared_state) + 32768); /* a process that begins reads the state */
	assert_result(hs_spool_health(spool, &behind), HS_OK);
	assert_true(behind);
}

/* After the loss of the shared state only a segment without a summary may be unsynced. */
TEST(stored_segments_are_not_synced_again)
{
	unsigned all_have_one = 0;

	for (int i = 0; i < 2; i++) {
		restart();
		hs_spool_free(spool);
		spooldir_unlink(&d, ".hookspool/run/state");
		spool = hs_spool_new(d.settings);
		wrap_reset();
		put_slowly(i == 0 ? "a" : "b", 0);
		if (i == 0)
			all_have_one = wrap_count(WRAP_FDATASYNC);
		else
			assert_int_equal(wrap_count(WRAP_FDATASYNC), all_have_one + 2);
		if (i == 0) {
			spooldir_unlink(&d, ".hookspool/run/summary/events-1");
			spooldir_unlink(&d, ".hookspool/run/summary/events-2");
		}
	}
}

/* … so maintenance syncs a segment before it says so by a summary, which is synced as well. */
TEST(maintenance_syncs_a_segment_before_it_has_a_summary)
{
	spooldir_unlink(&d, ".hookspool/run/summary/events-2");
	restart();
	wrap_reset();
	maintain();
	assert_true(spooldir_exists(&d, ".hookspool/run/summary/events-2"));
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 2);
}

/* As many tenants have an id of their own. */
TEST(tenants_are_apart)
{
	lose_index();
	put("acme/s1-7 s1-7", 1);
	put("acme/s1-7 globex/s1-7 s1-7", 2);
	assert_once(&d, "acme/s1-7 globex/s1-7 s1-7");
}

TEST(several_take_turns)
{
	struct hs_spool *other = hs_spool_new(d.settings);
	uint64_t duplicate;

	lose_index();
	for (int i = 0; i < 20; i++) {
		unsigned number = 1 + (unsigned)i % SEGMENTS;

		put_to(i % 2 == 0 ? spool : other, words_from_to("a", 20 * i, 20 * i + 20), 0);
		put_to(i % 2 == 0 ? other : spool, words_from_to("a", 0, 20 * i + 20), (uint64_t)(20 * i + 20));
		put_to(i % 2 == 0 ? other : spool, some(number, 100), 100);
		if (i % 5 == 3) {
			assert_result(events_append_apart(&d, words_from_to("a", 0, 20 * i + 20), &duplicate), HS_OK);
			assert_int_equal(duplicate, 20 * i + 20);
		}
		if (i == 12)
			restart();
	}
	catch_up(SEGMENTS * IDS + 400);
	put_all();
	assert_int_equal(spooldir_lines(&d), SEGMENTS * IDS + 400);
	hs_spool_free(other);
}

static int append_and_die(void *context)
{
	uint64_t duplicate;

	wrap_kill(*(unsigned *)context, true);
	for (int i = 0; i < 2; i++)
		if (hurry(spool, i == 0 ? "k1 k2 s1-1" : "k3 k1 s3-2999", &duplicate) != HS_OK ||
		    duplicate != 1 + (uint64_t)i)
			return 99;
	return 0;
}

/* Killed before any call on files: no id that was there comes again, no line is doubled or lost. */
TEST(killed_at_any_step)
{
	unsigned nth = 1;
	int code = -1;

	for (; code != 0; nth++) {
		finish(NULL);
		make(3000);
		lose_index();
		code = child_wait(child_start(append_and_die, &nth));
		assert_int_not_equal(code, 99);
		put_slowly("s1-0 s2-1500 s3-2999 s1-1", 4); /* a torn segment is sealed, and has no summary */
		put_slowly("k1 k2 k3",
		           (uint64_t)(spooldir_count(&d, "k1") + spooldir_count(&d, "k2") + spooldir_count(&d, "k3")));
		assert_once(&d, "k1 k2 k3");
		if (nth > 200)
			fail_msg("it does not end");
	}
	assert_true(nth > 8);
}

/* Damaged, stale or missing: that segment is read, and the others' summaries are used. */
TEST(one_is_of_no_use)
{
	for (int what = 0; what < 5; what++) {
		struct hs_buf own = spooldir_read(&d, ".hookspool/run/summary/events-2");
		char path[2 * PATH_MAX];

		snprintf(path, sizeof path, "%s/%s", d.path, spooldir_name(&d, "events-", 1));
		switch (what) {
		case 0: spooldir_unlink(&d, ".hookspool/run/summary/events-2"); break;
		case 1: own.p[own.n / 8] ^= 1; break; /* in the ids */
		case 2: own.p[40] ^= 1; break;        /* in the head */
		case 3: own.n = own.n / 2; break;
		default: assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0); break; /* stale */
		}
		if (what > 0)
			spooldir_write(&d, ".hookspool/run/summary/events-2", hs_buf_slice(&own));
		hs_buf_free(&own);
		lose_index();
		restart();
		put_all();
		put_slowly("x", what > 0);
		put_slowly("x", 1);
		maintain();
		lose_index();
		put("s2-1 s2-49999", 2); /* made anew, so it answers at once */
	}
	assert_int_equal(spooldir_lines(&d), SEGMENTS * IDS + 1);
}

/* A damaged summary stays, because its directory cannot be written: its segment is read all the same. */
TEST(one_is_damaged_and_cannot_be_removed)
{
	struct hs_buf own = spooldir_read(&d, ".hookspool/run/summary/events-2");

	lose_index();
	restart();
	put("new", 0);
	own.p[own.n / 8] ^= 1; /* in the ids; the file is open */
	spooldir_write(&d, ".hookspool/run/summary/events-2", hs_buf_slice(&own));
	hs_buf_free(&own);
	wrap_fail(WRAP_UNLINKAT, 1, WRAP_FOREVER, EACCES);
	put_all();
	put_slowly("new newer", 1);
	restart();
	put_all();
	put_slowly("newer", 1);
	wrap_reset();
	assert_int_equal(spooldir_lines(&d), SEGMENTS * IDS + 2);
}

/* As after a power cut: the last segment was sealed just now. Its lines are read, the others' are not. */
TEST(one_has_none_yet)
{
	uint64_t duplicate = 0;
	int tries = 0;

	spooldir_unlink(&d, ".hookspool/run/summary/events-3");
	lose_index();
	restart();
	put_slowly("s1-0 s3-0 s3-49999 new", 3);
	put(some(1, 500), 500);
	put(some(3, 500), 500);
	put("new newer s3-50000", 1);
	catch_up(SEGMENTS * IDS + 3);
	put_all();
	restart();
	put_all();
	/* processes that have no time for its lines still come to an end */
	lose_index();
	while (hurry(spool, "s1-0 s2-0 s3-49999 new", &duplicate) != HS_OK && tries++ < 100)
		restart();
	assert_in_range(tries, 1, 50);
	assert_int_equal(duplicate, 4);
	assert_int_equal(spooldir_lines(&d), SEGMENTS * IDS + 3);
}

TEST(a_rotation_while_behind)
{
	lose_index();
	put(words_from_to("a", 0, 200), 0);
	assert_true(ids_known() < SEGMENTS * IDS);
	assert_result(hs_spool_rotate(spool, soon()), HS_OK);
	put_slowly(words_from_to("a", 0, 201), 200);
	put_slowly(some(3, 500), 500);
	maintain();
	lose_index();
	put(words_from_to("a", 0, 202), 201);
	assert_true(ids_known() < SEGMENTS * IDS);
	assert_result(hs_spool_rotate(spool, soon()), HS_OK);
	maintain();
	put(words_from_to("a", 0, 203), 202); /* the one that was sealed has a summary by now */
	catch_up(SEGMENTS * IDS + 203);
	put_all();
	put(words_from_to("a", 0, 203), 203);
	assert_int_equal(spooldir_lines(&d), SEGMENTS * IDS + 203);
}

/* Without maintenance the new segments have no summaries: each is read, once. */
TEST(many_rotations_while_behind)
{
	lose_index();
	for (int i = 0; i < 6; i++) {
		put(words_from_to("a", i, i + 1), 0);
		assert_result(hs_spool_rotate(spool, soon()), HS_OK);
	}
	put(words_from_to("a", 0, 7), 6);
	assert_true(ids_known() < SEGMENTS * IDS);
	put("s1-0 s2-25000 s3-49999", 3);
	assert_once(&d, words_from_to("a", 0, 7));
}

/* --- erasing ----------------------------------------------------------------------------------- */

/* Erases each tenth id of a segment, as an erase does: first the tombstones, then the lines. */
static void erase_some(unsigned number)
{
	static struct hs_tombstone grave[IDS / 10];
	struct hs_dedup_key_maker maker;
	struct hs_json json = { 0 };
	struct hs_opened_spool opened;
	char line[128];

	assert_true(hs_dedup_key_maker_init(&maker));
	for (int i = 0; i < IDS / 10; i++) {
		bool known;
		int64_t ms;

		snprintf(line, sizeof line, "{\"message_id\":\"s%u-%d\"}", number, 10 * i);
		assert_result(hs_dedup_key_of_line(&maker, &json, hs_slice_str(line), &known, &grave[i].id, &ms),
		              HS_OK);
		grave[i].spooled_s = (uint32_t)(hs_io_now() / 1000) - 60;
	}
	assert_result(hs_spool_dir_open(&opened, d.settings, false), HS_OK);
	assert_result(hs_tombstones_put(opened.dir.private_dir, grave, IDS / 10), HS_OK);
	hs_spool_dir_close(&opened);
	hs_dedup_key_maker_free(&maker);
	hs_json_free(&json);
	write_segment(number, IDS, 10);
}

/*
 * The mark is in a segment that goes, and the next summary is damaged: its segment is read from its start, although
 * tombstones are learned, and the mark is stored with them, before the damage is dealt with.
 */
TEST(damage_after_segments_that_have_gone)
{
	uint64_t duplicate;
	struct hs_buf own;
	char path[64];

	write_segment(4, IDS, 0);
	write_segment(5, IDS, 0);
	maintain();
	for (unsigned number = 1; number <= 4; number++) {
		snprintf(path, sizeof path, ".hookspool/run/summary/events-%u", number);
		spooldir_unlink(&d, path);
	}
	lose_index();
	restart();
	assert_result(hurry(spool, "x", &duplicate), HS_E_INDEXING); /* many have no summary: some lines of the first */
	erase_some(1);
	for (unsigned number = 1; number <= 4; number++)
		spooldir_unlink(&d, spooldir_name(&d, "events-", 0));
	own = spooldir_read(&d, ".hookspool/run/summary/events-5");
	own.p[HS_SUMMARY_CHUNK] ^= 1; /* in the first id */
	spooldir_write(&d, ".hookspool/run/summary/events-5", hs_buf_slice(&own));
	hs_buf_free(&own);
	restart();
	put_slowly(words_from_to("s5-", 0, 100), 100);
}

static const char *erased(unsigned number)
{
	static char text[16 * 1024];
	size_t n = 0;

	text[0] = '\0';
	for (int i = 0; i < 500; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "s%u-%d ", number, i * (IDS / 500));
	return text;
}

/* Whether the index has read none, some or all of the segment, and whoever goes on. */
TEST(an_erase_while_behind)
{
	for (int steps = 0; steps < 8; steps += 3)
		for (int how = 0; how < 3; how++) {
			struct hs_spool *other;

			if (steps + how > 0) {
				finish(state);
				begin(state);
			}
			other = hs_spool_new(d.settings);
			lose_index();
			for (int i = 0; i < steps; i++)
				put("s1-0 s2-1 s3-2", 3);
			erase_some(1);
			if (how > 0) /* its new summary, with fewer ids */
				maintain();
			if (how > 1)
				restart();
			if (how == 0) /* without it the lines are read */
				put_slowly(some(1, 500), 500);
			put(some(1, 500), 500);
			put(erased(1), 500);
			for (int i = 0; i < 10; i++) {
				uint64_t there;

				assert_result(events_append(i % 2 == 0 ? other : spool, erased(1), &there), HS_OK);
				assert_int_equal(there, 500);
			}
			put_all();
			restart();
			put_all();
			put_slowly(erased(1), 500);
			hs_spool_free(other);
		}
}

/* --- repairs ------------------------------------------------------------------------------------ */

/* A repair has taken lines out and made the index anew, while this process has the old summaries open. */
TEST(a_repair_while_behind)
{
	lose_index();
	put("s1-0", 1);
	assert_int_equal(summaries_mapped(), SEGMENTS);
	write_segment(1, IDS, 10);
	maintain();
	lose_index();
	put("s1-0 s1-10 s1-11 s2-0", 2); /* the first two were lost */
	catch_up(SEGMENTS * IDS - IDS / 10 + 2);
	put("s1-20 s1-21", 1);
	assert_once(&d, "s1-0 s1-10 s1-20");
}

/* Another process reads the summaries to their end; this one lets go of them at its next append. */
TEST(no_summary_stays_open)
{
	struct hs_spool *other = hs_spool_new(d.settings);

	lose_index();
	put("s1-0", 1);
	assert_int_equal(summaries_mapped(), SEGMENTS);
	put_to(other, "a", 0);
	for (int i = 0; i < 100; i++)
		put_to(other, "s1-0", 1);
	assert_result(hs_spool_rotate(other, soon()), HS_OK);
	put_to(other, "a", 1);
	hs_spool_free(other);
	put("a", 1);
	assert_int_equal(summaries_mapped(), 0);
}

/* --- other troubles ------------------------------------------------------------------------------- */

/*
 * A segment goes when some of its ids are in the index. What the mark says of it must not be
 * taken for something about the next one.
 */
TEST(a_segment_goes_in_its_middle)
{
	lose_index();
	while (ids_known() <= 2 * IDS) /* until the third is under way */
		put("s1-0", 1);
	assert_true(ids_known() < SEGMENTS * IDS);
	spooldir_unlink(&d, spooldir_name(&d, "events-", SEGMENTS - 1));
	restart();
	put_slowly(words_from_to("a", 0, 300), 0);
	restart();
	put_slowly(words_from_to("b", 0, 50), 0); /* moves the first to the index, and stays pending itself */
	assert_result(hs_spool_rotate(spool, soon()), HS_OK);
	maintain();
	restart();
	put_slowly(words_from_to("b", 0, 50), 50);
	put_slowly(words_from_to("a", 0, 300), 300);
	catch_up_to_the_end(); /* a slow machine has not done it by now */
	put_slowly(words_from_to("b", 0, 50), 50);
	put_slowly(some(1, 500), 500);
	put_slowly(some(2, 500), 500);
	assert_int_equal(spooldir_lines(&d), 2 * IDS + 350);
}

static bool knows(const char *words, uint64_t want)
{
	uint64_t there;

	return events_append(spool, words, &there) == HS_OK && there == want;
}

static int cut_and_use(void *context)
{
	struct hs_retention_counts counts;

	(void)context;
	for (off_t size = 0; size < 5000; size += 4200) {
		uint64_t there;

		lose_index();
		if (hurry(spool, "s1-0 s3-9", &there) != HS_OK || there != 2)
			return 1;
		spooldir_cut(&d, ".hookspool/run/summary/events-3", size);
		events_append(spool, some(3, 500), NULL);
		if (!knows(some(3, 500), 500) || !knows(some(2, 500), 500))
			return 2;
		if (!knows("x", size > 0) || !knows("x", 1))
			return 3;
		if (hs_spool_maintain(spool, NULL, NULL, &counts) != HS_OK)
			return 4;
	}
	return 0;
}

/*
 * A summary is cut while it is mapped: at most one answer is an error, then its segment is read. In a
 * child, because what the signal interrupts is not freed.
 */
TEST(one_is_cut_while_it_is_open)
{
	assert_int_equal(child_run(cut_and_use, NULL), 0);
	assert_int_equal(spooldir_lines(&d), SEGMENTS * IDS + 1);
}

/* Health looks, and does not read on. */
static bool says_catching_up(void)
{
	bool catching_up;

	assert_result(hs_spool_health(spool, &catching_up), HS_OK);
	return catching_up;
}

TEST(check_and_health_say_that_it_is_behind)
{
	struct hs_known known;
	uint64_t ids;
	unsigned permille = 0;

	lose_index();
	ids = ids_known();
	assert_true(ids < SEGMENTS * IDS);
	for (int i = 0; i < 100; i++)
		assert_true(says_catching_up());
	for (int i = 0; i < 20; i++) {
		assert_result(hs_spool_known(spool, hs_io_now_monotonic(), &known), HS_OK);
		assert_true(known.behind);
		assert_in_range(known.ids, ids + 1, ids + 5000); /* one step */
		assert_in_range(known.permille, permille + 1, 999);
		assert_in_range(known.permille * SEGMENTS * IDS / 1000, known.ids - 2000, known.ids + 2000);
		ids = known.ids;
		permille = known.permille;
	}
	restart(); /* another process says it, too */
	assert_true(says_catching_up());
	catch_up(SEGMENTS * IDS);
	assert_result(hs_spool_known(spool, soon(), &known), HS_OK);
	assert_false(known.behind);
	assert_false(says_catching_up());
}

/* Ids out of the window do not come back with a summary. */
TEST(the_window_ends)
{
	struct hs_settings shorter = *d.settings;

	shorter.dedup_window = 3600000;
	hs_spool_free(spool);
	spool = hs_spool_new(&shorter);
	lose_index();
	wrap_clock(3300000, 0); /* minutes before, for a machine that is slow */
	put("s1-0 s1-49999", 2);
	wrap_clock(3545000, 0);
	put("s2-5 s2-49999", 0);
	put("s2-5 s2-49999", 2);
}

/* The map of the index begins at 16 MiB: it must grow in the middle of a summary. */
TEST(the_map_grows)
{
	finish(state);
	make(300000);
	lose_index();
	put("s1-0 s2-250000 s3-299999 new", 3);
	catch_up(SEGMENTS * UINT64_C(300000) + 1);
	assert_true(spooldir_size(&d, ".hookspool/run/index") > 16 << 20);
	put_all();
	put("s1-0 s2-250000 s3-299999 new", 4);
}

/* --- beside a command ------------------------------------------------------------------- */

struct passer {
	_Atomic unsigned got; /* how often it got the append lock */
	_Atomic bool done;
};

/* Asks for the append lock as senders do: now and then, and it has to be woken if somebody holds it. */
static int pass_often(void *context)
{
	struct passer *passer = context;
	struct hs_opened_spool opened;
	struct hs_segment events;

	if (hs_spool_dir_open(&opened, d.settings, false) != HS_OK)
		return 1;
	hs_segment_init(&events, &opened.dir, HS_EVENTS);
	while (!passer->done) {
		if (hs_segment_begin(&events, 0, soon()) != HS_OK)
			return 2;
		passer->got++;
		hs_segment_end(&events);
		hs_io_pause_us(100);
	}
	return 0;
}

static bool has_begun(void *context)
{
	return ((struct passer *)context)->got > 0;
}

/* Returns how often others got the append lock while a command rebuilt the index. */
static unsigned rebuild_beside(struct passer *passer)
{
	struct hs_opened_spool opened;
	struct hs_segment events;
	struct hs_index *index;
	unsigned before;

	assert_result(hs_spool_dir_open(&opened, d.settings, false), HS_OK);
	hs_segment_init(&events, &opened.dir, HS_EVENTS);
	index = hs_index_new(&opened.dir, d.path);
	assert_true(wait_until(has_begun, passer));
	before = passer->got;
	assert_result(hs_index_begin_whole(index, &events, PATIENCE_MS), HS_OK);
	before = passer->got - before;
	hs_segment_end(&events);
	hs_index_free(index);
	hs_segment_close(&events);
	hs_spool_dir_close(&opened);
	return before;
}

/* The lock is not fair: without a gap between its steps, a command would have it until the index is whole. */
TEST(appends_pass_a_command_that_rebuilds_the_index)
{
	struct passer *passer = mmap(NULL, sizeof *passer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned got = 0, tries = 0;
	pid_t child;

	assert_true(passer != MAP_FAILED);
	finish(state);
	make(200000);
	child = child_start(pass_often, passer);
	do { /* without gaps it is a dozen; on a busy machine others may not run in each gap */
		lose_index();
		got = rebuild_beside(passer);
	} while (got < 25 && ++tries < 4);
	passer->done = true;
	assert_int_equal(child_wait(child), 0);
	munmap(passer, sizeof *passer);
	if (got < 25)
		fail_msg("only %u", got);
}

TESTS("sealed_ids", begin, finish)

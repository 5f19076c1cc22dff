/*
 * index_steps: a large spool is read in steps, in bounded memory, by processes that continue each
 * other's work; and what errors of LMDB mean.
 */
#include "base/io.h"
#include "spool/dedup/id_lsm.h"
#include "spool/dedup/index_store.h"
#include "spool/shared/shared_state.h"
#include "tests/lib/random.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

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
	spooldir_unlink(&s.d, ".hookspool/run/index");
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

/*
 * A segment is sealed and another one is copied in: none has a summary, so both are read out of turn, but the
 * first one only from the mark on.
 */
TEST(out_of_turn_a_segment_is_read_from_the_mark_on)
{
	enum { LINES = 200000, CHUNK = 1 << 18 /* a read of line_reader */ };
	unsigned all, reads;

	fill_open_segment(LINES);
	all = (unsigned)spooldir_size(&s.d, "events.jsonl") / CHUNK;
	put_known("m0 m199999 x", 2);
	rotate();
	spooldir_write(&s.d, "events-20261123T101500.123Z-000002.jsonl", HS_SLICE("{\"message_id\":\"copied\"}\n"));
	wrap_reset();
	put_known("m0 m199999 x copied y", 4);
	reads = wrap_count(WRAP_PREAD);
	if (reads > all / 2)
		fail_msg("%u reads, and all of the segment is %u", reads, all);
	put_known("m100000 y", 2);
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

TEST(segments_before_the_mark_are_read)
{
	const struct hs_index_mark mark = { .number = 5, .offset = 700 };

	assert_true(hs_index_mark_read(&mark, 4) == HS_INDEX_WHOLE);
	assert_int_equal(hs_index_mark_read(&mark, 5), 700);
	assert_int_equal(hs_index_mark_read(&mark, 6), 0);
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

TESTS("index_steps", begin, finish)

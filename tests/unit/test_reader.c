/*
 * reader: every acknowledged event comes once and in order, whatever becomes of its
 * segment while it is read, and nothing comes that is not acknowledged.
 */
#include "base/io.h"
#include "spool/position/cursor.h"
#include "spool/read/reader.h"
#include "spool/shared/spool_dir.h"
#include "spool/spool.h"
#include "tests/lib/cases.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

static int finish(void **state)
{
	(void)state;
	wrap_reset();
	hs_reader_close(s.reader);
	hs_spool_free(s.spool);
	spooldir_remove(&s.d);
	return 0;
}

static void put(const char *words)
{
	assert_int_equal(spooldir_append(s.spool, words, NULL), HS_OK);
}

static void rotate(void)
{
	assert_int_equal(hs_spool_rotate(s.spool, hs_io_now_monotonic() + PATIENCE_MS), HS_OK);
}

static void maintain(void)
{
	struct hs_retention_counts done;

	assert_int_equal(hs_spool_maintain(s.spool, NULL, NULL, &done), HS_OK);
}

static void open_reader(void)
{
	hs_reader_close(s.reader);
	assert_int_equal(hs_reader_open(s.d.settings, &s.reader), HS_OK);
}

static void note(struct hs_slice line)
{
	const char *label = "\"message_id\":\"", *id = memmem(line.p, line.n, label, strlen(label));
	size_t used = strlen(s.got);

	assert_non_null(id);
	id += strlen(label);
	snprintf(s.got + used, sizeof s.got - used, "%s%.*s", used > 0 ? " " : "", (int)strcspn(id, "\""), id);
}

/* What comes until something else than a line comes, at most so many. */
static enum hs_read read_some(unsigned most)
{
	enum hs_read what = HS_READ_LINE;
	struct hs_slice line;

	s.got[0] = '\0';
	while (most-- > 0 && (what = hs_reader_next(s.reader, &line)) == HS_READ_LINE)
		note(line);
	return what;
}

#define assert_read(words) \
	do { \
		assert_int_equal(read_some(1000), HS_READ_END); \
		assert_string_equal(s.got, words); \
	} while (0)

static void all_segments_in_order(void **state)
{
	(void)state;
	make("rotate_min_gap = 0\n");
	put("a b");
	rotate();
	put("c");
	rotate();
	maintain();
	put("d e");
	rotate();
	put("f");
	open_reader();
	assert_read("a b c d e f");
	assert_read("");
	put("g");
	assert_read("g");
}

static void an_empty_spool(void **state)
{
	struct hs_position end;

	(void)state;
	make("");
	assert_int_equal(hs_reader_open(s.d.settings, &s.reader), HS_E_SPOOL_DIR);
	assert_int_equal(hs_spool_health(s.spool), HS_OK);
	open_reader();
	assert_int_equal(hs_reader_end(s.reader, &end), HS_OK);
	assert_int_equal(end.offset, 0);
	assert_read("");
	put("a");
	assert_read("a");
}

/* Stopped anywhere and started there again, nothing is lost or doubled. */
static void from_any_position(void **state)
{
	static const char words[] = "a b c d e f g";

	(void)state;
	make("rotate_min_gap = 0\n");
	put("a b");
	rotate();
	put("c d e");
	rotate();
	put("f g");
	for (int pass = 0; pass < 2; pass++, maintain())
		for (unsigned n = 0; n <= 7; n++) {
			struct hs_position at;

			open_reader();
			read_some(n);
			assert_memory_equal(s.got, words, n == 0 ? 0 : 2 * n - 1);
			at = hs_reader_position(s.reader);
			open_reader();
			hs_reader_start(s.reader, at);
			assert_read(n == 7 ? "" : words + 2 * n);
		}
}

static void through_rotations(void **state)
{
	char word[16], want[512] = "";

	(void)state;
	make("rotate_min_gap = 0\n");
	put("start");
	open_reader();
	assert_read("start");
	for (int i = 0; i < 20; i++) {
		snprintf(word, sizeof word, "v%d", i);
		put(word);
		rotate();
		assert_read(word);
	}
	for (int i = 0; i < 70; i++) { /* more than HS_PAST: how the first ended is forgotten */
		snprintf(word, sizeof word, "%sw%d", i > 0 ? " " : "", i);
		strcat(want, word);
		put(word);
		rotate();
	}
	maintain();
	assert_read(want);
}

/* It is in the file, but its sync has not happened: not ours to tell. */
static void not_before_it_is_acknowledged(void **state)
{
	struct hs_shared_state *shared;
	struct events *e = events_new("b");
	uint64_t was;

	(void)state;
	make("");
	put("a");
	open_reader();
	assert_read("a");
	shared = spooldir_state(&s.d);
	was = shared->stream[HS_EVENTS].synced;
	spooldir_add(&s.d, "events.jsonl", hs_buf_slice(&e->lines));
	shared->stream[HS_EVENTS].written += e->lines.n;
	assert_read("");
	assert_true(hs_reader_patience(s.reader) >= 0); /* it will ask again soon */
	hs_reader_watch(s.reader);
	assert_in_range(hs_reader_patience(s.reader), 1, 32);
	shared->stream[HS_EVENTS].synced = was + e->lines.n;
	assert_read("b");
	hs_io_pause(30); /* the directory has changed just now */
	assert_read("");
	assert_true(hs_reader_patience(s.reader) < 0); /* idle: no need to look */
	spooldir_state_done(shared);
	events_free(e);
}

static void without_durability_what_is_written(void **state)
{
	(void)state;
	make("durability = none\n");
	put("a b");
	open_reader();
	assert_read("a b");
	put("c");
	assert_read("c");
}

/* A fragment of a killed writer, and a spool that nobody has had open since. */
static void a_fragment_is_not_delivered(void **state)
{
	struct hs_position at;

	(void)state;
	make("");
	put("a b");
	spooldir_add(&s.d, "events.jsonl", HS_SLICE("{\"type\":\"tra"));
	open_reader();
	assert_read("a b");
	at = hs_reader_position(s.reader);
	put("c"); /* sets the segment aside */
	assert_read("c");
	hs_reader_close(s.reader);
	s.reader = NULL;
	hs_spool_free(s.spool);
	spooldir_unlink(&s.d, ".hookspool/run/state");
	spooldir_add(&s.d, "events.jsonl", HS_SLICE("{\"type\":\"tra"));
	s.spool = hs_spool_new(s.d.settings);
	open_reader();
	hs_reader_start(s.reader, at);
	assert_read("c");
	put("d");
	assert_read("d");
	assert_once(&s.d, "a b c d");
}

/* A failed sync: what was promised before stays in its place, the rest comes from the copy. */
static void a_poisoned_segment(void **state)
{
	(void)state;
	make("");
	put("a b");
	open_reader();
	assert_read("a b");
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_int_equal(spooldir_append(s.spool, "lost", NULL), HS_E_SYNC);
	wrap_reset();
	assert_read("");
	put("c");
	assert_read("c");
	open_reader();
	assert_read("a b c");
}

/* One of which nothing was kept: the next one has its number. */
static void a_segment_that_never_was(void **state)
{
	(void)state;
	make("");
	assert_int_equal(hs_spool_health(s.spool), HS_OK);
	open_reader();
	assert_read("");
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_int_equal(spooldir_append(s.spool, "lost", NULL), HS_E_SYNC);
	wrap_reset();
	put("a");
	assert_read("a");
}

/* One that somebody emptied: its number is gone with it, or positions would be of another. */
static void a_segment_that_was_emptied(void **state)
{
	struct hs_position position;

	(void)state;
	make("");
	put("a b");
	open_reader();
	assert_read("a b");
	position = hs_reader_position(s.reader);
	spooldir_cut(&s.d, "events.jsonl", 0);
	put("c d e");
	assert_read("c d e");
	hs_reader_start(s.reader, position);
	assert_int_equal(read_some(10), HS_READ_GAP);
	assert_read("c d e");
}

static void what_retention_took_is_told(void **state)
{
	uint64_t first, last;

	(void)state;
	make("rotate_min_gap = 0\ncompress = none\n");
	put("a");
	rotate();
	put("b");
	rotate();
	put("c");
	open_reader();
	assert_int_equal(read_some(1), HS_READ_LINE);
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 1));
	assert_int_equal(read_some(10), HS_READ_GAP);
	hs_reader_gap(s.reader, &first, &last);
	assert_int_equal(first, 2);
	assert_int_equal(last, 2);
	assert_read("c");
	hs_reader_start(s.reader, (struct hs_position){ .number = 9 });
	assert_int_equal(read_some(1), HS_READ_AHEAD);
}

static void the_last_lines(void **state)
{
	static const char all[] = "a b c d e f g";

	(void)state;
	make("rotate_min_gap = 0\n");
	put("a b");
	rotate();
	maintain();
	put("c d e");
	rotate();
	put("f g");
	open_reader();
	for (size_t n = 0; n <= 8; n++) {
		assert_int_equal(hs_reader_last(s.reader, n, NULL, NULL), HS_OK);
		assert_read(n == 0 ? "" : n >= 7 ? all : all + 14 - 2 * n);
	}
}

static bool is_wanted(void *context, struct hs_slice line)
{
	return memmem(line.p, line.n, context, strlen(context)) != NULL;
}

/* More than the window that is looked at first. */
static void the_last_wanted_lines(void **state)
{
	char word[512];

	(void)state;
	make("");
	put("rare1");
	put("rare2");
	for (int i = 0; i < 300; i++) {
		char *words = calloc(1, 1 << 14);

		for (int k = 0; k < 16; k++) {
			snprintf(word, sizeof word, "%0300d-%d-%d ", 0, i, k);
			strcat(words, word);
		}
		put(words);
		free(words);
	}
	open_reader();
	assert_int_equal(hs_reader_last(s.reader, 2, is_wanted, "rare"), HS_OK);
	assert_int_equal(read_some(2), HS_READ_LINE);
	assert_string_equal(s.got, "rare1 rare2");
	assert_int_equal(hs_reader_last(s.reader, 1, is_wanted, "rare"), HS_OK);
	assert_int_equal(read_some(1), HS_READ_LINE);
	assert_string_equal(s.got, "rare2");
}

/* Lines of any length, a few of them wanted, in all segments; the numbers of the wanted ones in order. */
struct mixture {
	struct case_random random;
	unsigned one_in; /* so many is wanted */
	int lines;
	int wanted[512];
	size_t count;
};

static void put_line(struct mixture *m, struct hs_buf *out)
{
	static const uint32_t sizes[] = { 1, 300, 3000, 40000, 1 << 20, 3 << 20 };
	static const unsigned rare[] = { 1, 1, 1, 4, 40, 120 }; /* large ones */
	uint32_t size = case_random_below(&m->random, 6);
	bool wanted = case_random_below(&m->random, m->one_in) == 0;
	char head[64];

	if (case_random_below(&m->random, rare[size]) != 0)
		size = 1;
	hs_buf_put(out, head,
	           (size_t)snprintf(head, sizeof head, "{\"type\":\"%s\",\"n\":%d,\"x\":\"",
	                            wanted ? "wanted" : "other", m->lines));
	for (size = case_random_below(&m->random, sizes[size]); size > 0; size--)
		hs_buf_putc(out, 'x');
	hs_buf_put_slice(out, HS_SLICE("\"}\n"));
	if (wanted && m->count < 512)
		m->wanted[m->count++] = m->lines;
	m->lines++;
}

static void write_lines(struct mixture *m, const char *name, size_t bytes, const char *fragment)
{
	struct hs_buf text = { 0 };

	while (text.n < bytes && m->count < 500)
		put_line(m, &text);
	hs_buf_put_slice(&text, hs_slice_str(fragment));
	spooldir_write(&s.d, name, hs_buf_slice(&text));
	hs_buf_free(&text);
}

static void assert_last(const struct mixture *m, size_t n)
{
	size_t next = n < m->count ? m->count - n : 0;
	struct hs_slice line;

	assert_int_equal(hs_reader_last(s.reader, n, is_wanted, "\"wanted\""), HS_OK);
	while (hs_reader_next(s.reader, &line) == HS_READ_LINE) {
		const char *number = memmem(line.p, line.n < 64 ? line.n : 64, "\"n\":", 4);

		assert_non_null(number);
		if (!is_wanted("\"wanted\"", line))
			continue;
		assert_true(next < m->count);
		assert_int_equal(strtol(number + 4, NULL, 10), m->wanted[next++]);
	}
	assert_int_equal(next, m->count);
}

/* Backwards by windows; the second opinion has read everything from the start. */
static void the_last_of_lines_of_any_length(void **state)
{
	static const size_t numbers[] = { 1, 2, 5, 17, 490, 100000 };
	uint64_t seed = case_seed();

	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		struct mixture m = { case_random_new(seed + round), round % 2 == 0 ? 2 : 60, 0, { 0 }, 0 };

		if (round > 0)
			finish(NULL);
		make("rotate_min_gap = 0\ncompress = none\n");
		assert_int_equal(mkdir(s.d.path, 0700), 0);
		/* the window is 1 MiB: segments of less, of some, and of one line */
		write_lines(&m, "events-20261123T101500.123Z-000001.jsonl", 5 << 20, "{\"type\":\"wanted\",\"n\":9");
		write_lines(&m, "events-20261123T101501.123Z-000002.jsonl", round << 19, "");
		write_lines(&m, "events-20261123T101502.123Z-000003.jsonl", 1, "");
		write_lines(&m, "events.jsonl", 3 << 20, "");
		open_reader();
		for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
			assert_last(&m, numbers[i]);
	}
}

/* Many segments, one of them plain beside its .gz, and a gap; the last n of any n. */
static void the_last_of_many_segments(void **state)
{
	char want[512], all[512] = "", word[16], copy[NAME_MAX + 1];
	struct hs_buf text;

	(void)state;
	make("rotate_min_gap = 0\n");
	for (int i = 0; i < 12; i++) {
		snprintf(word, sizeof word, "w%02d", i);
		put(word);
		rotate();
	}
	snprintf(copy, sizeof copy, "%s", spooldir_name(&s.d, "events-", 4));
	text = spooldir_read(&s.d, copy);
	maintain();
	spooldir_write(&s.d, copy, hs_buf_slice(&text)); /* as in the middle of compressing */
	hs_buf_free(&text);
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 7)); /* w07: the copy counts, too */
	for (int i = 1; i < 12; i++)
		if (i != 7)
			snprintf(all + strlen(all), sizeof all - strlen(all), "%sw%02d", i > 1 ? " " : "", i);
	open_reader();
	for (size_t n = 1; n <= 11; n++) {
		size_t from = n < 10 ? strlen(all) - (4 * n - 1) : 0;
		struct hs_slice line;
		enum hs_read what;

		snprintf(want, sizeof want, "%s", all + from);
		assert_int_equal(hs_reader_last(s.reader, n, NULL, NULL), HS_OK);
		s.got[0] = '\0';
		while ((what = hs_reader_next(s.reader, &line)) == HS_READ_LINE || what == HS_READ_GAP)
			if (what == HS_READ_LINE)
				note(line);
		assert_string_equal(s.got, want);
	}
}

/* A clean copy of the first segment without its first line. */
static void erase_first(struct hs_rewrite_log *rewrites)
{
	const char *name = spooldir_name(&s.d, "events-", 0);
	struct hs_buf text = spooldir_read(&s.d, name);
	struct hs_range removed = { 0, (uint64_t)((char *)memchr(text.p, '\n', text.n) - text.p) + 1 };
	struct hs_rewrite edit = { .stream = "events",
		                   .copy = "c",
		                   .removed = &removed,
		                   .count = 1,
		                   .inode = (uint64_t)spooldir_inode(&s.d, name) };

	assert_true(hs_sealed_parse("events", name, &edit.sealed));
	spooldir_write(&s.d, ".hookspool/run/c", hs_slice(text.p + removed.bytes, text.n - removed.bytes));
	assert_int_equal(hs_rewrite_log_replace(rewrites, &edit), HS_OK);
	hs_buf_free(&text);
}

static void an_edit_moves_no_position(void **state)
{
	struct hs_position before, after;
	struct hs_rewrite_log *rewrites;

	(void)state;
	make("rotate_min_gap = 0\ncompress = none\n");
	put("a b c d");
	rotate();
	put("e");
	open_reader();
	assert_int_equal(hs_rewrite_log_open(hs_reader_dir(s.reader), &rewrites), HS_OK);
	read_some(2);
	before = hs_reader_position(s.reader);
	erase_first(rewrites);
	read_some(1); /* still from the old file */
	assert_string_equal(s.got, "c");
	after = hs_reader_position(s.reader);
	erase_first(rewrites);
	hs_reader_start(s.reader, after);
	assert_read("d e");
	hs_reader_start(s.reader, before);
	assert_read("c d e");
	hs_reader_start(s.reader, (struct hs_position){ 0 });
	assert_read("c d e");
	hs_rewrite_log_close(rewrites);
}

/* Repair leaves out what is no record; who had read up to there goes on behind it. */
static void repair_and_go_on(const char *settings, bool compressed)
{
	struct hs_verifier examiner = { .mend = true };
	struct hs_verified found;
	struct hs_position before;
	struct hs_buf text, bad = { 0 };
	const char *name;

	make(settings);
	put("a b c d");
	rotate();
	put("e");
	name = spooldir_name(&s.d, "events-", 0);
	text = spooldir_read(&s.d, name);
	hs_buf_put_slice(&bad, HS_SLICE("not a record\n{\"nor\":\"this\n"));
	hs_buf_put_slice(&bad, hs_buf_slice(&text));
	hs_buf_put_slice(&bad, HS_SLICE("{\"torn"));
	spooldir_write(&s.d, name, hs_buf_slice(&bad));
	hs_buf_free(&text);
	if (compressed)
		maintain();
	open_reader();
	hs_reader_start(s.reader, (struct hs_position){ 1, strlen("not a record\n{\"nor\":\"this\n"), 0, 0 });
	read_some(2);
	assert_string_equal(s.got, "a b");
	before = hs_reader_position(s.reader);
	assert_int_equal(hs_spool_verify(s.spool, &examiner, &found), HS_OK);
	assert_int_equal(found.mended, 1);
	hs_reader_start(s.reader, before);
	assert_read("c d e");
	hs_reader_start(s.reader, (struct hs_position){ 0 });
	assert_read("a b c d e");
	hs_buf_free(&bad);
}

static void a_repair_moves_no_position(void **state)
{
	(void)state;
	repair_and_go_on("rotate_min_gap = 0\ncompress = none\n", false);
}

static void a_repair_of_a_compressed_one_moves_no_position(void **state)
{
	(void)state;
	repair_and_go_on("rotate_min_gap = 0\ncompress = gzip\n", true);
}

/* What was read before the damage is not there any more: on with what comes behind. */
static void a_position_behind_what_could_be_repaired(void **state)
{
	struct hs_verifier examiner = { .mend = true };
	struct hs_verified found;
	struct hs_position before;
	const char *name;

	(void)state;
	make("rotate_min_gap = 0\ncompress = gzip\n");
	put("a b c d");
	rotate();
	put("e");
	maintain();
	open_reader();
	hs_reader_start(s.reader, (struct hs_position){ 0 });
	read_some(4);
	before = hs_reader_position(s.reader);
	name = spooldir_name(&s.d, "events-", 0);
	spooldir_cut(&s.d, name, spooldir_size(&s.d, name) - 20);
	assert_int_equal(hs_spool_verify(s.spool, &examiner, &found), HS_OK);
	assert_int_equal(found.mended, 1);
	hs_reader_start(s.reader, before);
	assert_read("e");
}

/* --- following ------------------------------------------------------------ */

static void *write_and_rotate(void *context)
{
	char word[16];

	(void)context;
	for (int i = 0; i < 200; i++) {
		snprintf(word, sizeof word, "f%d", i);
		if (spooldir_append(s.spool, word, NULL) != HS_OK)
			return NULL;
		if (i % 7 == 3)
			hs_spool_rotate(s.spool, hs_io_now_monotonic() + PATIENCE_MS);
		if (i % 50 == 20)
			maintain();
	}
	return NULL;
}

/* Waits on nothing but the reader. */
static void follow(void)
{
	int64_t deadline = hs_io_now_monotonic() + PATIENCE_MS;
	pthread_t writer;
	struct hs_slice line;
	int next = 0;

	assert_int_equal(pthread_create(&writer, NULL, write_and_rotate, NULL), 0);
	while (next < 200 && hs_io_now_monotonic() < deadline) {
		char want[64];

		switch (hs_reader_next(s.reader, &line)) {
		case HS_READ_LINE:
			snprintf(want, sizeof want, "\"message_id\":\"f%d\"", next++);
			if (memmem(line.p, line.n, want, strlen(want)) == NULL)
				fail_msg("expected f%d, got %.*s", next - 1, (int)line.n, line.p);
			break;
		case HS_READ_END: hs_reader_wait(s.reader, PATIENCE_MS); break;
		default: fail_msg("neither a line nor the end");
		}
	}
	pthread_join(writer, NULL);
	assert_int_equal(next, 200);
	assert_read("");
}

static void followed_through_everything(void **state)
{
	(void)state;
	make("rotate_min_gap = 0\n");
	assert_int_equal(hs_spool_health(s.spool), HS_OK);
	open_reader();
	follow();
	assert_true(hs_reader_watch(s.reader) >= 0);
}

/* No descriptor for inotify: it is followed all the same. */
static void without_inotify(void **state)
{
	struct rlimit was, none;

	(void)state;
	make("rotate_min_gap = 0\n");
	assert_int_equal(hs_spool_health(s.spool), HS_OK);
	open_reader();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){ 0, was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(hs_reader_watch(s.reader), -1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_read("");
	assert_in_range(hs_reader_patience(s.reader), 1, 50);
	follow();
}

/* --- cursors and retention ------------------------------------------------ */

static void retention_spares_what_a_cursor_needs(void **state)
{
	static const char *const settings[] = { "", "retain_force = yes\n" };

	(void)state;
	for (int forced = 0; forced < 2; forced++) {
		struct hs_cursor *cursor;
		int64_t holder;
		char text[256];
		bool fresh;

		snprintf(text, sizeof text, "rotate_min_gap = 0\ncompress = none\nretain_bytes = 1\n%s",
		         settings[forced]);
		make(text);
		put("a");
		rotate();
		put("b");
		rotate();
		put("c");
		open_reader();
		read_some(1);
		read_some(1);
		assert_string_equal(s.got, "b");
		assert_int_equal(hs_cursor_open(hs_reader_dir(s.reader), "x", &cursor, &fresh, &holder), HS_OK);
		assert_int_equal(hs_cursor_save(cursor, hs_reader_position(s.reader)), HS_OK);
		maintain();
		assert_int_equal(spooldir_count(&s.d, "a"), 0);
		assert_int_equal(spooldir_count(&s.d, "b"), forced ? 0 : 1);
		read_some(1);
		assert_int_equal(hs_cursor_save(cursor, hs_reader_position(s.reader)), HS_OK);
		maintain();
		assert_int_equal(spooldir_count(&s.d, "b"), 0);
		assert_once(&s.d, "c");
		hs_cursor_close(cursor);
		finish(NULL);
	}
	make("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(all_segments_in_order, finish),
		cmocka_unit_test_teardown(an_empty_spool, finish),
		cmocka_unit_test_teardown(from_any_position, finish),
		cmocka_unit_test_teardown(through_rotations, finish),
		cmocka_unit_test_teardown(not_before_it_is_acknowledged, finish),
		cmocka_unit_test_teardown(without_durability_what_is_written, finish),
		cmocka_unit_test_teardown(a_fragment_is_not_delivered, finish),
		cmocka_unit_test_teardown(a_poisoned_segment, finish),
		cmocka_unit_test_teardown(a_segment_that_never_was, finish),
		cmocka_unit_test_teardown(a_segment_that_was_emptied, finish),
		cmocka_unit_test_teardown(what_retention_took_is_told, finish),
		cmocka_unit_test_teardown(the_last_lines, finish),
		cmocka_unit_test_teardown(the_last_wanted_lines, finish),
		cmocka_unit_test_teardown(the_last_of_lines_of_any_length, finish),
		cmocka_unit_test_teardown(the_last_of_many_segments, finish),
		cmocka_unit_test_teardown(an_edit_moves_no_position, finish),
		cmocka_unit_test_teardown(a_repair_moves_no_position, finish),
		cmocka_unit_test_teardown(a_repair_of_a_compressed_one_moves_no_position, finish),
		cmocka_unit_test_teardown(a_position_behind_what_could_be_repaired, finish),
		cmocka_unit_test_teardown(followed_through_everything, finish),
		cmocka_unit_test_teardown(without_inotify, finish),
		cmocka_unit_test_teardown(retention_spares_what_a_cursor_needs, finish),
	};

	return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}

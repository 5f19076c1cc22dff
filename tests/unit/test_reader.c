/*
 * reader: every acknowledged event comes once and in order, whatever happens to its
 * segment meanwhile, and nothing that is not acknowledged comes.
 */
#include "base/io.h"
#include "spool/position/cursor.h"
#include "spool/shared/spool_dir.h"
#include "tests/lib/random.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

TEST(all_segments_in_order)
{
	make("rotate_min_gap = 0\n");
	seal("a b");
	seal("c");
	maintain();
	seal("d e");
	put("f");
	open_reader();
	assert_read("a b c d e f");
	assert_read("");
	put("g");
	assert_read("g");
}

TEST(an_empty_spool)
{
	struct hs_position end;

	make("");
	assert_int_equal(hs_reader_open(s.d.settings, &s.reader), HS_E_SPOOL_DIR);
	assert_int_equal(hs_spool_health(s.spool, NULL), HS_OK);
	open_reader();
	assert_int_equal(hs_reader_end(s.reader, &end), HS_OK);
	assert_int_equal(end.offset, 0);
	assert_read("");
	put("a");
	assert_read("a");
}

/* A reader that stops anywhere and starts there again loses and doubles nothing. */
TEST(from_any_position)
{
	static const char words[] = "a b c d e f g";

	make("rotate_min_gap = 0\n");
	seal("a b");
	seal("c d e");
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

/* A damaged cursor: an offset is nothing without its segment. */
TEST(an_offset_in_no_segment_is_the_start)
{
	enum hs_fit fit;

	make("rotate_min_gap = 0\n");
	seal("a b");
	put("c");
	for (int pass = 0; pass < 2; pass++, maintain()) {
		open_reader();
		assert_int_equal(hs_reader_fit(s.reader, (struct hs_position){ .offset = 30, .edit = 2 }, &fit), HS_OK);
		assert_int_equal(fit, HS_FIT);
		assert_read("a b c");
	}
}

TEST(through_rotations)
{
	char word[16], want[512] = "";

	make("rotate_min_gap = 0\n");
	put("start");
	open_reader();
	assert_read("start");
	for (int i = 0; i < 20; i++) {
		snprintf(word, sizeof word, "v%d", i);
		seal(word);
		assert_read(word);
	}
	for (int i = 0; i < 70; i++) { /* more than HS_PAST: how the first ended is forgotten */
		snprintf(word, sizeof word, "%sw%d", i > 0 ? " " : "", i);
		strcat(want, word);
		seal(word);
	}
	maintain();
	assert_read(want);
}

/* A line in the file that is not synced yet is not delivered. */
TEST(not_before_it_is_acknowledged)
{
	struct hs_shared_state *shared;
	struct events *e = events_new("b");
	uint64_t was;

	make("");
	put("a");
	open_reader();
	assert_read("a");
	shared = spooldir_state(&s.d);
	was = shared->stream[HS_EVENTS].synced;
	spooldir_add(&s.d, "events.jsonl", hs_buf_slice(&e->lines));
	shared->stream[HS_EVENTS].written += e->lines.n;
	assert_read("");
	assert_true(hs_reader_patience(s.reader) >= 0); /* it looks again soon */
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

/*
 * Other files may come within the tick of the kernel's clock in which it looked: until that is over it looks again
 * soon, since no notice would come. A busy machine may take longer than that between the change and the look.
 */
TEST(a_folder_that_has_just_changed)
{
	bool soon_again = false;

	make("");
	put("a");
	open_reader();
	assert_read("a");
	hs_reader_watch(s.reader);
	for (int i = 0; i < 100 && !soon_again; i++) {
		spooldir_write(&s.d, "other", HS_SLICE("x"));
		spooldir_unlink(&s.d, "other");
		assert_read("");
		soon_again = hs_reader_patience(s.reader) > 0;
	}
	assert_true(soon_again);
}

/* It looks at the folder each time that has changed. */
TEST(waiting_at_the_end_leaves_no_descriptor_open)
{
	size_t before;

	make("");
	put("a");
	assert_read("a");
	before = unit_descriptors();
	for (int i = 0; i < 5; i++) {
		spooldir_write(&s.d, "other", HS_SLICE("x"));
		spooldir_unlink(&s.d, "other");
		assert_read("");
	}
	assert_int_equal(unit_descriptors(), before);
}

TEST(written_lines_without_durability)
{
	make("durability = none\n");
	put("a b");
	open_reader();
	assert_read("a b");
	put("c");
	assert_read("c");
}

/* A fragment of a killed writer, in a spool that was not opened since. */
TEST(a_fragment_is_not_delivered)
{
	struct hs_position at;

	make("");
	put("a b");
	spooldir_add(&s.d, "events.jsonl", HS_SLICE("{\"type\":\"tra"));
	open_reader();
	assert_read("a b");
	at = hs_reader_position(s.reader);
	put("c"); /* sets the segment aside */
	assert_read("c");
	close_reader();
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/state");
	spooldir_add(&s.d, "events.jsonl", HS_SLICE("{\"type\":\"tra"));
	restart();
	open_reader();
	hs_reader_start(s.reader, at);
	assert_read("c");
	put("d");
	assert_read("d");
	assert_once(&s.d, "a b c d");
}

static void fail_to_sync(const char *words)
{
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_int_equal(append(words), HS_E_SYNC);
	wrap_reset();
}

/* After a failed sync acknowledged lines keep their place; the rest comes from the copy. */
TEST(a_poisoned_segment)
{
	make("");
	put("a b");
	open_reader();
	assert_read("a b");
	fail_to_sync("lost");
	assert_read("");
	put("c");
	assert_read("c");
	open_reader();
	assert_read("a b c");
}

/* Nothing was kept of a segment: the next one has its number. */
TEST(a_segment_that_never_was)
{
	make("");
	assert_int_equal(hs_spool_health(s.spool, NULL), HS_OK);
	open_reader();
	assert_read("");
	fail_to_sync("lost");
	put("a");
	assert_read("a");
}

/* An emptied segment takes its number with it, or old positions would point into another. */
TEST(a_segment_that_was_emptied)
{
	struct hs_position position;

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

TEST(deleted_segments_are_reported)
{
	uint64_t first, last;

	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a");
	seal("b");
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

TEST(the_last_lines)
{
	static const char all[] = "a b c d e f g";

	make("rotate_min_gap = 0\n");
	seal("a b");
	maintain();
	seal("c d e");
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

/* Beyond the window that is read first. */
TEST(the_last_wanted_lines)
{
	char word[512];

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
	struct random_source random;
	unsigned one_in; /* so many is wanted */
	int lines;
	int wanted[512];
	size_t count;
};

static void put_line(struct mixture *m, struct hs_buf *out)
{
	static const uint32_t sizes[] = { 1, 300, 3000, 40000, 1 << 20, 3 << 20 };
	static const unsigned rare[] = { 1, 1, 1, 4, 40, 120 }; /* large ones */
	uint32_t size = random_below(&m->random, 6);
	bool wanted = random_below(&m->random, m->one_in) == 0;
	char head[64];

	if (random_below(&m->random, rare[size]) != 0)
		size = 1;
	hs_buf_put(out, head,
	           (size_t)snprintf(head, sizeof head, "{\"type\":\"%s\",\"n\":%d,\"x\":\"",
	                            wanted ? "wanted" : "other", m->lines));
	for (size = random_below(&m->random, sizes[size]); size > 0; size--)
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
TEST(the_last_of_lines_of_any_length)
{
	static const size_t numbers[] = { 1, 2, 5, 17, 490, 100000 };
	uint64_t seed = random_seed();

	for (unsigned round = 0; round < 6; round++) {
		struct mixture m = { random_new(seed + round), round % 2 == 0 ? 2 : 60, 0, { 0 }, 0 };

		make(round < 4 ? "rotate_min_gap = 0\ncompress = none\n" : "rotate_min_gap = 0\n");
		assert_int_equal(mkdir(s.d.path, 0700), 0);
		/* the window is 1 MiB: segments of less, of some, and of one line */
		write_lines(&m, "events-20261123T101500.123Z-000001.jsonl", 5 << 20, "{\"type\":\"wanted\",\"n\":9");
		write_lines(&m, "events-20261123T101501.123Z-000002.jsonl", round << 19, "");
		write_lines(&m, "events-20261123T101502.123Z-000003.jsonl", 1, "");
		write_lines(&m, "events.jsonl", 3 << 20, "");
		if (round >= 4)
			maintain();
		open_reader();
		for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
			assert_last(&m, numbers[i]);
	}
}

/* A sealed segment of this many lines of 32 KB that compress by half at most. */
static void seal_large(int lines)
{
	struct random_source random = random_new(random_seed());
	struct hs_buf text = { 0 };

	for (int i = 0; i < lines; i++) {
		hs_buf_printf(&text, "{\"type\":\"page\",\"message_id\":\"m%d\",\"x\":\"", i);
		for (int n = 0; n < 4096; n++)
			hs_buf_printf(&text, "%08x", (unsigned)random_below(&random, UINT32_MAX));
		hs_buf_put_slice(&text, HS_SLICE("\"}\n"));
	}
	assert_true(hs_buf_ok(&text));
	spooldir_write(&s.d, "events-20261123T101500.123Z-000001.jsonl", hs_buf_slice(&text));
	hs_buf_free(&text);
	maintain();
	assert_non_null(strstr(spooldir_name(&s.d, "events-", 0), ".gz"));
}

/* Only those members of a compressed segment are read and inflated that have the last lines. */
TEST(the_last_lines_of_a_large_compressed_segment)
{
	enum { LINES = 768 /* in 24 members */, MEMBER = 1 << 20 };
	struct hs_position stop, start;
	struct hs_slice line;

	make("rotate_min_gap = 0\n");
	assert_int_equal(mkdir(s.d.path, 0700), 0);
	seal_large(LINES);
	open_reader();
	assert_int_equal(hs_reader_end(s.reader, &stop), HS_OK);
	wrap_reset();
	assert_int_equal(hs_reader_last(s.reader, 3, NULL, NULL), HS_OK);
	assert_in_range(wrap_bytes_read(), 1, 3 * MEMBER);
	assert_int_equal(hs_reader_next(s.reader, &line), HS_READ_LINE);
	assert_non_null(memmem(line.p, 64, "m765", 4));
	wrap_reset();
	assert_int_equal(hs_reader_back(s.reader, &stop, MEMBER, &start), HS_OK);
	assert_int_equal(start.number, 1);
	assert_true(start.offset < stop.offset && stop.offset - start.offset <= MEMBER);
	assert_in_range(wrap_bytes_read(), 1, 3 * MEMBER);
	while (hs_reader_next(s.reader, &line) == HS_READ_LINE)
		start = hs_reader_position(s.reader);
	assert_int_equal(start.offset, stop.offset);
	assert_in_range(wrap_bytes_read(), 1, 4 * MEMBER);
}

/* Many segments, one of them plain beside its .gz, and a gap; the last n of any n. */
TEST(the_last_of_many_segments)
{
	char got[512], all[512] = "", word[16], copy[NAME_MAX + 1];
	struct hs_buf text;

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

		assert_int_equal(hs_reader_last(s.reader, n, NULL, NULL), HS_OK);
		got[0] = '\0';
		while ((what = hs_reader_next(s.reader, &line)) == HS_READ_LINE || what == HS_READ_GAP)
			if (what == HS_READ_LINE)
				snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.3s",
				         got[0] != '\0' ? " " : "", word_of(line).p);
		assert_string_equal(got, all + from);
	}
}

static void put_long_line(struct hs_buf *out, char c, size_t n)
{
	hs_buf_printf(out, "{\"type\":\"page\",\"message_id\":\"%c\",\"x\":\"", c);
	for (; n > 0; n--)
		hs_buf_putc(out, c);
	hs_buf_put_slice(out, HS_SLICE("\"}\n"));
}

/* A read that fails has overwritten the last line in the buffer, but its hash can still be asked for. */
TEST(the_hash_of_the_last_line_outlives_it)
{
	struct hs_digest *digest = hs_digest_new();
	struct hs_buf text = { 0 };
	struct hs_slice line;
	uint64_t hash[2];
	size_t first;

	make("rotate_min_gap = 0\ncompress = none\n");
	assert_int_equal(mkdir(s.d.path, 0700), 0);
	put_long_line(&text, 'a', 200000);
	first = text.n;
	put_long_line(&text, 'b', 200000);
	spooldir_write(&s.d, "events-20261123T101500.123Z-000001.jsonl", hs_buf_slice(&text));
	assert_true(hs_history_hash(digest, hs_slice(text.p, first - 1), &hash[0]));
	assert_true(hs_history_hash(digest, hs_slice(text.p + first, text.n - first - 1), &hash[1]));
	open_reader();
	assert_int_equal(hs_reader_remember(s.reader), HS_OK);
	assert_int_equal(hs_reader_next(s.reader, &line), HS_READ_LINE);
	assert_int_equal(line.n, first - 1);
	wrap_fail(WRAP_PREAD, 1, 1, EIO);
	assert_int_equal(hs_reader_next(s.reader, &line), HS_READ_FAILED);
	assert_int_equal(hs_reader_position(s.reader).offset, first);
	assert_true(hs_reader_position(s.reader).before == hash[0]);
	assert_int_equal(hs_reader_next(s.reader, &line), HS_READ_LINE);
	assert_int_equal(hs_reader_next(s.reader, &line), HS_READ_END);
	assert_true(hs_reader_position(s.reader).before == hash[1]);
	hs_buf_free(&text);
	hs_digest_free(digest);
}

/* A clean copy of the first segment without its first line. */
static void erase_first(struct hs_rewrite_log *rewrites)
{
	const char *name = spooldir_name(&s.d, "events-", 0);
	struct hs_buf text = spooldir_read(&s.d, name);
	struct hs_range removed = { 0, (uint64_t)((char *)memchr(text.p, '\n', text.n) - text.p) + 1 };
	struct hs_rewrite edit = {
		.stream = "events", .copy = "c", .removed = &removed, .count = 1, .read = spooldir_stat(&s.d, name)
	};

	assert_true(hs_sealed_parse("events", name, &edit.sealed));
	spooldir_write(&s.d, ".hookspool/run/c", hs_slice(text.p + removed.bytes, text.n - removed.bytes));
	assert_int_equal(hs_rewrite_log_replace(rewrites, &edit), HS_OK);
	hs_buf_free(&text);
}

TEST(an_edit_moves_no_position)
{
	struct hs_position before, after;
	struct hs_rewrite_log *rewrites;

	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a b c d");
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

/* Repair removes what is no record; a reader that was there goes on after it. */
static void repair_and_go_on(const char *settings, bool compressed)
{
	struct hs_verifier verifier = { .mend = true };
	struct hs_verified found;
	struct hs_position before;
	struct hs_buf text, bad = { 0 };
	const char *name;

	make(settings);
	seal("a b c d");
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
	assert_int_equal(hs_spool_verify(s.spool, &verifier, &found), HS_OK);
	assert_int_equal(found.mended, 1);
	hs_reader_start(s.reader, before);
	assert_read("c d e");
	hs_reader_start(s.reader, (struct hs_position){ 0 });
	assert_read("a b c d e");
	hs_buf_free(&bad);
}

TEST(a_repair_moves_no_position)
{
	repair_and_go_on("rotate_min_gap = 0\ncompress = none\n", false);
}

TEST(a_repair_of_a_compressed_segment_moves_no_position)
{
	repair_and_go_on("rotate_min_gap = 0\ncompress = gzip\n", true);
}

/* The lines read before the damage are gone: the reader goes on after it. */
TEST(a_position_after_what_could_be_repaired)
{
	struct hs_verifier verifier = { .mend = true };
	struct hs_verified found;
	struct hs_position before;
	const char *name;

	make("rotate_min_gap = 0\ncompress = gzip\n");
	seal("a b c d");
	put("e");
	maintain();
	open_reader();
	hs_reader_start(s.reader, (struct hs_position){ 0 });
	read_some(4);
	before = hs_reader_position(s.reader);
	name = spooldir_name(&s.d, "events-", 0);
	spooldir_cut(&s.d, name, spooldir_size(&s.d, name) - 20);
	assert_int_equal(hs_spool_verify(s.spool, &verifier, &found), HS_OK);
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
		if (append(word) != HS_OK)
			return NULL;
		if (i % 7 == 3)
			hs_spool_rotate(s.spool, soon());
		if (i % 50 == 20)
			maintain();
	}
	return NULL;
}

/* Reads 200 events, waiting in the reader only. Each must come before a deadline of its own. */
static void follow(void)
{
	int64_t deadline = soon();
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
			deadline = soon();
			break;
		case HS_READ_END: hs_reader_wait(s.reader, PATIENCE_MS); break;
		default: fail_msg("neither a line nor the end");
		}
	}
	pthread_join(writer, NULL);
	assert_int_equal(next, 200);
	assert_read("");
}

TEST(followed_through_everything)
{
	make("rotate_min_gap = 0\n");
	assert_int_equal(hs_spool_health(s.spool, NULL), HS_OK);
	open_reader();
	follow();
	assert_true(hs_reader_watch(s.reader) >= 0);
}

/* Without a descriptor for inotify it follows all the same. */
TEST(without_inotify)
{
	struct rlimit was, none;

	make("rotate_min_gap = 0\n");
	assert_int_equal(hs_spool_health(s.spool, NULL), HS_OK);
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

TEST(retention_spares_what_a_cursor_needs)
{
	static const char *const settings[] = { "", "retain_force = yes\n" };

	for (int forced = 0; forced < 2; forced++) {
		struct hs_cursor *cursor;
		int64_t holder;
		char text[256];
		bool fresh;

		snprintf(text, sizeof text, "rotate_min_gap = 0\ncompress = none\nretain_bytes = 1\n%s",
		         settings[forced]);
		make(text);
		seal("a");
		seal("b");
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
	}
}

/* --- erased while a segment is open ------------------------------------------------------- */

TEST(lines_that_are_erased_are_not_read_from_the_old_file)
{
	for (int sealed = 0; sealed < 2; sealed++) {
		make("rotate_min_gap = 0\ncompress = none\n");
		put("anna@a b anna@c d");
		if (sealed)
			rotate();
		open_reader();
		assert_result(hs_reader_remember(s.reader), HS_OK);
		read_some(2);
		assert_string_equal(s.got, "a b");
		hs_reader_leave_replaced(s.reader);
		assert_int_equal(events_erase(s.spool, &s.d, "anna"), 2);
		put("e");
		hs_reader_leave_replaced(s.reader);
		read_some(1);
		assert_string_equal(s.got, "d");
		hs_reader_leave_replaced(s.reader);
		assert_read("e");
	}
}

TESTS("reader", NULL, finish)

/*
 * summary_file: a summary that is damaged, or of another segment, file or spool, says nothing; and it can be
 * made again at any time.
 */
#include "base/io.h"
#include "spool/file/gzip.h"
#include "spool/read/reader.h"
#include "spool/shared/spool_dir.h"
#include "spool/spool.h"
#include "spool/summary/summary_file.h"
#include "tests/lib/events.h"
#include "tests/lib/processes.h"
#include "tests/lib/said.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct spooldir d;
static struct hs_spool *spool;
static struct hs_reader *reader;
static struct hs_retention_counts done;

#define SUMMARY ".hookspool/run/summary/"

static void maintain(void)
{
	assert_result(hs_spool_maintain(spool, NULL, NULL, &done), HS_OK);
}

static int begin(void **state)
{
	(void)state;
	wrap_reset();
	reader = NULL;
	spooldir_make(&d, "rotate_min_gap = 0\n");
	spool = hs_spool_new(d.settings);
	for (int i = 0; i < 2; i++) {
		assert_result(events_append(spool, i == 0 ? "a b acme/c" : "d e", NULL), HS_OK);
		assert_result(hs_spool_rotate(spool, hs_io_now_monotonic() + PATIENCE_MS), HS_OK);
	}
	maintain();
	assert_result(hs_reader_open(d.settings, &reader), HS_OK);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	wrap_reset();
	hs_reader_close(reader);
	hs_spool_free(spool);
	spooldir_remove(&d);
	return 0;
}

/* True if the summary of the nth sealed segment is believed, and these parts are read. */
static bool is_believed(size_t nth, bool all_parts)
{
	struct hs_summary_reader r = HS_SUMMARY_READER_NONE;
	char path[2 * PATH_MAX];
	struct stat st;
	bool ok;

	snprintf(path, sizeof path, "%s/%s", d.path, spooldir_name(&d, "events-", nth));
	assert_int_equal(stat(path, &st), 0);
	ok = hs_summary_open(&r, hs_reader_dir(reader), false, nth + 1, &st);
	assert_int_equal(ok, r.fd >= 0);
	for (int kind = 0; ok && all_parts && kind < HS_SUMMARY_KINDS; kind++)
		ok = hs_summary_read(&r, (enum hs_summary_kind)kind).p != NULL;
	hs_summary_close(&r);
	return ok;
}

/* Without decompression: a summary is no .gz. */
static struct hs_buf read_summary(const char *name)
{
	return spooldir_read(&d, name);
}

TEST_WITH(a_segment_gets_one_when_it_is_compressed, begin, finish)
{
	assert_int_equal(done.compressed, 2);
	assert_int_equal(spooldir_names(&d, SUMMARY, "events-"), 2);
	assert_true(is_believed(0, true));
	assert_true(is_believed(1, true));
	maintain();
	assert_int_equal(done.summaries, 0);
}

/* Lets the files settle, then maintains until it knows them. */
static void settle(int64_t later_ms)
{
	wrap_clock(later_ms, 0);
	maintain();
	assert_int_equal(done.summaries, 0);
}

/* The openat(2) calls of an idle maintenance. */
static unsigned idle_opens(void)
{
	unsigned before = wrap_count(WRAP_OPENAT);

	maintain();
	assert_int_equal(done.summaries, 0);
	return wrap_count(WRAP_OPENAT) - before;
}

/* Twice as many segments cost not a single open(2) more. */
TEST_WITH(an_idle_pass_opens_no_segment, begin, finish)
{
	unsigned two;

	settle(60000);
	two = idle_opens();
	for (int i = 0; i < 2; i++) {
		assert_result(events_append(spool, i == 0 ? "f" : "g", NULL), HS_OK);
		assert_result(hs_spool_rotate(spool, hs_io_now_monotonic() + PATIENCE_MS), HS_OK);
	}
	maintain();
	settle(120000);
	assert_int_equal(spooldir_names(&d, SUMMARY, "events-"), 4);
	assert_int_equal(idle_opens(), two);
}

TEST_WITH(a_lost_summary_is_found_between_idle_passes, begin, finish)
{
	settle(60000);
	spooldir_unlink(&d, SUMMARY "events-2");
	maintain();
	assert_int_equal(done.summaries, 1);
	assert_true(is_believed(0, true));
	assert_true(is_believed(1, true));
}

/* The second segment gets the first one's name. */
TEST_WITH(a_replaced_segment_is_found_between_idle_passes, begin, finish)
{
	char first[NAME_MAX + 1];

	snprintf(first, sizeof first, "%s", spooldir_name(&d, "events-", 0));
	settle(60000);
	spooldir_rename(&d, spooldir_name(&d, "events-", 1), first);
	assert_false(is_believed(0, false));
	maintain();
	assert_int_equal(done.summaries, 1);
	assert_true(is_believed(0, true));
}

/* The summary is overwritten where it is. */
TEST_WITH(a_changed_summary_is_found_between_idle_passes, begin, finish)
{
	struct hs_buf own = read_summary(SUMMARY "events-1");

	settle(60000);
	own.p[100] ^= 1; /* in the head */
	file_time_passes();
	spooldir_write(&d, SUMMARY "events-1", hs_buf_slice(&own));
	maintain();
	assert_int_equal(done.summaries, 1);
	assert_true(is_believed(0, true));
	hs_buf_free(&own);
}

/* A summary of another segment, spool or file is recognised, whatever of it differs. */
TEST_WITH(anothers_is_not_believed, begin, finish)
{
	struct hs_buf own = read_summary(SUMMARY "events-1"), other = read_summary(SUMMARY "events-2");
	struct hs_summary *head;

	spooldir_write(&d, SUMMARY "events-1", hs_buf_slice(&other));
	assert_false(is_believed(0, false));
	for (int what = 0; what < 9; what++) {
		struct hs_summary changed;

		head = (struct hs_summary *)(void *)own.p;
		memcpy(&changed, head, head->head_bytes);
		switch (what) {
		case 0: changed.spool[5] ^= 1; break;
		case 1: changed.number++; break;
		case 2: changed.rejected = 1; break;
		case 3: changed.plain.inode = ++changed.gzip.inode; break;
		case 4: changed.gzip.bytes++; break;
		case 5: changed.gzip.changed_ns++; break;
		case 6: changed.gzip = changed.plain; break;
		default: break; /* nothing: it is the right one */
		}
		hs_summary_seal(&changed);
		if (what == 7)
			changed.magic -= UINT64_C(1) << 56; /* the version before, whose spans were others */
		spooldir_write(&d, SUMMARY "events-1", hs_buf_slice(&own));
		memcpy(head, &changed, changed.head_bytes);
		spooldir_write(&d, SUMMARY "events-1", hs_buf_slice(&own));
		if (is_believed(0, false) != (what == 8))
			fail_msg("change %d", what);
		hs_buf_free(&own);
		maintain();
		assert_int_equal(done.summaries, what < 8);
		assert_true(is_believed(0, true));
		own = read_summary(SUMMARY "events-1");
	}
	hs_buf_free(&own);
	hs_buf_free(&other);
}

TEST_WITH(a_damaged_part_is_not_read, begin, finish)
{
	struct hs_buf own = read_summary(SUMMARY "events-1");
	const struct hs_summary head = *(const struct hs_summary *)(const void *)own.p;

	for (uint64_t i = 0; i < head.parts; i++) {
		const struct hs_summary_part *part = &head.part[i];

		for (uint64_t at = 0; at<part->bytes; at += part->bytes> 40 ? part->bytes / 10 : 1) {
			struct hs_summary_reader r = HS_SUMMARY_READER_NONE;
			char path[2 * PATH_MAX];
			struct stat st;

			own.p[part->offset + at] ^= 0x10;
			spooldir_write(&d, SUMMARY "events-1", hs_buf_slice(&own));
			own.p[part->offset + at] ^= 0x10;
			snprintf(path, sizeof path, "%s/%s", d.path, spooldir_name(&d, "events-", 0));
			assert_int_equal(stat(path, &st), 0);
			assert_true(hs_summary_open(&r, hs_reader_dir(reader), false, 1, &st));
			for (int kind = 0; kind < HS_SUMMARY_KINDS; kind++)
				if ((hs_summary_read(&r, (enum hs_summary_kind)kind).p == NULL) !=
				    (kind == (int)part->kind))
					fail_msg("part %d, damaged at %d of part %d", kind, (int)at, (int)part->kind);
			assert_false(spooldir_exists(&d, SUMMARY "events-1"));
			hs_summary_close(&r);
		}
		maintain();
		assert_int_equal(done.summaries, part->bytes > 0);
		assert_true(is_believed(0, true));
	}
	hs_buf_free(&own);
}

TEST_WITH(a_cut_one_is_not_believed, begin, finish)
{
	struct hs_buf own = read_summary(SUMMARY "events-1");

	for (size_t n = own.n - 9; n<own.n; n -= n> 100 ? 61 : 13) {
		spooldir_write(&d, SUMMARY "events-1", hs_slice(own.p, n));
		assert_false(is_believed(0, false));
		assert_false(spooldir_exists(&d, SUMMARY "events-1"));
	}
	maintain();
	assert_int_equal(done.summaries, 1);
	assert_true(is_believed(0, true));
	hs_buf_free(&own);
}

/* Lines without an id, and none at all: a part of no bytes is there, and read. */
TEST_WITH(a_part_of_no_bytes, begin, finish)
{
	char path[2 * PATH_MAX];
	struct stat st;

	for (int i = 0; i < 2; i++) {
		struct hs_summary_reader r = HS_SUMMARY_READER_NONE;
		const char *name = spooldir_name(&d, "events-", 0);
		char plain[NAME_MAX + 1];

		snprintf(plain, sizeof plain, "%.*s", (int)(strstr(name, ".gz") - name), name);
		spooldir_unlink(&d, name);
		spooldir_write(&d, plain,
		               i == 0 ? HS_SLICE("{\"type\":\"track\","
		                                 "\"spooled_at\":\"2026-11-23T10:15:00.123Z\"}\n")
		                      : HS_SLICE(""));
		snprintf(path, sizeof path, "%s/%s", d.path, plain);
		assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){ { 0, 0 }, { 0, 0 } }, 0),
		                 0); /* not new */
		maintain();
		snprintf(path, sizeof path, "%s/%s", d.path, name);
		assert_int_equal(stat(path, &st), 0);
		assert_true(hs_summary_open(&r, hs_reader_dir(reader), false, 1, &st));
		assert_int_equal(r.head.odd, 0);
		assert_non_null(hs_summary_read(&r, HS_SUMMARY_IDS).p);
		assert_non_null(hs_summary_read(&r, HS_SUMMARY_BLOOM).p);
		hs_summary_close(&r);
	}
}

TEST_WITH(those_of_segments_that_are_gone_go, begin, finish)
{
	spooldir_write(&d, SUMMARY "events-99", HS_SLICE("x"));
	spooldir_write(&d, SUMMARY "maintain-new", HS_SLICE("x")); /* of a killed one */
	spooldir_write(&d, SUMMARY "notes", HS_SLICE("x"));
	spooldir_unlink(&d, spooldir_name(&d, "events-", 0));
	maintain();
	assert_int_equal(spooldir_names(&d, SUMMARY, "events-"), 1);
	assert_true(spooldir_exists(&d, SUMMARY "events-2"));
	assert_true(spooldir_exists(&d, SUMMARY "notes"));
}

/* A segment edited while its summary is made: that one must not stay. */
static void edit(void *context)
{
	const char *name = spooldir_name(&d, "events-", 0);
	struct hs_buf text = spooldir_read(&d, name);

	(void)context;
	spooldir_write(&d, "new", hs_slice(text.p, text.n / 2));
	spooldir_rename(&d, "new", name);
	hs_buf_free(&text);
}

TEST_WITH(an_edit_meanwhile, begin, finish)
{
	spooldir_unlink(&d, SUMMARY "events-1");
	wrap_before(WRAP_FSYNC, 1, edit, NULL);
	maintain();
	assert_int_equal(done.summaries, 0);
	assert_false(spooldir_exists(&d, SUMMARY "events-1"));
}

static bool stop_after(void *context)
{
	unsigned *asked = context;

	return *asked == 0 || (*asked)-- == 0;
}

/* A maintenance that is told to stop leaves no summary of the lines that it has read so far. */
TEST_WITH(stopped_at_any_step, begin, finish)
{
	struct hs_buf whole = read_summary(SUMMARY "events-1");
	unsigned asks = 0;

	for (;; asks++) {
		unsigned left = asks;

		if (asks == 0)
			spooldir_unlink(&d, SUMMARY "events-1");
		assert_result(hs_spool_maintain(spool, stop_after, &left, &done), HS_OK);
		if (spooldir_exists(&d, SUMMARY "events-1"))
			break;
		assert_int_equal(done.summaries, 0);
	}
	assert_true(asks > 1);
	assert_true(is_believed(0, true));
	assert_int_equal(spooldir_size(&d, SUMMARY "events-1"), whole.n);
	hs_buf_free(&whole);
}

/* Killed before any call on files of maintenance: what is left is believed only if it is right. */
static int maintain_and_die(void *context)
{
	wrap_kill(*(unsigned *)context, true);
	hs_spool_maintain(spool, NULL, NULL, &done);
	return 0;
}

TEST_WITH(killed_at_any_step, begin, finish)
{
	struct hs_buf whole = read_summary(SUMMARY "events-1");
	unsigned nth = 1;
	int code = -1;

	for (; code != 0; nth++) {
		spooldir_unlink(&d, SUMMARY "events-1");
		code = child_wait(child_start(maintain_and_die, &nth));
		if (spooldir_exists(&d, SUMMARY "events-1"))
			assert_true(is_believed(0, true));
		maintain();
		assert_true(is_believed(0, true));
	}
	assert_true(nth > 10);
	assert_int_equal(spooldir_size(&d, SUMMARY "events-1"), whole.n);
	hs_buf_free(&whole);
}

/* A summary that is not there says nothing, so that everything is read. */
TEST_WITH(none_says_nothing, begin, finish)
{
	struct hs_summary_reader r = HS_SUMMARY_READER_NONE;

	for (int kind = 0; kind < HS_SUMMARY_KINDS; kind++)
		assert_null(hs_summary_read(&r, (enum hs_summary_kind)kind).p);
	assert_true(hs_summary_may_have(&r, HS_SUMMARY_TYPES, HS_SLICE("page")));
}

/* Lone surrogates are counted as another character, so nothing is known of a name with one. */
TEST_WITH(a_name_with_a_lone_surrogate, begin, finish)
{
	struct hs_summary_reader r = HS_SUMMARY_READER_NONE;
	char path[2 * PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", d.path, spooldir_name(&d, "events-", 0));
	assert_int_equal(stat(path, &st), 0);
	assert_true(hs_summary_open(&r, hs_reader_dir(reader), false, 1, &st));
	assert_false(hs_summary_may_have(&r, HS_SUMMARY_TENANTS, HS_SLICE("globex")));
	assert_true(hs_summary_may_have(&r, HS_SUMMARY_TENANTS, HS_SLICE("acme")));
	assert_true(hs_summary_may_have(&r, HS_SUMMARY_TENANTS, HS_SLICE("a\xED\xA0\x80")));
	hs_summary_close(&r);
}

/* A name that begins like one, and more names than are counted. */
TEST_WITH(names_that_may_be_there, begin, finish)
{
	struct hs_summary_reader r = HS_SUMMARY_READER_NONE;
	struct hs_buf own = read_summary(SUMMARY "events-1");
	struct hs_summary changed;
	struct stat st = spooldir_stat(&d, spooldir_name(&d, "events-", 0));
	uint32_t i = 0;

	assert_true(hs_summary_open(&r, hs_reader_dir(reader), false, 1, &st));
	assert_false(hs_summary_may_have(&r, HS_SUMMARY_TENANTS, HS_SLICE("a\xED\x80\x80")));
	hs_summary_close(&r);
	for (int what = 0; what < 2; what++) {
		memset(&changed, 0, sizeof changed);
		memcpy(&changed, own.p, ((const struct hs_summary *)(const void *)own.p)->head_bytes);
		for (i = 0; changed.part[i].kind != HS_SUMMARY_TENANTS; i++)
			continue;
		if (what == 0) { /* a part that is too short for what each has */
			changed.part[i].bytes = 8;
		} else { /* its first number is that of records with other names */
			own.p[changed.part[i].offset] = 1;
		}
		changed.part[i].crc = hs_crc32(0, hs_slice(own.p + changed.part[i].offset, changed.part[i].bytes));
		hs_summary_seal(&changed);
		memcpy(own.p, &changed, changed.head_bytes);
		spooldir_write(&d, SUMMARY "events-1", hs_buf_slice(&own));
		assert_true(hs_summary_open(&r, hs_reader_dir(reader), false, 1, &st));
		assert_true(hs_summary_may_have(&r, HS_SUMMARY_TENANTS, HS_SLICE("globex")));
		hs_summary_close(&r);
		hs_buf_free(&own);
		spooldir_unlink(&d, SUMMARY "events-1");
		maintain();
		own = read_summary(SUMMARY "events-1");
	}
	hs_buf_free(&own);
}

/* Whatever a summary says that the lines do not say: verify tells. */
TEST_WITH(a_summary_that_says_something_else, begin, finish)
{
	const char *name = spooldir_name(&d, "events-", 0);
	struct hs_buf own = read_summary(SUMMARY "events-1"), text = spooldir_read(&d, name);
	struct stat st = spooldir_stat(&d, name);

	for (int what = 0; what <= 13; what++) {
		struct hs_summary_builder *b = hs_summary_builder_new(hs_reader_dir(reader)->history.id, false, 1);
		struct hs_summary changed = { 0 };

		memcpy(&changed, own.p, ((const struct hs_summary *)(const void *)own.p)->head_bytes);
		switch (what) {
		case 0: changed.text_bytes++; break;
		case 1: changed.text_crc++; break;
		case 2: changed.lines++; break;
		case 3: changed.odd++; break;
		case 4: changed.first_spooled++; break;
		case 5: changed.last_spooled++; break;
		case 6: changed.timed++; break;
		case 7: changed.first_time++; break;
		case 8: changed.last_time++; break;
		case 9: changed.last_line++; break;
		case 10: changed.part[0].kind = HS_SUMMARY_KINDS; break;
		case 11: changed.part[0].bytes -= 8; break;
		case 12: changed.part[0].crc++; break;
		default: break; /* nothing: it is the right one */
		}
		hs_summary_seal(&changed);
		memcpy(own.p, &changed, changed.head_bytes);
		spooldir_write(&d, SUMMARY "events-1", hs_buf_slice(&own));
		hs_summary_builder_text(b, hs_buf_slice(&text));
		hs_summary_builder_crc(b, hs_crc32(0, hs_buf_slice(&text)));
		if (hs_summary_agrees(hs_reader_dir(reader), b, false, 1, &st) != (what == 13))
			fail_msg("change %d", what);
		hs_summary_builder_free(b);
		hs_buf_free(&own);
		spooldir_unlink(&d, SUMMARY "events-1");
		maintain();
		own = read_summary(SUMMARY "events-1");
	}
	hs_buf_free(&own);
	hs_buf_free(&text);
}

/* Where it fits the segment it is there; a writer need not sync what its maker has synced. */
TEST_WITH(a_summary_that_is_there, begin, finish)
{
	const struct hs_spool_dir *dir = hs_reader_dir(reader);
	struct stat st = spooldir_stat(&d, spooldir_name(&d, "events-", 0)), other = st;

	other.st_size++;
	assert_true(hs_summary_is_there(dir, false, 1, &st));
	assert_false(hs_summary_is_there(dir, false, 1, &other));
	assert_false(hs_summary_is_there(dir, false, 9, &st));
	wrap_fail(WRAP_OPENAT, 1, 1, EACCES);
	assert_false(hs_summary_is_there(dir, false, 1, &st));
	wrap_reset();
	spooldir_flip(&d, SUMMARY "events-1", 3);
	assert_false(hs_summary_is_there(dir, false, 1, &st));
}

/* The segment is gone, or not all of its lines are records: its own time, and its first line, tell. */
TEST_WITH(what_is_before_a_time_without_a_summary, begin, finish)
{
	const struct hs_spool_dir *dir = hs_reader_dir(reader);
	struct hs_summary_reader r = HS_SUMMARY_READER_NONE;
	struct hs_sealed *list;
	size_t count;

	assert_result(hs_sealed_list(dir->fd, "events", &list, &count), HS_OK);
	assert_int_equal(count, 2);
	assert_true(hs_summary_is_before(&r, dir, list, count, 0, INT64_MAX));
	assert_false(hs_summary_is_before(&r, dir, list, count, 0, 0));
	spooldir_flip(&d, spooldir_name(&d, "events-", 0), 60); /* a summary of a damaged one says nothing */
	maintain();
	hs_summary_is_before(&r, dir, list, count, 0, INT64_MAX);
	assert_true(r.fd < 0 || r.head.odd > 0);
	spooldir_unlink(&d, spooldir_name(&d, "events-", 0));
	assert_false(hs_summary_is_before(&r, dir, list, count, 0, list[0].sealed_ms));
	hs_summary_is_before(&r, dir, list, count, 0, INT64_MAX);
	hs_summary_close(&r);
	free(list);
}

/* A damaged one that cannot be removed would be told of again and again: the message says what to do. */
TEST_WITH(a_damaged_one_that_stays, begin, finish)
{
	static const int errors[] = { EACCES, ENOENT };

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		const char *said;

		spooldir_flip(&d, SUMMARY "events-1", 3);
		said_begin(HS_LOG_WARN);
		wrap_fail(WRAP_UNLINKAT, 1, 1, errors[i]);
		assert_false(is_believed(0, false));
		wrap_reset();
		said = said_end();
		assert_non_null(strstr(said, "run/summary/events-1 is damaged"));
		assert_int_equal(strstr(said, "delete it, and hookspool maintain") != NULL, errors[i] == EACCES);
		assert_true(spooldir_exists(&d, SUMMARY "events-1"));
		spooldir_flip(&d, SUMMARY "events-1", 3);
	}
}

static void make_folder(void *context)
{
	(void)context;
	spooldir_mkdir(&d, ".hookspool/run/summary");
}

/* Another process makes the folder at the same time, or it cannot be made: then the next run does. */
TEST_WITH(the_folder_of_summaries, begin, finish)
{
	for (int i = 0; i < 2; i++) {
		spooldir_unlink(&d, SUMMARY "events-1");
		spooldir_unlink(&d, SUMMARY "events-2");
		assert_int_equal(rmdir(spooldir_path(&d, ".hookspool/run/summary")), 0);
		wrap_reset();
		if (i == 0)
			wrap_before(WRAP_MKDIRAT, 1, make_folder, NULL);
		else
			wrap_fail(WRAP_MKDIRAT, 1, WRAP_FOREVER, EACCES);
		maintain();
		wrap_reset();
		assert_int_equal(done.summaries, i == 0 ? 2 : 0);
		maintain();
		assert_int_equal(done.summaries, i == 0 ? 0 : 2);
	}
}

/* A folder that is made anew is for the group if the spool is, and for the owner alone otherwise. */
TEST_WITH(who_may_look_into_the_folder, begin, finish)
{
	static const int modes[][2] = { { 0640, 0750 }, { 0600, 0700 } };
	mode_t mask = umask(0);

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		d.settings->spool_mode = modes[i][0];
		spooldir_unlink(&d, SUMMARY "events-1");
		spooldir_unlink(&d, SUMMARY "events-2");
		assert_int_equal(rmdir(spooldir_path(&d, ".hookspool/run/summary")), 0);
		maintain();
		assert_int_equal(spooldir_stat(&d, ".hookspool/run/summary").st_mode & 07777, modes[i][1]);
	}
	umask(mask);
}

/* Without memory for what it has seen the next pass looks again. */
TEST_WITH(what_was_seen_is_forgotten_without_memory, begin, finish)
{
	unsigned opens;

	settle(60000);
	opens = idle_opens();
	for (unsigned nth = 1; nth < 5; nth++) {
		wrap_fail(WRAP_REALLOC, nth, 1, ENOMEM);
		hs_spool_maintain(spool, NULL, NULL, &done);
		wrap_fail(WRAP_REALLOC, 1, 0, 0);
		assert_int_equal(done.summaries, 0);
		maintain();
		assert_int_equal(done.summaries, 0);
	}
	assert_int_equal(idle_opens(), opens);
}

/* A compressed segment that is damaged is read once, not by each maintenance. */
TEST_WITH(a_damaged_segment_has_one_too, begin, finish)
{
	const char *name = spooldir_name(&d, "events-", 0);

	spooldir_flip(&d, name, (size_t)spooldir_size(&d, name) / 2);
	spooldir_unlink(&d, SUMMARY "events-1");
	maintain();
	assert_int_equal(done.summaries, 1);
	wrap_reset();
	maintain();
	assert_int_equal(done.summaries, 0);
	assert_true(spooldir_exists(&d, SUMMARY "events-1"));
}

TESTS("summary_file", NULL, NULL)

/*
 * verify: every kind of damage is reported with file and line; repair keeps every good
 * line, and afterwards nothing is wrong.
 */
#include "base/io.h"
#include "spool/admin/verify.h"
#include "spool/file/gzip.h"
#include "spool/position/rewrite_log.h"
#include "spool/shared/spool_dir.h"
#include "tests/lib/temp_spool.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct hs_verified found;
/* The place in the last report. */
static char reported_file[128];
static uint64_t reported_line;

static void report(void *context, enum hs_problem p, const char *file, uint64_t line)
{
	(void)context;
	(void)p;
	snprintf(reported_file, sizeof reported_file, "%s", file);
	reported_line = line;
}

static uint64_t examine(bool mend)
{
	struct hs_verifier verifier = { NULL, report, NULL, mend };
	uint64_t problems = 0;

	assert_int_equal(hs_spool_verify(s.spool, &verifier, &found), HS_OK);
	for (int p = 0; p < HS_PROBLEMS; p++)
		problems += found.problem[p];
	return problems;
}

/* The name of the first sealed segment. */
static const char *first(void)
{
	return spooldir_name(&s.d, "events-", 0);
}

TEST(nothing_is_wrong)
{
	seal("a b acme/c !");
	seal("d");
	put("e");
	assert_int_equal(examine(false), 0);
	assert_int_equal(found.segments, 2);
	assert_int_equal(found.lines, 6);
}

TEST(a_line_that_is_not_a_record)
{
	seal("a b");
	spooldir_add(&s.d, first(), HS_SLICE("{\"a\":}\n{\"type\":\"page\"}\n"));
	assert_int_equal(examine(false), 1);
	assert_int_equal(found.problem[HS_PROBLEM_LINE], 1);
	assert_int_equal(reported_line, 3);
	assert_string_equal(reported_file, first());

	assert_int_equal(examine(true), 1);
	assert_int_equal(found.mended, 1);
	assert_int_equal(examine(false), 0);
	assert_int_equal(found.lines, 3);
	assert_once(&s.d, "a b");
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "broken-"), 1);
}

/* A segment that is being copied in under a number in use has none yet. */
TEST(a_segment_that_waits_for_its_number_is_repaired)
{
	seal("a b");
	spooldir_write(&s.d, "events-20251123T101500.123Z-000001.jsonl", HS_SLICE("{\"type\":\"page\"}\n{\"ty"));
	rotate();
	assert_int_equal(examine(true), 1);
	assert_int_equal(found.problem[HS_PROBLEM_TORN], 1);
	assert_int_equal(found.mended, 1);
	assert_int_equal(examine(false), 0);
	assert_int_equal(found.segments, 2);
}

/* No original that was set aside is overwritten. */
TEST(each_original_is_kept)
{
	seal("a b");
	for (int n = 1; n <= 3; n++) {
		spooldir_add(&s.d, first(), HS_SLICE("{\"a\":}\n"));
		examine(true);
		assert_int_equal(found.mended, 1);
		assert_int_equal(examine(false), 0);
		assert_int_equal(spooldir_names(&s.d, ".hookspool", "broken-"), n);
	}
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "broken-3-events-"), 1);
	assert_once(&s.d, "a b");
}

/* A damaged head makes the summary one that nobody believes; a damaged part is reported. */
TEST(a_summary_that_is_damaged)
{
	static const char name[] = ".hookspool/run/summary/events-1";
	struct hs_buf whole;
	uint64_t reported = 0, tried = 0, problems;

	seal("a b acme/c");
	maintain();
	assert_int_equal(examine(false), 0);
	whole = spooldir_read(&s.d, name);
	for (size_t i = 0; i < whole.n; i += 7) {
		whole.p[i] ^= 1;
		spooldir_write(&s.d, name, hs_buf_slice(&whole));
		whole.p[i] ^= 1;
		tried++;
		problems = examine(false); /* this also removes a file with a damaged part */
		reported += problems;
		assert_int_equal(found.problem[HS_PROBLEM_SUMMARY], problems);
	}
	assert_true(reported > tried / 4 && reported < tried);
	hs_buf_free(&whole);
}

/* Replaces the first `from` in the first segment; size, inode and time stay as they were. */
static void edit_in_secret(char from, char to)
{
	struct hs_buf text = spooldir_read(&s.d, first());
	struct stat st;
	int fd;

	assert_int_equal(stat(spooldir_path(&s.d, first()), &st), 0);
	text.p[(char *)memchr(text.p, from, text.n) - text.p] = to;
	fd = open(spooldir_path(&s.d, first()), O_WRONLY);
	assert_int_equal(pwrite(fd, text.p, text.n, 0), text.n);
	assert_int_equal(futimens(fd, (struct timespec[2]){ st.st_atim, st.st_mtim }), 0);
	close(fd);
	hs_buf_free(&text);
}

/* The disk loses a line of a segment that has a summary. After a repair the event can be sent again. */
TEST(an_event_that_was_lost_and_is_sent_again)
{
	uint64_t duplicate;

	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a b");
	maintain();
	edit_in_secret('{', 'x');
	assert_true(examine(true) > 0);
	assert_int_equal(found.mended, 1);
	assert_result(events_append(s.spool, "a b", &duplicate), HS_OK);
	assert_int_equal(duplicate, 1);
	assert_once(&s.d, "a b");
	assert_int_equal(examine(false), 0);
}

/* Somebody edits a segment and hides that. */
TEST(an_edit_that_hides_from_the_summary)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a b");
	maintain();
	edit_in_secret('a', 'b');
	examine(false);
	assert_int_equal(found.problem[HS_PROBLEM_SUMMARY], 1);
	assert_string_equal(reported_file, first());
	examine(true);
	maintain();
	examine(false);
	assert_int_equal(found.problem[HS_PROBLEM_SUMMARY], 0);
}

TEST(a_segment_that_ends_in_mid_line)
{
	seal("a b c");
	spooldir_cut(&s.d, first(), spooldir_size(&s.d, first()) - 5);
	spooldir_age(&s.d, first());
	assert_true(examine(false) >= 1);
	assert_int_equal(found.problem[HS_PROBLEM_TORN], 1);
	examine(true);
	assert_int_equal(examine(false), 0);
	assert_once(&s.d, "a b");
}

/* A .gz made by hand, and not finished: the plain file counts, and the other is reported. */
static void copy_rest(void *context)
{
	spooldir_add(&s.d, first(), *(const struct hs_slice *)context);
}

/* It has paused for long, and goes on when the original is about to be kept. */
TEST(a_segment_that_is_being_copied)
{
	struct hs_verifier verifier = { .mend = true };
	struct hs_buf all;
	struct hs_slice rest;

	seal("a b");
	all = spooldir_read_raw(&s.d, first());
	rest = hs_slice(all.p + all.n - 20, 20);
	spooldir_cut(&s.d, first(), (off_t)all.n - 20);
	spooldir_age(&s.d, first());
	wrap_before(WRAP_LINKAT, 1, copy_rest, &rest);
	assert_result(hs_spool_verify(s.spool, &verifier, &found), HS_E_REWRITTEN);
	wrap_reset();
	assert_once(&s.d, "a b");
	assert_int_equal(examine(true), 0);
	assert_int_equal(found.mended, 0);
	assert_once(&s.d, "a b");
	hs_buf_free(&all);
}

TEST(a_gz_beside_that_is_not_a_copy)
{
	char gz[HS_SEALED_NAME + 3];
	struct hs_buf copy;

	seal("a b c d e f");
	snprintf(gz, sizeof gz, "%s.gz", first());
	spooldir_write(&s.d, gz, HS_SLICE("\x1f\x8b\x08"));
	assert_int_equal(examine(false), 1);
	assert_int_equal(found.problem[HS_PROBLEM_BESIDE], 1);
	assert_int_equal(found.lines, 6);
	/* a whole copy is what compression leaves if it is killed at its last step */
	spooldir_unlink(&s.d, gz);
	copy = spooldir_read_raw(&s.d, first());
	maintain();
	snprintf(gz, sizeof gz, "%.*s", (int)strlen(first()) - 3, first());
	spooldir_write(&s.d, gz, hs_buf_slice(&copy));
	hs_buf_free(&copy);
	assert_int_equal(examine(false), 0);
	assert_int_equal(found.lines, 6);
}

TEST(a_compressed_segment_that_is_cut)
{
	seal("a b c d e f");
	maintain();
	spooldir_cut(&s.d, first(), spooldir_size(&s.d, first()) - 3); /* in the check sum */
	spooldir_age(&s.d, first());
	assert_int_equal(examine(false), 1);
	assert_int_equal(found.problem[HS_PROBLEM_DAMAGED], 1);
	examine(true);
	assert_int_equal(examine(false), 0);
	assert_once(&s.d, "a b c d e f"); /* every line could be read */
}

/* RFC 1952, 2.2: zcat shows a second member, so it must be verified, too. */
TEST(a_second_member_after_the_first)
{
	static const char member[] = /* printf 'broken\\n' | gzip -n */
	    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x2a\xca\xcf\x4e\xcd\xe3\x02\x00\x1a"
	    "\x18\x5d\x65\x07\x00\x00\x00";

	seal("a b");
	maintain();
	spooldir_add(&s.d, first(), hs_slice(member, sizeof member - 1));
	assert_int_equal(examine(false), 1);
	assert_int_equal(found.problem[HS_PROBLEM_LINE], 1);
	examine(true);
	assert_int_equal(examine(false), 0);
	assert_once(&s.d, "a b");
}

TEST(an_event_that_is_there_twice)
{
	struct hs_buf text;

	seal("a b");
	seal("c");
	text = spooldir_read(&s.d, first());
	spooldir_add(&s.d, spooldir_name(&s.d, "events-", 1), hs_buf_slice(&text));
	hs_buf_free(&text);
	assert_int_equal(examine(false), 2);
	assert_int_equal(found.problem[HS_PROBLEM_TWICE], 2);
}

/* Files that cannot be opened are reported, or verify fails: lines that it did not read are not fine. */
TEST(files_that_cannot_be_opened)
{
	struct hs_verifier verifier = { NULL, report, NULL, false };
	static const int errors[] = { EACCES, EPERM };
	unsigned unreadable = 0, failed = 0;
	bool ended = false;

	seal("a b");
	put("c");
	for (unsigned nth = 2; !ended; nth++) {
		enum hs_result result;

		wrap_reset();
		wrap_fail(WRAP_OPENAT, nth / 2, 1, errors[nth % 2]);
		result = hs_spool_verify(s.spool, &verifier, &found);
		ended = wrap_count(WRAP_OPENAT) < nth / 2;
		wrap_reset();
		if (result == HS_OK && found.problem[HS_PROBLEM_UNREADABLE] > 0)
			assert_string_equal(reported_file, first());
		else if (result == HS_OK)
			assert_int_equal(found.lines, 3);
		unreadable += result == HS_OK && found.problem[HS_PROBLEM_UNREADABLE] > 0;
		failed += result != HS_OK;
	}
	assert_true(unreadable == 2 && failed > 2);
	assert_int_equal(examine(false), 0);
}

/* It says nothing about erasures while one is at work. */
TEST(during_an_erase)
{
	struct hs_opened_spool o;
	int lock;

	put("a");
	spooldir_write(&s.d, ".hookspool/erase-plan-1", HS_SLICE("{}\n"));
	assert_int_equal(examine(false), 1);
	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_result(hs_rewriter_lock(o.dir.run_dir, &lock), HS_OK);
	assert_int_equal(examine(false), 0);
	hs_io_close(lock);
	hs_spool_dir_close(&o);
	assert_int_equal(examine(false), 1);
}

/* More originals than are kept: the last one makes room, or the segment stays as it is. */
TEST(the_last_original_is_replaced)
{
	char name[160];

	seal("a b");
	spooldir_add(&s.d, first(), HS_SLICE("{\"a\":}\n"));
	for (int n = 1; n <= 99; n++) {
		snprintf(name, sizeof name, ".hookspool/broken-%.0d%s%s", n > 1 ? n : 0, n > 1 ? "-" : "", first());
		spooldir_write(&s.d, name, HS_SLICE("x"));
	}
	for (unsigned nth = 1; spooldir_size(&s.d, name) == 1; nth++) {
		struct hs_verifier verifier = { NULL, report, NULL, true };

		wrap_reset();
		wrap_fail(WRAP_UNLINKAT, nth, 1, EIO);
		if (hs_spool_verify(s.spool, &verifier, &found) == HS_OK)
			assert_int_equal(found.mended, 1);
		wrap_reset();
		assert_in_range(nth, 1, 20);
	}
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "broken-"), 99);
	assert_true(spooldir_size(&s.d, name) > 1);
	assert_int_equal(examine(false), 0);
	assert_once(&s.d, "a b");
}

TEST(a_segment_that_is_missing)
{
	char middle[128];

	seal("a");
	seal("b");
	seal("c");
	snprintf(middle, sizeof middle, "%s", spooldir_name(&s.d, "events-", 1));
	spooldir_unlink(&s.d, middle);
	assert_int_equal(examine(false), 1);
	assert_int_equal(found.problem[HS_PROBLEM_GAP], 1);
}

/* Above rejected_max a tenant that floods loses its lines, and with them whole files between those of others. */
TEST(rejected_lines_may_be_gone_anywhere)
{
	const struct hs_slice line = HS_SLICE("{\"spooled_at\":\"2026-11-23T10:15:00.123Z\",\"body\":\"\"}\n");

	seal("a");
	spooldir_write(&s.d, "rejected-20260101T000000.000Z-000001.jsonl", line);
	spooldir_write(&s.d, "rejected-20260102T000000.000Z-000003.jsonl", line);
	spooldir_age(&s.d, "rejected-20260101T000000.000Z-000001.jsonl");
	spooldir_age(&s.d, "rejected-20260102T000000.000Z-000003.jsonl");
	assert_int_equal(examine(false), 0);
	assert_int_equal(found.segments, 3);
}

TEST(the_oldest_may_be_gone)
{
	seal("a");
	seal("b");
	spooldir_unlink(&s.d, first());
	assert_int_equal(examine(false), 0);
}

/* Added by hand: the index has never read it. */
TEST(an_event_that_the_index_does_not_know)
{
	struct events *e = events_new("z");

	seal("a");
	put("b");
	spooldir_add(&s.d, first(), hs_buf_slice(&e->lines));
	assert_int_equal(examine(false), 1);
	assert_int_equal(found.problem[HS_PROBLEM_INDEX], 1);
	examine(true);
	assert_int_equal(examine(false), 0);
	events_free(e);
}

/* Whatever call fails during repair, no good line is lost, and it can be repeated. */
TEST(a_repair_may_be_interrupted)
{
	static const enum wrap_call calls[] = { WRAP_FDATASYNC, WRAP_FSYNC, WRAP_PWRITE, WRAP_RENAMEAT, WRAP_UNLINKAT };
	struct hs_verifier verifier = { .mend = true };

	for (size_t c = 0; c < 2 * sizeof calls / sizeof calls[0]; c++)
		for (unsigned nth = 1; nth <= 6; nth++) {

			make("rotate_min_gap = 0\n");
			seal("a b");
			spooldir_add(&s.d, first(), HS_SLICE("torn"));
			if (c % 2 > 0) { /* a compressed one */
				spooldir_age(&s.d, first());
				maintain();
			}
			spooldir_age(&s.d, first());
			wrap_fail(calls[c / 2], nth, 1, EIO);
			hs_spool_verify(s.spool, &verifier, &found);
			wrap_reset();
			examine(true);
			assert_int_equal(examine(false), 0);
			assert_once(&s.d, "a b");
		}
}

/* --- beside maintenance ------------------------------------------------------------ */

static void (*meanwhile)(void);

/* After the first segment: the second one is listed, and not open yet. */
static void on_progress(void *context, uint64_t done, uint64_t all)
{
	void (*now)(void) = meanwhile;

	(void)context;
	(void)all;
	if (done == 0 || now == NULL)
		return;
	meanwhile = NULL;
	now();
}

static uint64_t examine_while(void (*change)(void), bool mend)
{
	struct hs_verifier verifier = { NULL, report, on_progress, mend };
	uint64_t problems = 0;

	meanwhile = change;
	assert_int_equal(hs_spool_verify(s.spool, &verifier, &found), HS_OK);
	assert_null(meanwhile);
	for (int p = 0; p < HS_PROBLEMS; p++)
		problems += found.problem[p];
	return problems;
}

static void compress_second(void)
{
	char command[2 * PATH_MAX];

	snprintf(command, sizeof command, "gzip %s", spooldir_path(&s.d, spooldir_name(&s.d, "events-", 1)));
	assert_int_equal(system(command), 0);
}

TEST(a_segment_that_is_compressed_after_it_was_listed)
{
	for (int mend = 0; mend < 2; mend++) {
		make("rotate_min_gap = 0\n");
		seal("a b");
		seal("c d");
		spooldir_add(&s.d, spooldir_name(&s.d, "events-", 1), HS_SLICE("{\"a\":}\n"));
		assert_int_equal(examine_while(compress_second, mend > 0), 1);
		assert_int_equal(found.problem[HS_PROBLEM_LINE], 1);
		assert_int_equal(found.lines, 4);
		assert_int_equal(reported_line, 3);
		assert_string_equal(reported_file, spooldir_name(&s.d, "events-", 1));
		assert_non_null(strstr(reported_file, ".gz"));
		assert_int_equal(found.mended, mend);
		assert_int_equal(examine(false), 1 - mend);
		if (mend > 0)
			assert_once(&s.d, "a b c d");
	}
}

static void remove_plain_second(void)
{
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 1));
}

/* Both are listed while a segment is compressed. */
TEST(a_segment_whose_gz_was_listed_too)
{
	char name[HS_SEALED_NAME];
	struct hs_buf copy;

	seal("a b");
	seal("c d");
	snprintf(name, sizeof name, "%s", spooldir_name(&s.d, "events-", 1));
	copy = spooldir_read_raw(&s.d, name);
	compress_second();
	spooldir_write(&s.d, name, hs_buf_slice(&copy));
	spooldir_age(&s.d, name); /* else it is one that a person is unpacking */
	hs_buf_free(&copy);
	assert_int_equal(examine_while(remove_plain_second, false), 0);
	assert_int_equal(found.lines, 4);
}

static void seal_the_open_one(void)
{
	seal("e");
	put("f");
}

/* All that was in the open segment at the start is checked once; later events need not be. */
TEST(the_open_segment_is_sealed_meanwhile)
{
	seal("a b");
	put("c d");
	stop();
	spooldir_add(&s.d, "events.jsonl", HS_SLICE("{\"type\":\"page\"}\n"));
	restart();
	assert_int_equal(examine_while(seal_the_open_one, false), 0);
	assert_int_equal(found.lines, 5);
	assert_int_equal(found.segments, 1);
}

/* --- killed ---------------------------------------------------------------------- */

/* Expects that a position still fits, or is unknown where that may be, and that these words follow. */
static void assert_goes_on(struct hs_position at, const char *words, bool may_be_unknown)
{
	struct hs_reader *reader;
	struct hs_slice line;
	enum hs_fit fit;
	const char *w = words;

	assert_int_equal(hs_reader_open(s.d.settings, &reader), HS_OK);
	assert_int_equal(hs_reader_fit(reader, at, &fit), HS_OK);
	assert_true(fit == HS_FIT || (may_be_unknown && fit == HS_FIT_UNKNOWN));
	hs_reader_start(reader, at);
	for (; hs_reader_next(reader, &line) == HS_READ_LINE; w++) {
		char id[32];

		snprintf(id, sizeof id, "\"message_id\":\"%c\"", *w);
		assert_non_null(memmem(line.p, line.n, id, strlen(id)));
	}
	assert_int_equal(*w, '\0');
	hs_reader_close(reader);
}

static int mend_in_child(void *context)
{
	struct hs_verifier verifier = { .mend = true };
	unsigned nth = *(unsigned *)context;

	restart();
	wrap_reset();
	wrap_kill(nth, nth % 2 == 1); /* every second time in the middle of a write, if it is one */
	return s.spool != NULL && hs_spool_verify(s.spool, &verifier, &found) == HS_OK ? 0 : 1;
}

enum form { PLAIN, GZIP, GZIP_CUT, FORMS };

/* Makes a segment of a b, a line that is no record, and c d, and another of e. A cut .gz has lost some. */
static void damage(enum form form, struct hs_position *before, struct hs_position *after)
{
	struct hs_buf bad = { 0 }, text;

	seal("a b c d");
	text = spooldir_read(&s.d, first());
	*before = position_after(2);
	*after = position_after(4);
	if (form != GZIP_CUT) {
		hs_buf_put(&bad, text.p, before->offset);
		hs_buf_put_slice(&bad, HS_SLICE("not a record\n"));
		hs_buf_put(&bad, text.p + before->offset, text.n - before->offset);
		hs_buf_put_slice(&bad, HS_SLICE("{\"torn"));
		spooldir_write(&s.d, first(), hs_buf_slice(&bad));
		spooldir_age(&s.d, first());
		after->offset += strlen("not a record\n");
	}
	if (form != PLAIN)
		maintain();
	if (form == GZIP_CUT) /* of its last member */
		spooldir_cut(&s.d, first(), spooldir_size(&s.d, first()) - 20);
	spooldir_age(&s.d, first());
	seal("e");
	hs_buf_free(&bad);
	hs_buf_free(&text);
}

static void assert_bytes(const char *name, const struct hs_buf *expected)
{
	struct hs_buf text = spooldir_read_raw(&s.d, name);

	assert_true(hs_slice_eq(hs_buf_slice(&text), hs_buf_slice(expected)));
	hs_buf_free(&text);
}

/* There is the old file or the repaired one, whole; nothing is read twice; the next run finishes. */
TEST(killed_at_any_step)
{
	for (enum form form = PLAIN; form < FORMS; form++) {
		bool ended = false;

		for (unsigned nth = 1; !ended; nth++) {
			struct hs_position before, after;
			struct hs_buf was, is;
			char name[HS_SEALED_NAME], broken[2 * HS_SEALED_NAME];

			make("rotate_min_gap = 0\n");
			damage(form, &before, &after);
			snprintf(name, sizeof name, "%s", first());
			snprintf(broken, sizeof broken, ".hookspool/broken-%s", name);
			was = spooldir_read_raw(&s.d, name);
			ended = child_run(mend_in_child, &nth) == 0;
			is = spooldir_read_raw(&s.d, name);
			assert_int_equal(spooldir_names(&s.d, "", "events-"), 2);
			if (!hs_slice_eq(hs_buf_slice(&is), hs_buf_slice(&was))) { /* then the original is kept */
				assert_bytes(broken, &was);
				assert_goes_on(after, "e", form == GZIP_CUT);
				if (form != GZIP_CUT)
					assert_goes_on(before, "cde", false);
			} else {
				assert_false(ended);
			}
			examine(true);
			assert_int_equal(examine(false), 0);
			assert_once(&s.d, form == GZIP_CUT ? "e" : "a b c d e");
			assert_goes_on(after, "e", form == GZIP_CUT);
			if (form != GZIP_CUT)
				assert_goes_on(before, "cde", false);
			assert_int_equal(spooldir_names(&s.d, ".hookspool/run", HS_VERIFY_COPY), 0);
			assert_bytes(broken, &was);
			hs_buf_free(&was);
			hs_buf_free(&is);
			assert_true(nth < 2000);
		}
	}
}

/* --- a damaged member -------------------------------------------------------------- */

enum { PER_MEMBER = 2 }; /* lines */

/* Compresses the first segment by hand, with two lines in each member. Returns the middle of the nth member, from 0. */
static size_t compress_in_members(unsigned nth)
{
	struct hs_buf text = spooldir_read(&s.d, first()), file = { 0 };
	struct hs_gzip *gzip = hs_gzip_new();
	char plain[HS_SEALED_NAME], name[HS_SEALED_NAME + 3];
	size_t middle = 0;
	unsigned member = 0;

	snprintf(plain, sizeof plain, "%s", first());
	for (size_t at = 0; at < text.n; member++) {
		struct hs_slice compressed;
		size_t end = at;

		for (int line = 0; line < PER_MEMBER && end < text.n; line++)
			end = (size_t)((char *)memchr(text.p + end, '\n', text.n - end) - text.p) + 1;
		compressed = hs_gzip_member(gzip, hs_slice(text.p + at, end - at));
		middle = member == nth ? file.n + compressed.n / 2 : middle;
		hs_buf_put_slice(&file, compressed);
		at = end;
	}
	snprintf(name, sizeof name, "%s.gz", plain);
	spooldir_write(&s.d, name, hs_buf_slice(&file));
	spooldir_unlink(&s.d, plain);
	hs_gzip_free(gzip);
	hs_buf_free(&text);
	hs_buf_free(&file);
	return middle;
}

/* The disk changes a bit of one member. The others are whole, and nothing of that one is believed. */
TEST(a_damaged_member_of_several)
{
	static const char *const kept[] = { "c d e f", "a b e f", "a b c d" };
	static const char *const lost[] = { "a b", "c d", "e f" };

	for (unsigned nth = 0; nth < 3 * 2; nth++) {
		bool forgetful = nth % 2 == 1;
		struct hs_position before, after;
		size_t middle;

		make("rotate_min_gap = 0\n");
		seal("a b c d e f");
		before = position_after(2);
		after = position_after(4);
		middle = compress_in_members(nth / 2);
		spooldir_flip(&s.d, first(), middle);
		spooldir_age(&s.d, first());
		if (forgetful) { /* the index is made again from the damaged file */
			stop();
			spooldir_unlink(&s.d, ".hookspool/run/index");
			restart();
		}
		examine(false);
		assert_int_equal(found.problem[HS_PROBLEM_DAMAGED], 1);
		assert_int_equal(found.lines, 4);
		assert_int_equal(examine(true), 1);
		assert_int_equal(found.mended, 1);
		assert_int_equal(examine(false), 0);
		assert_once(&s.d, kept[nth / 2]);
		assert_goes_on(before, nth / 2 == 1 ? "ef" : nth / 2 == 0 ? "cdef" : "cd", true);
		assert_goes_on(after, nth / 2 == 2 ? "" : "ef", true);
		put_known(kept[nth / 2], 4);
		put(lost[nth / 2]);
	}
}

/* Two of its members are damaged: that is one problem of one file, and what is between them stays. */
TEST(two_damaged_members)
{
	size_t last;

	seal("a b c d e f");
	last = compress_in_members(2);
	spooldir_flip(&s.d, first(), last);
	spooldir_flip(&s.d, first(), 40);
	spooldir_age(&s.d, first());
	assert_int_equal(examine(true), 1);
	assert_int_equal(found.problem[HS_PROBLEM_DAMAGED], 1);
	assert_int_equal(found.lines, 2);
	assert_int_equal(examine(false), 0);
	assert_once(&s.d, "c d");
}

/* --- the index -------------------------------------------------------------- */

static unsigned searches; /* for a block of the index */

int mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *value, MDB_cursor_op op)
{
	static int (*real)(MDB_cursor *, MDB_val *, MDB_val *, MDB_cursor_op);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "mdb_cursor_get");
	searches += op == MDB_SET_RANGE;
	return real(cursor, key, value, op);
}

/* A block has 102 ids or more; the ids of all segments are looked up by 512, in the order of blocks. */
TEST(each_block_of_the_index_is_read_once)
{
	enum { EVENTS = 3000 };

	for (int at = 0; at < EVENTS; at += 500)
		put(many("e", at, at + 500));
	rotate();
	restart();
	assert_int_equal(examine(false), 0); /* puts the ids into the file */
	searches = 0;
	assert_int_equal(examine(false), 0);
	assert_int_equal(found.lines, EVENTS);
	assert_in_range(searches, EVENTS / 204, EVENTS / 30);
}

TESTS("verify", begin, finish)

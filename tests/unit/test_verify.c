/*
 * verify: every kind of damage is told, with file and line; mending keeps every good
 * line, and afterwards nothing is wrong.
 */
#include "base/io.h"
#include "spool/admin/verify.h"
#include "spool/read/reader.h"
#include "spool/spool.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct scene {
	struct spooldir d;
	struct hs_spool *spool;
	struct hs_verified found;
	char file[128]; /* of the last report */
	uint64_t line;
};

static struct scene s;

FIXTURE(begin)
{
	wrap_reset();
	spooldir_make(&s.d, "rotate_min_gap = 0\n");
	s.spool = hs_spool_new(s.d.settings);
	assert_non_null(s.spool);
	return 0;
}

FIXTURE(finish)
{
	wrap_reset();
	hs_spool_free(s.spool);
	spooldir_remove(&s.d);
	return 0;
}

static void seal(const char *words)
{
	assert_int_equal(spooldir_append(s.spool, words, NULL), HS_OK);
	assert_int_equal(hs_spool_rotate(s.spool, hs_io_now_monotonic() + PATIENCE_MS), HS_OK);
}

static void report(void *context, enum hs_problem p, const char *file, uint64_t line)
{
	(void)context;
	(void)p;
	snprintf(s.file, sizeof s.file, "%s", file);
	s.line = line;
}

static uint64_t examine(bool mend)
{
	struct hs_verifier examiner = { NULL, report, NULL, mend };
	uint64_t problems = 0;

	assert_int_equal(hs_spool_verify(s.spool, &examiner, &s.found), HS_OK);
	for (int p = 0; p < HS_PROBLEMS; p++)
		problems += s.found.problem[p];
	return problems;
}

/* The first sealed segment: its name, and its text with something done to it. */
static const char *first(void)
{
	return spooldir_name(&s.d, "events-", 0);
}

TEST(nothing_is_wrong)
{
	seal("a b acme/c !");
	seal("d");
	assert_int_equal(spooldir_append(s.spool, "e", NULL), HS_OK);
	assert_int_equal(examine(false), 0);
	assert_int_equal(s.found.segments, 2);
	assert_int_equal(s.found.lines, 6);
}

TEST(a_line_that_is_no_record)
{
	seal("a b");
	spooldir_add(&s.d, first(), HS_SLICE("{\"a\":}\n{\"type\":\"page\"}\n"));
	assert_int_equal(examine(false), 1);
	assert_int_equal(s.found.problem[HS_PROBLEM_LINE], 1);
	assert_int_equal(s.line, 3);
	assert_string_equal(s.file, first());

	assert_int_equal(examine(true), 1);
	assert_int_equal(s.found.mended, 1);
	assert_int_equal(examine(false), 0);
	assert_int_equal(s.found.lines, 3);
	assert_once(&s.d, "a b");
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "broken-"), 1);
}

/* Nothing that was set aside is written over. */
TEST(each_original_is_kept)
{
	seal("a b");
	for (int n = 1; n <= 3; n++) {
		spooldir_add(&s.d, first(), HS_SLICE("{\"a\":}\n"));
		examine(true);
		assert_int_equal(s.found.mended, 1);
		assert_int_equal(examine(false), 0);
		assert_int_equal(spooldir_names(&s.d, ".hookspool", "broken-"), n);
	}
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "broken-3-events-"), 1);
	assert_once(&s.d, "a b");
}

TEST(a_segment_that_ends_in_mid_line)
{
	seal("a b c");
	spooldir_cut(&s.d, first(), spooldir_size(&s.d, first()) - 5);
	assert_true(examine(false) >= 1);
	assert_int_equal(s.found.problem[HS_PROBLEM_TORN], 1);
	examine(true);
	assert_int_equal(examine(false), 0);
	assert_once(&s.d, "a b");
}

/* Compressed by hand, and not finished: the plain one is what counts, and the other is told of. */
TEST(a_gz_beside_that_is_no_copy)
{
	struct hs_retention_counts done;
	char gz[HS_SEALED_NAME + 3], copy[8192];
	FILE *file;
	char path[PATH_MAX + 128];
	size_t n;

	seal("a b c d e f");
	snprintf(gz, sizeof gz, "%s.gz", first());
	spooldir_write(&s.d, gz, HS_SLICE("\x1f\x8b\x08"));
	assert_int_equal(examine(false), 1);
	assert_int_equal(s.found.problem[HS_PROBLEM_BESIDE], 1);
	assert_int_equal(s.found.lines, 6);
	/* a whole copy is what compression leaves if it is killed at its last step */
	spooldir_unlink(&s.d, gz);
	snprintf(path, sizeof path, "%s/%s", s.d.path, first());
	file = fopen(path, "r");
	assert_non_null(file);
	n = fread(copy, 1, sizeof copy, file);
	fclose(file);
	assert_int_equal(hs_spool_maintain(s.spool, NULL, NULL, &done), HS_OK);
	snprintf(gz, sizeof gz, "%.*s", (int)strlen(first()) - 3, first());
	spooldir_write(&s.d, gz, hs_slice(copy, n));
	assert_int_equal(examine(false), 0);
	assert_int_equal(s.found.lines, 6);
}

TEST(a_compressed_one_that_is_cut)
{
	struct hs_retention_counts done;

	seal("a b c d e f");
	assert_int_equal(hs_spool_maintain(s.spool, NULL, NULL, &done), HS_OK);
	spooldir_cut(&s.d, first(), spooldir_size(&s.d, first()) - 3); /* in the check sum */
	assert_int_equal(examine(false), 1);
	assert_int_equal(s.found.problem[HS_PROBLEM_DAMAGED], 1);
	examine(true);
	assert_int_equal(examine(false), 0);
	assert_once(&s.d, "a b c d e f"); /* every line could be read */
}

/* RFC 1952, 2.2: what zcat shows of a second member must be looked at, too. */
TEST(a_second_member_behind_the_first)
{
	static const char member[] = /* printf 'broken\\n' | gzip -n */
	    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x2a\xca\xcf\x4e\xcd\xe3\x02\x00\x1a"
	    "\x18\x5d\x65\x07\x00\x00\x00";
	struct hs_retention_counts done;

	seal("a b");
	assert_int_equal(hs_spool_maintain(s.spool, NULL, NULL, &done), HS_OK);
	spooldir_add(&s.d, first(), hs_slice(member, sizeof member - 1));
	assert_int_equal(examine(false), 1);
	assert_int_equal(s.found.problem[HS_PROBLEM_LINE], 1);
	examine(true);
	assert_int_equal(examine(false), 0);
	assert_once(&s.d, "a b");
}

TEST(an_event_that_stands_there_twice)
{
	struct hs_buf text;

	seal("a b");
	seal("c");
	text = spooldir_read(&s.d, first());
	spooldir_add(&s.d, spooldir_name(&s.d, "events-", 1), hs_buf_slice(&text));
	hs_buf_free(&text);
	assert_int_equal(examine(false), 2);
	assert_int_equal(s.found.problem[HS_PROBLEM_TWICE], 2);
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
	assert_int_equal(s.found.problem[HS_PROBLEM_GAP], 1);
}

TEST(the_oldest_may_be_gone)
{
	seal("a");
	seal("b");
	spooldir_unlink(&s.d, first());
	assert_int_equal(examine(false), 0);
}

/* Put there by hand: the index has never read of it. */
TEST(an_event_that_the_index_does_not_know)
{
	struct events *e = events_new("z");

	seal("a");
	assert_int_equal(spooldir_append(s.spool, "b", NULL), HS_OK);
	spooldir_add(&s.d, first(), hs_buf_slice(&e->lines));
	assert_int_equal(examine(false), 1);
	assert_int_equal(s.found.problem[HS_PROBLEM_INDEX], 1);
	examine(true);
	assert_int_equal(examine(false), 0);
	events_free(e);
}

/* Whatever call fails in mending: no good line is lost, and it can be done again. */
TEST(mending_may_be_interrupted)
{
	static const enum wrap_call calls[] = { WRAP_FDATASYNC, WRAP_FSYNC, WRAP_PWRITE, WRAP_RENAMEAT, WRAP_UNLINKAT };
	struct hs_verifier examiner = { .mend = true };

	finish(state);
	for (size_t c = 0; c < 2 * sizeof calls / sizeof calls[0]; c++)
		for (unsigned nth = 1; nth <= 6; nth++) {
			struct hs_retention_counts done;

			begin(state);
			seal("a b");
			spooldir_add(&s.d, first(), HS_SLICE("torn"));
			if (c % 2 > 0) /* a compressed one */
				assert_int_equal(hs_spool_maintain(s.spool, NULL, NULL, &done), HS_OK);
			wrap_fail(calls[c / 2], nth, 1, EIO);
			hs_spool_verify(s.spool, &examiner, &s.found);
			wrap_reset();
			examine(true);
			assert_int_equal(examine(false), 0);
			assert_once(&s.d, "a b");
			finish(state);
		}
	begin(state);
}

/* As it is on the disk. */
static struct hs_buf file_of(const char *name)
{
	struct hs_buf text = { 0 };
	char path[PATH_MAX + 256];
	FILE *file;
	int c;

	snprintf(path, sizeof path, "%s/%s", s.d.path, name);
	file = fopen(path, "r");
	assert_non_null(file);
	while ((c = getc(file)) != EOF)
		hs_buf_putc(&text, (char)c);
	fclose(file);
	return text;
}

/* --- killed ---------------------------------------------------------------------- */

static struct hs_position position_behind(unsigned lines)
{
	struct hs_reader *reader;
	struct hs_slice line;
	struct hs_position p;

	assert_int_equal(hs_reader_open(s.d.settings, &reader), HS_OK);
	assert_int_equal(hs_reader_remember(reader), HS_OK);
	while (lines-- > 0)
		assert_int_equal(hs_reader_next(reader, &line), HS_READ_LINE);
	p = hs_reader_position(reader);
	hs_reader_close(reader);
	return p;
}

/* A consumer that was there is told that it fits, unless its place is lost, and goes on with these. */
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
	struct hs_verifier examiner = { .mend = true };
	unsigned nth = *(unsigned *)context;

	hs_spool_free(s.spool); /* a process of its own opens it for itself */
	s.spool = hs_spool_new(s.d.settings);
	wrap_reset();
	wrap_kill(nth, nth % 2 == 1); /* every second time in mid-write, if it is a write */
	return s.spool != NULL && hs_spool_verify(s.spool, &examiner, &s.found) == HS_OK ? 0 : 1;
}

enum form { PLAIN, GZIP, GZIP_CUT, FORMS };

/* a b, a line that is no record, c d, in a segment; e in the next. A cut .gz has lost some of them. */
static void damage(enum form form, struct hs_position *before, struct hs_position *after)
{
	struct hs_buf bad = { 0 }, text;
	struct hs_retention_counts done;

	seal("a b c d");
	text = spooldir_read(&s.d, first());
	*before = position_behind(2);
	*after = position_behind(4);
	if (form != GZIP_CUT) {
		hs_buf_put(&bad, text.p, before->offset);
		hs_buf_put_slice(&bad, HS_SLICE("not a record\n"));
		hs_buf_put(&bad, text.p + before->offset, text.n - before->offset);
		hs_buf_put_slice(&bad, HS_SLICE("{\"torn"));
		spooldir_write(&s.d, first(), hs_buf_slice(&bad));
		after->offset += strlen("not a record\n");
	}
	if (form != PLAIN)
		assert_int_equal(hs_spool_maintain(s.spool, NULL, NULL, &done), HS_OK);
	if (form == GZIP_CUT) /* of its last member */
		spooldir_cut(&s.d, first(), spooldir_size(&s.d, first()) - 20);
	seal("e");
	hs_buf_free(&bad);
	hs_buf_free(&text);
}

/* The old file or the mended one, whole; nothing that was read is read again; the next run finishes. */
TEST(killed_at_any_step)
{
	finish(state);
	for (enum form form = PLAIN; form < FORMS; form++) {
		bool ended = false;

		for (unsigned nth = 1; !ended; nth++) {
			struct hs_position before, after;
			struct hs_buf was, is, kept;
			char name[HS_SEALED_NAME], broken[2 * HS_SEALED_NAME];

			begin(state);
			damage(form, &before, &after);
			snprintf(name, sizeof name, "%s", first());
			snprintf(broken, sizeof broken, ".hookspool/broken-%s", name);
			was = file_of(name);
			ended = child_wait(child_start(mend_in_child, &nth)) == 0;
			is = file_of(name);
			assert_int_equal(spooldir_names(&s.d, "", "events-"), 2);
			if (!hs_slice_eq(hs_buf_slice(&is), hs_buf_slice(&was))) { /* then the original is kept */
				kept = file_of(broken);
				assert_true(hs_slice_eq(hs_buf_slice(&kept), hs_buf_slice(&was)));
				hs_buf_free(&kept);
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
			kept = file_of(broken);
			assert_true(hs_slice_eq(hs_buf_slice(&kept), hs_buf_slice(&was)));
			hs_buf_free(&was);
			hs_buf_free(&is);
			hs_buf_free(&kept);
			finish(state);
			assert_true(nth < 2000);
		}
	}
	begin(state);
}

TESTS("verify", begin, finish)

/*
 * import_choice: which events of an archive are imported, what is said of the others, and how an import ends that
 * cannot go on to the end of its archive.
 */
#include "base/io.h"
#include "spool/erase.h"
#include "spool/import.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_spool.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static const struct hs_inventory nothing;
static struct hs_imported done;
static const char *name = "archive.jsonl";

static int file_of(struct hs_slice text)
{
	char path[] = "/tmp/hookspool-import-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, text.p, text.n), text.n);
	return fd;
}

static enum hs_result import_file(const struct hs_importer *how, int fd)
{
	enum hs_result result = hs_import(s.spool, s.d.settings, how, fd, name, &done);

	close(fd);
	return result;
}

static enum hs_result import(const struct hs_importer *how, const char *text)
{
	return import_file(how, file_of(hs_slice_str(text)));
}

static const struct hs_importer all = { .tenant = "" };

#define TRACK "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"e\""
#define NAMELESS "{\"type\":\"track\",\"userId\":\"u\""
#define IN "2026-11-15T00:00:00.000Z"

/* --- which events ----------------------------------------------------------------------------- */

enum { TYPE = 1, SINCE = 2, UNTIL = 4 };

/* The archive's only event is accepted, left out, left out since it has no time (u), or rejected. */
static char outcome(int chosen, const char *line)
{
	static const char *const types[] = { "identify", "track" };
	struct hs_importer how = { .tenant = "",
		                   .type = types,
		                   .types = (chosen & TYPE) != 0 ? 2 : 0,
		                   .since_given = (chosen & SINCE) != 0,
		                   .until_given = (chosen & UNTIL) != 0,
		                   .since_ms = 1793491200000, /* 2026-11-01 */
		                   .until_ms = 1796083200000, /* 2026-12-01 */
		                   .look_only = true,
		                   .inventory = &nothing };

	assert_result(import(&how, line), HS_OK);
	assert_int_equal(done.accepted + done.left_out + done.rejected, 1);
	assert_int_equal(done.undated_line, done.undated);
	return done.accepted > 0 ? 'a' : done.rejected > 0 ? 'r' : done.undated > 0 ? 'u' : 'l';
}

TEST(events_are_chosen_by_type_and_time)
{
	static const struct {
		const char *line, *outcomes; /* with nothing chosen, a type, since, until, and all of these */
	} cases[] = {
		{ TRACK ",\"timestamp\":\"" IN "\"}", "aaaaa" },
		{ TRACK ",\"timestamp\":\"2026-10-31T23:59:59.999Z\"}", "aalal" },
		{ TRACK ",\"timestamp\":\"2026-11-01T00:00:00.000Z\"}", "aaaaa" },
		{ TRACK ",\"timestamp\":\"2026-12-01T00:00:00.000Z\"}", "aaall" },
		{ "{\"type\":\"page\",\"userId\":\"u\",\"timestamp\":\"" IN "\"}", "alaal" },
		{ TRACK "}", "aauuu" },
		{ TRACK ",\"timestamp\":null}", "aauuu" },
		{ TRACK ",\"timestamp\":\"yesterday\"}", "aauuu" },
		{ TRACK ",\"timestamp\":\"1794700800\"}", "aaaaa" },
		{ TRACK ",\"timestamp\":\"1700000000\"}", "aalal" },
		{ TRACK ",\"timestamp\":1794700800}", "aaaaa" },
		{ TRACK ",\"timestamp\":1700000000000}", "aalal" },
		{ TRACK ",\"timestamp\":1e400}", "aauuu" },
		{ TRACK ",\"timestamp\":true}", "aauuu" },
		/* what is refused is refused, unless it shows that it was not asked for */
		{ NAMELESS ",\"timestamp\":\"" IN "\"}", "rrrrr" },
		{ NAMELESS ",\"timestamp\":1700000000000}", "rrlrl" },
		{ NAMELESS ",\"timestamp\":\"yesterday\"}", "rrrrr" },
		{ NAMELESS "}", "rrrrr" },
		{ "{\"type\":7,\"timestamp\":\"" IN "\"}", "rrrrr" },
		{ "{\"userId\":\"u\"}", "rrrrr" },
	};
	static const int chosen[] = { 0, TYPE, SINCE, UNTIL, TYPE | SINCE | UNTIL };

	make("");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t j = 0; j < sizeof chosen / sizeof *chosen; j++) {
			char got = outcome(chosen[j], cases[i].line);

			if (got != cases[i].outcomes[j])
				fail_msg("%s, choice %zu: %c", cases[i].line, j, got);
		}
}

/* The first of several, whichever commit they are in, is the one to look at. */
TEST(the_first_event_without_a_time_is_told)
{
	struct hs_importer how = { .tenant = "", .since_given = true, .look_only = true, .inventory = &nothing };
	struct hs_buf text = { 0 };

	make("");
	hs_buf_put_slice(&text, HS_SLICE("\n" TRACK "}\n"));
	for (int i = 0; i < 4100; i++) /* more than a commit */
		hs_buf_put_slice(&text, HS_SLICE(TRACK ",\"timestamp\":\"" IN "\"}\n"));
	hs_buf_put_slice(&text, HS_SLICE(TRACK "}\n" TRACK "}\n"));
	assert_result(import_file(&how, file_of(hs_buf_slice(&text))), HS_OK);
	assert_true(done.undated == 3 && done.undated_line == 2 && done.accepted + done.duplicate == 4100);
	hs_buf_free(&text);
}

/* A dry run counts them as the import would: without a window nothing is a duplicate. */
TEST(duplicates_of_a_dry_run)
{
	static const char twice[] = TRACK ",\"messageId\":\"m\"}\n" TRACK ",\"messageId\":\"m\"}\n";
	struct hs_importer how = { .tenant = "", .look_only = true, .inventory = &nothing };

	make("");
	assert_result(import(&how, twice), HS_OK);
	assert_true(done.accepted == 1 && done.duplicate == 1);
	for (unsigned nth = 1; nth <= wrap_count(WRAP_MALLOC) + 1; nth++) { /* until none fails */
		wrap_reset();
		wrap_fail(WRAP_MALLOC, nth, 1, ENOMEM);
		if (import(&how, twice) == HS_OK)
			assert_true(done.accepted == 1 && done.duplicate == 1);
	}
	make("dedup_window = 0\n");
	assert_result(import(&how, twice), HS_OK);
	assert_true(done.accepted == 2 && done.duplicate == 0);
}

/* --- how it ends --------------------------------------------------------------------------------- */

/* A NUL in the first line, which is no line of JSON; an empty line may be the first one. */
TEST(files_of_another_kind)
{
	static const struct {
		struct hs_slice text;
		const char *foreign;
	} cases[] = {
		{ { "", 0 }, NULL },
		{ { "\n" TRACK "}\n", sizeof "\n" TRACK "}\n" - 1 }, NULL },
		{ { "{\0}\n", 4 }, "binary" },
		{ { "abc\n", 4 }, "no JSON lines" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		make("");
		assert_result(import_file(&all, file_of(cases[i].text)), HS_OK);
		if (cases[i].foreign == NULL)
			assert_null(done.foreign);
		else
			assert_string_equal(done.foreign, cases[i].foreign);
		assert_true(done.foreign == NULL || done.remedy != NULL);
		assert_false(done.garbage);     /* which says that reading ended in the middle */
		if (cases[i].foreign != NULL) { /* it was not imported: the next run looks at it again */
			assert_result(import_file(&all, file_of(cases[i].text)), HS_OK);
			assert_false(done.done_before);
		}
	}
}

/* A thousand lines that are none end it; another run goes on there. */
TEST(an_archive_that_turns_into_garbage)
{
	struct hs_buf text = { 0 };

	make("");
	hs_buf_put_slice(&text, HS_SLICE(TRACK ",\"messageId\":\"m\"}\n"));
	for (int i = 0; i < 1100; i++)
		hs_buf_put_slice(&text, HS_SLICE("7\n"));
	assert_result(import_file(&all, file_of(hs_buf_slice(&text))), HS_OK);
	assert_true(done.garbage && done.accepted == 1 && done.rejected == 1000);
	assert_result(import_file(&all, file_of(hs_buf_slice(&text))), HS_OK);
	assert_true(!done.garbage && !done.done_before && done.resumed == 1001 && done.rejected == 100);
	assert_result(import_file(&all, file_of(hs_buf_slice(&text))), HS_OK);
	assert_true(done.done_before);
	assert_all("m");
	hs_buf_free(&text);
}

/* A damaged .gz: what is before the damage is imported, and the archive is not done. */
TEST(an_archive_that_is_cut)
{
	static const char text[] = TRACK ",\"messageId\":\"m\"}\n";
	char path[] = "/tmp/hookspool-import-XXXXXX";
	int fd = mkstemp(path);
	gzFile file = gzopen(path, "wb");

	make("");
	assert_int_equal(gzwrite(file, text, sizeof text - 1), sizeof text - 1);
	assert_int_equal(gzclose(file), Z_OK);
	assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - 4), 0);
	unlink(path);
	for (int i = 0; i < 2; i++) {
		assert_result(import_file(&all, dup(fd)), HS_OK);
		assert_true(done.error == EILSEQ && !done.done_before);
	}
	close(fd);
	assert_all("m");
}

/* The damage is met where a line that is refused is passed over. */
TEST(an_archive_that_is_cut_in_a_long_line)
{
	char path[] = "/tmp/hookspool-import-XXXXXX";
	int fd = mkstemp(path);
	gzFile file = gzopen(path, "wb");

	make("");
	s.d.settings->max_body = 1000;
	for (int i = 0; i < 5000; i++)
		assert_true(gzputs(file, i == 0 ? TRACK ",\"messageId\":\"m\"}\n{\"type\" " : " no JSON ") > 0);
	assert_int_equal(gzclose(file), Z_OK);
	assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - 4), 0);
	unlink(path);
	assert_result(import_file(&all, fd), HS_OK);
	assert_true(done.error == EILSEQ && !done.done_before && done.accepted == 1);
	assert_all("m");
}

enum { LONG_BODY = 4000 };
static struct hs_buf long_line;

static void prepare_long_line(void)
{
	make("");
	s.d.settings->max_body = LONG_BODY;
}

static enum hs_result import_long_line(void)
{
	enum hs_result result = import_file(&all, file_of(hs_buf_slice(&long_line)));

	return result == HS_OK && done.error != 0 ? hs_io_result(done.error) : result;
}

static void is_long_line_there(void)
{
	assert_all("m n");
	assert_int_equal(done.rejected, 0);
}

/* A long line is cut behind its first event, whose last value needs memory for its token: its want refuses no event. */
TEST(a_long_line_without_memory)
{
	enum { FIRST_TOKENS = 512, OTHERS = 13 };

	hs_buf_printf(&long_line, TRACK ",\"messageId\":\"m\",\"properties\":{");
	for (int i = 0; i < (FIRST_TOKENS - OTHERS) / 2; i++)
		hs_buf_printf(&long_line, "\"p%03d\":1,", i);
	hs_buf_printf(&long_line, "\"p\":\"%0*d\",\"q\":1}}", LONG_BODY - (int)long_line.n - 15, 0);
	assert_int_equal(long_line.n, LONG_BODY - 1);
	hs_buf_printf(&long_line, TRACK ",\"messageId\":\"n\"}\n");
	fail_each_of(FAIL_CALL(WRAP_REALLOC),
	             &(struct job){ prepare_long_line, import_long_line, is_long_line_there, 40 });
	hs_buf_free(&long_line);
}

static bool never(void *context, const struct hs_imported *so_far)
{
	(void)context;
	(void)so_far;
	return false;
}

TEST(an_import_that_is_stopped)
{
	struct hs_importer how = { .tenant = "", .go_on = never };

	make("");
	assert_result(import(&how, TRACK ",\"messageId\":\"m\"}\n"), HS_OK);
	assert_true(done.stopped && done.accepted == 0);
	assert_result(import(&all, TRACK ",\"messageId\":\"m\"}\n"), HS_OK);
	assert_true(!done.stopped && !done.done_before && done.accepted == 1);
}

static bool import_at_once(void *context, const struct hs_imported *so_far)
{
	(void)so_far;
	if (!*(bool *)context) { /* the second one asks, too */
		*(bool *)context = true;
		assert_result(import(&all, TRACK ",\"messageId\":\"m\"}\n"), HS_OK);
		assert_true(done.in_use && done.accepted == 0);
	}
	return true;
}

TEST(an_archive_that_another_process_imports)
{
	bool asked = false;
	struct hs_importer how = { .tenant = "", .go_on = import_at_once, .context = &asked };
	struct hs_imported first;
	int fd = file_of(HS_SLICE(TRACK ",\"messageId\":\"m\"}\n"));

	make("");
	assert_result(hs_import(s.spool, s.d.settings, &how, fd, name, &first), HS_OK);
	close(fd);
	assert_true(asked && !first.in_use && first.accepted == 1);
	assert_all("m");
}

/* The key of an archive is a name on the disk: a later version goes on where an earlier one has stopped. */
TEST(the_key_of_an_archive_stays)
{
	static const struct {
		size_t blanks; /* after the event, so that head and tail are different parts */
		const char *key;
	} cases[] = {
		{ 0, "bd18d04db139aac0f95a596b809abd5f" },
		{ 70000, "8817a2f26da85f211e9367c1c9ab2e90" },
	};
	static char text[80000];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t n =
		    (size_t)snprintf(text, sizeof text, TRACK ",\"messageId\":\"m\"}\n%*s", (int)cases[i].blanks, "");

		make("");
		if (cases[i].blanks > 0)
			text[n - 1] = '\n';
		assert_result(import(&all, text), HS_OK);
		assert_int_equal(done.accepted, 1);
		assert_int_equal(spooldir_names(&s.d, ".hookspool/imports", cases[i].key), 1);
	}
}

/* The name of an archive that a refused line gives is cut, not the line. */
TEST(a_name_that_is_too_long)
{
	static char longest[400];
	struct hs_buf text;

	make("");
	memset(longest, 'n', sizeof longest - 1);
	name = longest;
	assert_result(import(&all, "{\"type\":\"bogus\"}\n" TRACK ",\"messageId\":\"m\"}\n"), HS_OK);
	name = "archive.jsonl";
	assert_true(done.rejected == 1 && done.accepted == 1);
	text = spooldir_read(&s.d, "rejected.jsonl");
	assert_non_null(memmem(text.p, text.n, "nnn, line 1", 11));
	assert_null(memmem(text.p, text.n, longest, sizeof longest - 1));
	hs_buf_free(&text);
}

/* --- refused events ------------------------------------------------------------------------------- */

/* They take an eighth of rejected_max in a commit; the others are counted, and not kept. */
TEST(more_refusals_than_are_kept)
{
	struct hs_buf text = { 0 }, kept;
	size_t lines = 0;

	make("rejected_max = 64K\nrejected_body = 0\n");
	hs_buf_put_slice(&text, HS_SLICE(TRACK ",\"messageId\":\"m\"}\n"));
	hs_buf_put_slice(&text, HS_SLICE("{\"type\"\n"));
	for (int i = 0; i < 899; i++)
		hs_buf_put_slice(&text, HS_SLICE("{\"type\":\"bogus\",\"userId\":\"u\"}\n"));
	assert_result(import_file(&all, file_of(hs_buf_slice(&text))), HS_OK);
	assert_int_equal(done.rejected, 900);
	kept = spooldir_read(&s.d, "rejected.jsonl");
	for (size_t i = 0; i < kept.n; i++)
		lines += kept.p[i] == '\n';
	assert_in_range(lines, 1, 899);
	assert_null(memmem(kept.p, kept.n, "userId", 6));
	hs_buf_free(&kept);
	hs_buf_free(&text);
}

static void prepare_refused(void)
{
	make("rotate_min_gap = 0\n");
	put("anna@a");
	assert_int_equal(events_erase(s.spool, &s.d, "anna"), 1);
}

#define REFUSED "{\"type\":\"bogus\",\"userId\":\"otto\"}\n{\"type\"\n"

static enum hs_result run_refused(void)
{
	static const char *const types[] = { "track", "bogus" };
	const struct hs_importer how = { .tenant = "", .type = types, .types = 2 };
	enum hs_result result = import(&how, TRACK ",\"messageId\":\"m\"}\n" REFUSED);

	return result == HS_OK && done.error != 0 ? HS_E_IO : result;
}

static void are_refused(void)
{
	size_t lines = 0;

	for (size_t i = spooldir_names(&s.d, "", "rejected"); i > 0; i--) {
		struct hs_buf text = spooldir_read(&s.d, spooldir_name(&s.d, "rejected", i - 1));

		for (size_t at = 0; at < text.n; at++)
			lines += text.p[at] == '\n';
		hs_buf_free(&text);
	}
	assert_int_equal(lines, 2);
	assert_all("m");
}

TEST(refused_events_are_kept_once_whatever_fails)
{
	fail_each(&(struct job){ prepare_refused, run_refused, are_refused, 40 });
}

/* Nothing is kept of a suppressed person; if the list of them is lost nothing at all is imported. */
TEST(refused_events_of_suppressed_people)
{
	static const char archive[] =
	    "{\"type\":\"bogus\",\"userId\":\"anna\"}\n{\"type\":\"bogus\",\"userId\":\"otto\"}\n"
	    "{\"type\":\"bogus\",\"userId\":\"eva\"}\n" TRACK ",\"messageId\":\"m\"}\n";
	struct hs_subject anna = {
		.id = (char[]){ "anna" }, .n = 4, .before = { UINT64_MAX, 0 }, .until_ms = INT64_MAX
	};
	struct hs_subjects people;
	struct hs_eraser eraser = { .subjects = &people, .suppress = true };
	struct hs_erasure erased;
	off_t size;

	make("rotate_min_gap = 0\n");
	put("a");
	hs_subjects_init(&people, 1);
	assert_true(hs_subjects_add(&people, &anna, NULL));
	assert_result(hs_erase(s.spool, s.d.settings, &eraser, &erased), HS_OK);
	hs_subjects_free(&people);
	size = spooldir_size(&s.d, ".hookspool/suppressed");
	spooldir_flip(&s.d, ".hookspool/suppressed", (size_t)size - 1);
	restart();
	assert_result(import(&all, archive), HS_E_SUPPRESSED);
	assert_all("a");
	assert_int_equal(spooldir_names(&s.d, "", "rejected-"), 0);
	spooldir_flip(&s.d, ".hookspool/suppressed", (size_t)size - 1);
	restart();
	assert_result(import(&all, archive), HS_OK);
	assert_true(done.rejected == 2 && done.suppressed == 1 && done.accepted == 1);
	assert_all("a m");
}

static bool stop_at_once(void *context, uint64_t bytes, uint64_t total)
{
	(void)context;
	(void)bytes;
	(void)total;
	return false;
}

/* --- a commit that was interrupted -------------------------------------------------------------------- */

static const char interrupted[] =
    TRACK "}\n" TRACK ",\"properties\":{\"n\":1}}\n"
	  "{\"type\":\"bogus\",\"userId\":\"otto\"}\n{\"type\":\"bogus\",\"userId\":\"eva\"}\n";
static unsigned landed_at;

static int import_interrupted(void *context)
{
	(void)context;
	restart();
	return import(&all, interrupted) == HS_OK ? 0 : 1;
}

static size_t lines_in(const char *stream)
{
	size_t lines = 0;

	for (size_t i = spooldir_names(&s.d, "", stream); i > 0; i--) {
		struct hs_buf text = spooldir_read(&s.d, spooldir_name(&s.d, stream, i - 1));

		for (size_t at = 0; at < text.n; at++)
			lines += text.p[at] == '\n';
		hs_buf_free(&text);
	}
	return lines;
}

/* The lines are in the spool, and the checkpoint does not know it: only the commit's announcement does. */
static void prepare_interrupted(void)
{
	make("rotate_min_gap = 0\n");
	put("a");
	rotate();
	if (landed_at > 0) {
		child_killed(landed_at, false, import_interrupted, NULL);
		restart();
	}
}

static enum hs_result run_interrupted(void)
{
	enum hs_result result = import(&all, interrupted);

	return result == HS_OK && done.error != 0 ? HS_E_IO : result;
}

static void is_completed_once(void)
{
	assert_int_equal(lines_in("events"), 3);
	assert_int_equal(lines_in("rejected"), 2);
}

/* A line that was not synced by its writer, who is dead, is not believed: it is sealed with no other. */
static bool has_landed(void)
{
	rotate();
	return lines_in("events-") == 3 && lines_in("rejected-") == 2;
}

/* Finds the call before which they have, and the checkpoint does not know it. */
static void find_landed(void)
{
	int status = -1;

	for (unsigned nth = 20; status == -1 && landed_at == 0; nth++) {
		prepare_interrupted();
		status = child_killed(nth, false, import_interrupted, NULL);
		restart();
		if (has_landed())
			landed_at = nth;
	}
	assert_true(landed_at > 0);
}

/* Whatever fails while they are looked for, they come once. */
TEST(an_interrupted_commit_is_finished)
{
	find_landed();
	fail_each_of(FAIL_CALL(WRAP_PREAD),
	             &(struct job){ prepare_interrupted, run_interrupted, is_completed_once, 64 });
	fail_each_of(FAIL_CALL(WRAP_OPENAT) | FAIL_CALL(WRAP_FDOPENDIR) | FAIL_CALL(WRAP_PWRITE) |
	                 FAIL_CALL(WRAP_REALLOC),
	             &(struct job){ prepare_interrupted, run_interrupted, is_completed_once, 12 });
}

/* Unless the other thread was quicker, and the checkpoint has the commit, they are looked for and found. */
static void assert_known(void)
{
	assert_int_equal(done.accepted, 0);
	assert_true(done.duplicate == 2 || done.resumed > 0 || done.done_before);
	assert_int_equal(lines_in("rejected"), 2);
}

static void assert_all_known(void)
{
	assert_result(run_interrupted(), HS_OK);
	assert_known();
}

/* As prepare_interrupted, and seals them. An import has two threads: its nth call is not always the same one. */
static void land(void)
{
	find_landed();
	do
		prepare_interrupted();
	while (!has_landed());
}

/* Seals one more segment than land. Returns the name of the nth, from 0. */
static const char *land_and_seal(size_t nth)
{
	land();
	put("b");
	rotate();
	return spooldir_name(&s.d, "events-", nth);
}

static void remove_last(void *context)
{
	(void)context;
	if (spooldir_names(&s.d, "", "events-") == 3)
		spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 2));
}

/* After a directory was opened, to be listed: the next file cannot be, or the last segment goes. */
static void change_after_list(void *fails)
{
	if (*(bool *)fails)
		wrap_fail(WRAP_OPENAT, 1, 1, EIO);
	else
		wrap_before(WRAP_OPENAT, 1, remove_last, NULL);
}

/* Changes them after the nth list. True if there were as many. */
static bool finish_with_change(unsigned nth, bool fails)
{
	bool listed;

	land_and_seal(2);
	wrap_reset();
	wrap_before(WRAP_FDOPENDIR, nth, change_after_list, &fails);
	if (run_interrupted() == HS_OK)
		assert_known();
	else
		assert_true(fails && done.accepted == 0);
	listed = wrap_count(WRAP_FDOPENDIR) >= nth;
	wrap_reset();
	return listed;
}

/* If retention takes a segment, the lines of the others are found; while it is not known which are there none come. */
TEST(an_interrupted_commit_whose_segments_are_listed)
{
	for (int fails = 0; fails < 2; fails++)
		for (unsigned nth = 1; finish_with_change(nth, fails); nth++)
			;
}

/* A segment that a disk has damaged, and one that was just compressed. */
TEST(an_interrupted_commit_among_segments_of_other_forms)
{
	char plain[HS_SEALED_NAME];
	struct hs_buf text;

	land_and_seal(2);
	maintain();
	spooldir_cut(&s.d, spooldir_name(&s.d, "events-", 2), 30);
	assert_all_known();
	snprintf(plain, sizeof plain, "%s", land_and_seal(1));
	text = spooldir_read(&s.d, plain);
	maintain();
	spooldir_write(&s.d, plain, hs_buf_slice(&text));
	spooldir_age(&s.d, plain);
	hs_buf_free(&text);
	assert_all_known();
}

static void suppress_otto(void)
{
	struct hs_subject otto = {
		.id = (char[]){ "otto" }, .n = 4, .before = { UINT64_MAX, 0 }, .until_ms = INT64_MAX
	};
	struct hs_subjects people;
	struct hs_eraser eraser = { .subjects = &people, .suppress = true, .go_on = stop_at_once };
	struct hs_erasure erased;

	hs_subjects_init(&people, 1);
	assert_true(hs_subjects_add(&people, &otto, NULL));
	assert_result(hs_erase(s.spool, s.d.settings, &eraser, &erased), HS_OK);
	hs_subjects_free(&people);
}

/* A line that was there before is none that is left out, though its person is suppressed since. */
TEST(an_interrupted_commit_of_a_person_who_is_suppressed_since)
{
	land();
	suppress_otto();
	assert_all_known();
	assert_int_equal(done.suppressed, 0);
}

/* --- threads ---------------------------------------------------------------------------------------- */

static bool no_threads;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *context)
{
	static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	return no_threads ? EAGAIN : real(thread, attributes, start, context);
}

TEST(without_a_thread_nothing_is_imported)
{
	make("");
	no_threads = true;
	assert_result(import(&all, TRACK ",\"messageId\":\"m\"}\n"), HS_E_MEMORY);
	no_threads = false;
	assert_int_equal(done.accepted, 0);
	assert_result(import(&all, TRACK ",\"messageId\":\"m\"}\n"), HS_OK);
	assert_int_equal(done.accepted, 1);
}

FIXTURE(tell_and_finish)
{
	fail_each_tell();
	no_threads = false;
	return finish(state);
}

int main(void)
{
	if (access("/dev/shm", W_OK) == 0) /* failures, not power cuts: memory will do, and is quick */
		setenv("TMPDIR", "/dev/shm", 0);
	return unit_run("import_choice", NULL, tell_and_finish);
}

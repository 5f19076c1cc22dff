/*
 * rewrite_journal: a journal of edits that a killed process has left: an edit counts if and only if the segment was
 * replaced, whichever call of the next process fails.
 */
#include "base/io.h"
#include "spool/position/rewrite_log.h"
#include "spool/shared/spool_dir.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/passing.h"
#include "tests/lib/said.h"
#include "tests/lib/temp_spool.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static struct hs_opened_spool o = SPOOLDIR_CLOSED;
static struct hs_rewrite_log *rewrites;

FIXTURE(close_all)
{
	if (rewrites != NULL) {
		hs_rewrite_log_close(rewrites);
		hs_spool_dir_close(&o);
		rewrites = NULL;
	}
	return finish(state);
}

FIXTURE(tell_and_close)
{
	fail_each_tell();
	return close_all(state);
}

static uint64_t was_c, is_c; /* where c begins before and after the edit of the journal, which removes b */

/* The journal's first line of an edit of the segment a b c; `to`: the inode that it gives to the segment. */
static void write_edit(const char *before, uint64_t from, uint64_t to)
{
	struct hs_buf text = { 0 };

	hs_buf_printf(&text,
	              "%s{\"segment\":1,\"edit\":1,\"file\":\"%s\",\"inode\":[%" PRIu64 ",%" PRIu64
	              "],\"size\":[700,400],\"removed\":[%" PRIu64 ",%" PRIu64 "]}\n",
	              before, spooldir_name(&s.d, "events-", 0), from, to, is_c, was_c - is_c);
	spooldir_write(&s.d, ".hookspool/edits", hs_buf_slice(&text));
	hs_buf_free(&text);
}

/* A spool with one sealed segment, number 1. */
static void make_abc(void)
{
	struct hs_buf text;

	close_all(NULL);
	make("");
	seal("a b c");
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	assert_result(hs_rewrite_log_open(&o.dir, &rewrites), HS_OK);
	text = spooldir_read(&s.d, spooldir_name(&s.d, "events-", 0));
	is_c = (uint64_t)((char *)memchr(text.p, '\n', text.n) - text.p) + 1;
	was_c = is_c + (uint64_t)((char *)memchr(text.p + is_c, '\n', text.n - is_c) - (text.p + is_c)) + 1;
	hs_buf_free(&text);
}

static uint64_t inode_now(void)
{
	return (uint64_t)spooldir_inode(&s.d, spooldir_name(&s.d, "events-", 0));
}

static uint64_t moved_to, edits;

static enum hs_result run_translate(void)
{
	struct hs_position p = { 1, was_c, 0, 0 };
	enum hs_result r = hs_rewrite_log_claim(rewrites);

	if (r != HS_OK)
		return r;
	edits = hs_rewrite_log_number(rewrites, 1);
	r = hs_rewrite_log_translate(rewrites, &p);
	moved_to = p.offset;
	hs_rewrite_log_release(rewrites);
	return r;
}

/* Killed after the journal's line, before the rename. */
static void leave_undone(void)
{
	make_abc();
	write_edit("", inode_now(), 9);
}

static void is_undone(void)
{
	assert_int_equal(edits, 0);
	assert_int_equal(moved_to, was_c);
}

/* A consumer whose position moved without the lines would miss events. */
TEST(an_edit_that_did_not_happen_moves_nothing)
{
	fail_each(&(struct job){ leave_undone, run_translate, is_undone, 0 });
}

/* Killed after the rename; a line before it is damaged. */
static void leave_done(void)
{
	make_abc();
	write_edit("{\"segment\":\n", 3, inode_now());
}

static void is_done(void)
{
	assert_int_equal(edits, 1);
	assert_int_equal(moved_to, is_c);
}

TEST(an_edit_that_happened_moves_positions)
{
	fail_each(&(struct job){ leave_done, run_translate, is_done, 0 });
}

TEST(a_damaged_line_of_the_journal_is_told)
{
	leave_done();
	said_begin(HS_LOG_ERROR);
	assert_result(run_translate(), HS_OK);
	assert_non_null(strstr(said_end(), "edits: the line at byte 0 is damaged"));
	is_done();
}

/* Lines that begin like those of an edit. The edit after them counts all the same. */
TEST(lines_that_begin_like_an_edit)
{
	static const char *const lines[] = {
		"{\"segment\":1,\"edit\":1,\"file\":\"x\",\"inode\":[3,4],\"size\":[7,4],\"moved\":[0,1]}\n",
		"{\"segment\":1,\"edit\":1,\"file\":\"x\",\"inode\":[3,4],\"size\":[7]}\n",
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		make_abc();
		write_edit(lines[i], 3, inode_now());
		said_begin(HS_LOG_ERROR);
		assert_result(run_translate(), HS_OK);
		assert_non_null(strstr(said_end(), "edits: the line at byte 0 is damaged"));
		is_done();
	}
}

/* The line that says that an edit is done is damaged: whether it is the files tell. */
TEST(a_damaged_end_of_an_edit)
{
	static const char *const ends[] = { "{\"segment\":1,\"edit\":1,\"done\":trux}\n",
		                            "{\"segment\":1,\"edit\":1,\"done\":\n" };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		make_abc();
		write_edit("", 3, inode_now());
		spooldir_add(&s.d, ".hookspool/edits", hs_slice_str(ends[i]));
		assert_result(run_translate(), HS_OK);
		is_done();
		leave_undone();
		spooldir_add(&s.d, ".hookspool/edits", hs_slice_str(ends[i]));
		assert_result(run_translate(), HS_OK);
		is_undone();
	}
}

/* A spool that was copied with all its files has other inodes: then the size tells, 700 bytes before the edit. */
TEST(an_edit_in_a_copied_spool)
{
	for (int happened = 0; happened < 2; happened++) {
		char name[HS_SEALED_NAME];

		make_abc();
		snprintf(name, sizeof name, "%s", spooldir_name(&s.d, "events-", 0));
		write_edit("", 3, 4);
		spooldir_cut(&s.d, name, happened ? 400 : 700);
		assert_result(run_translate(), HS_OK);
		if (happened)
			is_done();
		else
			is_undone();
	}
}

/* Somebody empties the journal, which stays the same file: no edit of it is followed any more. */
TEST(a_journal_that_is_emptied)
{
	leave_done();
	assert_result(run_translate(), HS_OK);
	is_done();
	spooldir_cut(&s.d, ".hookspool/edits", 0);
	assert_result(run_translate(), HS_OK);
	is_undone();
}

/* The disk changes a line after it was read. */
TEST(an_edit_that_is_damaged_meanwhile)
{
	struct hs_position p = { .number = 1 };

	leave_done();
	p.offset = was_c;
	assert_result(hs_rewrite_log_share(rewrites), HS_OK);
	spooldir_flip(&s.d, ".hookspool/edits", strlen("{\"segment\":\n") + 4);
	said_begin(HS_LOG_ERROR);
	assert_result(hs_rewrite_log_translate(rewrites, &p), HS_E_IO);
	assert_non_null(strstr(said_end(), "is damaged"));
	hs_rewrite_log_release(rewrites);
}

TEST(another_process_that_does_not_let_go)
{
	int fd;

	leave_done();
	fd = open(spooldir_path(&s.d, ".hookspool/run/edits.lock"), O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	passing_begin();
	assert_result(run_translate(), HS_E_LOCKED);
	passing_end();
	close(fd);
	assert_result(run_translate(), HS_OK);
	is_done();
}

TEST(an_edit_of_a_segment_that_is_gone)
{
	leave_undone();
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	assert_result(run_translate(), HS_OK);
	assert_int_equal(edits, 1);
}

TESTS("rewrite_journal", NULL, tell_and_close)

/*
 * segment: what is appended to the open file, through kills, failed syncs and foreign changes.
 */
#include "tests/lib/processes.h"
#include "tests/lib/segment_view.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

/* --- appending ------------------------------------------------------------------------- */

TEST(the_file_and_its_name_are_synced)
{
	struct hs_unsynced pending;
	struct stat st;

	assert_result(write_line(&s.view, "a", &pending), HS_OK);
	assert_int_equal(wrap_count(WRAP_FSYNC), 1); /* the directory, before any answer */
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 0);
	assert_result(hs_segment_wait(&s.view.segment, &pending, soon()), HS_OK);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 1);
	assert_int_equal(hs_io_stat(s.view.dir.fd, "events.jsonl", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_once(&s.d, "a");
	again("spool_mode = 0640\n");
	assert_result(put(&s.view, "a"), HS_OK);
	assert_int_equal(hs_io_stat(s.view.dir.fd, "events.jsonl", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

TEST(a_new_name_that_cannot_be_synced)
{
	wrap_fail(WRAP_FSYNC, 1, 1, EIO);
	assert_result(put(&s.view, "a"), HS_E_IO);
	assert_false(spooldir_exists(&s.d, "events.jsonl"));
	assert_result(put(&s.view, "b"), HS_OK);
	assert_once(&s.d, "b");
}

TEST(a_line_is_one_write)
{
	assert_result(put(&s.view, "first"), HS_OK);
	wrap_reset();
	assert_result(put(&s.view, "a b c"), HS_OK);
	assert_int_equal(wrap_count(WRAP_PWRITE), 1);
}

TEST(a_failed_write_leaves_the_file_as_it_was)
{
	static const int errors[] = { ENOSPC, EIO, EDQUOT, EFBIG };
	struct hs_buf before, after;

	assert_result(put(&s.view, "a"), HS_OK);
	before = spooldir_read(&s.d, "events.jsonl");
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		wrap_short_write(1, errors[i]);
		assert_result(put(&s.view, "b"), errors[i] == EIO ? HS_E_IO : HS_E_FULL);
		after = spooldir_read(&s.d, "events.jsonl");
		assert_slice_equal(hs_buf_slice(&after), hs_buf_slice(&before));
		hs_buf_free(&after);
	}
	hs_buf_free(&before);
	assert_result(put(&s.view, "c"), HS_OK);
	assert_int_equal(sealed(), 0);
	assert_int_equal(spooldir_lines(&s.d), 2);
}

/* A write that fails and cannot be undone: the next append sets the fragment aside. */
TEST(a_fragment_that_cannot_be_undone)
{
	assert_result(put(&s.view, "a"), HS_OK);
	wrap_short_write(1, ENOSPC);
	wrap_fail(WRAP_FTRUNCATE, 1, 1, EIO);
	assert_result(put(&s.view, "b"), HS_E_FULL);
	assert_result(put(&s.view, "c"), HS_OK);
	assert_once(&s.d, "a c");
	assert_int_equal(spooldir_count(&s.d, "b"), 0);
	assert_sound(&s.d);
}

TEST(blocks_are_reserved)
{
	wrap_fail(WRAP_FALLOCATE, 1, 2, ENOSPC); /* a megabyte, then what is needed */
	assert_result(put(&s.view, "a"), HS_E_FULL);
	wrap_fail(WRAP_FALLOCATE, 1, 1, ENOSPC); /* there is room for the line alone */
	assert_result(put(&s.view, "b"), HS_OK);
	wrap_fail(WRAP_FALLOCATE, 1, 1, EOPNOTSUPP);
	assert_result(rotate(&s.view), HS_OK);
	assert_result(put(&s.view, "c"), HS_OK);
	assert_result(put(&s.view, "d"), HS_OK);
	wrap_fail(WRAP_FALLOCATE, 1, 1, ENOSYS); /* as a sandbox may have it */
	assert_result(rotate(&s.view), HS_OK);
	assert_result(put(&s.view, "e"), HS_OK);
	assert_int_equal(spooldir_count(&s.d, "a"), 0);
	assert_once(&s.d, "b c d e");
}

TEST(without_inodes_nothing_is_written)
{
	wrap_inodes(15);
	assert_result(put(&s.view, "a"), HS_E_FULL);
	assert_false(spooldir_exists(&s.d, "events.jsonl"));
	wrap_inodes(16);
	assert_result(put(&s.view, "a"), HS_OK);
}

/*
 * With much free space the disk is asked at intervals, which end early when much was
 * written, so that writes cannot exceed what was free.
 */
TEST(free_space_is_counted_down_between_two_looks)
{
	enum { MEGABYTE = 1 << 20, ROOM = 128 };
	int64_t deadline = hs_io_now_monotonic() + 60000;
	unsigned looks;

	assert_result(put(&s.view, "a"), HS_OK);
	wrap_clock(0, -10000); /* the next look is never due */
	looks = wrap_count(WRAP_FSTATVFS);
	for (int i = 0; i < ROOM / 16; i++) {
		assert_result(hs_segment_lock(&s.view.segment, deadline), HS_OK);
		assert_result(hs_segment_prepare(&s.view.segment, 16 * MEGABYTE, deadline), HS_OK);
		hs_segment_unlock(&s.view.segment);
		if (16 * (i + 1) < ROOM)
			assert_int_equal(wrap_count(WRAP_FSTATVFS), looks);
	}
	assert_true(wrap_count(WRAP_FSTATVFS) > looks);
}

/* Near the reserve the disk is asked each time: the reserve is never used. */
TEST(near_the_reserve_each_append_looks)
{
	enum { MEGABYTE = 1 << 20, RESERVE = 64, NEAR = 256 };
	int64_t deadline = hs_io_now_monotonic() + 60000;
	unsigned looks;

	again("min_free = 64M\n");
	wrap_space((long long)(RESERVE + NEAR) * MEGABYTE);
	wrap_clock(0, -10000);
	assert_result(put(&s.view, "a"), HS_OK);
	looks = wrap_count(WRAP_FSTATVFS);
	for (int i = 0; i < 3; i++)
		assert_result(put(&s.view, "b"), HS_OK);
	assert_int_equal(wrap_count(WRAP_FSTATVFS), looks + 3);
	wrap_space((long long)(RESERVE + 16) * MEGABYTE - 4096);
	assert_result(hs_segment_lock(&s.view.segment, deadline), HS_OK);
	assert_result(hs_segment_prepare(&s.view.segment, 16 * MEGABYTE, deadline), HS_E_FULL);
	hs_segment_unlock(&s.view.segment);
	assert_result(put(&s.view, "c"), HS_OK); /* what fits is taken */
	wrap_space((long long)RESERVE * MEGABYTE);
	assert_result(put(&s.view, "d"), HS_E_FULL);
}

TEST(below_min_free_nothing_is_written)
{
	again("min_free = 1048576G\n");
	assert_result(put(&s.view, "a"), HS_E_FULL);
	assert_false(spooldir_exists(&s.d, "events.jsonl"));
	again("");
	wrap_fail(WRAP_FSTATVFS, 1, 1, EIO);
	assert_result(put(&s.view, "a"), HS_E_IO);
	assert_result(put(&s.view, "a"), HS_OK);
}

/* --- what a kill leaves ------------------------------------------------------------------- */

/* Whole lines that were never acknowledged count once they are synced. */
TEST(whole_lines_are_adopted)
{
	struct events *e = events_new("b c");

	assert_result(put(&s.view, "a"), HS_OK);
	spooldir_add(&s.d, "events.jsonl", hs_buf_slice(&e->lines));
	wrap_reset();
	assert_result(prepare(&s.view, 0), HS_OK);
	assert_int_equal(atomic_load(&s.view.segment.stream->written), spooldir_size(&s.d, "events.jsonl"));
	assert_true(atomic_load(&s.view.segment.stream->synced) < atomic_load(&s.view.segment.stream->written));
	assert_result(put(&s.view, "d"), HS_OK);
	assert_int_equal(sealed(), 0);
	assert_once(&s.d, "a b c d");
	events_free(e);
}

static void expect_set_aside(const char *fragment, size_t n)
{
	again("rotate_min_gap = 0\n");
	assert_result(put(&s.view, "a"), HS_OK);
	spooldir_add(&s.d, "events.jsonl", hs_slice(fragment, n));
	assert_result(put(&s.view, "b"), HS_OK);
	assert_int_equal(sealed(), 1);
	assert_int_equal(spooldir_lines(&s.d), 2);
	assert_once(&s.d, "a b");
	assert_sound(&s.d);
}

TEST(fragments_are_set_aside)
{
	char zeros[5000] = { 0 };

	expect_set_aside("{\"type\":\"tra", 12);
	expect_set_aside("{", 1);
	expect_set_aside("{}{}\n", 5);
	expect_set_aside("not json\n", 9);
	expect_set_aside("[1]\n", 4);
	expect_set_aside(zeros, sizeof zeros); /* a file system's, after a power cut */
	zeros[sizeof zeros - 1] = '\n';
	expect_set_aside(zeros, sizeof zeros);
	expect_set_aside("{\"message_id\":\"whole but for its end\"}", 37);
}

/* As above, found by a process without a state: whole lines after the fragment stay. */
TEST(a_first_look_at_a_torn_file)
{
	struct events *e = events_new("b");

	assert_result(put(&s.view, "a"), HS_OK);
	close_view(&s.view);
	spooldir_add(&s.d, "events.jsonl", HS_SLICE("{\"torn\":\n"));
	spooldir_add(&s.d, "events.jsonl", hs_buf_slice(&e->lines));
	spooldir_unlink(&s.d, ".hookspool/run/state");
	open_view(&s.view, &s.d, HS_EVENTS);
	assert_result(put(&s.view, "c"), HS_OK);
	assert_once(&s.d, "a b c");
	assert_sound(&s.d);
	events_free(e);
}

TEST(adopted_lines_are_synced_first)
{
	assert_result(put(&s.view, "a"), HS_OK);
	close_view(&s.view);
	spooldir_unlink(&s.d, ".hookspool/run/state");
	open_view(&s.view, &s.d, HS_EVENTS);
	wrap_reset();
	assert_result(prepare(&s.view, 0), HS_OK);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 1);
	assert_int_equal(wrap_count(WRAP_FSYNC), 1);
	assert_int_equal(atomic_load(&s.view.segment.stream->synced), spooldir_size(&s.d, "events.jsonl"));
}

/* --- failed syncs --------------------------------------------------------------------------- */

/* No byte after the synced part of a file whose sync failed may be in the spool. */
TEST(a_failed_sync_keeps_the_good_part)
{
	assert_result(put(&s.view, "a"), HS_OK);
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_result(put(&s.view, "b"), HS_E_SYNC);
	assert_result(put(&s.view, "c"), HS_OK);
	assert_once(&s.d, "a c");
	assert_int_equal(spooldir_count(&s.d, "b"), 0);
	assert_int_equal(sealed(), 1);
	assert_sound(&s.d);
}

TEST(nothing_good_leaves_no_sealed_segment)
{
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_result(put(&s.view, "a"), HS_E_SYNC);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_int_equal(sealed(), 0);
	assert_int_equal(spooldir_count(&s.d, "a"), 0);
	assert_once(&s.d, "b");
	assert_sound(&s.d);
}

/* A second sync of that file would return 0: it must not be called again, whatever fails. */
TEST(a_poisoned_file_never_comes_back)
{
	static const enum wrap_call calls[] = { WRAP_RENAMEAT, WRAP_OPENAT, WRAP_FSYNC,  WRAP_UNLINKAT, WRAP_PREAD,
		                                WRAP_PWRITE,   WRAP_FCHMOD, WRAP_CALLOC, WRAP_REALLOC };
	struct events *e = events_new("b");

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (unsigned nth = 1; nth <= 4; nth++) {
			enum hs_result r;

			again("rotate_min_gap = 0\n");
			assert_result(put(&s.view, "a"), HS_OK);
			wrap_reset();
			wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
			assert_result(put(&s.view, "lost"), HS_E_SYNC);
			wrap_fail(calls[i], nth, 1, EIO);
			r = put_events(&s.view, e);
			wrap_reset();
			if (r != HS_OK)
				assert_result(put(&s.view, "b2"), HS_OK);
			if (spooldir_count(&s.d, "lost") != 0)
				fail_msg("call %u, failure %u: lost bytes are believed", calls[i], nth);
			assert_once(&s.d, "a");
			assert_sound(&s.d);
		}
	events_free(e);
}

static int fail_and_die(void *context)
{
	struct view v;

	(void)context;
	open_view(&v, &s.d, HS_EVENTS);
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	if (put(&v, "lost") != HS_E_SYNC)
		return 1;
	/* the next append cleans up; it is killed at the call that s.view cannot know */
	put(&v, "b");
	return 0;
}

/* As above, killed at every call between the failure and the new segment. */
TEST(killed_with_a_poisoned_file)
{
	int status = -1;
	unsigned nth;

	for (nth = 1; status != 0; nth++) {
		again("rotate_min_gap = 0\n");
		assert_result(put(&s.view, "a"), HS_OK);
		status = child_killed(nth, true, fail_and_die, NULL);
		assert_true(status <= 0);
		if (put(&s.view, "c") != HS_OK) /* the first to find a dead leader is refused */
			assert_result(put(&s.view, "c"), HS_OK);
		assert_once(&s.d, "a c");
		if (nth > 12 && spooldir_count(&s.d, "lost") != 0)
			fail_msg("killed before call %u: lost bytes are believed", nth);
		assert_sound(&s.d);
	}
	assert_true(nth > 15);
}

/* As above, but the file is one that was just found, and its first sync fails. */
TEST(a_found_file_whose_sync_fails)
{
	for (unsigned nth = 0; nth <= 2; nth++) {
		struct events *e = events_new("x");
		int held; /* so that its inode number is not used again */
		struct stat st;

		again("rotate_min_gap = 0\n");
		spooldir_write(&s.d, "events.jsonl", hs_buf_slice(&e->lines));
		held = hs_io_open_read(s.view.dir.fd, "events.jsonl");
		assert_int_equal(hs_io_fstat(held, &st), 0);
		wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
		if (nth > 0) {
			wrap_fail(WRAP_RENAMEAT, nth, 1, EIO);
			assert_true(put(&s.view, "a") != HS_OK);
		}
		assert_result(put(&s.view, "b"), HS_OK);
		/* its lines count only in a file with its own sync */
		if (spooldir_inode(&s.d, "events.jsonl") == st.st_ino)
			fail_msg("rename %u: a file whose sync failed is believed", nth);
		close(held);
		assert_sound(&s.d);
		events_free(e);
	}
}

/* --- somebody else's hands -------------------------------------------------------------------- */

TEST(a_file_that_was_cut)
{
	off_t one;

	assert_result(put(&s.view, "a"), HS_OK);
	one = spooldir_size(&s.d, "events.jsonl");
	assert_result(put(&s.view, "b"), HS_OK);
	spooldir_cut(&s.d, "events.jsonl", one + 5);
	wrap_reset();
	assert_result(put(&s.view, "c"), HS_OK);
	assert_once(&s.d, "a c");
	assert_sound(&s.d);
	spooldir_cut(&s.d, "events.jsonl", 0);
	assert_result(put(&s.view, "d"), HS_OK);
	assert_once(&s.d, "a d");
	assert_sound(&s.d);
}

/* Lines that somebody else added are taken in by the next writer, or it fails and they stay. */
TEST(a_file_that_cannot_be_read_again)
{
	struct events *e = events_new("x y");

	assert_result(put(&s.view, "a"), HS_OK);
	spooldir_add(&s.d, "events.jsonl", hs_buf_slice(&e->lines));
	wrap_reset();
	wrap_fail(WRAP_PREAD, 1, 1, EIO);
	assert_result(put(&s.view, "b"), HS_E_IO);
	wrap_reset();
	assert_result(put(&s.view, "b"), HS_OK);
	assert_once(&s.d, "a x y b");
	assert_int_equal(spooldir_lines(&s.d), 4);
	assert_sound(&s.d);
	events_free(e);
}

/* mv, as logrotate does: the file that they wrote to decides for those that wait. */
TEST(a_file_that_was_moved)
{
	struct hs_unsynced pending;
	uint64_t number;

	assert_result(put(&s.view, "a"), HS_OK);
	number = s.view.segment.stream->number;
	assert_result(write_line(&s.view, "b", &pending), HS_OK);
	spooldir_rename(&s.d, "events.jsonl", "moved.jsonl");
	assert_result(put(&s.view, "c"), HS_OK);
	assert_int_equal(s.view.segment.stream->number, number + 1); /* another segment, whose number is its own */
	assert_result(hs_segment_wait(&s.view.segment, &pending, soon()), HS_OK);
	assert_once(&s.d, "c");
	assert_int_equal(spooldir_lines(&s.d), 1);
	assert_sound(&s.d);
}

TEST(a_file_that_was_deleted)
{
	assert_result(put(&s.view, "a"), HS_OK);
	spooldir_unlink(&s.d, "events.jsonl");
	assert_result(put(&s.view, "b"), HS_OK);
	assert_once(&s.d, "b");
}

TEST(a_file_that_was_replaced)
{
	struct events *e = events_new("x y");

	assert_result(put(&s.view, "a"), HS_OK);
	spooldir_rename(&s.d, "events.jsonl", "moved.jsonl");
	spooldir_write(&s.d, "events.jsonl", hs_buf_slice(&e->lines));
	assert_result(put(&s.view, "b"), HS_OK);
	assert_once(&s.d, "x y b");
	assert_int_equal(spooldir_lines(&s.d), 3);
	events_free(e);
}

/* The list of such a look is not noted: the next append looks itself. */
TEST(a_look_around_that_does_not_get_the_lock)
{
	int64_t looked_ns;

	assert_result(put(&s.view, "a"), HS_OK);
	looked_ns = s.view.segment.stream->looked_ns = 1;
	atomic_store(&s.view.segment.look_due, true);
	assert_result(hs_segment_lock(&s.view.segment, soon()), HS_OK);
	hs_segment_look_around(&s.view.segment);
	assert_int_equal(s.view.segment.stream->looked_ns, looked_ns);
	hs_segment_unlock(&s.view.segment);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_once(&s.d, "a b");
}

TEST(a_file_that_is_not_regular)
{
	spooldir_write(&s.d, "target", HS_SLICE("precious"));
	assert_int_equal(symlinkat("target", s.view.dir.fd, "events.jsonl"), 0);
	assert_result(put(&s.view, "a"), HS_E_SPOOL_FILE);
	assert_int_equal(spooldir_size(&s.d, "target"), 8);
	spooldir_unlink(&s.d, "events.jsonl");
	assert_int_equal(mkdirat(s.view.dir.fd, "events.jsonl", 0700), 0);
	assert_result(put(&s.view, "a"), HS_E_SPOOL_FILE);
	assert_int_equal(unlinkat(s.view.dir.fd, "events.jsonl", AT_REMOVEDIR), 0);
	assert_int_equal(mkfifoat(s.view.dir.fd, "events.jsonl", 0600), 0);
	assert_result(put(&s.view, "a"), HS_E_SPOOL_FILE);
	spooldir_unlink(&s.d, "events.jsonl");
	assert_result(put(&s.view, "a"), HS_OK); /* service resumes by itself */
	assert_once(&s.d, "a");
}

TEST(a_file_of_another_user)
{
	if (geteuid() != 0)
		skip(); /* only root can give files away */
	spooldir_write(&s.d, "events.jsonl", HS_SLICE("{}\n"));
	assert_int_equal(fchownat(s.view.dir.fd, "events.jsonl", 12345, -1U, 0), 0);
	assert_result(put(&s.view, "a"), HS_E_SPOOL_OWNER);
	assert_int_equal(spooldir_size(&s.d, "events.jsonl"), 3);
}

TESTS("segment", begin, finish)

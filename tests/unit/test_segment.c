/*
 * segment: the open file and its successors, through kills, failed
 * syncs, foreign changes, and clocks that go back.
 */
#include "base/io.h"
#include "spool/write/segment.h"
#include "tests/lib/events.h"
#include "tests/lib/processes.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

/* A process's view of a spool, without an index. */
struct view {
	struct hs_shared_state_handle state;
	struct hs_spool_dir dir;
	struct hs_segment segment;
};

static struct scene {
	struct spooldir d;
	struct view view;
} s;

static void open_view(struct view *v, const struct spooldir *d, int stream)
{
	mkdir(d->path, 0700);
	v->dir.fd = hs_io_open_dir(AT_FDCWD, d->path);
	hs_io_make_dir(v->dir.fd, ".hookspool", 0700);
	v->dir.private_dir = hs_io_open_dir(v->dir.fd, ".hookspool");
	hs_io_make_dir(v->dir.private_dir, "run", 0700);
	v->dir.run_dir = hs_io_open_dir(v->dir.private_dir, "run");
	v->dir.settings = d->settings;
	v->dir.state = &v->state;
	v->dir.metrics = NULL;
	v->dir.history = (struct hs_history){ "00000000000000000000000000000000", 1, true };
	assert_result(hs_shared_state_open(v->dir.fd, v->dir.run_dir, &v->state), HS_OK);
	hs_segment_init(&v->segment, &v->dir, stream);
}

static void close_view(struct view *v)
{
	hs_segment_close(&v->segment);
	hs_shared_state_close(&v->state);
	close(v->dir.run_dir);
	close(v->dir.private_dir);
	close(v->dir.fd);
}

static void make(const char *settings)
{
	spooldir_make(&s.d, settings);
	wrap_reset();
	open_view(&s.view, &s.d, HS_EVENTS);
}

FIXTURE(begin)
{
	make("rotate_min_gap = 0\n");
	return 0;
}

FIXTURE(finish)
{
	wrap_reset();
	close_view(&s.view);
	spooldir_remove(&s.d);
	return 0;
}

/* Starts again with other settings. */
static void again(const char *settings)
{
	finish(NULL);
	make(settings);
}

/* --- steps -------------------------------------------------------------------------- */

static enum hs_result prepare(struct view *v, uint64_t n)
{
	enum hs_result r = hs_segment_begin(&v->segment, n, soon());

	if (r == HS_OK)
		hs_segment_end(&v->segment);
	return r;
}

/* Writes without waiting for the sync. */
static enum hs_result write_events(struct view *v, const struct events *e, struct hs_unsynced *pending)
{
	enum hs_result r = hs_segment_begin(&v->segment, e->lines.n, soon());

	if (r == HS_OK) {
		r = hs_segment_write(&v->segment, hs_buf_slice(&e->lines), 0, pending);
		hs_segment_end(&v->segment);
	}
	return r;
}

static enum hs_result write_line(struct view *v, const char *words, struct hs_unsynced *pending)
{
	struct events *e = events_new(words);
	enum hs_result r = write_events(v, e, pending);

	events_free(e);
	return r;
}

static enum hs_result put_events(struct view *v, const struct events *e)
{
	struct hs_unsynced pending;
	enum hs_result r = write_events(v, e, &pending);

	return r == HS_OK ? hs_segment_wait(&v->segment, &pending, soon()) : r;
}

static enum hs_result put(struct view *v, const char *word)
{
	struct hs_unsynced pending;
	enum hs_result r = write_line(v, word, &pending);

	return r == HS_OK ? hs_segment_wait(&v->segment, &pending, soon()) : r;
}

static enum hs_result rotate(struct view *v)
{
	enum hs_result r = hs_segment_begin(&v->segment, 0, soon());

	if (r == HS_OK) {
		r = hs_segment_rotate(&v->segment, soon());
		hs_segment_end(&v->segment);
	}
	return r;
}

static size_t sealed(void)
{
	return spooldir_names(&s.d, "", "events-");
}

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
	assert_int_equal(spooldir_count(&s.d, "a"), 0);
	assert_once(&s.d, "b c d");
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

/* mv, as logrotate does: the file that they wrote to decides for those that wait. */
TEST(a_file_that_was_moved)
{
	struct hs_unsynced pending;

	assert_result(put(&s.view, "a"), HS_OK);
	assert_result(write_line(&s.view, "b", &pending), HS_OK);
	spooldir_rename(&s.d, "events.jsonl", "moved.jsonl");
	assert_result(put(&s.view, "c"), HS_OK);
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

/* --- rotation --------------------------------------------------------------------------------- */

TEST(rotation_by_size)
{
	again("rotate_size = 4K\nrotate_min_gap = 0\n");
	for (int i = 0; i < 200; i++) {
		char word[16];

		snprintf(word, sizeof word, "e%d", i);
		assert_result(put(&s.view, word), HS_OK);
		assert_true(spooldir_size(&s.d, "events.jsonl") <= 4096);
	}
	assert_true(sealed() >= 3);
	assert_int_equal(spooldir_lines(&s.d), 200);
	for (size_t i = 0; i < sealed(); i++)
		assert_true(spooldir_size(&s.d, spooldir_name(&s.d, "events-", i)) > 3900);
	assert_sound(&s.d);
}

TEST(a_batch_larger_than_a_segment)
{
	char words[4096] = "";

	again("rotate_size = 4K\nrotate_min_gap = 0\n");
	for (int i = 0; i < 200; i++)
		snprintf(words + strlen(words), 16, "e%d ", i);
	assert_result(put(&s.view, words), HS_OK);
	assert_int_equal(sealed(), 0);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_int_equal(sealed(), 1);
	assert_int_equal(spooldir_lines(&s.d), 201);
}

TEST(rotation_by_age)
{
	again("rotate_age = 1h\nrotate_min_gap = 0\n");
	assert_result(put(&s.view, "a"), HS_OK);
	wrap_clock(3599000, 3599000);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_int_equal(sealed(), 0);
	wrap_clock(3601000, 3601000);
	assert_result(prepare(&s.view, 0), HS_OK);
	assert_int_equal(sealed(), 1);
	assert_int_equal(spooldir_size(&s.d, "events.jsonl"), 0);
	wrap_clock(360000000, 360000000); /* an empty one has no age */
	assert_result(prepare(&s.view, 0), HS_OK);
	assert_int_equal(sealed(), 1);
}

/* Its lines tell when the segment began, so age survives restarts. */
TEST(age_is_read_back)
{
	again("rotate_age = 1h\nrotate_min_gap = 0\n");
	assert_result(put(&s.view, "a"), HS_OK);
	close_view(&s.view);
	spooldir_unlink(&s.d, ".hookspool/run/state");
	open_view(&s.view, &s.d, HS_EVENTS);
	wrap_clock(3599000, 0);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_int_equal(sealed(), 0);
	wrap_clock(3601000, 0);
	assert_result(put(&s.view, "c"), HS_OK);
	assert_int_equal(sealed(), 1);
	assert_once(&s.d, "a b c");
}

TEST(the_gap_between_rotations)
{
	again("rotate_size = 4K\nrotate_min_gap = 1m\n");
	for (int i = 0; i < 200; i++) {
		char word[16];

		snprintf(word, sizeof word, "e%d", i);
		assert_result(put(&s.view, word), HS_OK);
	}
	assert_int_equal(sealed(), 1); /* the first rotates at once, the others must wait */
	assert_result(rotate(&s.view), HS_E_ROTATE_GAP);
	wrap_clock(0, 20000); /* far below the minute, since a busy machine takes seconds, too */
	assert_result(rotate(&s.view), HS_E_ROTATE_GAP);
	wrap_clock(0, 61000);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_int_equal(sealed(), 2);
	assert_int_equal(spooldir_lines(&s.d), 201);
}

TEST(rotation_on_demand)
{
	assert_result(rotate(&s.view), HS_OK); /* nothing to seal */
	assert_int_equal(sealed(), 0);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_result(rotate(&s.view), HS_OK);
	assert_int_equal(sealed(), 1);
	assert_int_equal(spooldir_size(&s.d, "events.jsonl"), 0);
	assert_result(rotate(&s.view), HS_OK);
	assert_int_equal(sealed(), 1);
	assert_once(&s.d, "a");
}

/* With such a clock nothing is named, sealed or deleted; service resumes when it is corrected. */
TEST(a_clock_that_is_decades_off)
{
	static const int64_t years[] = { -56, -5, 80, 300 };

	for (size_t i = 0; i < sizeof years / sizeof *years; i++) {
		wrap_clock(years[i] * 365 * 86400000, 0);
		assert_result(put(&s.view, "a"), HS_E_CLOCK);
	}
	wrap_clock(0, 0);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_once(&s.d, "a");
}

/* Each has its own name, after the one before, whatever the clock says. */
TEST(names_never_repeat)
{
	static const int64_t clock[] = { 0, 0, -86400000, -86400000, 3600000, 0, -3600000 };

	for (size_t i = 0; i < sizeof clock / sizeof *clock; i++) {
		char word[16];

		wrap_clock(clock[i], 0);
		snprintf(word, sizeof word, "e%zu", i);
		assert_result(put(&s.view, word), HS_OK);
		assert_result(rotate(&s.view), HS_OK);
		assert_int_equal(sealed(), i + 1);
		assert_sound(&s.d);
		if (i % 2 == 0)
			continue;
		close_view(&s.view); /* the state is lost; the names tell */
		spooldir_unlink(&s.d, ".hookspool/run/state");
		open_view(&s.view, &s.d, HS_EVENTS);
	}
	/* numbers of deleted segments are not used again: the state remembers them */
	while (sealed() > 0)
		spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	assert_result(put(&s.view, "z"), HS_OK);
	assert_result(rotate(&s.view), HS_OK);
	assert_non_null(strstr(spooldir_name(&s.d, "events-", 0), "-000008.jsonl"));
}

/* The state is lost, "a" is left, and a cursor is in segment 42: which number does b get? */
static void number_after_a_cursor(const char *offset, const char *name)
{
	char cursor[256];

	assert_result(put(&s.view, "a"), HS_OK);
	close_view(&s.view);
	spooldir_unlink(&s.d, ".hookspool/run/state");
	spooldir_mkdir(&s.d, ".hookspool/cursors");
	snprintf(cursor, sizeof cursor,
	         "{\"number\":42,\"offset\":%s,\"edit\":0,"
	         "\"before\":\"0000000000000000\",\"spool\":\"00000000000000000000000000000000\","
	         "\"epoch\":1,\"saved_at\":\"2026-11-23T10:15:00.123Z\"}\n",
	         offset);
	spooldir_write(&s.d, ".hookspool/cursors/c", hs_slice_str(cursor));
	open_view(&s.view, &s.d, HS_EVENTS);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_result(rotate(&s.view), HS_OK);
	assert_non_null(strstr(spooldir_name(&s.d, "events-", 0), name));
}

/* All sealed segments were deleted, too: new events must come after the consumer's position. */
TEST(numbers_go_on_where_a_cursor_stands)
{
	number_after_a_cursor("0", "-000042.jsonl");
}

/* The consumer has passed lines that are gone: new ones must not take their place. */
TEST(a_cursor_beyond_the_end)
{
	number_after_a_cursor("500", "-000043.jsonl");
}

TEST(the_numbers_are_synced)
{
	assert_result(put(&s.view, "a"), HS_OK);
	wrap_reset();
	assert_result(rotate(&s.view), HS_OK);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 1); /* the state; the segment was synced */
	assert_true(wrap_count(WRAP_FSYNC) >= 1);
}

/* Bytes without a waiter are synced before the segment gets its sealed name. */
TEST(a_sealed_segment_is_synced)
{
	struct hs_unsynced pending;

	assert_result(write_line(&s.view, "a", &pending), HS_OK);
	hs_segment_forget(&pending);
	wrap_reset();
	assert_result(rotate(&s.view), HS_OK);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 2);
	assert_once(&s.d, "a");
	assert_result(write_line(&s.view, "b", &pending), HS_OK);
	wrap_reset();
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	rotate(&s.view);
	assert_result(hs_segment_wait(&s.view.segment, &pending, soon()), HS_E_SYNC);
	wrap_reset();
	assert_result(put(&s.view, "c"), HS_OK);
	assert_int_equal(spooldir_count(&s.d, "b"), 0);
	assert_once(&s.d, "a c");
	assert_sound(&s.d);
}

TEST(waiting_over_a_rotation)
{
	struct hs_unsynced pending;

	assert_result(write_line(&s.view, "a", &pending), HS_OK);
	assert_result(rotate(&s.view), HS_OK);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_result(hs_segment_wait(&s.view.segment, &pending, soon()), HS_OK);
	assert_once(&s.d, "a b");
}

TEST(every_failure_of_a_rotation)
{
	for (int call = 0; call < WRAP_CALLS; call++)
		for (unsigned nth = 1; nth <= 3; nth++) {
			again("rotate_min_gap = 0\n");
			assert_result(put(&s.view, "a"), HS_OK);
			wrap_reset();
			wrap_fail((enum wrap_call)call, nth, 1, EIO);
			rotate(&s.view);
			wrap_reset();
			assert_result(put(&s.view, "b"), HS_OK);
			assert_once(&s.d, "a b");
			assert_sound(&s.d);
		}
}

/* --- two views ------------------------------------------------------------------------------ */

TEST(two_processes_see_each_others_segments)
{
	struct view other;

	open_view(&other, &s.d, HS_EVENTS);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_result(put(&other, "b"), HS_OK);
	assert_result(rotate(&other), HS_OK);
	assert_result(put(&s.view, "c"), HS_OK);
	assert_result(rotate(&s.view), HS_OK);
	assert_result(put(&s.view, "d"), HS_OK);
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_result(put(&s.view, "lost"), HS_E_SYNC);
	assert_result(put(&other, "e"), HS_OK);
	assert_result(put(&s.view, "f"), HS_OK);
	assert_once(&s.d, "a b c d e f");
	assert_int_equal(spooldir_count(&s.d, "lost"), 0);
	assert_sound(&s.d);
	close_view(&other);
}

TEST(the_streams_are_apart)
{
	struct view rejected;

	open_view(&rejected, &s.d, HS_REJECTED);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_result(put(&rejected, "b"), HS_OK);
	assert_result(rotate(&rejected), HS_OK);
	assert_int_equal(sealed(), 0);
	assert_int_equal(spooldir_names(&s.d, "", "rejected-"), 1);
	assert_int_equal(spooldir_lines(&s.d), 1);
	close_view(&rejected);
}

/* --- writers that die before their sync ---------------------------------------------- */

static int write_and_die(void *context)
{
	struct hs_unsynced pending;
	struct view v;

	(void)context;
	open_view(&v, &s.d, HS_EVENTS);
	if (write_line(&v, "a", &pending) == HS_OK)
		raise(SIGKILL);
	return 1;
}

/* A dead process leaves "a"; `lost`: as NULs, since its write-back failed and the error was reported. */
static void leave_unsynced(bool lost)
{
	off_t from = spooldir_size(&s.d, "events.jsonl");
	static const char nuls[4096];
	int fd;

	assert_int_equal(child_run(write_and_die, NULL), -1);
	if (!lost)
		return;
	fd = open(spooldir_path(&s.d, "events.jsonl"), O_WRONLY);
	assert_true(fd >= 0);
	from = from < 0 ? 0 : from;
	assert_true(pwrite(fd, nuls, (size_t)(spooldir_size(&s.d, "events.jsonl") - from), from) > 0);
	close(fd);
}

static void reopen_view(void)
{
	close_view(&s.view);
	open_view(&s.view, &s.d, HS_EVENTS);
	wrap_reset();
}

/* A sync covers nothing written before the file was opened, so that is written again. */
TEST(lines_of_a_dead_writer_are_rewritten)
{
	assert_result(put(&s.view, "x"), HS_OK);
	leave_unsynced(false);
	reopen_view();
	assert_result(put(&s.view, "b"), HS_OK); /* it is not refused */
	assert_int_equal(wrap_count(WRAP_PWRITE), 2);
	assert_result(put(&s.view, "c"), HS_OK); /* and once is enough */
	assert_int_equal(wrap_count(WRAP_PWRITE), 3);
	assert_int_equal(sealed(), 0);
	assert_once(&s.d, "x a b c");
	assert_sound(&s.d);
}

/* A process that opened the file before the write receives any error. */
TEST(an_older_descriptor_needs_no_rewriting)
{
	assert_result(put(&s.view, "x"), HS_OK);
	leave_unsynced(false);
	wrap_reset();
	assert_result(put(&s.view, "b"), HS_OK);
	assert_int_equal(wrap_count(WRAP_PWRITE), 1);
	assert_once(&s.d, "x a b");
}

/* A sync over lost bytes returns 0: nothing after them may be acknowledged, and they do not count. */
TEST(lost_lines_of_a_dead_writer_are_not_believed)
{
	assert_result(put(&s.view, "x"), HS_OK);
	leave_unsynced(true);
	reopen_view();
	assert_result(put(&s.view, "b"), HS_E_SYNC);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_result(put(&s.view, "a"), HS_OK);
	assert_once(&s.d, "x a b");
	assert_sound(&s.d);
}

TEST(a_rotation_does_not_seal_lost_lines)
{
	assert_result(put(&s.view, "x"), HS_OK);
	leave_unsynced(true);
	reopen_view();
	rotate(&s.view);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_once(&s.d, "x b");
	assert_sound(&s.d);
}

/* A failed or killed rewrite has the effect of a failed sync, and no more. */
TEST(rewriting_fails)
{
	assert_result(put(&s.view, "x"), HS_OK);
	leave_unsynced(false);
	reopen_view();
	wrap_fail(WRAP_PWRITE, 2, 1, EIO);
	assert_result(put(&s.view, "b"), HS_E_SYNC);
	assert_result(put(&s.view, "b"), HS_OK);
	assert_once(&s.d, "x b");
	assert_sound(&s.d);
}

/* Without the state the synced part is unknown: the whole file is written again. */
TEST(a_lost_state_vouches_for_nothing)
{
	assert_result(put(&s.view, "x y"), HS_OK);
	leave_unsynced(false);
	spooldir_unlink(&s.d, ".hookspool/run/state");
	reopen_view();
	assert_result(put(&s.view, "b"), HS_OK);
	assert_int_equal(wrap_count(WRAP_PWRITE), 2);
	assert_once(&s.d, "x y a b");
	assert_sound(&s.d);
}

/* Processes are killed before their sync, one after the other: no append is refused. */
TEST(a_storm_of_deaths_before_the_sync)
{
	char word[16];

	for (int i = 0; i < 40; i++) {
		leave_unsynced(false);
		if (i % 2 == 0)
			reopen_view();
		snprintf(word, sizeof word, "w%d", i);
		assert_result(put(&s.view, word), HS_OK);
		assert_once(&s.d, word);
	}
	assert_int_equal(sealed(), 0);
	assert_sound(&s.d);
}

/* --- a state that is cut -------------------------------------------------------------- */

static const off_t lengths[] = {
	0, 100, 2048, 4096, sizeof(struct hs_shared_state) - 4096, sizeof(struct hs_shared_state) - 8
};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

/* Prepared, under the lock: the write must not go where a state of zeros points. */
TEST(a_state_that_is_cut_before_a_write)
{
	for (int i = 0; i < LENGTHS; i++) {
		bool lost = lengths[i] < (off_t)offsetof(struct hs_shared_state, stream[HS_EVENTS + 1]);
		struct events *e = events_new("b");
		struct hs_unsynced pending = { 0 };
		struct hs_buf before, after;
		enum hs_result r;

		again("rotate_min_gap = 0\n");
		assert_result(put(&s.view, "a x y"), HS_OK);
		assert_result(hs_segment_lock(&s.view.segment, soon()), HS_OK);
		assert_result(hs_segment_prepare(&s.view.segment, e->lines.n, soon()), HS_OK);
		before = spooldir_read(&s.d, "events.jsonl");
		spooldir_cut(&s.d, ".hookspool/run/state", lengths[i]);
		assert_result(hs_segment_write(&s.view.segment, hs_buf_slice(&e->lines), 0, &pending),
		              lost ? HS_E_SPOOL_STATE : HS_OK);
		hs_segment_forget(&pending);
		after = spooldir_read(&s.d, "events.jsonl");
		assert_int_equal(after.n, before.n + (lost ? 0 : e->lines.n));
		assert_memory_equal(after.p, before.p, before.n);
		hs_segment_unlock(&s.view.segment);
		r = prepare(&s.view, 1); /* which also reads the clock, which is after the streams */
		assert_true(r == HS_E_SPOOL_STATE || (!lost && r == HS_OK));
		hs_buf_free(&before);
		hs_buf_free(&after);
		events_free(e);
		reopen_view();
		assert_result(put(&s.view, "c"), HS_OK);
		assert_once(&s.d, "a x y c");
		assert_sound(&s.d);
	}
}

/* Zeros must not tell a waiter that its line is synced. */
TEST(a_state_that_is_cut_before_a_sync)
{
	struct hs_unsynced pending;

	reopen_view(); /* now, since cmocka has set its own signal handler after the set-up */
	assert_result(write_line(&s.view, "a", &pending), HS_OK);
	spooldir_cut(&s.d, ".hookspool/run/state", 0);
	assert_result(hs_segment_wait(&s.view.segment, &pending, soon()), HS_E_SYNC);
	reopen_view();
	assert_result(put(&s.view, "b"), HS_OK);
	assert_once(&s.d, "a b");
	assert_sound(&s.d);
}

TESTS("segment", begin, finish)

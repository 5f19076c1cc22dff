/*
 * backup: it holds once and whole what was acknowledged before, and nothing that the spool no
 * longer has; after a kill it is marked as incomplete, and the next backup completes it.
 */
#include "base/io.h"
#include "spool/admin/adopt.h"
#include "spool/admin/backup.h"
#include "spool/erase.h"
#include "spool/position/cursor.h"
#include "spool/shared/spool_dir.h"
#include "tests/lib/temp_spool.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static struct spooldir copy; /* for the backup */

static void make_both(void)
{
	make("rotate_min_gap = 0\ncompress = gzip\n");
	spooldir_remove(&copy);
	spooldir_make(&copy, "rotate_min_gap = 0\n");
}

FIXTURE(finish_both)
{
	spooldir_remove(&copy);
	return finish(state);
}

static enum hs_result back_up(struct hs_backup *done)
{
	struct hs_backup_how how = { copy.path, NULL, NULL };

	return hs_backup(s.d.settings, &how, done);
}

static struct hs_adoption adopt(struct spooldir *d, bool accept_loss)
{
	struct hs_adopter how = { .accept_loss = accept_loss };
	struct hs_adoption done;

	assert_int_equal(hs_adopt(d->settings, &how, &done), HS_OK);
	return done;
}

TEST(a_backup_holds_all_and_becomes_a_spool)
{
	struct hs_backup done;
	struct hs_adoption adopted;
	struct hs_spool *spool;
	uint64_t duplicate;

	make_both();
	seal("a b");
	seal("c");
	put("d");
	save_cursor("mine", (struct hs_position){ 1, 0, 0, 0 });
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(!done.busy && !done.refused && !done.inside && done.linked == 2);
	put("e");
	assert_once(&copy, "a b c d");
	assert_int_equal(spooldir_count(&copy, "e"), 0);
	adopted = adopt(&copy, false);
	assert_true(adopted.backup && adopted.before.epoch == 1 && adopted.now.epoch == 2);
	assert_true(adopted.now.settled && adopted.segments == 2 && adopted.end.number == 3);
	assert_true(adopted.fit == 1 && adopted.left == 0 && adopted.lost == 0);
	assert_string_equal(adopted.before.id, adopted.now.id);
	spool = hs_spool_new(copy.settings);
	assert_int_equal(events_append(spool, "c d f", &duplicate), HS_OK);
	assert_int_equal(duplicate, 2);
	hs_spool_free(spool);
	assert_once(&copy, "a b c d f");
	assert_sound(&copy);
	assert_once(&s.d, "a b c d e"); /* the backup links to its segments */
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(done.refused); /* it is a spool now */
}

/* Writes a file of the backup anew, with one text in place of another. */
static void edit(const char *file, const char *from, const char *to)
{
	struct hs_buf text = spooldir_read(&copy, file), edited = { 0 };
	const char *at = memmem(text.p, text.n, from, strlen(from));

	assert_non_null(at);
	hs_buf_put(&edited, text.p, (size_t)(at - text.p));
	hs_buf_put_slice(&edited, hs_slice_str(to));
	at += strlen(from);
	hs_buf_put(&edited, at, (size_t)(text.p + text.n - at));
	spooldir_write(&copy, file, hs_buf_slice(&edited));
	hs_buf_free(&text);
	hs_buf_free(&edited);
}

/* A checkpoint says which lines are in the spool: it is followed in a whole backup of this very history alone. */
TEST(checkpoints_of_imports_are_kept_if_they_fit)
{
	static const char mark[] = ".hookspool/backup", spool_file[] = ".hookspool/spool";
	static const struct {
		const char *file, *from, *to;
		bool unfinished, kept;
	} cases[] = {
		{ NULL, NULL, NULL, false, true },
		{ mark, "\"epoch\":1", "\"epoch\":2", false, false },
		{ mark, "\"settled\":true", "\"settled\":false", true, false },
		{ mark, "\"settled\":true", "nonsense", true, false },
		{ spool_file, "\"settled\":true", "\"settled\":false", false, false },
		{ spool_file, "\"id\":\"", "\"id\":\"0", false,
		  false }, /* which is damaged: there is another id then */
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_backup done;
		struct hs_adoption adopted;

		make_both();
		put("a");
		spooldir_mkdir(&s.d, ".hookspool/imports");
		spooldir_write(&s.d, ".hookspool/imports/0123", HS_SLICE("x"));
		assert_int_equal(back_up(&done), HS_OK);
		if (cases[i].file != NULL)
			edit(cases[i].file, cases[i].from, cases[i].to);
		adopted = adopt(&copy, true);
		if (!adopted.backup || adopted.unfinished != cases[i].unfinished || !adopted.now.settled ||
		    (adopted.imports == 0) != cases[i].kept ||
		    spooldir_exists(&copy, ".hookspool/imports/0123") != cases[i].kept)
			fail_msg("case %zu", i);
		assert_false(spooldir_exists(&copy, mark));
		assert_once(&copy, "a");
	}
}

static void remove_mark(void *removed)
{
	*(bool *)removed = spooldir_exists(&copy, ".hookspool/backup");
	if (*(bool *)removed)
		spooldir_unlink(&copy, ".hookspool/backup");
}

/* Before any step, by somebody else. */
TEST(a_mark_that_goes_meanwhile)
{
	unsigned all = 1, gone = 0;

	for (unsigned nth = 1; nth <= all; nth++) {
		struct hs_backup done;
		bool removed = false;

		make_both();
		put("a");
		assert_int_equal(back_up(&done), HS_OK);
		wrap_reset();
		wrap_before(WRAP_UNLINKAT, nth, remove_mark, &removed);
		assert_true(adopt(&copy, false).now.settled);
		all = wrap_count(WRAP_UNLINKAT);
		wrap_reset();
		gone += removed;
		assert_once(&copy, "a");
	}
	assert_true(gone > 0);
}

/* A person may choose names that look like those of hookspool's own temporary files. */
TEST(every_cursor_and_database_is_copied)
{
	static const char *const names[] = {
		".hookspool/cursors/crm",     ".hookspool/cursors/crm-new", ".hookspool/cursors/crm.new",
		".hookspool/loads/dw-new",    ".hookspool/loads/dw.new",    ".hookspool/loads/new",
		".hookspool/imports/old-new",
	};
	static const char *const unfinished[] = { ".hookspool/cursors/crm~", ".hookspool/loads/.dw-new" };
	struct hs_backup done;

	make_both();
	put("a");
	spooldir_mkdir(&s.d, ".hookspool/cursors");
	spooldir_mkdir(&s.d, ".hookspool/loads");
	spooldir_mkdir(&s.d, ".hookspool/imports");
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		spooldir_write(&s.d, names[i], HS_SLICE("x"));
	for (size_t i = 0; i < sizeof unfinished / sizeof unfinished[0]; i++)
		spooldir_write(&s.d, unfinished[i], HS_SLICE("x"));
	assert_int_equal(back_up(&done), HS_OK);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_true(spooldir_exists(&copy, names[i]));
	for (size_t i = 0; i < sizeof unfinished / sizeof unfinished[0]; i++)
		assert_false(spooldir_exists(&copy, unfinished[i]));
}

/* A person compresses, or unpacks, the segment that comes next. */
static bool turn_next(void *context, uint64_t at, uint64_t all)
{
	const char *name = spooldir_name(&s.d, "events-", at < 2 ? at : 1);
	bool gz = name[strlen(name) - 1] == 'z';
	char to[NAME_MAX + 1];

	(void)context;
	(void)all;
	snprintf(to, sizeof to, "%.*s%s", (int)strlen(name) - (gz ? 3 : 0), name, gz ? "" : ".gz");
	if (at < 2)
		spooldir_rename(&s.d, name, to);
	return true;
}

TEST(what_a_person_compresses_meanwhile_is_in_it)
{
	struct hs_backup_how how = { copy.path, NULL, turn_next };
	struct hs_backup done;

	make_both();
	how.to = copy.path;
	seal("a");
	maintain();
	seal("b");
	assert_int_equal(hs_backup(s.d.settings, &how, &done), HS_OK);
	assert_int_equal(done.linked, 2);
	assert_int_equal(spooldir_names(&copy, "", "events-"), 2);
}

TEST(a_backup_leaves_no_descriptor_open)
{
	size_t before;
	struct hs_backup done;

	make_both();
	seal("a");
	put("b");
	before = unit_descriptors();
	assert_int_equal(back_up(&done), HS_OK);
	assert_int_equal(unit_descriptors(), before);
}

TEST(the_next_backup_adds_what_is_new)
{
	struct hs_backup done;

	make_both();
	seal("a");
	seal("b");
	put("c");
	assert_int_equal(back_up(&done), HS_OK);
	save_cursor("gone", (struct hs_position){ 1, 0, 0, 0 });
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(done.linked == 0 && done.kept == 2 && done.removed == 0);
	assert_true(spooldir_exists(&copy, ".hookspool/cursors/gone"));
	spooldir_unlink(&s.d, ".hookspool/cursors/gone");
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	rotate();
	maintain();
	put("d");
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(done.linked == 2 && done.removed == 2);
	assert_false(spooldir_exists(&copy, ".hookspool/cursors/gone"));
	assert_once(&copy, "b c d");
	assert_int_equal(spooldir_count(&copy, "a"), 0);
	assert_int_equal(spooldir_names(&copy, "", "events-"), 2);
}

/* People erased since are in no later backup; during an erase none is made. */
TEST(during_maintenance_no_backup_is_made)
{
	struct hs_backup done;
	int fd;

	make_both();
	seal("a b");
	fd = open(spooldir_path(&s.d, ".hookspool/run/maintain"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_result(back_up(&done), HS_OK);
	assert_true(done.busy);
	assert_int_equal(access(copy.path, F_OK), -1);
	close(fd);
	assert_result(back_up(&done), HS_OK);
	assert_false(done.busy);
	assert_once(&copy, "a b");
}

TEST(erased_people_are_not_in_a_backup)
{
	struct hs_backup done;
	struct hs_opened_spool o;
	char name[128];
	int lock;

	make_both();
	seal("anna");
	put("bert");
	assert_int_equal(back_up(&done), HS_OK);
	assert_once(&copy, "anna bert");
	snprintf(name, sizeof name, "%s", spooldir_name(&s.d, "events-", 0));
	spooldir_write(&s.d, "new", HS_SLICE("{\"type\":\"page\",\"message_id\":\"x\"}\n"));
	spooldir_rename(&s.d, "new", name);
	assert_int_equal(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_int_equal(hs_rewriter_lock(o.dir.run_dir, &lock), HS_OK);
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(done.busy);
	hs_io_close(lock);
	hs_spool_dir_close(&o);
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(!done.busy && done.linked == 1);
	assert_int_equal(spooldir_count(&copy, "anna"), 0);
}

TEST(a_backup_needs_its_own_folder)
{
	struct hs_backup_how how = { copy.path, NULL, NULL };
	char long_name[NAME_MAX + 3] = "";
	struct hs_backup done;

	make_both();
	how.to = copy.path;
	put("a");
	spooldir_mkdir(&copy, "");
	spooldir_write(&copy, "precious", HS_SLICE("x"));
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(done.refused);
	assert_int_equal(spooldir_names(&copy, "", ""), 3); /* with . and .. */
	how.to = spooldir_path(&s.d, "b");
	assert_int_equal(hs_backup(s.d.settings, &how, &done), HS_OK);
	assert_true(done.inside);
	how.to = s.d.path;
	assert_int_equal(hs_backup(s.d.settings, &how, &done), HS_OK);
	assert_true(done.inside);
	how.to = spooldir_path(&s.d, ".hookspool/run/b");
	assert_int_equal(hs_backup(s.d.settings, &how, &done), HS_OK);
	assert_true(done.inside);
	how.to = "/dev/null/x";
	assert_int_equal(hs_backup(s.d.settings, &how, &done), HS_OK);
	assert_int_equal(done.place, ENOTDIR);
	memset(long_name, 'x', sizeof long_name - 1);
	long_name[0] = '/';
	how.to = long_name;
	assert_int_equal(hs_backup(s.d.settings, &how, &done), HS_OK);
	assert_int_equal(done.place, ENAMETOOLONG);
	spooldir_unlink(&copy, "precious");
	assert_int_equal(back_up(&done), HS_OK);
	assert_false(done.refused);
	make_both();
	put("a");
	assert_int_equal(back_up(&done), HS_OK);
	stop();
	spooldir_rename(&s.d, ".hookspool", "old");
	restart();
	put("b");
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(done.refused);
}

static void prepare_sweep(void)
{
	struct hs_backup done;

	make_both();
	seal("a");
	put("b");
	save_cursor("mine", (struct hs_position){ 1, 0, 0, 0 });
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{}\n"));
	assert_int_equal(back_up(&done), HS_OK);
	seal("c");
	put("d");
}

/* True if the backup is marked as complete. */
static bool is_whole(void)
{
	struct hs_history h = { .settled = false };
	int dir = hs_io_open_dir(AT_FDCWD, copy.path), private_dir = hs_io_open_dir(dir, ".hookspool");

	assert_int_equal(hs_history_read(private_dir, HS_HISTORY_BACKUP, &h), HS_OK);
	hs_io_close(private_dir);
	hs_io_close(dir);
	return h.settled;
}

static unsigned rotated;

/* Does not wait: the backup may have the lock just now. */
static void rotate_meanwhile(void *context)
{
	(void)context;
	rotated += hs_spool_rotate(s.spool, hs_io_now_monotonic()) == HS_OK;
}

/* The open segment is sealed at any moment of the backup: it is there once, as the one or the other. */
TEST(a_segment_that_is_sealed_meanwhile)
{
	unsigned all = 1;

	rotated = 0;
	for (unsigned nth = 1; nth <= all; nth++) {
		struct hs_backup done;

		make_both();
		seal("a b");
		put("c d");
		wrap_reset();
		wrap_before(WRAP_FDOPENDIR, nth, rotate_meanwhile, NULL);
		assert_int_equal(back_up(&done), HS_OK);
		all = wrap_count(WRAP_FDOPENDIR);
		wrap_reset();
		assert_once(&copy, "a b c d");
		assert_int_equal(spooldir_lines(&copy), 4);
		assert_true(is_whole());
	}
	assert_true(rotated > 5);
}

/* A writer finds the open segment torn, sets it aside, and is killed before it has copied its lines. */
static void set_aside(void *context)
{
	if (spooldir_exists(&s.d, "events.jsonl") && spooldir_size(&s.d, "events.jsonl") > 0)
		spooldir_rename(&s.d, "events.jsonl", context);
}

/* Its lines are in the backup once: as those of the open segment, or as a sealed one. */
TEST(a_segment_that_is_set_aside_meanwhile)
{
	unsigned all = 1;

	for (unsigned nth = 1; nth <= all; nth++) {
		struct hs_backup done;
		char aside[NAME_MAX + 1];

		make_both();
		seal("a b");
		put("c d");
		snprintf(aside, sizeof aside, ".hookspool/aside-events-2-%lld-%" PRId64,
		         (long long)spooldir_size(&s.d, "events.jsonl"), hs_io_now());
		wrap_reset();
		wrap_before(WRAP_FDOPENDIR, nth, set_aside, aside);
		assert_int_equal(back_up(&done), HS_OK);
		all = wrap_count(WRAP_FDOPENDIR);
		wrap_reset();
		assert_true(is_whole());
		adopt(&copy, false);
		assert_once(&copy, "a b c d");
	}
	assert_true(all > 5);
}

static void cut_letters(void *context)
{
	(void)context;
	spooldir_cut(&s.d, "failed.jsonl", 3);
}

static void move_segment_away(void *context)
{
	char name[HS_SEALED_NAME];

	(void)context;
	snprintf(name, sizeof name, "%s", spooldir_name(&s.d, "events-", 0));
	spooldir_rename(&s.d, name, "aside");
	spooldir_mkdir(&s.d, name);
}

/* Somebody cuts a file, or moves one away, while it is copied: the backup ends, with what is there. */
TEST(files_that_change_meanwhile)
{
	unsigned all = 1, cut = 0;

	for (unsigned nth = 1; nth <= all; nth++) {
		struct hs_backup done;

		prepare_sweep();
		spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{\"a\":1}\n"));
		wrap_reset();
		wrap_before(WRAP_PREAD, nth, cut_letters, NULL);
		assert_int_equal(back_up(&done), HS_OK);
		all = wrap_count(WRAP_PREAD);
		wrap_reset();
		cut += spooldir_size(&copy, "failed.jsonl") == 3;
		assert_once(&copy, "a b c d");
	}
	assert_true(cut > 0);
	for (unsigned nth = 1; nth <= all; nth++) {
		struct hs_backup done;

		prepare_sweep();
		wrap_reset();
		wrap_before(WRAP_FSTATAT, nth, move_segment_away, NULL);
		assert_int_equal(back_up(&done), HS_OK);
		all = wrap_count(WRAP_FSTATAT);
		wrap_reset();
		assert_once(&copy, "b c d");
	}
	make_both();
}

enum { STEP = 4 }; /* not every call in each run: there are many, and each needs its own spool */

static int run_backup(void *context)
{
	struct hs_backup done;

	(void)context;
	return back_up(&done) == HS_OK && !done.refused ? 0 : 1;
}

TEST(killed_before_every_call)
{
	unsigned nth, unfinished = 0;
	int status = -1;

	for (nth = 1 + (unsigned)(hs_io_random() % STEP); status != 0; nth += STEP) {
		struct hs_backup done;
		bool whole;

		prepare_sweep();
		status = child_killed(nth, true, run_backup, NULL);
		whole = is_whole();
		if (whole)
			assert_true(spooldir_count(&copy, "b") == 1); /* of the first backup, or of the second */
		unfinished += !whole;
		if (hs_io_random() % 4 == 0) { /* adopt reports that, and takes it all the same if told to */
			struct hs_adoption adopted = adopt(&copy, false);

			assert_int_equal(adopted.unfinished, !whole);
			if (adopted.unfinished)
				adopted = adopt(&copy, true);
			assert_true(adopted.now.settled);
			assert_true(spooldir_count(&copy, "a") == 1);
		} else {
			assert_int_equal(back_up(&done), HS_OK);
			assert_once(&copy, "a b c d");
			assert_int_equal(adopt(&copy, false).unfinished, false);
			assert_once(&copy, "a b c d");
			assert_sound(&copy);
		}
	}
	assert_true(nth > 50 && unfinished > 20 / STEP);
	make_both();
}

TEST(every_failure_is_reported)
{
	static const enum wrap_call calls[] = { WRAP_FDATASYNC, WRAP_FSYNC, WRAP_PWRITE, WRAP_RENAMEAT, WRAP_OPENAT };

	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		bool ended = false;

		for (unsigned nth = 1 + (unsigned)(hs_io_random() % STEP); !ended; nth += STEP) {
			struct hs_backup done;
			enum hs_result r;

			prepare_sweep();
			wrap_fail(calls[i], nth, 1, EIO);
			r = back_up(&done);
			ended = wrap_count(calls[i]) < nth;
			wrap_reset();
			if (r == HS_OK && !done.refused && is_whole())
				assert_once(&copy, "a b c d");
		}
	}
	make_both();
}

/* --- at other moments, on other disks -------------------------------------------------------- */

static bool after_some(void *context, uint64_t at, uint64_t all)
{
	unsigned *left = context;

	assert_true(at <= all);
	return *left > 0 && (*left)-- > 0;
}

/* It says that it was stopped, and is not marked as complete; the next one completes it. */
TEST(stopped_anywhere)
{
	struct hs_backup done = { .stopped = true };

	for (unsigned turns = 0; done.stopped; turns++) {
		unsigned left = turns;
		struct hs_backup_how how = { NULL, &left, after_some };

		prepare_sweep();
		how.to = copy.path;
		assert_result(hs_backup(s.d.settings, &how, &done), HS_OK);
		assert_int_equal(done.stopped, !is_whole());
		assert_true(spooldir_count(&copy, "a") == 1); /* what the backup before had stays */
		if (!done.stopped)
			break;
		assert_result(back_up(&done), HS_OK);
		assert_true(is_whole());
		assert_once(&copy, "a b c d");
		done.stopped = true;
		assert_in_range(turns, 0, 20);
	}
}

/* hookspool's own unfinished files, and a segment in trouble, are not in it. */
TEST(unfinished_files_are_left_out)
{
	static const char *const names[] = { ".hookspool/edits.new", ".hookspool/erase-plan-new", ".hookspool/salt~",
		                             ".hookspool/.x", ".hookspool/aside-events-2-10-5" };
	struct hs_backup done;

	make_both();
	put("a");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		spooldir_write(&s.d, names[i], HS_SLICE("x"));
	assert_result(back_up(&done), HS_OK);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_false(spooldir_exists(&copy, names[i]));
}

/* Sets the time of the last change. */
static void set_changed(const char *name, time_t sec, long nsec)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { sec, nsec } };

	assert_int_equal(utimensat(AT_FDCWD, spooldir_path(&s.d, name), times, 0), 0);
}

/* On a disk without links a segment is copied again if it has changed, be it as large as before. */
TEST(a_segment_that_was_edited_is_copied_again)
{
	static const struct {
		time_t sec;
		long nsec;
	} times[] = { { 1000, 6 }, { 1001, 5 }, { 1000, 5 } };
	char name[HS_SEALED_NAME];

	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		bool is_same = times[i].sec == 1000 && times[i].nsec == 5;
		enum hs_result result = HS_OK;
		struct hs_backup done;
		struct hs_buf text;
		uint64_t copied = 0;

		make_both();
		seal("a");
		snprintf(name, sizeof name, "%s", spooldir_name(&s.d, "events-", 0));
		set_changed(name, 1000, 5);
		wrap_fail(WRAP_LINKAT, 1, WRAP_FOREVER, EXDEV);
		assert_result(back_up(&done), HS_OK);
		assert_int_equal(done.copied, 1);
		text = spooldir_read(&s.d, name);
		((char *)memmem(text.p, text.n, "\"a\"", 3))[1] = 'b';
		spooldir_write(&s.d, name, hs_buf_slice(&text));
		set_changed(name, times[i].sec, times[i].nsec);
		hs_buf_free(&text);
		for (unsigned nth = 1; nth == 1 || result != HS_OK; nth++) { /* the old copy cannot be removed */
			wrap_fail(WRAP_UNLINKAT, nth, 1, EIO);
			result = back_up(&done);
			copied += done.copied;
			assert_true(result == HS_OK || result == HS_E_IO);
		}
		assert_int_equal(copied, !is_same);
		assert_int_equal(spooldir_count(&copy, "b"), !is_same);
		wrap_reset();
	}
}

static bool no_times;

int futimens(int fd, const struct timespec times[2])
{
	static int (*real)(int, const struct timespec *);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "futimens");
	errno = EIO;
	return no_times ? -1 : real(fd, times);
}

/* By its time a copy is known: one without it is none. */
TEST(a_time_that_cannot_be_set)
{
	struct hs_backup done;

	make_both();
	put("a");
	no_times = true;
	assert_result(back_up(&done), HS_E_IO);
	no_times = false;
	assert_false(is_whole());
	assert_result(back_up(&done), HS_OK);
	assert_once(&copy, "a");
}

/* A folder that looks like no backup, or cannot be looked at, is never taken for one. */
TEST(a_folder_that_cannot_be_looked_at)
{
	static const int errors[] = { ELOOP, ENOTDIR, EACCES, EIO };
	struct hs_backup done;

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		bool ended = false;

		for (unsigned nth = 1; !ended; nth++) {
			enum hs_result result;

			make_both();
			put("a");
			spooldir_mkdir(&copy, "");
			spooldir_write(&copy, "precious", HS_SLICE("x"));
			wrap_reset();
			wrap_fail(WRAP_OPENAT, nth, 1, errors[i]);
			result = back_up(&done);
			ended = wrap_count(WRAP_OPENAT) < nth;
			wrap_reset();
			assert_true(result != HS_OK || done.refused || done.busy || done.place != 0);
			assert_int_equal(spooldir_names(&copy, "", ""), 3); /* with . and .. */
		}
	}
	spooldir_unlink(&copy, "precious");
	spooldir_mkdir(&copy, ".hookspool"); /* as a backup that failed at once has left it */
	for (unsigned nth = 1; nth < 9; nth++) {
		wrap_fail(WRAP_FDOPENDIR, nth, 1, EIO);
		if (back_up(&done) == HS_OK && !done.refused)
			assert_once(&copy, "a");
		wrap_reset();
	}
	spooldir_write(&copy, ".hookspool/backup", HS_SLICE("nonsense")); /* a mark that nobody can read */
	assert_result(back_up(&done), HS_OK);
	assert_true(done.refused);
}

/* A place that takes no folder is told, whichever call finds it out. */
TEST(a_place_that_takes_no_folder)
{
	unsigned told = 0;
	bool ended = false;

	for (unsigned nth = 1; !ended; nth++) {
		struct hs_backup done;

		make_both();
		put("a");
		wrap_reset();
		wrap_fail(WRAP_MKDIRAT, nth, 1, EPERM); /* as on a file system that is not to be changed */
		if (back_up(&done) == HS_OK)
			told += done.place == EPERM;
		ended = wrap_count(WRAP_MKDIRAT) < nth;
		wrap_reset();
	}
	assert_true(told > 1);
}

static void change_device(void *done)
{
	*(bool *)done = true;
	wrap_device(1);
}

/*
 * Backs up into the spool while a call that looks at folders fails, or they get another device from then on. Returns
 * how often the folder was taken for one outside.
 */
static unsigned look_above(int error)
{
	const struct hs_backup_how how = { spooldir_path(&s.d, "b"), NULL, NULL };
	unsigned outside = 0;
	bool done = true;

	for (unsigned nth = 1; done; nth++) {
		struct hs_backup backup;
		enum hs_result result;

		done = false;
		wrap_reset();
		if (error == 0)
			wrap_before(WRAP_FSTATAT, nth, change_device, &done);
		else
			wrap_fail(WRAP_FSTATAT, nth, 1, error);
		result = hs_backup(s.d.settings, &how, &backup);
		done = done || (error != 0 && wrap_count(WRAP_FSTATAT) >= nth);
		wrap_reset();
		outside += result == HS_OK && !backup.inside;
	}
	return outside;
}

/*
 * Another file system may have a folder with the inode of the spool, which is not the spool; what this user may not
 * look at is above all that it can search, and so above the spool. A failing disk proves nothing.
 */
TEST(folders_above_a_backup)
{
	make_both();
	put("a");
	assert_int_equal(look_above(EIO), 0);
	assert_true(look_above(0) > 0);
	assert_true(look_above(EACCES) > 0);
}

/* Below more folders than a path has room for it says why it does not go on. */
TEST(a_folder_that_is_very_deep)
{
	enum { DEEP = PATH_MAX / 3 };
	char path[PATH_MAX];
	struct hs_backup_how how = { path, NULL, NULL };
	struct hs_backup done;
	int dir;
	size_t n;

	make_both();
	put("a");
	spooldir_mkdir(&copy, "");
	n = (size_t)snprintf(path, sizeof path, "%s", copy.path);
	dir = open(path, O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < DEEP; i++) {
		int below;

		assert_int_equal(mkdirat(dir, "d", 0700), 0);
		below = openat(dir, "d", O_RDONLY | O_DIRECTORY);
		assert_true(below >= 0);
		close(dir);
		dir = below;
		n += (size_t)snprintf(path + n, sizeof path - n, "/d");
	}
	close(dir);
	assert_result(hs_backup(s.d.settings, &how, &done), HS_OK);
	assert_int_equal(done.place, ENAMETOOLONG);
}

static void remove_rejected(void *removed)
{
	static const char name[] = "rejected-20200101T000000.000Z-000001.jsonl";

	*(bool *)removed = spooldir_exists(&s.d, name);
	if (*(bool *)removed)
		spooldir_unlink(&s.d, name);
}

static void remove_old_cursor(void *removed)
{
	*(bool *)removed |= spooldir_exists(&copy, ".hookspool/cursors/old");
	if (spooldir_exists(&copy, ".hookspool/cursors/old"))
		spooldir_unlink(&copy, ".hookspool/cursors/old");
}

static void remove_letters(void *removed)
{
	*(bool *)removed |= spooldir_exists(&s.d, "failed.jsonl");
	if (spooldir_exists(&s.d, "failed.jsonl"))
		spooldir_unlink(&s.d, "failed.jsonl");
}

/* A file that goes meanwhile, here or there, is no failure. */
TEST(files_that_go_meanwhile)
{
	unsigned all = 1;

	for (unsigned nth = 1; nth <= all; nth++) {
		struct hs_backup done;
		bool removed = false;

		prepare_sweep();
		wrap_reset();
		wrap_before(WRAP_OPENAT, nth, remove_letters, &removed);
		assert_result(back_up(&done), HS_OK);
		all = wrap_count(WRAP_OPENAT);
		wrap_reset();
		assert_once(&copy, "a b c d");
	}
	all = 1;
	for (unsigned nth = 1; nth <= all; nth++) {
		struct hs_backup done;
		bool removed = false;

		prepare_sweep();
		spooldir_write(&copy, ".hookspool/cursors/old", HS_SLICE("x"));
		wrap_reset();
		wrap_before(WRAP_FSTATAT, nth, remove_old_cursor, &removed);
		assert_result(back_up(&done), HS_OK);
		all = wrap_count(WRAP_FSTATAT);
		wrap_reset();
		assert_true(is_whole() && !spooldir_exists(&copy, ".hookspool/cursors/old"));
	}
	all = 1;
	for (unsigned nth = 1; nth <= all; nth++) {
		struct hs_backup done;

		prepare_sweep();
		spooldir_write(&copy, ".hookspool/cursors/old", HS_SLICE("x"));
		rotate();
		maintain();
		wrap_reset();
		wrap_fail(WRAP_UNLINKAT, nth, 1, ENOENT);
		assert_result(back_up(&done), HS_OK);
		all = wrap_count(WRAP_UNLINKAT);
		wrap_reset();
		assert_true(is_whole());
	}
	assert_true(all > 1);
	all = 1;
	for (unsigned nth = 1; nth <= all; nth++) { /* a writer takes it away, since rejected_max is reached */
		struct hs_backup done;
		bool removed = false;

		prepare_sweep();
		spooldir_write(&s.d, "rejected-20200101T000000.000Z-000001.jsonl", HS_SLICE("{}\n"));
		wrap_reset();
		wrap_before(WRAP_FSTATAT, nth, remove_rejected, &removed);
		assert_result(back_up(&done), HS_OK);
		all = wrap_count(WRAP_FSTATAT);
		wrap_reset();
		assert_true(is_whole());
		assert_once(&copy, "a b c d");
	}
}

TESTS("backup", NULL, finish_both)

/*
 * backup: what was acknowledged before is in it, once, whole, and nothing that the spool no
 * longer has; killed anywhere, it is known not to be whole, and the next one makes it so.
 */
#include "base/io.h"
#include "spool/admin/adopt.h"
#include "spool/admin/backup.h"
#include "spool/erase.h"
#include "spool/position/cursor.h"
#include "spool/shared/spool_dir.h"
#include "spool/spool.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct scene {
	struct spooldir d, copy; /* the spool, and a place for its backup */
	struct hs_spool *spool;
} s;

static void make(void)
{
	wrap_reset();
	spooldir_make(&s.d, "rotate_min_gap = 0\ncompress = gzip\n");
	spooldir_make(&s.copy, "rotate_min_gap = 0\n");
	s.spool = hs_spool_new(s.d.settings);
}

FIXTURE(finish)
{
	wrap_reset();
	hs_spool_free(s.spool);
	spooldir_remove(&s.copy);
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

static enum hs_result back_up(struct hs_backup *done)
{
	struct hs_backup_how how = { s.copy.path, NULL, NULL };

	return hs_backup(s.d.settings, &how, done);
}

static struct hs_adoption adopt(struct spooldir *d, bool accept_loss)
{
	struct hs_adopter how = { .accept_loss = accept_loss };
	struct hs_adoption done;

	assert_int_equal(hs_adopt(d->settings, &how, &done), HS_OK);
	return done;
}

static void set_cursor(const char *name, struct hs_position p)
{
	struct hs_opened_spool o;
	struct hs_cursor *c;
	int64_t holder;
	bool fresh;

	assert_int_equal(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_int_equal(hs_cursor_open(&o.dir, name, &c, &fresh, &holder), HS_OK);
	assert_int_equal(hs_cursor_save(c, p), HS_OK);
	hs_cursor_close(c);
	hs_spool_dir_close(&o);
}

TEST(it_holds_all_and_is_a_spool_again)
{
	struct hs_backup done;
	struct hs_adoption adopted;
	struct hs_spool *spool;
	uint64_t duplicate;

	make();
	put("a b");
	rotate();
	put("c");
	rotate();
	put("d");
	set_cursor("mine", (struct hs_position){ 1, 0, 0, 0 });
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(!done.busy && !done.refused && !done.inside && done.linked == 2);
	put("e");
	assert_once(&s.copy, "a b c d");
	assert_int_equal(spooldir_count(&s.copy, "e"), 0);
	adopted = adopt(&s.copy, false);
	assert_true(adopted.backup && adopted.before.epoch == 1 && adopted.now.epoch == 2);
	assert_true(adopted.now.settled && adopted.segments == 2 && adopted.end.number == 3);
	assert_true(adopted.fit == 1 && adopted.left == 0 && adopted.lost == 0);
	assert_string_equal(adopted.before.id, adopted.now.id);
	spool = hs_spool_new(s.copy.settings);
	assert_int_equal(spooldir_append(spool, "c d f", &duplicate), HS_OK);
	assert_int_equal(duplicate, 2);
	hs_spool_free(spool);
	assert_once(&s.copy, "a b c d f");
	assert_sound(&s.copy);
	assert_once(&s.d, "a b c d e"); /* linked, and no less the spool's own */
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(done.refused); /* it is a spool now */
}

TEST(the_next_one_brings_what_is_new)
{
	struct hs_retention_counts maintained;
	struct hs_backup done;

	make();
	put("a");
	rotate();
	put("b");
	rotate();
	put("c");
	assert_int_equal(back_up(&done), HS_OK);
	set_cursor("gone", (struct hs_position){ 1, 0, 0, 0 });
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(done.linked == 0 && done.kept == 2 && done.removed == 0);
	assert_true(spooldir_exists(&s.copy, ".hookspool/cursors/gone"));
	spooldir_unlink(&s.d, ".hookspool/cursors/gone");
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
	rotate();
	assert_int_equal(hs_spool_maintain(s.spool, NULL, NULL, &maintained), HS_OK);
	put("d");
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(done.linked == 2 && done.removed == 2);
	assert_false(spooldir_exists(&s.copy, ".hookspool/cursors/gone"));
	assert_once(&s.copy, "b c d");
	assert_int_equal(spooldir_count(&s.copy, "a"), 0);
	assert_int_equal(spooldir_names(&s.copy, "", "events-"), 2);
}

/* Whoever was erased since is in no later backup; while somebody is erased there is none. */
TEST(nobody_who_was_erased_is_in_it)
{
	struct hs_backup done;
	struct hs_opened_spool o;
	char name[128];
	int lock;

	make();
	put("anna");
	rotate();
	put("bert");
	assert_int_equal(back_up(&done), HS_OK);
	assert_once(&s.copy, "anna bert");
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
	assert_int_equal(spooldir_count(&s.copy, "anna"), 0);
}

TEST(only_into_a_folder_of_its_own)
{
	struct hs_backup_how how = { s.copy.path, NULL, NULL };
	struct hs_backup done;
	char inside[PATH_MAX + 8];

	make();
	how.to = s.copy.path;
	put("a");
	assert_int_equal(mkdir(s.copy.path, 0700), 0);
	spooldir_write(&s.copy, "precious", HS_SLICE("x"));
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(done.refused);
	assert_int_equal(spooldir_names(&s.copy, "", ""), 3); /* with . and .. */
	snprintf(inside, sizeof inside, "%s/b", s.d.path);
	how.to = inside;
	assert_int_equal(hs_backup(s.d.settings, &how, &done), HS_OK);
	assert_true(done.inside);
	how.to = s.d.path;
	assert_int_equal(hs_backup(s.d.settings, &how, &done), HS_OK);
	assert_true(done.inside);
	how.to = "/dev/null/x";
	assert_int_equal(hs_backup(s.d.settings, &how, &done), HS_E_SPOOL_DIR);
	spooldir_unlink(&s.copy, "precious");
	assert_int_equal(back_up(&done), HS_OK);
	assert_false(done.refused);
	finish(state); /* nor into that of another spool */
	make();
	put("a");
	assert_int_equal(back_up(&done), HS_OK);
	hs_spool_free(s.spool);
	spooldir_rename(&s.d, ".hookspool", "old");
	s.spool = hs_spool_new(s.d.settings);
	put("b");
	assert_int_equal(back_up(&done), HS_OK);
	assert_true(done.refused);
}

static void prepare_sweep(void)
{
	struct hs_backup done;

	make();
	put("a");
	rotate();
	put("b");
	set_cursor("mine", (struct hs_position){ 1, 0, 0, 0 });
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{}\n"));
	assert_int_equal(back_up(&done), HS_OK);
	put("c");
	rotate();
	put("d");
}

/* Does the backup say that it is whole? */
static bool is_whole(void)
{
	struct hs_history h = { .settled = false };
	int dir = hs_io_open_dir(AT_FDCWD, s.copy.path), private_dir = hs_io_open_dir(dir, ".hookspool");

	assert_int_equal(hs_history_read(private_dir, HS_HISTORY_BACKUP, &h), HS_OK);
	hs_io_close(private_dir);
	hs_io_close(dir);
	return h.settled;
}

enum { STEP = 4 }; /* not every call each time: there are many, and each needs a spool of its own */

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
		wrap_kill(nth, true);
		status = child_wait(child_start(run_backup, NULL));
		wrap_reset();
		whole = is_whole();
		if (whole)
			assert_true(spooldir_count(&s.copy, "b") == 1); /* the first, or the second */
		unfinished += !whole;
		if (hs_io_random() % 4 == 0) { /* it says so, and is taken all the same if it must be */
			struct hs_adoption adopted = adopt(&s.copy, false);

			assert_int_equal(adopted.unfinished, !whole);
			if (adopted.unfinished)
				adopted = adopt(&s.copy, true);
			assert_true(adopted.now.settled);
			assert_true(spooldir_count(&s.copy, "a") == 1);
		} else {
			assert_int_equal(back_up(&done), HS_OK);
			assert_once(&s.copy, "a b c d");
			assert_int_equal(adopt(&s.copy, false).unfinished, false);
			assert_once(&s.copy, "a b c d");
			assert_sound(&s.copy);
		}
		finish(state);
	}
	assert_true(nth > 50 && unfinished > 20 / STEP);
	make();
}

TEST(every_failure_is_told)
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
				assert_once(&s.copy, "a b c d");
			finish(state);
		}
	}
	make();
}

TESTS("backup", NULL, finish)

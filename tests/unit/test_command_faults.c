/*
 * command_faults: each call that a command makes fails in turn: on files, for memory, for a mapping. What the
 * command then says is true; the events are there once; and it succeeds when the fault is gone.
 */
#include "base/io.h"
#include "schema/schema.h"
#include "schema/schema_file.h"
#include "spool/admin/adopt.h"
#include "spool/admin/backup.h"
#include "spool/admin/verify.h"
#include "spool/position/cursor.h"
#include "spool/shared/spool_dir.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct spooldir copy;
static struct hs_buf later;

FIXTURE(tell_plan)
{
	fail_each_tell();
	spooldir_remove(&copy);
	return finish(state);
}

/* --- maintenance ---------------------------------------------------------------- */

static void seal_two(void)
{
	make("rotate_min_gap = 0\n");
	seal("a b");
	seal("c");
	put("d");
}

static enum hs_result run_maintain(void)
{
	return hs_spool_maintain(s.spool, NULL, NULL, &s.maintained);
}

static void is_compressed(void)
{
	struct stat st;

	assert_int_equal(stat(spooldir_path(&s.d, ".hookspool"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_non_null(strstr(spooldir_name(&s.d, "events-", 0), ".gz"));
	assert_non_null(strstr(spooldir_name(&s.d, "events-", 1), ".gz"));
	assert_all("a b c d");
	assert_sound(&s.d);
	assert_no_problems();
}

/* Killed between the last steps: the compressed segment has its name, and the plain one is still there. */
static void leave_both_forms(void)
{
	char plain[HS_SEALED_NAME];
	struct hs_buf text;

	seal_two();
	snprintf(plain, sizeof plain, "%s", spooldir_name(&s.d, "events-", 0));
	text = spooldir_read(&s.d, plain);
	maintain();
	spooldir_write(&s.d, plain, hs_buf_slice(&text));
	spooldir_age(&s.d, plain); /* it was there first */
	hs_buf_free(&text);
}

static void is_one_form(void)
{
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 2);
	is_compressed();
}

TEST_WITH(maintenance_after_a_kill, NULL, tell_plan)
{
	/* whoever cannot look at a file leaves both forms for the next time */
	fail_each_of(~FAIL_CALL(WRAP_FSTATAT), &(struct job){ leave_both_forms, run_maintain, is_one_form, 12 });
}

TEST_WITH(maintenance, NULL, tell_plan)
{
	fail_each(&(struct job){ seal_two, run_maintain, is_compressed, 0 });
}

/* --- an index that is lost --------------------------------------------------------- */

static struct events *four;

static void lose_index(void)
{
	if (four == NULL)
		four = events_new("a c d e");
	make("rotate_min_gap = 0\ndedup_window = 1h\n");
	seal("a b");
	maintain();
	seal("c");
	put("d");
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/index");
	restart();
}

static enum hs_result run_append(void)
{
	uint64_t duplicate;
	struct hs_append batch = events_batch(four, &duplicate);

	return hs_spool_append(s.spool, &batch);
}

static void is_once(void)
{
	assert_once(&s.d, "a b c d e");
	assert_int_equal(spooldir_lines(&s.d), 5);
	assert_sound(&s.d);
}

TEST_WITH(an_index_is_made_anew, NULL, tell_plan)
{
	fail_each(&(struct job){ lose_index, run_append, is_once, 0 });
	events_free(four);
}

/* --- backup, adopt ------------------------------------------------------------------- */

static void prepare_backup(void)
{
	seal_two();
	save_cursor("mine", (struct hs_position){ 1, 0, 0, 0 });
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{}\n"));
	spooldir_remove(&copy);
	spooldir_make(&copy, "rotate_min_gap = 0\n");
}

static enum hs_result run_backup(void)
{
	struct hs_backup_how how = { copy.path, NULL, NULL };
	struct hs_backup done;
	enum hs_result result = hs_backup(s.d.settings, &how, &done);

	if (result == HS_OK)
		assert_false(done.refused || done.busy || done.inside || done.stopped);
	return result;
}

static void is_backed_up(void)
{
	assert_once(&copy, "a b c d");
	assert_int_equal(spooldir_lines(&copy), 4);
	assert_true(spooldir_exists(&copy, ".hookspool/cursors/mine"));
	assert_true(spooldir_exists(&copy, "failed.jsonl"));
	assert_once(&s.d, "a b c d");
}

TEST_WITH(backup, NULL, tell_plan)
{
	fail_each(&(struct job){ prepare_backup, run_backup, is_backed_up, 0 });
}

/* The backup has an older form of a segment, and files that the spool no longer has. */
static void prepare_backup_again(void)
{
	char name[HS_SEALED_NAME];

	prepare_backup();
	spooldir_write(&s.d, "failed-old.jsonl", HS_SLICE("{}\n"));
	save_cursor("gone", (struct hs_position){ 1, 0, 0, 0 });
	assert_result(run_backup(), HS_OK);
	snprintf(name, sizeof name, "%s", spooldir_name(&s.d, "events-", 0));
	spooldir_write(&s.d, "other", HS_SLICE("{\"type\":\"page\",\"message_id\":\"b\",\"user_id\":\"u\"}\n"));
	spooldir_rename(&s.d, "other", name); /* without a, who was erased */
	spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 1));
	spooldir_unlink(&s.d, ".hookspool/cursors/gone");
	spooldir_unlink(&s.d, "failed-old.jsonl");
}

static void is_backed_up_again(void)
{
	assert_once(&copy, "b d");
	assert_int_equal(spooldir_lines(&copy), 2);
	assert_false(spooldir_exists(&copy, ".hookspool/cursors/gone") || spooldir_exists(&copy, "failed-old.jsonl"));
	assert_true(spooldir_exists(&copy, ".hookspool/cursors/mine") && spooldir_exists(&copy, "failed.jsonl"));
}

TEST_WITH(a_second_backup, NULL, tell_plan)
{
	size_t before;

	prepare_backup_again();
	before = unit_descriptors();
	fail_each_of(FAIL_CALL(WRAP_UNLINKAT) | FAIL_CALL(WRAP_OPENAT) | FAIL_CALL(WRAP_FDOPENDIR) |
	                 FAIL_CALL(WRAP_REALLOC),
	             &(struct job){ prepare_backup_again, run_backup, is_backed_up_again, 40 });
	assert_int_equal(unit_descriptors(), before);
}

/* The mark of a backup that was made in another epoch, so that neither cursors nor checkpoints are trusted. */
static void mark_as_backup(void)
{
	struct hs_opened_spool o;
	struct hs_history of;

	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	of = o.dir.history;
	of.epoch += 7;
	of.settled = true;
	assert_result(hs_history_put(o.dir.private_dir, o.dir.run_dir, HS_HISTORY_BACKUP, &of), HS_OK);
	hs_spool_dir_close(&o);
}

static void prepare_adopt(void)
{
	seal_two();
	mark_as_backup();
	spooldir_mkdir(&s.d, ".hookspool/imports");
	spooldir_write(&s.d, ".hookspool/imports/0123", HS_SLICE("{\"done\":1,\"line\":1}\n"));
	save_cursor("fits", position_after(2));
	save_cursor("ahead", (struct hs_position){ 9, 100, 0, 1 });
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/state");
}

static enum hs_result run_adopt(void)
{
	struct hs_adopter how = { .from = HS_ADOPT_OLDEST };
	struct hs_adoption done;
	enum hs_result result = hs_adopt(s.d.settings, &how, &done);

	if (result == HS_OK) {
		assert_true(done.now.settled && !done.busy && done.lost == 0);
		assert_int_equal(done.fit + done.set, 2);
		assert_int_equal(done.left, 0);
	}
	return result;
}

static void is_adopted(void)
{
	assert_false(spooldir_exists(&s.d, ".hookspool/imports/0123"));
	assert_false(spooldir_exists(&s.d, ".hookspool/" HS_HISTORY_BACKUP)); /* no backup goes on into a spool */
	restart();
	put_known("a d", 2);
	assert_once(&s.d, "a b c d");
	assert_sound(&s.d);
	stop();
}

TEST_WITH(adopt, NULL, tell_plan)
{
	fail_each(&(struct job){ prepare_adopt, run_adopt, is_adopted, 0 });
}

/* An older copy of a segment that was sealed since, with events that came later. */
static void prepare_older_copy(void)
{
	struct hs_buf text;
	char *third;

	make("rotate_min_gap = 0\n");
	put("a b c d");
	text = spooldir_read(&s.d, "events.jsonl");
	rotate();
	file_time_passes();
	hs_io_pause(2); /* times of events have milliseconds */
	put("n o");
	stop();
	third = (char *)memchr(text.p, '\n', text.n) + 1;
	third = (char *)memchr(third, '\n', (size_t)(text.p + text.n - third)) + 1;
	hs_buf_reset(&later);
	later = spooldir_read(&s.d, "events.jsonl");
	spooldir_write(&s.d, "events.jsonl", hs_slice(text.p, (size_t)(third - text.p)));
	spooldir_add(&s.d, "events.jsonl", hs_buf_slice(&later));
	spooldir_add(&s.d, spooldir_name(&s.d, "events-", 0), HS_SLICE("{\"type\":\"page\"}\n")); /* without an id */
	hs_buf_free(&text);
	hs_buf_free(&later);
	spooldir_unlink(&s.d, ".hookspool/run/state");
}

static enum hs_result run_adopt_copy(void)
{
	struct hs_adopter how = { .from = HS_ADOPT_OLDEST };
	struct hs_adoption done;
	enum hs_result result = hs_adopt(s.d.settings, &how, &done);

	assert_true(result != HS_OK || (done.now.settled && !done.busy && done.doubtful == 0));
	return result;
}

static void is_there_once(void)
{
	restart();
	put_known("a d n o", 4);
	assert_once(&s.d, "a b c d n o");
	stop();
}

TEST_WITH(adopt_an_older_copy, NULL, tell_plan)
{
	fail_each_of(FAIL_CALL(WRAP_PREAD) | FAIL_CALL(WRAP_MALLOC) | FAIL_CALL(WRAP_REALLOC) | FAIL_CALL(WRAP_FSTAT),
	             &(struct job){ prepare_older_copy, run_adopt_copy, is_there_once, 40 });
}

/* --- verify -------------------------------------------------------------------------- */

static void damage_two(void)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a b");
	seal("c");
	put("d");
	spooldir_add(&s.d, spooldir_name(&s.d, "events-", 0), HS_SLICE("{\"a\":}\n"));
	spooldir_add(&s.d, spooldir_name(&s.d, "events-", 1), HS_SLICE("torn"));
	spooldir_age(&s.d, spooldir_name(&s.d, "events-", 1)); /* it is no copy under way */
}

static enum hs_result run_repair(void)
{
	struct hs_verifier verifier = { .mend = true };
	struct hs_verified found;

	return hs_spool_verify(s.spool, &verifier, &found);
}

static void is_repaired(void)
{
	assert_no_problems();
	assert_all("a b c d");
	assert_int_equal(spooldir_names(&s.d, ".hookspool", "broken-"), 2);
}

TEST_WITH(repair, NULL, tell_plan)
{
	fail_each(&(struct job){ damage_two, run_repair, is_repaired, 0 });
}

/* --- readers, cursors ------------------------------------------------------------------- */

static void prepare_read(void)
{
	seal_two();
	maintain();
	s.got[0] = '\0';
}

/* The words are read in order; none is left out, whatever fails between them. */
static enum hs_result run_read(void)
{
	struct hs_reader *reader;
	struct hs_slice line;
	enum hs_read read;
	enum hs_result result = hs_reader_open(s.d.settings, &reader);
	size_t n = 0;

	s.got[0] = '\0';
	if (result != HS_OK)
		return result;
	while ((read = hs_reader_next(reader, &line)) == HS_READ_LINE || read == HS_READ_FAILED) {
		struct hs_slice word = read == HS_READ_LINE ? word_of(line) : HS_SLICE("");

		if (read == HS_READ_FAILED)
			assert_int_not_equal(hs_reader_result(reader), HS_OK);
		else
			n += (size_t)snprintf(s.got + n, sizeof s.got - n, "%.*s ", (int)word.n, word.p);
	}
	hs_reader_close(reader);
	assert_int_equal(read, HS_READ_END);
	return HS_OK;
}

static void is_read(void)
{
	assert_string_equal(s.got, "a b c d ");
}

TEST_WITH(reading, NULL, tell_plan)
{
	fail_each(&(struct job){ prepare_read, run_read, is_read, 0 });
}

static enum hs_result move_cursor(struct hs_spool_dir *dir, struct hs_position to)
{
	struct hs_cursor *cursor;
	int64_t holder;
	bool fresh;
	enum hs_result result = hs_cursor_open(dir, "mine", &cursor, &fresh, &holder);

	if (result != HS_OK)
		return result;
	result = hs_cursor_save(cursor, to);
	hs_cursor_close(cursor);
	return result;
}

static struct hs_position third; /* after two lines */

static void prepare_cursor(void)
{
	seal_two();
	third = position_after(2);
}

static enum hs_result run_cursor(void)
{
	struct hs_opened_spool o;
	enum hs_result result = hs_spool_dir_open(&o, s.d.settings, true);

	if (result != HS_OK)
		return result;
	result = move_cursor(&o.dir, third);
	hs_spool_dir_close(&o);
	return result;
}

static void is_moved(void)
{
	struct hs_opened_spool o;
	struct hs_cursor *cursor;
	struct hs_position at;
	int64_t holder;
	bool fresh;

	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_result(hs_cursor_open(&o.dir, "mine", &cursor, &fresh, &holder), HS_OK);
	at = hs_cursor_position(cursor);
	assert_false(fresh || hs_cursor_is_foreign(cursor));
	assert_true(at.number == third.number && at.offset == third.offset);
	hs_cursor_close(cursor);
	hs_spool_dir_close(&o);
}

TEST_WITH(cursors, NULL, tell_plan)
{
	fail_each(&(struct job){ prepare_cursor, run_cursor, is_moved, 0 });
}

/* --- the catalogue of events --------------------------------------------------------------- */

static uint64_t counted;

static enum hs_result run_count(void)
{
	struct hs_schema schema = { 0 };
	struct hs_reader *reader;
	enum hs_result result = hs_reader_open(s.d.settings, &reader);

	if (result != HS_OK)
		return result;
	result = hs_schema_advance(reader, &(struct hs_schema_work){ 0 }, &schema);
	counted = schema.table.records;
	hs_schema_free(&schema);
	hs_reader_close(reader);
	return result;
}

static void is_counted(void)
{
	assert_int_equal(counted, 4);
}

TEST_WITH(the_catalogue_counts, NULL, tell_plan)
{
	fail_each(&(struct job){ seal_two, run_count, is_counted, 0 });
}

int main(void)
{
	if (access("/dev/shm", W_OK) == 0) /* no power cuts: memory will do, and is quick */
		setenv("TMPDIR", "/dev/shm", 0);
	return unit_run("command_faults", NULL, finish);
}

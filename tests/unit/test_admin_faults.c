/*
 * admin_faults: whichever call of a backup, an adoption, maintenance or a repair fails, nothing is lost, none says that
 * it is done before it is, and the next run completes it.
 */
#include "base/io.h"
#include "spool/admin/adopt.h"
#include "spool/admin/backup.h"
#include "spool/admin/verify.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_spool.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct spooldir copy; /* of a backup */

FIXTURE(tell_and_finish)
{
	fail_each_tell();
	spooldir_remove(&copy);
	return finish(state);
}

/* --- backup ----------------------------------------------------------------------------- */

static enum hs_result run_backup(void)
{
	struct hs_backup_how how = { copy.path, NULL, NULL };
	struct hs_backup done;
	enum hs_result result = hs_backup(s.d.settings, &how, &done);

	assert_true(result != HS_OK || !done.inside);
	return result == HS_OK && (done.busy || done.refused) ? HS_E_LOCKED : result;
}

/* An earlier backup has what the spool no longer has: a segment that is compressed by now, a cursor, letters. */
static void prepare_backup(void)
{
	make("rotate_min_gap = 0\ncompress = gzip\n");
	spooldir_remove(&copy);
	spooldir_make(&copy, "rotate_min_gap = 0\n");
	seal("a b");
	put("c");
	save_cursor("mine", position_after(1));
	save_cursor("gone", position_after(1));
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE("{}\n"));
	spooldir_write(&s.d, "failed-old.jsonl", HS_SLICE("{}\n"));
	assert_result(run_backup(), HS_OK);
	maintain();
	seal("d");
	put("e");
	spooldir_unlink(&s.d, ".hookspool/cursors/gone");
	spooldir_unlink(&s.d, "failed-old.jsonl");
	spooldir_write(&s.d, "erased.jsonl", HS_SLICE("{}\n"));
}

static void is_backed_up(void)
{
	assert_once(&copy, "a b c d e");
	assert_int_equal(spooldir_lines(&copy), 5);
	assert_true(spooldir_exists(&copy, ".hookspool/cursors/mine"));
	assert_false(spooldir_exists(&copy, ".hookspool/cursors/gone"));
	assert_true(spooldir_exists(&copy, "failed.jsonl"));
	assert_false(spooldir_exists(&copy, "failed-old.jsonl"));
	assert_true(spooldir_exists(&copy, "erased.jsonl"));
	assert_int_equal(spooldir_names(&copy, "", "events-"), 2);
}

TEST(a_backup)
{
	fail_each(&(struct job){ prepare_backup, run_backup, is_backed_up, 16 });
}

static void prepare_first_backup(void)
{
	make("rotate_min_gap = 0\n");
	spooldir_remove(&copy);
	spooldir_make(&copy, "rotate_min_gap = 0\n");
	seal("a");
	put("b");
}

static void is_first_backup(void)
{
	assert_once(&copy, "a b");
}

TEST(the_first_backup)
{
	fail_each(&(struct job){ prepare_first_backup, run_backup, is_first_backup, 16 });
}

/* --- adopt ------------------------------------------------------------------------------- */

static enum hs_adopt_from from;

/* A backup with three cursors, of which one fits and one is damaged, and with the checkpoint of an import. */
static void prepare_adoption(void)
{
	struct hs_position p;

	prepare_first_backup();
	save_cursor("fits", position_after(1));
	p = position_after(1);
	p.number = 9;
	save_cursor("ahead", p);
	spooldir_mkdir(&s.d, ".hookspool/imports");
	spooldir_write(&s.d, ".hookspool/imports/0123", HS_SLICE("{\"done\":1,\"line\":1}\n"));
	assert_result(run_backup(), HS_OK);
	spooldir_write(&copy, ".hookspool/cursors/damaged", HS_SLICE("x"));
	spooldir_unlink(&copy, ".hookspool/spool");
}

static enum hs_result run_adopt(void)
{
	struct hs_adopter how = { .from = from, .from_ms = 1, .accept_loss = from != HS_ADOPT_OLDEST };
	struct hs_adoption done;
	enum hs_result result = hs_adopt(copy.settings, &how, &done);

	return result == HS_OK && (done.busy || !done.now.settled) ? HS_E_LOCKED : result;
}

static void is_adopted(void)
{
	assert_once(&copy, "a b");
	assert_sound(&copy);
	assert_false(spooldir_exists(&copy, ".hookspool/backup"));
	assert_false(spooldir_exists(&copy, ".hookspool/imports/0123"));
}

TEST(an_adoption)
{
	static const enum hs_adopt_from each[] = { HS_ADOPT_OLDEST, HS_ADOPT_NOW, HS_ADOPT_SINCE };

	for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
		from = each[i];
		fail_each_of(i == 0 ? UINT_MAX : FAIL_CALL(WRAP_PREAD) | FAIL_CALL(WRAP_FDOPENDIR),
		             &(struct job){ prepare_adoption, run_adopt, is_adopted, 16 });
	}
}

/* --- maintenance -------------------------------------------------------------------------- */

/* A plain segment and its finished .gz, as a killed run leaves them, and an old segment and dead letter. */
static void prepare_maintenance(void)
{
	static const char old[] = "events-20200101T000000.000Z-000001.jsonl";
	char plain[HS_SEALED_NAME];
	struct hs_buf text;

	make("rotate_min_gap = 0\nretain_days = 30\nretain_bytes = 1G\n");
	maintain(); /* the clock is believed before there is an old segment */
	spooldir_write(&s.d, old, HS_SLICE("{\"spooled_at\":\"2020-01-01T00:00:00.000Z\"}\n"));
	seal("a");
	snprintf(plain, sizeof plain, "%s", spooldir_name(&s.d, "events-", 1));
	text = spooldir_read(&s.d, plain);
	spooldir_rename(&s.d, old, "away");
	maintain();
	spooldir_rename(&s.d, "away", old);
	spooldir_write(&s.d, plain, hs_buf_slice(&text));
	spooldir_age(&s.d, plain);
	hs_buf_free(&text);
	seal("b");
	put("c");
	spooldir_write(&s.d, "failed.jsonl",
	               HS_SLICE("{\"failed_at\":\"2020-01-01T00:00:00.000Z\",\"record\":{\"spooled_at\":"
	                        "\"2020-01-01T00:00:00.000Z\"}}\n"));
}

static enum hs_result run_maintenance(void)
{
	enum hs_result result = hs_spool_maintain(s.spool, NULL, NULL, &s.maintained);

	/*
	 * If it cannot see how old the oldest event is, it drops no letter, and if it cannot see whose files they are
	 * it removes no copy; the next run does.
	 */
	return result == HS_OK && (s.maintained.busy || spooldir_exists(&s.d, "failed.jsonl") ||
	                           spooldir_names(&s.d, "", "events-") > 2)
	           ? HS_E_LOCKED
	           : result;
}

static void is_maintained(void)
{
	assert_once(&s.d, "a b c");
	assert_int_equal(spooldir_lines(&s.d), 3);
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 2);
}

TEST(maintenance)
{
	fail_each(&(struct job){ prepare_maintenance, run_maintenance, is_maintained, 16 });
}

/* --- repair -------------------------------------------------------------------------------- */

/* A line that is no record, a torn one, and a wrong summary. */
static void prepare_repair(void)
{
	make("rotate_min_gap = 0\n");
	seal("a b");
	spooldir_add(&s.d, spooldir_name(&s.d, "events-", 0), HS_SLICE("{\"a\":}\n"));
	seal("c");
	spooldir_add(&s.d, spooldir_name(&s.d, "events-", 1), HS_SLICE("{\"a\":"));
	spooldir_age(&s.d, spooldir_name(&s.d, "events-", 0));
	spooldir_age(&s.d, spooldir_name(&s.d, "events-", 1));
	put("d");
}

static enum hs_result run_repair(void)
{
	struct hs_verifier verifier = { NULL, NULL, NULL, true };
	struct hs_verified found;

	return hs_spool_verify(s.spool, &verifier, &found);
}

static void is_repaired(void)
{
	assert_no_problems();
	assert_all("a b c d");
	assert_sound(&s.d);
}

TEST(a_repair)
{
	fail_each(&(struct job){ prepare_repair, run_repair, is_repaired, 16 });
}

int main(void)
{
	if (access("/dev/shm", W_OK) == 0) /* failures, not power cuts: memory will do, and is quick */
		setenv("TMPDIR", "/dev/shm", 0);
	return unit_run("admin_faults", NULL, tell_and_finish);
}

/*
 * adopt: files from elsewhere become a spool: numbers go on after the highest that is there,
 * cursors are kept if they fit and reported if not, losses are reported; after a kill anywhere it
 * can run again. And loss: what cannot be rebuilt is never replaced silently.
 */
#include "base/io.h"
#include "spool/admin/adopt.h"
#include "spool/admin/erasure_log.h"
#include "spool/admin/loss.h"
#include "spool/admin/open_copy.h"
#include "spool/admin/suppression_list.h"
#include "spool/dedup/tombstones.h"
#include "spool/position/cursor.h"
#include "spool/shared/spool_dir.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static char told[512]; /* "name:what name:what" */

static void note(void *context, const char *name, enum hs_adopted what, struct hs_position p)
{
	size_t used = strlen(told);

	(void)context;
	(void)p;
	snprintf(told + used, sizeof told - used, "%s%s:%d", used > 0 ? " " : "", name, (int)what);
}

static struct hs_adoption adopt(enum hs_adopt_from from, bool accept_loss)
{
	struct hs_adopter how = { .from = from, .accept_loss = accept_loss, .cursor = note };
	struct hs_adoption done;

	told[0] = '\0';
	restart();
	assert_int_equal(hs_adopt(s.d.settings, &how, &done), HS_OK);
	return done;
}

/* Opens a cursor, and saves *p if given. Returns its position, and whether it belongs to another history. */
static struct hs_position cursor(const char *name, const struct hs_position *p, bool *foreign)
{
	struct hs_position at;
	struct hs_opened_spool o;
	struct hs_cursor *c;
	int64_t holder;
	bool fresh;

	assert_int_equal(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_int_equal(hs_cursor_open(&o.dir, name, &c, &fresh, &holder), HS_OK);
	if (p != NULL)
		assert_int_equal(hs_cursor_save(c, *p), HS_OK);
	at = hs_cursor_position(c);
	if (foreign != NULL)
		*foreign = hs_cursor_is_foreign(c);
	hs_cursor_close(c);
	hs_spool_dir_close(&o);
	return at;
}

/* --- numbers, cursors --------------------------------------------------------- */

TEST(cursors_that_fit_are_kept)
{
	struct hs_position p, at;
	struct hs_adoption done;
	bool foreign;

	make("rotate_min_gap = 0\n");
	seal("a b");
	put("c d");
	p = position_after(3);
	cursor("fits", &p, NULL);
	p.before++;
	cursor("other", &p, NULL);
	p.before = 0;
	cursor("unknown", &p, NULL);
	p = (struct hs_position){ 7, 100, 0, 1 };
	cursor("ahead", &p, NULL);
	spooldir_write(&s.d, ".hookspool/cursors/broken", HS_SLICE("x"));
	done = adopt(HS_ADOPT_LEAVE, false);
	assert_true(done.now.epoch == 2 && done.fit == 1 && done.left == 4 && done.set == 0);
	assert_string_equal(told, "ahead:2 broken:4 fits:0 other:2 unknown:3");
	at = cursor("fits", NULL, &foreign);
	assert_true(at.number == 2 && at.offset > 0 && !foreign);
	cursor("unknown", NULL, &foreign);
	assert_true(foreign);
	done = adopt(HS_ADOPT_OLDEST, false);
	assert_true(done.now.epoch == 3 && done.fit == 1 && done.set == 4 && done.left == 0);
	at = cursor("broken", NULL, &foreign);
	assert_true(at.number == 0 && !foreign);
	p.number = 9;
	cursor("ahead", &p, NULL);
	done = adopt(HS_ADOPT_NOW, false);
	at = cursor("ahead", NULL, &foreign);
	assert_true(done.set == 1 && at.number == done.end.number && at.offset == done.end.offset);
	assert_true(at.before == position_after(4).before);
	done = adopt(HS_ADOPT_NOW, false);
	assert_true(done.fit == 5 && done.left == 0 && done.set == 0);
}

/* A mirror holds segments only: it has no .hookspool, or an old one. */
TEST(a_mirror_takes_over)
{
	struct hs_adoption done;
	struct hs_buf text;

	for (int old = 0; old < 2; old++) {
		make("rotate_min_gap = 0\n");
		if (old) { /* it was in use before, in this very boot */
			seal("z");
			restart();
			spooldir_unlink(&s.d, spooldir_name(&s.d, "events-", 0));
		} else {
			spooldir_mkdir(&s.d, "");
		}
		spooldir_write(&s.d, "events-20260101T000000.000Z-000006.jsonl",
		               HS_SLICE("{\"type\":\"page\",\"message_id\":\"x\"}\n"));
		spooldir_write(&s.d, "events-20260101T000001.000Z-000007.jsonl",
		               HS_SLICE("{\"type\":\"page\",\"message_id\":\"y\"}\n"));
		text = spooldir_read(&s.d, "events-20260101T000001.000Z-000007.jsonl");
		spooldir_write(&s.d, "events.jsonl", hs_buf_slice(&text)); /* as it was a moment earlier */
		hs_buf_free(&text);
		done = adopt(HS_ADOPT_LEAVE, false);
		assert_true(done.segments == 2 && done.end.number == 8 && done.dropped == 1);
		assert_true(done.now.settled && done.now.epoch == 2);
		seal("n");
		assert_non_null(strstr(spooldir_name(&s.d, "events-", 2), "-000008.jsonl"));
		assert_once(&s.d, "x y n");
		assert_sound(&s.d);
	}
}

TEST(cursors_that_misfit_begin_at_a_time)
{
	struct hs_adopter how = { .from = HS_ADOPT_SINCE, .cursor = note };
	struct hs_position p = { 9, 100, 0, 1 };
	struct hs_adoption done;

	make("rotate_min_gap = 0\n");
	seal("a b");
	hs_io_pause(2); /* times of events have milliseconds */
	how.from_ms = hs_io_now();
	put("c d");
	maintain(); /* the summary tells that all of segment 1 is older */
	cursor("ahead", &p, NULL);
	restart();
	assert_int_equal(hs_adopt(s.d.settings, &how, &done), HS_OK);
	assert_int_equal(done.set, 1);
	p = cursor("ahead", NULL, NULL);
	assert_true(p.number == 2 && p.offset == 0);
}

TEST(a_cursor_that_is_held_is_left)
{
	struct hs_position p = { 9, 100, 0, 1 };
	int fd;

	make("rotate_min_gap = 0\n");
	put("a");
	cursor("ahead", &p, NULL);
	fd = open(spooldir_path(&s.d, ".hookspool/cursors/.ahead"), O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(adopt(HS_ADOPT_OLDEST, false).left, 1);
	assert_string_equal(told, "ahead:5");
	close(fd);
	assert_true(cursor("ahead", NULL, NULL).number == 9);
	assert_int_equal(adopt(HS_ADOPT_OLDEST, false).set, 1);
}

TEST(a_spool_in_use_is_not_adopted)
{
	struct hs_adopter how = { .from = HS_ADOPT_LEAVE };
	struct hs_adoption done;

	make("rotate_min_gap = 0\n");
	assert_int_equal(hs_adopt(s.d.settings, &how, &done), HS_E_SPOOL_DIR);
	put("a");
	assert_int_equal(hs_adopt(s.d.settings, &how, &done), HS_OK);
	assert_true(done.busy);
	assert_true(adopt(HS_ADOPT_LEAVE, false).now.epoch == 2);
}

/* An erase that reads the files itself has no spool open. */
TEST(nothing_is_adopted_during_an_erase)
{
	struct hs_adopter how = { .from = HS_ADOPT_LEAVE };
	struct hs_adoption done;
	int fd;

	make("");
	put("a");
	stop();
	fd = open(spooldir_path(&s.d, ".hookspool/run/erase"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(hs_adopt(s.d.settings, &how, &done), HS_OK);
	assert_true(done.busy && done.now.epoch == 0);
	close(fd);
	assert_int_equal(hs_adopt(s.d.settings, &how, &done), HS_OK);
	assert_true(!done.busy && done.now.epoch == 2);
}

TEST(imports_start_again)
{
	struct hs_adoption done;

	make("rotate_min_gap = 0\n");
	put("a");
	spooldir_mkdir(&s.d, ".hookspool/imports");
	spooldir_write(&s.d, ".hookspool/imports/0123", HS_SLICE("{\"done\":1,\"line\":1}\n"));
	done = adopt(HS_ADOPT_LEAVE, false);
	assert_true(done.imports == 1);
	assert_false(spooldir_exists(&s.d, ".hookspool/imports/0123"));
}

/* It is not said that all is settled while the folder of the imports cannot be read. */
TEST(imports_that_cannot_be_read)
{
	struct hs_adopter how = { .from = HS_ADOPT_LEAVE };
	struct hs_adoption done;

	make("rotate_min_gap = 0\n");
	put("a");
	stop();
	spooldir_write(&s.d, ".hookspool/imports", HS_SLICE("no folder"));
	assert_result(hs_adopt(s.d.settings, &how, &done), HS_E_IO);
	assert_false(done.now.settled);
	spooldir_unlink(&s.d, ".hookspool/imports");
	assert_true(adopt(HS_ADOPT_LEAVE, false).now.settled);
}

/* --- losses --------------------------------------------------------------------- */

static unsigned lost(void)
{
	struct hs_opened_spool o;
	unsigned lost;

	assert_int_equal(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_int_equal(hs_loss_find(&o.dir, &lost), HS_OK);
	hs_spool_dir_close(&o);
	return lost;
}

/* Anna was erased and is suppressed. */
static void with_anna(bool suppressed)
{
	struct hs_erasure_entry begun = { "begun", "command", suppressed, NULL },
				end = { "done", "command", suppressed, NULL };
	struct hs_subjects people;
	struct hs_subject anna = { .kind = HS_SUBJECT_USER,
		                   .id = (char[]){ "anna" },
		                   .n = 4,
		                   .tenant = (char[]){ "" },
		                   .until_ms = INT64_MAX };
	struct hs_opened_spool o;

	make("rotate_min_gap = 0\n");
	put("a");
	assert_int_equal(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	hs_subjects_init(&people, 7);
	assert_true(hs_subjects_add(&people, &anna, NULL));
	if (suppressed)
		assert_int_equal(hs_suppression_list_add(&o.dir, &people), HS_OK);
	assert_int_equal(hs_erasure_log_put(&o.dir, &people, &begun), HS_OK);
	people.list[0]->events = 3;
	assert_int_equal(hs_erasure_log_put(&o.dir, &people, &end), HS_OK);
	hs_subjects_free(&people);
	hs_spool_dir_close(&o);
	assert_int_equal(lost(), 0);
	restart();
}

enum { LIST_ANNA = HS_SUPPRESSION_LIST_EMPTY + HS_SUPPRESSION_LIST_HASH }; /* bytes of the list with her alone */

/* The list, or the salt without which nobody is found in it: gone, cut, changed, or no text of ours. */
TEST(a_list_that_is_lost_is_503)
{
	static const struct {
		const char *file;
		int cut; /* to so many bytes; -1: removed */
		const char *text;
		unsigned lost;
		int flip; /* the byte of which a bit is changed; 0: of none */
	} damage[] = {
		{ ".hookspool/suppressed", -1, NULL, HS_LOSS_SUPPRESSED, 0 },
		{ ".hookspool/suppressed", 0, NULL, HS_LOSS_SUPPRESSED, 0 },
		{ ".hookspool/suppressed", LIST_ANNA - 1, NULL, HS_LOSS_SUPPRESSED, 0 },
		{ ".hookspool/suppressed", LIST_ANNA, NULL, HS_LOSS_SUPPRESSED, 3 },             /* its format */
		{ ".hookspool/suppressed", LIST_ANNA, NULL, HS_LOSS_SUPPRESSED, 15 },            /* its check sum */
		{ ".hookspool/suppressed", LIST_ANNA, NULL, HS_LOSS_SUPPRESSED, LIST_ANNA - 1 }, /* her hash */
		{ ".hookspool/salt", -1, NULL, HS_LOSS_SALT, 0 },
		{ ".hookspool/salt", 31, NULL, HS_LOSS_SALT, 0 },
		{ ".hookspool/salt", 0, "0123456789abcdef0123456789abcdeF", HS_LOSS_SALT, 0 },
		{ ".hookspool/salt", 0, "0123456789abcdef0123456789abcdef", HS_LOSS_SUPPRESSED, 0 }, /* another's */
	};

	for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
		const char *file = damage[i].file;

		with_anna(true);
		if (damage[i].cut < 0)
			spooldir_unlink(&s.d, file);
		else
			spooldir_cut(&s.d, file, damage[i].cut);
		if (damage[i].text != NULL)
			spooldir_write(&s.d, file, hs_slice_str(damage[i].text));
		if (damage[i].flip > 0)
			spooldir_flip(&s.d, file, (size_t)damage[i].flip);
		assert_true(append("b") == (damage[i].flip == 3 ? HS_E_SPOOL_VERSION : HS_E_SUPPRESSED));
		assert_true(hs_spool_health(s.spool, NULL) != HS_OK);
		assert_int_equal(lost(), damage[i].lost);
		assert_int_equal(spooldir_exists(&s.d, file), damage[i].cut >= 0); /* none is made in its place */
		assert_true(adopt(HS_ADOPT_LEAVE, false).lost != 0);
		assert_true(append("b") != HS_OK);
		assert_true(adopt(HS_ADOPT_LEAVE, true).lost != 0);
		put("b");
		assert_int_equal(hs_spool_health(s.spool, NULL), HS_OK);
		assert_int_equal(lost(), 0);
		assert_int_equal(adopt(HS_ADOPT_LEAVE, false).lost, 0);
	}
	with_anna(false); /* no list was needed: nothing is lost */
	put("b");
	assert_int_equal(hs_spool_health(s.spool, NULL), HS_OK);
}

TEST(a_loss_is_reported_until_it_is_accepted)
{
	with_anna(false);
	spooldir_unlink(&s.d, ".hookspool/salt");
	spooldir_unlink(&s.d, ".hookspool/erased-ids");
	assert_int_equal(lost(), HS_LOSS_SALT | HS_LOSS_ERASED);
	put("b");
	spooldir_rename(&s.d, ".hookspool", "lost");
	restart();
	assert_int_equal(lost(), HS_LOSS_SALT | HS_LOSS_ERASED | HS_LOSS_HISTORY);
	put("c");
	assert_int_equal(adopt(HS_ADOPT_LEAVE, true).lost, HS_LOSS_SALT | HS_LOSS_ERASED);
	assert_int_equal(lost(), 0);
	assert_once(&s.d, "a b c");
}

/* Changes the list of erased ids to what a disk, or a mirror that was cut off, may make of it. */
static void damage_erased(int how, const struct hs_buf *older)
{
	static const char file[] = ".hookspool/erased-ids";

	if (how == 0)
		spooldir_flip(&s.d, file, 3);
	else if (how == 1)
		spooldir_cut(&s.d, file, spooldir_size(&s.d, file) - 1);
	else if (how == 2)
		spooldir_write(&s.d, file, hs_buf_slice(older));
	else
		spooldir_unlink(&s.d, file);
}

/* A user is erased twice. Lines of the open segment may be theirs if the list is not whole. */
TEST(erased_ids_are_those_of_the_receipts)
{
	for (int how = 0; how < 4; how++) {
		struct hs_buf older;

		make("rotate_min_gap = 0\n");
		put("anna@a b");
		assert_int_equal(events_erase(s.spool, &s.d, "anna"), 1);
		older = spooldir_read(&s.d, ".hookspool/erased-ids");
		put("anna@c");
		assert_int_equal(events_erase(s.spool, &s.d, "anna"), 1);
		assert_true(older.n > 0 && (size_t)spooldir_size(&s.d, ".hookspool/erased-ids") > older.n);
		assert_int_equal(lost(), 0);
		damage_erased(how, &older);
		assert_int_equal(lost(), HS_LOSS_ERASED);
		assert_int_equal(events_erase(s.spool, &s.d, "otto"), 0); /* its receipt does not hide that */
		assert_int_equal(lost(), HS_LOSS_ERASED);
		put("d");
		assert_true(adopt(HS_ADOPT_LEAVE, false).stale);
		assert_int_equal(lost(), HS_LOSS_ERASED);
		assert_int_equal(adopt(HS_ADOPT_LEAVE, true).lost, HS_LOSS_ERASED);
		assert_int_equal(lost(), 0);
		assert_false(adopt(HS_ADOPT_LEAVE, false).stale);
		hs_buf_free(&older);
	}
}

/* A receipt whose numbers are damaged tells nothing: the one before it counts. */
TEST(receipts_that_are_damaged)
{
	static const char *const lines[] = { "{\"state\":\"done\",\"erased_ids\":x}\n",
		                             "{\"state\":\"done\",\"erased_ids\":7,\"erased_check\":7}\n" };

	make("rotate_min_gap = 0\n");
	put("anna@a b");
	assert_int_equal(events_erase(s.spool, &s.d, "anna"), 1);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		spooldir_add(&s.d, "erased.jsonl", hs_slice_str(lines[i]));
	assert_int_equal(lost(), 0);
	damage_erased(0, NULL);
	assert_int_equal(lost(), HS_LOSS_ERASED);
}

static struct hs_opened_spool open_spool = SPOOLDIR_CLOSED;

static void lose_erased(void)
{
	hs_spool_dir_close(&open_spool);
	make("rotate_min_gap = 0\n");
	put("anna@a b");
	assert_int_equal(events_erase(s.spool, &s.d, "anna"), 1);
	spooldir_unlink(&s.d, ".hookspool/erased-ids");
	assert_result(hs_spool_dir_open(&open_spool, s.d.settings, true), HS_OK);
	assert_result(hs_tombstones_make(open_spool.dir.private_dir), HS_OK);
}

static enum hs_result run_give_up(void)
{
	return hs_erasure_log_give_up(&open_spool.dir);
}

static void is_given_up(void)
{
	assert_int_equal(lost(), 0);
}

/* The loss is no longer reported once a receipt says so, and not before. */
TEST(ids_that_are_given_up)
{
	fail_each(&(struct job){ lose_erased, run_give_up, is_given_up, 0 });
	hs_spool_dir_close(&open_spool);
}

/* A mark that cannot be read is neither none nor one of a whole backup. */
TEST(the_mark_of_a_backup)
{
	enum hs_loss_backup backup;
	struct hs_opened_spool o;

	make("");
	put("a");
	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_result(hs_loss_backup(&o.dir, &backup), HS_OK);
	assert_int_equal(backup, HS_LOSS_NO_BACKUP);
	assert_result(hs_history_put(o.dir.private_dir, o.dir.run_dir, HS_HISTORY_BACKUP, &o.dir.history), HS_OK);
	assert_result(hs_loss_backup(&o.dir, &backup), HS_OK);
	assert_int_equal(backup, HS_LOSS_WHOLE_BACKUP);
	wrap_fail(WRAP_OPENAT, 1, 1, EIO);
	assert_result(hs_loss_backup(&o.dir, &backup), HS_E_IO);
	wrap_reset();
	spooldir_write(&s.d, ".hookspool/backup", HS_SLICE("nonsense"));
	assert_result(hs_loss_backup(&o.dir, &backup), HS_OK);
	assert_int_equal(backup, HS_LOSS_PART_OF_BACKUP);
	hs_spool_dir_close(&o);
}

/* An erase of nobody leaves no receipt, and so none of which something could be lost. */
TEST(an_erase_of_nobody)
{
	struct hs_erasure_entry end = { "done", "command", true, NULL };
	struct hs_subjects people;
	struct hs_opened_spool o;

	make("");
	put("a");
	hs_subjects_init(&people, 7);
	assert_int_equal(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_int_equal(hs_erasure_log_put(&o.dir, &people, &end), HS_OK);
	hs_spool_dir_close(&o);
	hs_subjects_free(&people);
	assert_false(spooldir_exists(&s.d, "erased.jsonl"));
	assert_int_equal(lost(), 0);
}

/* A process that has read the receipts reads them again if they are fewer by now: somebody has replaced them. */
TEST(receipts_that_are_replaced)
{
	with_anna(false);
	put("b");
	spooldir_write(&s.d, "erased.jsonl", HS_SLICE("{\"state\":\"done\",\"suppressed\":true}\n"));
	restart();
	assert_int_equal(append("c"), HS_E_SUPPRESSED);
}

/* The erasure log is read when a spool is opened; a process that has it open does not look again. */
TEST(a_list_that_comes_later)
{
	with_anna(false);
	put("b");
	spooldir_add(&s.d, "erased.jsonl", HS_SLICE("{\"state\":\"done\",\"suppressed\":true}\n"));
	put("c"); /* this process has looked already */
	restart();
	assert_int_equal(append("d"), HS_E_SUPPRESSED);
}

/* --- an older copy of a segment that was sealed since --------------------------------- */

static struct hs_buf lines_of(const char *words)
{
	struct events *e = events_new(words);
	struct hs_buf lines = e->lines;

	e->lines = (struct hs_buf){ 0 };
	events_free(e);
	return lines;
}

/* Lines `from` to `to` - 1 of a text. */
static struct hs_slice lines_from(const struct hs_buf *text, unsigned from, unsigned to)
{
	const char *p = text->p, *end = text->p + text->n, *first = NULL;

	for (unsigned i = 0; i < to; i++) {
		if (i == from)
			first = p;
		p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
	}
	return hs_slice(first, (size_t)(p - first));
}

/* A spool with one sealed segment of these events, whose text is returned; nobody has it open. */
static struct hs_buf sealed_alone(const char *words, const char *settings, bool gzip)
{
	struct hs_buf text;

	make(settings);
	put(words);
	text = spooldir_read(&s.d, "events.jsonl");
	rotate();
	if (gzip)
		maintain();
	stop();
	assert_int_equal(strstr(spooldir_name(&s.d, "events-", 0), ".gz") != NULL, gzip);
	return text;
}

TEST(an_older_copy_does_not_come_in_again)
{
	static const char *const settings[] = { "rotate_min_gap = 0\n", "rotate_min_gap = 0\ndedup_window = 0\n" };

	for (int i = 0; i < 4; i++) {
		struct hs_buf text = sealed_alone("a b c d", settings[i / 2], i % 2 > 0);
		struct hs_adoption done;

		spooldir_write(&s.d, "events.jsonl", lines_from(&text, 0, 3));
		if (i % 2 > 0)
			spooldir_add(&s.d, "events.jsonl", HS_SLICE("{\"type\":\"tr")); /* cut off in the middle */
		done = adopt(HS_ADOPT_LEAVE, false);
		assert_true(done.repeated == 3 && done.dropped == 1 && done.end.offset == 0);
		assert_all("a b c d");
		assert_no_problems();
		assert_int_equal(adopt(HS_ADOPT_LEAVE, false).repeated, 0);
		hs_buf_free(&text);
	}
}

/* The sealed segment no longer begins like the copy. */
/* A power cut would bring the lines back. */
TEST(lines_that_are_taken_out_are_gone_from_the_disk)
{
	for (unsigned lines = 3; lines <= 5; lines++) {
		struct hs_buf text = sealed_alone("a b c d", "rotate_min_gap = 0\n", false);
		struct hs_opened_spool o;
		struct hs_open_copy copy;

		spooldir_write(&s.d, "events.jsonl", lines_from(&text, 0, lines > 4 ? 4 : lines));
		if (lines > 4)
			spooldir_add(&s.d, "events.jsonl", HS_SLICE("{\"type\":\"page\",\"message_id\":\"new\"}\n"));
		assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
		assert_result(hs_open_copy_look(&o.dir, "events", &copy), HS_OK);
		assert_true(copy.gone > 0);
		if (lines == 4) { /* the whole file goes */
			wrap_fail(WRAP_UNLINKAT, 1, 1, EIO);
			assert_result(hs_open_copy_clean(&o.dir, &copy), HS_E_IO);
			wrap_reset();
			assert_true(spooldir_exists(&s.d, "events.jsonl"));
		}
		wrap_fail(WRAP_FSYNC, 1, WRAP_FOREVER, EIO);
		assert_true(hs_open_copy_clean(&o.dir, &copy) != HS_OK);
		wrap_reset();
		hs_open_copy_free(&copy);
		hs_spool_dir_close(&o);
		hs_buf_free(&text);
	}
}

TEST(an_erased_event_does_not_come_back)
{
	for (int i = 0; i < 4; i++) {
		bool off = i / 2 > 0; /* then no ids of erased events are kept */
		struct hs_buf text = sealed_alone(
		    "a b c d", off ? "rotate_min_gap = 0\ndedup_window = 0\n" : "rotate_min_gap = 0\n", false);
		const char *name = spooldir_name(&s.d, "events-", 0);

		spooldir_write(&s.d, name, lines_from(&text, 0, 1));
		spooldir_add(&s.d, name, lines_from(&text, 2, 4)); /* without b */
		spooldir_write(&s.d, "events.jsonl", lines_from(&text, 0, i % 2 > 0 ? 3 : 4));
		assert_int_equal(adopt(HS_ADOPT_LEAVE, false).dropped, 1);
		assert_all("a c d");
		assert_no_problems();
		hs_buf_free(&text);
	}
}

/* The open copy ends with b, which its sealed segment does not have. */
static void with_last_line(void)
{
	struct hs_buf text = sealed_alone("a b c", "rotate_min_gap = 0\n", false);
	const char *name = spooldir_name(&s.d, "events-", 0);

	spooldir_write(&s.d, name, lines_from(&text, 0, 1));
	spooldir_add(&s.d, name, lines_from(&text, 2, 3));
	spooldir_write(&s.d, "events.jsonl", lines_from(&text, 0, 2));
	hs_buf_free(&text);
}

TEST(the_last_line_of_an_older_copy_was_erased)
{
	struct hs_tombstone erased = { 0 };
	struct events *e = events_new("b");
	struct hs_opened_spool o;

	with_last_line();
	erased.id = e->record[0].id;
	erased.spooled_s = (uint32_t)(hs_io_now() / 1000);
	assert_int_equal(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_int_equal(hs_tombstones_put(o.dir.private_dir, &erased, 1), HS_OK);
	hs_spool_dir_close(&o);
	events_free(e);
	assert_int_equal(adopt(HS_ADOPT_LEAVE, false).dropped, 1);
	assert_all("a c");
	assert_no_problems();
}

/* Was it erased in the sealed segment, or has it come here? */
TEST(the_last_line_of_an_older_copy_is_doubtful)
{
	struct hs_adoption done;
	off_t size;

	with_last_line();
	size = spooldir_size(&s.d, "events.jsonl");
	done = adopt(HS_ADOPT_LEAVE, false);
	assert_true(done.doubtful == 1 && done.now.settled && done.now.epoch == done.before.epoch);
	assert_int_equal(spooldir_size(&s.d, "events.jsonl"), size);
	done = adopt(HS_ADOPT_LEAVE, true);
	assert_true(done.repeated == 1 && done.dropped == 0 && done.now.epoch == done.before.epoch + 1);
	assert_all("a c b");
	assert_no_problems();
}

/* The copy was served for a while, and the sealed segment came later. */
TEST(new_lines_of_an_older_copy_are_kept)
{
	struct hs_buf text = sealed_alone("a b c", "rotate_min_gap = 0\n", true), later;
	struct hs_adoption done;

	file_time_passes();
	hs_io_pause(2); /* times of events have milliseconds */
	later = lines_of("n b o");
	spooldir_write(&s.d, "events.jsonl", lines_from(&text, 0, 2));
	spooldir_add(&s.d, "events.jsonl", hs_buf_slice(&later));
	done = adopt(HS_ADOPT_LEAVE, false);
	assert_true(done.repeated == 3 && done.dropped == 0 && done.doubtful == 0);
	assert_all("a b c n o");
	put_known("n o c", 3);
	assert_no_problems();
	hs_buf_free(&later);
	hs_buf_free(&text);
}

static const char ANNA[] = "{\"type\":\"page\",\"message_id\":\"x\",\"user_id\":\"anna\",\"spooled_at\":"
			   "\"2026-01-01T00:00:00.000Z\"}\n";

TEST(a_suppressed_person_does_not_come_back)
{
	for (int erased = 0; erased < 2; erased++) {
		with_anna(erased);
		stop();
		spooldir_add(&s.d, "events.jsonl", HS_SLICE(ANNA));
		assert_int_equal(adopt(HS_ADOPT_LEAVE, false).repeated, erased);
		assert_all(erased ? "a" : "a x");
	}
}

TEST(rejected_events_do_not_come_in_again)
{
	static const char first[] = "{\"reason\":\"a\"}\n", all[] = "{\"reason\":\"a\"}\n{\"reason\":\"c\"}\n";
	struct hs_adoption done;

	make("rotate_min_gap = 0\n");
	put("a");
	stop();
	spooldir_write(&s.d, "rejected-20260101T000000.000Z-000006.jsonl", HS_SLICE(all));
	spooldir_write(&s.d, "rejected.jsonl", HS_SLICE("{\"reason\":\"b\"}\n")); /* erased in the sealed one */
	spooldir_add(&s.d, "rejected.jsonl", HS_SLICE(first));
	done = adopt(HS_ADOPT_LEAVE, false);
	assert_true(done.dropped == 1 && done.repeated == 2);
	assert_false(spooldir_exists(&s.d, "rejected.jsonl"));
	assert_all("a");
}

/* --- a copy of the open segment, looked at alone ----------------------------------------------------- */

/* The open copy is of these lines, and the sealed segment, if there is one, of those. */
static void make_copy(const char *stream, const char *open, const char *sealed)
{
	char name[64];

	make("rotate_min_gap = 0\ndedup_window = 1h\n");
	put("a");
	rotate();
	stop();
	snprintf(name, sizeof name, "%s.jsonl", stream);
	spooldir_write(&s.d, name, hs_slice_str(open));
	snprintf(name, sizeof name, "%s-20261123T101500.123Z-000007.jsonl", stream);
	if (sealed != NULL)
		spooldir_write(&s.d, name, hs_slice_str(sealed));
}

static struct hs_open_copy looked;

/* Looks while the nth call, and the one after it, fails. */
static enum hs_result look_while(const char *stream, enum wrap_call call, unsigned nth, int error)
{
	struct hs_opened_spool o;
	enum hs_result result;

	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	wrap_reset();
	wrap_fail(call, nth, 2, error);
	result = hs_open_copy_look(&o.dir, stream, &looked);
	wrap_reset();
	hs_open_copy_free(&looked);
	hs_spool_dir_close(&o);
	return result;
}

static uint64_t gone_of(const char *stream)
{
	struct hs_opened_spool o;
	uint64_t gone;

	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_result(hs_open_copy_look(&o.dir, stream, &looked), HS_OK);
	gone = looked.gone;
	hs_open_copy_free(&looked);
	hs_spool_dir_close(&o);
	return gone;
}

#define LINE(id, time) "{\"type\":\"page\",\"message_id\":\"" id "\",\"spooled_at\":\"2026-11-" time "\"}\n"

/* An id may come again after the window: that line is another event. */
TEST(an_id_that_came_again_later)
{
	make_copy("events", LINE("x", "23T10:00:00.000Z") LINE("y", "23T10:00:00.000Z"),
	          LINE("y", "23T10:00:00.000Z") LINE("x", "23T08:00:00.000Z"));
	assert_int_equal(gone_of("events"), 2); /* y is in both, so that all before it was there, too */
	make_copy("events", LINE("x", "23T10:00:00.000Z"), LINE("x", "23T08:00:00.000Z"));
	assert_int_equal(gone_of("events"), 0);
	make_copy("events", LINE("x", "23T10:00:00.000Z"), LINE("x", "23T09:30:00.000Z"));
	assert_int_equal(gone_of("events"), 1);
}

/* Segments that were sealed long before, and ids that were erased long before, are of other events. */
TEST(what_was_long_before)
{
	struct hs_tombstone erased = { .spooled_s = 1000 };
	struct events *e = events_new("x");
	struct hs_opened_spool o;

	make("dedup_window = 1h\n");
	spooldir_mkdir(&s.d, "");
	spooldir_write(
	    &s.d, "events-20200101T000000.000Z-000001.jsonl",
	    HS_SLICE("{\"type\":\"page\",\"message_id\":\"x\",\"spooled_at\":\"2019-12-31T00:00:00.000Z\"}\n"));
	spooldir_write(&s.d, "events.jsonl", HS_SLICE(LINE("x", "23T10:00:00.000Z")));
	erased.id = e->record[0].id;
	events_free(e);
	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_result(hs_tombstones_put(o.dir.private_dir, &erased, 1), HS_OK);
	hs_spool_dir_close(&o);
	assert_int_equal(gone_of("events"), 0);
}

/* A line that comes after the look stays. */
TEST(a_copy_that_grows)
{
	struct hs_opened_spool o;

	make_copy("events", LINE("x", "23T10:00:00.000Z") LINE("y", "23T11:30:00.000Z"), LINE("x", "23T10:00:00.000Z"));
	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_result(hs_open_copy_look(&o.dir, "events", &looked), HS_OK);
	assert_int_equal(looked.gone, 1);
	spooldir_add(&s.d, "events.jsonl", HS_SLICE(LINE("late", "23T11:31:00.000Z")));
	assert_result(hs_open_copy_clean(&o.dir, &looked), HS_OK);
	hs_open_copy_free(&looked);
	hs_spool_dir_close(&o);
	assert_once(&s.d, "x y late");
}

#define LONG "an id that does not fit into one block of SHA-256, which has 64 bytes, its padding included"

/* In another order: each is found, however long its id is. */
TEST(lines_in_another_order)
{
	make_copy("events", LINE("x", "23T10:00:00.000Z") LINE(LONG, "23T10:00:01.000Z") LINE("z", "23T10:00:02.000Z"),
	          LINE("z", "23T10:00:02.000Z") LINE("x", "23T10:00:00.000Z"));
	assert_int_equal(gone_of("events"), 3);
}

/* Without memory for a hash nothing is said of a refused line. */
TEST(a_hash_without_memory)
{
	unsigned nth = 1;

	make_copy("rejected", "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n{\"d\":4}\n", "{\"b\":2}\n");
	while (look_while("rejected", WRAP_SHA256, nth, ENOMEM) == HS_E_MEMORY)
		nth++;
	assert_in_range(nth, 7, 100); /* of seven lines, since those in no segment are looked at again */
	assert_int_equal(gone_of("rejected"), 2);
}

/* A directory has its name: others report that. */
TEST(a_copy_that_is_no_file)
{
	make_copy("events", "", NULL);
	spooldir_unlink(&s.d, "events.jsonl");
	spooldir_mkdir(&s.d, "events.jsonl");
	assert_int_equal(gone_of("events"), 0);
}

static void prepare_anna(void)
{
	hs_spool_dir_close(&open_spool);
	with_anna(true);
	spooldir_add(&s.d, "events.jsonl", HS_SLICE(ANNA));
	stop();
	assert_result(hs_spool_dir_open(&open_spool, s.d.settings, true), HS_OK);
}

static enum hs_result run_look(void)
{
	enum hs_result result = hs_open_copy_look(&open_spool.dir, "events", &looked);

	if (result == HS_OK)
		assert_true(looked.lines == 2 && looked.gone == 1);
	hs_open_copy_free(&looked);
	return result;
}

static void nothing(void)
{
}

/* A line of hers is never passed over because something has failed. */
TEST(a_suppressed_person_is_not_overlooked)
{
	fail_each(&(struct job){ prepare_anna, run_look, nothing, 0 });
	hs_spool_dir_close(&open_spool);
}

static char sealed_name[] = "events-20261123T101500.123Z-000007.jsonl";

static void replace_by_folder(void *done)
{
	*(bool *)done = true;
	spooldir_unlink(&s.d, sealed_name);
	spooldir_mkdir(&s.d, sealed_name);
}

/* Others report what is no plain file, and the lines of the copy stay. */
TEST(a_segment_that_becomes_a_folder)
{
	unsigned compared = 0;
	bool done = true;

	for (unsigned nth = 1; done; nth++) {
		make_copy("events", LINE("x", "23T10:00:00.000Z"), LINE("x", "23T10:00:00.000Z"));
		assert_result(hs_spool_dir_open(&open_spool, s.d.settings, true), HS_OK);
		wrap_reset();
		done = false;
		wrap_before(WRAP_OPENAT, nth, replace_by_folder, &done);
		assert_result(hs_open_copy_look(&open_spool.dir, "events", &looked), HS_OK);
		wrap_reset();
		compared += looked.gone == 1;
		assert_true(looked.gone == 1 || done);
		hs_open_copy_free(&looked);
		hs_spool_dir_close(&open_spool);
	}
	assert_true(compared > 0);
}

/* The second part of a long copy is compared like the first. */
TEST(more_lines_than_are_compared_together)
{
	enum { MANY = (1 << 19) + 3 };
	struct hs_buf text = { 0 };

	make_copy("rejected", "", "");
	for (unsigned i = 0; i < MANY; i++)
		hs_buf_printf(&text, "%u\n", i);
	spooldir_write(&s.d, "rejected.jsonl", hs_buf_slice(&text));
	hs_buf_reset(&text);
	hs_buf_printf(&text, "%u\n", MANY - 2); /* so that all before it was in the segment, too */
	spooldir_write(&s.d, "rejected-20261123T101500.123Z-000007.jsonl", hs_buf_slice(&text));
	hs_buf_free(&text);
	assert_int_equal(gone_of("rejected"), MANY - 1);
}

/* Segments that are gone or damaged have nothing to compare with, as far as they cannot be read. */
TEST(a_copy_beside_a_damaged_segment)
{
	static const char file[] = "events-20261123T101500.123Z-000007.jsonl";
	unsigned passed = 0;

	make_copy("events", LINE("x", "23T10:00:00.000Z"), LINE("x", "23T10:00:00.000Z"));
	spooldir_rename(&s.d, file, "aside");
	spooldir_write(&s.d, "events-20261123T101500.123Z-000007.jsonl.gz",
	               HS_SLICE("\x1f\x8b\x08 no gzip file, indeed"));
	assert_int_equal(gone_of("events"), 0);
	spooldir_unlink(&s.d, "events-20261123T101500.123Z-000007.jsonl.gz");
	spooldir_rename(&s.d, "aside", file);
	for (unsigned nth = 1; nth < 12; nth++) { /* in both forms */
		enum hs_result result = look_while("events", WRAP_OPENAT, nth, ENOENT);

		assert_true(result == HS_OK || result == HS_E_IO);
		passed += result == HS_OK;
	}
	assert_true(passed > 1);
	assert_int_equal(gone_of("events"), 1);
}

/* --- killed ------------------------------------------------------------------------ */

static int run_adopt(void *context)
{
	struct hs_adopter how = { .from = HS_ADOPT_OLDEST, .accept_loss = true };
	struct hs_adoption done;

	(void)context;
	return hs_adopt(s.d.settings, &how, &done) == HS_OK ? 0 : 1;
}

TEST(killed_before_every_call)
{
	enum { STEP = 4 };
	unsigned nth, unsettled = 0;
	int status = -1;

	for (nth = 1 + (unsigned)(hs_io_random() % STEP); status != 0; nth += STEP) {
		struct hs_position p;
		bool foreign;

		with_anna(true);
		seal("b");
		put("c");
		p = position_after(2);
		cursor("fits", &p, NULL);
		p.number = 9;
		cursor("ahead", &p, NULL);
		spooldir_unlink(&s.d, ".hookspool/suppressed");
		restart();
		status = child_killed(nth, true, run_adopt, NULL);
		unsettled += (lost() & HS_LOSS_HISTORY) != 0;
		assert_true(adopt(HS_ADOPT_OLDEST, true).now.settled);
		assert_int_equal(lost(), 0);
		p = cursor("fits", NULL, &foreign);
		assert_true(p.number == 1 && p.offset > 0 && !foreign);
		p = cursor("ahead", NULL, &foreign);
		assert_true(p.number == 0 && !foreign);
		put("d");
		assert_once(&s.d, "a b c d");
		assert_sound(&s.d);
	}
	assert_true(nth > 40 && unsettled > 3);
}

TEST(killed_before_every_call_with_an_older_copy)
{
	enum { STEP = 3 };

	for (int some_new = 0; some_new < 2; some_new++) {
		unsigned nth;
		int status = -1;

		for (nth = 1 + (unsigned)(hs_io_random() % STEP); status != 0; nth += STEP) {
			struct hs_buf text = sealed_alone("a b c", "rotate_min_gap = 0\n", true), later;

			hs_io_pause(2);
			later = lines_of("n o");
			spooldir_write(&s.d, "events.jsonl", lines_from(&text, 0, 2));
			if (some_new)
				spooldir_add(&s.d, "events.jsonl", hs_buf_slice(&later));
			status = child_killed(nth, true, run_adopt, NULL);
			assert_true(adopt(HS_ADOPT_OLDEST, true).now.settled);
			assert_all(some_new ? "a b c n o" : "a b c");
			put_known("a n", some_new ? 2 : 1);
			assert_sound(&s.d);
			assert_no_problems();
			hs_buf_free(&later);
			hs_buf_free(&text);
		}
		assert_true(nth > 40);
	}
}

TESTS("adopt", NULL, finish)

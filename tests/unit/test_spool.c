/*
 * spool: its directory and modes, both streams, metrics, locks that are held, and disks that hang.
 */
#include "base/io.h"
#include "spool/erase.h"
#include "spool/shared/metrics.h"
#include "spool/shared/spool_dir.h"
#include "spool/write/rejected.h"
#include "tests/lib/temp_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the directory ----------------------------------------------------------------- */

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(lstat(spooldir_path(&s.d, name), &st), 0);
	return st.st_mode & 07777;
}

TEST(a_spool_is_made_when_it_is_needed)
{
	assert_int_equal(access(s.d.path, F_OK), -1);
	put("a");
	assert_int_equal(mode_of(""), 0700);
	assert_int_equal(mode_of(".hookspool"), 0700);
	assert_int_equal(mode_of("events.jsonl"), 0600);
	assert_int_equal(mode_of(".hookspool/run"), 0700);
	assert_int_equal(mode_of(".hookspool/run/state"), 0600);
	assert_int_equal(mode_of(".hookspool/run/index"), 0600);
	make("spool_mode = 0640\n");
	assert_result(hs_spool_health(s.spool, NULL), HS_OK);
	assert_int_equal(mode_of(""), 0750);
	assert_int_equal(mode_of(".hookspool"), 0750);
	assert_int_equal(mode_of("events.jsonl"), 0640);
	assert_int_equal(mode_of("rejected.jsonl"), 0640);
	hs_spool_look(s.spool); /* existing files get the new mode: here the state, made before */
	assert_int_equal(mode_of(".hookspool/run"), 0750);
	assert_int_equal(mode_of(".hookspool/run/state"), 0640);
	assert_int_equal(mode_of(".hookspool/run/metrics"), 0640);
	assert_int_equal(mode_of(".hookspool/run/edits.lock"), 0640);
	assert_int_equal(mode_of(".hookspool/spool"), 0600);
}

static int tell_mode(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)at;
	if ((st->st_mode & 07777) != (kind == FTW_D ? 0700 : 0600))
		fail_msg("%s has mode %o", path, (unsigned)st->st_mode & 07777);
	return 0;
}

TEST(whatever_it_makes_is_its_owners_alone)
{
	make("rotate_min_gap = 0\n");
	seal("a");
	seal("b");
	put("c");
	assert_non_null(hs_spool_rates(s.spool, true));
	maintain();
	hs_spool_look(s.spool);
	assert_int_equal(nftw(s.d.path, tell_mode, 8, FTW_PHYS), 0);
}

static unsigned syncs_of_maintenance(void)
{
	unsigned before = wrap_count(WRAP_FDATASYNC);
	struct hs_retention_counts done;

	assert_result(hs_spool_maintain(s.spool, NULL, NULL, &done), HS_OK);
	return wrap_count(WRAP_FDATASYNC) - before;
}

TEST(rates_are_opened_when_they_are_needed_and_written_back)
{
	unsigned syncs;

	put("a");
	assert_null(hs_spool_rates(s.spool, false));
	assert_int_equal(access(spooldir_path(&s.d, ".hookspool/rates"), F_OK), -1);
	syncs = syncs_of_maintenance();
	assert_non_null(hs_spool_rates(s.spool, true));
	assert_ptr_equal(hs_spool_rates(s.spool, false), hs_spool_rates(s.spool, true));
	assert_int_equal(mode_of(".hookspool/rates"), 0600);
	assert_int_equal(syncs_of_maintenance(), syncs + 1);
	assert_int_equal(syncs_of_maintenance(), syncs); /* not twice in a minute */
}

TEST(a_bad_place_is_refused_and_a_good_one_taken)
{
	assert_int_equal(symlink("/tmp", s.d.path), 0);
	assert_result(append("a"), HS_E_SPOOL_DIR);
	assert_int_equal(unlink(s.d.path), 0);
	close(open(s.d.path, O_CREAT | O_WRONLY, 0600));
	assert_result(append("a"), HS_E_SPOOL_DIR);
	assert_int_equal(unlink(s.d.path), 0);
	spooldir_mkdir(&s.d, "");
	assert_int_equal(chmod(s.d.path, 0777), 0); /* anybody may put files there */
	assert_result(append("a"), HS_E_SPOOL_DIR);
	assert_int_equal(chmod(s.d.path, 0700), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(s.d.path, 12345, -1U), 0);
		assert_result(append("a"), HS_E_SPOOL_OWNER);
		assert_int_equal(chown(s.d.path, 0, -1U), 0);
	}
	spooldir_write(&s.d, ".hookspool", HS_SLICE(""));
	assert_result(append("a"), HS_E_SPOOL_FILE);
	spooldir_unlink(&s.d, ".hookspool");
	put("a");
	assert_once(&s.d, "a");
}

static void give_to(uid_t owner)
{
	static const char *const names[] = { "", ".hookspool", ".hookspool/run", ".hookspool/run/state" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(chown(spooldir_path(&s.d, names[i]), owner, -1U), 0);
}

/* A member of its group reads it; what others may write there is no evidence. */
TEST(a_spool_of_another_user)
{
	static const struct {
		mode_t mode;
		enum hs_result result;
	} cases[] = { { 0750, HS_OK }, { 0770, HS_E_SPOOL_DIR }, { 0757, HS_E_SPOOL_DIR }, { 0755, HS_OK } };

	if (geteuid() != 0)
		skip();
	make("spool_mode = 0640\n");
	put("a");
	hs_spool_look(s.spool);
	give_to(12345);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_opened_spool o;

		assert_int_equal(chmod(s.d.path, cases[i].mode), 0);
		assert_result(hs_spool_dir_open_to_read(&o, s.d.settings), cases[i].result);
		if (cases[i].result == HS_OK) {
			assert_true(o.dir.read_only);
			hs_spool_dir_close(&o);
		}
	}
	assert_int_equal(chmod(s.d.path, 0750), 0);
	give_to(0);
}

/* Its number may change when the owner takes it in, so whoever may only read does not begin with it. */
TEST(a_segment_that_was_put_into_a_spool_of_another_user)
{
	struct events *e;

	if (geteuid() != 0)
		skip();
	make("spool_mode = 0640\n");
	put("a");
	hs_spool_look(s.spool);
	e = events_new("b");
	spooldir_write(&s.d, "events-20261123T101500.123Z-000002.jsonl", hs_buf_slice(&e->lines));
	events_free(e);
	give_to(12345);
	assert_int_equal(chmod(s.d.path, 0750), 0);
	assert_read("a");
	assert_true(hs_reader_dir(s.reader)->read_only);
	close_reader();
	give_to(0);
	assert_all("a b");
}

TEST(it_follows_the_path)
{
	char other[PATH_MAX + 8];

	put("a");
	snprintf(other, sizeof other, "%s.old", s.d.path);
	assert_int_equal(rename(s.d.path, other), 0);
	put("b");
	assert_once(&s.d, "b");
	assert_int_equal(spooldir_count(&s.d, "a"), 0);
}

static enum hs_result ask_health(void)
{
	return hs_spool_health(s.spool, NULL);
}

static enum hs_result ask_known(void)
{
	struct hs_known known;

	return hs_spool_known(s.spool, soon(), &known);
}

static enum hs_result ask_rotate(void)
{
	return hs_spool_rotate(s.spool, soon());
}

static enum hs_result ask_maintain(void)
{
	struct hs_retention_counts done;

	return hs_spool_maintain(s.spool, NULL, NULL, &done);
}

static enum hs_result ask_slow(void)
{
	bool slow;

	return hs_spool_is_slow(s.spool, &slow);
}

/* A question that kept it would let the next append, which follows the path, wait for ever. */
/* As after a mount: a file of the same number on another device is another file. */
TEST(it_notices_another_device)
{
	make("");
	put("a");
	wrap_device(1);
	hs_spool_look(s.spool);
	put("b");
	wrap_device(0);
	hs_spool_look(s.spool);
	put("c");
	assert_all("a b c");
}

TEST(a_question_lets_go_of_the_spool)
{
	static enum hs_result (*const ask[])(void) = { ask_health, ask_known, ask_rotate, ask_maintain, ask_slow };

	for (size_t i = 0; i < sizeof ask / sizeof *ask; i++) {
		char other[PATH_MAX + 8];

		put("a");
		assert_result(ask[i](), HS_OK);
		snprintf(other, sizeof other, "%s.%zu", s.d.path, i);
		assert_int_equal(rename(s.d.path, other), 0);
		alarm(60);
		put("b");
		alarm(0);
		assert_once(&s.d, "b");
	}
}

/* Two processes with two states would not know of each other's locks. */
TEST(its_private_folder_is_removed)
{
	uint64_t duplicate;

	put("a");
	spooldir_rename(&s.d, ".hookspool", "gone");
	assert_result(events_append_apart(&s.d, "b", &duplicate), HS_E_SETTING_UP); /* ours is still at work */
	hs_spool_look(s.spool);
	assert_result(events_append_apart(&s.d, "b a", &duplicate), HS_OK);
	assert_int_equal(duplicate, 1);
	put_known("c a b", 2);
	assert_once(&s.d, "a b c");
}

/* No backup needs .hookspool/run; files set aside are beside it, not in it. */
TEST(the_run_folder_is_rebuilt)
{
	struct hs_buf lines;

	put("a b");
	lines = spooldir_read(&s.d, "events.jsonl");
	stop();
	spooldir_unlink(&s.d, "events.jsonl");
	spooldir_write(&s.d, ".hookspool/aside-events-7-9999999-1795428900123", hs_buf_slice(&lines));
	hs_buf_free(&lines);
	spooldir_rename(&s.d, ".hookspool/run", "gone");
	restart();
	put_known("b c", 1);
	rotate();
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 2);
	assert_non_null(strstr(spooldir_name(&s.d, "events-", 1), "-000008.jsonl"));
	assert_once(&s.d, "a b c");
	spooldir_rename(&s.d, ".hookspool/run", "gone too");
	spooldir_write(&s.d, ".hookspool/run", HS_SLICE(""));
	assert_result(append("d"), HS_E_SPOOL_FILE);
}

TEST(foreign_files_are_left_alone)
{
	static const char *const names[] = { "README", "aside-events-1-2-3", ".hookspool/notes" };

	assert_result(hs_spool_health(s.spool, NULL), HS_OK);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		spooldir_write(&s.d, names[i], HS_SLICE("{}\n"));
	seal("a");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(spooldir_size(&s.d, names[i]), 3);
}

TEST(health_writes_nothing)
{
	assert_result(hs_spool_health(s.spool, NULL), HS_OK);
	assert_int_equal(spooldir_size(&s.d, "events.jsonl"), 0);
	wrap_fail(WRAP_FSTATVFS, 1, WRAP_FOREVER, EIO);
	assert_result(hs_spool_health(s.spool, NULL), HS_E_IO);
	wrap_reset();
	assert_result(hs_spool_health(s.spool, NULL), HS_OK);
}

/* A disk with much free space is asked at intervals, and a change is noticed soon. */
TEST(free_space_is_looked_at_again)
{
	put("a");
	wrap_fail(WRAP_FSTATVFS, 1, WRAP_FOREVER, EIO);
	wrap_clock(0, 1000);
	assert_result(append("b"), HS_E_IO);
	wrap_reset();
	put("b");
}

/* --- both streams ------------------------------------------------------------------- */

static enum hs_result put_both(const char *words, const char *body)
{
	struct events *e = events_new(words);
	struct hs_buf rejected = { 0 };
	uint64_t duplicate;
	enum hs_result r;

	hs_rejected_put(&rejected, &(struct hs_rejection){ .spooled_at = HS_SLICE("t"),
	                                                   .status = 400,
	                                                   .message = HS_SLICE("m"),
	                                                   .body = hs_slice_str(body) });
	r = hs_spool_append(s.spool, &(struct hs_append){ .records = hs_buf_slice(&e->lines),
	                                                  .record = e->record,
	                                                  .count = e->count,
	                                                  .rejected = hs_buf_slice(&rejected),
	                                                  .duplicate = &duplicate,
	                                                  .deadline_ms = soon() });
	hs_buf_free(&rejected);
	events_free(e);
	return r;
}

/* --- metrics ------------------------------------------------------------------------ */

static struct hs_metrics_figures *figures(void)
{
	int run_dir = hs_spool_dir_open_run(s.d.path);
	struct hs_metrics_figures *f = hs_metrics_read(run_dir);

	close(run_dir);
	assert_non_null(f);
	return f;
}

static void expect_events(uint64_t accepted, uint64_t duplicates, uint64_t rejected)
{
	struct hs_metrics_figures *f = figures();
	struct hs_metrics_minute minute, sum = { 0 };
	int64_t now = hs_io_now() / 60000;

	assert_int_equal(hs_metrics_value(f, HS_METRIC_ACCEPTED, 0), accepted);
	assert_int_equal(hs_metrics_value(f, HS_METRIC_DUPLICATES, 0), duplicates);
	assert_int_equal(hs_metrics_value(f, HS_METRIC_REJECTED, 0), rejected);
	for (int64_t at = now - 2; at <= now; at++) {
		(void)hs_metrics_minute(f, at, &minute);
		sum.accepted += minute.accepted;
		sum.duplicate += minute.duplicate;
		sum.rejected += minute.rejected;
		sum.bytes += minute.bytes;
	}
	assert_int_equal(sum.accepted, accepted);
	assert_int_equal(sum.duplicate, duplicates);
	assert_int_equal(sum.rejected, rejected);
	assert_int_equal(sum.bytes, hs_metrics_value(f, HS_METRIC_ACCEPTED_BYTES, 0) +
	                                hs_metrics_value(f, HS_METRIC_REJECTED_BYTES, 0));
	hs_metrics_figures_free(f);
}

TEST(what_is_written_is_counted)
{
	uint64_t duplicate, syncs = 0;
	struct hs_metrics_figures *f;

	put_known("a b a", 1);
	expect_events(2, 1, 0);
	assert_result(events_append_apart(&s.d, "b c", &duplicate), HS_OK);
	expect_events(3, 2, 0);
	assert_result(put_both("d", "x"), HS_OK);
	expect_events(4, 2, 1);
	f = figures();
	assert_int_equal(hs_metrics_value(f, HS_METRIC_ACCEPTED_BYTES, 0), spooldir_size(&s.d, "events.jsonl"));
	assert_int_equal(hs_metrics_value(f, HS_METRIC_REJECTED_BYTES, 0), spooldir_size(&s.d, "rejected.jsonl"));
	hs_metrics_figures_free(f);
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_result(append("e"), HS_E_SYNC); /* it may be in the spool: its sender tries again */
	expect_events(4, 2, 1);
	f = figures();
	assert_int_equal(hs_metrics_value(f, HS_METRIC_SYNC_FAILURES, 0), 1);
	assert_int_equal(hs_metrics_value(f, HS_METRIC_COMMIT_EVENTS, HS_METRIC_BUCKETS + 1), 5); /* the sum */
	for (size_t bucket = 0; bucket <= HS_METRIC_BUCKETS; bucket++)
		syncs += hs_metrics_value(f, HS_METRIC_SYNC_US, bucket);
	assert_in_range(syncs, 4, 100); /* of each commit at least one, however short */
	hs_metrics_figures_free(f);
	assert_result(append("e"), HS_OK);
	f = figures();
	assert_int_equal(hs_metrics_value(f, HS_METRIC_SEGMENTS_POISONED, 0), 1);
	hs_metrics_figures_free(f);
}

TEST(what_is_odd_about_events_is_counted)
{
	struct events *e = events_new("anna@a b");
	uint64_t duplicate;
	struct hs_append batch = events_batch(e, &duplicate);
	struct hs_metrics_figures *f;
	struct hs_subjects anna;
	struct hs_erasure done;

	e->record[1].fingerprint = 1;
	assert_result(hs_spool_append(s.spool, &batch), HS_OK);
	hs_subjects_init(&anna, 1);
	assert_true(hs_subjects_add_id(&anna, HS_SUBJECT_USER, HS_SLICE("anna"), ""));
	assert_result(
	    hs_erase(s.spool, s.d.settings, &(struct hs_eraser){ .subjects = &anna, .suppress = true }, &done), HS_OK);
	hs_subjects_free(&anna);
	e->record[1].fingerprint = 2; /* an event of the same id that says something else */
	batch.unparsed = 3;
	assert_result(hs_spool_append(s.spool, &batch), HS_OK);
	events_free(e);
	f = figures();
	assert_int_equal(hs_metrics_value(f, HS_METRIC_SUPPRESSED, 0), 1);
	assert_int_equal(hs_metrics_value(f, HS_METRIC_CONFLICTING, 0), 1);
	assert_int_equal(hs_metrics_value(f, HS_METRIC_UNPARSED_TIMESTAMPS, 0), 3);
	hs_metrics_figures_free(f);
}

/* A process may have nothing else to do with the spool: a reload, or a refusal, is counted all the same. */
TEST(the_first_thing_that_is_counted)
{
	struct hs_metrics_figures *f;

	put("a");
	for (int i = 0; i < 2; i++) {
		restart();
		for (int twice = 0; twice < 2; twice++)
			if (i == 0)
				hs_spool_note_reload(s.spool, false);
			else
				hs_spool_count_refusal(s.spool, HS_E_SIGNATURE);
	}
	f = figures();
	assert_int_equal(hs_metrics_value(f, HS_METRIC_RELOADS_REFUSED, 0), 1);
	assert_int_equal(hs_metrics_refused(f, HS_E_SIGNATURE), 2);
	hs_metrics_figures_free(f);
}

/* Uses of a key that cannot be noted, since there is no spool yet, are not noted in another's place later. */
TEST(a_key_without_a_spool)
{
	struct hs_answered answered = { .status = 200, .key = HS_SLICE("web"), .accepted = 3, .arrived_ms = 5000 };
	struct hs_metrics_use use;
	struct hs_metrics_figures *f;

	for (int twice = 0; twice < 2; twice++)
		hs_spool_count_answer(s.spool, &answered);
	put("a");
	hs_spool_count_answer(s.spool, &answered); /* within the same second */
	f = figures();
	for (size_t i = 0; i < HS_METRICS_CREDENTIALS; i++)
		assert_false(hs_metrics_use(f, i, &use));
	hs_metrics_figures_free(f);
}

/* A refused request needs no spool; it is counted all the same, and makes none. */
TEST(answers_are_counted)
{
	struct hs_answered refused = { .status = 401 };
	struct hs_metrics_figures *f;

	hs_spool_count_answer(s.spool, &refused);
	assert_int_equal(access(s.d.path, F_OK), -1);
	put("a");
	make("secret = two\n[secrets]\nacme = one\n");
	assert_result(events_append_apart(&s.d, "a", NULL), HS_OK);
	hs_spool_count_answer(s.spool, &refused);
	hs_spool_count_answer(s.spool, &refused);
	hs_spool_count_answer(
	    s.spool, &(struct hs_answered){ .status = 200, .key = HS_SLICE("a-key"), .secret = 1, .arrived_ms = 5000 });
	hs_spool_count_answer(s.spool,
	                      &(struct hs_answered){ .status = 200, .secret = 2, .dropped = 3, .arrived_ms = 5000 });
	f = figures();
	assert_int_equal(hs_metrics_value(f, HS_METRIC_DROPPED, 0), 3);
	assert_int_equal(hs_metrics_value(f, HS_METRIC_RESPONSES, 401 - 100), 2);
	assert_int_equal(hs_metrics_value(f, HS_METRIC_RESPONSES, 200 - 100), 2);
	for (size_t i = 0, found = 0; i <= HS_METRICS_CREDENTIALS; i++) {
		struct hs_metrics_use use;

		if (i == HS_METRICS_CREDENTIALS) {
			assert_int_equal(found, 3);
		} else if (hs_metrics_use(f, i, &use)) {
			assert_string_equal(use.name, use.kind == HS_CREDENTIAL_KEY ? "a-key"
			                              : use.name[0] == '#'          ? "#1"
			                                                            : "acme");
			assert_int_equal(use.last_ms, 5000);
			found++;
		}
	}
	hs_metrics_figures_free(f);
}

/* A long-lived process notices within a second; see hs_spool_look. */
TEST(lost_metrics_start_again)
{
	put("a b");
	hs_spool_look(s.spool);
	spooldir_unlink(&s.d, ".hookspool/run/metrics");
	put("c");
	hs_spool_look(s.spool);
	put("d");
	expect_events(1, 0, 0);
	spooldir_cut(&s.d, ".hookspool/run/metrics", 0);
	put("e");
	hs_spool_look(s.spool);
	put_known("f f", 1);
	expect_events(1, 1, 0);
	assert_once(&s.d, "a b c d e f");
}

enum { FIRST_SYNCS = 1 }; /* of .hookspool/spool, with the spool */

static size_t rejected_lines(void)
{
	struct hs_buf text = spooldir_read(&s.d, "rejected.jsonl");
	size_t lines = 0;

	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	hs_buf_free(&text);
	return lines;
}

/* rejected_max bounds the sum; the oldest sealed ones go. */
TEST(rejected_files_are_bounded)
{
	char body[512];

	make("rejected_max = 64K\nrotate_min_gap = 0\n");
	memset(body, 'x', sizeof body - 1);
	body[sizeof body - 1] = '\0';
	for (int i = 0; i < 200; i++) {
		off_t sum;

		assert_result(put_both("", body), HS_OK);
		sum = spooldir_size(&s.d, "rejected.jsonl");
		for (size_t n = spooldir_names(&s.d, "", "rejected-"); n > 0; n--)
			sum += spooldir_size(&s.d, spooldir_name(&s.d, "rejected-", n - 1));
		assert_true(sum <= 64 * 1024 + 16 * 1024);
	}
	assert_true(spooldir_names(&s.d, "", "rejected-") >= 2);
	assert_sound(&s.d);
}

TEST(both_are_kept_before_it_is_answered)
{
	assert_result(put_both("a b", "bad"), HS_OK);
	assert_once(&s.d, "a b");
	assert_int_equal(rejected_lines(), 1);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), 2 + FIRST_SYNCS);
	assert_result(put_both("", "worse"), HS_OK);
	assert_int_equal(rejected_lines(), 2);
	assert_int_equal(spooldir_lines(&s.d), 2);
	wrap_fail(WRAP_FDATASYNC, 1, 1, EIO);
	assert_true(put_both("c", "x") == HS_E_SYNC);
	wrap_fail(WRAP_FDATASYNC, 2, 1, EIO); /* the copy of what was set aside, then the number */
	assert_true(put_both("d", "y") == HS_E_IO);
	assert_result(put_both("c d e", "z"), HS_OK);
	assert_once(&s.d, "a b c d e");
	assert_sound(&s.d);
}

/* A question about what is known writes nothing, neither events nor what was refused. */
TEST(a_question_writes_nothing)
{
	struct events *e = events_new("a b");
	uint64_t duplicate;
	struct hs_append batch = events_batch(e, &duplicate);

	put("a");
	batch.look_only = true;
	batch.rejected = HS_SLICE("{}\n");
	assert_result(hs_spool_append(s.spool, &batch), HS_OK);
	assert_int_equal(duplicate, 1);
	assert_false(spooldir_exists(&s.d, "rejected.jsonl"));
	assert_once(&s.d, "a");
	assert_int_equal(spooldir_lines(&s.d), 1);
	events_free(e);
}

TEST(nothing_to_keep)
{
	put("");
	assert_int_equal(wrap_count(WRAP_FDATASYNC), FIRST_SYNCS);
}

TEST(without_durability_nothing_waits)
{
	make("durability = none\n");
	put("a");
	put_known("a b", 1);
	assert_int_equal(wrap_count(WRAP_FDATASYNC), FIRST_SYNCS);
	assert_once(&s.d, "a b");
}

/* --- a lock that somebody holds ---------------------------------------------------------- */

TEST(a_holder_that_does_not_let_go)
{
	struct hs_shared_state *shared;
	struct events *e = events_new("b");
	uint64_t duplicate;
	bool died;

	put("a");
	shared = spooldir_state(&s.d);
	assert_result(hs_shared_state_try_lock(&shared->stream[HS_EVENTS].sync, &died), HS_OK);
	/* a mutex is not recursive: the holder may as well be this thread */
	assert_result(hs_spool_append(s.spool, &(struct hs_append){ .records = hs_buf_slice(&e->lines),
	                                                            .record = e->record,
	                                                            .count = 1,
	                                                            .duplicate = &duplicate,
	                                                            .deadline_ms = hs_io_now_monotonic() + 30 }),
	              HS_E_TIMEOUT);
	hs_shared_state_unlock(&shared->stream[HS_EVENTS].sync);
	put_known("b", 1); /* it was written as a whole */
	assert_once(&s.d, "a b");
	spooldir_state_done(shared);
	events_free(e);
}

/* --- a disk that hangs ------------------------------------------------------------------- */

struct hanging {
	struct hs_spool *spool;
	_Atomic bool reached, let_go;
	enum hs_result r; /* the leader's result */
};

static void hang(void *context)
{
	struct hanging *h = context;

	atomic_store(&h->reached, true);
	while (!atomic_load(&h->let_go))
		hs_io_pause(1);
}

static void *append_and_hang(void *context)
{
	struct hanging *h = context;

	h->r = events_append(h->spool, "a", NULL);
	return NULL;
}

struct posted {
	struct hs_post post; /* first: the two have one address */
	enum hs_result r;
	bool done;
};

static void post_done(struct hs_post *post, enum hs_result r)
{
	struct posted *p = (struct posted *)post;

	assert_false(p->done);
	p->r = r;
	p->done = true;
}

/* The thread that enforces time limits ends the waiting posts, and the one that hangs. */
TEST(posts_end_in_time_though_the_disk_hangs)
{
	struct hanging h = { .spool = s.spool, .r = HS_OK };
	struct events *e = events_new("b");
	uint64_t duplicate = 0;
	struct posted b = { .post = { .append = { .records = hs_buf_slice(&e->lines),
		                                  .record = e->record,
		                                  .count = 1,
		                                  .duplicate = &duplicate,
		                                  .deadline_ms = hs_io_now_monotonic() + 50 },
		                      .done = post_done } };
	pthread_t leader;

	put("first");
	wrap_before(WRAP_FDATASYNC, 1, hang, &h);
	assert_int_equal(pthread_create(&leader, NULL, append_and_hang, &h), 0);
	while (!atomic_load(&h.reached))
		hs_io_pause(1);
	assert_false(hs_spool_post(s.spool, &b.post)); /* this does not wait */
	hs_spool_expire(s.spool, soon() + 1000);
	assert_true(b.done);
	assert_result(b.r, HS_E_TIMEOUT);
	atomic_store(&h.let_go, true);
	pthread_join(leader, NULL);
	assert_result(h.r, HS_E_TIMEOUT); /* its event is written, but its sender is to try again */
	put_known("a", 1);
	put_known("b", 0);
	assert_once(&s.d, "first a b");
	events_free(e);
}

static void post_done_and_obstruct(struct hs_post *post, enum hs_result r)
{
	char away[PATH_MAX + 8];

	post_done(post, r);
	snprintf(away, sizeof away, "%s.away", s.d.path);
	assert_int_equal(rename(s.d.path, away), 0);
	close(open(s.d.path, O_CREAT | O_WRONLY, 0600));
}

/* Its event is kept and answered; the look around after the rotation has nothing to look at. */
TEST(a_spool_that_goes_after_a_rotation)
{
	struct events *e = events_new(many("a", 0, 200));
	uint64_t duplicate = 0;
	struct posted p = { .post = { .append = events_batch(e, &duplicate), .done = post_done_and_obstruct } };

	make("rotate_min_gap = 0\nrotate_size = 4K\n");
	put(many("b", 0, 40));
	hs_io_pause(30);
	put_known("b0", 1); /* the directory was looked at: the rotation need not */
	p.post.append.count = 20;
	p.post.append.records.n = 0;
	for (size_t i = 0; i < 20; i++)
		p.post.append.records.n += e->record[i].n;
	assert_true(hs_spool_post(s.spool, &p.post));
	hs_spool_commit(s.spool);
	assert_true(p.done);
	assert_result(p.r, HS_OK);
	assert_int_equal(unlink(s.d.path), 0);
	events_free(e);
}

/* Later callers learn that the disk is slow, for ten minutes. */
TEST(a_slow_disk_is_reported)
{
	struct hs_spool *other = hs_spool_new(s.d.settings);
	bool slow;

	hs_spool_note_time(s.spool, hs_io_now_monotonic() - 900);
	assert_result(hs_spool_is_slow(other, &slow), HS_OK);
	assert_false(slow);
	hs_spool_note_time(s.spool, hs_io_now_monotonic() - 1000);
	assert_result(hs_spool_is_slow(other, &slow), HS_OK);
	assert_true(slow);
	wrap_clock(0, 599000);
	assert_result(hs_spool_is_slow(other, &slow), HS_OK);
	assert_true(slow);
	wrap_clock(0, 600000);
	assert_result(hs_spool_is_slow(other, &slow), HS_OK);
	assert_false(slow);
	hs_spool_free(other);
}

/* --- what the index knows ----------------------------------------------------------- */

TEST(the_index_is_counted)
{
	struct hs_known known;

	assert_int_equal(hs_spool_known(s.spool, soon(), &known), HS_OK);
	assert_true(known.anew && !known.off && known.ids == 0);
	assert_int_equal(append("a b b acme/b"), HS_OK);
	assert_int_equal(hs_spool_known(s.spool, soon(), &known), HS_OK);
	assert_true(!known.anew && known.ids == 3);
	restart();
	assert_int_equal(hs_spool_known(s.spool, soon(), &known), HS_OK);
	assert_true(!known.anew && known.ids == 3);
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/index");
	restart();
	assert_int_equal(hs_spool_known(s.spool, soon(), &known), HS_OK);
	assert_true(known.anew && known.ids == 3);
	make("dedup_window = 0\n");
	assert_int_equal(hs_spool_known(s.spool, soon(), &known), HS_OK);
	assert_true(known.off);
}

TESTS("spool", begin, finish)

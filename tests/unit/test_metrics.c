/*
 * metrics: builds of different size count in one file, adders lose nothing, a lost file is
 * rebuilt, and a minute never shows figures of another.
 */
#include "base/io.h"
#include "config/sources.h"
#include "spool/shared/metrics.h"
#include "tests/lib/processes.h"
#include "tests/lib/temp_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char NAME[] = "metrics";
enum { MINUTE_MS = 60000, NOW = 29000000 /* a minute of 2025 */ };

static struct scene {
	struct hs_metrics *m;
	struct hs_metrics_figures *f;
} s;

FIXTURE(begin)
{
	s.m = hs_metrics_new(HS_METRICS_BYTES);
	s.f = NULL;
	assert_non_null(s.m);
	return temp_dir_begin(state);
}

FIXTURE(finish)
{
	hs_metrics_free(s.m);
	hs_metrics_figures_free(s.f);
	return temp_dir_end(state);
}

static bool follow(void)
{
	return hs_metrics_follow(s.m, temp.fd, 0600);
}

static void add(struct hs_metrics *m, enum hs_metric metric, uint64_t n)
{
	struct hs_metrics_sums sums = { 0 };

	sums.of[metric] = n;
	hs_metrics_add(m, &sums, (int64_t)NOW * MINUTE_MS);
}

static void look(void)
{
	hs_metrics_figures_free(s.f);
	s.f = hs_metrics_read(temp.fd);
}

static uint64_t value(enum hs_metric metric)
{
	look();
	return hs_metrics_value(s.f, metric, 0);
}

/* As another process: opens the file, adds n accepted events, and ends. */
static void add_as(size_t bytes, uint64_t n)
{
	struct hs_metrics *m = hs_metrics_new(bytes);

	assert_non_null(m);
	assert_true(hs_metrics_follow(m, temp.fd, 0600));
	add(m, HS_METRIC_ACCEPTED, n);
	hs_metrics_free(m);
}

/* --- rows ----------------------------------------------------------------------- */

/* Builds that share a file agree about these rows. New rows come after them; this list stays. */
TEST_WITH(rows_keep_their_place, NULL, NULL)
{
	static const char *const name[] = {
		"responses",           "accepted",      "accepted_bytes",    "rejected",
		"rejected_bytes",      "duplicates",    "conflicting",       "suppressed",
		"unparsed_timestamps", "dropped",       "accepted_of",       "duplicates_of",
		"suppressed_of",       "refused",       "request_ms",        "sync_us",
		"commit_events",       "sync_failures", "segments_poisoned", "reloads_refused",
		"last_event",          "ids",           "last_failure",      "last_refusal"
	};
	static const size_t cells[] = { 500, 1, 1, 1, 1, 1, 1, 1, 1, 1, 8, 8, 8, 256, 16, 16, 16, 1, 1, 1, 1, 1, 1, 1 };
	size_t first = hs_metric_info(HS_METRIC_RESPONSES)->offset, at = first;

	assert_int_equal(first, 80 + 2880 * 32 + 2560 * 104);
	assert_true(sizeof name / sizeof name[0] <= HS_METRIC_COUNT);
	for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
		const struct hs_metric_info *info = hs_metric_info((enum hs_metric)i);

		assert_string_equal(info->name, name[i]);
		assert_int_equal(info->offset, at);
		assert_int_equal(info->cells, cells[i]);
		at += 8 * info->cells;
	}
}

/* A new status in the table of results needs no change elsewhere. */
TEST(each_status_of_the_results_is_counted)
{
	unsigned times[600] = { 0 };

	assert_true(follow());
	for (int r = 0; r < HS_RESULT_COUNT; r++) {
		int status = hs_result_info((enum hs_result)r)->status;

		times[status]++;
		hs_metrics_add_response(s.m, status);
	}
	hs_metrics_add_response(s.m, 202);
	hs_metrics_add_response(s.m, 99);
	hs_metrics_add_response(s.m, 600);
	hs_metrics_add_response(s.m, -1);
	times[202]++;
	look();
	for (size_t status = 100; status < 600; status++)
		assert_int_equal(hs_metrics_value(s.f, HS_METRIC_RESPONSES, status - 100), times[status]);
	assert_int_equal(hs_metrics_value(s.f, HS_METRIC_ACCEPTED, 0), 0);
}

/* All types, refusals and histograms; a build that does not know the rows counts nothing beyond its part. */
static void count_everything(struct hs_metrics *m)
{
	struct hs_metrics_sums sums;

	hs_metrics_sums_init(&sums);
	sums.of[HS_METRIC_ACCEPTED] = 3;
	for (int i = 0; i < 2; i++)
		hs_metrics_sum(&sums, HS_FATE_ACCEPTED, HS_EVENT_TYPE_PAGE);
	hs_metrics_sum(&sums, HS_FATE_ACCEPTED, HS_EVENT_TYPE_OTHER);
	hs_metrics_sum(&sums, HS_FATE_SUPPRESSED, HS_EVENT_TYPE_DELETE);
	hs_metrics_add(m, &sums, (int64_t)NOW * MINUTE_MS + 7);
	for (int r = HS_OK + 1; r < HS_RESULT_COUNT; r++)
		for (int i = 0; i < r; i++)
			hs_metrics_add_refusal(m, (enum hs_result)r);
	hs_metrics_add_to(m, HS_METRIC_REQUEST_MS, -5);
	hs_metrics_add_to(m, HS_METRIC_REQUEST_MS, 1);
	hs_metrics_add_to(m, HS_METRIC_REQUEST_MS, 2);
	hs_metrics_add_to(m, HS_METRIC_REQUEST_MS, 3);
	hs_metrics_add_to(m, HS_METRIC_REQUEST_MS, 60001);
	hs_metrics_add_one(m, HS_METRIC_SYNC_FAILURES);
	hs_metrics_set(m, HS_METRIC_IDS, 12345);
}

/* Each sum is a row of its own. */
TEST(sums_are_counted_one_by_one)
{
	assert_true(follow());
	for (int counted = 0; counted < HS_METRIC_COUNT; counted++) {
		if (!HS_METRIC_IS_SUMMED(counted) || counted == HS_METRIC_RESPONSES)
			continue;
		add(s.m, (enum hs_metric)counted, (uint64_t)counted);
		look();
		for (int m = 1; m < HS_METRIC_COUNT; m++)
			if (HS_METRIC_IS_SUMMED(m))
				assert_int_equal(hs_metrics_value(s.f, (enum hs_metric)m, 0), m <= counted ? m : 0);
	}
}

TEST(rows_of_several_cells)
{
	static const uint64_t buckets[] = { [0] = 2, [1] = 1, [2] = 1, [HS_METRIC_BUCKETS] = 1, 60007 };

	assert_true(follow());
	count_everything(s.m);
	look();
	assert_int_equal(hs_metrics_value(s.f, HS_METRIC_ACCEPTED_OF, HS_EVENT_TYPE_PAGE), 2);
	assert_int_equal(hs_metrics_value(s.f, HS_METRIC_ACCEPTED_OF, HS_EVENT_TYPE_OTHER), 1);
	assert_int_equal(hs_metrics_value(s.f, HS_METRIC_ACCEPTED_OF, HS_EVENT_TYPE_TRACK), 0);
	assert_int_equal(hs_metrics_value(s.f, HS_METRIC_DUPLICATES_OF, HS_EVENT_TYPE_PAGE), 0);
	assert_int_equal(hs_metrics_value(s.f, HS_METRIC_SUPPRESSED_OF, HS_EVENT_TYPE_DELETE), 1);
	assert_int_equal(hs_metrics_value(s.f, HS_METRIC_LAST_EVENT, 0), (uint64_t)NOW * MINUTE_MS + 7);
	assert_int_equal(hs_metrics_value(s.f, HS_METRIC_SYNC_FAILURES, 0), 1);
	assert_int_equal(hs_metrics_value(s.f, HS_METRIC_IDS, 0), 12345);
	for (int r = HS_OK + 1; r < HS_RESULT_COUNT; r++)
		assert_int_equal(hs_metrics_refused(s.f, (enum hs_result)r), r);
	for (size_t cell = 0; cell < sizeof buckets / sizeof buckets[0]; cell++)
		assert_int_equal(hs_metrics_value(s.f, HS_METRIC_REQUEST_MS, cell), buckets[cell]);
	assert_int_equal(hs_metrics_refused(NULL, HS_E_SIGNATURE), 0);
}

/* Failures of ours and faults of senders are told apart, and each reason is found again. */
TEST(the_last_refusal_is_known)
{
	enum hs_result reason = HS_OK;
	int64_t at = 0, now = hs_io_now();

	assert_false(hs_metrics_last(NULL, HS_METRIC_LAST_FAILURE, &reason, &at));
	assert_true(follow());
	look();
	assert_false(hs_metrics_last(s.f, HS_METRIC_LAST_REFUSAL, &reason, &at));
	for (int r = HS_OK + 1; r < HS_RESULT_COUNT; r++) {
		bool ours = hs_result_info((enum hs_result)r)->status == 503;

		hs_metrics_add_refusal(s.m, (enum hs_result)r);
		look();
		assert_true(hs_metrics_last(s.f, ours ? HS_METRIC_LAST_FAILURE : HS_METRIC_LAST_REFUSAL, &reason, &at));
		assert_result(reason, (enum hs_result)r);
		assert_in_range(at, now - 1000, now + 60000);
	}
	hs_metrics_add_refusal(s.m, HS_E_SIGNATURE);
	look();
	assert_true(hs_metrics_last(s.f, HS_METRIC_LAST_FAILURE, &reason, &at));
	assert_int_equal(hs_result_info(reason)->status, 503);
	hs_metrics_set(s.m, HS_METRIC_LAST_REFUSAL, 1); /* by a build with another table */
	look();
	assert_false(hs_metrics_last(s.f, HS_METRIC_LAST_REFUSAL, &reason, &at));
}

TEST(a_build_without_these_rows_counts_none_of_them)
{
	size_t first = hs_metric_info(HS_METRIC_ACCEPTED_OF)->offset;
	struct hs_metrics *old = hs_metrics_new(first);

	assert_true(hs_metrics_follow(old, temp.fd, 0600));
	count_everything(old);
	hs_metrics_free(old);
	assert_int_equal(value(HS_METRIC_ACCEPTED), 3);
	assert_int_equal(spooldir_size(&temp.d, NAME), first);
	assert_int_equal(hs_metrics_refused(s.f, HS_E_SIGNATURE), 0);
}

/* --- the file ------------------------------------------------------------------- */

TEST(figures_survive_a_restart)
{
	int64_t since;

	assert_null(hs_metrics_read(temp.fd));
	assert_false(hs_metrics_is_tried(s.m));
	add(s.m, HS_METRIC_ACCEPTED, 1); /* not open: not counted */
	add_as(HS_METRICS_BYTES, 3);
	assert_int_equal(value(HS_METRIC_ACCEPTED), 3);
	since = hs_metrics_since(s.f);
	assert_in_range(hs_io_now() - since, 0, 10000);
	assert_true(follow());
	assert_true(hs_metrics_is_tried(s.m));
	add(s.m, HS_METRIC_ACCEPTED, 4);
	add_as(HS_METRICS_BYTES, 5);
	assert_int_equal(value(HS_METRIC_ACCEPTED), 12);
	assert_int_equal(hs_metrics_since(s.f), since);
}

static void put_bytes(off_t at, const void *bytes, size_t n)
{
	int fd = openat(temp.fd, NAME, O_WRONLY);

	assert_int_equal(pwrite(fd, bytes, n, at), (ssize_t)n);
	close(fd);
}

/* The first row that an older build does not have, a sum. */
#define NEWEST HS_METRIC_DROPPED

enum { AT_VERSION = 8, AT_BOOT = 40 };

TEST(another_boot_begins_at_0)
{
	add_as(HS_METRICS_BYTES, 3);
	put_bytes(AT_BOOT, "x", 1);
	assert_null(hs_metrics_read(temp.fd));
	add_as(HS_METRICS_BYTES, 5);
	assert_int_equal(value(HS_METRIC_ACCEPTED), 5);
}

TEST(a_copy_begins_at_0)
{
	struct hs_buf text;

	add_as(HS_METRICS_BYTES, 3);
	text = spooldir_read(&temp.d, NAME);
	spooldir_rename(&temp.d, NAME, "original");
	spooldir_write(&temp.d, NAME, hs_buf_slice(&text));
	hs_buf_free(&text);
	assert_null(hs_metrics_read(temp.fd));
	add_as(HS_METRICS_BYTES, 5);
	assert_int_equal(value(HS_METRIC_ACCEPTED), 5);
}

/* --- builds of different size --------------------------------------------------- */

/* The size in a build without NEWEST and the rows after it; and in this build. */
static size_t older(void)
{
	return hs_metric_info(NEWEST)->offset;
}

static size_t newest(void)
{
	const struct hs_metric_info *last = hs_metric_info((enum hs_metric)(HS_METRIC_COUNT - 1));

	return last->offset + 8 * last->cells;
}

TEST(a_newer_build_extends_the_file)
{
	struct hs_metrics *old = hs_metrics_new(older());
	ino_t inode;

	assert_true(hs_metrics_follow(old, temp.fd, 0600));
	add(old, HS_METRIC_ACCEPTED, 1);
	assert_int_equal(spooldir_size(&temp.d, NAME), older());
	assert_int_equal(value(HS_METRIC_ACCEPTED), 1);
	assert_int_equal(value(NEWEST), 0); /* absent */
	inode = spooldir_inode(&temp.d, NAME);

	assert_true(follow());
	assert_int_equal(spooldir_size(&temp.d, NAME), newest());
	add(s.m, HS_METRIC_ACCEPTED, 10);
	add(s.m, NEWEST, 7);
	add(old, HS_METRIC_ACCEPTED, 100);
	assert_true(hs_metrics_follow(old, temp.fd, 0600)); /* it goes on with its part */
	add(old, HS_METRIC_ACCEPTED, 1000);
	add(old, NEWEST, 50);
	assert_int_equal(value(HS_METRIC_ACCEPTED), 1111);
	assert_int_equal(value(NEWEST), 7);
	assert_int_equal(spooldir_inode(&temp.d, NAME), inode);
	hs_metrics_free(old);
}

TEST(an_older_build_uses_its_part)
{
	struct hs_metrics *newer = hs_metrics_new(newest() + 800);

	assert_true(hs_metrics_follow(newer, temp.fd, 0600));
	add(newer, NEWEST, 7);
	add_as(older(), 3);
	add_as(HS_METRICS_BYTES, 30);
	assert_int_equal(spooldir_size(&temp.d, NAME), newest() + 800);
	assert_true(hs_metrics_follow(newer, temp.fd, 0600));
	add(newer, HS_METRIC_ACCEPTED, 300);
	assert_int_equal(value(HS_METRIC_ACCEPTED), 333);
	assert_int_equal(value(NEWEST), 7);
	hs_metrics_free(newer);
}

TEST(a_newer_version_is_left_alone)
{
	uint64_t version = 3;

	add_as(HS_METRICS_BYTES, 3);
	put_bytes(AT_VERSION, &version, sizeof version);
	assert_false(follow());
	add(s.m, HS_METRIC_ACCEPTED, 1);
	hs_metrics_add_response(s.m, 200);
	hs_metrics_note_use(s.m, HS_CREDENTIAL_KEY, HS_SLICE("acme"), 1000);
	assert_null(hs_metrics_read(temp.fd));
	version = 2;
	put_bytes(AT_VERSION, &version, sizeof version);
	assert_int_equal(value(HS_METRIC_ACCEPTED), 3);
	assert_true(follow());
}

TEST(an_older_version_is_replaced)
{
	uint64_t version = 0;

	assert_true(follow());
	put_bytes(AT_VERSION, &version, sizeof version);
	add_as(HS_METRICS_BYTES, 3);
	add(s.m, HS_METRIC_ACCEPTED, 10); /* in a file without a name */
	assert_int_equal(value(HS_METRIC_ACCEPTED), 3);
	assert_true(follow());
	add(s.m, HS_METRIC_ACCEPTED, 20);
	assert_int_equal(value(HS_METRIC_ACCEPTED), 23);
}

/* --- a file that is lost ---------------------------------------------------------- */

static void cut_to_nothing(void)
{
	spooldir_cut(&temp.d, NAME, 0);
}

static void cut_in_the_head(void)
{
	spooldir_cut(&temp.d, NAME, 20);
}

static void cut_in_the_middle(void)
{
	spooldir_cut(&temp.d, NAME, 9000);
}

static void cut_by_a_byte(void)
{
	spooldir_cut(&temp.d, NAME, spooldir_size(&temp.d, NAME) - 1);
}

static void removed(void)
{
	spooldir_unlink(&temp.d, NAME);
}

static void another_text(void)
{
	spooldir_write(&temp.d, NAME, HS_SLICE("what somebody else put there"));
}

static void damaged(void)
{
	put_bytes(0, "damaged!", 8);
}

static void read_only(void)
{
	assert_int_equal(fchmodat(temp.fd, NAME, 0400, 0), 0);
}

static void a_link(void)
{
	spooldir_unlink(&temp.d, NAME);
	assert_int_equal(symlinkat("elsewhere", temp.fd, NAME), 0);
}

static void a_socket(void)
{
	spooldir_unlink(&temp.d, NAME);
	assert_int_equal(mknodat(temp.fd, NAME, S_IFSOCK | 0600, 0), 0);
}

static void a_fifo(void)
{
	spooldir_unlink(&temp.d, NAME);
	assert_int_equal(mkfifoat(temp.fd, NAME, 0600), 0);
}

TEST(a_lost_file_is_rebuilt)
{
	void (*const lose[])(void) = { cut_to_nothing, cut_in_the_head, cut_in_the_middle, cut_by_a_byte,
		                       removed,        another_text,    damaged,           a_link,
		                       a_fifo,         a_socket,        read_only };

	for (size_t i = 0; i < sizeof lose / sizeof lose[0]; i++) {
		assert_true(follow());
		add(s.m, HS_METRIC_ACCEPTED, 3);
		lose[i]();
		hs_metrics_add_response(s.m, 200); /* the loss is not noticed yet, and nothing crashes */
		hs_metrics_note_use(s.m, HS_CREDENTIAL_KEY, HS_SLICE("acme"), 1000);
		add(s.m, HS_METRIC_ACCEPTED, 1);
		assert_int_equal(value(HS_METRIC_ACCEPTED), lose[i] == read_only ? 4 : 0);
		assert_true(follow());
		assert_int_equal(value(HS_METRIC_ACCEPTED), 0);
		add(s.m, HS_METRIC_ACCEPTED, 5);
		assert_int_equal(value(HS_METRIC_ACCEPTED), 5);
		spooldir_unlink(&temp.d, NAME);
	}
}

TEST(a_folder_in_its_place_stops_nothing)
{
	assert_int_equal(mkdirat(temp.fd, NAME, 0700), 0);
	assert_false(follow());
	add(s.m, HS_METRIC_ACCEPTED, 1);
	assert_null(hs_metrics_read(temp.fd));
	assert_int_equal(hs_metrics_value(NULL, HS_METRIC_ACCEPTED, 0), 0);
	assert_int_equal(unlinkat(temp.fd, NAME, AT_REMOVEDIR), 0);
	assert_true(follow());
}

TEST(failing_calls_stop_nothing)
{
	static const struct {
		enum wrap_call call;
		int error;
	} failing[] = {
		{ WRAP_PWRITE, ENOSPC }, { WRAP_FTRUNCATE, EIO }, { WRAP_OPENAT, EMFILE }, { WRAP_FLOCK, ENOLCK }
	};

	for (size_t i = 0; i < sizeof failing / sizeof failing[0]; i++) {
		wrap_fail(failing[i].call, 1, WRAP_FOREVER, failing[i].error);
		assert_false(follow());
		add(s.m, HS_METRIC_ACCEPTED, 1);
		wrap_reset();
	}
	assert_true(follow());
	assert_int_equal(value(HS_METRIC_ACCEPTED), 0);
}

/* A file that could not be extended counts what it has room for. */
TEST(a_file_that_cannot_be_extended)
{
	struct hs_metrics *old = hs_metrics_new(older());

	assert_true(hs_metrics_follow(old, temp.fd, 0600));
	add(old, HS_METRIC_ACCEPTED, 1);
	wrap_fail(WRAP_PWRITE, 1, WRAP_FOREVER, ENOSPC);
	assert_false(follow());
	wrap_reset();
	assert_int_equal(value(HS_METRIC_ACCEPTED), 1);
	wrap_fail(WRAP_CALLOC, 1, WRAP_FOREVER, ENOMEM);
	assert_false(follow());
	wrap_reset();
	wrap_fail(WRAP_PWRITE, 2, 1, EIO); /* of its new size, after the new rows: they are there */
	assert_true(follow());
	wrap_reset();
	add(s.m, HS_METRIC_ACCEPTED, 2);
	add(s.m, NEWEST, 7);
	assert_int_equal(value(HS_METRIC_ACCEPTED), 3);
	assert_int_equal(value(NEWEST), 7);
	hs_metrics_free(old);
}

/* --- what becomes of a file while it is opened ------------------------------------------------------ */

static void remove_name(void *unused)
{
	(void)unused;
	spooldir_unlink(&temp.d, NAME);
}

static void replace_name(void *unused)
{
	remove_name(unused);
	spooldir_write(&temp.d, NAME, HS_SLICE("another"));
}

static void move_device(void *unused)
{
	(void)unused;
	wrap_device(1);
}

/* No process could find the figures in a file that has lost its name. */
TEST(a_file_that_loses_its_name_is_not_used)
{
	static const struct {
		enum wrap_call call;
		unsigned nth;
		void (*lose)(void *context);
	} cases[] = { { WRAP_FLOCK, 1, remove_name },
		      { WRAP_FLOCK, 1, replace_name },
		      { WRAP_FSTATAT, 2, move_device } };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		spooldir_write(&temp.d, NAME, HS_SLICE("damaged"));
		wrap_reset();
		wrap_before(cases[i].call, cases[i].nth, cases[i].lose, NULL);
		assert_true(follow()); /* at the second attempt */
		wrap_reset();
		assert_true(follow());
		add(s.m, HS_METRIC_ACCEPTED, 1);
		assert_int_equal(value(HS_METRIC_ACCEPTED), 1);
		remove_name(NULL);
	}
}

static void make_file(void *unused)
{
	(void)unused;
	add_as(HS_METRICS_BYTES, 3);
}

/* It was empty when its size was asked for, and whole when it was read. */
TEST(a_file_that_is_made_while_it_is_read)
{
	spooldir_write(&temp.d, NAME, HS_SLICE(""));
	wrap_reset();
	wrap_before(WRAP_PREAD, 1, make_file, NULL);
	assert_null(hs_metrics_read(temp.fd));
	assert_int_equal(value(HS_METRIC_ACCEPTED), 3);
}

TEST(a_file_on_another_device_is_opened_anew)
{
	assert_true(follow());
	add(s.m, HS_METRIC_ACCEPTED, 1);
	wrap_device(1);
	assert_true(follow());
	add(s.m, HS_METRIC_ACCEPTED, 2);
	assert_int_equal(value(HS_METRIC_ACCEPTED), 3);
	wrap_reset();
}

/* Without memory there are none; nothing is left behind. */
TEST(figures_without_memory)
{
	static const enum wrap_call calls[] = { WRAP_CALLOC, WRAP_LOCK };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		wrap_fail(calls[i], 1, 1, ENOMEM);
		assert_null(hs_metrics_new(HS_METRICS_BYTES));
		wrap_reset();
	}
	hs_metrics_free(NULL);
	hs_metrics_add_to(NULL, HS_METRIC_REQUEST_MS, 1);
	hs_metrics_add_one(NULL, HS_METRIC_SYNC_FAILURES);
	hs_metrics_set(NULL, HS_METRIC_IDS, 1);
}

/* --- damage ------------------------------------------------------------------------------------------ */

/* A table that a damaged disk has filled: the refusal is not counted, and no other one is. */
TEST(a_full_table_of_reasons)
{
	const struct hs_metric_info *row = hs_metric_info(HS_METRIC_REFUSED);
	static unsigned char filled[8 * HS_METRIC_CELLS_REASON];

	assert_true(follow());
	memset(filled, 0x55, sizeof filled);
	put_bytes((off_t)row->offset, filled, sizeof filled);
	hs_metrics_add_refusal(s.m, HS_E_KEY);
	look();
	for (int r = HS_OK + 1; r < HS_RESULT_COUNT; r++)
		assert_int_equal(hs_metrics_refused(s.f, (enum hs_result)r), 0);
	for (size_t cell = 0; cell < row->cells; cell++)
		assert_true(hs_metrics_value(s.f, HS_METRIC_REFUSED, cell) == UINT64_C(0x5555555555555555));
}

static size_t uses(void)
{
	struct hs_metrics_use use;
	size_t n = 0;

	look();
	for (size_t i = 0; i < HS_METRICS_CREDENTIALS; i++)
		n += hs_metrics_use(s.f, i, &use);
	assert_false(hs_metrics_use(s.f, HS_METRICS_CREDENTIALS, &use));
	assert_false(hs_metrics_use(NULL, 0, &use));
	return n;
}

/* A credential whose name, kind or hash is damaged is not shown; a time is shown as the last one there is. */
TEST(a_damaged_credential)
{
	const off_t entry = 80 + 2880 * 32, each = 104; /* see rows_keep_their_place */
	int at;
	struct hs_metrics_use use;
	uint64_t used = UINT64_MAX;

	assert_true(follow());
	at = hs_metrics_note_use(s.m, HS_CREDENTIAL_KEY, HS_SLICE("acme"), 5000);
	assert_true(at >= 0);
	assert_int_equal(uses(), 1);
	put_bytes(entry + at * each + 8, &used, sizeof used);
	assert_int_equal(uses(), 0);
	used = UINT64_MAX << 2 | HS_CREDENTIAL_KEY;
	put_bytes(entry + at * each + 8, &used, sizeof used);
	assert_int_equal(uses(), 1);
	assert_true(hs_metrics_use(s.f, (size_t)at, &use));
	assert_int_equal(use.last_ms, INT64_C(253402300799000));
	put_bytes(entry + at * each + 40, "x", 1);
	assert_int_equal(uses(), 0);
}

TEST(uses_that_are_not_counted)
{
	static const char long_name[HS_CREDENTIAL_NAME + 1] = "a name that has no room";
	struct hs_metrics_sums sums;

	hs_metrics_add_events(s.m, 0, 1); /* nothing is open */
	assert_true(follow());
	hs_metrics_add_events(s.m, HS_METRICS_CREDENTIALS, 1);
	assert_int_equal(hs_metrics_note_use(s.m, HS_CREDENTIAL_KEY, HS_SLICE("acme"), -1), -1);
	assert_int_equal(hs_metrics_note_use(s.m, HS_CREDENTIAL_KEY, hs_slice(long_name, sizeof long_name), 1), -1);
	assert_int_equal(uses(), 0);
	hs_metrics_sums_init(&sums);
	sums.of[HS_METRIC_ACCEPTED] = 3;
	hs_metrics_add(s.m, &sums, -1); /* before 1970: there is no such minute */
	assert_int_equal(value(HS_METRIC_ACCEPTED), 3);
	assert_int_equal(hs_metrics_value(s.f, HS_METRIC_LAST_EVENT, 0), 0);
}

/* It is no damaged one: a monitor's counters do not go back because a disk failed for a moment. */
TEST(a_file_that_cannot_be_read_stays)
{
	static const enum wrap_call calls[] = { WRAP_PREAD, WRAP_FSTAT };

	assert_true(follow());
	add(s.m, HS_METRIC_ACCEPTED, 3);
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		hs_metrics_free(s.m);
		s.m = hs_metrics_new(HS_METRICS_BYTES);
		wrap_fail(calls[i], 1, WRAP_FOREVER, EIO);
		assert_false(follow());
		wrap_reset();
		assert_true(follow());
		assert_int_equal(value(HS_METRIC_ACCEPTED), 3);
	}
}

/* --- minutes ---------------------------------------------------------------------- */

static void add_in(int64_t minute, uint64_t accepted, uint64_t rejected)
{
	struct hs_metrics_sums sums = { .of = { [HS_METRIC_ACCEPTED] = accepted,
		                                [HS_METRIC_ACCEPTED_BYTES] = 100 * accepted,
		                                [HS_METRIC_REJECTED] = rejected,
		                                [HS_METRIC_REJECTED_BYTES] = rejected,
		                                [HS_METRIC_DUPLICATES] = 2 * rejected } };

	hs_metrics_add(s.m, &sums, minute * MINUTE_MS + 59999);
}

/* Accepted events of a minute; -1: it is absent. */
static long long accepted_in(int64_t minute)
{
	struct hs_metrics_minute found;

	look();
	return hs_metrics_minute(s.f, minute, &found) ? (long long)found.accepted : -1;
}

TEST(minutes_are_apart)
{
	struct hs_metrics_minute found;

	assert_true(follow());
	assert_int_equal(accepted_in(NOW), -1);
	add_in(NOW, 3, 0);
	add_in(NOW, 4, 1);
	add_in(NOW + 2, 0, 5);
	assert_int_equal(accepted_in(NOW), 7);
	assert_int_equal(accepted_in(NOW + 1), -1);
	assert_int_equal(accepted_in(NOW + 2), 0);
	assert_true(hs_metrics_minute(s.f, NOW, &found));
	assert_int_equal(found.bytes, 701);
	assert_int_equal(found.rejected, 1);
	assert_int_equal(found.duplicate, 2);
	assert_false(hs_metrics_minute(s.f, -1, &found));
	assert_false(hs_metrics_minute(NULL, NOW, &found));
}

TEST(a_clock_that_jumps_shows_no_old_figures)
{
	int64_t ahead = NOW + HS_METRICS_MINUTES, far = NOW + 30 * HS_METRICS_MINUTES;
	struct hs_metrics_minute found;

	assert_true(follow());
	add_in(NOW, 3, 1);
	for (int64_t turn = 1; turn < 1000; turn++)
		assert_int_equal(accepted_in(NOW + turn * HS_METRICS_MINUTES), -1);
	assert_int_equal(accepted_in(NOW + (1 << 16)), -1);
	add_in(far, 10, 0); /* the clock was wrong by months … */
	assert_int_equal(accepted_in(far), 10);
	assert_int_equal(accepted_in(ahead), -1);
	assert_int_equal(accepted_in(NOW), 0); /* its rejected event is still known … */
	assert_true(hs_metrics_minute(s.f, far, &found));
	assert_int_equal(found.rejected, 0); /* … and not shown for the other */
	add_in(NOW, 5, 1);                   /* … and was corrected */
	assert_int_equal(accepted_in(far), -1);
	assert_int_equal(accepted_in(NOW), 5);
	assert_true(hs_metrics_minute(s.f, NOW, &found));
	assert_int_equal(found.rejected, 2);
	assert_int_equal(found.bytes, 501);
}

/* A word whose minute is 0 modulo 65,536 differs from one that was never written. */
TEST(the_minute_with_the_tag_0)
{
	int64_t minute = INT64_C(443) << 16;

	assert_true(follow());
	assert_int_equal(accepted_in(minute), -1);
	add_in(minute, 2, 0);
	add_in(minute, 2, 0);
	assert_int_equal(accepted_in(minute), 4);
}

/* --- adders at once --------------------------------------------------------------- */

enum { ADDERS = 4, ROUNDS = 400000 }; /* long enough for them to overlap */

static void *adder(void *context)
{
	(void)context;
	for (int i = 0; i < ROUNDS; i++) {
		add_in(NOW + i / (ROUNDS / 10), 1, 1);
		hs_metrics_add_response(s.m, 200 + i % 2);
		hs_metrics_note_use(s.m, i % 2 == 0 ? HS_CREDENTIAL_KEY : HS_CREDENTIAL_SECRET, HS_SLICE("acme"),
		                    1000 * (int64_t)i);
	}
	return NULL;
}

/* Under load another process may take longer to make the file than a call waits. */
static bool follow_at_last(void)
{
	bool open = false;

	for (int tries = 0; tries < 50 && !open; tries++)
		open = follow();
	return open;
}

static int adding_process(void *context)
{
	s.m = hs_metrics_new(HS_METRICS_BYTES);
	if (!follow_at_last())
		return 1;
	adder(context);
	return 0;
}

TEST(adders_lose_nothing)
{
	pthread_t thread[ADDERS];
	pid_t process[2];
	uint64_t sum = 0, bytes = 0, total = (ADDERS + 2) * ROUNDS;

	for (int i = 0; i < 2; i++)
		process[i] = child_start(adding_process, NULL);
	assert_true(follow_at_last());
	for (int i = 0; i < ADDERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, adder, NULL), 0);
	for (int i = 0; i < ADDERS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < 2; i++)
		assert_int_equal(child_wait(process[i]), 0);
	assert_int_equal(value(HS_METRIC_ACCEPTED), total);
	assert_int_equal(value(HS_METRIC_DUPLICATES), 2 * total);
	assert_int_equal(hs_metrics_value(s.f, HS_METRIC_RESPONSES, 100), total / 2);
	assert_int_equal(hs_metrics_value(s.f, HS_METRIC_RESPONSES, 101), total / 2);
	for (int64_t minute = NOW; minute < NOW + 10; minute++) {
		struct hs_metrics_minute found;

		assert_true(hs_metrics_minute(s.f, minute, &found));
		sum += found.accepted;
		bytes += found.bytes;
	}
	assert_int_equal(sum, total);
	assert_int_equal(bytes, 101 * total);
}

/* --- credentials -------------------------------------------------------------------- */

static int64_t last_use(enum hs_credential kind, const char *name)
{
	struct hs_metrics_use use;
	int64_t last_ms = -1;
	int times = 0;

	look();
	for (size_t i = 0; i < HS_METRICS_CREDENTIALS; i++)
		if (hs_metrics_use(s.f, i, &use) && use.kind == kind && strcmp(use.name, name) == 0) {
			last_ms = use.last_ms;
			times++;
		}
	assert_in_range(times, 0, 1);
	return last_ms;
}

TEST(the_last_use_of_a_credential)
{
	static const char longest[] = "0123456789012345678901234567890123456789012345678901234567890123";

	assert_true(follow());
	assert_int_equal(last_use(HS_CREDENTIAL_KEY, "acme"), -1);
	hs_metrics_note_use(s.m, HS_CREDENTIAL_KEY, HS_SLICE("acme"), 5999);
	hs_metrics_note_use(s.m, HS_CREDENTIAL_SECRET, HS_SLICE("#1"), 7000);
	hs_metrics_note_use(s.m, HS_CREDENTIAL_KEY, HS_SLICE(longest), 8000);
	hs_metrics_note_use(s.m, HS_CREDENTIAL_KEY, hs_slice(longest, 0), 8000);
	assert_int_equal(last_use(HS_CREDENTIAL_KEY, "acme"), 5000);
	assert_int_equal(last_use(HS_CREDENTIAL_SECRET, "acme"), -1);
	assert_int_equal(last_use(HS_CREDENTIAL_SECRET, "#1"), 7000);
	assert_int_equal(last_use(HS_CREDENTIAL_KEY, longest), 8000);
	hs_metrics_note_use(s.m, HS_CREDENTIAL_SECRET, HS_SLICE("acme"), 9000);
	hs_metrics_note_use(s.m, HS_CREDENTIAL_KEY, HS_SLICE("acme"), 60000);
	assert_int_equal(last_use(HS_CREDENTIAL_KEY, "acme"), 60000);
	assert_int_equal(last_use(HS_CREDENTIAL_SECRET, "acme"), 9000);
	hs_metrics_note_use(s.m, HS_CREDENTIAL_SOURCE, HS_SLICE("acme"), 10000);
	assert_int_equal(last_use(HS_CREDENTIAL_SOURCE, "acme"), 10000);
	assert_int_equal(last_use(HS_CREDENTIAL_KEY, "acme"), 60000);
	hs_metrics_note_use(s.m, HS_CREDENTIAL_KEY, HS_SLICE("acme"), 4000); /* the clock was set back */
	assert_int_equal(last_use(HS_CREDENTIAL_KEY, "acme"), 4000);
}

/* A sender is quiet after twice its longest pause, once its habits are known. */
TEST(a_sender_that_has_gone_quiet)
{
	enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
	struct hs_metrics_use use;
	int64_t at = 1000 * (int64_t)HOUR;
	int entry = -1;

	assert_true(follow());
	for (int i = 0; i <= 25; i++)
		entry = hs_metrics_note_use(s.m, HS_CREDENTIAL_KEY, HS_SLICE("acme"), at + i * HOUR);
	hs_metrics_add_events(s.m, entry, 41);
	hs_metrics_add_events(s.m, entry, 1);
	hs_metrics_add_events(s.m, -1, 1);
	look();
	for (size_t i = 0; i < HS_METRICS_CREDENTIALS; i++)
		if (hs_metrics_use(s.f, i, &use))
			break;
	assert_int_equal(use.events, 42);
	assert_int_equal(use.first_ms, at);
	assert_int_equal(use.pause_ms, HOUR);
	assert_false(hs_metrics_is_quiet(&use, use.last_ms - HOUR)); /* the clock was set back */
	assert_false(hs_metrics_is_quiet(&use, use.last_ms + 2 * HOUR));
	assert_true(hs_metrics_is_quiet(&use, use.last_ms + 2 * HOUR + 1));
	use.pause_ms = SECOND;
	assert_false(hs_metrics_is_quiet(&use, use.last_ms + 9 * MINUTE));
	assert_true(hs_metrics_is_quiet(&use, use.last_ms + 10 * MINUTE));
	use.first_ms = use.last_ms - 23 * HOUR; /* not known for long enough */
	assert_false(hs_metrics_is_quiet(&use, use.last_ms + 10 * HOUR));
}

/* There is room for as many as the settings take; more are left out. */
TEST(many_credentials)
{
	struct hs_metrics_use use;
	size_t found = 0;

	assert_true(follow());
	for (int i = 0; i < 3000; i++) {
		char name[16];
		int n = snprintf(name, sizeof name, "customer-%d", i);

		hs_metrics_note_use(s.m, HS_CREDENTIAL_KEY, hs_slice(name, (size_t)n), 1000 + i);
		if (i == HS_KEYS_MAX + HS_SECRETS_MAX + HS_SOURCES_MAX)
			look();
	}
	for (size_t i = 0; i < HS_METRICS_CREDENTIALS; i++)
		found += hs_metrics_use(s.f, i, &use);
	assert_int_equal(found, HS_KEYS_MAX + HS_SECRETS_MAX + HS_SOURCES_MAX + 1);
	assert_int_equal(last_use(HS_CREDENTIAL_KEY, "customer-0"), 1000);
	for (size_t i = found = 0; i < HS_METRICS_CREDENTIALS; i++)
		found += hs_metrics_use(s.f, i, &use);
	assert_in_range(found, HS_KEYS_MAX + HS_SECRETS_MAX + HS_SOURCES_MAX, HS_METRICS_CREDENTIALS);
}

TESTS("metrics", begin, finish)

/*
 * metrics: builds of different size count in one file, adders lose nothing, a file that is lost
 * is made anew, and a minute that passed is never shown with figures of another.
 */
#include "base/io.h"
#include "spool/shared/metrics.h"
#include "tests/lib/cases.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char NAME[] = "metrics";
enum { MINUTE_MS = 60000, NOW = 29000000 /* a minute of 2025 */ };

struct scene {
	struct spooldir d;
	int dir;
	struct hs_metrics *m;
	struct hs_metrics_figures *f;
};

static int begin(void **state)
{
	static struct scene s;

	spooldir_make(&s.d, "");
	assert_int_equal(mkdir(s.d.path, 0700), 0);
	s.dir = hs_io_open_dir(AT_FDCWD, s.d.path);
	s.m = hs_metrics_new(HS_METRICS_BYTES);
	s.f = NULL;
	assert_non_null(s.m);
	wrap_reset();
	*state = &s;
	return 0;
}

static int finish(void **state)
{
	struct scene *s = *state;

	wrap_reset();
	hs_metrics_free(s->m);
	hs_metrics_figures_free(s->f);
	close(s->dir);
	spooldir_remove(&s->d);
	return 0;
}

static bool follow(struct scene *s)
{
	return hs_metrics_follow(s->m, s->dir, 0600);
}

static void add(struct hs_metrics *m, enum hs_metric metric, uint64_t n)
{
	struct hs_metrics_sums sums = { 0 };

	sums.of[metric] = n;
	hs_metrics_add(m, &sums, (int64_t)NOW * MINUTE_MS);
}

static void look(struct scene *s)
{
	hs_metrics_figures_free(s->f);
	s->f = hs_metrics_read(s->dir);
}

static uint64_t value(struct scene *s, enum hs_metric metric)
{
	look(s);
	return hs_metrics_value(s->f, metric, 0);
}

/* Another process, or the next one: opens, adds n accepted events, and ends. */
static void add_as(struct scene *s, size_t bytes, uint64_t n)
{
	struct hs_metrics *m = hs_metrics_new(bytes);

	assert_non_null(m);
	assert_true(hs_metrics_follow(m, s->dir, 0600));
	add(m, HS_METRIC_ACCEPTED, n);
	hs_metrics_free(m);
}

/* --- rows ----------------------------------------------------------------------- */

/* Builds that share a file agree about these. A new row comes after them, and this list stays. */
static void rows_keep_their_place(void **state)
{
	static const char *const name[] = { "responses",   "accepted",       "accepted_bytes",
		                            "rejected",    "rejected_bytes", "duplicates",
		                            "conflicting", "suppressed",     "unparsed_timestamps" };
	size_t first = hs_metric_info(HS_METRIC_RESPONSES)->offset, at = first;

	(void)state;
	assert_int_equal(first, 80 + 2880 * 32 + 1280 * 80);
	assert_true(sizeof name / sizeof name[0] <= HS_METRIC_COUNT);
	for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
		const struct hs_metric_info *info = hs_metric_info((enum hs_metric)i);

		assert_string_equal(info->name, name[i]);
		assert_int_equal(info->offset, at);
		assert_int_equal(info->cells, i == 0 ? 500 : 1);
		at += 8 * info->cells;
	}
}

/* A status that is added to the table of results needs no change elsewhere. */
static void each_status_of_the_results_is_counted(void **state)
{
	struct scene *s = *state;
	unsigned times[600] = { 0 };

	assert_true(follow(s));
	for (int r = 0; r < HS_RESULT_COUNT; r++) {
		int status = hs_result_info((enum hs_result)r)->status;

		times[status]++;
		hs_metrics_add_response(s->m, status);
	}
	hs_metrics_add_response(s->m, 202);
	hs_metrics_add_response(s->m, 99);
	hs_metrics_add_response(s->m, 600);
	hs_metrics_add_response(s->m, -1);
	times[202]++;
	look(s);
	for (size_t status = 100; status < 600; status++)
		assert_int_equal(hs_metrics_value(s->f, HS_METRIC_RESPONSES, status - 100), times[status]);
	assert_int_equal(hs_metrics_value(s->f, HS_METRIC_ACCEPTED, 0), 0);
}

/* --- the file ------------------------------------------------------------------- */

static void figures_survive_a_restart(void **state)
{
	struct scene *s = *state;
	int64_t since;

	assert_null(hs_metrics_read(s->dir));
	assert_false(hs_metrics_is_tried(s->m));
	add(s->m, HS_METRIC_ACCEPTED, 1); /* not open: not counted */
	add_as(s, HS_METRICS_BYTES, 3);
	assert_int_equal(value(s, HS_METRIC_ACCEPTED), 3);
	since = hs_metrics_since(s->f);
	assert_in_range(hs_io_now() - since, 0, 10000);
	assert_true(follow(s));
	assert_true(hs_metrics_is_tried(s->m));
	add(s->m, HS_METRIC_ACCEPTED, 4);
	add_as(s, HS_METRICS_BYTES, 5);
	assert_int_equal(value(s, HS_METRIC_ACCEPTED), 12);
	assert_int_equal(hs_metrics_since(s->f), since);
}

static void put_bytes(struct scene *s, off_t at, const void *bytes, size_t n)
{
	int fd = openat(s->dir, NAME, O_WRONLY);

	assert_int_equal(pwrite(fd, bytes, n, at), (ssize_t)n);
	close(fd);
}

enum { AT_VERSION = 8, AT_BOOT = 40 };

static void another_boot_begins_at_0(void **state)
{
	struct scene *s = *state;

	add_as(s, HS_METRICS_BYTES, 3);
	put_bytes(s, AT_BOOT, "x", 1);
	assert_null(hs_metrics_read(s->dir));
	add_as(s, HS_METRICS_BYTES, 5);
	assert_int_equal(value(s, HS_METRIC_ACCEPTED), 5);
}

static void a_copy_begins_at_0(void **state)
{
	struct scene *s = *state;
	struct hs_buf text;

	add_as(s, HS_METRICS_BYTES, 3);
	text = spooldir_read(&s->d, NAME);
	spooldir_rename(&s->d, NAME, "original");
	spooldir_write(&s->d, NAME, hs_buf_slice(&text));
	hs_buf_free(&text);
	assert_null(hs_metrics_read(s->dir));
	add_as(s, HS_METRICS_BYTES, 5);
	assert_int_equal(value(s, HS_METRIC_ACCEPTED), 5);
}

/* --- builds of different size --------------------------------------------------- */

/* As a build has it that does not know the last row. */
static size_t older(void)
{
	return hs_metric_info(HS_METRIC_UNPARSED_TIMESTAMPS)->offset;
}

static void a_newer_build_extends_the_file(void **state)
{
	struct scene *s = *state;
	struct hs_metrics *old = hs_metrics_new(older());
	ino_t inode;

	assert_true(hs_metrics_follow(old, s->dir, 0600));
	add(old, HS_METRIC_ACCEPTED, 1);
	assert_int_equal(spooldir_size(&s->d, NAME), older());
	assert_int_equal(value(s, HS_METRIC_ACCEPTED), 1);
	assert_int_equal(value(s, HS_METRIC_UNPARSED_TIMESTAMPS), 0); /* not there */
	inode = spooldir_inode(&s->d, NAME);

	assert_true(follow(s));
	assert_int_equal(spooldir_size(&s->d, NAME), older() + 8);
	add(s->m, HS_METRIC_ACCEPTED, 10);
	add(s->m, HS_METRIC_UNPARSED_TIMESTAMPS, 7);
	add(old, HS_METRIC_ACCEPTED, 100);
	assert_true(hs_metrics_follow(old, s->dir, 0600)); /* it goes on with its part */
	add(old, HS_METRIC_ACCEPTED, 1000);
	add(old, HS_METRIC_UNPARSED_TIMESTAMPS, 50);
	assert_int_equal(value(s, HS_METRIC_ACCEPTED), 1111);
	assert_int_equal(value(s, HS_METRIC_UNPARSED_TIMESTAMPS), 7);
	assert_int_equal(spooldir_inode(&s->d, NAME), inode);
	hs_metrics_free(old);
}

static void an_older_build_uses_its_part(void **state)
{
	struct scene *s = *state;
	struct hs_metrics *newer = hs_metrics_new(older() + 8 + 800);

	assert_true(hs_metrics_follow(newer, s->dir, 0600));
	add(newer, HS_METRIC_UNPARSED_TIMESTAMPS, 7);
	add_as(s, older(), 3);
	add_as(s, HS_METRICS_BYTES, 30);
	assert_int_equal(spooldir_size(&s->d, NAME), older() + 808);
	assert_true(hs_metrics_follow(newer, s->dir, 0600));
	add(newer, HS_METRIC_ACCEPTED, 300);
	assert_int_equal(value(s, HS_METRIC_ACCEPTED), 333);
	assert_int_equal(value(s, HS_METRIC_UNPARSED_TIMESTAMPS), 7);
	hs_metrics_free(newer);
}

static void a_newer_version_is_left_alone(void **state)
{
	struct scene *s = *state;
	uint64_t version = 2;

	add_as(s, HS_METRICS_BYTES, 3);
	put_bytes(s, AT_VERSION, &version, sizeof version);
	assert_false(follow(s));
	add(s->m, HS_METRIC_ACCEPTED, 1);
	hs_metrics_add_response(s->m, 200);
	hs_metrics_note_use(s->m, HS_CREDENTIAL_KEY, HS_SLICE("acme"), 1000);
	assert_null(hs_metrics_read(s->dir));
	version = 1;
	put_bytes(s, AT_VERSION, &version, sizeof version);
	assert_int_equal(value(s, HS_METRIC_ACCEPTED), 3);
	assert_true(follow(s));
}

static void an_older_version_is_replaced(void **state)
{
	struct scene *s = *state;
	uint64_t version = 0;

	assert_true(follow(s));
	put_bytes(s, AT_VERSION, &version, sizeof version);
	add_as(s, HS_METRICS_BYTES, 3);
	add(s->m, HS_METRIC_ACCEPTED, 10); /* in a file without a name */
	assert_int_equal(value(s, HS_METRIC_ACCEPTED), 3);
	assert_true(follow(s));
	add(s->m, HS_METRIC_ACCEPTED, 20);
	assert_int_equal(value(s, HS_METRIC_ACCEPTED), 23);
}

/* --- a file that is lost ---------------------------------------------------------- */

static void cut_to_nothing(struct scene *s)
{
	spooldir_cut(&s->d, NAME, 0);
}

static void cut_in_the_head(struct scene *s)
{
	spooldir_cut(&s->d, NAME, 20);
}

static void cut_in_the_middle(struct scene *s)
{
	spooldir_cut(&s->d, NAME, 9000);
}

static void cut_by_a_byte(struct scene *s)
{
	spooldir_cut(&s->d, NAME, spooldir_size(&s->d, NAME) - 1);
}

static void removed(struct scene *s)
{
	spooldir_unlink(&s->d, NAME);
}

static void another_text(struct scene *s)
{
	spooldir_write(&s->d, NAME, HS_SLICE("what somebody else put there"));
}

static void damaged(struct scene *s)
{
	put_bytes(s, 0, "damaged!", 8);
}

static void read_only(struct scene *s)
{
	assert_int_equal(fchmodat(s->dir, NAME, 0400, 0), 0);
}

static void a_link(struct scene *s)
{
	spooldir_unlink(&s->d, NAME);
	assert_int_equal(symlinkat("elsewhere", s->dir, NAME), 0);
}

static void a_fifo(struct scene *s)
{
	spooldir_unlink(&s->d, NAME);
	assert_int_equal(mkfifoat(s->dir, NAME, 0600), 0);
}

static void what_is_lost_is_made_anew(void **state)
{
	struct scene *s = *state;
	void (*const lose[])(struct scene *) = { cut_to_nothing, cut_in_the_head, cut_in_the_middle, cut_by_a_byte,
		                                 removed,        another_text,    damaged,           a_link,
		                                 a_fifo,         read_only };

	for (size_t i = 0; i < sizeof lose / sizeof lose[0]; i++) {
		assert_true(follow(s));
		add(s->m, HS_METRIC_ACCEPTED, 3);
		lose[i](s);
		hs_metrics_add_response(s->m, 200); /* nobody has noticed yet, and nobody crashes */
		hs_metrics_note_use(s->m, HS_CREDENTIAL_KEY, HS_SLICE("acme"), 1000);
		add(s->m, HS_METRIC_ACCEPTED, 1);
		assert_int_equal(value(s, HS_METRIC_ACCEPTED), lose[i] == read_only ? 4 : 0);
		assert_true(follow(s));
		assert_int_equal(value(s, HS_METRIC_ACCEPTED), 0);
		add(s->m, HS_METRIC_ACCEPTED, 5);
		assert_int_equal(value(s, HS_METRIC_ACCEPTED), 5);
		spooldir_unlink(&s->d, NAME);
	}
}

static void a_folder_in_its_place_stops_nobody(void **state)
{
	struct scene *s = *state;

	assert_int_equal(mkdirat(s->dir, NAME, 0700), 0);
	assert_false(follow(s));
	add(s->m, HS_METRIC_ACCEPTED, 1);
	assert_null(hs_metrics_read(s->dir));
	assert_int_equal(hs_metrics_value(NULL, HS_METRIC_ACCEPTED, 0), 0);
	assert_int_equal(unlinkat(s->dir, NAME, AT_REMOVEDIR), 0);
	assert_true(follow(s));
}

static void calls_that_fail_stop_nobody(void **state)
{
	struct scene *s = *state;
	static const struct {
		enum wrap_call call;
		int error;
	} failing[] = {
		{ WRAP_PWRITE, ENOSPC }, { WRAP_FTRUNCATE, EIO }, { WRAP_OPENAT, EMFILE }, { WRAP_FLOCK, ENOLCK }
	};

	for (size_t i = 0; i < sizeof failing / sizeof failing[0]; i++) {
		wrap_fail(failing[i].call, 1, WRAP_FOREVER, failing[i].error);
		assert_false(follow(s));
		add(s->m, HS_METRIC_ACCEPTED, 1);
		wrap_reset();
	}
	assert_true(follow(s));
	assert_int_equal(value(s, HS_METRIC_ACCEPTED), 0);
}

/* --- minutes ---------------------------------------------------------------------- */

static void add_in(struct scene *s, int64_t minute, uint64_t accepted, uint64_t rejected)
{
	struct hs_metrics_sums sums = { .of = { [HS_METRIC_ACCEPTED] = accepted,
		                                [HS_METRIC_ACCEPTED_BYTES] = 100 * accepted,
		                                [HS_METRIC_REJECTED] = rejected,
		                                [HS_METRIC_REJECTED_BYTES] = rejected,
		                                [HS_METRIC_DUPLICATES] = 2 * rejected } };

	hs_metrics_add(s->m, &sums, minute * MINUTE_MS + 59999);
}

/* Accepted events of a minute; -1: it is absent. */
static long long accepted_in(struct scene *s, int64_t minute)
{
	struct hs_metrics_minute found;

	look(s);
	return hs_metrics_minute(s->f, minute, &found) ? (long long)found.accepted : -1;
}

static void minutes_are_apart(void **state)
{
	struct scene *s = *state;
	struct hs_metrics_minute found;

	assert_true(follow(s));
	assert_int_equal(accepted_in(s, NOW), -1);
	add_in(s, NOW, 3, 0);
	add_in(s, NOW, 4, 1);
	add_in(s, NOW + 2, 0, 5);
	assert_int_equal(accepted_in(s, NOW), 7);
	assert_int_equal(accepted_in(s, NOW + 1), -1);
	assert_int_equal(accepted_in(s, NOW + 2), 0);
	assert_true(hs_metrics_minute(s->f, NOW, &found));
	assert_int_equal(found.bytes, 701);
	assert_int_equal(found.rejected, 1);
	assert_int_equal(found.duplicate, 2);
	assert_false(hs_metrics_minute(s->f, -1, &found));
	assert_false(hs_metrics_minute(NULL, NOW, &found));
}

static void a_clock_that_jumps_shows_no_old_figures(void **state)
{
	struct scene *s = *state;
	int64_t ahead = NOW + HS_METRICS_MINUTES, far = NOW + 30 * HS_METRICS_MINUTES;
	struct hs_metrics_minute found;

	assert_true(follow(s));
	add_in(s, NOW, 3, 1);
	for (int64_t turn = 1; turn < 1000; turn++)
		assert_int_equal(accepted_in(s, NOW + turn * HS_METRICS_MINUTES), -1);
	assert_int_equal(accepted_in(s, NOW + (1 << 16)), -1);
	add_in(s, far, 10, 0); /* the clock was wrong by months … */
	assert_int_equal(accepted_in(s, far), 10);
	assert_int_equal(accepted_in(s, ahead), -1);
	assert_int_equal(accepted_in(s, NOW), 0); /* its rejected event is still known … */
	assert_true(hs_metrics_minute(s->f, far, &found));
	assert_int_equal(found.rejected, 0); /* … and not shown for the other */
	add_in(s, NOW, 5, 1);                /* … and was set right */
	assert_int_equal(accepted_in(s, far), -1);
	assert_int_equal(accepted_in(s, NOW), 5);
	assert_true(hs_metrics_minute(s->f, NOW, &found));
	assert_int_equal(found.rejected, 2);
	assert_int_equal(found.bytes, 501);
}

/* A word whose minute is 0 modulo 65,536 is told from one that was never written. */
static void the_minute_with_the_tag_0(void **state)
{
	struct scene *s = *state;
	int64_t minute = INT64_C(443) << 16;

	assert_true(follow(s));
	assert_int_equal(accepted_in(s, minute), -1);
	add_in(s, minute, 2, 0);
	add_in(s, minute, 2, 0);
	assert_int_equal(accepted_in(s, minute), 4);
}

/* --- adders at once --------------------------------------------------------------- */

enum { ADDERS = 4, ROUNDS = 400000 }; /* long enough that they run at once */

static void *adder(void *context)
{
	struct scene *s = context;

	for (int i = 0; i < ROUNDS; i++) {
		add_in(s, NOW + i / (ROUNDS / 10), 1, 1);
		hs_metrics_add_response(s->m, 200 + i % 2);
		hs_metrics_note_use(s->m, i % 2 == 0 ? HS_CREDENTIAL_KEY : HS_CREDENTIAL_SECRET, HS_SLICE("acme"),
		                    1000 * (int64_t)i);
	}
	return NULL;
}

/* Under load another process may take longer to make the file than a call waits. */
static bool follow_at_last(struct scene *s)
{
	bool open = false;

	for (int tries = 0; tries < 50 && !open; tries++)
		open = hs_metrics_follow(s->m, s->dir, 0600);
	return open;
}

static int adding_process(void *context)
{
	struct scene s = *(struct scene *)context;

	s.m = hs_metrics_new(HS_METRICS_BYTES);
	if (!follow_at_last(&s))
		return 1;
	adder(&s);
	return 0;
}

static void adders_lose_nothing(void **state)
{
	struct scene *s = *state;
	pthread_t thread[ADDERS];
	pid_t process[2];
	uint64_t sum = 0, bytes = 0, total = (ADDERS + 2) * ROUNDS;

	for (int i = 0; i < 2; i++)
		process[i] = child_start(adding_process, s);
	assert_true(follow_at_last(s));
	for (int i = 0; i < ADDERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, adder, s), 0);
	for (int i = 0; i < ADDERS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < 2; i++)
		assert_int_equal(child_wait(process[i]), 0);
	assert_int_equal(value(s, HS_METRIC_ACCEPTED), total);
	assert_int_equal(value(s, HS_METRIC_DUPLICATES), 2 * total);
	assert_int_equal(hs_metrics_value(s->f, HS_METRIC_RESPONSES, 100), total / 2);
	assert_int_equal(hs_metrics_value(s->f, HS_METRIC_RESPONSES, 101), total / 2);
	for (int64_t minute = NOW; minute < NOW + 10; minute++) {
		struct hs_metrics_minute found;

		assert_true(hs_metrics_minute(s->f, minute, &found));
		sum += found.accepted;
		bytes += found.bytes;
	}
	assert_int_equal(sum, total);
	assert_int_equal(bytes, 101 * total);
}

/* --- credentials -------------------------------------------------------------------- */

static int64_t last_use(struct scene *s, enum hs_credential kind, const char *name)
{
	struct hs_metrics_use use;
	int64_t last_ms = -1;
	int times = 0;

	look(s);
	for (size_t i = 0; i < HS_METRICS_CREDENTIALS; i++)
		if (hs_metrics_use(s->f, i, &use) && use.kind == kind && strcmp(use.name, name) == 0) {
			last_ms = use.last_ms;
			times++;
		}
	assert_in_range(times, 0, 1);
	return last_ms;
}

static void the_last_use_of_a_credential(void **state)
{
	struct scene *s = *state;
	static const char longest[] = "0123456789012345678901234567890123456789012345678901234567890123";

	assert_true(follow(s));
	assert_int_equal(last_use(s, HS_CREDENTIAL_KEY, "acme"), -1);
	hs_metrics_note_use(s->m, HS_CREDENTIAL_KEY, HS_SLICE("acme"), 5999);
	hs_metrics_note_use(s->m, HS_CREDENTIAL_SECRET, HS_SLICE("#1"), 7000);
	hs_metrics_note_use(s->m, HS_CREDENTIAL_KEY, HS_SLICE(longest), 8000);
	hs_metrics_note_use(s->m, HS_CREDENTIAL_KEY, hs_slice(longest, 0), 8000);
	assert_int_equal(last_use(s, HS_CREDENTIAL_KEY, "acme"), 5000);
	assert_int_equal(last_use(s, HS_CREDENTIAL_SECRET, "acme"), -1);
	assert_int_equal(last_use(s, HS_CREDENTIAL_SECRET, "#1"), 7000);
	assert_int_equal(last_use(s, HS_CREDENTIAL_KEY, longest), 8000);
	hs_metrics_note_use(s->m, HS_CREDENTIAL_SECRET, HS_SLICE("acme"), 9000);
	hs_metrics_note_use(s->m, HS_CREDENTIAL_KEY, HS_SLICE("acme"), 60000);
	assert_int_equal(last_use(s, HS_CREDENTIAL_KEY, "acme"), 60000);
	assert_int_equal(last_use(s, HS_CREDENTIAL_SECRET, "acme"), 9000);
	hs_metrics_note_use(s->m, HS_CREDENTIAL_KEY, HS_SLICE("acme"), 4000); /* the clock was set back */
	assert_int_equal(last_use(s, HS_CREDENTIAL_KEY, "acme"), 4000);
}

/* As many as the settings take have room at once; what is more is left out. */
static void many_credentials(void **state)
{
	struct scene *s = *state;
	struct hs_metrics_use use;
	size_t found = 0;

	assert_true(follow(s));
	for (int i = 0; i < 3000; i++) {
		char name[16];
		int n = snprintf(name, sizeof name, "customer-%d", i);

		hs_metrics_note_use(s->m, HS_CREDENTIAL_KEY, hs_slice(name, (size_t)n), 1000 + i);
		if (i == HS_KEYS_MAX + HS_SECRETS_MAX)
			look(s);
	}
	for (size_t i = 0; i < HS_METRICS_CREDENTIALS; i++)
		found += hs_metrics_use(s->f, i, &use);
	assert_int_equal(found, HS_KEYS_MAX + HS_SECRETS_MAX + 1);
	assert_int_equal(last_use(s, HS_CREDENTIAL_KEY, "customer-0"), 1000);
	for (size_t i = found = 0; i < HS_METRICS_CREDENTIALS; i++)
		found += hs_metrics_use(s->f, i, &use);
	assert_in_range(found, HS_KEYS_MAX, HS_METRICS_CREDENTIALS);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_keep_their_place),
		TEST(each_status_of_the_results_is_counted),
		TEST(figures_survive_a_restart),
		TEST(another_boot_begins_at_0),
		TEST(a_copy_begins_at_0),
		TEST(a_newer_build_extends_the_file),
		TEST(an_older_build_uses_its_part),
		TEST(a_newer_version_is_left_alone),
		TEST(an_older_version_is_replaced),
		TEST(what_is_lost_is_made_anew),
		TEST(a_folder_in_its_place_stops_nobody),
		TEST(calls_that_fail_stop_nobody),
		TEST(minutes_are_apart),
		TEST(a_clock_that_jumps_shows_no_old_figures),
		TEST(the_minute_with_the_tag_0),
		TEST(adders_lose_nothing),
		TEST(the_last_use_of_a_credential),
		TEST(many_credentials),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}

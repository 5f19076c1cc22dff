/*
 * store_faults: dead letters, requests of an erase, figures, limits, a spool's first event and its last: whichever
 * call fails, what is said of them is true, nothing is lost, and a second attempt succeeds.
 */
#include "base/io.h"
#include "spool/admin/dead_letters.h"
#include "spool/admin/erase_requests.h"
#include "spool/figures/openmetrics.h"
#include "spool/shared/rates.h"
#include "spool/write/rejected.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hs_opened_spool o = SPOOLDIR_CLOSED;

FIXTURE(tell_and_finish)
{
	fail_each_tell();
	hs_spool_dir_close(&o);
	return finish(state);
}

static void open_dir(void)
{
	hs_spool_dir_close(&o);
	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
}

/* --- dead letters --------------------------------------------------------------------- */

static const char FIRST[] = "{\"failed_at\":\"2026-11-28T10:15:01.000Z\",\"record\":{\"message_id\":\"a\",\"spooled_"
			    "at\":\"2026-11-01T00:00:00.000Z\"}}\n",
		  SECOND[] = "{\"failed_at\":\"2026-11-29T10:15:01.000Z\",\"record\":{\"message_id\":\"b\",\"spooled_"
			     "at\":\"2026-11-01T00:00:00.000Z\"}}\n",
		  THIRD[] = "{\"failed_at\":\"2026-11-30T10:15:01.000Z\",\"record\":{\"message_id\":\"c\",\"spooled_"
			    "at\":\"2026-11-01T00:00:00.000Z\"}}\n";

static const int64_t FIRST_MS = INT64_C(1795860901000);

static void assert_letters(const char *first, const char *second)
{
	struct hs_buf got = spooldir_read(&s.d, "failed.jsonl"), want = { 0 };

	hs_buf_put_slice(&want, hs_slice_str(first));
	hs_buf_put_slice(&want, hs_slice_str(second));
	assert_slice_equal(hs_buf_slice(&got), hs_buf_slice(&want));
	hs_buf_free(&got);
	hs_buf_free(&want);
}

static bool second_is_there;

static void write_first(void)
{
	second_is_there = false;
	make("");
	open_dir();
	spooldir_write(&s.d, "failed.jsonl", hs_slice(FIRST, sizeof FIRST - 2)); /* a killed writer left no newline */
}

/* By calls that do not fail and are not counted. */
static bool is_second_there(void)
{
	FILE *file = fopen(spooldir_path(&s.d, "failed.jsonl"), "r");
	char text[1000];
	size_t n = file != NULL ? fread(text, 1, sizeof text, file) : 0;

	if (file != NULL)
		fclose(file);
	return memmem(text, n, SECOND, sizeof SECOND - 1) != NULL;
}

/* A line that was refused is not there, so that a second attempt is right; see dead_letters.h. */
static enum hs_result run_letter(void)
{
	enum hs_result result;

	if (second_is_there)
		return HS_OK;
	result = hs_dead_letters_append(&o.dir, HS_SLICE(SECOND), UINT64_MAX, NULL);
	second_is_there = is_second_there();
	assert_true(result == HS_OK || result == HS_E_SYNC || !second_is_there);
	return result;
}

static void are_two_letters(void)
{
	assert_letters(FIRST, SECOND);
}

TEST(a_dead_letter)
{
	fail_each(&(struct job){ write_first, run_letter, are_two_letters, 0 });
}

static void write_none(void)
{
	second_is_there = false;
	make("");
	open_dir();
}

static bool is_dir_synced;

/* If the directory alone could not be synced the line is there; see dead_letters.h. */
static enum hs_result run_first_letter(void)
{
	enum hs_result result;

	if (second_is_there)
		return HS_OK;
	result = hs_dead_letters_append(&o.dir, HS_SLICE(SECOND), UINT64_MAX, NULL);
	is_dir_synced = wrap_count(WRAP_FSYNC) > 0;
	second_is_there = is_second_there();
	assert_true(result == HS_OK || result == HS_E_SYNC || is_dir_synced || !second_is_there);
	return result;
}

static void is_first_letter(void)
{
	assert_letters("", SECOND);
}

TEST(the_first_dead_letter)
{
	fail_each(&(struct job){ write_none, run_first_letter, is_first_letter, 0 });
}

static void write_three(void)
{
	make("");
	open_dir();
	spooldir_write(&s.d, "failed.jsonl", HS_SLICE(FIRST));
	spooldir_add(&s.d, "failed.jsonl", HS_SLICE(SECOND));
	spooldir_add(&s.d, "failed.jsonl", HS_SLICE(THIRD));
}

static enum hs_result run_drop(void)
{
	struct hs_dead_letters_line line = { .hash = hs_dead_letters_hash(hs_slice(SECOND, sizeof SECOND - 2), 7) };

	return hs_dead_letters_drop(&o.dir, &line, 1, 7);
}

static void is_dropped(void)
{
	assert_letters(FIRST, THIRD);
	assert_int_equal(spooldir_names(&s.d, "", "failed"), 1);
}

TEST(a_dead_letter_is_dropped)
{
	fail_each(&(struct job){ write_three, run_drop, is_dropped, 0 });
}

static enum hs_result run_expire(void)
{
	uint64_t gone;

	return hs_dead_letters_expire(&o.dir, FIRST_MS + 1000, FIRST_MS + 1000, &gone);
}

static void is_expired(void)
{
	assert_letters(SECOND, THIRD);
}

TEST(a_dead_letter_expires)
{
	fail_each(&(struct job){ write_three, run_expire, is_expired, 0 });
}

static struct hs_dead_letters_size letters;

static enum hs_result run_size(void)
{
	return hs_dead_letters_look(o.dir.fd, FIRST_MS, &letters);
}

static void is_size(void)
{
	assert_int_equal(letters.bytes, 3 * (sizeof FIRST - 1));
	assert_int_equal(letters.oldest_ms, FIRST_MS);
}

TEST(the_size_of_dead_letters)
{
	fail_each(&(struct job){ write_three, run_size, is_size, 0 });
}

/* --- requests of an erase ------------------------------------------------------------------ */

static void prepare_mark(void)
{
	make("");
	put("a");
	open_dir();
}

static enum hs_result mark(const char *database)
{
	struct hs_buf before = { 0 };
	enum hs_result result =
	    hs_erase_requests_mark(&o.dir, &(struct hs_erase_marker){ database, HS_SLICE("here"), NULL }, &before);

	hs_buf_free(&before);
	return result;
}

static enum hs_result run_mark(void)
{
	return mark("shop");
}

static void is_marked(void)
{
	assert_true(spooldir_exists(&s.d, ".hookspool/loads/shop"));
	assert_int_equal(spooldir_names(&s.d, ".hookspool/loads", ".shop"), 0);
}

TEST(a_database_is_marked)
{
	fail_each(&(struct job){ prepare_mark, run_mark, is_marked, 0 });
}

static void prepare_forget(void)
{
	prepare_mark();
	assert_result(mark("shop"), HS_OK);
	assert_result(mark("other"), HS_OK);
	spooldir_write(&s.d, ".hookspool/loads/shop@erase-1", HS_SLICE("{}\n"));
	spooldir_write(&s.d, ".hookspool/loads/other@erase-1", HS_SLICE("{}\n"));
}

static enum hs_result run_forget(void)
{
	size_t dropped;

	return hs_erase_requests_forget(o.dir.private_dir, "shop", &dropped);
}

static void is_forgotten(void)
{
	struct hs_erase_request *list;
	size_t count;

	assert_int_equal(spooldir_names(&s.d, ".hookspool/loads", "shop"), 0);
	assert_result(hs_erase_requests_list(o.dir.private_dir, &list, &count), HS_OK);
	assert_int_equal(count, 1);
	assert_string_equal(list[0].database, "other");
	free(list);
}

TEST(a_database_is_forgotten)
{
	fail_each(&(struct job){ prepare_forget, run_forget, is_forgotten, 0 });
}

static size_t requests;

static enum hs_result run_list(void)
{
	struct hs_erase_request *list;
	enum hs_result result = hs_erase_requests_list(o.dir.private_dir, &list, &requests);

	free(list);
	return result;
}

static void are_two_requests(void)
{
	assert_int_equal(requests, 2);
}

TEST(requests_are_listed)
{
	fail_each(&(struct job){ prepare_forget, run_list, are_two_requests, 0 });
}

/* --- figures --------------------------------------------------------------------------------- */

static struct hs_buf exposition;

static void prepare_figures(void)
{
	make("rotate_min_gap = 0\n");
	seal("a b");
	maintain();
	put("c");
	save_cursor("mine", position_after(1));
}

static enum hs_result run_figures(void)
{
	enum hs_result result;

	hs_buf_free(&exposition);
	result = hs_figures_put(s.d.settings, HS_EXPOSITION_TEXT, &exposition);
	return result == HS_OK && !hs_buf_ok(&exposition) ? HS_E_MEMORY : result;
}

/* Figures of the service may be missing (metrics.h), and a cursor may be unreadable, but none is left out. */
static void are_figures(void)
{
	hs_buf_putc(&exposition, '\0');
	assert_non_null(strstr(exposition.p, "hookspool_spool_usable 1\n"));
	assert_non_null(strstr(exposition.p, "hookspool_cursor_usable{cursor=\"mine\"} "));
}

TEST(figures)
{
	fail_each(&(struct job){ prepare_figures, run_figures, are_figures, 40 });
	assert_non_null(strstr(exposition.p, "hookspool_cursor_lag_records{cursor=\"mine\"} 2\n"));
	hs_buf_free(&exposition);
}

/* --- a spool's life ---------------------------------------------------------------------------- */

static struct events *two;

static void prepare_new(void)
{
	if (two == NULL)
		two = events_new("a b");
	make("rotate_min_gap = 0\n");
	stop();
}

/* A spool is made, takes an event, is rotated and looked at. */
static enum hs_result run_life(void)
{
	uint64_t duplicate;
	struct hs_append batch = events_batch(two, &duplicate);
	struct hs_known known;
	bool behind;
	enum hs_result result;

	stop();
	s.spool = hs_spool_new(s.d.settings);
	if (s.spool == NULL)
		return HS_E_MEMORY;
	result = hs_spool_health(s.spool, &behind);
	if (result == HS_OK)
		result = hs_spool_append(s.spool, &batch);
	if (result == HS_OK)
		result = hs_spool_known(s.spool, soon(), &known);
	if (result == HS_OK)
		assert_int_equal(known.ids, 2);
	if (result == HS_OK)
		result = hs_spool_rotate(s.spool, soon());
	return result == HS_OK ? hs_spool_trust_clock(s.spool) : result;
}

static void is_alive(void)
{
	assert_once(&s.d, "a b");
	assert_int_equal(spooldir_lines(&s.d), 2);
	assert_sound(&s.d);
}

TEST(a_new_spool)
{
	fail_each(&(struct job){ prepare_new, run_life, is_alive, 60 });
	events_free(two);
	two = NULL;
}

static struct hs_buf history;

/* The machine was started anew: the shared state is gone, and all is found out from the disk. */
static void prepare_reboot(void)
{
	if (two == NULL)
		two = events_new("e f");
	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a b");
	put("c");
	save_cursor("mine", position_after(3));
	stop();
	hs_buf_free(&history);
	history = spooldir_read(&s.d, ".hookspool/spool");
	spooldir_unlink(&s.d, ".hookspool/run/state");
}

static enum hs_result run_reboot(void)
{
	uint64_t duplicate;
	struct hs_append batch = events_batch(two, &duplicate);

	stop();
	s.spool = hs_spool_new(s.d.settings);
	return s.spool == NULL ? HS_E_MEMORY : hs_spool_append(s.spool, &batch);
}

/* It is still the same spool, and its consumer goes on where it was. */
static void is_same_spool(void)
{
	struct hs_buf now = spooldir_read(&s.d, ".hookspool/spool");

	assert_slice_equal(hs_buf_slice(&now), hs_buf_slice(&history));
	hs_buf_free(&now);
	stop(); /* a state of an unknown boot is of no use to others while it is held */
	assert_all("a b c e f");
	assert_sound(&s.d);
}

TEST(a_spool_after_a_reboot)
{
	fail_each(&(struct job){ prepare_reboot, run_reboot, is_same_spool, 60 });
	events_free(two);
	two = NULL;
	hs_buf_free(&history);
}

/* --- limits of senders -------------------------------------------------------------------------- */

static struct hs_rates *rates;

static void close_rates(void)
{
	hs_rates_close(rates);
	rates = NULL;
	make("");
	open_dir();
}

static enum hs_result run_rates(void)
{
	enum hs_result result = HS_OK;
	struct hs_rate web = { .name = HS_SLICE("web"), .rate = 1000 };

	if (rates == NULL)
		rates = hs_rates_open(o.dir.private_dir, 0600, &result);
	assert_true((rates != NULL) == (result == HS_OK));
	if (rates == NULL)
		return result;
	hs_rates_charge(rates, &web, 100, 0, 1000);
	return hs_rates_save(rates);
}

static void is_limited(void)
{
	struct hs_rate web = { .name = HS_SLICE("web"), .rate = 1000 };

	assert_true(hs_rates_wait(rates, &web, 1000) > 0);
}

TEST(limits)
{
	fail_each(&(struct job){ close_rates, run_rates, is_limited, 0 });
	hs_rates_close(rates);
}

/* --- refused lines ----------------------------------------------------------------------------- */

enum { LINES = 40 };

static void refuse(const char *tenant, size_t n)
{
	static char body[1 << 16];
	struct hs_buf line = { 0 };
	uint64_t duplicate, suppressed;
	struct hs_append batch = { .duplicate = &duplicate, .suppressed = &suppressed, .deadline_ms = soon() };

	memset(body, 'x', n);
	hs_rejected_put(&line, &(struct hs_rejection){ HS_SLICE("2026-11-23T10:15:00.123Z"), 400,
	                                               HS_SLICE("type required"), hs_slice_str(tenant), HS_SLICE_NONE,
	                                               HS_SLICE("192.0.2.1"), hs_slice(body, n), s.d.settings, false });
	batch.rejected = hs_buf_slice(&line);
	assert_result(hs_spool_append(s.spool, &batch), HS_OK);
	hs_buf_free(&line);
}

/* Two tenants; the limit is lowered, so that the one with more must lose lines. */
static void prepare_quota(void)
{
	make("rotate_min_gap = 0\nrejected_max = 1G\n");
	put("a");
	refuse("quiet", 100);
	for (int i = 0; i < LINES; i++)
		refuse("loud", 10000);
	s.d.settings->rejected_max = 128 << 10;
}

static enum hs_result run_quota(void)
{
	return hs_spool_maintain(s.spool, NULL, NULL, &s.maintained);
}

/* After a failure whole segments may have gone, whoever's they are, but never more, and never events. */
static void is_capped(void)
{
	uint64_t sum = 0;

	for (size_t n = spooldir_names(&s.d, "", "rejected"); n > 0; n--)
		sum += (uint64_t)spooldir_size(&s.d, spooldir_name(&s.d, "rejected", n - 1));
	assert_in_range(sum, 0, 128 << 10);
	assert_all("a");
}

TEST(a_quota_of_refused_lines)
{
	fail_each(&(struct job){ prepare_quota, run_quota, is_capped, 0 });
}

TESTS("store_faults", NULL, tell_and_finish)

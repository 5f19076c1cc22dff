/* figures: sizes and times of what is there, also when the open segment or the counts are lost. */
#include "base/io.h"
#include "spool/figures/figures.h"
#include "tests/lib/temp_spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct hs_figures figures;

static void collect(void)
{
	hs_figures_free(&figures);
	hs_figures_collect(s.d.settings, &figures);
	assert_result(figures.result, HS_OK);
}

FIXTURE(end)
{
	hs_figures_free(&figures);
	figures = (struct hs_figures){ 0 };
	return finish(state);
}

static int64_t changed_ms(const char *name)
{
	struct stat st;

	assert_int_equal(stat(spooldir_path(&s.d, name), &st), 0);
	return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

TEST(bytes_are_those_of_the_files)
{
	uint64_t sealed;

	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a b");
	put("c");
	sealed = (uint64_t)spooldir_size(&s.d, spooldir_name(&s.d, "events-", 0));
	collect();
	assert_int_equal(figures.bytes, sealed + (uint64_t)spooldir_size(&s.d, "events.jsonl"));
	assert_int_equal(figures.segments[HS_STATE_SEALED], 1);
	assert_int_equal(figures.segments[HS_STATE_COMPRESSED], 0);
}

/* Maintenance was killed after it had compressed a segment, and before it could remove the plain one. */
TEST(a_segment_in_both_forms_counts_once)
{
	struct hs_buf text;
	char plain[128];

	make("rotate_min_gap = 0\n");
	seal("a b");
	snprintf(plain, sizeof plain, "%s", spooldir_name(&s.d, "events-", 0));
	text = spooldir_read(&s.d, plain);
	maintain();
	spooldir_write(&s.d, plain, hs_buf_slice(&text));
	spooldir_age(&s.d, plain); /* it is not a copy that gunzip is making */
	hs_buf_free(&text);
	seal("c");
	save_cursor("mine", position_after(1));
	collect();
	assert_int_equal(figures.segments[HS_STATE_SEALED] + figures.segments[HS_STATE_COMPRESSED], 2);
	assert_int_equal(figures.cursor[0].records, 2);
}

static void remove_open(void *removed)
{
	if (spooldir_exists(&s.d, "events.jsonl"))
		spooldir_unlink(&s.d, "events.jsonl");
	*(bool *)removed = true;
}

/* By somebody else, before any look at a file. */
TEST(an_open_segment_that_goes_has_no_bytes)
{
	bool removed = true;

	for (unsigned nth = 1; removed; nth++) {
		uint64_t sealed, open;

		make("rotate_min_gap = 0\ncompress = none\n");
		seal("a b");
		put("c");
		sealed = (uint64_t)spooldir_size(&s.d, spooldir_name(&s.d, "events-", 0));
		open = (uint64_t)spooldir_size(&s.d, "events.jsonl");
		hs_figures_free(&figures);
		wrap_reset();
		removed = false;
		wrap_before(WRAP_FSTATAT, nth, remove_open, &removed);
		hs_figures_collect(s.d.settings, &figures);
		wrap_reset();
		if (figures.result == HS_OK && figures.bytes != sealed)
			assert_int_equal(figures.bytes, sealed + open);
	}
}

TEST(the_last_event_is_known_without_its_metric)
{
	int64_t sealed_ms;

	make("rotate_min_gap = 0\ncompress = none\n");
	put("a");
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/metrics");
	collect();
	assert_int_equal(figures.last_ms, changed_ms("events.jsonl"));
	restart();
	rotate();
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/metrics");
	sealed_ms = changed_ms(spooldir_name(&s.d, "events-", 0));
	collect();
	assert_in_range(figures.last_ms, sealed_ms - 60000, sealed_ms + 60000); /* when it was sealed, by its name */
}

TEST(a_spool_without_events_has_no_last_one)
{
	make("");
	assert_result(hs_spool_health(s.spool, NULL), HS_OK);
	collect();
	assert_int_equal(figures.last_ms, 0);
	assert_int_equal(figures.oldest_ms, 0);
	assert_int_equal(figures.bytes, 0);
}

/* A line longer than what is read of it at once has its time at the front or at the end. */
TEST(the_lag_after_a_long_line)
{
	char *text = malloc(300000);
	struct hs_position p;
	int64_t old_ms;

	make("rotate_min_gap = 0\ncompress = none\n");
	put("a");
	p = position_after(1);
	save_cursor("mine", p);
	assert_non_null(text);
	strcpy(text, "{\"type\":\"page\",\"spooled_at\":\"2020-01-01T00:00:00.000Z\",\"text\":\"");
	memset(text + strlen(text), 'x', 200000);
	strcpy(text + 200000, "\"}\n");
	stop();
	spooldir_add(&s.d, "events.jsonl", hs_slice_str(text));
	free(text);
	restart();
	put("b");
	collect();
	assert_int_equal(figures.cursors, 1);
	assert_true(figures.cursor[0].usable);
	assert_int_equal(figures.cursor[0].records, 2);
	old_ms = hs_io_now() - INT64_C(1577836800000);
	assert_in_range(figures.cursor[0].age_ms, old_ms - 60000, old_ms);
}

TEST(more_cursors_than_are_shown)
{
	struct hs_buf text;
	char name[64];

	make("");
	put("a");
	save_cursor("c0", position_after(1));
	text = spooldir_read(&s.d, ".hookspool/cursors/c0");
	for (int i = 1; i < HS_FIGURES_CURSORS + 3; i++) {
		snprintf(name, sizeof name, ".hookspool/cursors/c%d", i);
		spooldir_write(&s.d, name, hs_buf_slice(&text));
	}
	hs_buf_free(&text);
	collect();
	assert_int_equal(figures.cursors, HS_FIGURES_CURSORS);
}

TESTS("figures", NULL, end)

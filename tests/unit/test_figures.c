/* figures: sizes and times of what is there, also when the open segment or the counts are lost. */
#include "base/io.h"
#include "spool/figures/figures.h"
#include "tests/lib/every_fault.h"
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
	fail_each_tell();
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

TEST(what_ship_has_noted_is_among_them)
{
	struct hs_ship_figures noted = { .at_ms = 0 };
	struct hs_opened_spool o;

	make("");
	put("a");
	collect();
	assert_int_equal(figures.ship.at_ms, 0);
	assert_result(hs_spool_dir_open(&o, s.d.settings, false), HS_OK);
	assert_result(hs_ship_figures_save(&noted, &o.dir), HS_OK);
	hs_spool_dir_close(&o);
	collect();
	assert_true(figures.ship.at_ms > 0);
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

/* --- lags ---------------------------------------------------------------------------------------- */

static const char AT[] = ",\"spooled_at\":\"2026-11-20T00:00:00.000Z\"}\n";

/* Adds lines of this many bytes, without their ends, to a file of the spool. */
static void add_lines(const char *name, int count, int length, const char *end)
{
	struct hs_buf text = { 0 };

	for (int i = 0; i < count; i++)
		hs_buf_printf(&text, "{\"type\":\"page\",\"message_id\":\"%0*d\"%s", length, i, end);
	assert_true(hs_buf_ok(&text));
	spooldir_add(&s.d, name, hs_buf_slice(&text));
	hs_buf_free(&text);
}

/* Segments without summaries, larger than all that is read: the rest is estimated by what was read. */
TEST(a_lag_that_is_estimated)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	spooldir_mkdir(&s.d, "");
	for (int i = 1; i <= 3; i++) {
		char name[64];

		snprintf(name, sizeof name, "events-20261123T10150%d.123Z-00000%d.jsonl", i, i);
		add_lines(name, 5000, 1000, AT);
	}
	put("a");
	save_cursor("mine", (struct hs_position){ .number = 1 });
	collect();
	assert_in_range(figures.cursor[0].records, 14900, 15100);
}

/* In a plain segment with a summary the lines after the cursor are counted; in a compressed one they are estimated. */
TEST(a_lag_within_a_segment)
{
	for (int gzip = 0; gzip < 2; gzip++) {
		make(gzip ? "rotate_min_gap = 0\n" : "rotate_min_gap = 0\ncompress = none\n");
		seal("a b c d");
		maintain();
		seal("e");
		put("f");
		save_cursor("mine", position_after(1));
		save_cursor("none", (struct hs_position){ .number = 1 });
		collect();
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(figures.cursor[i].records,
			                 strcmp(figures.cursor[i].name, "mine") == 0 ? 5 : 6);
	}
}

/* A plain segment with a summary, of which more is left than is read: the rest is estimated. */
TEST(a_lag_within_a_large_segment)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	spooldir_mkdir(&s.d, "");
	add_lines("events-20261123T101500.123Z-000001.jsonl", 9000, 1000, AT);
	spooldir_age(&s.d, "events-20261123T101500.123Z-000001.jsonl");
	put("a");
	maintain();
	save_cursor("mine", position_after(10));
	wrap_reset();
	collect();
	assert_in_range(figures.cursor[0].records, 8980, 9000);
	assert_in_range(wrap_bytes_read(), 1, 1 << 20);
}

/* Lines that do not tell when they were spooled: the segment does, if it is sealed. */
TEST(the_age_of_lines_without_a_time)
{
	static const char *const ends[] = { "}\n", ",\"spooled_at\":\"2026\"}\n",
		                            ",\"spooled_at\":\"2099-01-01T00:00:00.000Z\"}\n" };
	int64_t sealed_ms = INT64_C(1795428900123); /* 2026-11-23T10:15:00.123Z */

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		make("rotate_min_gap = 0\ncompress = none\n");
		spooldir_mkdir(&s.d, "");
		add_lines("events-20261123T101500.123Z-000001.jsonl", 2, 5, ends[i]);
		put("a");
		save_cursor("mine", (struct hs_position){ .number = 1 });
		wrap_clock(sealed_ms + 3600000 - hs_io_now(), 0); /* an hour later */
		collect();
		assert_int_equal(figures.cursor[0].records, 3);
		if (i < 2)
			assert_in_range(figures.cursor[0].age_ms, 3600000, 3660000);
		else
			assert_int_equal(figures.cursor[0].age_ms, 0); /* a clock was ahead */
		wrap_reset();
		stop();
		add_lines("events.jsonl", 1, 5, "}\n");
		save_cursor("mine", position_after(3));
		restart();
		put("b");
		collect();
		assert_int_equal(figures.cursor[0].records, 2);
		assert_int_equal(figures.cursor[0].age_ms, 0); /* of the open one that is not known */
	}
}

/* A cursor that is beyond the end is of no use; one at the end has no lag. */
TEST(cursors_at_the_end_and_beyond)
{
	struct hs_position end;

	make("rotate_min_gap = 0\n");
	seal("a");
	put("b");
	end = position_after(2);
	save_cursor("at", end);
	end.offset++;
	save_cursor("beyond", end);
	save_cursor("far", (struct hs_position){ .number = 9 });
	collect();
	assert_int_equal(figures.cursors, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(figures.cursor[i].usable, strcmp(figures.cursor[i].name, "at") == 0);
		assert_int_equal(figures.cursor[i].records, 0);
	}
}

static void seal_now(void *done)
{
	*(bool *)done = true;
	hs_spool_rotate(s.spool, hs_io_now_monotonic());
}

/* At any step: the bytes of the segment that was open count once. Its records may be counted the next time. */
TEST(a_segment_that_is_sealed_meanwhile)
{
	bool sealed = true;

	for (unsigned nth = 1; sealed; nth++) {
		make("rotate_min_gap = 0\ncompress = none\n");
		seal("a");
		put("b");
		save_cursor("mine", position_after(1));
		hs_figures_free(&figures);
		sealed = false;
		wrap_reset();
		wrap_before(WRAP_FDOPENDIR, nth, seal_now, &sealed);
		hs_figures_collect(s.d.settings, &figures);
		wrap_reset();
		assert_result(figures.result, HS_OK);
		assert_in_range(figures.cursor[0].records, 0, 1);
		assert_in_range(figures.cursor[0].bytes, 50, 200); /* of one record */
	}
}

TEST(edits_that_cannot_be_followed)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a b");
	put("c");
	save_cursor("mine", position_after(1));
	save_cursor("yours", position_after(1));
	spooldir_write(
	    &s.d, ".hookspool/edits",
	    HS_SLICE("{\"segment\":1,\"edit\":1,\"file\":\"x\",\"inode\":[3,9],\"size\":[700,400],\"removed\":"
	             "[9,9,1,1]}\n{\"segment\":1,\"edit\":1,\"done\":true}\n"));
	hs_figures_free(&figures);
	hs_figures_collect(s.d.settings, &figures);
	assert_result(figures.result, HS_E_IO);
}

static enum hs_result run_collect(void)
{
	hs_figures_free(&figures);
	hs_figures_collect(s.d.settings, &figures);
	return figures.result;
}

static void prepare_cursor(void)
{
	make("rotate_min_gap = 0\ncompress = none\n");
	seal("a b");
	save_cursor("mine", position_after(1));
}

static void is_behind(void)
{
	assert_int_equal(figures.cursors, 1);
	assert_int_equal(figures.cursor[0].records, 1);
}

/* Without the lock of the edits, whose lines a position may be among, there is no lag, rather than a wrong one. */
TEST(edits_that_cannot_be_locked)
{
	fail_each_of(FAIL_CALL(WRAP_FLOCK), &(struct job){ prepare_cursor, run_collect, is_behind, 40 });
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

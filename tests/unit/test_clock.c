/*
 * clock: nothing is deleted or forgotten because a clock has jumped, and retention starts
 * again by itself.
 */
#include "base/io.h"
#include "spool/admin/inventory.h"
#include "spool/admin/retention.h"
#include "spool/shared/clock.h"
#include "tests/lib/temp_spool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)

enum { LARGE = 1 << 23 }; /* bytes; of a file far fewer are read to find its first line */

/* --- the rule ------------------------------------------------------------------ */

static struct hs_clock begun(void)
{
	return (struct hs_clock){ .wall_ms = 1000 * DAY, .boot_ms = HOUR };
}

/* The machine runs for `ms`, and looks at the clock every hour. */
static void run(struct hs_clock *c, int64_t ms)
{
	for (; ms >= HOUR; ms -= HOUR)
		hs_clock_move(c, c->wall_ms + HOUR, c->boot_ms + HOUR);
}

/* The clock is set forward by `ms`. */
static void set(struct hs_clock *c, int64_t ms)
{
	hs_clock_move(c, c->wall_ms + ms, c->boot_ms);
}

/* The machine was off for `off_ms`, or at least the clock says so. */
static void boot(struct hs_clock *c, int64_t off_ms)
{
	c->boot_ms = -1;
	hs_clock_move(c, c->wall_ms + off_ms, 10000);
}

TEST(a_running_clock_is_believed)
{
	struct hs_clock c = begun();

	run(&c, 90 * DAY);
	hs_clock_move(&c, c.wall_ms + YEAR, c.boot_ms + YEAR); /* idle for a year */
	set(&c, HOUR - 1);
	set(&c, -YEAR);
	boot(&c, DAY - 1);
	assert_true(c.lag_ms <= 0);
}

/* Times that may be too early count from the earliest one. */
TEST(a_clock_that_is_behind_twice)
{
	struct hs_clock c = begun();
	int64_t first;

	boot(&c, -10 * DAY);
	first = c.wall_ms;
	assert_int_equal(c.behind_ms, first);
	run(&c, HOUR);
	assert_int_equal(c.behind_ms, first);
	boot(&c, -5 * DAY);
	assert_true(c.wall_ms < first);
	assert_int_equal(c.behind_ms, c.wall_ms);
}

TEST(a_jump_is_not_believed)
{
	static const int64_t jumps[] = { 2 * HOUR, 2 * DAY, YEAR, 10 * YEAR, 40 * YEAR };

	for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
		struct hs_clock c = begun();

		set(&c, jumps[i]);
		run(&c, DAY);
		assert_int_equal(c.lag_ms, jumps[i]);
		set(&c, -jumps[i]); /* it is corrected */
		assert_int_equal(c.lag_ms, 0);
		set(&c, jumps[i]); /* and jumps again */
		assert_int_equal(c.lag_ms, jumps[i]);
	}
}

TEST(many_jumps_add_up)
{
	struct hs_clock c = begun();

	for (int i = 0; i < 5; i++)
		set(&c, 2 * HOUR);
	assert_int_equal(c.lag_ms, 10 * HOUR);
}

TEST(a_jump_is_believed_after_a_week)
{
	struct hs_clock c = begun();

	set(&c, 300 * DAY);
	run(&c, 7 * DAY - 2 * HOUR);
	assert_int_equal(c.lag_ms, 300 * DAY);
	run(&c, 3 * HOUR);
	assert_int_equal(c.lag_ms, 0);
	boot(&c, YEAR); /* off for a year: the same */
	assert_int_equal(c.lag_ms, YEAR);
	for (int i = 0; i < 8; i++) { /* switched off every night */
		run(&c, DAY);
		boot(&c, 14 * HOUR);
	}
	assert_int_equal(c.lag_ms, 0);
}

TEST(jumps_of_years_are_never_believed)
{
	struct hs_clock c = begun();

	set(&c, 10 * YEAR);
	run(&c, 90 * DAY);
	assert_int_equal(c.lag_ms, 10 * YEAR);
}

/* Off from Friday to Monday, every week: the next jump comes before a week of uptime is over. */
TEST(a_machine_off_at_weekends)
{
	struct hs_clock c = begun();
	bool ended = false;

	for (int week = 0; week < 4; week++) {
		boot(&c, 62 * HOUR);
		assert_true(c.lag_ms > 0 || ended);
		run(&c, 106 * HOUR);
		ended |= c.lag_ms == 0;
	}
	assert_true(ended);
}

/* A board without a battery starts in the past each time, and is corrected. */
TEST(a_board_without_a_battery)
{
	struct hs_clock c = begun();

	for (int i = 0; i < 3; i++) {
		boot(&c, -YEAR);
		run(&c, HOUR);
		set(&c, YEAR);
		assert_int_equal(c.lag_ms, 0);
		run(&c, DAY);
	}
}

TEST(a_week_proves_a_clock_and_a_millisecond_less_does_not)
{
	for (int64_t less = 0; less < 2; less++) {
		int64_t ms = HS_CLOCK_STEADY_S * INT64_C(1000) - less;
		struct hs_clock c = begun();

		set(&c, -YEAR); /* the week begins */
		hs_clock_move(&c, c.wall_ms + ms, c.boot_ms + ms);
		set(&c, -YEAR);
		set(&c, YEAR);
		assert_int_equal(c.lag_ms, less == 0 ? 0 : YEAR);
	}
}

/* Set back for a while, within a boot: the return is believed if the clock was proved right before. */
TEST(a_clock_set_back_for_a_while)
{
	struct hs_clock c = begun();

	set(&c, -YEAR);
	set(&c, YEAR);
	assert_int_equal(c.lag_ms, YEAR);
	c = begun();
	run(&c, 8 * DAY);
	set(&c, -YEAR);
	run(&c, DAY);
	set(&c, YEAR);
	assert_int_equal(c.lag_ms, 0);
	run(&c, 8 * DAY);
	set(&c, -YEAR);
	run(&c, 8 * DAY); /* so it was wrong before */
	set(&c, YEAR);
	assert_int_equal(c.lag_ms, YEAR);
}

/* --- a spool --------------------------------------------------------------------- */

/* The error of the clock, and the time that has passed. */
static int64_t wrong, passed;

static void show(int64_t wrong_ms, int64_t passed_ms)
{
	wrong = wrong_ms;
	passed = passed_ms;
	wrap_clock(wrong + passed, passed);
}

static uint64_t deleted(void)
{
	maintain();
	return s.maintained.deleted;
}

/* True if a sealed segment's stamp is later than the real time. */
static bool is_from_the_future(size_t nth)
{
	struct hs_sealed sealed;

	assert_true(hs_sealed_parse("events", spooldir_name(&s.d, "events-", nth), &sealed));
	return hs_clock_is_ahead(sealed.sealed_ms, hs_io_now() - wrong);
}

TEST(a_jump_deletes_nothing)
{
	static const int64_t jumps[] = { 2 * DAY, YEAR, 10 * YEAR, 40 * YEAR };

	make("retain_days = 1\nrotate_min_gap = 0\n");
	seal("a");
	for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
		show(jumps[i], 0);
		assert_int_equal(deleted(), 0);
		seal(i == 0 ? "b" : i == 1 ? "c" : i == 2 ? "d" : "e");
		assert_false(is_from_the_future(i + 1));
	}
	show(0, 0);
	assert_int_equal(deleted(), 0);
	seal("f");
	assert_once(&s.d, "a b c d e f");
	assert_sound(&s.d);
	show(0, 5 * DAY); /* later all of them are old, by a correct clock … */
	assert_int_equal(deleted(), 6);
	seal("g");
	show(40 * YEAR, 7 * DAY); /* … or a wrong one: the time that passes is real */
	assert_int_equal(deleted(), 1);
}

TEST(a_clock_that_is_right_is_read_as_it_is)
{
	struct hs_shared_state_handle handle;
	struct hs_spool_dir dir = { .state = &handle, .fd = -1 };

	make("");
	put("a");
	handle = (struct hs_shared_state_handle){ .state = spooldir_state(&s.d) };
	for (int i = 0; i < 1000; i++) { /* most of them within a millisecond */
		int64_t before = hs_io_now(), now = hs_clock_now(&dir);

		assert_in_range(now, before, hs_io_now());
	}
	spooldir_state_done(handle.state);
}

/* The spool's clock, and a directory of which there is only that. */
struct bare {
	struct hs_shared_state_handle handle;
	struct hs_spool_dir dir;
	struct hs_clock *clock;
};

static void bare_begin(struct bare *b)
{
	make("");
	put("a");
	*b = (struct bare){ .handle = { .state = spooldir_state(&s.d) } };
	b->dir = (struct hs_spool_dir){ .state = &b->handle, .fd = -1 };
	b->clock = &b->handle.state->clock;
}

/* As of a board without a battery, before it has asked for the time. */
TEST(a_time_that_cannot_be_is_not_noted)
{
	struct bare b;
	int64_t noted;

	bare_begin(&b);
	noted = b.clock->wall_ms;
	wrap_clock(-20 * YEAR, 0);
	assert_in_range(hs_clock_now(&b.dir), hs_io_now() - 1000, hs_io_now());
	assert_int_equal(b.clock->wall_ms, noted);
	assert_int_equal(hs_clock_lag(&b.dir), 0);
	spooldir_state_done(b.handle.state);
}

/* A holder that does not let go: what is known of the clock stays, and is used. */
TEST(a_clock_that_is_locked)
{
	struct bare b;
	bool died;

	bare_begin(&b);
	assert_result(hs_shared_state_try_lock(&b.clock->lock, &died), HS_OK);
	atomic_store(&b.clock->lag_ms, 3 * HOUR);
	wrap_clock(0, -5000); /* the deadline has passed already */
	assert_in_range(hs_clock_now(&b.dir), hs_io_now() - 3 * HOUR - 1000, hs_io_now() - 3 * HOUR);
	hs_clock_trust(&b.dir);
	assert_int_equal(hs_clock_lag(&b.dir), 3 * HOUR);
	hs_shared_state_unlock(&b.clock->lock);
	hs_clock_trust(&b.dir);
	assert_int_equal(hs_clock_lag(&b.dir), 0);
	spooldir_state_done(b.handle.state);
}

/* Only times behind that are within the window widen it. */
TEST(how_far_back_a_window_reaches)
{
	const int64_t now = 20500 * DAY, drift = HS_CLOCK_DRIFT_S * INT64_C(1000);
	const struct {
		int64_t behind, end, from;
	} cases[] = {
		{ 0, 0, now },
		{ now - 3 * DAY, now - 2 * DAY, now },
		{ now - 3 * DAY, now - HOUR, now - 3 * DAY - drift },
		{ now + HOUR, now + 2 * HOUR, now },
	};
	struct bare b;

	bare_begin(&b);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		atomic_store(&b.clock->behind_ms, cases[i].behind);
		atomic_store(&b.clock->behind_end_ms, cases[i].end);
		assert_int_equal(hs_clock_window_end(&b.dir, now, DAY), cases[i].from);
	}
	spooldir_state_done(b.handle.state);
}

TEST(a_wrong_clock_may_be_the_first_one_seen)
{
	make("retain_days = 1\nrotate_min_gap = 0\n");
	seal("a");
	stop();
	spooldir_unlink(&s.d, ".hookspool/run/state");
	restart();
	show(10 * YEAR, 0);
	assert_int_equal(deleted(), 0);
	seal("b");
	assert_false(is_from_the_future(1));
}

/* As a disk may leave it. The lines' times tell how late it is. */
TEST(a_damaged_state_is_no_clock)
{
	static const int64_t damage[] = { INT64_MIN, INT64_MAX, -1 };
	int64_t lag;

	for (size_t i = 0; i < 7 * sizeof damage / sizeof *damage; i++) {
		struct hs_shared_state *left;
		int64_t value = damage[i / 7];

		make("rotate_min_gap = 0\n");
		put("a");
		stop();
		left = spooldir_state(&s.d);
		if (i % 7 == 0)
			left->clock.wall_ms = value;
		else if (i % 7 == 1)
			left->clock.boot_ms = value == -1 ? INT64_MIN : value;
		else if (i % 7 == 2)
			left->clock.steady_ms = value;
		else if (i % 7 == 3)
			atomic_store(&left->clock.behind_ms, value);
		else if (i % 7 == 4)
			atomic_store(&left->clock.behind_end_ms, value);
		else
			atomic_store(&left->clock.lag_ms, value);
		if (i % 7 == 6) {
			atomic_store(&left->clock.behind_ms, hs_io_now());
			atomic_store(&left->clock.behind_end_ms, value);
		}
		spooldir_state_done(left);
		restart();
		put_known("a b", 1);
		assert_result(hs_spool_clock_lag(s.spool, &lag), HS_OK);
		assert_int_equal(lag, 0);
	}
}

/* Neither keeps a segment open for ever, nor seals one at once. */
TEST(a_damaged_state_does_not_stop_rotation)
{
	static const int64_t damage[] = { INT64_MIN, INT64_MAX };

	for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
		struct hs_shared_state *left;

		make("rotate_min_gap = 1m\nrotate_age = 1h\n");
		put("a");
		stop();
		left = spooldir_state(&s.d);
		left->stream[HS_EVENTS].rotated_ms = left->stream[HS_EVENTS].opened_ms = damage[i];
		spooldir_state_done(left);
		restart();
		put("b");
		assert_once(&s.d, "a b");
		assert_int_equal(spooldir_names(&s.d, "", "events-"), 0);
		rotate();
		assert_int_equal(spooldir_names(&s.d, "", "events-"), 1);
	}
}

TEST(an_operator_vouches_for_the_clock)
{
	int64_t lag;

	make("retain_days = 1\nrotate_min_gap = 0\n");
	seal("a");
	show(3 * YEAR, 0);
	assert_int_equal(deleted(), 0);
	assert_result(hs_spool_clock_lag(s.spool, &lag), HS_OK);
	assert_true(lag > 3 * YEAR - HOUR && lag < 3 * YEAR + HOUR);
	seal("b");
	assert_result(hs_spool_trust_clock(s.spool), HS_OK);
	assert_result(hs_spool_clock_lag(s.spool, &lag), HS_OK);
	assert_int_equal(lag, 0);
	assert_int_equal(deleted(), 1);
	assert_once(&s.d, "b"); /* its stamp was not believed; its record tells when it came */
}

static void boot_anew(void)
{
	struct hs_shared_state *shared;

	stop();
	shared = spooldir_state(&s.d);
	strcpy(shared->boot_id, "another boot");
	spooldir_state_done(shared);
	restart();
}

/* After a year off, the clock is not trusted for a week of uptime. */
TEST(off_for_a_year)
{
	make("retain_days = 30\nrotate_min_gap = 0\n");
	seal("a");
	boot_anew();
	show(YEAR, 0);
	assert_int_equal(deleted(), 0);
	seal("b");
	for (int64_t t = DAY; t < 7 * DAY; t += DAY) {
		show(YEAR, t);
		assert_int_equal(deleted(), 0);
	}
	show(YEAR, 7 * DAY + HOUR);
	assert_int_equal(deleted(), 1);
	assert_once(&s.d, "b");
	assert_int_equal(spooldir_count(&s.d, "a"), 0);
}

/* The first clock seen was ahead: names continue from it, and segments are deleted in their turn. */
TEST(stamps_from_the_future)
{
	make("retain_days = 30\nrotate_min_gap = 0\n");
	show(10 * YEAR, 0);
	seal("a");
	show(0, 0);
	seal("b");
	show(0, 20 * DAY);
	seal("c");
	put("d");
	for (size_t i = 0; i < 3; i++)
		assert_true(is_from_the_future(i));
	assert_int_equal(deleted(), 0);
	show(0, 31 * DAY);
	assert_int_equal(deleted(), 1);
	assert_int_equal(spooldir_count(&s.d, "a"), 0);
	show(0, 49 * DAY);
	assert_int_equal(deleted(), 0);
	show(0, 51 * DAY);
	assert_int_equal(deleted(), 2);
	assert_once(&s.d, "d");
	assert_sound(&s.d);
}

/* With no later segment to compare, a segment from the future counts as new. */
TEST(a_segment_from_the_future_without_a_later_one)
{
	make("retain_days = 1\nrotate_min_gap = 0\n");
	show(10 * YEAR, 0);
	seal("a");
	show(0, 9 * DAY);
	assert_int_equal(deleted(), 0);
	assert_once(&s.d, "a");
}

TEST(no_id_is_forgotten)
{
	make("dedup_window = 28d\nrotate_min_gap = 0\n");
	seal("a");
	put("b");
	show(YEAR, 0);
	put_known("a b c", 2);
	show(YEAR, 8 * DAY); /* believed by now; what came meanwhile is still in the window */
	put("d");
	put_known("c d", 2);
}

/* A board without a battery: what came before its clock was set bears times of long ago. */
TEST(no_id_is_forgotten_when_a_clock_that_was_behind_is_set)
{
	static const char all[] = "a b c d e";

	make("dedup_window = 28d\nrotate_age = 0\nrotate_min_gap = 0\ncompress = none\n");
	seal("a");
	boot_anew();
	show(-YEAR, 0);
	seal("b");
	put("c");
	show(0, HOUR);
	put_known("a b c d", 3);
	rotate();
	put_known(all, 4);
	boot_anew(); /* so does an index that is made anew, … */
	show(0, DAY);
	put_known(all, 5);
	maintain(); /* … also from summaries */
	spooldir_unlink(&s.d, ".hookspool/run/index");
	restart();
	put_known(all, 5);
	show(0, 28 * DAY - HOUR);
	put_known("b c d e", 4);
	show(0, 29 * DAY + HOUR);
	put_known(all, 0); /* the window is over for them, too */
}

/* --- stamps that lag ---------------------------------------------------------------- */

/*
 * A year and a half off; then a segment that is open for 29 days and gets its stamp before anybody vouches for the
 * clock: its stamp is that much too early. Its last events, and those of the segments after it, came just now. With
 * `summary` each has one; without, they are so many that the index reads them in turn.
 */
static void lag(const char *settings, bool summary)
{
	make(settings);
	seal("a");
	show(500 * DAY, 0);
	put("b");
	show(500 * DAY, 29 * DAY);
	put("c d");
	rotate();
	for (int i = 0; i < 3; i++)
		seal(i == 0 ? "w" : i == 1 ? "x" : "y");
	put("e");
	if (summary)
		maintain();
	assert_true(spooldir_exists(&s.d, ".hookspool/run/summary/events-2") == summary);
	assert_result(hs_spool_trust_clock(s.spool), HS_OK);
	restart();
}

static size_t ids_in_files(void)
{
	struct hs_inventory inventory = { 0 };
	size_t count;

	assert_result(hs_inventory_take(&inventory, s.d.settings), HS_OK);
	count = inventory.count;
	hs_inventory_free(&inventory);
	return count;
}

TEST(a_rebuilt_index_has_what_came_under_a_stamp_that_lags)
{
	for (int summary = 0; summary <= 1; summary++) {
		lag("dedup_window = 28d\nrotate_age = 0\nrotate_min_gap = 0\ncompress = none\n", summary);
		spooldir_unlink(&s.d, ".hookspool/run/index");
		put_known("c d w x y e f", 6);
		put("b"); /* it came 29 days ago */
		assert_int_equal(ids_in_files(), 8);
	}
}

/* Segments that are old by their records are passed over, also without a summary. */
TEST(a_rebuilt_index_reads_no_old_segments)
{
	static const int days[] = { 0, 1, 2, 3, 4, 50 };
	char words[] = "a";

	make("dedup_window = 28d\nrotate_age = 0\nrotate_min_gap = 0\ncompress = none\n");
	for (size_t i = 0; i < sizeof days / sizeof *days; i++, words[0]++) {
		show(0, days[i] * DAY);
		seal(words);
	}
	for (size_t i = 1; i < 4; i++) {
		struct hs_buf text = spooldir_read(&s.d, spooldir_name(&s.d, "events-", i));
		struct hs_buf many = { 0 };

		while (many.n < LARGE)
			hs_buf_put_slice(&many, hs_buf_slice(&text));
		spooldir_write(&s.d, spooldir_name(&s.d, "events-", i), hs_buf_slice(&many));
		hs_buf_free(&many);
		hs_buf_free(&text);
	}
	spooldir_unlink(&s.d, ".hookspool/run/index");
	wrap_reset();
	show(0, 50 * DAY);
	put_known("f g", 1);
	assert_true(wrap_bytes_read() < LARGE);
}

/* A segment that was sealed a moment ago stays, however early its stamp and its first records are; later it goes. */
TEST(a_segment_is_not_older_than_its_last_record)
{
	lag("retain_days = 1\nrotate_age = 0\nrotate_min_gap = 0\n", false);
	assert_int_equal(deleted(), 1);
	assert_once(&s.d, "b c d w x y e");
	show(500 * DAY, 29 * DAY + 23 * HOUR);
	assert_int_equal(deleted(), 0); /* the segment is compressed by now */
	show(500 * DAY, 30 * DAY + HOUR);
	assert_int_equal(deleted(), 4);
	assert_once(&s.d, "e");
}

/* The next segment was begun much later, so only its last line tells how old an idle spool's segment is. */
TEST(an_idle_spool_deletes_what_is_old)
{
	make("retain_days = 30\nrotate_min_gap = 0\n");
	seal("a b");
	show(0, 29 * DAY);
	assert_int_equal(deleted(), 0);
	put("c");
	show(0, 31 * DAY);
	assert_int_equal(deleted(), 1);
	assert_once(&s.d, "c");
}

/* The segment has an older record, too, which does not come; segments before it are passed over. */
TEST(what_came_since_a_time_under_a_stamp_that_lags)
{
	for (int summary = 0; summary <= 1; summary++) {
		lag("rotate_age = 0\nrotate_min_gap = 0\n", summary);
		open_reader();
		assert_result(hs_reader_since(s.reader, hs_io_now() - HOUR), HS_OK);
		assert_read("c d w x y e");
		open_reader();
		assert_result(hs_reader_since(s.reader, hs_io_now() - 100 * DAY), HS_OK);
		assert_read("b c d w x y e");
	}
}

TEST(a_clock_set_back_keeps_no_segment_open)
{
	make("rotate_age = 1h\nrotate_min_gap = 0\n");
	show(10 * YEAR, 0);
	put("a");
	show(0, 0);
	put("b");
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 0);
	show(0, 2 * HOUR);
	put("c");
	assert_int_equal(spooldir_names(&s.d, "", "events-"), 1);
}

/* --- the first record, and the next segment ---------------------------------------------------------- */

#define LINE(text) "{\"type\":\"page\",\"spooled_at\":\"" text "\"}\n"

TEST(the_time_of_a_first_line)
{
	static const struct {
		const char *line;
		int64_t ms;
	} cases[] = {
		{ LINE("2026-11-23T10:15:00.123Z"), INT64_C(1795428900123) },
		{ LINE("yesterday, at about noon"), 0 },
		{ "{\"spooled_at\":\"2026-11-23T10:15:00\n", 0 }, /* it was cut */
		{ "{\"type\":\"page\"}\n", 0 },
		{ "", 0 },
	};
	int dir;

	make("");
	dir = spooldir_open(&s.d);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		spooldir_write(&s.d, "events.jsonl", hs_slice_str(cases[i].line));
		assert_int_equal(hs_clock_of_first(dir, "events.jsonl", false), cases[i].ms);
	}
	assert_int_equal(hs_clock_of_first(dir, "rejected.jsonl", false), 0);
	close(dir);
}

static void write_gzip(const char *name, const char *text)
{
	gzFile file = gzopen(spooldir_path(&s.d, name), "wb");

	assert_int_equal(gzputs(file, text), strlen(text));
	assert_int_equal(gzclose(file), Z_OK);
}

/* While somebody compresses it, say: the next segment is the one of the next number. */
TEST(a_segment_that_is_there_twice)
{
	static const char first[] = LINE("2026-11-20T00:00:00.000Z"), second[] = LINE("2026-11-22T00:00:00.000Z");
	const int64_t second_ms = INT64_C(1795305600000);
	struct hs_opened_spool o;
	struct hs_sealed *list;
	struct hs_ages ages;
	size_t count;

	make("");
	spooldir_mkdir(&s.d, "");
	spooldir_write(&s.d, "events-20261121T000000.000Z-000001.jsonl", hs_slice_str(first));
	write_gzip("events-20261121T000000.000Z-000001.jsonl.gz", first);
	spooldir_write(&s.d, "events-20880101T000000.000Z-000002.jsonl", hs_slice_str(first));
	write_gzip("events-20880101T000000.000Z-000002.jsonl.gz", first);
	spooldir_write(&s.d, "events-20261123T000000.000Z-000003.jsonl", hs_slice_str(second));
	assert_result(hs_spool_dir_open(&o, s.d.settings, true), HS_OK);
	assert_result(hs_sealed_list(o.dir.fd, "events", &list, &count), HS_OK);
	assert_int_equal(count, 5);
	assert_true(hs_clock_is_before(o.dir.fd, "events", list, count, 0, second_ms));
	assert_result(hs_ages_init(&ages, &o.dir, "events", list, count), HS_OK);
	assert_int_equal(hs_ages_sealed_ms(&ages, 2, 0), second_ms); /* its own stamp is from the future */
	hs_ages_free(&ages);
	spooldir_unlink(&s.d, "events-20261123T000000.000Z-000003.jsonl"); /* it has gone meanwhile: its stamp counts */
	assert_result(hs_ages_init(&ages, &o.dir, "events", list, count), HS_OK);
	assert_int_equal(hs_ages_sealed_ms(&ages, 4, INT64_MAX), list[4].sealed_ms);
	hs_ages_free(&ages);
	free(list);
	hs_spool_dir_close(&o);
}

TESTS("clock", NULL, finish)

/* The figures and the room that `hookspool stats` shows: spans, silence, and what is not known. */
#include "base/io.h"
#include "tests/lib/temp_dir.h"
#include "tests/lib/wrap.h"
#include "tools/report/metrics_report.h"
#include "tools/report/room.h"

#include <errno.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };
static const int64_t DAY = 24 * (int64_t)HOUR, NOW = INT64_C(1795428900000);

static struct scene {
	struct hs_metrics *metrics;
	struct hs_metrics_figures *figures;
	struct hs_buf out;
} s;

FIXTURE(begin)
{
	int begun = temp_dir_begin(state);

	s = (struct scene){ .metrics = hs_metrics_new(HS_METRICS_BYTES) };
	assert_non_null(s.metrics);
	wrap_clock(NOW - 2 * DAY - hs_io_now(), 0);
	assert_true(hs_metrics_follow(s.metrics, temp.fd, 0600));
	wrap_clock(0, 0);
	return begun;
}

FIXTURE(finish)
{
	wrap_reset();
	hs_metrics_free(s.metrics);
	hs_metrics_figures_free(s.figures);
	hs_buf_free(&s.out);
	return temp_dir_end(state);
}

static void look(void)
{
	hs_metrics_figures_free(s.figures);
	s.figures = hs_metrics_read(temp.fd);
	assert_non_null(s.figures);
}

static void use(const char *name, int64_t at)
{
	hs_metrics_note_use(s.metrics, HS_CREDENTIAL_KEY, hs_slice_str(name), at);
}

static void report(size_t top)
{
	look();
	hs_buf_reset(&s.out);
	hs_metrics_report_text(s.figures, top, NOW, &s.out);
	hs_buf_putc(&s.out, '\0');
	assert_true(hs_buf_ok(&s.out));
}

static bool says(const char *text)
{
	return strstr(s.out.p, text) != NULL;
}

TEST(how_long_a_sender_is_silent)
{
	use("days", NOW - 4 * DAY);
	use("days", NOW - 2 * DAY);
	use("hours", NOW - 3 * (int64_t)HOUR);
	use("minutes", NOW - 119 * MINUTE);
	use("seconds", NOW - 119 * SECOND);
	use("future", NOW + HOUR); /* the clock was set back since */
	report(10);
	assert_true(says("key days     2026-11-21T10:15:00.000Z  silent for 2 d, before that at most 2 d\n"));
	assert_true(says("silent for 3 h\n"));
	assert_true(says("silent for 119 min\n"));
	assert_true(says("silent for 119 s\n"));
	assert_true(says("silent for 0 s\n"));
	assert_false(says("other credentials"));
}

TEST(who_has_gone_quiet)
{
	for (int64_t at = NOW - 3 * DAY; at <= NOW - DAY; at += HOUR)
		use("quiet", at);
	report(10);
	assert_true(says("silent for 24 h, before that at most 60 min: has gone quiet\n"));
}

TEST(only_the_last_used_are_shown)
{
	use("a", NOW - 3 * SECOND);
	use("b", NOW - 1 * SECOND);
	use("c", NOW - 2 * SECOND);
	report(2);
	assert_true(says("key b") && says("key c") && !says("key a"));
	assert_true(says("and 1 other credentials\n"));
	report(0);
	assert_true(!says("last used") && says("and 3 other credentials\n"));
}

TEST(without_memory_or_figures)
{
	hs_metrics_report_text(NULL, 10, NOW, &s.out);
	assert_true(hs_buf_ok(&s.out) && s.out.n == 0);
	look();
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	hs_metrics_report_text(s.figures, 10, NOW, &s.out);
	assert_false(hs_buf_ok(&s.out));
}

/* --- room ------------------------------------------------------------------------------- */

static struct hs_room room_of(long long free, const struct hs_metrics_figures *figures, int64_t now_ms)
{
	static struct hs_settings settings = { .min_free = 1 << 20 };
	struct hs_spool_dir dir = { .fd = temp.fd, .settings = &settings };
	struct hs_room room;

	wrap_space(free);
	room = hs_room_find(&dir, figures, now_ms);
	wrap_reset();
	return room;
}

static void check_room(const struct hs_room *room, const char *text, const char *json)
{
	struct hs_json_writer w = { .out = &s.out };

	hs_buf_reset(&s.out);
	hs_room_put(room, &s.out);
	assert_slice_equal(hs_buf_slice(&s.out), hs_slice_str(text));
	hs_buf_reset(&s.out);
	hs_json_writer_object(&w, NULL);
	hs_room_json(room, &w);
	hs_json_writer_end(&w, '}');
	hs_buf_putc(&s.out, '\0');
	assert_non_null(strstr(s.out.p, json));
}

TEST(how_much_room_there_is)
{
	struct hs_metrics_sums sums = { 0 };
	struct hs_room room = room_of(3 << 20, NULL, NOW);

	check_room(&room, "\nroom for 2.0 MB\n", "\"room\":{\"bytes\":2097152,\"bytes_a_day\":0,\"days\":null}");
	sums.of[HS_METRIC_ACCEPTED_BYTES] = 1 << 20;
	hs_metrics_add(s.metrics, &sums, NOW);
	look();
	room = room_of(3 << 20, s.figures, NOW);
	check_room(&room, "\nroom for 2.0 days, 2.0 MB, at the rate of the last day\n", "\"days\":2.0}");
	room = room_of(3 << 20, s.figures, NOW - 2 * DAY - MINUTE); /* the clock was set back since counting began */
	check_room(&room, "\nroom for 2.0 MB\n", "\"days\":null}");
	room = room_of(1 << 19, NULL, NOW);
	check_room(&room, "\nroom for 0 B\n", "\"room\":{\"bytes\":0,");
}

TEST(room_that_is_not_known)
{
	static struct hs_settings settings = { .min_free = 0 };
	struct hs_spool_dir dir = { .fd = temp.fd, .settings = &settings };
	struct hs_room room;

	wrap_fail(WRAP_FSTATVFS, 1, 1, EIO);
	room = hs_room_find(&dir, s.figures, NOW);
	check_room(&room, "", "\"room\":null");
}

TESTS("stats_report", begin, finish)

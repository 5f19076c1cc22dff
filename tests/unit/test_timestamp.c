/* timestamp: tests/cases/clock.txt, and a comparison with the C library's calendar. */
#include "base/timestamp.h"
#include "tests/lib/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void run_written(struct test_case *c, struct hs_slice value)
{
	char text[HS_TIMESTAMP_TEXT + 1], stamp[HS_TIMESTAMP_STAMP + 1];
	int64_t ms = case_number(c, value);

	hs_timestamp_text(ms, text);
	hs_timestamp_compact(ms, stamp);
	case_same(c, "in records", hs_slice_str(text), case_get(c, "text"));
	case_same(c, "in file names", hs_slice_str(stamp), case_get(c, "stamp"));
}

/* With a minute that other texts have left there, the result is the same. */
static void assert_near(struct hs_slice text, bool ok, int64_t ms)
{
	static struct hs_timestamp_minute minute;

	for (int turn = 0; turn < 2; turn++) {
		int64_t near = 0;

		assert_true(hs_timestamp_parse_near(&minute, text, &near) == ok);
		assert_true(!ok || near == ms);
	}
}

static void run_read(struct test_case *c, struct hs_slice in)
{
	struct hs_slice expected, text = { unit_exact_copy(in), in.n };
	int64_t ms = 0;
	bool ok = hs_timestamp_parse(text, &ms);

	assert_near(text, ok, ms);
	free((char *)text.p);
	if (case_find(c, "refused", &expected)) {
		if (ok)
			case_fail(c, "it was taken as %lld", (long long)ms);
		return;
	}
	expected = case_get(c, "ok");
	if (!ok)
		case_fail(c, "it was refused");
	if (ms != case_number(c, expected))
		case_fail(c, "expected %s, got %lld", unit_show(expected), (long long)ms);
}

static void run_clock_case(struct test_case *c)
{
	struct hs_slice value;

	if (case_find(c, "ms", &value))
		run_written(c, value);
	else
		run_read(c, case_get(c, "in"));
}

/* Every day from 1600 to 2600, at varying times of day. */
TEST(every_day_agrees_with_the_c_library)
{
	for (int64_t day = -135140; day < 230000; day++) {
		int64_t second = day * 86400 + (day * 7919 % 86400 + 86400) % 86400;
		time_t t = (time_t)second;
		char text[HS_TIMESTAMP_TEXT + 1], expected[64];
		struct tm tm;
		int64_t back;

		gmtime_r(&t, &tm);
		strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.007Z", &tm);
		hs_timestamp_text(second * 1000 + 7, text);
		if (strcmp(text, expected) != 0)
			fail_msg("expected %s, got %s", expected, text);
		if (!hs_timestamp_parse(hs_slice_str(text), &back) || back != second * 1000 + 7)
			fail_msg("%s is not read as it was written", text);
	}
}

TEST(the_day_after_the_last_of_a_month_is_refused)
{
	static const int last[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	for (int month = 1; month <= 12; month++) {
		char text[32];

		for (int day = last[month - 1]; day <= last[month - 1] + 1; day++) {
			snprintf(text, sizeof text, "2026-%02d-%02dT10:15:00Z", month, day);
			if (hs_timestamp_parse(hs_slice_str(text), NULL) != (day == last[month - 1]))
				fail_msg("%s", text);
		}
	}
}

/* With a fourth decimal the time stamp is not of the usual form, and takes the other path. */
TEST(the_usual_form_is_read_like_any_other)
{
	static const char usual[] = "2026-11-23T10:15:00.123Z", bytes[] = "0159:-/.,+TtZz x\xB0\x01";

	for (size_t at = 0; at < sizeof usual - 1; at++)
		for (size_t i = 0; i < sizeof bytes - 1; i++) {
			char text[sizeof usual], longer[sizeof usual + 1];
			int64_t ms = 0, same = 0;
			bool valid;

			memcpy(text, usual, sizeof usual);
			text[at] = bytes[i];
			memcpy(longer, text, 23);
			longer[23] = '0';
			longer[24] = text[23];
			valid = hs_timestamp_parse(hs_slice(text, 24), &ms);
			assert_int_equal(valid, hs_timestamp_parse(hs_slice(longer, 25), &same));
			assert_true(ms == same);
			assert_int_equal(valid, hs_timestamp_parse(hs_slice(text, 24), NULL));
			assert_near(hs_slice(text, 24), valid, ms);
		}
}

TEST(seconds_and_milliseconds_since_1970)
{
	static const struct {
		const char *text;
		int64_t ms; /* 0: it is none */
	} cases[] = {
		{ "1795428900", 1795428900000 },
		{ "1795428900.1", 1795428900100 },
		{ "1795428900.1239", 1795428900123 },
		{ "1795428900123", 1795428900123 },
		{ "1795428900.", 0 },
		{ "1795428900x", 0 },
		{ "1795428900.1x", 0 },
		{ "1795428900123x", 0 },
		{ "1795428900123.5", 0 },
		{ "179542890", 0 },
		{ "179542890012", 0 },
		{ "17954289001234", 0 },
		{ "179542890012345", 0 },
		{ "-795428900", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t ms = 0;
		char *text = unit_exact_copy(hs_slice_str(cases[i].text));

		if (hs_timestamp_parse_epoch(hs_slice(text, strlen(cases[i].text)), &ms) != (cases[i].ms != 0))
			fail_msg("'%s'", cases[i].text);
		if (cases[i].ms != 0)
			assert_true(ms == cases[i].ms);
		free(text);
	}
}

TEST(a_duration_has_one_unit)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = { { "0s", 0 },
		     { "90s", 90000 },
		     { "15m", 900000 },
		     { "4h", 14400000 },
		     { "999999999d", INT64_C(86399999913600000) } };
	static const char *const bad[] = { "", "s", "5", "5x", "5ms", "-5s", " 5s", "5s ", "1.5h", "1000000000s" };
	int64_t ms;

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(hs_duration_parse(good[i].text, &ms));
		assert_true(ms == good[i].ms);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(hs_duration_parse(bad[i], &ms));
}

TESTS_AND_CASES("clock_text", "clock.txt", run_clock_case)

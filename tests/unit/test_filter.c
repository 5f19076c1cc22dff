/* filter: which records pass, and how points in time are written. */
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/report/filter.h"

#include <errno.h>
#include <stdarg.h>

static const char text[] = "{\"type\":\"track\",\"event\":\"Caf\\u00e9\",\"timestamp\":\"2026-11-23T10:15:00.500Z\","
			   "\"user_id\":\"u-1\",\"anonymous_id\":\"a-1\",\"tenant\":\"acme\","
			   "\"spooled_at\":\"2026-11-24T00:00:00.000Z\",\"properties_user_id\":\"u-2\",\"tenant_2\":"
			   "\"x\"}";
static const struct hs_slice record = { text, sizeof text - 1 };

/* True if the line passes; the arguments are pairs of an option and its value, up to a 0. */
static bool passes(struct hs_slice line, ...)
{
	struct hs_filter f = { .since_given = false };
	int passed;
	va_list list;
	int option;

	va_start(list, line);
	while ((option = va_arg(list, int)) != 0)
		assert_true(hs_filter_option(&f, "test", option, va_arg(list, const char *)));
	va_end(list);
	passed = hs_filter_passes(&f, line);
	hs_filter_free(&f);
	assert_in_range(passed, 0, 1);
	return passed == 1;
}

enum {
	TYPE = HS_FILTER_OPTION + HS_BY_TYPE,
	EVENT = HS_FILTER_OPTION + HS_BY_EVENT,
	USER = HS_FILTER_OPTION + HS_BY_USER,
	TENANT = HS_FILTER_OPTION + HS_BY_TENANT
};

TEST(by_fields)
{
	assert_true(passes(record, 0));
	assert_true(passes(record, TYPE, "track", 0));
	assert_false(passes(record, TYPE, "trac", 0));
	assert_true(passes(record, TYPE, "page", TYPE, "track", 0));
	assert_true(passes(record, EVENT, "Caf\xc3\xa9", 0));
	assert_false(passes(record, EVENT, "Caf\\u00e9", 0));
	assert_true(passes(record, USER, "u-1", 0));
	assert_true(passes(record, USER, "a-1", 0));
	assert_true(passes(HS_SLICE("{\"user_id\":7.0}"), USER, "7", 0));
	assert_true(passes(HS_SLICE("{\"user_id\":7.0}"), USER, "7.0", 0));
	assert_false(passes(HS_SLICE("{\"user_id\":7}"), USER, "7.0", 0));
	assert_false(passes(HS_SLICE("{\"user_id\":\"7\"}"), USER, "7.0", 0));
	assert_false(passes(record, USER, "u-2", 0)); /* a property of that name is another thing */
	assert_true(passes(record, TENANT, "acme", TYPE, "track", USER, "u-1", 0));
	assert_false(passes(record, TENANT, "acme", TYPE, "track", USER, "u-9", 0));
	assert_false(passes(record, TENANT, "x", 0));
	assert_false(passes(HS_SLICE("not a record"), TYPE, "track", 0));
	assert_false(passes(HS_SLICE("{\"type\":null}"), TYPE, "null", 0));
	assert_false(passes(HS_SLICE("{\"type\":\"track\",\"title\":\"x\"}"), EVENT, "x", 0));
}

TEST(by_tenant)
{
	struct hs_slice none =
	    HS_SLICE("{\"type\":\"page\",\"spooled_at\":\"2026-11-24T00:00:00.000Z\",\"tenant_2\":\"x\"}");

	assert_true(passes(none, TENANT, "-", 0));
	assert_true(passes(none, TENANT, "acme", TENANT, "-", 0));
	assert_true(passes(none, TENANT, "*", TYPE, "page", 0));
	assert_true(passes(none, TENANT, "-", HS_FILTER_SINCE, "2026-11-24", 0));
	assert_false(passes(none, TENANT, "-", HS_FILTER_SINCE, "2026-11-25", 0));
	assert_false(passes(none, TENANT, "-", TYPE, "track", 0));
	assert_false(passes(none, TENANT, "acme", 0));
	assert_false(passes(record, TENANT, "-", 0));
	assert_true(passes(record, TENANT, "-", TENANT, "acme", 0));
	assert_true(passes(record, TENANT, "*", 0));
	assert_false(passes(record, TENANT, "*", USER, "u-9", 0));
	assert_false(
	    passes(HS_SLICE("{\"type\":\"page\",\"user_id\":\"a"), TENANT, "-", 0)); /* its tenant may be missing */
}

TEST(by_time)
{
	struct hs_slice odd = HS_SLICE("{\"type\":\"page\",\"timestamp\":\"soon\","
	                               "\"spooled_at\":\"2026-11-24T00:00:00.000Z\"}");

	struct hs_slice escaped = HS_SLICE("{\"type\":\"page\",\"timestamp\":\"2020-06-01T12:00:00\\u002B02:00\","
	                                   "\"spooled_at\":\"2026-11-24T00:00:00.000Z\"}");

	assert_true(passes(escaped, HS_FILTER_SINCE, "2020-06-01T10:00:00Z", 0));
	assert_true(passes(escaped, HS_FILTER_UNTIL, "2020-06-01T10:00:00.001Z", 0));
	assert_false(passes(escaped, HS_FILTER_SINCE, "2020-06-01T10:00:00.001Z", 0));
	assert_true(passes(record, HS_FILTER_SINCE, "2026-11-23T10:15:00.500Z", 0));
	assert_false(passes(record, HS_FILTER_SINCE, "2026-11-23T10:15:00.501Z", 0));
	assert_false(passes(record, HS_FILTER_UNTIL, "2026-11-23T10:15:00.500Z", 0));
	assert_true(passes(record, HS_FILTER_UNTIL, "2026-11-23T12:15:01+02:00", 0));
	assert_true(passes(odd, HS_FILTER_SINCE, "2026-11-24", HS_FILTER_UNTIL, "2026-11-25", 0));
	assert_false(passes(odd, HS_FILTER_UNTIL, "2026-11-24", 0));
	assert_false(passes(HS_SLICE("{\"type\":\"page\"}"), HS_FILTER_SINCE, "2000-01-01", 0));
}

TEST(points_in_time)
{
	static const char *const bad[] = { "", "yesterday", "2h ", "h", "-2h", "2w", "2hh", "9999999999d" };
	int64_t ms;

	assert_true(hs_filter_when("90s", 1000000, &ms) && ms == 910000);
	assert_true(hs_filter_when("15m", 1000000, &ms) && ms == 100000);
	assert_true(hs_filter_when("2h", 0, &ms) && ms == -7200000);
	assert_true(hs_filter_when("7d", 0, &ms) && ms == -604800000);
	assert_true(hs_filter_when("1970-01-02", 5, &ms) && ms == 86400000);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(hs_filter_when(bad[i], 0, &ms));
}

TEST(a_limited_number_of_values)
{
	struct hs_filter f = { .since_given = false };

	for (int i = 0; i < HS_FILTER_VALUES_MAX; i++)
		assert_true(hs_filter_option(&f, "test", TYPE, "x"));
	assert_false(hs_filter_option(&f, "test", TYPE, "x"));
	hs_filter_free(&f);
}

TEST(values_that_are_forgotten)
{
	struct hs_slice none = HS_SLICE("{\"type\":\"page\",\"spooled_at\":\"x\"}");
	struct hs_filter f = { .since_given = false };

	assert_true(hs_filter_option(&f, "test", TENANT, "-") && hs_filter_option(&f, "test", TYPE, "track"));
	assert_int_equal(hs_filter_passes(&f, none), 0);
	hs_filter_clear(&f, HS_BY_TYPE);
	assert_int_equal(hs_filter_passes(&f, none), 1);
	assert_int_equal(hs_filter_passes(&f, record), 0);
	hs_filter_clear(&f, HS_BY_TENANT);
	hs_filter_clear(&f, HS_BY_TENANT);
	assert_true(hs_filter_is_empty(&f) && !f.without_tenant);
	hs_filter_free(&f);
}

/* --- out of memory ------------------------------------------------------------- */

/* Its own scratch, which an allocation that fails leaves empty. What is not known to fail must not be passed by. */
static void cannot_tell(struct hs_slice line, unsigned nth, int option, const char *first, const char *second)
{
	struct hs_filter f = { .since_given = false };

	assert_true(hs_filter_option(&f, "test", option, first));
	if (second != NULL)
		assert_true(hs_filter_option(&f, "test", option, second));
	wrap_fail(WRAP_REALLOC, nth, 1, ENOMEM);
	assert_int_equal(hs_filter_passes(&f, line), -1);
	wrap_reset();
	assert_int_equal(hs_filter_passes(&f, line), 1);
	hs_filter_free(&f);
}

TEST(a_value_that_cannot_be_decoded_is_not_taken_for_another)
{
	struct hs_slice time = HS_SLICE("{\"type\":\"page\",\"timestamp\":\"2020-06-01T12:00:00\\u002B02:00\"}");
	struct hs_slice users = HS_SLICE("{\"user_id\":\"\\u0061\",\"anonymous_id\":\"v\"}");
	struct hs_slice number = HS_SLICE("{\"user_id\":7.0}");

	cannot_tell(record, 1, EVENT, "Caf\xc3\xa9", NULL);
	cannot_tell(record, 1, EVENT, "Caf\xc3\xa9", "x");
	cannot_tell(users, 1, USER, "a", NULL);
	cannot_tell(number, 1, USER, "7", NULL);
	cannot_tell(time, 1, HS_FILTER_UNTIL, "2021-01-01", NULL);
}

TEST(a_test_event_that_cannot_be_told_is_not_shown)
{
	struct hs_slice line = HS_SLICE("{\"user_id\":\"hookspool\\u002dsuite\",\"anonymous_id\":\"\\u0061\"}");
	struct hs_filter f = { .no_test = true };

	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	assert_int_equal(hs_filter_passes(&f, line), -1);
	wrap_reset();
	assert_int_equal(hs_filter_passes(&f, line), 0);
	hs_filter_free(&f);
}

TESTS("filter", NULL, NULL)

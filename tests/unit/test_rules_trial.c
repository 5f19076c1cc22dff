/* rules_trial: what rules would do with records, as `hookspool rules` counts it. */
#include "config/settings.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/report/rules_trial.h"

#include <errno.h>

static const char conf[] = "spool_dir = /nowhere\nauth = none\nhash_key = 0123456789abcdef0123456789abcdef\n"
			   "[events]\ndrop = type:page\nkeep = traits_s:q*\n"
			   "[fields]\ntraits_email = cut 1\ntraits_plan = drop\ntraits_n = cut 4\ncontext_* = cut 2\n";
enum { EMAIL, NUMBER, PLAN, CONTEXT }; /* in the order of their names */

#define KEPT(fields) "{\"type\":\"track\",\"user_id\":\"u\",\"spooled_at\":\"T\"," fields "}"

static struct scene {
	struct hs_settings *settings;
	struct hs_rules_trial trial;
} s;

static void start_with(const char *text)
{
	struct hs_settings_error error;

	s = (struct scene){ .settings = hs_settings_new("test.conf", hs_slice_str(text), NULL, &error) };
	if (s.settings == NULL)
		fail_msg("%s", error.text);
	s.trial.rules = s.settings->rules;
}

FIXTURE(begin)
{
	start_with(conf);
	return 0;
}

FIXTURE(finish)
{
	wrap_reset();
	hs_rules_trial_free(&s.trial);
	hs_settings_free(s.settings);
	return 0;
}

static enum hs_result try(const char *record)
{
	return hs_rules_trial_record(&s.trial, hs_slice_str(record));
}

static void expect_field(size_t line, uint64_t values, uint64_t changed, const char *name, const char *before,
                         const char *after)
{
	const struct hs_rules_field_trial *field = &s.trial.field[line];

	assert_int_equal(field->values, values);
	assert_int_equal(field->changed, changed);
	assert_slice_equal(hs_buf_slice(&field->name), hs_slice_str(name));
	assert_slice_equal(hs_buf_slice(&field->before), hs_slice_str(before));
	assert_slice_equal(hs_buf_slice(&field->after), hs_slice_str(after));
}

TEST(records_are_counted)
{
	assert_result(try(KEPT("\"a\":1")), HS_OK);
	assert_result(try("{\"type\":\"page\",\"user_id\":\"u\",\"spooled_at\":\"T\",\"traits_email\":\"ann\"}"),
	              HS_OK);
	assert_int_equal(s.trial.records, 2);
	assert_int_equal(s.trial.kept, 1);
	assert_int_equal(s.trial.dropped, 1);
	assert_int_equal(s.trial.event[0].matched, 1);
	assert_int_equal(s.trial.event[0].dropped, 1);
	expect_field(EMAIL, 0, 0, "", "", ""); /* nothing of what is dropped is masked */
}

/* The first value that changes is the example. */
TEST(masks_are_tried)
{
	assert_result(try(KEPT("\"traits_email\":\"a\"")), HS_OK); /* which is short enough */
	assert_result(try(KEPT("\"traits_email\":\"ann\"")), HS_OK);
	assert_result(try(KEPT("\"traits_email\":\"bob\"")), HS_OK);
	expect_field(EMAIL, 3, 2, "traits_email", "\"ann\"", "\"a\"");
	assert_result(try(KEPT("\"traits_n\":123456")), HS_OK);
	expect_field(NUMBER, 1, 1, "traits_n", "123456", "\"1234\"");
	assert_result(try(KEPT("\"traits_plan\":null")), HS_OK);
	assert_result(try(KEPT("\"traits_\\u0070lan\":\"x\"")), HS_OK);
	expect_field(PLAN, 2, 2, "traits_plan", "null", "");
}

/* A second value of a name has a number, and is masked as the first; a name that only ends with one is not. */
TEST(second_values)
{
	assert_result(try(KEPT("\"traits_email\":\"ann\",\"traits_email_2\":\"bob\"")), HS_OK);
	expect_field(EMAIL, 2, 2, "traits_email", "\"ann\"", "\"a\"");
	assert_result(try(KEPT("\"traits_email_2\":\"bob\",\"traits_email2\":\"x\",\"_2\":\"x\",\"22\":1")), HS_OK);
	expect_field(EMAIL, 2, 2, "traits_email", "\"ann\"", "\"a\"");
}

/* A line for many names masks the second value, too. */
TEST(second_values_of_many_names)
{
	assert_result(try(KEPT("\"context_ip\":\"192\",\"context_ip_2\":\"10\",\"context_no_2\":\"abc\"")), HS_OK);
	expect_field(CONTEXT, 3, 2, "context_ip", "\"192\"", "\"19\"");
}

/* They are kept, so that their values are masked. */
TEST(flagged_records_are_masked)
{
	finish(NULL);
	start_with("spool_dir = /nowhere\nauth = none\n[events]\nkeep = type:page\nunplanned = flag\n"
	           "[fields]\ntraits_email = cut 1\n");
	assert_result(try(KEPT("\"traits_email\":\"ann\"")), HS_OK);
	assert_int_equal(s.trial.flagged, 1);
	expect_field(EMAIL, 1, 1, "traits_email", "\"ann\"", "\"a\"");
}

static void start_again(unsigned nth, unsigned times)
{
	hs_rules_trial_free(&s.trial);
	s.trial = (struct hs_rules_trial){ .rules = s.settings->rules };
	wrap_reset();
	wrap_fail(WRAP_REALLOC, nth, times, ENOMEM);
}

/* A trial that says that an address is not masked would be believed, and one that says that a text is changed. */
static void fail_from(unsigned nth, unsigned times)
{
	enum hs_result result;

	start_again(nth, times);
	result = try(KEPT("\"traits_\\u0065mail\":\"\\u0061nn\",\"traits_s\":\"\\u0071\""));
	assert_true(result == HS_OK || result == HS_E_MEMORY);
	if (result == HS_OK)
		expect_field(EMAIL, 1, 1, "traits_email", "\"\\u0061nn\"", "\"a\"");
	assert_true(result != HS_OK || s.trial.event[1].matched == 1); /* by the value that needs memory */
	start_again(nth, times);
	result = try(KEPT("\"traits_email\":\"a\""));
	assert_true(result == HS_OK || result == HS_E_MEMORY);
	if (result == HS_OK)
		expect_field(EMAIL, 1, 0, "", "", "");
}

TEST(without_memory_nothing_wrong_is_told)
{
	for (unsigned nth = 1; nth < 20; nth++) {
		fail_from(nth, 1);
		fail_from(nth, WRAP_FOREVER);
	}
}

TESTS("rules_trial", begin, finish)

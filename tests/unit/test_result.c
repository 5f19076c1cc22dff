/* result: what every row of the table promises. */
#include "base/result.h"
#include "tests/lib/unit.h"

#include <string.h>

static bool is_one_clean_line(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
			return false;
	return true;
}

TEST(every_row_is_complete)
{
	for (int r = 0; r < HS_RESULT_COUNT; r++) {
		const struct hs_result_info *info = hs_result_info((enum hs_result)r);

		if (info == NULL || info->name == NULL || info->message == NULL || info->remedy == NULL)
			fail_msg("row %d is not filled", r);
		if (strncmp(info->name, "HS_", 3) != 0 || info->message[0] == '\0')
			fail_msg("row %d has no name or no message", r);
		if (!is_one_clean_line(info->message) || !is_one_clean_line(info->remedy))
			fail_msg("%s: message and remedy are one line each", info->name);
		if (info->message[0] == '/' || strstr(info->message, " /") != NULL)
			fail_msg("%s: no path is shown to a customer", info->name);
	}
}

static bool is_ours(enum hs_class class)
{
	return class != HS_CLASS_REQUEST && class != HS_CLASS_AUTH && class != HS_CLASS_JSON &&
	       class != HS_CLASS_SPEC && class != HS_CLASS_RULES;
}

/* 4xx and 501 lose the event for good: our own faults must be 503. */
TEST(statuses_do_what_segment_makes_of_them)
{
	assert_int_equal(hs_result_info(HS_OK)->status, 200);
	for (int r = 1; r < HS_RESULT_COUNT; r++) {
		int status = hs_result_info((enum hs_result)r)->status;

		if (hs_result_is((enum hs_result)r, HS_CLASS_RATE))
			assert_int_equal(status, 429);
		else if (is_ours(hs_result_info((enum hs_result)r)->class))
			assert_int_equal(status, 503);
		else if (r == HS_E_TYPE)
			assert_int_equal(status, 501);
		else if (r == HS_E_DROPPED)
			assert_int_equal(status, 200);
		else if (r == HS_E_SLOW_BODY)
			assert_int_equal(status, 503);
		else
			assert_in_range(status, 400, 415);
	}
	assert_int_equal(hs_result_info(HS_E_PATH)->status, 404);
	assert_int_equal(hs_result_info(HS_E_METHOD)->status, 405);
	assert_int_equal(hs_result_info(HS_E_NO_LENGTH)->status, 411);
	assert_int_equal(hs_result_info(HS_E_TOO_LARGE)->status, 413);
	assert_int_equal(hs_result_info(HS_E_MEDIA_TYPE)->status, 415);
	assert_int_equal(hs_result_info(HS_E_ENCODING)->status, 415);
	assert_int_equal(hs_result_info(HS_E_SIGNATURE)->status, 401);
	assert_int_equal(hs_result_info(HS_E_KEY)->status, 401);
	assert_int_equal(hs_result_info(HS_E_KEY_REVOKED)->status, 403);
	assert_int_equal(hs_result_info(HS_E_IDENTITY)->status, 400);
}

TEST(names_and_messages_tell_results_apart)
{
	for (int a = 0; a < HS_RESULT_COUNT; a++)
		for (int b = a + 1; b < HS_RESULT_COUNT; b++)
			assert_string_not_equal(hs_result_info((enum hs_result)a)->name,
			                        hs_result_info((enum hs_result)b)->name);
	assert_string_equal(hs_result_info(HS_E_JSON_TWICE)->name, "HS_E_JSON_TWICE");
	assert_string_equal(hs_result_info(HS_E_IDENTITY)->message, "userId or anonymousId required");
}

static bool begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/* Libraries take 400 for final, and some repeat 401 and 403 for ever. */
static bool is_of_write_keys(enum hs_result result)
{
	return result == HS_E_WRITE_KEY || result == HS_E_WRITE_KEY_REVOKED || result == HS_E_TWO_KEYS ||
	       result == HS_E_ORIGIN;
}

TEST(every_row_has_its_class)
{
	for (int r = 1; r < HS_RESULT_COUNT; r++) {
		const struct hs_result_info *info = hs_result_info((enum hs_result)r);

		if (info->class == HS_CLASS_OK)
			fail_msg("%s: no class", info->name);
		if (begins(info->name, "HS_E_JSON_") != (info->class == HS_CLASS_JSON) && r != HS_E_BATCH_LARGE)
			fail_msg("%s: the parser's offset belongs to JSON errors", info->name);
		if ((info->status == 401 || info->status == 403 || is_of_write_keys((enum hs_result)r)) !=
		    (info->class == HS_CLASS_AUTH))
			fail_msg("%s: %d is how authentication fails", info->name, info->status);
		if (info->class == HS_CLASS_BUSY && strstr(info->message, "try again") == NULL)
			fail_msg("%s: a sender is told to try again", info->name);
	}
}

/* Each reason to be busy has a message and a remedy of its own. */
TEST(reasons_to_be_busy_are_told_apart)
{
	for (int a = 0; a < HS_RESULT_COUNT; a++)
		for (int b = a + 1; b < HS_RESULT_COUNT; b++) {
			const struct hs_result_info *one = hs_result_info((enum hs_result)a);
			const struct hs_result_info *other = hs_result_info((enum hs_result)b);

			if (one->class != HS_CLASS_BUSY || other->class != HS_CLASS_BUSY)
				continue;
			assert_string_not_equal(one->message, other->message);
			assert_string_not_equal(one->remedy, other->remedy);
		}
}

TESTS("result", NULL, NULL)

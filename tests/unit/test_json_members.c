/* json_members: look-up by name; numbers that do not fit, other kinds, words that a terminal would obey. */
#include "event/json_members.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct hs_json json;
static char *text;

static void read(const char *of)
{
	free(text);
	text = unit_exact_copy(hs_slice_str(of));
	assert_result(hs_json_document(&json, hs_slice(text, strlen(of))), HS_OK);
}

FIXTURE(begin)
{
	text = NULL;
	hs_json_init(&json, 0);
	return 0;
}

FIXTURE(finish)
{
	hs_json_free(&json);
	free(text);
	return 0;
}

TEST(members_by_name)
{
	uint32_t inner;

	read("{\"a\":{\"b\":[1,{\"c\":2}],\"c\":3},\"c\":4,\"\":5}");
	inner = hs_member(&json, 0, "a");
	assert_true(inner > 0);
	assert_int_equal(hs_member_uint(&json, 0, "c", 99), 4);
	assert_int_equal(hs_member_uint(&json, inner, "c", 99), 3);
	assert_int_equal(hs_member(&json, inner, "a"), 0);
	assert_int_equal(hs_member(&json, hs_member(&json, inner, "b"), "c"), 0); /* an array */
	assert_int_equal(hs_member(&json, 0, "missing"), 0);
	assert_int_equal(hs_member_uint(&json, 0, "", 99), 5);
	read("[1]");
	assert_int_equal(hs_member(&json, 0, "a"), 0);
	read("7");
	assert_int_equal(hs_member(&json, 0, "a"), 0);
}

TEST(numbers)
{
	static const struct {
		const char *value;
		uint64_t as_uint;
		int64_t as_int;
	} cases[] = {
		{ "0", 0, 0 },
		{ "12", 12, 12 },
		{ "-1", 99, -1 },
		{ "9223372036854775807", INT64_MAX, INT64_MAX },
		{ "9223372036854775808", UINT64_C(1) << 63, 99 },
		{ "-9223372036854775807", 99, -INT64_MAX },
		{ "-9223372036854775808", 99, 99 },
		{ "18446744073709551615", UINT64_MAX, 99 },
		{ "18446744073709551616", 99, 99 },
		{ "184467440737095516150", 99, 99 },
		{ "1.0", 99, 99 },
		{ "1e3", 99, 99 },
		{ "\"12\"", 99, 99 },
		{ "true", 99, 99 },
		{ "null", 99, 99 },
		{ "[12]", 99, 99 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char object[64];

		snprintf(object, sizeof object, "{\"n\":%s}", cases[i].value);
		read(object);
		if (hs_member_uint(&json, 0, "n", 99) != cases[i].as_uint ||
		    hs_member_int(&json, 0, "n", 99) != cases[i].as_int)
			fail_msg("%s", cases[i].value);
	}
	assert_int_equal(hs_member_int(&json, 0, "missing", -7), -7);
}

TEST(truth)
{
	read("{\"a\":true,\"b\":false,\"c\":\"true\",\"d\":1}");
	assert_true(hs_member_is_true(&json, 0, "a"));
	assert_false(hs_member_is_true(&json, 0, "b"));
	assert_false(hs_member_is_true(&json, 0, "c"));
	assert_false(hs_member_is_true(&json, 0, "d"));
	assert_false(hs_member_is_true(&json, 0, "e"));
}

TEST(texts)
{
	static const struct {
		const char *value, *raw, *text; /* raw NULL: none */
	} cases[] = {
		{ "\"abc\"", "abc", "abc" },
		{ "\"\"", "", "" },
		{ "\"a\\u0062c\"", "a\\u0062c", "abc" },
		{ "\"\\u001b[31m\\r\\n\"", "\\u001b[31m\\r\\n", "?[31m??" },
		{ "\"caf\\u00e9\"", "caf\\u00e9", "caf\xc3\xa9" },
		{ "7", NULL, "" },
		{ "null", NULL, "" },
		{ "{}", NULL, "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char object[64], got[64] = "untouched";

		snprintf(object, sizeof object, "{\"t\":%s}", cases[i].value);
		read(object);
		assert_int_equal(hs_member_raw(&json, 0, "t").p == NULL, cases[i].raw == NULL);
		if (cases[i].raw != NULL)
			assert_slice_equal(hs_member_raw(&json, 0, "t"), hs_slice_str(cases[i].raw));
		hs_member_text(&json, 0, "t", got, sizeof got);
		assert_string_equal(got, cases[i].text);
	}
}

TEST(a_text_without_memory_is_empty)
{
	char got[8] = "before";

	read("{\"t\":\"a\\u0062c\"}");
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	hs_member_text(&json, 0, "t", got, sizeof got);
	wrap_reset();
	assert_string_equal(got, "");
	hs_member_text(&json, 0, "t", got, sizeof got);
	assert_string_equal(got, "abc");
}

TEST(a_copy_is_cut_between_characters)
{
	static const struct {
		const char *from;
		size_t size;
		const char *to;
	} cases[] = {
		{ "abc", 4, "abc" },        { "abc", 3, "ab" },
		{ "abc", 1, "" },           { "a\xc3\xa9z", 4, "a\xc3\xa9" },
		{ "a\xc3\xa9z", 3, "a" },   { "a\xffz", 4, "a?z" },
		{ "\xc3", 4, "?" },         { "\x7f\x1b\t", 4, "???" },
		{ "\xe2\x80\xae", 8, "?" }, /* right-to-left override */
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *from = unit_exact_copy(hs_slice_str(cases[i].from)), *to = malloc(cases[i].size);

		hs_printable_copy(to, cases[i].size, hs_slice(from, strlen(cases[i].from)));
		assert_string_equal(to, cases[i].to);
		free(from);
		free(to);
	}
}

TESTS("json_members", begin, finish)

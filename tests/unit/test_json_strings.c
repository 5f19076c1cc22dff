/* json_strings: where a string ends, and its decoded text. */
#include "event/json.h"
#include "tests/lib/unit.h"

#include <stdlib.h>

/* --- strings are read sixteen bytes at a time ----------------------------------- */

static void expect_stop(struct hs_json *j, size_t at, char odd, enum hs_result result)
{
	char text[51];
	enum hs_result r;

	memset(text, 'a', sizeof text);
	text[0] = text[50] = '"';
	text[at] = odd;
	r = hs_json_document(j, hs_slice(text, sizeof text));
	if (r != result || (r != HS_OK && j->pos != at + (result == HS_E_JSON_ESCAPE || result == HS_E_JSON_TRAILING)))
		fail_msg("byte %02x at %zu: %s at %zu", (unsigned char)odd, at, hs_result_info(r)->name, j->pos);
}

TEST(an_odd_byte_stops_wherever_it_stands)
{
	struct hs_json j = { 0 };

	for (size_t at = 1; at < 49; at++) {
		for (int c = 0; c < 256; c++) {
			enum hs_result r = c < ' '     ? HS_E_JSON_CONTROL
			                   : c >= 0x80 ? HS_E_JSON_UTF8
			                   : c == '"'  ? HS_E_JSON_TRAILING
			                   : c == '\\' ? HS_E_JSON_ESCAPE
			                               : HS_OK;

			expect_stop(&j, at, (char)c, r);
		}
	}
	hs_json_free(&j);
}

/* --- decoded text ----------------------------------------------------------- */

static void expect_unescaped(const char *inner, const char *decoded, size_t n)
{
	struct hs_slice s = { unit_exact_copy(hs_slice_str(inner)), strlen(inner) };
	struct hs_buf b = { 0 };

	hs_json_unescape(s, &b);
	assert_true(hs_buf_ok(&b));
	assert_slice_equal(hs_buf_slice(&b), hs_slice(decoded, n));
	hs_buf_free(&b);
	free((char *)s.p);
}

#define EXPECT_UNESCAPED(inner, decoded) expect_unescaped((inner), (decoded), sizeof(decoded) - 1)

TEST(escapes_are_decoded)
{
	EXPECT_UNESCAPED("", "");
	EXPECT_UNESCAPED("plain größe", "plain größe");
	EXPECT_UNESCAPED("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t");
	EXPECT_UNESCAPED("a\\u0062c", "abc");
	EXPECT_UNESCAPED("\\u00e9\\u20AC", "\xC3\xA9\xE2\x82\xAC");
	EXPECT_UNESCAPED("\\ud83d\\ude00!", "\xF0\x9F\x98\x80!");
	EXPECT_UNESCAPED("\\uDBFF\\uDFFF", "\xF4\x8F\xBF\xBF");
	EXPECT_UNESCAPED("\\uD800\\uDC00", "\xF0\x90\x80\x80");
	EXPECT_UNESCAPED("x\\u0000y", "x\0y");
	EXPECT_UNESCAPED("\\\\u0041", "\\u0041");
	EXPECT_UNESCAPED("\\\\n", "\\n");
}

TEST(lone_surrogates_stay_apart)
{
	EXPECT_UNESCAPED("\\ud800", "\xED\xA0\x80");
	EXPECT_UNESCAPED("\\udfff", "\xED\xBF\xBF");
	EXPECT_UNESCAPED("\\ud800a", "\xED\xA0\x80"
	                             "a");
	EXPECT_UNESCAPED("\\ud83d\\n", "\xED\xA0\xBD\n");
	EXPECT_UNESCAPED("\\ud83d\\u0041", "\xED\xA0\xBD"
	                                   "A");
	EXPECT_UNESCAPED("\\ud83d\\ud83d\\ude00", "\xED\xA0\xBD\xF0\x9F\x98\x80");
	EXPECT_UNESCAPED("\\ude00\\ud83d", "\xED\xB8\x80\xED\xA0\xBD");
	EXPECT_UNESCAPED("\\ud83dabcdefghij", "\xED\xA0\xBD"
	                                      "abcdefghij");
}

TEST(what_can_be_unescaped)
{
	static const struct {
		const char *inner;
		bool can;
	} cases[] = {
		{ "", true },
		{ "abc", true },
		{ "\\u0041", true },
		{ "a\\u00e9b", true },
		{ "\\n\\\\\\\"", true },
		{ "\\\\u", true },
		{ "\\uD83D\\uDE00", true },
		{ "\\", false },
		{ "a\\", false },
		{ "\\\\\\", false },
		{ "\\u", false },
		{ "\\u004", false },
		{ "\\u004g", false },
		{ "\\u-041", false },
		{ "x\\u12 4", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (hs_json_can_unescape(hs_slice_str(cases[i].inner)) != cases[i].can)
			fail_msg("%s", cases[i].inner);
}

TEST(names_behind_escapes)
{
	static const struct {
		const char *inner;
		bool is;
	} cases[] = {
		{ "user_id", true },
		{ "\\u0075ser_id", true },
		{ "user\\u005Fi\\u0064", true },
		{ "\\u0075\\u0073\\u0065\\u0072\\u005f\\u0069\\u0064", true },
		{ "", false },
		{ "user_i", false },
		{ "user_ids", false },
		{ "user_i\\u0065", false },
		{ "user_i\\u006", false },
		{ "user_i\\d", false },
		{ "\\x0075ser_id", false },
		{ "/u0075ser_id", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (hs_json_inner_decodes_to(hs_slice_str(cases[i].inner), HS_SLICE("user_id")) != cases[i].is)
			fail_msg("%s", cases[i].inner);
}

TESTS("json_strings", NULL, NULL)

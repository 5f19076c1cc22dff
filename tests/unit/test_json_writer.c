#include "base/json_writer.h"
#include "tests/lib/unit.h"

static struct hs_buf text;

static void expect(const char *want)
{
	assert_true(hs_buf_ok(&text));
	hs_buf_putc(&text, '\0');
	assert_string_equal(text.p, want);
	hs_buf_free(&text);
}

TEST(every_kind_of_value)
{
	struct hs_json_writer w = { .out = &text };

	hs_json_writer_object(&w, NULL);
	assert_true(hs_json_writer_text(&w, "text", HS_SLICE("a \"b\"\n")));
	hs_json_writer_uint(&w, "number", UINT64_MAX);
	hs_json_writer_bool(&w, "yes", true);
	hs_json_writer_bool(&w, "no", false);
	hs_json_writer_null(&w, "nothing");
	hs_json_writer_raw(&w, "raw", HS_SLICE("[1,2]"));
	hs_json_writer_hex(&w, "hex", HS_SLICE("\x01\xAB"));
	hs_json_writer_hex(&w, "empty", HS_SLICE(""));
	hs_json_writer_end(&w, '}');
	expect("{\"text\":\"a \\\"b\\\"\\n\",\"number\":18446744073709551615,\"yes\":true,\"no\":false,"
	       "\"nothing\":null,\"raw\":[1,2],\"hex\":\"01ab\",\"empty\":\"\"}");
}

TEST(a_text_that_is_not_utf8)
{
	struct hs_json_writer w = { .out = &text };

	assert_false(hs_json_writer_text(&w, NULL,
	                                 HS_SLICE("a\xFF"
	                                          "b")));
	expect("\"a\\ufffdb\"");
}

TEST(commas_between_and_nowhere_else)
{
	struct hs_json_writer w = { .out = &text };

	hs_json_writer_array(&w, NULL);
	hs_json_writer_object(&w, NULL);
	hs_json_writer_end(&w, '}');
	hs_json_writer_object(&w, NULL);
	hs_json_writer_array(&w, "empty");
	hs_json_writer_end(&w, ']');
	hs_json_writer_array(&w, "two");
	hs_json_writer_uint(&w, NULL, 0);
	hs_json_writer_uint(&w, NULL, 1);
	hs_json_writer_end(&w, ']');
	hs_json_writer_uint(&w, "after", 2);
	hs_json_writer_end(&w, '}');
	hs_json_writer_end(&w, ']');
	expect("[{},{\"empty\":[],\"two\":[0,1],\"after\":2}]");
}

TEST(a_line_begins_after_the_comma)
{
	struct hs_json_writer w = { .out = &text };

	hs_json_writer_object(&w, NULL);
	hs_json_writer_uint(&w, "a", 1);
	hs_json_writer_line(&w);
	hs_json_writer_uint(&w, "b", 2);
	hs_json_writer_uint(&w, "c", 3);
	hs_json_writer_end(&w, '}');
	expect("{\"a\":1,\n\"b\":2,\"c\":3}");
}

TESTS("json_writer", NULL, NULL)

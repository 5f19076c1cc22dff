/* fold: lines break between words at the terminal's edge. */
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/report/fold.h"

#include <errno.h>

TEST(lines_are_broken_between_words)
{
	static const struct {
		const char *text;
		size_t columns, indent;
		const char *folded;
	} cases[] = {
		{ "one two three", 7, 2, "one two\n  three" },
		{ "one two three", 8, 2, "one two\n  three" },
		{ "one two three", 6, 2, "one\n  two\n  three" },
		{ "one two three", 13, 2, "one two three" },
		{ "one two three", 12, 2, "one two\n  three" },
		{ "one two three", 0, 2, "one two three" }, /* no terminal */
		{ "one two\nthree four\n", 7, 2, "one two\nthree\n  four\n" },
		{ "\n\none two\n", 5, 1, "\n\none\n two\n" },
		{ "  -f, --follow   wait for more\n", 22, 11, "  -f, --follow   wait\n           for more\n" },
		{ "one two three", 10, 6, "one two\n    three" }, /* a deep indent leaves no room */
		{ "one two three", 12, 6, "one two\n      three" },
		{ "incomprehensibilities are", 10, 2, "incomprehensibilities\n  are" },
		{ "an incomprehensibility", 10, 2, "an\n  incomprehensibility" },
		{ "one     two", 5, 2, "one\n  two" },
		{ "one two   ", 7, 2, "one two   " }, /* blanks at the end show nothing */
		{ "…… …… ……", 5, 2, "…… ……\n  ……" },  /* columns, not bytes */
		{ "日本 日本", 8, 2, "日本\n  日本" },
		{ "日本 日本", 9, 2, "日本 日本" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_buf text = { 0 };

		hs_buf_put_slice(&text, HS_SLICE("a b c d e f g h i j k l m n\n"));
		hs_buf_put_slice(&text, hs_slice_str(cases[i].text));
		hs_fold(&text, 28, cases[i].columns, cases[i].indent);
		hs_buf_putc(&text, '\0');
		assert_true(hs_buf_ok(&text));
		assert_memory_equal(text.p, "a b c d e f g h i j k l m n\n", 28); /* what precedes stays */
		assert_string_equal(text.p + 28, cases[i].folded);
		hs_buf_free(&text);
	}
}

TEST(without_memory_the_buffer_has_failed)
{
	struct hs_buf text = { 0 };

	hs_buf_put_slice(&text, HS_SLICE("one two"));
	wrap_fail(WRAP_REALLOC, 1, WRAP_FOREVER, ENOMEM);
	hs_fold(&text, 0, 5, 2);
	assert_false(hs_buf_ok(&text));
	hs_fold(&text, 0, 5, 2); /* and stays so */
	assert_false(hs_buf_ok(&text));
	wrap_reset();
	hs_buf_free(&text);
}

TESTS("fold", NULL, NULL)

/* json_elements: a text that is read value by value, as a batch is. */
#include "event/json.h"
#include "tests/lib/unit.h"

TEST(elements_come_one_at_a_time)
{
	static const char *const expected[] = { "{\"a\":1}", "[2, 3]", "\"x\"", "4" };
	struct hs_slice text = HS_SLICE("  [ {\"a\":1} ,[2, 3],\"x\", 4 ]\n");
	struct hs_json j = { 0 };
	bool more;

	hs_json_start(&j, text);
	assert_true(hs_json_is_array(&j));
	for (size_t i = 0; i < 4; i++) {
		assert_result(hs_json_element(&j, &more), HS_OK);
		assert_true(more);
		assert_slice_equal(hs_json_raw(&j, 0), hs_slice_str(expected[i]));
		assert_int_equal(j.tok[0].next, j.n);
	}
	assert_result(hs_json_element(&j, &more), HS_OK);
	assert_false(more);
	hs_json_free(&j);
}

TEST(an_empty_array_has_no_element)
{
	static const char *const texts[] = { "[]", " [ ] ", "[\n]" };
	struct hs_json j = { 0 };
	bool more = true;

	for (size_t i = 0; i < 3; i++) {
		hs_json_start(&j, hs_slice_str(texts[i]));
		assert_true(hs_json_is_array(&j));
		assert_result(hs_json_element(&j, &more), HS_OK);
		assert_false(more);
	}
	hs_json_free(&j);
}

TEST(what_is_no_array_has_no_elements)
{
	static const char *const texts[] = { "{}", "1", "", " " };
	struct hs_json j = { 0 };
	bool more = true;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		hs_json_start(&j, hs_slice_str(texts[i]));
		assert_false(hs_json_is_array(&j));
		assert_int_not_equal(hs_json_element(&j, &more), HS_OK);
		assert_false(more);
	}
	hs_json_free(&j);
}

/* The pieces of a text, one a line, and the result. */
static const struct {
	const char *text, *pieces;
	enum hs_result end;
} in_pieces[] = {
	{ "", "", HS_OK },
	{ " {} ", "{}\n", HS_OK },
	{ "{}{\"a\":1} {}", "{}\n{\"a\":1}\n{}\n", HS_OK },
	{ "[{},1, \"x\" ,[2]]", "{}\n1\n\"x\"\n[2]\n", HS_OK },
	{ "[][{}]{}[ ]", "{}\n{}\n", HS_OK },
	{ "12", "12\n", HS_OK },
	{ "12 13", "", HS_E_JSON_TRAILING },
	{ "12{}", "", HS_E_JSON_TRAILING },
	{ "{}12", "", HS_E_JSON_TRAILING },
	{ "{}{},{}", "{}\n", HS_E_JSON_TRAILING },
	{ "{}]", "", HS_E_JSON_TRAILING },
	{ "[{}]]", "", HS_E_JSON_TRAILING },
	{ "[{}", "", HS_E_JSON_END },
	{ "[{},", "{}\n", HS_E_JSON_END },
	{ "[{},]", "{}\n", HS_E_JSON_SYNTAX },
	{ "[{}{}]", "", HS_E_JSON_SYNTAX },
	{ "[,{}]", "", HS_E_JSON_SYNTAX },
	{ "[}", "", HS_E_JSON_SYNTAX },
	{ "[", "", HS_E_JSON_END },
	{ "{}{\"a\":}", "{}\n", HS_E_JSON_SYNTAX },
	{ "]", "", HS_E_JSON_SYNTAX },
};

static enum hs_result read_pieces(struct hs_json *j, struct hs_buf *out)
{
	enum hs_result r;
	bool more;

	while ((r = hs_json_piece(j, &more)) == HS_OK && more) {
		hs_buf_put_slice(out, hs_json_raw(j, 0));
		hs_buf_putc(out, '\n');
	}
	return r;
}

TEST(pieces_come_one_at_a_time)
{
	struct hs_buf out = { 0 };
	struct hs_json j = { 0 };

	for (size_t i = 0; i < sizeof in_pieces / sizeof in_pieces[0]; i++) {
		hs_buf_reset(&out);
		hs_json_start(&j, hs_slice_str(in_pieces[i].text));
		assert_result(read_pieces(&j, &out), in_pieces[i].end);
		assert_slice_equal(hs_buf_slice(&out), hs_slice_str(in_pieces[i].pieces));
	}
	hs_buf_free(&out);
	hs_json_free(&j);
}

/* Reads on after each piece, as another text. */
TEST(pieces_are_read_on)
{
	struct hs_slice text = HS_SLICE("{\"a\":1}[{},2,[3]] {} [4]");
	struct hs_buf out = { 0 };
	struct hs_json j = { 0 };
	bool more = true;

	while (more) {
		bool inside = j.inside;

		hs_json_start(&j, text);
		j.inside = inside;
		assert_result(hs_json_piece(&j, &more), HS_OK);
		if (more)
			hs_buf_put_slice(&out, hs_json_raw(&j, 0));
		text = hs_slice(text.p + j.pos, text.n - j.pos);
	}
	assert_slice_equal(hs_buf_slice(&out), HS_SLICE("{\"a\":1}{}2[3]{}4"));
	hs_buf_free(&out);
	hs_json_free(&j);
}

/* A text that is read on within an array begins with a comma, or there is no value. */
TEST(a_text_that_does_not_go_on_as_it_should_is_refused)
{
	static const struct {
		const char *text;
		enum hs_result result;
	} cases[] = { { " 2]", HS_E_JSON_SYNTAX }, { " ", HS_E_JSON_END }, { ",", HS_E_JSON_END } };
	struct hs_json j = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bool more = true;

		hs_json_start(&j, hs_slice_str(cases[i].text));
		j.inside = true;
		assert_result(hs_json_piece(&j, &more), cases[i].result);
		assert_false(more);
	}
	hs_json_free(&j);
}

TEST(only_a_bracket_begins_an_array)
{
	static const char *const texts[] = { "", " ", "{}", "\"[\"", "1", "{[", "x[" };
	struct hs_json j = { 0 };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		hs_json_start(&j, hs_slice_str(texts[i]));
		assert_false(hs_json_is_array(&j));
	}
	hs_json_free(&j);
}

/* Depth counts what is already open around a value. */
TEST(depth_counts_from_outside)
{
	char text[130];
	struct hs_json j = { 0 };

	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	hs_json_start(&j, hs_slice(text, 128));
	assert_result(hs_json_value(&j, 0), HS_OK);
	hs_json_start(&j, hs_slice(text, 128));
	assert_result(hs_json_value(&j, 1), HS_E_JSON_DEPTH);
	hs_json_start(&j, hs_slice(text + 1, 126));
	assert_result(hs_json_value(&j, 1), HS_OK);
	hs_json_free(&j);
}

TESTS("json_elements", NULL, NULL)

/*
 * json_c: the second opinion on surrogates. Our reader and json-c are both held to tests/cases/surrogates.txt,
 * so that neither is the measure of the other.
 */
#include "event/json.h"
#include "tests/lib/cases.h"
#include "tests/lib/json_c.h"

#include <stdio.h>
#include <stdlib.h>

enum { LEVELS = 8, CASES_MOST = 100 };

/* The taken cases so far. */
static struct taken {
	const char *name;
	struct hs_slice in, text;
} taken[CASES_MOST];
static unsigned taken_count;

static void expect_result(struct test_case *c, const char *as, struct hs_slice text, struct case_verdict expected,
                          size_t before)
{
	struct hs_slice copy = { unit_exact_copy(text), text.n };
	struct hs_json j = { 0 };
	struct json_object *tree;
	enum hs_result ours = hs_json_document(&j, copy);

	if (ours != expected.result)
		case_fail(c, "%s: we say %s", as, hs_result_info(ours)->name);
	if (expected.has_offset && j.pos != before + expected.offset)
		case_fail(c, "%s: we stop at byte %zu", as, j.pos);
	if (json_c_reads(copy.p, copy.n, LEVELS, &tree) != (expected.result == HS_OK))
		case_fail(c, "%s: json-c decides otherwise", as);
	json_object_put(tree);
	hs_json_free(&j);
	free((char *)copy.p);
}

/* The string's bytes, as json_c.h says that they are: a NUL is C0 80. */
static struct hs_buf settled(struct hs_slice text)
{
	struct hs_buf out = { 0 };

	for (size_t i = 0; i < text.n; i++)
		hs_buf_put_slice(&out, text.p[i] == '\0' ? HS_SLICE("\xC0\x80") : hs_slice(text.p + i, 1));
	hs_buf_putc(&out, '\0');
	out.n--;
	return out;
}

static void expect_text(struct test_case *c, struct hs_slice in, struct hs_slice text, struct hs_slice object)
{
	struct hs_buf ours = { 0 }, expected = settled(text);
	struct json_object *tree;

	hs_json_unescape(hs_slice(in.p + 1, in.n - 2), &ours);
	case_same(c, "our text", hs_buf_slice(&ours), text);
	assert_true(json_c_reads(in.p, in.n, LEVELS, &tree));
	assert_true(json_object_is_type(tree, json_type_string));
	case_same(c, "json-c's text", hs_slice(json_object_get_string(tree), (size_t)json_object_get_string_len(tree)),
	          hs_buf_slice(&expected));
	json_object_put(tree);
	assert_true(json_c_reads(object.p, object.n, LEVELS, &tree));
	if (!json_object_object_get_ex(tree, expected.p, NULL))
		case_fail(c, "json-c has another name: %s", json_object_to_json_string(tree));
	json_object_put(tree);
	hs_buf_free(&ours);
	hs_buf_free(&expected);
}

static struct hs_slice object_of(struct hs_buf *out, struct hs_slice a, struct hs_slice b)
{
	hs_buf_reset(out);
	hs_buf_putc(out, '{');
	hs_buf_put_slice(out, a);
	hs_buf_put_slice(out, HS_SLICE(":1"));
	if (b.n > 0) {
		hs_buf_putc(out, ',');
		hs_buf_put_slice(out, b);
		hs_buf_put_slice(out, HS_SLICE(":2"));
	}
	hs_buf_putc(out, '}');
	assert_true(hs_buf_ok(out));
	return hs_buf_slice(out);
}

/* As two names of one object, with each of the cases before: the same if their texts are, and only then. */
static void expect_names(struct test_case *c, struct hs_slice in, struct hs_slice text)
{
	struct hs_buf object = { 0 };
	struct hs_json j = { 0 };

	for (unsigned i = 0; i < taken_count; i++) {
		struct hs_slice both = object_of(&object, taken[i].in, in);
		bool same = hs_slice_eq(taken[i].text, text);
		struct json_object *tree;

		if (hs_json_document(&j, both) != (same ? HS_E_JSON_TWICE : HS_OK))
			case_fail(c, "we take this name and that of '%s' for %s", taken[i].name,
			          same ? "two" : "the same");
		assert_true(json_c_reads(both.p, both.n, LEVELS, &tree));
		if (json_object_object_length(tree) != (same ? 1 : 2))
			case_fail(c, "json-c takes this name and that of '%s' for %s", taken[i].name,
			          same ? "two" : "the same");
		json_object_put(tree);
	}
	hs_json_free(&j);
	hs_buf_free(&object);
}

static void run_case(struct test_case *c)
{
	struct hs_slice in = case_get(c, "in"), text;
	bool is_taken = case_find(c, "text", &text);
	struct case_verdict expected = is_taken ? (struct case_verdict){ .result = HS_OK } : case_verdict(c);
	struct hs_buf as_name = { 0 };
	struct hs_slice object = object_of(&as_name, in, HS_SLICE_NONE);

	expect_result(c, "as a value", in, expected, 0);
	expect_result(c, "as a name", object, expected, 1);
	if (is_taken) {
		assert_true(taken_count < CASES_MOST);
		expect_text(c, in, text, object);
		expect_names(c, in, text);
		taken[taken_count++] = (struct taken){ c->name, in, text };
	}
	hs_buf_free(&as_name);
}

/* Each escape of one code unit, and a pair at each boundary: our decoder and the oracle's, byte by byte. */
TEST(every_code_unit_means_the_same_to_both)
{
	struct hs_buf ours = { 0 };

	for (unsigned unit = 1; unit <= 0xFFFF; unit++) {
		struct json_object *tree;
		char text[24];
		int n = snprintf(text, sizeof text, unit & 1 ? "\"\\u%04x\\uDc01\"" : "\"\\uDb01\\u%04X\"", unit);

		hs_buf_reset(&ours);
		hs_json_unescape(hs_slice(text + 1, (size_t)n - 2), &ours);
		assert_true(json_c_reads(text, (size_t)n, LEVELS, &tree));
		if (!hs_slice_eq(hs_buf_slice(&ours),
		                 hs_slice(json_object_get_string(tree), (size_t)json_object_get_string_len(tree))))
			fail_msg("%s: %s", text, unit_show(hs_buf_slice(&ours)));
		json_object_put(tree);
	}
	hs_buf_free(&ours);
}

TESTS_AND_CASES("json_c", "surrogates.txt", run_case)

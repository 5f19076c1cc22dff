/* dialect: the shape of a body, its events, and the bytes that a sender may have signed. */
#include "event/dialect.h"
#include "tests/lib/unit.h"

static struct hs_json json;

static void open_body(struct hs_body_reader *r, const char *body)
{
	hs_json_free(&json);
	hs_json_init(&json, 1);
	hs_body_open(r, &json, hs_slice_str(body));
}

static void expect_event(struct hs_body_reader *r, const char *text)
{
	bool more;
	uint32_t root;

	assert_result(hs_body_next(r, &more, &root), HS_OK);
	assert_true(more);
	assert_slice_equal(hs_json_raw(&json, root), hs_slice_str(text));
}

static void expect_end(struct hs_body_reader *r, enum hs_result result)
{
	bool more;
	uint32_t root;

	assert_result(hs_body_next(r, &more, &root), result);
	if (result == HS_OK)
		assert_false(more);
}

TEST(one_event)
{
	struct hs_body_reader r;

	open_body(&r, " {\"json\":{\"a\":1}} ");
	assert_string_equal(r.dialect->name, "event");
	assert_false(r.dialect->is_batch);
	expect_event(&r, "{\"json\":{\"a\":1}}"); /* only a batch wraps */
	expect_end(&r, HS_OK);
	open_body(&r, "{} {}");
	expect_end(&r, HS_E_JSON_TRAILING);
	open_body(&r, " ");
	expect_end(&r, HS_E_JSON_EMPTY);
}

TEST(a_batch_wrapped_or_not)
{
	struct hs_body_reader r;

	open_body(&r, " [{\"a\":1}, {\"json\":{\"b\":2}},3]");
	assert_true(r.dialect->is_batch);
	expect_event(&r, "{\"a\":1}");
	expect_event(&r, "{\"b\":2}");
	expect_event(&r, "3");
	expect_end(&r, HS_OK);
	open_body(&r, "[]");
	expect_end(&r, HS_OK);
	open_body(&r, "[{}");
	expect_event(&r, "{}");
	expect_end(&r, HS_E_JSON_END);
}

TEST(a_peek_changes_nothing)
{
	struct hs_body_reader r;
	bool more;

	open_body(&r, "[{\"a\":1},{\"b\":2}]");
	for (int i = 0; i < 2; i++) {
		assert_result(hs_body_peek(&r, &more), HS_OK);
		assert_true(more);
		assert_int_equal(json.pos, 8); /* nothing after the first event was read */
	}
	expect_event(&r, "{\"a\":1}");
	expect_event(&r, "{\"b\":2}");
	expect_end(&r, HS_OK);
	open_body(&r, "[broken");
	assert_result(hs_body_peek(&r, &more), HS_E_JSON_SYNTAX);
	expect_end(&r, HS_E_JSON_SYNTAX);
}

TEST(what_may_be_signed)
{
	struct hs_slice span[HS_DIALECT_SPANS];
	struct hs_body_reader r;
	bool more;

	open_body(&r, "[ {\"json\": {\"a\":1} } , 2]");
	assert_result(hs_body_peek(&r, &more), HS_OK);
	assert_int_equal(r.dialect->spans(&json, span), 2);
	assert_slice_equal(span[0], HS_SLICE("{\"json\": {\"a\":1} }"));
	assert_slice_equal(span[1], HS_SLICE("{\"a\":1}"));
	open_body(&r, "[{\"a\":1}]");
	assert_result(hs_body_peek(&r, &more), HS_OK);
	assert_int_equal(r.dialect->spans(&json, span), 1);
	open_body(&r, "{\"a\":1}");
	assert_null(r.dialect->spans);
	hs_json_free(&json);
}

TESTS("dialect", NULL, NULL)

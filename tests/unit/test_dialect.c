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

/* --- direct intake ------------------------------------------------------------- */

static struct hs_batch_frame frame;

static void open_direct(struct hs_body_reader *r, const char *body)
{
	struct hs_envelope envelope;

	hs_json_free(&json);
	hs_json_init(&json, 1);
	hs_envelope_find(&envelope, hs_slice_str(body));
	hs_body_open_direct(r, &json, hs_slice_str(body), &envelope, &frame);
}

static enum hs_result read_all(struct hs_body_reader *r)
{
	enum hs_result result;
	uint32_t root;
	bool more;

	do
		result = hs_body_next(r, &more, &root);
	while (result == HS_OK && more);
	return result;
}

TEST(a_batch_in_an_object)
{
	struct hs_body_reader r;

	open_direct(&r, " {\"batch\": [ {\"a\":1},\n{\"json\":{\"b\":2}} ], \"sentAt\":\"x\",\"context\":{\"c\":1}} ");
	assert_string_equal(r.dialect->name, "sdk");
	assert_true(r.dialect->is_batch);
	assert_null(r.dialect->spans);
	assert_slice_equal(hs_json_raw(frame.context, 0), HS_SLICE("{\"c\":1}")); /* before the first event */
	assert_null(frame.integrations);
	expect_event(&r, "{\"a\":1}");
	expect_event(&r, "{\"json\":{\"b\":2}}"); /* nothing wraps here */
	expect_end(&r, HS_OK);
	open_direct(&r, "{\"integrations\":{},\"batch\":[],\"context\":null}");
	assert_null(frame.context);
	assert_slice_equal(hs_json_raw(frame.integrations, 0), HS_SLICE("{}"));
	expect_end(&r, HS_OK);
}

TEST(one_event_sent_directly)
{
	struct hs_body_reader r;

	open_direct(&r, " {\"type\":\"track\"} ");
	assert_false(r.dialect->is_batch);
	expect_event(&r, "{\"type\":\"track\"}");
	expect_end(&r, HS_OK);
	open_direct(&r, "[{\"type\":\"track\"}]"); /* not a batch: no library sends one like this */
	assert_false(r.dialect->is_batch);
	expect_event(&r, "[{\"type\":\"track\"}]");
}

/* HS_OK means that each byte of the body was valid, also after the batch. */
TEST(all_of_a_direct_body_is_read_strictly)
{
	static const struct {
		const char *body;
		enum hs_result result;
		size_t pos;
	} cases[] = {
		{ "", HS_E_JSON_EMPTY, 0 },
		{ "{\"batch\":[1,2]}", HS_OK, 14 },
		{ "{\"batch\":[NaN]}", HS_E_JSON_SYNTAX, 10 },
		{ "{\"batch\":[1],\"a\":NaN}", HS_E_JSON_SYNTAX, 17 },
		{ "{\"a\":NaN,\"batch\":[1]}", HS_E_JSON_SYNTAX, 5 },
		{ "{\"batch\":[1]}{\"batch\":[2]}", HS_E_JSON_TRAILING, 13 },
		{ "{\"batch\":[1]},", HS_E_JSON_TRAILING, 13 },
		{ "{\"batch\":[1],\"batch\":[2]}", HS_E_JSON_TWICE, 13 },
		{ "{\"batch\":[1],\"\\u0062atch\":[2]}", HS_E_JSON_TWICE, 13 },
		{ "{\"writeKey\":1,\"batch\":[1],\"writeKey\":1}", HS_E_JSON_TWICE, 26 },
		{ "{\"batch\":[1]", HS_E_JSON_END, 12 },
		{ "{\"batch\":[1", HS_E_JSON_END, 11 },
		{ "{\"batch\":[1},\"a\":[]}", HS_E_JSON_SYNTAX, 11 },
		{ "{\"batch\":[{\"a\":[}],\"b\":1}", HS_E_JSON_SYNTAX, 16 },
		{ "{\"batch\":[1,]}", HS_E_JSON_SYNTAX, 12 },
		{ "{\"batch\":[1],}", HS_E_JSON_SYNTAX, 13 },
		{ "{\"batch\":[\"\x01\"]}", HS_E_JSON_CONTROL, 11 },
	};
	struct hs_body_reader r;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		open_direct(&r, cases[i].body);
		assert_result(read_all(&r), cases[i].result);
		assert_int_equal(json.pos, cases[i].pos);
	}
}

/* Each event of a batch gets what stands beside it. */
TEST(a_context_beside_a_batch_has_a_bound)
{
	for (int n = HS_BESIDE_MAX; n <= HS_BESIDE_MAX + 1; n++) {
		struct hs_buf body = { 0 };
		struct hs_body_reader r;

		hs_buf_printf(&body, "{\"batch\":[],\"context\":{\"a\":\"%0*d\"}}", n - 8, 0);
		hs_buf_putc(&body, '\0');
		open_direct(&r, body.p);
		assert_result(read_all(&r), n > HS_BESIDE_MAX ? HS_E_BESIDE_LARGE : HS_OK);
		hs_buf_free(&body);
	}
}

/* analytics-swift joined batches with NULs between them. */
TEST(joined_batches_are_refused)
{
	static const char body[] = "{\"batch\":[{}]}\0\0{\"batch\":[{}]}";
	struct hs_body_reader r;
	struct hs_envelope envelope;

	hs_envelope_find(&envelope, hs_slice(body, sizeof body - 1));
	hs_body_open_direct(&r, &json, hs_slice(body, sizeof body - 1), &envelope, &frame);
	assert_result(read_all(&r), HS_E_JSON_TRAILING);
	hs_json_free(&json);
	hs_batch_frame_shrink(&frame);
	assert_null(frame.context);
	hs_batch_frame_free(&frame);
}

TESTS("dialect", NULL, NULL)

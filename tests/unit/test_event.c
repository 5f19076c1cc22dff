/* event: tests/cases/event.txt, and events in batches and wrappers. */
#include "event/event.h"
#include "tests/lib/cases.h"

/* The name of a field in case files. */
static enum hs_field field_called(const struct test_case *c, struct hs_slice name)
{
	for (int f = 0; f < HS_FIELD_COUNT; f++)
		if (hs_slice_eq(hs_field_name((enum hs_field)f), name))
			return (enum hs_field)f;
	case_fail(c, "there is no field '%s'", unit_show(name));
}

static void check_fields(struct test_case *c, const struct hs_event *e)
{
	struct hs_slice value;

	for (size_t at = 0; case_next(c, "field", &at, &value);) {
		struct hs_slice name = case_word(&value);
		enum hs_field f = field_called(c, name);

		if (e->field[f] == 0)
			case_fail(c, "%s was not found", unit_show(name));
		case_same(c, unit_show(name), hs_json_raw(e->json, e->field[f]), value);
	}
	for (size_t at = 0; case_next(c, "absent", &at, &value);)
		if (e->field[field_called(c, value)] != 0)
			case_fail(c, "%s was found", unit_show(value));
}

static void run_event_case(struct test_case *c)
{
	struct hs_slice nothing;
	enum hs_validate validate = case_find(c, "lenient", &nothing) ? HS_VALIDATE_LENIENT : HS_VALIDATE_SPEC;
	bool unparsed = case_find(c, "unparsed", &nothing);
	struct case_verdict v = case_verdict(c);
	struct hs_json j = { 0 };
	struct hs_event e;

	case_result(c, hs_json_document(&j, case_get(c, "in")), HS_OK);
	case_result(c, hs_event_read(&e, &j, 0, validate), v.result);
	if (v.result == HS_OK) {
		check_fields(c, &e);
		if (e.timestamps_parse == unparsed)
			case_fail(c, "timestamps_parse is %d", e.timestamps_parse);
	}
	hs_json_free(&j);
}

TEST(flat_fields_are_known_by_their_exact_names)
{
	for (int f = 0; f < HS_FIELD_COUNT; f++) {
		enum hs_field expected = f < HS_FIELD_FLAT_COUNT ? (enum hs_field)f : HS_FIELD_COUNT;

		assert_int_equal(hs_field_named(hs_field_name((enum hs_field)f)), expected);
	}
	assert_int_equal(hs_field_named(HS_SLICE("userid")), HS_FIELD_COUNT);
	assert_int_equal(hs_field_named(HS_SLICE("userId")), HS_FIELD_COUNT);
	assert_int_equal(hs_field_named(HS_SLICE("user_id_2")), HS_FIELD_COUNT);
	assert_int_equal(hs_field_named(HS_SLICE("original_timestampx")), HS_FIELD_COUNT);
	assert_int_equal(hs_field_named(HS_SLICE("")), HS_FIELD_COUNT);
	assert_int_equal(hs_field_named(HS_SLICE_NONE), HS_FIELD_COUNT);
}

TEST(the_fixed_order_is_that_of_the_manual)
{
	static const char *const order[] = {
		"type",        "event",    "timestamp",          "user_id", "anonymous_id",
		"message_id",  "group_id", "previous_id",        "name",    "category",
		"received_at", "sent_at",  "original_timestamp", "version", "channel",
		"project_id",
	};

	assert_int_equal(HS_FIELD_FLAT_COUNT, 16);
	for (int f = 0; f < HS_FIELD_FLAT_COUNT; f++)
		assert_slice_equal(hs_field_name((enum hs_field)f), hs_slice_str(order[f]));
}

TEST(an_event_may_be_nested)
{
	struct hs_json j = { 0 };
	struct hs_event e;

	assert_result(hs_json_document(&j, HS_SLICE("{\"json\":{\"type\":\"page\",\"userId\":\"u\"},"
	                                            "\"type\":\"x\",\"groupId\":\"g\"}")),
	              HS_OK);
	assert_result(hs_event_read(&e, &j, 2, HS_VALIDATE_SPEC), HS_OK);
	assert_int_equal(e.root, 2);
	assert_slice_equal(hs_json_raw(&j, e.field[HS_FIELD_TYPE]), HS_SLICE("\"page\""));
	assert_int_equal(e.field[HS_FIELD_GROUP_ID], 0); /* it belongs to the wrapper */
	hs_json_free(&j);
}

TEST(only_json_alone_is_a_wrapper)
{
	static const struct {
		const char *text;
		uint32_t token;
	} table[] = {
		{ "{\"json\":{\"type\":\"page\"}}", 2 },
		{ "{\"json\":[1,{}]}", 2 },
		{ "{\"json\":1}", 2 },
		{ "{\"json\":{\"json\":{}}}", 2 },
		{ "{\"json\":{},\"a\":1}", 0 },
		{ "{\"a\":1,\"json\":{}}", 0 },
		{ "{\"json\":{\"a\":1},\"b\":{}}", 0 },
		{ "{\"JSON\":{}}", 0 },
		{ "{\"jso\":{}}", 0 },
		{ "{\"json2\":{}}", 0 },
		{ "{}", 0 },
		{ "[\"json\",{}]", 0 },
		{ "\"json\"", 0 },
		{ "1", 0 },
	};
	struct hs_json j = { 0 };

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		assert_result(hs_json_document(&j, hs_slice_str(table[i].text)), HS_OK);
		if (hs_event_unwrap(&j) != table[i].token)
			fail_msg("%s: token %u", table[i].text, hs_event_unwrap(&j));
	}
	hs_json_free(&j);
}

/* A text that is too long for a time stays as it is. */
TEST(a_time_is_decoded_if_it_is_short)
{
	char room[HS_EVENT_TIME], text[6 * HS_EVENT_TIME + 2];
	struct hs_slice time;

	assert_slice_equal(hs_event_time_text(HS_SLICE("10:15\\u002b01"), room), HS_SLICE("10:15+01"));
	memset(text, 'x', sizeof text);
	memcpy(text, "\\u002b", 6);
	time = hs_slice(text, HS_EVENT_TIME + 5);
	assert_int_equal(hs_event_time_text(time, room).n, HS_EVENT_TIME);
	assert_int_equal(room[0], '+');
	time = hs_slice(text, HS_EVENT_TIME + 6);
	assert_slice_equal(hs_event_time_text(time, room), time);
	time = hs_slice(text, sizeof text);
	assert_slice_equal(hs_event_time_text(time, room), time);
}

TESTS_AND_CASES("event", "event.txt", run_event_case)

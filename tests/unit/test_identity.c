/*
 * identity: which events are the same, and that a record read back from the spool is the
 * same as the event it came from.
 */
#include "core/clock_text.h"
#include "core/flatten.h"
#include "core/identity.h"
#include "tests/lib/cases.h"

#include <stdlib.h>

struct sameness {
	bool by_head; /* the left edge of the record was enough */
	struct hs_identity id;
	bool known;
};

struct delivery {
	const char *tenant, *settings, *spooled_at;
	enum hs_names names;
};

static const struct delivery plain = { "", NULL, "2026-11-23T10:15:00.123Z", HS_NAMES_WAREHOUSE };

/* The identity of an event as it comes in, compared with that of its record. */
static struct sameness identify(const char *event, const struct delivery *d)
{
	struct hs_stamp stamp = { .tenant = hs_slice_str(d->tenant),
				  .spooled_at = hs_slice_str(d->spooled_at) };
	struct hs_json json = { 0 }, settings = { 0 }, scratch = { 0 };
	struct hs_identifier identifier;
	struct sameness in = { .known = false }, back = { .known = false };
	struct hs_flattener f;
	struct hs_buf line = { 0 };
	struct hs_event e;
	int64_t spooled_ms, expected_ms;

	assert_true(hs_identifier_init(&identifier));
	hs_flattener_init(&f, d->names);
	assert_result(hs_json_document(&json, hs_slice_str(event)), HS_OK);
	assert_result(hs_event_read(&e, &json, 0, HS_VALIDATE_LENIENT), HS_OK);
	if (d->settings != NULL) {
		assert_result(hs_json_document(&settings, hs_slice_str(d->settings)), HS_OK);
		stamp.settings = &settings;
	}
	assert_result(hs_flatten(&f, &e, &stamp, &line), HS_OK);
	assert_result(hs_identity_of_event(&identifier, &e, stamp.tenant, hs_buf_slice(&line),
					   &in.known, &in.id),
		      HS_OK);
	assert_result(hs_identity_of_line(&identifier, &scratch, hs_slice(line.p, line.n - 1),
					  &back.known, &back.id, &spooled_ms),
		      HS_OK);
	assert_int_equal(in.known, back.known);
	if (in.known)
		assert_memory_equal(&in.id, &back.id, sizeof in.id);
	assert_true(hs_clock_parse(stamp.spooled_at, &expected_ms));
	assert_int_equal(spooled_ms, expected_ms);
	spooled_ms = 0;
	in.by_head = hs_identity_of_head(&identifier, hs_slice(line.p, line.n - 1), &back.id, &spooled_ms);
	if (in.by_head) {
		assert_true(in.known);
		assert_memory_equal(&in.id, &back.id, sizeof in.id);
		assert_int_equal(spooled_ms, expected_ms);
	}
	hs_json_free(&json);
	hs_json_free(&settings);
	hs_json_free(&scratch);
	hs_flattener_free(&f);
	hs_buf_free(&line);
	hs_identifier_free(&identifier);
	return in;
}

static bool same(const struct sameness *a, const struct sameness *b)
{
	return a->known && b->known && memcmp(&a->id, &b->id, sizeof a->id) == 0;
}

static void expect_same(bool expected, const char *one, const char *other)
{
	struct sameness a = identify(one, &plain), b = identify(other, &plain);

	if (same(&a, &b) != expected)
		fail_msg("%s and %s are %s", one, other, expected ? "not the same" : "the same");
}

static void the_message_id_decides(void **state)
{
	(void)state;
	expect_same(true, "{\"type\":\"a\",\"messageId\":\"m\",\"x\":1}",
		    "{\"y\":2,\"message_id\":\"m\",\"type\":\"b\",\"timestamp\":\"2026-11-23\"}");
	expect_same(true, "{\"type\":\"a\",\"messageId\":\"m\\u00e9\\/\"}",
		    "{\"type\":\"a\",\"messageId\":\"m\xC3\xA9/\"}");
	expect_same(true, "{\"type\":\"a\",\"messageId\":17}", "{\"type\":\"b\",\"messageId\":17}");
	expect_same(false, "{\"type\":\"a\",\"messageId\":\"m\"}",
		    "{\"type\":\"a\",\"messageId\":\"M\"}");
	expect_same(false, "{\"type\":\"a\",\"messageId\":\"m\"}",
		    "{\"type\":\"a\",\"messageId\":\"m \"}");
	expect_same(false, "{\"type\":\"a\",\"messageId\":17}",
		    "{\"type\":\"a\",\"messageId\":18}");
}

/* {"message":{"id":…}} flattens to message_id_2 and must not pose as the id. */
static void nothing_else_poses_as_the_message_id(void **state)
{
	(void)state;
	expect_same(false, "{\"type\":\"a\",\"message\":{\"id\":\"m\"}}",
		    "{\"type\":\"a\",\"messageId\":\"m\"}");
	expect_same(false, "{\"type\":\"a\",\"context\":{\"messageId\":\"m\"}}",
		    "{\"type\":\"a\",\"messageId\":\"m\"}");
}

static void without_an_id_the_record_decides(void **state)
{
	static const char stamped[] = "{\"type\":\"a\",\"timestamp\":\"2026-11-23\",\"x\":1}";

	(void)state;
	expect_same(true, stamped, stamped);
	expect_same(true, stamped, "{ \"x\":1, \"Timestamp\":\"2026-11-23\", \"type\":\"a\" }");
	expect_same(false, stamped, "{\"type\":\"a\",\"timestamp\":\"2026-11-23\",\"x\":2}");
	expect_same(false, stamped, "{\"type\":\"a\",\"timestamp\":\"2026-11-24\",\"x\":1}");
	expect_same(false, stamped,
		    "{\"type\":\"a\",\"timestamp\":\"2026-11-23\",\"x\":1,\"y\":1}");
	expect_same(false, stamped,
		    "{\"type\":\"a\",\"timestamp\":\"2026-11-23\",\"x\":1,\"messageId\":\"m\"}");
	/* an empty id, or one that is null, is none */
	expect_same(true, "{\"type\":\"a\",\"timestamp\":\"x\",\"messageId\":\"\"}",
		    "{\"type\":\"a\",\"timestamp\":\"x\",\"messageId\":\"\"}");
	expect_same(false, "{\"type\":\"a\",\"timestamp\":\"x\",\"messageId\":null}",
		    "{\"type\":\"b\",\"timestamp\":\"x\",\"messageId\":null}");
}

static void with_neither_nothing_is_the_same(void **state)
{
	(void)state;
	expect_same(false, "{\"type\":\"a\"}", "{\"type\":\"a\"}");
	expect_same(false, "{\"type\":\"a\",\"timestamp\":null}",
		    "{\"type\":\"a\",\"timestamp\":null}");
	expect_same(false, "{\"type\":\"a\",\"timestamp\":\"\"}",
		    "{\"type\":\"a\",\"timestamp\":\"\"}");
	expect_same(false, "{\"type\":\"a\",\"timestamp\":false}",
		    "{\"type\":\"a\",\"timestamp\":false}");
	expect_same(false, "{\"type\":\"a\",\"messageId\":\"\"}",
		    "{\"type\":\"a\",\"messageId\":\"\"}");
	expect_same(false, "{\"type\":\"a\",\"messageId\":null}",
		    "{\"type\":\"a\",\"messageId\":null}");
	expect_same(false, "{\"type\":\"a\",\"messageId\":true}",
		    "{\"type\":\"a\",\"messageId\":true}");
	expect_same(false, "{\"type\":\"a\",\"sentAt\":\"x\"}",
		    "{\"type\":\"a\",\"sentAt\":\"x\"}");
}

static void the_tenant_belongs_to_it(void **state)
{
	static const char *const events[] = {
		"{\"type\":\"a\",\"messageId\":\"m\"}", "{\"type\":\"a\",\"timestamp\":\"x\"}",
		"{\"type\":\"a\",\"messageId\":\"m\",\"tenant\":\"acme\"}"
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct delivery acme = plain, globex = plain;
		struct sameness none = identify(events[i], &plain), a, b;

		acme.tenant = "acme";
		globex.tenant = "globex";
		a = identify(events[i], &acme);
		b = identify(events[i], &globex);
		assert_false(same(&a, &b));
		assert_false(same(&a, &none));
		b = identify(events[i], &acme);
		assert_true(same(&a, &b));
	}
}

/* A retry comes later, and perhaps with other settings. */
static void when_and_how_it_came_does_not_count(void **state)
{
	static const char *const events[] = {
		"{\"type\":\"a\",\"messageId\":\"m\",\"b\":{\"c\":1}}",
		"{\"type\":\"a\",\"timestamp\":\"x\",\"b\":1}"
	};
	struct delivery retry = { "", "{\"a\":1,\"tenant\":2}", "2026-12-01T00:00:00.000Z",
				  HS_NAMES_WAREHOUSE };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct sameness first = identify(events[i], &plain),
				again = identify(events[i], &retry);

		assert_true(same(&first, &again));
	}
	retry.names = HS_NAMES_VERBATIM;
	expect_same(true, events[0], events[0]);
	assert_true(identify(events[0], &retry).known);
	assert_true(identify(events[1], &retry).known);
}

static void lines_that_are_none(void **state)
{
	struct hs_identifier i;
	struct hs_json json = { 0 };
	struct hs_identity id;
	int64_t ms = 1;
	bool known = true;

	(void)state;
	assert_true(hs_identifier_init(&i));
	assert_true(hs_identity_of_line(&i, &json, HS_SLICE("{\"type\":\"a\",\"mess"), &known, &id,
					&ms) != HS_OK);
	assert_false(known);
	assert_true(hs_identity_of_line(&i, &json, HS_SLICE("[1]"), &known, &id, &ms) != HS_OK);
	assert_result(hs_identity_of_line(&i, &json, HS_SLICE("{}"), &known, &id, &ms), HS_OK);
	assert_false(known);
	assert_int_equal(ms, 0);
	assert_result(hs_identity_of_line(&i, &json,
					  HS_SLICE("{\"message_id\":\"m\",\"spooled_at\":\"x\"}"),
					  &known, &id, &ms),
		      HS_OK);
	assert_true(known);
	assert_int_equal(ms, 0);
	hs_json_free(&json);
	hs_identifier_free(&i);
}

static void the_left_edge_is_enough(void **state)
{
	static const struct delivery tenant = { "acme", "{\"a\\\":\":{\"b\":[1,\"}\"]}}",
						"2026-11-23T10:15:00.123Z", HS_NAMES_VERBATIM };
	static const char ordinary[] =
	    "{\"type\":\"a\",\"event\":\"\\\\\",\"messageId\":\"m\",\"version\":1.5,\"name\":\"\\\",\"}";

	(void)state;
	assert_true(identify(ordinary, &plain).by_head);
	assert_true(identify(ordinary, &tenant).by_head);
	assert_false(identify("{\"type\":\"a\",\"messageId\":\"\\u0061\"}", &plain).by_head);
	assert_false(identify("{\"type\":\"a\",\"messageId\":\"\"}", &plain).by_head);
	assert_false(identify("{\"type\":\"a\",\"messageId\":7}", &plain).by_head);
	assert_false(identify("{\"type\":\"a\",\"x\":{\"message_id\":\"m\"}}", &plain).by_head);
}

/* What is cut anywhere, or is no record, is not read beyond its end. */
static void a_cut_left_edge(void **state)
{
	static const char line[] =
	    "{\"type\":\"a\",\"message_id\":\"m\",\"version\":1,\"spooled_at\":\"2026-11-23T10:15:00.123Z\"";
	struct hs_identifier i;
	struct hs_identity id;
	int64_t ms;

	(void)state;
	assert_true(hs_identifier_init(&i));
	for (size_t n = 0; n < sizeof line; n++) {
		char *copy = malloc(n + 1); /* of that size, for the sanitizer */

		memcpy(copy, line, n);
		assert_false(hs_identity_of_head(&i, hs_slice(copy, n), &id, &ms));
		free(copy);
	}
	hs_identifier_free(&i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_message_id_decides),
		cmocka_unit_test(the_left_edge_is_enough),
		cmocka_unit_test(a_cut_left_edge),
		cmocka_unit_test(nothing_else_poses_as_the_message_id),
		cmocka_unit_test(without_an_id_the_record_decides),
		cmocka_unit_test(with_neither_nothing_is_the_same),
		cmocka_unit_test(the_tenant_belongs_to_it),
		cmocka_unit_test(when_and_how_it_came_does_not_count),
		cmocka_unit_test(lines_that_are_none),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}

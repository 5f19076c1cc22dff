/*
 * dedup_key: tests/cases/identity.txt: the id of an event's record, which events are the
 * same, and that a record read back from the spool is the same as its event.
 */
#include "base/hex.h"
#include "base/timestamp.h"
#include "event/dedup_key.h"
#include "event/record_batch.h"
#include "tests/lib/cases.h"

#include <stdio.h>
#include <stdlib.h>

struct delivery {
	const char *tenant, *settings, *spooled_at;
	enum hs_names names;
	bool wrapped;
	const char *source; /* NULL: it came by webhook */
};

static const struct delivery plain = { "", NULL, "2026-11-23T10:15:00.123Z", HS_NAMES_WAREHOUSE, false, NULL };

/* The outcome of an event. */
struct batch {
	char message_id[128]; /* as in the record */
	bool random;
	struct hs_dedup_key id;
};

/* Expects these values in the record, and the same key when it is read back. */
static void read_back(struct hs_slice line, const struct delivery *d, struct batch *t)
{
	struct hs_dedup_key whole, edge;
	struct hs_dedup_key_maker i;
	struct hs_json json = { 0 };
	int64_t ms, edge_ms, expected_ms;
	bool known;

	assert_true(hs_dedup_key_maker_init(&i));
	assert_result(hs_dedup_key_of_line(&i, &json, line, &known, &whole, &ms), HS_OK);
	assert_true(known);
	assert_memory_equal(&whole, &t->id, sizeof whole);
	assert_result(hs_dedup_key_of_record(&i, line, &known, &edge, &edge_ms), HS_OK);
	assert_true(known);
	assert_memory_equal(&edge, &t->id, sizeof edge);
	assert_true(hs_timestamp_parse(hs_slice_str(d->spooled_at), &expected_ms));
	assert_int_equal(ms, expected_ms);
	assert_int_equal(edge_ms, expected_ms);
	for (uint32_t key = 1; key < json.n; key = json.tok[key + 1].next)
		if (hs_slice_eq(hs_json_inner(&json, key), HS_SLICE("message_id")))
			snprintf(t->message_id, sizeof t->message_id, "%.*s", (int)hs_json_raw(&json, key + 1).n,
			         hs_json_raw(&json, key + 1).p);
	hs_json_free(&json);
	hs_dedup_key_maker_free(&i);
}

static struct batch take(const char *event, const struct delivery *d)
{
	static uint64_t seed;
	struct hs_direct direct = { .source = hs_slice_str(d->source), .channel = HS_SLICE("server") };
	struct hs_stamp stamp = { .tenant = hs_slice_str(d->tenant),
		                  .spooled_at = hs_slice_str(d->spooled_at),
		                  .direct = d->source != NULL ? &direct : NULL };
	struct hs_json json = { 0 }, settings = { 0 };
	struct batch t = { .random = false };
	struct hs_buf text = { 0 };
	struct hs_record_maker in;
	struct hs_event e;

	hs_buf_put_slice(&text, hs_slice_str(d->wrapped ? "{\"json\": " : ""));
	hs_buf_put_slice(&text, hs_slice_str(event));
	hs_buf_put_slice(&text, hs_slice_str(d->wrapped ? " }" : ""));
	assert_result(hs_json_document(&json, hs_buf_slice(&text)), HS_OK);
	if (d->source != NULL)
		assert_result(hs_event_read_direct(&e, &json, 0, HS_VALIDATE_LENIENT, HS_SLICE_NONE), HS_OK);
	else
		assert_result(hs_event_read(&e, &json, d->wrapped ? hs_event_unwrap(&json) : 0, HS_VALIDATE_LENIENT),
		              HS_OK);
	if (d->settings != NULL) {
		assert_result(hs_json_document(&settings, hs_slice_str(d->settings)), HS_OK);
		stamp.settings = &settings;
	}
	assert_true(hs_record_maker_init(&in));
	hs_record_maker_seed(&in, ++seed);
	assert_result(hs_record_maker_put(&in, &e, &stamp, d->names), HS_OK);
	t.random = in.batch.record[0].random;
	t.id = in.batch.record[0].id;
	read_back(hs_slice(in.batch.lines.p, in.batch.lines.n - 1), d, &t);
	hs_record_maker_free(&in);
	hs_json_free(&json);
	hs_json_free(&settings);
	hs_buf_free(&text);
	return t;
}

static bool same(const struct batch *a, const struct batch *b)
{
	return memcmp(&a->id, &b->id, sizeof a->id) == 0;
}

/* --- the case file ------------------------------------------------------------ */

static const struct delivery deliveries[] = {
	{ "", NULL, "2026-11-23T10:15:00.123Z", HS_NAMES_WAREHOUSE, true, NULL },
	{ "", "{\"a\":1,\"tenant\":2}", "2026-12-01T00:00:00.000Z", HS_NAMES_WAREHOUSE, false, NULL },
	{ "", "{\"a\\\":\":{\"b\":[1,\"}\"]}}", "2026-12-01T00:00:00.000Z", HS_NAMES_VERBATIM, true, NULL },
};

static void expect_made_of(struct test_case *c, const struct batch *t, struct hs_slice text)
{
	uint8_t sum[HS_SHA256_BYTES];
	char expected[64] = "\"hs-";

	assert_true(hs_sha256(text, sum));
	hs_hex_encode(sum, 16, expected + 4);
	expected[36] = '"';
	case_same(c, "the id", hs_slice_str(t->message_id), hs_slice_str(expected));
}

static void expect_all_same(struct test_case *c, const struct batch *t, const char *event)
{
	struct batch again = take(event, &plain);

	if (!same(t, &again))
		case_fail(c, "%s is another one: %s, not %s", event, again.message_id, t->message_id);
	for (size_t i = 0; i < sizeof deliveries / sizeof deliveries[0]; i++) {
		again = take(event, &deliveries[i]);
		if (!same(t, &again))
			case_fail(c, "delivery %zu of %s is another one", i, event);
	}
}

static void run_identity_case(struct test_case *c)
{
	struct hs_slice in = case_get(c, "in"), value;
	struct batch t = take(in.p, &plain), again;

	if (case_find(c, "own", &value))
		case_same(c, "the id", hs_slice_str(t.message_id), value);
	if (case_find(c, "counts", &value))
		expect_made_of(c, &t, value);
	if (t.random != case_find(c, "random", &value))
		case_fail(c, "the id is%s random", t.random ? "" : " not");
	if (t.random) {
		again = take(in.p, &plain);
		if (same(&t, &again) || strlen(t.message_id) != HS_MADE_ID + 2 ||
		    strncmp(t.message_id, "\"hs-r", 5) != 0)
			case_fail(c, "the id is not random: %s", t.message_id);
		return;
	}
	expect_all_same(c, &t, in.p);
	for (size_t at = 0; case_next(c, "same", &at, &value);)
		expect_all_same(c, &t, value.p);
	for (size_t at = 0; case_next(c, "other", &at, &value);) {
		again = take(value.p, &plain);
		if (same(&t, &again))
			case_fail(c, "%s is the same one", value.p);
	}
}

/* --- what a case cannot say ---------------------------------------------------- */

/* The tenant is scope, not content: the same id of another tenant is another event. */
TEST(the_tenant_belongs_to_it)
{
	static const char *const events[] = { "{\"type\":\"a\",\"messageId\":\"m\"}",
		                              "{\"type\":\"a\",\"timestamp\":\"2026\"}",
		                              "{\"type\":\"a\",\"messageId\":\"m\",\"tenant\":\"acme\"}" };

	for (size_t i = 0; i < 3; i++) {
		struct delivery acme = plain, globex = plain;
		struct batch none = take(events[i], &plain), a, b;

		acme.tenant = "acme";
		globex.tenant = "globex";
		a = take(events[i], &acme);
		b = take(events[i], &globex);
		assert_false(same(&a, &b));
		assert_false(same(&a, &none));
		assert_string_equal(a.message_id, b.message_id);
		b = take(events[i], &acme);
		assert_true(same(&a, &b));
	}
}

/* With the key of a page nobody can use up an id of a server, nor of the webhook of a tenant of that name. */
TEST(the_source_belongs_to_it_and_not_the_tenant)
{
	static const char *const events[] = { "{\"type\":\"a\",\"messageId\":\"m\"}",
		                              "{\"type\":\"a\",\"timestamp\":\"2026\"}",
		                              "{\"type\":\"a\",\"messageId\":\"m\",\"source\":\"page\"}" };

	for (size_t i = 0; i < 3; i++) {
		struct delivery page = plain, server = plain, webhook = plain;
		struct batch a, b;

		page.source = "page";
		server.source = "server";
		webhook.tenant = "page";
		a = take(events[i], &page);
		b = take(events[i], &server);
		assert_false(same(&a, &b));
		b = take(events[i], &webhook);
		assert_false(same(&a, &b));
		b = take(events[i], &plain);
		assert_false(same(&a, &b));
		page.tenant = "acme";
		b = take(events[i], &page);
		assert_true(same(&a, &b));
	}
}

#define PHP_EVENT(id, time, type) \
	"{\"type\":\"" type "\",\"messageId\":" id ",\"timestamp\":\"" time \
	"\",\"context\":{\"library\":{\"name\":\"analytics-php\"}}}"

/* Two events of PHP that got the same messageId by chance are two events; a repeated one is one. */
TEST(weak_ids_count_with_time_and_type)
{
	struct delivery php = plain;
	struct batch first, other;

	php.source = "shop";
	first = take(PHP_EVENT("\"m\"", "2026-11-28T08:32:36+00:00", "track"), &php);
	assert_int_equal(strncmp(first.message_id, "\"hs-php-", 8), 0);
	other = take(PHP_EVENT("\"m\"", "2026-11-28T08:32:36+00:00", "track"), &php);
	assert_true(same(&first, &other));
	other = take(PHP_EVENT("\"m\"", "2026-11-28T08:32:37+00:00", "track"), &php);
	assert_false(same(&first, &other));
	other = take(PHP_EVENT("\"m\"", "2026-11-28T08:32:36+00:00", "page"), &php);
	assert_false(same(&first, &other));
	other = take(PHP_EVENT("\"n\"", "2026-11-28T08:32:36+00:00", "track"), &php);
	assert_false(same(&first, &other));
	other = take(PHP_EVENT("null", "2026-11-28T08:32:36+00:00", "track"), &php);
	assert_int_equal(strncmp(other.message_id, "\"hs-php-", 8) != 0, 1);
	other = take(PHP_EVENT("\"m\"", "2026-11-28T08:32:36+00:00", "track"), &plain); /* Segment has other ids */
	assert_string_equal(other.message_id, "\"m\"");
}

/* Expects the id of an event that was sent to /v1/track or its like to be made of its members and that type. */
static void expect_made_with(const struct hs_hmac256 *key, const char *type)
{
	static const char event[] = "{\"userId\":\"u\",\"timestamp\":\"2026-11-23\"}";
	uint8_t sum[HS_SHA256_BYTES];
	struct hs_dedup_key_maker i;
	struct hs_json json = { 0 };
	struct hs_made_id made;
	char expected[64] = "hs-", text[100];
	struct hs_event e;

	snprintf(text, sizeof text, "%s%s", event, type);
	assert_true(key != NULL ? hs_hmac256(key, hs_slice_str(text), sum) : hs_sha256(hs_slice_str(text), sum));
	hs_hex_encode(sum, 16, expected + 3);
	assert_true(hs_dedup_key_maker_init(&i));
	i.key = key;
	assert_result(hs_json_document(&json, hs_slice_str(event)), HS_OK);
	assert_result(hs_event_read_direct(&e, &json, 0, HS_VALIDATE_LENIENT, hs_slice_str(type)), HS_OK);
	assert_result(hs_dedup_key_make_id(&i, &e, HS_SLICE("now"), &made), HS_OK);
	assert_slice_equal(made.text, hs_slice(expected, 3 + 32));
	hs_json_free(&json);
	hs_dedup_key_maker_free(&i);
}

/* A retry after an update is known, so that the bytes of which an id is made stay what they are. */
TEST(ids_that_are_made_with_the_type_of_the_path)
{
	struct hs_hmac256 *key = hs_hmac256_new(HS_SLICE("a key of this spool"));

	assert_non_null(key);
	expect_made_with(NULL, "track");
	expect_made_with(NULL, "page");
	expect_made_with(key, "track");
	expect_made_with(key, "page");
	hs_hmac256_free(key);
}

/* A repeated import: the same seed, line and time give the same random id. */
TEST(random_ids_can_be_repeated)
{
	struct hs_json json = { 0 };
	struct hs_dedup_key_maker i;
	struct hs_event e;
	struct hs_made_id made;
	char first[HS_MADE_ID];

	assert_true(hs_dedup_key_maker_init(&i));
	i.seed = 7;
	assert_result(hs_json_document(&json, HS_SLICE("{\"type\":\"a\"}")), HS_OK);
	assert_result(hs_event_read(&e, &json, 0, HS_VALIDATE_LENIENT), HS_OK);
	assert_result(hs_dedup_key_make_id(&i, &e, HS_SLICE("now"), &made), HS_OK);
	assert_int_equal(made.text.n, sizeof first);
	memcpy(first, made.text.p, sizeof first);
	assert_result(hs_dedup_key_make_id(&i, &e, HS_SLICE("now"), &made), HS_OK);
	assert_memory_not_equal(first, made.text.p, sizeof first);
	i.serial = 0;
	assert_result(hs_dedup_key_make_id(&i, &e, HS_SLICE("now"), &made), HS_OK);
	assert_memory_equal(first, made.text.p, sizeof first);
	i.serial = 0;
	assert_result(hs_dedup_key_make_id(&i, &e, HS_SLICE("then"), &made), HS_OK);
	assert_memory_not_equal(first, made.text.p, sizeof first);
	i.serial = 0;
	i.seed = 8;
	assert_result(hs_dedup_key_make_id(&i, &e, HS_SLICE("now"), &made), HS_OK);
	assert_memory_not_equal(first, made.text.p, sizeof first);
	hs_json_free(&json);
	hs_dedup_key_maker_free(&i);
}

TEST(lines_that_are_none)
{
	static const char *const without[] = {
		"{}",
		"{\"message_id\":{}}",
		"{\"message_id\":\"m\"} ",
		"{\"message_id\":\"\",\"spooled_at\":\"x\"}",
		"{\"message_id\":null,\"spooled_at\":\"x\"}",
		"{\"type\":\"a\",\"spooled_at\":\"x\"}",
		"{\"spooled_at\":\"x\",\"message_id\":\"m\"}",
	};
	struct hs_dedup_key_maker i;
	struct hs_json json = { 0 };
	struct hs_dedup_key id;
	int64_t ms = 1;
	bool known = true;

	assert_true(hs_dedup_key_maker_init(&i));
	assert_true(hs_dedup_key_of_line(&i, &json, HS_SLICE("{\"type\":\"a\",\"mess"), &known, &id, &ms) != HS_OK);
	assert_false(known);
	assert_true(hs_dedup_key_of_line(&i, &json, HS_SLICE("[1]"), &known, &id, &ms) != HS_OK);
	for (size_t k = 0; k < sizeof without / sizeof without[0]; k++) {
		assert_result(hs_dedup_key_of_line(&i, &json, hs_slice_str(without[k]), &known, &id, &ms), HS_OK);
		assert_false(known);
		assert_int_equal(ms, 0);
	}
	assert_result(
	    hs_dedup_key_of_line(&i, &json, HS_SLICE("{\"message_id\":\"m\",\"spooled_at\":\"x\"}"), &known, &id, &ms),
	    HS_OK);
	assert_true(known);
	assert_int_equal(ms, 0);
	hs_json_free(&json);
	hs_dedup_key_maker_free(&i);
}

/* A cut line, or one that is no record, is not read beyond its end. */
TEST(a_cut_left_edge)
{
	static const char line[] =
	    "{\"type\":\"a\",\"message_id\":\"m\",\"version\":1,\"spooled_at\":\"2026-11-23T10:15:00.123Z\"";
	struct hs_dedup_key_maker i;
	struct hs_dedup_key id;
	int64_t ms;
	bool known;

	assert_true(hs_dedup_key_maker_init(&i));
	for (size_t n = 0; n < sizeof line - 1; n++) {
		char *copy = malloc(n + 1); /* of that size, for the sanitizer */

		memcpy(copy, line, n);
		assert_result(hs_dedup_key_of_record(&i, hs_slice(copy, n), &known, &id, &ms), HS_OK);
		assert_false(known);
		free(copy);
	}
	hs_dedup_key_maker_free(&i);
}

TESTS_AND_CASES("identity", "identity.txt", run_identity_case)

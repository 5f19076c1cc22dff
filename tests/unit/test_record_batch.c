/* record_batch: each event becomes a line with an id; a refused one leaves no trace. */
#include "event/record_batch.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdio.h>

#define AT "2026-11-23T10:15:00.123Z"

static struct hs_json json;

static enum hs_result put(struct hs_record_maker *in, const char *text, const char *tenant)
{
	struct hs_stamp stamp = { .tenant = hs_slice_str(tenant), .spooled_at = HS_SLICE(AT) };
	struct hs_event e;

	assert_int_equal(hs_json_document(&json, hs_slice_str(text)), HS_OK);
	assert_int_equal(hs_event_read(&e, &json, 0, HS_VALIDATE_LENIENT), HS_OK);
	return hs_record_maker_put(in, &e, &stamp, HS_NAMES_WAREHOUSE);
}

TEST(rows_and_lines_agree)
{
	struct hs_record_maker in;
	char text[64];
	size_t at = 0;

	assert_true(hs_record_maker_init(&in));
	hs_record_maker_seed(&in, 1);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof text, "{\"type\":\"page\",\"messageId\":\"m%d\"}", i);
		assert_int_equal(put(&in, text, NULL), HS_OK);
	}
	assert_int_equal(in.batch.count, 100);
	for (size_t i = 0; i < in.batch.count; i++) {
		assert_false(in.batch.record[i].random);
		at += in.batch.record[i].n;
		assert_int_equal(in.batch.lines.p[at - 1], '\n');
	}
	assert_int_equal(at, in.batch.lines.n);
	hs_record_maker_free(&in);
}

/* Two events of no time and no id are two, whatever the seed. */
TEST(events_without_ids_are_told_apart)
{
	struct hs_record_maker in;

	assert_true(hs_record_maker_init(&in));
	hs_record_maker_seed(&in, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(put(&in, "{\"type\":\"page\"}", NULL), HS_OK);
	assert_true(in.batch.record[0].random && in.batch.record[1].random);
	assert_memory_not_equal(&in.batch.record[0].id, &in.batch.record[1].id, sizeof in.batch.record[0].id);
	hs_record_maker_free(&in);
}

TEST(equal_events_have_equal_keys)
{
	static const char named[] = "{\"type\":\"page\",\"messageId\":\"m\"}";
	struct hs_record_maker in;

	assert_true(hs_record_maker_init(&in));
	hs_record_maker_seed(&in, 1);
	put(&in, named, NULL);
	put(&in, named, NULL);
	put(&in, named, "acme");
	put(&in, "{\"type\":\"page\"}", NULL);
	put(&in, "{\"type\":\"page\"}", NULL);
	assert_memory_equal(&in.batch.record[0].id, &in.batch.record[1].id, sizeof in.batch.record[0].id);
	assert_memory_not_equal(&in.batch.record[0].id, &in.batch.record[2].id, sizeof in.batch.record[0].id);
	assert_true(in.batch.record[3].random);
	assert_memory_not_equal(&in.batch.record[3].id, &in.batch.record[4].id, sizeof in.batch.record[0].id);
	hs_record_maker_free(&in);
}

/* Else the values that rules drop or mask could be guessed until the id fits. */
TEST(a_made_id_has_the_key_of_the_rules)
{
	static const char event[] = "{\"type\":\"page\",\"userId\":\"u\",\"timestamp\":\"2026-11-23T10:15:00Z\"}";
	struct hs_hmac256 *one = hs_hmac256_new(HS_SLICE("one")), *two = hs_hmac256_new(HS_SLICE("two"));
	const struct hs_rules rules[] = { { .version = 1 },
		                          { .hash_key = one, .version = 2 },
		                          { .hash_key = two, .version = 3 } };
	struct hs_stamp stamp = { .spooled_at = HS_SLICE(AT) };
	struct hs_record_maker in;
	struct hs_event e;

	assert_true(hs_record_maker_init(&in));
	assert_int_equal(hs_json_document(&json, hs_slice_str(event)), HS_OK);
	assert_int_equal(hs_event_read(&e, &json, 0, HS_VALIDATE_SPEC), HS_OK);
	for (size_t i = 0; i < 5; i++) {
		stamp.rules = i == 4 ? NULL : &rules[i % 3];
		assert_int_equal(hs_record_maker_put(&in, &e, &stamp, HS_NAMES_WAREHOUSE), HS_OK);
	}
	for (size_t i = 0; i < 5; i++)
		for (size_t k = 0; k < i; k++) {
			bool same =
			    memcmp(&in.batch.record[i].id, &in.batch.record[k].id, sizeof in.batch.record[i].id) == 0;

			assert_int_equal(same, (i == 3 || i == 4) && k % 3 == 0); /* 0, 3 and 4 have no key */
		}
	hs_record_maker_free(&in);
	hs_hmac256_free(one);
	hs_hmac256_free(two);
}

TEST(a_refused_event_leaves_no_trace)
{
	struct hs_record_maker in;
	struct hs_buf text = { 0 };

	assert_true(hs_record_maker_init(&in));
	hs_record_maker_seed(&in, 1);
	put(&in, "{\"type\":\"page\",\"timestamp\":\"soon\"}", NULL);
	assert_int_equal(in.batch.unparsed, 1);
	hs_buf_put_slice(&text, HS_SLICE("{\"type\":\"page\",\"timestamp\":\"soon\",\""));
	for (int i = 0; i <= HS_NAME_MAX; i++)
		hs_buf_putc(&text, 'k');
	hs_buf_put(&text, "\":1}", 5);
	assert_int_equal(put(&in, text.p, NULL), HS_E_NAME_LONG);
	assert_int_equal(in.batch.count, 1);
	assert_int_equal(in.batch.unparsed, 1);
	assert_int_equal(in.batch.lines.n, in.batch.record[0].n);
	hs_record_maker_shrink(&in, 0);
	assert_int_equal(in.batch.count + in.batch.lines.n + in.batch.unparsed, 0);
	assert_int_equal(put(&in, "{\"type\":\"page\"}", NULL), HS_OK);
	assert_int_equal(in.batch.count, 1);
	hs_buf_free(&text);
	hs_record_maker_free(&in);
}

/* A long event is copied to make its id; that memory is returned. */
TEST(a_long_event_without_an_id)
{
	struct hs_record_maker in;
	struct hs_buf text = { 0 };

	assert_true(hs_record_maker_init(&in));
	hs_buf_put_slice(&text, HS_SLICE("{\"type\":\"page\",\"timestamp\":\"2026\",\"x\":\""));
	for (int i = 0; i < 1 << 20; i++)
		hs_buf_putc(&text, 'x');
	hs_buf_put(&text, "\"}", 3);
	assert_int_equal(put(&in, text.p, NULL), HS_OK);
	assert_false(in.batch.record[0].random);
	assert_true(in.identifier.text.cap > 1 << 20);
	hs_record_maker_shrink(&in, 4096);
	assert_true(in.identifier.text.cap <= 4096);
	hs_buf_free(&text);
	hs_record_maker_free(&in);
}

/* Small events with long keys: each may grow to 64 KB, but not all of them together. */
TEST(a_batch_has_a_bound)
{
	struct hs_record_maker in;
	struct hs_buf text = { 0 };
	size_t n, events = 0;

	assert_true(hs_record_maker_init(&in));
	hs_record_maker_seed(&in, 1);
	hs_buf_put_slice(&text, HS_SLICE("{\"type\":\"page\",\""));
	for (int i = 0; i < 700; i++)
		hs_buf_putc(&text, 'k');
	hs_buf_put_slice(&text, HS_SLICE("\":{\"a\":1"));
	for (int i = 0; i < 100; i++) {
		hs_buf_put_slice(&text, HS_SLICE(",\"b"));
		hs_buf_put_uint(&text, (uint64_t)i);
		hs_buf_put_slice(&text, HS_SLICE("\":1"));
	}
	hs_buf_put(&text, "}}", 3);
	hs_record_maker_reset(&in, 100 * text.n);
	while (events < 100 && put(&in, text.p, NULL) == HS_OK)
		events++;
	assert_in_range(events, 2, 99);
	assert_in_range(in.batch.lines.n, 1, HS_RECORD_BATCH_BASE + HS_RECORD_BATCH_FACTOR * 100 * text.n);
	assert_int_equal(in.batch.count, events);
	n = in.batch.lines.n;
	assert_int_equal(put(&in, text.p, NULL), HS_E_RECORDS_LARGE);
	assert_int_equal(in.batch.lines.n, n);
	assert_int_equal(put(&in, "{\"type\":\"page\"}", NULL), HS_OK); /* a small one still has room */
	hs_record_maker_reset(&in, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(put(&in, text.p, NULL), HS_OK);
	hs_buf_free(&text);
	hs_record_maker_free(&in);
}

/* {"application":{"a0":1,"a1":1,…}} of about so many bytes. */
static void make_context(struct hs_json *context, struct hs_buf *text, size_t bytes)
{
	hs_buf_put_slice(text, HS_SLICE("{\"application\":{\"a\":1"));
	for (uint64_t i = 0; text->n + 2 < bytes; i++) {
		hs_buf_put_slice(text, HS_SLICE(",\"a"));
		hs_buf_put_uint(text, i);
		hs_buf_put_slice(text, HS_SLICE("\":1"));
	}
	hs_buf_put_slice(text, HS_SLICE("}}"));
	assert_int_equal(hs_json_document(context, hs_buf_slice(text)), HS_OK);
}

/* Puts events until one is refused, at most so many. Returns their number. */
static size_t put_beside(struct hs_record_maker *in, const struct hs_json *context, size_t events, enum hs_result *r)
{
	struct hs_direct direct = { .source = HS_SLICE("web"), .channel = HS_SLICE("server"), .context = context };
	struct hs_stamp stamp = { .spooled_at = HS_SLICE(AT), .direct = &direct };
	struct hs_event e;
	size_t n;

	assert_int_equal(hs_json_document(&json, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\"}")), HS_OK);
	assert_int_equal(hs_event_read_direct(&e, &json, 0, HS_VALIDATE_SPEC, HS_SLICE_NONE), HS_OK);
	for (n = 0; n < events; n++) {
		*r = hs_record_maker_put(in, &e, &stamp, HS_NAMES_WAREHOUSE);
		if (*r != HS_OK)
			break;
	}
	return n;
}

TEST(a_context_beside_a_batch_has_room_in_each_record)
{
	struct hs_record_maker in;
	struct hs_json context = { 0 };
	struct hs_buf text = { 0 };
	enum hs_result r;
	size_t n;

	assert_true(hs_record_maker_init(&in));
	hs_record_maker_seed(&in, 1);
	make_context(&context, &text, 2000);
	hs_record_maker_reset(&in, 2500 * 40 + text.n);
	assert_int_equal(put_beside(&in, &context, 2500, &r), 2500);
	hs_buf_reset(&text);
	make_context(&context, &text, 32000); /* 100 KB in a record of a small event */
	hs_record_maker_reset(&in, 2500 * 40 + text.n);
	assert_in_range(put_beside(&in, &context, 2500, &r), 600, 700);
	assert_int_equal(r, HS_E_RECORDS_LARGE);
	assert_in_range(in.batch.lines.n, HS_RECORD_BATCH_SHARED - (1 << 17), HS_RECORD_BATCH_SHARED);
	n = in.batch.lines.n;
	assert_int_equal(put_beside(&in, &context, 1, &r), 0);
	assert_int_equal(in.batch.lines.n, n);
	hs_buf_free(&text);
	hs_json_free(&context);
	hs_record_maker_free(&in);
}

/* The bound, raised by what is shared, is reached to the last byte. */
TEST(a_record_that_ends_at_the_bound)
{
	struct hs_record_maker in;
	struct hs_json context = { 0 };
	struct hs_buf text = { 0 }, *lines = &in.batch.lines;
	enum hs_result r;
	size_t n;

	assert_true(hs_record_maker_init(&in));
	hs_record_maker_seed(&in, 1);
	make_context(&context, &text, 2000);
	hs_record_maker_reset(&in, 1);
	assert_int_equal(put_beside(&in, &context, 1, &r), 1);
	n = lines->n;
	for (size_t over = 0; over < 2; over++) {
		hs_record_maker_reset(&in, 1);
		in.most = HS_RECORD_BATCH_SHARED - 1;
		assert_non_null(hs_buf_reserve(lines, HS_RECORD_BATCH_SHARED + 2)); /* not touched */
		lines->n = HS_RECORD_BATCH_SHARED - n + over;
		assert_int_equal(put_beside(&in, &context, 1, &r), 1 - over);
		assert_result(r, over == 0 ? HS_OK : HS_E_RECORDS_LARGE);
	}
	hs_buf_free(&text);
	hs_json_free(&context);
	hs_record_maker_free(&in);
}

TEST(the_settings_header_has_room_in_each_record)
{
	struct hs_record_maker in;
	struct hs_json settings = { 0 };
	struct hs_buf text = { 0 };
	struct hs_stamp stamp = { .settings = &settings, .spooled_at = HS_SLICE(AT) };
	struct hs_event e;

	assert_true(hs_record_maker_init(&in));
	hs_record_maker_seed(&in, 1);
	make_context(&settings, &text, 2000);
	assert_int_equal(hs_json_document(&json, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\"}")), HS_OK);
	assert_int_equal(hs_event_read(&e, &json, 0, HS_VALIDATE_SPEC), HS_OK);
	hs_record_maker_reset(&in, 2500 * 40);
	for (int i = 0; i < 2500; i++)
		assert_int_equal(hs_record_maker_put(&in, &e, &stamp, HS_NAMES_WAREHOUSE), HS_OK);
	hs_buf_free(&text);
	hs_json_free(&settings);
	hs_record_maker_free(&in);
}

FIXTURE(free_json)
{
	hs_json_free(&json);
	return 0;
}

/* A body so large that a factor of it has no number limits nothing, and its lines need not have room at once. */
TEST(a_bound_that_has_no_number_is_none)
{
	struct hs_record_maker in;

	assert_true(hs_record_maker_init(&in));
	hs_record_maker_seed(&in, 1);
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	hs_record_maker_reset(&in, SIZE_MAX / 2);
	wrap_reset();
	assert_int_equal(in.most, 0);
	assert_int_equal(put(&in, "{\"type\":\"page\",\"messageId\":\"m\"}", NULL), HS_OK);
	hs_record_maker_free(&in);
}

/* The bound of a large body is above what shared fields may raise it to: they do not lower it. */
TEST(shared_fields_lower_no_bound)
{
	static const size_t most = HS_RECORD_BATCH_SHARED + 1000;
	struct hs_record_maker in;
	struct hs_buf *lines = &in.batch.lines;

	assert_true(hs_record_maker_init(&in));
	hs_record_maker_seed(&in, 1);
	hs_record_maker_reset(&in, 1);
	in.most = most;
	assert_non_null(hs_buf_reserve(lines, most + 1000)); /* not touched */
	lines->n = most - 500;
	assert_int_equal(put(&in, "{\"type\":\"page\",\"messageId\":\"m\"}", NULL), HS_OK);
	lines->n = most - 50;
	assert_int_equal(put(&in, "{\"type\":\"page\",\"messageId\":\"m\"}", NULL), HS_E_RECORDS_LARGE);
	assert_int_equal(lines->n, most - 50);
	hs_record_maker_free(&in);
}

TESTS("record_batch", NULL, free_json)

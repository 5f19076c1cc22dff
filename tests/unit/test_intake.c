/* intake: events become lines with an identity each; what will not do leaves no trace. */
#include "core/intake.h"
#include "tests/lib/cases.h"

#include <stdio.h>

#define AT "2026-11-23T10:15:00.123Z"

static struct hs_json json;

static enum hs_result put(struct hs_intake *in, const char *text, const char *tenant)
{
	struct hs_stamp stamp = { hs_slice_str(tenant), NULL, HS_SLICE(AT) };
	struct hs_event e;

	assert_int_equal(hs_json_document(&json, hs_slice_str(text)), HS_OK);
	assert_int_equal(hs_event_read(&e, &json, 0, HS_VALIDATE_LENIENT), HS_OK);
	return hs_intake_put(in, &e, &stamp, HS_NAMES_WAREHOUSE);
}

static void rows_and_lines_agree(void **state)
{
	struct hs_intake in;
	char text[64];
	size_t at = 0;

	(void)state;
	assert_true(hs_intake_init(&in));
	hs_intake_seed(&in, 1);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof text, "{\"type\":\"page\",\"messageId\":\"m%d\"}", i);
		assert_int_equal(put(&in, text, NULL), HS_OK);
	}
	assert_int_equal(in.taken.count, 100);
	for (size_t i = 0; i < in.taken.count; i++) {
		assert_false(in.taken.record[i].random);
		at += in.taken.record[i].n;
		assert_int_equal(in.taken.lines.p[at - 1], '\n');
	}
	assert_int_equal(at, in.taken.lines.n);
	hs_intake_free(&in);
}

static void sameness(void **state)
{
	static const char named[] = "{\"type\":\"page\",\"messageId\":\"m\"}";
	struct hs_intake in;

	(void)state;
	assert_true(hs_intake_init(&in));
	hs_intake_seed(&in, 1);
	put(&in, named, NULL);
	put(&in, named, NULL);
	put(&in, named, "acme");
	put(&in, "{\"type\":\"page\"}", NULL);
	put(&in, "{\"type\":\"page\"}", NULL);
	assert_memory_equal(&in.taken.record[0].id, &in.taken.record[1].id, sizeof in.taken.record[0].id);
	assert_memory_not_equal(&in.taken.record[0].id, &in.taken.record[2].id, sizeof in.taken.record[0].id);
	assert_true(in.taken.record[3].random);
	assert_memory_not_equal(&in.taken.record[3].id, &in.taken.record[4].id, sizeof in.taken.record[0].id);
	hs_intake_free(&in);
}

static void refused_without_trace(void **state)
{
	struct hs_intake in;
	struct hs_buf text = { 0 };

	(void)state;
	assert_true(hs_intake_init(&in));
	hs_intake_seed(&in, 1);
	put(&in, "{\"type\":\"page\",\"timestamp\":\"soon\"}", NULL);
	assert_int_equal(in.taken.unparsed, 1);
	hs_buf_put_slice(&text, HS_SLICE("{\"type\":\"page\",\"timestamp\":\"soon\",\""));
	for (int i = 0; i <= HS_NAME_MAX; i++)
		hs_buf_putc(&text, 'k');
	hs_buf_put(&text, "\":1}", 5);
	assert_int_equal(put(&in, text.p, NULL), HS_E_NAME_LONG);
	assert_int_equal(in.taken.count, 1);
	assert_int_equal(in.taken.unparsed, 1);
	assert_int_equal(in.taken.lines.n, in.taken.record[0].n);
	hs_intake_shrink(&in, 0);
	assert_int_equal(in.taken.count + in.taken.lines.n + in.taken.unparsed, 0);
	assert_int_equal(put(&in, "{\"type\":\"page\"}", NULL), HS_OK);
	assert_int_equal(in.taken.count, 1);
	hs_buf_free(&text);
	hs_intake_free(&in);
}

/* A long event is copied for the id that is made of it; that memory is returned. */
static void a_long_event_without_an_id(void **state)
{
	struct hs_intake in;
	struct hs_buf text = { 0 };

	(void)state;
	assert_true(hs_intake_init(&in));
	hs_buf_put_slice(&text, HS_SLICE("{\"type\":\"page\",\"timestamp\":\"2026\",\"x\":\""));
	for (int i = 0; i < 1 << 20; i++)
		hs_buf_putc(&text, 'x');
	hs_buf_put(&text, "\"}", 3);
	assert_int_equal(put(&in, text.p, NULL), HS_OK);
	assert_false(in.taken.record[0].random);
	assert_true(in.identifier.text.cap > 1 << 20);
	hs_intake_shrink(&in, 4096);
	assert_true(in.identifier.text.cap <= 4096);
	hs_buf_free(&text);
	hs_intake_free(&in);
}

/* Small events with long keys: each may grow to 64 KB, but not all of them together. */
static void all_together_do_not_grow_too_large(void **state)
{
	struct hs_intake in;
	struct hs_buf text = { 0 };
	size_t n, events = 0;

	(void)state;
	assert_true(hs_intake_init(&in));
	hs_intake_seed(&in, 1);
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
	hs_intake_reset(&in, 100 * text.n);
	while (events < 100 && put(&in, text.p, NULL) == HS_OK)
		events++;
	assert_in_range(events, 2, 99);
	assert_in_range(in.taken.lines.n, 1, HS_TAKEN_BASE + HS_TAKEN_FACTOR * 100 * text.n);
	assert_int_equal(in.taken.count, events);
	n = in.taken.lines.n;
	assert_int_equal(put(&in, text.p, NULL), HS_E_RECORD_LARGE);
	assert_int_equal(in.taken.lines.n, n);
	assert_int_equal(put(&in, "{\"type\":\"page\"}", NULL), HS_OK); /* what is small still has room */
	hs_intake_reset(&in, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(put(&in, text.p, NULL), HS_OK);
	hs_buf_free(&text);
	hs_intake_free(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_and_lines_agree),
		cmocka_unit_test(sameness),
		cmocka_unit_test(refused_without_trace),
		cmocka_unit_test(a_long_event_without_an_id),
		cmocka_unit_test(all_together_do_not_grow_too_large),
	};
	int failed = cmocka_run_group_tests_name("intake", tests, NULL, NULL);

	hs_json_free(&json);
	return failed;
}

/* rejected: lines of rejected.jsonl, byte for byte. */
#include "store/rejected.h"
#include "tests/lib/cases.h"

static void expect_line(const struct hs_rejection *r, const char *line)
{
	struct hs_buf b = { 0 };

	hs_rejected_put(&b, r);
	assert_true(hs_buf_ok(&b));
	assert_slice_equal(hs_buf_slice(&b), hs_slice_str(line));
	hs_buf_free(&b);
}

static void all_members_in_their_order(void **state)
{
	(void)state;
	expect_line(
	    &(struct hs_rejection) { HS_SLICE("2026-11-23T10:15:00.123Z"), 400,
				     HS_SLICE("type required"), HS_SLICE("acme"),
				     HS_SLICE("192.0.2.1"), HS_SLICE("{\"a\":\"b\\n\"}") },
	    "{\"spooled_at\":\"2026-11-23T10:15:00.123Z\",\"status\":400,\"message\":\"type "
	    "required\",\"tenant\":\"acme\",\"remote_addr\":\"192.0.2.1\",\"body\":"
	    "\"{\\\"a\\\":\\\"b\\\\n\\\"}\"}\n");
}

static void what_is_unknown_is_left_out(void **state)
{
	(void)state;
	expect_line(&(struct hs_rejection) { .spooled_at = HS_SLICE("t"),
					     .status = 501,
					     .message = HS_SLICE("m"),
					     .body = HS_SLICE("") },
		    "{\"spooled_at\":\"t\",\"status\":501,\"message\":\"m\",\"body\":\"\"}\n");
}

static void odd_bytes_stay_within_the_line(void **state)
{
	(void)state;
	expect_line(&(struct hs_rejection) { HS_SLICE("t"), 400, HS_SLICE("m"), HS_SLICE_NONE,
					     HS_SLICE("1\n\"2"), HS_SLICE("a\nb\x01") },
		    "{\"spooled_at\":\"t\",\"status\":400,\"message\":\"m\",\"remote_addr\":"
		    "\"1\\n\\\"2\",\"body\":\"a\\nb\\u0001\"}\n");
	expect_line(
	    &(struct hs_rejection) { .spooled_at = HS_SLICE("t"),
				     .status = 400,
				     .message = HS_SLICE("m"),
				     .body = HS_SLICE("a\xFF\xC3(") },
	    "{\"spooled_at\":\"t\",\"status\":400,\"message\":\"m\",\"body\":\"a\\ufffd\\ufffd(\","
	    "\"body_base64\":\"Yf/DKA==\"}\n");
}

static void expect_reason(const char *message, const char *want)
{
	struct hs_slice got = hs_rejected_reason(hs_slice_str(message));

	if (!hs_slice_eq(got, hs_slice_str(want)))
		fail_msg("got %.*s, expected %s", (int)got.n, got.p, want);
}

static void like_is_counted_with_like(void **state)
{
	(void)state;
	expect_reason("not JSON", "not JSON");
	expect_reason("not JSON, at byte 8", "not JSON");
	expect_reason("event 17: groupId required", "groupId required");
	expect_reason("event 17: not JSON, at byte 87", "not JSON");
	expect_reason("import logs/a: b.gz, line 3: type required", "type required");
	expect_reason("import type required", "import type required");
	expect_reason("what an older version said, at byte 8", "what an older version said, at byte 8");
	expect_reason("8", "8");
	expect_reason("", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_members_in_their_order),
		cmocka_unit_test(what_is_unknown_is_left_out),
		cmocka_unit_test(odd_bytes_stay_within_the_line),
		cmocka_unit_test(like_is_counted_with_like),
	};

	return cmocka_run_group_tests_name("rejected", tests, NULL, NULL);
}

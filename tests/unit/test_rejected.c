/* rejected: lines of rejected.jsonl, byte for byte. */
#include "spool/write/rejected.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect_line(const struct hs_rejection *r, const char *line)
{
	struct hs_buf b = { 0 };

	hs_rejected_put(&b, r);
	assert_true(hs_buf_ok(&b));
	assert_slice_equal(hs_buf_slice(&b), hs_slice_str(line));
	hs_buf_free(&b);
}

TEST(all_members_in_their_order)
{
	expect_line(
	    &(struct hs_rejection){ HS_SLICE("2026-11-23T10:15:00.123Z"), 400, HS_SLICE("type required"),
	                            HS_SLICE("acme"), HS_SLICE_NONE, HS_SLICE("192.0.2.1"),
	                            HS_SLICE("{\"a\":\"b\\n\"}"), NULL, false },
	    "{\"spooled_at\":\"2026-11-23T10:15:00.123Z\",\"status\":400,\"tenant\":\"acme\",\"message\":\"type "
	    "required\",\"remote_addr\":\"192.0.2.1\",\"body\":"
	    "\"{\\\"a\\\":\\\"b\\\\n\\\"}\"}\n");
}

TEST(unknown_members_are_left_out)
{
	expect_line(
	    &(struct hs_rejection){
		.spooled_at = HS_SLICE("t"), .status = 501, .message = HS_SLICE("m"), .body = HS_SLICE("") },
	    "{\"spooled_at\":\"t\",\"status\":501,\"message\":\"m\",\"body\":\"\"}\n");
}

TEST(odd_bytes_stay_within_the_line)
{
	expect_line(&(struct hs_rejection){ HS_SLICE("t"), 400, HS_SLICE("m"), HS_SLICE_NONE, HS_SLICE_NONE,
	                                    HS_SLICE("1\n\"2"), HS_SLICE("a\nb\x01"), NULL, false },
	            "{\"spooled_at\":\"t\",\"status\":400,\"message\":\"m\",\"remote_addr\":"
	            "\"1\\n\\\"2\",\"body\":\"a\\nb\\u0001\"}\n");
	expect_line(
	    &(struct hs_rejection){
		.spooled_at = HS_SLICE("t"), .status = 400, .message = HS_SLICE("m"), .body = HS_SLICE("a\xFF\xC3(") },
	    "{\"spooled_at\":\"t\",\"status\":400,\"message\":\"m\",\"body\":\"a\\ufffd\\ufffd(\","
	    "\"body_base64\":\"Yf/DKA==\"}\n");
}

/* Rejects a body of n bytes, each `c`, under these limits; the line is in `b`. */
static void put_long(struct hs_buf *b, const char *settings, char c, size_t n)
{
	struct hs_settings_error error;
	struct hs_settings *s = hs_settings_new("test", hs_slice_str(settings), NULL, &error);
	char *body = malloc(n);

	assert_non_null(s);
	memset(body, c, n);
	hs_rejected_put(b, &(struct hs_rejection){ .spooled_at = HS_SLICE("t"),
	                                           .status = 400,
	                                           .message = HS_SLICE("m"),
	                                           .body = hs_slice(body, n),
	                                           .settings = s });
	assert_true(hs_buf_ok(b));
	hs_settings_free(s);
	free(body);
}

#define CONF "spool_dir = /s\nauth = none\n"

TEST(a_long_body_is_cut)
{
	struct hs_buf b = { 0 };

	put_long(&b, CONF "rejected_body = 4\n", 'a', 6);
	assert_slice_equal(hs_buf_slice(&b),
	                   HS_SLICE("{\"spooled_at\":\"t\",\"status\":400,\"message\":\"m\",\"body_cut\":true,"
	                            "\"body_bytes\":6,\"body_sha256\":\"ed02457b5c41d964dbd2f2a609d63fe1bb7528dbe5"
	                            "5e1abf5b52c249cd735797\",\"body\":\"aaaa\"}\n"));
	hs_buf_reset(&b);
	put_long(&b, CONF "rejected_body = 6\n", 'a', 6); /* all of it fits */
	assert_slice_equal(hs_buf_slice(&b), HS_SLICE("{\"spooled_at\":\"t\",\"status\":400,\"message\":\"m\","
	                                              "\"body\":\"aaaaaa\"}\n"));
	hs_buf_reset(&b);
	put_long(&b, CONF "rejected_body = none\n", 'a', 6);
	assert_slice_equal(hs_buf_slice(&b), HS_SLICE("{\"spooled_at\":\"t\",\"status\":400,\"message\":\"m\","
	                                              "\"body_bytes\":6,\"body\":\"\"}\n"));
	hs_buf_free(&b);
}

TEST(it_is_cut_between_characters)
{
	static const struct {
		const char *body, *keep, *want;
	} cases[] = {
		{ "ab\xC3\xA9z", "3", "\"body\":\"ab\"}" },
		{ "ab\xC3\xA9z", "4", "\"body\":\"ab\xC3\xA9\"}" },
		{ "\xF0\x9F\x98\x80zz", "3", "\"body\":\"\"}" },
		{ "\x80\x80\x80\x80\x80\x80", "5", "\"body_base64\":\"gICAgIA=\"}" },
		{ "\xC3\xA9\x80z", "2", "\"body\":\"\xC3\xA9\"}" },
		{ "a\xFF\xFF\xFFz", "3", "\"body\":\"a\\ufffd\\ufffd\",\"body_base64\":\"Yf//\"}" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[128];
		struct hs_settings_error error;
		struct hs_settings *s;
		struct hs_buf b = { 0 };

		snprintf(text, sizeof text, CONF "rejected_body = %s\n", cases[i].keep);
		s = hs_settings_new("test", hs_slice_str(text), NULL, &error);
		hs_rejected_put(&b, &(struct hs_rejection){ .spooled_at = HS_SLICE("t"),
		                                            .status = 400,
		                                            .message = HS_SLICE("m"),
		                                            .body = hs_slice_str(cases[i].body),
		                                            .settings = s });
		hs_buf_putc(&b, '\0');
		if (strstr(b.p, cases[i].want) == NULL)
			fail_msg("%s", b.p);
		hs_buf_free(&b);
		hs_settings_free(s);
	}
}

/* Any request leaves a bounded number of bytes. */
TEST(a_request_leaves_a_bounded_line)
{
	static const char odd[] = { 'a', '\x01', '\xFF' };
	struct hs_buf b = { 0 };

	for (size_t c = 0; c < sizeof odd; c++) {
		hs_buf_reset(&b);
		put_long(&b, CONF, odd[c], 32 << 20);
		assert_true(b.n > 64 << 10 && b.n < 8 * (64 << 10));
		hs_buf_reset(&b);
		for (int i = 0; i < 2000; i++)
			put_long(&b, CONF "rejected_max = 64K\n", odd[c], 8 << 10);
		assert_true(b.n < (64 << 10) / 8 + 8 * (64 << 10) / 16);
	}
	hs_buf_free(&b);
}

/* The hash tells which body it was; without it the rest of the line is as useful. */
TEST(a_body_that_cannot_be_hashed)
{
	struct hs_buf b = { 0 };

	wrap_fail(WRAP_SHA256, 1, WRAP_FOREVER, 0);
	put_long(&b, CONF "rejected_body = 4\n", 'x', 9);
	wrap_reset();
	hs_buf_putc(&b, '\0');
	assert_non_null(strstr(b.p, "\"body_cut\":true,\"body_bytes\":9,\"body\":\"xxxx\"}"));
	hs_buf_free(&b);
}

static void expect_reason(const char *message, const char *want)
{
	struct hs_slice got = hs_rejected_reason(hs_slice_str(message));

	if (!hs_slice_eq(got, hs_slice_str(want)))
		fail_msg("got %.*s, expected %s", (int)got.n, got.p, want);
}

TEST(reasons_are_told_without_places)
{
	expect_reason("not JSON", "not JSON");
	expect_reason("not JSON, at byte 8", "not JSON");
	expect_reason("event 17: groupId required", "groupId required");
	expect_reason("event 17: not JSON, at byte 87", "not JSON");
	expect_reason("import logs/a: b.gz, line 3: type required", "type required");
	expect_reason("import type required", "import type required");
	expect_reason("-type required", "-type required");
	expect_reason("what an older version said, at byte 8", "what an older version said, at byte 8");
	expect_reason("8", "8");
	expect_reason("", "");
}

TESTS("rejected", NULL, NULL)

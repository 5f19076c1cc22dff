/* direct_answer: what Segment's libraries get for each outcome. */
#include "cgi/http/direct_answer.h"
#include "tests/lib/unit.h"

#define OK "{\"success\":true}\n"
#define ERROR(code, text) "{\"success\":false,\"code\":\"" code "\",\"message\":\"" text "\",\"error\":\"" text "\"}\n"

static const struct {
	const char *what;
	struct hs_outcome outcome;
	int status;
	const char *body;
} cases[] = {
	{ "all taken", { .has_counts = true, .accepted = 3 }, 200, OK },
	{ "duplicates alone", { .has_counts = true, .duplicate = 1 }, 200, OK },
	{ "an empty batch", { .has_counts = true, .in_batch = true }, 200, OK },
	{ "not synced: never 202", { .has_counts = true, .accepted = 1, .not_synced = true }, 200, OK },
	{ "some bad",
	  { .has_counts = true, .in_batch = true, .accepted = 2, .rejected = 1, .why = HS_E_IDENTITY },
	  200,
	  OK },
	{ "a duplicate and a bad one",
	  { .has_counts = true, .in_batch = true, .duplicate = 1, .rejected = 1, .why = HS_E_TYPE },
	  200,
	  OK },
	{ "one dropped by its rule, and a bad one",
	  { .has_counts = true, .in_batch = true, .dropped = 1, .rejected = 1, .why = HS_E_TYPE },
	  200,
	  OK },
	{ "all bad",
	  { .has_counts = true, .in_batch = true, .rejected = 2, .first_rejected = 0, .why = HS_E_IDENTITY },
	  400,
	  ERROR("identity", "event 1: userId or anonymousId required") },
	{ "one event, unknown type: never 501",
	  { .has_counts = true, .rejected = 1, .why = HS_E_TYPE },
	  400,
	  ERROR("type", "type not supported") },
	{ "delete",
	  { .has_counts = true, .rejected = 1, .why = HS_E_DELETE_DIRECT },
	  400,
	  ERROR("delete_direct", "delete is not accepted here") },
	{ "not JSON",
	  { .result = HS_E_JSON_SYNTAX, .has_offset = true, .offset = 17 },
	  400,
	  ERROR("json_syntax", "not JSON, at byte 17") },
	{ "too large: never 413", { .result = HS_E_TOO_LARGE }, 400, ERROR("too_large", "body too large") },
	{ "no length: never 411", { .result = HS_E_NO_LENGTH }, 400, ERROR("no_length", "Content-Length required") },
	{ "encoding: never 415",
	  { .result = HS_E_SDK_ENCODING },
	  400,
	  ERROR("sdk_encoding", "Content-Encoding must be gzip or identity") },
	{ "broken gzip", { .result = HS_E_GZIP }, 400, ERROR("gzip", "body is not whole gzip") },
	{ "unknown key: never 401", { .result = HS_E_WRITE_KEY }, 400, ERROR("write_key", "write key unknown") },
	{ "revoked key: never 403",
	  { .result = HS_E_WRITE_KEY_REVOKED },
	  400,
	  ERROR("write_key_revoked", "write key revoked") },
	{ "two keys",
	  { .result = HS_E_TWO_KEYS },
	  400,
	  ERROR("two_keys", "Authorization and the body have different write keys") },
	{ "origin", { .result = HS_E_ORIGIN }, 400, ERROR("origin", "origin not allowed for this write key") },
	{ "path", { .result = HS_E_SDK_PATH }, 404, ERROR("sdk_path", "no such resource") },
	{ "settings", { .result = HS_E_SDK_SETTINGS }, 404, ERROR("sdk_settings", "no settings for this write key") },
	{ "script", { .result = HS_E_SDK_SCRIPT }, 404, ERROR("sdk_script", "no script here") },
	{ "method", { .result = HS_E_SDK_METHOD }, 405, ERROR("sdk_method", "method not allowed") },
	{ "too fast",
	  { .result = HS_E_RATE_SOURCE, .retry_after = "17" },
	  429,
	  ERROR("rate_source", "too many events of this source, try again") },
	{ "ours", { .result = HS_E_FULL }, 503, ERROR("full", "storage is full, try again") },
	{ "late", { .result = HS_E_TIMEOUT }, 503, ERROR("timeout", "storage too slow, try again") },
	{ "preflight", { .is_preflight = true }, 204, "" },
	{ "preflight, refused",
	  { .is_preflight = true, .result = HS_E_CROWDED },
	  503,
	  ERROR("crowded", "too many unfinished bodies, try again") },
};

TEST(outcomes)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_buf body = { 0 };
		struct hs_response response = { .body = &body };

		hs_direct_answer_respond(&cases[i].outcome, &response);
		if (response.status != cases[i].status || hs_direct_answer_status(&cases[i].outcome) != cases[i].status)
			fail_msg("%s: %d", cases[i].what, response.status);
		assert_slice_equal(hs_buf_slice(&body), hs_slice_str(cases[i].body));
		hs_buf_free(&body);
	}
}

/* The libraries drop events, or send them for ever, after any other status. */
TEST(every_result_has_a_status_that_libraries_understand)
{
	for (int r = 0; r < HS_RESULT_COUNT; r++) {
		struct hs_outcome o = { .result = (enum hs_result)r };
		int status = hs_direct_answer_status(&o), webhook = hs_result_info(o.result)->status;

		if (status != 200 && status != 400 && status != 404 && status != 405 && status != 429 && status != 503)
			fail_msg("%s: %d", hs_result_info(o.result)->name, status);
		if ((status == 503) != (webhook == 503) || (status == 200) != (webhook == 200))
			fail_msg("%s: %d, but %d to a webhook", hs_result_info(o.result)->name, status, webhook);
	}
}

static struct hs_slice retry_after(const struct hs_outcome *o)
{
	struct hs_buf body = { 0 };
	struct hs_response response = { .body = &body };
	struct hs_slice found = HS_SLICE_NONE;

	hs_direct_answer_respond(o, &response);
	for (unsigned i = 0; i < response.headers; i++)
		if (hs_slice_eq(response.header[i].name, HS_SLICE("Retry-After")))
			found = response.header[i].value;
	hs_buf_free(&body);
	return found;
}

TEST(when_to_come_again)
{
	struct hs_outcome o = { .result = HS_E_RATE_ADDRESS, .retry_after = "300" };

	assert_slice_equal(retry_after(&o), HS_SLICE("300"));
	o = (struct hs_outcome){ .result = HS_E_FULL };
	assert_slice_equal(retry_after(&o), HS_SLICE("5"));
	o.result = HS_E_WRITE_KEY;
	assert_null(retry_after(&o).p);
}

TESTS("direct_answers", NULL, NULL)

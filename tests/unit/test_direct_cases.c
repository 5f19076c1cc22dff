/* direct_cases: what the libraries send has the shapes that they have, and answers are judged as they judge. */
#include "base/gunzip.h"
#include "event/envelope.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/probe/direct_cases.h"

#include <errno.h>
#include <stdio.h>

static struct hs_direct_sender sender = {
	.browser_key = "bkey",
	.server_key = "skey",
	.origin = "https://shop.example",
	.run = "",
	.now_ms = 1767225600000,
	.max_body = 4096,
};

/* Makes the first case of the library whose name has this part; its number. */
static size_t make(const char *part, struct hs_direct_request *request)
{
	for (size_t i = 0; i < hs_direct_cases_count(); i++)
		if (hs_direct_case_make(i, &sender, request) && strstr(request->name, part) != NULL)
			return i;
	fail_msg("no case %s", part);
	return 0;
}

static const char *header(const struct hs_direct_request *request, const char *name)
{
	size_t n = strlen(name);

	for (size_t at = 0; at < request->headers.n; at += strlen(request->headers.p + at) + 1)
		if (strncmp(request->headers.p + at, name, n) == 0 && request->headers.p[at + n] == ':')
			return request->headers.p + at + n + 1;
	return NULL;
}

static int set_up(void **state)
{
	(void)state;
	sender.gzip = hs_gzip_new();
	return sender.gzip == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	hs_gzip_free(sender.gzip);
	return 0;
}

TEST(every_body_is_an_object_but_those_that_are_broken)
{
	struct hs_direct_request request = { 0 };
	struct hs_json json = { 0 };

	for (size_t i = 0; i < hs_direct_cases_count(); i++) {
		bool broken;

		assert_true(hs_direct_case_make(i, &sender, &request));
		broken = strstr(request.name, "NaN") != NULL;
		if (request.plain.n > 0 && (hs_json_document(&json, hs_buf_slice(&request.plain)) == HS_OK) == broken)
			fail_msg("%s: %.*s", request.name, (int)request.plain.n, request.plain.p);
		assert_null(
		    memchr(request.plain.p != NULL ? request.plain.p : "", '@', request.plain.n < 300 ? 0 : 60));
	}
	hs_json_free(&json);
	hs_direct_request_free(&request);
}

TEST(keys_are_where_the_libraries_put_them)
{
	static const struct {
		const char *name, *basic, *in_body;
	} rows[] = {
		{ "node: batch", " Basic c2tleTo=", "\"skey\"" },
		{ "python: batch", NULL, "\"skey\"" },
		{ "php: batch", " Basic c2tleTo=", NULL },
		{ "ruby: batch", " Basic c2tleTo=", NULL },
		{ "Kotlin", NULL, "\"skey\"" },
		{ "browser: batch", " Basic YmtleTo=", "\"bkey\"" },
		{ "two keys", " Basic c2tleTo=", "\"bkey\"" },
	};
	struct hs_direct_request request = { 0 };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct hs_envelope envelope;
		const char *basic;

		make(rows[i].name, &request);
		hs_envelope_find(&envelope, hs_buf_slice(&request.plain));
		basic = header(&request, "Authorization");
		if (rows[i].basic == NULL)
			assert_null(basic);
		else
			assert_string_equal(basic, rows[i].basic);
		if (rows[i].in_body == NULL)
			assert_null(envelope.write_key.p);
		else
			assert_true(hs_slice_eq(envelope.write_key, hs_slice_str(rows[i].in_body)));
	}
	hs_direct_request_free(&request);
}

TEST(headers_and_forms)
{
	struct hs_direct_request request = { 0 };
	struct hs_gunzip *gunzip = NULL;
	struct hs_buf plain = { 0 };

	make("Kotlin", &request);
	assert_int_equal(hs_gunzip(&gunzip, hs_buf_slice(&request.body), 1 << 20, &plain), HS_OK);
	assert_true(hs_slice_eq(hs_buf_slice(&plain), hs_buf_slice(&request.plain)));
	make("cut short", &request);
	assert_int_equal(hs_gunzip(&gunzip, hs_buf_slice(&request.body), 1 << 20, &plain), HS_E_GZIP);
	make("of too much", &request);
	assert_int_equal(hs_gunzip(&gunzip, hs_buf_slice(&request.body), 4096, &plain), HS_E_INFLATED);
	hs_gunzip_free(gunzip);
	hs_buf_free(&plain);
	make("Kotlin", &request);
	assert_true(request.chunked);
	assert_string_equal(header(&request, "Content-Encoding"), " gzip");
	assert_memory_equal(request.body.p, "\x1f\x8b", 2);
	make("C#", &request);
	assert_string_equal(header(&request, "Content-Type"), "");
	make("browser: track", &request);
	assert_string_equal(request.below.p, "/v1/t");
	assert_string_equal(header(&request, "Content-Type"), " text/plain");
	assert_string_equal(header(&request, "Origin"), " https://shop.example");
	make("not listed", &request);
	assert_string_equal(header(&request, "Origin"), " https://stranger.example");
	make("too large", &request);
	assert_int_equal(request.body.n, 4097);
	sender.max_body = 20;
	make("too large", &request);
	sender.max_body = 4096;
	assert_slice_equal(hs_buf_slice(&request.body), HS_SLICE("{\"batch\":[],\"writeKey\":\"skey\"}"));
	hs_direct_request_free(&request);
}

TEST(cases_need_their_keys)
{
	struct hs_direct_sender server = sender;
	size_t all = 0, without = 0;

	server.origin = NULL;
	for (size_t i = 0; i < hs_direct_cases_count(); i++)
		assert_false(hs_direct_case_fits(i, HS_LIBRARY_BROWSER, &server));
	server.browser_key = NULL;
	for (size_t i = 0; i < hs_direct_cases_count(); i++) {
		all += hs_direct_case_fits(i, HS_LIBRARIES, &sender);
		without += hs_direct_case_fits(i, HS_LIBRARIES, &server);
		assert_false(hs_direct_case_fits(i, HS_LIBRARY_BROWSER, &server));
	}
	assert_int_equal(all, hs_direct_cases_count());
	assert_in_range(without, 8, all - 18);
	assert_int_equal(hs_library_named("php"), HS_LIBRARY_PHP);
	assert_int_equal(hs_library_named("perl"), HS_LIBRARIES);
}

#define REFUSED(code) "{\"success\":false,\"code\":\"" code "\",\"message\":\"m\",\"error\":\"m\"}"
#define LISTED "https://shop.example"

TEST(answers_are_judged)
{
	static const struct {
		const char *name;
		int status;
		const char *body;
		unsigned origins;
		const char *origin, *headers, *message; /* NULL: green */
	} rows[] = {
		{ "node: batch", 200, "{\"success\":true}", 0, "", "", NULL },
		{ "node: batch", 200, "", 0, "", "", "no JSON object" },
		{ "node: batch", 200, "{}", 0, "", "", "\"success\":true is missing" },
		{ "node: batch", 202, "{\"success\":true}", 0, "", "", "expected 200" },
		{ "node: batch", 302, "", 0, "", "", "a redirect" },
		{ "browser: track", 200, "{\"success\":true}", 1, LISTED, "", NULL },
		{ "browser: track", 200, "{\"success\":true}", 1, "*", "", NULL },
		{ "browser: track", 200, "{\"success\":true}", 0, "", "", "no Access-Control" },
		{ "browser: track", 200, "{\"success\":true}", 2, LISTED, "",
		  "Access-Control-Allow-Origin comes twice" },
		{ "browser: track", 200, "{\"success\":true}", 1, LISTED ", *", "",
		  "Access-Control-Allow-Origin comes twice" },
		{ "browser: track", 200, "{\"success\":true}", 1, "https://other.example", "",
		  "Access-Control-Allow-Origin names" },
		{ "preflight", 204, "", 1, LISTED, "authorization, x-retry-count", NULL },
		{ "preflight", 204, "", 1, LISTED, "content-type, x-retry-count",
		  "Access-Control-Allow-Headers lacks" },
		{ "preflight", 204, "", 1, LISTED, "authorizations, x-retry-count",
		  "Access-Control-Allow-Headers lacks" },
		{ "preflight", 204, "", 1, LISTED, "authorization", "Access-Control-Allow-Headers lacks" },
		{ "preflight", 405, "", 0, "", "", "expected 204" },
		{ "settings", 200, "{\"integrations\":{\"Segment.io\":{}}}", 1, LISTED, "", NULL },
		{ "settings", 200, "{\"integrations\":{}}", 1, LISTED, "", "no settings" },
		{ "refused: delete", 400, REFUSED("delete_direct"), 0, "", "", NULL },
		{ "refused: delete", 400, REFUSED("type"), 0, "", "", "expected 400 delete_direct" },
		{ "refused: delete", 200, "{\"success\":true}", 0, "", "", "expected 400" },
		{ "refused: delete", 400, "{\"code\":\"delete_direct\"}", 0, "", "", "code, message or error" },
		{ "refused: delete", 400, "{\"message\":\"m\",\"error\":\"m\"}", 0, "", "", "code, message or error" },
		{ "refused: delete", 400, "{\"code\":\"delete_direct\",\"message\":\"m\"}", 0, "", "",
		  "code, message or error" },
	};
	struct hs_direct_request request = { 0 };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct hs_http_answer answer = { .status = rows[i].status, .allow_origins = rows[i].origins };
		struct hs_response_verdict v;

		hs_buf_put_slice(&answer.body, hs_slice_str(rows[i].body));
		snprintf(answer.allow_origin, sizeof answer.allow_origin, "%s", rows[i].origin);
		snprintf(answer.allow_headers, sizeof answer.allow_headers, "%s", rows[i].headers);
		assert_true(hs_direct_case_judge(make(rows[i].name, &request), &sender, &answer, &v));
		if ((v.colour == HS_GREEN) != (rows[i].message == NULL) ||
		    (rows[i].message != NULL && strncmp(v.message, rows[i].message, strlen(rows[i].message)) != 0))
			fail_msg("row %zu: %s", i, v.message);
		hs_buf_free(&answer.body);
	}
	hs_direct_request_free(&request);
}

static void is_same(const char *name, const struct hs_buf *got, const struct hs_buf *expected)
{
	if (!hs_slice_eq(hs_buf_slice(got), hs_buf_slice(expected)))
		fail_msg("%s: %.*s", name, (int)got->n, got->p);
}

/* A server that got half of one, or one without its key, would be blamed for its answer. */
TEST(without_memory_no_request_is_made)
{
	for (size_t i = 0; i < hs_direct_cases_count(); i++) {
		struct hs_direct_request whole = { 0 }, request = { 0 };
		unsigned failed = 0;

		assert_true(hs_direct_case_make(i, &sender, &whole));
		do {
			hs_direct_request_free(&request);
			request = (struct hs_direct_request){ 0 };
			wrap_reset();
			wrap_fail(WRAP_REALLOC, ++failed, 1, ENOMEM);
			if (!hs_direct_case_make(i, &sender, &request))
				continue;
			is_same(whole.name, &request.below, &whole.below);
			is_same(whole.name, &request.headers, &whole.headers);
			is_same(whole.name, &request.body, &whole.body);
		} while (wrap_count(WRAP_REALLOC) >= failed);
		wrap_reset();
		assert_true(failed > 2);
		hs_direct_request_free(&request);
		hs_direct_request_free(&whole);
	}
}

/* A server would be blamed for an answer that was not read. */
TEST(without_memory_no_answer_is_judged)
{
	struct hs_direct_request request = { 0 };
	struct hs_http_answer answer = { .status = 200 };
	struct hs_response_verdict v;
	size_t i = make("node: batch", &request);
	unsigned nth = 0;

	hs_buf_put_slice(&answer.body, HS_SLICE("{\"success\":true,\"message\":\"m\"}"));
	do {
		wrap_reset();
		wrap_fail(WRAP_REALLOC, ++nth, 1, ENOMEM);
		assert_true(hs_direct_case_judge(i, &sender, &answer, &v) == (wrap_count(WRAP_REALLOC) < nth));
	} while (wrap_count(WRAP_REALLOC) >= nth);
	wrap_reset();
	assert_true(nth > 1);
	hs_buf_free(&answer.body);
	hs_direct_request_free(&request);
}

TESTS("direct_cases", set_up, tear_down)

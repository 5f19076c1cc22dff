/* check_url: what check --url finds of a mount, for each answer that a web server may give in the handler's place. */
#include "base/hex.h"
#include "config/settings.h"
#include "tests/lib/fake_http.h"
#include "tests/lib/found.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/probe/check_url.h"

#include <errno.h>
#include <sysexits.h>

enum { ROOM = 1 << 16 };

#define COUNTS "{\"accepted\":0,\"duplicate\":0,\"rejected\":0}"
#define SAYS(message) "{\"message\":\"" message "\"}"
#define ORIGIN "https://shop.example"
#define PAGES "[sources]\na = SKEY server\nb = BKEY browser origin=" ORIGIN "\n"

/* A request, by the name of its finding, and its answer in place of the right one. */
struct deviation {
	const char *step;
	struct fake_answer answer;
};

static struct scene {
	struct hs_findings report;
	const char *posts; /* the names of the requests to the mount itself that are to come: "stranger signed" */
	const struct deviation *deviation;
	enum wrap_call fails; /* the nth of these calls; nth 0: none */
	unsigned nth, calls;  /* that were made */
	const char *origin;   /* of all answers that have one; NULL: ORIGIN */
	char forged[64];      /* the header of a signature that nobody has the secret of */
	char batch[128];      /* the body of the last small one of the libraries */
} s;

static char origin[] = ORIGIN, browser_key[] = "BKEY", server_key[] = "SKEY", api_key[] = "k3y";

static bool has_header(const struct hs_http_request *request, const char *begin)
{
	for (size_t at = 0; at < request->headers.n; at += strlen(request->headers.p + at) + 1)
		if (strncmp(request->headers.p + at, begin, strlen(begin)) == 0)
			return true;
	return false;
}

/* Takes names of s.posts up to one that the credentials of the request fit. */
static const char *next_post(const struct hs_http_request *request)
{
	static char name[16];
	bool is_forged = has_header(request, s.forged);

	do {
		size_t n = strcspn(s.posts, " ");

		snprintf(name, sizeof name, "%.*s", (int)n, s.posts);
		s.posts += n + (s.posts[n] == ' ');
	} while ((strcmp(name, "forger") == 0) != is_forged && s.posts[0] != '\0');
	return name;
}

static const char *step_of(const struct hs_http_request *request)
{
	if (strcmp(request->method, "GET") == 0)
		return strcmp(request->below, "/health") == 0 ? "health" : "sdk settings";
	if (strcmp(request->method, "OPTIONS") == 0)
		return "preflight";
	if (strcmp(request->below, "/v1/b") != 0)
		return request->body.n > 2 ? "large body" : next_post(request);
	return has_header(request, "Content-Length:") ? "own errors"
	       : request->chunked                     ? "chunked"
	       : has_header(request, "Content-Enc")   ? "gzip"
	       : request->body.n > sizeof s.batch     ? "sdk body"
	                                              : "sdk batch";
}

static void fake_http_answer(const struct hs_http_request *request, struct fake_answer *answer)
{
	static const struct deviation right[] = {
		{ "health", { .status = 200, .body = "{\"status\":\"ok\"}" } },
		{ "stranger", { .status = 401, .body = SAYS("X-Signature required") } },
		{ "forger", { .status = 401, .body = SAYS("X-Signature does not match") } },
		{ "signed", { .status = 200, .body = COUNTS } },
		{ "key", { .status = 200, .body = COUNTS } },
		{ "large body", { .status = 200, .body = COUNTS } },
		{ "preflight", { .status = 204, .allow_origin = ORIGIN, .allow_origins = 1 } },
		{ "sdk settings",
		  { .status = 200, .body = "{\"a\":\"Segment.io\"}", .allow_origin = ORIGIN, .allow_origins = 1 } },
		{ "own errors", { .status = 413, .allow_origin = ORIGIN, .allow_origins = 1 } },
	};
	const char *step = step_of(request);

	*answer = (struct fake_answer){
		.status = 200, .body = "{\"success\":true}", .allow_origin = ORIGIN, .allow_origins = 1
	};
	for (size_t i = 0; i < sizeof right / sizeof *right; i++)
		if (strcmp(right[i].step, step) == 0)
			*answer = right[i].answer;
	if (s.origin != NULL && answer->allow_origin != NULL)
		answer->allow_origin = s.origin;
	if (s.deviation != NULL && strcmp(s.deviation->step, step) == 0)
		*answer = s.deviation->answer;
	if (strcmp(step, "sdk batch") == 0)
		snprintf(s.batch, sizeof s.batch, "%.*s", (int)request->body.n, request->body.p);
}

/* The exit code; the findings are in s.report.text. */
static int look(const char *settings, const char *url, const struct hs_held *held)
{
	struct hs_http_target target = { .url = url };
	struct hs_settings_error error = { .text = "" };
	char text[512], *no_variables[] = { NULL };
	struct hs_settings *loaded;
	int code;

	snprintf(text, sizeof text, "spool_dir = /x\nmax_body = 64K\nmax_sdk_body = 64K\n%s", settings);
	loaded = hs_settings_new("test", hs_slice_str(text), no_variables, &error);
	if (loaded == NULL)
		fail_msg("%s", error.text);
	hs_buf_free(&s.report.text);
	s.report = (struct hs_findings){ .json = true };
	assert_non_null(hs_buf_reserve(&s.report.text, ROOM));
	wrap_reset();
	if (s.nth > 0)
		wrap_fail(s.fails, s.nth, 1, ENOMEM);
	code = hs_check_url(&s.report, loaded, held, &target);
	s.calls = wrap_count(s.fails);
	wrap_reset();
	hs_settings_free(loaded);
	hs_buf_putc(&s.report.text, '\0');
	return code;
}

static void finds(const char *name, const char *verdict, const char *begin, const char *remedy)
{
	found_in(s.report.text.p, name, verdict, begin, remedy);
}

FIXTURE(begin)
{
	struct hs_hmac *secret = hs_hmac_new(HS_SLICE("not the secret"));
	uint8_t mac[HS_SHA1_BYTES];
	char hex[2 * HS_SHA1_BYTES + 1] = "";

	s = (struct scene){ .posts = "" };
	if (secret == NULL || !hs_hmac_sha1(secret, HS_SLICE("[]"), mac))
		return -1;
	hs_hmac_free(secret);
	hs_hex_encode(mac, sizeof mac, hex);
	snprintf(s.forged, sizeof s.forged, "X-Signature: %s", hex);
	return 0;
}

FIXTURE(finish)
{
	wrap_reset();
	hs_buf_free(&s.report.text);
	return 0;
}

/* --- webhooks -------------------------------------------------------------------- */

static const char signature[] = "secret = s3cret\n";
static const char both[] = "secret = s3cret\nauth = both\n[keys]\na = k3y\n";
static const char key[] = "auth = key\n[keys]\na = k3y\n";
static const char signed_alone[] = "secret = s3cret\nauth = signature\n[keys]\na = k3y\n";
static const char either[] = "secret = s3cret\nauth = either\n[keys]\na = k3y\n";

/* clang-format off */
#define SIGNATURE signature, "stranger forger signed", NULL
#define EITHER either, "stranger forger signed key", api_key
#define BOTH both, "stranger forger signed key", api_key
#define KEY key, "stranger signed key", api_key
#define NO_KEY key, "stranger key", NULL

TEST(what_is_said_of_a_webhooks_answers)
{
	static const struct {
		const char *settings, *posts;
		char *key;
		struct deviation deviation;
		const char *verdict, *begin, *remedy; /* of the finding of that name */
	} rows[] = {
		{ SIGNATURE, { "signed", { .status = 401, .body = SAYS("X-Signature required") } },
		  "fail", "X-Signature does not reach the handler", "look for a proxy before it" },
		{ SIGNATURE, { "large body", { .status = 408 } },
		  "fail", "a large body does not arrive in time", "RequestReadTimeout" },
		{ NO_KEY, { "large body", { .status = 500 } }, "fail", "64.0 KB", "FcgidMaxRequestLen" },
		{ signed_alone, "stranger forger signed", api_key, { "key", { .status = 500 } }, NULL, "", "" },
		{ "auth = none\n[keys]\na = k3y\n", "signed", api_key, { "key", { .status = 500 } }, NULL, "", "" },
		{ SIGNATURE, { "stranger", { .status = 403 } }, "ok", "a request without", "" },
		{ SIGNATURE, { "stranger", { .result = HS_HTTP_CUT } },
		  "fail", "an unsigned request should be refused: the server's fault", "" },
		{ SIGNATURE, { "stranger", { .status = 200, .body = COUNTS } },
		  "fail", "anybody may send", "HOOKSPOOL_CONF" },
		{ SIGNATURE, { "stranger", { .status = 200 } },
		  "fail", "an unsigned request should be refused: 200", "" },
		{ SIGNATURE, { "forger", { .status = 200, .body = COUNTS } },
		  "fail", "a wrong signature should be refused: 200", "" },
		{ SIGNATURE, { "signed", { .status = 401, .body = SAYS("X-Signature does not match") } },
		  "fail", "the handler has another secret", "HOOKSPOOL_CONF" },
		{ EITHER, { "signed", { .status = 401, .body = SAYS("X-Signature or API key required") } },
		  "fail", "X-Signature does not reach the handler", "look for a proxy before it" },
		{ EITHER, { "key", { .status = 401, .body = SAYS("X-Signature or API key required") } },
		  "fail", "the API key is lost", "CGIPassAuth On, in <Location /m>" },
		{ BOTH, { "signed", { .status = 401, .body = SAYS("API key required") } }, NULL, "", "" },
		{ BOTH, { "key", { .status = 401, .body = SAYS("API key required") } },
		  "fail", "the API key is lost", "" },
		{ KEY, { "key", { .status = 401, .body = SAYS("API key unknown") } },
		  "fail", "the handler does not know the API key", "HOOKSPOOL_CONF" },
		{ NO_KEY, { "key", { .status = 401, .body = SAYS("API key unknown") } },
		  "ok", "the API key's header reaches the handler", "" },
		{ NO_KEY, { "key", { .status = 500 } },
		  "fail", "a request with an API key should be accepted: 500", "" },
		{ NO_KEY, { "signed", { .status = 0 } },
		  "warn", "not tried: the settings have no API key", "give --key" },
		{ NO_KEY, { "large body", { .status = 401, .body = SAYS("API key unknown") } }, "ok", "64.0 KB", "" },
		{ NO_KEY, { "large body", { .status = 401 } }, "fail", "64.0 KB", "LimitRequestBody" },
		{ "auth = none\n", "signed", NULL, { "stranger", { .status = 200 } }, NULL, "", "" },
		{ SIGNATURE, { "large body", { .result = HS_HTTP_TIMEOUT } },
		  "fail", "a large body does not arrive in time", "RequestReadTimeout" },
		{ SIGNATURE, { "large body", { .status = 503, .body = SAYS("body did not arrive in time") } },
		  "fail", "a large body does not arrive in time", "RequestReadTimeout" },
		{ SIGNATURE, { "large body", { .status = 413, .body = SAYS("body too large") } },
		  "fail", "the handler has a smaller max_body", "" },
		{ SIGNATURE, { "large body", { .status = 503, .body = SAYS("storage is full") } },
		  "fail", "an empty batch with many blanks should be accepted: 503", "" },
		{ SIGNATURE, { "large body", { .status = 413, .server = "Apache/2.4" } },
		  "fail", "64.0 KB, which max_body allows, are not let through: 413", "\"Apache: LimitRequestBody 81920, in <Location /m>\"" },
		{ SIGNATURE, { "large body", { .status = 500, .server = "Apache/2.4" } },
		  "fail", "64.0 KB", "\"Apache, mod_fcgid: FcgidMaxRequestLen 81920\"" },
		{ SIGNATURE, { "large body", { .status = 413, .server = "lighttpd/1.4" } },
		  "fail", "64.0 KB", "\"lighttpd: server.max-request-size = 80\"" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct hs_held held = { .key = rows[i].key };

		s.posts = rows[i].posts;
		s.deviation = &rows[i].deviation;
		assert_int_equal(look(rows[i].settings, "http://localhost/m", &held), 0);
		assert_string_equal(s.posts, "");
		finds(rows[i].deviation.step, rows[i].verdict, rows[i].begin, rows[i].remedy);
	}
}
/* clang-format on */

TEST(without_an_answer_nothing_else_is_tried)
{
	static const struct {
		enum hs_http_result result;
		int code;
	} rows[] = { { HS_HTTP_NONE, EX_UNAVAILABLE }, { HS_HTTP_URL, 2 }, { HS_HTTP_CUT, 0 } };
	struct hs_held held = { .key = NULL };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct deviation none = { "health", { .result = rows[i].result } };

		s.deviation = &none;
		assert_int_equal(look("auth = none\n", "http://127.0.0.1/m", &held), rows[i].code);
		finds("url", "fail", "the server's fault", "");
		finds("signed", NULL, "", "");
	}
}

TEST(an_address_without_tls_is_warned_of_unless_it_is_here)
{
	static const struct {
		const char *url, *verdict;
	} rows[] = { { "http://127.0.0.1/m", NULL },
		     { "http://localhost/m", NULL },
		     { "http://shop.example/m", "warn" },
		     { "https://shop.example/m", NULL } };
	struct hs_held held = { .key = NULL };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		s.posts = "signed";
		assert_int_equal(look("auth = none\n", rows[i].url, &held), 0);
		finds("url", rows[i].verdict, "over http", "https");
	}
}

/* A remedy that is cut could be wrong. */
TEST(a_mount_whose_path_is_too_long_for_a_remedy)
{
	struct deviation nothing = { "health", { .status = 404 } };
	struct hs_held held = { .key = NULL };
	char url[1200] = "http://localhost/";

	memset(url + strlen(url), 'm', 1100);
	s.deviation = &nothing;
	assert_int_equal(look("auth = none\n", url, &held), 0);
	finds("health", "fail", "nothing is mounted at this URL: 404", "\"remedy\":\"\"");
}

/* --- libraries ------------------------------------------------------------------- */

/* clang-format off */
#define PAGE browser_key, NULL, origin
#define SERVER NULL, server_key, NULL

TEST(what_is_said_of_the_answers_to_libraries)
{
	static const struct {
		char *browser, *server, *origin;
		struct deviation deviation;
		const char *verdict, *begin, *remedy;
	} rows[] = {
		{ PAGE, { "preflight", { .status = 405 } },
		  "fail", "OPTIONS should", "let OPTIONS below /m/v1/ reach" },
		{ PAGE, { "preflight", { .status = 200, .allow_origin = "*", .allow_origins = 1 } },
		  "ok", "a page of " ORIGIN " may send", "" },
		{ PAGE, { "preflight", { .status = 301, .location = "/else" } },
		  "fail", "301: redirected to /else", "nothing below /m," },
		{ PAGE, { "preflight", { .status = 405, .body = SAYS("method not allowed") } },
		  "fail", "OPTIONS should be answered 204: 405", "senders use POST" },
		{ PAGE, { "preflight", { .status = 405, .body = SAYS("no") } },
		  "fail", "OPTIONS should", "let OPTIONS below /m/v1/ reach" },
		{ PAGE, { "preflight", { .result = HS_HTTP_CUT } },
		  "fail", "OPTIONS should be answered 204: the server's", "let OPTIONS" },
		{ PAGE, { "preflight", { .status = 204, .allow_origin = ORIGIN ", *", .allow_origins = 1 } },
		  "fail", "Access-Control-Allow-Origin comes twice", "setifempty" },
		{ PAGE, { "preflight", { .status = 204, .allow_origin = ORIGIN, .allow_origins = 2 } },
		  "fail", "Access-Control-Allow-Origin comes twice", "setifempty" },
		{ PAGE, { "sdk settings", { .result = HS_HTTP_CUT } },
		  "fail", "pages send nothing without", "set public_url" },
		{ PAGE, { "sdk settings", { .status = 302 } }, "fail", "302: redirected to ", "" },
		{ PAGE, { "sdk settings", { .status = 200, .body = "{}" } },
		  "fail", "pages send nothing without their settings: 200", "" },
		{ PAGE, { "sdk settings", { .status = 200, .body = "\"Segment.io\"" } },
		  "fail", "no Access-Control-Allow-Origin", "" },
		{ PAGE, { "sdk batch", { .status = 200, .body = "{}" } },
		  "fail", "an empty batch should be accepted: 200", "" },
		{ PAGE, { "gzip", { .status = 200, .body = "{\"success\":true}" } },
		  "fail", "no Access-Control-Allow-Origin", "" },
		{ PAGE, { "gzip", { .status = 302 } }, "fail", "302: redirected", "" },
		{ SERVER, { "gzip", { .status = 200, .body = "{\"success\":true}" } }, "ok", "an empty batch", "" },
		{ NULL, NULL, NULL, { "sdk batch", { .status = 500 } },
		  "warn", "not tried: the settings have no write key", "" },
		{ browser_key, server_key, origin, { "chunked", { .status = 411, .body = "{\"code\":\"no_length\"}" } },
		  "warn", "chunked bodies do not", "mod_fcgid" },
		{ SERVER, { "sdk body", { .status = 400, .body = SAYS("body too large") } },
		  "fail", "a body as large as max_sdk_body should", "" },
		{ SERVER, { "sdk body", { .status = 200, .body = "{}" } },
		  "fail", "a body as large as max_sdk_body should", "" },
		{ SERVER, { "sdk body", { .result = HS_HTTP_CUT } },
		  "fail", "64.0 KB, which max_sdk_body allows", "client_max_body_size 80k" },
		{ SERVER, { "sdk body", { .status = 413 } },
		  "fail", "64.0 KB, which max_sdk_body allows", "client_max_body_size 80k" },
		{ PAGE, { "own errors", { .result = HS_HTTP_CUT } }, NULL, "", "" },
		{ PAGE, { "own errors", { .status = 200 } }, NULL, "", "" },
		{ PAGE, { "own errors", { .status = 413, .body = "{}" } }, NULL, "", "" },
		{ PAGE, { "own errors", { .status = 413, .server = "lighttpd/1.4" } }, NULL, "", "" },
		{ PAGE, { "own errors", { .status = 413 } },
		  "warn", "the web server's own errors (413) have no ", "HS_ORIGINS" },
		{ PAGE, { "own errors", { .status = 413, .allow_origins = 2 } },
		  "warn", "the web server's own errors (413) have more than one", "" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct hs_held held = { .browser_key = rows[i].browser,
			                .server_key = rows[i].server,
			                .origin = rows[i].origin };

		s.posts = "signed";
		s.deviation = &rows[i].deviation;
		assert_int_equal(look("auth = none\n" PAGES, "https://shop.example/m", &held), 0);
		finds(rows[i].deviation.step, rows[i].verdict, rows[i].begin, rows[i].remedy);
		if (rows[i].server != NULL || rows[i].browser != NULL)
			assert_non_null(strstr(s.batch, rows[i].server != NULL ? "\"writeKey\":\"SKEY\""
			                                                       : "\"writeKey\":\"BKEY\""));
	}
}
/* clang-format on */

/* --- want of memory --------------------------------------------------------------- */

/* A report of which a part was not tried is not the clean one, and what it says is excused by the want of memory. */
static void check_excused(const char *clean, int code)
{
	bool same = strcmp(s.report.text.p, clean) == 0, failed = s.calls >= s.nth;
	char *rest = s.report.text.p, *line;

	if (failed == same || (failed && code != EX_OSERR && strstr(rest, "of memory are wanted") == NULL))
		fail_msg("call %d, %u: %d %s", (int)s.fails, s.nth, code, rest);
	while ((line = strsep(&rest, "\n")) != NULL)
		if (strstr(line, "\"verdict\":\"fail\"") != NULL && strstr(line, "for want of memory") == NULL)
			fail_msg("call %d, %u: %s", (int)s.fails, s.nth, line);
}

/* Neither may the server be blamed, nor an answer be praised that belongs to an earlier request. */
TEST(want_of_memory_is_not_the_servers_fault)
{
	static const enum wrap_call calls[] = { WRAP_REALLOC, WRAP_MALLOC, WRAP_CALLOC, WRAP_SHA1 };
	static char long_origin[240] = "https://shop.example:1"; /* so that the headers grow */
	static const char settings[] = "secret = s3cret\nauth = both\n"
				       "[keys]\na = k3y\n" PAGES;
	struct hs_held held = { .key = api_key, .browser_key = browser_key, .origin = long_origin };
	bool wants_room = false;
	char *clean;
	int code;

	memset(long_origin + strlen(long_origin), '1', sizeof long_origin - 1 - strlen(long_origin));
	s.origin = long_origin;
	s.posts = "stranger forger signed key";
	assert_int_equal(look(settings, "https://shop.example/m", &held), 0);
	assert_int_equal(s.report.count[HS_CHECK_FAIL], 0);
	clean = unit_exact_copy(hs_buf_slice(&s.report.text));
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		s.fails = calls[i];
		s.nth = 0;
		do {
			s.nth++;
			s.posts = "stranger forger signed key";
			code = look(settings, "https://shop.example/m", &held);
			wants_room =
			    wants_room || strstr(s.report.text.p, "not tried: 64.0 KB of memory are wanted") != NULL;
			check_excused(clean, code);
		} while (s.calls >= s.nth);
		assert_true(s.nth > 1);
	}
	assert_true(wants_room);
	free(clean);
}

TESTS("check_url", begin, finish)

/*
 * intake_faults: when memory or a file fails while a request is served, a sender is told that it is our fault, and a
 * second attempt is served in full. What is kept is whole.
 */
#include "cgi/http/console/session.h"
#include "cgi/http/console/web_files.h"
#include "tests/lib/events.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/stage.h"
#include "tests/lib/wrap.h"

#include <limits.h>
#include <zlib.h>

static struct spooldir d;
static struct stage *stage;
static struct hs_buf answer, records, rejected, zipped; /* of the first run, which had no fault */
static char cookie[HS_SESSION_COOKIE];

FIXTURE(setup)
{
	spooldir_make(&d, "");
	close(spooldir_open(&d));
	spooldir_mkdir(&d, ".hookspool");
	spooldir_mkdir(&d, ".hookspool/run");
	return 0;
}

FIXTURE(teardown)
{
	fail_each_tell();
	wrap_reset();
	if (stage != NULL)
		free_stage(stage);
	stage = NULL;
	hs_buf_free(&answer);
	hs_buf_free(&records);
	hs_buf_free(&rejected);
	hs_buf_free(&zipped);
	spooldir_remove(&d);
	return 0;
}

/* Room for what the stage notes, so that no planned failure hits it. */
static void reserve(struct hs_buf *b)
{
	assert_non_null(hs_buf_reserve(b, 1 << 18));
}

/* A handler that has served nothing yet. */
static void begin(const char *settings)
{
	char text[PATH_MAX + 2000];

	if (stage != NULL)
		free_stage(stage);
	snprintf(text, sizeof text, "spool_dir = %s\n%s", d.path, settings);
	stage = new_stage(text, HS_SLICE(""));
	reserve(&stage->records);
	reserve(&stage->rejected);
	reserve(&stage->head);
	reserve(&stage->answer);
	reserve(&stage->log);
}

static int serve_any(void)
{
	int status;

	serve_and_read_log(stage);
	hs_buf_putc(&stage->head, '\0');
	assert_int_equal(sscanf(stage->head.p, "Status: %d", &status), 1);
	return status;
}

/* Any answer but the right one must blame us: a sender gives up what it is itself blamed for. */
static enum hs_result outcome(int status, int expected)
{
	if (status == expected)
		return HS_OK;
	if (status != 503 && status != 500)
		fail_msg("%d: %.*s", status, (int)stage->answer.n, stage->answer.p);
	return HS_E_MEMORY;
}

static void is_same(struct hs_buf *first, const struct hs_buf *now)
{
	if (first->p == NULL)
		hs_buf_put_slice(first, hs_buf_slice(now));
	assert_slice_equal(hs_buf_slice(first), hs_buf_slice(now));
}

static void is_served(void)
{
	assert_true(stage->answer.n > 0);
	is_same(&answer, &stage->answer);
	is_same(&records, &stage->records);
	is_same(&rejected, &stage->rejected);
}

/* --- a webhook ------------------------------------------------------------------------------------- */

static void prepare_webhook(void)
{
	begin("auth = both\nsecret = s3cret\n[keys]\nacme = a long k3y\n");
}

static enum hs_result run_webhook(void)
{
	static const char text[] =
	    "[{\"type\":\"page\",\"userId\":\"u\",\"messageId\":\"m\",\"properties\":{\"Some\\u0041\":[1,{\"b\":2}]}},"
	    "{\"type\":\"page\"},{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"messageId\":\"m2\"}]";

	next_request(stage, HS_SLICE(text));
	param(stage, "HTTP_X_SEGMENT_SETTINGS", "eyJhIjp7ImIiOjF9fQ==");
	param(stage, "HTTP_AUTHORIZATION", "Bearer a long k3y");
	sign(stage, HS_SLICE(text));
	return outcome(serve_any(), 200);
}

static void is_webhook(void)
{
	assert_true(contains(&stage->answer, "\"accepted\":2"));
	assert_true(contains(&stage->records, "\"properties_some_a"));
	assert_true(contains(&stage->rejected, "userId or anonymousId required"));
	is_served();
}

TEST(a_webhook)
{
	fail_each(&(struct job){ prepare_webhook, run_webhook, is_webhook, UINT_MAX });
}

static void prepare_open(void)
{
	begin("auth = none\n");
}

static enum hs_result run_rejected(void)
{
	next_request(stage, HS_SLICE(NO_ID));
	return outcome(serve_any(), 400);
}

static void is_rejected(void)
{
	assert_true(contains(&stage->rejected, "\"message\":\"userId or anonymousId required\""));
	is_served();
}

TEST(an_event_that_is_rejected)
{
	fail_each(&(struct job){ prepare_open, run_rejected, is_rejected, UINT_MAX });
}

/* --- a library -------------------------------------------------------------------------------------- */

static void prepare_library(void)
{
	static const char text[] =
	    "{\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"messageId\":\"m\",\"context\":{\"library\":{\"name\":"
	    "\"x\"}}},"
	    "{\"type\":\"identify\",\"anonymousId\":\"v\",\"messageId\":\"m2\",\"traits\":{\"a\":1}}],"
	    "\"writeKey\":\"write\\u006bey1\",\"sentAt\":\"2026-11-23T10:15:00.000Z\",\"context\":{\"app\":{\"name\":"
	    "\"y\"}}}";
	z_stream z = { .next_in = (Bytef *)(uintptr_t)text, .avail_in = sizeof text - 1 };

	begin("auth = none\npublic_url = https://events.example\n[sources]\nshop = writekey1 browser "
	      "origin=https://shop.example\n");
	if (zipped.n > 0)
		return;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = (Bytef *)hs_buf_reserve(&zipped, 1000);
	z.avail_out = 1000;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	zipped.n = z.total_out;
	deflateEnd(&z);
}

static enum hs_result run_library(void)
{
	next_request(stage, hs_buf_slice(&zipped));
	param(stage, "PATH_INFO", "/v1/batch");
	param(stage, "HTTP_CONTENT_ENCODING", "gzip");
	param(stage, "HTTP_ORIGIN", "https://shop.example");
	return outcome(serve_any(), 200);
}

static void is_library(void)
{
	assert_true(contains(&stage->records, "\"context_app_name\":\"y\""));
	is_served();
}

TEST(a_library)
{
	fail_each(&(struct job){ prepare_library, run_library, is_library, UINT_MAX });
}

/* A body whose length is not known before it ends. */
static enum hs_result run_chunked(void)
{
	static char text[20000];

	snprintf(
	    text, sizeof text,
	    "{\"type\":\"page\",\"userId\":\"u\",\"messageId\":\"m\",\"writeKey\":\"writekey1\",\"properties\":{\"a\":"
	    "\"%018000d\"}}",
	    0);
	next_request(stage, hs_slice_str(text));
	stage->param_count = 0;
	param(stage, "REQUEST_METHOD", "POST");
	param(stage, "REMOTE_ADDR", "192.0.2.1");
	param(stage, "PATH_INFO", "/v1/page");
	param(stage, "HTTP_ORIGIN", "https://shop.example");
	return outcome(serve_any(), 200);
}

TEST(a_body_without_a_length)
{
	fail_each(&(struct job){ prepare_library, run_chunked, is_served, UINT_MAX });
	assert_true(contains(&stage->records, "\"properties_a\":\"000"));
}

/* Its key is in the header, so what cannot be inflated is kept for its source. */
static enum hs_result run_broken(void)
{
	next_request(stage, HS_SLICE("no gzip"));
	param(stage, "PATH_INFO", "/v1/batch");
	param(stage, "HTTP_CONTENT_ENCODING", "gzip");
	param(stage, "HTTP_AUTHORIZATION", "Basic d3JpdGVrZXkxOg==");
	param(stage, "HTTP_ORIGIN", "https://shop.example");
	return outcome(serve_any(), 400);
}

static void is_broken(void)
{
	assert_true(contains(&stage->rejected, "\"source\":\"shop\",\"message\":\"body is not whole gzip\""));
}

TEST(a_body_that_cannot_be_inflated)
{
	fail_each(&(struct job){ prepare_library, run_broken, is_broken, UINT_MAX });
}

static void prepare_script(void)
{
	char settings[PATH_MAX + 200];

	spooldir_write(&d, "script.js", HS_SLICE("analytics()"));
	snprintf(
	    settings, sizeof settings,
	    "auth = none\nsdk_script = %s\npublic_url = https://events.example\n[sources]\nshop = writekey1 browser "
	    "origin=https://shop.example\n",
	    spooldir_path(&d, "script.js"));
	begin(settings);
}

static int get_script(void)
{
	next_request(stage, HS_SLICE(""));
	stage->param_count = 0;
	param(stage, "REQUEST_METHOD", "GET");
	param(stage, "REMOTE_ADDR", "192.0.2.1");
	param(stage, "PATH_INFO", "/analytics.js/v1/writekey1/analytics.min.js");
	return serve_any();
}

static enum hs_result run_script(void)
{
	int status = get_script();

	assert_int_equal(contains(&stage->head, "ETag: \""), status == 200);
	/* a script that cannot be read is none, which costs no event */
	return status == 404 ? HS_E_SDK_SCRIPT : outcome(status, 200);
}

TEST(the_script_of_a_library)
{
	fail_each(&(struct job){ prepare_script, run_script, is_served, UINT_MAX });
	assert_true(contains(&answer, "analytics()"));
	prepare_library(); /* which has no script */
	assert_int_equal(get_script(), 404);
}

static enum hs_result run_settings(void)
{
	next_request(stage, HS_SLICE(""));
	stage->param_count = 0;
	param(stage, "REQUEST_METHOD", "GET");
	param(stage, "REMOTE_ADDR", "192.0.2.1");
	param(stage, "PATH_INFO", "/v1/projects/writekey1/settings");
	return outcome(serve_any(), 200);
}

TEST(settings_of_a_library)
{
	fail_each(&(struct job){ prepare_library, run_settings, is_served, UINT_MAX });
	assert_true(contains(&answer, "events.example/v1"));
}

/* --- a monitor ----------------------------------------------------------------------------------------- */

static void put_figures(void *self, enum hs_exposition format, struct hs_buf *out)
{
	(void)self;
	hs_buf_put_slice(out, HS_SLICE("hookspool_events_total 1\n"));
	if (format == HS_EXPOSITION_OPENMETRICS)
		hs_buf_put_slice(out, HS_SLICE("# EOF\n"));
}

static void prepare_monitor(void)
{
	begin("auth = none\nmetrics_token = a-token-of-a-monitor\n");
	stage->store.put_figures = put_figures;
}

static int get_figures(const char *authorization, const char *accept)
{
	next_request(stage, HS_SLICE(""));
	stage->param_count = 0;
	stage->params[0] = NULL;
	param(stage, "REQUEST_METHOD", "GET");
	param(stage, "REMOTE_ADDR", "192.0.2.1");
	param(stage, "PATH_INFO", "/metrics");
	if (authorization != NULL)
		param(stage, "HTTP_AUTHORIZATION", authorization);
	if (accept != NULL)
		param(stage, "HTTP_ACCEPT", accept);
	return serve_any();
}

static enum hs_result run_monitor(void)
{
	return outcome(get_figures("Bearer a-token-of-a-monitor", NULL), 200);
}

/* 401 would have its operator look for a wrong token. */
TEST(figures_for_a_monitor)
{
	fail_each(&(struct job){ prepare_monitor, run_monitor, is_served, UINT_MAX });
	assert_true(contains(&answer, "hookspool_events_total 1"));
	assert_int_equal(get_figures("Bearer a-token-of-a-moniton", NULL), 401);
	assert_int_equal(get_figures("Basic YS10b2tlbi1vZi1hLW1vbml0b3I=", NULL), 401);
	assert_int_equal(get_figures(NULL, NULL), 401);
}

TEST(figures_in_the_form_that_a_monitor_wants)
{
	prepare_monitor();
	assert_int_equal(get_figures("Bearer a-token-of-a-monitor", "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), 200);
	assert_false(contains(&stage->answer, "# EOF"));
	assert_int_equal(get_figures("Bearer a-token-of-a-monitor",
	                             "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"),
	                 200);
	assert_true(contains(&stage->answer, "# EOF"));
}

/* --- the console ----------------------------------------------------------------------------------------- */

#define PASSWORD \
	"auth = none\nconsole_http = yes\nconsole_password = " \
	"scrypt:15:8:1:00112233445566778899aabbccddeeff:" \
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"

static void prepare_console(void)
{
	struct hs_session_file *file;
	enum hs_result result;

	begin(PASSWORD);
	if (cookie[0] != '\0')
		return;
	stage->exchange->settings = stage->settings;
	stage->exchange->scratch = stage->scratch;
	param(stage, "SCRIPT_NAME", "/m");
	file = hs_session_file_open(d.path, &result);
	assert_non_null(file);
	assert_result(hs_session_begin(stage->exchange, file, cookie), HS_OK);
	hs_session_file_close(file);
	*strchr(cookie, ';') = '\0';
}

static const char *page;

static enum hs_result run_page(void)
{
	int status;

	next_request(stage, HS_SLICE(""));
	stage->param_count = 0;
	param(stage, "REQUEST_METHOD", "GET");
	param(stage, "REMOTE_ADDR", "192.0.2.1");
	param(stage, "SCRIPT_NAME", "/m");
	param(stage, "PATH_INFO", page);
	param(stage, "HTTP_COOKIE", cookie);
	status = serve_any();
	/* without a folder for sessions the page is the login, as before the first event */
	return status == 401 && strcmp(page, "/console") == 0 ? HS_E_SPOOL_DIR : outcome(status, 200);
}

/* The pages differ in the times that they show. */
static void is_page(void)
{
	assert_in_range(stage->answer.n, 1, 1 << 18);
	assert_true(hs_buf_ok(&stage->answer));
}

static void fill(void)
{
	struct hs_spool *spool = hs_spool_new(d.settings);

	assert_non_null(spool);
	assert_result(events_append(spool, "a b c", NULL), HS_OK);
	hs_spool_free(spool);
}

TEST(pages_of_the_console)
{
	char file[100];
	const char *const pages[] = { "/console",          "/console/feed",   "/console/rejected",
		                      "/console/overview", "/console/schema", file };

	snprintf(file, sizeof file, "/console/%.*s", (int)hs_web_files[1].name.n, hs_web_files[1].name.p);
	fill();
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		page = pages[i];
		fail_each(&(struct job){ prepare_console, run_page, is_page, 60 });
	}
}

TESTS("intake_faults", setup, teardown)

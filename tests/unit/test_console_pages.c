/* console_pages: logging in with what browsers and strangers send, and the pages over files as they may be. */
#include "cgi/http/console/session.h"
#include "cgi/http/console/web_files.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/stage.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <limits.h>

static struct spooldir d;
static struct stage *stage;
static char cookie[HS_SESSION_COOKIE];

/* "open sesame", with the least work that is allowed. */
#define HASH \
	"scrypt:14:8:1:30313233343536373839616263646566:" \
	"a582a2513e81dc0d896973c3d873f73c656ed0ced2afb2e214ae0071a1211510"

FIXTURE(setup)
{
	char conf[PATH_MAX + 400];

	spooldir_make(&d, "");
	close(spooldir_open(&d));
	spooldir_mkdir(&d, ".hookspool");
	spooldir_mkdir(&d, ".hookspool/run");
	snprintf(conf, sizeof conf,
	         "spool_dir = %s\nauth = none\nconsole_http = yes\npublic_url = https://events.example/hook\n"
	         "console_password = " HASH "\n",
	         d.path);
	stage = new_stage(conf, HS_SLICE(""));
	return 0;
}

FIXTURE(teardown)
{
	wrap_reset();
	free_stage(stage);
	spooldir_remove(&d);
	return 0;
}

static int status_of(void)
{
	int status;

	serve_and_read_log(stage);
	hs_buf_putc(&stage->head, '\0');
	assert_int_equal(sscanf(stage->head.p, "Status: %d", &status), 1);
	return status;
}

/* --- logging in ------------------------------------------------------------------------------------- */

/* Posts a form from an address; NULL: the server does not tell it. */
static int log_in(const char *form, const char *address)
{
	next_request(stage, hs_slice_str(form));
	if (address == NULL)
		stage->params[--stage->param_count] = NULL;
	else
		snprintf(stage->param[stage->param_count - 1], sizeof stage->param[0], "REMOTE_ADDR=%s", address);
	param(stage, "CONTENT_TYPE", "application/x-www-form-urlencoded");
	param(stage, "PATH_INFO", "/console/login");
	param(stage, "SCRIPT_NAME", "/m");
	param(stage, "HTTP_SEC_FETCH_SITE", "same-origin");
	return status_of();
}

TEST(forms_that_browsers_do_not_send_are_refused)
{
	assert_int_equal(log_in("password=%zz", "192.0.2.1"), 400);
	assert_int_equal(log_in("password=%c3", "192.0.2.1"), 400);
	assert_int_equal(log_in("password=a%00b", "192.0.2.1"), 400);
	assert_true(contains(&stage->answer, "the query has a value that cannot be used"));
	assert_int_equal(log_in("", "192.0.2.1"), 401);
	assert_int_equal(log_in("password=open+sesame", "192.0.2.1"), 200);
	assert_true(contains(&stage->head, "Set-Cookie: hookspool_console="));
}

TEST(half_a_form_is_no_wrong_password)
{
	next_request(stage, HS_SLICE("password=open+sesame"));
	stage->body.n -= 3;
	stage->then = PEER_GONE;
	param(stage, "CONTENT_TYPE", "application/x-www-form-urlencoded");
	param(stage, "PATH_INFO", "/console/login");
	param(stage, "HTTP_SEC_FETCH_SITE", "same-origin");
	assert_int_equal(status_of(), 400);
	stage->then = AT_THE_END;
	for (int i = 0; i < HS_SESSION_TRIES; i++) /* nor is it a try */
		assert_int_equal(log_in("password=%20", "192.0.2.1"), 401);
}

/* A server on a socket in the file system, or an odd one: all such senders have their tries together. */
TEST(without_an_address_tries_are_counted_too)
{
	for (int i = 0; i < HS_SESSION_TRIES; i++)
		assert_int_equal(log_in("password=%20", i % 2 == 0 ? NULL : "unix:"), 401);
	assert_int_equal(log_in("password=open+sesame", NULL), 429);
	assert_true(contains(&stage->head, "Retry-After: "));
	assert_int_equal(log_in("password=open+sesame", "192.0.2.1"), 200);
}

/* Lets each call of a kind fail in turn. Returns how often that kept the sender out. */
static unsigned log_in_despite(enum wrap_call call)
{
	int status = 0;
	unsigned failed = 0;

	for (unsigned nth = 1; status != 200; nth++) {
		wrap_fail(call, nth, 1, wrap_error(call));
		status = log_in("password=open+sesame", "192.0.2.1");
		wrap_reset();
		failed += status == 503;
		assert_true(status == 200 || status == 503);
		assert_int_equal(contains(&stage->head, "Set-Cookie: hookspool_console=;"), false);
		assert_int_equal(contains(&stage->head, "Set-Cookie: hookspool_console="), status == 200);
	}
	return failed;
}

TEST(without_memory_nobody_is_in_and_nobody_has_a_wrong_password)
{
	assert_true(log_in_despite(WRAP_MALLOC) > 2);     /* the password's key and room, and the session's key */
	assert_int_equal(log_in_despite(WRAP_CALLOC), 2); /* the session file, for the try and for the session */
}

TEST(a_disk_that_fails_is_no_wrong_password_either)
{
	assert_int_equal(log_in_despite(WRAP_PWRITE), 2); /* the new file's key, the try … */
	assert_int_equal(log_in_despite(WRAP_PWRITE), 2); /* … the next try, and that it is forgiven */
}

/* --- pages --------------------------------------------------------------------------------------------- */

static void begin_session(void)
{
	struct hs_session_file *file;
	enum hs_result result;

	next_request(stage, HS_SLICE(""));
	stage->exchange->settings = stage->settings;
	stage->exchange->scratch = stage->scratch;
	param(stage, "SCRIPT_NAME", "/m");
	file = hs_session_file_open(d.path, &result);
	assert_non_null(file);
	assert_result(hs_session_begin(stage->exchange, file, cookie), HS_OK);
	hs_session_file_close(file);
	*strchr(cookie, ';') = '\0';
}

static int get(const char *path, const char *query)
{
	next_request(stage, HS_SLICE(""));
	stage->param_count = 0;
	param(stage, "REQUEST_METHOD", "GET");
	param(stage, "REMOTE_ADDR", "192.0.2.1");
	param(stage, "SCRIPT_NAME", "/m");
	param(stage, "PATH_INFO", path);
	param(stage, "QUERY_STRING", query);
	param(stage, "HTTP_COOKIE", cookie);
	return status_of();
}

static int log_out(enum wrap_call call, unsigned nth)
{
	int status;

	next_request(stage, HS_SLICE(""));
	param(stage, "CONTENT_TYPE", "application/x-www-form-urlencoded");
	param(stage, "PATH_INFO", "/console/logout");
	param(stage, "SCRIPT_NAME", "/m");
	param(stage, "HTTP_SEC_FETCH_SITE", "same-origin");
	param(stage, "HTTP_COOKIE", cookie);
	wrap_fail(call, nth, 1, wrap_error(call));
	status = status_of();
	wrap_reset();
	return status;
}

/* Then the one who wanted to end it must not think that it has ended. */
TEST(a_session_that_cannot_be_ended_goes_on)
{
	static const enum wrap_call calls[] = { WRAP_CALLOC, WRAP_PWRITE };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		unsigned failed = 0;

		begin_session();
		while (log_out(calls[i], failed + 1) != 200) {
			failed++;
			assert_int_equal(get("/console/feed", ""), 200);
		}
		assert_true(failed > 0);
		assert_int_equal(get("/console/feed", ""), 401);
	}
}

TEST(the_overview_has_the_address_for_segment)
{
	begin_session();
	assert_int_equal(get("/console/overview", ""), 200);
	assert_true(contains(&stage->answer, "\"https://events.example/hook"));
	assert_true(contains(&stage->answer, "\"recent_bytes\":0,"));
}

static void put_rejected(struct hs_buf *lines, const char *at, const char *message, int number)
{
	hs_buf_printf(lines, "{\"type\":\"rejected\"%s%s%s,\"message\":\"%s %d\",\"body\":\"{}\"}\n",
	              at[0] != '\0' ? ",\"spooled_at\":\"" : "", at, at[0] != '\0' ? "\"" : "", message, number);
}

/* It is there only while the program catches up, so only a healthy one is said to. */
TEST(the_overview_says_what_is_wrong)
{
	begin_session();
	stage->catching_up = true;
	assert_int_equal(get("/console/overview", ""), 200);
	assert_true(contains(&stage->answer, "\"well\":true,\"catching_up\":true,\"message\":\"\""));
	stage->health_result = HS_E_FULL;
	assert_int_equal(get("/console/overview", ""), 200);
	assert_true(contains(&stage->answer, "\"well\":false,\"catching_up\":false,\"message\":\"storage is full"));
}

TEST(files_of_the_console)
{
	char path[100];

	snprintf(path, sizeof path, "/console/%.*s", (int)hs_web_files[1].name.n, hs_web_files[1].name.p);
	begin_session();
	assert_int_equal(get(path, ""), 200);
	assert_int_equal(get("/console/other.css", ""), 404);
	assert_int_equal(get("/console/console", ""), 404);
	stage->settings->console_http = false;
	assert_int_equal(get(path, ""), 403);
	assert_int_equal(get("/console/other.css", ""), 403);
}

/* The form of the page never sends this, so the whole request is refused rather than a filter left out. */
TEST(a_filter_that_is_no_text_is_refused)
{
	begin_session();
	assert_int_equal(get("/console/feed", "text=%FF"), 400);
	assert_int_equal(get("/console/feed", "type=%FF&text=x"), 400);
	assert_int_equal(get("/console/feed", "text=x&type=track"), 200);
}

/* Other programs may write into it, and need not know which fields a record ends with. */
TEST(a_filter_looks_through_whole_records)
{
	spooldir_write(
	    &d, "events.jsonl",
	    HS_SLICE("{\"type\":\"track\",\"event\":\"Bought\"}\n{\"type\":\"track\"}\n{\"type\":\"page\"}\n"));
	begin_session();
	assert_int_equal(get("/console/feed", "type=track&event=Bought"), 200);
	assert_true(contains(&stage->answer, "Bought"));
	assert_false(contains(&stage->answer, "{\"type\":\"track\"}"));
	assert_false(contains(&stage->answer, "page"));
}

/* Any program may have written into the file. */
TEST(rejected_lines_of_any_kind_are_counted)
{
	struct hs_buf lines = { 0 };
	char longer[260];

	memset(longer, 'm', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	put_rejected(&lines, "2026-11-23T10:15:00.123Z", longer, 1);
	put_rejected(&lines, "", longer, 2);          /* differs beyond what is compared, and has no time */
	put_rejected(&lines, "yesterday", longer, 3); /* or none that is one */
	for (int i = 0; i < 120; i++)                 /* more than are told apart */
		put_rejected(&lines, "2026-11-23T10:15:00.123Z", "reason", i);
	spooldir_write(&d, "rejected.jsonl", hs_buf_slice(&lines));
	begin_session();
	assert_int_equal(get("/console/rejected", "reason=reason+7"), 200);
	assert_true(contains(&stage->answer, "mmm\",\"remedy\":\"\",\"count\":3,\"first\":\"2026-11-23T10:15:00.123Z\","
	                                     "\"last\":\"2026-11-23T10:15:00.123Z\"}"));
	assert_true(contains(&stage->answer, "\"reason\":\"reason 98\""));
	assert_false(contains(&stage->answer, "\"reason\":\"reason 99\""));
	assert_true(contains(&stage->answer, "\"lines\":[\"{\\\"type\\\":\\\"rejected\\\""));
	hs_buf_free(&lines);
}

/* Puts lines of one reason, of about this many bytes in all. */
static void put_many(struct hs_buf *lines, const char *reason, size_t bytes)
{
	static char body[60000];
	size_t end = lines->n + bytes;

	memset(body, 'x', sizeof body - 1);
	while (lines->n < end)
		hs_buf_printf(lines, "{\"type\":\"rejected\",\"message\":\"%s\",\"body\":\"%s\"}\n", reason, body);
}

/* A page must not take seconds because somebody has sent nonsense for days. */
TEST(only_the_newest_of_many_rejected_lines_are_read)
{
	enum { MOST = 8 << 20 };
	struct hs_buf lines = { 0 };

	put_rejected(&lines, "2026-11-23T10:15:00.123Z", "oldest", 1);
	spooldir_write(&d, "rejected-20260101T000000.000Z-000001.jsonl", hs_buf_slice(&lines));
	hs_buf_reset(&lines);
	put_many(&lines, "older", MOST);
	spooldir_write(&d, "rejected-20260102T000000.000Z-000002.jsonl", hs_buf_slice(&lines));
	hs_buf_reset(&lines);
	put_rejected(&lines, "2026-11-23T10:15:00.123Z", "cut off", 1);
	put_many(&lines, "newer", MOST);
	spooldir_write(&d, "rejected.jsonl", hs_buf_slice(&lines));
	begin_session();
	assert_int_equal(get("/console/rejected", "reason=newer"), 200);
	assert_true(contains(&stage->answer, "{\"more\":true,"));
	assert_true(contains(&stage->answer, "\"reason\":\"newer\""));
	assert_true(contains(&stage->answer, "\"reason\":\"older\""));
	assert_false(contains(&stage->answer, "cut off"));
	assert_false(contains(&stage->answer, "oldest"));
	spooldir_write(&d, "rejected.jsonl", HS_SLICE("")); /* no file is long by itself, but both together */
	assert_int_equal(get("/console/rejected", ""), 200);
	assert_true(contains(&stage->answer, "{\"more\":true,"));
	assert_false(contains(&stage->answer, "oldest"));
	hs_buf_free(&lines);
}

/* Without a body, where max_rejected keeps none; and more of one reason than the page shows. */
TEST(the_newest_lines_of_a_reason_are_shown)
{
	struct hs_buf lines = { 0 };

	hs_buf_printf(&lines, "{\"type\":\"rejected\",\"message\":\"old\",\"n\":0}\n");
	spooldir_write(&d, "rejected-20260101T000000.000Z-000001.jsonl", hs_buf_slice(&lines));
	hs_buf_reset(&lines);
	for (int i = 1; i <= 21; i++)
		hs_buf_printf(&lines, "{\"type\":\"rejected\",\"message\":\"old\",\"n\":%d}\n", i);
	spooldir_write(&d, "rejected.jsonl", hs_buf_slice(&lines));
	begin_session();
	assert_int_equal(get("/console/rejected", "reason=old"), 200);
	assert_true(contains(&stage->answer, "\"count\":22,"));
	assert_true(contains(&stage->answer, "\\\"n\\\":21}\",")); /* the newest first */
	assert_true(contains(&stage->answer, "\\\"n\\\":2}\"]"));
	hs_buf_free(&lines);
}

static unsigned sealings;

/* Seals the open file, as intake does; a new one has a line of its own. */
static void seal(void *context)
{
	struct hs_buf lines = { 0 };
	char name[64];

	sealings++;
	snprintf(name, sizeof name, "rejected-20260101T000000.%03uZ-%06u.jsonl", sealings, sealings);
	assert_int_equal(rename(spooldir_path(&d, "rejected.jsonl"), spooldir_path(&d, name)), 0);
	put_rejected(&lines, "2026-11-23T10:15:01.123Z", "later", 1);
	spooldir_write(&d, "rejected.jsonl", hs_buf_slice(&lines));
	hs_buf_free(&lines);
	if (context != NULL)
		wrap_before(WRAP_FDOPENDIR, 1, seal, context);
}

/* Between a look at the open file and one at the others. */
TEST(a_file_that_is_sealed_meanwhile_is_counted_once)
{
	struct hs_buf lines = { 0 };

	put_rejected(&lines, "2026-11-23T10:15:00.123Z", "reason", 1);
	spooldir_write(&d, "rejected.jsonl", hs_buf_slice(&lines));
	begin_session();
	wrap_before(WRAP_FDOPENDIR, 1, seal, NULL);
	assert_int_equal(get("/console/rejected", ""), 200);
	assert_int_equal(sealings, 1);
	assert_true(contains(&stage->answer, "\"reason 1\",\"remedy\":\"\",\"count\":1,"));
	assert_true(contains(&stage->answer, "\"later 1\",\"remedy\":\"\",\"count\":1,"));
	wrap_before(WRAP_FDOPENDIR, 1, seal, &sealings); /* again and again */
	assert_int_equal(get("/console/rejected", ""), 503);
	wrap_reset();
	hs_buf_free(&lines);
}

/* Other programs may bring a segment of a number that is used. */
TEST(two_files_of_one_number_are_both_counted)
{
	struct hs_buf lines = { 0 };

	put_rejected(&lines, "2026-11-23T10:15:00.123Z", "reason", 1);
	spooldir_write(&d, "rejected-20260101T000000.000Z-000001.jsonl", hs_buf_slice(&lines));
	spooldir_write(&d, "rejected-20260102T000000.000Z-000001.jsonl", hs_buf_slice(&lines));
	begin_session();
	assert_int_equal(get("/console/rejected", ""), 200);
	assert_true(contains(&stage->answer, "\"reason 1\",\"remedy\":\"\",\"count\":2,"));
	hs_buf_free(&lines);
}

TEST(a_file_that_cannot_be_read_is_told)
{
	struct hs_buf lines = { 0 };
	int status = 0;

	put_rejected(&lines, "2026-11-23T10:15:00.123Z", "reason", 1);
	spooldir_write(&d, "rejected.jsonl", hs_buf_slice(&lines));
	begin_session();
	for (unsigned nth = 1; nth < 8; nth++) { /* a length that is not told limits nothing, but keeps nothing back */
		wrap_fail(WRAP_FSTAT, nth, 1, EIO);
		status = get("/console/rejected", "");
		wrap_reset();
		assert_true(status == 200 || status == 503);
		assert_int_equal(contains(&stage->answer, "\"reason 1\""), status == 200);
	}
	status = 0;
	for (unsigned nth = 2; status != 200; nth++) { /* the first one reads the session */
		wrap_fail(WRAP_PREAD, nth, 1, EIO);
		status = get("/console/rejected", "");
		wrap_reset();
		assert_true(status == 200 || (status == 503 && nth < 8));
		assert_int_equal(contains(&stage->answer, "\"reason 1\""), status == 200);
	}
	hs_buf_free(&lines);
}

TESTS("console_pages", setup, teardown)

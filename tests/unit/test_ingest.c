/*
 * ingest: whole requests, with a transport and a store in memory.
 *
 * A `struct stage` is both: it feeds one request, takes what would be kept, and
 * writes down the order of the calls, one letter each:
 * R read, A append, P post, H health, W write, F finish, E ended.
 */
#include "base/log.h"
#include "cgi/http/router.h"
#include "config/settings.h"
#include "tests/lib/unit.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AT "2026-11-23T10:15:00.123Z"
#define PAGE "{\"type\":\"page\",\"userId\":\"u\",\"messageId\":\"m\"}"
#define PAGE_LINE "{\"type\":\"page\",\"user_id\":\"u\",\"message_id\":\"m\",\"spooled_at\":\"" AT "\"}\n"
#define CONF "spool_dir = /nowhere\n"
#define OPEN CONF "auth = none\n"
#define SIGNED CONF "secret = s3cret\n"

enum { PARAMS_MAX = 12, AT_THE_END = 0, PEER_GONE = -1, TOO_SLOW = -2 };

struct stage {
	struct hs_transport transport; /* first, so that the transport is the stage */
	struct hs_settings *settings;
	struct hs_scratch *scratch;
	struct hs_exchange *exchange;
	struct hs_store_ops store;
	struct hs_hash_budget unverified;

	/* the request */
	char param[PARAMS_MAX][300];
	char *params[PARAMS_MAX + 1];
	size_t param_count;
	struct hs_slice body; /* what the transport has, whatever CONTENT_LENGTH says */
	size_t at, step;      /* bytes handed out so far, and the most at once */
	long then;            /* what read returns after the body */
	bool peer_gone;       /* write fails */
	int64_t read_ms;      /* a read takes this long */

	/* the outcome */
	char story[64];
	size_t calls;
	size_t asked; /* the furthest byte that a read asked for */
	int64_t body_deadline, append_deadline;
	uint64_t unparsed;
	size_t count, random; /* records: all, and those with a random id */
	struct hs_dedup_key last_id;
	struct hs_buf records, rejected, head, answer, log;
	struct hs_answered counted; /* the last answer that was counted */
	unsigned counts;

	/* what the store answers */
	bool hold; /* posts are completed later, by done_at_last */
	struct hs_post *held;
	enum hs_result append_result, health_result;
	bool catching_up;
	uint64_t duplicate;
	int64_t hangs_ms; /* how long it takes, while another thread enforces time limits */
};

static int64_t monotonic_ms = 1000000;
static int64_t wall_ms = 1795428900123;

/* --- the fakes ------------------------------------------------------------------ */

static void note(struct stage *s, char call)
{
	if (s->calls > 0 && s->story[s->calls - 1] == call && call == 'R')
		return; /* consecutive reads are one R */
	assert_in_range(s->calls, 0, sizeof s->story - 2);
	s->story[s->calls++] = call;
	s->story[s->calls] = '\0';
}

static char *const *stage_params(struct hs_transport *g)
{
	return ((struct stage *)g)->params;
}

static long stage_read(struct hs_transport *g, char *to, size_t n, int64_t deadline_ms)
{
	struct stage *s = (struct stage *)g;
	size_t left = s->body.n - s->at;

	note(s, 'R');
	assert_true(n > 0);
	if (s->at + n > s->asked)
		s->asked = s->at + n;
	assert_true(deadline_ms >= s->body_deadline); /* what arrives extends it, nothing shortens it */
	s->body_deadline = deadline_ms;
	monotonic_ms += s->read_ms;
	if (left == 0)
		return s->then;
	n = n > left ? left : n;
	n = s->step > 0 && n > s->step ? s->step : n;
	memcpy(to, s->body.p + s->at, n);
	s->at += n;
	return (long)n;
}

static bool stage_write(struct hs_transport *g, struct hs_slice head, struct hs_slice body)
{
	struct stage *s = (struct stage *)g;

	note(s, 'W');
	hs_buf_put_slice(&s->head, head);
	hs_buf_put_slice(&s->answer, body);
	return !s->peer_gone;
}

/* Answers are counted before they are written, so that a sender that has one finds it in the figures. */
static void stage_count_answer(struct hs_spool *spool, const struct hs_answered *answered)
{
	struct stage *s = (struct stage *)spool;

	assert_int_equal(s->head.n, 0);
	s->counted = *answered;
	s->counts++;
}

static void stage_close_answer(struct hs_transport *g)
{
	note((struct stage *)g, 'C');
}

static void stage_finish(struct hs_transport *g)
{
	note((struct stage *)g, 'F');
}

/* Expects the rows to describe the records. */
static void check_rows(struct stage *s, const struct hs_append *append)
{
	size_t at = 0;

	s->random = 0;
	s->count = append->count;
	for (size_t i = 0; i < append->count; i++) {
		assert_true(append->record[i].n > 0);
		at += append->record[i].n;
		assert_in_range(at, 1, append->records.n);
		assert_int_equal(append->records.p[at - 1], '\n');
		s->random += append->record[i].random;
		s->last_id = append->record[i].id;
	}
	assert_int_equal(at, append->records.n);
}

static enum hs_result take(struct stage *s, const struct hs_append *append)
{
	check_rows(s, append);
	*append->duplicate = s->duplicate;
	hs_buf_put_slice(&s->records, append->records);
	hs_buf_put_slice(&s->rejected, append->rejected);
	s->append_deadline = append->deadline_ms;
	s->unparsed = append->unparsed;
	return s->append_result;
}

/* The spool works for hangs_ms. */
static void hang(struct stage *s)
{
	monotonic_ms += s->hangs_ms;
	hs_exchange_expire(s->exchange, monotonic_ms);
	hs_exchange_expire(s->exchange, monotonic_ms); /* a second look finds nothing to do */
}

static enum hs_result stage_append(void *self, const struct hs_append *append)
{
	note(self, 'A');
	hang(self);
	return take(self, append);
}

static void stage_post(void *self, struct hs_post *post)
{
	struct stage *s = self;

	note(s, 'P');
	assert_int_equal(post->append.rejected.n, 0);
	assert_in_range(post->append.records.n, 1, HS_POST_BYTES);
	s->held = post;
	if (!s->hold)
		post->done(post, take(s, &post->append));
}

/* Another thread completes the post, some time later. */
static void done_at_last(struct stage *s)
{
	s->held->done(s->held, take(s, &s->held->append));
}

static void stage_ended(void *context)
{
	note(context, 'E');
}

static enum hs_result stage_health(void *self, bool *catching_up)
{
	struct stage *s = self;

	note(s, 'H');
	hang(s);
	*catching_up = s->catching_up;
	return s->health_result;
}

static int64_t wall(void)
{
	return wall_ms;
}

static int64_t monotonic(void)
{
	return monotonic_ms;
}

/* --- a stage, from start to end --------------------------------------------------- */

static void param(struct stage *s, const char *name, const char *value)
{
	assert_in_range(s->param_count, 0, PARAMS_MAX - 1);
	snprintf(s->param[s->param_count], sizeof s->param[0], "%s=%s", name, value);
	s->params[s->param_count] = s->param[s->param_count];
	s->params[++s->param_count] = NULL;
}

/* A new request to the same handler. */
static void next_request(struct stage *s, struct hs_slice body)
{
	char length[24];

	s->param_count = s->calls = s->at = s->asked = 0;
	s->body_deadline = s->append_deadline = 0;
	s->params[0] = NULL;
	s->body = body;
	hs_buf_reset(&s->records);
	hs_buf_reset(&s->rejected);
	hs_buf_reset(&s->head);
	hs_buf_reset(&s->answer);
	hs_buf_reset(&s->log);
	s->counts = 0;
	snprintf(length, sizeof length, "%zu", body.n);
	param(s, "CONTENT_LENGTH", length);
	param(s, "REQUEST_METHOD", "POST");
	param(s, "REMOTE_ADDR", "192.0.2.1");
}

static struct stage *new_stage(const char *conf, struct hs_slice body)
{
	struct stage *s = calloc(1, sizeof *s);
	struct hs_settings_error error;

	assert_non_null(s);
	s->settings = hs_settings_new("test.conf", hs_slice_str(conf), NULL, &error);
	if (s->settings == NULL)
		fail_msg("the settings are wrong: %s", error.text);
	s->transport = (struct hs_transport){ .params = stage_params,
		                              .read = stage_read,
		                              .write = stage_write,
		                              .close_answer = stage_close_answer,
		                              .finish = stage_finish,
		                              .reads_past_length = true };
	s->store = (struct hs_store_ops){
		.self = s,
		.append = stage_append,
		.post = stage_post,
		.health = stage_health,
		.count_answer = stage_count_answer,
		.spool = (struct hs_spool *)s,
		.now = wall,
		.now_monotonic = monotonic,
		.unverified = &s->unverified,
	};
	s->scratch = hs_scratch_new(&s->store, 7);
	s->exchange = hs_exchange_new(&s->transport, stage_ended, s);
	assert_non_null(s->scratch);
	assert_non_null(s->exchange);
	next_request(s, body);
	return s;
}

static void free_stage(struct stage *s)
{
	hs_scratch_free(s->scratch);
	hs_exchange_free(s->exchange);
	hs_settings_free(s->settings);
	hs_buf_free(&s->records);
	hs_buf_free(&s->rejected);
	hs_buf_free(&s->head);
	hs_buf_free(&s->answer);
	hs_buf_free(&s->log);
	free(s);
}

/* The X-Signature of a text, with the secret s3cret. */
static void sign(struct stage *s, struct hs_slice text)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	char digits[41];
	unsigned n;

	HMAC(EVP_sha1(), "s3cret", 6, (const unsigned char *)text.p, text.n, mac, &n);
	for (unsigned i = 0; i < 20; i++)
		sprintf(digits + 2 * i, "%02x", mac[i]);
	param(s, "HTTP_X_SIGNATURE", digits);
}

/* Collects what is written to descriptor 2 in s->log. */
static void serve_and_read_log(struct stage *s)
{
	int saved = dup(2);
	FILE *log = tmpfile();
	char part[512];
	size_t n;

	assert_non_null(log);
	dup2(fileno(log), 2);
	hs_serve(s->scratch, s->exchange, s->settings);
	dup2(saved, 2);
	close(saved);
	rewind(log);
	while ((n = fread(part, 1, sizeof part, log)) > 0)
		hs_buf_put(&s->log, part, n);
	fclose(log);
}

static bool contains(const struct hs_buf *b, const char *text)
{
	return b->n > 0 && memmem(b->p, b->n, text, strlen(text)) != NULL;
}

/* Serves the request and checks what holds for any. Returns the status. */
/* Expects one count, under the status that was sent; a monitor's request is not a sender's. */
static void expect_counted(struct stage *s, int status)
{
	bool is_health = false;

	for (size_t i = 0; i < s->param_count; i++)
		is_health |= strcmp(s->param[i], "PATH_INFO=/health") == 0;
	assert_int_equal(s->counts, is_health ? 0 : 1);
	if (!is_health)
		assert_int_equal(s->counted.status, status);
}

static int serve(struct stage *s)
{
	static const char *const secrets[] = { "s3cret", "k3y", "/nowhere", "azN5Og" };
	int status;

	serve_and_read_log(s);
	assert_true(s->calls >= 3);
	assert_string_equal(s->story + s->calls - 3, "WFE"); /* answered, finished and ended, once, at the end */
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		assert_false(contains(&s->head, secrets[i]));
		assert_false(contains(&s->answer, secrets[i]));
		assert_false(contains(&s->log, secrets[i]));
	}
	hs_buf_putc(&s->head, '\0');
	assert_int_equal(sscanf(s->head.p, "Status: %d", &status), 1);
	s->head.n--;
	expect_counted(s, status);
	return status;
}

static void expect(const struct stage *s, const char *what, const char *text)
{
	if (strcmp(what, "story") == 0)
		assert_string_equal(s->story, text);
	else if (strcmp(what, "answer") == 0)
		assert_slice_equal(hs_buf_slice(&s->answer), hs_slice_str(text));
	else if (strcmp(what, "records") == 0)
		assert_slice_equal(hs_buf_slice(&s->records), hs_slice_str(text));
	else if (strcmp(what, "rejected") == 0)
		assert_slice_equal(hs_buf_slice(&s->rejected), hs_slice_str(text));
	else
		fail_msg("there is no part %s", what);
}

/* --- the good story ---------------------------------------------------------------- */

TEST(an_event_is_read_kept_and_answered)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	assert_int_equal(serve(s), 200);
	expect(s, "story", "RPWFE");
	expect(s, "records", PAGE_LINE);
	expect(s, "rejected", "");
	expect(s, "answer", "{\"accepted\":1,\"duplicate\":0,\"rejected\":0}\n");
	free_stage(s);
}

TEST(a_signed_event)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(" " PAGE "\n"));

	sign(s, s->body);
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE);
	free_stage(s);
}

TEST(bytes_may_come_one_by_one)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(PAGE));

	s->step = 1;
	sign(s, s->body);
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE);
	free_stage(s);
}

TEST(all_three_methods)
{
	static const char *const methods[] = { "PUT", "PATCH" };

	for (size_t i = 0; i < 2; i++) {
		struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

		snprintf(s->param[1], sizeof s->param[1], "REQUEST_METHOD=%s", methods[i]);
		assert_int_equal(serve(s), 200);
		expect(s, "records", PAGE_LINE);
		free_stage(s);
	}
}

TEST(the_tenant_is_in_the_record)
{
	struct stage *s = new_stage(CONF "[keys]\nacme = k3y\n", HS_SLICE(PAGE));

	param(s, "HTTP_AUTHORIZATION", "Basic azN5Og==");
	assert_int_equal(serve(s), 200);
	expect(s, "records",
	       "{\"type\":\"page\",\"user_id\":\"u\",\"message_id\":\"m\",\"tenant\":\"acme\",\"spooled_at\":\"" AT
	       "\"}\n");
	free_stage(s);
}

TEST(the_settings_decide)
{
	struct stage *s = new_stage(OPEN "durability = none\nnames = verbatim\nvalidate = lenient\n",
	                            HS_SLICE("{\"type\":\"custom\",\"messageId\":1,\"a\":{\"bC\":1}}"));

	assert_int_equal(serve(s), 202);
	expect(s, "records", "{\"type\":\"custom\",\"message_id\":1,\"spooled_at\":\"" AT "\",\"a.bC\":1}\n");
	free_stage(s);
}

TEST(odd_time_stamps_are_counted)
{
	struct stage *s = new_stage(OPEN, HS_SLICE("[" PAGE ",{\"type\":\"page\",\"userId\":\"u\",\"timestamp\":\"x\"},"
	                                           "{\"type\":\"page\",\"userId\":\"u\",\"sentAt\":1},"
	                                           "{\"type\":\"page\",\"sentAt\":1}]"));

	assert_int_equal(serve(s), 200);
	assert_int_equal(s->unparsed, 2);
	free_stage(s);
}

/* --- the settings header -------------------------------------------------------------- */

TEST(the_settings_header_is_in_the_record)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	param(s, "HTTP_X_SEGMENT_SETTINGS", " eyJhcGlLZXkiOiJ4In0= "); /* {"apiKey":"x"} */
	assert_int_equal(serve(s), 200);
	expect(s, "records",
	       "{\"type\":\"page\",\"user_id\":\"u\",\"message_id\":\"m\",\"settings_api_key\":\"x\","
	       "\"spooled_at\":\"" AT "\"}\n");

	next_request(s, HS_SLICE(PAGE)); /* it is forgotten with the request */
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE);
	free_stage(s);
}

TEST(an_invalid_settings_header)
{
	static const char *const headers[] = {
		"",
		"!",
		"e30",
		"W10=" /* [] */,
		"MQ==" /* 1 */,
		"ew==" /* { */,
		"eyJhIjoxLCJhIjoyfQ==" /* {"a":1,"a":2} */,
		"e317fQ==" /* {}{} */,
	};

	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		struct stage *s = new_stage(OPEN, HS_SLICE("[" PAGE "]"));

		param(s, "HTTP_X_SEGMENT_SETTINGS", headers[i]);
		if (serve(s) != 400)
			fail_msg("'%s' was taken", headers[i]);
		expect(s, "records", "");
		expect(s, "answer", "{\"message\":\"X-Segment-Settings is not base64 of a JSON object\"}\n");
		assert_true(contains(&s->rejected, "\"body\":\"[{\\\"type\\\":"));
		free_stage(s);
	}
}

/* --- who: nothing is kept before it is known -------------------------------------------- */

TEST(strangers_leave_only_a_log_line)
{
	static const char *const bodies[] = { PAGE, "[" PAGE "]", "broken", "{\"type\":1}", "", "[1]" };

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct stage *s = new_stage(SIGNED, hs_slice_str(bodies[i]));

		param(s, "HTTP_X_SIGNATURE", "00112233445566778899aabbccddeeff00112233");
		param(s, "HTTP_X_SEGMENT_SETTINGS", "!"); /* comes later in the order */
		assert_int_equal(serve(s), 401);
		assert_null(strchr(s->story, 'A'));
		expect(s, "answer", "{\"message\":\"X-Signature does not match\"}\n");
		assert_true(contains(&s->log, "192.0.2.1"));
		assert_false(contains(&s->log, "00112233"));
		free_stage(s);
	}
}

TEST(revoked_and_missing_keys)
{
	struct stage *s = new_stage(CONF "[keys]\nacme = revoked:k3y\n", HS_SLICE(PAGE));

	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	assert_int_equal(serve(s), 403);
	assert_null(strchr(s->story, 'A'));
	next_request(s, HS_SLICE(PAGE));
	assert_int_equal(serve(s), 401);
	assert_true(contains(&s->head, "WWW-Authenticate: Basic realm=\"hookspool\"\r\n"));
	assert_null(strchr(s->story, 'A'));
	free_stage(s);
}

static void expect_credential(struct stage *s, int status, const char *key, unsigned secret)
{
	assert_int_equal(serve(s), status);
	assert_slice_equal(s->counted.key, hs_slice_str(key));
	assert_int_equal(s->counted.secret, secret);
	if (key[0] != '\0' || secret > 0)
		assert_int_equal(s->counted.arrived_ms, wall_ms);
}

/* Only a request that is authenticated uses a credential, whether its body is good or not. */
TEST(the_credential_that_let_a_request_in)
{
	struct stage *s =
	    new_stage(CONF "auth = either\nsecret = other\nsecret = s3cret\n[keys]\nacme = k3y\n", HS_SLICE(PAGE));

	expect_credential(s, 401, "", 0);
	next_request(s, HS_SLICE(PAGE));
	sign(s, s->body);
	expect_credential(s, 200, "", 2);
	next_request(s, HS_SLICE("broken"));
	sign(s, s->body);
	expect_credential(s, 400, "", 2);
	next_request(s, HS_SLICE(PAGE));
	sign(s, HS_SLICE("another body"));
	expect_credential(s, 401, "", 0);
	next_request(s, HS_SLICE(PAGE));
	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	expect_credential(s, 200, "acme", 0);
	next_request(s, HS_SLICE(PAGE));
	param(s, "HTTP_AUTHORIZATION", "Bearer wrong");
	expect_credential(s, 401, "", 0);
	free_stage(s);

	s = new_stage(CONF "auth = both\nsecret = s3cret\n[keys]\nacme = k3y\n", HS_SLICE(PAGE));
	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	sign(s, HS_SLICE("another body"));
	expect_credential(s, 401, "", 0);
	next_request(s, HS_SLICE(PAGE));
	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	sign(s, s->body);
	expect_credential(s, 200, "acme", 1);
	free_stage(s);
}

/* --- the head: refused before a byte of the body is read --------------------------------- */

static void expect_refused_by_head(const char *name, const char *value, int status)
{
	struct stage *s = new_stage(SIGNED "max_body = 1K\n", HS_SLICE(PAGE));
	size_t n = strlen(name);

	for (size_t i = 0; i < s->param_count; i++) /* replaces the one that is there */
		if (strncmp(s->param[i], name, n) == 0 && s->param[i][n] == '=')
			strcpy(s->param[i], "X=");
	param(s, name, value);
	assert_int_equal(serve(s), status);
	expect(s, "story", "WFE");
	free_stage(s);
}

TEST(refused_by_the_head)
{
	expect_refused_by_head("PATH_INFO", "/x", 404);
	expect_refused_by_head("REQUEST_METHOD", "GET", 405);
	expect_refused_by_head("CONTENT_TYPE", "text/plain", 415);
	expect_refused_by_head("CONTENT_LENGTH", "", 411);
	expect_refused_by_head("CONTENT_LENGTH", "x", 400);
	expect_refused_by_head("CONTENT_LENGTH", "1025", 413);
	expect_refused_by_head("HTTP_CONTENT_ENCODING", "gzip", 415);
}

TEST(a_body_of_exactly_max_body)
{
	struct stage *s = new_stage(OPEN "max_body = 1K\n", HS_SLICE(PAGE));
	char body[1024];

	memset(body, ' ', sizeof body);
	memcpy(body, PAGE, sizeof PAGE - 1);
	next_request(s, hs_slice(body, sizeof body));
	assert_int_equal(serve(s), 200);
	free_stage(s);
}

/* --- whole --------------------------------------------------------------------------------- */

static void expect_body_fault(long then, size_t cut, int status, const char *answer)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(PAGE));

	sign(s, s->body);
	s->body.n -= cut; /* CONTENT_LENGTH says more */
	s->then = then;
	s->step = 5;
	assert_int_equal(serve(s), status);
	expect(s, "story", "RWFE");
	expect(s, "answer", answer);
	free_stage(s);
}

TEST(incomplete_bodies)
{
	expect_body_fault(AT_THE_END, 1, 400, "{\"message\":\"body shorter than Content-Length\"}\n");
	expect_body_fault(AT_THE_END, sizeof PAGE - 1, 400, "{\"message\":\"body shorter than Content-Length\"}\n");
	expect_body_fault(PEER_GONE, 1, 400, "{\"message\":\"body shorter than Content-Length\"}\n");
	expect_body_fault(TOO_SLOW, 1, 503, "{\"message\":\"body did not arrive in time\"}\n");
	expect_body_fault(TOO_SLOW, sizeof PAGE - 1, 503, "{\"message\":\"body did not arrive in time\"}\n");
}

TEST(a_body_longer_than_announced)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	s->body = HS_SLICE(PAGE "x");
	assert_int_equal(serve(s), 400);
	expect(s, "story", "RWFE");
	expect(s, "answer", "{\"message\":\"body longer than Content-Length\"}\n");
	free_stage(s);
}

/* RFC 3875, 4.2: a CGI script must not read past CONTENT_LENGTH. */
TEST(plain_cgi_reads_no_further)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	s->body = HS_SLICE(PAGE "x");
	s->transport.reads_past_length = false;
	assert_int_equal(serve(s), 200);
	assert_int_equal(s->asked, sizeof PAGE - 1);
	free_stage(s);
}

TEST(an_empty_body)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(""));

	assert_int_equal(serve(s), 400);
	expect(s, "answer", "{\"message\":\"body is empty, at byte 0\"}\n");
	expect(s, "records", "");
	free_stage(s);
}

/* The body has its own time; Segment's 5 s begin when it is complete. */
TEST(deadlines)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));
	size_t large = 5u << 20;
	char *body = malloc(large);
	int64_t start = monotonic_ms;

	s->step = 10;
	s->read_ms = 100;
	assert_int_equal(serve(s), 200);
	assert_int_equal(s->body_deadline, start + 10000);
	assert_int_equal(s->append_deadline, monotonic_ms + 4000);

	memset(body, ' ', large);
	memcpy(body, PAGE, sizeof PAGE - 1);
	next_request(s, hs_slice(body, large));
	s->step = 0;
	s->read_ms = 0;
	assert_int_equal(serve(s), 200);
	assert_int_equal(s->body_deadline, monotonic_ms + 10000 + 5000);

	/* bytes that are announced but do not come add no time */
	next_request(s, hs_slice(body, large));
	s->body.n = 1;
	s->then = TOO_SLOW;
	assert_int_equal(serve(s), 503);
	assert_int_equal(s->body_deadline, monotonic_ms + 10000 + 1000);
	free(body);
	free_stage(s);
}

/* --- valid --------------------------------------------------------------------------------- */

TEST(an_invalid_event_is_kept_as_rejected)
{
	struct stage *s = new_stage(CONF "[keys]\nacme = k3y\n", HS_SLICE(" {\"type\":\"page\"}\n"));

	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	assert_int_equal(serve(s), 400);
	expect(s, "story", "RAWFE");
	expect(s, "records", "");
	expect(s, "rejected",
	       "{\"spooled_at\":\"" AT "\",\"status\":400,\"tenant\":\"acme\",\"message\":\"userId or anonymousId "
	       "required\",\"remote_addr\":\"192.0.2.1\",\"body\":\"{\\\"type\\\":"
	       "\\\"page\\\"}\"}\n");
	expect(s, "answer", "{\"message\":\"userId or anonymousId required\"}\n");
	free_stage(s);
}

TEST(an_unknown_type_is_501)
{
	struct stage *s = new_stage(OPEN, HS_SLICE("{\"type\":\"x\",\"userId\":\"u\"}"));

	assert_int_equal(serve(s), 501);
	assert_true(contains(&s->rejected, "\"status\":501,\"message\":\"type not supported\""));
	expect(s, "records", "");
	free_stage(s);
}

TEST(a_value_that_is_not_an_event_is_refused)
{
	static const char *const bodies[] = { "1", "\"x\"", "null", "true", "{}" };

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct stage *s = new_stage(OPEN, hs_slice_str(bodies[i]));

		assert_int_equal(serve(s), 400);
		expect(s, "records", "");
		assert_true(s->rejected.n > 0);
		free_stage(s);
	}
}

TEST(broken_json_is_kept_whole_and_nothing_of_it_spooled)
{
	static const struct {
		const char *body, *answer;
	} table[] = {
		{ "{\"type\":}", "{\"message\":\"not JSON, at byte 8\"}\n" },
		{ "[" PAGE "," PAGE "," PAGE "x]", "{\"message\":\"not JSON, at byte 135\"}\n" },
		{ "[" PAGE "," PAGE, "{\"message\":\"JSON ends too early, at byte 90\"}\n" },
		{ "[" PAGE "]]", "{\"message\":\"text after the JSON, at byte 46\"}\n" },
		{ PAGE " " PAGE, "{\"message\":\"text after the JSON, at byte 45\"}\n" },
		{ "[{\"type\":\"page\"},{\"a\":1,\"a\":2}]",
		  "{\"message\":\"the same key twice in one object, at byte 24\"}\n" },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct stage *s = new_stage(OPEN, hs_slice_str(table[i].body));

		assert_int_equal(serve(s), 400);
		expect(s, "answer", table[i].answer);
		expect(s, "records", "");
		assert_int_equal(s->rejected.n > 0 ? s->rejected.p[s->rejected.n - 1] : 0, '\n');
		assert_ptr_equal(memchr(s->rejected.p, '\n', s->rejected.n),
		                 s->rejected.p + s->rejected.n - 1); /* one line for all of it */
		free_stage(s);
	}
}

TEST(bytes_that_are_not_utf8_are_kept_in_base64)
{
	struct stage *s = new_stage(OPEN, HS_SLICE("\"\xFF\""));

	assert_int_equal(serve(s), 400);
	expect(s, "answer", "{\"message\":\"not UTF-8, at byte 1\"}\n");
	assert_true(contains(&s->rejected, "\"body\":\"\\\"\\ufffd\\\"\",\"body_base64\":\"Iv8i\"}\n"));
	free_stage(s);
}

TEST(a_name_too_long_is_refused_like_any_event)
{
	struct hs_buf body = { 0 };
	struct stage *s;

	hs_buf_put_slice(&body, HS_SLICE("[" PAGE ",{\"type\":\"page\",\"userId\":\"u\",\""));
	for (int i = 0; i < 5000; i++)
		hs_buf_putc(&body, 'x');
	hs_buf_put_slice(&body, HS_SLICE("\":1}]"));
	s = new_stage(OPEN, hs_buf_slice(&body));
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE);
	expect(s, "answer",
	       "{\"accepted\":1,\"duplicate\":0,\"rejected\":1,\"message\":\"event 2: a name "
	       "is longer than 4096 bytes when flattened\"}\n");
	hs_buf_free(&body);
	free_stage(s);
}

/* --- batches ------------------------------------------------------------------------------- */

#define NO_ID "{\"type\":\"page\"}"
#define NO_SUCH "{\"type\":\"x\",\"userId\":\"u\"}"

static const struct {
	const char *body;
	int status;
	const char *answer, *records;
	unsigned rejected; /* lines */
} batch_cases[] = {
	{ "[]", 200, "{\"accepted\":0,\"duplicate\":0,\"rejected\":0}\n", "", 0 },
	{ " [ ] ", 200, "{\"accepted\":0,\"duplicate\":0,\"rejected\":0}\n", "", 0 },
	{ "[" PAGE "]", 200, "{\"accepted\":1,\"duplicate\":0,\"rejected\":0}\n", PAGE_LINE, 0 },
	{ "[" PAGE ", " PAGE "]", 200, "{\"accepted\":2,\"duplicate\":0,\"rejected\":0}\n", PAGE_LINE PAGE_LINE, 0 },
	{ "[" PAGE "," NO_ID "," PAGE "]", 200,
	  "{\"accepted\":2,\"duplicate\":0,\"rejected\":1,"
	  "\"message\":\"event 2: userId or anonymousId required\"}\n",
	  PAGE_LINE PAGE_LINE, 1 },
	{ "[" NO_ID "," NO_ID "," PAGE "]", 200,
	  "{\"accepted\":1,\"duplicate\":0,\"rejected\":2,"
	  "\"message\":\"event 1: userId or anonymousId required\"}\n",
	  PAGE_LINE, 2 },
	{ "[" PAGE ",1,null,[],\"x\"]", 200,
	  "{\"accepted\":1,\"duplicate\":0,\"rejected\":4,"
	  "\"message\":\"event 2: an event is a JSON object or an array of them\"}\n",
	  PAGE_LINE, 4 },
	{ "[" NO_ID "]", 400,
	  "{\"accepted\":0,\"duplicate\":0,\"rejected\":1,"
	  "\"message\":\"event 1: userId or anonymousId required\"}\n",
	  "", 1 },
	{ "[" NO_SUCH "," NO_SUCH "]", 501,
	  "{\"accepted\":0,\"duplicate\":0,\"rejected\":2,"
	  "\"message\":\"event 1: type not supported\"}\n",
	  "", 2 },
	/* not every one has an unknown type: 400, whatever the order */
	{ "[" NO_SUCH "," NO_ID "]", 400, NULL, "", 2 },
	{ "[" NO_ID "," NO_SUCH "]", 400, NULL, "", 2 },
	{ "[" NO_SUCH "," NO_ID "," NO_SUCH "]", 400, NULL, "", 3 },
	{ "[" NO_SUCH "," PAGE "]", 200, NULL, PAGE_LINE, 1 },
	/* wrapped, mixed, and an array inside an array is no batch */
	{ "[{\"json\":" PAGE "},{\"json\":" PAGE "}]", 200, "{\"accepted\":2,\"duplicate\":0,\"rejected\":0}\n",
	  PAGE_LINE PAGE_LINE, 0 },
	{ "[" PAGE ",{\"json\":" PAGE "}]", 200, "{\"accepted\":2,\"duplicate\":0,\"rejected\":0}\n",
	  PAGE_LINE PAGE_LINE, 0 },
	{ "[{\"json\":" NO_ID "}]", 400, NULL, "", 1 },
	{ "[{\"json\":[" PAGE "]}]", 400, NULL, "", 1 },
	{ "[{\"json\":1}]", 400, NULL, "", 1 },
	{ "[[" PAGE "]]", 400, NULL, "", 1 },
};

TEST(batches)
{
	for (size_t i = 0; i < sizeof batch_cases / sizeof *batch_cases; i++) {
		struct stage *s = new_stage(OPEN, hs_slice_str(batch_cases[i].body));
		unsigned lines = 0;

		if (serve(s) != batch_cases[i].status)
			fail_msg("%s: %.20s", batch_cases[i].body, s->head.p);
		if (batch_cases[i].answer != NULL)
			expect(s, "answer", batch_cases[i].answer);
		expect(s, "records", batch_cases[i].records);
		for (size_t k = 0; k < s->rejected.n; k++)
			lines += s->rejected.p[k] == '\n';
		if (lines != batch_cases[i].rejected)
			fail_msg("%s: %u lines of rejected events", batch_cases[i].body, lines);
		free_stage(s);
	}
}

TEST(nothing_to_keep_is_not_appended)
{
	struct stage *s = new_stage(OPEN, HS_SLICE("[]"));

	s->append_result = HS_E_FULL; /* the store is not asked */
	assert_int_equal(serve(s), 200);
	expect(s, "story", "RWFE");
	free_stage(s);
}

TEST(a_rejected_event_of_a_batch_says_which)
{
	struct stage *s = new_stage(OPEN, HS_SLICE("[" PAGE ", " NO_ID " ," NO_SUCH "]"));

	assert_int_equal(serve(s), 200);
	expect(s, "rejected",
	       "{\"spooled_at\":\"" AT "\",\"status\":400,\"message\":\"event 2: userId or anonymousId "
	       "required\",\"remote_addr\":\"192.0.2.1\",\"body\":\"{\\\"type\\\":\\\"page\\\"}\"}\n"
	       "{\"spooled_at\":\"" AT "\",\"status\":501,\"message\":\"event 3: type not supported\","
	       "\"remote_addr\":\"192.0.2.1\",\"body\":\"{\\\"type\\\":\\\"x\\\",\\\"userId\\\":"
	       "\\\"u\\\"}\"}\n");
	free_stage(s);
}

TEST(batches_signed_by_their_first_element)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE("[" PAGE "," NO_ID "," PAGE "]"));

	sign(s, HS_SLICE(PAGE));
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE PAGE_LINE);
	next_request(s, HS_SLICE("[{\"json\":" PAGE "},{\"json\":" PAGE "}]"));
	sign(s, HS_SLICE(PAGE));
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE PAGE_LINE);
	free_stage(s);
}

static void put_batch(struct hs_buf *body, const char *element, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		hs_buf_putc(body, i == 0 ? '[' : ',');
		hs_buf_put_slice(body, hs_slice_str(element));
	}
	hs_buf_putc(body, ']');
}

TEST(a_limited_number_of_events)
{
	struct hs_buf body = { 0 };
	struct stage *s;

	put_batch(&body, NO_ID, HS_BATCH_MAX);
	s = new_stage(OPEN, hs_buf_slice(&body));
	assert_int_equal(serve(s), 400);
	assert_true(contains(&s->answer, "\"rejected\":65536"));
	hs_buf_reset(&body);
	put_batch(&body, NO_ID, HS_BATCH_MAX + 1);
	next_request(s, hs_buf_slice(&body));
	assert_int_equal(serve(s), 400);
	assert_true(contains(&s->answer, "too many events"));
	expect(s, "records", "");
	hs_buf_free(&body);
	free_stage(s);
}

/* --- kept ---------------------------------------------------------------------------------- */

TEST(only_kept_events_are_acknowledged)
{
	static const enum hs_result failures[] = { HS_E_FULL,    HS_E_IO,     HS_E_SYNC,
		                                   HS_E_TIMEOUT, HS_E_MEMORY, HS_E_SPOOL_DIR };
	static const char *const bodies[] = { PAGE, NO_ID, "broken", "[" PAGE "," NO_ID "]" };

	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
		for (size_t k = 0; k < sizeof bodies / sizeof *bodies; k++) {
			struct stage *s = new_stage(OPEN, hs_slice_str(bodies[k]));
			char answer[200];

			s->append_result = failures[i];
			assert_int_equal(serve(s), 503);
			snprintf(answer, sizeof answer, "{\"message\":\"%s\"}\n", hs_result_info(failures[i])->message);
			expect(s, "answer", answer);
			assert_true(contains(&s->head, "Retry-After: "));
			free_stage(s);
		}
}

TEST(duplicates_are_counted_apart)
{
	struct stage *s = new_stage(OPEN "durability = none\n", HS_SLICE("[" PAGE "," NO_ID "," PAGE "]"));

	s->duplicate = 1;
	assert_int_equal(serve(s), 202);
	assert_int_equal(s->count, 2);
	expect(s, "answer",
	       "{\"accepted\":1,\"duplicate\":1,\"rejected\":1,"
	       "\"message\":\"event 2: userId or anonymousId required\"}\n");
	next_request(s, HS_SLICE(PAGE));
	assert_int_equal(serve(s), 200); /* nothing is left to do for it */
	expect(s, "answer", "{\"accepted\":0,\"duplicate\":1,\"rejected\":0}\n");
	free_stage(s);
}

/* The key that makes an event a duplicate comes with it (dedup_key.h). */
TEST(events_come_with_their_keys)
{
	struct stage *s = new_stage(OPEN, HS_SLICE("[{\"type\":\"page\",\"userId\":\"u\"},{\"type\":\"page\","
	                                           "\"userId\":\"u\",\"timestamp\":\"2026-11-23\"},"
	                                           "{\"type\":\"page\",\"userId\":\"u\",\"messageId\":\"m-1\"}]"));
	struct hs_dedup_key first;

	assert_int_equal(serve(s), 200);
	assert_int_equal(s->count, 3);
	assert_int_equal(s->random, 1);
	first = s->last_id;
	next_request(s, HS_SLICE("{\"type\":\"screen\",\"userId\":\"v\",\"message_id\":\"m-1\"}"));
	assert_int_equal(serve(s), 200);
	assert_memory_equal(&first, &s->last_id, sizeof first);
	next_request(s, HS_SLICE("{\"type\":\"screen\",\"userId\":\"v\",\"message_id\":\"m-2\"}"));
	assert_int_equal(serve(s), 200);
	assert_memory_not_equal(&first, &s->last_id, sizeof first);
	free_stage(s);
}

TEST(a_peer_that_is_gone_does_no_harm)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	s->peer_gone = true;
	assert_int_equal(serve(s), 200);
	expect(s, "story", "RPWFE");
	free_stage(s);
}

/* --- health -------------------------------------------------------------------------------- */

TEST(health)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(""));

	strcpy(s->param[1], "REQUEST_METHOD=GET");
	param(s, "PATH_INFO", "/health");
	assert_int_equal(serve(s), 200);
	expect(s, "story", "HWFE");
	expect(s, "answer", "{\"status\":\"ok\"}\n");

	next_request(s, HS_SLICE(""));
	strcpy(s->param[1], "REQUEST_METHOD=HEAD");
	param(s, "PATH_INFO", "/health");
	assert_int_equal(serve(s), 200);
	expect(s, "answer", "");
	assert_true(contains(&s->head, "Content-Length: 16\r\n"));

	next_request(s, HS_SLICE(""));
	strcpy(s->param[1], "REQUEST_METHOD=GET");
	param(s, "PATH_INFO", "/health");
	s->catching_up = true;
	assert_int_equal(serve(s), 200);
	expect(s, "answer", "{\"status\":\"ok\",\"index\":\"catching up\"}\n");

	next_request(s, HS_SLICE(""));
	strcpy(s->param[1], "REQUEST_METHOD=GET");
	param(s, "PATH_INFO", "/health");
	s->health_result = HS_E_FULL;
	assert_int_equal(serve(s), 503);
	expect(s, "answer", "{\"message\":\"storage is full, try again\"}\n");
	free_stage(s);
}

/* --- one receiver, many requests -------------------------------------------------------------- */

TEST(requests_are_independent)
{
	struct stage *s =
	    new_stage(CONF "auth = either\nsecret = s3cret\n[keys]\nacme = k3y\n", HS_SLICE("[" PAGE "," NO_ID "]"));

	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	assert_int_equal(serve(s), 200);
	next_request(s, HS_SLICE(PAGE)); /* authenticated by signature: no tenant, no rejected event */
	sign(s, s->body);
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE);
	expect(s, "rejected", "");
	expect(s, "answer", "{\"accepted\":1,\"duplicate\":0,\"rejected\":0}\n");
	next_request(s, HS_SLICE("[" PAGE));
	sign(s, s->body);
	assert_int_equal(serve(s), 400);
	next_request(s, HS_SLICE(PAGE)); /* the JSON reader was left inside an array */
	sign(s, s->body);
	assert_int_equal(serve(s), 200);
	expect(s, "records", PAGE_LINE);
	free_stage(s);
}

/* While one request waits for the disk, the thread serves others with all that it has. */
TEST(a_post_is_answered_later)
{
	struct stage *s = new_stage(CONF "auth = either\nsecret = s3cret\n[keys]\nacme = k3y\n", HS_SLICE(PAGE));
	struct stage *other = new_stage(OPEN, HS_SLICE("[" PAGE "," PAGE "," NO_ID "]"));
	struct hs_buf large = { 0 };

	s->hold = true;
	param(s, "HTTP_AUTHORIZATION", "Bearer k3y");
	hs_serve(s->scratch, s->exchange, s->settings);
	expect(s, "story", "RP");
	hs_serve(s->scratch, other->exchange, other->settings);
	put_batch(&large, PAGE, 30000);
	next_request(other, hs_buf_slice(&large));
	hs_serve(s->scratch, other->exchange, other->settings);
	hs_scratch_rest(s->scratch);
	s->duplicate = 1;
	done_at_last(s);
	expect(s, "story", "RPAAWFE");
	expect(s, "answer", "{\"accepted\":0,\"duplicate\":1,\"rejected\":0}\n");
	assert_true(contains(&s->records, "\"tenant\":\"acme\""));
	hs_buf_free(&large);
	free_stage(other);
	free_stage(s);
}

TEST(a_failed_post_is_not_acknowledged)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));

	s->hold = true;
	hs_serve(s->scratch, s->exchange, s->settings);
	s->append_result = HS_E_TIMEOUT;
	done_at_last(s);
	assert_true(contains(&s->head, "Status: 503"));
	free_stage(s);
}

static void expect_late(struct stage *s, const char *story)
{
	expect(s, "story", story);
	assert_true(contains(&s->head, "Status: 503"));
	assert_true(contains(&s->head, "Retry-After"));
	expect(s, "answer", "{\"message\":\"storage too slow, try again\"}\n");
	hs_exchange_expire(s->exchange, INT64_MAX); /* it has ended already */
	expect(s, "story", story);
}

/* The disk hangs: the sender gets one answer in time, whatever becomes known later. */
TEST(a_hanging_append_is_answered_in_time)
{
	static const char *const bodies[] = { "[" PAGE "," NO_ID "]", NO_ID, "broken" };
	struct stage *s;

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		s = new_stage(OPEN, hs_slice_str(bodies[i]));
		s->hangs_ms = HS_ANSWER_MS;
		serve_and_read_log(s);
		expect_late(s, "RAWCFE");
		assert_int_equal(s->counts, 1);
		assert_int_equal(s->counted.status, 503);
		next_request(s, s->body); /* the exchange can be used again */
		s->hangs_ms = HS_ANSWER_MS - 1;
		assert_in_range(serve(s), 200, 400);
		expect(s, "story", "RAWFE");
		free_stage(s);
	}
}

TEST(a_hanging_post_is_answered_in_time)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));
	int64_t due = monotonic_ms + HS_ANSWER_MS;

	s->hold = true;
	hs_serve(s->scratch, s->exchange, s->settings);
	hs_exchange_expire(s->exchange, due - 1);
	expect(s, "story", "RP");
	hs_exchange_expire(s->exchange, due);
	expect(s, "story", "RPWC"); /* not ended: the store still reads what is to be written */
	done_at_last(s);
	expect_late(s, "RPWCFE");
	expect(s, "records", PAGE_LINE);
	free_stage(s);
}

TEST(a_hanging_health_check_is_answered_in_time)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(""));

	strcpy(s->param[1], "REQUEST_METHOD=GET");
	param(s, "PATH_INFO", "/health");
	s->hangs_ms = HS_ANSWER_MS;
	serve_and_read_log(s);
	expect_late(s, "HWCFE"); /* the handler may still read the request's strings until F */
	free_stage(s);
}

/* A refusal is one line in the log, which no text of the sender can break. */
TEST(a_refusal_is_one_line_of_the_log)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(NO_ID));

	strcpy(s->param[2], "REMOTE_ADDR=1.2.3.4\nforged");
	assert_int_equal(serve(s), 400);
	assert_true(s->log.n > 0);
	assert_ptr_equal(memchr(s->log.p, '\n', s->log.n), s->log.p + s->log.n - 1);
	assert_true(contains(&s->log, "userId or anonymousId required"));
	next_request(s, HS_SLICE(PAGE));
	assert_int_equal(serve(s), 200);
	assert_int_equal(s->log.n, 0); /* every request is logged at debug only */
	free_stage(s);
}

static void put_wide_event(struct hs_buf *body, unsigned leaves)
{
	hs_buf_put_slice(body, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\""));
	for (unsigned i = 0; i < leaves; i++) {
		hs_buf_put_slice(body, HS_SLICE(",\"leaf"));
		hs_buf_put_uint(body, i);
		hs_buf_put_slice(body, HS_SLICE("\":\"\""));
	}
	hs_buf_putc(body, '}');
}

/* Whatever was served, an idle handler is small. */
static void expect_memory_returned(struct hs_buf *body, int status)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));
	size_t before, after;

	assert_int_equal(serve(s), 200);
	before = unit_heap();
	next_request(s, hs_buf_slice(body));
	assert_int_equal(serve(s), status);
	hs_buf_free(&s->records);
	hs_buf_free(&s->rejected);
	after = unit_heap();
	if (after > before + (2u << 20))
		fail_msg("%zu KiB are kept", (after - before) / 1024);
	hs_buf_free(body);
	free_stage(s);
}

TEST(memory_is_returned_after_a_batch)
{
	struct hs_buf body = { 0 };

	put_batch(&body, PAGE, 60000);
	expect_memory_returned(&body, 200);
}

TEST(memory_is_returned_after_a_refused_batch)
{
	struct hs_buf body = { 0 };

	put_batch(&body, NO_ID, 60000);
	expect_memory_returned(&body, 400);
}

TEST(memory_is_returned_after_broken_json)
{
	struct hs_buf body = { 0 };

	put_batch(&body, PAGE, 100000);
	hs_buf_putc(&body, 'x');
	expect_memory_returned(&body, 400);
}

TEST(memory_is_returned_after_a_wide_event)
{
	struct hs_buf body = { 0 };

	put_wide_event(&body, 300000);
	expect_memory_returned(&body, 200);
}

TEST(memory_is_returned_after_a_long_array)
{
	struct hs_buf body = { 0 };

	hs_buf_put_slice(&body, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\",\"list\":"));
	put_batch(&body, "1", 300000);
	hs_buf_putc(&body, '}');
	expect_memory_returned(&body, 200);
}

/* A worker that was idle for a while holds next to nothing. */
TEST(an_idle_scratch_holds_little)
{
	struct stage *s = new_stage(OPEN, HS_SLICE(PAGE));
	struct hs_buf body = { 0 }, page = { 0 };
	size_t before, busy, idle;

	assert_int_equal(serve(s), 200);
	hs_scratch_rest(s->scratch);
	hs_exchange_rest(s->exchange);
	before = unit_heap();
	put_batch(&body, PAGE, 800); /* below HS_KEEP_BYTES in every form: kept for the next request */
	for (int i = 0; i < 3; i++) {
		next_request(s, hs_buf_slice(&body));
		assert_int_equal(serve(s), 200);
	}
	put_batch(&page, PAGE, 300); /* small enough to be posted: it belongs to the exchange */
	next_request(s, hs_buf_slice(&page));
	assert_int_equal(serve(s), 200);
	hs_buf_free(&s->records);
	hs_buf_free(&s->log);
	busy = unit_heap();
	hs_scratch_rest(s->scratch);
	hs_exchange_rest(s->exchange);
	idle = unit_heap();
	hs_buf_free(&body);
	hs_buf_free(&page);
	assert_true(busy > before + HS_KEEP_BYTES); /* otherwise the test shows nothing */
	if (idle > before + 6 * HS_REST_BYTES)
		fail_msg("%zu KiB are kept", (idle - before) / 1024);
	free_stage(s);
}

/* --- strangers ------------------------------------------------------------------------ */

/* The body is not read if the head decides. */
TEST(refused_by_the_head_alone)
{
	static const struct {
		const char *conf, *name, *value;
		int status;
	} heads[] = {
		{ SIGNED, "HTTP_ACCEPT", "text/html", 401 },
		{ SIGNED, "HTTP_X_SIGNATURE", "0123", 401 },
		{ SIGNED, "HTTP_X_SIGNATURE", "00,11", 401 },
		{ CONF "[keys]\nacme = k3y\n", "HTTP_ACCEPT", "text/html", 401 },
		{ CONF "[keys]\nacme = k3y\n", "HTTP_AUTHORIZATION", "Bearer other", 401 },
		{ CONF "[keys]\nacme = revoked:k3y\n", "HTTP_AUTHORIZATION", "Bearer k3y", 403 },
		{ OPEN, "CONTENT_TYPE", "text/plain", 415 },
		{ OPEN, "PATH_INFO", "/elsewhere", 404 },
		{ OPEN "max_body = 1K\n", "HTTP_CONTENT_ENCODING", "gzip", 415 },
	};

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		struct stage *s = new_stage(heads[i].conf, HS_SLICE(PAGE));

		param(s, heads[i].name, heads[i].value);
		assert_int_equal(serve(s), heads[i].status);
		expect(s, "story", "WFE");
		free_stage(s);
	}
}

/* A body that was read elsewhere is taken as it is, by exchanging buffers. */
TEST(a_body_that_was_read)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(PAGE));
	struct hs_buf body = { 0 };

	sign(s, s->body);
	hs_buf_put_slice(&body, s->body);
	s->transport.body = &body;
	assert_int_equal(serve(s), 200);
	expect(s, "story", "PWFE");
	expect(s, "records", PAGE_LINE);

	next_request(s, HS_SLICE(PAGE));
	sign(s, s->body);
	hs_buf_reset(&body);
	hs_buf_put_slice(&body, hs_slice(s->body.p, s->body.n - 1));
	assert_int_equal(serve(s), 400);
	assert_true(contains(&s->answer, "shorter"));

	next_request(s, HS_SLICE(PAGE));
	sign(s, s->body);
	hs_buf_reset(&body);
	hs_buf_put_slice(&body, s->body);
	hs_buf_putc(&body, ' ');
	assert_int_equal(serve(s), 400);
	assert_true(contains(&s->answer, "longer"));
	hs_buf_free(&body);
	free_stage(s);
}

/* A verdict of the transport comes after what the head decides. */
TEST(a_verdict)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(PAGE));

	sign(s, s->body);
	s->transport.verdict = HS_E_CROWDED;
	assert_int_equal(serve(s), 503);
	assert_true(contains(&s->head, "Retry-After"));
	expect(s, "story", "WFE");
	next_request(s, HS_SLICE(PAGE));
	assert_int_equal(serve(s), 401);
	next_request(s, HS_SLICE(""));
	snprintf(s->param[1], sizeof s->param[1], "REQUEST_METHOD=GET");
	param(s, "PATH_INFO", "/health");
	assert_int_equal(serve(s), 200);
	free_stage(s);
}

static int serve_large(struct stage *s, struct hs_slice body, struct hs_slice is_signed)
{
	next_request(s, body);
	sign(s, is_signed);
	return serve(s);
}

/* Large bodies of strangers use up a budget; small ones, and senders known by a short text, are served. */
TEST(large_bodies_with_wrong_signatures)
{
	struct stage *s = new_stage(SIGNED, HS_SLICE(PAGE));
	struct hs_buf large = { 0 }, batch = { 0 };
	int refused = 0, status;

	hs_buf_put_slice(&large, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\",\"x\":\""));
	for (int i = 0; i < 16 << 20; i += 16)
		hs_buf_put(&large, "xxxxxxxxxxxxxxxx", 16);
	hs_buf_put_slice(&large, HS_SLICE("\"}"));
	put_batch(&batch, PAGE, 9000);
	for (int i = 0; i < 14; i++) {
		status = serve_large(s, hs_buf_slice(&large), HS_SLICE("other"));
		assert_true(status == 401 || status == 503);
		refused += status == 401;
	}
	assert_in_range(refused, 1, 12); /* one second's budget and one body more */
	assert_int_equal(status, 503);
	assert_true(contains(&s->answer, "busy with large bodies"));
	assert_int_equal(serve_large(s, HS_SLICE(PAGE), HS_SLICE(PAGE)), 200);
	assert_int_equal(serve_large(s, hs_buf_slice(&batch), HS_SLICE(PAGE)), 200);
	/* an honest sender gets no 401: it is told to retry, and is served then */
	assert_int_equal(serve_large(s, hs_buf_slice(&large), hs_buf_slice(&large)), 503);
	assert_true(contains(&s->head, "Retry-After"));
	monotonic_ms += 5000;
	for (int i = 0; i < 2; i++)
		assert_int_equal(serve_large(s, hs_buf_slice(&large), hs_buf_slice(&large)), 200);
	hs_buf_free(&large);
	hs_buf_free(&batch);
	free_stage(s);
}

TESTS("ingest", NULL, NULL)

/*
 * stage: whole requests, with a transport and a store in memory.
 *
 * A `struct stage` is both: it feeds one request, takes what would be kept, and
 * writes down the order of the calls, one letter each:
 * R read, A append, P post, H health, W write, F finish, E ended.
 */
#ifndef HS_TEST_STAGE_H
#define HS_TEST_STAGE_H

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
#define NO_ID "{\"type\":\"page\"}"
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
	bool hold;          /* posts are completed later, by done_at_last … */
	bool done_in_write; /* … or while a late answer is being sent */
	struct hs_post *held;
	bool suppresses;        /* whomever the event names */
	bool suppresses_others; /* somebody, but nobody whom an event names */
	enum hs_result append_result, health_result, suppresses_result;
	bool catching_up;
	uint64_t duplicate;
	int64_t hangs_ms; /* how long it takes, while another thread enforces time limits */
};

static int64_t monotonic_ms = 1000000;
static int64_t wall_ms = 1795428900123;

static inline void done_at_last(struct stage *s);

/* --- the fakes ------------------------------------------------------------------ */

static inline void note(struct stage *s, char call)
{
	if (s->calls > 0 && s->story[s->calls - 1] == call && call == 'R')
		return; /* consecutive reads are one R */
	assert_in_range(s->calls, 0, sizeof s->story - 2);
	s->story[s->calls++] = call;
	s->story[s->calls] = '\0';
}

static inline char *const *stage_params(struct hs_transport *g)
{
	return ((struct stage *)g)->params;
}

static inline long stage_read(struct hs_transport *g, char *to, size_t n, int64_t deadline_ms)
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

static inline bool stage_write(struct hs_transport *g, struct hs_slice head, struct hs_slice body)
{
	struct stage *s = (struct stage *)g;

	note(s, 'W');
	hs_buf_put_slice(&s->head, head);
	hs_buf_put_slice(&s->answer, body);
	if (s->done_in_write)
		done_at_last(s);
	return !s->peer_gone;
}

/* Answers are counted before they are written, so that a sender that has one finds it in the figures. */
static inline void stage_count_answer(struct hs_spool *spool, const struct hs_answered *answered)
{
	struct stage *s = (struct stage *)spool;

	assert_int_equal(s->head.n, 0);
	s->counted = *answered;
	s->counts++;
}

static inline void stage_close_answer(struct hs_transport *g)
{
	note((struct stage *)g, 'C');
}

static inline void stage_finish(struct hs_transport *g)
{
	note((struct stage *)g, 'F');
}

/* Expects the rows to describe the records. */
static inline void check_rows(struct stage *s, const struct hs_append *append)
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

static inline enum hs_result take(struct stage *s, const struct hs_append *append)
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
static inline void hang(struct stage *s)
{
	monotonic_ms += s->hangs_ms;
	hs_exchange_expire(s->exchange, monotonic_ms);
	hs_exchange_expire(s->exchange, monotonic_ms); /* a second look finds nothing to do */
}

static inline enum hs_result stage_append(void *self, const struct hs_append *append)
{
	note(self, 'A');
	hang(self);
	return take(self, append);
}

static inline enum hs_result stage_suppresses(void *self, struct hs_slice record, bool *suppressed)
{
	const struct stage *s = self;

	assert_true(record.n == 0 || record.p[record.n - 1] == '}');
	*suppressed = s->suppresses || (s->suppresses_others && record.n == 0);
	return s->suppresses_result;
}

static inline void stage_post(void *self, struct hs_post *post)
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
static inline void done_at_last(struct stage *s)
{
	s->held->done(s->held, take(s, &s->held->append));
}

static inline void stage_ended(void *context)
{
	note(context, 'E');
}

static inline enum hs_result stage_health(void *self, bool *catching_up)
{
	struct stage *s = self;

	note(s, 'H');
	hang(s);
	*catching_up = s->catching_up;
	return s->health_result;
}

static inline int64_t wall(void)
{
	return wall_ms;
}

static inline int64_t monotonic(void)
{
	return monotonic_ms;
}

/* --- a stage, from start to end --------------------------------------------------- */

static inline void param(struct stage *s, const char *name, const char *value)
{
	assert_in_range(s->param_count, 0, PARAMS_MAX - 1);
	assert_in_range(snprintf(s->param[s->param_count], sizeof s->param[0], "%s=%s", name, value), 0,
	                sizeof s->param[0] - 1);
	s->params[s->param_count] = s->param[s->param_count];
	s->params[++s->param_count] = NULL;
}

/* A new request to the same handler. */
static inline void next_request(struct stage *s, struct hs_slice body)
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

static inline struct stage *new_stage(const char *conf, struct hs_slice body)
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
		.suppresses = stage_suppresses,
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

static inline void free_stage(struct stage *s)
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
static inline void sign(struct stage *s, struct hs_slice text)
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
static inline void serve_and_read_log(struct stage *s)
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

static inline bool contains(const struct hs_buf *b, const char *text)
{
	return b->n > 0 && memmem(b->p, b->n, text, strlen(text)) != NULL;
}

/* Serves the request and checks what holds for any. Returns the status. */
/* Expects one count, under the status that was sent; a monitor's request is not a sender's. */
static inline void expect_counted(struct stage *s, int status)
{
	bool is_health = false;

	for (size_t i = 0; i < s->param_count; i++)
		is_health |= strcmp(s->param[i], "PATH_INFO=/health") == 0;
	assert_int_equal(s->counts, is_health ? 0 : 1);
	if (!is_health)
		assert_int_equal(s->counted.status, status);
}

static inline int serve(struct stage *s)
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

static inline void expect(const struct stage *s, const char *what, const char *text)
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

static inline void put_batch(struct hs_buf *body, const char *element, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		hs_buf_putc(body, i == 0 ? '[' : ',');
		hs_buf_put_slice(body, hs_slice_str(element));
	}
	hs_buf_putc(body, ']');
}

#endif

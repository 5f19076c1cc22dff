#include "tests/bench/path.h"

#include "base/io.h"

#include <stdio.h>
#include <stdlib.h>

static const char signature_is[] = "HTTP_X_SIGNATURE=";

struct bench_path {
	struct hs_transport transport; /* first, so that the transport is the path */
	struct hs_store_ops store;
	struct hs_settings *settings;
	struct hs_spool *spool;
	struct hs_scratch *receiver;
	struct hs_exchange *visit;
	char length[48], signature[sizeof signature_is + BENCH_MAC_TEXT];
	char *params[9];
	const struct bench_body *body;
	size_t at; /* bytes of the body that were read */
	size_t accepted;
	char status[32];
};

struct hs_settings *bench_settings(const char *dir, const char *more)
{
	char text[4096];
	struct hs_settings_error error;
	struct hs_settings *s;
	int n = snprintf(text, sizeof text, "spool_dir = %s\nsecret = %s\ncompress = none\n%s\n",
	                 dir != NULL ? dir : "/nowhere", BENCH_SECRET, more);

	s = hs_settings_new("bench", hs_slice(text, (size_t)n), NULL, &error);
	if (s == NULL)
		bench_die("settings", error.text);
	return s;
}

static char *const *params(struct hs_transport *g)
{
	return ((struct bench_path *)g)->params;
}

static long read_body(struct hs_transport *g, char *to, size_t n, int64_t deadline_ms)
{
	struct bench_path *p = (struct bench_path *)g;
	size_t left = p->body->n - p->at;

	(void)deadline_ms;
	n = n < left ? n : left;
	memcpy(to, p->body->text + p->at, n);
	p->at += n;
	return (long)n;
}

static bool write_answer(struct hs_transport *g, struct hs_slice head, struct hs_slice body)
{
	struct bench_path *p = (struct bench_path *)g;

	char text[128];

	snprintf(p->status, sizeof p->status, "%.*s", (int)head.n, head.p);
	snprintf(text, sizeof text, "%.*s", (int)body.n, body.p);
	return sscanf(text, "{\"accepted\":%zu", &p->accepted) == 1 || strcmp(text, "{\"success\":true}") == 0;
}

static void finish(struct hs_transport *g)
{
	(void)g;
}

static enum hs_result append(void *self, const struct hs_append *append)
{
	struct bench_path *p = self;

	*append->duplicate = 0;
	return p->spool != NULL ? hs_spool_append(p->spool, append) : HS_OK;
}

static void post(void *self, struct hs_post *post)
{
	struct bench_path *p = self;

	if (p->spool == NULL)
		post->done(post, append(self, &post->append));
	else if (hs_spool_post(p->spool, post))
		hs_spool_commit(p->spool);
}

static void ended(void *context)
{
	(void)context;
}

/* The variables of a web server; a real one adds some twenty more. */
static void set_params(struct bench_path *p, const struct bench_input *in)
{
	static char method[] = "REQUEST_METHOD=POST", script[] = "SCRIPT_NAME=/hookspool";
	static char path[] = "PATH_INFO=/v1/t", batch_path[] = "PATH_INFO=/v1/batch";
	static char key[] = "HTTP_AUTHORIZATION=Basic " BENCH_WRITE_KEY_BASIC;
	static char type[] = "CONTENT_TYPE=application/json", addr[] = "REMOTE_ADDR=127.0.0.1";
	char *where = !in->direct ? NULL : in->batch ? batch_path : path;
	char *const all[] = { method, script, type, p->length, addr, p->signature, where, where ? key : NULL, NULL };

	memcpy(p->signature, signature_is, sizeof signature_is);
	memcpy(p->params, all, sizeof all);
}

struct bench_path *bench_path_new(const char *dir, const char *more)
{
	struct bench_path *p = calloc(1, sizeof *p);

	if (p == NULL)
		bench_die("memory", "out of it");
	p->settings = bench_settings(dir, more);
	p->spool = dir == NULL ? NULL : hs_spool_new(p->settings);
	p->store = (struct hs_store_ops){ .self = p,
		                          .append = append,
		                          .post = post,
		                          .now = hs_io_now,
		                          .now_monotonic = hs_io_now_monotonic,
		                          .spool = p->spool,
		                          .count_answer = p->spool != NULL ? hs_spool_count_answer : NULL };
	p->transport =
	    (struct hs_transport){ .params = params, .read = read_body, .write = write_answer, .finish = finish };
	p->receiver = hs_scratch_new(&p->store, 0x5eed);
	p->visit = hs_exchange_new(&p->transport, ended, p);
	if (p->receiver == NULL || p->visit == NULL || (dir != NULL && p->spool == NULL))
		bench_die("memory", "out of it");
	return p;
}

void bench_path_free(struct bench_path *p)
{
	hs_scratch_free(p->receiver);
	hs_exchange_free(p->visit);
	hs_spool_free(p->spool);
	hs_settings_free(p->settings);
	free(p);
}

void bench_path_request(struct bench_path *p, const struct bench_input *in, const struct bench_body *body)
{
	if (p->body == NULL)
		set_params(p, in);
	if (p->body == NULL || p->body->n != body->n)
		snprintf(p->length, sizeof p->length, "CONTENT_LENGTH=%zu", body->n);
	memcpy(p->signature + sizeof signature_is - 1, body->signature, BENCH_MAC_TEXT);
	p->body = body;
	p->at = p->accepted = 0;
	hs_serve(p->receiver, p->visit, p->settings);
	if (strncmp(p->status, "Status: 20", 10) != 0 || (p->accepted != in->events && !in->direct))
		bench_die("answer", p->status);
}

/*
 * fake_exchange: a request and its answer without a web server, and a store that keeps nothing but looks at
 * what it is given: whole, flat lines.
 */
#ifndef HS_FUZZ_FAKE_EXCHANGE_H
#define HS_FUZZ_FAKE_EXCHANGE_H

#include "base/log.h"
#include "cgi/http/router.h"
#include "tests/fuzz/fuzz.h"

enum { PARAMS_MAX = 64 };

struct fake {
	struct hs_transport transport;
	char *params[PARAMS_MAX + 1];
	struct hs_slice body, whole; /* what is left to read; all of it */
	struct hs_buf head, answer;
	int finished, ended, appended;
	size_t records, rejected; /* lines that were kept */
	size_t suppressed;        /* events that were not rejected, since people are suppressed */
};

static char *const *fake_params(struct hs_transport *g)
{
	return ((struct fake *)g)->params;
}

static long fake_read(struct hs_transport *g, char *to, size_t n, int64_t deadline_ms)
{
	struct fake *f = (struct fake *)g;
	size_t got = f->body.n < n ? f->body.n : n;

	(void)deadline_ms;
	if (got > 0)
		memcpy(to, f->body.p, got);
	f->body.p += got;
	f->body.n -= got;
	return (long)got;
}

static bool fake_write(struct hs_transport *g, struct hs_slice head, struct hs_slice body)
{
	struct fake *f = (struct fake *)g;

	hs_buf_put_slice(&f->head, head);
	hs_buf_put_slice(&f->answer, body);
	return true;
}

static void fake_finish(struct hs_transport *g)
{
	((struct fake *)g)->finished++;
}

static void fake_ended(void *context)
{
	((struct fake *)context)->ended++;
}

/* Returns how many there are. */
static size_t check_lines(struct hs_slice lines)
{
	size_t count = 0;

	while (lines.n > 0) {
		const char *newline = memchr(lines.p, '\n', lines.n);
		size_t n = newline == NULL ? 0 : (size_t)(newline - lines.p) + 1;

		MUST(n > 0);
		fuzz_check_line(hs_slice(lines.p, n));
		lines.p += n;
		lines.n -= n;
		count++;
	}
	return count;
}

static enum hs_result keep(void *self, const struct hs_append *append)
{
	struct fake *f = self;
	size_t sum = 0;

	f->appended++;
	f->records += check_lines(append->records);
	f->rejected += check_lines(append->rejected);
	for (size_t i = 0; i < append->count; i++)
		sum += append->record[i].n;
	MUST(sum == append->records.n);
	*append->duplicate = 0;
	return HS_OK;
}

static void post(void *self, struct hs_post *post)
{
	MUST(post->append.rejected.n == 0 && post->append.records.n <= HS_POST_BYTES);
	post->done(post, keep(self, &post->append));
}

/* People are suppressed whose records have an odd number of bytes. */
static enum hs_result suppresses(void *self, struct hs_slice record, bool *suppressed)
{
	struct hs_json json;

	hs_json_init(&json, 1);
	MUST(record.n == 0 || (hs_json_document(&json, record) == HS_OK && json.tok[0].kind == HS_JSON_OBJECT));
	hs_json_free(&json);
	*suppressed = record.n % 2 == 1;
	((struct fake *)self)->suppressed += *suppressed;
	return HS_OK;
}

static enum hs_result health(void *self, bool *catching_up)
{
	(void)self;
	(void)catching_up;
	return HS_OK;
}

static int64_t now(void)
{
	return 1795428900123;
}

/* The value of the first variable of that name, or NULL. */
static inline const char *param(const struct fake *f, const char *name)
{
	size_t n = strlen(name);

	for (char *const *p = f->params; *p != NULL; p++)
		if (strncmp(*p, name, n) == 0 && (*p)[n] == '=')
			return *p + n + 1;
	return NULL;
}

/* Serves the request; the caller frees head and answer. */
static inline void fake_serve(struct fake *f, const struct hs_settings *s)
{
	struct hs_store_ops store = { .self = f,
		                      .append = keep,
		                      .post = post,
		                      .suppresses = suppresses,
		                      .health = health,
		                      .now = now,
		                      .now_monotonic = now };
	struct hs_scratch *r = hs_scratch_new(&store, 1);
	struct hs_exchange *v;

	f->transport = (struct hs_transport){ .params = fake_params,
		                              .read = fake_read,
		                              .write = fake_write,
		                              .finish = fake_finish,
		                              .reads_past_length = true };
	v = hs_exchange_new(&f->transport, fake_ended, f);
	MUST(s != NULL && r != NULL && v != NULL);
	hs_serve(r, v, s);
	hs_scratch_free(r);
	hs_exchange_free(v);
}

#endif

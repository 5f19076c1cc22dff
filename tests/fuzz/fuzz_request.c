/*
 * A whole request: lines NAME=VALUE up to an empty line, then the body; through
 * hs_receive, with a spool of memory. Whatever comes: one well-formed answer, nothing
 * kept for strangers, and what is kept is whole lines.
 */
#include "cgi/receive.h"
#include "store/log.h"
#include "tests/fuzz/fuzz.h"

enum { PARAMS_MAX = 64 };

struct fake {
	struct hs_gateway gateway;
	char *params[PARAMS_MAX + 1];
	struct hs_slice body;
	struct hs_buf head, answer;
	int finished, appended;
};

static char *const *fake_params(struct hs_gateway *g)
{
	return ((struct fake *)g)->params;
}

static long fake_read(struct hs_gateway *g, char *to, size_t n, int64_t deadline_ms)
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

static bool fake_write(struct hs_gateway *g, struct hs_slice head, struct hs_slice body)
{
	struct fake *f = (struct fake *)g;

	hs_buf_put_slice(&f->head, head);
	hs_buf_put_slice(&f->answer, body);
	return true;
}

static void fake_finish(struct hs_gateway *g)
{
	((struct fake *)g)->finished++;
}

static void check_lines(struct hs_slice lines)
{
	while (lines.n > 0) {
		const char *newline = memchr(lines.p, '\n', lines.n);
		size_t n = newline == NULL ? 0 : (size_t)(newline - lines.p) + 1;

		MUST(n > 0);
		fuzz_check_line(hs_slice(lines.p, n));
		lines.p += n;
		lines.n -= n;
	}
}

static enum hs_result keep(void *self, const struct hs_append *append)
{
	struct fake *f = self;
	size_t sum = 0;

	f->appended++;
	check_lines(append->records);
	check_lines(append->rejected);
	for (size_t i = 0; i < append->count; i++)
		sum += append->record[i].n;
	MUST(sum == append->records.n);
	*append->duplicate = 0;
	return HS_OK;
}

static enum hs_result health(void *self)
{
	(void)self;
	return HS_OK;
}

static int64_t now(void)
{
	return 1795428900123;
}

/* Cuts the head off: lines up to an empty one. Returns the memory of the strings. */
static char *take_params(struct fake *f, struct hs_slice *text)
{
	char *head = malloc(text->n + 1), *p = head;
	int count = 0;

	MUST(head != NULL);
	memcpy(head, text->p, text->n);
	head[text->n] = '\0';
	while (*p != '\0' && *p != '\n' && count < PARAMS_MAX) {
		char *end = strchr(p, '\n');

		f->params[count++] = p;
		p = end == NULL ? p + strlen(p) : end + 1;
		if (end != NULL)
			*end = '\0';
	}
	if (*p == '\n')
		p++;
	text->p += p - head;
	text->n -= (size_t)(p - head);
	return head;
}

static void check_answer(const struct fake *f, struct hs_settings *s)
{
	struct hs_slice head = hs_buf_slice(&f->head), answer = hs_buf_slice(&f->answer);
	const char *length = memmem(head.p, head.n, "Content-Length: ", 16);
	int status = head.n > 11 ? atoi(head.p + 8) : 0;

	MUST(f->finished == 1);
	MUST(memcmp(head.p, "Status: ", 8) == 0);
	MUST(head.n > 4 && memcmp(head.p + head.n - 4, "\r\n\r\n", 4) == 0);
	MUST(status == 200 || (status >= 400 && status <= 503));
	MUST(length != NULL);
	MUST(answer.n == 0 || (size_t)atoi(length + 16) == answer.n); /* HEAD has none */
	if (answer.n > 0)
		fuzz_check_line(answer);
	if (status == 401 || status == 403 || status == 404 || status == 405)
		MUST(f->appended == 0);
	(void)s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char conf[] = "spool_dir = /s\nsecret = s3cret\nauth = either\nmax_body = 64K\n"
	                           "[keys]\nacme = k3y\nold = revoked:0ld\n";
	struct hs_settings_error error;
	struct hs_settings *s = hs_settings_new("fuzz", HS_SLICE(conf), NULL, &error);
	struct fake f = { .gateway = { .params = fake_params, .read = fake_read, .write = fake_write,
		                       .finish = fake_finish, .reads_past_length = true } };
	struct hs_keeper keeper = { &f, keep, health, now, now };
	struct hs_receiver *r = hs_receiver_new(&keeper, 1);
	struct hs_slice text = hs_slice((const char *)data, size);
	char *head = take_params(&f, &text);

	hs_log_level(HS_LOG_ERROR);
	MUST(s != NULL && r != NULL);
	f.body = text;
	hs_receive(r, s, &f.gateway);
	check_answer(&f, s);
	hs_receiver_free(r);
	hs_settings_free(s);
	hs_buf_free(&f.head);
	hs_buf_free(&f.answer);
	free(head);
	return 0;
}

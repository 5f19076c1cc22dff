#include "tests/bench/inputs.h"

#include "base/buf.h"
#include "base/hex.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ID_DIGITS = 16, DEEP_LEVELS = 14, DEEP_LEAVES = 2000, FILE_MAX = 1 << 20 };

void bench_die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(2);
}

int64_t bench_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void *allocate(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p == NULL)
		bench_die("memory", strerror(errno));
	return p;
}

struct hs_slice bench_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = allocate(1, FILE_MAX);
	size_t n;

	if (f == NULL)
		bench_die(path, strerror(errno));
	n = fread(text, 1, FILE_MAX - 1, f);
	fclose(f);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	return hs_slice(text, n);
}

/* The leaves are spread evenly: with the event's own object and properties, 16 deep. */
struct hs_slice bench_deep_event(void)
{
	struct hs_buf b = { 0 };
	char leaf[64];

	hs_buf_put_slice(&b, HS_SLICE("{\"type\":\"track\",\"event\":\"Deep\",\"userId\":\"user-58213\","
	                              "\"messageId\":\"ajs-next-0000000000000000\",\"properties\":{"));
	for (int i = 0; i < DEEP_LEAVES; i++) {
		int n = i % 2 == 0 ? snprintf(leaf, sizeof leaf, "\"qty%d\":%d,", i, 10007 + i)
		                   : snprintf(leaf, sizeof leaf, "\"sku%d\":\"%d\",", i, 1007 + i);

		hs_buf_put(&b, leaf, (size_t)n);
		if (i % (DEEP_LEAVES / DEEP_LEVELS) == 0 && i > 0)
			hs_buf_put_slice(&b, HS_SLICE("\"node\":{"));
	}
	b.n--; /* the last comma */
	for (int i = 0; i < DEEP_LEVELS + 2; i++)
		hs_buf_putc(&b, '}');
	if (!hs_buf_ok(&b))
		bench_die("memory", strerror(errno));
	return hs_buf_slice(&b);
}

static size_t find_id(struct hs_slice event)
{
	static const char member[] = "\"messageId\":\"";
	const char *id = memmem(event.p, event.n, member, sizeof member - 1), *end;

	id = id == NULL ? NULL : id + sizeof member - 1;
	end = id == NULL ? NULL : memchr(id, '"', event.n - (size_t)(id - event.p));
	if (end == NULL || end - id < ID_DIGITS)
		bench_die("event", "no messageId of sixteen characters");
	return (size_t)(end - event.p) - ID_DIGITS;
}

static void fill_body(struct bench_input *in, struct bench_body *b, struct hs_slice event)
{
	char *p;

	struct hs_slice open = in->direct ? HS_SLICE("{\"batch\":[") : HS_SLICE("[");
	struct hs_slice close = in->direct ? HS_SLICE("],\"writeKey\":\"" BENCH_WRITE_KEY "\"}") : HS_SLICE("]");

	b->n = in->events * (event.n + 1) - 1 + (in->batch ? open.n + close.n : 0);
	b->text = p = allocate(1, b->n + 1);
	b->event = allocate(in->events, sizeof *b->event);
	if (in->batch)
		p = mempcpy(p, open.p, open.n);
	for (size_t i = 0; i < in->events; i++) {
		if (i > 0)
			*p++ = ',';
		b->event[i] = hs_slice(p, event.n);
		memcpy(p, event.p, event.n);
		p += event.n;
	}
	if (in->batch)
		memcpy(p, close.p, close.n);
}

struct bench_input *bench_input_new(const char *name, struct hs_slice event, size_t events, size_t bodies)
{
	struct bench_input *in = allocate(1, sizeof *in);

	*in = (struct bench_input){ .name = name,
		                    .events = events > 0 ? events : 1,
		                    .batch = events > 0,
		                    .direct = strncmp(name, "direct", 6) == 0,
		                    .id_at = find_id(event),
		                    .bodies = bodies };
	in->body = allocate(bodies, sizeof *in->body);
	in->key = hs_hmac_new(HS_SLICE(BENCH_SECRET));
	if (in->key == NULL)
		bench_die("HMAC", "out of memory");
	for (size_t i = 0; i < bodies; i++)
		fill_body(in, &in->body[i], event);
	bench_input_renew(in);
	return in;
}

void bench_input_free(struct bench_input *in)
{
	for (size_t i = 0; i < in->bodies; i++) {
		free(in->body[i].text);
		free(in->body[i].event);
	}
	hs_hmac_free(in->key);
	free(in->body);
	free(in);
}

void bench_input_renew(struct bench_input *in)
{
	char digits[ID_DIGITS + 1];
	uint8_t mac[HS_SHA1_BYTES];

	for (size_t i = 0; i < in->bodies; i++) {
		struct bench_body *b = &in->body[i];

		for (size_t k = 0; k < in->events; k++) {
			snprintf(digits, sizeof digits, "%016llx", (unsigned long long)in->next_id++);
			memcpy(b->text + (b->event[k].p - b->text) + in->id_at, digits, ID_DIGITS);
		}
		hs_hmac_sha1(in->key, b->event[0], mac);
		hs_hex_encode(mac, sizeof mac, b->signature);
	}
}

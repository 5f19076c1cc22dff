#include "tools/sink/sink_http.h"
#include "base/hex.h"
#include "base/io.h"
#include "tools/report/terminal.h"
#include "tools/sink/http_posts.h"
#include "tools/sink/pump.h"
#include "tools/sink/segment_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum {
	BODY_BYTES = 4 << 20, /* a batch is sent when its body is this long */
	BREAK_AFTER = 5,
	BREAK_FIRST_MS = 1000,
	BREAK_LONGEST_MS = 60000,
};

/* A request of a partition, and its records. */
struct request {
	struct hs_item_queue items;
	unsigned count;
	struct hs_buf body;
	size_t first, first_end; /* the first event, in the body: what Segment signs of a batch */
	bool alone, under_way;
	bool is_trial; /* the one after the breaker's pause */
	bool is_new;   /* one of its records had not failed before */
};

/* Stops sending to a server that is down. */
struct breaker {
	unsigned failures; /* in a row */
	int64_t pause_ms;  /* 0: closed, requests pass */
	int64_t until_ms;
	bool trying; /* the one request after a pause is under way */
	bool said;
};

struct http_sink {
	struct hs_sink sink;
	struct hs_sink_http_options options;
	struct hs_http_posts *posts;
	struct hs_slice shown; /* of the URL */
	struct breaker breaker;
	int64_t now_ms; /* of the last collect, after which the pump offers: what was due by then has been asked for */
	struct hs_buf headers, why;
	struct request request[]; /* one for each partition */
};

static struct http_sink *of(struct hs_sink *sink)
{
	return (struct http_sink *)sink;
}

static const struct http_sink *of_const(const struct hs_sink *sink)
{
	return (const struct http_sink *)sink;
}

/* --- what an answer means ---------------------------------------------------------- */

bool hs_sink_http_stops(int status)
{
	return (status >= 300 && status < 400) || status == 401 || status == 403 || status == 407;
}

enum hs_outcome hs_sink_http_outcome(int status, bool batch)
{
	if (status >= 200 && status < 300)
		return HS_OUTCOME_DONE;
	if (status == 0 || status == 408 || status == 425 || status == 429 ||
	    (status >= 500 && status != 501 && status != 505))
		return HS_OUTCOME_RETRY;
	return batch ? HS_OUTCOME_ALONE : HS_OUTCOME_REFUSED;
}

/* --- the breaker --------------------------------------------------------------------- */

/*
 * Requests that were under way when it opened tell nothing new: the trial alone makes the pause longer. Before it, what
 * failed already does not count: it may be the record's fault, and its own pauses grow. For that reason, too, the trial
 * is one of a new record: others would take every trial, and nothing that the server takes would reach it.
 */
static void note_failure(struct http_sink *s, const struct request *r, const char *why)
{
	struct breaker *b = &s->breaker;

	if (!s->options.breaks || (b->pause_ms > 0 ? !r->is_trial : !r->is_new) || ++b->failures < BREAK_AFTER)
		return;
	b->trying = false;
	s->sink.ready_first = true;
	b->pause_ms = b->pause_ms == 0                     ? BREAK_FIRST_MS
	              : b->pause_ms * 2 < BREAK_LONGEST_MS ? b->pause_ms * 2
	                                                   : BREAK_LONGEST_MS;
	b->until_ms = hs_io_now_monotonic() + b->pause_ms;
	if (!b->said)
		hs_terminal_printf(stderr,
		                   "hookspool %s: %.*s: %u requests in a row failed, the last with: %s; nothing is "
		                   "sent for a while, then one request at a time until one succeeds\n",
		                   s->options.command, (int)s->shown.n, s->shown.p, b->failures, why);
	b->said = true;
}

static void note_success(struct http_sink *s)
{
	if (s->breaker.said)
		fprintf(stderr, "hookspool %s: %.*s answers again\n", s->options.command, (int)s->shown.n, s->shown.p);
	s->breaker = (struct breaker){ 0 };
	s->sink.ready_first = false;
}

static bool may_send(const struct http_sink *s)
{
	const struct breaker *b = &s->breaker;

	return b->pause_ms == 0 || (!b->trying && s->now_ms >= b->until_ms);
}

/* --- giving ----------------------------------------------------------------------------- */

static bool has_room(const struct hs_sink *sink, unsigned partition)
{
	const struct http_sink *s = of_const(sink);
	const struct request *r = &s->request[partition];

	if (r->under_way)
		return false;
	return r->count > 0 ? !r->alone && r->count < s->options.batch && r->body.n < BODY_BYTES : may_send(s);
}

static bool offer(struct hs_sink *sink, const struct hs_offered *record)
{
	struct http_sink *s = of(sink);
	struct request *r = &s->request[record->partition];

	if (!has_room(sink, record->partition))
		return false;
	if (r->count == 0) {
		hs_buf_reset(&r->body);
		if (s->options.batch > 1)
			hs_buf_putc(&r->body, '[');
		r->first = r->body.n;
		r->is_trial = s->breaker.trying = s->breaker.pause_ms > 0;
		r->is_new = false;
	} else {
		hs_buf_putc(&r->body, ',');
	}
	if (s->options.segment_shape)
		hs_segment_shape_put(record->line, &r->body);
	else
		hs_buf_put_slice(&r->body, record->line);
	if (r->count++ == 0)
		r->first_end = r->body.n;
	r->alone = record->item->alone;
	r->is_new = r->is_new || record->item->tries == 0;
	hs_item_queue_push(&r->items, record->item);
	return true;
}

static void put_header(struct hs_buf *out, const char *name, struct hs_slice value)
{
	hs_buf_printf(out, "%s: ", name);
	hs_buf_put_slice(out, value);
	hs_buf_putc(out, '\0');
}

static bool make_headers(struct http_sink *s, const struct request *r)
{
	struct hs_slice covered = hs_slice(r->body.p + r->first, r->first_end - r->first);
	uint8_t mac[HS_SHA1_BYTES];
	char hex[2 * HS_SHA1_BYTES];

	hs_buf_reset(&s->headers);
	put_header(&s->headers, "Content-Type", HS_SLICE("application/json"));
	put_header(&s->headers, "User-Agent", HS_SLICE("hookspool/" HS_VERSION));
	if (s->options.bearer != NULL) {
		hs_buf_put_slice(&s->headers, HS_SLICE("Authorization: Bearer "));
		hs_buf_put(&s->headers, s->options.bearer, strlen(s->options.bearer) + 1);
	}
	if (s->options.secret != NULL) {
		if (!hs_hmac_sha1(s->options.secret, covered, mac))
			return false;
		hs_hex_encode(mac, sizeof mac, hex);
		put_header(&s->headers, "X-Signature", hs_slice(hex, sizeof hex));
	}
	return hs_buf_ok(&s->headers);
}

static void send_request(struct http_sink *s, unsigned partition)
{
	struct request *r = &s->request[partition];

	if (s->options.batch > 1)
		hs_buf_putc(&r->body, ']');
	r->under_way = hs_buf_ok(&r->body) && make_headers(s, r) &&
	               hs_http_posts_start(s->posts, partition, hs_buf_slice(&s->headers), hs_buf_slice(&r->body));
	if (!r->under_way && s->sink.code == 0)
		s->sink.code = EX_OSERR;
}

static void flush(struct hs_sink *sink, unsigned partition)
{
	struct http_sink *s = of(sink);

	if (s->request[partition].count > 0 && !s->request[partition].under_way)
		send_request(s, partition);
}

/* --- answers ------------------------------------------------------------------------------- */

static const char *remedy_of(int status)
{
	if (status == 407)
		return "the proxy wants credentials: give them in http_proxy or https_proxy, "
		       "http://user:password@host:port";
	return status < 400 ? "it redirects: give --to the address that it names"
	                    : "see that --secret or --key is what it expects";
}

/* The address, the credentials or the authorities are wrong: everything stops, and the records stay undone. */
static void stop(struct http_sink *s, const struct hs_http_posted *posted)
{
	if (posted->no_authorities)
		hs_terminal_printf(stderr,
		                   "hookspool %s: %s: see that --cacert names a PEM file that this user can read, or "
		                   "that ca-certificates is installed; stopped\n",
		                   s->options.command, posted->why);
	else if (posted->no_url)
		hs_terminal_printf(stderr,
		                   "hookspool %s: %.*s: %s: see that --to is an address like "
		                   "https://your.host:8443/path; stopped\n",
		                   s->options.command, (int)s->shown.n, s->shown.p, posted->why);
	else
		fprintf(stderr, "hookspool %s: %.*s: it answered %d: %s; stopped\n", s->options.command,
		        (int)s->shown.n, s->shown.p, posted->status, remedy_of(posted->status));
	if (s->sink.code == 0)
		s->sink.code = EX_CONFIG;
}

static void report(struct http_sink *s, struct hs_pump *pump, struct request *r, const struct hs_http_posted *posted)
{
	struct hs_ack ack = { .status = posted->status,
		              .retry_after_ms = posted->retry_after_ms,
		              .on = s->shown,
		              .message = hs_slice_str(posted->why) };

	ack.outcome = hs_sink_http_outcome(posted->status, r->count > 1);
	while ((ack.item = hs_item_queue_pop(&r->items)) != NULL)
		hs_pump_ack(pump, &ack);
	r->count = 0;
}

/* Failures of the server, not of a record, count for the breaker. */
static void note_answer(struct http_sink *s, const struct request *r, const struct hs_http_posted *posted)
{
	char status[32];

	snprintf(status, sizeof status, "status %d", posted->status);
	if (hs_sink_http_outcome(posted->status, false) == HS_OUTCOME_RETRY)
		note_failure(s, r, posted->status == 0 ? posted->why : status);
	else
		note_success(s);
}

static void collect(struct hs_sink *sink, struct hs_pump *pump)
{
	struct http_sink *s = of(sink);

	s->now_ms = hs_io_now_monotonic();
	hs_http_posts_work(s->posts);
	for (unsigned i = 0; i < s->sink.partitions; i++) {
		struct request *r = &s->request[i];
		struct hs_http_posted posted;

		if (!r->under_way || !hs_http_posts_ended(s->posts, i, &posted))
			continue;
		r->under_way = false;
		if (posted.no_authorities || posted.no_url || hs_sink_http_stops(posted.status)) {
			stop(s, &posted);
			continue; /* its records are not acknowledged */
		}
		note_answer(s, r, &posted);
		report(s, pump, r, &posted);
	}
}

/* --- waiting, and the end --------------------------------------------------------------------- */

static size_t poll_for(const struct hs_sink *sink, struct pollfd *p)
{
	return hs_http_posts_poll(of_const(sink)->posts, p);
}

static int64_t due(const struct hs_sink *sink)
{
	const struct http_sink *s = of_const(sink);
	int64_t ms = hs_http_posts_due(s->posts), left;

	if (s->breaker.pause_ms == 0 || s->breaker.trying || s->now_ms >= s->breaker.until_ms)
		return ms; /* at the end of the pause there was no record to try: the pump knows when there is one */
	left = s->breaker.until_ms - hs_io_now_monotonic();
	left = left > 0 ? left : 0;
	return ms < 0 || left < ms ? left : ms;
}

static bool drain(struct hs_sink *sink, int64_t ms)
{
	struct http_sink *s = of(sink);

	for (unsigned i = 0; i < s->sink.partitions; i++)
		if (s->request[i].under_way && ms != 0)
			return false;
	return true;
}

static void close_sink(struct hs_sink *sink)
{
	struct http_sink *s = of(sink);

	hs_http_posts_free(s->posts);
	for (unsigned i = 0; i < s->sink.partitions; i++)
		hs_buf_free(&s->request[i].body);
	hs_buf_wipe(&s->headers);
	hs_buf_free(&s->why);
	free(s);
}

struct hs_sink *hs_sink_http_new(const struct hs_sink_http_options *options)
{
	static const struct hs_sink_ops ops = { .offer = offer,
		                                .has_room = has_room,
		                                .flush = flush,
		                                .poll = poll_for,
		                                .due = due,
		                                .collect = collect,
		                                .drain = drain,
		                                .close = close_sink };
	struct http_sink *s = calloc(1, sizeof *s + options->jobs * sizeof s->request[0]);

	if (s == NULL)
		return NULL;
	s->options = *options;
	s->shown = hs_http_shown(options->target.url);
	s->posts = hs_http_posts_new(&s->options.target, options->jobs, options->timeout_ms);
	if (s->posts == NULL) {
		free(s);
		return NULL;
	}
	s->sink = (struct hs_sink){ .ops = &ops,
		                    .partitions = options->jobs,
		                    .noun = "the server at",
		                    .failed = "it answered",
		                    .fds = (size_t)options->jobs * HS_HTTP_POSTS_FDS };
	return &s->sink;
}

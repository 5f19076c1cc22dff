#include "base/array.h"
#include "base/json_writer.h"
#include "base/timestamp.h"
#include "tools/ship/engine_nats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum { NS_PER_MS = 1000000, WALK_STEP = 8192, NAME_TAKEN = 10058 };

/* --- look ------------------------------------------------------------------------------------------------ */

static bool is(const struct hs_json *json, uint32_t object, const char *name, struct hs_slice value)
{
	return hs_slice_eq(hs_member_raw(json, object, name), value);
}

static void read_config(const struct hs_json *json, uint32_t config, struct hs_engine_stream *stream)
{
	stream->replicas = (unsigned)hs_member_uint(json, config, "num_replicas", 1);
	stream->window_ms = hs_member_int(json, config, "duplicate_window", 0) / NS_PER_MS;
	stream->max_bytes = hs_member_int(json, config, "max_bytes", -1);
	stream->max_messages = hs_member_int(json, config, "max_msgs", -1);
	stream->max_per_subject = hs_member_int(json, config, "max_msgs_per_subject", -1);
	stream->max_age_ms = hs_member_int(json, config, "max_age", 0);
	if (stream->max_age_ms > 0) /* less than 1 ms is a limit, too */
		stream->max_age_ms = stream->max_age_ms < NS_PER_MS ? 1 : stream->max_age_ms / NS_PER_MS;
	stream->discard_new = is(json, config, "discard", HS_SLICE("new"));
	stream->no_ack = hs_member_is_true(json, config, "no_ack");
	stream->limits_retention = is(json, config, "retention", HS_SLICE("limits"));
	stream->file_storage = is(json, config, "storage", HS_SLICE("file"));
	stream->sealed = hs_member_is_true(json, config, "sealed");
}

/* Only where one clock makes all stamps: a server that is alone names no cluster, but perhaps itself as the leader. */
static bool is_older(const struct hs_json *json, uint32_t state, const struct hs_engine_stream *stream)
{
	uint32_t cluster = hs_member(json, 0, "cluster");
	int64_t created_ms, first_ms;

	return stream->messages > 0 && (cluster == 0 || hs_member(json, cluster, "name") == 0) &&
	       hs_timestamp_parse(hs_slice_str(stream->created), &created_ms) &&
	       hs_timestamp_parse(hs_member_raw(json, state, "first_ts"), &first_ms) && first_ms < created_ms;
}

static int read_info(const struct hs_json *json, struct hs_engine_stream *stream, struct hs_engine_failure *failure)
{
	uint32_t config = hs_member(json, 0, "config"), state = hs_member(json, 0, "state");
	uint32_t cluster = hs_member(json, 0, "cluster");

	*stream = (struct hs_engine_stream){ 0 };
	if (config == 0 || state == 0)
		return hs_engine_fail(failure, EX_TEMPFAIL, "a reply without the stream's settings and state");
	hs_member_text(json, 0, "created", stream->created, sizeof stream->created);
	read_config(json, config, stream);
	stream->messages = hs_member_uint(json, state, "messages", 0);
	stream->bytes = hs_member_uint(json, state, "bytes", 0);
	stream->first = hs_member_uint(json, state, "first_seq", 0);
	stream->last = hs_member_uint(json, state, "last_seq", 0);
	stream->is_older = is_older(json, state, stream);
	if (cluster != 0)
		hs_member_text(json, cluster, "leader", stream->leader, sizeof stream->leader);
	return 0;
}

int hs_requests_info(struct hs_requests *r, struct hs_engine_stream *stream, struct hs_engine_failure *failure)
{
	struct hs_reply reply;
	int code = hs_requests_call(r, "INFO", HS_SLICE(""), &reply, failure);

	if (code == 0)
		code = read_info(&reply.json, stream, failure);
	if (code == EX_NOINPUT)
		hs_engine_fail(failure, EX_NOINPUT, "there is no stream %s: --create makes it",
		               r->engine->options.stream);
	hs_reply_free(&reply);
	if (code != 0)
		return code;
	pthread_mutex_lock(&r->engine->lock);
	memcpy(stream->server_version, r->engine->server_version, sizeof stream->server_version);
	pthread_mutex_unlock(&r->engine->lock);
	return 0;
}

/* --- for commands, on the caller's thread ------------------------------------------------------------------ */

/* Runs a job with requests over the connection, which stays meanwhile. */
static int with_requests(struct hs_engine *e, int (*job)(struct hs_requests *, void *, struct hs_engine_failure *),
                         void *context, struct hs_engine_failure *failure)
{
	struct hs_requests requests;
	int code;

	*failure = (struct hs_engine_failure){ 0 };
	pthread_mutex_lock(&e->use);
	code = hs_requests_open(&requests, e, e->connection, failure);
	if (code == 0)
		code = job(&requests, context, failure);
	hs_requests_close(&requests);
	pthread_mutex_unlock(&e->use);
	if (code != EX_TEMPFAIL)
		return code;
	pthread_mutex_lock(&e->lock);
	if (e->link.state == HS_LINK_REFUSED)
		code = hs_engine_fail(failure, EX_CONFIG, "%s", e->link.why);
	pthread_mutex_unlock(&e->lock);
	return code;
}

static int look(struct hs_requests *requests, void *stream, struct hs_engine_failure *failure)
{
	return hs_requests_info(requests, stream, failure);
}

int hs_engine_look(struct hs_engine *e, struct hs_engine_stream *stream, struct hs_engine_failure *failure)
{
	int code = with_requests(e, look, stream, failure);

	if (code != 0 || e->options.any_version || stream->server_version[0] != '\0')
		return code;
	return hs_engine_fail(failure, EX_TEMPFAIL,
	                      "the server did not say its version in time, or memory ran out for it: run it again");
}

/* --- make ---------------------------------------------------------------------------------------------------- */

static void put_int(struct hs_json_writer *w, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, value);
	hs_json_writer_raw(w, name, hs_slice_str(text));
}

static void put_stream(struct hs_buf *out, const char *name, const struct hs_engine_create *create)
{
	struct hs_json_writer w = { .out = out };

	hs_json_writer_object(&w, NULL);
	hs_json_writer_text(&w, "name", hs_slice_str(name));
	hs_json_writer_array(&w, "subjects");
	hs_json_writer_text(&w, NULL, hs_slice_str(create->subjects));
	hs_json_writer_end(&w, ']');
	hs_json_writer_text(&w, "retention", HS_SLICE("limits"));
	hs_json_writer_text(&w, "storage", HS_SLICE("file"));
	hs_json_writer_text(&w, "discard", HS_SLICE("new"));
	hs_json_writer_uint(&w, "num_replicas", create->replicas);
	put_int(&w, "duplicate_window", create->window_ms * NS_PER_MS);
	put_int(&w, "max_bytes", create->max_bytes > 0 ? create->max_bytes : -1);
	put_int(&w, "max_msgs", -1);
	put_int(&w, "max_msgs_per_subject", -1);
	put_int(&w, "max_consumers", -1);
	put_int(&w, "max_age", 0);
	hs_json_writer_end(&w, '}');
}

static int make(struct hs_requests *r, void *context, struct hs_engine_failure *failure)
{
	struct hs_engine_stream there;
	struct hs_reply reply;
	struct hs_buf body = { 0 };
	int code = hs_requests_info(r, &there, failure);

	if (code != EX_NOINPUT)
		return code;
	put_stream(&body, r->engine->options.stream, context);
	if (!hs_buf_ok(&body)) {
		hs_buf_free(&body);
		return hs_engine_fail(failure, EX_OSERR, "out of memory");
	}
	code = hs_requests_call(r, "CREATE", hs_buf_slice(&body), &reply, failure);
	if (reply.error == NAME_TAKEN) /* another process made it meanwhile */
		code = 0;
	hs_reply_free(&reply);
	hs_buf_free(&body);
	return code;
}

int hs_engine_make(struct hs_engine *e, const struct hs_engine_create *create, struct hs_engine_failure *failure)
{
	struct hs_engine_create copy = *create;

	return with_requests(e, make, &copy, failure);
}

/* --- walk ------------------------------------------------------------------------------------------------------ */

struct found {
	uint64_t sequence;
	struct hs_places places;
	size_t id, id_length; /* in walk.ids */
};

struct walk {
	enum hs_walk of;
	uint64_t from;
	int64_t since_ms;
	bool (*each)(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id);
	void *context;
	struct found *found;
	size_t count, cap;
	struct hs_buf ids;
	bool ended;
};

static bool add_found(void *context, const struct hs_stored *stored)
{
	struct walk *walk = context;

	if (stored->time_ms < walk->since_ms)
		return true;
	if (!HS_ARRAY_ROOM(&walk->found, walk->count, &walk->cap))
		return false;
	walk->found[walk->count++] = (struct found){ stored->sequence, stored->places, walk->ids.n, stored->id.n };
	hs_buf_put_slice(&walk->ids, stored->id);
	return hs_buf_ok(&walk->ids);
}

static int by_sequence(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static void tell(struct walk *walk)
{
	if (walk->count > 0)
		qsort(walk->found, walk->count, sizeof *walk->found, by_sequence);
	for (size_t i = 0; i < walk->count && !walk->ended; i++) {
		const struct found *f = &walk->found[i];

		walk->ended =
		    !walk->each(walk->context, f->sequence, &f->places, hs_slice(walk->ids.p + f->id, f->id_length));
	}
	walk->count = 0;
	hs_buf_reset(&walk->ids);
}

/* Searches by halves for the first message that is not older: times ascend in a stream. */
static int skip_older(struct hs_requests *r, struct walk *walk, uint64_t last, struct hs_engine_failure *failure)
{
	uint64_t low = walk->from, high = last + 1;
	struct hs_stored stored = { 0 };
	int code = 0;

	while (code == 0 && walk->since_ms > 0 && low < high) {
		uint64_t middle = low + (high - low) / 2;

		code = hs_requests_next(r, middle, &stored, failure);
		if (stored.sequence == 0 || stored.sequence >= high || stored.time_ms >= walk->since_ms)
			high = middle;
		else
			low = stored.sequence + 1;
	}
	hs_buf_free(&stored.headers);
	walk->from = low;
	return code;
}

static int walk_all(struct hs_requests *r, void *context, struct hs_engine_failure *failure)
{
	struct walk *walk = context;
	struct hs_stored last = { 0 };
	int code;

	r->of = walk->of;
	code = hs_requests_last(r, &last, failure);
	hs_buf_free(&last.headers);
	if (code == 0 && last.sequence > 0)
		code = skip_older(r, walk, last.sequence, failure);
	while (code == 0 && !walk->ended && walk->from <= last.sequence) {
		uint64_t to = last.sequence - walk->from < WALK_STEP ? last.sequence : walk->from + WALK_STEP - 1;

		code = hs_requests_range(r, walk->from, to, add_found, walk, failure);
		if (code == 0)
			tell(walk);
		if (to == last.sequence)
			break;
		walk->from = to + 1;
	}
	return code;
}

int hs_engine_walk(struct hs_engine *e, enum hs_walk of, uint64_t from, int64_t since_ms,
                   bool (*each)(void *context, uint64_t sequence, const struct hs_places *places, struct hs_slice id),
                   void *context, struct hs_engine_failure *failure)
{
	struct walk walk = {
		.of = of, .from = from > 0 ? from : 1, .since_ms = since_ms, .each = each, .context = context
	};
	int code = with_requests(e, walk_all, &walk, failure);

	free(walk.found);
	hs_buf_free(&walk.ids);
	return code;
}

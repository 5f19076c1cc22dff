#include "cgi/http/ingest.h"
#include "base/base64.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "spool/write/rejected.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

enum {
	ANSWER_BYTES = 1024, /* no head and no body of an answer is longer */
	BODY_PART = 1 << 20, /* read at once: the next one has a time limit of its own */
};

struct hs_scratch {
	const struct hs_store_ops *store;
	struct hs_json json, settings_json;
	struct hs_body_reader events; /* of the body, by `json` */
	struct hs_record_maker maker;
	struct hs_buf body, rejected; /* large: see put_away */
	struct hs_buf key, settings_text, message;
	bool inside; /* the gate for large bodies */
};

struct hs_exchange {
	struct hs_transport *transport;
	void (*ended)(void *context);
	void *context;
	struct hs_buf head, answer;
	struct hs_record_batch batch; /* what is posted */
	struct hs_post post;

	/* what is known of the request being served */
	struct hs_scratch *r; /* NULL: it is not in a thread's hands any more */
	const struct hs_settings *settings;
	struct hs_request request;
	struct hs_outcome outcome;
	struct hs_slice tenant;
	bool has_settings; /* r->settings_json holds the header */
	bool decided;       /* there may be something to keep */
	int64_t answer_by;
	bool handed;           /* to the spool, which may hang: */
	_Atomic uint64_t turn; /* whose it is to answer, see hs_exchange_expire */
	char spooled_at[HS_TIMESTAMP_TEXT + 1];
};

struct hs_scratch *hs_scratch_new(const struct hs_store_ops *store, uint64_t seed)
{
	struct hs_scratch *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->store = store;
	hs_json_init(&r->json, seed);
	hs_json_init(&r->settings_json, seed);
	if (!hs_record_maker_init(&r->maker)) {
		hs_scratch_free(r);
		return NULL;
	}
	hs_record_maker_seed(&r->maker, seed ^ (uint64_t)(uintptr_t)r); /* threads have one seed */
	return r;
}

void hs_scratch_free(struct hs_scratch *r)
{
	if (r == NULL)
		return;
	hs_json_free(&r->json);
	hs_json_free(&r->settings_json);
	hs_record_maker_free(&r->maker);
	hs_buf_free(&r->body);
	hs_buf_free(&r->rejected);
	hs_buf_free(&r->key);
	hs_buf_free(&r->settings_text);
	hs_buf_free(&r->message);
	free(r);
}

struct hs_exchange *hs_exchange_new(struct hs_transport *transport, void (*ended)(void *context), void *context)
{
	struct hs_exchange *v = calloc(1, sizeof *v);

	if (v == NULL)
		return NULL;
	v->transport = transport;
	v->ended = ended;
	v->context = context;
	/* taken now, so that "out of memory" can still be said when it comes to that */
	if (hs_buf_reserve(&v->head, ANSWER_BYTES) == NULL ||
	    hs_buf_reserve(&v->answer, ANSWER_BYTES) == NULL) {
		hs_exchange_free(v);
		return NULL;
	}
	return v;
}

void hs_exchange_free(struct hs_exchange *v)
{
	if (v == NULL)
		return;
	hs_buf_free(&v->head);
	hs_buf_free(&v->answer);
	hs_record_batch_free(&v->batch);
	free(v);
}

void hs_exchange_from(struct hs_exchange *v, struct hs_transport *transport)
{
	v->transport = transport;
}

/* Buffers above `keep` bytes are returned. */
static void put_away(struct hs_scratch *r, size_t keep)
{
	hs_buf_shrink(&r->body, keep);
	hs_buf_shrink(&r->rejected, keep);
	hs_buf_shrink(&r->settings_text, keep);
	hs_buf_shrink(&r->key, keep);
	hs_record_maker_shrink(&r->maker, keep);
	hs_json_shrink(&r->json);
	hs_json_shrink(&r->settings_json);
}

void hs_scratch_rest(struct hs_scratch *r)
{
	put_away(r, HS_REST_BYTES);
}

void hs_exchange_rest(struct hs_exchange *v)
{
	hs_record_batch_shrink(&v->batch, HS_REST_BYTES);
}

/* --- whole: the body, all of it and no more ---------------------------------- */

/* What another thread has read. */
static enum hs_result take_read_body(struct hs_exchange *v)
{
	struct hs_buf *from = v->transport->body, *to = &v->r->body, kept = *to;
	size_t want = (size_t)v->request.content_length;

	if (from->n != want)
		return from->n < want ? HS_E_SHORT_BODY : HS_E_LONG_BODY;
	*to = *from;
	to->max = 0;
	*from = kept;
	return hs_buf_reserve(to, 1) == NULL ? HS_E_MEMORY : HS_OK; /* an empty body has an address, too */
}

static enum hs_result read_body(struct hs_exchange *v)
{
	struct hs_transport *g = v->transport;
	size_t want = (size_t)v->request.content_length;
	struct hs_buf *body = &v->r->body;
	int64_t begun = v->r->store->now_monotonic(), deadline = hs_body_deadline(begun, 0);
	char *to, extra;
	long got = 0;

	if (g->body != NULL)
		return take_read_body(v);
	hs_buf_reset(body);
	to = hs_buf_reserve(body, want + 1); /* + 1: an empty body has an address, too */
	if (to == NULL)
		return HS_E_MEMORY;
	while (body->n < want) {
		size_t part = want - body->n < BODY_PART ? want - body->n : BODY_PART;

		deadline = hs_body_deadline(begun, body->n + part);
		got = g->read(g, to + body->n, part, deadline);
		if (got <= 0)
			return got == -2 ? HS_E_SLOW_BODY : HS_E_SHORT_BODY;
		body->n += (size_t)got;
	}
	if (g->reads_past_length)
		got = g->read(g, &extra, 1, deadline);
	return g->reads_past_length && got > 0 ? HS_E_LONG_BODY : HS_OK;
}

/* --- valid: JSON, then each event against the Spec --------------------------- */

/* X-Segment-Settings: base64 of a JSON object; flattened under settings_. */
static enum hs_result read_settings_header(struct hs_exchange *v)
{
	struct hs_scratch *r = v->r;
	enum hs_result result;

	if (v->request.settings_header.p == NULL)
		return HS_OK;
	hs_buf_reset(&r->settings_text);
	if (!hs_base64_decode(hs_slice_trim(v->request.settings_header), &r->settings_text))
		return hs_buf_ok(&r->settings_text) ? HS_E_SETTINGS_HEADER : HS_E_MEMORY;
	result = hs_json_document(&r->settings_json, hs_buf_slice(&r->settings_text));
	if (result == HS_E_MEMORY)
		return result;
	v->has_settings = result == HS_OK && r->settings_json.tok[0].kind == HS_JSON_OBJECT;
	return v->has_settings ? HS_OK : HS_E_SETTINGS_HEADER;
}

static enum hs_result put_rejected(struct hs_exchange *v, int status, struct hs_slice body)
{
	struct hs_rejection rejection = {
		.spooled_at = hs_slice_str(v->spooled_at),
		.status = status,
		.tenant = v->tenant,
		.remote_addr = v->request.remote_addr,
		.body = body,
		.settings = v->settings,
	};
	struct hs_buf *text = &v->r->message;

	hs_buf_reset(text);
	hs_outcome_message(&v->outcome, text);
	rejection.message = hs_buf_slice(text);
	hs_rejected_put(&v->r->rejected, &rejection);
	return hs_buf_ok(text) && hs_buf_ok(&v->r->rejected) ? HS_OK : HS_E_MEMORY;
}

/* An invalid event of a batch (or the only event) goes to the rejected file. */
static enum hs_result reject_event(struct hs_exchange *v, uint32_t event, enum hs_result why,
                                   uint64_t index)
{
	struct hs_outcome *o = &v->outcome, first = *o;
	enum hs_result r;

	o->why = why;
	o->first_rejected = index;
	o->rejected++;
	r = put_rejected(v, hs_result_info(why)->status, hs_json_raw(&v->r->json, event));
	/*
	 * The answer speaks of the first one; but a batch of nothing but unknown types is
	 * 501, and with anything else in it 400.
	 */
	if (first.rejected > 0) {
		bool unlike = first.why == HS_E_TYPE && why != HS_E_TYPE;

		o->why = unlike ? why : first.why;
		o->first_rejected = unlike ? index : first.first_rejected;
	}
	return r;
}

/* Judges the event at token `event`; HS_OK unless the whole request must end. */
static enum hs_result take_event(struct hs_exchange *v, uint32_t event, uint64_t index)
{
	struct hs_scratch *r = v->r;
	struct hs_stamp stamp = { v->tenant, v->has_settings ? &r->settings_json : NULL,
		                  hs_slice_str(v->spooled_at) };
	struct hs_event e;
	enum hs_result result =
	    hs_event_read(&e, &r->json, event, (enum hs_validate)v->settings->validate);

	if (result == HS_OK)
		result = hs_record_maker_put(&r->maker, &e, &stamp, (enum hs_names)v->settings->names);
	if (result != HS_OK && result != HS_E_MEMORY)
		return reject_event(v, event, result, index);
	return result;
}

static enum hs_result take_events(struct hs_exchange *v)
{
	struct hs_body_reader *events = &v->r->events;
	bool more;
	uint32_t root;

	if (events->dialect->is_batch && !v->settings->batches)
		return HS_E_BATCHES;
	v->outcome.in_batch = events->dialect->is_batch;
	for (uint64_t index = 0;; index++) {
		enum hs_result r = hs_body_next(events, &more, &root);

		if (r != HS_OK || !more)
			return r;
		if (index == HS_BATCH_MAX)
			return HS_E_BATCH_LARGE;
		r = take_event(v, root, index);
		if (r != HS_OK)
			return r;
	}
}

static enum hs_result take_body(struct hs_exchange *v)
{
	struct hs_scratch *r = v->r;
	struct hs_slice body = hs_buf_slice(&r->body);
	enum hs_result result = read_settings_header(v);

	hs_record_maker_reset(&r->maker, body.n);
	hs_buf_reset(&r->rejected);
	if (result == HS_OK)
		result = take_events(v);
	if (hs_result_is(result, HS_CLASS_JSON)) {
		v->outcome.has_offset = true;
		v->outcome.offset = r->json.pos;
	}
	if (result == HS_OK || result == HS_E_MEMORY)
		return result;

	/* Nothing in this text can be trusted: all of it is refused, and kept. */
	hs_record_maker_reset(&r->maker, 0);
	hs_buf_reset(&r->rejected);
	v->outcome.result = result;
	v->outcome.rejected = 0;
	return put_rejected(v, hs_result_info(result)->status, body);
}

/* --- answered ----------------------------------------------------------------- */

/* Of what was noted, only what belongs to this result. */
static void settle(struct hs_exchange *v, enum hs_result r)
{
	struct hs_outcome *o = &v->outcome;

	o->result = r;
	o->has_offset = o->has_offset && hs_result_is(r, HS_CLASS_JSON);
	o->not_synced = v->settings->durability == HS_DURABILITY_NONE;
}

static void log_outcome(const struct hs_exchange *v, const struct hs_outcome *o)
{
	enum hs_result r = o->result != HS_OK ? o->result : o->why;
	char room[256];
	struct hs_buf text = { .p = room, .cap = sizeof room, .max = sizeof room };
	struct hs_slice addr = v->request.remote_addr.n > 0 ? v->request.remote_addr : HS_SLICE("-");
	const char *remedy = hs_result_info(r)->remedy;

	hs_outcome_message(o, &text);
	hs_log(hs_result_info(r)->level,
	       "%d %.*s: %.*s%s%s (accepted %llu, duplicate %llu, rejected %llu)",
	       hs_outcome_status(o), addr.n > 64 ? 64 : (int)addr.n, addr.p,
	       (int)text.n, text.p, remedy[0] != '\0' ? "; " : "", remedy,
	       (unsigned long long)o->accepted, (unsigned long long)o->duplicate,
	       (unsigned long long)o->rejected);
}

static void say(struct hs_exchange *v, const struct hs_outcome *o)
{
	struct hs_transport *g = v->transport;
	struct hs_response response = { .body = &v->answer };

	log_outcome(v, o);
	hs_outcome_respond(o, &response);
	hs_response_print(&response, v->request.method == HS_METHOD_HEAD, &v->head);
	g->write(g, hs_buf_slice(&v->head), hs_buf_slice(&v->answer));
	g->finish(g);
}

/*
 * Nobody can end a system call on a disk that hangs. So while the spool has a visit in hand, its
 * `turn` is when it must be answered: until then it is for whoever comes back from the spool to
 * answer, and from then on for hs_exchange_expire. Whichever of the two is the last ends the visit.
 */
enum { LATE = 1, SAID = 2, BACK = 4, TURN_BITS = 3 };

static uint64_t turn_of(const struct hs_exchange *v)
{
	return (uint64_t)v->answer_by << TURN_BITS;
}

static void hand_over(struct hs_exchange *v)
{
	v->handed = true;
	atomic_store(&v->turn, turn_of(v));
}

/* Back from the spool. False: the visit was answered in the meantime, and may be another's now. */
static bool take_back(struct hs_exchange *v)
{
	uint64_t turn = turn_of(v);

	v->handed = false;
	if (atomic_compare_exchange_strong(&v->turn, &turn, 0))
		return true;
	if ((atomic_fetch_or(&v->turn, BACK) & SAID) != 0)
		v->ended(v->context);
	return false;
}

void hs_exchange_expire(struct hs_exchange *v, int64_t now_ms)
{
	struct hs_outcome late = { .result = HS_E_TIMEOUT };
	uint64_t turn = atomic_load(&v->turn);

	if (turn >> TURN_BITS == 0 || (turn & LATE) != 0 || now_ms < (int64_t)(turn >> TURN_BITS) ||
	    !atomic_compare_exchange_strong(&v->turn, &turn, turn | LATE))
		return;
	late.is_health = v->outcome.is_health;
	say(v, &late);
	if ((atomic_fetch_or(&v->turn, SAID) & BACK) != 0)
		v->ended(v->context);
}

static void answer(struct hs_exchange *v, enum hs_result r)
{
	if (v->handed && !take_back(v))
		return;
	settle(v, r);
	say(v, &v->outcome);
	v->ended(v->context);
}

/* --- kept -------------------------------------------------------------------- */

static void answer_kept(struct hs_exchange *v, enum hs_result r)
{
	if (r == HS_OK)
		v->outcome.accepted = v->post.append.count - v->outcome.duplicate;
	v->outcome.has_counts = r == HS_OK && v->outcome.result == HS_OK;
	answer(v, r == HS_OK ? v->outcome.result : r);
}

static void posted(struct hs_post *post, enum hs_result r)
{
	answer_kept((struct hs_exchange *)((char *)post - offsetof(struct hs_exchange, post)), r);
}

/* The lines are in the file: while we wait for the disk, others can have our place. */
static void make_way(void *context)
{
	struct hs_scratch *r = context;

	if (!r->inside)
		return;
	put_away(r, HS_KEEP_BYTES);
	hs_semaphore_leave(r->store->large);
	r->inside = false;
}

static void fill_append(struct hs_exchange *v, const struct hs_record_batch *batch)
{
	v->post.append = (struct hs_append){
		.records = hs_buf_slice(&batch->lines),
		.record = batch->record,
		.count = batch->count,
		.duplicate = &v->outcome.duplicate,
		.rejected = hs_buf_slice(&v->r->rejected),
		.unparsed = batch->unparsed,
		.deadline_ms = v->answer_by,
	};
}

/* What was taken goes with the visit; the thread gets other memory for it. */
static void post(struct hs_exchange *v)
{
	const struct hs_store_ops *store = v->r->store;
	struct hs_record_batch batch = v->r->maker.batch;

	v->r->maker.batch = v->batch;
	v->batch = batch;
	fill_append(v, &v->batch);
	v->post.done = posted;
	v->r = NULL;
	hand_over(v);
	store->post(store->self, &v->post);
}

/* What is large, or has rejected events, has a commit of its own. */
static enum hs_result append(struct hs_exchange *v)
{
	const struct hs_store_ops *store = v->r->store;

	v->post.append.written = make_way;
	v->post.append.context = v->r;
	hand_over(v);
	return store->append(store->self, &v->post.append);
}

static void keep(struct hs_exchange *v)
{
	size_t lines = v->r->maker.batch.lines.n, rejected = v->r->rejected.n;

	if (rejected == 0 && lines > 0 && lines <= HS_POST_BYTES) {
		post(v);
		return;
	}
	fill_append(v, &v->r->maker.batch);
	answer_kept(v, lines > 0 || rejected > 0 ? append(v) : HS_OK);
}

/* --- the story --------------------------------------------------------------- */

enum hs_result hs_head_read(struct hs_head *h, const struct hs_settings *settings,
                            char *const *params, struct hs_buf *key)
{
	enum hs_result r;

	h->tenant = HS_SLICE_NONE;
	h->needs_signature = false;
	r = hs_request_read(&h->request, params, (uint64_t)settings->max_body);
	if (r != HS_OK || h->request.resource == HS_RESOURCE_HEALTH)
		return r;
	return hs_auth_head(settings, &h->request.credentials, key, &h->tenant, &h->needs_signature);
}

/*
 * A body that matches no secret has cost its bytes times the secrets. For so much of that there
 * is a budget; what matches costs nothing of it.
 */
static enum hs_result check_signature(struct hs_exchange *v)
{
	const struct hs_store_ops *store = v->r->store;
	int64_t now = store->now_monotonic();
	struct hs_auth_effort effort = { .first = hs_hash_budget_hint(store->unverified),
		                         .only_small = !hs_hash_budget_allows(store->unverified, now) };
	enum hs_result r = hs_auth_body(v->settings, &v->request.credentials,
	                                hs_buf_slice(&v->r->body), &v->r->events, &effort, &v->tenant);

	if (r == HS_OK)
		hs_hash_budget_set_hint(store->unverified, effort.first);
	else
		hs_hash_budget_charge(store->unverified, effort.hashed, now);
	return r;
}

/* A whole body. */
static enum hs_result matcher(struct hs_exchange *v, const struct hs_head *head)
{
	enum hs_result r = HS_OK;

	hs_body_open(&v->r->events, &v->r->json, hs_buf_slice(&v->r->body));
	if (head->needs_signature)
		r = check_signature(v);
	if (r != HS_OK)
		return r;
	hs_timestamp_text(v->r->store->now(), v->spooled_at);
	r = take_body(v);
	v->decided = r == HS_OK;
	return r;
}

/* Returns what the request comes to; what take_body noted in the outcome stands. */
static enum hs_result decide(struct hs_exchange *v)
{
	const struct hs_store_ops *store = v->r->store;
	struct hs_head head;
	enum hs_result r;

	r = hs_head_read(&head, v->settings, v->transport->params(v->transport), &v->r->key);
	v->request = head.request;
	v->tenant = head.tenant;
	v->outcome.is_health = v->request.resource == HS_RESOURCE_HEALTH;
	if (r != HS_OK)
		return r;
	if (v->outcome.is_health) {
		v->answer_by = store->now_monotonic() + HS_RESPONSE_VERDICT_MS;
		hand_over(v);
		return store->health(store->self);
	}
	if (v->transport->verdict != HS_OK)
		return v->transport->verdict;

	r = read_body(v);
	if (r != HS_OK)
		return r;
	v->answer_by = store->now_monotonic() + HS_RESPONSE_VERDICT_MS;
	if (v->r->body.n > HS_LARGE_BYTES) {
		v->r->inside = hs_semaphore_enter(store->large, v->answer_by);
		if (!v->r->inside)
			return HS_E_LARGE_BODIES;
	}
	return matcher(v, &head);
}

static void begin(struct hs_exchange *v, struct hs_scratch *r, const struct hs_settings *settings)
{
	v->r = r;
	v->settings = settings;
	v->outcome = (struct hs_outcome){ .result = HS_OK };
	v->tenant = HS_SLICE_NONE;
	v->has_settings = v->decided = false;
}

void hs_ingest(struct hs_scratch *r, struct hs_exchange *v, const struct hs_settings *settings)
{
	enum hs_result result;

	begin(v, r, settings);
	result = decide(v);
	if (v->decided)
		keep(v);
	else
		answer(v, result);
	/* from here on the visit may be another request's */
	make_way(r);
	put_away(r, HS_KEEP_BYTES);
}

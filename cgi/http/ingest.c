/* ingest: the handler of events: reads the body, checks its signature, validates, keeps, answers. */
#include "base/base64.h"
#include "base/timestamp.h"
#include "cgi/http/exchange.h"
#include "cgi/http/handlers.h"
#include "spool/write/rejected.h"

#include <stddef.h>

enum { BODY_PART = 1 << 20 }; /* read at once: the next part has a time limit of its own */

/* --- the body, all of it and no more ----------------------------------------- */

/* Takes over a body that another thread has read. */
static enum hs_result take_read_body(struct hs_exchange *v)
{
	struct hs_buf *from = v->transport->body, *to = &v->r->body, kept = *to;
	size_t want = (size_t)v->request.content_length;

	if (from->n != want)
		return from->n < want ? HS_E_SHORT_BODY : HS_E_LONG_BODY;
	*to = *from;
	to->max = 0;
	*from = kept;
	return hs_buf_reserve(to, 1) == NULL ? HS_E_MEMORY : HS_OK; /* an empty body needs an address, too */
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
	to = hs_buf_reserve(body, want + 1); /* + 1: an empty body needs an address, too */
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

/* A large body waits until few enough are at work. */
static enum hs_result enter(struct hs_exchange *v)
{
	struct hs_scratch *r = v->r;

	if (r->body.n <= HS_LARGE_BYTES)
		return HS_OK;
	r->inside = hs_semaphore_enter(r->store->large, v->answer_by);
	return r->inside ? HS_OK : HS_E_LARGE_BODIES;
}

/*
 * A body that matches no secret has cost its bytes times the secrets, and is charged to the
 * budget. A body that matches one is not.
 */
static enum hs_result check_signature(struct hs_exchange *v)
{
	const struct hs_store_ops *store = v->r->store;
	int64_t now = store->now_monotonic();
	struct hs_auth_effort effort = { .first = hs_hash_budget_hint(store->unverified),
		                         .only_small = !hs_hash_budget_allows(store->unverified, now) };
	enum hs_result r = hs_auth_body(v->settings, &v->request.credentials, hs_buf_slice(&v->r->body), &v->r->events,
	                                &effort, &v->tenant);

	if (r == HS_OK) {
		v->answered.secret = effort.first + 1;
		hs_hash_budget_set_hint(store->unverified, effort.first);
	} else {
		hs_hash_budget_charge(store->unverified, effort.hashed, now);
	}
	return r;
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
static enum hs_result reject_event(struct hs_exchange *v, uint32_t event, enum hs_result why, uint64_t index)
{
	struct hs_outcome *o = &v->outcome, first = *o;
	enum hs_result r;

	o->why = why;
	o->first_rejected = index;
	o->rejected++;
	r = put_rejected(v, hs_result_info(why)->status, hs_json_raw(&v->r->json, event));
	/*
	 * The answer names the first one; but a batch that holds nothing but unknown types is 501,
	 * and with anything else rejected 400.
	 */
	if (first.rejected > 0) {
		bool unlike = first.why == HS_E_TYPE && why != HS_E_TYPE;

		o->why = unlike ? why : first.why;
		o->first_rejected = unlike ? index : first.first_rejected;
	}
	return r;
}

/* Makes a record of the event at token `event`, or rejects it. HS_OK unless the whole request must end. */
static enum hs_result take_event(struct hs_exchange *v, uint32_t event, uint64_t index)
{
	struct hs_scratch *r = v->r;
	struct hs_stamp stamp = { v->tenant, v->has_settings ? &r->settings_json : NULL, hs_slice_str(v->spooled_at) };
	struct hs_event e;
	enum hs_result result = hs_event_read(&e, &r->json, event, (enum hs_validate)v->settings->validate);

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

	/* Nothing in this body can be trusted: all of it is rejected. */
	hs_record_maker_reset(&r->maker, 0);
	hs_buf_reset(&r->rejected);
	v->outcome.result = result;
	v->outcome.rejected = 0;
	return put_rejected(v, hs_result_info(result)->status, body);
}

/* --- keeping ----------------------------------------------------------------- */

static void answer_kept(struct hs_exchange *v, enum hs_result r)
{
	if (r == HS_OK)
		v->outcome.accepted = v->post.append.count - v->outcome.duplicate;
	v->outcome.has_counts = r == HS_OK && v->outcome.result == HS_OK;
	hs_exchange_answer(v, r == HS_OK ? v->outcome.result : r);
}

static void posted(struct hs_post *post, enum hs_result r)
{
	answer_kept((struct hs_exchange *)((char *)post - offsetof(struct hs_exchange, post)), r);
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
		.arrived_ms = v->answered.arrived_ms,
		.deadline_ms = v->answer_by,
	};
}

/* Moves the records to the exchange; the thread gets the exchange's memory for its next ones. */
static void post(struct hs_exchange *v)
{
	const struct hs_store_ops *store = v->r->store;
	struct hs_record_batch batch = v->r->maker.batch;

	v->r->maker.batch = v->batch;
	v->batch = batch;
	fill_append(v, &v->batch);
	v->post.done = posted;
	v->r = NULL;
	hs_exchange_hand_over(v);
	store->post(store->self, &v->post);
}

/* Large requests, and those with rejected events, have a commit of their own. */
static enum hs_result append(struct hs_exchange *v)
{
	const struct hs_store_ops *store = v->r->store;

	v->post.append.written = hs_scratch_make_way;
	v->post.append.context = v->r;
	hs_exchange_hand_over(v);
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

/* --- the handler ------------------------------------------------------------- */

/* HS_OK: v->r holds what is to be kept. */
static enum hs_result validate(struct hs_exchange *v)
{
	struct hs_scratch *r = v->r;
	struct hs_slice key = v->tenant; /* so far the label of the key alone */
	enum hs_result result = v->transport->verdict;

	if (result == HS_OK)
		result = read_body(v);
	if (result != HS_OK)
		return result;
	v->answer_by = r->store->now_monotonic() + HS_ANSWER_MS;
	result = enter(v);
	if (result != HS_OK)
		return result;
	hs_body_open(&r->events, &r->json, hs_buf_slice(&r->body));
	if (v->needs_signature)
		result = check_signature(v);
	if (result != HS_OK)
		return result;
	v->answered.key = key;
	v->answered.arrived_ms = r->store->now();
	hs_timestamp_text(v->answered.arrived_ms, v->spooled_at);
	return take_body(v);
}

void hs_handle_events(struct hs_exchange *v)
{
	enum hs_result result = validate(v);

	if (result == HS_OK)
		keep(v);
	else
		hs_exchange_answer(v, result);
}

#include "cgi/http/ingest.h"
#include "base/timestamp.h"
#include "cgi/http/body.h"
#include "cgi/http/rate_limit.h"
#include "spool/write/rejected.h"

#include <stddef.h>

void hs_ingest_let_in(struct hs_exchange *exchange)
{
	exchange->answered.arrived_ms = exchange->scratch->store->now();
	hs_timestamp_text(exchange->answered.arrived_ms, exchange->spooled_at);
}

/* --- valid: JSON, then each event against the Spec --------------------------- */

/*
 * True if only length and hash of the refused body may be kept. One that is refused for its size is valid, and may
 * hold events that rules or suppression keep from the disk.
 */
static bool keeps_no_body(enum hs_result result)
{
	return result == HS_E_GZIP || result == HS_E_INFLATED || result == HS_E_RECORDS_LARGE ||
	       result == HS_E_BESIDE_LARGE;
}

static enum hs_result put_rejected(struct hs_exchange *exchange, int status, struct hs_slice body, bool keeps_no_body)
{
	struct hs_rejection rejection = {
		.spooled_at = hs_slice_str(exchange->spooled_at),
		.status = status,
		.tenant = exchange->tenant,
		.source = exchange->source != NULL ? hs_slice_str(exchange->source->label) : HS_SLICE_NONE,
		.remote_addr = exchange->request.remote_addr,
		.body = body,
		.keeps_no_body = keeps_no_body,
		.settings = exchange->settings,
	};
	struct hs_buf *text = &exchange->scratch->message;

	hs_buf_reset(text);
	hs_outcome_message(&exchange->outcome, text);
	rejection.message = hs_buf_slice(text);
	hs_rejected_put(&exchange->scratch->rejected, &rejection);
	return hs_buf_ok(text) && hs_buf_ok(&exchange->scratch->rejected) ? HS_OK : HS_E_MEMORY;
}

/* An invalid event of a batch (or the only event) goes to the rejected file. */
static enum hs_result reject_event(struct hs_exchange *exchange, uint32_t event, enum hs_result why, uint64_t index,
                                   bool keeps_no_body)
{
	struct hs_outcome *o = &exchange->outcome, first = *o;
	enum hs_result result;

	o->why = why;
	o->first_rejected = index;
	o->rejected++;
	if (exchange->scratch->store->count_refusal != NULL)
		exchange->scratch->store->count_refusal(exchange->spool, why);
	result = put_rejected(exchange, hs_exchange_status(exchange, why), hs_json_raw(&exchange->scratch->json, event),
	                      keeps_no_body);
	/*
	 * The answer names the first rejected event. But a batch in which only unknown types were
	 * rejected is 501, and one with any other rejection 400. (Both are 400 to a library.)
	 */
	if (first.rejected > 0) {
		bool unlike = first.why == HS_E_TYPE && why != HS_E_TYPE && exchange->source == NULL;

		o->why = unlike ? why : first.why;
		o->first_rejected = unlike ? index : first.first_rejected;
	}
	return result;
}

static enum hs_result read_event(const struct hs_exchange *exchange, const struct hs_direct *direct, uint32_t event,
                                 struct hs_event *e)
{
	const struct hs_json *json = &exchange->scratch->json;
	enum hs_validate validate = (enum hs_validate)exchange->settings->validate;

	return direct == NULL ? hs_event_read(e, json, event, validate)
	                      : hs_event_read_direct(e, json, event, validate, direct->type);
}

/*
 * A rejected line may hold the whole event, so that of a suppressed person must not become one. If the event does not
 * tell whose it is, *may_be: somebody is suppressed.
 */
static enum hs_result is_suppressed(const struct hs_exchange *exchange, uint32_t event, bool *suppressed, bool *may_be)
{
	const struct hs_store_ops *store = exchange->scratch->store;
	const struct hs_json *json = &exchange->scratch->json;
	struct hs_buf *people = &exchange->scratch->message;
	enum hs_result result = HS_OK;

	hs_buf_reset(people);
	if (hs_named_put_record(json, event, exchange->tenant, people))
		result = store->suppresses(store->self, hs_buf_slice(people), suppressed);
	else if (!hs_buf_ok(people))
		result = HS_E_MEMORY;
	if (result != HS_OK || *suppressed || hs_named_tells_whose(json, event))
		return result;
	return store->suppresses(store->self, HS_SLICE_NONE, may_be);
}

/* Rejects an event, or drops that of a suppressed person. HS_OK unless the whole request must end. */
static enum hs_result refuse_event(struct hs_exchange *exchange, uint32_t event, enum hs_result why, uint64_t index)
{
	bool suppressed = false, may_be = false;
	enum hs_result result = HS_OK;

	if (exchange->settings->rejected_body > 0)
		result = is_suppressed(exchange, event, &suppressed, &may_be);
	if (result != HS_OK)
		return result;
	exchange->outcome.dropped += suppressed;
	return suppressed ? HS_OK : reject_event(exchange, event, why, index, may_be);
}

/* Makes a record of the event at token `event`, or rejects it. HS_OK unless the whole request must end. */
static enum hs_result take_event(struct hs_exchange *exchange, uint32_t event, uint64_t index)
{
	struct hs_scratch *scratch = exchange->scratch;
	const struct hs_direct *direct = exchange->source != NULL ? &scratch->direct : NULL;
	struct hs_stamp stamp = { exchange->tenant, exchange->has_settings ? &scratch->settings_json : NULL,
		                  hs_slice_str(exchange->spooled_at), exchange->settings->rules, direct };
	struct hs_event e;
	enum hs_result result = read_event(exchange, direct, event, &e);

	if (result == HS_OK)
		result = hs_record_maker_put(&scratch->maker, &e, &stamp, (enum hs_names)exchange->settings->names);
	if (result == HS_OK || result == HS_E_MEMORY)
		return result;
	if (result == HS_E_RECORDS_LARGE && direct != NULL)
		return result; /* a library that is answered 200 forgets the whole batch */
	if (result != HS_E_DROPPED)
		return refuse_event(exchange, event, result, index);
	exchange->outcome.dropped++;
	return HS_OK;
}

/* The longest lines of a body that is not large, if its events share nothing. */
enum { LINES_LARGE = HS_RECORD_BATCH_BASE + HS_RECORD_BATCH_FACTOR * HS_LARGE_BYTES };

static enum hs_result take_events(struct hs_exchange *exchange)
{
	const struct hs_buf *lines = &exchange->scratch->maker.batch.lines;
	struct hs_body_reader *events = &exchange->scratch->events;
	bool more;
	uint32_t root;

	if (events->dialect->is_batch && !exchange->settings->batches && exchange->source == NULL)
		return HS_E_BATCHES;
	exchange->outcome.in_batch = events->dialect->is_batch;
	for (uint64_t index = 0;; index++) {
		enum hs_result result = hs_body_next(events, &more, &root);

		if (result != HS_OK || !more)
			return result;
		if (index == HS_BATCH_MAX)
			return HS_E_BATCH_LARGE;
		result = take_event(exchange, root, index);
		if (result == HS_OK && !HS_MOSTLY(lines->n <= LINES_LARGE))
			result = hs_body_enter(exchange, lines->n);
		if (result != HS_OK)
			return result;
	}
}

/*
 * Rejects all of a body. Whom its events name is not known, so where people are suppressed it is not kept: any of them
 * may be in it.
 */
static enum hs_result reject_body(struct hs_exchange *exchange, struct hs_slice body)
{
	const struct hs_store_ops *store = exchange->scratch->store;
	enum hs_result why = exchange->outcome.result, result = HS_OK;
	bool without_body = keeps_no_body(why);

	if (!without_body && exchange->settings->rejected_body > 0)
		result = store->suppresses(store->self, HS_SLICE_NONE, &without_body);
	return result == HS_OK ? put_rejected(exchange, hs_exchange_status(exchange, why), body, without_body) : result;
}

enum hs_result hs_ingest_take(struct hs_exchange *exchange, enum hs_result result)
{
	struct hs_scratch *scratch = exchange->scratch;
	struct hs_slice body = hs_buf_slice(&scratch->body);

	hs_record_maker_reset(&scratch->maker, body.n);
	hs_buf_reset(&scratch->rejected);
	if (result == HS_OK)
		result = take_events(exchange);
	if (hs_result_is(result, HS_CLASS_JSON)) {
		exchange->outcome.has_offset = true;
		exchange->outcome.offset = scratch->json.pos;
	}
	if (result == HS_OK || hs_result_info(result)->status == 503)
		return result;

	/* Nothing in this body can be trusted: all of it is rejected. */
	hs_record_maker_reset(&scratch->maker, 0);
	hs_buf_reset(&scratch->rejected);
	exchange->outcome.result = result;
	exchange->outcome.rejected = exchange->outcome.dropped = 0;
	return reject_body(exchange, body);
}

/* --- keeping ----------------------------------------------------------------- */

static void answer_kept(struct hs_exchange *exchange, enum hs_result result)
{
	if (result != HS_OK && exchange->source != NULL)
		hs_rate_limit_give_back(exchange);
	if (result == HS_OK)
		exchange->outcome.accepted = exchange->post.append.count - exchange->outcome.duplicate;
	exchange->outcome.is_kept = result == HS_OK;
	exchange->outcome.has_counts = result == HS_OK && exchange->outcome.result == HS_OK;
	hs_exchange_answer(exchange, result == HS_OK ? exchange->outcome.result : result);
}

static void posted(struct hs_post *post, enum hs_result result)
{
	answer_kept((struct hs_exchange *)((char *)post - offsetof(struct hs_exchange, post)), result);
}

static void fill_append(struct hs_exchange *exchange, const struct hs_record_batch *batch)
{
	exchange->post.append = (struct hs_append){
		.records = hs_buf_slice(&batch->lines),
		.record = batch->record,
		.count = batch->count,
		.duplicate = &exchange->outcome.duplicate,
		.rejected = hs_buf_slice(&exchange->scratch->rejected),
		.unparsed = batch->unparsed,
		.arrived_ms = exchange->answered.arrived_ms,
		.deadline_ms = exchange->answer_by,
	};
}

/* Moves the records to the exchange; the thread gets the exchange's memory for its next ones. */
static void post(struct hs_exchange *exchange)
{
	const struct hs_store_ops *store = exchange->scratch->store;
	struct hs_record_batch batch = exchange->scratch->maker.batch;

	exchange->scratch->maker.batch = exchange->batch;
	exchange->batch = batch;
	fill_append(exchange, &exchange->batch);
	exchange->post.done = posted;
	exchange->scratch = NULL;
	hs_exchange_hand_over(exchange);
	store->post(store->self, &exchange->post);
}

/* Large requests, and those with rejected events, have a commit of their own. */
static enum hs_result append(struct hs_exchange *exchange)
{
	const struct hs_store_ops *store = exchange->scratch->store;

	exchange->post.append.written = hs_scratch_make_way;
	exchange->post.append.context = exchange->scratch;
	hs_exchange_hand_over(exchange);
	return store->append(store->self, &exchange->post.append);
}

void hs_ingest_keep(struct hs_exchange *exchange)
{
	size_t lines = exchange->scratch->maker.batch.lines.n, rejected = exchange->scratch->rejected.n;

	if (rejected == 0 && lines > 0 && lines <= HS_POST_BYTES) {
		post(exchange);
		return;
	}
	fill_append(exchange, &exchange->scratch->maker.batch);
	answer_kept(exchange, lines > 0 || rejected > 0 ? append(exchange) : HS_OK);
}

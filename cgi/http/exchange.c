#include "cgi/http/exchange.h"
#include "base/log.h"
#include "cgi/http/cors.h"
#include "cgi/http/direct_answer.h"
#include "cgi/http/page_answer.h"
#include "cgi/http/params.h"

#include <stdlib.h>

enum { ANSWER_BYTES = 2048 }; /* no head or body of an answer is longer, but for pages */
enum { LOGGED_BYTES = 128 };  /* of what a log line shows beside the message */

struct hs_scratch *hs_scratch_new(const struct hs_store_ops *store, uint64_t seed)
{
	struct hs_scratch *scratch = calloc(1, sizeof *scratch);

	if (scratch == NULL)
		return NULL;
	scratch->store = store;
	hs_json_init(&scratch->json, seed);
	hs_json_init(&scratch->settings_json, seed);
	if (!hs_record_maker_init(&scratch->maker)) {
		hs_scratch_free(scratch);
		return NULL;
	}
	hs_record_maker_seed(&scratch->maker, seed ^ (uint64_t)(uintptr_t)scratch); /* threads share a seed */
	return scratch;
}

void hs_scratch_free(struct hs_scratch *scratch)
{
	if (scratch == NULL)
		return;
	hs_json_free(&scratch->json);
	hs_json_free(&scratch->settings_json);
	hs_record_maker_free(&scratch->maker);
	hs_buf_free(&scratch->body);
	hs_buf_free(&scratch->inflated);
	hs_gunzip_free(scratch->gunzip);
	hs_buf_free(&scratch->rejected);
	hs_buf_free(&scratch->key);
	hs_buf_free(&scratch->settings_text);
	hs_buf_free(&scratch->message);
	hs_batch_frame_free(&scratch->frame);
	free(scratch);
}

struct hs_exchange *hs_exchange_new(struct hs_transport *transport, void (*ended)(void *context), void *context)
{
	struct hs_exchange *exchange = calloc(1, sizeof *exchange);

	if (exchange == NULL)
		return NULL;
	exchange->transport = transport;
	exchange->ended = ended;
	exchange->context = context;
	/* allocated now, so that "out of memory" can still be answered */
	if (hs_buf_reserve(&exchange->head, ANSWER_BYTES) == NULL ||
	    hs_buf_reserve(&exchange->answer, ANSWER_BYTES) == NULL) {
		hs_exchange_free(exchange);
		return NULL;
	}
	return exchange;
}

void hs_exchange_free(struct hs_exchange *exchange)
{
	if (exchange == NULL)
		return;
	hs_buf_free(&exchange->head);
	hs_buf_free(&exchange->answer);
	hs_buf_free(&exchange->page_text);
	hs_record_batch_free(&exchange->batch);
	free(exchange);
}

void hs_exchange_from(struct hs_exchange *exchange, struct hs_transport *transport)
{
	exchange->transport = transport;
}

void hs_scratch_shrink(struct hs_scratch *scratch, size_t keep)
{
	hs_buf_shrink(&scratch->body, keep);
	hs_buf_shrink(&scratch->inflated, keep);
	hs_buf_shrink(&scratch->rejected, keep);
	hs_buf_shrink(&scratch->settings_text, keep);
	hs_buf_shrink(&scratch->key, keep);
	hs_record_maker_shrink(&scratch->maker, keep);
	hs_json_shrink(&scratch->json);
	hs_json_shrink(&scratch->settings_json);
	if (scratch->frame.text.p != NULL)
		hs_batch_frame_shrink(&scratch->frame);
}

void hs_scratch_rest(struct hs_scratch *scratch)
{
	hs_scratch_shrink(scratch, HS_REST_BYTES);
}

void hs_exchange_rest(struct hs_exchange *exchange)
{
	hs_record_batch_shrink(&exchange->batch, HS_REST_BYTES);
}

void hs_scratch_make_way(void *context)
{
	struct hs_scratch *scratch = context;

	if (!scratch->inside)
		return;
	hs_scratch_shrink(scratch, HS_KEEP_BYTES);
	hs_semaphore_leave(scratch->store->large);
	scratch->inside = false;
}

/* --- the answer --------------------------------------------------------------- */

/* Sets the result, and drops what was noted for another one. */
static void settle(struct hs_exchange *exchange, enum hs_result result)
{
	struct hs_outcome *o = &exchange->outcome;

	o->result = result;
	o->has_offset = o->has_offset && hs_result_is(result, HS_CLASS_JSON);
	o->not_synced = exchange->settings->durability == HS_DURABILITY_NONE;
}

/* The kinds of answers, by whom the route is for. */
enum { FOR_SENDERS, FOR_LIBRARIES, FOR_CONSOLE };
static const struct form {
	int (*status)(const struct hs_outcome *o);
	void (*respond)(const struct hs_outcome *o, struct hs_response *response);
} forms[] = {
	[FOR_SENDERS] = { hs_outcome_status, hs_outcome_respond },
	[FOR_LIBRARIES] = { hs_direct_answer_status, hs_direct_answer_respond },
	[FOR_CONSOLE] = { hs_page_answer_status, hs_page_answer_respond },
};

static bool is_direct(const struct hs_exchange *exchange)
{
	return exchange->request.route != NULL && exchange->request.route->direct != NULL;
}

static const struct form *form_of(const struct hs_exchange *exchange)
{
	const struct hs_route *route = exchange->request.route;

	return &forms[is_direct(exchange)               ? FOR_LIBRARIES
	              : route != NULL && route->console ? FOR_CONSOLE
	                                                : FOR_SENDERS];
}

int hs_exchange_status(const struct hs_exchange *exchange, enum hs_result result)
{
	struct hs_outcome o = { .result = result };

	return form_of(exchange)->status(&o);
}

/* Appends what the line shows beside the message, cut and quoted. */
static void put_logged(struct hs_slice logged, struct hs_buf *text)
{
	if (logged.n == 0)
		return;
	hs_buf_put_slice(text, HS_SLICE(": "));
	hs_buf_put_json(text, hs_slice(logged.p, logged.n < LOGGED_BYTES ? logged.n : LOGGED_BYTES));
}

static void log_outcome(const struct hs_exchange *exchange, const struct hs_outcome *o)
{
	enum hs_result result = o->result != HS_OK ? o->result : o->why;
	char room[256 + 6 * LOGGED_BYTES];
	struct hs_buf text = { .p = room, .cap = sizeof room, .max = sizeof room };
	struct hs_slice addr = exchange->request.remote_addr.n > 0 ? exchange->request.remote_addr : HS_SLICE("-");
	const char *remedy = hs_result_info(result)->remedy;

	hs_outcome_message(o, &text);
	put_logged(exchange->logged, &text);
	hs_log(hs_result_info(result)->level, "%d %.*s: %.*s%s%s (accepted %llu, duplicate %llu, rejected %llu)",
	       exchange->answered.status, addr.n > 64 ? 64 : (int)addr.n, addr.p, (int)text.n, text.p,
	       remedy[0] != '\0' ? "; " : "", remedy, (unsigned long long)o->accepted, (unsigned long long)o->duplicate,
	       (unsigned long long)o->rejected);
}

static void add_cors(const struct hs_exchange *exchange, const struct hs_outcome *o, struct hs_response *response)
{
	struct hs_slice asked;

	if (!o->is_preflight) {
		hs_cors_add(exchange->settings, exchange->source, exchange->origin, response);
		return;
	}
	asked =
	    hs_param(exchange->transport->params(exchange->transport), HS_SLICE("HTTP_ACCESS_CONTROL_REQUEST_HEADERS"));
	hs_cors_add_preflight(exchange->settings, exchange->origin, hs_slice_trim(asked), response);
}

static void say(struct hs_exchange *exchange, const struct hs_outcome *o)
{
	struct hs_response response = { .body = &exchange->answer };
	const struct form *form = form_of(exchange);

	exchange->answered.status = form->status(o);
	exchange->answered.reason = o->result;
	exchange->answered.accepted = o->accepted;
	exchange->answered.dropped = o->is_kept ? o->dropped : 0;
	if (exchange->count_answer != NULL)
		exchange->count_answer(exchange->spool, &exchange->answered);
	log_outcome(exchange, o);
	form->respond(o, &response);
	if (form == &forms[FOR_LIBRARIES])
		add_cors(exchange, o, &response);
	hs_response_print(&response, exchange->request.method == HS_METHOD_HEAD, &exchange->head);
	exchange->transport->write(exchange->transport, hs_buf_slice(&exchange->head), hs_buf_slice(response.body));
}

static void end(struct hs_exchange *exchange)
{
	exchange->transport->finish(exchange->transport);
	if (exchange->page_text.p != NULL || !hs_buf_ok(&exchange->page_text))
		hs_buf_free(&exchange->page_text);
	exchange->ended(exchange->context);
}

/*
 * A system call on a hanging disk cannot be interrupted. So while the spool holds an exchange, `turn`
 * is the time by which it must be answered: before that, the thread that returns from the spool
 * answers; after that, hs_exchange_expire does. The later of the two ends the exchange: until then the
 * request's strings must stay, because the handler may read them between two calls of the spool.
 */
enum { LATE = 1, SAID = 2, BACK = 4, TURN_BITS = 3 };

static uint64_t turn_of(const struct hs_exchange *exchange)
{
	return (uint64_t)exchange->answer_by << TURN_BITS;
}

void hs_exchange_hand_over(struct hs_exchange *exchange)
{
	exchange->handed = true;
	atomic_store(&exchange->turn, turn_of(exchange));
}

/* Call it when the spool has returned. False: the exchange was answered, and may serve another request. */
static bool take_back(struct hs_exchange *exchange)
{
	uint64_t turn = turn_of(exchange);

	exchange->handed = false;
	if (atomic_compare_exchange_strong(&exchange->turn, &turn, 0))
		return true;
	if (exchange->source != NULL && exchange->charge.give_back != NULL)
		exchange->charge.give_back(exchange); /* it is told to send the same again */
	if ((atomic_fetch_or(&exchange->turn, BACK) & SAID) != 0)
		end(exchange);
	return false;
}

void hs_exchange_expire(struct hs_exchange *exchange, int64_t now_ms)
{
	struct hs_outcome late = { .result = HS_E_TIMEOUT };
	uint64_t turn = atomic_load(&exchange->turn);

	if (turn >> TURN_BITS == 0 || (turn & LATE) != 0 || now_ms < (int64_t)(turn >> TURN_BITS) ||
	    !atomic_compare_exchange_strong(&exchange->turn, &turn, turn | LATE))
		return;
	say(exchange, &late);
	exchange->transport->close_answer(exchange->transport);
	if ((atomic_fetch_or(&exchange->turn, SAID) & BACK) != 0)
		end(exchange);
}

void hs_exchange_answer(struct hs_exchange *exchange, enum hs_result result)
{
	if (exchange->handed && !take_back(exchange))
		return;
	settle(exchange, result);
	say(exchange, &exchange->outcome);
	end(exchange);
}

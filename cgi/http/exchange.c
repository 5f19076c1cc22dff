#include "cgi/http/exchange.h"
#include "base/log.h"

#include <stdlib.h>

enum { ANSWER_BYTES = 1024 }; /* no head and no body of an answer is longer */

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
	/* allocated now, so that "out of memory" can still be answered */
	if (hs_buf_reserve(&v->head, ANSWER_BYTES) == NULL || hs_buf_reserve(&v->answer, ANSWER_BYTES) == NULL) {
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

void hs_scratch_shrink(struct hs_scratch *r, size_t keep)
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
	hs_scratch_shrink(r, HS_REST_BYTES);
}

void hs_exchange_rest(struct hs_exchange *v)
{
	hs_record_batch_shrink(&v->batch, HS_REST_BYTES);
}

void hs_scratch_make_way(void *context)
{
	struct hs_scratch *r = context;

	if (!r->inside)
		return;
	hs_scratch_shrink(r, HS_KEEP_BYTES);
	hs_semaphore_leave(r->store->large);
	r->inside = false;
}

/* --- the answer --------------------------------------------------------------- */

/* Keeps of what was noted only what belongs to this result. */
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
	hs_log(hs_result_info(r)->level, "%d %.*s: %.*s%s%s (accepted %llu, duplicate %llu, rejected %llu)",
	       hs_outcome_status(o), addr.n > 64 ? 64 : (int)addr.n, addr.p, (int)text.n, text.p,
	       remedy[0] != '\0' ? "; " : "", remedy, (unsigned long long)o->accepted, (unsigned long long)o->duplicate,
	       (unsigned long long)o->rejected);
}

static void say(struct hs_exchange *v, const struct hs_outcome *o)
{
	struct hs_transport *g = v->transport;
	struct hs_response response = { .body = &v->answer };

	v->answered.status = hs_outcome_status(o);
	if (v->count_answer != NULL)
		v->count_answer(v->spool, &v->answered);
	log_outcome(v, o);
	hs_outcome_respond(o, &response);
	hs_response_print(&response, v->request.method == HS_METHOD_HEAD, &v->head);
	g->write(g, hs_buf_slice(&v->head), hs_buf_slice(&v->answer));
	g->finish(g);
}

/*
 * A system call on a disk that hangs cannot be ended. So while the spool holds an exchange, `turn`
 * is when it must be answered: before that the thread that comes back from the spool answers,
 * after that hs_exchange_expire does. The later of the two ends the exchange.
 */
enum { LATE = 1, SAID = 2, BACK = 4, TURN_BITS = 3 };

static uint64_t turn_of(const struct hs_exchange *v)
{
	return (uint64_t)v->answer_by << TURN_BITS;
}

void hs_exchange_hand_over(struct hs_exchange *v)
{
	v->handed = true;
	atomic_store(&v->turn, turn_of(v));
}

/* Back from the spool. False: it was answered in the meantime, and may serve another request. */
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
	say(v, &late);
	if ((atomic_fetch_or(&v->turn, SAID) & BACK) != 0)
		v->ended(v->context);
}

void hs_exchange_answer(struct hs_exchange *v, enum hs_result r)
{
	if (v->handed && !take_back(v))
		return;
	settle(v, r);
	say(v, &v->outcome);
	v->ended(v->context);
}

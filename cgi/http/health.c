/* health: the handler of /health: whether the spool would take an event now. */
#include "cgi/http/exchange.h"
#include "cgi/http/handlers.h"

void hs_handle_health(struct hs_exchange *v)
{
	const struct hs_store_ops *store = v->r->store;

	v->outcome.is_healthy = true; /* if the result is HS_OK */
	v->answer_by = store->now_monotonic() + HS_ANSWER_MS;
	hs_exchange_hand_over(v);
	hs_exchange_answer(v, store->health(store->self));
}

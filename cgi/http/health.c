/* health: the handler of /health: tells whether the spool would take an event now. */
#include "cgi/http/exchange.h"
#include "cgi/http/handlers.h"

void hs_handle_health(struct hs_exchange *exchange)
{
	const struct hs_store_ops *store = exchange->scratch->store;

	exchange->outcome.is_healthy = true; /* says the body if the result is HS_OK */
	exchange->answer_by = store->now_monotonic() + HS_ANSWER_MS;
	hs_exchange_hand_over(exchange);
	hs_exchange_answer(exchange, store->health(store->self, &exchange->outcome.is_catching_up));
}

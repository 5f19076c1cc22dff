/* preflight: the handler of OPTIONS on the paths of direct intake. */
#include "cgi/http/exchange.h"
#include "cgi/http/handlers.h"

/* Browsers show no key here, so this is no question of authentication. */
void hs_handle_preflight(struct hs_exchange *exchange)
{
	exchange->outcome.is_preflight = true;
	hs_exchange_answer(exchange, HS_OK);
}

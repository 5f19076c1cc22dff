/* no_console: stands in for the console, which reads a spool: fuzzers have none. */
#include "cgi/http/exchange.h"
#include "cgi/http/handlers.h"

#define HANDLER(name) \
	void hs_handle_console_##name(struct hs_exchange *exchange) \
	{ \
		hs_exchange_answer(exchange, HS_E_PATH); \
	}
HANDLER(page)
HANDLER(file)
HANDLER(login)
HANDLER(logout)
HANDLER(feed)
HANDLER(rejected)
HANDLER(overview)
HANDLER(schema)

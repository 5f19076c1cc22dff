/* schema: the handler of /console/schema. */
#include "cgi/http/console/console.h"
#include "cgi/http/handlers.h"

void hs_handle_console_schema(struct hs_exchange *exchange)
{
	enum hs_result result = hs_console_begin(exchange, NULL);

	hs_buf_put_slice(&exchange->page_text, HS_SLICE("{\"events\":[]}\n"));
	hs_console_answer(exchange, result);
}

/* schema: the handler of /console/schema: the catalogue of events that maintenance keeps, as in schema.h. */
#include "schema/schema.h"
#include "cgi/http/console/console.h"
#include "cgi/http/handlers.h"

static enum hs_result put_catalogue(struct hs_exchange *exchange)
{
	const struct hs_schema_view all = { .no_examples = false };
	struct hs_opened_spool opened;
	enum hs_result result = hs_spool_dir_open_to_read(&opened, exchange->settings);

	if (result != HS_OK)
		return result;
	result = hs_schema_print(&opened.dir, &all, &exchange->page_text);
	hs_spool_dir_close(&opened);
	return result;
}

void hs_handle_console_schema(struct hs_exchange *exchange)
{
	enum hs_result result = hs_console_begin(exchange, NULL);

	if (result == HS_OK)
		result = put_catalogue(exchange);
	hs_console_answer(exchange, result);
}

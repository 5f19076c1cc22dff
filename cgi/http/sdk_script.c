/* sdk_script: the handler of analytics.min.js: the file that the setting sdk_script names. */
#include "base/io.h"
#include "cgi/http/exchange.h"
#include "cgi/http/handlers.h"

#include <errno.h>

enum { SCRIPT_MOST = 4 << 20 };

static enum hs_result read_script(struct hs_exchange *exchange)
{
	const char *path = exchange->settings->sdk_script;
	struct stat st;

	if (path == NULL || path[0] == '\0')
		return HS_E_SDK_SCRIPT;
	if (hs_io_read_file(path, SCRIPT_MOST, &exchange->page_text, &st) == 0)
		return HS_OK;
	return errno == ENOMEM ? HS_E_MEMORY : HS_E_SDK_SCRIPT;
}

/* The disk may hang, as it may for events. */
void hs_handle_sdk_script(struct hs_exchange *exchange)
{
	enum hs_result result;

	exchange->page = (struct hs_response){ .status = 200,
		                               .media_type = HS_SLICE("text/javascript; charset=utf-8"),
		                               .body = &exchange->page_text };
	hs_response_header(&exchange->page, HS_SLICE("Cache-Control"), HS_SLICE("public, max-age=300"));
	exchange->outcome.page = &exchange->page;
	exchange->answer_by = exchange->scratch->store->now_monotonic() + HS_ANSWER_MS;
	hs_exchange_hand_over(exchange);
	result = read_script(exchange);
	hs_exchange_answer(exchange, result);
}

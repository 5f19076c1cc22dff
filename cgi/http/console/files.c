/* files: the handlers of the page and of the files that it names. They have no data, so they need no session. */
#include "cgi/http/console/console.h"
#include "cgi/http/console/web_files.h"
#include "cgi/http/handlers.h"
#include "cgi/http/params.h"

static void put(struct hs_exchange *exchange, const struct hs_web_file *file, int status, bool lasting)
{
	hs_buf_reset(&exchange->page_text);
	hs_buf_put_slice(&exchange->page_text, file->bytes);
	hs_console_page(exchange, status, file->media_type, lasting);
}

/* Why there is no login, for a person. */
static void put_reason(struct hs_exchange *exchange, enum hs_result result)
{
	const struct hs_result_info *info = hs_result_info(result);

	hs_buf_reset(&exchange->page_text);
	hs_buf_printf(&exchange->page_text, "hookspool: %s\n\nRemedy: %s.\n", info->message, info->remedy);
	hs_console_page(exchange, info->status, HS_SLICE("text/plain; charset=utf-8"), false);
}

/* Without a session the page is the login, with status 401. */
void hs_handle_console_page(struct hs_exchange *exchange)
{
	enum hs_result result = hs_console_begin(exchange, NULL);
	bool login = result == HS_E_CONSOLE_SESSION || result == HS_E_SPOOL_DIR;

	if (result != HS_OK && !login)
		put_reason(exchange, result);
	else
		put(exchange, &hs_web_files[0], login ? 401 : 200, false);
	if (login)
		hs_response_header(&exchange->page, HS_SLICE("WWW-Authenticate"),
		                   HS_SLICE("Session realm=\"console\""));
	hs_exchange_answer(exchange, hs_buf_ok(&exchange->page_text) ? HS_OK : HS_E_MEMORY);
}

void hs_handle_console_file(struct hs_exchange *exchange)
{
	struct hs_slice path = hs_param(exchange->transport->params(exchange->transport), HS_SLICE("PATH_INFO"));
	struct hs_slice name = hs_route_key(exchange->request.route, path);
	enum hs_result result = hs_session_check_https(exchange);
	const struct hs_web_file *file = NULL;

	for (size_t i = 1; i < hs_web_files_count; i++)
		if (hs_slice_eq(hs_web_files[i].name, name))
			file = &hs_web_files[i];
	if (result == HS_OK && file == NULL)
		result = HS_E_PATH;
	if (result == HS_OK)
		put(exchange, file, 200, true);
	hs_exchange_answer(exchange, result == HS_OK && !hs_buf_ok(&exchange->page_text) ? HS_E_MEMORY : result);
}

#include "cgi/http/console/console.h"
#include "cgi/http/page_answer.h"
#include "cgi/http/params.h"

struct hs_slice hs_console_query(const struct hs_exchange *exchange)
{
	return hs_param(exchange->transport->params(exchange->transport), HS_SLICE("QUERY_STRING"));
}

static void hand_over(struct hs_exchange *exchange, int64_t ms)
{
	const struct hs_store_ops *store = exchange->scratch->store;

	if (store->step_aside != NULL)
		store->step_aside(store->self);
	hs_buf_reset(&exchange->page_text);
	exchange->answer_by = store->now_monotonic() + ms;
	hs_exchange_hand_over(exchange);
}

void hs_console_hand_over(struct hs_exchange *exchange)
{
	hand_over(exchange, HS_ANSWER_MS);
}

void hs_console_hand_over_login(struct hs_exchange *exchange)
{
	hand_over(exchange, HS_CONSOLE_LOGIN_MS);
}

enum hs_result hs_console_begin(struct hs_exchange *exchange, struct hs_session *session)
{
	hs_console_hand_over(exchange);
	return hs_session_check(exchange, session);
}

struct hs_response *hs_console_page(struct hs_exchange *exchange, int status, struct hs_slice media_type, bool lasting)
{
	exchange->page =
	    (struct hs_response){ .status = status, .media_type = media_type, .body = &exchange->page_text };
	hs_page_headers(&exchange->page, lasting);
	exchange->outcome.page = &exchange->page;
	return &exchange->page;
}

void hs_console_answer(struct hs_exchange *exchange, enum hs_result result)
{
	hs_console_page(exchange, 200, HS_SLICE("application/json"), false);
	hs_exchange_answer(exchange, result == HS_OK && !hs_buf_ok(&exchange->page_text) ? HS_E_MEMORY : result);
}

/*
 * metrics: the handler of /metrics: the figures of the spool, for a monitor that shows the token. To anyone
 * else the answer is 401, and 404 if there is no token.
 */
#include "cgi/http/auth/authorization.h"
#include "cgi/http/exchange.h"
#include "cgi/http/handlers.h"
#include "cgi/http/params.h"

#include <openssl/crypto.h>

/* The token is compared by its hash, in constant time. */
static enum hs_result compare(const struct hs_token *token, struct hs_slice shown)
{
	uint8_t sha256[HS_SHA256_BYTES];

	if (!hs_sha256(shown, sha256))
		return HS_E_MEMORY;
	return CRYPTO_memcmp(sha256, token->sha256, sizeof sha256) == 0 ? HS_OK : HS_E_METRICS_TOKEN;
}

static enum hs_result check_token(const struct hs_token *token, struct hs_slice header, struct hs_buf *shown)
{
	enum hs_result result;

	if (!token->is_set)
		return HS_E_NO_METRICS;
	if (header.p == NULL)
		return HS_E_METRICS_TOKEN;
	hs_buf_reset(shown);
	if (hs_authorization_read(header, shown) == HS_AUTH_SCHEME_BEARER)
		result = compare(token, hs_buf_slice(shown));
	else
		result = hs_buf_ok(shown) ? HS_E_METRICS_TOKEN : HS_E_MEMORY;
	if (shown->p != NULL)
		OPENSSL_cleanse(shown->p, shown->cap);
	return result;
}

static enum hs_exposition wanted(struct hs_slice accept)
{
	static const char name[] = "application/openmetrics-text";

	return accept.p != NULL && memmem(accept.p, accept.n, name, sizeof name - 1) != NULL ? HS_EXPOSITION_OPENMETRICS
	                                                                                     : HS_EXPOSITION_TEXT;
}

static enum hs_result put_figures(struct hs_exchange *exchange, enum hs_exposition format)
{
	const struct hs_store_ops *store = exchange->scratch->store;

	store->put_figures(store->self, format, &exchange->page_text);
	exchange->page = (struct hs_response){ .status = 200,
		                               .media_type = hs_exposition_type(format),
		                               .body = &exchange->page_text };
	hs_response_header(&exchange->page, HS_SLICE("Cache-Control"), HS_SLICE("no-store"));
	exchange->outcome.page = &exchange->page;
	return hs_buf_ok(&exchange->page_text) ? HS_OK : HS_E_MEMORY;
}

void hs_handle_metrics(struct hs_exchange *exchange)
{
	const struct hs_store_ops *store = exchange->scratch->store;
	struct hs_slice accept = hs_param(exchange->transport->params(exchange->transport), HS_SLICE("HTTP_ACCEPT"));
	enum hs_result result = check_token(&exchange->settings->metrics_token,
	                                    exchange->request.credentials.authorization, &exchange->scratch->key);

	if (result == HS_OK) {
		exchange->answer_by = store->now_monotonic() + HS_ANSWER_MS;
		hs_exchange_hand_over(exchange);
		result = put_figures(exchange, wanted(accept));
	}
	hs_exchange_answer(exchange, result);
}

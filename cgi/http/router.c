#include "cgi/http/router.h"

enum hs_result hs_head_read(struct hs_head *h, const struct hs_settings *settings, char *const *params,
                            struct hs_buf *key)
{
	enum hs_result result;

	h->tenant = HS_SLICE_NONE;
	h->needs_signature = false;
	result = hs_request_read(&h->request, params, (uint64_t)settings->max_body);
	if (result != HS_OK || !h->request.route->for_senders)
		return result;
	return hs_auth_head(settings, &h->request.credentials, key, &h->tenant, &h->needs_signature);
}

static enum hs_result begin(struct hs_scratch *scratch, struct hs_exchange *exchange,
                            const struct hs_settings *settings)
{
	struct hs_head head;
	enum hs_result result;

	exchange->scratch = scratch;
	exchange->settings = settings;
	exchange->outcome = (struct hs_outcome){ .result = HS_OK };
	exchange->has_settings = false;
	exchange->spool = scratch->store->spool;
	exchange->answered = (struct hs_answered){ .status = 0 };
	result = hs_head_read(&head, settings, exchange->transport->params(exchange->transport), &scratch->key);
	exchange->request = head.request;
	exchange->tenant = head.tenant;
	exchange->needs_signature = head.needs_signature;
	/* not health requests: those of a monitor would hide that a sender is silent */
	exchange->count_answer = exchange->request.route != NULL && !exchange->request.route->for_senders
	                             ? NULL
	                             : scratch->store->count_answer;
	if (exchange->request.route != NULL)
		exchange->outcome.allow = exchange->request.route->allow;
	return result;
}

void hs_serve(struct hs_scratch *scratch, struct hs_exchange *exchange, const struct hs_settings *settings)
{
	enum hs_result result = begin(scratch, exchange, settings);

	if (result == HS_OK)
		exchange->request.route->handle(exchange);
	else
		hs_exchange_answer(exchange, result);
	/* from here on the exchange may already serve another request */
	hs_scratch_make_way(scratch);
	hs_scratch_shrink(scratch, HS_KEEP_BYTES);
}

#include "cgi/http/router.h"
#include "cgi/http/params.h"
#include "cgi/http/rate_limit.h"

/*
 * Direct intake is not offered without sources. Its keys may be in the body, so the head lets everybody in;
 * and a preflight has neither.
 */
static enum hs_result read_direct(struct hs_head *h, const struct hs_settings *settings, enum hs_result result)
{
	if (settings->sources == 0) {
		h->request.route = NULL;
		return HS_E_NO_SOURCES;
	}
	if (h->request.method == HS_METHOD_OPTIONS) {
		h->request.route = hs_route_preflight();
		return HS_OK;
	}
	h->needs_signature = h->request.route->for_senders;
	return result;
}

/* Without a password there is no console, and nothing tells that there could be one. */
static enum hs_result read_open(struct hs_head *h, const struct hs_settings *settings, enum hs_result result)
{
	if (h->request.route == NULL || !h->request.route->console || settings->console_password != NULL)
		return result;
	h->request.route = NULL;
	return HS_E_PATH;
}

enum hs_result hs_head_read(struct hs_head *h, const struct hs_settings *settings, char *const *params,
                            struct hs_buf *key)
{
	enum hs_result result;

	h->tenant = HS_SLICE_NONE;
	h->needs_signature = false;
	result = hs_request_read(&h->request, params, (uint64_t)settings->max_body, (uint64_t)settings->max_sdk_body);
	if (h->request.route != NULL && h->request.route->direct != NULL)
		return read_direct(h, settings, result);
	if (result != HS_OK || !h->request.route->for_senders)
		return read_open(h, settings, result);
	return hs_auth_head(settings, &h->request.credentials, key, &h->tenant, &h->needs_signature);
}

/* Finds who sends, for the log, rejected.jsonl and records, and what may be shown of that. */
static void find_sender(struct hs_exchange *exchange, char *const *params)
{
	const struct hs_settings *settings = exchange->settings;

	exchange->has_sender = hs_sender_address(settings, exchange->request.remote_addr, params, &exchange->sender);
	exchange->address = exchange->has_sender
	                        ? hs_sender_address_shown(settings, &exchange->sender, exchange->sender_text)
	                        : HS_SLICE_NONE;
	exchange->request.remote_addr = exchange->address;
}

static enum hs_result begin(struct hs_scratch *scratch, struct hs_exchange *exchange,
                            const struct hs_settings *settings)
{
	char *const *params = exchange->transport->params(exchange->transport);
	struct hs_head head;
	enum hs_result result;
	bool direct;

	exchange->scratch = scratch;
	exchange->settings = settings;
	exchange->outcome = (struct hs_outcome){ .result = HS_OK };
	exchange->has_settings = false;
	exchange->spool = scratch->store->spool;
	exchange->answered = (struct hs_answered){ .status = 0 };
	result = hs_head_read(&head, settings, params, &scratch->key);
	exchange->request = head.request;
	exchange->tenant = head.tenant;
	exchange->needs_signature = head.needs_signature;
	exchange->source = NULL;
	exchange->charge = (struct hs_charge){ 0 };
	exchange->logged = HS_SLICE_NONE;
	direct = head.request.route != NULL && head.request.route->direct != NULL;
	if (direct)
		exchange->origin = hs_slice_trim(hs_param(params, HS_SLICE("HTTP_ORIGIN")));
	if (direct || settings->proxies > 0 || settings->ip != HS_IP_KEEP)
		find_sender(exchange, params);
	if (settings->hides_addresses)
		exchange->request.remote_addr = HS_SLICE_NONE;
	if (direct && result == HS_OK && exchange->request.method != HS_METHOD_OPTIONS)
		result = hs_rate_limit_address(exchange);
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

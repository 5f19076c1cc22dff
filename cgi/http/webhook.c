/* webhook: the handler of webhooks: checks the signature of a body, and ingests it. */
#include "base/base64.h"
#include "cgi/http/body.h"
#include "cgi/http/handlers.h"
#include "cgi/http/ingest.h"

/*
 * A body that matches no secret has cost its bytes times the secrets, and is charged to the
 * budget. A body that matches one is not.
 */
static enum hs_result check_signature(struct hs_exchange *exchange)
{
	const struct hs_store_ops *store = exchange->scratch->store;
	int64_t now = store->now_monotonic();
	struct hs_auth_effort effort = { .first = hs_hash_budget_hint(store->unverified),
		                         .only_small = !hs_hash_budget_allows(store->unverified, now) };
	enum hs_result result =
	    hs_auth_body(exchange->settings, &exchange->request.credentials, hs_buf_slice(&exchange->scratch->body),
	                 &exchange->scratch->events, &effort, &exchange->tenant);

	if (result == HS_OK) {
		exchange->answered.secret = effort.first + 1;
		hs_hash_budget_set_hint(store->unverified, effort.first);
	} else {
		hs_hash_budget_charge(store->unverified, effort.hashed, now);
	}
	return result;
}

/* X-Segment-Settings: base64 of a JSON object; flattened under settings_. */
static enum hs_result read_settings_header(struct hs_exchange *exchange)
{
	struct hs_scratch *scratch = exchange->scratch;
	enum hs_result result;

	if (exchange->request.settings_header.p == NULL)
		return HS_OK;
	hs_buf_reset(&scratch->settings_text);
	if (!hs_base64_decode(hs_slice_trim(exchange->request.settings_header), &scratch->settings_text))
		return hs_buf_ok(&scratch->settings_text) ? HS_E_SETTINGS_HEADER : HS_E_MEMORY;
	result = hs_json_document(&scratch->settings_json, hs_buf_slice(&scratch->settings_text));
	if (result == HS_E_MEMORY)
		return result;
	exchange->has_settings = result == HS_OK && scratch->settings_json.tok[0].kind == HS_JSON_OBJECT;
	return exchange->has_settings ? HS_OK : HS_E_SETTINGS_HEADER;
}

/* HS_OK: exchange->scratch holds what is to be kept. */
static enum hs_result validate(struct hs_exchange *exchange)
{
	struct hs_scratch *scratch = exchange->scratch;
	struct hs_slice key = exchange->tenant; /* only the key's label so far */
	enum hs_result result = hs_body_read(exchange);

	if (result != HS_OK)
		return result;
	hs_body_open(&scratch->events, &scratch->json, hs_buf_slice(&scratch->body));
	if (exchange->needs_signature)
		result = check_signature(exchange);
	if (result != HS_OK)
		return result;
	exchange->answered.key = key;
	hs_ingest_let_in(exchange);
	return hs_ingest_take(exchange, read_settings_header(exchange));
}

void hs_handle_events(struct hs_exchange *exchange)
{
	enum hs_result result = validate(exchange);

	if (result == HS_OK)
		hs_ingest_keep(exchange);
	else
		hs_exchange_answer(exchange, result);
}

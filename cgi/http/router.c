#include "cgi/http/router.h"

enum hs_result hs_head_read(struct hs_head *h, const struct hs_settings *settings, char *const *params,
                            struct hs_buf *key)
{
	enum hs_result r;

	h->tenant = HS_SLICE_NONE;
	h->needs_signature = false;
	r = hs_request_read(&h->request, params, (uint64_t)settings->max_body);
	if (r != HS_OK || !h->request.route->for_senders)
		return r;
	return hs_auth_head(settings, &h->request.credentials, key, &h->tenant, &h->needs_signature);
}

static enum hs_result begin(struct hs_scratch *r, struct hs_exchange *v, const struct hs_settings *settings)
{
	struct hs_head head;
	enum hs_result result;

	v->r = r;
	v->settings = settings;
	v->outcome = (struct hs_outcome){ .result = HS_OK };
	v->has_settings = false;
	v->spool = r->store->spool;
	v->answered = (struct hs_answered){ .status = 0 };
	result = hs_head_read(&head, settings, v->transport->params(v->transport), &r->key);
	v->request = head.request;
	v->tenant = head.tenant;
	v->needs_signature = head.needs_signature;
	/* a monitor's requests would hide the silence of a sender */
	v->count_answer = v->request.route != NULL && !v->request.route->for_senders ? NULL : r->store->count_answer;
	if (v->request.route != NULL)
		v->outcome.allow = v->request.route->allow;
	return result;
}

void hs_serve(struct hs_scratch *r, struct hs_exchange *v, const struct hs_settings *settings)
{
	enum hs_result result = begin(r, v, settings);

	if (result == HS_OK)
		v->request.route->handle(v);
	else
		hs_exchange_answer(v, result);
	/* from here on the exchange may serve another request */
	hs_scratch_make_way(r);
	hs_scratch_shrink(r, HS_KEEP_BYTES);
}

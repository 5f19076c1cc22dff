#include "cgi/http/body.h"
#include "cgi/http/rate_limit.h"

enum { PART = 1 << 20 }; /* read at once: the next part has a time limit of its own */

/* --- the body as it was sent ------------------------------------------------- */

/* Takes over a body that another thread has read. */
static enum hs_result take_over(struct hs_exchange *exchange)
{
	const struct hs_request *request = &exchange->request;
	struct hs_buf *from = exchange->transport->body, *to = &exchange->scratch->body, kept = *to;
	size_t want = (size_t)request->content_length;

	if (from->n > want)
		return request->has_length ? HS_E_LONG_BODY : HS_E_TOO_LARGE;
	if (from->n < want && request->has_length)
		return HS_E_SHORT_BODY;
	*to = *from;
	to->max = 0;
	*from = kept;
	return hs_buf_reserve(to, 1) == NULL ? HS_E_MEMORY : HS_OK; /* an empty body needs an address, too */
}

static enum hs_result read_length(struct hs_exchange *exchange)
{
	struct hs_transport *transport = exchange->transport;
	size_t want = (size_t)exchange->request.content_length;
	struct hs_buf *body = &exchange->scratch->body;
	int64_t begun = exchange->scratch->store->now_monotonic(), deadline = hs_body_deadline(begun, 0);
	char *to, extra;
	long got = 0;

	hs_buf_reset(body);
	to = hs_buf_reserve(body, want + 1); /* + 1: an empty body needs an address, too */
	if (to == NULL)
		return HS_E_MEMORY;
	while (body->n < want) {
		size_t part = want - body->n < PART ? want - body->n : PART;

		deadline = hs_body_deadline(begun, body->n + part);
		got = transport->read(transport, to + body->n, part, deadline);
		if (got <= 0)
			return got == -2 ? HS_E_SLOW_BODY : HS_E_SHORT_BODY;
		body->n += (size_t)got;
	}
	if (transport->reads_past_length)
		got = transport->read(transport, &extra, 1, deadline);
	return transport->reads_past_length && got > 0 ? HS_E_LONG_BODY : HS_OK;
}

/* Reads one byte more than is allowed, to see whether there is one. */
static enum hs_result read_to_the_end(struct hs_exchange *exchange)
{
	struct hs_transport *transport = exchange->transport;
	size_t most = (size_t)exchange->request.content_length;
	struct hs_buf *body = &exchange->scratch->body;
	int64_t begun = exchange->scratch->store->now_monotonic();

	if (!transport->reads_past_length)
		return HS_E_NO_LENGTH;
	hs_buf_reset(body);
	while (body->n <= most) {
		size_t left = most + 1 - body->n, part = left < HS_REST_BYTES ? left : HS_REST_BYTES;
		char *to = hs_buf_reserve(body, part);
		long got;

		if (to == NULL)
			return HS_E_MEMORY;
		got = transport->read(transport, to, part, hs_body_deadline(begun, body->n + part));
		if (got == 0)
			return HS_OK;
		if (got < 0)
			return got == -2 ? HS_E_SLOW_BODY : HS_E_SHORT_BODY;
		body->n += (size_t)got;
	}
	return HS_E_TOO_LARGE;
}

static enum hs_result read_sent(struct hs_exchange *exchange)
{
	if (exchange->transport->verdict != HS_OK)
		return exchange->transport->verdict;
	if (exchange->transport->body != NULL)
		return take_over(exchange);
	return exchange->request.has_length ? read_length(exchange) : read_to_the_end(exchange);
}

/* --- inflated ----------------------------------------------------------------- */

enum hs_result hs_body_enter(struct hs_exchange *exchange, size_t size)
{
	struct hs_scratch *scratch = exchange->scratch;

	if (size <= HS_LARGE_BYTES || scratch->inside)
		return HS_OK;
	scratch->inside = hs_semaphore_enter(scratch->store->large, exchange->answer_by);
	return scratch->inside ? HS_OK : HS_E_LARGE_BODIES;
}

static enum hs_result inflate_at_most(struct hs_scratch *scratch, size_t most)
{
	enum hs_result result = hs_gunzip(&scratch->gunzip, hs_buf_slice(&scratch->body), most, &scratch->inflated);
	struct hs_buf sent = scratch->body;

	if (result != HS_OK)
		return result;
	scratch->body = scratch->inflated;
	scratch->inflated = sent;
	return HS_OK;
}

/* A body may say that it is small, and not be: then it is inflated again, inside. */
static enum hs_result inflate(struct hs_exchange *exchange)
{
	struct hs_scratch *scratch = exchange->scratch;
	size_t most = (size_t)exchange->settings->max_sdk_body,
	       size = hs_gunzip_announced(hs_buf_slice(&scratch->body));
	enum hs_result result = hs_body_enter(exchange, size);

	if (result == HS_OK && !scratch->inside && most > HS_LARGE_BYTES) {
		result = inflate_at_most(scratch, HS_LARGE_BYTES);
		if (result != HS_E_INFLATED)
			return result;
		result = hs_body_enter(exchange, most);
	}
	return result == HS_OK ? inflate_at_most(scratch, most) : result;
}

static enum hs_result inflate_and_charge(struct hs_exchange *exchange)
{
	enum hs_result result = inflate(exchange);

	hs_rate_limit_inflated(exchange, result);
	return result;
}

enum hs_result hs_body_read(struct hs_exchange *exchange)
{
	struct hs_scratch *scratch = exchange->scratch;
	enum hs_result result = read_sent(exchange);

	if (result != HS_OK)
		return result;
	exchange->answered.begun_ms = scratch->store->now_monotonic();
	exchange->answer_by = exchange->answered.begun_ms + HS_ANSWER_MS;
	result = hs_body_enter(exchange, scratch->body.n);
	return result == HS_OK && exchange->request.gzip ? inflate_and_charge(exchange) : result;
}

/*
 * direct: the handlers of what Segment's libraries send. The write key, which is mostly in the
 * body, tells the source; all answers are those of direct_answer.h.
 */
#include "cgi/http/auth/write_key.h"
#include "cgi/http/body.h"
#include "cgi/http/handlers.h"
#include "cgi/http/ingest.h"
#include "cgi/http/params.h"
#include "cgi/http/rate_limit.h"
#include "config/sources.h"

#include <stddef.h>

/* Finds the source, and whether the page that sends may use its key. */
static enum hs_result check_key(struct hs_exchange *exchange, const struct hs_envelope *envelope)
{
	const struct hs_source *source;
	enum hs_result result = hs_write_key_check(exchange->settings, &exchange->request.credentials, envelope,
	                                           &exchange->scratch->key, &source);

	if (result != HS_OK)
		return result;
	exchange->source = source;
	result = hs_write_key_origin(exchange->settings, source, exchange->origin);
	if (result == HS_E_ORIGIN)
		exchange->logged = exchange->origin.n > 0 ? exchange->origin : HS_SLICE("no Origin");
	return result;
}

/* Finds the source, and counts the request as its own. HS_OK: what comes of the body is kept for the source. */
static enum hs_result let_in(struct hs_exchange *exchange, const struct hs_envelope *envelope)
{
	enum hs_result result = check_key(exchange, envelope);

	if (result == HS_OK)
		result = hs_rate_limit_source(exchange);
	if (result != HS_OK)
		return result;
	exchange->tenant = hs_slice_str(exchange->source->tenant);
	exchange->answered.source = hs_slice_str(exchange->source->label);
	hs_ingest_let_in(exchange);
	return HS_OK;
}

/* Charges the source, unless it has to send the same again. */
static void charge(struct hs_exchange *exchange, enum hs_result result)
{
	if (hs_result_info(result)->status != 503)
		hs_rate_limit_taken(exchange);
}

/*
 * A body that cannot be inflated shows no key. If the header shows one that may send, its owner gets a rejected
 * line; to anybody else the answer is `why` alone.
 */
static enum hs_result reject_unreadable(struct hs_exchange *exchange, enum hs_result why)
{
	const struct hs_envelope none = { .batch = HS_SLICE_NONE };
	struct hs_slice logged = exchange->logged;
	enum hs_result result = let_in(exchange, &none);

	if (hs_result_is(result, HS_CLASS_AUTH)) {
		exchange->source = NULL;
		exchange->logged = logged;
		return why;
	}
	if (result != HS_OK)
		return result;
	result = hs_ingest_take(exchange, why);
	charge(exchange, result);
	return result;
}

/* Fills what is known of each event of the body. */
static void describe(struct hs_exchange *exchange, const struct hs_envelope *envelope)
{
	const struct hs_direct_path *path = exchange->request.route->direct;
	struct hs_scratch *scratch = exchange->scratch;

	scratch->direct = (struct hs_direct){
		.source = hs_slice_str(exchange->source->label),
		.type = path->type,
		.channel = path->channel,
		.ip = exchange->address,
		.is_public = exchange->source->browser,
		.sent_at = envelope->batch.p != NULL ? envelope->sent_at : HS_SLICE_NONE,
		.context = scratch->frame.context,
		.integrations = scratch->frame.integrations,
		.received_ms = exchange->answered.arrived_ms,
	};
}

/* HS_OK: exchange->scratch holds what is to be kept. */
static enum hs_result validate(struct hs_exchange *exchange)
{
	struct hs_scratch *scratch = exchange->scratch;
	struct hs_slice body;
	struct hs_envelope envelope;
	enum hs_result result = hs_body_read(exchange);

	if (result == HS_E_GZIP || result == HS_E_INFLATED)
		return reject_unreadable(exchange, result);
	if (result != HS_OK)
		return result;
	body = hs_buf_slice(&scratch->body);
	hs_envelope_find(&envelope, body);
	if (exchange->request.route->direct->type.n > 0)
		envelope.batch = HS_SLICE_NONE; /* a path of one event: all of the body is kept */
	result = let_in(exchange, &envelope);
	if (result != HS_OK)
		return result;
	hs_body_open_direct(&scratch->events, &scratch->json, body, &envelope, &scratch->frame);
	describe(exchange, &envelope);
	result = hs_ingest_take(exchange, HS_OK);
	charge(exchange, result);
	return result;
}

void hs_handle_direct(struct hs_exchange *exchange)
{
	enum hs_result result = validate(exchange);

	if (result == HS_OK)
		hs_ingest_keep(exchange);
	else
		hs_exchange_answer(exchange, result);
}

/* Figures about the library itself, which has no key there: nothing is kept, and the body not even read. */
void hs_handle_sdk_metrics(struct hs_exchange *exchange)
{
	hs_exchange_answer(exchange, exchange->transport->verdict);
}

/* --- paths that are not there --------------------------------------------------- */

enum { PATH_MOST = 128 }; /* bytes of a path that are looked at for the log */

static bool is_key(const struct hs_settings *s, struct hs_slice segment)
{
	uint8_t digest[HS_SHA256_BYTES];

	if (segment.n == 0)
		return false;
	return !hs_sha256(segment, digest) || hs_source_with(s, digest) != NULL ||
	       hs_sha256_find(s->key, s->keys, sizeof *s->key, offsetof(struct hs_key, sha256), digest) < s->keys;
}

/* The path as the log may have it: some paths of libraries hold the key, and so may those that are wrong. */
static struct hs_slice without_keys(const struct hs_settings *s, struct hs_slice path, struct hs_buf *text)
{
	hs_buf_reset(text);
	for (size_t at = 0; at < path.n && text->n < PATH_MOST;) {
		struct hs_slice segment = { path.p + at, 0 };

		while (at < path.n && path.p[at] != '/') {
			segment.n++;
			at++;
		}
		hs_buf_put_slice(text, is_key(s, segment) ? HS_SLICE("KEY") : segment);
		if (at < path.n)
			hs_buf_putc(text, path.p[at++]);
	}
	return hs_buf_ok(text) ? hs_buf_slice(text) : HS_SLICE_NONE;
}

void hs_handle_unknown(struct hs_exchange *exchange)
{
	struct hs_slice path = hs_param(exchange->transport->params(exchange->transport), HS_SLICE("PATH_INFO"));

	exchange->logged = without_keys(exchange->settings, path, &exchange->scratch->message);
	hs_exchange_answer(exchange, HS_E_SDK_PATH);
}

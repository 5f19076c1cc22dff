/*
 * sdk_settings: the handler of the settings that browsers and apps ask for before they send: where
 * to, and what to do about answers. They send nothing, or elsewhere, without them.
 */
#include "base/json_writer.h"
#include "cgi/http/auth/write_key.h"
#include "cgi/http/exchange.h"
#include "cgi/http/handlers.h"
#include "cgi/http/params.h"

#include <assert.h>

/* public_url without its scheme, which has a member of its own. */
static struct hs_slice host_of(struct hs_slice url, struct hs_slice *scheme)
{
	const char *colon = memchr(url.p, ':', url.n);

	assert(colon != NULL); /* the settings take nothing else */
	*scheme = hs_slice(url.p, (size_t)(colon - url.p));
	return hs_slice(colon + 3, url.n - scheme->n - 3);
}

/* The plug-in's options: where to send, also while the page is left; and backing off, which apps leave out. */
static void put_options(struct hs_json_writer *w, struct hs_slice url, struct hs_slice key)
{
	char room[2048];
	struct hs_buf host = { .p = room, .cap = sizeof room, .max = sizeof room };
	struct hs_slice scheme, name = host_of(url, &scheme);

	hs_buf_put_slice(&host, name);
	hs_buf_put_slice(&host, HS_SLICE("/v1"));
	hs_json_writer_object(w, "Segment.io");
	hs_json_writer_text(w, "apiKey", key);
	hs_json_writer_text(w, "apiHost", hs_buf_slice(&host));
	hs_json_writer_text(w, "protocol", scheme);
	hs_json_writer_bool(w, "addBundledMetadata", false);
	hs_json_writer_raw(w, "deliveryStrategy", HS_SLICE("{\"config\":{\"keepalive\":true}}"));
	hs_json_writer_raw(w, "httpConfig",
	                   HS_SLICE("{\"rateLimitConfig\":{\"enabled\":true},\"backoffConfig\":{\"enabled\":true}}"));
	hs_json_writer_end(w, '}');
}

static void put_settings(struct hs_buf *out, struct hs_slice url, struct hs_slice key)
{
	struct hs_json_writer w = { .out = out };

	hs_json_writer_object(&w, NULL);
	hs_json_writer_object(&w, "integrations");
	put_options(&w, url, key);
	hs_json_writer_end(&w, '}');
	hs_json_writer_raw(&w, "plan", HS_SLICE("{\"track\":{\"__default\":{\"enabled\":true,\"integrations\":{}}}}"));
	hs_json_writer_raw(&w, "metrics", HS_SLICE("{\"sampleRate\":0}")); /* no posts to /v1/m */
	hs_json_writer_end(&w, '}');
	hs_buf_putc(out, '\n');
}

/* Only a browser's key is public, so that an answer tells nothing that its pages do not. */
static enum hs_result find_source(struct hs_exchange *exchange, struct hs_slice key)
{
	const struct hs_source *source;
	enum hs_result result = hs_write_key_find(exchange->settings, key, &source);

	if (result != HS_OK)
		return result;
	if (source == NULL || !source->browser || source->revoked || exchange->settings->public_url == NULL)
		return HS_E_SDK_SETTINGS;
	exchange->source = source;
	return HS_OK;
}

void hs_handle_sdk_settings(struct hs_exchange *exchange)
{
	struct hs_slice path = hs_param(exchange->transport->params(exchange->transport), HS_SLICE("PATH_INFO"));
	struct hs_slice key = hs_route_key(exchange->request.route, path);
	enum hs_result result = find_source(exchange, key);

	if (result == HS_OK) {
		put_settings(&exchange->page_text, hs_slice_str(exchange->settings->public_url), key);
		exchange->page = (struct hs_response){ .status = 200,
			                               .media_type = HS_SLICE("application/json"),
			                               .body = &exchange->page_text };
		hs_response_header(&exchange->page, HS_SLICE("Cache-Control"), HS_SLICE("public, max-age=300"));
		exchange->outcome.page = &exchange->page;
		result = hs_buf_ok(&exchange->page_text) ? HS_OK : HS_E_MEMORY;
	}
	hs_exchange_answer(exchange, result);
}

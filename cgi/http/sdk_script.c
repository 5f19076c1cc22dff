/*
 * sdk_script: the handler of analytics.min.js: the file that the setting sdk_script names. A browser that has
 * it already, from an earlier visit, sends its tag and is told so (RFC 9110, 13.1.2).
 */
#include "base/digest.h"
#include "base/hex.h"
#include "base/io.h"
#include "cgi/http/exchange.h"
#include "cgi/http/handlers.h"
#include "cgi/http/params.h"

#include <errno.h>

enum { SCRIPT_MOST = 4 << 20 };

static enum hs_result read_script(struct hs_exchange *exchange)
{
	const char *path = exchange->settings->sdk_script;
	struct stat st;

	if (path == NULL)
		return HS_E_SDK_SCRIPT;
	if (hs_io_read_file(path, SCRIPT_MOST, &exchange->page_text, &st) == 0)
		return HS_OK;
	return errno == ENOMEM ? HS_E_MEMORY : HS_E_SDK_SCRIPT;
}

/* Gives the page its tag, which is made of its bytes. False: out of memory. */
static bool put_tag(struct hs_exchange *exchange)
{
	uint8_t digest[HS_SHA256_BYTES];
	char *tag = exchange->page_tag;

	if (!hs_sha256(hs_buf_slice(&exchange->page_text), digest))
		return false;
	tag[0] = tag[HS_PAGE_TAG - 1] = '"';
	hs_hex_encode(digest, (HS_PAGE_TAG - 2) / 2, tag + 1);
	hs_response_header(&exchange->page, HS_SLICE("ETag"), hs_slice(tag, HS_PAGE_TAG));
	return true;
}

/*
 * The header lists tags. Servers that compress add to them ("…-gzip", W/), so only what is between the quotes
 * counts.
 */
static bool has_it(const struct hs_exchange *exchange)
{
	struct hs_slice known =
	    hs_param(exchange->transport->params(exchange->transport), HS_SLICE("HTTP_IF_NONE_MATCH"));

	return known.n > 0 && memmem(known.p, known.n, exchange->page_tag + 1, HS_PAGE_TAG - 2) != NULL;
}

static enum hs_result make_page(struct hs_exchange *exchange)
{
	enum hs_result result = read_script(exchange);

	if (result != HS_OK)
		return result;
	if (!put_tag(exchange))
		return HS_E_MEMORY;
	if (has_it(exchange)) {
		exchange->page.status = 304;
		hs_buf_reset(&exchange->page_text);
	}
	return HS_OK;
}

/* The disk may hang, as it may for events. */
void hs_handle_sdk_script(struct hs_exchange *exchange)
{
	exchange->page = (struct hs_response){ .status = 200,
		                               .media_type = HS_SLICE("text/javascript; charset=utf-8"),
		                               .body = &exchange->page_text };
	hs_response_header(&exchange->page, HS_SLICE("Cache-Control"), HS_SLICE("public, max-age=300"));
	exchange->outcome.page = &exchange->page;
	exchange->answer_by = exchange->scratch->store->now_monotonic() + HS_ANSWER_MS;
	hs_exchange_hand_over(exchange);
	hs_exchange_answer(exchange, make_page(exchange));
}

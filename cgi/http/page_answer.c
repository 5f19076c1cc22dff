#include "cgi/http/page_answer.h"
#include "base/json_writer.h"

void hs_page_headers(struct hs_response *response, bool lasting)
{
	hs_response_header(response, HS_SLICE("Content-Security-Policy"),
	                   HS_SLICE("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
	                            "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"));
	hs_response_header(response, HS_SLICE("X-Content-Type-Options"), HS_SLICE("nosniff"));
	hs_response_header(response, HS_SLICE("Referrer-Policy"), HS_SLICE("no-referrer"));
	hs_response_header(response, HS_SLICE("Cache-Control"),
	                   lasting ? HS_SLICE("public, max-age=31536000, immutable") : HS_SLICE("no-store"));
}

int hs_page_answer_status(const struct hs_outcome *o)
{
	return o->page != NULL && o->result == HS_OK ? o->page->status : hs_result_info(o->result)->status;
}

void hs_page_answer_respond(const struct hs_outcome *o, struct hs_response *response)
{
	struct hs_json_writer w = { .out = response->body };

	if (o->page != NULL && o->result == HS_OK) {
		*response = *o->page;
		return;
	}
	response->status = hs_page_answer_status(o);
	response->media_type = HS_SLICE("application/json");
	hs_page_headers(response, false);
	if (response->status == 401) /* RFC 9110, 15.5.2 wants one; browsers do not ask for a password by this one */
		hs_response_header(response, HS_SLICE("WWW-Authenticate"), HS_SLICE("Session realm=\"console\""));
	if (response->status == 405)
		hs_response_header(response, HS_SLICE("Allow"), o->allow);
	if (response->status == 429 || response->status == 503)
		hs_response_header(response, HS_SLICE("Retry-After"),
		                   o->retry_after[0] != '\0' ? hs_slice_str(o->retry_after) : HS_SLICE("5"));
	hs_buf_reset(response->body);
	hs_json_writer_object(&w, NULL);
	hs_json_writer_text(&w, "message", hs_slice_str(hs_result_info(o->result)->message));
	hs_json_writer_text(&w, "remedy", hs_slice_str(hs_result_info(o->result)->remedy));
	hs_json_writer_end(&w, '}');
	hs_buf_putc(response->body, '\n');
}

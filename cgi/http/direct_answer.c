#include "cgi/http/direct_answer.h"
#include "base/json_writer.h"

#include <assert.h>

/* HS_OK unless the request, or each of its events, was rejected. */
static enum hs_result result_of(const struct hs_outcome *o)
{
	if (o->result != HS_OK)
		return o->result;
	return o->accepted == 0 && o->duplicate == 0 && o->dropped == 0 && o->rejected > 0 ? o->why : HS_OK;
}

int hs_direct_answer_status(const struct hs_outcome *o)
{
	int status = hs_result_info(result_of(o))->status;

	if (status == 200 && o->page != NULL)
		return o->page->status;
	if (status == 200)
		return o->is_preflight ? 204 : 200;
	return status == 404 || status == 405 || status == 429 || status == 503 ? status : 400;
}

/* The result's name: HS_E_JSON_SYNTAX becomes json_syntax. */
static void put_code(struct hs_json_writer *w, enum hs_result result)
{
	const char *name = hs_result_info(result)->name + sizeof "HS_E_" - 1;
	char code[64];
	size_t n = 0;

	for (; name[n] != '\0'; n++) {
		assert(n < sizeof code);
		code[n] = hs_lower(name[n]);
	}
	hs_json_writer_text(w, "code", hs_slice(code, n));
}

static void put_error(const struct hs_outcome *o, struct hs_json_writer *w)
{
	char room[256]; /* every message of the table is far shorter */
	struct hs_buf text = { .p = room, .cap = sizeof room, .max = sizeof room };

	hs_outcome_message(o, &text);
	assert(hs_buf_ok(&text));
	put_code(w, result_of(o));
	hs_json_writer_text(w, "message", hs_buf_slice(&text));
	hs_json_writer_text(w, "error", hs_buf_slice(&text));
}

static void put_body(const struct hs_outcome *o, struct hs_buf *body)
{
	struct hs_json_writer w = { .out = body };

	hs_json_writer_object(&w, NULL);
	hs_json_writer_bool(&w, "success", result_of(o) == HS_OK);
	if (result_of(o) != HS_OK)
		put_error(o, &w);
	hs_json_writer_end(&w, '}');
	hs_buf_putc(body, '\n');
}

void hs_direct_answer_respond(const struct hs_outcome *o, struct hs_response *response)
{
	if (o->page != NULL && o->result == HS_OK) {
		*response = *o->page;
		return;
	}
	response->status = hs_direct_answer_status(o);
	response->media_type = HS_SLICE("application/json");
	if (response->status == 405)
		hs_response_header(response, HS_SLICE("Allow"), o->allow);
	if (response->status == 429 || response->status == 503)
		hs_response_header(response, HS_SLICE("Retry-After"),
		                   o->retry_after[0] != '\0' ? hs_slice_str(o->retry_after) : HS_SLICE("5"));
	hs_buf_reset(response->body);
	if (response->status != 204)
		put_body(o, response->body);
}

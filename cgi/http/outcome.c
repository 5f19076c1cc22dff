#include "cgi/http/outcome.h"
#include "base/json_writer.h"
#include "cgi/http/auth/auth.h"

#include <assert.h>

static bool is_kept(const struct hs_outcome *o)
{
	return o->has_counts && (o->accepted > 0 || o->duplicate > 0 || o->dropped > 0 || o->rejected == 0);
}

int hs_outcome_status(const struct hs_outcome *o)
{
	if (o->result != HS_OK)
		return hs_result_info(o->result)->status;
	if (o->has_counts && !is_kept(o))
		return hs_result_info(o->why)->status; /* nothing in the batch was valid */
	return o->not_synced && o->accepted > 0 ? 202 : 200;
}

void hs_outcome_message(const struct hs_outcome *o, struct hs_buf *out)
{
	enum hs_result result = o->result != HS_OK ? o->result : o->why;

	if (o->result == HS_OK && o->in_batch && o->rejected > 0) {
		hs_buf_put_slice(out, HS_SLICE("event "));
		hs_buf_put_uint(out, o->first_rejected + 1);
		hs_buf_put_slice(out, HS_SLICE(": "));
	}
	hs_buf_put_slice(out, hs_slice_str(hs_result_info(result)->message));
	if (o->has_offset) {
		hs_buf_put_slice(out, HS_SLICE(", at byte "));
		hs_buf_put_uint(out, o->offset);
	}
}

static void put_message(const struct hs_outcome *o, struct hs_json_writer *w)
{
	char room[256]; /* every message of the table is far shorter */
	struct hs_buf text = { .p = room, .cap = sizeof room, .max = sizeof room };

	hs_outcome_message(o, &text);
	assert(hs_buf_ok(&text));
	hs_json_writer_text(w, "message", hs_buf_slice(&text));
}

static void put_counts(const struct hs_outcome *o, struct hs_json_writer *w)
{
	hs_json_writer_uint(w, "accepted", o->accepted);
	hs_json_writer_uint(w, "duplicate", o->duplicate);
	hs_json_writer_uint(w, "rejected", o->rejected);
	if (o->dropped > 0)
		hs_json_writer_uint(w, "dropped", o->dropped);
	if (o->rejected > 0)
		put_message(o, w);
}

static void put_health(const struct hs_outcome *o, struct hs_json_writer *w)
{
	hs_json_writer_text(w, "status", HS_SLICE("ok"));
	if (o->is_catching_up)
		hs_json_writer_text(w, "index", HS_SLICE("catching up"));
}

static void put_body(const struct hs_outcome *o, struct hs_buf *body)
{
	struct hs_json_writer w = { .out = body };

	hs_json_writer_object(&w, NULL);
	if (o->is_healthy && o->result == HS_OK)
		put_health(o, &w);
	else if (o->result != HS_OK || (o->has_counts && !o->in_batch && o->rejected > 0))
		put_message(o, &w);
	else
		put_counts(o, &w);
	hs_json_writer_end(&w, '}');
	hs_buf_putc(body, '\n');
}

/* Monitors show a token; senders a key, as the user name of Basic. */
static struct hs_slice challenge(enum hs_result result)
{
	return result == HS_E_METRICS_TOKEN ? HS_SLICE("Bearer realm=\"hookspool\"") : hs_auth_challenge();
}

void hs_outcome_respond(const struct hs_outcome *o, struct hs_response *response)
{
	if (o->page != NULL && o->result == HS_OK) {
		*response = *o->page;
		return;
	}
	response->status = hs_outcome_status(o);
	response->media_type = HS_SLICE("application/json");
	if (response->status == 401)
		hs_response_header(response, HS_SLICE("WWW-Authenticate"), challenge(o->result));
	if (response->status == 405)
		hs_response_header(response, HS_SLICE("Allow"), o->allow);
	if (response->status == 503)
		hs_response_header(response, HS_SLICE("Retry-After"), HS_SLICE("5"));
	hs_buf_reset(response->body);
	put_body(o, response->body);
}

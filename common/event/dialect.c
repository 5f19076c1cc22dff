#include "event/dialect.h"
#include "event/event.h"

enum { TEXT_KEEP = 1 << 16 };

/* --- batch: an array of events ----------------------------------------------- */

static enum hs_result next_of_batch(struct hs_body_reader *r, bool *more, uint32_t *root)
{
	enum hs_result result = hs_json_element(r->json, more);

	if (result == HS_OK && *more)
		*root = hs_event_unwrap(r->json);
	return result;
}

/* The first element as it is, and the event inside it if it is wrapped. */
static unsigned spans_of_batch(const struct hs_json *json, struct hs_slice span[static HS_DIALECT_SPANS])
{
	uint32_t event = hs_event_unwrap(json);

	span[0] = hs_json_raw(json, 0);
	if (event == 0)
		return 1;
	span[1] = hs_json_raw(json, event);
	return 2;
}

/* --- event: the body is one event -------------------------------------------- */

static bool claims_any(struct hs_json *json)
{
	(void)json;
	return true;
}

static enum hs_result next_of_event(struct hs_body_reader *r, bool *more, uint32_t *root)
{
	enum hs_result result = HS_OK;

	*more = r->index == 0;
	*root = 0;
	if (*more)
		result = hs_json_document(r->json, r->json->text);
	return result;
}

/* --- sdk: a batch inside an object --------------------------------------------- */

static enum hs_result next_of_sdk(struct hs_body_reader *r, bool *more, uint32_t *root)
{
	*root = 0;
	return hs_json_element(r->json, more);
}

void hs_batch_frame_free(struct hs_batch_frame *frame)
{
	hs_buf_free(&frame->text);
	hs_json_free(&frame->members);
	hs_json_free(&frame->context_json);
	hs_json_free(&frame->integrations_json);
	frame->context = frame->integrations = NULL;
}

void hs_batch_frame_shrink(struct hs_batch_frame *frame)
{
	hs_buf_shrink(&frame->text, TEXT_KEEP);
	hs_json_shrink(&frame->members);
	hs_json_shrink(&frame->context_json);
	hs_json_shrink(&frame->integrations_json);
	frame->context = frame->integrations = NULL;
}

/*
 * Checks everything but the events. A body is valid exactly if its batch is a valid array and the
 * body with an empty batch is valid, too. *pos is the offset of an error in the body.
 */
static enum hs_result read_members(struct hs_batch_frame *frame, struct hs_slice body, struct hs_slice batch,
                                   size_t *pos)
{
	size_t before = (size_t)(batch.p - body.p) + 1;
	const char *rest = batch.p + batch.n - 1; /* with the closing bracket */
	enum hs_result result;

	hs_buf_reset(&frame->text);
	hs_buf_put(&frame->text, body.p, before);
	hs_buf_put(&frame->text, rest, (size_t)(body.p + body.n - rest));
	if (!hs_buf_ok(&frame->text))
		return HS_E_MEMORY;
	result = hs_json_document(&frame->members, hs_buf_slice(&frame->text));
	*pos = frame->members.pos + (frame->members.pos < before ? 0 : batch.n - 2);
	return result;
}

/* Reads a value beside the batch. *object is NULL unless it is an object. */
static enum hs_result read_object(struct hs_json *json, struct hs_slice text, const struct hs_json **object)
{
	enum hs_result result;

	*object = NULL;
	if (text.p == NULL)
		return HS_OK;
	if (text.n > HS_BESIDE_MAX)
		return HS_E_BESIDE_LARGE;
	result = hs_json_document(json, text);
	if (result == HS_OK && json->tok[0].kind == HS_JSON_OBJECT)
		*object = json;
	return result;
}

/* --- the tables -------------------------------------------------------------- */

static const struct hs_dialect dialects[] = {
	{ "batch", true, hs_json_is_array, next_of_batch, spans_of_batch },
	{ "event", false, claims_any, next_of_event, NULL }, /* the last claims what is left */
};

/* The rows for direct intake. */
static const struct hs_dialect sdk_batch = { "sdk", true, hs_json_is_array, next_of_sdk, NULL };
static const struct hs_dialect sdk_event = { "event", false, claims_any, next_of_event, NULL };

void hs_body_open(struct hs_body_reader *r, struct hs_json *json, struct hs_slice body)
{
	*r = (struct hs_body_reader){ .json = json, .dialect = dialects };
	hs_json_start(json, body);
	while (!r->dialect->claims(json))
		r->dialect++;
}

void hs_body_open_direct(struct hs_body_reader *r, struct hs_json *json, struct hs_slice body,
                         const struct hs_envelope *envelope, struct hs_batch_frame *frame)
{
	struct hs_slice batch = envelope->batch;
	size_t pos = 0;

	frame->context = frame->integrations = NULL;
	*r = (struct hs_body_reader){ .json = json, .dialect = batch.p != NULL ? &sdk_batch : &sdk_event };
	hs_json_start(json, body);
	if (batch.p == NULL)
		return;
	r->result = read_members(frame, body, batch, &pos);
	if (r->result == HS_OK)
		r->result = read_object(&frame->context_json, envelope->context, &frame->context);
	if (r->result == HS_OK)
		r->result = read_object(&frame->integrations_json, envelope->integrations, &frame->integrations);
	r->peeked = r->result != HS_OK; /* hs_body_next returns that */
	if (r->result == HS_OK) {
		pos = (size_t)(batch.p - body.p);
		hs_json_start(json, hs_slice(body.p, pos + batch.n));
	}
	json->pos = pos;
}

enum hs_result hs_body_peek(struct hs_body_reader *r, bool *more)
{
	if (!r->peeked) {
		r->result = r->dialect->next(r, &r->more, &r->root);
		r->peeked = true;
	}
	*more = r->more;
	return r->result;
}

enum hs_result hs_body_next(struct hs_body_reader *r, bool *more, uint32_t *root)
{
	enum hs_result result;

	if (r->peeked) {
		r->peeked = false;
		*more = r->more;
		*root = r->root;
		result = r->result;
	} else {
		result = r->dialect->next(r, more, root);
	}
	r->index++;
	return result;
}

#include "event/dialect.h"
#include "event/event.h"

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

/* --- the table --------------------------------------------------------------- */

static const struct hs_dialect dialects[] = {
	{ "batch", true, hs_json_is_array, next_of_batch, spans_of_batch },
	{ "event", false, claims_any, next_of_event, NULL }, /* the last claims what is left */
};

void hs_body_open(struct hs_body_reader *r, struct hs_json *json, struct hs_slice body)
{
	*r = (struct hs_body_reader){ .json = json, .dialect = dialects };
	hs_json_start(json, body);
	while (!r->dialect->claims(json))
		r->dialect++;
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

/*
 * envelope_check: what an envelope and a reader of direct bodies promise, tested against the
 * strict reader of whole texts.
 */
#ifndef HS_TEST_ENVELOPE_CHECK_H
#define HS_TEST_ENVELOPE_CHECK_H

#include "event/dialect.h"

static inline bool envelope_has(const struct hs_json *j, const char *name, struct hs_slice found)
{
	struct hs_slice want = HS_SLICE_NONE;
	struct hs_buf key = { 0 };

	for (uint32_t i = 1; i < j->tok[0].next; i = j->tok[i + 1].next) {
		hs_buf_reset(&key);
		hs_json_unescape(hs_json_inner(j, i), &key);
		if (hs_slice_eq(hs_buf_slice(&key), hs_slice_str(name)))
			want = hs_json_raw(j, i + 1);
	}
	hs_buf_free(&key);
	return want.p == found.p && want.n == found.n;
}

/* NULL, or what is wrong with the envelope of a body that the strict reader has accepted. */
static inline const char *envelope_fault(const struct hs_json *j, const struct hs_envelope *e)
{
	bool is_object = j->tok[0].kind == HS_JSON_OBJECT;

	if (e->is_object != is_object)
		return "is_object";
	if (!is_object)
		return NULL;
	if (!envelope_has(j, "writeKey", e->write_key))
		return "writeKey";
	if (!envelope_has(j, "sentAt", e->sent_at))
		return "sentAt";
	if (!envelope_has(j, "context", e->context))
		return "context";
	if (!envelope_has(j, "integrations", e->integrations))
		return "integrations";
	return e->batch.p != NULL && !envelope_has(j, "batch", e->batch) ? "batch" : NULL;
}

/*
 * Checks a body of any bytes. NULL, or what is wrong. A batch is read event by event, so it may
 * have more tokens, and events may be nested one level deeper.
 */
static inline const char *direct_body_fault(struct hs_slice body)
{
	struct hs_json whole = { .seed = 1 }, json = { .seed = 2 };
	struct hs_batch_frame frame = { 0 };
	struct hs_body_reader r;
	struct hs_envelope envelope;
	const char *fault = NULL;
	enum hs_result result = hs_json_document(&whole, body), read;
	uint32_t root;
	bool more;

	hs_envelope_find(&envelope, body);
	if (result == HS_OK)
		fault = envelope_fault(&whole, &envelope);
	hs_body_open_direct(&r, &json, body, &envelope, &frame);
	do
		read = hs_body_next(&r, &more, &root);
	while (read == HS_OK && more);
	if (fault == NULL && (read == HS_OK) != (result == HS_OK) && result != HS_E_JSON_LARGE &&
	    result != HS_E_JSON_DEPTH)
		fault = "the reader of direct bodies and that of texts disagree";
	hs_batch_frame_free(&frame);
	hs_json_free(&json);
	hs_json_free(&whole);
	return fault;
}

#endif

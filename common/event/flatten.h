/*
 * flatten: turns one event into one line of flat JSON. hookspool-spool(5) has the rules.
 *
 * Copies the bytes of each value and never formats them anew: 39.950, 1e400 and "\u00e9" come out
 * as they went in. A name is the path to its value, in the warehouses' snake case or verbatim.
 */
#ifndef HS_FLATTEN_H
#define HS_FLATTEN_H

#include "event/direct.h"
#include "event/event.h"
#include "event/name_cache.h"
#include "event/ruling.h"

enum {
	HS_RECORD_BASE = 1 << 16, /* a record may have this many bytes … */
	HS_RECORD_FACTOR = 16,    /* … plus this many for each byte of the event and of what it shares, … */
	/* what hookspool adds: tenant, source, spooled_at, original_message_id, context_ip, _unplanned */
	HS_RECORD_ADDED = 6,
	/* … and this many leaves, so that the JSON reader can read it: two tokens each, and one for the whole */
	HS_RECORD_FIELDS_MAX = (HS_JSON_TOKENS_MAX - 1) / 2 - HS_FIELD_FLAT_COUNT - HS_RECORD_ADDED,
};

/* Working memory, one per thread; reset, not freed, between events. */
struct hs_flattener {
	enum hs_names names;
	struct hs_slice message_id; /* id for the next record, verbatim; n == 0: the event's own */
	bool keeps_sent_id;         /* with message_id: the event's own stays as original_message_id */
	struct hs_name_cache paths;
	struct hs_buf key; /* a decoded key */
	uint32_t leaves;   /* in this record, not counting the flat fields and what is added */
	struct hs_ruling ruling;
};

/* The values that hookspool adds to a record. */
struct hs_stamp {
	struct hs_slice tenant;         /* a key's label; n == 0: none */
	const struct hs_json *settings; /* the settings header, tok[0] an object; or NULL */
	struct hs_slice spooled_at;     /* 24 bytes, see timestamp.h */
	const struct hs_rules *rules;   /* NULL: none */
	const struct hs_direct *direct; /* NULL: the event came from Segment. Else hs_event_read_direct has read it */
};

/*
 * Bytes of JSON that each event of the request gets beside its own text: the context and integrations beside
 * a batch, the settings header.
 */
static inline size_t hs_stamp_shared(const struct hs_stamp *stamp)
{
	size_t n = stamp->settings != NULL ? stamp->settings->text.n : 0;

	if (stamp->direct == NULL)
		return n;
	n += stamp->direct->context != NULL ? stamp->direct->context->text.n : 0;
	return n + (stamp->direct->integrations != NULL ? stamp->direct->integrations->text.n : 0);
}

void hs_flattener_init(struct hs_flattener *f, enum hs_names names);
void hs_flattener_free(struct hs_flattener *f);

/* Frees memory above a working size, so that one huge event does not hold it for ever. */
void hs_flattener_shrink(struct hs_flattener *f);

/*
 * Appends the record and its '\n' to out. HS_OK, HS_E_NAME_LONG, HS_E_RECORD_LARGE, HS_E_MEMORY, or, by
 * the rules, HS_E_DROPPED or HS_E_UNPLANNED; then `out` is as before the call, with its failure flag cleared.
 */
enum hs_result hs_flatten(struct hs_flattener *f, const struct hs_event *e, const struct hs_stamp *stamp,
                          struct hs_buf *out);

#endif

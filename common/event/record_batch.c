#include "event/record_batch.h"
#include "base/array.h"
#include "base/hash.h"

#include <stdlib.h>

enum { LONGER = 3 }; /* a line is rarely more than a third longer than its event */

bool hs_record_maker_init(struct hs_record_maker *maker)
{
	memset(maker, 0, sizeof *maker);
	hs_flattener_init(&maker->flattener, HS_NAMES_WAREHOUSE);
	return hs_dedup_key_maker_init(&maker->identifier);
}

void hs_record_maker_seed(struct hs_record_maker *maker, uint64_t seed)
{
	maker->identifier.seed = seed == 0 ? 1 : seed;
}

void hs_record_maker_free(struct hs_record_maker *maker)
{
	hs_flattener_free(&maker->flattener);
	hs_dedup_key_maker_free(&maker->identifier);
	hs_record_batch_free(&maker->batch);
	memset(maker, 0, sizeof *maker);
}

void hs_record_batch_reset(struct hs_record_batch *batch)
{
	hs_buf_reset(&batch->lines);
	batch->count = 0;
	batch->unparsed = 0;
}

void hs_record_batch_shrink(struct hs_record_batch *batch, size_t keep)
{
	hs_record_batch_reset(batch);
	hs_buf_shrink(&batch->lines, keep);
	if (batch->cap > keep / sizeof *batch->record) {
		free(batch->record);
		batch->record = NULL;
		batch->cap = 0;
	}
}

void hs_record_batch_free(struct hs_record_batch *batch)
{
	hs_buf_free(&batch->lines);
	free(batch->record);
	memset(batch, 0, sizeof *batch);
}

void hs_record_maker_reset(struct hs_record_maker *maker, size_t bytes)
{
	struct hs_buf *lines = &maker->batch.lines;

	hs_record_batch_reset(&maker->batch);
	maker->most = bytes == 0 || bytes > (SIZE_MAX - HS_RECORD_BATCH_BASE) / HS_RECORD_BATCH_FACTOR
	                  ? 0
	                  : HS_RECORD_BATCH_BASE + HS_RECORD_BATCH_FACTOR * bytes;
	if (bytes > 0 && hs_buf_reserve(lines, bytes + bytes / LONGER) == NULL)
		hs_buf_reset(lines); /* it must grow */
}

void hs_record_maker_shrink(struct hs_record_maker *maker, size_t keep)
{
	hs_record_batch_shrink(&maker->batch, keep);
	hs_flattener_shrink(&maker->flattener);
	hs_buf_shrink(&maker->identifier.text, keep);
}

/* Adds an entry. NULL: out of memory. */
static struct hs_record *next_record(struct hs_record_batch *batch)
{
	return HS_ARRAY_ROOM(&batch->record, batch->count, &batch->cap) ? &batch->record[batch->count] : NULL;
}

/* Hashes the decoded text. Out of memory: the undecoded, which at worst counts wrongly. */
static uint32_t fingerprint_of(struct hs_dedup_key_maker *i, const struct hs_event *e)
{
	static const enum hs_field by[] = { HS_FIELD_TYPE, HS_FIELD_EVENT, HS_FIELD_USER_ID, HS_FIELD_ANONYMOUS_ID };
	uint64_t hash = 0;

	for (size_t k = 0; k < sizeof by / sizeof by[0]; k++) {
		uint32_t token = e->field[by[k]];
		struct hs_slice text = k == 0 ? e->path_type : HS_SLICE_NONE;

		if (token != 0 && e->json->tok[token].escaped) {
			hs_buf_reset(&i->text);
			hs_json_unescape(hs_json_inner(e->json, token), &i->text);
			text = hs_buf_slice(&i->text);
		} else if (token != 0) {
			text = e->json->tok[token].kind == HS_JSON_STRING ? hs_json_inner(e->json, token)
			                                                  : hs_json_raw(e->json, token);
		}
		hash = hs_hash(text.p, text.n, hash + k);
	}
	return (uint32_t)hash | 1;
}

/* The limit of lines that are beyond maker->most, the next one included, with what the events share. */
static uint64_t most_with_shared(const struct hs_record_maker *maker, const struct hs_stamp *stamp)
{
	uint64_t shared = (uint64_t)hs_stamp_shared(stamp) * (maker->batch.count + 1);
	uint64_t most = maker->most + HS_RECORD_BATCH_FACTOR * shared;

	return most < HS_RECORD_BATCH_SHARED ? most : HS_RECORD_BATCH_SHARED;
}

enum hs_result hs_record_maker_put(struct hs_record_maker *maker, const struct hs_event *e,
                                   const struct hs_stamp *stamp, enum hs_names names)
{
	struct hs_record_batch *batch = &maker->batch;
	size_t start = batch->lines.n;
	struct hs_record *record;
	struct hs_made_id made;
	struct hs_id_scope scope = { stamp->tenant, HS_SLICE_NONE };
	enum hs_result r;

	maker->identifier.key = stamp->rules != NULL ? stamp->rules->hash_key : NULL;
	r = hs_dedup_key_make_id(&maker->identifier, e, stamp->spooled_at, &made);
	if (stamp->direct != NULL) {
		scope.source = stamp->direct->source;
		if (r == HS_OK && hs_direct_has_weak_ids(stamp->direct, e))
			r = hs_dedup_key_derive_id(&maker->identifier, e, &made);
	}
	if (r != HS_OK)
		return r;
	maker->flattener.names = names;
	maker->flattener.message_id = made.text;
	maker->flattener.keeps_sent_id = made.derived;
	r = hs_flatten(&maker->flattener, e, stamp, &batch->lines);
	if (r != HS_OK)
		return r;
	if (maker->most > 0 && batch->lines.n > maker->most && batch->lines.n > most_with_shared(maker, stamp)) {
		batch->lines.n = start;
		return HS_E_RECORDS_LARGE;
	}
	record = next_record(batch);
	if (record == NULL)
		return HS_E_MEMORY;
	record->n = batch->lines.n - start;
	record->random = made.random;
	record->type = (uint8_t)e->type;
	record->fingerprint = fingerprint_of(&maker->identifier, e);
	batch->count++;
	batch->unparsed += !e->timestamps_parse;
	return hs_dedup_key_of_event(&maker->identifier, e, &made, &scope, &record->id);
}

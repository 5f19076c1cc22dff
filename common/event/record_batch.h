/*
 * record_batch: the lines and dedup keys of valid events, ready to be appended. Requests and
 * imports both build them.
 */
#ifndef HS_RECORD_BATCH_H
#define HS_RECORD_BATCH_H

#include "event/dedup_key.h"
#include "event/flatten.h"

enum {
	HS_RECORD_BATCH_BASE = 1 << 20,    /* the lines of a request may have this many bytes … */
	HS_RECORD_BATCH_FACTOR = 8,        /* … plus this many for each byte of the body … */
	HS_RECORD_BATCH_SHARED = 64 << 20, /* … and of what each event gets beside it, which allows no more than this */
};

/* A line of a batch. */
struct hs_record {
	size_t n;             /* bytes, including the '\n'; the next record follows */
	bool random;          /* the id is random: a second delivery gets another one */
	uint8_t type;         /* enum hs_event_type */
	uint32_t fingerprint; /* hash of type, event and user, to tell a reused id; never 0 */
	struct hs_dedup_key id;
};

/* Can be moved as a whole and replaced with an empty one. */
struct hs_record_batch {
	struct hs_buf lines;
	struct hs_record *record; /* `count` entries, one per line */
	size_t count, cap;
	uint64_t unparsed; /* events with a timestamp that does not parse */
};

/* Empties it and keeps its memory. A zeroed struct is empty. */
void hs_record_batch_reset(struct hs_record_batch *batch);

/* Empties it and frees lines and entries above `keep` bytes each. */
void hs_record_batch_shrink(struct hs_record_batch *batch, size_t keep);

void hs_record_batch_free(struct hs_record_batch *batch);

/* Makes batches. Working memory, one per thread; reset, not freed, between requests. */
struct hs_record_maker {
	struct hs_flattener flattener;
	struct hs_dedup_key_maker identifier;
	struct hs_record_batch batch;
	size_t most; /* limit for the bytes of all lines whose events share nothing; 0: none */
};

bool hs_record_maker_init(struct hs_record_maker *maker); /* false: out of memory; free it all the same */

/* Call it before the first event, with a seed that no other maker in any process has. */
void hs_record_maker_seed(struct hs_record_maker *maker, uint64_t seed);

void hs_record_maker_free(struct hs_record_maker *maker);

/*
 * Empties it and keeps its memory; reserves room for the lines of `bytes` bytes of events, and
 * limits all lines to HS_RECORD_BATCH_BASE plus HS_RECORD_BATCH_FACTOR times that. 0: no limit.
 * (A line repeats key names, so it can be far longer than its event.) What the events share
 * (hs_stamp_shared) raises the limit as if each had it in its own text, but not above HS_RECORD_BATCH_SHARED.
 */
void hs_record_maker_reset(struct hs_record_maker *maker, size_t bytes);

/* hs_record_batch_shrink, and the same for the flattener and the key maker. */
void hs_record_maker_shrink(struct hs_record_maker *maker, size_t keep);

/*
 * Adds an event that hs_event_read accepted, flattened with `names`. HS_OK, HS_E_NAME_LONG,
 * HS_E_RECORD_LARGE, HS_E_DROPPED, HS_E_UNPLANNED or HS_E_MEMORY, or HS_E_RECORDS_LARGE if the rules keep the
 * event, but the limit of all lines has no room for it; after an error nothing is added. After HS_E_MEMORY
 * only reset, shrink and free are allowed.
 */
enum hs_result hs_record_maker_put(struct hs_record_maker *maker, const struct hs_event *e,
                                   const struct hs_stamp *stamp, enum hs_names names);

#endif

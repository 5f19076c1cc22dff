/*
 * memtable: a hash table of the ids in the open segment that are not in the index yet. See index.h.
 */
#ifndef HS_MEMTABLE_H
#define HS_MEMTABLE_H

#include "spool/shared/recent_ids.h"

struct hs_memtable {
	struct hs_unflushed_id *slot;
	size_t slots, count;
};

void hs_memtable_free(struct hs_memtable *p);
void hs_memtable_clear(struct hs_memtable *p);

/* The entry, or NULL. Valid until the next change. */
const struct hs_unflushed_id *hs_memtable_find(const struct hs_memtable *p, const struct hs_dedup_key *id);

/* Prefetches what hs_memtable_find will read. */
void hs_memtable_prefetch(const struct hs_memtable *p, const struct hs_dedup_key *id);

/* Adds an id, or gives one that is there the new line's values. False: out of memory. */
bool hs_memtable_add(struct hs_memtable *p, const struct hs_dedup_key *id, uint64_t end, uint32_t spooled_s);

/*
 * Drops the entries whose lines end at or before `low`, or after `high`. False: out of memory,
 * and none is dropped.
 */
bool hs_memtable_keep(struct hs_memtable *p, uint64_t low, uint64_t high);

#endif

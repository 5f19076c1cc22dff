/*
 * memtable: identities of lines that are in the open segment but not yet in the index.
 * A hash table in memory, small: it is emptied into the index every few dozen lines.
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
const struct hs_unflushed_id *hs_memtable_find(const struct hs_memtable *p,
                                            const struct hs_dedup_key *id);

/* Fetches from memory what hs_memtable_find will look at. */
void hs_memtable_prefetch(const struct hs_memtable *p, const struct hs_dedup_key *id);

/* False: out of memory. One that is there already is that of the new line from now on. */
bool hs_memtable_add(struct hs_memtable *p, const struct hs_dedup_key *id, uint64_t end,
                    uint32_t spooled_s);

/*
 * Drops the entries whose lines end at or before `low`, or behind `high`. False: out of
 * memory, and all are still there.
 */
bool hs_memtable_keep(struct hs_memtable *p, uint64_t low, uint64_t high);

#endif

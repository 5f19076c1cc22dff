/*
 * pending: identities of lines that are in the open segment but not yet in the index.
 * A hash table in memory, small: it is emptied into the index every few dozen lines.
 */
#ifndef HS_PENDING_H
#define HS_PENDING_H

#include "core/identity.h"

struct hs_pending_id {
	struct hs_identity id;
	uint64_t end;       /* offset behind its line; 0: the slot is free */
	uint32_t spooled_s; /* seconds since 1970 */
};

struct hs_pending_ids {
	struct hs_pending_id *slot;
	size_t slots, count;
};

void hs_pending_free(struct hs_pending_ids *p);
void hs_pending_clear(struct hs_pending_ids *p);

/* The entry, or NULL. Valid until the next change. */
const struct hs_pending_id *hs_pending_find(const struct hs_pending_ids *p,
                                            const struct hs_identity *id);

/* Fetches from memory what hs_pending_find will look at. */
void hs_pending_prefetch(const struct hs_pending_ids *p, const struct hs_identity *id);

/* False: out of memory. One that is there already is that of the new line from now on. */
bool hs_pending_add(struct hs_pending_ids *p, const struct hs_identity *id, uint64_t end,
                    uint32_t spooled_s);

/*
 * Drops the entries whose lines end at or before `low`, or behind `high`. False: out of
 * memory, and all are still there.
 */
bool hs_pending_keep(struct hs_pending_ids *p, uint64_t low, uint64_t high);

#endif

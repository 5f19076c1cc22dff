#include "spool/dedup/memtable.h"

#include <stdlib.h>

enum { SLOT_BYTES = 4, SLOTS_FIRST = 256, SLOTS_KEEP = 1 << 14 };

/* More would be 128 GB. */
#define SLOTS_MOST (UINT64_C(1) << 8 * SLOT_BYTES)

void hs_memtable_free(struct hs_memtable *p)
{
	free(p->slot);
	memset(p, 0, sizeof *p);
}

void hs_memtable_clear(struct hs_memtable *p)
{
	if (p->slots > SLOTS_KEEP) { /* after a large batch */
		hs_memtable_free(p);
		return;
	}
	if (p->count > 0)
		memset(p->slot, 0, p->slots * sizeof *p->slot);
	p->count = 0;
}

/* The id is a hash: its first bits are the slot, so the table is nearly sorted. */
static size_t first_slot(const struct hs_memtable *p, const struct hs_dedup_key *id)
{
	size_t at = 0;

	for (size_t i = 0; i < SLOT_BYTES; i++)
		at = at << 8 | id->bytes[i];
	return (size_t)(at / (SLOTS_MOST / p->slots));
}

void hs_memtable_prefetch(const struct hs_memtable *p, const struct hs_dedup_key *id)
{
	if (p->slots > 0)
		__builtin_prefetch(&p->slot[first_slot(p, id)]);
}

/* The id's slot, or the free slot where it belongs. */
static struct hs_unflushed_id *find_slot(const struct hs_memtable *p, const struct hs_dedup_key *id)
{
	size_t mask = p->slots - 1, at = first_slot(p, id);

	for (; p->slot[at].end != 0; at = (at + 1) & mask)
		if (memcmp(&p->slot[at].id, id, sizeof *id) == 0)
			break;
	return &p->slot[at];
}

const struct hs_unflushed_id *hs_memtable_find(const struct hs_memtable *p, const struct hs_dedup_key *id)
{
	const struct hs_unflushed_id *slot = p->slots == 0 ? NULL : find_slot(p, id);

	return slot != NULL && slot->end != 0 ? slot : NULL;
}

/* Makes a table of `slots` slots with the entries between low and high. */
static bool rebuild(struct hs_memtable *p, size_t slots, uint64_t low, uint64_t high)
{
	struct hs_memtable old = *p;

	p->slot = calloc(slots, sizeof *p->slot);
	if (p->slot == NULL) {
		*p = old;
		return false;
	}
	p->slots = slots;
	p->count = 0;
	for (size_t i = 0; i < old.slots; i++)
		if (old.slot[i].end > low && old.slot[i].end <= high) {
			*find_slot(p, &old.slot[i].id) = old.slot[i];
			p->count++;
		}
	free(old.slot);
	return true;
}

bool hs_memtable_add(struct hs_memtable *p, const struct hs_dedup_key *id, uint64_t end, uint32_t spooled_s)
{
	struct hs_unflushed_id *slot;

	if (2 * (p->count + 1) > p->slots && !rebuild(p, p->slots == 0 ? SLOTS_FIRST : p->slots * 2, 0, UINT64_MAX))
		return false;
	slot = find_slot(p, id);
	p->count += slot->end == 0;
	*slot = (struct hs_unflushed_id){ *id, end, spooled_s };
	return true;
}

bool hs_memtable_keep(struct hs_memtable *p, uint64_t low, uint64_t high)
{
	size_t left = 0;

	for (size_t i = 0; i < p->slots; i++)
		left += p->slot[i].end > low && p->slot[i].end <= high;
	if (left == 0)
		hs_memtable_clear(p);
	return left == 0 || left == p->count || rebuild(p, p->slots, low, high);
}

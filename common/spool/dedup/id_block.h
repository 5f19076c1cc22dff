/*
 * id_block: a sorted run of ids, packed to fill one page of the index. See index.h for the layout.
 */
#ifndef HS_ID_BLOCK_H
#define HS_ID_BLOCK_H

#include "base/slice.h"
#include "event/dedup_key.h"

struct hs_id_block_entry {
	uint64_t high, low; /* halves of the id */
	uint32_t spooled_s; /* seconds since 1970 */
};

enum {
	HS_ID_BLOCK_ENTRY = 8 + 8 + 4,                  /* bytes of a packed id */
	HS_ID_BLOCK_ENTRIES = 4080 / HS_ID_BLOCK_ENTRY, /* fit a page of 4096 with LMDB's header of 16 */
	HS_ID_BLOCK_ADDED = HS_ID_BLOCK_ENTRIES / 2,    /* merged into a block at once, at most */
	HS_ID_BLOCK_ROOM = HS_ID_BLOCK_ENTRIES + HS_ID_BLOCK_ADDED,
};

/* A block in the making, unpacked. */
struct hs_id_block {
	uint64_t high[HS_ID_BLOCK_ROOM], low[HS_ID_BLOCK_ROOM]; /* ascending, all different */
	uint32_t spooled_s[HS_ID_BLOCK_ROOM];
	size_t n;
};

struct hs_id_block_entry hs_id_block_entry(const struct hs_dedup_key *id, uint32_t spooled_s);
struct hs_dedup_key hs_id_block_key(uint64_t high, uint64_t low); /* the id of these halves */

/* Sorts by id, ascending; an id may occur several times. */
void hs_id_block_sort(struct hs_id_block_entry *e, size_t n);

/*
 * Guesses the position of an id whose first half is `high`, if the first halves in the block lie
 * between `low` and `top`. Does not touch the block.
 */
size_t hs_id_block_guess(struct hs_slice packed, uint64_t low, uint64_t top, uint64_t high);

/* Prefetches what hs_id_block_find will read. */
void hs_id_block_prefetch(struct hs_slice packed, size_t near);

/*
 * Finds an id, searching both ways from position `near`. False if the block, which may be of any size,
 * does not hold it.
 */
bool hs_id_block_find(struct hs_slice packed, size_t near, const struct hs_id_block_entry *want, uint32_t *spooled_s);

/*
 * Merges the packed entries with at most HS_ID_BLOCK_ADDED sorted new ones. Keeps the latest time
 * of an id; drops ids that were spooled before `since_s`.
 */
void hs_id_block_merge(struct hs_id_block *to, struct hs_slice packed, uint32_t since_s,
                       const struct hs_id_block_entry *added, size_t count);

/* Packs `count` entries from number `from` on: writes count * HS_ID_BLOCK_ENTRY bytes. */
void hs_id_block_pack(const struct hs_id_block *b, size_t from, size_t count, char *to);

/* The entry at position i. */
struct hs_id_block_entry hs_id_block_at(struct hs_slice packed, size_t i);

/* Unpacks the entries and returns their number, at most HS_ID_BLOCK_ENTRIES. */
size_t hs_id_block_unpack(struct hs_slice packed, struct hs_id_block_entry *to);

#endif

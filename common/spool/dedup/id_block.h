/*
 * id_block: a sorted run of identities, each with the time it was spooled, packed to fill
 * one page of the index: the first halves of all, then the second halves, then the times.
 * Looked up by interpolation in the first halves (identities are hashes, so evenly
 * spread): a cache line or two, where a tree of single entries costs a dozen.
 *
 * The halves are numbers that order as the identity's bytes do, in this machine's byte
 * order. An index never leaves the machine: it is believed only by the boot that wrote it.
 */
#ifndef HS_ID_BLOCK_H
#define HS_ID_BLOCK_H

#include "base/slice.h"
#include "event/dedup_key.h"

struct hs_id_block_entry {
	uint64_t high, low; /* of the identity */
	uint32_t spooled_s; /* seconds since 1970 */
};

enum {
	HS_ID_BLOCK_ENTRY = 8 + 8 + 4,               /* bytes of one, packed */
	HS_ID_BLOCK_ENTRIES = 4080 / HS_ID_BLOCK_ENTRY, /* fit a page of 4096 with LMDB's header of 16 */
	HS_ID_BLOCK_ADDED = HS_ID_BLOCK_ENTRIES / 2,    /* at most so many are merged into it at once */
	HS_ID_BLOCK_ROOM = HS_ID_BLOCK_ENTRIES + HS_ID_BLOCK_ADDED,
};

/* One that is being made, unpacked. */
struct hs_id_block {
	uint64_t high[HS_ID_BLOCK_ROOM], low[HS_ID_BLOCK_ROOM]; /* ascending, none twice */
	uint32_t spooled_s[HS_ID_BLOCK_ROOM];
	size_t n;
};

struct hs_id_block_entry hs_id_block_entry(const struct hs_dedup_key *id, uint32_t spooled_s);

/* Ascending by identity; the same one may stand there several times. */
void hs_id_block_sort(struct hs_id_block_entry *e, size_t n);

/*
 * About where an identity must be whose first half is `high`, if those of all that are
 * packed here lie between `low` and `top`. Touches none of them.
 */
size_t hs_id_block_guess(struct hs_slice packed, uint64_t low, uint64_t top, uint64_t high);

/* Fetches what hs_id_block_find will look at. */
void hs_id_block_prefetch(struct hs_slice packed, size_t near);

/*
 * When an identity was spooled; false if the packed entries do not hold it. Looks from
 * number `near` on, in both directions.
 */
bool hs_id_block_find(struct hs_slice packed, size_t near, const struct hs_id_block_entry *want,
                   uint32_t *spooled_s);

/*
 * What a block becomes: its packed entries merged with at most HS_ID_BLOCK_ADDED sorted new
 * ones. Of the same identity the latest stays; what was spooled before `since_s` goes.
 */
void hs_id_block_merge(struct hs_id_block *to, struct hs_slice packed, uint32_t since_s,
                    const struct hs_id_block_entry *added, size_t count);

/* Packs `count` of its entries from number `from` on: count * HS_ID_BLOCK_ENTRY bytes. */
void hs_id_block_pack(const struct hs_id_block *b, size_t from, size_t count, char *to);

/* The packed entries; how many. At most HS_ID_BLOCK_ENTRIES. */
size_t hs_id_block_unpack(struct hs_slice packed, struct hs_id_block_entry *to);

#endif

/*
 * block: a sorted run of identities, each with the time it was spooled, packed to fill
 * one page of the index. Looked up by interpolation (identities are hashes, so evenly
 * spread): two or three cache lines, where a tree of single entries costs a dozen.
 *
 * Identities are bytes and sort as such; the time is in this machine's byte order. An index
 * never leaves the machine: it is believed only by the boot that wrote it.
 */
#ifndef HS_BLOCK_H
#define HS_BLOCK_H

#include "core/identity.h"
#include "core/slice.h"

struct hs_block_entry {
	struct hs_identity id;
	uint32_t spooled_s; /* seconds since 1970 */
};

/* So many fit a page of 4096 bytes with LMDB's header of 16. */
enum { HS_BLOCK_ENTRIES = 4080 / sizeof(struct hs_block_entry) };

struct hs_block {
	struct hs_block_entry entry[2 * HS_BLOCK_ENTRIES]; /* ascending, none twice */
	size_t n;
};

/* When the identity was spooled; false if the packed entries do not hold it. */
bool hs_block_find(struct hs_slice packed, const struct hs_identity *id, uint32_t *spooled_s);

/*
 * What a block becomes: its packed entries that were spooled at or after `since_s`,
 * merged with at most HS_BLOCK_ENTRIES new ones (ascending, none twice), which win.
 */
void hs_block_merge(struct hs_block *to, struct hs_slice packed, uint32_t since_s,
                    const struct hs_block_entry *added, size_t count);

#endif

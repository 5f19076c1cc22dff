/*
 * recent_ids: a ring of the keys of the open segment's last lines, in the shared state. Each
 * process adds the keys of the lines that it appends, so that the others need not read those
 * lines back and hash their ids again.
 *
 * The ring covers the bytes from `from` to `to` of one generation of the segment: it has the key
 * of every line in them that has one. If `to` is not the end of the segment, because a writer was
 * killed or keeps no index, the ring is emptied and begins there; earlier lines are read back.
 *
 * The events' append lock must be held. Since a process may be killed at any step, a slot leaves
 * the range before it is overwritten, and new slots join it after the append.
 */
#ifndef HS_RECENT_IDS_H
#define HS_RECENT_IDS_H

#include "event/dedup_key.h"

#include <stdatomic.h>

/* An id that is in the open segment and not yet in the index. */
struct hs_unflushed_id {
	struct hs_dedup_key id;
	uint64_t end;       /* offset after its line; 0: the slot is free */
	uint32_t spooled_s; /* seconds since 1970 */
};

enum { HS_RECENT_IDS = 8192 }; /* a batch of each of eight senders; 256 KB */

struct hs_recent_ids {
	uint64_t generation;
	_Atomic uint64_t from, to;                /* offsets */
	_Atomic uint64_t first, next;             /* numbers of the keys that count: first to next - 1 */
	struct hs_unflushed_id id[HS_RECENT_IDS]; /* [number % HS_RECENT_IDS] */
};

/* Call before an append whose first line will begin at `at`. */
void hs_recent_ids_begin(struct hs_recent_ids *ring, uint64_t generation, uint64_t at);

/* Adds the key of a line that will end at id.end; `noted`: how many were added since begin. */
void hs_recent_ids_note(struct hs_recent_ids *ring, uint64_t noted, struct hs_unflushed_id id);

/* Call after the append, which ends at `end`: the `noted` keys count from now on. */
void hs_recent_ids_end(struct hs_recent_ids *ring, uint64_t noted, uint64_t end);

/*
 * Finds the keys of the lines that end after `from` and not after `to`: numbers *first to
 * *next - 1. False if the ring does not have all of them.
 */
bool hs_recent_ids_between(const struct hs_recent_ids *ring, uint64_t generation, uint64_t from, uint64_t to,
                           uint64_t *first, uint64_t *next);

/* The key with this number, which must be one of those. It stays in the ring. */
const struct hs_unflushed_id *hs_recent_ids_at(const struct hs_recent_ids *ring, uint64_t number);

#endif

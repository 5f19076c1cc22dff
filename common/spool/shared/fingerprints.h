/*
 * fingerprints: a few bits of each recent event's contents, in the shared state, so that a
 * duplicate whose contents differ from the event with that key can be counted as conflicting.
 * Such a duplicate is left out of the spool like any other.
 *
 * A hash table without chains: of the keys that share a slot the newest has it. The events' append
 * lock must be held. Only a counter depends on the table, so a process that is killed while it
 * writes does no harm.
 */
#ifndef HS_FINGERPRINTS_H
#define HS_FINGERPRINTS_H

#include "event/dedup_key.h"

enum { HS_FINGERPRINTS = 16384 }; /* 128 KB */

struct hs_fingerprints {
	uint64_t slot[HS_FINGERPRINTS]; /* upper half: bits of the key; lower: fingerprint (record_batch.h); 0: free */
};

/* Notes the fingerprint of an event with a new key. */
void hs_fingerprints_note(struct hs_fingerprints *table, const struct hs_dedup_key *id, uint32_t fingerprint);

/* True if the table knows the key with another fingerprint; false if it does not know the key. */
bool hs_fingerprints_conflict(const struct hs_fingerprints *table, const struct hs_dedup_key *id, uint32_t fingerprint);

#endif

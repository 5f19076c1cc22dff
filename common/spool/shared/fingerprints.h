/*
 * fingerprints: what the events were that came lately, in a few bits each, in the shared state: so that a
 * duplicate that is another event under a used id can be counted. It is kept out like any other.
 *
 * A table of so many of the last identities; one that falls on another's place takes it. Under the
 * events' append lock. It is only ever counted by: a process that is killed does no harm.
 */
#ifndef HS_FINGERPRINTS_H
#define HS_FINGERPRINTS_H

#include "event/dedup_key.h"

enum { HS_FINGERPRINTS = 16384 }; /* 128 KB */

struct hs_fingerprints {
	uint64_t place[HS_FINGERPRINTS]; /* bits of the identity, and the gist (record_batch.h); 0: free */
};

void hs_fingerprints_note(struct hs_fingerprints *g, const struct hs_dedup_key *id, uint32_t fingerprint);

/* Is it known that an event of this identity had another gist? */
bool hs_fingerprints_conflict(const struct hs_fingerprints *g, const struct hs_dedup_key *id, uint32_t fingerprint);

#endif

/*
 * gists: what the events were that came lately, in a few bits each, in the shared state: so that a
 * duplicate that is another event under a used id can be counted. It is kept out like any other.
 *
 * A table of so many of the last identities; one that falls on another's place takes it. Under the
 * events' append lock. It is only ever counted by: a process that is killed does no harm.
 */
#ifndef HS_GISTS_H
#define HS_GISTS_H

#include "core/identity.h"

enum { HS_GISTS = 16384 }; /* 128 KB */

struct hs_gists {
	uint64_t place[HS_GISTS]; /* bits of the identity, and the gist (intake.h); 0: free */
};

void hs_gists_note(struct hs_gists *g, const struct hs_identity *id, uint32_t gist);

/* Is it known that an event of this identity had another gist? */
bool hs_gists_conflict(const struct hs_gists *g, const struct hs_identity *id, uint32_t gist);

#endif

/*
 * sealed_merge: the ids of several summaries in one ascending order, by a heap of positions in them. An id
 * that several summaries have comes once for each.
 *
 * The mappings are touched, so HS_IO_GUARDED must be around each call (sealed_ids.h).
 */
#ifndef HS_SEALED_MERGE_H
#define HS_SEALED_MERGE_H

#include "spool/dedup/sealed_ids.h"

struct hs_sealed_merge {
	struct hs_sealed_position {
		const struct hs_sealed_run *run;
		size_t at;
		uint64_t high; /* of the id there */
	} * heap;              /* the least first */
	size_t count;          /* of runs that have more */
	bool damaged;          /* a run is damaged: no more ids come, and those that came do not count */
};

/*
 * Begins with the first ids of runs[n] whose first half is at least `high`. The runs stay the caller's. False:
 * out of memory.
 */
bool hs_sealed_merge_open(struct hs_sealed_merge *m, const struct hs_sealed_run *runs, size_t n, uint64_t high);
void hs_sealed_merge_close(struct hs_sealed_merge *m);

/* The next id; false after the last one, and at damage. */
bool hs_sealed_merge_next(struct hs_sealed_merge *m, struct hs_id_block_entry *e);

#endif

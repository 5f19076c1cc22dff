/*
 * sealed_ids: the ids of sealed segments as their summaries have them (summary.h, IDS), sorted and
 * mapped. The index is rebuilt from them, and until that is done look-ups ask them. See index.h.
 *
 * The mappings may be touched inside HS_IO_GUARDED alone (io.h).
 */
#ifndef HS_SEALED_IDS_H
#define HS_SEALED_IDS_H

#include "spool/dedup/id_block.h"
#include "spool/shared/spool_dir.h"

/* Which chunks of a run were compared with their check sums. */
struct hs_sealed_check {
	bool damaged;
	bool fetched;        /* the kernel was asked for all first halves */
	const uint32_t *sum; /* of each chunk of HS_SUMMARY_CHUNK bytes */
	uint64_t checked[];  /* a bit for each chunk */
};

/* The ids of a segment. Bytes are checked before they are used for the first time. */
struct hs_sealed_run {
	uint64_t number;
	struct hs_slice packed; /* laid out as a block of the index (id_block.h), of any size */
	const void *map;
	size_t map_bytes;
	struct hs_sealed_check *check; /* NULL: the ids are sound */
};

/* A code beside those of LMDB and errno: a run is damaged. */
enum { HS_SEALED_DAMAGED = -1 };

/* Zeroed: none. */
struct hs_sealed_ids {
	struct hs_sealed_run *run; /* by number, ascending */
	size_t count, cap;
	struct hs_sealed *missing; /* segments that were asked for and have no such summary, ascending */
	size_t missing_count, missing_cap;
};

/*
 * Opens the summaries of the segments from number `from` to below `to` that may have records of `since_s`
 * or later, and closes all others; what is open stays as it is. Reads their heads and no ids, since a plain CGI
 * program opens them for each request. Under the append lock. HS_OK, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_sealed_ids_open(struct hs_sealed_ids *s, const struct hs_spool_dir *dir, uint64_t from, uint64_t to,
                                  uint32_t since_s);
void hs_sealed_ids_close(struct hs_sealed_ids *s);

/* True if the segment was opened, or is missing: it has ids that count. */
bool hs_sealed_ids_has(const struct hs_sealed_ids *s, uint64_t number);

/* The run of a segment, or NULL. */
const struct hs_sealed_run *hs_sealed_ids_of(const struct hs_sealed_ids *s, uint64_t number);

/*
 * Sets found[i] if e[i] is in a run and was not spooled before `since_s`; leaves the others as they are. False: a
 * run is damaged, and nothing that was found counts.
 */
bool hs_sealed_ids_find(const struct hs_sealed_ids *s, const struct hs_id_block_entry *e, size_t n, uint32_t since_s,
                        bool *found);

/*
 * Closes runs that were found to be damaged, and removes their summaries, which is logged. True if there was one:
 * then call hs_sealed_ids_open before any look-up. It says that they are missing, even if a file could not be removed.
 */
bool hs_sealed_ids_drop_damaged(struct hs_sealed_ids *s, const struct hs_spool_dir *dir);

/* The ids of a run. */
static inline size_t hs_sealed_run_count(const struct hs_sealed_run *run)
{
	return run->packed.n / HS_ID_BLOCK_ENTRY;
}
/* True once one of the functions below has met damage; what they return then is of no use. */
static inline bool hs_sealed_run_is_damaged(const struct hs_sealed_run *run)
{
	return run->check != NULL && run->check->damaged;
}
struct hs_id_block_entry hs_sealed_run_at(const struct hs_sealed_run *run, size_t i);
/* The first half of the id at position i. */
uint64_t hs_sealed_run_high(const struct hs_sealed_run *run, size_t i);
/* The position of the first id whose first half is at least `high`. */
size_t hs_sealed_run_from(const struct hs_sealed_run *run, uint64_t high);
/* Starts to read from the disk what a step from that id on needs. */
void hs_sealed_run_fetch(const struct hs_sealed_run *run, uint64_t high);

#endif

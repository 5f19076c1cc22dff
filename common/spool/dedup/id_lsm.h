/*
 * id_lsm: identities in LMDB, so that thousands come and go in one transaction while each of
 * the millions that are there can be asked for.
 *
 * They stand in packed blocks (core/id_block.h), each a record of its own under the highest
 * identity that may be in it. A block costs the same to rewrite for one identity as for
 * twenty; so there are three levels of blocks, each about a sixteenth as large as the next
 * one. New identities go into the first level; from each a hand that goes round moves
 * them on, in order, a few blocks at a time, so that each block it meets takes several.
 *
 * What was spooled before `since_s` is as good as not there, and goes when its block is
 * rewritten.
 *
 * The results are LMDB's, 0 or an error: http://www.lmdb.tech/doc/group__errors.html
 */
#ifndef HS_ID_LSM_H
#define HS_ID_LSM_H

#include "spool/dedup/id_block.h"

#include <lmdb.h>

enum { HS_ID_LSM = 3 };

/* To be stored beside them. All zero: nothing is there yet. */
struct hs_id_lsm {
	uint64_t count[HS_ID_LSM]; /* identities */
	uint64_t hand[HS_ID_LSM];  /* where to go on moving */
};

/*
 * The records' keys are 64 bits. LMDB compares these as a number where that is a size_t;
 * elsewhere they are stored so that their bytes order as the number does.
 */
enum { HS_ID_LSM_FLAGS = sizeof(size_t) == sizeof(uint64_t) ? MDB_INTEGERKEY : 0 };

/* Keys are below this one. What is at or above it is the caller's. */
#define HS_ID_LSM_END ((uint64_t)HS_ID_LSM << 60)

/*
 * Which of these are there? Fastest if they are sorted. `c` is a cursor on the records. What
 * one of them needs is fetched from memory while others are looked for.
 */
int hs_id_lsm_find(MDB_cursor *c, const struct hs_id_block_entry *e, size_t n, uint32_t since_s,
                   bool *found);

/* Adds identities, sorted, in a transaction that writes. After an error `l` is void. */
int hs_id_lsm_put(MDB_cursor *c, struct hs_id_lsm *l, uint32_t since_s,
                  const struct hs_id_block_entry *e, size_t n);

#endif

/*
 * id_lsm: ids in LMDB, in three levels of blocks. See index.h for the layout and the algorithm.
 *
 * Results are 0, or errors of LMDB: http://www.lmdb.tech/doc/group__errors.html
 */
#ifndef HS_ID_LSM_H
#define HS_ID_LSM_H

#include "spool/dedup/id_block.h"

#include <lmdb.h>

enum { HS_ID_LSM = 3 };

/* The caller stores it with the blocks. All zero: no ids yet. */
struct hs_id_lsm {
	uint64_t count[HS_ID_LSM]; /* ids */
	uint64_t hand[HS_ID_LSM];  /* where the next move begins */
};

/*
 * LMDB compares a 64-bit key as a number where size_t has 64 bits; elsewhere keys are stored
 * in big-endian order.
 */
enum { HS_ID_LSM_FLAGS = sizeof(size_t) == sizeof(uint64_t) ? MDB_INTEGERKEY : 0 };

/* Keys of blocks are below this one; keys from it on are free for the caller. */
#define HS_ID_LSM_END ((uint64_t)HS_ID_LSM << 60)

/* Sets found[i] if e[i] is there and was not spooled before `since_s`. Fastest if e is sorted. */
int hs_id_lsm_find(MDB_cursor *c, const struct hs_id_block_entry *e, size_t n, uint32_t since_s, bool *found);

/* Adds sorted ids, in a transaction that writes. After an error *l is undefined. */
int hs_id_lsm_put(MDB_cursor *c, struct hs_id_lsm *l, uint32_t since_s, const struct hs_id_block_entry *e, size_t n);

/*
 * Like hs_id_lsm_put, for ids that lie close together: where enough of them belong to one block of the last level to
 * be worth rewriting it, they go there at once. Changes e[].
 */
int hs_id_lsm_put_many(MDB_cursor *c, struct hs_id_lsm *l, uint32_t since_s, struct hs_id_block_entry *e, size_t n);

#endif

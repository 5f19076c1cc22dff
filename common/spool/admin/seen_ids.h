/*
 * seen_ids: the ids that a run of verify has met, in a scratch file, because they may
 * exceed memory. The file is arranged as the id index is (id_lsm.h), and committed now and then, so
 * that its pages are the kernel's to write out and drop.
 */
#ifndef HS_SEEN_IDS_H
#define HS_SEEN_IDS_H

#include "spool/dedup/id_lsm.h"
#include "spool/shared/spool_dir.h"

enum { HS_SEEN_IDS_AT_ONCE = 512 };

struct hs_seen_ids {
	MDB_env *env; /* NULL: not open */
	MDB_txn *txn;
	MDB_dbi dbi[2]; /* of lines, and of tombstones: see id_lsm.h */
	struct hs_id_lsm levels[2];
	struct hs_id_block_entry batch[HS_SEEN_IDS_AT_ONCE]; /* of tombstones */
	size_t count;
	unsigned batches; /* since the last commit */
	int64_t window_s;
	int code; /* of LMDB, at the last tombstone */
};

enum hs_seen_before {
	HS_SEEN_NOT,    /* not within dedup_window before */
	HS_SEEN_TWICE,  /* in a line */
	HS_SEEN_ERASED, /* as a tombstone */
};

/*
 * Opens a zeroed struct, empty but for the tombstones. A kill leaves no file. HS_OK, or as
 * hs_index_result. hs_seen_ids_close may be called in any case.
 */
enum hs_result hs_seen_ids_open(struct hs_seen_ids *s, const struct hs_spool_dir *dir);
void hs_seen_ids_close(struct hs_seen_ids *s);

/*
 * Notes the ids of n lines in their order, at most HS_SEEN_IDS_AT_ONCE. before[i] tells whether id[i]
 * was seen before, in an earlier line or as a tombstone. HS_OK, or as hs_index_result.
 */
enum hs_result hs_seen_ids_note(struct hs_seen_ids *s, const struct hs_id_block_entry *id, size_t n,
                                enum hs_seen_before *before);

#endif

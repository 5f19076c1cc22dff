/*
 * seen_ids: the ids that a run of verify has met, in a scratch file, because they may exceed memory.
 */
#ifndef HS_SEEN_IDS_H
#define HS_SEEN_IDS_H

#include "spool/shared/spool_dir.h"

#include <lmdb.h>

struct hs_dedup_key;

struct hs_seen_ids {
	MDB_env *env; /* NULL: not open */
	MDB_txn *txn;
	MDB_dbi dbi;
	int64_t window_s;
	int code; /* of LMDB, at the last tombstone */
};

enum hs_seen_before {
	HS_SEEN_NOT,    /* not in the dedup_window before it */
	HS_SEEN_TWICE,  /* in a line */
	HS_SEEN_ERASED, /* in a tombstone */
};

/*
 * Opens a zeroed struct, with the tombstones alone. A kill leaves no file. HS_OK, HS_E_IO, or as
 * hs_index_result. hs_seen_ids_close may be called in any case.
 */
enum hs_result hs_seen_ids_open(struct hs_seen_ids *s, const struct hs_spool_dir *dir);
void hs_seen_ids_close(struct hs_seen_ids *s);

/* Notes the id of a line, and says whether it was seen before. HS_OK, or as hs_index_result. */
enum hs_result hs_seen_ids_note(struct hs_seen_ids *s, const struct hs_dedup_key *id, uint32_t spooled_s,
                                enum hs_seen_before *before);

#endif

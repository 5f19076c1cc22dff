/*
 * index: which events are in the spool already. LMDB, in .hookspool/run/index.
 *
 * The index only ever follows the files: append, sync, then index. It holds the identity
 * of each event that is on stable storage, and a mark: the segment and offset up to which
 * it has read. What was appended behind the mark is known to each process by itself, as
 * `pending`: its own lines from the requests, those of others as these have noted them
 * (recent_ids.h), or by reading them back.
 * So an index that is behind only has to catch up, and one that is lost, of another
 * boot, or was touched by somebody else, is made anew from the sealed segments.
 *
 * How millions of them are kept so that thousands can be put and asked for: id_lsm.h.
 *
 * Everything here happens under the events' append lock; that is why LMDB needs no locks
 * of its own (MDB_NOLOCK). It never syncs (MDB_NOSYNC): after a power cut it is made anew.
 */
#ifndef HS_INDEX_H
#define HS_INDEX_H

#include "event/dedup_key.h"
#include "spool/write/segment.h"

struct hs_index;

/* One process's index of the spool at `path` (its directory). NULL: out of memory. */
struct hs_index *hs_index_new(const struct hs_spool_dir *dir, const char *path);
void hs_index_free(struct hs_index *ix); /* NULL is fine */

/*
 * Brings it up to the end of the open segment, after hs_segment_prepare: opens or makes
 * the index, reads what others have appended, and moves what is synced from pending to
 * the index. HS_OK, HS_E_IO, HS_E_FULL, HS_E_READ_ONLY, HS_E_MEMORY, or HS_E_INDEXING: at the deadline not all
 * sealed segments are read yet; the next call goes on.
 */
enum hs_result hs_index_follow(struct hs_index *ix, struct hs_segment *events, int64_t deadline_ms);

enum hs_seen {
	HS_SEEN_NEVER,
	HS_SEEN_PENDING, /* in the file, perhaps not yet on stable storage */
	HS_SEEN_KEPT,    /* on stable storage */
};

/*
 * Which of these identities are on stable storage, within the window? NULL is not. Only of
 * what is pending it does not know: that is for hs_index_seen. HS_OK, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_index_look(struct hs_index *ix, const struct hs_dedup_key *const *id, size_t n,
                             bool *kept);

/* Is an identity in the spool, within the window? `kept`: what hs_index_look has said of it. */
enum hs_seen hs_index_seen(const struct hs_index *ix, const struct hs_dedup_key *id, bool kept);

/* Notes one that is about to be appended; its line will end at offset `end`. */
enum hs_result hs_index_add(struct hs_index *ix, const struct hs_dedup_key *id, uint64_t end);

/* The append happened: what was added counts. Or it did not: it is forgotten again. */
void hs_index_appended(struct hs_index *ix, uint64_t end);
void hs_index_undo(struct hs_index *ix, uint64_t end);

/* Ends the look-ups of one append. */
void hs_index_rest(struct hs_index *ix);

/* Removes the index's file: the next hs_index_follow makes it anew. */
enum hs_result hs_index_discard(struct hs_index *ix);

/*
 * Is its file as this boot's processes left it? If not, the next hs_index_follow makes it
 * anew. Under the events' append lock.
 */
bool hs_index_is_trusted(const struct hs_index *ix);

/* How many identities it holds; for people. HS_OK or HS_E_IO. */
enum hs_result hs_index_count(struct hs_index *ix, uint64_t *count);

/* What a code of LMDB means to a sender: as hs_io_result, for its errors are errno or its own. */
enum hs_result hs_index_result(int code);

#endif

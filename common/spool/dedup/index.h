/*
 * index: which events are in the spool already.
 *
 * This page explains the whole id index; the headers beside it give contracts only.
 *
 * WHERE AN ID IS
 *
 * An id is 128 bits, a hash (event/dedup_key.h), and comes with the second at which its event was
 * spooled. The events' files are the truth; the index only follows them: append, sync, then index.
 *
 *	  sealed segments        the open segment: events.jsonl
 *	 +-------+ +-------+ +-----------------+------------------+
 *	 |       | |       | |                 |                  |
 *	 +-------+ +-------+ +-----------------+------------------+
 *	                                       ^ mark             ^ end
 *	 \________________ ___________________/ \________ ________/
 *	                  v                              v
 *	 .hookspool/run/index (LMDB), one       memtable, one in each process: ids of lines
 *	 for all processes: ids on stable       that may not be synced yet. From its own
 *	 storage, and the mark                  requests, from recent_ids (shared memory), or
 *	                                        from the lines themselves, read back
 *
 * An event is known if its id is in the memtable or in the index, and was spooled within
 * dedup_window. index_store is the file; index_catch_up reads sealed segments and tombstones (ids
 * of erased events) into it; id_lsm and id_block arrange the ids in it.
 *
 * WHILE THE INDEX IS BEHIND
 *
 * After a reboot, or the loss of the file, the mark is at the first segment. No append waits until all
 * ids are read: sealed_ids maps the summaries (summary.h) of the segments from the mark on, which have
 * the same sorted ids, and look-ups ask them, too. Each append takes a step of 5 ms through them: it
 * puts their ids into the file, a few thousand a transaction. Segments that have no summary yet, if they
 * are few, are read first and out of turn, so that index and summaries together know every sealed
 * segment; so is the open segment. The mark must not pass what is not read, so the file notes beside it
 * how far each of them is read: otherwise each plain CGI program would read them from the start.
 * Tombstones are read after the summaries are mapped: an id that an erase removes is in one of the two.
 *
 * LAYOUT OF THE FILE
 *
 * An LMDB database. Each record is a block of ids, except the last one, which is the mark:
 *
 *	key (64 bits)                         value
 *	0 | highest id of the block >> 4      block    level 0: new ids, few
 *	1 | highest id of the block >> 4      block    level 1: about 16 times as many
 *	2 | highest id of the block >> 4      block    level 2: all others
 *	^ 4 bits: the level                   ...
 *	0xffffffffffffffff                    mark: format, segment number, offset, bytes of the
 *	                                      tombstones that were read; segments that are read out of
 *	                                      turn, and how far; the group of summaries that
 *	                                      are read together, and how far; for each level the number
 *	                                      of ids and the hand (see Move); a check sum
 *
 *	block of n ids, at most 204, so that it fills an LMDB page:
 *
 *	+------------------+------------------+-------------+
 *	| n first halves   | n second halves  | n times     |
 *	| 8 bytes each     | 8 bytes each     | 4 bytes each|
 *	+------------------+------------------+-------------+
 *
 * The ids of a block ascend and differ. Halves are numbers that order as the id's bytes do, in this
 * machine's byte order: the index never leaves the machine. Ids are hashes, so the blocks of a
 * level fill evenly.
 *
 * INVARIANTS
 *
 *	1. Every id of a line before the mark, or before the offset of a segment read out of turn, that is within
 *	   the longest window is in the index.
 *	2. The index has no id of a line that is not on stable storage, or was not before it was erased.
 *	3. The ids and the mark change in one transaction.
 *	4. An id belongs to the first block of its level whose key is not below the id's; if there
 *	   is none, to a block with the highest key of the level.
 *	5. An id may be in several levels, or be in memtable and index; the latest time counts.
 *	6. Everything here happens under the events' append lock. So LMDB needs no locks (MDB_NOLOCK).
 *
 * ALGORITHM
 *
 * Look-up (id_lsm): sort the ids of the batch, so that neighbours share a block. For each level, find
 * the block by its key, guess the position in the first halves by interpolation, and prefetch;
 * then compare. That costs a cache line or two a level, where a tree of single ids costs a dozen.
 *
 * Insert: when 4096 synced lines are pending (64 in a process that begins), sort their ids, merge them
 * into blocks of level 0 and divide a block that gets too large in its middle. To rewrite a block
 * costs the same for one id as for twenty: that is why there are levels.
 *
 * Move: a level is full if it exceeds a sixteenth of the next one, and 8,192 ids (level 1: 131,072).
 * Then whole blocks from its hand on, 512 ids or so, are deleted and merged into the next level. The
 * hand goes on in the order of ids and starts anew at the end, so each block that it meets takes
 * many ids. About twice as many ids are moved as were put, at most: no insert pauses, yet the
 * levels keep up.
 *
 * Rebuild: the summaries of up to 256 segments are merged (sealed_merge), so that ids come in ascending order. Where
 * at least 16 ids belong to one block of level 2, they go there at once, for then rewriting that block is cheaper than
 * moving the ids through the levels; the others are inserted as always. The mark has the segments of the group and the
 * first half up to which all of them are read. So from an empty file each block is written once: 40 bytes an id,
 * where insertion in the order of segments writes hundreds.
 *
 * Forget: a merge drops ids that are out of every process's window.
 *
 * WHAT A KILL LEAVES
 *
 *	before the append             nothing. What recent_ids had noted does not count
 *	after the append,             the line is in the file; others read it back. The sender has no
 *	before the sync               answer, and its retry waits for the sync
 *	after the sync, before        the mark is behind: the next process that follows reads the
 *	the transaction               lines between mark and end
 *	in the transaction            LMDB's previous state: no block and no mark is half written.
 *	                              `writing` stays set in the shared state: then only the
 *	                              inode is compared, because size and time may have changed,
 *	                              and the next process notes these
 *	after the commit, before      as above
 *	size and time are noted
 *	while catching up             the mark of the last transaction: the next one goes on there
 *
 * After a power cut, or if another program touched the file, its inode, size or time differs from
 * what the shared state has noted, or nothing is noted because the state is of another boot.
 * Then the index is rebuilt from the sealed segments; so it never syncs (MDB_NOSYNC). This is compared before look-ups
 * and after them, and before each commit: whoever writes in between is noticed before an answer relies on it.
 * A SIGBUS (the file was cut) and a failed assertion of LMDB's (it is damaged) abandon LMDB's environment
 * and rebuild the index, too.
 */
#ifndef HS_INDEX_H
#define HS_INDEX_H

#include "event/dedup_key.h"
#include "spool/write/segment.h"

struct hs_index;

/* Makes one process's index of the spool in the directory `path`. NULL: out of memory. */
struct hs_index *hs_index_new(const struct hs_spool_dir *dir, const char *path);
void hs_index_free(struct hs_index *ix); /* NULL is fine */

/*
 * After hs_segment_prepare: opens or makes the index, reads what others have appended to the end
 * of the open segment, and moves synced ids to the file. HS_OK, HS_E_IO, HS_E_FULL,
 * HS_E_READ_ONLY, HS_E_MEMORY, or HS_E_INDEXING: the deadline passed before all sealed segments were
 * read; the next call goes on.
 */
enum hs_result hs_index_follow(struct hs_index *ix, struct hs_segment *events, int64_t deadline_ms);

/*
 * hs_segment_begin and hs_index_follow for a caller that can wait: catches up in short steps, and leaves the append
 * lock to others between them, and between calls that follow each other, so that no append waits long. Waits
 * `lock_ms` for the lock at most, each time. HS_OK: the lock is held. Results of both but HS_E_INDEXING: it is not.
 */
enum hs_result hs_index_begin(struct hs_index *ix, struct hs_segment *events, int64_t lock_ms);

/*
 * hs_index_begin for a caller that is about to take lines out of sealed segments: waits until the index is not behind,
 * for it may have read a segment up to an offset, which is wrong once lines before it are gone.
 */
enum hs_result hs_index_begin_whole(struct hs_index *ix, struct hs_segment *events, int64_t lock_ms);

enum hs_seen {
	HS_SEEN_NEVER,
	HS_SEEN_PENDING, /* in the file, perhaps not yet on stable storage */
	HS_SEEN_KEPT,    /* on stable storage */
};

/*
 * Sets kept[i] if id[i] is in the file and within the window. Ids that are pending
 * are found by hs_index_seen. HS_OK, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_index_look(struct hs_index *ix, const struct hs_dedup_key *const *id, size_t n, bool *kept);

/* Says whether an id is in the spool, within the window. `kept`: as hs_index_look has set it. */
enum hs_seen hs_index_seen(const struct hs_index *ix, const struct hs_dedup_key *id, bool kept);

/* Notes an id that is about to be appended; its line will end at offset `end`. HS_OK or HS_E_MEMORY. */
enum hs_result hs_index_add(struct hs_index *ix, const struct hs_dedup_key *id, uint64_t end);

/* The append has happened, and what was added counts; or it failed, and that is forgotten. */
void hs_index_appended(struct hs_index *ix, uint64_t end);
void hs_index_undo(struct hs_index *ix, uint64_t end);

/* Ends the look-ups of one append. */
void hs_index_rest(struct hs_index *ix);

/*
 * True if the file does not have all sealed segments yet, and their summaries answer for it; each
 * hs_index_follow reads on for some milliseconds.
 */
bool hs_index_is_behind(const struct hs_index *ix);

/* Removes the file; the next hs_index_follow rebuilds it. HS_OK, or as hs_io_result. */
enum hs_result hs_index_discard(struct hs_index *ix);

/* True if the file is as this boot's processes left it; otherwise the next hs_index_follow rebuilds it. */
bool hs_index_is_trusted(const struct hs_index *ix);

/* Counts the ids that it holds, for people. HS_OK or HS_E_IO. */
enum hs_result hs_index_count(struct hs_index *ix, uint64_t *count);

#endif

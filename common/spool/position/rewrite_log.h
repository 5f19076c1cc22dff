/*
 * rewrite_log: sealed segments that were replaced by a clean copy, and where their lines went.
 *
 * A sealed segment never changes, with two exceptions: it is compressed, which moves no
 * line of it, and erase and repair replace it by a copy without some of its lines. A
 * consumer's position would then point into the middle of another line. So each such
 * edit is a line of the journal .hookspool/edits, and a position carries the number of
 * edits that its file had seen when the consumer opened it: what happened since is added
 * when the position is used again. A consumer that still reads the old file through its
 * open descriptor has a right position, too.
 *
 *	{"segment":42,"edit":1,"file":"events-….jsonl","inode":[3,9],"size":[700,400],
 *	 "removed":[100,200,400,100]}
 *	{"segment":42,"edit":1,"done":true}
 *
 * `removed` has two numbers for each range that is gone: its offset in the file before,
 * and its bytes; both of the uncompressed text. `size` is that of the files. The first
 * line is on stable storage before the copy is renamed into place, the second one is
 * written behind that. Only the last edit can be without it, after a kill: then the
 * file's inode tells whether the rename happened. If it did not the line is void.
 *
 * An entry goes with its segment: maintenance trims the journal once it has deleted some
 * (hs_rewrite_log_trim), for a position in a segment that is gone leads to the next one whatever the edit.
 * While the segment is there each of its entries stays: a position carries the number of any
 * earlier edit, and it may stand in a cursor, in a backup's cursor that came back with this
 * journal, or only in the memory of a command that has read for hours. A million entries with one
 * range each are 200 MB, and cost each command that opens the spool two seconds and 40 MB: a
 * thousand segments that were each edited a thousand times. Erasing many people in one run makes
 * one entry a segment.
 *
 * The lock is flock(2) on .hookspool/run/edits.lock: shared by whoever opens a sealed segment
 * and asks for its number of edits; exclusive for the moment in which one is replaced, by
 * the compressor, too, since it gives the segment another inode. Never held for long.
 */
#ifndef HS_REWRITE_LOG_H
#define HS_REWRITE_LOG_H

#include "spool/file/segment_list.h"
#include "spool/shared/spool_dir.h"

/* Where a consumer stands in the events: everything before it is done. Zeroed: the start. */
struct hs_position {
	uint64_t number; /* of the segment */
	uint64_t offset; /* in its uncompressed text, at the start of a line */
	uint64_t edit;   /* how often the file had been edited that the offset is of */
	uint64_t before; /* a hash of the line before it, see history.h; 0: not known */
};

struct hs_rewrite_log;

/*
 * The place must outlive it. HS_OK, HS_E_MEMORY or the result of opening the lock's file;
 * hs_rewrite_log_close(NULL) is fine.
 */
enum hs_result hs_rewrite_log_open(const struct hs_spool_dir *dir, struct hs_rewrite_log **rewrites);
void hs_rewrite_log_close(struct hs_rewrite_log *rewrites);

/*
 * Take the lock, shared or exclusively, and learn what others added to the journal. An
 * exclusive holder also settles an edit that a kill interrupted. HS_OK, HS_E_LOCKED (another
 * process holds it for more than ten seconds), HS_E_IO, HS_E_SYNC, HS_E_FULL or HS_E_MEMORY:
 * the lock is not held then.
 */
enum hs_result hs_rewrite_log_share(struct hs_rewrite_log *rewrites);
enum hs_result hs_rewrite_log_claim(struct hs_rewrite_log *rewrites);
void hs_rewrite_log_release(struct hs_rewrite_log *rewrites);

/* Under either lock: how often this segment of the events was edited. */
uint64_t hs_rewrite_log_number(const struct hs_rewrite_log *rewrites, uint64_t segment);

/*
 * Under either lock: turns the position into one of the segment's file as it is now; inside
 * a range that is gone it becomes the start of what came behind; if the line before it is
 * gone that is no longer known. HS_OK, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_rewrite_log_translate(struct hs_rewrite_log *rewrites, struct hs_position *position);

/* Bytes of the uncompressed text of the file before the edit. */
struct hs_range {
	uint64_t offset, bytes;
};

/* A clean copy that is ready to take a segment's place. All of it stays the caller's. */
struct hs_rewrite {
	const char *stream;             /* "events", "rejected"; only edits of events are journaled */
	struct hs_sealed sealed;        /* of this segment; the copy has the same form, plain or .gz */
	uint64_t inode;                 /* of the file that was read */
	const char *copy;               /* name in .hookspool/run; whole and synced */
	const struct hs_range *removed; /* ascending, not touching one another */
	size_t count;
};

/*
 * Takes the lock exclusively and puts the copy in the file's place, for good. HS_OK;
 * HS_E_REWRITTEN: the file is no longer the one that was read (it was compressed, edited,
 * deleted), or the lock was not to be had: list the segments and read this one again.
 * HS_E_IO, HS_E_SYNC, HS_E_FULL, HS_E_MEMORY. After an error, and after a kill, the segment
 * is the one or the other, whole, and the journal knows which.
 * If a segment stands there both plain and compressed, give the plain one: the other is
 * removed first.
 */
enum hs_result hs_rewrite_log_replace(struct hs_rewrite_log *rewrites, const struct hs_rewrite *edit);

/*
 * Drops what the journal says of segments before the oldest that is there, once it has more than
 * `most` bytes. HS_OK, also if there is nothing to drop; or an error as above.
 */
enum hs_result hs_rewrite_log_trim(struct hs_rewrite_log *rewrites, uint64_t most);

/*
 * Erase, repair, backup and adopt need the sealed segments to themselves, one at a time. Takes
 * their lock, for as long as *lock stays open. HS_OK, HS_E_LOCKED (it is taken; *lock is -1),
 * HS_E_FULL, HS_E_MEMORY or HS_E_IO.
 */
enum hs_result hs_rewriter_lock(int run_dir, int *lock);

#endif

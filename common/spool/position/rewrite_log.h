/*
 * rewrite_log: the journal of sealed segments that were replaced by a copy without some of their
 * lines. It translates positions in the old file to the new one.
 *
 * A sealed segment never changes, with two exceptions: it is compressed, which moves none of its
 * lines, and erase and repair replace it by a copy without some of its lines. A consumer's position
 * would then point into the middle of another line. So each such edit is a line of the journal
 * .hookspool/edits, and a position carries the number of edits that its file had when the consumer
 * opened it. When the position is used again the later edits are applied to it. So a consumer that
 * still reads the old file through its open descriptor has a right position, too.
 *
 *	{"segment":42,"edit":1,"file":"events-….jsonl","inode":[3,9],"size":[700,400],
 *	 "removed":[100,200,400,100]}
 *	{"segment":42,"edit":1,"done":true}
 *
 * `removed` has two numbers for each range that is gone: its offset in the old file, and its bytes,
 * both of the uncompressed text. `inode` and `size` are those of the old file and the new one. The
 * first line is on stable storage before the copy is renamed into place; the second is written after
 * that. Only the last edit can lack it, after a kill: then the file's inode tells whether the rename
 * happened. If it did not, the line is void.
 *
 * An entry stays as long as its segment: maintenance trims the journal once it has deleted segments
 * (hs_rewrite_log_trim), since a position in a segment that is gone leads to the next one, whatever
 * the edit. No entry can go earlier: a position may carry the number of any earlier edit, and it may
 * be in a cursor, in a backup's cursor that was restored with this journal, or only in the memory of
 * a command that has read for hours. A million entries with one range each (a thousand segments that
 * were each edited a thousand times) are 200 MB, and cost each command that opens the spool two
 * seconds and 40 MB. Erasing many people in one run makes one entry for each segment.
 *
 * The lock is flock(2) on .hookspool/run/edits.lock. It is shared while a sealed segment is opened and
 * its number of edits read, and exclusive while one is replaced, also by the compressor, which gives
 * the segment another inode. It is never held for long.
 */
#ifndef HS_REWRITE_LOG_H
#define HS_REWRITE_LOG_H

#include "spool/file/segment_list.h"
#include "spool/shared/spool_dir.h"

/* A consumer's position in the events: every event before it is done. Zeroed: the start. */
struct hs_position {
	uint64_t number; /* of the segment */
	uint64_t offset; /* in its uncompressed text, at the start of a line */
	uint64_t edit;   /* number of edits of the file that the offset is in */
	uint64_t before; /* a hash of the line before the position, see history.h; 0: not known */
};

struct hs_rewrite_log;

/*
 * Opens the journal of a spool, which must outlive it. HS_OK, HS_E_SPOOL_ASLEEP (this user may not write, and no
 * command of the owner's has made the lock), or as hs_io_result.
 * hs_rewrite_log_close(NULL) is fine.
 */
enum hs_result hs_rewrite_log_open(const struct hs_spool_dir *dir, struct hs_rewrite_log **rewrites);
void hs_rewrite_log_close(struct hs_rewrite_log *rewrites);

/*
 * Take the lock, shared or exclusively, and read what other processes have added to the journal. An
 * exclusive holder also settles an edit that a kill interrupted. HS_OK; HS_E_LOCKED: another process
 * held it for ten seconds; HS_E_SYNC, or as hs_io_result: the lock is not held then.
 */
enum hs_result hs_rewrite_log_share(struct hs_rewrite_log *rewrites);
enum hs_result hs_rewrite_log_claim(struct hs_rewrite_log *rewrites);
void hs_rewrite_log_release(struct hs_rewrite_log *rewrites);

/* Under either lock: how many edits this segment of the events has had. */
uint64_t hs_rewrite_log_number(const struct hs_rewrite_log *rewrites, uint64_t segment);

/*
 * Under either lock: translates the position to the segment's current file. A position inside a range
 * that is gone becomes the start of the text after that range; if the line before the position is
 * gone, `before` becomes 0. HS_OK, HS_E_IO or HS_E_MEMORY.
 */
enum hs_result hs_rewrite_log_translate(struct hs_rewrite_log *rewrites, struct hs_position *position);

/* A range of the old file's uncompressed text. */
struct hs_range {
	uint64_t offset, bytes;
};

/* A copy that is ready to take a segment's place. The caller owns all of it. */
struct hs_rewrite {
	const char *stream;             /* "events", "rejected"; only edits of events are journaled */
	struct hs_sealed sealed;        /* the segment; the copy has the same form, plain or .gz */
	struct stat read;               /* the segment's file when it was opened to be read */
	const char *copy;               /* the copy's name in .hookspool/run; it is whole and synced */
	const struct hs_range *removed; /* ascending, not touching one another */
	size_t count;
};

/*
 * Takes the lock exclusively and puts the copy in the file's place, durably. HS_OK; HS_E_REWRITTEN:
 * the file is no longer as it was read (it was compressed, edited or deleted, or is still being copied
 * into the spool): list the segments and read this one again; results of hs_rewrite_log_claim. After an
 * error, and after a kill, the file is the old one or the new one, whole, and the journal tells which.
 *
 * If a segment is there both plain and compressed the caller must replace the plain file; the other
 * is removed first.
 */
enum hs_result hs_rewrite_log_replace(struct hs_rewrite_log *rewrites, const struct hs_rewrite *edit);

/*
 * Drops the entries of segments before the oldest one that is there, if the journal has more than
 * `most` bytes. HS_OK, also if there is nothing to drop; results of hs_rewrite_log_claim.
 */
enum hs_result hs_rewrite_log_trim(struct hs_rewrite_log *rewrites, uint64_t most);

/*
 * Takes the lock by which erase, repair, backup and adopt exclude each other, for as long as *lock
 * stays open. HS_OK; HS_E_LOCKED: it is taken; or as hs_io_result: *lock is -1 then.
 */
enum hs_result hs_rewriter_lock(int run_dir, int *lock);

#endif

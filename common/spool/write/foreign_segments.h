/*
 * foreign_segments: sealed segments that another program puts into the spool: a mirror that is made
 * again, a backup that is restored, a file copied by hand.
 *
 * Readers, cursors and the index go by numbers, upwards. So every number below the open segment's
 * (the state's) is settled: one segment has it for good. A segment at or above it, or two with one
 * number, are news, which is taken in under the append lock:
 *
 *	news      is synced, since a second delivery of its events is answered as kept; after the loss of the
 *	          shared state all segments are news, and those that are known to be stored are not synced
 *	open      an open segment without lines gets a number above all of the news; one with lines is
 *	          sealed first, under the number that readers know it by, which the state knows, or, if
 *	          that was lost, each cursor that has passed a line of it
 *	collision a segment whose number another one has is read under a free number above all others
 *	          (segment_list.h); its name stays. The one that this spool has sealed keeps its
 *	          number; if that is not known, the one that was there first (st_ctime)
 *	too high  a segment whose number leaves few above it is read under a free one, too: its name may have been
 *	          made by hand, and what this spool seals must not run out of numbers
 *	growing   a segment that is being copied under its final name is left alone while its last
 *	          line is not whole, for at most two seconds after the last write
 *
 * The directory's ctime tells that there may be news. It is compared before each append and at each
 * end of a reader, which costs one fstat(2); the directory is read only if it has changed. Since the
 * ctime moves in steps of the kernel's tick, a look within SETTLED_MS of it is repeated. Appends
 * pause between two looks ten times as long as a look takes, at most 10 ms: for so long the append
 * path may not know of news. A reader, and the first process to open the spool, look at once.
 *
 * To list a large directory takes long. So a rotation lists nothing if the directory has not changed since the
 * last look: it only changes the directory itself. The process looks again once it has dropped the lock;
 * if it is killed before, the append path does, LATER_MS after the rotation.
 *
 * A number below that no other segment has (an administrator restores a segment that retention has deleted) is not
 * news: consumers have passed it. `hookspool repair` teaches the index its events.
 *
 * All functions but hs_foreign_segments_list, hs_foreign_segments_is_growing and hs_foreign_segments_await need the
 * stream's append lock.
 */
#ifndef HS_FOREIGN_SEGMENTS_H
#define HS_FOREIGN_SEGMENTS_H

#include "spool/write/segment_file.h"

/* True if there may be news. `urgent`: compare the ctime now, for a reader. */
bool hs_foreign_segments_may_differ(const struct hs_segment *s, bool urgent);

/* Reads the directory; *news: something can be taken in. HS_OK, HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_foreign_segments_look(const struct hs_segment *s, bool *news);

/* After a rotation without a look: hs_segment_look_around is due, and the append path gives it time. */
void hs_foreign_segments_look_later(struct hs_segment *s);

/* The sealed segments as they were listed without the lock, when the directory had this ctime. */
struct hs_unlocked_look {
	struct hs_sealed *list; /* the caller frees it */
	size_t count;
	int64_t ns;
};

/* Without the lock: lists the directory if that is due. Takes SETTLED_MS and longer. False: not due, or it failed. */
bool hs_foreign_segments_list(struct hs_segment *s, struct hs_unlocked_look *look);

/* Notes what is in the list, unless the directory has changed since: then the append path looks. */
void hs_foreign_segments_note_list(struct hs_segment *s, const struct hs_unlocked_look *look);

/*
 * Takes in all news. `keep`: the open segment keeps its number, and every other segment that has it
 * is renumbered; *highest is then the highest of all numbers. Otherwise the open segment's number
 * must become higher than *highest. HS_OK, HS_E_SYNC, or as hs_io_result.
 */
enum hs_result hs_foreign_segments_take_in(const struct hs_segment *s, bool keep, uint64_t *highest);

/*
 * True if the sealed segment of this spool folder is still being copied: it has a recent write, and its last line is
 * not whole. One that cannot be read is not waited for.
 */
bool hs_foreign_segments_is_growing(int dir, const char *stream, const struct hs_sealed *sealed);

/*
 * Waits while the sealed segment is being copied, since the rest of it would be lost if it were replaced now; and while
 * a person compresses or unpacks it, since gzip(1) would remove what took its place. An empty one is not waited for:
 * nothing of it is replaced, and an erase may have emptied it just now. `must_stop`, which may be NULL, is asked again
 * and again; true ends the wait. HS_OK; HS_E_REWRITTEN: after a minute it is still so, which is logged.
 */
enum hs_result hs_foreign_segments_await(int dir, const char *stream, const struct hs_sealed *sealed,
                                         bool (*must_stop)(void *context), void *context);

/* Notes that this spool seals a segment, or is about to. */
void hs_foreign_segments_note(struct hs_stream *stream, uint64_t number, int64_t sealed_ms);

#endif

/*
 * open_copy: an open segment that another program has copied here, and which of its lines must not come in with it.
 *
 * A copy that was made while its source was at work, or was interrupted, may have a segment both sealed and, as it
 * was earlier, open. The two need not begin alike: lines may have been erased from the sealed one, and then the
 * open copy would bring them back. So lines are compared one by one. A line must go if
 *
 *	- its event is in a sealed segment: it has the same id, and was spooled within dedup_window of it,
 *	- its event was erased (tombstones.h),
 *	- it is about a suppressed person (suppression_list.h),
 *	- or a later line of the open copy is in a sealed segment with the very time at which it was spooled. Lines are
 *	  only ever appended, so the sealed segment once had this line, too.
 *
 * A line that comes after all of those, but was spooled no later than the last line of such a sealed segment, is
 * doubtful: it was erased there, or it was spooled here.
 *
 * Dead letters, which no segment has, go if their event was erased or is about a suppressed person. Lines of the
 * rejected are compared by their texts; lines of events without an id, which only other programs write,
 * are not compared. Segments that were sealed more than a day before the open copy's first line are not read. Memory
 * does not grow with the files, but for one bit a line of the open copy: of a very long one, a part at a time is
 * compared with the sealed segments.
 */
#ifndef HS_OPEN_COPY_H
#define HS_OPEN_COPY_H

#include "spool/shared/spool_dir.h"

struct hs_open_copy {
	const char *stream; /* "events", "rejected"; "failed": the dead letters */
	uint64_t lines;     /* that end with a newline */
	uint64_t gone;      /* that must go */
	uint64_t doubtful;  /* of the others */
	uint8_t *bit;       /* of each line, from the lowest bit on: it must go */
};

/*
 * Looks at the open segment of a stream, or at failed.jsonl, and changes nothing. The caller holds the lock of
 * hs_rewriter_lock, and no other process uses the spool. hs_open_copy_free must follow in any case. HS_OK, also if
 * there is no such file; HS_E_MEMORY, or as hs_modes_result. The rest of a damaged segment counts as not there, and so
 * does a lost list of suppressed people.
 */
enum hs_result hs_open_copy_look(const struct hs_spool_dir *dir, const char *stream, struct hs_open_copy *c);
void hs_open_copy_free(struct hs_open_copy *c);

/*
 * Takes the lines that must go out of the open segment, durably, or removes it if no line remains. After a kill it is
 * the old one or the new one, whole. HS_OK, HS_E_SYNC, HS_E_MEMORY, or as hs_io_result.
 */
enum hs_result hs_open_copy_clean(const struct hs_spool_dir *dir, const struct hs_open_copy *c);

#endif

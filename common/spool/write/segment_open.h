/*
 * segment_open: finds out from the disk what the state does not know, and opens the open segment,
 * or sets it aside.
 *
 * All functions need the stream's append lock.
 */
#ifndef HS_SEGMENT_OPEN_H
#define HS_SEGMENT_OPEN_H

#include "spool/write/segment_file.h"

/*
 * Finds the numbers, finishes one segment that was set aside, or opens the open segment, which it
 * makes if there is none. HS_OK: call it again if the stream is not known yet. HS_E_SYNC,
 * HS_E_MEMORY, HS_E_SPOOL_FILE, HS_E_SPOOL_OWNER, HS_E_SPOOL_STATE, or as hs_io_result.
 */
enum hs_result hs_segment_establish(struct hs_segment *s);

/*
 * Opens a new open segment after one was sealed, if no other program has changed the directory: the state
 * knows the numbers, and nothing was set aside. Results of hs_segment_establish.
 */
enum hs_result hs_segment_open_next(struct hs_segment *s);

/*
 * Renames the open segment aside; the next hs_segment_establish keeps its first `synced` bytes. If that
 * fails, or the process is killed, the poison stays and the next writer tries again: a poisoned file
 * is never opened as a good one, for its next sync would find nothing wrong. HS_OK,
 * HS_E_SPOOL_STATE, or as hs_io_result.
 */
enum hs_result hs_segment_move_aside(struct hs_segment *s);

/* The next sealed segment's stamp, later than every earlier one even if the clock was set back: see clock.h. */
int64_t hs_segment_next_stamp(struct hs_segment *s);

#endif

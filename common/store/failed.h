/*
 * failed: failed.jsonl beside the events: records that a handler of `hookspool each` could
 * not deal with, each with the reason.
 *
 * Appended to under an exclusive flock(2) on .hookspool/run/failed.lock, one line at a time, on
 * stable storage before the cursor moves past the record. Whoever replaces the file takes
 * the same lock. It is never rotated or deleted by hookspool: it is for a person to look
 * at, and to remove.
 */
#ifndef HS_FAILED_H
#define HS_FAILED_H

#include "core/slice.h"
#include "store/segment.h"

/*
 * Takes the lock, for as long as the descriptor *lock stays open. HS_OK, HS_E_BUSY (not to
 * be had within ten seconds), HS_E_IO or HS_E_FULL.
 */
enum hs_result hs_failed_lock(const struct hs_place *place, int *lock);

/*
 * Appends a whole line, its '\n' included, for good. HS_OK, HS_E_BUSY, HS_E_IO, HS_E_SYNC
 * or HS_E_FULL: then the file is as it was.
 */
enum hs_result hs_failed_append(const struct hs_place *place, struct hs_slice line);

/* The record that such a line holds, as it stands there; n == 0: it is damaged. */
struct hs_slice hs_failed_record(struct hs_slice line);

#endif

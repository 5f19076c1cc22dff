/*
 * dead_letters: failed.jsonl beside the events: records that a handler of `hookspool each` could
 * not deal with, each with the reason.
 *
 * Appended to under an exclusive flock(2) on .hookspool/run/failed.lock, one line at a time, on
 * stable storage before the cursor moves past the record. Whoever replaces the file takes
 * the same lock. It is for a person to look at, and for `each --failed`, which takes out what
 * was done at last. It does not grow without bound: `maintain` takes out what is older than
 * retain_days and than all that the spool still has; and above failed_max nothing is appended, so
 * the record is tried again and its user waits.
 */
#ifndef HS_DEAD_LETTERS_H
#define HS_DEAD_LETTERS_H

#include "base/slice.h"
#include "spool/shared/spool_dir.h"

/*
 * Takes the lock, for as long as the descriptor *lock stays open. HS_OK, HS_E_LOCKED (after
 * ten seconds), HS_E_IO or HS_E_FULL: then *lock is -1.
 */
enum hs_result hs_dead_letters_lock(const struct hs_spool_dir *dir, int *lock);

/*
 * Appends a whole line, its '\n' included, for good, if the file is not longer than `most` bytes
 * then; a first line always fits. HS_OK, HS_E_FAILED_MAX, HS_E_LOCKED, HS_E_IO, HS_E_SYNC, HS_E_FULL
 * or HS_E_READ_ONLY: then the file is as it was.
 */
enum hs_result hs_dead_letters_append(const struct hs_spool_dir *dir, struct hs_slice line, uint64_t most);

/* A line to be taken out, by hs_dead_letters_hash. */
struct hs_dead_letters_line {
	uint64_t hash;
	bool gone;
};

uint64_t hs_dead_letters_hash(struct hs_slice line, uint64_t seed); /* the line without its '\n'; never 0 */

/*
 * Takes these lines out, durably, wherever they stand by now, once each. They are sorted,
 * and those that were found are `gone` then. The file is replaced as a whole, under its lock: an append or an
 * erase in between is kept; no lines are left: it is removed. The copy on its way has a name that
 * erase knows. HS_OK, or as hs_dead_letters_append: then they may stand there still.
 */
enum hs_result hs_dead_letters_drop(const struct hs_spool_dir *dir, struct hs_dead_letters_line *lines, size_t count,
                                    uint64_t seed);

/*
 * Takes out, in the same way, the lines of which failed_at and the record's spooled_at are both
 * before this time (ms since 1970), once the first of the lines that have a time is one. Those
 * without a time stay, for a person. What a killed one has left is removed. *gone: how many
 * lines. HS_OK, or as hs_dead_letters_drop.
 */
enum hs_result hs_dead_letters_expire(const struct hs_spool_dir *dir, int64_t before_ms, uint64_t *gone);

/* How large it is, and when the oldest record in it failed. */
struct hs_dead_letters_size {
	uint64_t bytes;
	int64_t oldest_ms; /* since 1970; 0: nothing tells */
};

/* No file: zeroed. HS_OK, HS_E_IO or HS_E_MEMORY. */
enum hs_result hs_dead_letters_look(int dir, struct hs_dead_letters_size *size);

/* The record that such a line holds, as it stands there; n == 0: it is damaged. */
struct hs_slice hs_dead_letters_record(struct hs_slice line);

#endif

/*
 * dead_letters: failed.jsonl beside the events: records that a handler of `hookspool each` refused,
 * each with the reason.
 *
 * A line is appended, and synced, before the cursor moves past its record. Appending and replacing
 * the file need an exclusive flock(2) on .hookspool/run/failed.lock. A person may look at the file;
 * `each --failed` tries its records again, and removes those that are done. Its size is limited:
 * `maintain` removes lines older than retain_days and than every event of the spool, and above
 * failed_max nothing is appended, so the record is tried again and its user waits.
 */
#ifndef HS_DEAD_LETTERS_H
#define HS_DEAD_LETTERS_H

#include "base/slice.h"
#include "spool/shared/spool_dir.h"

/* True for a file of dead letters, also one that a person has renamed: failed*.jsonl, plain or .gz. */
bool hs_dead_letters_is_name(const char *name);

/*
 * Takes the lock, held until the caller closes *lock. HS_OK, HS_E_LOCKED (after ten seconds), or as
 * hs_io_result: then *lock is -1.
 */
enum hs_result hs_dead_letters_lock(const struct hs_spool_dir *dir, int *lock);

/*
 * Where the record of a new line was read. Erase removes a person's events, and then the dead letters: so whether the
 * record is still there is asked under the lock, and what was erased does not come back.
 */
struct hs_dead_letters_origin {
	enum hs_result (*look)(void *context, bool *gone);
	void *context;
	bool gone; /* it is not there any more: nothing was appended */
};

/*
 * Appends a whole line with its '\n', durably, if the file has at most `most` bytes afterwards; a
 * first line always fits. `from` NULL: no erase can have reached the record. HS_OK (see from->gone),
 * HS_E_FAILED_MAX, HS_E_LOCKED, HS_E_SYNC, a result of from->look, or as hs_modes_result: then the
 * line is not there, unless only the directory could not be synced.
 */
enum hs_result hs_dead_letters_append(const struct hs_spool_dir *dir, struct hs_slice line, uint64_t most,
                                      struct hs_dead_letters_origin *from);

/* A line to be removed. */
struct hs_dead_letters_line {
	uint64_t hash; /* of hs_dead_letters_hash */
	bool gone;     /* it was found, and removed */
};

uint64_t hs_dead_letters_hash(struct hs_slice line, uint64_t seed); /* of a line without its '\n'; never 0 */

/*
 * Removes these lines, durably, wherever they are by now, one line for each entry. Sorts `lines`, and
 * sets `gone`. Replaces the whole file under its lock, with what was appended or erased meanwhile;
 * removes it if no line is left. The copy has a name that erase knows. HS_OK, HS_E_LOCKED, HS_E_SYNC,
 * or as hs_modes_result: then the lines may still be there.
 */
enum hs_result hs_dead_letters_drop(const struct hs_spool_dir *dir, struct hs_dead_letters_line *lines, size_t count,
                                    uint64_t seed);

/*
 * Removes likewise the lines whose failed_at and spooled_at are both before `before_ms` (since 1970),
 * but only if the oldest one that hs_dead_letters_look finds is one of them. Lines without a time, and
 * those of a clock that was ahead, stay, for a person. Also removes the copy of a killed run. *gone:
 * number of lines. Results as above.
 */
enum hs_result hs_dead_letters_expire(const struct hs_spool_dir *dir, int64_t now_ms, int64_t before_ms,
                                      uint64_t *gone);

/*
 * The size of the file, and when its oldest record failed. To be quick, looks no further than the first
 * megabyte once it knows a time, since lines are appended: only a clock that was set back puts older
 * ones behind them. A time after now_ms, by more than clocks differ, is unknown.
 */
struct hs_dead_letters_size {
	uint64_t bytes;
	int64_t oldest_ms; /* since 1970; 0: unknown */
};

/* Zeroes *size if there is no file. HS_OK, HS_E_MEMORY, or as hs_modes_result. */
enum hs_result hs_dead_letters_look(int dir, int64_t now_ms, struct hs_dead_letters_size *size);

/* The record in a line, part of the line; n == 0: the line is damaged. */
struct hs_slice hs_dead_letters_record(struct hs_slice line);

#endif

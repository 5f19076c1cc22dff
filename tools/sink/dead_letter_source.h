/*
 * dead_letter_source: dead letters, the lines of failed.jsonl of one cursor, on their way through the handlers
 * again (each --failed).
 *
 * What stood there at the beginning is read once, in its order. A record that is done, or is set
 * aside again (with a line of its own, on stable storage by then), is closed: its old line is taken
 * out of the file at the next hs_dead_letter_source_save. A kill before that means that it is tried once more.
 */
#ifndef HS_DEAD_LETTER_SOURCE_H
#define HS_DEAD_LETTER_SOURCE_H

#include "spool/admin/dead_letters.h"
#include "spool/file/line_reader.h"
#include "tools/sink/ack_tracker.h"

struct hs_dead_letter_source {
	const struct hs_spool_dir *dir;
	const char *cursor;
	int fd, lock; /* -1: no file */
	struct hs_line_reader lines;
	uint64_t *batch; /* hashes of the lines whose records were taken in, 0: closed and taken out */
	size_t count, cap;
	uint64_t seed;
	struct hs_buf scratch;
	bool at_end;
};

/*
 * HS_OK, also if there is no failed.jsonl; HS_E_LOCKED: another process is at it; HS_E_IO, HS_E_FULL.
 * hs_dead_letter_source_close after all of them.
 */
enum hs_result hs_dead_letter_source_open(struct hs_dead_letter_source *l, const struct hs_spool_dir *dir, const char *cursor,
			       uint64_t seed);
void hs_dead_letter_source_close(struct hs_dead_letter_source *l);

/*
 * The next record of the cursor's, until the next call; `tries` is how many it has had. n == 0: there
 * is none, and at_end. HS_OK, HS_E_MEMORY or HS_E_IO.
 */
enum hs_result hs_dead_letter_source_next(struct hs_dead_letter_source *l, struct hs_slice *record, unsigned *tries);

/* The record that was read last is in hand. Returns what its item has for a position. */
struct hs_position hs_dead_letter_source_take(struct hs_dead_letter_source *l);

/* Takes out what was taken and is no longer open. HS_OK or as hs_dead_letters_drop; HS_E_MEMORY. */
enum hs_result hs_dead_letter_source_save(struct hs_dead_letter_source *l, const struct hs_ack_tracker *open);

#endif

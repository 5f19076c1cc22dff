/*
 * letters: dead letters, the lines of failed.jsonl of one cursor, on their way through the handlers
 * again (each --failed).
 *
 * What stood there at the beginning is read once, in its order. A record that is done, or is set
 * aside again (with a line of its own, on stable storage by then), is closed: its old line is taken
 * out of the file at the next hs_letters_save. A kill before that means that it is tried once more.
 */
#ifndef HS_LETTERS_H
#define HS_LETTERS_H

#include "store/failed.h"
#include "store/lines.h"
#include "tools/acks.h"

struct hs_letters {
	const struct hs_place *place;
	const char *cursor;
	int fd, lock; /* -1: no file */
	struct hs_lines lines;
	uint64_t *taken; /* hashes of the lines whose records were taken in, 0: closed and taken out */
	size_t count, cap;
	uint64_t seed;
	struct hs_buf scratch;
	bool at_end;
};

/*
 * HS_OK, also if there is no failed.jsonl; HS_E_BUSY: another process is at it; HS_E_IO, HS_E_FULL.
 * hs_letters_close after all of them.
 */
enum hs_result hs_letters_open(struct hs_letters *l, const struct hs_place *place, const char *cursor,
			       uint64_t seed);
void hs_letters_close(struct hs_letters *l);

/*
 * The next record of the cursor's, until the next call; `tries` is how many it has had. n == 0: there
 * is none, and at_end. HS_OK, HS_E_MEMORY or HS_E_IO.
 */
enum hs_result hs_letters_next(struct hs_letters *l, struct hs_slice *record, unsigned *tries);

/* The record that was read last is in hand. Returns what its item has for a position. */
struct hs_position hs_letters_take(struct hs_letters *l);

/* Takes out what was taken and is no longer open. HS_OK or as hs_failed_drop; HS_E_MEMORY. */
enum hs_result hs_letters_save(struct hs_letters *l, const struct hs_acks *open);

#endif

/*
 * dead_letter_source: reads the dead letters of one cursor, lines of failed.jsonl, so that they are
 * tried again (each --failed).
 *
 * The lines that are there at the beginning are read once, in order. A record that is done, or has
 * become a new dead letter (on stable storage by then), is settled: hs_dead_letter_source_save
 * removes its old line from the file. A kill before that means that it is tried once more. A line that
 * somebody else has removed meanwhile, as erase does, is gone: its record is not to be tried, and
 * becomes no new letter.
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
	int now;      /* failed.jsonl at the last look, which keeps its inode its own: fd, or another; -1: none */
	bool looked;
	uint64_t *there; /* hashes of the lines of `now`, ascending, if that is not fd */
	size_t there_count, there_cap;
	struct hs_line_reader lines;
	uint64_t *hash; /* of each line whose record was taken; 0: settled and removed */
	size_t count, cap;
	uint64_t seed;
	struct hs_buf scratch;
	bool at_end;
};

/*
 * HS_OK, also if there is no failed.jsonl; HS_E_LOCKED: another process retries dead letters;
 * HS_E_IO, HS_E_FULL, HS_E_SPOOL_OWNER. Call hs_dead_letter_source_close in every case.
 */
enum hs_result hs_dead_letter_source_open(struct hs_dead_letter_source *l, const struct hs_spool_dir *dir,
                                          const char *cursor, uint64_t seed);
void hs_dead_letter_source_close(struct hs_dead_letter_source *l);

/*
 * Returns the cursor's next record, valid until the next call, and how often it was tried. n == 0:
 * there are no more, and at_end is set. HS_OK, HS_E_MEMORY or HS_E_IO.
 */
enum hs_result hs_dead_letter_source_next(struct hs_dead_letter_source *l, struct hs_slice *record, unsigned *tries);

/* Takes the record that was read last. Returns the position that its item must have. */
struct hs_position hs_dead_letter_source_take(struct hs_dead_letter_source *l);
/* There will be no item for the record that was taken last: it is not settled. Only before the next one is read. */
void hs_dead_letter_source_put_back(struct hs_dead_letter_source *l);

/*
 * Sets *gone if the line of the record with that position is not in failed.jsonl any more, as it was at the first call
 * after the start, or after _look_again. HS_OK, HS_E_MEMORY or HS_E_IO.
 */
enum hs_result hs_dead_letter_source_is_gone(struct hs_dead_letter_source *l, struct hs_position position, bool *gone);
void hs_dead_letter_source_look_again(struct hs_dead_letter_source *l);

/*
 * Removes the lines whose records were taken and are no longer open. HS_OK, HS_E_MEMORY or a result
 * of hs_dead_letters_drop.
 */
enum hs_result hs_dead_letter_source_save(struct hs_dead_letter_source *l, const struct hs_ack_tracker *open);

#endif

/*
 * record_check: whether a record of the events that a consumer holds is still in the spool, or was erased since it was
 * read.
 */
#ifndef HS_RECORD_CHECK_H
#define HS_RECORD_CHECK_H

#include "spool/position/rewrite_log.h"

/*
 * Translates the position where a record begins, under the rewrite log's lock. *erased: the record is gone, and the
 * position is that of the next one. HS_OK or a result of hs_rewrite_log_translate.
 */
enum hs_result hs_record_translate(struct hs_rewrite_log *rewrites, struct hs_position *begin, bool *erased);

/* Zeroed, with the log: nothing is known. */
struct hs_record_check {
	struct hs_rewrite_log *rewrites;
	uint64_t number, edit; /* the segment that was looked at last, and how many edits it has had; number 0: none */
};

/* Records that are erased from now on count. */
void hs_record_check_again(struct hs_record_check *check);

/*
 * Sets *erased if the record that begins there was erased. Looks at the rewrite log once for each segment, until
 * hs_record_check_again, for it is asked before each delivery. *seen: the edit in which the record was seen last; at
 * first begin.edit. HS_OK, or as hs_rewrite_log_share and hs_rewrite_log_translate.
 */
enum hs_result hs_record_check(struct hs_record_check *check, struct hs_position begin, uint64_t *seen, bool *erased);

/* For hs_dead_letters_append, whose context it is: a record that begins there. */
struct hs_record_origin {
	struct hs_rewrite_log *rewrites;
	struct hs_position begin;
};
enum hs_result hs_record_origin_look(void *origin, bool *erased); /* results as above */

#endif

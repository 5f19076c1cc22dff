/*
 * subject_match: to whom does a line of the spool's files belong?
 *
 * An event is judged by its own fields. Other lines (rejected, failed) by theirs, or else by
 * what they hold: a "record", or a "body" as it was sent, an event or a batch of them, whole
 * or broken. A body of which only a part was kept (body_cut) is anybody's within the tenant,
 * for the rest may have named them.
 */
#ifndef HS_SUBJECT_MATCH_H
#define HS_SUBJECT_MATCH_H

#include "event/data_subject.h"

/* Working memory. Zeroed, with `subjects` set, it is ready. */
struct hs_subject_matcher {
	struct hs_subjects *subjects;
	struct hs_json json;  /* of the line that was judged last */
	struct hs_json inner; /* of a body in it */
	struct hs_buf text, loose;
};

void hs_subject_matcher_free(struct hs_subject_matcher *j); /* the subjects stay */

/*
 * How many subjects a line belongs to; each one's `pending` is counted up. -1: out of
 * memory. An event is judged by where it stands, `at`; other lines by their spooled_at.
 */
int hs_subject_match_event(struct hs_subject_matcher *j, struct hs_slice line, const struct hs_mark *at);
int hs_subject_match_other(struct hs_subject_matcher *j, struct hs_slice line);

#endif

/*
 * subject_match: finds the people that a line of the spool's files is about.
 *
 * An event is matched by its own fields. A line of the rejected or failed file is matched by its
 * fields, or else by the "record" in it, or by the "body" as sent: an event or a batch, complete or
 * broken. A truncated body (body_cut) matches everybody of its tenant, since the missing part may
 * have named them.
 */
#ifndef HS_SUBJECT_MATCH_H
#define HS_SUBJECT_MATCH_H

#include "event/data_subject.h"

/* Working memory: zeroed, with `subjects` set. */
struct hs_subject_matcher {
	struct hs_subjects *subjects;
	struct hs_json json;  /* of the last line */
	struct hs_json inner; /* of the body in that line */
	struct hs_buf text, loose;
};

void hs_subject_matcher_free(struct hs_subject_matcher *matcher); /* does not free the subjects */

/*
 * The number of subjects that a line is about; adds one to `pending` of each, and an event raises their `newest_ms`.
 * -1: out of memory.
 * The limits of a subject apply to the position `at` of an event, and to spooled_at of other lines.
 */
int hs_subject_match_event(struct hs_subject_matcher *matcher, struct hs_slice line, const struct hs_mark *at);
int hs_subject_match_other(struct hs_subject_matcher *matcher, struct hs_slice line);

#endif

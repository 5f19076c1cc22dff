/*
 * alias_filter: the records of some users and of the anonymous ids that were theirs, chosen as
 * `erase --aliases` chooses them.
 */
#ifndef HS_ALIAS_FILTER_H
#define HS_ALIAS_FILTER_H

#include "event/links.h"
#include "event/subject_match.h"
#include "tools/report/filter.h"
#include "tools/sink/event_source.h"

/* Zeroed: hs_alias_filter_free is fine. */
struct hs_alias_filter {
	struct hs_subjects people;
	struct hs_links links;
	struct hs_subject_matcher matcher;
	const struct hs_filter *filter; /* what else is asked for */
};

/*
 * Moves the users, who are meant in each of the tenants, and the tenants out of the filter, reads the events up to
 * `end` for their anonymous ids, prints those found to standard error, and starts the reader again at the oldest
 * event. The reader passes over segments whose summaries name none of the people, then and later. The filter
 * must outlive `a`. 0, or an exit code.
 */
int hs_alias_filter_find(struct hs_alias_filter *a, struct hs_filter *filter, const struct hs_event_source *source,
                         struct hs_position end);

/* After that. 1: the record is theirs; 0: it is not; -1: out of memory. */
int hs_alias_filter_passes(struct hs_alias_filter *a, struct hs_slice line);

void hs_alias_filter_free(struct hs_alias_filter *a);

#endif

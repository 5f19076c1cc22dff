/*
 * sample_events: events to try a receiver with, as data: one of each of the seven types of
 * Segment's Spec, then what real sources were seen to send and a receiver must survive.
 * https://segment.com/docs/connections/spec/
 */
#ifndef HS_SAMPLE_EVENTS_H
#define HS_SAMPLE_EVENTS_H

#include "base/buf.h"
#include "tools/report/record_head.h"

/* What stands in the texts for the event's own id, and for the time of sending. */
#define HS_SAMPLE_EVENTS_ID "@ID@"
#define HS_SAMPLE_EVENTS_NOW "@NOW@"

struct hs_sample_events_event {
	const char *name; /* "track", "track: no messageId" */
	const char *text; /* JSON in one line, as it is sent but for the two above */
};

size_t hs_sample_events_count(void);
const struct hs_sample_events_event *hs_sample_events_event(size_t i);

/*
 * Appends the event's text. Its id is "suite-NUMBER" with NUMBER from 1, and behind it
 * "-RUN" unless that is empty: the same run twice is the same events twice. `now_ms` is
 * in milliseconds since 1970. Look at hs_buf_ok() afterwards.
 */
void hs_sample_events_put(size_t i, const char *run, int64_t now_ms, struct hs_buf *out);

#endif

/*
 * sample_events: events for testing a receiver: one of each of the seven types of Segment's Spec,
 * then oddities that real sources send and a receiver must survive.
 * https://segment.com/docs/connections/spec/
 */
#ifndef HS_SAMPLE_EVENTS_H
#define HS_SAMPLE_EVENTS_H

#include "base/buf.h"
#include "tools/report/record_head.h"

/* Placeholders in the texts for the event's id and the time of sending. */
#define HS_SAMPLE_EVENTS_ID "@ID@"
#define HS_SAMPLE_EVENTS_NOW "@NOW@"

struct hs_sample_events_event {
	const char *name; /* "track", "track: no messageId" */
	const char *text; /* JSON in one line, with the two placeholders */
};

size_t hs_sample_events_count(void);
const struct hs_sample_events_event *hs_sample_events_event(size_t i);

/*
 * Appends the event's text. Its id is "suite-NUMBER", NUMBER from 1, followed by "-RUN" if `run` is
 * not empty, so that the same run sends the same events. `now_ms`: milliseconds since 1970. Check
 * hs_buf_ok() after.
 */
void hs_sample_events_put(size_t i, const char *run, int64_t now_ms, struct hs_buf *out);

#endif

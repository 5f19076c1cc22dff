/*
 * sink_http: posts records to a URL, one by one or in batches.
 *
 * Each partition has one request under way; records of different users run in parallel in `jobs` partitions,
 * those of one user stay in order.
 *
 *	answer                  becomes
 *	2xx                     done
 *	408, 425, 429, 5xx      tried again, not before Retry-After; so is what gets no answer
 *	(but 501 and 505)
 *	3xx, 401, 403, 407      the run stops: the address or the credentials are wrong, no record is
 *	any other               refused: a dead letter; a batch is first tried record by record
 *
 * These are Segment's rules but for the third line, where Segment loses the event.
 *
 * Breaker: after BREAK_AFTER failures in a row of records that had not failed before nothing is sent for a second, then
 * one request, of such a record if there is one; the pause doubles up to a minute for as long as that fails. What was
 * not tried does not grow older by it.
 */
#ifndef HS_SINK_HTTP_H
#define HS_SINK_HTTP_H

#include "base/digest.h"
#include "tools/probe/http.h"
#include "tools/sink/sink.h"

enum { HS_SINK_HTTP_JOBS_MAX = 64, HS_SINK_HTTP_BATCH_MAX = 10000 };

struct hs_sink_http_options {
	const char *command; /* for messages */
	struct hs_http_target target;
	const struct hs_hmac *secret; /* signs each body as Segment does (a batch: its first event); NULL: none */
	const char *bearer;           /* Authorization: Bearer; NULL: none */
	unsigned jobs, batch;         /* batch above 1: the body is an array */
	bool segment_shape;           /* segment_shape.h; else the records as they are */
	int timeout_ms;
	bool breaks; /* with the breaker; false: each record is tried at once */
};

/* All that the options point to must outlive the sink, which the pump closes. NULL: out of memory, or no libcurl. */
struct hs_sink *hs_sink_http_new(const struct hs_sink_http_options *options);

/* The outcome of a record whose request got this status; 0: no answer. HS_OUTCOME_ALONE for a batch that is refused. */
enum hs_outcome hs_sink_http_outcome(int status, bool batch);

/* True if the status is about the address or the credentials, so that every record would get it. */
bool hs_sink_http_stops(int status);

#endif

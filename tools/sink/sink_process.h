/*
 * sink_process: handlers for records, one by the record's rule (routing_rules.h), each a process
 * (subprocess.h).
 *
 * Records of different users run in parallel in `jobs` partitions. A partition runs a process for each
 * record, or for each batch of one rule; with `stream` a long-lived process for each rule, which
 * is given records ahead of its answers, but never two of one user at once. Exit codes and
 * answers: 0 done, 65 refused, 75 and any other code try again, 78 stop.
 */
#ifndef HS_SINK_PROCESS_H
#define HS_SINK_PROCESS_H

#include "tools/sink/routing_rules.h"
#include "tools/sink/sink.h"

enum { HS_SINK_PROCESS_JOBS_MAX = 64, HS_SINK_PROCESS_BATCH_MAX = 10000 };

struct hs_sink_process_options {
	const char *command;                  /* for messages */
	const struct hs_routing_rules *rules; /* item->rule is one of them */
	unsigned jobs, batch;
	bool stream; /* then batch is 1 */
};

/* The rules and the name must outlive the sink, which the pump closes. NULL: out of memory. */
struct hs_sink *hs_sink_process_new(const struct hs_sink_process_options *options);

#endif

/*
 * sink_load: the sink that writes into a database. It acknowledges in order, by the position that the
 * database has in the same transaction as the rows.
 */
#ifndef HS_SINK_LOAD_H
#define HS_SINK_LOAD_H

#include "tools/load/loader.h"
#include "tools/sink/sink.h"

struct hs_sink_load_options {
	struct hs_loader_options loader; /* spool, refused, stop and context are the sink's */
	const char *to;                  /* for messages and dead letters: the URL */
	int64_t every_ms;                /* a batch is written this long after its first record */
	bool quiet;                      /* no summary, and nothing while it follows but errors */
	const char *tenant; /* whose records are loaded; "": those without one; NULL: there are no tenants */
	const char *config; /* as --config; NULL: not given */
	const char *since;  /* where to begin at the very first start; NULL: the oldest event */
};

/* Copies the options; what they point to, and the target, must outlive it. NULL: out of memory. */
struct hs_sink *hs_sink_load_new(const struct hs_sink_load_options *options, struct hs_target *target);

/* The pump that drives the sink; before hs_pump_open. */
void hs_sink_load_pump(struct hs_sink *sink, struct hs_pump *pump);

/* Prints what was done to standard error. After the run, before hs_pump_close. */
void hs_sink_load_sum_up(struct hs_sink *sink);

struct hs_loader_counts hs_sink_load_counts(const struct hs_sink *sink);

#endif

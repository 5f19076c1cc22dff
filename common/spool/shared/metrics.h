/*
 * metrics: figures about the service, in shared memory: .hookspool/run/metrics.
 *
 *	head         magic, version, boot of the machine, inode, size, when counting began
 *	minutes      a ring of the last 48 hours
 *	credentials  when each secret, key and source was last used
 *	cells        the rows of HS_METRICS, one after the other
 *
 * A new counter is one row at the end of HS_METRICS. The file then grows at its end: a newer
 * build extends what an older one made, an older build uses its part of what a newer one made,
 * and both count at the same time. Rows are never removed or reordered, and nothing before the
 * cells changes, unless VERSION in metrics.c is raised: the newer version then replaces the
 * file, and an older build that runs beside it counts in the file that it has mapped.
 *
 * Figures are comfort: no function here can fail a request or a reader. A file that is missing,
 * cut, damaged, not writable, of another boot or copied from another spool is replaced, and
 * counting begins at 0. So figures survive a restart of the handler, not one of the machine.
 *
 * All writers use relaxed atomic operations on 64-bit words: no locks, no torn values. Figures
 * that are read together need not belong to the same moment.
 */
#ifndef HS_METRICS_H
#define HS_METRICS_H

#include "base/result.h"
#include "base/slice.h"
#include "event/event_type.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The cells of a row: one; one for each status code from 100 to 599; one for each type of event; a
 * hash table of refusals by reason; or a histogram: a cell for each bucket and one for what is beyond
 * the last, then the sum. Durations are in milliseconds, syncs in microseconds.
 */
enum hs_metric_label {
	HS_LABEL_NONE,
	HS_LABEL_STATUS,
	HS_LABEL_TYPE,
	HS_LABEL_REASON,
	HS_LABEL_MS,
	HS_LABEL_US,
	HS_LABEL_EVENTS
};
enum { HS_METRIC_BUCKETS = 14, HS_METRIC_REASONS = 128 };
#define HS_METRIC_CELLS_NONE 1
#define HS_METRIC_CELLS_STATUS 500
#define HS_METRIC_CELLS_TYPE HS_EVENT_TYPES
#define HS_METRIC_CELLS_REASON (2 * HS_METRIC_REASONS)
#define HS_METRIC_CELLS_MS (HS_METRIC_BUCKETS + 2)
#define HS_METRIC_CELLS_US (HS_METRIC_BUCKETS + 2)
#define HS_METRIC_CELLS_EVENTS (HS_METRIC_BUCKETS + 2)
enum { HS_METRIC_FIRST_STATUS = 100 };

enum hs_metric_kind { HS_COUNTER, HS_GAUGE, HS_HISTOGRAM };

/*  X(NAME, name, kind, unit, label, help): append only, see above */
#define HS_METRICS(X) \
	X(RESPONSES, responses, COUNTER, "requests", STATUS, "answers to senders; health requests are not counted") \
	X(ACCEPTED, accepted, COUNTER, "events", NONE, "events that were written to the spool") \
	X(ACCEPTED_BYTES, accepted_bytes, COUNTER, "bytes", NONE, "their lines") \
	X(REJECTED, rejected, COUNTER, "events", NONE, "events, or whole bodies, that were written to rejected.jsonl") \
	X(REJECTED_BYTES, rejected_bytes, COUNTER, "bytes", NONE, "their lines") \
	X(DUPLICATES, duplicates, COUNTER, "events", NONE, "events that the spool had already") \
	X(CONFLICTING, conflicting, COUNTER, "events", NONE, \
	  "duplicates that differ from the event with their message id") \
	X(SUPPRESSED, suppressed, COUNTER, "events", NONE, "events about people whose events are not kept") \
	X(UNPARSED_TIMESTAMPS, unparsed_timestamps, COUNTER, "events", NONE, \
	  "events with a timestamp that cannot be read") \
	X(DROPPED, dropped, COUNTER, "events", NONE, "events of requests that the rules did not keep") \
	X(ACCEPTED_OF, accepted_of, COUNTER, "events", TYPE, "events that were written to the spool, by type") \
	X(DUPLICATES_OF, duplicates_of, COUNTER, "events", TYPE, "events that the spool had already, by type") \
	X(SUPPRESSED_OF, suppressed_of, COUNTER, "events", TYPE, \
	  "events about people whose events are not kept, by type") \
	X(REFUSED, refused, COUNTER, "times", REASON, "requests, and events of batches, that were refused, by reason") \
	X(REQUEST_MS, request_ms, HISTOGRAM, "milliseconds", MS, \
	  "from the moment when a request has arrived to its answer") \
	X(SYNC_US, sync_us, HISTOGRAM, "microseconds", US, "how long a sync of a segment took") \
	X(COMMIT_EVENTS, commit_events, HISTOGRAM, "events", EVENTS, "new events that one sync served") \
	X(SYNC_FAILURES, sync_failures, COUNTER, "syncs", NONE, "syncs of a segment that failed") \
	X(SEGMENTS_POISONED, segments_poisoned, COUNTER, "segments", NONE, "segments that were set aside") \
	X(RELOADS_REFUSED, reloads_refused, GAUGE, "flag", NONE, \
	  "1 if the settings were bad when they were last reread") \
	X(LAST_EVENT, last_event, GAUGE, "milliseconds", NONE, "when an event was last written, since 1970") \
	X(IDS, ids, GAUGE, "ids", NONE, "message ids that the index knew at the last maintenance") \
	X(LAST_FAILURE, last_failure, GAUGE, "packed", NONE, "the last answer 503: see hs_metrics_last") \
	X(LAST_REFUSAL, last_refusal, GAUGE, "packed", NONE, "the last refusal of a sender: see hs_metrics_last")

enum hs_metric {
#define HS_METRIC_ENUM(NAME, name, kind, unit, label, help) HS_METRIC_##NAME,
	HS_METRICS(HS_METRIC_ENUM)
#undef HS_METRIC_ENUM
	    HS_METRIC_COUNT
};

struct hs_metric_info {
	const char *name, *unit, *help;
	enum hs_metric_kind kind;
	enum hs_metric_label label;
	size_t cells;  /* HS_METRIC_CELLS_... of its label */
	size_t offset; /* of the first cell, in the file */
};

/* Never NULL; the table is constant. */
const struct hs_metric_info *hs_metric_info(enum hs_metric metric);

/* --- counting ----------------------------------------------------------------- */

struct hs_metrics; /* one process's mapping; any number of threads may use it at once */

/*
 * Opens nothing yet. `bytes`: the size of the file as this build knows it, HS_METRICS_BYTES;
 * tests give other sizes, as other builds have. NULL: memory is out.
 */
#define HS_METRICS_BYTES 0
struct hs_metrics *hs_metrics_new(size_t bytes);
void hs_metrics_free(struct hs_metrics *m); /* NULL is fine */

/*
 * Opens the file in .hookspool/run, or makes it with this mode, if it is not open or no longer
 * the one that has the name. Costs one stat(2) otherwise. False: nothing is counted until a
 * later call succeeds; the first failure is logged.
 */
bool hs_metrics_follow(struct hs_metrics *m, int run_dir, mode_t mode);

/* True if follow has been called, whatever came of it. */
bool hs_metrics_is_tried(const struct hs_metrics *m);

/* The functions below do nothing while the file is not open. */

/* Counts one answer; statuses outside 100 to 599 are not counted. */
void hs_metrics_add_response(struct hs_metrics *m, int status);

/* Counts a request or an event that was refused now for this reason, which is not HS_OK. */
void hs_metrics_add_refusal(struct hs_metrics *m, enum hs_result reason);

/* Adds one to a histogram's bucket for the value, and the value to its sum. Negative ones count as 0. */
void hs_metrics_add_to(struct hs_metrics *m, enum hs_metric histogram, int64_t value);

/* For rows of a single cell. `m` may be NULL here. */
void hs_metrics_add_one(struct hs_metrics *m, enum hs_metric metric);
void hs_metrics_set(struct hs_metrics *m, enum hs_metric metric, uint64_t value);

/* The outcome of a record. */
enum hs_metrics_fate { HS_FATE_ACCEPTED, HS_FATE_DUPLICATE, HS_FATE_SUPPRESSED, HS_FATES };

/* The sums of one write to the spool: for counters with one cell, and for each fate and type. */
struct hs_metrics_sums {
	uint64_t of[HS_METRIC_COUNT];
	uint32_t types; /* bit fate * HS_EVENT_TYPES + type is set: that of_type is valid */
	uint32_t of_type[HS_FATES][HS_EVENT_TYPES];
};
static_assert(HS_FATES * HS_EVENT_TYPES <= 32, "bits of hs_metrics_sums.types");

/* The rows between these two are not summed: they are counted where something happens. */
#define HS_METRIC_IS_SUMMED(metric) ((metric) < HS_METRIC_ACCEPTED_OF || (metric) > HS_METRIC_LAST_REFUSAL)

/* Makes all sums 0, in a few instructions: each commit does it. */
static inline void hs_metrics_sums_init(struct hs_metrics_sums *sums)
{
	memset(sums->of, 0, HS_METRIC_ACCEPTED_OF * sizeof *sums->of);
	memset(&sums->of[HS_METRIC_LAST_REFUSAL + 1], 0,
	       (HS_METRIC_COUNT - HS_METRIC_LAST_REFUSAL - 1) * sizeof *sums->of);
	sums->types = 0;
}

/* Counts a record. */
static inline void hs_metrics_sum(struct hs_metrics_sums *sums, enum hs_metrics_fate fate, enum hs_event_type type)
{
	uint32_t *of = &sums->of_type[0][0] + (unsigned)fate * HS_EVENT_TYPES + type;
	uint32_t bit = UINT32_C(1) << ((unsigned)fate * HS_EVENT_TYPES + type);

	*of = (sums->types & bit) != 0 ? *of + 1 : 1;
	sums->types |= bit;
}

/* Adds them to the rows and to the minute of `now_ms`, the wall clock in milliseconds since 1970. */
void hs_metrics_add(struct hs_metrics *m, const struct hs_metrics_sums *sums, int64_t now_ms);

enum hs_credential { HS_CREDENTIAL_SECRET, HS_CREDENTIAL_KEY, HS_CREDENTIAL_SOURCE, HS_CREDENTIALS };
/* "secret", "key" or "source". */
const char *hs_credential_name(enum hs_credential kind);

enum { HS_CREDENTIAL_NAME = 64, HS_METRICS_CREDENTIALS = 2560 };
/*
 * Notes that a request was let in by this secret, key or source: its label or position, never its value;
 * 1 to HS_CREDENTIAL_NAME bytes without NUL. Where more than HS_METRICS_CREDENTIALS names have
 * been used since counting began, some are left out. Returns the entry, for hs_metrics_add_events, or -1.
 */
int hs_metrics_note_use(struct hs_metrics *m, enum hs_credential kind, struct hs_slice name, int64_t now_ms);

/* Adds events that a request with this credential brought. `entry`: of a use noted a moment ago, or -1. */
void hs_metrics_add_events(struct hs_metrics *m, int entry, uint64_t events);

/* --- reading ------------------------------------------------------------------ */

struct hs_metrics_figures; /* a copy */

/*
 * Copies the file's figures, for the owner of the spool or its group. NULL: there is no file of
 * this boot and version that can be read, or memory is out: then errno is ENOMEM. The caller frees the copy.
 */
struct hs_metrics_figures *hs_metrics_read(int run_dir);
void hs_metrics_figures_free(struct hs_metrics_figures *f); /* NULL is fine */

/* The functions below take NULL for figures that are all 0. */

/* When counting began, milliseconds since 1970. */
int64_t hs_metrics_since(const struct hs_metrics_figures *f);
/* A cell of a row; 0 if an older build made the file and the row is not there. */
uint64_t hs_metrics_value(const struct hs_metrics_figures *f, enum hs_metric metric, size_t cell);
/* Refusals for this reason. */
uint64_t hs_metrics_refused(const struct hs_metrics_figures *f, enum hs_result reason);
/*
 * The last refusal, and its time in seconds: by a failure of ours for HS_METRIC_LAST_FAILURE, through the
 * sender's fault for HS_METRIC_LAST_REFUSAL. False: nothing, or for a reason that only another build knows.
 */
bool hs_metrics_last(const struct hs_metrics_figures *f, enum hs_metric row, enum hs_result *reason, int64_t *at_ms);
/* The upper bound of a histogram's bucket, inclusive, in the unit of its row. */
uint64_t hs_metrics_bound(enum hs_metric histogram, size_t bucket);

enum { HS_METRICS_MINUTES = 48 * 60 };
struct hs_metrics_minute {
	uint64_t accepted, duplicate, rejected; /* events */
	uint64_t bytes;                         /* of the accepted and the rejected */
};
/*
 * The figures of a minute (milliseconds since 1970, by 60,000), which the caller chooses among
 * the last HS_METRICS_MINUTES. False: nothing was counted in it.
 */
bool hs_metrics_minute(const struct hs_metrics_figures *f, int64_t minute, struct hs_metrics_minute *found);

struct hs_metrics_use {
	enum hs_credential kind;
	char name[HS_CREDENTIAL_NAME + 1];
	int64_t last_ms;  /* to the second */
	int64_t first_ms; /* the first use since counting began */
	int64_t pause_ms; /* the longest time between two uses */
	uint64_t events;  /* that its requests brought and that were accepted */
};

/*
 * True if a sender has gone quiet: it has been silent for more than twice its longest pause, and for at
 * least ten minutes, after it had been sending for a day or more.
 */
bool hs_metrics_is_quiet(const struct hs_metrics_use *use, int64_t now_ms);

/* Entry i < HS_METRICS_CREDENTIALS of a table in no order. False: it is empty. */
bool hs_metrics_use(const struct hs_metrics_figures *f, size_t i, struct hs_metrics_use *use);

#endif

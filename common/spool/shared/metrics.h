/*
 * metrics: figures about the service, in shared memory: .hookspool/run/metrics.
 *
 *	head         magic, version, boot of the machine, inode, size, when counting began
 *	minutes      a ring of the last 48 hours
 *	credentials  when each secret and each key was last used
 *	cells        the rows of HS_METRICS, one after the other
 *
 * A new counter is one row at the end of HS_METRICS. The file then grows at its end: a newer
 * build extends what an older one made, an older build uses its part of what a newer one made,
 * and both count at the same time. Rows are never removed or reordered, and nothing before the
 * cells changes, unless VERSION in metrics.c is raised: the newer version then replaces the
 * file, and an older build that runs beside it counts in the file that it has mapped.
 *
 * Figures are comfort: no function here can fail a request or a reader. A file that is missing,
 * cut, damaged, not writable, of another boot or copied from another spool is made anew, and
 * counting begins at 0. So figures survive a restart of the handler, not one of the machine.
 *
 * All writers use relaxed atomic operations on 64-bit words: no locks, no torn values. Figures
 * that are read together need not belong to the same moment.
 */
#ifndef HS_METRICS_H
#define HS_METRICS_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A row has one cell, or one for each status code from 100 to 599. */
enum hs_metric_label { HS_LABEL_NONE, HS_LABEL_STATUS };
#define HS_METRIC_CELLS_NONE 1
#define HS_METRIC_CELLS_STATUS 500
enum { HS_METRIC_FIRST_STATUS = 100 };

enum hs_metric_kind { HS_COUNTER, HS_GAUGE };

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
	X(DROPPED, dropped, COUNTER, "events", NONE, "events of requests that the rules did not keep")

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

/* The sums of one write to the spool, for the first cell of each row. */
struct hs_metrics_sums {
	uint64_t of[HS_METRIC_COUNT];
};
/* Adds them to the rows and to the minute of `now_ms`, the wall clock in milliseconds since 1970. */
void hs_metrics_add(struct hs_metrics *m, const struct hs_metrics_sums *sums, int64_t now_ms);

enum hs_credential { HS_CREDENTIAL_SECRET, HS_CREDENTIAL_KEY, HS_CREDENTIALS };
enum { HS_CREDENTIAL_NAME = 64, HS_METRICS_CREDENTIALS = 1280 };
/*
 * Notes that a request was let in by this secret or key: its label or position, never its value;
 * 1 to HS_CREDENTIAL_NAME bytes without NUL. Where more than HS_METRICS_CREDENTIALS names have
 * been used since counting began, some are left out.
 */
void hs_metrics_note_use(struct hs_metrics *m, enum hs_credential kind, struct hs_slice name, int64_t now_ms);

/* --- reading ------------------------------------------------------------------ */

struct hs_metrics_figures; /* a copy */

/*
 * Copies the file's figures, for the owner of the spool or its group. NULL: there is no file of
 * this boot and version that can be read, or memory is out. The caller frees the copy.
 */
struct hs_metrics_figures *hs_metrics_read(int run_dir);
void hs_metrics_figures_free(struct hs_metrics_figures *f); /* NULL is fine */

/* The functions below take NULL for figures that are all 0. */

/* When counting began, milliseconds since 1970. */
int64_t hs_metrics_since(const struct hs_metrics_figures *f);
/* A cell of a row; 0 if an older build made the file and the row is not there. */
uint64_t hs_metrics_value(const struct hs_metrics_figures *f, enum hs_metric metric, size_t cell);

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
	int64_t last_ms; /* to the second */
};
/* Entry i < HS_METRICS_CREDENTIALS of a table in no order. False: it is empty. */
bool hs_metrics_use(const struct hs_metrics_figures *f, size_t i, struct hs_metrics_use *use);

#endif

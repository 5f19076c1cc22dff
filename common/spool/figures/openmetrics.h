/*
 * openmetrics: figures as text for monitors: the text format of Prometheus, which node_exporter and promtool
 * read, or OpenMetrics 1.0. The two differ in the names of counters' families, in units, and in the last
 * line.
 */
#ifndef HS_OPENMETRICS_H
#define HS_OPENMETRICS_H

#include "base/buf.h"
#include "spool/figures/figures.h"

enum hs_exposition { HS_EXPOSITION_TEXT, HS_EXPOSITION_OPENMETRICS };

/* With more senders than this, there are no figures of each. */
enum { HS_EXPOSITION_SENDERS = 100 };

static inline struct hs_slice hs_exposition_type(enum hs_exposition format)
{
	return format == HS_EXPOSITION_OPENMETRICS
	           ? HS_SLICE("application/openmetrics-text; version=1.0.0; charset=utf-8")
	           : HS_SLICE("text/plain; version=0.0.4; charset=utf-8");
}

/* Appends everything. Check hs_buf_ok() after. */
void hs_exposition_put(const struct hs_figures *figures, enum hs_exposition format, struct hs_buf *out);

/* Collects the figures of a spool (hs_figures_collect) and appends them. Returns their `result`. */
enum hs_result hs_figures_put(const struct hs_settings *settings, enum hs_exposition format, struct hs_buf *out);

#endif

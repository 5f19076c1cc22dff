/*
 * metrics_report: the figures of metrics.h as `hookspool stats` shows them. Rows come from the
 * table of metrics, so a new counter is shown without a change here.
 *
 *	since 2026-11-28T10:15:00.123Z
 *	responses 200                 812
 *	responses 401                   3
 *	accepted                      812
 *	accepted_bytes           301.4 KB
 *
 *	credential  last used
 *	key acme    2026-11-28T10:20:31.000Z  silent for 12 s, before that at most 2 min
 *	secret #1   2026-11-25T10:17:02.000Z  silent for 3 d, before that at most 11 h: has gone quiet
 */
#ifndef HS_METRICS_REPORT_H
#define HS_METRICS_REPORT_H

#include "base/json_writer.h"
#include "spool/shared/metrics.h"

/*
 * Appends the rows that are not 0, and the `top` credentials used last. Appends nothing if the figures
 * are NULL. Out of memory: the buffer has failed, or the credentials are missing.
 */
void hs_metrics_report_text(const struct hs_metrics_figures *figures, size_t top, int64_t now_ms, struct hs_buf *out);

/*
 * Writes two members, each on a line: "metrics":{"since":"…","responses":{"200":812,"401":3},
 * "accepted":812,…} with every row, or null if the figures are NULL; and "credentials":[{"kind":"key",
 * "name":"acme","last_used":"…","events":812,"longest_pause":720,"quiet":false},…] with all of them, the last used first.
 */
void hs_metrics_report_json(const struct hs_metrics_figures *figures, int64_t now_ms, struct hs_json_writer *w);

#endif

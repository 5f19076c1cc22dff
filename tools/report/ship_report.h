/*
 * ship_report: the figures of hookspool-ship as `hookspool stats` shows them. Rows come from the table of
 * ship_figures.h.
 *
 *	ship         at 2026-11-29T10:15:00.123Z
 *	stored                812  13.5 a second
 *	timeouts                2
 *	in_flight               7  the oldest for 1.2 s
 *	server       n1 2.12.3
 *	leader       n2
 */
#ifndef HS_SHIP_REPORT_H
#define HS_SHIP_REPORT_H

#include "base/json_writer.h"
#include "spool/figures/ship_figures.h"

/* Appends the rows that are not 0; nothing if ship has written no figures. */
void hs_ship_report_text(const struct hs_ship_figures *figures, struct hs_buf *out);

/* Writes the member "ship" of an object, on a line, with every row; nothing if ship has written no figures. */
void hs_ship_report_json(const struct hs_ship_figures *figures, struct hs_json_writer *w);

#endif

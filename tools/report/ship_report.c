#include "tools/report/ship_report.h"
#include "base/timestamp.h"
#include "tools/report/bar_table.h"

#include <inttypes.h>
#include <stdio.h>

enum { WIDTH = 13 /* of a name */, NAMES = 46 /* columns for the name of a server */ };

/* Records stored a second in the last period, with one decimal. */
static double rate_of(const struct hs_ship_figures *f)
{
	return f->lately_ms > 0 ? 1000.0 * (double)f->lately / (double)f->lately_ms : 0;
}

/* --- as text ---------------------------------------------------------------------- */

static void put_row(const struct hs_ship_figures *f, size_t row, struct hs_buf *out)
{
	size_t offset = hs_ship_figure_info[row].offset;
	uint64_t value = hs_ship_figure(f, row);

	if (value == 0)
		return;
	hs_buf_printf(out, "%-*s%12" PRIu64, WIDTH, hs_ship_figure_info[row].name, value);
	if (offset == offsetof(struct hs_ship_figures, stored) && f->lately_ms > 0)
		hs_buf_printf(out, "  %.1f a second", rate_of(f));
	if (offset == offsetof(struct hs_ship_figures, in_flight) && f->oldest_ms > 0)
		hs_buf_printf(out, "  the oldest for %.1f s", (double)f->oldest_ms / 1000);
	hs_buf_putc(out, '\n');
}

static void put_name(const char *name, const char *value, struct hs_buf *out)
{
	if (value[0] == '\0')
		return;
	hs_buf_printf(out, "%-*s", WIDTH, name);
	hs_bar_table_put_name(hs_slice_str(value), NAMES, 0, out);
	hs_buf_putc(out, '\n');
}

void hs_ship_report_text(const struct hs_ship_figures *f, struct hs_buf *out)
{
	char at[HS_TIMESTAMP_TEXT + 1];

	if (f->at_ms == 0)
		return;
	hs_timestamp_text(f->at_ms, at);
	hs_buf_printf(out, "\n%-*sat %s\n", WIDTH, "ship", at);
	for (size_t row = 0; row < HS_SHIP_FIGURES_ROWS; row++)
		put_row(f, row, out);
	put_name("server", f->server, out);
	put_name("leader", f->leader, out);
}

/* --- as JSON ---------------------------------------------------------------------- */

void hs_ship_report_json(const struct hs_ship_figures *f, struct hs_json_writer *w)
{
	char rate[32];
	int n = snprintf(rate, sizeof rate, "%.1f", rate_of(f));

	if (f->at_ms == 0)
		return;
	hs_json_writer_line(w);
	hs_json_writer_object(w, "ship");
	hs_json_writer_time(w, "at", f->at_ms);
	for (size_t row = 0; row < HS_SHIP_FIGURES_ROWS; row++)
		hs_json_writer_uint(w, hs_ship_figure_info[row].name, hs_ship_figure(f, row));
	hs_json_writer_raw(w, "stored_a_second", hs_slice(rate, (size_t)n));
	hs_json_writer_uint(w, "oldest_ms", f->oldest_ms);
	hs_json_writer_text(w, "server", hs_slice_str(f->server));
	hs_json_writer_text(w, "leader", hs_slice_str(f->leader));
	hs_json_writer_end(w, '}');
}

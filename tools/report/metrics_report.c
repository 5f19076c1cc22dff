#include "tools/report/metrics_report.h"
#include "base/timestamp.h"
#include "tools/report/bar_table.h"

#include <stdio.h>
#include <stdlib.h>

enum { NUMBER = 12 /* columns */ };

struct uses {
	struct hs_metrics_use use[HS_METRICS_CREDENTIALS];
	size_t count;
};

static int last_first(const void *a, const void *b)
{
	const struct hs_metrics_use *x = a, *y = b;

	if (x->last_ms != y->last_ms)
		return x->last_ms < y->last_ms ? 1 : -1;
	return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->name, y->name);
}

/* NULL: out of memory. The caller frees it. */
static struct uses *list_uses(const struct hs_metrics_figures *figures)
{
	struct uses *u = calloc(1, sizeof *u);

	for (size_t i = 0; u != NULL && i < HS_METRICS_CREDENTIALS; i++)
		u->count += hs_metrics_use(figures, i, &u->use[u->count]);
	if (u != NULL)
		qsort(u->use, u->count, sizeof u->use[0], last_first);
	return u;
}

/* --- as text ---------------------------------------------------------------------- */

static void put_name(struct hs_buf *out, const char *first, const char *second, size_t width)
{
	char name[2 * HS_CREDENTIAL_NAME];
	int n = snprintf(name, sizeof name, "%s%s%s", first, second[0] != '\0' ? " " : "", second);

	hs_bar_table_put_name(hs_slice(name, (size_t)n), 0, width, out);
}

static void put_cell(struct hs_buf *out, const struct hs_metric_info *info, size_t cell, uint64_t value, size_t width)
{
	char number[32], status[16] = "";

	if (strcmp(info->unit, "bytes") == 0)
		hs_bar_table_bytes(value, number);
	else
		snprintf(number, sizeof number, "%llu", (unsigned long long)value);
	if (info->label == HS_LABEL_STATUS)
		snprintf(status, sizeof status, "%zu", HS_METRIC_FIRST_STATUS + cell);
	put_name(out, info->name, status, width);
	for (size_t n = strlen(number); n < NUMBER; n++)
		hs_buf_putc(out, ' ');
	hs_buf_put_slice(out, hs_slice_str(number));
	hs_buf_putc(out, '\n');
}

/* Histograms, rows by type and gauges are for monitors: hookspool metrics. */
static bool is_shown(const struct hs_metric_info *info)
{
	return info->kind == HS_COUNTER && (info->label == HS_LABEL_NONE || info->label == HS_LABEL_STATUS);
}

static void put_rows(struct hs_buf *out, const struct hs_metrics_figures *figures)
{
	size_t width = 0;

	for (int row = 0; row < HS_METRIC_COUNT; row++) {
		const struct hs_metric_info *info = hs_metric_info((enum hs_metric)row);
		size_t n = strlen(info->name);

		width = is_shown(info) && n > width ? n : width;
	}
	for (int row = 0; row < HS_METRIC_COUNT; row++) {
		const struct hs_metric_info *info = hs_metric_info((enum hs_metric)row);

		for (size_t cell = 0; is_shown(info) && cell < info->cells; cell++) {
			uint64_t value = hs_metrics_value(figures, (enum hs_metric)row, cell);

			if (value > 0)
				put_cell(out, info, cell, value, width);
		}
	}
}

/* Appends how long that is: "3 d", "12 min". */
static void put_span(struct hs_buf *out, int64_t ms)
{
	int64_t minutes = ms / 60000;

	if (minutes >= 2 * 24 * 60)
		hs_buf_printf(out, "%lld d", (long long)(minutes / (24 * 60)));
	else if (minutes >= 2 * 60)
		hs_buf_printf(out, "%lld h", (long long)(minutes / 60));
	else if (minutes >= 2)
		hs_buf_printf(out, "%lld min", (long long)minutes);
	else
		hs_buf_printf(out, "%lld s", (long long)(ms > 0 ? ms / 1000 : 0));
}

/* Both spans, so that the reader can judge. */
static void put_silence(struct hs_buf *out, const struct hs_metrics_use *use, int64_t now_ms)
{
	hs_buf_put_slice(out, HS_SLICE("  silent for "));
	put_span(out, now_ms - use->last_ms);
	if (use->pause_ms > 0) {
		hs_buf_put_slice(out, HS_SLICE(", before that at most "));
		put_span(out, use->pause_ms);
	}
	if (hs_metrics_is_quiet(use, now_ms))
		hs_buf_put_slice(out, HS_SLICE(": has gone quiet"));
}

static void put_uses(struct hs_buf *out, const struct uses *u, size_t top, int64_t now_ms)
{
	size_t width = strlen("credential"), shown = u->count < top ? u->count : top;
	char text[HS_TIMESTAMP_TEXT + 1];

	for (size_t i = 0; i < shown; i++) {
		size_t n = strlen(hs_credential_name(u->use[i].kind)) + 1 + strlen(u->use[i].name);

		width = n > width ? n : width;
	}
	if (shown > 0) {
		hs_buf_putc(out, '\n');
		put_name(out, "credential", "", width);
		hs_buf_put_slice(out, HS_SLICE("  last used\n"));
	}
	for (size_t i = 0; i < shown; i++) {
		put_name(out, hs_credential_name(u->use[i].kind), u->use[i].name, width);
		hs_timestamp_text(u->use[i].last_ms, text);
		hs_buf_put_slice(out, HS_SLICE("  "));
		hs_buf_put_slice(out, hs_slice_str(text));
		put_silence(out, &u->use[i], now_ms);
		hs_buf_putc(out, '\n');
	}
	if (shown < u->count) {
		hs_buf_put_slice(out, HS_SLICE("and "));
		hs_buf_put_uint(out, u->count - shown);
		hs_buf_put_slice(out, HS_SLICE(" other credentials\n"));
	}
}

void hs_metrics_report_text(const struct hs_metrics_figures *figures, size_t top, int64_t now_ms, struct hs_buf *out)
{
	struct uses *u = list_uses(figures);
	char since[HS_TIMESTAMP_TEXT + 1];

	if (figures != NULL && u != NULL) {
		hs_timestamp_text(hs_metrics_since(figures), since);
		hs_buf_put_slice(out, HS_SLICE("\nsince "));
		hs_buf_put_slice(out, hs_slice_str(since));
		hs_buf_putc(out, '\n');
		put_rows(out, figures);
		put_uses(out, u, top, now_ms);
	}
	out->failed |= u == NULL;
	free(u);
}

/* --- as JSON ---------------------------------------------------------------------- */

/* Status codes that were given, each with its count. */
static void put_statuses(struct hs_json_writer *w, const struct hs_metrics_figures *figures, enum hs_metric row)
{
	char status[16];

	hs_json_writer_object(w, hs_metric_info(row)->name);
	for (size_t cell = 0; cell < HS_METRIC_CELLS_STATUS; cell++) {
		uint64_t value = hs_metrics_value(figures, row, cell);

		snprintf(status, sizeof status, "%zu", HS_METRIC_FIRST_STATUS + cell);
		if (value > 0)
			hs_json_writer_uint(w, status, value);
	}
	hs_json_writer_end(w, '}');
}

static void put_metrics(struct hs_json_writer *w, const struct hs_metrics_figures *figures)
{
	hs_json_writer_object(w, "metrics");
	hs_json_writer_time(w, "since", hs_metrics_since(figures));
	for (int row = 0; row < HS_METRIC_COUNT; row++) {
		const struct hs_metric_info *info = hs_metric_info((enum hs_metric)row);

		if (info->label == HS_LABEL_STATUS)
			put_statuses(w, figures, (enum hs_metric)row);
		else if (is_shown(info))
			hs_json_writer_uint(w, info->name, hs_metrics_value(figures, (enum hs_metric)row, 0));
	}
	hs_json_writer_end(w, '}');
}

void hs_metrics_report_json(const struct hs_metrics_figures *figures, int64_t now_ms, struct hs_json_writer *w)
{
	struct uses *u = list_uses(figures);

	hs_json_writer_line(w);
	if (figures == NULL)
		hs_json_writer_null(w, "metrics");
	else
		put_metrics(w, figures);
	hs_json_writer_line(w);
	hs_json_writer_array(w, "credentials");
	w->out->failed |= u == NULL;
	for (size_t i = 0; u != NULL && i < u->count; i++) {
		hs_json_writer_object(w, NULL);
		hs_json_writer_text(w, "kind", hs_slice_str(hs_credential_name(u->use[i].kind)));
		hs_json_writer_text(w, "name", hs_slice_str(u->use[i].name));
		hs_json_writer_time(w, "last_used", u->use[i].last_ms);
		hs_json_writer_uint(w, "events", u->use[i].events);
		hs_json_writer_uint(w, "longest_pause", (uint64_t)u->use[i].pause_ms / 1000);
		hs_json_writer_bool(w, "quiet", hs_metrics_is_quiet(&u->use[i], now_ms));
		hs_json_writer_end(w, '}');
	}
	hs_json_writer_end(w, ']');
	free(u);
}

#include "spool/figures/openmetrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

struct printer {
	const struct hs_figures *figures;
	enum hs_exposition format;
	struct hs_buf *out;
	const char *name;   /* of the family's samples, without what precedes and follows it … */
	const char *suffix; /* … which is _total for a counter */
};

/* --- one sample ----------------------------------------------------------------- */

/* Names of cursors and senders are letters, digits, '.', '_', '-' and '#'; a damaged file could bring others. */
static void put_label(struct printer *p, char before, const char *label, const char *value)
{
	hs_buf_printf(p->out, "%c%s=\"", before, label);
	for (; *value != '\0'; value++)
		hs_buf_putc(p->out, *value < ' ' || *value == '"' || *value == '\\' || *value > '~' ? '?' : *value);
	hs_buf_putc(p->out, '"');
}

/* Begins a sample with up to two labels; NULL: none. */
static void begin(struct printer *p, const char *label, const char *value, const char *label2, const char *value2)
{
	hs_buf_printf(p->out, "hookspool_%s%s", p->name, p->suffix);
	if (value != NULL)
		put_label(p, '{', label, value);
	if (value2 != NULL)
		put_label(p, ',', label2, value2);
	if (value != NULL)
		hs_buf_putc(p->out, '}');
}

static void end(struct printer *p, uint64_t value)
{
	hs_buf_printf(p->out, " %" PRIu64 "\n", value);
}

/* A number of milliseconds, as seconds. */
static void end_seconds(struct printer *p, int64_t ms)
{
	uint64_t n = ms > 0 ? (uint64_t)ms : 0;

	hs_buf_printf(p->out, " %" PRIu64 ".%03u\n", n / 1000, (unsigned)(n % 1000));
}

static void put_plain(struct printer *p, uint64_t value)
{
	begin(p, NULL, NULL, NULL, NULL);
	end(p, value);
}

static uint64_t value_of(const struct printer *p, enum hs_metric metric, size_t cell)
{
	return hs_metrics_value(p->figures->metrics, metric, cell);
}

/* --- counters -------------------------------------------------------------------- */

/* All types are there from the start, so that a rate can be taken of the first event. */
static void put_types(struct printer *p, const char *result, enum hs_metric row)
{
	for (size_t type = 0; type < HS_EVENT_TYPES; type++) {
		begin(p, "result", result, "type", hs_event_type_name((enum hs_event_type)type));
		end(p, value_of(p, row, type));
	}
}

static void put_events(struct printer *p)
{
	put_types(p, "accepted", HS_METRIC_ACCEPTED_OF);
	put_types(p, "duplicate", HS_METRIC_DUPLICATES_OF);
	put_types(p, "suppressed", HS_METRIC_SUPPRESSED_OF);
	begin(p, "result", "dropped", NULL, NULL);
	end(p, value_of(p, HS_METRIC_DROPPED, 0));
	begin(p, "result", "rejected", NULL, NULL);
	end(p, value_of(p, HS_METRIC_REJECTED, 0));
}

/* The usual statuses are there from the start. */
static void put_requests(struct printer *p)
{
	static const unsigned usual[] = { 200, 400, 401, 503 };

	for (unsigned cell = 0; cell < HS_METRIC_CELLS_STATUS; cell++) {
		unsigned status = HS_METRIC_FIRST_STATUS + cell;
		uint64_t value = value_of(p, HS_METRIC_RESPONSES, cell);
		bool shown = value > 0;
		char text[8];

		for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
			shown = shown || usual[i] == status;
		if (!shown)
			continue;
		snprintf(text, sizeof text, "%u", status);
		begin(p, "status", text, NULL, NULL);
		end(p, value);
	}
}

/* HS_E_JSON_SYNTAX becomes json_syntax, as in the answers to libraries. */
static void put_reasons(struct printer *p)
{
	for (int r = HS_OK + 1; r < HS_RESULT_COUNT; r++) {
		const char *name = hs_result_info((enum hs_result)r)->name + sizeof "HS_E_" - 1;
		uint64_t value = hs_metrics_refused(p->figures->metrics, (enum hs_result)r);
		char code[64];
		size_t n = 0;

		if (value == 0 && r != HS_E_SIGNATURE)
			continue;
		for (; name[n] != '\0'; n++) {
			assert(n < sizeof code - 1);
			code[n] = hs_lower(name[n]);
		}
		code[n] = '\0';
		begin(p, "reason", code, NULL, NULL);
		end(p, value);
	}
}

/* --- histograms ------------------------------------------------------------------- */

/* A bound in the family's unit, which is `scale` of the row's; spelled as OpenMetrics wants it. */
static void print_bound(char out[32], uint64_t bound, unsigned scale)
{
	if (bound % scale == 0)
		snprintf(out, 32, "%" PRIu64 ".0", bound / scale);
	else
		snprintf(out, 32, "%g", (double)bound / scale);
}

static void put_histogram(struct printer *p, enum hs_metric row, unsigned scale)
{
	uint64_t sum = 0, total = value_of(p, row, HS_METRIC_BUCKETS + 1);
	char bound[32];

	p->suffix = "_bucket";
	for (size_t bucket = 0; bucket <= HS_METRIC_BUCKETS; bucket++) {
		sum += value_of(p, row, bucket);
		if (bucket == HS_METRIC_BUCKETS)
			snprintf(bound, sizeof bound, "+Inf");
		else
			print_bound(bound, hs_metrics_bound(row, bucket), scale);
		begin(p, "le", bound, NULL, NULL);
		end(p, sum);
	}
	hs_buf_printf(p->out, "hookspool_%s_sum %.6f\n", p->name, (double)total / scale);
	hs_buf_printf(p->out, "hookspool_%s_count %" PRIu64 "\n", p->name, sum);
}

static void put_request_seconds(struct printer *p)
{
	put_histogram(p, HS_METRIC_REQUEST_MS, 1000);
}

static void put_sync_seconds(struct printer *p)
{
	put_histogram(p, HS_METRIC_SYNC_US, 1000000);
}

static void put_commit_events(struct printer *p)
{
	put_histogram(p, HS_METRIC_COMMIT_EVENTS, 1);
}

/* --- the spool -------------------------------------------------------------------- */

static void put_build(struct printer *p)
{
	begin(p, "version", HS_VERSION, NULL, NULL);
	end(p, 1);
}

static void put_usable(struct printer *p)
{
	put_plain(p, p->figures->result == HS_OK);
}

static void put_reload(struct printer *p)
{
	put_plain(p, value_of(p, HS_METRIC_RELOADS_REFUSED, 0) == 0);
}

static void put_bytes(struct printer *p)
{
	if (p->figures->result == HS_OK)
		put_plain(p, p->figures->bytes);
}

static void put_rejected_bytes(struct printer *p)
{
	if (p->figures->result == HS_OK)
		put_plain(p, p->figures->rejected_bytes);
}

static void put_segments(struct printer *p)
{
	static const char *const names[HS_STATES] = { "open", "sealed", "compressed" };

	for (int state = 0; p->figures->result == HS_OK && state < HS_STATES; state++) {
		begin(p, "state", names[state], NULL, NULL);
		end(p, p->figures->segments[state]);
	}
}

static void put_ids(struct printer *p)
{
	put_plain(p, value_of(p, HS_METRIC_IDS, 0));
}

static void put_free(struct printer *p)
{
	if (p->figures->has_space)
		put_plain(p, p->figures->free_bytes);
}

static void put_oldest(struct printer *p)
{
	if (p->figures->oldest_ms == 0)
		return;
	begin(p, NULL, NULL, NULL, NULL);
	end_seconds(p, p->figures->now_ms - p->figures->oldest_ms);
}

static void put_last_event(struct printer *p)
{
	int64_t last = p->figures->last_ms;

	if (last == 0) /* not known, since the spool cannot be read, but in the metrics */
		last = (int64_t)value_of(p, HS_METRIC_LAST_EVENT, 0);
	if (last == 0)
		return;
	begin(p, NULL, NULL, NULL, NULL);
	end_seconds(p, last);
}

/* --- cursors ---------------------------------------------------------------------- */

static void put_cursor_usable(struct printer *p)
{
	for (size_t i = 0; i < p->figures->cursors; i++) {
		begin(p, "cursor", p->figures->cursor[i].name, NULL, NULL);
		end(p, p->figures->cursor[i].usable);
	}
}

static void put_lag_records(struct printer *p)
{
	for (size_t i = 0; i < p->figures->cursors; i++)
		if (p->figures->cursor[i].usable) {
			begin(p, "cursor", p->figures->cursor[i].name, NULL, NULL);
			end(p, p->figures->cursor[i].records);
		}
}

static void put_lag_bytes(struct printer *p)
{
	for (size_t i = 0; i < p->figures->cursors; i++)
		if (p->figures->cursor[i].usable) {
			begin(p, "cursor", p->figures->cursor[i].name, NULL, NULL);
			end(p, p->figures->cursor[i].bytes);
		}
}

static void put_lag_seconds(struct printer *p)
{
	for (size_t i = 0; i < p->figures->cursors; i++)
		if (p->figures->cursor[i].usable) {
			begin(p, "cursor", p->figures->cursor[i].name, NULL, NULL);
			end_seconds(p, p->figures->cursor[i].age_ms);
		}
}

/* --- senders ---------------------------------------------------------------------- */

static size_t count_senders(const struct printer *p)
{
	struct hs_metrics_use use;
	size_t n = 0;

	for (size_t i = 0; i < HS_METRICS_CREDENTIALS; i++)
		n += hs_metrics_use(p->figures->metrics, i, &use);
	return n;
}

static void put_senders(struct printer *p)
{
	put_plain(p, count_senders(p));
}

static void put_each_sender(struct printer *p, void (*put)(struct printer *p, const struct hs_metrics_use *use))
{
	struct hs_metrics_use use;

	if (count_senders(p) > HS_EXPOSITION_SENDERS)
		return;
	for (size_t i = 0; i < HS_METRICS_CREDENTIALS; i++) {
		if (!hs_metrics_use(p->figures->metrics, i, &use))
			continue;
		begin(p, "kind", hs_credential_name(use.kind), "sender", use.name);
		put(p, &use);
	}
}

static void end_events(struct printer *p, const struct hs_metrics_use *use)
{
	end(p, use->events);
}

static void end_last(struct printer *p, const struct hs_metrics_use *use)
{
	end_seconds(p, use->last_ms);
}

static void end_quiet(struct printer *p, const struct hs_metrics_use *use)
{
	end(p, hs_metrics_is_quiet(use, p->figures->now_ms));
}

static void put_sender_events(struct printer *p)
{
	put_each_sender(p, end_events);
}

static void put_sender_last(struct printer *p)
{
	put_each_sender(p, end_last);
}

static void put_sender_quiet(struct printer *p)
{
	put_each_sender(p, end_quiet);
}

/* --- ship ------------------------------------------------------------------------- */

static void put_ship_oldest(struct printer *p)
{
	if (p->figures->ship.at_ms == 0)
		return;
	begin(p, NULL, NULL, NULL, NULL);
	end_seconds(p, (int64_t)p->figures->ship.oldest_ms);
}

static void put_ship_at(struct printer *p)
{
	if (p->figures->ship.at_ms == 0)
		return;
	begin(p, NULL, NULL, NULL, NULL);
	end_seconds(p, p->figures->ship.at_ms);
}

static void put_ship_info(struct printer *p)
{
	if (p->figures->ship.at_ms == 0)
		return;
	begin(p, "server", p->figures->ship.server, "leader", p->figures->ship.leader);
	end(p, 1);
}

/* --- the table -------------------------------------------------------------------- */

static const struct family {
	const char *name, *unit, *help;
	enum hs_metric_kind kind;
	void (*put)(struct printer *p);
} families[] = {
	{ "build_info", "", "the version that printed this", HS_GAUGE, put_build },
	{ "spool_usable", "", "1 if the spool can be read, 0 if not", HS_GAUGE, put_usable },
	{ "settings_reload_success", "", "0 if the settings were bad when the handler last reread them", HS_GAUGE,
	  put_reload },
	{ "events", "", "events by what became of them; dropped and rejected ones have no type", HS_COUNTER,
	  put_events },
	{ "requests", "", "answers to senders by status; health requests and scrapes are not counted", HS_COUNTER,
	  put_requests },
	{ "rejected", "", "requests, and events of batches, that were refused, by reason", HS_COUNTER, put_reasons },
	{ "request_seconds", "seconds", "from the arrival of a whole request to its answer", HS_HISTOGRAM,
	  put_request_seconds },
	{ "sync_seconds", "seconds", "how long a sync of a segment took", HS_HISTOGRAM, put_sync_seconds },
	{ "commit_events", "", "new events that one sync served", HS_HISTOGRAM, put_commit_events },
	{ "spool_bytes", "bytes", "size of the files of events", HS_GAUGE, put_bytes },
	{ "spool_rejected_bytes", "bytes", "size of the files of rejected lines", HS_GAUGE, put_rejected_bytes },
	{ "segments", "", "segments of events by state", HS_GAUGE, put_segments },
	{ "ids", "", "message ids in the index at the last maintenance", HS_GAUGE, put_ids },
	{ "disk_free_bytes", "bytes", "free space of the spool's file system", HS_GAUGE, put_free },
	{ "oldest_record_seconds", "seconds", "age of the oldest record in the spool", HS_GAUGE, put_oldest },
	{ "last_event_timestamp_seconds", "seconds", "when an event was last written, since 1970", HS_GAUGE,
	  put_last_event },
	{ "cursor_usable", "", "0 if a cursor is damaged or of another spool", HS_GAUGE, put_cursor_usable },
	{ "cursor_lag_records", "", "records after a cursor; of many, an estimate", HS_GAUGE, put_lag_records },
	{ "cursor_lag_bytes", "bytes", "bytes of the records after a cursor", HS_GAUGE, put_lag_bytes },
	{ "cursor_lag_seconds", "seconds", "age of the oldest record after a cursor; 0 if there is none", HS_GAUGE,
	  put_lag_seconds },
	{ "senders", "", "secrets and keys that have let a request in", HS_GAUGE, put_senders },
	{ "sender_events", "", "accepted events of each sender, unless there are more than 100", HS_COUNTER,
	  put_sender_events },
	{ "sender_last_timestamp_seconds", "seconds", "when each sender was last let in, since 1970", HS_GAUGE,
	  put_sender_last },
	{ "sender_quiet", "", "1 if a sender is silent for more than twice its longest pause", HS_GAUGE,
	  put_sender_quiet },
	{ "ship_info", "", "the server that ship is connected to, and the leader of its stream", HS_GAUGE,
	  put_ship_info },
	{ "ship_timestamp_seconds", "seconds", "when ship last wrote its figures, since 1970", HS_GAUGE, put_ship_at },
	{ "ship_oldest_seconds", "seconds",
	  "seconds since ship first sent the oldest record without an answer; 0 if there is none", HS_GAUGE,
	  put_ship_oldest },
};

static void put_head(struct printer *p, const char *name, enum hs_metric_kind kind, const char *unit, const char *help)
{
	static const char *const types[] = {
		[HS_COUNTER] = "counter", [HS_GAUGE] = "gauge", [HS_HISTOGRAM] = "histogram"
	};
	bool open = p->format == HS_EXPOSITION_OPENMETRICS;

	p->name = name;
	p->suffix = kind == HS_COUNTER ? "_total" : "";
	hs_buf_printf(p->out, "# HELP hookspool_%s%s %s\n", name, open ? "" : p->suffix, help);
	hs_buf_printf(p->out, "# TYPE hookspool_%s%s %s\n", name, open ? "" : p->suffix, types[kind]);
	if (open && unit[0] != '\0')
		hs_buf_printf(p->out, "# UNIT hookspool_%s %s\n", name, unit);
}

/* Rows of the metrics that are part of a family above. */
static bool is_elsewhere(enum hs_metric row)
{
	const struct hs_metric_info *info = hs_metric_info(row);

	return info->label != HS_LABEL_NONE || info->kind != HS_COUNTER || row == HS_METRIC_ACCEPTED ||
	       row == HS_METRIC_REJECTED || row == HS_METRIC_DUPLICATES || row == HS_METRIC_SUPPRESSED ||
	       row == HS_METRIC_DROPPED;
}

static void put_metric_rows(struct printer *p)
{
	for (int i = 0; i < HS_METRIC_COUNT; i++) {
		enum hs_metric row = (enum hs_metric)i;
		const struct hs_metric_info *info = hs_metric_info(row);

		if (is_elsewhere(row))
			continue;
		put_head(p, info->name, HS_COUNTER, strcmp(info->unit, "bytes") == 0 ? "bytes" : "", info->help);
		put_plain(p, value_of(p, row, 0));
	}
}

static void put_ship_rows(struct printer *p)
{
	char name[64];

	for (size_t row = 0; row < HS_SHIP_FIGURES_ROWS; row++) {
		const struct hs_ship_figure_info *info = &hs_ship_figure_info[row];

		snprintf(name, sizeof name, "ship_%s", info->name);
		put_head(p, name, info->kind, "", info->help);
		if (p->figures->ship.at_ms != 0)
			put_plain(p, hs_ship_figure(&p->figures->ship, row));
	}
}

void hs_exposition_put(const struct hs_figures *figures, enum hs_exposition format, struct hs_buf *out)
{
	struct printer p = { .figures = figures, .format = format, .out = out };

	for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
		put_head(&p, families[i].name, families[i].kind, families[i].unit, families[i].help);
		families[i].put(&p);
	}
	put_metric_rows(&p);
	put_ship_rows(&p);
	if (format == HS_EXPOSITION_OPENMETRICS)
		hs_buf_put_slice(out, HS_SLICE("# EOF\n"));
}

enum hs_result hs_figures_put(const struct hs_settings *settings, enum hs_exposition format, struct hs_buf *out)
{
	struct hs_figures figures;
	enum hs_result result;

	hs_figures_collect(settings, &figures);
	result = figures.result;
	hs_exposition_put(&figures, format, out);
	hs_figures_free(&figures);
	return result;
}

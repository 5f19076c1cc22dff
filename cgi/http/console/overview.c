/* overview: the handler of /console/overview: whether all is well, and the figures. */
#include "base/io.h"
#include "base/json_writer.h"
#include "cgi/http/console/console.h"
#include "cgi/http/handlers.h"
#include "cgi/http/params.h"
#include "spool/file/segment_list.h"
#include "spool/position/cursor.h"
#include "spool/read/reader.h"
#include "spool/shared/metrics.h"

#include <stdlib.h>

enum { MINUTE_MS = 60000, HOURS = 48, MINUTES = 60, QUIET_MOST = 100 };
_Static_assert(HOURS * 60 <= HS_METRICS_MINUTES, "the bars show no minute that was dropped");

static struct hs_slice param(const struct hs_exchange *exchange, const char *name)
{
	return hs_param(exchange->transport->params(exchange->transport), hs_slice_str(name));
}

/* --- whether all is well ------------------------------------------------------------ */

static void put_state(struct hs_json_writer *w, enum hs_result result, bool catching_up)
{
	const struct hs_result_info *info = hs_result_info(result);

	hs_json_writer_bool(w, "well", result == HS_OK);
	hs_json_writer_bool(w, "catching_up", result == HS_OK && catching_up);
	hs_json_writer_text(w, "message", hs_slice_str(result == HS_OK ? "" : info->message));
	hs_json_writer_text(w, "remedy", hs_slice_str(result == HS_OK ? "" : info->remedy));
}

/* The address to enter at Segment: public_url, or what the browser used. */
static void put_url(const struct hs_exchange *exchange, struct hs_json_writer *w)
{
	struct hs_buf url = { 0 };

	if (exchange->settings->public_url != NULL) {
		hs_buf_put_slice(&url, hs_slice_str(exchange->settings->public_url));
	} else {
		hs_buf_put_slice(&url, hs_session_is_https(exchange) ? HS_SLICE("https://") : HS_SLICE("http://"));
		hs_buf_put_slice(&url, param(exchange, "HTTP_HOST"));
		hs_buf_put_slice(&url, hs_session_path(exchange));
	}
	hs_json_writer_text(w, "url", hs_buf_slice(&url));
	hs_buf_free(&url);
	hs_json_writer_text(w, "demand", hs_slice_str(hs_settings_demand(exchange->settings)));
}

/* --- figures ------------------------------------------------------------------------- */

/* Bars of `minutes` each, the oldest first: [accepted, duplicate, rejected]. Sums their bytes. */
static uint64_t put_bars(struct hs_json_writer *w, const char *name, const struct hs_metrics_figures *figures,
                         int64_t now, int count, int minutes)
{
	int64_t minute = now / MINUTE_MS / minutes * minutes - (int64_t)(count - 1) * minutes;
	uint64_t bytes = 0;

	hs_json_writer_array(w, name);
	for (int i = 0; i < count; i++) {
		struct hs_metrics_minute sum = { 0 }, found;

		for (int m = 0; m < minutes; m++, minute++)
			if (minute <= now / MINUTE_MS && hs_metrics_minute(figures, minute, &found)) {
				sum.accepted += found.accepted;
				sum.duplicate += found.duplicate;
				sum.rejected += found.rejected;
				bytes += found.bytes;
			}
		hs_json_writer_array(w, NULL);
		hs_json_writer_uint(w, NULL, sum.accepted);
		hs_json_writer_uint(w, NULL, sum.duplicate);
		hs_json_writer_uint(w, NULL, sum.rejected);
		hs_json_writer_end(w, ']');
	}
	hs_json_writer_end(w, ']');
	return bytes;
}

/* An object of what was last refused, or null. */
static void put_last(struct hs_json_writer *w, const char *name, const struct hs_metrics_figures *figures,
                     enum hs_metric row)
{
	enum hs_result reason;
	int64_t at;

	if (!hs_metrics_last(figures, row, &reason, &at)) {
		hs_json_writer_null(w, name);
		return;
	}
	hs_json_writer_object(w, name);
	hs_json_writer_uint(w, "at", (uint64_t)at);
	hs_json_writer_text(w, "message", hs_slice_str(hs_result_info(reason)->message));
	hs_json_writer_text(w, "remedy", hs_slice_str(hs_result_info(reason)->remedy));
	hs_json_writer_end(w, '}');
}

static void put_quiet(struct hs_json_writer *w, const struct hs_metrics_figures *figures, int64_t now)
{
	struct hs_metrics_use use;
	int shown = 0;

	hs_json_writer_array(w, "quiet");
	for (size_t i = 0; i < HS_METRICS_CREDENTIALS && shown < QUIET_MOST; i++) {
		if (!hs_metrics_use(figures, i, &use) || !hs_metrics_is_quiet(&use, now))
			continue;
		hs_json_writer_object(w, NULL);
		hs_json_writer_text(w, "kind", hs_slice_str(hs_credential_name(use.kind)));
		hs_json_writer_text(w, "name", hs_slice_str(use.name));
		hs_json_writer_uint(w, "last", (uint64_t)use.last_ms);
		hs_json_writer_uint(w, "pause", (uint64_t)use.pause_ms);
		hs_json_writer_end(w, '}');
		shown++;
	}
	hs_json_writer_end(w, ']');
}

static void put_figures(struct hs_json_writer *w, int run_dir, int64_t now)
{
	struct hs_metrics_figures *figures = hs_metrics_read(run_dir);
	int64_t since = hs_metrics_since(figures);
	uint64_t bytes;

	put_bars(w, "minutes", figures, now, MINUTES, 1);
	bytes = put_bars(w, "hours", figures, now, HOURS, 60);
	hs_json_writer_uint(w, "recent_bytes", bytes);
	hs_json_writer_uint(w, "since", since > 0 ? (uint64_t)since : 0);
	hs_json_writer_uint(w, "accepted", hs_metrics_value(figures, HS_METRIC_ACCEPTED, 0));
	hs_json_writer_uint(w, "duplicate", hs_metrics_value(figures, HS_METRIC_DUPLICATES, 0));
	hs_json_writer_uint(w, "rejected", hs_metrics_value(figures, HS_METRIC_REJECTED, 0));
	hs_json_writer_uint(w, "ids", hs_metrics_value(figures, HS_METRIC_IDS, 0));
	put_last(w, "last_failure", figures, HS_METRIC_LAST_FAILURE);
	put_last(w, "last_refusal", figures, HS_METRIC_LAST_REFUSAL);
	put_quiet(w, figures, now);
	hs_metrics_figures_free(figures);
}

static enum hs_result put_disk(struct hs_json_writer *w, int dir)
{
	struct hs_sealed *list;
	struct hs_space space;
	uint64_t bytes = 0;
	struct stat st;
	size_t count;
	enum hs_result result = hs_sealed_list(dir, "events", &list, &count);

	if (result != HS_OK)
		return result;
	for (size_t i = 0; i < count; i++)
		bytes += hs_sealed_bytes(dir, "events", &list[i]);
	free(list);
	if (hs_io_stat(dir, "events.jsonl", &st) == 0)
		bytes += (uint64_t)st.st_size;
	hs_json_writer_uint(w, "segments", count + 1);
	hs_json_writer_uint(w, "bytes", bytes);
	if (hs_io_space(dir, &space) == 0)
		hs_json_writer_uint(w, "free", space.bytes);
	return HS_OK;
}

struct cursors {
	struct hs_json_writer *w;
	struct hs_position end;
};

static bool put_cursor(void *context, const struct hs_cursor_info *info)
{
	const struct cursors *c = context;
	uint64_t behind = info->position.number < c->end.number ? c->end.number - info->position.number : 0;

	hs_json_writer_object(c->w, NULL);
	hs_json_writer_text(c->w, "name", hs_slice_str(info->name));
	hs_json_writer_bool(c->w, "damaged", info->damaged);
	hs_json_writer_bool(c->w, "held", info->held);
	hs_json_writer_uint(c->w, "saved", info->saved_ms > 0 ? (uint64_t)info->saved_ms : 0);
	hs_json_writer_uint(c->w, "segments", behind);
	if (behind == 0)
		hs_json_writer_uint(c->w, "bytes",
		                    info->position.offset < c->end.offset ? c->end.offset - info->position.offset : 0);
	hs_json_writer_end(c->w, '}');
	return true;
}

/* Prints figures of the spool; none if it cannot be read. */
static enum hs_result put_spool(struct hs_json_writer *w, const struct hs_settings *settings, int64_t now)
{
	struct cursors cursors = { .w = w };
	struct hs_reader *reader;
	enum hs_result result = hs_reader_open_quietly(settings, &reader);

	if (result != HS_OK)
		return result;
	result = hs_reader_end(reader, &cursors.end);
	if (result == HS_OK)
		result = put_disk(w, hs_reader_dir(reader)->fd);
	if (result == HS_OK) {
		put_figures(w, hs_reader_dir(reader)->run_dir, now);
		hs_json_writer_array(w, "cursors");
		result = hs_cursor_list(hs_reader_dir(reader)->private_dir, put_cursor, &cursors);
		hs_json_writer_end(w, ']');
	}
	hs_reader_close(reader);
	return result;
}

static void put_overview(struct hs_exchange *exchange)
{
	const struct hs_store_ops *store = exchange->scratch->store;
	struct hs_json_writer w = { .out = &exchange->page_text };
	bool catching_up = false;
	enum hs_result health, read;

	health = store->health(store->self, &catching_up);
	hs_json_writer_object(&w, NULL);
	hs_json_writer_uint(&w, "now", (uint64_t)store->now());
	hs_json_writer_text(&w, "version", HS_SLICE(HS_VERSION));
	hs_json_writer_bool(&w, "https", hs_session_is_https(exchange));
	put_url(exchange, &w);
	read = put_spool(&w, exchange->settings, store->now());
	put_state(&w, health != HS_OK ? health : read, catching_up);
	hs_json_writer_end(&w, '}');
	hs_buf_putc(&exchange->page_text, '\n');
}

/* A spool that is gone or fails is what the page is there to tell: it is no error of the request. */
void hs_handle_console_overview(struct hs_exchange *exchange)
{
	enum hs_result result = hs_console_begin(exchange, NULL);

	if (result == HS_OK)
		put_overview(exchange);
	hs_console_answer(exchange, result);
}

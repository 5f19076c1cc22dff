/* hookspool stats: counts what is in the spool. */
#include "base/io.h"
#include "base/json_writer.h"
#include "base/timestamp.h"
#include "event/top_counts.h"
#include "spool/admin/dead_letters.h"
#include "spool/write/rejected.h"
#include "tools/command.h"
#include "tools/probe/sample_events.h"
#include "tools/report/bar_table.h"
#include "tools/report/consumer_lag.h"
#include "tools/report/erase_waiting.h"
#include "tools/report/filter.h"
#include "tools/report/fold.h"
#include "tools/report/metrics_report.h"
#include "tools/report/progress.h"
#include "tools/report/rejected_reader.h"
#include "tools/report/room.h"
#include "tools/report/ship_report.h"
#include "tools/report/terminal.h"
#include "tools/sink/event_source.h"
#include "tools/sink/routing_rules.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { TOP = 10, DAY = 10 /* bytes of 2026-11-23 */, HANGING = 2 /* columns, of a line that goes on */ };
enum { BY_TYPE, BY_EVENT, BY_TENANT, BY_DAY, BY_REASON, TALLIES };

struct stats {
	const char *config;
	bool json;
	size_t top;
	struct hs_filter filter;

	struct hs_event_source source;
	struct hs_progress progress;
	struct hs_position end;
	struct hs_consumer_lag lag;
	struct hs_erase_waiting erases;
	struct hs_metrics_figures *metrics; /* NULL: not available */
	struct hs_ship_figures ship;
	struct hs_room room;
	struct hs_top_counts counts[TALLIES];
	uint64_t records, bytes, rejected, rejected_bytes;
	struct hs_dead_letters_size failed;
	int64_t first_ms, last_ms; /* of records whose time can be read */
	bool no_memory;
	struct hs_buf scratch, out;
};

/* --- the command line --------------------------------------------------------------- */

enum { OPTION_TOP = HS_OPT_OWN };

/* clang-format off */
static const struct hs_option stats_options[] = {
	{ "top", "N", OPTION_TOP, "rows of each table; 10, and with --json all" },
	HS_FILTER_OPTIONS,
	HS_OPTION_JSON,
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};
/* clang-format on */

static bool take_option(struct stats *s, int option)
{
	uint64_t n;

	switch (option) {
	case HS_OPT_CONFIG: s->config = optarg; return true;
	case HS_OPT_JSON: s->json = true; return true;
	case OPTION_TOP:
		if (!hs_option_number("top", optarg, 1, HS_TOP_COUNTS_NAMES, &n))
			return false;
		s->top = (size_t)n;
		return true;
	default:
		if (option >= HS_FILTER_OPTION)
			return hs_filter_option(&s->filter, "stats", option, optarg);
		hs_usage("stats");
		return false;
	}
}

static bool read_options(int argc, char **argv, struct stats *s)
{
	int option;

	while ((option = hs_option(argc, argv)) != -1)
		if (!take_option(s, option))
			return false;
	if (optind != argc) {
		hs_usage_surplus("stats", argv);
		return false;
	}
	if (s->top == 0)
		s->top = s->json ? HS_TOP_COUNTS_NAMES : TOP;
	return true;
}

/* --- records ------------------------------------------------------------------------ */

static bool read_time(struct stats *s, const struct hs_record_head *m, int64_t *ms)
{
	return hs_timestamp_parse(hs_record_field_text(&m->leaf[HS_HEAD_TIMESTAMP], &s->scratch), ms) ||
	       hs_timestamp_parse(hs_record_field_text(&m->leaf[HS_HEAD_SPOOLED_AT], &s->scratch), ms);
}

static bool count_time(struct stats *s, const struct hs_record_head *m, uint64_t bytes)
{
	char text[HS_TIMESTAMP_TEXT + 1];
	int64_t ms;

	if (!read_time(s, m, &ms))
		return true;
	if (s->counts[BY_DAY].count == 0 || ms < s->first_ms)
		s->first_ms = ms;
	if (s->counts[BY_DAY].count == 0 || ms > s->last_ms)
		s->last_ms = ms;
	hs_timestamp_text(ms, text);
	return hs_top_counts_add(&s->counts[BY_DAY], hs_slice(text, DAY), bytes);
}

/* False: out of memory. */
static bool count_record(struct stats *s, struct hs_slice line)
{
	uint64_t bytes = line.n + 1;
	struct hs_record_head m;
	int passed = hs_filter_passes(&s->filter, line);

	if (passed <= 0)
		return passed == 0;
	hs_record_head_read(&m, line);
	s->records++;
	s->bytes += bytes;
	return hs_top_counts_add_field(&s->counts[BY_TYPE], &m.leaf[HS_HEAD_TYPE], bytes) &&
	       hs_top_counts_add_field(&s->counts[BY_EVENT], &m.leaf[HS_HEAD_EVENT], bytes) &&
	       hs_top_counts_add_field(&s->counts[BY_TENANT], &m.leaf[HS_HEAD_TENANT], bytes) &&
	       count_time(s, &m, bytes);
}

static const enum hs_summary_kind kind_of[TALLIES] = { [BY_TYPE] = HS_SUMMARY_TYPES,
	                                               [BY_EVENT] = HS_SUMMARY_EVENTS,
	                                               [BY_TENANT] = HS_SUMMARY_TENANTS,
	                                               [BY_DAY] = HS_SUMMARY_DAYS };

/*
 * Adds a part of the summary to the counts (NULL: to none). False: there is none, it does not name all, or
 * no memory.
 */
static bool add_part(struct hs_summary_reader *summary, int by, struct hs_top_counts *counts)
{
	struct hs_slice part = hs_summary_read(summary, kind_of[by]), name;
	struct hs_summary_counts rows;
	uint64_t records, bytes;
	int got;

	if (part.p == NULL || !hs_summary_counts_start(&rows, part) || rows.more_records > 0)
		return false;
	while ((got = hs_summary_counts_next(&rows, &name, &records, &bytes)) > 0)
		if (counts != NULL && !hs_top_counts_add_many(counts, name, records, bytes))
			return false;
	return got == 0;
}

static void add_times(struct stats *s, const struct hs_summary *head)
{
	if (head->timed == 0)
		return;
	if (s->counts[BY_DAY].count == 0 || head->first_time < s->first_ms)
		s->first_ms = head->first_time;
	if (s->counts[BY_DAY].count == 0 || head->last_time > s->last_ms)
		s->last_ms = head->last_time;
}

/* Counts a segment by its summary. False: its lines have to be read. */
static bool count_summary(struct stats *s, struct hs_summary_reader *summary)
{
	const struct hs_summary *head = &summary->head;

	for (int by = 0; by < BY_REASON; by++)
		if (!add_part(summary, by, NULL))
			return false;
	if (!hs_consumer_lag_segment(&s->lag, head->number, head->lines, head->text_bytes))
		return false;
	add_times(s, head);
	for (int by = 0; by < BY_REASON; by++)
		s->no_memory |= !add_part(summary, by, &s->counts[by]);
	s->records += head->lines;
	s->bytes += head->text_bytes;
	return true;
}

/* For hs_reader_choose: true if the lines have to be read. */
static bool must_read(void *context, struct hs_summary_reader *summary)
{
	struct stats *s = context;
	const struct hs_summary *head = &summary->head;

	if (hs_filter_all_pass(&s->filter, summary))
		return !count_summary(s, summary);
	return hs_filter_may_pass(&s->filter, summary) ||
	       !hs_consumer_lag_segment(&s->lag, head->number, head->lines, head->text_bytes);
}

/* Reads up to s->end. Returns 0 or the exit code. */
static int count_records(struct stats *s)
{
	struct hs_reader *reader = s->source.reader;
	int code = 0;

	hs_reader_choose(reader, must_read, s);
	for (unsigned n = 1; code == 0 && !hs_reader_has_passed(reader, s->end); n++) {
		struct hs_slice line;
		enum hs_read what = hs_reader_next(reader, &line);

		if (what == HS_READ_END)
			return 0;
		if (what == HS_READ_SKIPPED) {
			hs_event_source_show(&s->source, &s->progress, s->end, s->lag.bytes);
			continue;
		}
		if (what != HS_READ_LINE) {
			hs_progress_clear(&s->progress);
			code = hs_event_source_trouble(&s->source, what);
			continue;
		}
		hs_consumer_lag_line(&s->lag, hs_reader_position(reader), line);
		if (!count_record(s, line))
			code = hs_event_source_result(&s->source, HS_E_MEMORY);
		if (n % HS_EVENT_SOURCE_LINES == 0) {
			hs_event_source_show(&s->source, &s->progress, s->end, s->lag.bytes);
			if (hs_stop_asked())
				return 0;
		}
	}
	return code;
}

/* --- rejected events ------------------------------------------------------------------ */

/* Rejected lines can be filtered by time and tenant alone. */
static bool shows_rejected(const struct stats *s)
{
	const struct hs_filter *f = &s->filter;

	return f->by[HS_BY_TYPE].count + f->by[HS_BY_EVENT].count + f->by[HS_BY_USER].count == 0;
}

static bool count_reason(struct stats *s, const struct hs_rejected_line *r, uint64_t bytes)
{
	hs_buf_reset(&s->scratch);
	hs_record_field_put(&r->message, &s->scratch);
	return hs_buf_ok(&s->scratch) &&
	       hs_top_counts_add(&s->counts[BY_REASON], hs_rejected_reason(hs_buf_slice(&s->scratch)), bytes);
}

/* A rejected body need not be JSON, so the test user's name is searched for in the text. */
static bool is_left_out(const struct stats *s, struct hs_slice line)
{
	return s->filter.no_test && memmem(line.p, line.n, HS_TEST_USER, sizeof HS_TEST_USER - 1) != NULL;
}

/* Returns false to stop the walk. */
static bool count_rejected(void *context, struct hs_slice line)
{
	struct stats *s = context;
	struct hs_rejected_line r;
	int passed;

	hs_rejected_line_read(&r, line);
	passed = hs_rejected_line_passes(&r, &s->filter);
	s->no_memory = passed < 0;
	if (passed <= 0 || is_left_out(s, line))
		return passed >= 0 && !hs_stop_asked();
	s->rejected++;
	s->rejected_bytes += line.n + 1;
	s->no_memory = r.message.name.p != NULL && !count_reason(s, &r, line.n + 1);
	return !s->no_memory && !hs_stop_asked();
}

static enum hs_result count_all_rejected(struct stats *s)
{
	enum hs_result r = hs_rejected_reader_walk(hs_reader_dir(s->source.reader), count_rejected, s);

	return s->no_memory ? HS_E_MEMORY : r;
}

/* --- as JSON -------------------------------------------------------------------------- */

static void put_time(struct hs_json_writer *w, const char *name, bool is_known, int64_t ms)
{
	if (is_known)
		hs_json_writer_time(w, name, ms);
	else
		hs_json_writer_null(w, name);
}

static void put_row(struct hs_json_writer *w, const struct hs_top_counts_row *row)
{
	hs_json_writer_object(w, NULL);
	hs_json_writer_text_or_null(w, "name", hs_slice(row->name, row->n));
	hs_json_writer_uint(w, "records", row->records);
	hs_json_writer_uint(w, "bytes", row->bytes);
	hs_json_writer_end(w, '}');
}

static void put_counts(const struct stats *s, struct hs_json_writer *w, const char *name, int by)
{
	const struct hs_top_counts *t = &s->counts[by];
	struct hs_top_counts_row rest = hs_top_counts_rest(t, s->top);

	hs_json_writer_array(w, name);
	for (size_t i = 0; i < t->count && i < s->top; i++)
		put_row(w, &t->row[i]);
	if (rest.records > 0)
		put_row(w, &rest);
	hs_json_writer_end(w, ']');
}

static void put_rejected(const struct stats *s, struct hs_json_writer *w)
{
	hs_json_writer_line(w);
	hs_json_writer_object(w, "rejected");
	hs_json_writer_uint(w, "records", s->rejected);
	hs_json_writer_uint(w, "bytes", s->rejected_bytes);
	put_counts(s, w, "reasons", BY_REASON);
	hs_json_writer_end(w, '}');
}

static void put_failed(const struct stats *s, struct hs_json_writer *w)
{
	hs_json_writer_line(w);
	hs_json_writer_object(w, "failed");
	hs_json_writer_uint(w, "bytes", s->failed.bytes);
	put_time(w, "oldest", s->failed.oldest_ms > 0, s->failed.oldest_ms);
	hs_json_writer_end(w, '}');
}

static void put_cursor(struct hs_json_writer *w, const struct hs_consumer_lag_cursor *c)
{
	hs_json_writer_object(w, NULL);
	hs_json_writer_text(w, "name", hs_slice_str(c->name));
	hs_json_writer_uint(w, "records", c->records);
	hs_json_writer_uint(w, "bytes", c->bytes);
	hs_json_writer_text_or_null(w, "oldest", c->oldest[0] != '\0' ? hs_slice_str(c->oldest) : HS_SLICE_NONE);
	put_time(w, "saved_at", !c->damaged, c->saved_ms);
	hs_json_writer_bool(w, "in_use", c->held);
	hs_json_writer_bool(w, "usable", !c->damaged && !c->ahead);
	hs_json_writer_end(w, '}');
}

static void put_json(struct stats *s)
{
	static const char *const name[] = { "types", "events", "tenants", "days" };
	struct hs_json_writer w = { .out = &s->out };
	bool dated = s->counts[BY_DAY].count > 0;

	hs_json_writer_object(&w, NULL);
	hs_json_writer_uint(&w, "records", s->records);
	hs_json_writer_uint(&w, "bytes", s->bytes);
	put_time(&w, "first", dated, s->first_ms);
	put_time(&w, "last", dated, s->last_ms);
	for (int by = BY_TYPE; by <= BY_DAY; by++) {
		hs_json_writer_line(&w);
		put_counts(s, &w, name[by], by);
	}
	if (shows_rejected(s))
		put_rejected(s, &w);
	if (s->failed.bytes > 0)
		put_failed(s, &w);
	hs_json_writer_line(&w);
	hs_json_writer_uint(&w, "duplicates", hs_metrics_value(s->metrics, HS_METRIC_DUPLICATES, 0));
	hs_json_writer_line(&w);
	hs_json_writer_uint(&w, "conflicting", hs_metrics_value(s->metrics, HS_METRIC_CONFLICTING, 0));
	hs_json_writer_line(&w);
	hs_json_writer_array(&w, "cursors");
	for (size_t i = 0; i < s->lag.count; i++)
		put_cursor(&w, &s->lag.cursor[i]);
	hs_json_writer_end(&w, ']');
	hs_room_json(&s->room, &w);
	hs_erase_waiting_json(&s->erases, &w);
	hs_ship_report_json(&s->ship, &w);
	hs_metrics_report_json(s->metrics, hs_io_now(), &w);
	hs_json_writer_end(&w, '}');
	hs_buf_putc(&s->out, '\n');
}

static void put_dropped(struct stats *s)
{
	uint64_t dropped = hs_metrics_value(s->metrics, HS_METRIC_DROPPED, 0);

	if (dropped > 0)
		hs_buf_printf(&s->out, "%" PRIu64 " events dropped by the rules since the machine started\n", dropped);
}

/* --- as tables ------------------------------------------------------------------------ */

static void put_failed_line(struct stats *s)
{
	char bytes[HS_BAR_TABLE_BYTES], since[HS_TIMESTAMP_TEXT + 1];

	if (s->failed.bytes == 0)
		return;
	hs_bar_table_bytes(s->failed.bytes, bytes);
	hs_buf_printf(&s->out, "\n%s in failed.jsonl", bytes);
	if (s->failed.oldest_ms == 0)
		return;
	hs_timestamp_text(s->failed.oldest_ms, since);
	hs_buf_printf(&s->out, ", since %s", since);
}

static void put_head(struct stats *s)
{
	char bytes[HS_BAR_TABLE_BYTES], first[HS_TIMESTAMP_TEXT + 1], last[HS_TIMESTAMP_TEXT + 1];
	uint64_t conflicting = hs_metrics_value(s->metrics, HS_METRIC_CONFLICTING, 0);
	char *empty = hs_event_source_empty(&s->source, s->end);

	hs_bar_table_bytes(s->bytes, bytes);
	hs_buf_printf(&s->out, "%" PRIu64 " records, %s", s->records, bytes);
	hs_timestamp_text(s->first_ms, first);
	hs_timestamp_text(s->last_ms, last);
	if (s->counts[BY_DAY].count > 0)
		hs_buf_printf(&s->out, ", from %s to %s", first, last);
	hs_bar_table_bytes(s->rejected_bytes, bytes);
	if (shows_rejected(s))
		hs_buf_printf(&s->out, "\n%" PRIu64 " rejected, %s", s->rejected, bytes);
	if (empty != NULL) {
		hs_buf_putc(&s->out, '\n');
		hs_buf_put_slice(&s->out, hs_slice_str(empty));
	}
	free(empty);
	put_failed_line(s);
	hs_buf_printf(&s->out, "\n%" PRIu64 " duplicates since the machine started\n",
	              hs_metrics_value(s->metrics, HS_METRIC_DUPLICATES, 0));
	if (conflicting > 0)
		hs_buf_printf(&s->out,
		              "%" PRIu64 " of them conflicting: their message id was that of another event, which "
		              "was kept\n",
		              conflicting);
	put_dropped(s);
}

static void put_lag(struct stats *s)
{
	size_t width = strlen("cursor");

	for (size_t i = 0; i < s->lag.count; i++)
		if (strlen(s->lag.cursor[i].name) > width)
			width = strlen(s->lag.cursor[i].name);
	if (s->lag.count > 0)
		hs_buf_printf(&s->out, "\n%-*s      behind       bytes  oldest\n", (int)width, "cursor");
	for (size_t i = 0; i < s->lag.count; i++) {
		const struct hs_consumer_lag_cursor *c = &s->lag.cursor[i];
		char bytes[HS_BAR_TABLE_BYTES];

		hs_bar_table_bytes(c->bytes, bytes);
		hs_buf_printf(&s->out, "%-*s%12" PRIu64 "%12s  %s%s\n", (int)width, c->name, c->records, bytes,
		              c->error != 0 ? "cannot be read: see hookspool cursors"
		              : c->damaged  ? "damaged: remove it to start afresh"
		              : c->ahead    ? "of another spool: remove it to start afresh"
		                            : c->oldest,
		              c->held ? " in use" : "");
	}
	if (s->lag.more)
		hs_buf_printf(&s->out, "and more than %d other cursors\n", HS_CONSUMER_LAG_CURSORS);
	hs_erase_waiting_put(&s->erases, &s->out);
}

static void put_tables(struct stats *s)
{
	static const char *const title[TALLIES] = { "type", "event", "tenant", "day", "rejected" };
	struct hs_bar_table table = { hs_bar_table_columns(STDOUT_FILENO), hs_command_colours(stdout) };
	size_t from;

	put_head(s);
	hs_fold(&s->out, 0, table.columns, HANGING);
	for (int by = 0; by < TALLIES; by++)
		hs_bar_table_put(&table, title[by], &s->counts[by], s->top, &s->out);
	from = s->out.n;
	put_lag(s);
	hs_room_put(&s->room, &s->out);
	hs_ship_report_text(&s->ship, &s->out);
	hs_metrics_report_text(s->metrics, s->top, hs_io_now(), &s->out);
	hs_fold(&s->out, from, table.columns, HANGING);
}

/* --- the whole ------------------------------------------------------------------------- */

static int print(struct stats *s)
{
	for (int by = 0; by < TALLIES; by++)
		hs_top_counts_sort(&s->counts[by], by == BY_DAY);
	if (s->json)
		put_json(s);
	else
		put_tables(s);
	if (s->json && isatty(STDOUT_FILENO) == 1) /* the tables are safe already, and have colours */
		hs_terminal_clean(&s->out, 0);
	if (!hs_buf_ok(&s->out))
		return hs_event_source_result(&s->source, HS_E_MEMORY);
	return fwrite(s->out.p, 1, s->out.n, stdout) == s->out.n ? 0 : EX_IOERR; /* hs_command_end says why */
}

static int count(struct stats *s)
{
	enum hs_result r = hs_consumer_lag_start(&s->lag, hs_reader_dir(s->source.reader));
	int code;

	if (r == HS_OK)
		r = hs_reader_end(s->source.reader, &s->end);
	if (r != HS_OK)
		return hs_event_source_result(&s->source, r);
	code = count_records(s);
	if (code == 0 && s->no_memory)
		code = hs_event_source_result(&s->source, HS_E_MEMORY);
	if (code == 0 && shows_rejected(s))
		code = hs_event_source_result(&s->source, count_all_rejected(s));
	if (code == 0 && shows_rejected(s))
		code = hs_event_source_result(
		    &s->source, hs_dead_letters_look(hs_reader_dir(s->source.reader)->fd, hs_io_now(), &s->failed));
	if (code == 0)
		code = hs_event_source_result(&s->source,
		                              hs_erase_waiting_read(&s->erases, hs_reader_dir(s->source.reader)));
	hs_consumer_lag_end(&s->lag, s->end);
	s->metrics = hs_metrics_read(hs_reader_dir(s->source.reader)->run_dir);
	if (code == 0 && s->metrics == NULL && errno == ENOMEM)
		code = hs_event_source_result(&s->source, HS_E_MEMORY);
	s->room = hs_room_find(hs_reader_dir(s->source.reader), s->metrics, hs_io_now());
	hs_ship_figures_read(&s->ship, hs_reader_dir(s->source.reader)->private_dir);
	return code;
}

static int run(struct stats *s)
{
	uint64_t seed = hs_io_random();
	int code;

	for (int by = 0; by < TALLIES; by++)
		s->counts[by].seed = seed;
	hs_stop_catch();
	hs_progress_begin(&s->progress);
	code = count(s);
	hs_progress_clear(&s->progress);
	if (code == 0 && !hs_stop_asked())
		code = print(s);
	for (int by = 0; by < TALLIES; by++)
		hs_top_counts_free(&s->counts[by]);
	hs_consumer_lag_free(&s->lag);
	hs_erase_waiting_free(&s->erases);
	hs_metrics_figures_free(s->metrics);
	hs_buf_free(&s->scratch);
	hs_buf_free(&s->out);
	return hs_event_source_close(&s->source, code);
}

static int cmd_stats(int argc, char **argv)
{
	struct stats *s = calloc(1, sizeof *s);
	int code = 2;

	if (s == NULL)
		return EX_OSERR;
	if (read_options(argc, argv, s))
		code = hs_event_source_open(&s->source, argv[0], s->config, NULL, NULL);
	if (code == 0)
		code = run(s);
	hs_filter_free(&s->filter);
	free(s);
	hs_stop_finish();
	return code;
}

const struct hs_command hs_command_stats = {
	.name = "stats",
	.run = cmd_stats,
	.options = stats_options,
	.help = "count types, events, tenants, days, rejected events, and how far each cursor is behind",
};

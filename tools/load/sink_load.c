#include "tools/load/sink_load.h"
#include "base/io.h"
#include "base/json_writer.h"
#include "base/timestamp.h"
#include "event/record_fields.h"
#include "spool/admin/dead_letters.h"
#include "spool/admin/erase_requests.h"
#include "spool/position/record_check.h"
#include "tools/command.h"
#include "tools/load/erase_requests.h"
#include "tools/load/label_watch.h"
#include "tools/report/terminal.h"
#include "tools/sink/pump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum { KEPT_BYTES = 64 * 1024 /* of a line that a long record has made longer */ };

struct load_sink {
	struct hs_sink sink; /* first: both have one address */
	struct hs_sink_load_options options;
	struct hs_target *target;
	struct hs_loader *loader;
	struct hs_pump *pump;
	struct hs_position written; /* after the last record */
	uint64_t gone;              /* segments, of those that the reader misses, that the loader knows of */
	int64_t first_ms;           /* when the first record of the batch came; 0: the batch is empty */
	struct hs_buf line;
	struct hs_progress progress; /* while it follows; the pump shows the others */
	struct hs_load_requests requests;
	struct hs_label_watch labels; /* while there are no tenants */
};

static struct load_sink *of(struct hs_sink *sink)
{
	return (struct load_sink *)sink;
}

/* --- dead letters --------------------------------------------------------------------- */

static void put_letter(struct load_sink *s, struct hs_slice record, const char *why)
{
	struct hs_json_writer w = { .out = &s->line };

	hs_buf_reset(&s->line);
	hs_json_writer_object(&w, NULL);
	hs_json_writer_time(&w, "failed_at", hs_io_now());
	hs_json_writer_text(&w, "cursor", hs_slice_str(s->target->name));
	hs_json_writer_text(&w, "on", hs_slice_str(s->options.to));
	hs_json_writer_uint(&w, "status", 0);
	hs_json_writer_uint(&w, "tries", 1);
	hs_json_writer_text(&w, "message", hs_slice_str(why));
	hs_json_writer_raw(&w, "record", record);
	hs_json_writer_end(&w, '}');
	hs_buf_putc(&s->line, '\n');
}

/* A dry run has no cursor, and leaves no trace. */
static bool is_dry(const struct load_sink *s)
{
	return hs_pump_reads(s->pump)->source.cursor == NULL;
}

static enum hs_result refuse(void *context, struct hs_slice record, struct hs_position after, const char *why)
{
	struct load_sink *s = context;
	struct hs_reader *reader = hs_pump_reads(s->pump)->source.reader;
	const struct hs_spool_dir *dir = hs_reader_dir(reader);
	struct hs_record_origin of = { hs_reader_rewrites(reader), after };
	struct hs_dead_letters_origin from = { .look = hs_record_origin_look, .context = &of };
	enum hs_result result = HS_E_MEMORY;

	if (is_dry(s))
		return HS_OK;
	of.begin.offset -= record.n + 1;
	put_letter(s, record, why);
	if (hs_buf_ok(&s->line))
		result =
		    hs_dead_letters_append(dir, hs_buf_slice(&s->line), (uint64_t)dir->settings->failed_max, &from);
	hs_buf_shrink(&s->line, KEPT_BYTES);
	return result;
}

/* --- the sink ---------------------------------------------------------------------------- */

/*
 * A new name in the database. A cursor of that name may be there: of another database, of this one before it was
 * lost, or of a start that never came to its first commit. The database is right.
 */
static int begin_anew(struct load_sink *s, struct hs_sink_start *start)
{
	const struct hs_event_source *source = &hs_pump_reads(s->pump)->source;
	enum hs_result result = HS_OK;

	if (source->fresh)
		return 0;
	fprintf(stderr, "hookspool %s: the database has no position of this --name, so it begins at %s\n",
	        s->options.loader.command, s->options.since != NULL ? "--since" : "the oldest event");
	start->given = true;
	if (s->options.since != NULL) {
		result = hs_event_source_from(source->reader, s->options.since);
		start->position = hs_reader_position(source->reader);
	}
	return result == HS_OK ? 0 : hs_event_source_result(source, result);
}

/* Where the database is, in a line. NULL: out of memory. The caller frees it. */
static char *place_of(const struct hs_target *t)
{
	bool is_file = strcmp(t->ops->name, "sqlite") == 0;
	char *path = is_file ? realpath(strchr(t->url, ':') + 1, NULL) : NULL, *place;

	if (asprintf(&place, "%s%s schema=%s prefix=%s", path != NULL ? "sqlite:" : t->url, path != NULL ? path : "",
	             t->schema, t->prefix) < 0)
		place = NULL;
	free(path);
	return place;
}

/*
 * From now on an erase tells this database. The reader opens its segment anew, since the one that it has may be the
 * file before an erase that did not.
 */
static int begin_requests(struct load_sink *s)
{
	struct hs_reader *reader = hs_pump_reads(s->pump)->source.reader;
	char *place = place_of(s->target);
	int code;

	if (place == NULL)
		return EX_OSERR;
	s->requests = (struct hs_load_requests){ .dir = hs_reader_dir(reader),
		                                 .loader = s->loader,
		                                 .database = s->target->name,
		                                 .place = place,
		                                 .tenant = s->options.tenant,
		                                 .ignore_deletes = s->options.loader.ignore_deletes,
		                                 .quiet = s->options.quiet,
		                                 .command = s->options.loader.command };
	code = hs_load_requests_begin(&s->requests);
	s->requests.place = NULL;
	free(place);
	if (code == 0)
		hs_reader_start(reader, hs_reader_position(reader));
	return code;
}

/*
 * False after a message, if the cursor is that of another command: it would pass what that has not got yet. A loader
 * has left its marker before its cursor.
 */
static bool has_cursor_of_its_own(const struct load_sink *s, const struct hs_target_position *at)
{
	const struct hs_event_source *source = &hs_pump_reads(s->pump)->source;

	if (is_dry(s) || at->found || source->fresh ||
	    hs_erase_requests_is_marked(hs_reader_dir(source->reader)->private_dir, s->target->name))
		return true;
	fprintf(
	    stderr,
	    "hookspool %s: the cursor %s is that of another command, such as each or tail, which would miss what this "
	    "one loads: give the loader another --name\n",
	    s->options.loader.command, s->target->name);
	return false;
}

/*
 * 0 if the spool has the position of the database; else an exit code after a message. The spool may have been restored
 * to a time before it, and have other events since.
 */
static int check_fit(const struct load_sink *s, struct hs_position position)
{
	const struct hs_event_source *source = &hs_pump_reads(s->pump)->source;
	enum hs_fit fit = HS_FIT;
	enum hs_result result = hs_reader_fit(source->reader, position, &fit);

	if (result != HS_OK)
		return hs_event_source_result(source, result);
	if (fit != HS_FIT_NOT)
		return 0;
	fprintf(stderr,
	        "hookspool %s: the position in the database is not in this spool, which was restored or replaced: "
	        "remove the row of %s from %shookspool_load; then the loader begins at the oldest event, and what "
	        "the database has already stays as it is\n",
	        s->options.loader.command, s->target->name, s->target->prefix);
	return EX_DATAERR;
}

static bool is_asked_to_stop(void *context)
{
	struct load_sink *s = context;

	return hs_pump_is_asked_to_stop(s->pump);
}

static int open_sink(struct hs_sink *sink, struct hs_sink_start *start)
{
	struct load_sink *s = of(sink);
	struct hs_target_position at;
	int code;

	s->options.loader.spool = hs_reader_dir(hs_pump_reads(s->pump)->source.reader)->history.id;
	s->options.loader.refused = refuse;
	s->options.loader.stop = is_asked_to_stop;
	s->options.loader.context = s;
	s->loader = hs_loader_new(&s->options.loader, s->target);
	if (s->loader == NULL)
		return EX_OSERR;
	code = hs_loader_open(s->loader, &at);
	if (code != 0)
		return code;
	if (at.found && s->options.since != NULL) {
		fprintf(stderr, "hookspool %s: --since is for the first start: this --name has a position already\n",
		        s->options.loader.command);
		return 2;
	}
	if (at.found) {
		start->given = true;
		start->position = (struct hs_position){ at.number, at.offset, at.edit, at.before };
	}
	hs_loader_begin_at(s->loader, &at);
	code = at.found ? check_fit(s, start->position) : 0;
	if (code != 0)
		return code;
	if (!has_cursor_of_its_own(s, &at))
		return 2;
	if (!is_dry(s))
		code = begin_requests(s);
	if (code != 0)
		return code;
	if (s->options.loader.watch)
		hs_progress_begin(&s->progress);
	return at.found ? 0 : begin_anew(s, start);
}

/* Seconds since the record was spooled; 0 if it does not tell. */
static double age_of(struct hs_slice line)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;
	int64_t ms, now = hs_io_now();

	while (hs_record_field_next(&walk, &field))
		if (hs_slice_eq(field.name, HS_SLICE("spooled_at")) && hs_timestamp_parse(field.value, &ms) && ms < now)
			return (double)(now - ms) / 1000;
	return 0;
}

/* Records, rate and lag on a terminal. */
static void show(struct load_sink *s, double behind)
{
	uint64_t records = hs_loader_counts(s->loader).records;
	int64_t ms = hs_io_now_monotonic() - s->progress.begun_ms;

	hs_progress_show(&s->progress, "%" PRIu64 " records, %" PRIu64 "/s, %.1f s behind", records,
	                 ms > 0 ? records * 1000 / (uint64_t)ms : 0, behind);
}

/* The seconds that the first record after the last written one has waited; 0: there is none. */
static double behind_of(struct load_sink *s)
{
	struct hs_reader *reader = hs_pump_reads(s->pump)->source.reader;
	struct hs_slice line;

	return hs_reader_next(reader, &line) == HS_READ_LINE ? age_of(line) : 0;
}

void hs_sink_load_sum_up(struct hs_sink *sink)
{
	struct load_sink *s = of(sink);
	struct hs_loader_counts c = hs_sink_load_counts(sink);
	struct hs_buf misfits = { 0 };

	if (s->options.quiet || s->loader == NULL)
		return;
	hs_misfits_put(hs_loader_misfits(s->loader), &misfits);
	hs_terminal_printf(stderr,
	                   "hookspool load: %" PRIu64 " records, %" PRIu64 " rows, %" PRIu64 " tables and %" PRIu64
	                   " columns new, %" PRIu64 " values in _rest%.*s, %" PRIu64 " failed",
	                   c.records, c.rows, c.tables, c.columns, c.rest, (int)misfits.n,
	                   misfits.n > 0 ? misfits.p : "", c.refused);
	if (c.erased > 0)
		fprintf(stderr, ", %" PRIu64 " rows erased", c.erased);
	if (c.gone > 0)
		fprintf(stderr, ", %" PRIu64 " segments gone", c.gone);
	if (c.damaged > 0)
		fprintf(stderr, ", %" PRIu64 " damaged lines", c.damaged);
	fprintf(stderr, ", %.1f s behind\n", behind_of(s));
	hs_misfits_tell(hs_loader_misfits(s->loader), "load", false);
	hs_buf_free(&misfits);
}

/* False after a message, if there are tenants since it began, whose records are not to meet in one table. */
static bool knows_tenants(struct load_sink *s)
{
	if (s->options.tenant != NULL || is_dry(s) || !hs_label_watch_finds(&s->labels))
		return true;
	fprintf(
	    stderr,
	    "hookspool %s: the settings have labels now, and this loader began when there were none: go on with "
	    "--tenant -, or tenant=- in its line of [load], for the records without one, and start a loader for each "
	    "label\n",
	    s->options.loader.command);
	s->sink.code = EX_CONFIG;
	return false;
}

/* Carries out requests of `hookspool erase`, now and then, or `now`. Everything before `done` is in the database. */
static void look_for_requests(struct load_sink *s, struct hs_position done, bool now)
{
	if (is_dry(s) || s->sink.code != 0 || (!now && hs_load_requests_due(&s->requests) > 0))
		return;
	if (s->target->ops->tidy != NULL)
		s->target->ops->tidy(s->target);
	if (knows_tenants(s))
		s->sink.code = hs_load_requests_look(&s->requests, done);
}

/* Looks where everything that the reader has returned is in the database, if it is. */
static void look_at_end(struct load_sink *s, bool now)
{
	if (hs_loader_waiting(s->loader) == 0)
		look_for_requests(s, hs_reader_position(hs_pump_reads(s->pump)->source.reader), now);
}

static bool write_batch(struct load_sink *s)
{
	double behind = s->progress.terminal ? age_of(hs_loader_last(s->loader)) : 0;

	hs_progress_clear(s->sink.progress);
	hs_progress_clear(&s->progress);
	s->first_ms = 0;
	if (!knows_tenants(s))
		return false;
	s->sink.code = hs_loader_flush(s->loader);
	if (s->sink.code != 0)
		return false;
	s->written = hs_loader_position(s->loader);
	show(s, behind);
	look_for_requests(s, s->written, false);
	return s->sink.code == 0;
}

static bool offer(struct hs_sink *sink, const struct hs_offered *record)
{
	struct load_sink *s = of(sink);
	uint64_t gone = hs_pump_reads(s->pump)->gone;

	hs_loader_note_gone(s->loader, gone - s->gone);
	s->gone = gone;
	for (int try = 0; try < 2; try++) {
		if (hs_loader_add(s->loader, record->line, record->after, &sink->code)) {
			if (s->first_ms == 0)
				s->first_ms = hs_io_now_monotonic();
			return !hs_loader_must_flush(s->loader) || write_batch(s);
		}
		if (sink->code != 0 || !write_batch(s))
			return false;
	}
	sink->code = EX_OSERR;
	return false;
}

/* With --once nothing more comes after the end, so the last batch does not wait for its time. */
static void flush(struct hs_sink *sink, unsigned partition)
{
	struct load_sink *s = of(sink);

	(void)partition;
	if (s->options.loader.once && s->first_ms != 0 && hs_pump_input_is_through(hs_pump_reads(s->pump)))
		write_batch(s);
	look_at_end(s, false);
}

/* Milliseconds until the batch is written; it has records. */
static int64_t until_write(const struct load_sink *s)
{
	int64_t left = s->first_ms + s->options.every_ms - hs_io_now_monotonic();

	return left > 0 ? left : 0;
}

static int64_t due(const struct hs_sink *sink)
{
	const struct load_sink *s = (const struct load_sink *)sink;

	if (s->first_ms != 0)
		return until_write(s);
	return is_dry(s) ? -1 : hs_load_requests_due(&s->requests);
}

static void collect(struct hs_sink *sink, struct hs_pump *pump)
{
	struct load_sink *s = of(sink);

	if (s->first_ms != 0 && until_write(s) == 0 && !write_batch(s))
		return;
	if (s->written.number > 0)
		hs_pump_ack_to(pump, s->written);
}

static bool drain(struct hs_sink *sink, int64_t ms)
{
	struct load_sink *s = of(sink);

	if (ms != 0 && hs_loader_waiting(s->loader) > 0 && sink->code == 0)
		write_batch(s);
	if (s->options.loader.once && hs_pump_input_is_through(hs_pump_reads(s->pump)))
		look_at_end(s, true);
	return true;
}

static void close_sink(struct hs_sink *sink)
{
	struct load_sink *s = of(sink);

	hs_progress_clear(&s->progress);
	hs_loader_free(s->loader);
	hs_buf_free(&s->line);
	free(s);
}

void hs_sink_load_pump(struct hs_sink *sink, struct hs_pump *pump)
{
	of(sink)->pump = pump;
}

struct hs_loader_counts hs_sink_load_counts(const struct hs_sink *sink)
{
	const struct load_sink *s = (const struct load_sink *)sink;
	struct hs_loader_counts none = { 0 };

	return s->loader == NULL ? none : hs_loader_counts(s->loader);
}

struct hs_sink *hs_sink_load_new(const struct hs_sink_load_options *options, struct hs_target *target)
{
	static const struct hs_sink_ops ops = { .open = open_sink,
		                                .offer = offer,
		                                .flush = flush,
		                                .due = due,
		                                .collect = collect,
		                                .drain = drain,
		                                .close = close_sink };
	struct load_sink *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->sink = (struct hs_sink){
		.ops = &ops, .in_order = true, .wants_positions = true, .hashes = true, .open_hears_signals = true
	};
	s->options = *options;
	s->labels.config = options->config;
	s->target = target;
	return &s->sink;
}

/* hookspool cat, tail: the records, one JSON line each, as they were spooled. */
#include "spool/admin/dead_letters.h"
#include "tools/command.h"
#include "tools/report/rejected_reader.h"
#include "tools/sink/alias_filter.h"
#include "tools/sink/pump.h"
#include "tools/sink/sink_stdout.h"
#include "tools/sink/stop_signals.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

enum { LAST = 10 };

struct options {
	const char *config, *cursor, *from;
	struct hs_filter filter;
	struct hs_projection columns; /* count 0: whole lines */
	bool is_tail, follow, last_given, aliases;
	bool rejected, failed; /* these instead of the events */
	size_t last;
	struct hs_alias_filter people; /* with aliases */
};

/* --- the command line ----------------------------------------------------- */

enum {
	OPTION_FIELDS = HS_OPT_OWN,
	OPTION_RAW,
	OPTION_CURSOR,
	OPTION_FROM,
	OPTION_ALIASES,
	OPTION_REJECTED,
	OPTION_FAILED
};

#define OUTPUT_OPTIONS \
	{ "fields", "A,B,C", OPTION_FIELDS, "only these fields, with tabs between them" }, \
	{ \
		"raw", NULL, OPTION_RAW, "tabs and newlines in fields as they are" \
	}

/* clang-format off */
static const struct hs_option cat_options[] = {
	HS_FILTER_OPTIONS,
	{ "rejected", NULL, OPTION_REJECTED, "rejected bodies instead; by --tenant, --since, --until" },
	{ "failed", NULL, OPTION_FAILED, "dead letters of each instead; the filters are for their records" },
	{ "aliases", NULL, OPTION_ALIASES, "all events of these users that erase --aliases would erase" },
	OUTPUT_OPTIONS,
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};

static const struct hs_option tail_options[] = {
	{ "follow", NULL, 'f', "continue with records as they arrive" },
	{ "lines", "N", 'n', "begin with the last N records; 10" },
	{ "cursor", "NAME", OPTION_CURSOR, "begin after what an earlier run with this name has printed" },
	HS_EVENT_SOURCE_FROM(OPTION_FROM),
	HS_FILTER_OPTIONS,
	OUTPUT_OPTIONS,
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};
/* clang-format on */

static bool set_last(struct options *o, const char *text)
{
	uint64_t n;

	o->last_given = hs_option_number("lines", text, 0, HS_READER_LAST_MAX, &n);
	o->last = (size_t)n;
	return o->last_given;
}

static bool set_option(struct options *o, const char *command, int option, const char *argument)
{
	switch (option) {
	case HS_OPT_CONFIG: o->config = argument; return true;
	case OPTION_FIELDS: o->columns.count = 0; return hs_projection_set(&o->columns, command, argument);
	case OPTION_RAW: o->columns.raw = true; return true;
	case OPTION_CURSOR: o->cursor = argument; return true;
	case OPTION_FROM: o->from = argument; return hs_event_source_is_from(command, "from", argument);
	case OPTION_ALIASES: o->aliases = true; return true;
	case OPTION_REJECTED: o->rejected = true; return true;
	case OPTION_FAILED: o->failed = true; return true;
	case 'f': o->follow = true; return true;
	case 'n': return set_last(o, argument);
	default:
		if (option >= HS_FILTER_OPTION)
			return hs_filter_option(&o->filter, command, option, argument);
		hs_usage(command);
		return false;
	}
}

static bool read_options(int argc, char **argv, struct options *o)
{
	int option;

	while ((option = hs_option(argc, argv)) != -1)
		if (!set_option(o, argv[0], option, optarg))
			return false;
	if (o->from != NULL && (o->cursor == NULL || o->last_given)) {
		fputs("hookspool tail: --from is for a --cursor, and without --lines\n", stderr);
		return false;
	}
	if (o->rejected + o->failed + o->aliases > 1) {
		fputs("hookspool cat: --rejected, --failed and --aliases exclude each other\n", stderr);
		return false;
	}
	if (o->rejected && o->filter.by[HS_BY_TYPE].count + o->filter.by[HS_BY_EVENT].count +
	                           o->filter.by[HS_BY_USER].count + o->filter.no_test >
	                       0) {
		fputs("hookspool cat: --rejected: what was rejected need not be an event: only --tenant, --since and "
		      "--until can choose\n",
		      stderr);
		return false;
	}
	if (optind != argc)
		hs_usage_surplus(argv[0], argv);
	else if (o->aliases && o->filter.by[HS_BY_USER].count == 0)
		hs_usage_why(argv[0], "--aliases needs --user ID");
	else
		return true;
	return false;
}

/* --- events ---------------------------------------------------------------- */

static int passes(void *context, struct hs_slice line, struct hs_choice *choice)
{
	struct options *o = context;

	(void)choice;
	return hs_filter_passes(&o->filter, line);
}

static bool may_pass(void *context, struct hs_summary_reader *summary)
{
	const struct options *o = context;

	return hs_filter_may_pass(&o->filter, summary);
}

static int is_theirs(void *context, struct hs_slice line, struct hs_choice *choice)
{
	struct options *o = context;

	int passed = passes(o, line, choice);

	return passed > 0 ? hs_alias_filter_passes(&o->people, line) : passed;
}

static int show_events(struct options *o, const char *command)
{
	struct hs_pump_options options = { .command = command,
		                           .config = o->config,
		                           .cursor = o->cursor,
		                           .from = o->from,
		                           .choose = o->aliases                       ? is_theirs
		                                     : hs_filter_is_empty(&o->filter) ? NULL
		                                                                      : passes,
		                           .may_match = o->aliases || hs_filter_is_empty(&o->filter) ? NULL : may_pass,
		                           .context = o,
		                           .follow = o->follow,
		                           .catch_signals = o->cursor != NULL,
		                           .tell_empty = true,
		                           .skip_full = true,
		                           .from_last = o->is_tail && (o->cursor == NULL || o->last_given),
		                           .last = o->last,
		                           .drain_ms = -1 };
	struct hs_pump *pump = hs_pump_new(&options, hs_sink_stdout_new(command, &o->columns, o->cursor != NULL));
	int code = pump == NULL ? EX_OSERR : hs_pump_open(pump), signal = 0;

	if (code == 0 && o->aliases)
		code = hs_alias_filter_find(&o->people, &o->filter, &hs_pump_reads(pump)->source,
		                            hs_pump_reads(pump)->end);
	if (code == 0) {
		code = hs_pump_run(pump);
		signal = hs_pump_ended_by(pump);
	}
	code = hs_pump_close(pump, code);
	hs_stop_signals_die(signal);
	return code;
}

/* --- rejected bodies and dead letters ----------------------------------------- */

struct others {
	struct options *options;
	struct hs_output out;
	bool failed; /* to write, or out of memory … */
	bool memory; /* … before it was known whether a line passes */
};

static bool put_other(struct others *x, struct hs_slice line, struct hs_slice record)
{
	hs_sink_stdout_put(&x->out, &x->options->columns, line, record);
	x->failed = !hs_output_line(&x->out, NULL);
	return !x->failed;
}

/* `passed` is that of a filter. */
static bool choose_other(struct others *x, int passed, struct hs_slice line, struct hs_slice record)
{
	x->memory = passed < 0;
	return passed == 0 || (passed > 0 && put_other(x, line, record));
}

static bool show_rejected(void *context, struct hs_slice line)
{
	struct others *x = context;
	struct hs_rejected_line rejected;

	hs_rejected_line_read(&rejected, line);
	return choose_other(x, hs_rejected_line_passes(&rejected, &x->options->filter), line, line);
}

static bool show_failed(void *context, struct hs_slice line)
{
	struct others *x = context;
	struct hs_slice record = hs_dead_letters_record(line);

	return choose_other(x, hs_filter_passes(&x->options->filter, record), line, record);
}

static int walk_others(struct others *x, struct hs_event_source *source)
{
	const struct hs_spool_dir *dir = hs_reader_dir(source->reader);
	enum hs_result result = x->options->failed ? hs_rejected_reader_walk_stream(dir, "failed", show_failed, x)
	                                           : hs_rejected_reader_walk(dir, show_rejected, x);

	if (x->memory)
		result = HS_E_MEMORY;
	if (!x->failed && result != HS_OK)
		return hs_event_source_result(source, result);
	return x->failed || !hs_output_flush(&x->out) ? hs_sink_stdout_failed(source->command) : 0;
}

static int show_others(struct options *o, const char *command)
{
	struct others *x = calloc(1, sizeof *x);
	struct hs_event_source source = { 0 };
	int code = x == NULL ? EX_OSERR : hs_event_source_open(&source, command, o->config, NULL, NULL);

	if (code == 0) {
		x->options = o;
		hs_output_start(&x->out, false, (struct hs_position){ 0 });
		code = hs_event_source_close(&source, walk_others(x, &source));
		hs_output_free(&x->out);
	}
	free(x);
	return code;
}

static int run(int argc, char **argv, bool is_tail)
{
	struct options *o = calloc(1, sizeof *o);
	int code = 2;

	if (o == NULL)
		return EX_OSERR;
	o->is_tail = is_tail;
	o->last = LAST;
	if (read_options(argc, argv, o))
		code = o->rejected || o->failed ? show_others(o, argv[0]) : show_events(o, argv[0]);
	hs_alias_filter_free(&o->people);
	hs_filter_free(&o->filter);
	hs_projection_free(&o->columns);
	free(o);
	return code;
}

static int cmd_cat(int argc, char **argv)
{
	return run(argc, argv, false);
}

static int cmd_tail(int argc, char **argv)
{
	return run(argc, argv, true);
}

const struct hs_command hs_command_cat = {
	.name = "cat",
	.run = cmd_cat,
	.options = cat_options,
	.help = "print the records, one JSON line each, oldest first",
};

const struct hs_command hs_command_tail = {
	.name = "tail",
	.run = cmd_tail,
	.options = tail_options,
	.help = "print the last records; follow; continue after what an earlier run printed",
};

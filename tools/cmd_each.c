/* hookspool each: handlers for the events, by type, by the rules of Subscription Functions. */
#include "base/io.h"
#include "base/timestamp.h"
#include "tools/command.h"
#include "tools/sink/pump.h"
#include "tools/sink/sink_process.h"
#include "tools/sink/stop_signals.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct options {
	const char *config, *cursor, *from;
	struct hs_routing_rules rules;
	uint64_t jobs, batch;
	bool stream, once, failed;
	int64_t retry_for_ms;
	bool retry_for_given;
};

/* --- the command line ----------------------------------------------------- */

enum {
	OPTION_CURSOR = HS_OPT_OWN,
	OPTION_ON,
	OPTION_JOBS,
	OPTION_BATCH,
	OPTION_ONCE,
	OPTION_STREAM,
	OPTION_RETRY_FOR,
	OPTION_FROM,
	OPTION_FAILED,
	OPTION_NO_TEST
};

/* clang-format off */
static const struct hs_option each_options[] = {
	{ "cursor", "NAME", OPTION_CURSOR, "begin after what an earlier run with this name has done" },
	HS_EVENT_SOURCE_FROM(OPTION_FROM),
	{ "on", "TYPE=COMMAND", OPTION_ON, "a handler: TYPE=…, TYPE:NAME=… or *=…; may be repeated" },
	{ "once", NULL, OPTION_ONCE, "stop at the current end of the spool" },
	{ "jobs", "N", OPTION_JOBS, "N handlers in parallel, each user's events in order; 1" },
	{ "batch", "N", OPTION_BATCH, "up to N records at once; 1" },
	{ "stream", NULL, OPTION_STREAM, "handlers keep running: they read lines and answer with lines" },
	{ "failed", NULL, OPTION_FAILED, "try this cursor's dead letters again: failed.jsonl" },
	{ "no-test", NULL, OPTION_NO_TEST, "pass by the events that hookspool send makes up" },
	{ "retry-for", "TIME", OPTION_RETRY_FOR, "try again for this long (30s, 15m, 4h, 2d); 4h" },
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};
/* clang-format on */

/* 30s, 15m, 4h, 2d. */
static bool read_duration(const char *command, const char *text, int64_t *ms)
{
	bool is_one = hs_duration_parse(text, ms);

	if (!is_one)
		fprintf(stderr, "hookspool %s: --retry-for %s: expected a time (30s, 15m, 4h, 2d)\n", command, text);
	return is_one;
}

static bool set_option(struct options *o, const char *command, int option, const char *argument)
{
	switch (option) {
	case HS_OPT_CONFIG: o->config = argument; return true;
	case OPTION_CURSOR: o->cursor = argument; return true;
	case OPTION_FROM: o->from = argument; return hs_event_source_is_from(command, argument);
	case OPTION_ON: return hs_routing_rules_add(&o->rules, command, argument);
	case OPTION_JOBS: return hs_option_number("jobs", argument, 1, HS_SINK_PROCESS_JOBS_MAX, &o->jobs);
	case OPTION_BATCH: return hs_option_number("batch", argument, 1, HS_SINK_PROCESS_BATCH_MAX, &o->batch);
	case OPTION_ONCE: o->once = true; return true;
	case OPTION_FAILED: o->failed = o->once = true; return true;
	case OPTION_NO_TEST: o->rules.no_test = true; return true;
	case OPTION_STREAM: o->stream = true; return true;
	case OPTION_RETRY_FOR: o->retry_for_given = true; return read_duration(command, argument, &o->retry_for_ms);
	default: hs_usage(command); return false;
	}
}

static bool read_options(int argc, char **argv, struct options *o)
{
	int option;

	while ((option = hs_option(argc, argv)) != -1)
		if (!set_option(o, argv[0], option, optarg))
			return false;
	if (optind != argc || o->cursor == NULL || o->rules.count == 0) {
		hs_usage(argv[0]);
		return false;
	}
	if (o->failed && (o->from != NULL || !hs_cursor_is_name(o->cursor))) {
		fputs("hookspool each: --failed goes by the cursor's name in failed.jsonl: leave out --from\n", stderr);
		return false;
	}
	if (o->failed && !o->retry_for_given)
		o->retry_for_ms = 0; /* a person is waiting for the outcome */
	if (o->stream && o->batch > 1) {
		fputs("hookspool each: --stream reads lines ahead by itself: leave out --batch\n", stderr);
		return false;
	}
	return true;
}

/* --- the run ------------------------------------------------------------------ */

static int choose(void *context, struct hs_slice line, struct hs_choice *choice)
{
	struct options *o = context;
	struct hs_record_head head;
	int rule;

	hs_record_head_read(&head, line);
	choice->key = hs_record_head_user(&head);
	rule = hs_routing_rules_find(&o->rules, &head);
	choice->group = (unsigned)rule;
	return rule >= 0;
}

static bool may_match(void *context, struct hs_summary_reader *summary)
{
	const struct options *o = context;

	return hs_routing_rules_may_find(&o->rules, summary);
}

static void sum_up(const struct hs_pump *pump)
{
	struct hs_pump_counts c = hs_pump_counts(pump);

	fprintf(stderr,
	        "hookspool each: %" PRIu64 " done, %" PRIu64 " set aside, %" PRIu64 " tried again, %" PRIu64
	        " without a handler\n",
	        c.done, c.dead, c.again, c.passed);
}

static int run(struct options *o, const char *command)
{
	struct hs_sink_process_options handlers = { .command = command,
		                                    .rules = &o->rules,
		                                    .jobs = (unsigned)o->jobs,
		                                    .batch = (unsigned)o->batch,
		                                    .stream = o->stream };
	struct hs_pump_options options = { .command = command,
		                           .config = o->config,
		                           .cursor = o->cursor,
		                           .from = o->from,
		                           .choose = choose,
		                           .may_match = may_match,
		                           .context = o,
		                           .follow = !o->once,
		                           .letters = o->failed,
		                           .catch_signals = true,
		                           .retry_for_ms = o->retry_for_ms,
		                           .drain_ms = -1 };
	struct hs_pump *pump = hs_pump_new(&options, hs_sink_process_new(&handlers));
	int code = pump == NULL ? EX_OSERR : hs_pump_open(pump), signal = 0;

	if (code == 0) {
		code = hs_pump_run(pump);
		signal = hs_pump_ended_by(pump);
		sum_up(pump);
	}
	code = hs_pump_close(pump, code);
	if (code == 0 && (signal == SIGINT || signal == SIGPIPE)) /* SIGTERM is how a service ends */
		hs_stop_signals_die(signal);
	return code;
}

static int cmd_each(int argc, char **argv)
{
	struct options *o = calloc(1, sizeof *o);
	int code = 2;

	if (o == NULL)
		return EX_OSERR;
	o->jobs = o->batch = 1;
	o->retry_for_ms = INT64_C(4) * 3600000; /* as long as Segment itself tries */
	if (read_options(argc, argv, o))
		code = run(o, argv[0]);
	hs_routing_rules_free(&o->rules);
	free(o);
	return code;
}

const struct hs_command hs_command_each = {
	.name = "each",
	.run = cmd_each,
	.options = each_options,
	.help = "run a handler for each event of a type; continue at the cursor",
};

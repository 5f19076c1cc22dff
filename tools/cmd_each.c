/* hookspool each: handlers for the events, by type, by the rules of Subscription Functions. */
#include "tools/command.h"
#include "tools/sink/consumer.h"
#include "tools/sink/sink_process.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

struct options {
	struct hs_consumer consumer;
	struct hs_routing_rules rules;
	bool stream;
};

/* --- the command line ----------------------------------------------------- */

enum { OPTION_ON = HS_CONSUMER_OWN, OPTION_JOBS, OPTION_BATCH, OPTION_STREAM, OPTION_NO_TEST };

/* clang-format off */
static const struct hs_option each_options[] = {
	{ "cursor", "NAME", HS_CONSUMER_CURSOR, "begin after what an earlier run with this name has done" },
	HS_EVENT_SOURCE_FROM(HS_CONSUMER_FROM),
	{ "on", "TYPE=COMMAND", OPTION_ON, "a handler: TYPE=…, TYPE:NAME=… or *=…; may be repeated" },
	{ "once", NULL, HS_CONSUMER_ONCE, "stop at the current end of the spool" },
	{ "jobs", "N", OPTION_JOBS, "N handlers in parallel, each user's events in order; 1" },
	{ "batch", "N", OPTION_BATCH, "up to N records at once; 1" },
	{ "stream", NULL, OPTION_STREAM, "handlers keep running: they read lines and answer with lines" },
	HS_CONSUMER_OPTION_FAILED,
	{ "no-test", NULL, OPTION_NO_TEST, "pass by the events that hookspool send makes up" },
	HS_CONSUMER_OPTION_RETRY_FOR,
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};
/* clang-format on */

static bool set_option(struct options *o, const char *command, int option, const char *argument)
{
	switch (option) {
	case OPTION_ON: return hs_routing_rules_add(&o->rules, command, argument);
	case OPTION_JOBS: return hs_option_number("jobs", argument, 1, HS_SINK_PROCESS_JOBS_MAX, &o->consumer.jobs);
	case OPTION_BATCH: return hs_option_number("batch", argument, 1, HS_SINK_PROCESS_BATCH_MAX, &o->consumer.batch);
	case OPTION_NO_TEST: o->rules.no_test = true; return true;
	case OPTION_STREAM: o->stream = true; return true;
	default: return hs_consumer_option(&o->consumer, command, option, argument);
	}
}

static bool read_options(int argc, char **argv, struct options *o)
{
	int option;

	while ((option = hs_option(argc, argv)) != -1)
		if (!set_option(o, argv[0], option, optarg))
			return false;
	if (optind != argc)
		hs_usage_surplus(argv[0], argv);
	else if (o->consumer.cursor == NULL || o->rules.count == 0)
		hs_usage_why(argv[0], "--cursor NAME and --on TYPE=COMMAND are required");
	if (optind != argc || o->consumer.cursor == NULL || o->rules.count == 0)
		return false;
	if (o->stream && o->consumer.batch > 1) {
		fputs("hookspool each: --stream reads lines ahead by itself: leave out --batch\n", stderr);
		return false;
	}
	return hs_consumer_is_complete(&o->consumer, argv[0]);
}

/* --- the run ------------------------------------------------------------------ */

static int choose(void *context, struct hs_slice line, struct hs_choice *choice)
{
	struct options *o = context;
	struct hs_record_head head;
	int rule;

	hs_record_head_read(&head, line);
	if (!hs_record_head_user(&head, &choice->key))
		return -1;
	rule = hs_routing_rules_find(&o->rules, &head);
	choice->group = (unsigned)rule;
	return rule == HS_ROUTING_RULES_MEMORY ? -1 : rule >= 0;
}

static bool may_match(void *context, struct hs_summary_reader *summary)
{
	const struct options *o = context;

	return hs_routing_rules_may_find(&o->rules, summary);
}

static int run(struct options *o, const char *command)
{
	struct hs_sink_process_options handlers = { .command = command,
		                                    .rules = &o->rules,
		                                    .jobs = (unsigned)o->consumer.jobs,
		                                    .batch = (unsigned)o->consumer.batch,
		                                    .stream = o->stream };
	struct hs_pump_options options = hs_consumer_pump(&o->consumer, command);

	options.choose = choose;
	options.may_match = may_match;
	options.context = o;
	return hs_consumer_run(&options, hs_sink_process_new(&handlers), "without a handler");
}

static int cmd_each(int argc, char **argv)
{
	struct options *o = calloc(1, sizeof *o);
	int code = 2;

	if (o == NULL)
		return EX_OSERR;
	o->consumer = (struct hs_consumer)HS_CONSUMER_INIT;
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

/* hookspool forward: posts the events to a URL: a destination. */
#include "tools/command.h"
#include "tools/probe/credentials.h"
#include "tools/report/filter.h"
#include "tools/report/record_head.h"
#include "tools/sink/consumer.h"
#include "tools/sink/sink_http.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

enum { TIMEOUT_S = 10, TIMEOUT_MAX_S = 600 };

struct options {
	struct hs_consumer consumer;
	const char *cacert;
	char *to;
	struct hs_held held;
	struct hs_filter filter;
	uint64_t timeout_s;
	bool segment_shape;
};

/* --- the command line ----------------------------------------------------- */

enum {
	OPTION_TO = HS_CONSUMER_OWN,
	OPTION_AS,
	OPTION_SECRET,
	OPTION_KEY,
	OPTION_CACERT,
	OPTION_JOBS,
	OPTION_BATCH,
	OPTION_TIMEOUT
};

/* clang-format off */
static const struct hs_option forward_options[] = {
	{ "to", "URL", OPTION_TO, "where to post them" },
	{ "cursor", "NAME", HS_CONSUMER_CURSOR, "begin after what an earlier run with this name has done; forward" },
	HS_EVENT_SOURCE_FROM(HS_CONSUMER_FROM),
	{ "as", "record|segment", OPTION_AS, "records as they are, or in Segment's shape; record" },
	{ "secret", "@FILE", OPTION_SECRET, "sign as Segment does: X-Signature" },
	{ "key", "@FILE", OPTION_KEY, "Authorization: Bearer, with the first line of the file" },
	{ "cacert", "FILE", OPTION_CACERT, "trust the authorities in this PEM file" },
	{ "batch", "N", OPTION_BATCH, "up to N records in a request, as an array; 1" },
	{ "jobs", "N", OPTION_JOBS, "N requests in parallel, each user's events in order; 1" },
	{ "once", NULL, HS_CONSUMER_ONCE, "stop at the current end of the spool" },
	HS_CONSUMER_OPTION_FAILED,
	HS_CONSUMER_OPTION_RETRY_FOR,
	{ "timeout", "SECONDS", OPTION_TIMEOUT, "longest time for a request; 10" },
	HS_FILTER_OPTIONS,
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};
/* clang-format on */

static bool set_as(struct options *o, const char *text)
{
	o->segment_shape = strcmp(text, "segment") == 0;
	if (o->segment_shape || strcmp(text, "record") == 0)
		return true;
	fprintf(stderr, "hookspool forward: --as %s: expected record or segment\n", text);
	return false;
}

static bool set_option(struct options *o, const char *command, int option, char *argument)
{
	switch (option) {
	case OPTION_TO: o->to = argument; return true;
	case OPTION_AS: return set_as(o, argument);
	case OPTION_SECRET: return hs_held_secret(&o->held, argument);
	case OPTION_KEY: return hs_held_key(&o->held, argument);
	case OPTION_CACERT: o->cacert = argument; return true;
	case OPTION_JOBS: return hs_option_number("jobs", argument, 1, HS_SINK_HTTP_JOBS_MAX, &o->consumer.jobs);
	case OPTION_BATCH: return hs_option_number("batch", argument, 1, HS_SINK_HTTP_BATCH_MAX, &o->consumer.batch);
	case OPTION_TIMEOUT: return hs_option_number("timeout", argument, 1, TIMEOUT_MAX_S, &o->timeout_s);
	default:
		if (option >= HS_FILTER_OPTION)
			return hs_filter_option(&o->filter, command, option, argument);
		return hs_consumer_option(&o->consumer, command, option, argument);
	}
}

static bool is_url(const char *text)
{
	return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

static bool is_complete(struct options *o, const char *command)
{
	if (o->to == NULL) {
		hs_usage_why(command, "--to URL is required");
		return false;
	}
	if (!is_url(o->to) || strchr(o->to, '@') != NULL) {
		fprintf(stderr, "hookspool forward: --to: expected http://… or https://…, and no password in it: --key "
		                "@FILE; an @ after the host is written %%40\n");
		return false;
	}
	return hs_consumer_is_complete(&o->consumer, command);
}

static bool read_options(int argc, char **argv, struct options *o)
{
	int option;

	while ((option = hs_option(argc, argv)) != -1)
		if (!set_option(o, argv[0], option, optarg))
			return false;
	if (optind == argc)
		return is_complete(o, argv[0]);
	hs_usage_surplus(argv[0], argv);
	return false;
}

/* --- the run ------------------------------------------------------------------ */

static int choose(void *context, struct hs_slice line, struct hs_choice *choice)
{
	struct options *o = context;
	struct hs_record_head head;

	hs_record_head_read(&head, line);
	if (!hs_record_head_user(&head, &choice->key))
		return -1;
	choice->group = 0;
	return hs_filter_passes(&o->filter, line);
}

static bool may_match(void *context, struct hs_summary_reader *summary)
{
	const struct options *o = context;

	return hs_filter_may_pass(&o->filter, summary);
}

static struct hs_sink *new_sink(const struct options *o, const char *command)
{
	struct hs_sink_http_options posts = { .command = command,
		                              .target = { .url = o->to, .cacert = o->cacert },
		                              .secret = o->held.secret,
		                              .bearer = o->held.key,
		                              .jobs = (unsigned)o->consumer.jobs,
		                              .batch = (unsigned)o->consumer.batch,
		                              .segment_shape = o->segment_shape,
		                              .timeout_ms = (int)o->timeout_s * 1000,
		                              .breaks = o->consumer.retry_for_ms > 0 };
	struct hs_sink *sink = hs_sink_http_new(&posts);

	if (sink == NULL) {
		hs_command_told();
		fputs("hookspool forward: out of memory: free some, and run it again; or built without libcurl: make "
		      "CURL=yes\n",
		      stderr);
	}
	return sink;
}

/* The cursor would pass by every record for a label that is misspelled. 0 or an exit code. */
static int check_tenants(const struct options *o, const char *command)
{
	const struct hs_filter *f = &o->filter;
	struct hs_settings *settings = hs_command_settings(o->consumer.config);
	const char *tenant;
	int code = settings == NULL ? EX_CONFIG : 0;

	for (unsigned i = 0; code == 0 && i < f->by[HS_BY_TENANT].count; i++)
		if (!hs_slice_eq(f->by[HS_BY_TENANT].value[i], HS_SLICE("*")))
			code = hs_command_tenant(settings, command, f->by[HS_BY_TENANT].value[i].p, &tenant);
	hs_settings_free(settings);
	return code;
}

static int run(struct options *o, const char *command)
{
	struct hs_pump_options options = hs_consumer_pump(&o->consumer, command);
	int code = check_tenants(o, command);

	if (code != 0)
		return code;
	options.choose = choose;
	options.may_match = may_match;
	options.context = o;
	return hs_consumer_run(&options, new_sink(o, command), "not asked for");
}

static int cmd_forward(int argc, char **argv)
{
	struct options *o = calloc(1, sizeof *o);
	int code = 2;

	if (o == NULL)
		return EX_OSERR;
	o->consumer = (struct hs_consumer)HS_CONSUMER_INIT;
	o->consumer.cursor = "forward";
	o->timeout_s = TIMEOUT_S;
	if (read_options(argc, argv, o))
		code = run(o, argv[0]);
	hs_filter_free(&o->filter);
	hs_held_free(&o->held);
	free(o);
	return code;
}

const struct hs_command hs_command_forward = {
	.name = "forward",
	.run = cmd_forward,
	.options = forward_options,
	.help = "post the events to a URL, in order for each user, with retries",
};

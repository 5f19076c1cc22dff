#include "tools/sink/consumer.h"
#include "base/timestamp.h"
#include "tools/sink/stop_signals.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>

/* 30s, 15m, 4h, 2d. */
static bool set_retry_for(struct hs_consumer *c, const char *command, const char *text)
{
	c->retry_for_given = hs_duration_parse(text, &c->retry_for_ms);
	if (!c->retry_for_given)
		fprintf(stderr, "hookspool %s: --retry-for %s: expected a time (30s, 15m, 4h, 2d)\n", command, text);
	return c->retry_for_given;
}

bool hs_consumer_option(struct hs_consumer *c, const char *command, int option, const char *argument)
{
	switch (option) {
	case HS_OPT_CONFIG: c->config = argument; return true;
	case HS_CONSUMER_CURSOR: c->cursor = argument; return true;
	case HS_CONSUMER_FROM: c->from = argument; return hs_event_source_is_from(command, "from", argument);
	case HS_CONSUMER_ONCE: c->once = true; return true;
	case HS_CONSUMER_FAILED: c->failed = c->once = true; return true;
	case HS_CONSUMER_RETRY_FOR: return set_retry_for(c, command, argument);
	default: hs_usage(command); return false;
	}
}

bool hs_consumer_is_complete(struct hs_consumer *c, const char *command)
{
	if (c->failed && (c->from != NULL || !hs_cursor_is_name(c->cursor))) {
		fprintf(stderr, "hookspool %s: --failed goes by the cursor's name in failed.jsonl: leave out --from\n",
		        command);
		return false;
	}
	if (c->failed && !c->retry_for_given)
		c->retry_for_ms = 0; /* a person is waiting for the outcome */
	return true;
}

struct hs_pump_options hs_consumer_pump(const struct hs_consumer *c, const char *command)
{
	return (struct hs_pump_options){ .command = command,
		                         .config = c->config,
		                         .cursor = c->cursor,
		                         .from = c->from,
		                         .follow = !c->once,
		                         .letters = c->failed,
		                         .catch_signals = true,
		                         .retry_for_ms = c->retry_for_ms,
		                         .drain_ms = -1 };
}

static void sum_up(const struct hs_pump *pump, const char *command, const char *passed)
{
	struct hs_pump_counts n = hs_pump_counts(pump);

	fprintf(stderr,
	        "hookspool %s: %" PRIu64 " done, %" PRIu64 " set aside, %" PRIu64 " tried again, %" PRIu64 " %s",
	        command, n.done, n.dead, n.again, n.passed, passed);
	if (n.gone > 0)
		fprintf(stderr, ", %" PRIu64 " erased meanwhile", n.gone);
	fputc('\n', stderr);
}

int hs_consumer_run(const struct hs_pump_options *options, struct hs_sink *sink, const char *passed)
{
	struct hs_pump *pump = hs_pump_new(options, sink);
	int code = pump == NULL ? EX_OSERR : hs_pump_open(pump), signal = 0;

	if (code == 0) {
		code = hs_pump_run(pump);
		signal = hs_pump_ended_by(pump);
		sum_up(pump, options->command, passed);
	}
	code = hs_pump_close(pump, code);
	if (code == 0 && (signal == SIGINT || signal == SIGPIPE)) /* SIGTERM is how a service ends */
		hs_stop_signals_die(signal);
	return code;
}

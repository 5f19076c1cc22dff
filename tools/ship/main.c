/* hookspool-ship: the spool into a replicated log. `hookspool ship` starts it. */
#include "base/io.h"
#include "tools/ship/dry_run.h"
#include "tools/ship/option_table.h"
#include "tools/ship/options.h"
#include "tools/ship/receiver.h"
#include "tools/ship/ship_verify.h"
#include "tools/ship/sink_ship.h"
#include "tools/ship/trial.h"
#include "tools/sink/pump.h"
#include "tools/sink/stop_signals.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { BYTES = 8 << 20, DRAIN_MS = 3000, CONNECT_MS = 5000, AGAIN_MS = 1000, AGAIN_MOST_MS = 30000 };

/* --- the receiver -------------------------------------------------------------------------- */

static int refuse_copy(const struct hs_receiver *receiver)
{
	fprintf(stderr,
	        "hookspool ship: receiver %s belongs to another history of this spool: it is a copy, or was adopted. "
	        "hookspool "
	        "ship --new-receiver gives it a name of its own\n",
	        receiver->name);
	return EX_CONFIG;
}

/* Reads the name, or makes one. With `anew` makes another one. 0 or an exit code after a message. */
static int settle_receiver(const struct hs_event_source *source, bool anew, struct hs_receiver *receiver)
{
	const struct hs_spool_dir *dir = hs_reader_dir(source->reader);
	enum hs_result result = anew ? HS_OK : hs_receiver_read(dir, receiver);
	int code;

	if (result == HS_OK && !anew)
		return hs_receiver_is_of(receiver, dir) ? 0 : refuse_copy(receiver);
	if (result == HS_E_CURSOR) {
		fputs("hookspool ship: .hookspool/receiver is damaged: hookspool ship --new-receiver makes another "
		      "name\n",
		      stderr);
		return EX_CONFIG;
	}
	if (result == HS_E_IO && errno != ENOENT)
		return hs_event_source_result(source, result);
	code = hs_event_source_owned(source, "it");
	if (code != 0)
		return code;
	result = hs_receiver_make(dir, receiver);
	if (result == HS_OK)
		fprintf(stderr, "hookspool ship: this spool is receiver %s in subjects from now on\n", receiver->name);
	return hs_event_source_result(source, result);
}

static int find_receiver(const struct hs_ship_run *run, bool anew, struct hs_receiver *receiver)
{
	struct hs_event_source source;
	int code = hs_event_source_open(&source, "ship", run->config, NULL, NULL);

	if (code == 0)
		code = settle_receiver(&source, anew, receiver);
	return source.settings == NULL ? code : hs_event_source_close(&source, code);
}

/* --- the servers ------------------------------------------------------------------------------ */

static struct hs_engine_options engine_options(const struct hs_ship_run *run, const struct hs_receiver *receiver)
{
	const struct hs_ship *g = &run->given;

	return (struct hs_engine_options){ .servers = g->to,
		                           .ca = g->ca,
		                           .cert = g->cert,
		                           .key = g->key,
		                           .creds = g->creds,
		                           .nkey = g->nkey,
		                           .user = g->user,
		                           .password_file = g->password,
		                           .stream = g->stream,
		                           .receiver = receiver->name,
		                           .ack_wait_ms = g->ack_wait,
		                           .connect_ms = CONNECT_MS,
		                           .plain_abroad = g->plain,
		                           .any_version = run->old_server };
}

static bool passes(int code)
{
	return code == EX_UNAVAILABLE || code == EX_TEMPFAIL;
}

/* A service waits for its servers; the other ways to run end. */
static bool waits(const struct hs_ship_run *run)
{
	return !run->once && !run->dry_run && !run->verify;
}

/* Refuses a stream that would break a promise; warns of one that might. */
static int judge(const struct hs_ship_run *run, const struct hs_engine_stream *stream)
{
	const struct hs_stream_rules rules = { run->given.ack_wait, run->lossy, run->old_server };
	struct hs_stream_finding finding[HS_STREAM_FINDINGS];
	size_t n = hs_stream_judge(stream, &rules, finding);
	int code = 0;

	for (size_t i = 0; i < n; i++) {
		if (finding[i].verdict == HS_STREAM_REFUSED)
			code = EX_CONFIG;
		if (finding[i].verdict == HS_STREAM_REFUSED || !run->quiet)
			fprintf(stderr, "hookspool ship: %s: %s\n", finding[i].what, finding[i].remedy);
	}
	return code;
}

/* Looks at the stream, and makes it if that was asked for. */
static int look(const struct hs_ship_run *run, struct hs_engine *engine, struct hs_engine_stream *stream,
                struct hs_engine_failure *failure)
{
	int code = hs_engine_look(engine, stream, failure);

	if (code == EX_NOINPUT && run->create && !run->dry_run) {
		code = hs_engine_make(engine, &run->make, failure);
		if (code == 0 && !run->quiet)
			fprintf(stderr, "hookspool ship: stream %s is made\n", run->given.stream);
		if (code == 0)
			code = hs_engine_look(engine, stream, failure);
	}
	if (code != EX_NOINPUT)
		return code;
	snprintf(failure->why, sizeof failure->why, "there is no stream %.100s: hookspool ship --create makes it",
	         run->given.stream);
	return failure->code = EX_CONFIG;
}

/* Connects and looks, until that succeeds or cannot. 0 or an exit code after a message; then *engine is NULL. */
static int connect_and_look(const struct hs_ship_run *run, const struct hs_engine_options *options,
                            struct hs_engine **engine, struct hs_engine_stream *stream)
{
	int64_t pause = AGAIN_MS, said = 0;

	for (;; pause = pause < AGAIN_MOST_MS ? 2 * pause : pause) {
		struct hs_engine_failure failure = { 0 };
		int code = hs_engine_open(options, engine, &failure);

		if (code == 0)
			code = look(run, *engine, stream, &failure);
		if (code == 0)
			return 0;
		hs_engine_close(*engine);
		*engine = NULL;
		if (!waits(run) || !passes(code) || said == 0 || hs_io_now_monotonic() - said > 60000) {
			fprintf(stderr, "hookspool ship: %s\n", failure.why);
			said = hs_io_now_monotonic();
		}
		if (!waits(run) || !passes(code))
			return code;
		hs_io_pause(pause);
	}
}

/* --- the run ------------------------------------------------------------------------------------ */

static int pump_once(const struct hs_ship_run *run, const struct hs_sink_ship_options *sink_options,
                     struct hs_engine *engine, int *signal)
{
	const struct hs_pump_options options = { .command = "ship",
		                                 .config = run->config,
		                                 .cursor = "ship",
		                                 .from = run->since,
		                                 .from_option = "since",
		                                 .follow = !run->once,
		                                 .catch_signals = true,
		                                 .drain_ms = DRAIN_MS };
	struct hs_sink *sink = hs_sink_ship_new(sink_options, engine);
	struct hs_pump *pump = hs_pump_new(&options, sink);
	int code = EX_OSERR;

	if (pump == NULL)
		return code;
	hs_sink_ship_pump(sink, pump);
	code = hs_pump_open(pump);
	if (code == 0) {
		code = hs_pump_run(pump);
		*signal = hs_pump_ended_by(pump);
	}
	return hs_pump_close(pump, code);
}

static void sum_up(const struct hs_ship_figures *c)
{
	fprintf(stderr,
	        "hookspool ship: %" PRIu64 " stored, %" PRIu64 " of them duplicates; %" PRIu64
	        " in doubt, asked %" PRIu64 " times, went back %" PRIu64 " times, %" PRIu64 " set aside\n",
	        c->stored, c->duplicates, c->doubts, c->asks, c->rewinds, c->set_aside);
}

static int send_all(const struct hs_ship_run *run, const struct hs_receiver *receiver, struct hs_engine *engine)
{
	struct hs_ship_figures figures = { 0 };
	const struct hs_sink_ship_options options = { .subject = run->given.subject,
		                                      .receiver = receiver->name,
		                                      .records = (size_t)run->given.in_flight,
		                                      .bytes = BYTES,
		                                      .ack_wait_ms = run->given.ack_wait,
		                                      .hold_ms = run->given.ship_hold,
		                                      .once = run->once,
		                                      .aside = run->given.aside,
		                                      .from_start = run->from_start,
		                                      .from_now = run->from_now,
		                                      .quiet = run->quiet,
		                                      .figures = &figures };
	int code, signal = 0;

	do {
		code = pump_once(run, &options, engine, &signal);
	} while (code == HS_SHIP_RESTART && signal == 0);
	if (code == HS_SHIP_RESTART)
		code = 0;
	if (!run->quiet)
		sum_up(&figures);
	if (code == 0 && signal == SIGINT)
		hs_stop_signals_die(signal);
	return code;
}

static int work(const struct hs_ship_run *run, const struct hs_receiver *receiver)
{
	const struct hs_engine_options options = engine_options(run, receiver);
	struct hs_engine_stream stream;
	struct hs_engine *engine;
	int code, dry;

	if (run->check)
		return hs_ship_trial(run, &options);
	code = connect_and_look(run, &options, &engine, &stream);
	if (code != 0)
		return code;
	code = judge(run, &stream);
	if (run->dry_run) {
		dry = hs_ship_dry_run(run, receiver->name, engine, &stream);
		code = dry != 0 ? dry : code;
	} else if (code == 0 && run->verify) {
		code = hs_ship_verify(run, receiver->name, engine);
	} else if (code == 0) {
		code = send_all(run, receiver, engine);
	}
	hs_engine_close(engine);
	return code;
}

static int settle_and_work(struct hs_ship_run *run)
{
	struct hs_settings *settings = hs_command_settings(run->config);
	struct hs_receiver receiver;
	int code = settings == NULL ? EX_CONFIG : run->new_receiver ? 0 : hs_ship_options_settle(run, settings);

	hs_settings_free(settings);
	if (code == 0)
		code = find_receiver(run, run->new_receiver, &receiver);
	return code == 0 && !run->new_receiver ? work(run, &receiver) : code;
}

static int cmd_ship(int argc, char **argv)
{
	struct hs_ship_run run = { 0 };
	int code = hs_ship_options_read(argc, argv, &run) ? settle_and_work(&run) : 2;

	hs_ship_clear(&run.given);
	return code;
}

static const struct hs_command hs_command_ship = {
	.name = "ship",
	.run = cmd_ship,
	.options = hs_ship_options,
	.help = HS_SHIP_HELP,
};

const struct hs_command *const hs_commands[] = { &hs_command_ship, NULL };

static int run_program(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("hookspool-ship " HS_VERSION);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "ship") == 0)
		return hs_command_ship.run(argc - 1, argv + 1);
	argv[0] = (char *)(uintptr_t) "ship";
	return hs_command_ship.run(argc, argv);
}

int main(int argc, char **argv)
{
	return hs_command_main(run_program, "ship", argc, argv);
}

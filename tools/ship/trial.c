#include "tools/ship/trial.h"
#include "base/io.h"

#include <stdio.h>
#include <sysexits.h>

static int print_failure(const struct hs_engine_failure *failure)
{
	printf("fail\t%s\tcorrect [ship] of the settings, or start the servers\n", failure->why);
	return failure->code;
}

static int try_stream(const struct hs_ship_run *run, const struct hs_engine_stream *stream)
{
	const struct hs_stream_rules rules = { run->given.ack_wait, run->lossy, run->old_server };
	struct hs_stream_finding finding[HS_STREAM_FINDINGS];
	size_t n = hs_stream_judge(stream, &rules, finding);
	int code = 0;

	for (size_t i = 0; i < n; i++) {
		bool bad = finding[i].verdict == HS_STREAM_REFUSED;

		printf("%s\t%s: %s\t%s\n", bad ? "fail" : "warn", run->given.stream, finding[i].what, finding[i].remedy);
		code = bad ? EX_CONFIG : code;
	}
	if (code == 0)
		printf("ok\t%s: stream %s on nats-server %s, %u replicas\t\n", run->given.to, run->given.stream,
		       stream->server_version, stream->replicas);
	return code;
}

/* Asking sends a mark, which needs the rights that records need. */
static int try_rights(struct hs_engine *engine)
{
	struct hs_engine_asked asked;
	int code = 0;

	hs_engine_ask(engine);
	while (!hs_engine_asked(engine, &asked)) {
		hs_io_wait_readable(hs_engine_fd(engine), 1000);
		hs_engine_woken(engine);
	}
	if (asked.failed)
		code = print_failure(&asked.failure);
	hs_engine_asked_free(&asked);
	return code;
}

int hs_ship_trial(const struct hs_ship_run *run, const struct hs_engine_options *options)
{
	struct hs_engine_failure failure = { 0 };
	struct hs_engine_stream stream;
	struct hs_engine *engine;
	int code = hs_engine_open(options, &engine, &failure);

	if (code == 0) {
		code = hs_engine_look(engine, &stream, &failure);
		if (code == EX_NOINPUT) {
			printf("fail\tthere is no stream %s\thookspool ship --create makes it\n", run->given.stream);
			hs_engine_close(engine);
			return EX_CONFIG;
		}
	}
	if (code != 0)
		print_failure(&failure);
	else
		code = try_rights(engine);
	if (code == 0)
		code = try_stream(run, &stream);
	hs_engine_close(engine);
	return code;
}

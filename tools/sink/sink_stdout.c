#include "tools/sink/sink_stdout.h"
#include "tools/sink/pump.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct stdout_sink {
	struct hs_sink sink;
	const char *command;
	struct hs_projection *columns;
	struct hs_output out;
};

static struct stdout_sink *of(struct hs_sink *sink)
{
	return (struct stdout_sink *)sink;
}

int hs_sink_stdout_failed(const char *command)
{
	if (errno == EPIPE)
		return 0;
	if (errno == ENOMEM) /* hs_command_end says why */
		return EX_OSERR;
	fprintf(stderr,
	        "hookspool %s: standard output: %s: not all of it was written: make room, or write it elsewhere\n",
	        command, strerror(errno));
	return EX_IOERR;
}

/* Returns false, as a caller that could not write does. */
static bool fail(struct stdout_sink *s)
{
	s->sink.code = hs_sink_stdout_failed(s->command);
	if (s->sink.code == 0)
		s->sink.ended_by = SIGPIPE;
	return false;
}

static int open_sink(struct hs_sink *sink, struct hs_sink_start *start)
{
	(void)start;
	hs_output_ends(&of(sink)->out, sink->progress);
	return 0;
}

void hs_sink_stdout_put(struct hs_output *out, struct hs_projection *columns, struct hs_slice line,
                        struct hs_slice record)
{
	if (columns->count > 0) {
		hs_projection_put(columns, record, &out->buf);
	} else {
		hs_buf_put_slice(&out->buf, line);
		hs_buf_putc(&out->buf, '\n');
	}
}

static bool offer(struct hs_sink *sink, const struct hs_offered *record)
{
	struct stdout_sink *s = of(sink);

	if (s->out.careful && hs_output_is_full(&s->out)) {
		if (!hs_output_flush(&s->out))
			return fail(s);
		if (hs_output_is_full(&s->out))
			return false;
	}
	hs_sink_stdout_put(&s->out, s->columns, record->line, record->line);
	return hs_output_line(&s->out, &record->after) || fail(s);
}

static void flush(struct hs_sink *sink, unsigned partition)
{
	(void)partition;
	if (!hs_output_flush(&of(sink)->out))
		fail(of(sink));
}

static size_t poll_for(const struct hs_sink *sink, struct pollfd *p)
{
	const struct stdout_sink *s = (const struct stdout_sink *)sink;

	if (s->out.buf.n == 0)
		return 0;
	*p = (struct pollfd){ STDOUT_FILENO, POLLOUT, 0 };
	return 1;
}

static void collect(struct hs_sink *sink, struct hs_pump *pump)
{
	struct stdout_sink *s = of(sink);

	if (s->out.careful)
		hs_pump_ack_to(pump, s->out.confirmed);
}

/* A run that was stopped does not wait for a slow reader: the cursor is where that has come. */
static bool drain(struct hs_sink *sink, int64_t ms)
{
	(void)sink;
	(void)ms;
	return true;
}

static void close_sink(struct hs_sink *sink)
{
	hs_output_free(&of(sink)->out);
	free(sink);
}

struct hs_sink *hs_sink_stdout_new(const char *command, struct hs_projection *columns, bool careful)
{
	static const struct hs_sink_ops ops = { .open = open_sink,
		                                .offer = offer,
		                                .flush = flush,
		                                .poll = poll_for,
		                                .collect = collect,
		                                .drain = drain,
		                                .close = close_sink };
	struct stdout_sink *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->command = command;
	s->columns = columns;
	s->sink =
	    (struct hs_sink){ .ops = &ops, .in_order = true, .wants_positions = careful, .fds = 1, .prints = true };
	hs_output_start(&s->out, careful, (struct hs_position){ 0 });
	return &s->sink;
}

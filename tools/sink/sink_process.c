#include "tools/sink/sink_process.h"
#include "base/io.h"
#include "tools/command.h"
#include "tools/report/terminal.h"
#include "tools/sink/handler_environment.h"
#include "tools/sink/pump.h"
#include "tools/sink/subprocess.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sysexits.h>

enum {
	DEPTH = 512,               /* records given to a long-lived handler ahead of its answers */
	DEPTH_BYTES = 1 << 18,     /* … unless they are this long together */
	WINDOW = 16384,            /* records read and not done */
	SILENT_MS = 10000,         /* after this a message says that a handler is slow */
	CODE_NOT_EXECUTABLE = 126, /* sh(1) */
	CODE_NOT_FOUND = 127,
};

/* A process, and the records that it has not answered. */
struct slot {
	struct hs_subprocess worker;
	struct hs_item_queue given;
	unsigned count, rule;
	int64_t since_ms; /* when it was given its first record, or last answered */
	bool shared;      /* it was given a record while it had another */
	bool gathering;   /* its batch can take more */
	bool broken;      /* it refused to work: its other answers do not count */
};

/* The messages about a rule that were printed; each is printed once. */
struct said {
	bool ended, silent;
};

struct process_sink {
	struct hs_sink sink;
	struct hs_sink_process_options options;
	struct said said[HS_ROUTING_RULES_MAX];
	unsigned slots; /* in each partition */
	bool draining;
	int64_t now_ms; /* of the last collect */
	struct hs_buf environment, noise;
	struct slot slot[]; /* partition by partition */
};

static struct process_sink *of(struct hs_sink *sink)
{
	return (struct process_sink *)sink;
}

static const struct process_sink *of_const(const struct hs_sink *sink)
{
	return (const struct process_sink *)sink;
}

static unsigned slots_of(const struct process_sink *s)
{
	return s->sink.partitions * s->slots;
}

/* --- messages --------------------------------------------------------------- */

static struct hs_slice name_of(const struct process_sink *s, const struct slot *slot)
{
	return s->options.rules->rule[slot->rule].on;
}

__attribute__((format(printf, 3, 4))) static void say(const struct process_sink *s, const struct slot *slot,
                                                      const char *format, ...)
{
	struct hs_slice on = name_of(s, slot);
	va_list arguments;

	fprintf(stderr, "hookspool %s: handler of %.*s: ", s->options.command, (int)on.n, on.p);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

static void say_ended(struct process_sink *s, const struct slot *slot, int code)
{
	bool *said = &s->said[slot->rule].ended;

	if (*said)
		return;
	*said = true;
	say(s, slot,
	    "it ended with %d and left %u records without an answer: with --stream it must read "
	    "to the end of its input, and answer each line with a line",
	    code, slot->count);
}

/* When to say that this handler is slow; INT64_MAX: never. */
static int64_t silent_at(const struct process_sink *s, const struct slot *slot)
{
	return slot->worker.pid == 0 || slot->count == 0 || s->said[slot->rule].silent ? INT64_MAX
	                                                                               : slot->since_ms + SILENT_MS;
}

static void say_silent(struct process_sink *s, const struct slot *slot)
{
	s->said[slot->rule].silent = true;
	if (s->options.stream)
		say(s, slot, "no answer for %d s: it must write a line for each one that it reads, and flush it",
		    SILENT_MS / 1000);
	else
		say(s, slot, "it has been running for %d s: later records wait; --jobs runs more at once",
		    SILENT_MS / 1000);
}

/* The handler, or its setup, is wrong: everything stops, and its records stay undone. */
static void stop(struct process_sink *s, struct slot *slot, const char *why)
{
	struct hs_slice on = name_of(s, slot);

	hs_terminal_printf(stderr, "hookspool %s: handler of %.*s: %s; stopped\n", s->options.command, (int)on.n, on.p,
	                   why);
	slot->broken = true;
	hs_subprocess_kill(&slot->worker, SIGTERM);
	if (s->sink.code == 0)
		s->sink.code = EX_CONFIG;
}

/* --- giving ------------------------------------------------------------------- */

/* A remedy if no process can be started; "": none is known. */
static const char *remedy_of(int error)
{
	switch (error) {
	case EMFILE: return ": lower --jobs, or raise ulimit -n (LimitNOFILE of a service)";
	case EAGAIN: return ": lower --jobs, or raise ulimit -u (TasksMax of a service)";
	case E2BIG: return ": give --stream, which leaves the fields out of the environment";
	default: return "";
	}
}

static void cannot_start(struct process_sink *s, int error)
{
	const char *remedy = remedy_of(error);

	if (error != ENOMEM)
		fprintf(stderr, "hookspool %s: /bin/sh cannot be started: %s%s\n", s->options.command, strerror(error),
		        remedy);
	if (remedy[0] != '\0')
		hs_command_told();
	if (s->sink.code == 0)
		s->sink.code = EX_OSERR;
}

static bool start(struct process_sink *s, struct slot *slot, const struct hs_item *item)
{
	char **environment =
	    hs_handler_environment(&s->environment, s->options.batch == 1 && !s->options.stream ? item : NULL);
	bool started = environment != NULL;

	slot->rule = item->rule;
	if (started)
		started = hs_subprocess_start(&slot->worker, s->options.rules->rule[slot->rule].command, environment,
		                              s->options.stream);
	else
		errno = ENOMEM;
	if (!started)
		cannot_start(s, errno);
	free(environment);
	return started;
}

static bool has_room(const struct hs_sink *sink, unsigned partition)
{
	const struct process_sink *s = of_const(sink);

	return s->options.stream || s->slot[partition].worker.pid == 0 || s->slot[partition].gathering;
}

static bool can_take(const struct process_sink *s, const struct slot *slot)
{
	if (!s->options.stream)
		return slot->worker.pid == 0 || slot->gathering;
	return slot->count == 0 || (slot->count < DEPTH && slot->worker.to_write.n < DEPTH_BYTES);
}

static bool offer(struct hs_sink *sink, const struct hs_offered *record)
{
	struct process_sink *s = of(sink);
	struct hs_item *item = record->item;
	struct slot *slot = &s->slot[record->partition * s->slots + (s->options.stream ? item->rule : 0)];

	if (!can_take(s, slot) || (slot->worker.pid == 0 && !start(s, slot, item)))
		return false;
	slot->shared = slot->count > 0;
	if (slot->count++ == 0) {
		slot->since_ms = hs_io_now_monotonic();
		hs_subprocess_forget_noise(&slot->worker);
	}
	hs_item_queue_push(&slot->given, item);
	hs_subprocess_give(&slot->worker, hs_slice(item->line, item->n));
	slot->gathering = !s->options.stream && !item->alone && slot->count < s->options.batch;
	return true;
}

static void flush(struct hs_sink *sink, unsigned partition)
{
	struct process_sink *s = of(sink);

	for (struct slot *slot = &s->slot[partition * s->slots], *end = slot + s->slots; slot < end; slot++) {
		if (slot->worker.pid == 0)
			continue;
		slot->gathering = false;
		if (!s->options.stream)
			hs_subprocess_give_last(&slot->worker);
		hs_subprocess_write(&slot->worker);
	}
}

/* --- answers and ends ----------------------------------------------------------- */

/*
 * Reports what the handler answered about a record, or about a batch of this many. What it wrote to standard error may
 * be about any record that it had, so only the dead letter of a record that it had alone gets it.
 */
static void report(struct process_sink *s, struct hs_pump *pump, const struct slot *slot, struct hs_item *item,
                   int code, struct hs_slice message, unsigned batch)
{
	struct hs_ack ack = { .item = item, .status = code, .on = name_of(s, slot), .message = message };

	if (code == EX_CONFIG)
		return;
	ack.outcome = code == 0            ? HS_OUTCOME_DONE
	              : code != EX_DATAERR ? HS_OUTCOME_RETRY
	              : batch > 1          ? HS_OUTCOME_ALONE
	                                   : HS_OUTCOME_REFUSED;
	if (!slot->shared && (ack.outcome == HS_OUTCOME_RETRY || ack.outcome == HS_OUTCOME_REFUSED)) {
		hs_buf_reset(&s->noise);
		hs_subprocess_put_noise(&slot->worker, &s->noise);
		ack.noise = hs_buf_slice(&s->noise);
	}
	hs_pump_ack(pump, &ack);
}

/* "65 why", also with "\r\n" at its end: its code; *rest is what follows. -1: it is not an answer. */
static int read_answer(struct hs_slice answer, struct hs_slice *rest)
{
	int code = 0;
	size_t n = 0;

	while (answer.n > 0 && answer.p[answer.n - 1] == '\r')
		answer.n--;
	for (; n < answer.n && n < 4 && answer.p[n] >= '0' && answer.p[n] <= '9'; n++)
		code = code * 10 + (answer.p[n] - '0');
	*rest = hs_slice_trim(hs_slice(answer.p + n, answer.n - n));
	if (n == 0 || (n < answer.n && answer.p[n] != ' '))
		return -1;
	return code == 0 || code == EX_DATAERR || code == EX_TEMPFAIL || code == EX_CONFIG ? code : -1;
}

/*
 * Each answer is about the first record that has none yet. What is left when all have theirs would answer the next
 * record before the handler has seen it.
 */
static void read_answers(struct process_sink *s, struct hs_pump *pump, struct slot *slot)
{
	struct hs_slice answer, message;

	if (slot->worker.cut != 0)
		return;
	while (slot->count > 0 && !slot->broken && hs_subprocess_answer(&slot->worker, &answer)) {
		int code = read_answer(answer, &message);

		if (code < 0) {
			stop(s, slot, "an answer is not 0, 65, 75 or 78");
			return;
		}
		slot->count--;
		slot->since_ms = s->now_ms;
		if (code == EX_CONFIG)
			stop(s, slot, "it answered 78");
		report(s, pump, slot, hs_item_queue_pop(&slot->given), code, message, 1);
	}
	if (slot->count == 0 && !slot->broken && hs_subprocess_has_said_more(&slot->worker))
		stop(s, slot, "it wrote an answer that no record asked for");
}

/* A process that was given some records has ended: its code is about all of them. */
static void run_ended(struct process_sink *s, struct hs_pump *pump, struct slot *slot, int code)
{
	unsigned batch = slot->count;

	while (slot->given.head != NULL)
		report(s, pump, slot, hs_item_queue_pop(&slot->given), code, HS_SLICE_NONE, batch);
	slot->count = 0;
}

/* A long-lived process has ended: its code is about the first record without an answer. */
static void stream_ended(struct process_sink *s, struct hs_pump *pump, struct slot *slot, int code)
{
	struct hs_ack ack = { .outcome = HS_OUTCOME_RETURNED };

	read_answers(s, pump, slot);
	if (slot->count > 0 && !slot->broken) {
		if (slot->worker.cut == 0)
			say_ended(s, slot, code);
		report(s, pump, slot, hs_item_queue_pop(&slot->given), code == 0 ? EX_TEMPFAIL : code,
		       HS_SLICE("it ended without an answer"), 1);
	}
	while ((ack.item = hs_item_queue_pop(&slot->given)) != NULL)
		hs_pump_ack(pump, &ack);
	slot->count = 0;
}

static int code_of(const struct slot *slot, int status)
{
	int code = WIFEXITED(status) && slot->worker.cut == 0 ? WEXITSTATUS(status) : EX_TEMPFAIL;

	return code == CODE_NOT_EXECUTABLE || code == CODE_NOT_FOUND ? EX_CONFIG : code;
}

static void close_input(struct slot *slot)
{
	if (slot->worker.pid == 0 || slot->count > 0)
		return;
	hs_subprocess_give_last(&slot->worker);
	hs_subprocess_write(&slot->worker);
}

static void collect_slot(struct process_sink *s, struct hs_pump *pump, struct slot *slot)
{
	int status, code;

	hs_subprocess_pump(&slot->worker);
	if (s->options.stream)
		read_answers(s, pump, slot);
	if (s->now_ms >= silent_at(s, slot))
		say_silent(s, slot);
	if (s->draining)
		close_input(slot);
	if (!hs_subprocess_ended(&slot->worker, &status))
		return;
	code = code_of(slot, status);
	if (slot->worker.cut != 0)
		say(s, slot, "its input or its answers were cut: %s; it is killed, and gets its records again",
		    strerror(slot->worker.cut));
	slot->gathering = false;
	if (code == EX_CONFIG)
		stop(s, slot, "it cannot be run, or ended with 78");
	if (s->options.stream)
		stream_ended(s, pump, slot, code);
	else
		run_ended(s, pump, slot, code);
}

static void collect(struct hs_sink *sink, struct hs_pump *pump)
{
	struct process_sink *s = of(sink);

	s->now_ms = hs_io_now_monotonic();
	for (unsigned i = 0; i < slots_of(s); i++)
		if (s->slot[i].worker.pid != 0)
			collect_slot(s, pump, &s->slot[i]);
}

/* --- waiting, and the end --------------------------------------------------------- */

static size_t poll_for(const struct hs_sink *sink, struct pollfd *p)
{
	const struct process_sink *s = of_const(sink);
	size_t n = 0;

	for (unsigned i = 0; i < slots_of(s); i++)
		if (s->slot[i].worker.pid != 0) {
			hs_subprocess_poll(&s->slot[i].worker, p + n);
			n += HS_SUBPROCESS_FDS;
		}
	return n;
}

static int64_t due(const struct hs_sink *sink)
{
	const struct process_sink *s = of_const(sink);
	int64_t now = hs_io_now_monotonic(), first = INT64_MAX;

	for (unsigned i = 0; i < slots_of(s); i++) {
		int64_t at = silent_at(s, &s->slot[i]);

		first = at < first ? at : first;
	}
	return first == INT64_MAX ? -1 : first > now ? first - now : 0;
}

static bool drain(struct hs_sink *sink, int64_t ms)
{
	struct process_sink *s = of(sink);
	bool running = false;

	s->draining = true;
	for (unsigned i = 0; i < slots_of(s); i++) {
		if (ms == 0)
			hs_subprocess_kill(&s->slot[i].worker, SIGTERM);
		close_input(&s->slot[i]);
		running = running || s->slot[i].worker.pid != 0;
	}
	return !running;
}

static void close_sink(struct hs_sink *sink)
{
	struct process_sink *s = of(sink);

	for (unsigned i = 0; i < slots_of(s); i++)
		hs_subprocess_free(&s->slot[i].worker);
	hs_buf_free(&s->environment);
	hs_buf_free(&s->noise);
	free(s);
}

struct hs_sink *hs_sink_process_new(const struct hs_sink_process_options *options)
{
	static const struct hs_sink_ops ops = { .offer = offer,
		                                .has_room = has_room,
		                                .flush = flush,
		                                .poll = poll_for,
		                                .due = due,
		                                .collect = collect,
		                                .drain = drain,
		                                .close = close_sink };
	unsigned slots = options->stream ? options->rules->count : 1;
	struct process_sink *s = calloc(1, sizeof *s + options->jobs * slots * sizeof s->slot[0]);
	size_t window = (size_t)2 * options->jobs * options->batch;

	if (s == NULL)
		return NULL;
	s->options = *options;
	s->slots = slots;
	s->sink = (struct hs_sink){ .ops = &ops,
		                    .partitions = options->jobs,
		                    .one_per_key = options->stream,
		                    .by_group = !options->stream,
		                    .window = window > WINDOW ? window : WINDOW,
		                    .noun = "handler of",
		                    .failed = "it ended with",
		                    .fds = (size_t)options->jobs * slots * HS_SUBPROCESS_FDS,
		                    .prints = true };
	return &s->sink;
}

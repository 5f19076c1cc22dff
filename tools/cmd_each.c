/* hookspool each: handlers for the events, per type, by the rules of Subscription Functions. */
#include "base/io.h"
#include "base/result.h"
#include "tools/command.h"
#include "tools/sink/dead_letter_source.h"
#include "tools/sink/event_source.h"
#include "tools/sink/keyed_scheduler.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	READ_AT_ONCE = 4096, /* records, before anything else is looked at */
	OPEN_MOST = 16384,       /* records that are read and not done … */
	OPEN_BYTES = 64 << 20,   /* … unless they are this long together */
	SAVE_FAILED_MS = 10000,  /* the whole file is written anew */
	SAVE_MS = 1000,          /* the cursor is saved this often while there is much to do … */
	SAVE_IDLE_MS = 100,      /* … and no more often than this when little */
	SHOW_MS = 200,           /* the progress is shown anew this often */
	FIXED_FDS = 3,
};

struct options {
	const char *config, *cursor, *from;
	struct hs_routing_rules rules;
	uint64_t jobs, batch;
	bool stream, once, failed;
	int64_t retry_for_ms;
	bool retry_for_given;
};

struct each {
	struct options options;
	struct hs_event_source source;
	struct hs_scheduler *scheduler;
	struct hs_ack_tracker acks;
	struct hs_dead_letter_source letters; /* failed: what is read instead of the events */
	struct pollfd *fds;
	struct hs_position end; /* once: where to stop */
	struct hs_position read; /* the next record to be read begins here */
	struct hs_ahead before; /* what an earlier run has done behind the cursor */
	size_t most; /* records that may be read and not done */
	bool unsaved, said_full;
	int64_t saved_ms;
	uint64_t passed; /* no handler */
	struct hs_progress progress; /* of --once */
	uint64_t bytes;              /* read so far */
	int signals;     /* signalfd(2) */
	int ended_by;    /* SIGINT, SIGTERM, SIGHUP, or SIGPIPE for a closed output; 0: none */
	bool at_end;     /* nothing more to read for now */
	int code;        /* not 0: stop with it */
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
const struct hs_option hs_each_options[] = {
	{ "cursor", "NAME", OPTION_CURSOR, "begin behind what an earlier run with this name has done" },
	HS_EVENT_SOURCE_FROM(OPTION_FROM),
	{ "on", "TYPE=COMMAND", OPTION_ON, "a handler: TYPE=…, TYPE:NAME=… or *=…; may be repeated" },
	{ "once", NULL, OPTION_ONCE, "stop at the present end of the spool" },
	{ "jobs", "N", OPTION_JOBS, "so many handlers in parallel, each user's events in order; 1" },
	{ "batch", "N", OPTION_BATCH, "up to N records at once; 1" },
	{ "stream", NULL, OPTION_STREAM, "handlers stay: they read lines and answer lines" },
	{ "failed", NULL, OPTION_FAILED, "once more, what was set aside under this cursor: failed.jsonl" },
	{ "no-test", NULL, OPTION_NO_TEST, "pass the events that hookspool send makes up" },
	{ "retry-for", "TIME", OPTION_RETRY_FOR, "try again for so long (30s, 15m, 4h, 2d); 4h" },
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};
/* clang-format on */

/* 30s, 15m, 4h, 2d. */
static bool take_duration(const char *command, const char *text, int64_t *ms)
{
	static const char units[] = "smhd";
	static const int64_t factor[] = { 1000, 60000, 3600000, 86400000 };
	size_t digits = strspn(text, "0123456789");
	const char *unit = text[digits] == '\0' ? NULL : strchr(units, text[digits]);

	if (digits == 0 || digits > 6 || unit == NULL || text[digits + 1] != '\0') {
		fprintf(stderr,
			"hookspool %s: --retry-for %s: expected a time (30s, 15m, 4h, 2d)\n",
			command, text);
		return false;
	}
	*ms = strtoll(text, NULL, 10) * factor[unit - units];
	return true;
}

static bool take_option(struct options *o, const char *command, int option, const char *argument)
{
	switch (option) {
	case HS_OPT_CONFIG: o->config = argument; return true;
	case OPTION_CURSOR: o->cursor = argument; return true;
	case OPTION_FROM: o->from = argument; return hs_event_source_is_from(command, argument);
	case OPTION_ON: return hs_routing_rules_add(&o->rules, command, argument);
	case OPTION_JOBS: return hs_option_number("jobs", argument, 1, HS_SCHEDULER_MAX, &o->jobs);
	case OPTION_BATCH: return hs_option_number("batch", argument, 1, HS_HANDLER_BATCH_MAX, &o->batch);
	case OPTION_ONCE: o->once = true; return true;
	case OPTION_FAILED: o->failed = o->once = true; return true;
	case OPTION_NO_TEST: o->rules.no_test = true; return true;
	case OPTION_STREAM: o->stream = true; return true;
	case OPTION_RETRY_FOR:
		o->retry_for_given = true;
		return take_duration(command, argument, &o->retry_for_ms);
	default: hs_usage(command); return false;
	}
}

static bool read_options(int argc, char **argv, struct options *o)
{
	int option;

	while ((option = hs_option(argc, argv)) != -1)
		if (!take_option(o, argv[0], option, optarg))
			return false;
	if (optind != argc || o->cursor == NULL || o->rules.count == 0) {
		hs_usage(argv[0]);
		return false;
	}
	if (o->failed && (o->from != NULL || !hs_cursor_is_name(o->cursor))) {
		fputs("hookspool each: --failed goes by the cursor's name that stands in failed.jsonl: without --from\n",
		      stderr);
		return false;
	}
	if (o->failed && !o->retry_for_given)
		o->retry_for_ms = 0; /* who sits before it wants to know */
	if (o->stream && o->batch > 1) {
		fputs("hookspool each: --stream reads lines ahead by itself: leave out --batch\n",
		      stderr);
		return false;
	}
	return true;
}

/* --- reading -------------------------------------------------------------- */

static bool is_full(const struct each *e)
{
	return e->acks.open >= e->most || (e->acks.open > 0 && e->acks.bytes >= OPEN_BYTES);
}

/* Nothing more is read until something is done; so people must know what is not. */
static void say_full(struct each *e)
{
	const struct hs_item *first = e->acks.first;

	if (e->said_full || first == NULL || first->tries == 0)
		return;
	e->said_full = true;
	fprintf(stderr, "hookspool each: %zu records wait for earlier ones of their users that are tried again: nothing "
		"more is read until one is done. Mend the handler, or give up sooner with --retry-for\n", e->acks.open);
}

static bool take_in(struct each *e, struct hs_slice line, struct hs_position before, int rule, uint64_t user)
{
	struct hs_item *item = hs_ack_tracker_add(&e->acks, line, before);

	if (item == NULL)
		return false;
	item->user = user;
	item->rule = (unsigned)rule;
	hs_scheduler_put(e->scheduler, item);
	return true;
}

static bool sort_in(struct each *e, struct hs_slice line)
{
	struct hs_position before = e->read;
	struct hs_record_head m;
	int rule;

	e->read = hs_reader_position(e->source.reader);
	e->unsaved = true;
	hs_record_head_read(&m, line);
	if (hs_ahead_has_done(&e->before, e->read, hs_record_head_user(&m)))
		return true;
	rule = hs_routing_rules_find(&e->options.rules, &m);
	if (rule >= 0)
		return take_in(e, line, before, rule, hs_record_head_user(&m));
	e->passed++;
	return true;
}

/* The next dead letter. */
static enum hs_result take_letter(struct each *e)
{
	struct hs_slice record;
	struct hs_record_head m;
	unsigned tries;
	enum hs_result r = hs_dead_letter_source_next(&e->letters, &record, &tries);
	int rule;

	if (r != HS_OK || record.n == 0)
		return r;
	hs_record_head_read(&m, record);
	rule = hs_routing_rules_find(&e->options.rules, &m);
	if (rule < 0) {
		e->passed++;
		return HS_OK;
	}
	if (!take_in(e, record, hs_dead_letter_source_take(&e->letters), rule, hs_record_head_user(&m)))
		return HS_E_MEMORY;
	e->acks.last->tries_before = tries;
	e->unsaved = true;
	return HS_OK;
}

static bool is_through(const struct each *e)
{
	if (e->options.failed)
		return e->letters.at_end;
	return e->options.once && (e->at_end || hs_reader_has_passed(e->source.reader, e->end));
}

/* Reads until enough is in hand, or there is nothing more; not for long at once. */
static void fill(struct each *e)
{
	e->at_end = false;
	for (int n = 0; n < READ_AT_ONCE && e->code == 0 && !is_full(e) && !is_through(e);
	     n++) {
		struct hs_slice line;
		enum hs_read what;

		if (e->options.failed) {
			e->code = hs_event_source_result(&e->source, take_letter(e));
			continue;
		}
		what = hs_reader_next(e->source.reader, &line);
		if (what == HS_READ_END) {
			e->at_end = true;
			return;
		}
		if (what != HS_READ_LINE) {
			hs_progress_clear(&e->progress);
			e->code = hs_event_source_trouble(&e->source, what);
			continue;
		}
		e->bytes += line.n + 1;
		if (!sort_in(e, line))
			e->code = hs_event_source_result(&e->source, HS_E_MEMORY);
	}
}

/* --- the cursor ----------------------------------------------------------- */

static int save(struct each *e)
{
	struct hs_ahead ahead = { 0 };
	enum hs_result r = HS_OK;

	if (e->options.failed && e->unsaved)
		r = hs_dead_letter_source_save(&e->letters, &e->acks);
	else if (e->unsaved)
		hs_ack_tracker_ahead(&e->acks, e->read, &e->before, &ahead);
	if (e->unsaved && !e->options.failed)
		r = hs_cursor_save_ahead(e->source.cursor, hs_ack_tracker_position(&e->acks, e->read), &ahead);
	if (r == HS_OK)
		e->unsaved = false;
	e->saved_ms = hs_io_now_monotonic();
	return hs_event_source_result(&e->source, r);
}

/* ms until it should be saved; -1: there is nothing to save. */
static int64_t until_save(const struct each *e)
{
	int64_t gap = e->options.failed ? SAVE_FAILED_MS : e->at_end && e->acks.open == 0 ? SAVE_IDLE_MS : SAVE_MS;
	int64_t left = e->saved_ms + gap - hs_io_now_monotonic();

	return !e->unsaved ? -1 : left > 0 ? left : 0;
}

/* --- the loop ------------------------------------------------------------- */

static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* The first signal ends it once what is in hand is done; the second at once. */
static void hear_signals(struct each *e)
{
	struct signalfd_siginfo info;

	while (read(e->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (e->ended_by != 0)
			hs_scheduler_kill(e->scheduler, SIGTERM);
		e->ended_by = (int)info.ssi_signo;
		hs_scheduler_stop(e->scheduler);
	}
}

static void wait_for_something(struct each *e, bool reading)
{
	struct hs_reader *reader = e->source.reader;
	int64_t ms = sooner(until_save(e), hs_scheduler_due(e->scheduler));
	size_t n = FIXED_FDS;

	if (e->progress.terminal)
		ms = sooner(ms, SHOW_MS);
	e->fds[0] = (struct pollfd){ e->signals, POLLIN, 0 };
	e->fds[1] = (struct pollfd){ -1, POLLIN, 0 };
	e->fds[2] = (struct pollfd){ e->ended_by == 0 ? STDOUT_FILENO : -1, 0, 0 };
	if (reading && e->at_end && !e->options.once) {
		e->fds[1].fd = hs_reader_watch(reader);
		ms = sooner(ms, hs_reader_patience(reader));
	}
	n += hs_scheduler_poll(e->scheduler, e->fds + FIXED_FDS);
	poll(e->fds, n, ms < 0 ? -1 : ms > INT_MAX ? INT_MAX : (int)ms);
	if (e->fds[1].revents != 0)
		hs_reader_look(reader);
	if ((e->fds[2].revents & POLLERR) != 0) /* nobody reads what the handlers print */
		e->ended_by = SIGPIPE;
}

/* Nothing more will come, and nothing that came is undone. */
static bool is_finished(const struct each *e)
{
	return is_through(e) && e->acks.open == 0;
}

static bool must_stop(const struct each *e)
{
	return e->code != 0 || e->ended_by != 0 || hs_scheduler_code(e->scheduler) != 0 || is_finished(e);
}

static void loop(struct each *e)
{
	bool stopping = false;

	for (;;) {
		size_t open;
		bool more;

		hear_signals(e);
		if (!stopping)
			fill(e);
		open = e->acks.open;
		hs_scheduler_work(e->scheduler);
		e->unsaved = e->unsaved || e->acks.open != open;
		hs_event_source_show(&e->source, &e->progress, e->end, e->bytes);
		if (until_save(e) == 0 && save(e) != 0)
			e->code = EX_IOERR;
		if (!stopping && must_stop(e)) {
			stopping = true;
			hs_scheduler_stop(e->scheduler);
			continue;
		}
		if (stopping && !hs_scheduler_running(e->scheduler))
			break;
		more = !stopping && !is_full(e);
		if (!stopping && !more)
			say_full(e);
		if (!more || e->at_end || is_through(e)) /* otherwise room has come: read on */
			wait_for_something(e, more);
	}
	if (e->code == 0)
		e->code = hs_scheduler_code(e->scheduler);
}

/* --- beginning and end ---------------------------------------------------- */

static bool catch_signals(struct each *e)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGCHLD };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		sigaddset(&set, signals[i]);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	e->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return e->signals >= 0;
}

/* What an earlier run has done behind the cursor; segments may have been edited since. */
static enum hs_result translate(const struct hs_spool_dir *dir, struct hs_ahead *a)
{
	struct hs_rewrite_log *rewrites;
	enum hs_result r = hs_rewrite_log_open(dir, &rewrites);

	if (r != HS_OK)
		return r;
	r = hs_rewrite_log_share(rewrites);
	if (r == HS_OK) {
		r = hs_rewrite_log_translate(rewrites, &a->to);
		for (size_t i = 0; r == HS_OK && i < a->count; i++)
			r = hs_rewrite_log_translate(rewrites, &a->held[i].from);
		hs_rewrite_log_release(rewrites);
	}
	hs_rewrite_log_close(rewrites);
	return r;
}

static enum hs_result recall(struct each *e)
{
	if (hs_cursor_is_foreign(e->source.cursor))
		return HS_OK;
	e->before = *hs_cursor_ahead(e->source.cursor);
	hs_ahead_sort(&e->before);
	return e->before.to.number == 0 ? HS_OK : translate(hs_reader_place(e->source.reader), &e->before);
}

/* The events, from where the cursor stands. */
static int prepare_events(struct each *e)
{
	const struct options *o = &e->options;
	enum hs_result r;
	int code = hs_event_source_begun(&e->source, o->from != NULL);

	if (code != 0)
		return code;
	e->read = hs_reader_position(e->source.reader);
	r = recall(e);
	if (r == HS_OK && o->once)
		r = hs_reader_end(e->source.reader, &e->end);
	if (r == HS_OK && e->source.fresh) /* retention must know from now on what is needed */
		r = hs_cursor_save(e->source.cursor, e->read);
	return hs_event_source_result(&e->source, r);
}

static int prepare_letters(struct each *e)
{
	enum hs_result r = hs_dead_letter_source_open(&e->letters, hs_reader_place(e->source.reader), e->options.cursor,
					   hs_io_random());

	if (r != HS_E_LOCKED)
		return hs_event_source_result(&e->source, r);
	fputs("hookspool each: another each --failed is at it: wait for it, or stop it first\n", stderr);
	return EX_TEMPFAIL;
}

static int prepare(struct each *e)
{
	struct options *o = &e->options;
	struct hs_scheduler_options scheduler = { .command = e->source.command,
					  .cursor = o->cursor,
					  .dir = hs_reader_place(e->source.reader),
					  .rules = &o->rules,
					  .jobs = (unsigned)o->jobs,
					  .batch = (unsigned)o->batch,
					  .stream = o->stream,
					  .retry_for_ms = o->retry_for_ms,
					  .letters = o->failed,
					  .acks = &e->acks };
	int code = o->failed ? prepare_letters(e) : prepare_events(e);

	if (code != 0)
		return code;
	e->most = (size_t)(2 * o->jobs * o->batch);
	if (e->most < OPEN_MOST)
		e->most = OPEN_MOST;
	e->scheduler = hs_scheduler_new(&scheduler);
	if (e->scheduler != NULL)
		e->fds = calloc(FIXED_FDS + hs_scheduler_fds(e->scheduler), sizeof *e->fds);
	if (e->fds == NULL || !catch_signals(e))
		return hs_event_source_result(&e->source, HS_E_MEMORY);
	return 0;
}

static void sum_up(const struct each *e)
{
	struct hs_scheduler_counts c = hs_scheduler_counts(e->scheduler);

	fprintf(stderr,
		"hookspool each: %" PRIu64 " done, %" PRIu64 " set aside, %" PRIu64
		" tried again, %" PRIu64 " without a handler\n",
		c.done, c.aside, c.again, e->passed);
}

static int work(struct each *e)
{
	int code = prepare(e);

	if (code == 0) {
		if (e->options.once && !e->options.failed)
			hs_progress_begin(&e->progress);
		loop(e);
		hs_progress_clear(&e->progress);
		code = save(e);
		code = e->code != 0 ? e->code : code;
		sum_up(e);
	}
	hs_scheduler_free(e->scheduler);
	free(e->fds);
	hs_ack_tracker_free(&e->acks);
	if (e->options.failed)
		hs_dead_letter_source_close(&e->letters);
	if (e->signals >= 0)
		close(e->signals);
	return hs_event_source_close(&e->source, code);
}

int hs_cmd_each(int argc, char **argv)
{
	struct each *e = calloc(1, sizeof *e);
	int code = 2, ended_by;

	if (e == NULL)
		return EX_OSERR;
	e->signals = -1;
	e->letters.fd = e->letters.lock = -1;
	e->options.jobs = e->options.batch = 1;
	e->options.retry_for_ms = INT64_C(4) * 3600000; /* as long as Segment itself tries */
	if (read_options(argc, argv, &e->options))
		code = hs_event_source_open(&e->source, argv[0], e->options.config,
				      e->options.failed ? NULL : e->options.cursor, e->options.from);
	if (code == 0 && e->options.failed) {
		code = hs_event_source_owned(&e->source, "--failed");
		code = code == 0 ? 0 : hs_event_source_close(&e->source, code);
	}
	if (code == 0)
		code = work(e);
	ended_by = e->ended_by;
	hs_routing_rules_free(&e->options.rules);
	free(e);
	if ((ended_by == SIGINT || ended_by == SIGPIPE) && code == 0) { /* as a shell expects it */
		sigset_t none;

		sigemptyset(&none);
		signal(ended_by, SIG_DFL);
		sigprocmask(SIG_SETMASK, &none, NULL);
		raise(ended_by);
	}
	return code;
}

/* hookspool each: handlers for the events, per type, by the rules of Subscription Functions. */
#include "core/result.h"
#include "store/io.h"
#include "tools/command.h"
#include "tools/lanes.h"
#include "tools/source.h"

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
	WINDOW_LEAST = 4096, /* records that are read and not done: what a crash repeats at most */
	WINDOW_BYTES = 64 << 20, /* … unless they are this long together */
	SAVE_MS = 1000,          /* the cursor is saved this often while there is much to do … */
	SAVE_IDLE_MS = 100,      /* … and no more often than this when little */
	SHOW_MS = 200,           /* the progress is shown anew this often */
	FIXED_FDS = 3,
};

struct options {
	const char *config, *cursor, *from;
	struct hs_rules rules;
	uint64_t jobs, batch;
	bool stream, once;
	int64_t retry_for_ms;
};

/* What is read and not yet done, in the order of the spool: a ring. */
struct window {
	struct hs_item **item;
	size_t cap, first, count, bytes;
};

struct each {
	struct options options;
	struct hs_source source;
	struct hs_lanes *lanes;
	struct window window;
	struct pollfd *fds;
	struct hs_position end, done, saved; /* once: where to stop; of the cursor */
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
	OPTION_FROM
};

/* clang-format off */
const struct hs_option hs_each_options[] = {
	{ "cursor", "NAME", OPTION_CURSOR, "begin behind what an earlier run with this name has done" },
	HS_SOURCE_FROM(OPTION_FROM),
	{ "on", "TYPE=COMMAND", OPTION_ON, "a handler: TYPE=…, TYPE:NAME=… or *=…; may be repeated" },
	{ "once", NULL, OPTION_ONCE, "stop at the present end of the spool" },
	{ "jobs", "N", OPTION_JOBS, "so many handlers in parallel, each user's events in order; 1" },
	{ "batch", "N", OPTION_BATCH, "up to N records at once; 1" },
	{ "stream", NULL, OPTION_STREAM, "handlers stay: they read lines and answer lines" },
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
	case OPTION_FROM: o->from = argument; return hs_source_is_from(command, argument);
	case OPTION_ON: return hs_rules_add(&o->rules, command, argument);
	case OPTION_JOBS: return hs_option_number("jobs", argument, 1, HS_LANES_MAX, &o->jobs);
	case OPTION_BATCH: return hs_option_number("batch", argument, 1, HS_BATCH_MAX, &o->batch);
	case OPTION_ONCE: o->once = true; return true;
	case OPTION_STREAM: o->stream = true; return true;
	case OPTION_RETRY_FOR: return take_duration(command, argument, &o->retry_for_ms);
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
	if (o->stream && o->batch > 1) {
		fputs("hookspool each: --stream reads lines ahead by itself: leave out --batch\n",
		      stderr);
		return false;
	}
	return true;
}

/* --- the window ----------------------------------------------------------- */

static bool make_window(struct window *w, const struct options *o)
{
	w->cap = (size_t)(2 * o->jobs * o->batch);
	if (w->cap < WINDOW_LEAST)
		w->cap = WINDOW_LEAST;
	w->item = calloc(w->cap, sizeof(struct hs_item *));
	return w->item != NULL;
}

static bool is_full(const struct window *w)
{
	return w->count == w->cap || (w->count > 0 && w->bytes >= WINDOW_BYTES);
}

static struct hs_item *last_of(const struct window *w)
{
	return w->count == 0 ? NULL : w->item[(w->first + w->count - 1) % w->cap];
}

/* Everything up to here is done: the cursor may move. */
static void advance(struct each *e)
{
	struct window *w = &e->window;

	while (w->count > 0 && w->item[w->first]->done) {
		struct hs_item *item = w->item[w->first];

		e->done = item->after;
		w->bytes -= item->n;
		w->first = (w->first + 1) % w->cap;
		w->count--;
		free(item);
	}
}

static void free_window(struct window *w)
{
	for (; w->count > 0; w->count--, w->first = (w->first + 1) % w->cap)
		free(w->item[w->first]);
	free(w->item);
}

/* --- reading -------------------------------------------------------------- */

/* Nobody handles what was just read: the cursor passes it with what came before. */
static void pass(struct each *e)
{
	struct hs_item *last = last_of(&e->window);

	e->passed++;
	if (last == NULL)
		e->done = hs_reader_position(e->source.reader);
	else
		last->after = hs_reader_position(e->source.reader);
}

static bool take_in(struct each *e, struct hs_slice line, int rule, uint64_t user)
{
	struct window *w = &e->window;
	struct hs_item *item = calloc(1, sizeof *item + line.n + 1);

	if (item == NULL)
		return false;
	item->after = hs_reader_position(e->source.reader);
	item->user = user;
	item->rule = (unsigned)rule;
	item->n = line.n + 1;
	memcpy(item->line, line.p, line.n);
	item->line[line.n] = '\n';
	w->item[(w->first + w->count++) % w->cap] = item;
	w->bytes += item->n;
	hs_lanes_put(e->lanes, item);
	return true;
}

static bool sort_in(struct each *e, struct hs_slice line)
{
	struct hs_main m;
	int rule;

	hs_main_read(&m, line);
	rule = hs_rules_find(&e->options.rules, &m);
	if (rule >= 0)
		return take_in(e, line, rule, hs_main_user(&m));
	pass(e);
	return true;
}

static bool is_through(const struct each *e)
{
	return e->options.once && (e->at_end || hs_reader_has_passed(e->source.reader, e->end));
}

/* Reads until the window is full, or there is nothing more; not for long at once. */
static void fill(struct each *e)
{
	e->at_end = false;
	for (int n = 0; n < READ_AT_ONCE && e->code == 0 && !is_full(&e->window) && !is_through(e);
	     n++) {
		struct hs_slice line;
		enum hs_read what = hs_reader_next(e->source.reader, &line);

		if (what == HS_READ_END) {
			e->at_end = true;
			return;
		}
		if (what != HS_READ_LINE) {
			hs_progress_clear(&e->progress);
			e->code = hs_source_trouble(&e->source, what);
			continue;
		}
		e->bytes += line.n + 1;
		if (!sort_in(e, line))
			e->code = hs_source_result(&e->source, HS_E_MEMORY);
	}
}

/* --- the cursor ----------------------------------------------------------- */

static bool is_unsaved(const struct each *e)
{
	return memcmp(&e->done, &e->saved, sizeof e->done) != 0;
}

static int save(struct each *e)
{
	enum hs_result r = is_unsaved(e) ? hs_cursor_save(e->source.cursor, e->done) : HS_OK;

	if (r == HS_OK)
		e->saved = e->done;
	e->saved_ms = hs_io_now_monotonic();
	return hs_source_result(&e->source, r);
}

/* ms until it should be saved; -1: there is nothing to save. */
static int64_t until_save(const struct each *e)
{
	int64_t gap = e->at_end && e->window.count == 0 ? SAVE_IDLE_MS : SAVE_MS;
	int64_t left = e->saved_ms + gap - hs_io_now_monotonic();

	return !is_unsaved(e) ? -1 : left > 0 ? left : 0;
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
			hs_lanes_kill(e->lanes, SIGTERM);
		e->ended_by = (int)info.ssi_signo;
		hs_lanes_stop(e->lanes);
	}
}

static void wait_for_something(struct each *e, bool reading)
{
	struct hs_reader *reader = e->source.reader;
	int64_t ms = sooner(until_save(e), hs_lanes_due(e->lanes));
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
	n += hs_lanes_poll(e->lanes, e->fds + FIXED_FDS);
	poll(e->fds, n, ms < 0 ? -1 : ms > INT_MAX ? INT_MAX : (int)ms);
	if (e->fds[1].revents != 0)
		hs_reader_look(reader);
	if ((e->fds[2].revents & POLLERR) != 0) /* nobody reads what the handlers print */
		e->ended_by = SIGPIPE;
}

/* Nothing more will come, and nothing that came is undone. */
static bool is_finished(const struct each *e)
{
	return is_through(e) && e->window.count == 0;
}

static bool must_stop(const struct each *e)
{
	return e->code != 0 || e->ended_by != 0 || hs_lanes_code(e->lanes) != 0 || is_finished(e);
}

static void loop(struct each *e)
{
	bool stopping = false;

	for (;;) {
		bool more;

		hear_signals(e);
		if (!stopping)
			fill(e);
		hs_lanes_work(e->lanes);
		advance(e);
		hs_source_show(&e->source, &e->progress, e->end, e->bytes);
		if (until_save(e) == 0 && save(e) != 0)
			e->code = EX_IOERR;
		if (!stopping && must_stop(e)) {
			stopping = true;
			hs_lanes_stop(e->lanes);
			continue;
		}
		if (stopping && !hs_lanes_running(e->lanes))
			break;
		more = !stopping && !is_full(&e->window);
		if (!more || e->at_end || is_through(e)) /* otherwise room has come: read on */
			wait_for_something(e, more);
	}
	if (e->code == 0)
		e->code = hs_lanes_code(e->lanes);
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

static int prepare(struct each *e)
{
	struct options *o = &e->options;
	struct hs_lanes_options lanes = { .command = e->source.command,
					  .cursor = o->cursor,
					  .place = hs_reader_place(e->source.reader),
					  .rules = &o->rules,
					  .jobs = (unsigned)o->jobs,
					  .batch = (unsigned)o->batch,
					  .stream = o->stream,
					  .retry_for_ms = o->retry_for_ms };
	enum hs_result r = HS_OK;
	int code = hs_source_begun(&e->source, o->from != NULL);

	if (code != 0)
		return code;
	e->done = e->saved = hs_reader_position(e->source.reader);
	if (o->once)
		r = hs_reader_end(e->source.reader, &e->end);
	if (r == HS_OK && e->source.fresh) /* retention must know from now on what is needed */
		r = hs_cursor_save(e->source.cursor, e->done);
	if (r != HS_OK)
		return hs_source_result(&e->source, r);
	e->lanes = hs_lanes_new(&lanes);
	if (e->lanes != NULL)
		e->fds = calloc(FIXED_FDS + hs_lanes_fds(e->lanes), sizeof *e->fds);
	if (e->fds == NULL || !make_window(&e->window, o) || !catch_signals(e))
		return hs_source_result(&e->source, HS_E_MEMORY);
	return 0;
}

static void sum_up(const struct each *e)
{
	struct hs_lanes_counts c = hs_lanes_counts(e->lanes);

	fprintf(stderr,
		"hookspool each: %" PRIu64 " done, %" PRIu64 " set aside, %" PRIu64
		" tried again, %" PRIu64 " without a handler\n",
		c.done, c.aside, c.again, e->passed);
}

static int work(struct each *e)
{
	int code = prepare(e);

	if (code == 0) {
		if (e->options.once)
			hs_progress_begin(&e->progress);
		loop(e);
		hs_progress_clear(&e->progress);
		code = save(e);
		code = e->code != 0 ? e->code : code;
		sum_up(e);
	}
	hs_lanes_free(e->lanes);
	free(e->fds);
	free_window(&e->window);
	if (e->signals >= 0)
		close(e->signals);
	return hs_source_close(&e->source, code);
}

int hs_cmd_each(int argc, char **argv)
{
	struct each *e = calloc(1, sizeof *e);
	int code = 2, ended_by;

	if (e == NULL)
		return EX_OSERR;
	e->signals = -1;
	e->options.jobs = e->options.batch = 1;
	e->options.retry_for_ms = INT64_C(4) * 3600000; /* as long as Segment itself tries */
	if (read_options(argc, argv, &e->options))
		code = hs_source_open(&e->source, argv[0], e->options.config, e->options.cursor,
				      e->options.from);
	if (code == 0)
		code = work(e);
	ended_by = e->ended_by;
	hs_rules_free(&e->options.rules);
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

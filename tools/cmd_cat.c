/* hookspool cat, tail: the records, one JSON line each, as they were spooled. */
#include "base/io.h"
#include "event/links.h"
#include "event/subject_match.h"
#include "spool/admin/dead_letters.h"
#include "tools/command.h"
#include "tools/report/filter.h"
#include "tools/report/link_text.h"
#include "tools/report/output.h"
#include "tools/report/projection.h"
#include "tools/report/rejected_reader.h"
#include "tools/report/terminal.h"
#include "tools/sink/event_source.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	LAST = 10,
	SAVE_MS = 1000, /* a cursor is saved this often while lines come in one after the other … */
	SAVE_IDLE_MS = 100 /* … and no more often than this when they come one by one */
};

/* What the command line says. */
struct options {
	const char *config, *cursor, *from;
	struct hs_filter filter;
	struct hs_projection columns; /* count 0: whole lines */
	bool is_tail, follow, last_given, aliases;
	bool rejected, failed; /* not the events */
	size_t last;
};

struct run {
	struct options options;
	struct hs_subjects people; /* with --aliases: whose records */
	struct hs_links links;
	struct hs_subject_matcher matcher;
	struct hs_event_source source;
	struct hs_output out;
	struct hs_position end, saved; /* the end as it was at the start, to stop there */
	int64_t saved_ms;
	struct hs_progress progress; /* begun only where nobody sees the lines themselves */
	uint64_t bytes;              /* read so far */
};

/* --- the command line ----------------------------------------------------- */

enum { OPTION_FIELDS = HS_OPT_OWN, OPTION_RAW, OPTION_CURSOR, OPTION_FROM, OPTION_ALIASES, OPTION_REJECTED, OPTION_FAILED };

#define OUTPUT_OPTIONS                                                                             \
	{ "fields", "A,B,C", OPTION_FIELDS, "these fields alone, with tabs between them" },        \
	{                                                                                          \
		"raw", NULL, OPTION_RAW, "tabs and newlines in fields as they are"                 \
	}

/* clang-format off */
const struct hs_option hs_cat_options[] = {
	HS_FILTER_OPTIONS,
	{ "rejected", NULL, OPTION_REJECTED, "what was refused, instead; by --tenant, --since, --until" },
	{ "failed", NULL, OPTION_FAILED, "what handlers of each set aside, instead; the filters are for its records" },
	{ "aliases", NULL, OPTION_ALIASES, "all that erase --aliases would take of these users' events" },
	OUTPUT_OPTIONS,
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};

const struct hs_option hs_tail_options[] = {
	{ "follow", NULL, 'f', "go on with what arrives" },
	{ "lines", "N", 'n', "begin with the last N records; 10" },
	{ "cursor", "NAME", OPTION_CURSOR, "begin behind what an earlier run with this name has printed" },
	HS_EVENT_SOURCE_FROM(OPTION_FROM),
	HS_FILTER_OPTIONS,
	OUTPUT_OPTIONS,
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};
/* clang-format on */

static bool take_last(struct options *o, const char *text)
{
	uint64_t n;

	o->last_given = hs_option_number("lines", text, 0, HS_READER_LAST_MAX, &n);
	o->last = (size_t)n;
	return o->last_given;
}

static bool take_option(struct options *o, const char *command, int option, const char *argument)
{
	switch (option) {
	case HS_OPT_CONFIG: o->config = argument; return true;
	case OPTION_FIELDS:
		o->columns.count = 0;
		return hs_projection_set(&o->columns, command, argument);
	case OPTION_RAW: o->columns.raw = true; return true;
	case OPTION_CURSOR: o->cursor = argument; return true;
	case OPTION_FROM: o->from = argument; return hs_event_source_is_from(command, argument);
	case OPTION_ALIASES: o->aliases = true; return true;
	case OPTION_REJECTED: o->rejected = true; return true;
	case OPTION_FAILED: o->failed = true; return true;
	case 'f': o->follow = true; return true;
	case 'n': return take_last(o, argument);
	default:
		if (option >= HS_FILTER_OPTION)
			return hs_filter_option(&o->filter, command, option, argument);
		hs_usage(command);
		return false;
	}
}

static bool read_options(int argc, char **argv, struct options *o)
{
	int option;

	while ((option = hs_option(argc, argv)) != -1)
		if (!take_option(o, argv[0], option, optarg))
			return false;
	if (o->from != NULL && (o->cursor == NULL || o->last_given)) {
		fputs("hookspool tail: --from is for a --cursor, and without --lines\n", stderr);
		return false;
	}
	if (o->rejected + o->failed + o->aliases > 1) {
		fputs("hookspool cat: --rejected, --failed and --aliases exclude each other\n", stderr);
		return false;
	}
	if (o->rejected && o->filter.by[HS_BY_TYPE].count + o->filter.by[HS_BY_EVENT].count +
				   o->filter.by[HS_BY_USER].count + o->filter.no_test > 0) {
		fputs("hookspool cat: --rejected: what was refused need not be an event: only --tenant, --since and "
		      "--until can choose\n", stderr);
		return false;
	}
	if (optind == argc && (!o->aliases || o->filter.by[HS_BY_USER].count > 0))
		return true;
	hs_usage(argv[0]);
	return false;
}

/* --- where to begin ------------------------------------------------------- */

static bool is_wanted(void *context, struct hs_slice line)
{
	return hs_filter_passes(context, line);
}

static void tell_if_empty(const struct run *r)
{
	char *text = hs_event_source_empty(&r->source, r->end);

	if (text != NULL)
		fprintf(stderr, "hookspool %s: %s\n", r->source.command, text);
	free(text);
}

/* cat at the oldest event, tail near the end, a cursor where it stands. */
static int begin(struct run *r)
{
	struct options *o = &r->options;
	bool last = o->is_tail && (o->cursor == NULL || (r->source.fresh && o->last_given));
	enum hs_result result = HS_OK;
	int code;

	if (!o->follow)
		result = hs_reader_end(r->source.reader, &r->end);
	if (result == HS_E_FULL && !last) { /* no room to mend the open segment: the others first */
		r->end.number = UINT64_MAX;
		result = HS_OK;
	}
	if (result == HS_OK && last)
		result = hs_reader_last(r->source.reader, o->last, is_wanted, &o->filter);
	if (result != HS_OK)
		return hs_event_source_result(&r->source, result);
	if (!o->follow)
		tell_if_empty(r);
	code = hs_event_source_begun(&r->source, o->from != NULL || last);
	if (code != 0)
		return code;
	r->saved = hs_reader_position(r->source.reader);
	r->saved_ms = hs_io_now_monotonic();
	if (r->source.fresh) /* retention must know from now on what is needed */
		result = hs_cursor_save(r->source.cursor, r->saved);
	if (result != HS_OK)
		return hs_event_source_result(&r->source, result);
	if (!hs_output_start(&r->out, o->cursor != NULL, r->saved)) {
		fprintf(stderr, "hookspool %s: signals: %s\n", r->source.command, strerror(errno));
		return EX_OSERR;
	}
	return 0;
}

/* --- one person's records ------------------------------------------------- */

/* The users of --user, of the tenant of --tenant: from now on these decide, not the filter. */
static int take_people(struct run *r)
{
	struct hs_filter *f = &r->options.filter;
	const struct hs_settings *settings = r->source.settings;
	const char *given = NULL, *tenant = NULL;
	int code = 0;

	if (f->by[HS_BY_TENANT].count > 0)
		given = f->by[HS_BY_TENANT].value[f->by[HS_BY_TENANT].count - 1].p;
	if (given == NULL ? hs_settings_have_tenants(settings) : strcmp(given, "*") != 0)
		code = hs_command_tenant(settings, r->source.command, given, &tenant);
	if (code != 0)
		return code;
	for (unsigned i = 0; i < f->by[HS_BY_USER].count; i++) {
		struct hs_slice id = f->by[HS_BY_USER].value[i];
		struct hs_subject who = { .kind = HS_SUBJECT_USER,
					  .id = (char *)(uintptr_t)id.p,
					  .n = id.n,
					  .tenant = (char *)(uintptr_t)tenant,
					  .before = { UINT64_MAX, UINT64_MAX },
					  .until_ms = INT64_MAX };

		if (!hs_subjects_add(&r->people, &who, NULL))
			return EX_OSERR;
	}
	f->by[HS_BY_USER].count = f->by[HS_BY_TENANT].count = 0;
	return 0;
}

/* All events up to the end, for the links. 0, or the exit code. */
static int look_through(struct run *r, bool checking)
{
	struct hs_reader *reader = r->source.reader;
	struct hs_slice line;
	int code = 0;

	hs_reader_start(reader, (struct hs_position) { 0 });
	while (code == 0 && !hs_reader_has_passed(reader, r->end)) {
		struct hs_position p = hs_reader_position(reader);
		enum hs_read what = hs_reader_next(reader, &line);
		bool ok = true;

		if (what == HS_READ_END)
			break;
		if (what != HS_READ_LINE)
			code = hs_event_source_trouble(&r->source, what);
		else if (checking)
			ok = hs_links_check(&r->links, line);
		else
			ok =
			    hs_links_find(&r->links, line, (struct hs_mark) { p.number, p.offset });
		if (!ok)
			code = EX_OSERR;
	}
	return code;
}

/* Whose are these users' anonymous ids? As erase finds it out; standard error tells. */
static int find_people(struct run *r)
{
	struct hs_buf text = { 0 };
	int code = take_people(r);

	hs_links_init(&r->links, &r->people, hs_io_random());
	r->matcher.subjects = &r->people;
	if (code == 0)
		code = look_through(r, false);
	if (code == 0 && r->links.ids.count > 0)
		code = look_through(r, true);
	if (code != 0)
		return code;
	if (!hs_links_settle(&r->links))
		return EX_OSERR;
	for (size_t i = 0; i < r->links.ids.count; i++)
		hs_link_text_put(&text, &r->links.list[i]);
	if (text.n > 0)
		hs_terminal_write(stderr, hs_buf_slice(&text));
	hs_buf_free(&text);
	hs_reader_start(r->source.reader, (struct hs_position) { 0 });
	return 0;
}

/* 1: it is; -1: out of memory. */
static int is_theirs(struct run *r, struct hs_slice line)
{
	static const struct hs_mark anywhere = { 0, 0 };

	return r->options.aliases ? hs_subject_match_event(&r->matcher, line, &anywhere) : 1;
}

/* --- the cursor ----------------------------------------------------------- */

static bool is_unsaved(const struct run *r)
{
	return r->source.cursor != NULL &&
	       memcmp(&r->saved, &r->out.confirmed, sizeof r->saved) != 0;
}

/* 0, or the exit code. */
static int save(struct run *r)
{
	enum hs_result result = HS_OK;

	if (is_unsaved(r))
		result = hs_cursor_save(r->source.cursor, r->out.confirmed);
	if (result == HS_OK) {
		r->saved = r->out.confirmed;
		r->saved_ms = hs_io_now_monotonic();
	}
	return hs_event_source_result(&r->source, result);
}

/* ms until the cursor should be saved; -1: there is nothing to save. */
static int64_t until_save(const struct run *r, int64_t gap_ms)
{
	int64_t left = r->saved_ms + gap_ms - hs_io_now_monotonic();

	return !is_unsaved(r) ? -1 : left > 0 ? left : 0;
}

/* --- the loop ------------------------------------------------------------- */

enum { GO_ON = -1, DONE = 0 }; /* or an exit code */

static int output_failed(const struct run *r)
{
	if (r->out.ended_by != 0)
		return DONE;
	fprintf(stderr, "hookspool %s: standard output: %s\n", r->source.command, strerror(errno));
	return errno == ENOMEM ? EX_OSERR : EX_IOERR;
}

static int flush(struct run *r)
{
	return hs_output_flush(&r->out, hs_reader_position(r->source.reader)) ? GO_ON
									      : output_failed(r);
}

static int end(struct run *r)
{
	int code = flush(r);

	return code == GO_ON ? DONE : code;
}

static int show(struct run *r, struct hs_slice line)
{
	struct options *o = &r->options;
	int theirs;

	if (!hs_filter_passes(&o->filter, line))
		return GO_ON;
	theirs = is_theirs(r, line);
	if (theirs <= 0)
		return theirs == 0 ? GO_ON : EX_OSERR;
	if (o->columns.count > 0) {
		hs_projection_put(&o->columns, line, &r->out.buf);
	} else {
		hs_buf_put_slice(&r->out.buf, line);
		hs_buf_putc(&r->out.buf, '\n');
	}
	return hs_output_line(&r->out, hs_reader_position(r->source.reader)) ? GO_ON
									     : output_failed(r);
}

/* Now and then, while lines come: a cursor moves, and signals are heard. */
static int tick(struct run *r)
{
	int code = GO_ON;

	hs_event_source_show(&r->source, &r->progress, r->end, r->bytes);
	if (r->source.cursor == NULL)
		return GO_ON;
	if (hs_output_stopped(&r->out))
		return DONE;
	if (hs_io_now_monotonic() - r->saved_ms >= SAVE_MS) {
		code = flush(r);
		if (code == GO_ON)
			code = save(r);
		if (code == 0)
			code = GO_ON;
	}
	return code;
}

/* Nothing more for now: everything out, then wait for more or for the cursor's next turn. */
static int idle(struct run *r)
{
	int64_t ms, due;
	int code;

	if (!r->options.follow)
		return end(r);
	code = flush(r);
	if (code != GO_ON)
		return code;
	due = until_save(r, SAVE_IDLE_MS);
	if (due == 0) {
		code = save(r);
		if (code != 0)
			return code;
		due = -1;
	}
	ms = hs_reader_patience(r->source.reader);
	if (ms < 0 || (due >= 0 && due < ms))
		ms = due;
	if (!hs_output_wait(&r->out, hs_reader_watch(r->source.reader), ms))
		return output_failed(r);
	hs_reader_look(r->source.reader);
	return GO_ON;
}

static int loop(struct run *r)
{
	struct hs_reader *reader = r->source.reader;
	int code = GO_ON;

	for (unsigned n = 1; code == GO_ON; n++) {
		struct hs_slice line;
		enum hs_read what;

		if (!r->options.follow && hs_reader_has_passed(reader, r->end))
			return end(r);
		what = hs_reader_next(reader, &line);
		if (what == HS_READ_LINE) {
			r->bytes += line.n + 1;
			code = show(r, line);
		} else if (what == HS_READ_END) {
			code = idle(r);
		} else {
			hs_progress_clear(&r->progress);
			code = hs_event_source_trouble(&r->source, what);
			code = code == 0 ? GO_ON : code;
		}
		if (code == GO_ON && n % HS_EVENT_SOURCE_LINES == 0)
			code = tick(r);
	}
	return code;
}

/* --- what are no events --------------------------------------------------- */

struct others {
	struct run *run;
	bool failed; /* to write, or for want of memory */
};

static bool put_other(struct others *x, struct hs_slice line, struct hs_slice fields)
{
	struct run *r = x->run;

	if (r->options.columns.count > 0) {
		hs_projection_put(&r->options.columns, fields, &r->out.buf);
	} else {
		hs_buf_put_slice(&r->out.buf, line);
		hs_buf_putc(&r->out.buf, '\n');
	}
	x->failed = !hs_output_line(&r->out, (struct hs_position){ 0 });
	return !x->failed;
}

static bool show_rejected(void *context, struct hs_slice line)
{
	struct others *x = context;
	struct hs_rejected_line refusal;

	hs_rejected_line_read(&refusal, line);
	return !hs_rejected_line_passes(&refusal, &x->run->options.filter) || put_other(x, line, line);
}

static bool show_failed(void *context, struct hs_slice line)
{
	struct others *x = context;
	struct hs_slice record = hs_dead_letters_record(line);

	return !hs_filter_passes(&x->run->options.filter, record) || put_other(x, line, record);
}

static int show_others(struct run *r)
{
	struct others x = { r, false };
	const struct hs_spool_dir *dir = hs_reader_place(r->source.reader);
	enum hs_result result;

	if (!hs_output_start(&r->out, false, (struct hs_position){ 0 }))
		return output_failed(r);
	result = r->options.failed ? hs_rejected_reader_walk_stream(dir, "failed", show_failed, &x)
				   : hs_rejected_reader_walk(dir, show_rejected, &x);
	if (!x.failed && result != HS_OK)
		return hs_event_source_result(&r->source, result);
	return x.failed || !hs_output_flush(&r->out, (struct hs_position){ 0 }) ? output_failed(r) : 0;
}

/* Lines that go to a terminal or through a pipe are themselves a sign of life. */
static bool is_to_file(void)
{
	struct stat st;

	return hs_io_fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode);
}

static int run(int argc, char **argv, bool is_tail)
{
	struct run *r = calloc(1, sizeof *r);
	int code = 2;

	if (r == NULL)
		return EX_OSERR;
	r->options.is_tail = is_tail;
	r->options.last = LAST;
	r->out.signals = -1;
	if (read_options(argc, argv, &r->options))
		code = hs_event_source_open(&r->source, argv[0], r->options.config, r->options.cursor,
				      r->options.from);
	if (code == 0 && (r->options.rejected || r->options.failed)) {
		code = hs_event_source_close(&r->source, show_others(r));
	} else if (code == 0) {
		code = begin(r);
		if (code == 0 && r->options.aliases)
			code = find_people(r);
		if (code == 0) {
			int saved;

			if (!r->options.follow && is_to_file())
				hs_progress_begin(&r->progress);
			code = loop(r);
			hs_progress_clear(&r->progress);
			saved = save(r);
			code = code == 0 ? saved : code;
		}
		code = hs_event_source_close(&r->source, code);
	}
	hs_output_die(&r->out);
	hs_output_free(&r->out);
	hs_links_free(&r->links);
	hs_subject_matcher_free(&r->matcher);
	hs_subjects_free(&r->people);
	hs_filter_free(&r->options.filter);
	hs_projection_free(&r->options.columns);
	free(r);
	return code;
}

int hs_cmd_cat(int argc, char **argv)
{
	return run(argc, argv, false);
}

int hs_cmd_tail(int argc, char **argv)
{
	return run(argc, argv, true);
}

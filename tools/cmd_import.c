/* hookspool import: imports archives of original events into the spool. */
#include "base/io.h"
#include "base/json_writer.h"
#include "base/timestamp.h"
#include "spool/import.h"
#include "tools/command.h"
#include "tools/report/bar_table.h"
#include "tools/report/progress.h"
#include "tools/report/terminal.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { OPT_TYPE = HS_OPT_OWN, OPT_SINCE, OPT_UNTIL, OPT_TENANT, OPT_DRY_RUN, OPT_AGAIN };
enum { TYPES_MAX = 32 };

static const struct hs_option import_options[] = {
	HS_OPTION_CONFIG,
	{ "type", "TYPE", OPT_TYPE, "events of this type alone; may be repeated" },
	{ "since", "TIME", OPT_SINCE, "events whose timestamp is not before TIME (ISO 8601, UTC)" },
	{ "until", "TIME", OPT_UNTIL, "events whose timestamp is before TIME" },
	{ "tenant", "LABEL", OPT_TENANT, "whose events these are, as in [keys]; - for none" },
	{ "again", NULL, OPT_AGAIN, "also archives that an earlier run has finished" },
	{ "dry-run", NULL, OPT_DRY_RUN, "count; write nothing, make no spool" },
	HS_OPTION_JSON,
	HS_OPTIONS_END,
};

struct import {
	struct hs_settings *settings;
	struct hs_spool *spool;
	struct hs_importer how;
	struct hs_inventory inventory; /* for a dry run */
	const char *type[TYPES_MAX];
	const char *config, *tenant;
	bool json;

	struct hs_imported sum;
	uint64_t files, done_before, failed;
	const char *name; /* the current file */
	uint64_t size;    /* 0: a pipe */
	struct hs_progress progress;
	int code; /* exit code of the first error */
};

/* --- options -------------------------------------------------------------------- */

static bool read_time(const char *option, const char *text, bool *given, int64_t *ms)
{
	*given = hs_timestamp_parse(hs_slice_str(text), ms);
	if (!*given)
		fprintf(stderr,
		        "hookspool import: --%s %s: expected a time such as 2026-11-24 or "
		        "2026-11-24T10:15:00Z\n",
		        option, text);
	return *given;
}

static bool add_type(struct import *c, const char *type)
{
	if (c->how.types == TYPES_MAX) {
		fprintf(stderr, "hookspool import: --type: at most %d\n", TYPES_MAX);
		return false;
	}
	c->type[c->how.types++] = type;
	return true;
}

static bool read_option(struct import *c, int option)
{
	switch (option) {
	case HS_OPT_CONFIG: c->config = optarg; return true;
	case HS_OPT_JSON: c->json = true; return true;
	case OPT_TYPE: return add_type(c, optarg);
	case OPT_SINCE: return read_time("since", optarg, &c->how.since_given, &c->how.since_ms);
	case OPT_UNTIL: return read_time("until", optarg, &c->how.until_given, &c->how.until_ms);
	case OPT_TENANT: return hs_command_take_tenant("import", optarg, &c->tenant);
	case OPT_DRY_RUN: c->how.look_only = true; return true;
	case OPT_AGAIN: c->how.again = true; return true;
	default: return false;
	}
}

/* --- files ------------------------------------------------------------------------ */

static void note_failure(struct import *c, int code, const char *what, const char *remedy)
{
	hs_progress_clear(&c->progress);
	fprintf(stderr, "hookspool import: %s: %s%s%s\n", c->name, what, remedy[0] != '\0' ? ": " : "", remedy);
	c->failed++;
	if (c->code == 0)
		c->code = code;
}

/* The remedy of the result for want of memory is the handler's. */
static void note_result(struct import *c, enum hs_result r)
{
	bool memory = r == HS_E_MEMORY;

	if (memory)
		hs_command_told();
	note_failure(c, hs_command_exit(r), memory ? "out of memory" : hs_result_info(r)->message,
	             memory ? "free some, and run it again" : hs_result_info(r)->remedy);
}

static bool go_on(void *context, const struct hs_imported *so_far)
{
	struct import *c = context;
	int64_t ms = hs_io_now_monotonic() - c->progress.begun_ms;
	uint64_t events = c->sum.events + so_far->events;
	uint64_t rate = ms > 0 ? events * 1000 / (uint64_t)ms : 0;
	char bytes[HS_BAR_TABLE_BYTES];

	hs_bar_table_bytes(c->size, bytes);
	if (c->size > 0)
		hs_progress_show(&c->progress, "%s: %" PRIu64 " %% of %s, %" PRIu64 " events/s", c->name,
		                 so_far->read * 100 / c->size, bytes, rate);
	else
		hs_progress_show(&c->progress, "%s: %" PRIu64 " events, %" PRIu64 " events/s", c->name, so_far->events,
		                 rate);
	return !hs_stop_asked();
}

static void add_up(struct import *c, const struct hs_imported *done)
{
	c->sum.lines += done->lines;
	c->sum.events += done->events;
	c->sum.accepted += done->accepted;
	c->sum.duplicate += done->duplicate;
	c->sum.rejected += done->rejected;
	c->sum.deletes += done->deletes;
	c->sum.left_out += done->left_out;
	if (c->sum.undated == 0)
		c->sum.undated_line = done->undated_line;
	c->sum.undated += done->undated;
	c->sum.suppressed += done->suppressed;
	c->sum.dropped += done->dropped;
	c->sum.resumed += done->resumed;
	c->sum.rejected_before += done->rejected_before;
	c->sum.stopped |= done->stopped;
	c->done_before += done->done_before;
}

/* False: an error of the spool, or a signal to stop: read no more files. */
static bool import_from(struct import *c, int fd)
{
	struct hs_imported done;
	struct stat st;
	enum hs_result r;

	c->files++;
	c->size = hs_io_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	r = hs_import(c->spool, c->settings, &c->how, fd, c->name, &done);
	add_up(c, &done);
	if (r != HS_OK)
		note_result(c, r);
	else if (done.in_use)
		note_failure(c, EX_TEMPFAIL, "another process imports it", "wait for it");
	else if (done.foreign != NULL)
		note_failure(c, EX_DATAERR, done.foreign, done.remedy);
	else if (done.garbage)
		note_failure(c, EX_DATAERR, "a thousand lines in a row are not JSON objects",
		             "what came before them is in the spool: correct the file, and import it again");
	else if (done.error == EILSEQ)
		note_failure(c, EX_DATAERR, "damaged or cut", "what came before the damage is in the spool");
	else if (done.error == EISDIR)
		note_failure(c, EX_NOINPUT, "a directory", "name the files in it");
	else if (done.error != 0 && done.error != EINTR)
		note_failure(c, EX_IOERR, strerror(done.error), "");
	c->sum.stopped |= done.error == EINTR;
	return r == HS_OK && !c->sum.stopped;
}

static bool import_file(struct import *c, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0, more;
	int fd;

	do
		fd = is_stdin ? STDIN_FILENO : hs_io_open_outside(path);
	while (fd < 0 && errno == EINTR && !hs_stop_asked());
	c->name = is_stdin ? "standard input" : path;
	if (fd < 0 && errno == EINTR) {
		c->sum.stopped = true;
		return false;
	}
	if (fd < 0) {
		note_failure(c, EX_NOINPUT, strerror(errno), "");
		return !hs_stop_asked();
	}
	more = import_from(c, fd);
	if (!is_stdin)
		hs_io_close(fd);
	return more;
}

/* --- the sum ------------------------------------------------------------------------ */

static void print_json(const struct import *c)
{
	const struct hs_imported *s = &c->sum;
	const struct {
		const char *name;
		uint64_t value;
	} count[] = {
		{ "files", c->files },
		{ "lines", s->lines },
		{ "events", s->events },
		{ "accepted", s->accepted },
		{ "duplicate", s->duplicate },
		{ "rejected", s->rejected },
		{ "deletes", s->deletes },
		{ "left_out", s->left_out },
		{ "undated", s->undated },
		{ "suppressed", s->suppressed },
		{ "dropped", s->dropped },
		{ "resumed", s->resumed },
		{ "rejected_before", s->rejected_before },
		{ "done_before", c->done_before },
		{ "failed", c->failed },
	};
	struct hs_buf text = { 0 };
	struct hs_json_writer w = { .out = &text };

	hs_json_writer_object(&w, NULL);
	for (size_t i = 0; i < sizeof count / sizeof *count; i++)
		hs_json_writer_uint(&w, count[i].name, count[i].value);
	hs_json_writer_bool(&w, "stopped", s->stopped);
	hs_json_writer_end(&w, '}');
	hs_terminal_print_json(&text);
}

static void print_sum(const struct import *c)
{
	const struct hs_imported *s = &c->sum;

	if (c->json) {
		print_json(c);
		return;
	}
	printf("%" PRIu64 " lines: %" PRIu64 " accepted, %" PRIu64 " duplicate, %" PRIu64 " rejected, %" PRIu64
	       " left out\n",
	       s->lines, s->accepted, s->duplicate, s->rejected, s->left_out);
	if (s->deletes > 0)
		printf(
		    "%" PRIu64
		    " are delete events, and count as newer than all that the spool had: erase --from-deletes, "
		    "and load, remove all events of their users; to leave them out, import the other types by --type\n",
		    s->deletes);
	if (s->undated > 0)
		printf("%" PRIu64 " of those left out have a timestamp that cannot be read, such as line %" PRIu64
		       ": without --since and --until they are imported\n",
		       s->undated, s->undated_line);
	if (s->dropped > 0)
		printf("%" PRIu64 " events were dropped by the rules (hookspool rules)\n", s->dropped);
	if (s->suppressed > 0)
		printf("%" PRIu64 " lines were of suppressed users\n", s->suppressed);
	if (s->resumed > 0)
		printf("%" PRIu64 " lines were imported by an earlier run\n", s->resumed);
	if (c->done_before > 0)
		printf("%" PRIu64 " of %" PRIu64 " archives were done before (--again imports them once more)\n",
		       c->done_before, c->files);
	if (s->rejected_before > 0)
		printf("%" PRIu64 " lines were rejected by an earlier run\n", s->rejected_before);
	if (s->rejected + s->rejected_before > 0 && !c->how.look_only)
		puts("what was rejected, and why, is in rejected.jsonl");
	if (s->stopped)
		puts("stopped: run it again to continue");
}

/* A dry run makes no spool and changes none. */
static bool look_at_spool(struct import *c)
{
	enum hs_result r;

	if (!c->how.look_only || !hs_inventory_is_needed(c->settings))
		return true;
	c->how.inventory = &c->inventory;
	r = hs_inventory_take(&c->inventory, c->settings);
	if (r == HS_OK)
		return true;
	if (r != HS_E_MEMORY)
		fprintf(stderr, "hookspool import: %s: %s: %s\n", c->settings->spool_dir, strerror(errno),
		        hs_result_info(r)->remedy);
	c->code = hs_command_exit(r);
	return false;
}

static int import_all(struct import *c, int argc, char **argv)
{
	bool more = look_at_spool(c);

	if (!more)
		return c->code;
	c->settings->durability = HS_DURABILITY_FSYNC; /* a checkpoint must not be ahead of the lines */
	c->spool = hs_spool_new(c->settings);
	if (c->spool == NULL)
		return EX_OSERR;
	hs_stop_catch();
	hs_progress_begin(&c->progress);
	if (optind == argc)
		import_file(c, "-");
	for (int i = optind; i < argc && more; i++)
		more = import_file(c, argv[i]);
	hs_progress_clear(&c->progress);
	print_sum(c);
	hs_spool_free(c->spool);
	return c->code != 0 ? c->code : c->sum.rejected + c->sum.rejected_before > 0;
}

static int cmd_import(int argc, char **argv)
{
	struct import c = { .how.tenant = "" };
	int option;

	while ((option = hs_option(argc, argv)) != -1)
		if (!read_option(&c, option))
			return hs_usage("import");
	if (optind == argc && isatty(STDIN_FILENO) == 1)
		return hs_usage("import");
	c.settings = hs_command_settings(c.config);
	if (c.settings == NULL)
		return EX_CONFIG;
	c.how.type = c.type;
	c.how.context = &c;
	c.how.go_on = go_on;
	c.code = hs_command_tenant(c.settings, "import", c.tenant, &c.how.tenant);
	if (c.code == 0)
		c.code = import_all(&c, argc, argv);
	hs_inventory_free(&c.inventory);
	hs_settings_free(c.settings);
	hs_stop_finish();
	return c.code;
}

const struct hs_command hs_command_import = {
	.name = "import",
	.run = cmd_import,
	.options = import_options,
	.arguments = "[FILE ...]",
	.help = "import archives of original events into the spool, each event once",
};

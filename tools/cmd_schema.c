/* hookspool schema: which events and fields are in the spool. */
#include "base/io.h"
#include "event/json.h"
#include "schema/schema.h"
#include "tools/command.h"
#include "tools/report/bar_table.h"
#include "tools/report/filter.h"
#include "tools/report/terminal.h"
#include "tools/schema/diff.h"
#include "tools/schema/forms.h"
#include "tools/sink/event_source.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { OPT_TYPESCRIPT = HS_OPT_OWN, OPT_JSON_SCHEMA, OPT_EVENT, OPT_SINCE, OPT_NO_EXAMPLES, OPT_DIFF };
enum { DIFF_MOST = 32 << 20 /* bytes of the file */ };

/* clang-format off */
static const struct hs_option schema_options[] = {
	HS_OPTION_JSON,
	{ "typescript", NULL, OPT_TYPESCRIPT, "interfaces in TypeScript" },
	{ "json-schema", NULL, OPT_JSON_SCHEMA, "a JSON Schema" },
	{ "diff", "FILE", OPT_DIFF, "what is new, gone or of other types since this --json; exit status 1 if anything is" },
	{ "event", "NAME", OPT_EVENT, "only this event" },
	{ "since", "WHEN", OPT_SINCE, "only what was seen since: 2026-11-23, 2026-11-23T10:15:00Z, 2h, 7d (ago)" },
	{ "no-examples", NULL, OPT_NO_EXAMPLES, "without values" },
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};
/* clang-format on */

struct run {
	const char *config, *diff;
	int form; /* the option; 0: a table */
	struct hs_schema_view view;

	struct hs_event_source source;
	struct hs_progress progress;
	struct hs_position end;
	struct hs_schema schema;
	struct hs_buf out;
	bool failed; /* standard output */
};

/* --- the command line -------------------------------------------------------------- */

static bool take_since(struct run *r)
{
	if (hs_filter_when(optarg, hs_io_now(), &r->view.since_ms))
		return true;
	fprintf(stderr,
	        "hookspool schema: --since %s: expected a time (2026-11-23T10:15:00Z) or how long ago (2h, 7d)\n",
	        optarg);
	return false;
}

static bool take_form(struct run *r, int form)
{
	if (r->form == 0 || r->form == form) {
		r->form = form;
		return true;
	}
	fputs("hookspool schema: one of --json, --typescript, --json-schema and --diff\n", stderr);
	return false;
}

static bool take_option(struct run *r, int option)
{
	switch (option) {
	case HS_OPT_CONFIG: r->config = optarg; return true;
	case HS_OPT_JSON:
	case OPT_TYPESCRIPT:
	case OPT_JSON_SCHEMA:
	case OPT_DIFF: r->diff = option == OPT_DIFF ? optarg : r->diff; return take_form(r, option);
	case OPT_EVENT: r->view.event = hs_slice_str(optarg); return true;
	case OPT_SINCE: return take_since(r);
	case OPT_NO_EXAMPLES: r->view.no_examples = true; return true;
	default: hs_usage("schema"); return false;
	}
}

static bool read_options(int argc, char **argv, struct run *r)
{
	int option;

	while ((option = hs_option(argc, argv)) != -1)
		if (!take_option(r, option))
			return false;
	if (optind != argc)
		hs_usage_surplus("schema", argv);
	return optind == argc;
}

/* --- the output --------------------------------------------------------------------- */

/* Writes what is in the buffer. False: that failed, and no more is to be printed. */
static bool flush(void *context)
{
	struct run *r = context;

	r->failed |= !hs_buf_ok(&r->out) || (r->out.n > 0 && !hs_terminal_write(stdout, hs_buf_slice(&r->out)));
	if (!r->failed)
		hs_buf_reset(&r->out);
	return !r->failed;
}

static void print(struct run *r)
{
	struct hs_schema_form form = { &r->schema, &r->view, &r->out, flush, r, hs_bar_table_columns(STDOUT_FILENO) };

	hs_schema_table_sort(&r->schema.table);
	switch (r->form) {
	case HS_OPT_JSON: hs_schema_put_json(&r->schema, &r->view, &r->out, flush, r); break;
	case OPT_TYPESCRIPT: hs_schema_put_typescript(&form); break;
	case OPT_JSON_SCHEMA: hs_schema_put_json_schema(&form); break;
	default: hs_schema_put_table(&form); break;
	}
}

/* Reads the file of --diff. 0 or an exit code. */
static int read_before(const struct run *r, struct hs_schema_table *before)
{
	struct hs_buf text = { 0 };
	enum hs_result result = HS_OK;
	struct stat st;
	int code = 0;

	if (hs_io_read_file(r->diff, DIFF_MOST, &text, &st) < 0) {
		fprintf(stderr, "hookspool schema: %s: %s\n", r->diff, strerror(errno));
		code = EX_NOINPUT;
	} else {
		result = hs_schema_read_json(hs_buf_slice(&text), before);
	}
	hs_buf_free(&text);
	if (result == HS_OK || result == HS_E_MEMORY)
		return result == HS_OK ? code : hs_event_source_result(&r->source, result);
	if (result == HS_E_JSON_LARGE)
		fprintf(stderr,
		        "hookspool schema: %s: more than %d names and values: make it with --no-examples, or for one "
		        "--event\n",
		        r->diff, HS_JSON_TOKENS_MAX);
	else
		fprintf(stderr, "hookspool schema: %s: expected the output of hookspool schema --json\n", r->diff);
	return EX_DATAERR;
}

/* 1: there are differences. */
static int compare(struct run *r)
{
	struct hs_schema_table before = { .seed = hs_io_random() };
	int code = read_before(r, &before);

	if (code == 0 && hs_schema_diff(&before, &r->schema.table, &r->view, &r->out))
		code = 1;
	hs_schema_table_free(&before);
	return code;
}

/* --- the whole ---------------------------------------------------------------------- */

static bool stop(void *context)
{
	struct run *r = context;

	hs_progress_show(&r->progress, "counting: segment %" PRIu64 " of %" PRIu64,
	                 hs_reader_position(r->source.reader).number, r->end.number);
	return hs_stop_asked();
}

static int advance(struct run *r)
{
	struct hs_schema_work work = { .stop = stop, .context = r };
	enum hs_result result;

	hs_stop_catch();
	hs_progress_begin(&r->progress);
	result = hs_reader_end(r->source.reader, &r->end);
	if (result == HS_OK)
		result = hs_schema_advance(r->source.reader, &work, &r->schema);
	hs_progress_clear(&r->progress);
	return hs_event_source_result(&r->source, result);
}

static int run(struct run *r)
{
	int code = advance(r);

	if (code == 0 && !hs_stop_asked()) {
		if (r->diff != NULL)
			code = compare(r);
		else
			print(r);
		if (!flush(r)) /* hs_command_end says why a write failed */
			code = hs_buf_ok(&r->out) ? EX_IOERR : hs_event_source_result(&r->source, HS_E_MEMORY);
	}
	hs_schema_free(&r->schema);
	hs_buf_free(&r->out);
	return hs_event_source_close(&r->source, code);
}

static int cmd_schema(int argc, char **argv)
{
	struct run *r = calloc(1, sizeof *r);
	int code = 2;

	if (r == NULL)
		return EX_OSERR;
	if (read_options(argc, argv, r))
		code = hs_event_source_open(&r->source, argv[0], r->config, NULL, NULL);
	if (code == 0)
		code = run(r);
	free(r);
	hs_stop_finish();
	return code;
}

const struct hs_command hs_command_schema = {
	.name = "schema",
	.run = cmd_schema,
	.options = schema_options,
	.help = "which events came, how often, with which fields of which types; compare with an earlier time",
};

/* hookspool-load: the spool in a database, in the schema of Segment's warehouses. `hookspool load` starts it. */
#include "base/timestamp.h"
#include "tools/command.h"
#include "tools/load/sink_load.h"
#include "tools/sink/pump.h"
#include "tools/sink/stop_signals.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { LIST_MAX = 64, BATCH = 5000, EVERY_MS = 1000, COLUMNS = 180, TABLES = 500, PREFIX_MAX = 40 };

struct options {
	const char *config, *to, *name, *prefix, *schema, *since, *tenant;
	const char *include[LIST_MAX + 1], *exclude[LIST_MAX + 1], *types[LIST_MAX + 1];
	uint64_t batch, every, columns, tables;
	bool once, quiet;
};

enum {
	OPTION_TO = HS_OPT_OWN,
	OPTION_ONCE,
	OPTION_NAME,
	OPTION_SCHEMA,
	OPTION_PREFIX,
	OPTION_TENANT,
	OPTION_INCLUDE,
	OPTION_EXCLUDE,
	OPTION_TYPE,
	OPTION_SINCE,
	OPTION_BATCH,
	OPTION_EVERY,
	OPTION_COLUMNS,
	OPTION_TABLES,
	OPTION_QUIET,
};

/* clang-format off */
static const struct hs_option load_options[] = {
	{ "to", "URL", OPTION_TO, "sqlite:/PATH, postgresql://HOST/DATABASE or mysql://HOST/DATABASE" },
	{ "once", NULL, OPTION_ONCE, "stop at the current end of the spool" },
	{ "name", "NAME", OPTION_NAME, "of the position and the cursor; load" },
	{ "schema", "NAME", OPTION_SCHEMA, "PostgreSQL: made if it is missing; segment" },
	{ "prefix", "TEXT", OPTION_PREFIX, "before the name of each table" },
	{ "tenant", "LABEL", OPTION_TENANT, "this customer's records only; required where there are [keys]" },
	{ "include", "GLOB", OPTION_INCLUDE, "these tables only; or TABLE._FIELD: a field that is left out; repeatable" },
	{ "exclude", "GLOB", OPTION_EXCLUDE, "not this TABLE or TABLE.COLUMN; repeatable" },
	{ "type", "TABLE.COLUMN=TYPE", OPTION_TYPE, "boolean, number, timestamp or text, for a new column; repeatable" },
	{ "since", "WHEN", OPTION_SINCE, "begin there, at the first start" },
	{ "batch", "N", OPTION_BATCH, "records in a transaction; 5000" },
	{ "every", "MS", OPTION_EVERY, "a transaction ends this long after its first record; 1000" },
	{ "max-columns", "N", OPTION_COLUMNS, "of a table; the rest goes to _rest; 180" },
	{ "max-tables", "N", OPTION_TABLES, "500" },
	{ "quiet", NULL, OPTION_QUIET, "no summary" },
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};
/* clang-format on */

/* --- the command line ----------------------------------------------------------------- */

static bool add_to(const char **list, const char *command, const char *value)
{
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	if (n == LIST_MAX) {
		fprintf(stderr, "hookspool %s: at most %d of each of --include, --exclude and --type\n", command,
		        LIST_MAX);
		return false;
	}
	list[n] = value;
	return true;
}

static bool add_type(struct options *o, const char *command, const char *value)
{
	const char *equals = strrchr(value, '='), *dot = strchr(value, '.');

	if (equals == NULL || dot == NULL || dot > equals || equals - value > 250 ||
	    hs_catalogue_type(equals + 1) == HS_COLUMN_NONE) {
		fprintf(
		    stderr,
		    "hookspool %s: --type %s: expected TABLE.COLUMN=TYPE; types are boolean, number, timestamp, text\n",
		    command, value);
		return false;
	}
	return add_to(o->types, command, value);
}

static bool set_option(struct options *o, const char *command, int option, const char *argument)
{
	switch (option) {
	case HS_OPT_CONFIG: o->config = argument; return true;
	case OPTION_TO: o->to = argument; return true;
	case OPTION_ONCE: o->once = true; return true;
	case OPTION_NAME: o->name = argument; return true;
	case OPTION_SCHEMA: o->schema = argument; return true;
	case OPTION_PREFIX: o->prefix = argument; return true;
	case OPTION_TENANT: o->tenant = argument; return true;
	case OPTION_INCLUDE: return add_to(o->include, command, argument);
	case OPTION_EXCLUDE: return add_to(o->exclude, command, argument);
	case OPTION_TYPE: return add_type(o, command, argument);
	case OPTION_SINCE: o->since = argument; return hs_event_source_is_from(command, argument);
	case OPTION_BATCH: return hs_option_number("batch", argument, 1, 100000, &o->batch);
	case OPTION_EVERY: return hs_option_number("every", argument, 1, 3600000, &o->every);
	case OPTION_COLUMNS:
		return hs_option_number("max-columns", argument, HS_REQUIRED_COLUMNS_MAX, 1500, &o->columns);
	case OPTION_TABLES: return hs_option_number("max-tables", argument, 16, 10000, &o->tables);
	case OPTION_QUIET: o->quiet = true; return true;
	default: hs_usage(command); return false;
	}
}

static bool has_password(const char *url)
{
	const char *host = strstr(url, "://"), *at = host == NULL ? NULL : strpbrk(host + 3, "@/?");

	if (host != NULL && strstr(host, "password=") != NULL)
		return true;
	return at != NULL && *at == '@' && memchr(host + 3, ':', (size_t)(at - host - 3)) != NULL;
}

static bool read_options(int argc, char **argv, struct options *o)
{
	int option;

	while ((option = hs_option(argc, argv)) != -1)
		if (!set_option(o, argv[0], option, optarg))
			return false;
	if (optind != argc || o->to == NULL) {
		hs_usage(argv[0]);
		return false;
	}
	if (has_password(o->to)) {
		fprintf(stderr,
		        "hookspool %s: no password on the command line, where every user of this machine sees it: use "
		        "PGPASSFILE, PGSERVICE, ~/.my.cnf, or the socket's own authentication\n",
		        argv[0]);
		return false;
	}
	if (strlen(o->prefix) > PREFIX_MAX || strpbrk(o->prefix, "\"'`\\") != NULL) {
		fprintf(stderr, "hookspool %s: --prefix %s: at most %d bytes, no quotes, no backslash\n", argv[0],
		        o->prefix, PREFIX_MAX);
		return false;
	}
	if (!hs_cursor_is_name(o->name)) {
		fprintf(stderr, "hookspool %s: --name %s: letters, digits, dots, _ and -\n", argv[0], o->name);
		return false;
	}
	return true;
}

/* --- the run ----------------------------------------------------------------------------- */

struct run {
	const struct options *o;
	const char *tenant; /* "": records without one; NULL: the spool has no tenants */
	struct hs_buf scratch;
};

/* Chooses the tenant's records. */
static int choose(void *context, struct hs_slice line, struct hs_choice *choice)
{
	struct run *run = context;
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;

	choice->key = choice->group = 0;
	while (hs_record_field_next(&walk, &field))
		if (hs_slice_eq(field.name, HS_SLICE("tenant")))
			return hs_slice_eq(field.value, hs_slice_str(run->tenant));
	return run->tenant[0] == '\0';
}

static void sum_up(const struct options *o, struct hs_loader_counts c)
{
	if (o->quiet)
		return;
	fprintf(stderr,
	        "hookspool load: %" PRIu64 " records, %" PRIu64 " rows, %" PRIu64 " tables and %" PRIu64
	        " columns new, %" PRIu64 " values in _rest, %" PRIu64 " failed, %" PRIu64 " rows erased\n",
	        c.records, c.rows, c.tables, c.columns, c.rest, c.refused, c.erased);
}

static int pump_into(struct run *run, struct hs_sink *sink)
{
	const struct options *o = run->o;
	struct hs_pump_options options = { .command = "load",
		                           .config = o->config,
		                           .cursor = o->name,
		                           .from = o->since,
		                           .choose = run->tenant != NULL ? choose : NULL,
		                           .context = run,
		                           .follow = !o->once,
		                           .catch_signals = true,
		                           .show_progress = true,
		                           .drain_ms = -1 };
	struct hs_pump *pump = hs_pump_new(&options, sink);
	struct hs_loader_counts counts;
	int code = EX_OSERR, signal = 0;

	if (pump == NULL)
		return code;
	hs_sink_load_pump(sink, pump);
	code = hs_pump_open(pump);
	if (code == 0) {
		code = hs_pump_run(pump);
		signal = hs_pump_ended_by(pump);
		counts = hs_sink_load_counts(sink);
		sum_up(o, counts);
		code = code == 0 && counts.refused > 0 ? 1 : code;
	}
	code = hs_pump_close(pump, code);
	if (code == 0 && signal == SIGINT)
		hs_stop_signals_die(signal);
	return code;
}

static int load_into(struct run *run, struct hs_target *target)
{
	const struct options *o = run->o;
	struct hs_sink_load_options options = {
		.loader = { .catalogue = { .prefix = o->prefix,
		                           .columns_max = (size_t)o->columns,
		                           .tables_max = (size_t)o->tables,
		                           .types = o->types[0] != NULL ? o->types : NULL },
		            .rows = { .include = o->include[0] != NULL ? o->include : NULL,
		                      .exclude = o->exclude[0] != NULL ? o->exclude : NULL },
		            .batch = (size_t)o->batch,
		            .once = o->once,
		            .command = "load" },
		.to = o->to,
		.every_ms = (int64_t)o->every,
		.since = o->since,
	};
	struct hs_sink *sink = hs_sink_load_new(&options, target);

	return sink == NULL ? EX_OSERR : pump_into(run, sink);
}

/* Which records are wanted; 0 or an exit code after a message. */
static int settle_tenant(struct run *run)
{
	struct hs_settings *settings = hs_command_settings(run->o->config);
	int code = 0;

	if (settings == NULL)
		return EX_CONFIG;
	if (hs_settings_have_tenants(settings))
		code = hs_command_tenant(settings, "load", run->o->tenant, &run->tenant);
	else if (run->o->tenant != NULL) {
		fputs("hookspool load: --tenant: there are no tenants in the settings\n", stderr);
		code = EX_USAGE;
	}
	if (code == 0 && run->tenant != NULL)
		hs_buf_put(&run->scratch, run->tenant, strlen(run->tenant) + 1);
	if (code == 0 && run->tenant != NULL)
		run->tenant = run->scratch.p;
	hs_settings_free(settings);
	return code;
}

static int cmd_load(int argc, char **argv)
{
	struct options o = { .name = "load",
		             .prefix = "",
		             .schema = "segment",
		             .batch = BATCH,
		             .every = EVERY_MS,
		             .columns = COLUMNS,
		             .tables = TABLES };
	struct run run = { .o = &o };
	struct hs_target *target;
	const char *why;
	int code;

	if (!read_options(argc, argv, &o))
		return 2;
	target = hs_target_new(o.to, &why);
	if (target == NULL) {
		fprintf(stderr, "hookspool load: --to %s: %s\n", o.to, why);
		return 2;
	}
	target->name = o.name;
	target->schema = o.schema;
	target->prefix = o.prefix;
	code = settle_tenant(&run);
	if (code == 0)
		code = load_into(&run, target);
	hs_target_free(target);
	hs_buf_free(&run.scratch);
	return code;
}

static const struct hs_command hs_command_load = {
	.name = "load",
	.run = cmd_load,
	.options = load_options,
	.help = "write the events into a database, in Segment's warehouse schema",
};

const struct hs_command *const hs_commands[] = { &hs_command_load, NULL };

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("hookspool-load " HS_VERSION);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "load") == 0)
		return hs_command_load.run(argc - 1, argv + 1);
	argv[0] = (char *)(uintptr_t) "load";
	return hs_command_load.run(argc, argv);
}

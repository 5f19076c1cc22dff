/* hookspool-load: the spool in a database, in the schema of Segment's warehouses. `hookspool load` starts it. */
#include "base/timestamp.h"
#include "config/loads.h"
#include "tools/load/dry_run.h"
#include "tools/load/option_table.h"
#include "tools/load/options.h"
#include "tools/load/rebuild.h"
#include "tools/load/retype.h"
#include "tools/load/sink_load.h"
#include "tools/load/status.h"
#include "tools/load/trial.h"
#include "tools/sink/pump.h"
#include "tools/sink/stop_signals.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { BATCH = 5000, EVERY_MS = 1000, COLUMNS = 180, TABLES = 500, PREFIX_MAX = 40, MAP_BYTES = 1 << 20 };

/* --- the run ----------------------------------------------------------------------------- */

struct run {
	const struct hs_load_options *o;
	const char *tenant; /* "": records without one; NULL: the spool has no tenants */
	bool ignore_deletes;
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

static int pump_into(struct run *run, struct hs_sink *sink)
{
	const struct hs_load_options *o = run->o;
	struct hs_pump_options options = { .command = "load",
		                           .config = o->config,
		                           .cursor = o->dry_run ? NULL : o->name,
		                           .from = o->since,
		                           .from_option = "since",
		                           .choose = run->tenant != NULL ? choose : NULL,
		                           .context = run,
		                           .follow = !o->once && !o->dry_run,
		                           .catch_signals = true,
		                           .drain_ms = -1 };
	struct hs_pump *pump = hs_pump_new(&options, sink);
	int code = EX_OSERR, signal;

	if (pump == NULL)
		return code;
	hs_sink_load_pump(sink, pump);
	code = hs_pump_open(pump);
	if (code == 0) {
		code = hs_pump_run(pump);
		hs_sink_load_sum_up(sink);
	}
	if (code == HS_LOADER_STOPPED)
		code = 0;
	if (code == 0 && hs_sink_load_counts(sink).refused > 0)
		code = 1;
	signal = hs_pump_ended_by(pump);
	code = hs_pump_close(pump, code);
	if (code == 0 && signal == SIGINT)
		hs_stop_signals_die(signal);
	return code;
}

static struct hs_catalogue_options catalogue_options(const struct hs_load_options *o)
{
	return (struct hs_catalogue_options){ .prefix = o->prefix,
		                              .columns_max = (size_t)o->columns,
		                              .tables_max = (size_t)o->tables,
		                              .types = o->types[0] != NULL ? o->types : NULL };
}

static int load_into(struct run *run, struct hs_target *target)
{
	const struct hs_load_options *o = run->o;
	struct hs_sink_load_options options = {
		.loader = { .catalogue = catalogue_options(o),
		            .rows = { .include = o->include[0] != NULL ? o->include : NULL,
		                      .exclude = o->exclude[0] != NULL ? o->exclude : NULL },
		            .batch = (size_t)o->batch,
		            .once = o->once || o->dry_run,
		            .watch = !o->once && !o->dry_run && !o->quiet,
		            .ignore_deletes = run->ignore_deletes,
		            .command = "load" },
		.to = o->to,
		.every_ms = (int64_t)o->every,
		.quiet = o->quiet,
		.tenant = run->tenant,
		.since = o->since,
	};
	struct hs_sink *sink = hs_sink_load_new(&options, target);

	return sink == NULL ? EX_OSERR : pump_into(run, sink);
}

/* --- what the settings say ------------------------------------------------------------ */

/* Takes from the line of [load] whatever the command line does not give. 0 or an exit code after a message. */
static int settle_target(struct hs_load_options *o, const struct hs_settings *settings, const struct hs_load **load)
{
	static const struct hs_load none = { .label = "load" };

	*load = o->label == NULL ? &none : hs_load_find(settings, o->label);
	if (*load == NULL) {
		fprintf(stderr, "hookspool load: %s: [load] of the settings has no such label\n", o->label);
		return 2;
	}
	if (o->to == NULL)
		o->to = (*load)->url;
	if (o->name == NULL)
		o->name = (*load)->label;
	if (o->schema == NULL)
		o->schema = (*load)->schema != NULL ? (*load)->schema : "segment";
	if (o->prefix == NULL)
		o->prefix = (*load)->prefix != NULL ? (*load)->prefix : "";
	if (o->tenant == NULL)
		o->tenant = (*load)->tenant;
	if (strstr(o->schema, "%t") == NULL && strstr(o->prefix, "%t") == NULL)
		return 0;
	fputs("hookspool load: --schema and --prefix know no %t: run a loader for each tenant, with --tenant, --name, "
	      "and "
	      "--schema or --prefix of its own\n",
	      stderr);
	return 2;
}

/* Which records are wanted; 0 or an exit code after a message. */
static int settle_tenant(struct run *run, const struct hs_settings *settings)
{
	if (hs_settings_have_tenants(settings))
		return hs_command_tenant(settings, "load", run->o->tenant, &run->tenant);
	if (run->o->tenant == NULL)
		return 0;
	fputs("hookspool load: --tenant: there are no tenants in the settings\n", stderr);
	return 2;
}

static struct hs_target *make_target(const struct hs_load_options *o, const struct hs_load *load)
{
	const char *why;
	struct hs_target *target = hs_target_new(o->to, &why);

	if (target == NULL) {
		fprintf(stderr, "hookspool load: --to %s: %s\n", o->to, why);
		return NULL;
	}
	target->name = o->name;
	target->schema = o->schema;
	target->prefix = o->prefix;
	target->password = load->password;
	return target;
}

static int load_dry(struct run *run, struct hs_target *target)
{
	struct hs_target *dry = hs_dry_run_new(target);
	int code = dry == NULL ? EX_OSERR : load_into(run, dry);

	hs_target_free(dry);
	return code;
}

static bool is_prefix(const char *prefix)
{
	if (strlen(prefix) <= PREFIX_MAX && strpbrk(prefix, "\"'`\\") == NULL)
		return true;
	fprintf(stderr, "hookspool load: --prefix %s: at most %d bytes, no quotes, no backslash\n", prefix, PREFIX_MAX);
	return false;
}

static int settle_and_run(struct run *run, struct hs_load_options *o, const struct hs_settings *settings)
{
	const struct hs_load *load;
	struct hs_catalogue_options catalogue;
	struct hs_target *target;
	int code = settle_target(o, settings, &load);

	if (code == 0)
		code = settle_tenant(run, settings);
	if (code != 0)
		return code;
	target = is_prefix(o->prefix) ? make_target(o, load) : NULL;
	if (target == NULL)
		return 2;
	catalogue = catalogue_options(o);
	run->ignore_deletes = load->ignore_deletes;
	if (o->check)
		code = hs_trial(target, o->name);
	else if (o->status)
		code = hs_load_status(target, o->config, o->json);
	else if (o->rebuild != NULL)
		code = hs_rebuild(target, o->config, &catalogue, o->rebuild);
	else if (o->retype != NULL)
		code = hs_retype(target, o->config, o->retype);
	else if (o->dry_run)
		code = load_dry(run, target);
	else
		code = load_into(run, target);
	hs_target_free(target);
	return code;
}

static int cmd_load(int argc, char **argv)
{
	struct hs_load_options o = { .batch = BATCH, .every = EVERY_MS, .columns = COLUMNS, .tables = TABLES };
	struct run run = { .o = &o };
	struct hs_settings *settings;
	int code;

	if (!hs_load_options_read(argc, argv, &o))
		return 2;
	settings = hs_command_settings(o.config);
	if (settings == NULL)
		return EX_CONFIG;
	code = settle_and_run(&run, &o, settings);
	hs_settings_free(settings);
	return code;
}

static const struct hs_command hs_command_load = {
	.name = "load",
	.run = cmd_load,
	.options = hs_load_options,
	.arguments = HS_LOAD_ARGUMENTS,
	.help = HS_LOAD_HELP,
};

const struct hs_command *const hs_commands[] = { &hs_command_load, NULL };

/*
 * The buffers of a large record go back to the system when they are freed, and grow without a copy. By default glibc
 * adapts the threshold to the largest one that was freed, and keeps as much.
 */
static void tune_malloc(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, MAP_BYTES);
	mallopt(M_TRIM_THRESHOLD, 2 * MAP_BYTES);
#endif
}

static int run_program(int argc, char **argv)
{
	tune_malloc();
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("hookspool-load " HS_VERSION);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "load") == 0)
		return hs_command_load.run(argc - 1, argv + 1);
	argv[0] = (char *)(uintptr_t) "load";
	return hs_command_load.run(argc, argv);
}

int main(int argc, char **argv)
{
	return hs_command_main(run_program, "load", argc, argv);
}

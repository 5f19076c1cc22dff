#include "tools/load/options.h"
#include "config/loads.h"
#include "tools/load/catalogue.h"
#include "tools/load/option_table.h"
#include "tools/sink/event_source.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static bool add_to(const char **list, const char *command, const char *value)
{
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	if (n == HS_LOAD_LIST_MAX) {
		fprintf(stderr, "hookspool %s: at most %d of each of --include, --exclude and --type\n", command,
		        HS_LOAD_LIST_MAX);
		return false;
	}
	list[n] = value;
	return true;
}

static bool is_typed(const char *command, const char *option, const char *value)
{
	const char *equals = strrchr(value, '='), *dot = strchr(value, '.');

	if (equals == NULL || dot == NULL || dot > equals || equals - value > 250 ||
	    hs_catalogue_type(equals + 1) == HS_COLUMN_NONE) {
		fprintf(
		    stderr,
		    "hookspool %s: --%s %s: expected TABLE.COLUMN=TYPE; types are boolean, number, timestamp, text\n",
		    command, option, value);
		return false;
	}
	return true;
}

static bool is_of_people(const char *command, const char *table)
{
	if (strcmp(table, "users") == 0 || strcmp(table, "accounts") == 0)
		return true;
	fprintf(stderr, "hookspool %s: --rebuild %s: expected users or accounts\n", command, table);
	return false;
}

static bool set_option(struct hs_load_options *o, const char *command, int option, const char *argument)
{
	switch (option) {
	case HS_OPT_CONFIG: o->config = argument; return true;
	case HS_LOAD_TO: o->to = argument; return true;
	case HS_LOAD_ONCE: o->once = true; return true;
	case HS_LOAD_NAME: o->name = argument; return true;
	case HS_LOAD_SCHEMA: o->schema = argument; return true;
	case HS_LOAD_PREFIX: o->prefix = argument; return true;
	case HS_LOAD_TENANT: o->tenant = argument; return true;
	case HS_LOAD_INCLUDE: return add_to(o->include, command, argument);
	case HS_LOAD_EXCLUDE: return add_to(o->exclude, command, argument);
	case HS_LOAD_TYPE: return is_typed(command, "type", argument) && add_to(o->types, command, argument);
	case HS_LOAD_REBUILD: o->rebuild = argument; return is_of_people(command, argument);
	case HS_LOAD_RETYPE: o->retype = argument; return is_typed(command, "retype", argument);
	case HS_LOAD_SINCE: o->since = argument; return hs_event_source_is_from(command, "since", argument);
	case HS_LOAD_BATCH: return hs_option_number("batch", argument, 1, 100000, &o->batch);
	case HS_LOAD_EVERY: return hs_option_number("every", argument, 1, 3600000, &o->every);
	case HS_LOAD_COLUMNS:
		return hs_option_number("max-columns", argument, HS_REQUIRED_COLUMNS_MAX, 1500, &o->columns);
	case HS_LOAD_TABLES: return hs_option_number("max-tables", argument, 16, 10000, &o->tables);
	case HS_LOAD_DRY_RUN: o->dry_run = true; return true;
	case HS_LOAD_CHECK: o->check = true; return true;
	case HS_LOAD_STATUS: o->status = true; return true;
	case HS_OPT_JSON: o->json = true; return true;
	case HS_LOAD_QUIET: o->quiet = true; return true;
	default: hs_usage(command); return false;
	}
}

static bool is_in(const char *const *list, const char *table, const char *column)
{
	size_t n = strlen(table);

	for (; *list != NULL; list++)
		if (strncmp(*list, table, n) == 0 && strcmp(*list + n, column) == 0)
			return true;
	return false;
}

/* Rows of users and accounts are made of whatever identifies and groups have. */
static bool is_excluded_at_its_source(const struct hs_load_options *o, const char *command)
{
	static const char *const tables[][2] = { { "users", "identifies" }, { "accounts", "groups" } };

	for (size_t i = 0; o->exclude[i] != NULL; i++)
		for (size_t t = 0; t < 2; t++) {
			size_t n = strlen(tables[t][0]);
			const char *column = o->exclude[i] + n;

			if (strncmp(o->exclude[i], tables[t][0], n) != 0 || (*column != '\0' && *column != '.') ||
			    is_in(o->exclude, tables[t][1], column) || is_in(o->exclude, tables[t][1], ""))
				continue;
			fprintf(stderr, "hookspool %s: --exclude %s: %s follows %s: --exclude %s%s\n", command,
			        o->exclude[i], tables[t][0], tables[t][1], tables[t][1], column);
			return false;
		}
	return true;
}

/* A column that stays whatever is excluded: not to be taken for one that is not loaded. */
static bool is_needed(const struct hs_load_options *o, const char *command)
{
	for (size_t i = 0; o->exclude[i] != NULL; i++) {
		const char *dot = strchr(o->exclude[i], '.');
		struct hs_slice table;

		if (dot == NULL)
			continue;
		table = hs_slice(o->exclude[i], (size_t)(dot - o->exclude[i]));
		if (!hs_table_needs(hs_table_kind_of(table), hs_slice_str(dot + 1)))
			continue;
		fprintf(stderr,
		        "hookspool %s: --exclude %s: the loader needs this column, to tell rows apart, to put them in "
		        "order, or to find those of a person: exclude the table, or leave the option out\n",
		        command, o->exclude[i]);
		return true;
	}
	return false;
}

/* Which database, and only one thing to do with it. */
static bool is_clear(const struct hs_load_options *o, const char *command)
{
	if ((o->to == NULL) == (o->label == NULL))
		hs_usage_why(command, "name one database: --to URL, or a label of [load] in the settings");
	else if (o->dry_run + o->check + o->status + (o->retype != NULL) + (o->rebuild != NULL) > 1)
		hs_usage_why(command, "--dry-run, --check, --status, --retype and --rebuild exclude each other");
	else if (o->json && !o->status)
		hs_usage_why(command, "--json is for --status");
	else
		return true;
	return false;
}

bool hs_load_options_read(int argc, char **argv, struct hs_load_options *o)
{
	int option;

	while ((option = hs_option(argc, argv)) != -1)
		if (!set_option(o, argv[0], option, optarg))
			return false;
	if (optind < argc)
		o->label = argv[optind++];
	if (optind != argc) {
		hs_usage_surplus(argv[0], argv);
		return false;
	}
	if (!is_clear(o, argv[0]))
		return false;
	if (!is_excluded_at_its_source(o, argv[0]) || is_needed(o, argv[0]))
		return false;
	if (o->to != NULL && hs_load_url_has_password(hs_slice_str(o->to))) {
		fprintf(
		    stderr,
		    "hookspool %s: no password on the command line, where every user of this machine sees it: use "
		    "password= "
		    "in [load] of the settings, PGPASSFILE, PGSERVICE, ~/.my.cnf, or the socket's own authentication\n",
		    argv[0]);
		return false;
	}
	if (o->name != NULL && !hs_cursor_is_name(o->name)) {
		fprintf(stderr, "hookspool %s: --name %s: letters, digits, dots, _ and -\n", argv[0], o->name);
		return false;
	}
	return true;
}

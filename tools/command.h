/*
 * command: what the commands of `hookspool` share. A command is a row of the table in main.c and a
 * file cmd_NAME.c.
 *
 * A command declares its options in a table of its own, and reads them with hs_option:
 *
 *	const struct hs_option hs_tail_options[] = {
 *		HS_OPTION_CONFIG,
 *		{ "follow", NULL, 'f', "wait for more" },
 *		{ "fields", "A,B,…", OPT_FIELDS, "these fields alone, as TSV" },
 *		HS_OPTIONS_END,
 *	};
 *
 *	while ((option = hs_option(argc, argv)) != -1)
 *		switch (option) {
 *		case HS_OPT_CONFIG: path = optarg; break;
 *		case 'f': follow = true; break;
 *		case OPT_FIELDS: fields = optarg; break;
 *		default: return hs_usage(argv[0]);
 *		}
 *
 * The usage line, `hookspool help`, the manual page (a line "@options tail@" in
 * man/hookspool-tail.1.in) and bash's completion come from the same table.
 *
 * Exit codes: 0 fine, 1 a problem was found, 2 usage, 64 and above as sysexits(3).
 */
#ifndef HS_COMMAND_H
#define HS_COMMAND_H

#include "base/result.h"
#include "config/settings.h"

#include <stdint.h>
#include <stdio.h>

struct hs_option {
	const char *name;     /* without hyphens; NULL ends the table */
	const char *argument; /* its argument: FILE, DIR, one of a|b|c; NULL: a switch */
	int letter;           /* result of hs_option; below 256 also the short form (-f) */
	const char *help;     /* one line, no full stop */
};

enum {
	HS_OPTIONS_MAX = 31, /* in a table */
	/* Results of the shared options; a command's own begin at HS_OPT_OWN. */
	HS_OPT_CONFIG = 256,
	HS_OPT_JSON,
	HS_OPT_OWN,
};

#define HS_OPTION_CONFIG \
	{ \
		"config", "FILE", HS_OPT_CONFIG, "these settings" \
	}
#define HS_OPTION_JSON \
	{ \
		"json", NULL, HS_OPT_JSON, "the answer as JSON" \
	}
#define HS_OPTIONS_END \
	{ \
		NULL, NULL, 0, NULL \
	}

struct hs_command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
	const struct hs_option *options;   /* NULL: none */
	const char *arguments;             /* after the options, as in a usage line; "": none */
	const char *help;                  /* one line; NULL: not listed */
};

/* The table, in main.c; ends with a row without a name. */
extern const struct hs_command hs_commands[];

/* NULL: unknown name. */
const struct hs_command *hs_command_find(const char *name);

/*
 * Returns the next option of the command argv[0], with `optarg` and `optind` as getopt_long(3) sets
 * them. -1: no more, the arguments begin at argv[optind]. '?' after a message to standard error.
 * For -h and --help it prints the help and exits.
 */
int hs_option(int argc, char **argv);

/* The exit code for a result. */
int hs_command_exit(enum hs_result r);

/*
 * Parses a whole number from low to high and nothing else. False after a message to standard error
 * that names the option.
 */
bool hs_option_number(const char *name, const char *text, uint64_t low, uint64_t high, uint64_t *value);

/* "usage: hookspool NAME [OPTIONS] ARGUMENTS" to standard error; returns 2. */
int hs_usage(const char *name);

/*
 * For root: becomes the owner of the spool, or of the folder above if there is no spool yet, so that
 * the owner can use what the command makes. Does nothing for others. False after a message to
 * standard error.
 */
bool hs_command_as_owner(const struct hs_settings *settings);

/*
 * Reads the settings of --config FILE, or those that the handler would find, then calls
 * hs_command_as_owner. The caller frees them by hs_settings_free. NULL after a message to standard
 * error: exit with EX_CONFIG.
 */
struct hs_settings *hs_command_settings(const char *path);

/* True if colours are allowed there: a terminal, and no NO_COLOR (no-color.org). */
bool hs_command_colours(FILE *out);

/*
 * Parses --tenant (NULL: not given). If the settings have tenants it must be given, so that one
 * customer's events never become another's: a label of the settings, or "-" for none, which sets
 * *tenant to "". 0, or the exit code after a message to standard error.
 */
int hs_command_tenant(const struct hs_settings *settings, const char *command, const char *given, const char **tenant);

int hs_cmd_adopt(int argc, char **argv);
int hs_cmd_backup(int argc, char **argv);
int hs_cmd_cat(int argc, char **argv);
int hs_cmd_check(int argc, char **argv);
int hs_cmd_cursors(int argc, char **argv);
int hs_cmd_docs(int argc, char **argv);
int hs_cmd_each(int argc, char **argv);
int hs_cmd_erase(int argc, char **argv);
int hs_cmd_help(int argc, char **argv);
int hs_cmd_import(int argc, char **argv);
int hs_cmd_maintain(int argc, char **argv);
int hs_cmd_repair(int argc, char **argv);
int hs_cmd_rotate(int argc, char **argv);
int hs_cmd_send(int argc, char **argv);
int hs_cmd_stats(int argc, char **argv);
int hs_cmd_tail(int argc, char **argv);
int hs_cmd_verify(int argc, char **argv);

/* The tables of options, each in the file of its command. */
extern const struct hs_option hs_adopt_options[];
extern const struct hs_option hs_backup_options[];
extern const struct hs_option hs_cat_options[];
extern const struct hs_option hs_check_options[];
extern const struct hs_option hs_cursors_options[];
extern const struct hs_option hs_each_options[];
extern const struct hs_option hs_verify_options[]; /* verify, repair */
extern const struct hs_option hs_send_options[];
extern const struct hs_option hs_erase_options[];
extern const struct hs_option hs_import_options[];
extern const struct hs_option hs_spool_options[]; /* rotate */
extern const struct hs_option hs_maintain_options[];
extern const struct hs_option hs_stats_options[];
extern const struct hs_option hs_tail_options[];

#endif

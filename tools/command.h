/*
 * command: what the commands of `hookspool` share. One row of the table in main.c and
 * one file cmd_NAME.c each.
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
 * man/hookspool.1.in) and bash's completion come from the same table.
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
	const char *name;     /* without the hyphens; NULL ends the table */
	const char *argument; /* what follows it: FILE, DIR, one of a|b|c; NULL: a switch */
	int letter;           /* what hs_option returns. Below 256 it is the short form, too (-f) */
	const char *help;     /* one line, no full stop */
};

enum {
	HS_OPTIONS_MAX = 31, /* in one table */
	/* Returned by the shared options; a command's own ones begin at HS_OPT_OWN. */
	HS_OPT_CONFIG = 256,
	HS_OPT_JSON,
	HS_OPT_OWN,
};

#define HS_OPTION_CONFIG { "config", "FILE", HS_OPT_CONFIG, "these settings" }
#define HS_OPTION_JSON { "json", NULL, HS_OPT_JSON, "the answer as JSON" }
#define HS_OPTIONS_END { NULL, NULL, 0, NULL }

struct hs_command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
	const struct hs_option *options;   /* NULL: none */
	const char *arguments;             /* behind the options, as in a usage line; "": none */
	const char *help;                  /* one line; NULL: not listed */
};

/* The table, in main.c; a row without a name ends it. */
extern const struct hs_command hs_commands[];

/* NULL: there is none of that name. */
const struct hs_command *hs_command_find(const char *name);

/*
 * The next option of the command argv[0]: its letter, with `optarg` and `optind` as
 * getopt_long(3) leaves them. -1: no more, the arguments begin at argv[optind]; '?'
 * after a message to standard error. At -h and --help it prints the help and exits.
 */
int hs_option(int argc, char **argv);

/* The exit code of a result. */
int hs_command_exit(enum hs_result r);

/*
 * A whole number from low to high, with nothing around it. False after a message to
 * standard error that names the option.
 */
bool hs_option_number(const char *name, const char *text, uint64_t low, uint64_t high,
                      uint64_t *value);

/* "usage: hookspool NAME [OPTIONS] ARGUMENTS" to standard error; returns 2. */
int hs_usage(const char *name);

/*
 * Run by root, a command works as the spool's owner, or if it is not there yet as that of the
 * folder above: what it makes must be his. Nothing for others. False after a message to standard error.
 */
bool hs_command_as_owner(const struct hs_settings *settings);

/*
 * The settings of --config FILE, or those that the handler would find, read as who we are; from
 * then on hs_command_as_owner. NULL after a message to standard error: exit with EX_CONFIG. The
 * caller's, for hs_settings_free.
 */
struct hs_settings *hs_command_settings(const char *path);

/* May escape sequences colour what goes there? A terminal, and no NO_COLOR (no-color.org). */
bool hs_command_colours(FILE *out);

/*
 * Whose events a command is about, from its --tenant (NULL: not given). Where there are
 * [keys] it must be given, for what belongs to one customer must not become another's:
 * one of their labels, or "-", nobody's. *tenant is "" for nobody. 0, or the exit code
 * after a message to standard error.
 */
int hs_command_tenant(const struct hs_settings *settings, const char *command, const char *given,
                      const char **tenant);

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

/* Of each command that has options: its table, in its file. */
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

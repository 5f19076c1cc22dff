/*
 * command: the frame of the commands of `hookspool`. A command is a file cmd_NAME.c, which ends with
 * its description, and a row in main.c.
 *
 *	static const struct hs_option tail_options[] = {
 *		HS_OPTION_CONFIG,
 *		{ "follow", NULL, 'f', "wait for more" },
 *		{ "fields", "A,B,…", OPT_FIELDS, "only these fields, as TSV" },
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
 *	const struct hs_command hs_command_tail = {
 *		.name = "tail",
 *		.run = cmd_tail,
 *		.options = tail_options,
 *		.help = "print the last records",
 *	};
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
	HS_OPTIONS_MAX = 40, /* in a table */
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
	const char *arguments;             /* after the options, as in a usage line; NULL: none */
	const char *help;                  /* one line; NULL: not listed */
};

/* The commands, in the order of the help; in main.c. Ends with NULL. */
extern const struct hs_command *const hs_commands[];

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
 * Says on standard error what a result means for `what`, with its remedy; nothing for HS_OK, nor for HS_E_MEMORY, which
 * hs_command_end tells. Returns the exit code.
 */
int hs_command_result(const char *command, const char *what, enum hs_result r);

/* The message that was printed has the remedy of what EX_OSERR is for: hs_command_end adds none. */
void hs_command_told(void);

/*
 * Parses a whole number from low to high and nothing else. False after a message to standard error
 * that names the option.
 */
bool hs_option_number(const char *name, const char *text, uint64_t low, uint64_t high, uint64_t *value);

/* `hookspool help [COMMAND]`: prints the help to standard output. Returns the exit code. */
int hs_help(int argc, char **argv);

/*
 * Writes what is left of standard output. If any of it is lost, says so on standard error; then 0 and 1
 * become EX_IOERR, or EX_OSERR if that was for want of memory. Says what EX_OSERR means, which no caller of calloc
 * does, unless hs_command_told was called. Returns the exit code.
 */
int hs_command_end(const char *name, int code);

/* The whole of a main: no file takes the place of a closed standard stream, and what was printed is written. */
int hs_command_main(int (*run)(int argc, char **argv), const char *name, int argc, char **argv);

/* "usage: hookspool NAME [OPTIONS] ARGUMENTS" to standard error; returns 2. */
int hs_usage(const char *name);
/* As hs_usage, after a line that says what is wrong, as printf(3) makes it. */
__attribute__((format(printf, 2, 3))) int hs_usage_why(const char *name, const char *format, ...);
/* As hs_usage, after a line that names argv[optind], which the command does not take. */
int hs_usage_surplus(const char *name, char **argv);

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

/* Takes the label of --tenant, for a command that has one. False after a message: another one was given before. */
bool hs_command_take_tenant(const char *command, const char *label, const char **given);

/*
 * Parses --tenant (NULL: not given). If the settings have tenants it must be given, so that one
 * customer's events never become another's: a label of the settings, or "-" for none, which sets
 * *tenant to "". 0, or the exit code after a message to standard error.
 */
int hs_command_tenant(const struct hs_settings *settings, const char *command, const char *given, const char **tenant);

#endif

/*
 * command: what the commands of `hookspool` share. One row of the table in main.c and
 * one file cmd_NAME.c each.
 *
 * Exit codes: 0 fine, 1 a problem was found, 2 usage, 70 and above as sysexits(3).
 */
#ifndef HS_COMMAND_H
#define HS_COMMAND_H

#include "core/settings.h"

struct hs_command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
	const char *arguments;             /* as in a usage line */
	const char *help;                  /* one line; NULL: not listed */
};

/* "usage: hookspool NAME ARGUMENTS" to standard error; returns 2. */
int hs_usage(const char *name);

/*
 * The settings of --config FILE, or those that the handler would find. NULL after a
 * message to standard error: exit with EX_CONFIG. The caller's, for hs_settings_free.
 */
struct hs_settings *hs_command_settings(const char *path);

int hs_cmd_check(int argc, char **argv);
int hs_cmd_docs(int argc, char **argv);
int hs_cmd_help(int argc, char **argv);
int hs_cmd_maintain(int argc, char **argv);
int hs_cmd_repair(int argc, char **argv);
int hs_cmd_rotate(int argc, char **argv);
int hs_cmd_verify(int argc, char **argv);

#endif

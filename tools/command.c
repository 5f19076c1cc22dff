#include "tools/command.h"
#include "base/io.h"
#include "config/settings_file.h"
#include "tools/report/bar_table.h"
#include "tools/report/fold.h"
#include "tools/report/terminal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

extern char **environ;

const struct hs_command *hs_command_find(const char *name)
{
	for (size_t i = 0; hs_commands[i] != NULL; i++)
		if (strcmp(hs_commands[i]->name, name) == 0)
			return hs_commands[i];
	return NULL;
}

/* --- options ------------------------------------------------------------------ */

static const struct hs_option none[] = { HS_OPTIONS_END };

static const struct hs_option *options_of(const struct hs_command *c)
{
	return c->options == NULL ? none : c->options;
}

int hs_option(int argc, char **argv)
{
	static const struct option help = { "help", no_argument, NULL, 'h' };
	struct option table[HS_OPTIONS_MAX + 2] = { 0 };
	char letters[2 * HS_OPTIONS_MAX + 2] = "h", *letter = letters + 1;
	const struct hs_option *o = options_of(hs_command_find(argv[0]));
	size_t i;
	int found;

	for (i = 0; o[i].name != NULL; i++) {
		assert(i < HS_OPTIONS_MAX);
		table[i].name = o[i].name;
		table[i].has_arg = o[i].argument != NULL ? required_argument : no_argument;
		table[i].val = o[i].letter;
		if (o[i].letter < HS_OPT_CONFIG) {
			*letter++ = (char)o[i].letter;
			if (o[i].argument != NULL)
				*letter++ = ':';
		}
	}
	table[i] = help;
	found = getopt_long(argc, argv, letters, table, NULL);
	if (found == 'h') {
		char *words[] = { argv[0], argv[0], NULL };

		exit(hs_command_end(argv[0], hs_help(2, words)));
	}
	return found;
}

bool hs_option_number(const char *name, const char *text, uint64_t low, uint64_t high, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *value >= low && *value <= high)
		return true;
	fprintf(stderr, "hookspool: --%s %s: expected a number from %" PRIu64 " to %" PRIu64 "\n", name, text, low,
	        high);
	return false;
}

/* --- usage and help ----------------------------------------------------------- */

enum {
	LISTED = 4, /* above this number of options the usage line says "[OPTION ...]" */
	OPTION_COLUMNS = 26,
	COMMAND_COLUMNS = 8,
	USAGE_INDENT = 4,
	LINE_BYTES = 512,
};

/* Prints a line; on a terminal within its columns, `indent` columns to the right where it goes on. */
static void print_line(FILE *out, size_t indent, const char *line)
{
	struct hs_buf text = { 0 };

	hs_buf_put_slice(&text, hs_slice_str(line));
	hs_fold(&text, 0, hs_bar_table_columns(fileno(out)), indent);
	if (hs_buf_ok(&text))
		fwrite(text.p, 1, text.n, out);
	else /* the terminal can break it */
		fputs(line, out);
	fputc('\n', out);
	hs_buf_free(&text);
}

static void put_usage(FILE *out, const struct hs_command *c)
{
	const struct hs_option *o = options_of(c);
	char line[LINE_BYTES];
	size_t options = 0, n = (size_t)snprintf(line, sizeof line, "usage: hookspool %s", c->name);

	while (o[options].name != NULL)
		options++;
	if (options > LISTED)
		n += (size_t)snprintf(line + n, sizeof line - n, " [OPTION ...]");
	for (size_t i = 0; i < options && options <= LISTED; i++)
		n += (size_t)snprintf(line + n, sizeof line - n, o[i].argument != NULL ? " [--%s %s]" : " [--%s]",
		                      o[i].name, o[i].argument);
	if (c->arguments != NULL)
		n += (size_t)snprintf(line + n, sizeof line - n, " %s", c->arguments);
	assert(n < sizeof line); /* our own tables */
	print_line(out, USAGE_INDENT, line);
}

int hs_usage(const char *name)
{
	put_usage(stderr, hs_command_find(name));
	fprintf(stderr, "hookspool help %s says more\n", name);
	return 2;
}

int hs_usage_why(const char *name, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "hookspool %s: ", name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return hs_usage(name);
}

int hs_usage_surplus(const char *name, char **argv)
{
	return hs_usage_why(name, "%s: one argument too many", argv[optind]);
}

static void put_option(const struct hs_option *o)
{
	char short_form[8] = "", left[80], line[LINE_BYTES];

	if (o->letter < HS_OPT_CONFIG)
		snprintf(short_form, sizeof short_form, "-%c, ", o->letter);
	snprintf(left, sizeof left, "%s--%s %s", short_form, o->name, o->argument != NULL ? o->argument : "");
	if (strlen(left) > OPTION_COLUMNS) {
		printf("  %s\n", left);
		left[0] = '\0';
	}
	snprintf(line, sizeof line, "  %-*s %s", OPTION_COLUMNS, left, o->help);
	print_line(stdout, 2 + OPTION_COLUMNS + 1, line);
}

static void help_one(const struct hs_command *c)
{
	put_usage(stdout, c);
	print_line(stdout, 0, c->help != NULL ? c->help : "");
	for (const struct hs_option *o = options_of(c); o->name != NULL; o++)
		put_option(o);
}

static void help_all(void)
{
	const struct hs_command *c;
	char line[LINE_BYTES];

	puts("usage: hookspool COMMAND [ARGUMENT ...]\n");
	for (size_t i = 0; (c = hs_commands[i]) != NULL; i++) {
		if (c->help == NULL)
			continue;
		snprintf(line, sizeof line, "  %-*s %s", COMMAND_COLUMNS, c->name, c->help);
		print_line(stdout, 2 + COMMAND_COLUMNS + 1, line);
	}
	putchar('\n');
	print_line(stdout, 0, "See hookspool(1), hookspool.conf(5), hookspool-spool(5) and hookspool.fcgi(8).");
}

int hs_help(int argc, char **argv)
{
	const struct hs_command *c = argc == 2 ? hs_command_find(argv[1]) : NULL;

	if (argc > 2 || (argc == 2 && c == NULL))
		return hs_usage_why("help", "expected one command: hookspool help lists them");
	if (c != NULL)
		help_one(c);
	else
		help_all();
	return 0;
}

const struct hs_command hs_command_help = {
	.name = "help",
	.run = hs_help,
	.arguments = "[COMMAND]",
	.help = "list the commands, or show one command's options",
};

/* --- settings ----------------------------------------------------------------- */

bool hs_command_as_owner(const struct hs_settings *settings)
{
	char above[PATH_MAX], *slash;
	struct stat st;

	if (geteuid() != 0)
		return true;
	snprintf(above, sizeof above, "%s", settings->spool_dir);
	slash = strrchr(above, '/');
	assert(slash != NULL); /* the setting is an absolute path */
	if (slash != above)
		*slash = '\0';
	if (hs_io_stat(AT_FDCWD, settings->spool_dir, &st) < 0 && hs_io_stat(AT_FDCWD, above, &st) < 0)
		return true; /* nothing to open: the attempt reports that */
	if (st.st_uid == 0 || hs_io_become(st.st_uid, st.st_gid) == 0)
		return true;
	fprintf(
	    stderr,
	    "hookspool: %s belongs to user %lu, and switching to that user failed: %s; try sudo -u '#%lu' hookspool\n",
	    settings->spool_dir, (unsigned long)st.st_uid, strerror(errno), (unsigned long)st.st_uid);
	return false;
}

struct hs_settings *hs_command_settings(const char *path)
{
	struct hs_settings_error error;
	char used[PATH_MAX];
	struct hs_settings *s = hs_settings_load(path, environ, used, sizeof used, &error);

	if (s == NULL)
		fprintf(stderr, "hookspool: settings: %s\n", error.text);
	if (s != NULL && !hs_command_as_owner(s)) {
		hs_settings_free(s);
		s = NULL;
	}
	return s;
}

int hs_command_exit(enum hs_result r)
{
	return r == HS_OK ? 0 : hs_result_is(r, HS_CLASS_BUSY) ? EX_TEMPFAIL : r == HS_E_MEMORY ? EX_OSERR : EX_IOERR;
}

int hs_command_result(const char *command, const char *what, enum hs_result r)
{
	if (r != HS_OK && r != HS_E_MEMORY)
		fprintf(stderr, "hookspool %s: %s: %s\n", command, what, hs_result_info(r)->remedy);
	return hs_command_exit(r);
}

static bool is_told;

void hs_command_told(void)
{
	is_told = true;
}

int hs_command_end(const char *name, int code)
{
	if (code <= 1 && hs_terminal_has_lost())
		code = EX_OSERR;
	if (code == EX_OSERR && !is_told)
		fprintf(
		    stderr,
		    "hookspool %s: ended for want of memory, processes or descriptors: free some, and run it again\n",
		    name);
	errno = 0;
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return code;
	fprintf(stderr,
	        "hookspool %s: standard output: %s: not all of it was written: make room, or write it elsewhere\n",
	        name, errno != 0 ? strerror(errno) : "a write failed");
	return code > 1 ? code : EX_IOERR;
}

int hs_command_main(int (*run)(int argc, char **argv), const char *name, int argc, char **argv)
{
	if (hs_io_hold_standard() < 0) {
		perror("hookspool: /dev/null, in the place of a closed standard stream");
		return EX_OSERR;
	}
	return hs_command_end(name, run(argc, argv));
}

bool hs_command_colours(FILE *out)
{
	const char *no = getenv("NO_COLOR");

	return isatty(fileno(out)) && (no == NULL || no[0] == '\0');
}

bool hs_command_take_tenant(const char *command, const char *label, const char **given)
{
	if (*given != NULL && strcmp(*given, label) != 0) {
		fprintf(stderr, "hookspool %s: --tenant is given twice: run the command for each of them\n", command);
		return false;
	}
	*given = label;
	return true;
}

int hs_command_tenant(const struct hs_settings *settings, const char *command, const char *given, const char **tenant)
{
	*tenant = "";
	if (given == NULL && !hs_settings_have_tenants(settings))
		return 0;
	if (given != NULL && strcmp(given, "-") == 0)
		return 0;
	if (given != NULL && hs_settings_tenant(settings, given) != NULL) {
		*tenant = hs_settings_tenant(settings, given);
		return 0;
	}
	if (given == NULL)
		fprintf(
		    stderr,
		    "hookspool %s: there are labels in the settings: say whose events these are with --tenant LABEL, "
		    "or --tenant - for none\n",
		    command);
	else
		fprintf(stderr,
		        "hookspool %s: --tenant %s: neither [keys] nor [secrets] has such a label, and no line of "
		        "[sources] such a tenant; if its line was removed, put it back, with revoked: before the key\n",
		        command, given);
	return 2;
}

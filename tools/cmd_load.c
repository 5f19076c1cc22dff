/* hookspool load: becomes hookspool-load, a program of its own because of the databases' libraries. */
#include "tools/load/option_table.h"
#include "tools/probe/load_program.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static int cmd_load(int argc, char **argv)
{
	char path[2 * PATH_MAX];

	(void)argc;
	if (!hs_load_program_find(path)) {
		fputs("hookspool load: hookspool-load is not installed: " HS_LOAD_PROGRAM_REMEDY "\n", stderr);
		return EX_UNAVAILABLE;
	}
	execv(path, argv);
	fprintf(stderr, "hookspool load: %s: %s\n", path, strerror(errno));
	return EX_OSERR;
}

const struct hs_command hs_command_load = {
	.name = "load",
	.run = cmd_load,
	.options = hs_load_options,
	.arguments = HS_LOAD_ARGUMENTS,
	.help = HS_LOAD_HELP,
};

/* hookspool load: becomes hookspool-load, a program of its own because of the databases' libraries. */
#include "tools/load/option_table.h"
#include "tools/probe/companion.h"

static int cmd_load(int argc, char **argv)
{
	(void)argc;
	return hs_companion_become("load", HS_LOAD_PROGRAM_REMEDY, argv);
}

const struct hs_command hs_command_load = {
	.name = "load",
	.run = cmd_load,
	.options = hs_load_options,
	.arguments = HS_LOAD_ARGUMENTS,
	.help = HS_LOAD_HELP,
};

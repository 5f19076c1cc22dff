/* hookspool ship: becomes hookspool-ship, a program of its own because of libnats. */
#include "tools/probe/companion.h"
#include "tools/ship/option_table.h"

static int cmd_ship(int argc, char **argv)
{
	(void)argc;
	return hs_companion_become("ship", HS_SHIP_PROGRAM_REMEDY, argv);
}

const struct hs_command hs_command_ship = {
	.name = "ship",
	.run = cmd_ship,
	.options = hs_ship_options,
	.help = HS_SHIP_HELP,
};

/* hookspool load: starts hookspool-load, a program of its own because of the databases' libraries. */
#include "base/io.h"
#include "tools/load/option_table.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Becomes the program in this folder; returns if it is not there. */
static void start(const char *folder, const char *from, char **argv)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof path, "%s%s/hookspool-load", from, folder);
	execv(path, argv);
	if (errno != ENOENT && errno != ENOTDIR) {
		fprintf(stderr, "hookspool load: %s: %s\n", path, strerror(errno));
		_exit(EX_OSERR);
	}
}

static int cmd_load(int argc, char **argv)
{
	char own[PATH_MAX], *slash = hs_io_own_path(own, sizeof own) < 0 ? NULL : strrchr(own, '/');

	(void)argc;
	if (slash != NULL) {
		*slash = '\0';
		start("", own, argv);
		start("/../lib/hookspool", own, argv);
	}
	start(HS_LIBEXECDIR, "", argv);
	fputs("hookspool load: hookspool-load is not installed: apt-get install hookspool-load, or in the sources make "
	      "LOAD=\"sqlite postgresql mariadb\" && make install\n",
	      stderr);
	return EX_UNAVAILABLE;
}

const struct hs_command hs_command_load = {
	.name = "load",
	.run = cmd_load,
	.options = hs_load_options,
	.arguments = HS_LOAD_ARGUMENTS,
	.help = HS_LOAD_HELP,
};

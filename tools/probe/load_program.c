#include "tools/probe/load_program.h"
#include "base/io.h"

#include <stdio.h>
#include <string.h>

static bool is_there(char path[static 2 * PATH_MAX], const char *folder, const char *below)
{
	struct stat st;

	snprintf(path, 2 * PATH_MAX, "%s%s/hookspool-load", folder, below);
	return hs_io_stat_outside(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool hs_load_program_find(char path[static 2 * PATH_MAX])
{
	char own[PATH_MAX], *slash = hs_io_own_path(own, sizeof own) < 0 ? NULL : strrchr(own, '/');

	if (slash != NULL) {
		*slash = '\0';
		if (is_there(path, own, "") || is_there(path, own, "/../lib/hookspool"))
			return true;
	}
	return is_there(path, HS_LIBEXECDIR, "");
}

#include "tools/probe/companion.h"
#include "base/io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static bool is_there(char path[static 2 * PATH_MAX], const char *folder, const char *below, const char *name)
{
	struct stat st;

	snprintf(path, 2 * PATH_MAX, "%s%s/hookspool-%s", folder, below, name);
	return hs_io_stat_outside(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool hs_companion_find(const char *name, char path[static 2 * PATH_MAX])
{
	char own[PATH_MAX], *slash = hs_io_own_path(own, sizeof own) < 0 ? NULL : strrchr(own, '/');

	if (slash != NULL) {
		*slash = '\0';
		if (is_there(path, own, "", name) || is_there(path, own, "/../lib/hookspool", name))
			return true;
	}
	return is_there(path, HS_LIBEXECDIR, "", name);
}

int hs_companion_become(const char *name, const char *remedy, char **argv)
{
	char path[2 * PATH_MAX];

	if (!hs_companion_find(name, path)) {
		fprintf(stderr, "hookspool %s: hookspool-%s is not installed: %s\n", name, name, remedy);
		return EX_UNAVAILABLE;
	}
	execv(path, argv);
	fprintf(stderr, "hookspool %s: %s: %s\n", name, path, strerror(errno));
	return EX_OSERR;
}

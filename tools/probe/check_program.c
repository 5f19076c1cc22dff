#include "tools/probe/check_program.h"
#include "base/io.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char HANDLER[] = "/hookspool.cgi", REMEDY[] = "chmod 755";

/* Reports a file that others than its owner may write to; true if so. */
static bool is_open_to_others(struct hs_findings *r, const char *path, mode_t mode)
{
	if ((mode & S_IWOTH) != 0)
		hs_findings_fail(r, "program", REMEDY,
		                 "every user may write to %s, and suEXEC refuses the program (500)", path);
	else if ((mode & S_IWGRP) != 0)
		hs_findings_warn(r, "program", REMEDY,
		                 "a group may write to %s, for which suEXEC refuses the program (500)", path);
	return (mode & (S_IWGRP | S_IWOTH)) != 0;
}

/* `path` is a folder's, followed by HANDLER. */
static void check_handler(struct hs_findings *r, const char *path)
{
	char folder[PATH_MAX];
	struct stat program, around;
	bool told;

	snprintf(folder, sizeof folder, "%.*s", (int)(strlen(path) - strlen(HANDLER)), path);
	if (hs_io_stat_outside(path, &program) < 0 || !S_ISREG(program.st_mode) ||
	    hs_io_stat_outside(folder, &around) < 0)
		return;
	told = is_open_to_others(r, path, program.st_mode);
	told = is_open_to_others(r, folder, around.st_mode) || told;
	if ((program.st_mode & S_IXUSR) == 0)
		hs_findings_fail(r, "program", REMEDY, "%s cannot be run: every request is answered 500", path);
	else if (!told)
		hs_findings_ok(r, "program", "%s has mode %03o", path, (unsigned)program.st_mode & 0777);
}

/* The folder above the one of this program; false if it is unknown. */
static bool folder_above(char out[static PATH_MAX])
{
	char *slash;

	if (hs_io_own_path(out, PATH_MAX) < 0)
		return false;
	for (int up = 0; up < 2; up++) {
		slash = strrchr(out, '/');
		if (slash == NULL)
			return false;
		*slash = '\0';
	}
	return true;
}

struct looking {
	struct hs_findings *report;
	char above[PATH_MAX];
};

static bool look_at(void *context, const char *name)
{
	struct looking *l = context;
	char path[PATH_MAX + NAME_MAX + sizeof HANDLER + 1];

	if (name[0] == '.')
		return true;
	snprintf(path, sizeof path, "%s/%s%s", l->above, name, HANDLER);
	check_handler(l->report, path);
	return true;
}

void hs_check_program(struct hs_findings *report)
{
	struct looking l = { .report = report };
	int dir;

	if (!folder_above(l.above))
		return;
	dir = hs_io_open_dir(AT_FDCWD, l.above[0] != '\0' ? l.above : "/");
	if (dir < 0)
		return;
	hs_io_list(dir, look_at, &l);
	hs_io_close(dir);
}

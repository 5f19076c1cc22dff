#include "tools/check_program.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char HANDLER[] = "/hookspool.cgi", REMEDY[] = "chmod 755";

/* Who but its owner may write there? If anybody, it is told. */
static bool is_open_to_others(struct hs_report *r, const char *path, mode_t mode)
{
	if ((mode & S_IWOTH) != 0)
		hs_report_fail(r, "program", REMEDY,
		               "every user may write to %s, and suEXEC refuses the program (500)", path);
	else if ((mode & S_IWGRP) != 0)
		hs_report_warn(r, "program", REMEDY,
		               "a group may write to %s, for which suEXEC refuses the program (500)", path);
	return (mode & (S_IWGRP | S_IWOTH)) != 0;
}

/* `path` is a folder's, with HANDLER behind it. */
static void check_handler(struct hs_report *r, const char *path)
{
	char folder[PATH_MAX];
	struct stat program, around;
	bool told;

	snprintf(folder, sizeof folder, "%.*s", (int)(strlen(path) - strlen(HANDLER)), path);
	if (stat(path, &program) < 0 || !S_ISREG(program.st_mode) || stat(folder, &around) < 0)
		return;
	told = is_open_to_others(r, path, program.st_mode);
	told = is_open_to_others(r, folder, around.st_mode) || told;
	if ((program.st_mode & S_IXUSR) == 0)
		hs_report_fail(r, "program", REMEDY, "%s cannot be run: every request is answered 500",
		               path);
	else if (!told)
		hs_report_ok(r, "program", "%s has mode %03o", path, (unsigned)program.st_mode & 0777);
}

/* The folder above the one that this program lies in; false if it cannot be told. */
static bool folder_above(char out[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash;

	if (n <= 0)
		return false;
	out[n] = '\0';
	for (int up = 0; up < 2; up++) {
		slash = strrchr(out, '/');
		if (slash == NULL)
			return false;
		*slash = '\0';
	}
	return true;
}

void hs_check_program(struct hs_report *report)
{
	char above[PATH_MAX], path[PATH_MAX + NAME_MAX + sizeof HANDLER + 1];
	struct dirent *entry;
	DIR *d;

	if (!folder_above(above))
		return;
	d = opendir(above[0] != '\0' ? above : "/");
	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s%s", above, entry->d_name, HANDLER);
		check_handler(report, path);
	}
	closedir(d);
}

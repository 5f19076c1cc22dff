#include "tools/probe/check_modes.h"
#include "base/io.h"
#include "spool/shared/modes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *hs_check_give_back(const struct hs_settings *settings, char out[static HS_CHECK_GIVE_BACK])
{
	char user[HS_SPOOL_DIR_USER];

	hs_spool_dir_user(geteuid(), user);
	snprintf(out, HS_CHECK_GIVE_BACK, "sudo chown -R %s %s && sudo chmod -R u+rwX %s", user, settings->spool_dir,
	         settings->spool_dir);
	return out;
}

const char *hs_check_unreached(const struct hs_settings *settings, char out[static HS_CHECK_GIVE_BACK])
{
	char user[HS_SPOOL_DIR_USER];
	struct stat st;
	int error = hs_io_stat(AT_FDCWD, settings->spool_dir, &st) == 0 ? 0 : errno;

	hs_spool_dir_user(geteuid(), user);
	if (error != ENOENT && error != EACCES)
		return NULL;
	if (error == EACCES)
		snprintf(out, HS_CHECK_GIVE_BACK,
		         "let %s pass the folders above it (chmod o+x), or set spool_dir elsewhere", user);
	else
		snprintf(out, HS_CHECK_GIVE_BACK,
		         "%s cannot make it, as where the folder above is missing: sudo install -d -m 700 -o %s %s",
		         user, user, settings->spool_dir);
	return out;
}

static void tell(struct hs_findings *report, const struct hs_modes *left, unsigned mode, const char *remedy)
{
	char names[sizeof left->first + 32];

	snprintf(names, sizeof names, "%s", left->first);
	if (left->count > 1)
		snprintf(names + strlen(names), 32, " and %" PRIu64 " more", left->count - 1);
	if (left->owner)
		hs_findings_fail(report, "modes", remedy, "%s: another user's, or a mode that keeps the owner out",
		                 names);
	else
		hs_findings_warn(report, "modes", remedy, "%s %s not follow spool_mode = %04o", names,
		                 left->count > 1 ? "do" : "does", mode);
}

void hs_check_modes(struct hs_findings *report, const struct hs_settings *settings, const struct hs_spool_dir *dir)
{
	unsigned mode = (unsigned)settings->spool_mode;
	char remedy[HS_CHECK_GIVE_BACK] = "hookspool maintain";
	struct hs_modes left;
	enum hs_result r = hs_modes_look(dir, &left);
	int error = errno;
	struct stat st;

	if (r != HS_OK || left.owner)
		hs_check_give_back(settings, remedy);
	else if (left.group && hs_io_fstat(dir->fd, &st) == 0)
		snprintf(remedy, sizeof remedy, "sudo chgrp -R %lu %s && sudo find %s -type d -exec chmod 2750 {} +",
		         (unsigned long)st.st_gid, settings->spool_dir, settings->spool_dir);
	if (r != HS_OK)
		hs_findings_fail(report, "modes", error == EACCES ? remedy : hs_result_info(r)->remedy,
		                 "cannot be determined: %s", strerror(error));
	else if (left.count == 0)
		hs_findings_ok(report, "modes", "all files follow spool_mode = %04o", mode);
	else
		tell(report, &left, mode, remedy);
}

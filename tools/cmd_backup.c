/* hookspool backup: copies the spool; `hookspool adopt` makes the copy a spool again. */
#include "spool/admin/backup.h"
#include "spool/shared/spool_dir.h"
#include "tools/command.h"
#include "tools/report/bar_table.h"
#include "tools/report/progress.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const struct hs_option backup_options[] = { HS_OPTION_CONFIG, HS_OPTIONS_END };

static bool go_on(void *context, uint64_t done, uint64_t all)
{
	hs_progress_show(context, "segment %" PRIu64 " of %" PRIu64, done + 1, all);
	return !hs_stop_asked();
}

static int tell_place(const char *to, int error)
{
	char user[HS_SPOOL_DIR_USER];

	hs_spool_dir_user(geteuid(), user);
	if (error == ENOTDIR || error == ELOOP)
		fprintf(stderr, "hookspool backup: %s: name a directory, and not a symbolic link to it\n", to);
	else
		fprintf(stderr,
		        "hookspool backup: %s: %s: name another directory, or make it for the spool's owner: "
		        "sudo install -d -m 700 -o %s %s\n",
		        to, strerror(error), user, to);
	return EX_CANTCREAT;
}

static int tell_failure(const char *to, const struct hs_settings *settings, enum hs_result r, bool begun)
{
	if (begun && r == HS_E_FULL)
		fprintf(stderr, "hookspool backup: %s: no room: free space, inodes or quota there; then run it again\n",
		        to);
	else if (begun && r == HS_E_READ_ONLY)
		fprintf(stderr,
		        "hookspool backup: %s: read-only: remount it for writing, or name another directory; then "
		        "run it again\n",
		        to);
	else if (r != HS_E_MEMORY)
		fprintf(stderr, "hookspool backup: %s: %s; then run it again\n", settings->spool_dir,
		        r == HS_E_SPOOL_DIR ? "see the message above" : hs_result_info(r)->remedy);
	return hs_command_exit(r);
}

static int report(const char *to, const struct hs_settings *settings, enum hs_result r, const struct hs_backup *d)
{
	char bytes[HS_BAR_TABLE_BYTES];

	if (r != HS_OK)
		return tell_failure(to, settings, r, d->begun);
	if (d->place != 0)
		return tell_place(to, d->place);
	if (d->busy) {
		fputs("hookspool backup: erase, repair, maintenance or another backup is running: wait "
		      "for it\n",
		      stderr);
		return EX_TEMPFAIL;
	}
	if (d->refused || d->inside) {
		fprintf(stderr, "hookspool backup: %s %s: name a new directory\n", to,
		        d->inside ? "is in the spool" : "is not empty, and no backup of this spool");
		return EX_CANTCREAT;
	}
	if (d->stopped) {
		puts("stopped: run it again to finish");
		return 0;
	}
	hs_bar_table_bytes(d->bytes, bytes);
	printf("%s: whole\n"
	       "  %" PRIu64 " segments linked, %" PRIu64 " copied\n"
	       "  %" PRIu64 " were there, %" PRIu64 " removed\n"
	       "  %s of the open segments\n",
	       to, d->linked, d->copied, d->kept, d->removed, bytes);
	return 0;
}

static int cmd_backup(int argc, char **argv)
{
	struct hs_progress progress;
	struct hs_backup_how how = { NULL, &progress, go_on };
	struct hs_settings *settings;
	const char *config = NULL;
	struct hs_backup done;
	enum hs_result r;
	int option, code;

	while ((option = hs_option(argc, argv)) != -1) {
		if (option != HS_OPT_CONFIG)
			return hs_usage(argv[0]);
		config = optarg;
	}
	if (optind == argc)
		return hs_usage_why(argv[0], "name the directory of the copy");
	if (optind + 1 != argc)
		return hs_usage_why(argv[0], "%s: one argument too many", argv[optind + 1]);
	how.to = argv[optind];
	settings = hs_command_settings(config);
	if (settings == NULL)
		return EX_CONFIG;
	hs_stop_catch();
	hs_progress_begin(&progress);
	r = hs_backup(settings, &how, &done);
	hs_progress_clear(&progress);
	code = report(how.to, settings, r, &done);
	hs_settings_free(settings);
	hs_stop_finish();
	return code;
}

const struct hs_command hs_command_backup = {
	.name = "backup",
	.run = cmd_backup,
	.options = backup_options,
	.arguments = "DIR",
	.help = "copy the spool while it is in use; the next run copies what is new",
};

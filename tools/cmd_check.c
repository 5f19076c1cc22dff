/* hookspool check: what a start of the handler would find. */
#include "store/spool.h"
#include "tools/command.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

int hs_cmd_check(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		                                 { NULL, 0, NULL, 0 } };
	const char *path = NULL;
	struct hs_settings *settings;
	struct hs_spool *spool;
	enum hs_result r;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'c')
			return hs_usage("check");
		path = optarg;
	}
	if (optind != argc)
		return hs_usage("check");
	settings = hs_command_settings(path);
	if (settings == NULL)
		return EX_CONFIG;
	puts("settings are fine");
	spool = hs_spool_new(settings);
	r = spool == NULL ? HS_E_MEMORY : hs_spool_health(spool);
	if (r == HS_OK)
		printf("spool %s is fine\n", settings->spool_dir);
	else
		fprintf(stderr, "spool %s: %s\n", settings->spool_dir, hs_result_info(r)->remedy);
	hs_spool_free(spool);
	hs_settings_free(settings);
	return r == HS_OK ? 0 : 1;
}

/* hookspool check: what a start of the handler would find. */
#include "store/spool.h"
#include "tools/command.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

const struct hs_option hs_check_options[] = { HS_OPTION_CONFIG, HS_OPTIONS_END };

int hs_cmd_check(int argc, char **argv)
{
	const char *path = NULL;
	struct hs_settings *settings;
	struct hs_spool *spool;
	enum hs_result r;
	int option;

	while ((option = hs_option(argc, argv)) != -1) {
		if (option != HS_OPT_CONFIG)
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

/* hookspool metrics: prints the figures of the spool for a monitor. */
#include "spool/figures/openmetrics.h"
#include "tools/command.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

enum { OPT_OPENMETRICS = HS_OPT_OWN };

static const struct hs_option metrics_options[] = {
	{ "openmetrics", NULL, OPT_OPENMETRICS, "OpenMetrics 1.0 instead of the text format of Prometheus" },
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};

/* Returns the exit code. A spool that cannot be read is a figure, too, and then the code tells as well. */
static int print(const struct hs_settings *settings, enum hs_exposition format)
{
	struct hs_buf out = { 0 };
	enum hs_result result = hs_figures_put(settings, format, &out);
	int code = hs_command_result("metrics", settings->spool_dir, result);

	if (!hs_buf_ok(&out))
		code = EX_OSERR;
	else if (fwrite(out.p, 1, out.n, stdout) != out.n)
		code = EX_IOERR; /* hs_command_end says why */
	hs_buf_free(&out);
	return code;
}

static int cmd_metrics(int argc, char **argv)
{
	enum hs_exposition format = HS_EXPOSITION_TEXT;
	const char *config = NULL;
	struct hs_settings *settings;
	int option, code;

	while ((option = hs_option(argc, argv)) != -1)
		switch (option) {
		case HS_OPT_CONFIG: config = optarg; break;
		case OPT_OPENMETRICS: format = HS_EXPOSITION_OPENMETRICS; break;
		default: return hs_usage("metrics");
		}
	if (optind != argc)
		return hs_usage_surplus("metrics", argv);
	settings = hs_command_settings(config);
	if (settings == NULL)
		return EX_CONFIG;
	code = print(settings, format);
	hs_settings_free(settings);
	return code;
}

const struct hs_command hs_command_metrics = {
	.name = "metrics",
	.run = cmd_metrics,
	.options = metrics_options,
	.help = "print figures for a monitor, as Prometheus reads them",
};

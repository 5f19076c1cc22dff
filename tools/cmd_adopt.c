/* hookspool adopt: turns a restored backup, a copy or a mirror into a spool to be served. */
#include "base/io.h"
#include "spool/admin/adopt.h"
#include "spool/admin/loss.h"
#include "tools/command.h"
#include "tools/report/bar_table.h"
#include "tools/report/filter.h"
#include "tools/sink/event_source.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { OPT_FROM = HS_OPT_OWN, OPT_ACCEPT_LOSS };

static const struct hs_option adopt_options[] = {
	HS_OPTION_CONFIG,
	{ "from", "WHEN", OPT_FROM, "set cursors that do not fit: oldest, now, 2026-11-23T10:15:00Z, 2h (ago)" },
	{ "accept-loss", NULL, OPT_ACCEPT_LOSS, "start afresh what is lost and in no backup" },
	HS_OPTIONS_END,
};

static void show_cursor(void *context, const char *name, enum hs_adopted what, struct hs_position p)
{
	static const char *const text[] = {
		[HS_ADOPTED_FITS] = "fits: continues in", [HS_ADOPTED_SET] = "did not fit: set to",
		[HS_ADOPTED_MISFIT] = "does not fit:",    [HS_ADOPTED_UNKNOWN] = "cannot be determined:",
		[HS_ADOPTED_DAMAGED] = "damaged",         [HS_ADOPTED_HELD] = "in use: stop its consumer",
	};

	(void)context;
	printf("cursor %s\n  %s", name, text[what]);
	if (what == HS_ADOPTED_DAMAGED || what == HS_ADOPTED_HELD)
		putchar('\n');
	else if (p.number == 0)
		puts(" the oldest event");
	else
		printf(" segment %" PRIu64 ", byte %" PRIu64 "\n", p.number, p.offset);
}

static bool take_from(struct hs_adopter *how, const char *text)
{
	if (!hs_event_source_is_from("adopt", "from", text))
		return false;
	if (strcmp(text, "oldest") == 0)
		how->from = HS_ADOPT_OLDEST;
	else if (strcmp(text, "now") == 0)
		how->from = HS_ADOPT_NOW;
	else {
		how->from = HS_ADOPT_SINCE;
		return hs_filter_when(text, hs_io_now(), &how->from_ms);
	}
	return true;
}

static void show_losses(const struct hs_adoption *d, bool accepted)
{
	for (unsigned i = 0; i < HS_LOSSES; i++)
		if ((d->lost & 1U << i) != 0)
			printf("lost: %s%s\n", hs_loss_name(1U << i), accepted ? ", started afresh" : "");
	if (d->lost != 0 && !accepted)
		puts("  restore it from a backup; or give it up:\n"
		     "  hookspool adopt --accept-loss");
}

static void show(const struct hs_adoption *d)
{
	char bytes[HS_BAR_TABLE_BYTES];

	hs_bar_table_bytes(d->end.offset, bytes);
	printf("epoch %" PRIu64 " of spool %s\n", d->now.epoch, d->now.id);
	if (d->before.settled)
		printf("  it was epoch %" PRIu64 "%s\n", d->before.epoch, d->backup ? ", a backup" : "");
	else
		puts("  its id was lost, or an adoption interrupted");
	printf("%" PRIu64 " sealed segments\n  the open one is %" PRIu64 ", with %s\n", d->segments, d->end.number,
	       bytes);
	if (d->repeated > 0)
		printf("  %" PRIu64 " lines of older copies of segments: removed\n", d->repeated);
	if (d->letters > 0)
		printf("  %" PRIu64 " dead letters of people who were erased or are suppressed: removed\n", d->letters);
	if (d->imports > 0)
		printf("%" PRIu64 " imports start from the beginning if they are run again\n", d->imports);
	if (d->fit + d->left + d->set == 0)
		puts("no cursors");
	else
		printf("%" PRIu64 " cursors fit, %" PRIu64 " were set, %" PRIu64 " are left\n", d->fit, d->set,
		       d->left);
	if (d->left > 0)
		puts("  those left cannot be used; to set them:\n"
		     "  hookspool adopt --from oldest|now|TIME");
}

static int report(const struct hs_settings *s, const struct hs_adopter *how, enum hs_result r,
                  const struct hs_adoption *d)
{
	if (r != HS_OK) {
		if (r != HS_E_MEMORY)
			fprintf(stderr, "hookspool adopt: %s: %s; then run it again\n", s->spool_dir,
			        hs_result_info(r)->remedy);
		return hs_command_exit(r);
	}
	if (d->busy) {
		fputs("hookspool adopt: the spool is in use: stop the handler, and every tail and each, "
		      "first\n",
		      stderr);
		return EX_TEMPFAIL;
	}
	if (d->unfinished && !how->accept_loss) {
		fputs("hookspool adopt: this backup is not whole: run hookspool backup again where it "
		      "came from; or take what there is: hookspool adopt --accept-loss\n",
		      stderr);
		return EX_DATAERR;
	}
	if (d->doubtful > 0 && !how->accept_loss) {
		fprintf(stderr,
		        "hookspool adopt: events.jsonl is an older copy of a sealed segment, and %" PRIu64
		        " of its lines are not there, perhaps erased: copy the spool again from where it came; or keep "
		        "these lines: hookspool adopt --accept-loss\n",
		        d->doubtful);
		return EX_DATAERR;
	}
	if (d->stale && !how->accept_loss) {
		fputs("hookspool adopt: the list of erased ids, .hookspool/erased-ids, is lost, damaged or older than "
		      "erased.jsonl, and lines of events.jsonl may have been erased: copy the spool again from where "
		      "it came, with .hookspool; or keep these lines: hookspool adopt --accept-loss\n",
		      stderr);
		return EX_DATAERR;
	}
	show(d);
	show_losses(d, how->accept_loss);
	return d->left > 0 || (d->lost != 0 && !how->accept_loss);
}

static int cmd_adopt(int argc, char **argv)
{
	struct hs_adopter how = { .cursor = show_cursor };
	struct hs_settings *settings;
	const char *config = NULL;
	struct hs_adoption done;
	enum hs_result r;
	int option, code;

	while ((option = hs_option(argc, argv)) != -1)
		switch (option) {
		case HS_OPT_CONFIG: config = optarg; break;
		case OPT_ACCEPT_LOSS: how.accept_loss = true; break;
		case OPT_FROM:
			if (!take_from(&how, optarg))
				return 2;
			break;
		default: return hs_usage(argv[0]);
		}
	if (optind != argc)
		return hs_usage_surplus(argv[0], argv);
	settings = hs_command_settings(config);
	if (settings == NULL)
		return EX_CONFIG;
	r = hs_adopt(settings, &how, &done);
	code = report(settings, &how, r, &done);
	hs_settings_free(settings);
	return code;
}

const struct hs_command hs_command_adopt = {
	.name = "adopt",
	.run = cmd_adopt,
	.options = adopt_options,
	.help = "turn a restored backup, a copy or a mirror into a spool that can be served",
};

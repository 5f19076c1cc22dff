/* hookspool erase: everything of a user out of the spool. */
#include "store/erase.h"
#include "store/io.h"
#include "store/spool.h"
#include "tools/command.h"
#include "tools/progress.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum {
	OPT_USER = HS_OPT_OWN,
	OPT_ANONYMOUS,
	OPT_ALIASES,
	OPT_FROM_DELETES,
	OPT_SUPPRESS,
	OPT_TENANT,
	OPT_DRY_RUN,
};
enum { ASKED_MAX = 1000 };

const struct hs_option hs_erase_options[] = {
	HS_OPTION_CONFIG,
	{ "user", "ID", OPT_USER, "whose user id this is; may be repeated" },
	{ "anonymous", "ID", OPT_ANONYMOUS, "whose anonymous id this is; may be repeated" },
	{ "from-deletes", NULL, OPT_FROM_DELETES,
	  "carry out the delete events that stand in the spool" },
	{ "aliases", NULL, OPT_ALIASES, "and the ids that alias and identify records reveal" },
	{ "suppress", NULL, OPT_SUPPRESS, "and keep none of their events from now on" },
	{ "tenant", "LABEL", OPT_TENANT, "of this one of the [keys]; - nobody's, '*' whosever" },
	{ "dry-run", NULL, OPT_DRY_RUN, "count, write nothing" },
	HS_OPTION_JSON,
	HS_OPTIONS_END,
};

struct erase {
	struct hs_settings *settings;
	struct hs_eraser how;
	struct hs_subjects subjects;
	struct {
		enum hs_subject_kind kind;
		char *id;
	} asked[ASKED_MAX];
	size_t count;
	const char *config, *given, *tenant;
	bool json;
	struct hs_progress progress;
};

static bool ask(struct erase *c, enum hs_subject_kind kind, char *id)
{
	if (id[0] == '\0' || c->count == ASKED_MAX) {
		fprintf(stderr, "hookspool erase: %s\n",
			id[0] == '\0' ? "an id is empty: it would be nobody's"
				      : "too many ids at once: take 1000");
		return false;
	}
	c->asked[c->count].kind = kind;
	c->asked[c->count++].id = id;
	return true;
}

static bool read_option(struct erase *c, int option)
{
	switch (option) {
	case HS_OPT_CONFIG: c->config = optarg; return true;
	case HS_OPT_JSON: c->json = true; return true;
	case OPT_USER: return ask(c, HS_SUBJECT_USER, optarg);
	case OPT_ANONYMOUS: return ask(c, HS_SUBJECT_ANONYMOUS, optarg);
	case OPT_ALIASES: c->how.aliases = true; return true;
	case OPT_FROM_DELETES: c->how.from_deletes = true; return true;
	case OPT_SUPPRESS: c->how.suppress = true; return true;
	case OPT_TENANT: c->given = optarg; return true;
	case OPT_DRY_RUN: c->how.look_only = true; return true;
	default: return false;
	}
}

/* Whose records? A delete event knows its own tenant; an id by itself does not. */
static int find_tenant(struct erase *c)
{
	bool all = c->given != NULL && strcmp(c->given, "*") == 0;

	c->tenant = NULL;
	if (all || (c->given == NULL && (c->settings->keys == 0 || c->how.from_deletes)))
		return 0;
	return hs_command_tenant(c->settings, "erase", c->given, &c->tenant);
}

static bool add_asked(struct erase *c)
{
	for (size_t i = 0; i < c->count; i++) {
		struct hs_subject who = { .kind = c->asked[i].kind,
					  .id = c->asked[i].id,
					  .n = strlen(c->asked[i].id),
					  .tenant = (char *)(uintptr_t)c->tenant,
					  .before = { UINT64_MAX, UINT64_MAX },
					  .until_ms = INT64_MAX };

		if (!hs_subjects_add(&c->subjects, &who, NULL))
			return false;
	}
	return true;
}

static bool go_on(void *context, uint64_t done, uint64_t all)
{
	struct erase *c = context;

	if (all > 0)
		hs_progress_show(&c->progress, "%3u %% of %" PRIu64 " MB",
				 (unsigned)(done * 100 / all), all >> 20);
	return !hs_stop_asked();
}

static void print_sum(const struct erase *c, const struct hs_erasure *d)
{
	if (c->json) {
		printf("{\"people\":%zu,\"events\":%" PRIu64 ",\"rejected\":%" PRIu64
		       ",\"others\":%" PRIu64 ",\"files\":%" PRIu64 ",\"deletes\":%" PRIu64
		       ",\"waiting\":%" PRIu64 ",\"damaged\":%" PRIu64 ",\"stopped\":%s}\n",
		       c->subjects.count, d->events, d->rejected, d->others, d->files, d->deletes,
		       d->waiting, d->damaged, d->stopped ? "true" : "false");
		return;
	}
	printf("%s%" PRIu64 " events, %" PRIu64 " rejected and %" PRIu64
	       " other lines of %zu ids in %" PRIu64 " files\n",
	       c->how.look_only ? "would erase " : "erased ", d->events, d->rejected, d->others,
	       c->subjects.count, d->files);
	if (d->waiting > 0)
		printf("%" PRIu64 " delete events wait until every cursor has passed them\n",
		       d->waiting);
	if (d->stopped)
		puts("stopped: run it again to finish");
}

/* The exit code of what came of it. */
static int report(const struct erase *c, enum hs_result r, const struct hs_erasure *d)
{
	if (r != HS_OK) {
		fprintf(stderr, "hookspool erase: %s: %s; then run it again\n",
			c->settings->spool_dir, hs_result_info(r)->remedy);
		return hs_command_exit(r);
	}
	if (d->busy) {
		fputs("hookspool erase: another erase, or a repair, is at work: wait for it\n",
		      stderr);
		return EX_TEMPFAIL;
	}
	if (d->too_many) {
		fprintf(stderr,
			"hookspool erase: more than %d aliases or %d people: erase them in parts\n",
			HS_ERASE_ALIASES_MAX, HS_ERASE_SUBJECTS_MAX);
		return EX_SOFTWARE;
	}
	print_sum(c, d);
	if (d->damaged > 0)
		fprintf(stderr,
			"hookspool erase: %" PRIu64
			" files are damaged and stay as they are: run hookspool "
			"repair, then this again\n",
			d->damaged);
	return d->damaged > 0;
}

static int run(struct erase *c)
{
	struct hs_spool *spool = hs_spool_new(c->settings);
	struct hs_erasure done;
	enum hs_result r;

	hs_subjects_init(&c->subjects, hs_io_random());
	c->how.subjects = &c->subjects;
	c->how.tenant = c->tenant;
	c->how.context = c;
	c->how.go_on = go_on;
	memset(&done, 0, sizeof done);
	r = spool != NULL && add_asked(c) ? HS_OK : HS_E_MEMORY;
	hs_stop_catch();
	hs_progress_begin(&c->progress);
	if (r == HS_OK)
		r = hs_erase(spool, c->settings, &c->how, &done);
	hs_progress_clear(&c->progress);
	hs_spool_free(spool);
	return report(c, r, &done);
}

int hs_cmd_erase(int argc, char **argv)
{
	struct erase c = { .config = NULL };
	int option, code;

	while ((option = hs_option(argc, argv)) != -1)
		if (!read_option(&c, option))
			return hs_usage("erase");
	if (optind != argc || (c.count == 0 && !c.how.from_deletes))
		return hs_usage("erase");
	c.settings = hs_command_settings(c.config);
	if (c.settings == NULL)
		return EX_CONFIG;
	code = find_tenant(&c);
	if (code == 0)
		code = run(&c);
	hs_subjects_free(&c.subjects);
	hs_settings_free(c.settings);
	hs_stop_finish();
	return code;
}

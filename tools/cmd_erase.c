/* hookspool erase: removes all records of a person from the spool. */
#include "base/array.h"
#include "base/io.h"
#include "base/json_writer.h"
#include "config/loads.h"
#include "event/id_text.h"
#include "spool/erase.h"
#include "spool/position/cursor.h"
#include "spool/spool.h"
#include "tools/command.h"
#include "tools/probe/sample_events.h"
#include "tools/report/link_text.h"
#include "tools/report/progress.h"
#include "tools/report/terminal.h"
#include "tools/sink/id_spelling.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	OPT_USER = HS_OPT_OWN,
	OPT_ANONYMOUS,
	OPT_ALIASES,
	OPT_FROM_DELETES,
	OPT_SUPPRESS,
	OPT_TENANT,
	OPT_TEST,
	OPT_DRY_RUN,
};

static const struct hs_option erase_options[] = {
	HS_OPTION_CONFIG,
	{ "user", "ID", OPT_USER, "whose user id this is; may be repeated" },
	{ "anonymous", "ID", OPT_ANONYMOUS, "whose anonymous id this is; may be repeated" },
	{ "from-deletes", NULL, OPT_FROM_DELETES, "carry out the delete events in the spool" },
	{ "aliases", NULL, OPT_ALIASES, "and the anonymous ids to which identify and alias records lead" },
	{ "suppress", NULL, OPT_SUPPRESS, "and keep none of their events from now on" },
	{ "test", NULL, OPT_TEST, "the user and the visitor whose events hookspool send makes up" },
	{ "tenant", "LABEL", OPT_TENANT, "only of this label of [keys]; - of none, '*' of any" },
	{ "dry-run", NULL, OPT_DRY_RUN, "list the people and count, but write nothing" },
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
	} * asked;           /* arguments at most */
	size_t count, named; /* number of arguments, and of people among them */
	const char *config, *given, *tenant;
	bool json, test;
	struct hs_buf people; /* lines, or with --json the elements of an array */
	struct {
		char name[HS_CURSOR_NAME_MAX + 1];
	} * database; /* that a request was left for */
	size_t databases, databases_cap;
	bool lost; /* the name of one: there was no memory */
	struct hs_progress progress;
};

static bool ask(struct erase *c, enum hs_subject_kind kind, char *id)
{
	if (id[0] == '\0') {
		fputs("hookspool erase: an id is empty: it would be no person's\n", stderr);
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
	case OPT_TEST: c->test = true; return true;
	case OPT_TENANT: return hs_command_take_tenant("erase", optarg, &c->given);
	case OPT_DRY_RUN: c->how.look_only = true; return true;
	default: return false;
	}
}

/* Settles the tenant. A delete event has its own; an id alone has none. */
static int find_tenant(struct erase *c)
{
	bool all = c->given != NULL && strcmp(c->given, "*") == 0;

	c->tenant = NULL;
	if (all || (c->given == NULL && (!hs_settings_have_tenants(c->settings) || c->how.from_deletes)))
		return 0;
	return hs_command_tenant(c->settings, "erase", c->given, &c->tenant);
}

/* 0 or an exit code. */
static int add_asked(struct erase *c)
{
	struct hs_event_source source;
	struct hs_position end = { 0 };
	struct hs_buf number = { 0 };
	bool is_spelled = false;
	int code = 0;

	for (size_t i = 0; i < c->count; i++) {
		if (!hs_subjects_add_id(&c->subjects, c->asked[i].kind, hs_slice_str(c->asked[i].id), c->tenant))
			return EX_OSERR;
		is_spelled = hs_id_is_spelled(hs_slice_str(c->asked[i].id), &number) || is_spelled;
	}
	if (!hs_buf_ok(&number))
		code = EX_OSERR;
	hs_buf_free(&number);
	if (code == 0 && is_spelled)
		code = hs_event_source_open(&source, "erase", c->config, NULL, NULL);
	if (code != 0 || !is_spelled)
		return code;
	code = hs_event_source_result(&source, hs_reader_end(source.reader, &end));
	for (size_t i = 0; code == 0 && i < c->count; i++)
		code = hs_id_spelling_add(&c->subjects, c->asked[i].kind, hs_slice_str(c->asked[i].id), c->tenant,
		                          &source, end);
	return hs_event_source_close(&source, code);
}

static bool go_on(void *context, uint64_t done, uint64_t all)
{
	struct erase *c = context;

	if (all > 0)
		hs_progress_part(&c->progress, done, all, "");
	return !hs_stop_asked();
}

/* Prints the people that the run has found. */
static void tell_link(void *context, const struct hs_link *link)
{
	struct erase *c = context;

	if (c->json && c->people.n > 0)
		hs_buf_putc(&c->people, ',');
	(c->json ? hs_link_text_put_json : hs_link_text_put)(&c->people, link);
}

/* An erase that finishes an earlier one may tell a database twice. */
static void tell_database(void *context, const char *database)
{
	struct erase *c = context;

	for (size_t i = 0; i < c->databases; i++)
		if (strcmp(c->database[i].name, database) == 0)
			return;
	if (!HS_ARRAY_ROOM(&c->database, c->databases, &c->databases_cap))
		c->lost = true;
	else
		snprintf(c->database[c->databases++].name, sizeof c->database->name, "%s", database);
}

static bool tells_people(const struct erase *c)
{
	return c->how.aliases || c->how.look_only;
}

/* The people of delete events follow those given by name. False: out of memory, and some are missing. */
static bool print_deleted(const struct erase *c)
{
	struct hs_buf text = { 0 };
	bool ok;

	for (size_t i = c->named; i < c->subjects.count; i++)
		if (!c->subjects.list[i]->derived) {
			hs_link_text_put_id(&text, c->subjects.list[i]);
			hs_buf_put_slice(&text, HS_SLICE(": of a delete record\n"));
		}
	if (text.n > 0)
		hs_terminal_write(stdout, hs_buf_slice(&text));
	ok = hs_buf_ok(&text);
	hs_buf_free(&text);
	return ok;
}

/* False: out of memory, and some may be missing. */
static bool print_people(const struct erase *c)
{
	bool ok = hs_buf_ok(&c->people);

	if (c->json || !tells_people(c))
		return ok;
	if (c->how.from_deletes)
		ok &= print_deleted(c);
	if (c->people.n > 0)
		hs_terminal_write(stdout, hs_buf_slice(&c->people));
	return ok;
}

static void put_deleted(const struct erase *c, struct hs_json_writer *w)
{
	hs_json_writer_array(w, "deleted");
	for (size_t i = c->named; i < c->subjects.count; i++) {
		const struct hs_subject *who = c->subjects.list[i];

		if (who->derived)
			continue;
		hs_json_writer_object(w, NULL);
		hs_json_writer_text(w, "id", hs_slice(who->id, who->n));
		if (who->tenant != NULL && who->tenant[0] != '\0')
			hs_json_writer_text(w, "tenant", hs_slice_str(who->tenant));
		hs_json_writer_end(w, '}');
	}
	hs_json_writer_end(w, ']');
}

static void put_sums(const struct erase *c, const struct hs_erasure *d, struct hs_json_writer *w)
{
	hs_json_writer_uint(w, "people", c->subjects.count);
	hs_json_writer_uint(w, "events", d->events);
	hs_json_writer_uint(w, "rejected", d->rejected);
	hs_json_writer_uint(w, "others", d->others);
	hs_json_writer_uint(w, "files", d->files);
	hs_json_writer_uint(w, "deletes", d->deletes);
	hs_json_writer_uint(w, "waiting", d->waiting);
	hs_json_writer_uint(w, "placeholders", d->placeholders);
	hs_json_writer_uint(w, "damaged", d->damaged);
	hs_json_writer_bool(w, "stopped", d->stopped);
	hs_json_writer_bool(w, "unfinished", d->unfinished);
	hs_json_writer_object(w, "earlier");
	hs_json_writer_uint(w, "runs", d->plans);
	hs_json_writer_uint(w, "people", d->plans_people);
	hs_json_writer_uint(w, "lines", d->plans_lines);
	hs_json_writer_end(w, '}');
	hs_json_writer_array(w, "databases");
	for (size_t i = 0; i < c->databases; i++)
		hs_json_writer_text(w, NULL, hs_slice_str(c->database[i].name));
	hs_json_writer_end(w, ']');
}

static void print_json(const struct erase *c, const struct hs_erasure *d)
{
	struct hs_buf text = { 0 };
	struct hs_json_writer w = { .out = &text };

	hs_json_writer_object(&w, NULL);
	put_sums(c, d, &w);
	if (c->how.from_deletes && tells_people(c))
		put_deleted(c, &w);
	if (c->how.aliases) {
		hs_json_writer_array(&w, "links");
		hs_buf_put_slice(&text, hs_buf_slice(&c->people));
		hs_json_writer_end(&w, ']');
	}
	hs_json_writer_end(&w, '}');
	hs_terminal_print_json(&text);
}

static void print_earlier(const struct erase *c, const struct hs_erasure *d)
{
	if (d->plans == 0)
		return;
	if (c->how.look_only)
		puts("an interrupted erase is not finished: the next one finishes it first");
	else
		printf("%s what an interrupted erase had left: %" PRIu64 " lines of %" PRIu64 " ids\n",
		       d->unfinished ? "continued" : "finished", d->plans_lines, d->plans_people);
}

static void print_sum(const struct erase *c, const struct hs_erasure *d)
{
	if (c->json) {
		print_json(c, d);
		return;
	}
	print_earlier(c, d);
	printf("%s%" PRIu64 " events, %" PRIu64 " rejected and %" PRIu64 " other lines of %zu ids in %" PRIu64
	       " files\n",
	       c->how.look_only ? "would erase " : "erased ", d->events, d->rejected, d->others, c->subjects.count,
	       d->files);
	if (d->waiting > 0)
		printf("%" PRIu64 " delete events wait until every cursor has passed them\n", d->waiting);
	if (d->placeholders > 0)
		printf("%" PRIu64 " delete events name a placeholder, which is no person's id: they stay; "
		       "to erase it all the same, use --user\n",
		       d->placeholders);
	if (d->stopped)
		puts(d->unfinished ? "stopped: the next erase finishes it" : "stopped, before anything was removed");
}

/* The exit code of a run that did nothing or failed; 0: it did its work. */
static int report_failure(const struct erase *c, enum hs_result r, const struct hs_erasure *d)
{
	if (r != HS_OK) {
		print_earlier(c, d);
		if (r != HS_E_MEMORY)
			fprintf(stderr, "hookspool erase: %s: %s; then run it again\n", c->settings->spool_dir,
			        hs_result_info(r)->remedy);
		return hs_command_exit(r);
	}
	if (d->busy) {
		fputs("hookspool erase: another erase, a repair, backup or adopt is running: wait for it\n", stderr);
		return EX_TEMPFAIL;
	}
	if (d->too_many) {
		fprintf(stderr, "hookspool erase: more than %d people: erase them in parts\n", HS_ERASE_SUBJECTS_MAX);
		return EX_SOFTWARE;
	}
	return 0;
}

/*
 * Names the databases that get a request. A loader that follows delete events removes the rows of those users by
 * itself; one with on_delete = ignore keeps them.
 */
static void print_databases(const struct erase *c)
{
	for (size_t i = 0; i < c->databases && !c->json; i++)
		printf("%s%s", i == 0 ? "to be erased in databases, too, by hookspool load when it runs: " : ", ",
		       c->database[i].name);
	if (c->databases > 0 && !c->json)
		putchar('\n');
	for (unsigned i = 0; i < c->settings->loads && c->how.from_deletes && !c->how.look_only; i++)
		if (c->settings->load[i].ignore_deletes)
			fprintf(stderr,
			        "hookspool erase: the database of [load] %s keeps the rows of users of delete events "
			        "(on_delete=ignore)\n",
			        c->settings->load[i].label);
}

/* The exit code for the outcome. */
static int report(const struct erase *c, enum hs_result r, const struct hs_erasure *d)
{
	int code = report_failure(c, r, d);
	bool whole;

	if (code != 0)
		return code;
	whole = print_people(c) && !c->lost;
	print_sum(c, d);
	print_databases(c);
	if (d->damaged > 0)
		fprintf(stderr,
		        "hookspool erase: %" PRIu64 " files are damaged and stay as they are: run hookspool "
		        "repair, then this again\n",
		        d->damaged);
	if (!whole)
		return EX_OSERR;
	return d->damaged > 0 || (d->unfinished && !c->how.look_only);
}

static int run(struct erase *c)
{
	struct hs_spool *spool = hs_spool_new(c->settings);
	struct hs_erasure done;
	enum hs_result r;
	int code;

	hs_subjects_init(&c->subjects, hs_io_random());
	c->how.subjects = &c->subjects;
	c->how.tenant = c->tenant;
	c->how.context = c;
	c->how.go_on = go_on;
	c->how.tell_link = tell_link;
	c->how.tell_database = tell_database;
	memset(&done, 0, sizeof done);
	code = spool == NULL ? EX_OSERR : add_asked(c);
	if (code != 0) {
		hs_spool_free(spool);
		return code;
	}
	c->named = c->subjects.count;
	hs_stop_catch();
	hs_progress_begin(&c->progress);
	r = hs_erase(spool, c->settings, &c->how, &done);
	hs_progress_clear(&c->progress);
	hs_spool_free(spool);
	return report(c, r, &done);
}

static int end(struct erase *c, int code)
{
	hs_subjects_free(&c->subjects);
	hs_buf_free(&c->people);
	hs_settings_free(c->settings);
	free(c->database);
	free(c->asked);
	return code;
}

static int cmd_erase(int argc, char **argv)
{
	static char test[] = HS_TEST_USER;
	struct erase c = { .config = NULL };
	int option, code;

	c.asked = calloc((size_t)argc + 2, sizeof *c.asked);
	if (c.asked == NULL)
		return EX_OSERR;
	while ((option = hs_option(argc, argv)) != -1)
		if (!read_option(&c, option))
			return end(&c, hs_usage("erase"));
	if (c.test) {
		ask(&c, HS_SUBJECT_USER, test);
		ask(&c, HS_SUBJECT_ANONYMOUS, test);
	}
	if (optind != argc)
		return end(&c, hs_usage_surplus("erase", argv));
	if (c.count == 0 && !c.how.from_deletes)
		return end(
		    &c, hs_usage_why("erase", "say whose events: --user ID, --anonymous ID, --from-deletes or --test"));
	c.settings = hs_command_settings(c.config);
	if (c.settings == NULL)
		return end(&c, EX_CONFIG);
	code = find_tenant(&c);
	if (code == 0)
		code = run(&c);
	code = end(&c, code);
	hs_stop_finish();
	return code;
}

const struct hs_command hs_command_erase = {
	.name = "erase",
	.run = cmd_erase,
	.options = erase_options,
	.help = "remove everything of a user from the spool; later events of theirs are new",
};

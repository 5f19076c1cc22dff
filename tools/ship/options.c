#include "tools/ship/options.h"
#include "base/io.h"
#include "config/setting_kinds.h"
#include "tools/ship/option_table.h"
#include "tools/ship/subject.h"
#include "tools/sink/event_source.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { IN_FLIGHT = 512, ACK_WAIT_MS = 5000, HOLD_MS = 900000, WINDOW_MS = 120000, REPLICAS = 3 };

/* --- the command line -------------------------------------------------------------------- */

/* An option that is also a setting: its name, with _ for -. */
static bool set_shared(struct hs_ship_run *run, int option, const char *argument)
{
	const struct hs_option *row = hs_ship_options;
	const char *expected;
	char name[32];

	while (row->letter != option)
		row++;
	snprintf(name, sizeof name, "%s", row->name);
	for (char *p = name; *p != '\0'; p++)
		*p = *p == '-' ? '_' : *p;
	if (option == HS_SHIP_PASSWORD && argument[0] != '@') {
		fputs("hookspool ship: no password on the command line, where every user of this machine sees it: "
		      "--password @FILE\n",
		      stderr);
		return false;
	}
	expected = hs_ship_set(&run->given, name, argument);
	if (expected != NULL) /* what has an @ may have a password */
		fprintf(stderr, "hookspool ship: --%s %s: expected %s\n", row->name,
		        strchr(argument, '@') != NULL ? "…" : argument, expected);
	run->plain_given = run->plain_given || option == HS_SHIP_PLAIN;
	run->oversize_given = run->oversize_given || option == HS_SHIP_OVERSIZE;
	return expected == NULL;
}

static bool read_number(const char *name, const char *text, const struct hs_setting *kind, int64_t *number)
{
	if (hs_setting_read_number(kind, text, number))
		return true;
	fprintf(stderr, "hookspool ship: --%s %s: expected from %s to %s\n", name, text, kind->lowest, kind->highest);
	return false;
}

static bool set_create(struct hs_ship_run *run, int option, const char *argument)
{
	static const struct hs_setting window = { .kind = HS_SETTING_DURATION, .lowest = "100ms", .highest = "3650d" };
	static const struct hs_setting bytes = { .kind = HS_SETTING_SIZE, .lowest = "1K", .highest = "1048576G" };
	uint64_t replicas = 0;

	run->create = true;
	switch (option) {
	case HS_SHIP_REPLICAS:
		if (!hs_option_number("replicas", argument, 1, 5, &replicas))
			return false;
		run->make.replicas = (unsigned)replicas;
		return true;
	case HS_SHIP_WINDOW: return read_number("window", argument, &window, &run->make.window_ms);
	case HS_SHIP_MAX_BYTES: return read_number("max-bytes", argument, &bytes, &run->make.max_bytes);
	default: return true;
	}
}

static bool set_option(struct hs_ship_run *run, int option, const char *argument)
{
	switch (option) {
	case HS_OPT_CONFIG: run->config = argument; return true;
	case HS_SHIP_CREATE:
	case HS_SHIP_REPLICAS:
	case HS_SHIP_WINDOW:
	case HS_SHIP_MAX_BYTES: return set_create(run, option, argument);
	case HS_SHIP_ONCE: run->once = true; return true;
	case HS_SHIP_DRY_RUN: run->dry_run = true; return true;
	case HS_SHIP_VERIFY: run->verify = true; return true;
	case HS_SHIP_MEND: run->mend = true; return true;
	case HS_SHIP_SINCE: run->since = argument; return hs_event_source_is_from("ship", "since", argument);
	case HS_SHIP_FROM_START: run->from_start = true; return true;
	case HS_SHIP_FROM_NOW: run->from_now = true; return true;
	case HS_SHIP_NEW_RECEIVER: run->new_receiver = true; return true;
	case HS_SHIP_LOSSY: run->lossy = true; return true;
	case HS_SHIP_OLD_SERVER: run->old_server = true; return true;
	case HS_SHIP_CHECK: run->check = true; return true;
	case HS_SHIP_QUIET: run->quiet = true; return true;
	default: break;
	}
	if (option >= HS_SHIP_TO && option <= HS_SHIP_OVERSIZE)
		return set_shared(run, option, argument);
	hs_usage("ship");
	return false;
}

bool hs_ship_options_read(int argc, char **argv, struct hs_ship_run *run)
{
	int option;

	run->make =
	    (struct hs_engine_create){ .replicas = REPLICAS, .window_ms = WINDOW_MS, .subjects = "hookspool.>" };
	while ((option = hs_option(argc, argv)) != -1)
		if (!set_option(run, option, optarg))
			return false;
	if (optind != argc)
		hs_usage_surplus("ship", argv);
	else if (run->dry_run + run->verify + run->check + run->new_receiver > 1)
		hs_usage_why("ship", "--dry-run, --verify, --check and --new-receiver exclude each other");
	else if (run->mend && !run->verify)
		hs_usage_why("ship", "--mend is for --verify");
	else if (run->from_start && run->from_now)
		hs_usage_why("ship", "--from-start and --from-now exclude each other");
	else
		return true;
	return false;
}

/* --- the settings, and the rest ------------------------------------------------------------- */

static bool set_default(char **text, const char *configured, const char *fallback)
{
	if (*text == NULL && configured != NULL)
		*text = strdup(configured);
	else if (*text == NULL && fallback != NULL)
		*text = strdup(fallback);
	else
		return true;
	return *text != NULL;
}

/* An identity is given as a whole, so that a configured password does not go with another user. */
static bool complete(struct hs_ship_run *run, const struct hs_ship *s)
{
	struct hs_ship *g = &run->given;
	bool own = g->creds != NULL || g->nkey != NULL || g->user != NULL;
	static const struct hs_ship none = { 0 };
	const struct hs_ship *identity = own ? &none : s;

	g->in_flight = g->in_flight != 0 ? g->in_flight : s->in_flight != 0 ? s->in_flight : IN_FLIGHT;
	g->ack_wait = g->ack_wait != 0 ? g->ack_wait : s->ack_wait != 0 ? s->ack_wait : ACK_WAIT_MS;
	g->ship_hold = g->ship_hold != 0 ? g->ship_hold : s->ship_hold != 0 ? s->ship_hold : HOLD_MS;
	g->plain = run->plain_given ? g->plain : s->plain;
	g->aside = run->oversize_given ? g->aside : s->aside;
	return set_default(&g->to, s->to, NULL) && set_default(&g->stream, s->stream, "events") &&
	       set_default(&g->subject, s->subject, HS_SUBJECT_DEFAULT) && set_default(&g->ca, s->ca, NULL) &&
	       set_default(&g->cert, s->cert, NULL) && set_default(&g->key, s->key, NULL) &&
	       set_default(&g->creds, identity->creds, NULL) && set_default(&g->nkey, identity->nkey, NULL) &&
	       set_default(&g->user, identity->user, NULL) && set_default(&g->password, identity->password, NULL);
}

/* A file with a secret is its owner's and perhaps its group's, to read. */
static bool is_private(const char *option, const char *path)
{
	struct stat st;

	if (path == NULL)
		return true;
	if (hs_io_stat_outside(path, &st) < 0 || !S_ISREG(st.st_mode)) {
		fprintf(stderr, "hookspool ship: %s: %s is not there, or is no file\n", option, path);
		return false;
	}
	if ((st.st_mode & 0137) == 0)
		return true;
	fprintf(stderr, "hookspool ship: %s: others may read %s: chmod 600 %s\n", option, path, path);
	return false;
}

int hs_ship_options_settle(struct hs_ship_run *run, const struct hs_settings *settings)
{
	static const struct hs_ship none = { 0 };
	struct hs_ship *g = &run->given;

	if (!complete(run, settings->ship != NULL ? settings->ship : &none))
		return EX_OSERR;
	if (g->to == NULL) {
		fputs("hookspool ship: name the servers: --to nats://HOST, or `to` in [ship] of the settings\n",
		      stderr);
		return EX_CONFIG;
	}
	if (!hs_subject_is_template(g->subject)) {
		fprintf(stderr,
		        "hookspool ship: --subject %s: expected hookspool.{receiver}. and two or three of {tenant}, "
		        "once at most, {type}, {event} and words of letters, digits, _ and -, divided by dots\n",
		        g->subject);
		return EX_CONFIG;
	}
	if (g->stream[strcspn(g->stream, ".*>/\\")] != '\0') {
		fprintf(stderr, "hookspool ship: --stream %s: a name has no . * > / or backslash\n", g->stream);
		return EX_CONFIG;
	}
	return is_private("--key", g->key) && is_private("--creds", g->creds) && is_private("--nkey", g->nkey) &&
	               is_private("--password", g->password)
	           ? 0
	           : EX_CONFIG;
}

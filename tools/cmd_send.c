/* hookspool send: tests a receiver by sending it events. */
#include "base/hex.h"
#include "base/io.h"
#include "base/json_writer.h"
#include "config/settings.h"
#include "config/settings_file.h"
#include "tools/command.h"
#include "tools/probe/credentials.h"
#include "tools/probe/event_input.h"
#include "tools/probe/http.h"
#include "tools/probe/response_verdict.h"
#include "tools/probe/sample_events.h"
#include "tools/probe/sender.h"
#include "tools/report/terminal.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sysexits.h>

extern char **environ;

enum {
	OPT_URL = HS_OPT_OWN,
	OPT_AS,
	OPT_METHOD,
	OPT_SECRET,
	OPT_KEY,
	OPT_UNSIGNED,
	OPT_FILE,
	OPT_BATCH,
	OPT_COUNT,
	OPT_RATE,
	OPT_NEW_IDS,
	OPT_CACERT,
	OPT_INSECURE,
	BATCH_MAX = 65536,
};

static const struct hs_option send_options[] = {
	{ "url", "URL", OPT_URL, "the mount, as it was entered at Segment (required)" },
	{ "as", HS_SENDER_NAMES, OPT_AS, "which of Segment's senders to imitate" },
	{ "method", "POST|PUT|PATCH", OPT_METHOD, "the request method; POST" },
	{ "secret", "@FILE|TEXT", OPT_SECRET, "sign with this; a TEXT can be read by other users" },
	{ "key", "@FILE|TEXT", OPT_KEY, "show this API key; a TEXT can be read by other users" },
	{ "unsigned", NULL, OPT_UNSIGNED, "neither sign nor show a key" },
	{ "file", "FILE", OPT_FILE, "send these events: JSON lines or an array, - for stdin" },
	{ "batch", "N", OPT_BATCH, "N events a request; actions and extensible only" },
	{ "count", "N", OPT_COUNT, "send all of it N times" },
	{ "rate", "N", OPT_RATE, "at most N events a second" },
	{ "new-ids", NULL, OPT_NEW_IDS, "new message ids: no duplicates of an earlier run" },
	{ "cacert", "FILE", OPT_CACERT, "trust certificates that these authorities signed" },
	{ "insecure", NULL, OPT_INSECURE, "accept any certificate" },
	HS_OPTION_JSON,
	HS_OPTION_CONFIG,
	HS_OPTIONS_END,
};

struct job {
	const char *config, *file, *method;
	enum hs_sender as; /* HS_SENDERS: chosen by the credentials */
	bool anonymous, new_ids, json, colours;
	uint64_t batch, count, rate; /* batch 0: one event, no array; rate 0: no limit */
	struct hs_http_target target;

	struct hs_held given;
	struct hs_settings *settings; /* NULL: the command line has everything */
	const struct hs_hmac *secret;

	struct hs_http *http;
	struct hs_parcel parcel;
	struct hs_buf headers;
	struct hs_http_answer answer;
	char name[64];    /* name of the parcel in the table */
	const char *told; /* the remedy in the last row, so that it is printed once */
	int64_t started_ms;
	uint64_t events, requests, colour[HS_RED + 1];
};

/* --- the command line ---------------------------------------------------------- */

static bool take_as(struct job *j, const char *name)
{
	j->as = hs_sender_named(name);
	if (j->as == HS_SENDERS)
		fprintf(stderr, "hookspool: --as %s: expected " HS_SENDER_NAMES "\n", name);
	return j->as != HS_SENDERS;
}

static bool take_method(struct job *j, const char *name)
{
	static const char *const methods[] = { "POST", "PUT", "PATCH" };

	j->method = NULL;
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (strcmp(methods[i], name) == 0)
			j->method = methods[i];
	if (j->method == NULL)
		fprintf(stderr, "hookspool: --method %s: expected POST, PUT or PATCH\n", name);
	return j->method != NULL;
}

static bool take_option(struct job *j, int option)
{
	switch (option) {
	case HS_OPT_CONFIG: j->config = optarg; return true;
	case HS_OPT_JSON: j->json = true; return true;
	case OPT_URL: j->target.url = optarg; return true;
	case OPT_AS: return take_as(j, optarg);
	case OPT_METHOD: return take_method(j, optarg);
	case OPT_SECRET: return hs_held_secret(&j->given, optarg);
	case OPT_KEY: return hs_held_key(&j->given, optarg);
	case OPT_UNSIGNED: j->anonymous = true; return true;
	case OPT_FILE: j->file = optarg; return true;
	case OPT_BATCH: return hs_option_number("batch", optarg, 1, BATCH_MAX, &j->batch);
	case OPT_COUNT: return hs_option_number("count", optarg, 1, 1000000000, &j->count);
	case OPT_RATE: return hs_option_number("rate", optarg, 1, 1000000, &j->rate);
	case OPT_NEW_IDS: j->new_ids = true; return true;
	case OPT_CACERT: j->target.cacert = optarg; return true;
	case OPT_INSECURE: j->target.insecure = true; return true;
	default: return false;
	}
}

/* Rejects options that exclude each other. */
static const char *contradiction(const struct job *j)
{
	if (j->target.url == NULL)
		return "--url is required: the mount, as it was entered at Segment";
	if (j->batch > 0 && j->as != HS_SENDERS && !hs_sender_info(j->as)->batches)
		return "--batch: only the senders actions and extensible send arrays";
	if (j->anonymous && (j->given.secret != NULL || j->given.key != NULL))
		return "--unsigned: leave out --secret and --key";
	if (j->file != NULL && j->new_ids)
		return "--new-ids: the events of a file are sent as they are";
	if (j->file != NULL && j->count > 1 && strcmp(j->file, "-") == 0)
		return "--count: standard input can be read once only";
	return NULL;
}

static bool read_options(struct job *j, int argc, char **argv)
{
	const char *wrong;
	int option;

	while ((option = hs_option(argc, argv)) != -1)
		if (!take_option(j, option))
			return false;
	wrong = optind != argc ? "takes options only" : contradiction(j);
	if (wrong != NULL)
		fprintf(stderr, "hookspool send: %s\n", wrong);
	return wrong == NULL;
}

/* Uses secret and key of the command line, or else those of the settings. 0 or an exit code. */
static int find_credentials(struct job *j)
{
	struct hs_settings_error error;
	char used[PATH_MAX];

	if (!j->anonymous && j->given.secret == NULL && j->given.key == NULL) {
		j->settings = hs_settings_load(j->config, environ, used, sizeof used, &error);
		if (j->settings == NULL) {
			fprintf(stderr,
			        "hookspool: settings: %s\n"
			        "hookspool: without settings give --secret, --key or --unsigned\n",
			        error.text);
			return EX_CONFIG;
		}
		if (!hs_held_key_from(&j->given, used))
			return EX_OSERR;
		if (j->settings->keys > 0 && j->given.key == NULL && j->settings->auth != HS_AUTH_SIGNATURE)
			fputs("hookspool: the settings have no key in clear: give --key to show "
			      "one\n",
			      stderr);
		if (j->settings->secrets > 0)
			j->secret = j->settings->secret[0];
	} else {
		j->secret = j->given.secret;
	}
	if (j->as == HS_SENDERS)
		j->as = j->secret == NULL && j->given.key != NULL && j->batch == 0 ? HS_SENDER_SUBSCRIPTION
		                                                                   : HS_SENDER_ACTIONS;
	return 0;
}

/* --- the table ----------------------------------------------------------------- */

static void print_row(struct job *j, const struct hs_response_verdict *a)
{
	static const char *const paint[] = { "\033[32m", "\033[33m", "\033[31m" };
	static const char *const word[] = { "green", "yellow", "red" };
	char status[16] = "---";

	if (j->answer.status > 0)
		snprintf(status, sizeof status, "%d", j->answer.status);
	printf("%s%-6s %s%s  ", j->colours ? paint[a->colour] : "", word[a->colour], status,
	       j->colours ? "\033[0m" : "");
	hs_terminal_printf(stdout, "%-32s %7.1f ms  %s\n", j->name, (double)j->answer.took_us / 1000, a->message);
	if (a->colour == HS_RED && a->remedy[0] != '\0' && strcmp(a->remedy, j->told) != 0)
		printf("            -> %s\n", a->remedy);
	j->told = a->remedy;
}

static void print_json(const struct job *j, const struct hs_response_verdict *a)
{
	static const char *const word[] = { "green", "yellow", "red" };
	struct hs_buf b = { 0 };
	struct hs_json_writer w = { .out = &b };

	hs_json_writer_object(&w, NULL);
	hs_json_writer_text(&w, "name", hs_slice_str(j->name));
	hs_json_writer_uint(&w, "events", j->parcel.events);
	hs_json_writer_uint(&w, "status", (uint64_t)j->answer.status);
	hs_json_writer_text(&w, "colour", hs_slice_str(word[a->colour]));
	hs_json_writer_uint(&w, "microseconds", (uint64_t)j->answer.took_us);
	if (a->counted) {
		hs_json_writer_uint(&w, "accepted", a->accepted);
		hs_json_writer_uint(&w, "duplicate", a->duplicate);
		hs_json_writer_uint(&w, "rejected", a->rejected);
	}
	hs_json_writer_text(&w, "message", hs_slice_str(a->message));
	hs_json_writer_text(&w, "remedy", hs_slice_str(a->remedy));
	hs_json_writer_end(&w, '}');
	hs_terminal_print_json(&b);
}

static void show(struct job *j, const struct hs_response_verdict *a)
{
	j->colour[a->colour]++;
	if (j->json)
		print_json(j, a);
	else
		print_row(j, a);
	fflush(stdout);
}

/* --- sending ------------------------------------------------------------------- */

/* 0, or the exit code if there is no receiver. */
static int no_answer(struct job *j, enum hs_http_result r)
{
	struct hs_response_verdict a = { .colour = HS_RED, .remedy = "" };

	if (r != HS_HTTP_TIMEOUT && r != HS_HTTP_CUT) {
		hs_terminal_printf(stderr, "hookspool: %s\n", hs_http_error(j->http));
		return r == HS_HTTP_URL ? 2 : r == HS_HTTP_MEMORY ? EX_OSERR : EX_UNAVAILABLE;
	}
	j->answer.status = 0;
	j->answer.took_us = 0;
	snprintf(a.message, sizeof a.message, "%.250s", hs_http_error(j->http));
	show(j, &a);
	return 0;
}

/* 0, or the exit code of an error that ends the run. */
static int deliver(struct job *j)
{
	struct hs_http_request request = { .method = j->method,
		                           .below = "",
		                           .timeout_ms = hs_sender_info(j->as)->timeout_ms };
	struct hs_response_verdict a;
	enum hs_http_result r;

	hs_buf_reset(&j->headers);
	if (!hs_parcel_end(&j->parcel) ||
	    !hs_sender_headers(j->as, j->secret, j->given.key, hs_parcel_signed(&j->parcel), &j->headers))
		return EX_OSERR;
	request.headers = hs_buf_slice(&j->headers);
	request.body = hs_buf_slice(&j->parcel.body);
	if (j->parcel.events > 1)
		snprintf(j->name, sizeof j->name, "%zu events", j->parcel.events);
	r = hs_http_send(j->http, &request, &j->answer);
	j->events += j->parcel.events;
	j->requests++;
	if (r != HS_HTTP_OK)
		return no_answer(j, r);
	if (!hs_response_verdict_read(&a, j->answer.status, hs_buf_slice(&j->answer.body)))
		return EX_OSERR;
	show(j, &a);
	return 0;
}

/* Waits as long as more events were sent than --rate allows. */
static void keep_rate(const struct job *j)
{
	int64_t due;

	if (j->rate == 0)
		return;
	due = j->started_ms + (int64_t)(j->events * 1000 / j->rate) - hs_io_now_monotonic();
	if (due > 0)
		hs_io_pause(due);
}

/* Sends all events once, in parcels. 0 or an exit code. */
static int send_all(struct job *j, struct hs_event_input *event_input)
{
	uint64_t most = j->batch > 0 ? j->batch : 1;
	struct hs_slice event;
	int code = 0, got;

	hs_parcel_start(&j->parcel, j->as, j->batch > 0);
	while (code == 0 && (got = hs_event_input_next(event_input, &event)) > 0) {
		snprintf(j->name, sizeof j->name, "%s", event_input->name);
		hs_parcel_add(&j->parcel, event);
		if (j->parcel.events < most)
			continue;
		keep_rate(j);
		code = deliver(j);
		hs_parcel_start(&j->parcel, j->as, j->batch > 0);
	}
	if (code == 0 && got < 0)
		return EX_DATAERR;
	if (code == 0 && j->parcel.events > 0) {
		keep_rate(j);
		code = deliver(j);
	}
	return code;
}

/* The suffix of the ids in round n: nothing, the round, a random number, or both. */
static void make_run(uint64_t round, const char *random, char run[static HS_EVENT_INPUT_RUN])
{
	char number[24] = "";

	if (round > 0)
		snprintf(number, sizeof number, "%" PRIu64, round + 1);
	snprintf(run, HS_EVENT_INPUT_RUN, "%s%s%s", random, random[0] != '\0' && round > 0 ? "-" : "", number);
}

static int run(struct job *j)
{
	char random[17] = "", run_name[HS_EVENT_INPUT_RUN];
	uint64_t bits = hs_io_random();
	int code = 0;

	if (j->new_ids)
		hs_hex_encode((const uint8_t *)&bits, sizeof bits, random);
	j->started_ms = hs_io_now_monotonic();
	for (uint64_t round = 0; code == 0 && round < j->count; round++) {
		struct hs_event_input event_input;

		make_run(round, random, run_name);
		code = hs_event_input_open(&event_input, j->file, run_name) ? send_all(j, &event_input) : EX_NOINPUT;
		hs_event_input_close(&event_input);
	}
	if (!j->json && code == 0)
		printf("%" PRIu64 " events in %" PRIu64 " requests as %s: %" PRIu64 " green, %" PRIu64
		       " yellow, %" PRIu64 " red\n",
		       j->events, j->requests, hs_sender_info(j->as)->name, j->colour[HS_GREEN], j->colour[HS_YELLOW],
		       j->colour[HS_RED]);
	if (!j->json && code == 0 && j->file == NULL)
		puts("they are of the user " HS_TEST_USER ": cat, tail, stats and each leave them out with --no-test, "
		     "and hookspool erase --test removes them");
	return code != 0 ? code : j->colour[HS_RED] > 0 ? 1 : 0;
}

static void end(struct job *j)
{
	hs_http_free(j->http);
	hs_http_answer_free(&j->answer);
	hs_parcel_free(&j->parcel);
	hs_buf_wipe(&j->headers);
	hs_held_free(&j->given);
	hs_settings_free(j->settings);
}

static int cmd_send(int argc, char **argv)
{
	struct job j = {
		.as = HS_SENDERS,
		.method = "POST",
		.count = 1,
		.told = "",
		.colours = hs_command_colours(stdout),
	};
	int code;

	if (!read_options(&j, argc, argv))
		code = hs_usage(argv[0]);
	else
		code = find_credentials(&j);
	if (code == 0) {
		j.http = hs_http_new(&j.target);
		code = j.http == NULL ? EX_OSERR : run(&j);
	}
	end(&j);
	return code;
}

const struct hs_command hs_command_send = {
	.name = "send",
	.run = cmd_send,
	.options = send_options,
	.help = "send events as Segment does, and say how each was answered",
};

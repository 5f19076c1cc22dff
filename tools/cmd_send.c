/* hookspool send: tests a receiver by sending it events. */
#include "base/hex.h"
#include "base/io.h"
#include "base/json_writer.h"
#include "config/settings.h"
#include "config/settings_file.h"
#include "tools/command.h"
#include "tools/probe/credentials.h"
#include "tools/probe/direct_cases.h"
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
#include <stdlib.h>
#include <sysexits.h>

extern char **environ;

enum {
	OPT_URL = HS_OPT_OWN,
	OPT_AS,
	OPT_METHOD,
	OPT_SECRET,
	OPT_KEY,
	OPT_UNSIGNED,
	OPT_ORIGIN,
	OPT_FILE,
	OPT_BATCH,
	OPT_COUNT,
	OPT_RATE,
	OPT_NEW_IDS,
	OPT_CACERT,
	OPT_INSECURE,
	BATCH_MAX = 65536,
	LIBRARY_MS = 10000, /* Node's timeout */
	UPLOAD_MS = 300000, /* for a body above max_sdk_body over a slow line */
	UPLOAD_BYTES = 1 << 20,
};

static const struct hs_option send_options[] = {
	{ "url", "URL", OPT_URL, "the mount, as it was entered at Segment (required)" },
	{ "as", HS_SENDER_NAMES "|sdk[:LIBRARY]", OPT_AS,
	  "which of Segment's senders to imitate; sdk: its libraries, or one of " HS_LIBRARY_NAMES },
	{ "method", "POST|PUT|PATCH", OPT_METHOD, "the request method; POST" },
	{ "secret", "@FILE|TEXT", OPT_SECRET, "sign with this; a TEXT can be read by other users" },
	{ "key", "@FILE|TEXT", OPT_KEY, "show this API key, or write key; a TEXT can be read by other users" },
	{ "origin", "ORIGIN", OPT_ORIGIN, "with --as sdk: the page's origin; a --key is then a browser's" },
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
	bool direct;       /* as the libraries */
	enum hs_library library;
	const char *origin;
	bool anonymous, new_ids, json, colours;
	uint64_t batch, count, rate; /* batch 0: one event, no array; rate 0: no limit */
	struct hs_http_target target;

	struct hs_held given;
	struct hs_settings *settings; /* NULL: the command line has everything */
	const struct hs_hmac *secret;

	struct hs_http *http;
	struct hs_parcel parcel;
	struct hs_direct_request direct_request;
	struct hs_buf headers;
	struct hs_http_answer answer;
	char name[64];    /* name of the parcel in the table */
	int expected;     /* status of the request of a library */
	const char *told; /* the remedy in the last row, so that it is printed once */
	int64_t started_ms;
	uint64_t events, requests, colour[HS_RED + 1];
};

/* --- the command line ---------------------------------------------------------- */

static bool take_as(struct job *j, const char *name)
{
	bool one_library = strncmp(name, "sdk:", 4) == 0, known;

	j->direct = one_library || strcmp(name, "sdk") == 0;
	j->library = one_library ? hs_library_named(name + 4) : HS_LIBRARIES;
	j->as = hs_sender_named(name);
	known = j->direct ? !one_library || j->library != HS_LIBRARIES : j->as != HS_SENDERS;
	if (!known)
		fprintf(stderr,
		        "hookspool: --as %s: expected " HS_SENDER_NAMES "|sdk, or sdk: and " HS_LIBRARY_NAMES "\n",
		        name);
	return known;
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
	case OPT_ORIGIN: j->origin = optarg; return true;
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
	if (j->direct && (j->batch > 0 || j->anonymous || j->given.secret != NULL || j->file != NULL ||
	                  strcmp(j->method, "POST") != 0))
		return "--as sdk sends requests of its own: leave out --batch, --file, --method, --secret and "
		       "--unsigned";
	if (j->origin != NULL && !j->direct)
		return "--origin: only with --as sdk";
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

/* Loads the settings; `used` is the file's path. `instead`: the options that make them unnecessary. */
static bool load_settings(struct job *j, const char *instead, char used[static PATH_MAX])
{
	struct hs_settings_error error;

	j->settings = hs_settings_load(j->config, environ, used, PATH_MAX, &error);
	if (j->settings == NULL)
		fprintf(stderr,
		        "hookspool: settings: %s\n"
		        "hookspool: without settings give %s\n",
		        error.text, instead);
	return j->settings != NULL;
}

/* Uses secret and key of the command line, or else those of the settings. 0 or an exit code. */
static int find_credentials(struct job *j)
{
	char used[PATH_MAX];

	if (!j->anonymous && j->given.secret == NULL && j->given.key == NULL) {
		if (!load_settings(j, "--secret, --key or --unsigned", used))
			return EX_CONFIG;
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

/* The scheme and host of the URL, without a password: the origin of a page beside the mount. */
static char *origin_of(const char *url)
{
	const char *host = strstr(url, "://"), *at;
	size_t scheme = host == NULL ? 0 : (size_t)(host - url) + 3, n = strcspn(url + scheme, "/?#");
	char *origin = strndup(url, scheme + n);

	at = origin == NULL ? NULL : strrchr(origin + scheme, '@');
	if (at != NULL)
		memmove(origin + scheme, at + 1, strlen(at));
	return origin;
}

/* Uses the write key of the command line, or else those of [sources]. 0 or an exit code. */
static int find_write_keys(struct job *j)
{
	struct hs_held *h = &j->given;
	bool browsers = j->library == HS_LIBRARIES || j->library == HS_LIBRARY_BROWSER,
	     servers = j->library != HS_LIBRARY_BROWSER;
	char used[PATH_MAX];

	if (h->key == NULL) {
		if (!load_settings(j, "--key", used))
			return EX_CONFIG;
		if (!hs_held_sources_from(h, j->settings, used))
			return EX_OSERR;
	} else {
		char **to = j->origin != NULL || j->library == HS_LIBRARY_BROWSER ? &h->browser_key : &h->server_key;

		*to = strdup(h->key);
		if (*to == NULL)
			return EX_OSERR;
	}
	if (j->origin != NULL) {
		free(h->origin);
		h->origin = strdup(j->origin);
	} else if (h->origin == NULL) {
		h->origin = origin_of(j->target.url);
	}
	if (h->origin == NULL)
		return EX_OSERR;
	if (h->browser_key == NULL && browsers)
		fputs("hookspool: no key of a browser source in clear: browsers are left out\n", stderr);
	if (h->server_key == NULL && servers)
		fputs("hookspool: no key of a server source in clear: servers and apps are left out\n", stderr);
	if ((browsers && h->browser_key != NULL) || (servers && h->server_key != NULL))
		return 0;
	fputs("hookspool: no write key: add a line to [sources], or give --key\n", stderr);
	return EX_CONFIG;
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
	if (j->direct)
		hs_json_writer_uint(&w, "expected", (uint64_t)j->expected);
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

/* Sends one request of a library. 0, or the exit code of an error that ends the run. */
static int deliver_case(struct job *j, size_t i, const struct hs_direct_sender *sender)
{
	struct hs_direct_request *made = &j->direct_request;
	struct hs_http_request request = { .timeout_ms = LIBRARY_MS };
	struct hs_response_verdict a;
	enum hs_http_result r;

	if (!hs_direct_case_make(i, sender, made))
		return EX_OSERR;
	request.method = made->method;
	request.below = made->below.p;
	request.headers = hs_buf_slice(&made->headers);
	request.body = hs_buf_slice(&made->body);
	request.chunked = made->chunked;
	if (request.body.n > UPLOAD_BYTES)
		request.timeout_ms = UPLOAD_MS;
	snprintf(j->name, sizeof j->name, "%s", made->name);
	j->expected = hs_direct_case_expected(i);
	r = hs_http_send(j->http, &request, &j->answer);
	j->parcel.events = made->events;
	j->events += made->events;
	j->requests++;
	if (r != HS_HTTP_OK)
		return no_answer(j, r);
	if (!hs_direct_case_judge(i, sender, &j->answer, &a))
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
		return j->file == NULL ? EX_OSERR : EX_DATAERR;
	if (code == 0 && j->parcel.events > 0) {
		keep_rate(j);
		code = deliver(j);
	}
	return code;
}

/* Sends the requests of the libraries. 0 or an exit code. */
static int send_cases(struct job *j, const char *run)
{
	struct hs_direct_sender sender = { .browser_key = j->given.browser_key,
		                           .server_key = j->given.server_key,
		                           .origin = j->given.origin,
		                           .run = run,
		                           .now_ms = hs_io_now(),
		                           .max_body = j->settings != NULL ? (size_t)j->settings->max_sdk_body : 0,
		                           .gzip = hs_gzip_new() };
	int code = sender.gzip == NULL ? EX_OSERR : 0;

	for (size_t i = 0; code == 0 && i < hs_direct_cases_count(); i++)
		if (hs_direct_case_fits(i, j->library, &sender)) {
			keep_rate(j);
			code = deliver_case(j, i, &sender);
		}
	hs_gzip_free(sender.gzip);
	return code;
}

/* Sends the events of a file, or the samples. 0 or an exit code. */
static int send_events(struct job *j, const char *run)
{
	struct hs_event_input event_input;
	int code = hs_event_input_open(&event_input, j->file, run) ? send_all(j, &event_input) : EX_NOINPUT;

	hs_event_input_close(&event_input);
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
		make_run(round, random, run_name);
		code = j->direct ? send_cases(j, run_name) : send_events(j, run_name);
	}
	if (!j->json && code == 0)
		printf("%" PRIu64 " events in %" PRIu64 " requests as %s: %" PRIu64 " green, %" PRIu64
		       " yellow, %" PRIu64 " red\n",
		       j->events, j->requests, j->direct ? "sdk" : hs_sender_info(j->as)->name, j->colour[HS_GREEN],
		       j->colour[HS_YELLOW], j->colour[HS_RED]);
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
	hs_direct_request_free(&j->direct_request);
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
		code = j.direct ? find_write_keys(&j) : find_credentials(&j);
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

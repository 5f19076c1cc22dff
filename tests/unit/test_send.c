/* send: options that exclude each other, the credentials that it shows, and how it ends when there is no answer. */
#include "tests/lib/command_in_process.h"
#include "tests/lib/fake_http.h"
#include "tests/lib/temp_dir.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>

extern const struct hs_command hs_command_send;
const struct hs_command *const hs_commands[] = { &hs_command_send, NULL };

enum { WORDS = 16 };

static struct scene {
	enum hs_http_result result; /* of each request */
	unsigned requests;
	char headers[2048]; /* of the last request, a line each */
	char conf[PATH_MAX + 8];
} s;

static void fake_http_answer(const struct hs_http_request *request, struct fake_answer *answer)
{
	bool direct = request->below[0] != '\0';

	s.requests++;
	snprintf(s.headers, sizeof s.headers, "%s\n", "");
	for (size_t at = 0; at < request->headers.n; at += strlen(request->headers.p + at) + 1)
		snprintf(s.headers + strlen(s.headers), sizeof s.headers - strlen(s.headers), "%s\n",
		         request->headers.p + at);
	answer->result = s.result;
	answer->status = 200;
	answer->body = direct ? "{\"success\":true}" : "{\"accepted\":1,\"duplicate\":0,\"rejected\":0}";
}

FIXTURE(begin)
{
	s = (struct scene){ .requests = 0 };
	unsetenv("HOOKSPOOL_CONF");
	return temp_dir_begin(state);
}

FIXTURE(finish)
{
	wrap_reset();
	return temp_dir_end(state);
}

/* Makes settings, in s.conf. */
static void settings(const char *text)
{
	FILE *file;

	snprintf(s.conf, sizeof s.conf, "%s/conf", temp.d.path);
	file = fopen(s.conf, "w");
	assert_non_null(file);
	fprintf(file, "spool_dir = /x\n%s", text);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(s.conf, 0600), 0);
}

/* Runs send with these words after --config, in which URL stands for --url and one. */
static int send_with(const char *words)
{
	char text[1024], name[] = "send", config[] = "--config", option[] = "--url", url[] = "http://h/m";
	char *argv[WORDS + 1] = { name, config, s.conf }, *rest = text, *word;
	int argc = 3;

	snprintf(text, sizeof text, "%s", words);
	while ((word = strsep(&rest, " ")) != NULL && argc < WORDS - 1) {
		argv[argc++] = strcmp(word, "URL") == 0 ? option : word;
		if (argv[argc - 1] == option)
			argv[argc++] = url;
	}
	s.requests = 0;
	return run_command(&hs_command_send, NULL, argc, argv);
}

static void says(const char *text, const char *expected)
{
	if (strstr(text, expected) == NULL)
		fail_msg("expected %s in %s", expected, text);
}

TEST(options_that_exclude_each_other)
{
	static const char own[] = "--as sdk sends requests of its own";
	static const struct {
		const char *words, *why;
	} rows[] = {
		{ "--secret s", "--url is required" },
		{ "URL --as sdk --batch 2", own },
		{ "URL --as sdk --unsigned", own },
		{ "URL --as sdk --secret s", own },
		{ "URL --as sdk --file x", own },
		{ "URL --as sdk --method PUT", own },
		{ "URL --secret s --origin https://a.example", "--origin: only with --as sdk" },
		{ "URL --secret s --as webhook --batch 2", "only the senders actions and extensible" },
		{ "URL --unsigned --secret s", "--unsigned: leave out --secret and --key" },
		{ "URL --unsigned --key k", "--unsigned: leave out --secret and --key" },
		{ "URL --secret s --file x --new-ids", "--new-ids: the events of a file" },
		{ "URL --secret s --file - --count 2", "--count: standard input can be read once" },
		{ "URL --secret s more", "takes options only" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(send_with(rows[i].words), 2);
		says(run.err, rows[i].why);
		assert_int_equal(s.requests, 0);
	}
	assert_int_equal(send_with("URL --secret s --file /nowhere/events"), EX_NOINPUT);
	assert_int_equal(send_with("URL --secret s --count 2 --file /nowhere/events"), EX_NOINPUT);
	says(run.err, "/nowhere/events: No such file");
}

#define HASH "sha256:0000000000000000000000000000000000000000000000000000000000000000"

TEST(credentials_and_the_sender_that_has_them)
{
	static const char no_key[] = "the settings have no key in clear";
	static const struct {
		const char *settings, *words, *as, *header;
		bool lacks_key;
	} rows[] = {
		{ "", "--secret s", " as actions: ", "\nX-Signature: ", false },
		{ "", "--key k", " as subscription: ", "\nAuthorization: Basic azo=\n", false },
		{ "", "--key k --batch 50", " as actions: ", "\nAuthorization: Basic azo=\n", false },
		{ "", "--key k --secret s", " as actions: ", "\nX-Signature: ", false },
		{ "", "--unsigned", " as actions: ", "\n", false },
		{ "secret = s\n", "--batch 50", " as actions: ", "\nX-Signature: ", false },
		{ "[keys]\na = k\n", "--as webhook", " as webhook: ", "\nAuthorization: Basic azo=\n", false },
		{ "auth = either\nsecret = s\n[keys]\na = " HASH "\n", "--batch 50",
		  " as actions: ", "\nX-Signature: ", true },
		{ "auth = signature\nsecret = s\n[keys]\na = " HASH "\n", "--batch 50", " as actions: ", "\nX-Sig",
		  false },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char words[100];

		settings(rows[i].settings);
		snprintf(words, sizeof words, "URL %s", rows[i].words);
		assert_int_equal(send_with(words), 0);
		says(run.out, rows[i].as);
		says(s.headers, rows[i].header);
		assert_int_equal(strstr(run.err, no_key) != NULL, rows[i].lacks_key);
	}
	snprintf(s.conf, sizeof s.conf, "/nowhere/conf");
	assert_int_equal(send_with("URL"), EX_CONFIG);
	says(run.err, "without settings give --secret, --key or --unsigned");
	assert_int_equal(send_with("URL --as sdk"), EX_CONFIG);
	says(run.err, "without settings give --key");
}

#define PAGE "page = BKEY browser origin=https://shop.example\n"

TEST(write_keys_and_the_libraries_that_need_them)
{
	static const struct {
		const char *settings, *words;
		int code; /* 1: sent, and the answer of this test is not that of every case */
		const char *err, *header;
	} rows[] = {
		{ "[sources]\n" PAGE, "--as sdk:node", EX_CONFIG, "no write key: add a line to [sources]", NULL },
		{ "[sources]\na = A\n", "--as sdk:browser", EX_CONFIG, "no write key: add a line to [sources]", NULL },
		{ "[sources]\na = A\n", "--as sdk:node", 0, "", "\nAuthorization: Basic QTo=\n" },
		{ "[sources]\na = A\n", "--as sdk", 1, "browsers are left out", NULL },
		{ "[sources]\n" PAGE, "--as sdk", 1, "servers and apps are left out", NULL },
		{ "[sources]\n" PAGE, "--as sdk:browser", 1, "", "\nOrigin: https://shop.example\n" },
		{ "[sources]\n" PAGE, "--as sdk:browser --origin https://o.example", 1, "",
		  "\nOrigin: https://o.example\n" },
		{ "", "--as sdk:browser --key k", 1, "", "\nOrigin: http://h\n" },
		{ "", "--as sdk:node --key k", 0, "", "\nAuthorization: Basic azo=\n" },
		{ "", "--as sdk:browser --key k --url http://u:p@other/m?x", 1, "", "\nOrigin: http://other\n" },
		{ "", "--as sdk:browser --key k --url other/m", 1, "", "\nOrigin: other\n" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char words[100];

		settings(rows[i].settings);
		snprintf(words, sizeof words, "URL %s", rows[i].words);
		assert_int_equal(send_with(words), rows[i].code);
		says(run.err, rows[i].err);
		if (rows[i].header != NULL)
			says(s.headers, rows[i].header);
		assert_int_equal(s.requests > 0, rows[i].code != EX_CONFIG);
	}
}

TEST(no_answer)
{
	static const struct {
		enum hs_http_result result;
		int code;
		unsigned requests;
	} rows[] = { { HS_HTTP_UNREACHABLE, EX_UNAVAILABLE, 1 },
		     { HS_HTTP_TLS, EX_UNAVAILABLE, 1 },
		     { HS_HTTP_URL, 2, 1 },
		     { HS_HTTP_MEMORY, EX_OSERR, 1 },
		     { HS_HTTP_TIMEOUT, 1, 2 },
		     { HS_HTTP_CUT, 1, 2 } }; /* the next is tried */

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		s.result = rows[i].result;
		assert_int_equal(send_with("URL --unsigned --as actions --batch 20"), rows[i].code);
		assert_int_equal(s.requests, rows[i].requests);
		says(rows[i].requests > 1 ? run.out : run.err,
		     rows[i].result == HS_HTTP_MEMORY ? "free some memory" : "the server's fault");
		assert_int_equal(send_with("URL --as sdk:node --key k"), rows[i].code);
	}
}

/* A request that was not made as it should be is not sent, and no answer is blamed. */
TEST(want_of_memory_is_told_as_such)
{
	static const enum wrap_call calls[] = { WRAP_REALLOC, WRAP_MALLOC, WRAP_CALLOC, WRAP_SHA1 };
	static const char *const words[] = { "URL --batch 50", "URL --as sdk:node", "URL --as sdk:node --key k",
		                             "URL --as sdk:browser --key k --origin o" };

	settings("auth = either\nsecret = s\n[keys]\na = k\n[sources]\nb = B\n");
	for (size_t i = 0; i < sizeof calls / sizeof *calls * 4; i++) {
		enum wrap_call call = calls[i / 4];
		unsigned nth = 0;
		int clean = send_with(words[i % 4]), code;

		do {
			wrap_reset();
			wrap_fail(call, ++nth, 1, ENOMEM);
			code = send_with(words[i % 4]);
			if (wrap_count(call) < nth ? code != clean
			                           : code != EX_OSERR && strstr(run.err, "memory") == NULL)
				fail_msg("%s: call %d, %u: %d, %s%s", words[i % 4], (int)call, nth, code, run.out,
				         run.err);
			if (clean == 0 && strstr(run.out, "red   ") != NULL)
				fail_msg("%s: call %d, %u: %s", words[i % 4], (int)call, nth, run.out);
		} while (wrap_count(call) >= nth);
		wrap_reset();
	}
}

TESTS("send", begin, finish)

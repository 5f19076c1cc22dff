/* probe_input: events of a file, and the credentials of a sender, as `hookspool send` reads them. */
#include "tests/lib/said.h"
#include "tests/lib/temp_dir.h"
#include "tests/lib/wrap.h"
#include "tools/probe/credentials.h"
#include "tools/probe/event_input.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

static char path[PATH_MAX + 20], at_path[PATH_MAX + 22];

static void write_file(struct hs_slice text)
{
	FILE *file;

	snprintf(path, sizeof path, "%s/file", temp.d.path);
	snprintf(at_path, sizeof at_path, "@%s", path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text.p, 1, text.n, file), text.n);
	fclose(file);
}

/* --- events ------------------------------------------------------------------------------------ */

/* Expects the events of the file, with a blank between them. */
static void check_events(const char *text, const char *expected)
{
	struct hs_event_input input;
	struct hs_buf all = { 0 };
	struct hs_slice event;

	write_file(hs_slice_str(text));
	assert_true(hs_event_input_open(&input, path, "run"));
	while (hs_event_input_next(&input, &event) == 1) {
		hs_buf_put_slice(&all, event);
		hs_buf_putc(&all, ' ');
	}
	assert_slice_equal(hs_buf_slice(&all), hs_slice_str(expected));
	hs_buf_free(&all);
	hs_event_input_close(&input);
}

TEST(events_of_a_file)
{
	check_events("{\"a\":1}\r\n\n{\"b\":2}\nno JSON", "{\"a\":1} {\"b\":2} no JSON ");
	check_events(" \t\r\n[{\"a\":1},\n {\"b\":[2]} ]\n", "{\"a\":1} {\"b\":[2]} ");
	check_events("[]", "");
}

TEST(an_array_longer_than_a_read)
{
	struct hs_buf text = { 0 };

	hs_buf_putc(&text, '[');
	for (int i = 0; i < 70000; i++)
		hs_buf_putc(&text, ' ');
	hs_buf_put(&text, "{\"a\":1}]\0", 9);
	check_events(text.p, "{\"a\":1} ");
	hs_buf_free(&text);
}

/* Makes standard input a connection that breaks off after the text; the descriptor that it was. */
static int break_input(const char *text)
{
	int ends[2], saved = dup(STDIN_FILENO);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(write(ends[0], text, strlen(text)), strlen(text));
	assert_int_equal(write(ends[1], "unread", 6), 6); /* so that the end is an error: ECONNRESET */
	close(ends[0]);
	dup2(ends[1], STDIN_FILENO);
	close(ends[1]);
	return saved;
}

/* Half of the events must not pass for all of them. */
TEST(an_input_that_breaks_off)
{
	static const char *const texts[] = { "[{}", "{\"a\":1}\n", "" };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct hs_event_input input;
		struct hs_slice event;
		int saved = break_input(texts[i]), last = -1;
		unsigned events = 0;

		said_begin(HS_LOG_ERROR);
		if (hs_event_input_open(&input, "-", "run"))
			while ((last = hs_event_input_next(&input, &event)) == 1)
				events++;
		hs_event_input_close(&input);
		assert_non_null(strstr(said_end(), "Connection reset by peer"));
		assert_int_equal(last, -1);
		assert_int_equal(events, i == 1);
		clearerr(stdin);
		dup2(saved, STDIN_FILENO);
		close(saved);
	}
}

/* A message must say what is wrong, so that its remedy helps. */
static void check_refused(const char *why)
{
	struct hs_event_input input;

	said_begin(HS_LOG_ERROR);
	assert_false(hs_event_input_open(&input, path, "run"));
	hs_event_input_close(&input);
	wrap_reset();
	assert_non_null(strstr(said_end(), why));
}

TEST(files_that_cannot_be_read)
{
	struct hs_event_input input;
	struct hs_slice event;
	int got;

	write_file(HS_SLICE(""));
	check_refused("is empty: expected JSON lines or an array");
	write_file(HS_SLICE(" \n"));
	check_refused("is empty");
	snprintf(path, sizeof path, "%s/absent", temp.d.path);
	check_refused("No such file or directory");
	snprintf(path, sizeof path, "%s", temp.d.path);
	check_refused("Is a directory");
	write_file(HS_SLICE("[{}]"));
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	check_refused("out of memory");
	write_file(HS_SLICE("[{}, no]"));
	assert_true(hs_event_input_open(&input, path, "run"));
	assert_int_equal(hs_event_input_next(&input, &event), 1);
	said_begin(HS_LOG_ERROR);
	got = hs_event_input_next(&input, &event);
	assert_non_null(strstr(said_end(), "not JSON, at byte "));
	assert_int_equal(got, -1);
	hs_event_input_close(&input);
}

/* --- credentials -------------------------------------------------------------------------------- */

/* Expects one message, that ends with `why`. */
static void check_no_key(const char *argument, const char *why)
{
	struct hs_held held = { .key = NULL };
	char text[PATH_MAX + 22];
	const char *said;
	bool taken;

	snprintf(text, sizeof text, "%s", argument);
	said_begin(HS_LOG_ERROR);
	taken = hs_held_key(&held, text);
	wrap_reset();
	said = said_end();
	assert_false(taken);
	assert_null(held.key);
	assert_string_equal(said + strlen(said) - strlen(why), why);
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	hs_held_free(&held);
}

TEST(what_is_no_key_is_told_once)
{
	struct hs_held held = { .key = NULL };
	char secret[] = "s3cret";
	bool taken;

	check_no_key("", "--key: expected a text\n");
	wrap_fail(WRAP_MALLOC, 1, 1, ENOMEM);
	check_no_key("k3y", "--key: Cannot allocate memory\n");
	write_file(HS_SLICE("\nk3y\n"));
	check_no_key(at_path, "file: expected a text\n");
	write_file(HS_SLICE(""));
	check_no_key(at_path, "file: expected a text\n");
	write_file(HS_SLICE("k3y\n"));
	wrap_fail(WRAP_MALLOC, 1, 1, ENOMEM);
	check_no_key(at_path, "file: Cannot allocate memory\n");
	wrap_fail(WRAP_MALLOC, 2, 1, ENOMEM);
	said_begin(HS_LOG_ERROR);
	taken = hs_held_secret(&held, secret);
	wrap_reset();
	assert_string_equal(said_end(), "hookspool: --secret: out of memory\n");
	assert_true(!taken && held.secret == NULL);
	check_no_key("@/nowhere/key", "--key /nowhere/key: No such file or directory\n");
}

/* Other users can see a command line. */
TEST(an_argument_is_overwritten)
{
	char key[] = "k3y", secret[] = "s3cret", second[] = "another";
	struct hs_held held = { .key = NULL };

	assert_true(hs_held_key(&held, key));
	assert_string_equal(key, "xxx");
	assert_string_equal(held.key, "k3y");
	write_file(HS_SLICE("k4y\r\nmore\n"));
	assert_true(hs_held_key(&held, at_path));
	assert_string_equal(held.key, "k4y");
	assert_true(hs_held_secret(&held, secret));
	assert_string_equal(secret, "xxxxxx");
	assert_true(hs_held_secret(&held, second)); /* the last one counts */
	assert_non_null(held.secret);
	hs_held_free(&held);
}

#define HASH "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static struct hs_settings *settings;

/* Writes a file of settings, and reads it. */
static void load(const char *text)
{
	char *no_variables[] = { NULL }, all[512];
	struct hs_settings_error error = { .text = "" };

	snprintf(all, sizeof all, "spool_dir = /x\n%s", text);
	write_file(hs_slice_str(all));
	settings = hs_settings_new("test", hs_slice_str(all), no_variables, &error);
	if (settings == NULL)
		fail_msg("%s", error.text);
}

TEST(credentials_of_the_settings)
{
	static const char *const cases[][4] = {
		/* the settings, and what is held: key, server's key and browser's key with its origin */
		{ "[sources]\na = A browser origin=HTTPS://Shop.example:443/\n", NULL, NULL, "A https://shop.example" },
		{ "[keys]\na = " HASH "\nb = revoked:k\nc = k3y\nd = k4y\n", "k3y", NULL, NULL },
		{ "[keys]\na = revoked:k\n", NULL, NULL, NULL },
		{ "[sources]\na = A\nb = B\nc = C browser origin=https://c.example origin=https://d.example\n", NULL,
		  "A", "C https://c.example" },
		{ "[sources]\na = " HASH
		  " browser origin=*\nb = revoked:B\nc = C\tbrowser tenant=t origin=*\nd = D browser "
		  "origin=https://x.example\n",
		  NULL, NULL, "C https://page.example" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_held held = { .key = NULL };
		char browser[100];

		load(cases[i][0]);
		for (int times = 0; times < 2; times++) /* which keeps what is there */
			assert_true(hs_held_key_from(&held, path) && hs_held_sources_from(&held, settings, path));
		snprintf(browser, sizeof browser, "%s %s", held.browser_key != NULL ? held.browser_key : "",
		         held.origin != NULL ? held.origin : "");
		assert_string_equal(held.key != NULL ? held.key : "", cases[i][1] != NULL ? cases[i][1] : "");
		assert_string_equal(held.server_key != NULL ? held.server_key : "",
		                    cases[i][2] != NULL ? cases[i][2] : "");
		assert_string_equal(browser, cases[i][3] != NULL ? cases[i][3] : " ");
		hs_held_free(&held);
		hs_settings_free(settings);
	}
}

/* They would be said to have no key in clear. */
TEST(settings_that_there_is_no_memory_for)
{
	static const char text[] = "[keys]\na = k3y\n[sources]\na = A\nb = B browser origin=*\n";

	load(text);
	for (enum wrap_call call = WRAP_REALLOC; call <= WRAP_MALLOC; call += WRAP_MALLOC - WRAP_REALLOC) {
		unsigned nth = 0;
		bool ok;

		do {
			struct hs_held held = { .key = NULL };

			wrap_reset();
			wrap_fail(call, ++nth, 1, ENOMEM);
			ok = hs_held_key_from(&held, path) && hs_held_sources_from(&held, settings, path);
			assert_true(ok == (wrap_count(call) < nth));
			hs_held_free(&held);
		} while (!ok);
		assert_true(nth > 1);
	}
	wrap_reset();
	hs_settings_free(settings);
}

/* Someone may add a source while they are read. */
TEST(settings_that_have_changed)
{
	struct hs_held held = { .key = NULL };
	struct hs_settings *before;

	load("[sources]\na = A\n");
	before = settings;
	load("[sources]\nb = B\na = A2\n");
	assert_true(hs_held_sources_from(&held, before, path));
	assert_string_equal(held.server_key, "A2");
	hs_held_free(&held);
	hs_settings_free(before);
	hs_settings_free(settings);
}

TEST(settings_that_are_not_there)
{
	struct hs_held held = { .key = NULL };

	assert_true(hs_held_key_from(&held, "") && hs_held_sources_from(&held, NULL, ""));
	assert_false(hs_held_key_from(&held, "/nowhere/hookspool.conf"));
	assert_false(hs_held_sources_from(&held, NULL, "/nowhere/hookspool.conf"));
	assert_true(held.key == NULL && held.server_key == NULL);
	hs_held_free(&held);
}

TESTS("probe_input", temp_dir_begin, temp_dir_end)

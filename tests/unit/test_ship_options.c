/* options of ship: what the command line, the settings and the defaults have to say, in this order. */
#include "config/settings.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/command.h"
#include "tools/ship/options.h"
#include "tools/ship/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

const struct hs_command *const hs_commands[] = { NULL }; /* for tools/command.c */

static char folder[128];
static struct hs_ship_run run;
static struct hs_ship configured;

FIXTURE(begin)
{
	snprintf(folder, sizeof folder, "/tmp/hookspool-options.XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

FIXTURE(finish)
{
	char command[256];

	wrap_reset();
	hs_ship_clear(&run.given);
	hs_ship_clear(&configured);
	run = (struct hs_ship_run){ 0 };
	configured = (struct hs_ship){ 0 };
	snprintf(command, sizeof command, "rm -r '%s'", folder);
	return system(command) == 0 ? 0 : -1;
}

/* The path of a secret that its owner alone may read. */
static const char *secret(const char *name, mode_t mode)
{
	static char path[4][256];
	static int turn;
	FILE *file;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
	file = fopen(path[turn], "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(chmod(path[turn], mode), 0);
	return path[turn];
}

static void set(struct hs_ship *ship, const char *name, const char *value)
{
	assert_null(hs_ship_set(ship, name, value));
}

static int settle(void)
{
	const struct hs_settings settings = { .ship = &configured };

	return hs_ship_options_settle(&run, &settings);
}

/* --- tests ------------------------------------------------------------------------------------------------ */

TEST(without_settings_there_are_defaults_but_for_the_servers)
{
	const struct hs_settings none = { 0 };

	assert_int_equal(hs_ship_options_settle(&run, &none), EX_CONFIG);
	set(&run.given, "to", "nats://a");
	assert_int_equal(hs_ship_options_settle(&run, &none), 0);
	assert_string_equal(run.given.stream, "events");
	assert_string_equal(run.given.subject, HS_SUBJECT_DEFAULT);
	assert_int_equal(run.given.in_flight, 512);
	assert_int_equal(run.given.ack_wait, 5000);
	assert_int_equal(run.given.ship_hold, 900000);
	assert_null(run.given.ca);
	assert_null(run.given.user);
}

TEST(the_settings_come_before_the_defaults_and_after_the_command_line)
{
	set(&configured, "to", "nats://a");
	set(&configured, "stream", "orders");
	set(&configured, "subject", "hookspool.{receiver}.{tenant}.x");
	set(&configured, "ca", "/ca");
	set(&configured, "in_flight", "7");
	set(&configured, "ack_wait", "7s");
	set(&configured, "ship_hold", "7m");
	assert_int_equal(settle(), 0);
	assert_string_equal(run.given.to, "nats://a");
	assert_string_equal(run.given.stream, "orders");
	assert_string_equal(run.given.subject, "hookspool.{receiver}.{tenant}.x");
	assert_string_equal(run.given.ca, "/ca");
	assert_int_equal(run.given.in_flight, 7);
	assert_int_equal(run.given.ack_wait, 7000);
	assert_int_equal(run.given.ship_hold, 7 * 60000);
	hs_ship_clear(&run.given);
	run = (struct hs_ship_run){ 0 };
	set(&run.given, "to", "nats://b");
	set(&run.given, "in_flight", "8");
	set(&run.given, "ack_wait", "8s");
	set(&run.given, "ship_hold", "8m");
	assert_int_equal(settle(), 0);
	assert_string_equal(run.given.to, "nats://b");
	assert_string_equal(run.given.stream, "orders");
	assert_int_equal(run.given.in_flight, 8);
	assert_int_equal(run.given.ack_wait, 8000);
	assert_int_equal(run.given.ship_hold, 8 * 60000);
}

/* A configured password does not go with another user. */
TEST(an_identity_is_given_as_a_whole)
{
	char password[300];

	snprintf(password, sizeof password, "@%s", secret("password", 0600));
	set(&configured, "to", "nats://a");
	set(&configured, "user", "ship");
	set(&configured, "password", password);
	assert_int_equal(settle(), 0);
	assert_string_equal(run.given.user, "ship");
	assert_string_equal(run.given.password, password + 1);
	for (int i = 0; i < 3; i++) {
		hs_ship_clear(&run.given);
		run = (struct hs_ship_run){ 0 };
		set(&run.given, i == 0 ? "user" : i == 1 ? "nkey" : "creds", secret("another", 0640));
		assert_int_equal(settle(), 0);
		assert_true((run.given.user != NULL) + (run.given.nkey != NULL) + (run.given.creds != NULL) == 1);
		assert_null(run.given.password);
	}
}

TEST(a_secret_that_others_may_read_is_refused)
{
	static const char *const names[] = { "key", "creds", "nkey", "password" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		static const mode_t modes[] = { 0644, 0660, 0601, 0 };

		for (size_t j = 0; j < sizeof modes / sizeof modes[0]; j++) {
			char path[300];

			snprintf(path, sizeof path, "%s%s", strcmp(names[i], "password") == 0 ? "@" : "",
			         modes[j] != 0 ? secret("secret", modes[j]) : folder);
			set(&run.given, "to", "nats://a");
			set(&run.given, names[i], path);
			assert_int_equal(settle(), EX_CONFIG);
			hs_ship_clear(&run.given);
			run = (struct hs_ship_run){ 0 };
		}
	}
}

TEST(no_memory)
{
	unsigned nth = 0;
	int code;
	char password[300];

	snprintf(password, sizeof password, "@%s", secret("password", 0600));
	set(&configured, "to", "nats://a");
	set(&configured, "ca", "/ca");
	set(&configured, "cert", "/cert");
	set(&configured, "key", password + 1);
	set(&configured, "creds", password + 1);
	set(&configured, "nkey", password + 1);
	set(&configured, "user", "ship");
	set(&configured, "password", password);
	do {
		hs_ship_clear(&run.given);
		run = (struct hs_ship_run){ 0 };
		wrap_reset();
		wrap_fail(WRAP_MALLOC, ++nth, 1, wrap_error(WRAP_MALLOC));
		code = settle();
		assert_true(code == 0 || code == EX_OSERR);
	} while (code != 0);
	assert_int_equal(nth, 11); /* each of the texts */
}

TESTS("ship_options", begin, finish)

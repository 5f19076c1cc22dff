/*
 * settings_faults: whichever call for memory or on the file fails while settings are read, they are refused with a
 * reason, or they are all there; and they are read when the fault is gone.
 */
#include "config/settings_file.h"
#include "config/ship.h"
#include "event/rules.h"
#include "tests/lib/every_fault.h"
#include "tests/lib/temp_dir.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* Each kind of setting, and each section. */
static const char text[] =
    "spool_dir = /srv/spool\n"
    "auth = either\n"
    "max_body = 8M\n"
    "public_url = https://events.example/hook\n"
    "sdk_script = /srv/analytics.js\n"
    "console_password = scrypt:15:8:1:30313233343536373839616263646566:" HASH "\n"
    "hash_key = a key of more than 16 bytes\n"
    "metrics_token = abcdefghijklmnop\n"
    "trusted_proxies = 10.0.0.0/8 ::1\n"
    "secret = an old one\n"
    "[secrets]\n"
    "globex = one more\n"
    "[keys]\n"
    "acme = first key\n"
    "initech = sha256:" HASH "\n"
    "[sources]\n"
    "shop = writekey1 browser tenant=acme origin=https://shop.example origin=https://m.shop.example:8443 rate=5/s\n"
    "server = writekey2\n"
    "[load]\n"
    "analytics = postgresql://loader@db.example/analytics password=pw schema=segment prefix=hs_ tenant=acme\n"
    "shop = sqlite:/srv/shop.db on_delete=ignore\n"
    "[ship]\n"
    "to = tls://n1,n2\n"
    "stream = events\n"
    "creds = /etc/creds\n"
    "password = @/etc/password\n"
    "[events]\n"
    "drop = type:track event:\"Mouse *\"\n"
    "acme: sample = 10% event:Scrolled\n"
    "[fields]\n"
    "context_ip = drop\n"
    "acme: traits_* = hash\n";

/* [fields] without [events]. */
static const char fields[] = "spool_dir = /srv/spool\n"
			     "auth = none\n"
			     "[fields]\n"
			     "context_ip = drop\n";

static struct hs_settings *settings;
static struct hs_rules rules; /* read without a fault; for its numbers */

FIXTURE(begin)
{
	int begun = temp_dir_begin(state);

	rules = (struct hs_rules){ .version = 0 };
	return begun;
}

FIXTURE(finish)
{
	fail_each_tell();
	hs_settings_free(settings);
	settings = NULL;
	return temp_dir_end(state);
}

static void write_settings(const char *all)
{
	spooldir_write(&temp.d, "x.conf", hs_slice_str(all));
	assert_int_equal(chmod(spooldir_path(&temp.d, "x.conf"), 0600), 0);
}

static void free_settings(void)
{
	hs_settings_free(settings);
	settings = NULL;
}

/* HS_E_MEMORY stands for any refusal. */
static enum hs_result run_load(void)
{
	char *variables[] = { "PATH=/bin", "HOOKSPOOL_MAX_BODY=9M", "HOOKSPOOL_SECRET=a new one", NULL };
	char used[PATH_MAX];
	struct hs_settings_error error;

	free_settings();
	settings = hs_settings_load(spooldir_path(&temp.d, "x.conf"), variables, used, sizeof used, &error);
	if (settings != NULL)
		return HS_OK;
	assert_true(error.text[0] != '\0');
	assert_true(error.fault == HS_FAULT_UNREADABLE || strstr(error.text, "memory") != NULL);
	return HS_E_MEMORY;
}

static void assert_access(const struct hs_settings *s)
{
	assert_int_equal(s->auth, HS_AUTH_EITHER);
	assert_int_equal(s->secrets, 1); /* that of the environment replaces all */
	assert_int_equal(s->keys, 2);
	assert_int_equal(s->sources, 2);
	assert_string_equal(s->source[0].tenant, "acme");
	assert_int_equal(s->source[0].origins, 2);
	assert_string_equal(s->source[0].origin[1], "https://m.shop.example:8443");
	assert_int_equal(s->source[0].rate, 5000);
	assert_int_equal(s->proxies, 2);
	assert_true(s->metrics_token.is_set && s->hash_key != NULL && s->console_password != NULL);
}

/* No line is left out. */
static void have_same_rules(void)
{
	const struct hs_rules *read = settings->rules;

	if (rules.version == 0)
		rules = *read;
	assert_int_equal(read->fields, rules.fields);
	assert_int_equal(read->events, rules.events);
	assert_int_equal(read->conditions, rules.conditions);
}

static void is_loaded(void)
{
	const struct hs_settings *s = settings;

	assert_access(s);
	assert_string_equal(s->spool_dir, "/srv/spool");
	assert_string_equal(s->public_url, "https://events.example/hook");
	assert_string_equal(s->sdk_script, "/srv/analytics.js");
	assert_int_equal(s->max_body, 9 << 20);
	assert_int_equal(s->loads, 2);
	assert_string_equal(s->ship->to, "tls://n1,n2");
	assert_string_equal(s->ship->stream, "events");
	assert_string_equal(s->ship->creds, "/etc/creds");
	assert_string_equal(s->ship->password, "/etc/password");
	assert_true(s->hides_addresses);
	have_same_rules();
}

TEST(reading_settings)
{
	write_settings(text);
	fail_each(&(struct job){ free_settings, run_load, is_loaded, UINT_MAX });
}

TEST(reading_what_is_said_about_fields)
{
	write_settings(fields);
	fail_each(&(struct job){ free_settings, run_load, have_same_rules, UINT_MAX });
	assert_true(settings->hides_addresses);
}

TESTS("settings_faults", begin, finish)

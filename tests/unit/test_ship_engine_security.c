/* The engine of ship and those who do not belong: settings, credentials, rights, TLS, against a real nats-server. */
#include "base/io.h"
#include "tests/lib/nats_server.h"
#include "tools/ship/engine_nats.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static struct hs_engine_options options_at(const char *servers)
{
	return (struct hs_engine_options){ .servers = servers,
		                           .stream = "events",
		                           .receiver = "kodabuzi",
		                           .ack_wait_ms = 20000,
		                           .connect_ms = 20000 };
}

/* nats:// or tls://, a host, and the server's port; one of two buffers in turn. */
static const char *url_of(const char *scheme_and_host)
{
	static char url[2][128];
	static int turn;

	turn = !turn;
	snprintf(url[turn], sizeof url[turn], "%s:%d", scheme_and_host, nats.port);
	return url[turn];
}

/* Opens an engine, expects this code and these words, and closes it again. */
static void expect_open(const struct hs_engine_options *options, int code, const char *words)
{
	struct hs_engine_failure failure;
	struct hs_engine *e = NULL;
	int got = hs_engine_open(options, &e, &failure);

	if (got != code || failure.code != code || strstr(failure.why, words) == NULL)
		fail_msg("%s: %d %s; expected %d %s", options->servers, got, failure.why, code, words);
	assert_true((e != NULL) == (code == 0));
	hs_engine_close(e);
}

static bool opens(const struct hs_engine_options *options)
{
	struct hs_engine_failure failure;
	struct hs_engine *e = NULL;
	int code = hs_engine_open(options, &e, &failure);

	hs_engine_close(e);
	return code == 0;
}

static const char *file(const char *name, const char *text, mode_t mode)
{
	static char path[4][128];
	static int turn;
	FILE *f;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof path[turn], "%s/%s", nats.folder, name);
	f = fopen(path[turn], "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
	assert_int_equal(chmod(path[turn], mode), 0);
	return path[turn];
}

/* --- settings ------------------------------------------------------------------------------------------- */

NATS_FAKE_TEST(servers_that_are_refused_before_anything_is_sent)
{
	static const struct {
		const char *servers, *words;
	} refused[] = {
		{ "", "it must begin with nats:// or tls://" },
		{ "localhost", "it must begin with nats:// or tls://" },
		{ "http://localhost", "it must begin with nats:// or tls://" },
		{ "nats://localhost,ws://localhost", "it must begin with nats:// or tls://" },
		{ "nats://", "without a name" },
		{ "nats://localhost,,127.0.0.1", "without a name" },
		{ "nats://localhost,tls://localhost", "all nats:// or all tls://" },
		{ "nats://ship:secret@localhost", "credentials do not belong" },
		{ "nats://n1.example.org", "plain text to n1.example.org: use tls://" },
		{ "nats://localhost,n1.example.org", "plain text to n1.example.org" },
		{ "nats://localhost.example.org", "plain text" },
		{ "nats://127.example.org", "plain text" },
		{ "nats://127.0.0.1.example.org:4222", "plain text" },
		{ "nats://10.0.0.1", "plain text" },
		{ "nats://127.0", "plain text" },
		{ "nats://127.0.0.1.0.0.1.1", "plain text" },
		{ "nats://[::2]", "plain text" },
		{ "nats://[::10]", "plain text" },
		{ "nats://localhose", "plain text" },
		{ "nats://localhost:port", "servers: invalid port 'port'" },
	};
	char many[33 * 10 + 8] = "nats://localhost";
	struct hs_engine_options too_many = options_at(many);

	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		struct hs_engine_options options = options_at(refused[i].servers);

		expect_open(&options, EX_CONFIG, refused[i].words);
	}
	for (size_t i = 1; i < 33; i++)
		strcat(many, ",localhost");
	expect_open(&too_many, EX_CONFIG, "more than 32 servers");
}

NATS_FAKE_TEST(plain_text_to_another_host_if_it_is_allowed)
{
	struct hs_engine_options options;
	char url[64];

	nats_fake_start("");
	snprintf(url, sizeof url, "nats://0.0.0.0:%d", nats.fake_port);
	options = options_at(url);
	expect_open(&options, EX_CONFIG, "plain text to 0.0.0.0");
	options.plain_abroad = true;
	expect_open(&options, 0, "");
}

/* Half a file would look like a server that does not answer. */
NATS_FAKE_TEST(files_of_secrets_that_are_none)
{
	struct hs_engine_options options = options_at("nats://localhost:1");
	static const char *const creds[] = {
		"",
		"a seed",
		"-----BEGIN NATS USER JWT-----\n",
		"-----BEGIN NATS USER JWT-----\n-----END NATS USER JWT-----\n",
		"-----BEGIN NATS USER JWT-----\n-----END NATS USER JWT-----\n-----BEGIN USER NKEY SEED-----\n",
	};
	const char *path = file("password", "secret\n", 0600);
	FILE *f;

	for (size_t i = 0; i < sizeof creds / sizeof creds[0]; i++) {
		options.creds = file("creds", creds[i], 0600);
		expect_open(&options, EX_CONFIG, "not a JWT and a seed, as nsc makes them");
	}
	options.creds = NULL;
	f = fopen(path, "a");
	assert_non_null(f);
	assert_int_equal(fputc('\0', f), '\0');
	fclose(f);
	options.user = "ship";
	options.password_file = path;
	expect_open(&options, EX_CONFIG, ": it is no text");
}

NATS_FAKE_TEST(settings_that_do_not_go_together)
{
	struct hs_engine_options options = options_at("nats://localhost:1");

	options.user = "ship";
	expect_open(&options, EX_CONFIG, "user without password");
	options.creds = "/nowhere";
	expect_open(&options, EX_CONFIG, "not several");
	options.user = NULL;
	expect_open(&options, EX_CONFIG, "creds /nowhere: No such file");
	options.creds = NULL;
	options.password_file = "/nowhere";
	expect_open(&options, EX_CONFIG, "password without user");
	options.password_file = NULL;
	options.ca = "/nowhere";
	expect_open(&options, EX_CONFIG, "need tls://");
	options.servers = "tls://localhost:1";
	expect_open(&options, EX_CONFIG, "ca /nowhere");
	options.ca = NULL;
	options.key = "/nowhere";
	expect_open(&options, EX_CONFIG, "cert and key belong together");
	options.cert = "/nowhere.crt";
	expect_open(&options, EX_CONFIG, "cert /nowhere.crt, key /nowhere: ");
	options.servers = "nats://localhost:1";
	expect_open(&options, EX_CONFIG, "need tls://");
	options.cert = NULL;
	expect_open(&options, EX_CONFIG, "need tls://");
}

/* The signature of the first nonce by this key begins with a zero byte. */
NATS_FAKE_TEST(a_signature_that_libnats_does_not_send_is_made_again)
{
	struct hs_engine_options options;
	char url[64];

	nats_fake_start("--nonce OjG9j76-LcOPZL8 --nonce BjG9j76-LcOPZL8");
	snprintf(url, sizeof url, "nats://127.0.0.1:%d", nats.fake_port);
	options = options_at(url);
	options.nkey = file("nkey", "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n", 0600);
	expect_open(&options, 0, "");
	nats_fake_end();
	nats_fake_start("--nonce OjG9j76-LcOPZL8");
	snprintf(url, sizeof url, "nats://127.0.0.1:%d", nats.fake_port);
	if (!opens(&options)) /* libnats 3.10 sends each signature */
		expect_open(&options, EX_CONFIG, "the server refuses these credentials"); /* not for ever */
}

NATS_FAKE_TEST(a_secret_that_everybody_may_read_is_refused)
{
	struct hs_engine_options options = options_at("nats://localhost:1");

	options.user = "ship";
	options.password_file = file("password", "secret\n", 0644);
	expect_open(&options, EX_CONFIG, "chmod o=");
	options.password_file = file("password", "secret\n", 0640);
	expect_open(&options, EX_UNAVAILABLE, "no server answers");
	options.user = options.password_file = NULL;
	options.nkey = file("nkey", "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY", 0604);
	expect_open(&options, EX_CONFIG, "chmod o=");
	options.nkey = NULL;
	options.creds = file("creds", "", 0666);
	expect_open(&options, EX_CONFIG, "chmod o=");
}

NATS_FAKE_TEST(no_server_is_told_within_the_time)
{
	struct hs_engine_options options = options_at("nats://[::1]:1,127.0.0.1:1,localhost:1");

	expect_open(&options, EX_UNAVAILABLE, "no server answers");
	options.connect_ms = 1; /* each of them has 250 ms at least */
	expect_open(&options, EX_UNAVAILABLE, "no server answers");
}

/* --- nkeys ------------------------------------------------------------------------------------------------ */

#define SEED "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
#define PUBLIC "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"

NATS_FAKE_TEST(the_public_key_of_a_seed)
{
	static const char *const bad[] = {
		"",
		"SUACSSL3",
		PUBLIC,
		SEED "A",
		"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VA",
		"suacssl3uahudxkfsnvuzrf5uhpmwz6bfdtj7m6usdxiednppqyyycu3vy",
		"SAACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
		"SAACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCTIMI", /* an account's, and no seed, each with its checksum */
		"UUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCQQLM",
	};
	char public_key[57];

	assert_true(hs_nkey_public(HS_SLICE(SEED), public_key));
	assert_string_equal(public_key, PUBLIC);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(hs_nkey_public(hs_slice_str(bad[i]), public_key));
	assert_false(
	    hs_nkey_public(HS_SLICE("SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3V\0"), public_key));
}

/* --- credentials and rights --------------------------------------------------------------------------------- */

#define USERS \
	"authorization { users [\n" \
	"  { user: ship, password: secret, permissions: { publish: [ \"hookspool.kodabuzi.>\", \"$JS.API.STREAM.>\" " \
	"],\n" \
	"    subscribe: \"_INBOX.>\" } }\n" \
	"  { user: mute, password: secret, permissions: { publish: [ \"hookspool.kodabuzi.>\" ], subscribe: " \
	"\"_INBOX.>\" } }\n" \
	"  { nkey: " PUBLIC " }\n" \
	"] }\n"

NATS_TEST(credentials)
{
	struct hs_engine_options options;

	nats_start(USERS);
	options = options_at(url_of("nats://127.0.0.1"));
	expect_open(&options, EX_CONFIG, "the server refuses these credentials");
	options.user = "ship";
	options.password_file = file("password", "wrong\n", 0600);
	expect_open(&options, EX_CONFIG, "Authorization");
	options.password_file = file("password", "secret\nand more\n", 0600);
	expect_open(&options, 0, "");
	options.user = options.password_file = NULL;
	options.nkey = file("nkey", SEED "\n", 0600);
	expect_open(&options, 0, "");
	options.nkey = file("nkey", "no seed\n", 0600);
	expect_open(&options, EX_CONFIG, "no seed of a user");
}

static struct hs_engine *open_as(struct hs_engine_options *options, const char *user)
{
	struct hs_engine_failure failure;
	struct hs_engine *e = NULL;

	*options = options_at(url_of("nats://127.0.0.1"));
	options->user = user;
	options->password_file = file("password", "secret\n", 0600);
	assert_int_equal(hs_engine_open(options, &e, &failure), 0);
	return e;
}

static void link_until(struct hs_engine *e, enum hs_link state, struct hs_engine_link *link)
{
	int64_t until_ms = hs_io_now_monotonic() + PATIENCE_MS;

	for (hs_engine_link(e, link); link->state != state; hs_engine_link(e, link)) {
		assert_true(hs_io_now_monotonic() < until_ms);
		hs_io_wait_readable(hs_engine_fd(e), 1000);
		hs_engine_woken(e);
	}
}

NATS_TEST(a_right_that_is_missing)
{
	struct hs_message message = { .subject = HS_SLICE("hookspool.another.acme.track"),
		                      .data = HS_SLICE("{}"),
		                      .place = HS_SLICE("1:0:0 1:0:0@0") };
	struct hs_engine_options options;
	struct hs_engine_failure failure;
	struct hs_engine_stream stream;
	struct hs_engine_link link;
	struct hs_engine *e;

	nats_start(USERS);
	e = open_as(&options, "ship");
	assert_int_equal(hs_engine_look(e, &stream, &failure), EX_NOINPUT);
	assert_int_equal(hs_engine_send(e, &message), HS_SENT);
	link_until(e, HS_LINK_REFUSED, &link);
	assert_non_null(strstr(link.why, "Permissions Violation for Publish to \"hookspool.another.acme.track\""));
	hs_engine_close(e);
	e = open_as(&options, "mute");
	hs_engine_ask(e);
	link_until(e, HS_LINK_REFUSED, &link);
	assert_non_null(strstr(link.why, "Permissions Violation for Publish to \"$JS.API.STREAM.INFO.events\""));
	hs_engine_close(e);
}

NATS_TEST(credentials_that_are_withdrawn)
{
	struct hs_engine_options options;
	struct hs_engine_link link;
	struct hs_engine *e;

	nats_start(USERS);
	e = open_as(&options, "ship");
	nats_kill();
	nats_start("authorization { users [ { user: other, password: other } ] }");
	link_until(e, HS_LINK_REFUSED, &link);
	assert_non_null(strstr(link.why, "the server refuses these credentials"));
	nats_kill();
	nats_start(USERS);
	link_until(e, HS_LINK_UP, &link);
	hs_engine_close(e);
}

/* With ship running, as by whoever renews secrets on a schedule. */
NATS_TEST(a_password_that_is_replaced)
{
	struct hs_engine_options options;
	struct hs_engine_link link;
	struct hs_engine *e;
	FILE *f;

	nats_start(USERS);
	e = open_as(&options, "ship");
	nats_kill();
	nats_start("authorization { users [ { user: ship, password: renewed } ] }");
	link_until(e, HS_LINK_REFUSED, &link);
	f = fopen(options.password_file, "w");
	assert_non_null(f);
	assert_true(fputs("renewed\n", f) >= 0);
	fclose(f);
	link_until(e, HS_LINK_UP, &link);
	assert_int_equal(unlink(options.password_file), 0); /* what was read last still counts */
	nats_kill();
	link_until(e, HS_LINK_DOWN, &link);
	nats_start(NULL);
	link_until(e, HS_LINK_UP, &link);
	hs_engine_close(e);
}

/* --- TLS --------------------------------------------------------------------------------------------------------- */

/* A certificate of its own for localhost. */
static void tls_start(void)
{
	char command[1024], lines[512];

	snprintf(command, sizeof command,
	         "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem "
	         "-out cert.pem "
	         "-days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>openssl.log",
	         nats.folder);
	assert_int_equal(system(command), 0);
	snprintf(lines, sizeof lines, "tls { cert_file: \"%s/cert.pem\", key_file: \"%s/key.pem\" }", nats.folder,
	         nats.folder);
	nats_start(lines);
}

NATS_TEST(tls_is_demanded_and_verified)
{
	struct hs_engine_options options;
	char ca[128];

	tls_start();
	snprintf(ca, sizeof ca, "%s/cert.pem", nats.folder);
	options = options_at(url_of("tls://localhost"));
	expect_open(&options, EX_CONFIG, "TLS");
	options.ca = ca;
	expect_open(&options, 0, "");
	options.servers = url_of("tls://127.0.0.1"); /* another name */
	expect_open(&options, EX_CONFIG, "TLS");
	options.ca = NULL;
	options.servers = url_of("nats://localhost"); /* the server demands TLS, which is verified then, too */
	expect_open(&options, EX_CONFIG, "TLS");
}

NATS_TEST(a_certificate_that_is_replaced)
{
	struct hs_engine_options options;
	struct hs_engine_failure failure;
	struct hs_engine_link link;
	struct hs_engine *e;
	char ca[128];

	tls_start();
	snprintf(ca, sizeof ca, "%s/cert.pem", nats.folder);
	options = options_at(url_of("tls://localhost"));
	options.ca = ca;
	assert_int_equal(hs_engine_open(&options, &e, &failure), 0);
	nats_kill();
	link_until(e, HS_LINK_DOWN, &link);
	tls_start();
	link_until(e, HS_LINK_UP, &link);
	hs_engine_close(e);
}

NATS_TEST(tls_is_not_given_up_for_a_server_without_it)
{
	struct hs_engine_options options;

	nats_start("");
	options = options_at(url_of("tls://127.0.0.1"));
	expect_open(&options, EX_CONFIG, "the server has no TLS");
}

TESTS("ship_engine_security", NULL, NULL)

/* settings: tests/cases/settings.txt, the explanations, and errors that keep secrets. */
#include "base/hex.h"
#include "base/result.h"
#include "config/loads.h"
#include "tests/lib/cases.h"

#include <stdio.h>
#include <stdlib.h>

enum { ENVIRONMENT_MAX = 16 };

/* Each number in the settings by its name. */
static int64_t number_called(const struct test_case *c, const struct hs_settings *s, struct hs_slice name)
{
	const struct {
		const char *name;
		int64_t value;
	} table[] = {
		{ "secrets", s->secrets },
		{ "doubtful_line", s->doubtful_line },
		{ "batch_signature", s->batch_signature },
		{ "batches", s->batches },
		{ "keys", s->keys },
		{ "loads", s->loads },
		{ "auth", s->auth },
		{ "max_body", s->max_body },
		{ "validate", s->validate },
		{ "names", s->names },
		{ "durability", s->durability },
		{ "dedup_window", s->dedup_window },
		{ "rotate_size", s->rotate_size },
		{ "rotate_age", s->rotate_age },
		{ "rotate_min_gap", s->rotate_min_gap },
		{ "compress", s->compress },
		{ "retain_days", s->retain_days },
		{ "retain_bytes", s->retain_bytes },
		{ "rejected_max", s->rejected_max },
		{ "failed_max", s->failed_max },
		{ "rejected_body", s->rejected_body },
		{ "min_free", s->min_free },
		{ "spool_mode", s->spool_mode },
		{ "threads", s->threads },
		{ "allow_nfs", s->allow_nfs },
		{ "sandbox", s->sandbox },
		{ "log_level", s->log_level },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (hs_slice_eq(name, hs_slice_str(table[i].name)))
			return table[i].value;
	case_fail(c, "there is no setting '%s'", unit_show(name));
}

static void check_values(struct test_case *c, const struct hs_settings *s)
{
	struct hs_slice value;

	for (size_t at = 0; case_next(c, "is", &at, &value);) {
		struct hs_slice name = case_word(&value);

		if (hs_slice_eq(name, HS_SLICE("spool_dir")))
			case_same(c, "spool_dir", hs_slice_str(s->spool_dir), value);
		else if (number_called(c, s, name) != case_number(c, value))
			case_fail(c, "%s is %lld", unit_show(name), (long long)number_called(c, s, name));
	}
}

static void check_keys(struct test_case *c, const struct hs_settings *s)
{
	struct hs_slice value;
	unsigned i = 0;

	for (size_t at = 0; case_next(c, "key", &at, &value); i++) {
		char digits[2 * HS_SHA256_BYTES];

		if (i >= s->keys)
			case_fail(c, "there are only %u keys", s->keys);
		hs_hex_encode(s->key[i].sha256, HS_SHA256_BYTES, digits);
		case_same(c, "the label", hs_slice_str(s->key[i].tenant), case_word(&value));
		case_same(c, "the SHA-256", hs_slice(digits, sizeof digits), case_word(&value));
		if (s->key[i].revoked != hs_slice_eq(value, HS_SLICE("revoked")))
			case_fail(c, "revoked is %d", s->key[i].revoked);
	}
}

static void check_loads(struct test_case *c, const struct hs_settings *s)
{
	struct hs_slice value;
	unsigned i = 0;

	for (size_t at = 0; case_next(c, "load", &at, &value); i++) {
		const struct hs_load *load = &s->load[i];

		if (i >= s->loads)
			case_fail(c, "there are only %u lines of [load]", s->loads);
		case_same(c, "the label", hs_slice_str(load->label), case_word(&value));
		case_same(c, "the URL", hs_slice_str(load->url), case_word(&value));
		const char *texts[] = { load->password, load->schema, load->prefix, load->tenant };

		for (size_t j = 0; j < sizeof texts / sizeof *texts; j++)
			case_same(c, "a word", hs_slice_str(texts[j] != NULL ? texts[j] : "-"), case_word(&value));
		case_same(c, "on_delete", hs_slice_str(load->ignore_deletes ? "ignore" : "follow"), value);
	}
}

static void check_error(struct test_case *c, const char *text)
{
	struct hs_slice part;

	for (size_t at = 0; case_next(c, "err", &at, &part);)
		if (strstr(text, part.p) == NULL)
			case_fail(c, "the message does not say '%s': %s", part.p, text);
	if (strchr(text, '\n') != NULL || text[0] == '\0')
		case_fail(c, "the message is not one line: %s", text);
}

static void run_settings_case(struct test_case *c)
{
	char *environment[ENVIRONMENT_MAX + 1] = { NULL };
	struct hs_settings_error error;
	struct hs_slice nothing, value, conf = case_text(c, "conf");
	bool no_file = case_find(c, "nofile", &nothing);
	struct hs_settings *s;
	size_t n = 0;

	for (size_t at = 0; case_next(c, "env", &at, &value) && n < ENVIRONMENT_MAX;)
		environment[n++] = (char *)value.p;
	s = hs_settings_new("test.conf", no_file ? HS_SLICE_NONE : conf, environment, &error);
	if (case_find(c, "err", &nothing)) {
		if (s != NULL)
			case_fail(c, "no error was found");
		check_error(c, error.text);
	} else {
		if (s == NULL)
			case_fail(c, "%s", error.text);
		check_values(c, s);
		check_keys(c, s);
		check_loads(c, s);
	}
	hs_settings_free(s);
	free((char *)conf.p);
}

/* --- the table ---------------------------------------------------------------- */

TEST(every_setting_is_explained)
{
	assert_true(hs_settings_count() >= 19);
	for (size_t i = 0; i < hs_settings_count(); i++) {
		struct hs_setting_doc doc;

		hs_setting_doc(i, &doc);
		if (doc.name[0] == '\0' || doc.help[0] == '\0' || doc.expected[0] == '\0')
			fail_msg("setting %zu is not explained", i);
		if (strlen(doc.expected) + 1 >= sizeof doc.expected)
			fail_msg("%s: '%s' may be cut", doc.name, doc.expected);
	}
}

/* Every default can be written into the file, and changes nothing. */
TEST(every_default_can_be_written)
{
	struct hs_settings_error error;
	struct hs_settings *written, *left_out;
	struct hs_slice least = HS_SLICE("spool_dir = /s\nsecret = a\n");
	struct hs_buf text = { 0 };

	hs_buf_put_slice(&text, least);
	for (size_t i = 0; i < hs_settings_count(); i++) {
		struct hs_setting_doc doc;
		char line[200];

		hs_setting_doc(i, &doc);
		snprintf(line, sizeof line, "%s = %s\n", doc.name, doc.fallback);
		if (doc.fallback[0] != '\0')
			hs_buf_put_slice(&text, hs_slice_str(line));
	}
	written = hs_settings_new("test.conf", hs_buf_slice(&text), NULL, &error);
	if (written == NULL)
		fail_msg("%s", error.text);
	left_out = hs_settings_new("test.conf", least, NULL, &error);
	assert_non_null(left_out);
	assert_int_equal(written->max_body, left_out->max_body);
	assert_int_equal(written->dedup_window, left_out->dedup_window);
	assert_int_equal(written->spool_mode, left_out->spool_mode);
	assert_int_equal(written->threads, left_out->threads);
	assert_int_equal(written->sandbox, left_out->sandbox);
	assert_int_equal(written->log_level, left_out->log_level);
	hs_settings_free(written);
	hs_settings_free(left_out);
	hs_buf_free(&text);
}

/* Messages go to logs; secrets and keys must not. */
TEST(errors_do_not_reveal_secrets)
{
	static const char *const texts[] = {
		"spool_dir = /s\nsecret = TOPSECRET\nsecret =\n",
		"spool_dir = /s\n[keys]\nacme = TOPSECRET\nacme = TOPSECRET\n",
		"spool_dir = /s\n[keys]\nacme = TOPSECRET\nb = TOPSECRET\n",
		"spool_dir = /s\n[keys]\nacme = sha256:TOPSECRET\n",
		"spool_dir = /s\n[keys]\nac me = TOPSECRET\n",
		"spool_dir = /s\n[keys]\nTOPSECRET/ = acme\n",
		"spool_dir = /s\n[secrets]\nTOPSECRET+ = acme\n",
		"spool_dir = /s\n[sources]\nTOPSECRET! = web\n",
		"spool_dir = /s\n[sources]\nweb = a TOPSECRET server\n",
		"spool_dir = /s\n[load]\na = postgresql://u:TOPSECRET@h/d\n",
		"spool_dir = /s\n[load]\na = postgresql://h/d?password=TOPSECRET\n",
		"spool_dir = /s\n[load]\na = postgresql://us:x/TOPSECRET@h/d\n",
		"spool_dir = /s\n[load]\na = postgresql://h/d password=x TOPSECRET\n",
		"spool_dir = /s\n[load]\na = sqlite:/x password=TOPSECRET password=TOPSECRET\n",
		"spool_dir = /s\nsecrte = TOPSECRET\n",
		"spool_dir = /s\n[secrets]\na b = TOPSECRET\n",
		"spool_dir = /s\nsecret TOPSECRET\n",
		"spool_dir = /s\n secret = TOPSECRET\n",
		"auth = none\nsecret = TOPSECRET\n",
	};
	char *environment[] = { (char *)"HOOKSPOOL_SECRTE=TOPSECRET", NULL };
	struct hs_settings_error error;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_null(hs_settings_new("test.conf", hs_slice_str(texts[i]), NULL, &error));
		if (strstr(error.text, "TOPSECRET") != NULL)
			fail_msg("told: %s", error.text);
	}
	assert_null(hs_settings_new("test.conf", HS_SLICE("spool_dir = /s\nauth = none\n"), environment, &error));
	assert_null(strstr(error.text, "TOPSECRET"));
}

/* Each kind of setting, before another one. */
TEST(no_variable_hides_what_follows)
{
	static const char *const first[] = {
		"HOOKSPOOL_HASH_KEY=0123456789abcdef0123456789abcdef",
		"HOOKSPOOL_METRICS_TOKEN=abcdef0123456789abcdef0123456789",
		"HOOKSPOOL_SECRET=one",
		"HOOKSPOOL_PUBLIC_URL=https://shop.example/hookspool",
		"HOOKSPOOL_SDK_SCRIPT=/s/standalone.js",
		"HOOKSPOOL_TRUSTED_PROXIES=127.0.0.1",
		"HOOKSPOOL_SANDBOX=off",
		"HOOKSPOOL_CONF=/nowhere",
		"HOOKSPOOL_CONSOLE_PASSWORD=scrypt:15:8:1:30313233343536373839616263646566:"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"PATH=/bin",
	};

	for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
		char *variables[] = { (char *)first[i], (char *)"HOOKSPOOL_MAX_BODY=7M", NULL };
		struct hs_settings_error error;
		struct hs_settings *s = hs_settings_new(
		    "test.conf", HS_SLICE("spool_dir = /s\nauth = signature\nsecret = x\n"), variables, &error);

		if (s == NULL)
			fail_msg("%s: %s", first[i], error.text);
		if (s->max_body != 7 << 20)
			fail_msg("%s", first[i]);
		hs_settings_free(s);
	}
}

/* The one opens the figures, the other turns a guess into the hash of a value. */
TEST(no_sender_knows_what_is_for_the_operator)
{
	static const char *const others[] = { "[sources]\nweb = %s browser origin=*\n", "[sources]\nold = revoked:%s\n",
		                              "[keys]\nacme = %s\n", "[secrets]\nacme = %s\n", "secret = %s\n" };
	static const char *const names[] = { "metrics_token", "hash_key" };
	static const char text[] = "0123456789abcdef";

	for (size_t i = 0; i < 2 * sizeof others / sizeof *others; i++) {
		char *variables[] = { NULL, NULL }, variable[80], other[80], file[200], said[80];
		bool in_file = i < sizeof others / sizeof *others;

		for (size_t n = 0; n < 2; n++) {
			struct hs_settings_error error;
			struct hs_settings *s;

			snprintf(other, sizeof other, others[i % (sizeof others / sizeof *others)], text);
			snprintf(variable, sizeof variable, "HOOKSPOOL_%s=%s", names[n], text);
			variables[0] = in_file ? NULL : variable;
			snprintf(file, sizeof file, "spool_dir = /s\n%s = %s%s\n%s", names[n], text, in_file ? "" : "x",
			         other);
			snprintf(said, sizeof said, "%s: a sender knows it", names[n]);
			assert_null(hs_settings_new("test.conf", hs_slice_str(file), variables, &error));
			assert_non_null(strstr(error.text, said));
			assert_null(strstr(error.text, text));
			assert_int_equal(error.line, in_file ? 2 : 0);
			assert_int_equal(error.fault, in_file ? HS_FAULT_LINE : HS_FAULT_ENVIRONMENT);
			snprintf(file, sizeof file, "spool_dir = /s\n%s = %sx\n%s", names[n], text, other);
			s = hs_settings_new("test.conf", hs_slice_str(file), NULL, &error);
			assert_non_null(s);
			hs_settings_free(s);
		}
	}
}

/* A mask of a name that no record has would mask nothing. */
TEST(the_environment_decides_which_names_fields_have)
{
	static const struct {
		const char *text, *names;
		bool good;
	} cases[] = {
		{ "names = verbatim\n[fields]\ncontext.userAgent = drop\n", "warehouse", false },
		{ "names = verbatim\n[events]\ndrop = context.ip:*\n", "warehouse", false },
		{ "[fields]\ncontext.userAgent = drop\n[events]\ndrop = context.ip:*\n", "verbatim", true },
	};
	struct hs_settings_error error;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char variable[64], text[200];
		char *variables[] = { variable, NULL };
		struct hs_settings *s;

		snprintf(variable, sizeof variable, "HOOKSPOOL_NAMES=%s", cases[i].names);
		snprintf(text, sizeof text, "spool_dir = /s\nauth = none\n%s", cases[i].text);
		s = hs_settings_new("test.conf", hs_slice_str(text), variables, &error);
		assert_int_equal(s != NULL, cases[i].good);
		if (s == NULL)
			assert_non_null(strstr(error.text, "test.conf:5: "));
		if (s == NULL)
			assert_non_null(strstr(error.text, "no field has that name"));
		hs_settings_free(s);
	}
}

TEST(control_characters_do_not_reach_the_log)
{
	struct hs_settings_error error;

	assert_null(hs_settings_new("test.conf", HS_SLICE("spool_dir = /s\nna\x1b[31mme = 1\n"), NULL, &error));
	assert_null(strchr(error.text, '\x1b'));
	assert_null(hs_settings_new("te\nst.conf", HS_SLICE("x = 1\n"), NULL, &error));
	assert_null(strchr(error.text, '\n'));
}

TEST(a_file_that_windows_saved)
{
	struct hs_settings_error error;
	struct hs_settings *s = hs_settings_new(
	    "x.conf", HS_SLICE("spool_dir = /a\r\n\r\nauth = key\r\n[keys]\r\nacme = k\r\n"), NULL, &error);

	assert_non_null(s);
	assert_string_equal(s->spool_dir, "/a");
	assert_string_equal(s->key[0].tenant, "acme");
	hs_settings_free(s);
}

TEST(a_file_that_does_not_end_with_a_newline)
{
	struct hs_settings_error error;
	struct hs_settings *s = hs_settings_new("test.conf", HS_SLICE("secret = a\nspool_dir = /s"), NULL, &error);

	assert_non_null(s);
	assert_string_equal(s->spool_dir, "/s");
	hs_settings_free(s);
	hs_settings_free(NULL);
}

static void put_keys(struct hs_buf *text, unsigned count)
{
	hs_buf_put_slice(text, HS_SLICE("spool_dir = /s\n[keys]\n"));
	for (unsigned i = 0; i < count; i++) {
		hs_buf_put(text, "t", 1);
		hs_buf_put_uint(text, i);
		hs_buf_put(text, " = k", 4);
		hs_buf_put_uint(text, i);
		hs_buf_put(text, "\n", 1);
	}
}

TEST(a_limited_number_of_keys)
{
	struct hs_settings_error error;
	struct hs_settings *s;
	struct hs_buf text = { 0 };

	put_keys(&text, HS_KEYS_MAX);
	s = hs_settings_new("test.conf", hs_buf_slice(&text), NULL, &error);
	assert_non_null(s);
	assert_int_equal(s->keys, HS_KEYS_MAX);
	hs_settings_free(s);
	hs_buf_reset(&text);
	put_keys(&text, HS_KEYS_MAX + 1);
	assert_null(hs_settings_new("test.conf", hs_buf_slice(&text), NULL, &error));
	assert_non_null(strstr(error.text, "1024"));
	hs_buf_free(&text);
}

TESTS_AND_CASES("settings", "settings.txt", run_settings_case)

/* sources: the grammar of a line, every error of it, and finding one by its key and by an origin. */
#include "config/sources.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define START "spool_dir = /s\n"
#define SIXTEEN "0123456789abcdef"
#define SHA_OF_K1 "6ab9f1eb8f7d3388f4f9d586f66e99fd54080df2c446f0e58668b09c08a16dd0"

static struct hs_settings *settings_of(const char *text)
{
	struct hs_settings_error error;
	struct hs_settings *s = hs_settings_new("test.conf", hs_slice_str(text), NULL, &error);

	if (s == NULL)
		fail_msg("%s", error.text);
	return s;
}

TEST(every_part_of_a_line)
{
	struct hs_settings *s = settings_of(START "browser_rate = 7/s\nbrowser_daily = 3M\n[sources]\n"
	                                          "shop = WK browser tenant=acme origin=https://Shop.Example:443/ "
	                                          "origin=http://localhost:8080 rate=100/s daily=2G\n"
	                                          "any = WK2 browser\torigin=*\n"
	                                          "app = revoked:sha256:" SHA_OF_K1 "\n"
	                                          "free = WK3 browser origin=* rate=none daily=none\n");

	assert_int_equal(s->sources, 4);
	assert_string_equal(s->source[0].label, "shop");
	assert_string_equal(s->source[0].tenant, "acme");
	assert_true(s->source[0].browser);
	assert_int_equal(s->source[0].origins, 2);
	assert_string_equal(s->source[0].origin[0], "https://shop.example");
	assert_string_equal(s->source[0].origin[1], "http://localhost:8080");
	assert_int_equal(s->source[0].rate, 100000);
	assert_int_equal(s->source[0].daily, INT64_C(2) << 30);
	assert_int_equal(s->source[1].rate, 7000);
	assert_int_equal(s->source[1].daily, 3 << 20);
	assert_true(s->source[1].any_origin);
	assert_false(s->source[2].browser);
	assert_true(s->source[2].revoked);
	assert_int_equal(s->source[2].rate, 0);
	assert_int_equal(s->source[2].daily, 0);
	assert_int_equal(s->source[3].rate, 0);
	assert_int_equal(s->source[3].daily, 0);
	assert_int_equal(s->auth, HS_AUTH_NOBODY);
	assert_true(hs_settings_demand_key(s) && s->keys == 0);
	assert_true(hs_settings_have_tenants(s));
	assert_non_null(hs_settings_tenant(s, "acme"));
	assert_null(hs_settings_tenant(s, ""));
	hs_settings_free(s);
}

/* A browser's extension sends from an origin of its own: RFC 3986, 3.1 has the characters of a scheme. */
TEST(tenants_come_from_keys_secrets_and_sources)
{
	static const struct {
		const char *text;
		bool tenants;
	} cases[] = {
		{ "[keys]\na = k1\n", true },
		{ "[secrets]\na = k1\n", true },
		{ "[sources]\nweb = k1 tenant=a\n", true },
		{ "secret = k1\n", false },
		{ "[sources]\na = k1\n", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[200];
		struct hs_settings *s;

		snprintf(text, sizeof text, START "%s", cases[i].text);
		s = settings_of(text);
		assert_int_equal(hs_settings_have_tenants(s), cases[i].tenants);
		assert_int_equal(hs_settings_tenant(s, "a") != NULL, cases[i].tenants);
		hs_settings_free(s);
	}
}

TEST(an_origin_has_any_scheme)
{
	static const char *const origins[] = { "moz-extension://0a1b", "chrome-extension://abc",
		                               "capacitor://localhost", "a+b.z9://host" };

	for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
		char text[200];
		struct hs_settings *s;

		snprintf(text, sizeof text, START "[sources]\na = k browser origin=%s\n", origins[i]);
		s = settings_of(text);
		assert_string_equal(s->source[0].origin[0], origins[i]);
		hs_settings_free(s);
	}
}

TEST(every_error_has_file_line_and_remedy)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "a = k blah\n", "test.conf:3: [sources] a: unknown word" },
		{ "a = k # x\n", "a: unknown word" },
		{ "a = k browser\n", "add the origins of its pages" },
		{ "a = k browser origin=https://a/b\n",
		  "origin=https://a/b: an origin is scheme, host and port alone" },
		{ "a = k browser origin=a.example\n", "origin=a.example: an origin begins with its scheme" },
		{ "a = k browser origin=https://\n", "an origin" },
		{ "a = k browser origin=https://a?b\n", "without a path" },
		{ "a = k browser origin=https://u@a\n", "without a path" },
		{ "a = k browser origin=https://*.a.example\n", "without a path" },
		{ "a = k browser origin=https://a\x01\n", "without a path" },
		{ "a = k browser origin=https://a\x7F\n", "without a path" },
		{ "a = k browser origin=https://\xC3\xA9.example\n", "without a path" },
		{ "a = k browser origin=://a.example\n", "an origin begins with its scheme" },
		{ "a = k browser origin=1http://a.example\n", "an origin begins with its scheme" },
		{ "a = k browser origin=ht{tp://a.example\n", "an origin begins with its scheme" },
		{ "a = k browser origin=ht_tp://a.example\n", "an origin begins with its scheme" },
		{ "a = k browser origin=https:///\n", "an origin has a host" },
		{ "a = k browser origin=null\n", "begins with its scheme" },
		{ "a = k browser origin=\n", "begins with its scheme" },
		{ "a = k server origin=https://a\n", "only a browser has one" },
		{ "a = k origin=*\n", "only a browser has one" },
		{ "a = k rate=5\n", "rate=5: expected a rate from 1/s" },
		{ "a = k rate=0\n", "expected a rate" },
		{ "a = k rate=5/m\n", "expected a rate" },
		{ "a = k rate=1.5/s\n", "expected a rate" },
		{ "a = k rate=5/s rate=6/s\n", "rate=6/s: is given twice" },
		{ "a = k rate=00000000000000000000000000000000001/s\n", "expected a rate" },
		{ "a = k daily=2X\n", "daily=2X: expected a size" },
		{ "a = k tenant=\n", "a tenant has 1 to 64" },
		{ "a = k tenant=a/b\n", "a tenant has 1 to 64" },
		{ "a = k tenant=" SIXTEEN SIXTEEN SIXTEEN SIXTEEN "x\n", "a tenant has 1 to 64" },
		{ "a = k tenant=a tenant=b\n", "tenant=b: is given twice" },
		{ "a = k browser server origin=*\n", "server: a source is browser or server once" },
		{ "a =\n", "[sources] a has no value" },
		{ "a = browser origin=*\n", "browser: the key is missing" },
		{ "a = origin=https://a browser\n", "the key is missing" },
		{ "a = sha265:00\n", "no write key may have" },
		{ "a = k/l\n", "no write key may have" },
		{ "a = k\x01l\n", "no write key may have" },
		{ "a = k\x7Fl\n", "no write key may have" },
		{ "a = k\xC3\xA9\n", "no write key may have" },
		{ "a = sha256:00\n", "64 hex digits" },
		{ "a = a key in clear\n", "the sample's text" },
		{ "a = WRITE-KEY\n", "the sample's text" },
		{ "a = k\nb = k\n", "test.conf:4: [sources] b: the same key as a" },
		{ "a = k1\nb = sha256:" SHA_OF_K1 "\n", "[sources] b: the same key as a" },
		{ "a = k\na = l\n", "[sources] a is given twice" },
		{ "a b = k\n", "a label has 1 to 64" },
		{ "auth = k\n", "this is a setting" },
		{ "a = k1\n[keys]\nx = k1\n", "test.conf:5: [sources] a: its key is also a key of [keys]" },
		{ "a = k1\n[secrets]\nx = k1\n", "its key is also a secret" },
		{ "[keys]\nx = k1\n[sources]\na = k1\n", "its key is also a key of [keys]" },
		{ "[secrets]\nx = k1\n[sources]\na = sha256:" SHA_OF_K1 "\n", "its key is also a secret" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_settings_error error;
		char text[512];

		snprintf(text, sizeof text, START "[sources]\n%s", cases[i].text);
		if (hs_settings_new("test.conf", hs_slice_str(text), NULL, &error) != NULL)
			fail_msg("no error: %s", cases[i].text);
		if (strstr(error.text, cases[i].said) == NULL)
			fail_msg("'%s' is not in: %s", cases[i].said, error.text);
		assert_int_equal(error.fault, HS_FAULT_LINE);
		assert_true(error.line >= 3);
	}
}

/* Without its hash a key is nobody's. */
TEST(a_key_that_begins_like_a_word_is_a_key)
{
	struct hs_settings *s = settings_of(START "[sources]\na = servers\n");

	assert_ptr_equal(hs_source_find(s, HS_SLICE("servers")), &s->source[0]);
	wrap_fail(WRAP_SHA256, 1, 1, ENOMEM);
	assert_null(hs_source_find(s, HS_SLICE("servers")));
	wrap_reset();
	hs_settings_free(s);
}

TEST(a_source_is_found_by_its_key)
{
	struct hs_settings *s = settings_of(START "[sources]\nb = k2\na = sha256:" SHA_OF_K1 "\n");

	assert_ptr_equal(hs_source_find(s, HS_SLICE("k1")), &s->source[1]);
	assert_ptr_equal(hs_source_find(s, HS_SLICE("k2")), &s->source[0]);
	assert_null(hs_source_find(s, HS_SLICE("k3")));
	assert_null(hs_source_find(s, HS_SLICE("")));
	hs_settings_free(s);
	s = settings_of(START "auth = none\n");
	assert_null(hs_source_find(s, HS_SLICE("k1")));
	hs_settings_free(s);
}

TEST(origins_that_sources_allow)
{
	struct hs_settings *s = settings_of(START "[sources]\n"
	                                          "a = k1 browser origin=https://a.example\n"
	                                          "old = revoked:k2 browser origin=https://old.example origin=*\n"
	                                          "server = k3\n");

	assert_true(hs_source_allows(s, &s->source[0], HS_SLICE("https://a.example")));
	assert_true(hs_source_lists(s, &s->source[0], HS_SLICE("https://a.example")));
	assert_false(hs_source_allows(s, &s->source[0], HS_SLICE("https://a.example.evil")));
	assert_false(hs_source_allows(s, &s->source[0], HS_SLICE("null")));
	assert_false(hs_source_allows(s, &s->source[0], HS_SLICE("")));
	assert_false(hs_source_allows(s, &s->source[2], HS_SLICE("https://a.example")));
	assert_true(hs_source_allows(s, NULL, HS_SLICE("https://a.example")));
	assert_false(hs_source_allows(s, NULL, HS_SLICE("https://old.example")));
	hs_settings_free(s);
	s = settings_of(START "[sources]\na = k1 browser origin=*\n");
	assert_true(hs_source_allows(s, NULL, HS_SLICE("null")));
	assert_false(hs_source_lists(s, NULL, HS_SLICE("null")));
	assert_true(hs_source_allows(s, &s->source[0], HS_SLICE("")));
	hs_settings_free(s);
}

TEST(settings_of_direct_intake)
{
	struct hs_settings *s = settings_of(START "auth = none\n");

	assert_null(s->public_url);
	assert_int_equal(s->max_sdk_body, 4 << 20);
	assert_int_equal(s->proxies, 0);
	assert_int_equal(s->ip, HS_IP_KEEP);
	assert_int_equal(s->address_rate, 200000);
	assert_int_equal(s->browser_rate, 1000000);
	assert_int_equal(s->browser_daily, INT64_C(10) << 30);
	hs_settings_free(s);
	s = settings_of(START "auth = none\npublic_url = https://a.example/hookspool\nip = cut\naddress_rate = none\n"
	                      "trusted_proxies = 10.0.0.0/8  ::1\nsdk_script = /x.js\n");
	assert_string_equal(s->public_url, "https://a.example/hookspool");
	assert_int_equal(s->ip, HS_IP_CUT);
	assert_int_equal(s->address_rate, 0);
	assert_int_equal(s->proxies, 2);
	assert_int_equal(s->trusted_proxies[0].prefix, 104);
	assert_string_equal(s->sdk_script, "/x.js");
	hs_settings_free(s);
}

TEST(bad_settings_of_direct_intake)
{
	static const char *const lines[] = {
		"public_url = a.example/x",
		"public_url = https://a.example/",
		"public_url = https:///x",
		"public_url = https://a b",
		"public_url = https://",
		"public_url = http://",
		"public_url = https://:80/x",
		"public_url = http://a/\x7F",
		"public_url = https://\xC3\xA9.example/x",
		"public_url = https://a/?x",
		"public_url = ftp://a",
		"public_url = https://a/\"x",
		"trusted_proxies = 10.0.0.0/33",
		"trusted_proxies = a, b",
		"ip = maybe",
		"address_rate = 200",
		"address_rate = 0/s",
		"browser_daily = 1K",
		"max_sdk_body = 65M",
		"sdk_script = x.js",
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct hs_settings_error error;
		char text[256];

		snprintf(text, sizeof text, START "auth = none\n%s\n", lines[i]);
		if (hs_settings_new("test.conf", hs_slice_str(text), NULL, &error) != NULL)
			fail_msg("no error: %s", lines[i]);
		assert_int_equal(error.line, 3);
	}
}

TEST(a_limited_number_of_sources)
{
	struct hs_settings_error error;
	struct hs_buf text = { 0 };
	char line[64];

	hs_buf_put_slice(&text, HS_SLICE(START "[sources]\n"));
	for (unsigned i = 0; i <= HS_SOURCES_MAX; i++) {
		if (i == HS_SOURCES_MAX)
			hs_settings_free(hs_settings_new("test.conf", hs_buf_slice(&text), NULL, &error));
		snprintf(line, sizeof line, "s%u = k%u\n", i, i);
		hs_buf_put_slice(&text, hs_slice_str(line));
	}
	assert_string_equal(error.text, "");
	assert_null(hs_settings_new("test.conf", hs_buf_slice(&text), NULL, &error));
	assert_non_null(strstr(error.text, "1024"));
	hs_buf_free(&text);
}

TESTS("sources", NULL, NULL)

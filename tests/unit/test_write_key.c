/* write_key: whose key a request shows, and from which pages; sender_address: where it came from. */
#include "cgi/http/auth/write_key.h"
#include "cgi/http/sender_address.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>

static const char conf[] = "spool_dir = /nowhere\n[sources]\n"
			   "api = SERVER-KEY-1\n"
			   "shop = BROWSER-KEY-1 browser origin=https://shop.example\n"
			   "old = revoked:OLD-KEY-1\n"
			   "widget = BROWSER-KEY-4 browser origin=*\n";

#define API "Basic U0VSVkVSLUtFWS0xOg=="              /* SERVER-KEY-1: */
#define API_BARE "Basic U0VSVkVSLUtFWS0x"             /* without the colon */
#define API_PASSWORD "Basic U0VSVkVSLUtFWS0xOng6eQ==" /* SERVER-KEY-1:x:y */
#define OLD "Basic T0xELUtFWS0xOg=="
#define STAGING "Basic c3RhZ2luZzpzZWNyZXQ=" /* staging:secret */
#define FORWARDED(list) "HTTP_X_FORWARDED_FOR=" list
#define BODY(key) "{\"type\":\"track\",\"writeKey\":\"" key "\"}"

static const struct {
	const char *header, *body;
	enum hs_result result;
	const char *label;
} cases[] = {
	{ API, "{}", HS_OK, "api" },
	{ API_BARE, "{}", HS_OK, "api" },
	{ API_PASSWORD, "{}", HS_OK, "api" },
	{ "  basic  U0VSVkVSLUtFWS0xOg== ", "{}", HS_OK, "api" },
	{ "Bearer SERVER-KEY-1", "{}", HS_OK, "api" },
	{ NULL, BODY("SERVER-KEY-1"), HS_OK, "api" },
	{ NULL, BODY("\\u0053ERVER-KEY-1"), HS_OK, "api" },
	{ NULL, "{\"batch\":[{\"a\":1}],\"sentAt\":\"x\",\"writeKey\":\"SERVER-KEY-1\"}", HS_OK, "api" },
	{ NULL, "{\"batch\":[{\"writeKey\":\"BROWSER-KEY-1\"},{\"writeKey\":\"SERVER-KEY-1\"}]}", HS_OK, "shop" },
	{ API, BODY("SERVER-KEY-1"), HS_OK, "api" },
	/* OAuth's token says nothing, and the web server's own Basic neither */
	{ "Bearer eyJhbGciOiJSUzI1NiJ9.e30.x", BODY("SERVER-KEY-1"), HS_OK, "api" },
	{ "Bearer BROWSER-KEY-1", BODY("SERVER-KEY-1"), HS_OK, "api" },
	{ STAGING, BODY("SERVER-KEY-1"), HS_OK, "api" },
	{ API, BODY("nobody's"), HS_OK, "api" },
	{ API, BODY("BROWSER-KEY-1"), HS_E_TWO_KEYS, NULL },
	{ OLD, BODY("SERVER-KEY-1"), HS_E_TWO_KEYS, NULL },
	{ OLD, "{}", HS_E_WRITE_KEY_REVOKED, NULL },
	{ NULL, BODY("OLD-KEY-1"), HS_E_WRITE_KEY_REVOKED, NULL },
	{ NULL, "{}", HS_E_WRITE_KEY, NULL },
	{ NULL, "", HS_E_WRITE_KEY, NULL },
	{ NULL, "[{\"writeKey\":\"SERVER-KEY-1\"}]", HS_E_WRITE_KEY, NULL },
	{ NULL, BODY(""), HS_E_WRITE_KEY, NULL },
	{ NULL, BODY("server-key-1"), HS_E_WRITE_KEY, NULL },
	{ NULL, BODY("SERVER-KEY-1 "), HS_E_WRITE_KEY, NULL },
	{ NULL, "{\"writeKey\":[\"SERVER-KEY-1\"]}", HS_E_WRITE_KEY, NULL },
	{ NULL, "{\"properties\":{\"writeKey\":\"SERVER-KEY-1\"}}", HS_E_WRITE_KEY, NULL },
	{ "Bearer SERVER-KEY-1", BODY("unknown"), HS_E_WRITE_KEY, NULL }, /* the body's counts */
	{ "Bearer unknown", "{}", HS_E_WRITE_KEY, NULL },
	{ "Basic", "{}", HS_E_WRITE_KEY, NULL },
	{ "Basic OnBhc3N3b3Jk", "{}", HS_E_WRITE_KEY, NULL }, /* :password */
	{ "Basic !!!", "{}", HS_E_WRITE_KEY, NULL },
	{ "Digest SERVER-KEY-1", "{}", HS_E_WRITE_KEY, NULL },
	{ "", "{}", HS_E_WRITE_KEY, NULL },
};

static struct hs_settings *settings_of(const char *text)
{
	struct hs_settings_error error;
	struct hs_settings *s = hs_settings_new("test.conf", hs_slice_str(text), NULL, &error);

	if (s == NULL)
		fail_msg("%s", error.text);
	return s;
}

TEST(keys)
{
	struct hs_settings *s = settings_of(conf);
	struct hs_buf scratch = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_credentials c = { .authorization = hs_slice_str(cases[i].header) };
		const struct hs_source *source;
		struct hs_envelope envelope;
		enum hs_result result;

		hs_envelope_find(&envelope, hs_slice_str(cases[i].body));
		result = hs_write_key_check(s, &c, &envelope, &scratch, &source);
		if (result != cases[i].result)
			fail_msg("%s, %s: %s", cases[i].header == NULL ? "-" : cases[i].header, cases[i].body,
			         hs_result_info(result)->name);
		if (result == HS_OK)
			assert_string_equal(source->label, cases[i].label);
		for (size_t n = 0; n < scratch.cap; n++)
			if (scratch.cap > 0 && scratch.p[n] == 'Y' && n > 0 && scratch.p[n - 1] == 'E')
				fail_msg("%s: a key is left in memory", cases[i].body);
	}
	hs_buf_free(&scratch);
	hs_settings_free(s);
}

/* Hashing is what a stranger can cause. */
TEST(a_long_key_is_not_hashed)
{
	struct hs_settings *s = settings_of(conf);
	const struct hs_source *source;
	char text[HS_WRITE_KEY_MAX + 1];

	memset(text, 'k', sizeof text);
	assert_result(hs_write_key_find(s, hs_slice(text, sizeof text), &source), HS_OK);
	assert_null(source);
	hs_settings_free(s);
}

/* Whose key it is cannot be told then: "unknown" would have the sender drop its events. */
TEST(without_memory_no_key_is_unknown)
{
	static const char *const headers[] = { API, "Bearer SERVER-KEY-1" };
	struct hs_settings *s = settings_of(conf);

	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		struct hs_credentials c = { .authorization = hs_slice_str(headers[i]) };
		const struct hs_envelope none = { .batch = HS_SLICE_NONE };
		const struct hs_source *source;
		struct hs_buf scratch = { 0 };

		wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
		assert_result(hs_write_key_check(s, &c, &none, &scratch, &source), HS_E_MEMORY);
		wrap_reset();
		wrap_fail(WRAP_SHA256, 1, 1, ENOMEM);
		assert_result(hs_write_key_check(s, &c, &none, &scratch, &source), HS_E_MEMORY);
		wrap_reset();
		assert_result(hs_write_key_check(s, &c, &none, &scratch, &source), HS_OK);
		hs_buf_free(&scratch);
	}
	hs_settings_free(s);
}

TEST(origins)
{
	static const struct {
		unsigned source;
		const char *origin;
		enum hs_result result;
	} table[] = {
		{ 1, "https://shop.example", HS_OK },
		{ 1, "https://evil.example", HS_E_ORIGIN },
		{ 1, "null", HS_E_ORIGIN },
		{ 1, "", HS_E_ORIGIN }, /* curl with a key out of a page */
		{ 3, "https://evil.example", HS_OK },
		{ 3, "", HS_OK },
		{ 0, "", HS_OK },
		{ 0, "https://shop.example", HS_OK },
	};
	struct hs_settings *s = settings_of(conf);

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (hs_write_key_origin(s, &s->source[table[i].source], hs_slice_str(table[i].origin)) !=
		    table[i].result)
			fail_msg("%s from %s", s->source[table[i].source].label, table[i].origin);
	hs_settings_free(s);
}

TEST(addresses)
{
	static const char proxies[] = "spool_dir = /nowhere\nauth = none\ntrusted_proxies = 10.0.0.0/8 2001:db8::1\n";
	static const struct {
		const char *peer;
		char *params[3];
		const char *keep, *cut;
	} table[] = {
		{ "192.0.2.7",
		  { FORWARDED("203.0.113.9") },
		  "192.0.2.7",
		  "192.0.2.0" }, /* not a proxy: its word does not count */
		{ "10.0.0.1", { NULL }, "10.0.0.1", "10.0.0.0" },
		{ "10.0.0.1", { FORWARDED("203.0.113.9") }, "203.0.113.9", "203.0.113.0" },
		{ "10.0.0.1", { FORWARDED("198.51.100.1, 203.0.113.9") }, "203.0.113.9", "203.0.113.0" },
		{ "10.0.0.1", { FORWARDED("198.51.100.1, 203.0.113.9,10.9.9.9") }, "203.0.113.9", "203.0.113.0" },
		{ "10.0.0.1", { FORWARDED("10.0.0.2, 10.0.0.3") }, "10.0.0.2", "10.0.0.0" },
		{ "10.0.0.1", { FORWARDED("203.0.113.9:4711") }, "203.0.113.9", "203.0.113.0" },
		{ "10.0.0.1", { FORWARDED("unknown") }, "10.0.0.1", "10.0.0.0" },
		{ "10.0.0.1", { FORWARDED("203.0.113.9, junk, 10.0.0.2") }, "10.0.0.2", "10.0.0.0" },
		{ "2001:db8::1", { FORWARDED("2001:db8:1:2::9") }, "2001:db8:1:2::9", "2001:db8:1::" },
		/* a proxy may append a header of its own to one that the sender made up */
		{ "10.0.0.1", { FORWARDED("198.51.100.1"), FORWARDED("203.0.113.9") }, "203.0.113.9", "203.0.113.0" },
		{ "10.0.0.1",
		  { FORWARDED("198.51.100.1, 203.0.113.9"), FORWARDED("10.0.0.2") },
		  "203.0.113.9",
		  "203.0.113.0" },
		{ "10.0.0.1", { FORWARDED("203.0.113.9"), FORWARDED("junk, 10.0.0.2") }, "10.0.0.2", "10.0.0.0" },
		{ "", { FORWARDED("203.0.113.9") }, NULL, NULL },
		{ "unix:", { NULL }, NULL, NULL },
	};
	struct hs_settings *s = settings_of(proxies);
	char text[HS_IP_TEXT_MAX];

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct hs_ip_address sender;
		bool found = hs_sender_address(s, hs_slice_str(table[i].peer), table[i].params, &sender);

		if (found != (table[i].keep != NULL))
			fail_msg("%s", table[i].peer);
		if (!found)
			continue;
		s->ip = HS_IP_KEEP;
		assert_slice_equal(hs_sender_address_shown(s, &sender, text), hs_slice_str(table[i].keep));
		s->ip = HS_IP_CUT;
		assert_slice_equal(hs_sender_address_shown(s, &sender, text), hs_slice_str(table[i].cut));
		s->ip = HS_IP_DROP;
		assert_int_equal(hs_sender_address_shown(s, &sender, text).n, 0);
	}
	hs_settings_free(s);
}

TESTS("write_key", NULL, NULL)

/* auth: tests/cases/auth.txt, with MACs from OpenSSL, and secrets that must be wiped. */
#include "cgi/http/auth/auth.h"
#include "tests/lib/cases.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

/* X-Signature as Segment makes it; 41 bytes. */
static void sign(struct hs_slice secret, struct hs_slice text, char out[static 41])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	assert_non_null(HMAC(EVP_sha1(), secret.p, (int)secret.n, (const unsigned char *)text.p, text.n, mac, &n));
	assert_int_equal(n, 20);
	for (unsigned i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", mac[i]);
}

static struct hs_settings *settings_of(struct hs_slice conf)
{
	struct hs_settings_error error;
	struct hs_settings *s = hs_settings_new("test.conf", conf, NULL, &error);

	if (s == NULL)
		fail_msg("the settings are wrong: %s", error.text);
	return s;
}

static struct hs_slice authorization(struct test_case *c, char *room, size_t n)
{
	unsigned char coded[200];
	struct hs_slice value;

	if (case_find(c, "basic", &value)) {
		EVP_EncodeBlock(coded, (const unsigned char *)value.p, (int)value.n);
		snprintf(room, n, "Basic %s", (char *)coded);
		return hs_slice_str(room);
	}
	if (case_find(c, "bearer", &value)) {
		snprintf(room, n, "Bearer %s", value.p);
		return hs_slice_str(room);
	}
	case_find(c, "header", &value);
	return value;
}

static struct hs_slice signature(struct test_case *c, struct hs_slice body, char room[static 41])
{
	struct hs_slice value, secret;

	if (!case_find(c, "signed", &value)) {
		case_find(c, "signature", &value);
		return value;
	}
	secret = case_word(&value);
	sign(secret, value.n > 0 ? value : body, room);
	return hs_slice(room, 40);
}

/* Keys are decided without the body; with it, only a signature and its label are. */
static void check_head(struct test_case *c, const struct hs_settings *s, const struct hs_credentials *credentials,
                       enum hs_result all)
{
	struct hs_buf key = { 0 };
	struct hs_slice tenant;
	bool needs_body;
	enum hs_result r = hs_auth_head(s, credentials, &key, &tenant, &needs_body);

	if (needs_body && (r != HS_OK || (all != HS_OK && all != HS_E_SIGNATURE && all != HS_E_TENANT)))
		case_fail(c, "the body has nothing to decide here");
	if (!needs_body)
		case_result(c, r, all);
	hs_buf_free(&key);
}

static void run_auth_case(struct test_case *c)
{
	char mac[41], header[300];
	struct hs_slice conf = case_text(c, "conf"), body, nothing, tenant = HS_SLICE("?");
	struct hs_buf text = { 0 }, key = { 0 };
	struct case_verdict v = case_verdict(c);
	struct hs_credentials credentials = { .signature_twice = case_find(c, "twice", &nothing) };
	struct hs_json json = { 0 };
	struct hs_settings *s;

	hs_buf_put_slice(&text, HS_SLICE("spool_dir = /nowhere\n"));
	hs_buf_put_slice(&text, conf);
	s = settings_of(hs_buf_slice(&text));
	if (!case_find(c, "body", &body))
		body = HS_SLICE("{}");
	credentials.signature = signature(c, body, mac);
	credentials.authorization = authorization(c, header, sizeof header);
	check_head(c, s, &credentials, v.result);
	case_result(c, hs_auth_check(s, &credentials, body, &json, &key, &tenant), v.result);
	if (v.result == HS_OK)
		case_same(c, "the tenant", tenant, v.rest);
	hs_settings_free(s);
	hs_json_free(&json);
	hs_buf_free(&key);
	hs_buf_free(&text);
	free((char *)conf.p);
}

/* Two texts of a wrapped batch are tried. A failure is no wrong signature, which would be final. */
TEST(without_memory_no_signature_is_wrong)
{
	struct hs_settings *s = settings_of(HS_SLICE("spool_dir = /nowhere\nsecret = s3cret\n"));
	struct hs_slice body = HS_SLICE("[{\"json\":{\"a\":1}},{\"json\":{\"b\":2}}]"), tenant;
	struct hs_buf key = { 0 };
	struct hs_json json = { 0 };
	struct hs_credentials credentials;
	enum hs_result result = HS_E_MEMORY;
	unsigned failed = 0;
	char mac[41];

	sign(HS_SLICE("s3cret"), body, mac);
	credentials = (struct hs_credentials){ .signature = hs_slice(mac, 40) };
	while (result == HS_E_MEMORY) {
		wrap_reset();
		wrap_fail(WRAP_SHA1, ++failed, 1, ENOMEM);
		result = hs_auth_check(s, &credentials, body, &json, &key, &tenant);
		assert_true(failed < 50);
	}
	assert_result(result, HS_OK);
	assert_true(failed > 3); /* each text that was tried */
	wrap_reset();
	hs_settings_free(s);
	hs_json_free(&json);
	hs_buf_free(&key);
}

/* A batch as large as Segment sends, signed over its first element. */
TEST(the_first_of_four_thousand)
{
	struct hs_settings *s = settings_of(HS_SLICE("spool_dir = /nowhere\nsecret = s3cret\n"));
	struct hs_slice first = HS_SLICE("{\"type\":\"page\",\"userId\":\"u\",\"n\":1.0,\"e\":{}}");
	struct hs_buf body = { 0 }, key = { 0 };
	struct hs_json json = { 0 };
	struct hs_slice tenant;
	char mac[41];

	sign(HS_SLICE("s3cret"), first, mac);
	for (unsigned i = 0; i < 4000; i++) {
		hs_buf_putc(&body, i == 0 ? '[' : ',');
		hs_buf_put_slice(&body, first);
	}
	hs_buf_putc(&body, ']');
	assert_result(hs_auth_check(s, &(struct hs_credentials){ .signature = hs_slice(mac, 40) }, hs_buf_slice(&body),
	                            &json, &key, &tenant),
	              HS_OK);
	assert_true(json.n < 20); /* only the first element was read */
	body.p[first.n - 3] = ' ';
	assert_result(hs_auth_check(s, &(struct hs_credentials){ .signature = hs_slice(mac, 40) }, hs_buf_slice(&body),
	                            &json, &key, &tenant),
	              HS_E_SIGNATURE);
	hs_settings_free(s);
	hs_json_free(&json);
	hs_buf_free(&body);
	hs_buf_free(&key);
}

TEST(the_key_is_wiped)
{
	struct hs_settings *s = settings_of(HS_SLICE("spool_dir = /nowhere\n[keys]\nacme = k3y-k3y\n"));
	static const char *const headers[] = { "Bearer k3y-k3y", "Bearer unknown-k3y", "Basic azN5LWszeTpwdw==" };
	struct hs_json json = { 0 };
	struct hs_buf key = { 0 };
	struct hs_slice tenant;

	for (size_t i = 0; i < 3; i++) {
		struct hs_credentials c = { .authorization = hs_slice_str(headers[i]) };

		hs_auth_check(s, &c, HS_SLICE("{}"), &json, &key, &tenant);
		assert_non_null(key.p);
		assert_null(memmem(key.p, key.cap, "k3y", 3));
		assert_null(memmem(key.p, key.cap, "pw", 2));
	}
	hs_settings_free(s);
	hs_json_free(&json);
	hs_buf_free(&key);
}

static enum hs_result check_body(const struct hs_settings *s, const struct hs_credentials *c, struct hs_slice body,
                                 struct hs_auth_effort *effort, struct hs_slice *tenant)
{
	struct hs_json json = { 0 };
	struct hs_body_reader events;
	enum hs_result r;

	hs_body_open(&events, &json, body);
	r = hs_auth_body(s, c, body, &events, effort, tenant);
	hs_json_free(&json);
	return r;
}

/* Sixteen secrets; the sender uses the last one. */
TEST(what_a_large_body_costs)
{
	struct hs_settings *s = settings_of(
	    HS_SLICE("spool_dir = /nowhere\nsecret = one-one\nsecret = two-two\nsecret = three-3\nsecret = s3cret\n"));
	struct hs_auth_effort e = { .first = 0 };
	static char body[10 * HS_AUTH_SMALL];
	struct hs_slice large = hs_slice(body, sizeof body), small = hs_slice(body, HS_AUTH_SMALL);
	char mac[41], mac_small[41];
	struct hs_credentials c = { .signature = hs_slice(mac, 40) };
	struct hs_slice tenant = HS_SLICE_NONE;

	memset(body, 'x', sizeof body);
	sign(HS_SLICE("s3cret"), large, mac);
	sign(HS_SLICE("s3cret"), small, mac_small);
	assert_result(check_body(s, &c, large, &e, &tenant), HS_OK);
	assert_int_equal(e.hashed, 4 * sizeof body);
	assert_int_equal(e.first, 3);
	e.hashed = 0;
	assert_result(check_body(s, &c, large, &e, &tenant), HS_OK);
	assert_int_equal(e.hashed, sizeof body); /* the secret that matched last is tried first */
	e.hashed = 0;
	e.only_small = true;
	assert_result(check_body(s, &c, large, &e, &tenant), HS_E_UNVERIFIED);
	c.signature = hs_slice(mac_small, 40);
	assert_result(check_body(s, &c, small, &e, &tenant), HS_OK);
	assert_int_equal(e.hashed, 0);
	e.only_small = false;
	e.first = 77; /* left by settings with more secrets */
	assert_result(check_body(s, &c, large, &e, &tenant), HS_E_SIGNATURE);
	assert_int_equal(e.hashed, 4 * sizeof body);
	hs_settings_free(s);
}

TESTS_AND_CASES("auth", "auth.txt", run_auth_case)

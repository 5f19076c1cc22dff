/* sender: the handler accepts what each of the four kinds of credentials makes. */
#include "base/base64.h"
#include "cgi/http/auth/auth.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/probe/sample_events.h"
#include "tools/probe/sender.h"

#include <errno.h>
#include <stdio.h>

static char *const no_variables[] = { NULL };

static struct hs_settings *settings_with(const char *auth)
{
	struct hs_settings_error error;
	char text[256];
	struct hs_settings *s;

	snprintf(text, sizeof text, "spool_dir = /x\nsecret = s3cret\nauth = %s\n[keys]\nacme = k3y\n", auth);
	s = hs_settings_new("test", hs_slice_str(text), no_variables, &error);
	assert_non_null(s);
	return s;
}

/* The value of a header in lines that end with NUL; p == NULL: absent. */
static struct hs_slice header(const struct hs_buf *lines, const char *name)
{
	size_t n = strlen(name);

	for (size_t at = 0; at < lines->n; at += strlen(lines->p + at) + 1)
		if (strncmp(lines->p + at, name, n) == 0 && strncmp(lines->p + at + n, ": ", 2) == 0)
			return hs_slice_str(lines->p + at + n + 2);
	return HS_SLICE_NONE;
}

static enum hs_result matcher(const char *auth, const struct hs_parcel *p, const struct hs_buf *headers)
{
	struct hs_settings *s = settings_with(auth);
	struct hs_credentials c = { .signature = header(headers, "X-Signature"),
		                    .authorization = header(headers, "Authorization") };
	struct hs_json json = { 0 };
	struct hs_buf key = { 0 };
	struct hs_slice tenant;
	enum hs_result r = hs_auth_check(s, &c, hs_buf_slice(&p->body), &json, &key, &tenant);

	hs_json_free(&json);
	hs_buf_free(&key);
	hs_settings_free(s);
	return r;
}

static void fill(struct hs_parcel *p, enum hs_sender sender, bool batch, size_t events)
{
	hs_parcel_start(p, sender, batch);
	for (size_t i = 0; i < events; i++)
		hs_parcel_add(p, i == 0 ? HS_SLICE("{ \"type\":\"track\" }") : HS_SLICE("{}"));
	assert_true(hs_parcel_end(p));
}

TEST(every_sender_is_accepted)
{
	struct hs_hmac *secret = hs_hmac_new(HS_SLICE("s3cret"));

	for (int sender = 0; sender < HS_SENDERS; sender++) {
		bool signs = sender != HS_SENDER_SUBSCRIPTION;

		for (size_t events = 0; events <= 3; events++) {
			struct hs_parcel p = { 0 };
			struct hs_buf headers = { 0 };
			bool batch = events != 1 && hs_sender_info((enum hs_sender)sender)->batches;

			if (events != 1 && !batch)
				continue;
			fill(&p, (enum hs_sender)sender, batch, events);
			assert_true(
			    hs_sender_headers((enum hs_sender)sender, secret, "k3y", hs_parcel_signed(&p), &headers));
			assert_int_equal(matcher("key", &p, &headers), HS_OK);
			assert_int_equal(matcher("signature", &p, &headers), signs ? HS_OK : HS_E_NO_SIGNATURE);
			hs_parcel_free(&p);
			hs_buf_free(&headers);
		}
	}
	hs_hmac_free(secret);
}

TEST(a_batch_is_signed_by_its_first_event)
{
	struct hs_parcel p = { 0 };

	fill(&p, HS_SENDER_ACTIONS, true, 2);
	assert_slice_equal(hs_buf_slice(&p.body), HS_SLICE("[{ \"type\":\"track\" },{}]"));
	assert_slice_equal(hs_parcel_signed(&p), HS_SLICE("{ \"type\":\"track\" }"));
	fill(&p, HS_SENDER_EXTENSIBLE, true, 2);
	assert_slice_equal(hs_buf_slice(&p.body), HS_SLICE("[{\"json\":{ \"type\":\"track\" }},{\"json\":{}}]"));
	assert_slice_equal(hs_parcel_signed(&p), HS_SLICE("{ \"type\":\"track\" }"));
	fill(&p, HS_SENDER_EXTENSIBLE, false, 1);
	assert_slice_equal(hs_buf_slice(&p.body), HS_SLICE("{ \"type\":\"track\" }"));
	hs_parcel_free(&p);
}

TEST(no_credential_is_no_header)
{
	struct hs_buf headers = { 0 }, settings = { 0 };

	assert_true(hs_sender_headers(HS_SENDER_ACTIONS, NULL, NULL, HS_SLICE("[]"), &headers));
	assert_null(header(&headers, "X-Signature").p);
	assert_null(header(&headers, "Authorization").p);
	assert_slice_equal(header(&headers, "User-Agent"), HS_SLICE("Segment (Actions)"));
	hs_buf_reset(&headers);
	assert_true(hs_sender_headers(HS_SENDER_SUBSCRIPTION, NULL, "a:b", HS_SLICE("{}"), &headers));
	assert_slice_equal(header(&headers, "Authorization"), HS_SLICE("Basic YTpiOg=="));
	assert_true(hs_base64_decode(header(&headers, "X-Segment-Settings"), &settings));
	assert_slice_equal(hs_buf_slice(&settings), HS_SLICE("{\"sentBy\":\"hookspool\"}"));
	hs_buf_free(&headers);
	hs_buf_free(&settings);
}

/* --- the suite ------------------------------------------------------------------ */

TEST(the_handler_takes_the_sample_events)
{
	struct hs_json json = { 0 };
	struct hs_buf text = { 0 };
	unsigned unsupported = 0;

	for (size_t i = 0; i < hs_sample_events_count(); i++) {
		struct hs_event e;
		enum hs_result r;

		hs_buf_reset(&text);
		hs_sample_events_put(i, "", 0, &text);
		assert_true(hs_buf_ok(&text));
		assert_int_equal(hs_json_document(&json, hs_buf_slice(&text)), HS_OK);
		r = hs_event_read(&e, &json, 0, HS_VALIDATE_SPEC);
		unsupported += r == HS_E_TYPE;
		assert_true(r == HS_OK || r == HS_E_TYPE);
		assert_true(r == HS_E_TYPE || e.timestamps_parse);
		assert_null(memchr(text.p, '\n', text.n));
	}
	assert_int_equal(unsupported, 1);
	hs_json_free(&json);
	hs_buf_free(&text);
}

TEST(each_run_has_its_own_ids)
{
	struct hs_buf a = { 0 }, b = { 0 };

	for (size_t i = 0; i < hs_sample_events_count(); i++) {
		hs_buf_reset(&a);
		hs_buf_reset(&b);
		hs_sample_events_put(i, "", 0, &a);
		hs_sample_events_put(i, "", 0, &b);
		assert_slice_equal(hs_buf_slice(&a), hs_buf_slice(&b));
		hs_buf_reset(&b);
		hs_sample_events_put(i, "2", 0, &b);
		assert_false(hs_slice_eq(hs_buf_slice(&a), hs_buf_slice(&b)));
	}
	hs_buf_reset(&a);
	hs_sample_events_put(0, "r", 1000, &a);
	hs_buf_putc(&a, '\0');
	assert_non_null(strstr(a.p, "\"messageId\":\"suite-1-r\""));
	assert_non_null(strstr(a.p, "\"timestamp\":\"1970-01-01T00:00:01.000Z\""));
	assert_non_null(strstr(a.p, "peter@example.com"));
	hs_buf_free(&a);
	hs_buf_free(&b);
}

/* A request without its credentials would be refused, and the receiver blamed. */
TEST(without_memory_no_headers_are_made)
{
	static const enum wrap_call calls[] = { WRAP_REALLOC, WRAP_SHA1 };
	struct hs_hmac *secret = hs_hmac_new(HS_SLICE("s3cret"));

	assert_non_null(secret);
	for (int sender = 0; sender < HS_SENDERS; sender++)
		for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
			struct hs_buf whole = { 0 }, headers = { 0 };
			unsigned nth = 0;

			assert_true(hs_sender_headers((enum hs_sender)sender, secret, "k3y", HS_SLICE("{}"), &whole));
			do {
				hs_buf_free(&headers);
				wrap_reset();
				wrap_fail(calls[i], ++nth, 1, ENOMEM);
				if (hs_sender_headers((enum hs_sender)sender, secret, "k3y", HS_SLICE("{}"), &headers))
					assert_slice_equal(hs_buf_slice(&headers), hs_buf_slice(&whole));
			} while (wrap_count(calls[i]) >= nth);
			wrap_reset();
			hs_buf_free(&headers);
			hs_buf_free(&whole);
		}
	hs_hmac_free(secret);
}

TESTS("sender", NULL, NULL)

/* subject: every byte in a token; templates; what a record's subject and id are; nothing becomes a command of NATS. */
#include "base/digest.h"
#include "base/hex.h"
#include "tests/lib/random.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/ship/subject.h"

#include <stdio.h>
#include <stdlib.h>

static const struct hs_place place = { 42, 1234, 5 };

/* The subject of these fields. The caller frees it. */
static struct hs_buf subject_of(const char *template, const struct hs_subject_fields *fields)
{
	struct hs_buf out = { 0 };

	assert_true(hs_subject_is_template(template));
	hs_subject_put(&out, template, "kodabuzi", fields);
	assert_true(hs_buf_ok(&out));
	return out;
}

static void expect_subject(const char *template, const struct hs_subject_fields *fields, const char *expected)
{
	struct hs_buf out = subject_of(template, fields);

	assert_slice_equal(hs_buf_slice(&out), hs_slice_str(expected));
	hs_buf_free(&out);
}

static void expect_id(const struct hs_subject_fields *fields, const char *expected)
{
	struct hs_buf out = { 0 };

	assert_true(hs_subject_put_id(&out, "kodabuzi", &place, fields));
	assert_slice_equal(hs_buf_slice(&out), hs_slice_str(expected));
	hs_buf_free(&out);
}

/* --- tokens ---------------------------------------------------------------------------------- */

TEST(each_byte_in_a_token)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		char c = (char)byte, expected[64];
		bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
		             (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
		struct hs_subject_fields fields = { .tenant = hs_slice(&c, 1), .type = HS_SLICE("track") };

		snprintf(expected, sizeof expected,
		         plain ? "hookspool.kodabuzi.%c.track" : "hookspool.kodabuzi.=%02X.track", byte);
		expect_subject(HS_SUBJECT_DEFAULT, &fields, expected);
		fields = (struct hs_subject_fields){ .tenant = HS_SLICE("acme"), .type = hs_slice(&c, 1) };
		snprintf(expected, sizeof expected,
		         plain ? "hookspool.kodabuzi.acme.%c" : "hookspool.kodabuzi.acme.=%02X", byte);
		expect_subject(HS_SUBJECT_DEFAULT, &fields, expected);
	}
}

/* Whatever the fields hold, a subject has the same number of tokens, none of them empty, of harmless letters. */
TEST(no_field_breaks_out_of_its_token)
{
	struct random_source dice = random_new(random_seed());
	static const char odd[] = "a. *>\r\n\t$\\\"=_\x80\xff\xc3\xa9Z0";
	char text[4][300];

	for (int round = 0; round < 20000; round++) {
		struct hs_subject_fields fields;
		struct hs_slice *field[] = { &fields.tenant, &fields.type, &fields.event, &fields.message_id };
		struct hs_buf out;
		unsigned dots = 0;

		for (int i = 0; i < 4; i++) {
			size_t n = random_below(&dice, random_below(&dice, 8) == 0 ? sizeof text[i] : 12);

			for (size_t at = 0; at < n; at++)
				text[i][at] = odd[random_below(&dice, sizeof odd)];
			*field[i] = hs_slice(text[i], n);
		}
		out = subject_of("hookspool.{receiver}.{tenant}.{type}.{event}", &fields);
		for (size_t i = 0; i < out.n; i++) {
			assert_non_null(
			    memchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-=.", out.p[i], 66));
			dots += out.p[i] == '.';
			assert_true(out.p[i] != '.' || (i + 1 < out.n && out.p[i + 1] != '.'));
		}
		assert_int_equal(dots, 4);
		assert_true(out.n <= sizeof "hookspool.kodabuzi..." + HS_SUBJECT_TENANT_MAX + 2 * HS_SUBJECT_EVENT_MAX);
		hs_buf_free(&out);
	}
}

TEST(tokens)
{
	static const struct {
		const char *tenant, *type, *event, *expected;
	} cases[] = {
		{ "acme", "track", "Order Completed", "acme.track.order_completed" },
		{ "", "", "", "_._._" },
		{ "a.b", "page", "", "a=2Eb.page._" },
		{ "a b", "page", "HelloWorld", "a=20b.page.hello_world" },
		{ "", "track", "\\u0043afé", "_.track.caf=C3=A9" },
		{ "", "track", "caf\\u00e9", "_.track.caf=C3=A9" },
		{ "", "track", "a\\", "_.track._" }, /* no JSON string's inside */
		{ "", "track", "a\\r\\nPUB x 0", "_.track.a_pub_x_0" },
		{ "_", "track", "_", "_.track._" },
		{ "", "track", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxé",
		  "_.track.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_subject_fields fields = { .tenant = hs_slice_str(cases[i].tenant),
			                            .type = hs_slice_str(cases[i].type),
			                            .event = hs_slice_str(cases[i].event) };
		char expected[200];

		snprintf(expected, sizeof expected, "hookspool.kodabuzi.%s", cases[i].expected);
		expect_subject("hookspool.{receiver}.{tenant}.{type}.{event}", &fields, expected);
	}
}

TEST(words_of_a_template_are_as_they_are)
{
	struct hs_subject_fields fields = { .tenant = HS_SLICE("acme"), .type = HS_SLICE("track") };

	expect_subject("hookspool.{receiver}.{type}.All_Orders-2", &fields, "hookspool.kodabuzi.track.All_Orders-2");
}

/* The subject is whole, or the buffer has failed, which the id says. */
TEST(no_memory_and_no_digest)
{
	struct hs_subject_fields fields = { .type = HS_SLICE("track"),
		                            .event = HS_SLICE("Order \\u0043ompleted"),
		                            .message_id = HS_SLICE("m\n") };
	static const enum wrap_call calls[] = { WRAP_REALLOC, WRAP_SHA256 };

	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		unsigned nth = 0;
		bool ok;

		do {
			struct hs_buf out = { 0 };

			wrap_reset();
			wrap_fail(calls[i], ++nth, 1, wrap_error(calls[i]));
			hs_subject_put(&out, "hookspool.{receiver}.{type}.{event}", "kodabuzi", &fields);
			ok = hs_subject_put_id(&out, "kodabuzi", &place, &fields);
			assert_true(ok == (wrap_count(calls[i]) < nth));
			assert_true(!ok || memmem(out.p, out.n, ".track.order_completedsha256:", 29) != NULL);
			hs_buf_free(&out);
		} while (!ok);
		assert_true(nth > 1);
	}
	wrap_reset();
}

TEST(a_tenant_of_64_bytes_is_whole)
{
	struct hs_subject_fields fields = { .type = HS_SLICE("page") };
	char tenant[65], expected[300] = "hookspool.kodabuzi.";

	memset(tenant, '.', 64);
	fields.tenant = hs_slice(tenant, 64);
	for (int i = 0; i < 64; i++)
		strcat(expected, "=2E");
	strcat(expected, ".page");
	expect_subject(HS_SUBJECT_DEFAULT, &fields, expected);
}

/* --- templates ------------------------------------------------------------------------------- */

TEST(templates)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ HS_SUBJECT_DEFAULT, true },
		{ "hookspool.{receiver}.{tenant}.{type}.{event}", true },
		{ "hookspool.{receiver}.events.{type}", true },
		{ "hookspool.{receiver}.a_B-9.x", true },
		{ "hookspool.{receiver}.{event}.{event}.{event}", true },
		{ "hookspool.{receiver}.{tenant}.{tenant}.{tenant}", false }, /* up to 600 bytes */
		{ "hookspool.{receiver}.{tenant}.x.{tenant}", false },
		{ "", false },
		{ "hookspool", false },
		{ "hookspool.{receiver}.", false },
		{ "hookspool.{receiver}.{tenant}", false }, /* as short as the subject of a mark */
		{ "hookspool.{receiver}.{tenant}.", false },
		{ "hookspool.{receiver}.{tenant}..{type}", false },
		{ "hookspool.{receiver}..{tenant}.{type}", false },
		{ "hookspool.{receiver}.{tenant}.{type}.{event}.more", false },
		{ "hookspool.{receiver}.{tenant}.{user}", false },
		{ "hookspool.{receiver}.{tenant}.{type", false },
		{ "hookspool.{receiver}.{tenant}.x{type}", false },
		{ "hookspool.{receiver}.{tenant}.*", false },
		{ "hookspool.{receiver}.{tenant}.>", false },
		{ "hookspool.{receiver}.{tenant}.a b", false },
		{ "hookspool.{receiver}.{tenant}.a\r\nPUB", false },
		{ "hookspool.{receiver}.{tenant}.$a", false },
		{ "hookspool.{receiver}.{tenant}.caf\xc3\xa9", false },
		{ "events.{receiver}.{tenant}.{type}", false },
		{ "{receiver}.{tenant}.{type}", false },
		{ "hookspool.{tenant}.{type}", false },
	};
	char longest[200];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (hs_subject_is_template(cases[i].text) != cases[i].good)
			fail_msg("%s", cases[i].text);
	snprintf(longest, sizeof longest, "hookspool.{receiver}.x.%064d", 0);
	assert_true(hs_subject_is_template(longest));
	snprintf(longest, sizeof longest, "hookspool.{receiver}.x.%065d", 0);
	assert_false(hs_subject_is_template(longest));
}

/* --- ids ----------------------------------------------------------------------------------------- */

TEST(ids)
{
	static const struct {
		const char *tenant, *message_id, *expected;
	} cases[] = {
		{ "", "m1", "/m1" },
		{ "acme", "m1", "acme/m1" },
		{ "acme", "a b", "acme/a b" },
		{ "acme", "a\\n\\u0000", "acme/a\\n\\u0000" }, /* as the JSON string has it */
		{ "acme", "caf\xc3\xa9", "acme/caf\xc3\xa9" },
		{ "acme", "", ":kodabuzi/42:1234:5" },
		{ "", "", ":kodabuzi/42:1234:5" },
		{ "", ":kodabuzi/42:1234:5", "/:kodabuzi/42:1234:5" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_subject_fields fields = { .tenant = hs_slice_str(cases[i].tenant),
			                            .message_id = hs_slice_str(cases[i].message_id) };

		expect_id(&fields, cases[i].expected);
	}
}

/* Expects the hash of "acme/" and the message id. */
static void expect_hash(struct hs_slice message_id)
{
	struct hs_subject_fields fields = { .tenant = HS_SLICE("acme"), .message_id = message_id };
	struct hs_buf text = { 0 };
	uint8_t digest[HS_SHA256_BYTES];
	char expected[7 + 2 * HS_SHA256_BYTES + 1] = "sha256:";

	hs_buf_put_slice(&text, HS_SLICE("acme/"));
	hs_buf_put_slice(&text, message_id);
	assert_true(hs_sha256(hs_buf_slice(&text), digest));
	hs_hex_encode(digest, sizeof digest, expected + 7);
	expected[sizeof expected - 1] = '\0';
	expect_id(&fields, expected);
	hs_buf_free(&text);
}

TEST(an_id_that_no_header_can_hold_is_hashed)
{
	char id[300];

	memset(id, 'x', sizeof id);
	expect_hash(hs_slice(id, HS_SUBJECT_ID_MAX - 4));
	expect_hash(hs_slice(id, sizeof id));
	for (unsigned byte = 0; byte < 256; byte++) {
		char text[3] = { 'a', (char)byte, 'b' };
		struct hs_subject_fields fields = { .tenant = HS_SLICE("acme"), .message_id = hs_slice(text, 3) };
		char expected[16] = "acme/";

		memcpy(expected + 5, text, 3);
		if (byte < ' ' || byte == 0x7F)
			expect_hash(hs_slice(text, 3));
		else
			expect_id(&fields, expected);
	}
	expect_hash(HS_SLICE("ends with a blank "));
}

TEST(the_longest_id_is_whole)
{
	char id[HS_SUBJECT_ID_MAX], expected[HS_SUBJECT_ID_MAX + 1] = "acme/";
	struct hs_subject_fields fields = { .tenant = HS_SLICE("acme"), .message_id = hs_slice(id, sizeof id - 5) };

	memset(id, 'x', sizeof id);
	memset(expected + 5, 'x', sizeof id - 5);
	expected[sizeof id] = '\0';
	expect_id(&fields, expected);
}

/* --- a record ------------------------------------------------------------------------------------- */

TEST(the_fields_of_a_record)
{
	static const struct {
		const char *line, *tenant, *type, *event, *message_id;
	} cases[] = {
		{ "{\"type\":\"track\",\"event\":\"A\",\"message_id\":\"m\",\"tenant\":\"t\",\"spooled_at\":\"x\"}",
		  "t", "track", "A", "m" },
		{ "{\"type\":\"page\",\"spooled_at\":\"x\",\"tenant\":\"forged\",\"message_id\":\"forged\"}", "",
		  "page", "", "" },
		{ "{\"type\":7,\"event\":null,\"message_id\":true}", "", "", "", "" },
		{ "{\"type\":\"page\",\"message_id\":4711,\"event\":5}", "", "page", "", "4711" },
		{ "{\"type\":\"page\",\"message_id\":-4}", "", "page", "", "-4" },
		{ "{\"type\":\"page\",\"message_id\":}", "", "page", "", "" },
		{ "{\"type\":\"\",\"message_id\":\"a\\\"b\"}", "", "", "", "a\\\"b" },
		{ "{\"properties_type\":\"x\",\"type\":\"page\"}", "", "page", "", "" },
		{ "{}", "", "", "", "" },
		{ "", "", "", "", "" },
		{ "no record", "", "", "", "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *line = unit_exact_copy(hs_slice_str(cases[i].line));
		struct hs_subject_fields fields;

		hs_subject_read(hs_slice(line, strlen(cases[i].line)), &fields);
		assert_slice_equal(fields.tenant, hs_slice_str(cases[i].tenant));
		assert_slice_equal(fields.type, hs_slice_str(cases[i].type));
		assert_slice_equal(fields.event, hs_slice_str(cases[i].event));
		assert_slice_equal(fields.message_id, hs_slice_str(cases[i].message_id));
		free(line);
	}
}

TESTS("ship_subject", NULL, NULL)

/* envelope: the members around the events of a body, found without parsing them. */
#include "event/envelope.h"
#include "tests/lib/envelope_check.h"
#include "tests/lib/random.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { RANDOM_BODIES = 20000 };

static struct hs_slice find(const char *body, const char *name)
{
	struct hs_envelope e;

	hs_envelope_find(&e, hs_slice_str(body));
	switch (name[0]) {
	case 'b': return e.batch;
	case 'w': return e.write_key;
	case 's': return e.sent_at;
	case 'c': return e.context;
	case 'i': return e.integrations;
	default: return e.is_object ? HS_SLICE("object") : HS_SLICE_NONE;
	}
}

TEST(the_values_are_found_in_any_order)
{
	static const struct {
		const char *body, *name, *value; /* NULL: absent */
	} cases[] = {
		{ "", "object", NULL },
		{ " ", "object", NULL },
		{ "[]", "object", NULL },
		{ " \t\n\r{", "object", "object" },
		{ "{}", "batch", NULL },
		{ "{\"batch\":[]}", "batch", "[]" },
		{ "{\"batch\":[],\"writeKey\":\"k\",\"sentAt\":\"s\"}", "writeKey", "\"k\"" },
		{ "{\"writeKey\":\"k\",\"batch\":[],\"sentAt\":\"s\"}", "sentAt", "\"s\"" },
		{ " { \"sentAt\" : \"s\" , \"batch\" : [ [1] , { } ] , \"writeKey\" : 7 } ", "batch", "[ [1] , { } ]" },
		{ " { \"sentAt\" : \"s\" , \"batch\" : [ [1] , { } ] , \"writeKey\" : 7 } ", "writeKey", "7" },
		{ "{\"batch\":{},\"writeKey\":null}", "batch", NULL },
		{ "{\"batch\":{},\"writeKey\":null}", "writeKey", "null" },
		{ "{\"batch\":[\"]\",\"\\\"]\",\"\\\\\"],\"context\":{\"a\":[\"}\"]}}", "batch",
		  "[\"]\",\"\\\"]\",\"\\\\\"]" },
		{ "{\"batch\":[\"]\",\"\\\"]\",\"\\\\\"],\"context\":{\"a\":[\"}\"]}}", "context", "{\"a\":[\"}\"]}" },
		{ "{\"integrations\":{\"All\":true},\"x\":{\"writeKey\":\"no\"}}", "integrations", "{\"All\":true}" },
		{ "{\"integrations\":{\"All\":true},\"x\":{\"writeKey\":\"no\"}}", "writeKey", NULL },
		{ "{\"x\":\"\\\",\\\"writeKey\\\":\\\"no\\\"\"}", "writeKey", NULL },
		{ "{\"\\u0077rite\\u004Bey\":\"k\"}", "writeKey", "\"k\"" },
		{ "{\"\\u0077rite\\u004bey\":\"k\"}", "writeKey", "\"k\"" },
		{ "{\"writeKey\\u0000\":\"k\"}", "writeKey", NULL },
		{ "{\"writekey\":\"k\",\"write_key\":\"k\",\"writeKe\":\"k\",\"writeKeys\":\"k\"}", "writeKey", NULL },
		{ "{\"writeKey\":\"a\",\"writeKey\":\"b\"}", "writeKey", "\"a\"" },
		{ "{\"writeKey\":\"a", "writeKey", NULL },
		{ "{\"writeKey\":\"a\\", "writeKey", NULL },
		{ "{\"writeKey\":\"a\\\"", "writeKey", NULL },
		{ "{\"batch\":[1,2", "batch", NULL },
		{ "{\"batch\":[1],\"writeK", "batch", "[1]" },
		{ "{\"batch\":[1],,\"writeKey\":\"k\"}", "writeKey", NULL },
		{ "{\"batch\":[1] \"writeKey\":\"k\"}", "writeKey", NULL },
		{ "{\"batch\":[1]}{\"writeKey\":\"k\"}", "writeKey", NULL },
		{ "{\"a\":-1.5e3,\"writeKey\":\"k\"}", "writeKey", "\"k\"" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_slice found = find(cases[i].body, cases[i].name);

		if (cases[i].value == NULL)
			assert_null(found.p);
		else
			assert_slice_equal(found, hs_slice_str(cases[i].value));
	}
}

/* Brackets, quotes and backslashes at every offset of the blocks that the scan reads at once. */
TEST(every_offset_of_a_block)
{
	static const char *const middle[] = { "\"\\\\\"", "\"\\\"]\"", "[]", "{\"}]\":\"]\"}", "\"[\\\\\\\"[\"", "1" };
	char body[256], want[128];

	for (int blanks = 0; blanks < 40; blanks++)
		for (size_t i = 0; i < sizeof middle / sizeof middle[0]; i++)
			for (int after = 0; after < 20; after++) {
				snprintf(want, sizeof want, "[%*s%s,%*s%s]", blanks, "", middle[i], after, "",
				         middle[i]);
				snprintf(body, sizeof body, "{\"batch\":%s,\"writeKey\":\"k\"}", want);
				assert_slice_equal(find(body, "batch"), hs_slice_str(want));
				assert_slice_equal(find(body, "writeKey"), HS_SLICE("\"k\""));
			}
}

TEST(the_first_event_has_an_envelope_of_its_own)
{
	struct hs_envelope batch, event;

	hs_envelope_find(&batch, HS_SLICE("{\"batch\": [ {\"a\":[1],\"writeKey\":\"one\"},{\"writeKey\":\"two\"}]}"));
	hs_envelope_find(&event, hs_envelope_first_event(&batch));
	assert_slice_equal(event.write_key, HS_SLICE("\"one\""));
	hs_envelope_find(&batch, HS_SLICE("{\"batch\":[]}"));
	hs_envelope_find(&event, hs_envelope_first_event(&batch));
	assert_false(event.is_object);
	hs_envelope_find(&batch, HS_SLICE("{}"));
	assert_null(hs_envelope_first_event(&batch).p);
	hs_envelope_find(&batch, HS_SLICE("{\"writeKey\":\"k\",\"sentAt\":12")); /* cut */
	assert_slice_equal(batch.write_key, HS_SLICE("\"k\""));
	assert_slice_equal(batch.sent_at, HS_SLICE("12"));
}

TEST(the_key_as_text)
{
	static const struct {
		const char *raw, *key; /* NULL: none */
	} cases[] = {
		{ "\"k\"", "k" },      { "\"\\u006b\\/\"", "k/" }, { "\"\"", NULL },
		{ "7", NULL },         { "null", NULL },           { "{\"a\":1}", NULL },
		{ "\"\\u12\"", NULL }, { "\"\\u12g4\"", NULL },    { "[\"abc\"]", NULL },
	};
	struct hs_buf scratch = { 0 };
	struct hs_envelope e;
	struct hs_slice key;
	char body[6 * HS_WRITE_KEY_MAX + 64];

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(body, sizeof body, "{\"writeKey\":%s}", cases[i].raw);
		hs_envelope_find(&e, hs_slice_str(body));
		assert_int_equal(hs_envelope_key(&e, &scratch, &key), cases[i].key != NULL);
		if (cases[i].key != NULL)
			assert_slice_equal(key, hs_slice_str(cases[i].key));
	}
	for (int n = HS_WRITE_KEY_MAX; n <= HS_WRITE_KEY_MAX + 1; n++) {
		snprintf(body, sizeof body, "{\"writeKey\":\"%0*d\"}", n, 1);
		hs_envelope_find(&e, hs_slice_str(body));
		assert_int_equal(hs_envelope_key(&e, &scratch, &key), n == HS_WRITE_KEY_MAX);
	}
	for (int n = HS_WRITE_KEY_MAX; n <= HS_WRITE_KEY_MAX + 1; n++) { /* of escapes alone */
		size_t at = (size_t)snprintf(body, sizeof body, "{\"writeKey\":\"");

		for (int i = 0; i < n; i++)
			at += (size_t)snprintf(body + at, sizeof body - at, "\\u006b");
		snprintf(body + at, sizeof body - at, "\"}");
		hs_envelope_find(&e, hs_slice_str(body));
		assert_int_equal(hs_envelope_key(&e, &scratch, &key), n == HS_WRITE_KEY_MAX);
	}
	hs_envelope_find(&e, HS_SLICE("{}"));
	assert_false(hs_envelope_key(&e, &scratch, &key));
	hs_buf_free(&scratch);
}

/* --- random bodies -------------------------------------------------------------- */

static void put_random(struct random_source *random, struct hs_buf *out, int depth)
{
	static const char *const pieces[] = {
		"{",           "}",
		"[",           "]",
		":",           ",",
		"\"batch\":[", "\"writeKey\":",
		"\"k\"",       "\"\\\"\"",
		"\"\\\\\"",    "\"]}\"",
		" ",           "1.5",
		"null",        "\"context\":{",
		"\"a\":1",     "\"b\":[1,2]",
		"\"sentAt\":", "\\u0062",
		"\n",          "\"",
		"\\",          "\"integrations\":",
		"é",           "{\"a\":[{}]}",
		"],",          "},",
		"NaN",
	};

	for (uint32_t n = random_below(random, 1U << depth); n > 0; n--)
		hs_buf_put_slice(out, hs_slice_str(pieces[random_below(random, sizeof pieces / sizeof pieces[0])]));
}

/* A body that a library could send, with pieces of any kind in some of its places. */
static void make_body(struct random_source *random, struct hs_buf *out)
{
	static const char *const parts[] = {
		"{",
		"\"sentAt\":\"s\",",
		"\"batch\":[",
		"{\"a\":\"\\\"]\"},",
		"{\"b\":[[\"[\"]]}",
		"]",
		",\"context\":{\"library\":{\"name\":\"x}\"}}",
		",\"\\u0077riteKey\":\"k\"",
		"}",
		"\n",
	};

	hs_buf_reset(out);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		uint32_t choice = random_below(random, 24);

		if (choice == 0)
			put_random(random, out, 3);
		if (choice == 2)
			for (uint32_t n = random_below(random, 20); n > 0; n--)
				hs_buf_putc(out, ' ');
		if (choice != 1)
			hs_buf_put_slice(out, hs_slice_str(parts[i]));
	}
}

TEST(random_bodies_are_as_the_strict_reader_finds_them)
{
	uint64_t seed = random_seed();
	struct random_source random = random_new(seed);
	struct hs_buf body = { 0 };

	for (int i = 0; i < RANDOM_BODIES; i++) {
		const char *fault;
		char *copy;

		make_body(&random, &body);
		copy = malloc(body.n > 0 ? body.n : 1); /* of that size, for the sanitizer */
		memcpy(copy, body.p, body.n);
		fault = direct_body_fault(hs_slice(copy, body.n));
		if (fault != NULL)
			fail_msg("seed %llu: %s: %.*s", (unsigned long long)seed, fault, (int)body.n, body.p);
		free(copy);
	}
	hs_buf_free(&body);
}

TESTS("envelope", NULL, NULL)

/* The rules of [events] and [fields]: the cases of rules.txt, and properties that hold for each event. */
#include "config/settings.h"
#include "event/mask.h"
#include "event/rules.h"
#include "tests/lib/cases.h"
#include "tests/lib/random.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define BASE "spool_dir = /s\nhash_key = 0123456789abcdef0123456789abcdef\n%.*s\n[keys]\nacme = k1\nother = k2\n"

static struct hs_settings *read_settings(struct test_case *c, struct hs_settings_error *error)
{
	struct hs_slice above = HS_SLICE_NONE, conf = case_text(c, "conf");
	struct hs_buf text = { 0 };
	struct hs_settings *s;

	case_find(c, "above", &above);
	hs_buf_printf(&text, BASE, (int)above.n, above.p == NULL ? "" : above.p);
	hs_buf_put_slice(&text, conf);
	s = hs_settings_new("test.conf", hs_buf_slice(&text), NULL, error);
	free((char *)conf.p);
	hs_buf_free(&text);
	return s;
}

static void compare(struct test_case *c, enum hs_result r, const struct hs_buf *out)
{
	struct hs_slice expected;

	if (case_find(c, "dropped", &expected)) {
		case_result(c, r, HS_E_DROPPED);
		case_same(c, "the buffer", hs_buf_slice(out), HS_SLICE(""));
		return;
	}
	if (case_find(c, "unplanned", &expected)) {
		case_result(c, r, HS_E_UNPLANNED);
		case_same(c, "the buffer", hs_buf_slice(out), HS_SLICE(""));
		return;
	}
	case_result(c, r, HS_OK);
	case_same(c, "the line", hs_slice(out->p, out->n - 1), case_get(c, "out"));
}

static void run_event(struct test_case *c, const struct hs_settings *s, struct hs_slice in)
{
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("T"), .rules = s->rules };
	struct hs_flattener flattener;
	struct hs_json json = { 0 };
	struct hs_buf out = { 0 };
	struct hs_event e;

	case_find(c, "tenant", &stamp.tenant);
	case_result(c, hs_json_document(&json, in), HS_OK);
	case_result(c, hs_event_read(&e, &json, 0, HS_VALIDATE_SPEC), HS_OK);
	hs_flattener_init(&flattener, (enum hs_names)s->names);
	for (int i = 0; i < 3; i++) { /* names are new, then known */
		hs_buf_reset(&out);
		compare(c, hs_flatten(&flattener, &e, &stamp, &out), &out);
	}
	hs_flattener_free(&flattener);
	hs_buf_free(&out);
	hs_json_free(&json);
}

static void run_rules_case(struct test_case *c)
{
	struct hs_settings_error error;
	struct hs_settings *s = read_settings(c, &error);
	struct hs_slice text;

	if (case_find(c, "err", &text)) {
		if (s != NULL)
			case_fail(c, "no error was found");
		if (strstr(error.text, text.p) == NULL)
			case_fail(c, "the message is: %s", error.text);
		return;
	}
	if (s == NULL)
		case_fail(c, "%s", error.text);
	if (case_find(c, "rejected_body", &text) && s->rejected_body != case_number(c, text))
		case_fail(c, "rejected_body is %lld", (long long)s->rejected_body);
	if (case_find(c, "hides_addresses", &text) && s->hides_addresses != case_number(c, text))
		case_fail(c, "hides_addresses is %d", s->hides_addresses);
	if (case_find(c, "in", &text))
		run_event(c, s, text);
	hs_settings_free(s);
}
TESTS_AND_CASES("rules", "rules.txt", run_rules_case)

static struct hs_settings *settings_with(const char *rules)
{
	struct hs_settings_error error;
	struct hs_buf text = { 0 };
	struct hs_settings *s;

	hs_buf_printf(&text, BASE, 0, "");
	hs_buf_put_slice(&text, hs_slice_str(rules));
	s = hs_settings_new("test.conf", hs_buf_slice(&text), NULL, &error);
	hs_buf_free(&text);
	if (s == NULL)
		fail_msg("%s", error.text);
	return s;
}

static enum hs_result flatten(struct hs_flattener *f, const struct hs_rules *rules, const char *tenant,
                              const char *event, struct hs_buf *out)
{
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("T"), .rules = rules, .tenant = hs_slice_str(tenant) };
	struct hs_json json = { 0 };
	struct hs_event e;
	enum hs_result r;

	assert_int_equal(hs_json_document(&json, hs_slice_str(event)), HS_OK);
	assert_int_equal(hs_event_read(&e, &json, 0, HS_VALIDATE_LENIENT), HS_OK);
	hs_buf_reset(out);
	r = hs_flatten(f, &e, &stamp, out);
	hs_buf_putc(out, '\0');
	hs_json_free(&json);
	return r;
}

/* Requests with changing rules and tenants share a flattener: none may see another's rules. */
TEST(changing_rules_and_tenants)
{
	static const char event[] = "{\"type\":\"page\",\"userId\":\"u\",\"traits\":{\"email\":\"a@b.c\"}}";
	struct hs_settings *one = settings_with("[fields]\ntraits_email = keep\nacme: traits_email = drop\n");
	struct hs_settings *two = settings_with("[fields]\ntraits_email = cut 1\n");
	struct hs_flattener f;
	struct hs_buf out = { 0 };

	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	for (int i = 0; i < 50; i++) {
		bool acme = i % 3 == 0;
		const struct hs_rules *rules = i % 5 == 4 ? NULL : i % 2 == 0 ? one->rules : two->rules;
		const char *expected = rules == NULL ? "a@b.c" : rules == two->rules ? "\"a\"" : acme ? NULL : "a@b.c";

		assert_int_equal(flatten(&f, rules, acme ? "acme" : "other", event, &out), HS_OK);
		if (expected == NULL)
			assert_null(strstr(out.p, "email"));
		else
			assert_non_null(strstr(out.p, expected));
	}
	hs_flattener_free(&f);
	hs_buf_free(&out);
	hs_settings_free(one);
	hs_settings_free(two);
}

/* Lines that differ at their ends alone, after a reload, with and without a condition there. */
TEST(changing_the_end_of_a_long_line)
{
	static const char event[] = "{\"type\":\"page\",\"userId\":\"u\",\"a\":\"yes\"}";
	static const struct {
		const char *end;
		enum hs_result result;
	} lines[] = { { " a:yes", HS_E_DROPPED }, { " b:yes", HS_OK }, { "", HS_E_DROPPED }, { " a:no", HS_OK } };
	struct hs_settings *settings[4];
	struct hs_flattener f;
	struct hs_buf out = { 0 };

	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	for (size_t i = 0; i < 4; i++) {
		hs_buf_reset(&out);
		hs_buf_put_slice(&out, HS_SLICE("[events]\ndrop = type:page"));
		for (int k = 0; k < 30; k++)
			hs_buf_put_slice(&out, HS_SLICE(" user_id:u"));
		hs_buf_printf(&out, "%s\n%c", lines[i].end, '\0');
		settings[i] = settings_with(out.p);
	}
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(flatten(&f, settings[i * 3 % 4]->rules, "", event, &out), lines[i * 3 % 4].result);
	hs_flattener_free(&f);
	hs_buf_free(&out);
	for (size_t i = 0; i < 4; i++)
		hs_settings_free(settings[i]);
}

static void put_numbered(struct hs_buf *out, unsigned n)
{
	hs_buf_putc(out, '{');
	for (unsigned i = 0; i < n; i++)
		hs_buf_printf(out, "%s\"%c%u\":1", i == 0 ? "" : ",", n < 10000 ? 'b' : 'a', i);
	hs_buf_putc(out, '}');
}

/* With so many leaves, all the flat fields, and all that is added. */
static enum hs_result flatten_widest(const struct hs_rules *rules, unsigned leaves, struct hs_buf *out)
{
	static const unsigned beside = 5000;
	struct hs_json json = { 0 }, context = { 0 };
	struct hs_direct direct = { .source = HS_SLICE("shop"),
		                    .ip = HS_SLICE("192.0.2.1"),
		                    .is_public = true,
		                    .context = &context,
		                    .channel = HS_SLICE("client"),
		                    .sent_at = HS_SLICE("1") };
	struct hs_stamp stamp = {
		.spooled_at = HS_SLICE("T"), .rules = rules, .tenant = HS_SLICE("acme"), .direct = &direct
	};
	struct hs_flattener f;
	struct hs_buf text = { 0 }, shared = { 0 };
	struct hs_event e;
	enum hs_result result;

	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	f.message_id = HS_SLICE("made");
	f.keeps_sent_id = true;
	put_numbered(&shared, beside);
	hs_buf_put_slice(&text,
	                 HS_SLICE("{\"type\":\"track\",\"event\":\"E\",\"messageId\":\"m\",\"timestamp\":\"2026\","
	                          "\"originalTimestamp\":\"2026\",\"sentAt\":\"2026\",\"receivedAt\":\"2026\","
	                          "\"userId\":\"u\",\"anonymousId\":\"a\",\"groupId\":\"g\",\"previousId\":\"p\","
	                          "\"name\":\"n\",\"category\":\"c\",\"channel\":\"c\",\"version\":\"1\","
	                          "\"projectId\":\"p\",\"properties\":"));
	put_numbered(&text, leaves - beside);
	hs_buf_putc(&text, '}');
	assert_int_equal(hs_json_document(&context, hs_buf_slice(&shared)), HS_OK);
	assert_int_equal(hs_json_document(&json, hs_buf_slice(&text)), HS_OK);
	assert_int_equal(hs_event_read_direct(&e, &json, 0, HS_VALIDATE_LENIENT, HS_SLICE_NONE), HS_OK);
	result = hs_flatten(&f, &e, &stamp, out);
	hs_buf_free(&text);
	hs_buf_free(&shared);
	hs_json_free(&json);
	hs_json_free(&context);
	hs_flattener_free(&f);
	return result;
}

TEST(a_record_with_the_most_fields_can_be_read)
{
	struct hs_settings *s = settings_with("[events]\nkeep = event:other\nunplanned = flag\n");
	struct hs_json json = { 0 };
	struct hs_buf out = { 0 };

	assert_int_equal(flatten_widest(s->rules, HS_RECORD_FIELDS_MAX + 1, &out), HS_E_RECORD_LARGE);
	assert_int_equal(flatten_widest(s->rules, HS_RECORD_FIELDS_MAX, &out), HS_OK);
	assert_int_equal(hs_json_document(&json, hs_slice(out.p, out.n - 1)), HS_OK);
	assert_in_range(json.n, HS_JSON_TOKENS_MAX - 20, HS_JSON_TOKENS_MAX);
	hs_json_free(&json);
	hs_buf_free(&out);
	hs_settings_free(s);
}

/* A few names in all spellings that become one, some of them reserved, some with a number already. */
static void put_random_object(struct random_source *random, struct hs_buf *event, unsigned depth)
{
	static const char *const keys[] = { "a", "A", "a_2", "a2", "b", "B_2", "type", "userId", "node", "Node", "c" };
	bool first = true;

	hs_buf_putc(event, '{');
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (random_below(random, 3) > 0)
			continue;
		hs_buf_printf(event, "%s\"%s\":", first ? "" : ",", keys[i]);
		first = false;
		if (depth > 0 && random_below(random, 3) == 0)
			put_random_object(random, event, depth - 1);
		else
			hs_buf_printf(event, "\"value %u?q\"", random_below(random, 3));
	}
	hs_buf_putc(event, '}');
}

static void put_random_event(struct random_source *random, struct hs_buf *event)
{
	hs_buf_reset(event);
	hs_buf_printf(event, "{\"type\":\"page\",\"userId\":\"u%u\",\"traits\":", random_below(random, 4));
	put_random_object(random, event, 2);
	hs_buf_printf(event, ",\"properties\":");
	put_random_object(random, event, 1);
	hs_buf_put(event, "}", 2); /* with a NUL, for hs_slice_str */
}

/* A flattener remembers names: no record may show what it learnt from other rules, other tenants, or none. */
TEST(a_used_flattener_does_as_a_new_one)
{
	static const char *const texts[] = {
		"[fields]\ntraits_a = drop\nproperties_* = no query\n",
		"[fields]\ntraits_a_* = drop\ntraits_b_2 = cut 2\nproperties_b = last 1\n",
		"[fields]\n* = hash\ntraits_* = keep\nacme: traits_* = drop\nother: traits_node_a = cut 1\n",
		"[events]\ndrop = traits_a:\"value 1*\"\nsample = 50% properties_b:*\n[fields]\ntraits_b = drop\n",
	};
	enum { SETTINGS = sizeof texts / sizeof *texts };
	static const char *const tenants[] = { "", "acme", "other" };
	struct hs_settings *s[SETTINGS];
	struct hs_flattener used, new;
	struct hs_buf event = { 0 }, out = { 0 }, expected = { 0 };
	uint64_t seed = random_seed();
	struct random_source random = random_new(seed);

	for (size_t i = 0; i < SETTINGS; i++)
		s[i] = settings_with(texts[i]);
	hs_flattener_init(&used, HS_NAMES_WAREHOUSE);
	for (int i = 0; i < 5000; i++) {
		unsigned pick = random_below(&random, SETTINGS + 1);
		const struct hs_rules *rules = pick == SETTINGS ? NULL : s[pick]->rules;
		const char *tenant = tenants[random_below(&random, 3)];
		enum hs_result r;

		put_random_event(&random, &event);
		hs_flattener_init(&new, HS_NAMES_WAREHOUSE);
		r = flatten(&new, rules, tenant, event.p, &expected);
		if (flatten(&used, rules, tenant, event.p, &out) != r || strcmp(out.p, expected.p) != 0)
			fail_msg("HS_SEED=%llu: %s becomes %s instead of %s", (unsigned long long)seed, event.p, out.p,
			         expected.p);
		hs_flattener_free(&new);
	}
	hs_flattener_free(&used);
	hs_buf_free(&event);
	hs_buf_free(&out);
	hs_buf_free(&expected);
	for (size_t i = 0; i < SETTINGS; i++)
		hs_settings_free(s[i]);
}

/* More names than are kept, in one event: it, and the events after it, have what the rules leave of them. */
TEST(an_event_with_very_many_names_leaves_no_memory_behind)
{
	enum { LITTLE = 1 << 16 /* bytes */ };
	struct hs_settings *s = settings_with("[fields]\nproperties_p1* = drop\n");
	struct hs_buf event = { 0 }, out = { 0 };
	struct hs_flattener f;
	size_t empty;

	hs_buf_put_slice(&event, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\",\"properties\":{"));
	for (int i = 0; i < 10000; i++)
		hs_buf_printf(&event, "\"p%d\":%d,", i, i);
	hs_buf_put(&event, "\"q\":1}}", 8);
	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	empty = unit_heap();
	for (int i = 0; i < 3; i++) {
		size_t before;

		assert_result(flatten(&f, s->rules, "acme", event.p, &out), HS_OK);
		assert_non_null(strstr(out.p, "\"properties_p9999\":9999,\"properties_q\":1}"));
		assert_null(strstr(out.p, "\"properties_p1"));
		if (i == 2) /* the names are forgotten, their room is not yet given back */
			assert_result(flatten(&f, s->rules, "acme", "{\"type\":\"page\",\"userId\":\"u\"}", &out),
			              HS_OK);
		before = unit_heap();
		hs_flattener_shrink(&f);
		assert_true(before - unit_heap() > 10000 * sizeof(struct hs_rules_of_name));
		assert_in_range(unit_heap(), 0, empty + out.cap + LITTLE);
		assert_result(flatten(&f, s->rules, "acme",
		                      "{\"type\":\"page\",\"userId\":\"u\",\"properties\":"
		                      "{\"p1\":1,\"p2\":2}}",
		                      &out),
		              HS_OK);
		assert_string_equal(out.p, "{\"type\":\"page\",\"user_id\":\"u\",\"tenant\":\"acme\","
		                           "\"spooled_at\":\"T\",\"properties_p2\":2}\n");
	}
	hs_flattener_free(&f);
	hs_buf_free(&event);
	hs_buf_free(&out);
	hs_settings_free(s);
}

/* The user decides, not a member that becomes user_id_2. */
TEST(sample_goes_by_the_user_alone)
{
	struct hs_settings *s = settings_with("[events]\nsample = 50% event:*\n");
	struct hs_flattener f;
	struct hs_buf out = { 0 };

	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	for (int i = 0; i < 200; i++) {
		char event[160];
		enum hs_result first;

		snprintf(event, sizeof event, "{\"type\":\"track\",\"event\":\"e\",\"userId\":\"user %d\"}", i / 10);
		first = flatten(&f, s->rules, "", event, &out);
		snprintf(event, sizeof event,
		         "{\"type\":\"track\",\"event\":\"e\",\"userId\":\"user %d\",\"user\":{\"id\":\"other %d\"}}",
		         i / 10, i);
		assert_int_equal(flatten(&f, s->rules, "", event, &out), first);
	}
	hs_flattener_free(&f);
	hs_buf_free(&out);
	hs_settings_free(s);
}

/* Values that are no ids are nobody's: such events are not in or out together, but go by the anonymous id. */
TEST(sample_passes_over_what_is_no_id)
{
	static const char *const nobody[] = { "null", "\"\"", "false", "true" };
	struct hs_settings *s = settings_with("[events]\nsample = 50% event:*\n");
	struct hs_flattener f;
	struct hs_buf out = { 0 };

	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	for (size_t k = 0; k < sizeof nobody / sizeof *nobody; k++)
		for (int i = 0; i < 50; i++) {
			char event[160];
			enum hs_result alone;

			snprintf(event, sizeof event, "{\"type\":\"track\",\"event\":\"e\",\"anonymousId\":\"a %d\"}",
			         i);
			alone = flatten(&f, s->rules, "", event, &out);
			snprintf(event, sizeof event,
			         "{\"type\":\"track\",\"event\":\"e\",\"userId\":%s,\"anonymousId\":\"a %d\"}",
			         nobody[k], i);
			assert_int_equal(flatten(&f, s->rules, "", event, &out), alone);
		}
	hs_flattener_free(&f);
	hs_buf_free(&out);
	hs_settings_free(s);
}

/* 7, 7.0 and "7" are one user, as for erase and for load. */
TEST(sample_knows_a_number_by_its_text)
{
	static const char *const spelled[][2] = { { "\"%\"", "%" }, { "\"%\"", "%.0" }, { "\"-%\"", "-%" } };
	struct hs_settings *s = settings_with("[events]\nsample = 50% event:*\n");
	struct hs_flattener f;
	struct hs_buf out = { 0 };

	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	for (int i = 0; i < 150; i++) {
		enum hs_result result[2];

		for (int k = 0; k < 2; k++) {
			const char *id = spelled[i % 3][k];
			int before = (int)strcspn(id, "%");
			char event[160];

			snprintf(event, sizeof event,
			         "{\"type\":\"track\",\"event\":\"e\",\"userId\":%.*s%d%s,\"messageId\":\"%d\"}",
			         before, id, i, id + before + 1, k);
			result[k] = flatten(&f, s->rules, "", event, &out);
		}
		assert_int_equal(result[0], result[1]);
	}
	hs_flattener_free(&f);
	hs_buf_free(&out);
	hs_settings_free(s);
}

/* An event of nobody, which validation may let pass, goes by its own id. */
TEST(sample_without_memory_for_a_number)
{
	struct hs_settings *s = settings_with("[events]\nsample = 50% event:*\n");
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("T"), .rules = s->rules };
	struct hs_json json = { 0 };
	struct hs_event e;
	bool failed = true;

	assert_int_equal(hs_json_document(&json, HS_SLICE("{\"userId\":7.0,\"type\":\"track\",\"event\":\"e\"}")),
	                 HS_OK);
	assert_int_equal(hs_event_read(&e, &json, 0, HS_VALIDATE_LENIENT), HS_OK);
	for (unsigned nth = 1; failed; nth++) {
		struct hs_flattener f;
		struct hs_buf out = { 0 };
		enum hs_result r;

		hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
		wrap_reset();
		wrap_fail(WRAP_REALLOC, nth, 1, ENOMEM);
		r = hs_flatten(&f, &e, &stamp, &out);
		failed = wrap_count(WRAP_REALLOC) >= nth;
		wrap_reset();
		assert_true(failed ? r == HS_E_MEMORY : r == HS_OK || r == HS_E_DROPPED);
		hs_flattener_free(&f);
		hs_buf_free(&out);
	}
	hs_json_free(&json);
	hs_settings_free(s);
}

TEST(sample_goes_by_the_event_if_it_is_nobodys)
{
	struct hs_settings *s = settings_with("[events]\nsample = 50% event:*\n");
	struct hs_flattener f;
	struct hs_buf out = { 0 };
	int kept = 0;

	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	for (int i = 0; i < 200; i++) {
		char event[160];
		enum hs_result r;

		snprintf(event, sizeof event, "{\"type\":\"track\",\"event\":\"e\",\"messageId\":\"m %d\"}", i);
		r = flatten(&f, s->rules, "", event, &out);
		assert_int_equal(flatten(&f, s->rules, "", event, &out), r);
		kept += r == HS_OK;
	}
	assert_in_range(kept, 60, 140);
	hs_flattener_free(&f);
	hs_buf_free(&out);
	hs_settings_free(s);
}

/* A line that drops delete events by their type, unless a line before it keeps them all, of that tenant or of all. */
TEST(which_lines_drop_requests_to_delete)
{
	static const struct {
		const char *lines;
		bool drops; /* the last of them */
	} cases[] = {
		{ "drop = type:delete\n", true },
		{ "drop = event:E\n", false },
		{ "keep = type:delete\n", false },
		{ "sample = 1% type:delete\n", false },
		{ "keep = type:delete\ndrop = type:* user_id:a\n", false },
		{ "keep = type:d*\ndrop = type:* user_id:a\n", false },
		{ "keep = type:track\ndrop = type:delete\n", true },
		{ "keep = type:delete user_id:a\ndrop = type:delete\n", true },
		{ "drop = event:E\ndrop = type:delete\n", true },
		{ "keep = event:delete\ndrop = type:delete\n", true },
		{ "acme: keep = type:delete\ndrop = type:delete\n", true },
		{ "acme: keep = type:delete\nother: drop = type:delete\n", true },
		{ "acme: keep = type:delete\nacme: drop = type:* user_id:a\n", false },
		{ "keep = type:delete\nacme: drop = type:* user_id:a\n", false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[200];
		struct hs_settings *s;

		snprintf(text, sizeof text, "[events]\n%s", cases[i].lines);
		s = settings_with(text);
		if (hs_rules_drop_deletes(s->rules, s->rules->events - 1) != cases[i].drops)
			fail_msg("%s", cases[i].lines);
		hs_settings_free(s);
	}
}

/* About the share that was asked for, and the same users each time. */
TEST(sample_keeps_whole_users)
{
	struct hs_settings *s = settings_with("[events]\nsample = 10% event:*\n");
	struct hs_flattener f;
	struct hs_buf out = { 0 };
	int kept = 0;

	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	for (int user = 0; user < 2000; user++) {
		enum hs_result first = HS_OK;

		for (int n = 0; n < 3; n++) {
			char event[128];
			enum hs_result r;

			snprintf(event, sizeof event, "{\"type\":\"track\",\"event\":\"e%d\",\"userId\":\"user %d\"}",
			         n, user);
			r = flatten(&f, s->rules, "", event, &out);
			first = n == 0 ? r : first;
			assert_int_equal(r, first);
		}
		kept += first == HS_OK;
	}
	assert_in_range(kept, 120, 290);
	hs_flattener_free(&f);
	hs_buf_free(&out);
	hs_settings_free(s);
}

/* A quick look sees the value to its end and no further, whatever its length. */
TEST(a_query_is_looked_for_in_the_value_alone)
{
	static const struct hs_mask mask = { .kind = HS_MASK_NO_QUERY };
	static const char marks[] = "?#\\";
	char text[40];

	for (size_t n = 1; n < sizeof text; n++)
		for (size_t i = 0; i < 3; i++) {
			memset(text, 'x', sizeof text);
			text[n - 1] = marks[i];
			assert_true(hs_mask_may_change(&mask, hs_slice(text, n)));
			assert_false(hs_mask_may_change(&mask, hs_slice(text, n - 1)));
		}
}

/* More conditions than a word of their bits has: each counts for its own line. */
TEST(as_many_conditions_as_there_may_be)
{
	struct hs_buf lines = { 0 }, out = { 0 };
	struct hs_flattener f;
	struct hs_settings *s;

	hs_buf_put_slice(&lines, HS_SLICE("[events]\n"));
	for (int i = 0; i < HS_RULES_LINES_MAX; i++)
		hs_buf_printf(&lines, "drop = event:\"e%d\" properties_p:\"p%d\"\n", i, i);
	hs_buf_putc(&lines, '\0');
	s = settings_with(lines.p);
	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	for (int i = 0; i <= HS_RULES_LINES_MAX; i++)
		for (int p = i; p < i + 2; p++) {
			char event[128];

			snprintf(
			    event, sizeof event,
			    "{\"type\":\"track\",\"event\":\"e%d\",\"userId\":\"u\",\"properties\":{\"p\":\"p%d\"}}", i,
			    p);
			assert_int_equal(flatten(&f, s->rules, "", event, &out) == HS_OK,
			                 i != p || i == HS_RULES_LINES_MAX);
		}
	hs_flattener_free(&f);
	hs_buf_free(&lines);
	hs_buf_free(&out);
	hs_settings_free(s);
}

/* A pattern costs time linear in the text: this one would take minutes with backtracking. */
TEST(patterns_are_linear)
{
	struct hs_settings *s = settings_with("[events]\ndrop = properties_p:\"*a*a*a*a*a*a*a*a*ab\"\n");
	struct hs_buf event = { 0 }, out = { 0 };
	struct hs_flattener f;

	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	hs_buf_put_slice(&event, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\",\"properties\":{\"p\":\""));
	for (int i = 0; i < 1000000; i++)
		hs_buf_putc(&event, 'a');
	hs_buf_put(&event, "\"}}", 4);
	assert_int_equal(flatten(&f, s->rules, "", event.p, &out), HS_OK);
	hs_flattener_free(&f);
	hs_buf_free(&event);
	hs_buf_free(&out);
	hs_settings_free(s);
}

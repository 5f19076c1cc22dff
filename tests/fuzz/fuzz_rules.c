/*
 * Rules: a settings text with [events] and [fields] up to the first zero byte, then an event. What comes out
 * is a record or nothing; every field is as the most exact line says, worked out a second time on the record
 * that comes out without rules; what identifies the event is as without them. A flattener that has made
 * records with these rules, for a tenant, and without rules makes the same ones as a new one.
 */
#include "config/settings.h"
#include "event/rules.h"
#include "tests/fuzz/fuzz.h"

#define HEAD "spool_dir = /s\nauth = none\nhash_key = 0123456789abcdef\n"

/* The line for a name, by trying every one. NULL: none, or keep. */
static const struct hs_field_rule *rule_for(const struct hs_rules *rules, struct hs_slice name)
{
	const struct hs_field_rule *best = NULL;
	size_t exact = 0;

	for (unsigned i = 0; i < rules->fields && !hs_rules_is_fixed(name); i++) {
		const struct hs_field_rule *rule = &rules->field[i];
		size_t n = strlen(rule->name);
		bool covers = rule->is_prefix ? name.n >= n && memcmp(name.p, rule->name, n) == 0
		                              : name.n == n && memcmp(name.p, rule->name, n) == 0;
		size_t weight = rule->is_prefix ? n + 1 : SIZE_MAX;

		if (rule->tenant == NULL && covers && weight > exact) {
			best = rule;
			exact = weight;
		}
	}
	return best == NULL || best->mask.kind == HS_MASK_KEEP ? NULL : best;
}

/* With a new flattener. */
static struct hs_buf flatten(const struct hs_event *e, const struct hs_rules *rules, struct hs_slice tenant,
                             enum hs_result *r)
{
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("T"), .rules = rules, .tenant = tenant };
	struct hs_flattener f;
	struct hs_buf out = { 0 };

	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	*r = hs_flatten(&f, e, &stamp, &out);
	hs_flattener_free(&f);
	return out;
}

static bool has_number(struct hs_slice name)
{
	return name.n > 1 && hs_is_digit(name.p[name.n - 1]);
}

/* Both records have their fields in one order; `masked` lacks those that are dropped. */
static void compare(const struct hs_rules *rules, struct hs_slice plain, struct hs_slice masked)
{
	struct hs_record_fields a = hs_record_fields_of(plain), b = hs_record_fields_of(masked);
	struct hs_record_field was, is;
	struct hs_buf text = { 0 }, expected = { 0 };

	while (hs_record_field_next(&a, &was)) {
		const struct hs_field_rule *rule = rule_for(rules, was.name);
		struct hs_record_field want;

		if (was.name_escaped || has_number(was.name)) /* _2 is as the first: not worked out here */
			goto out;
		if (rule != NULL && rule->mask.kind == HS_MASK_DROP)
			continue;
		MUST(hs_record_field_next(&b, &is));
		MUST(hs_slice_eq(was.name, is.name));
		if (rule == NULL) {
			MUST(hs_slice_eq(was.value, is.value) && was.is_string == is.is_string);
			continue;
		}
		hs_buf_reset(&expected);
		MUST(hs_mask_put(&rule->mask, rules->hash_key, &was, &text, &expected) == HS_OK);
		want = hs_mask_field(hs_buf_slice(&expected));
		MUST(hs_slice_eq(want.value, is.value) && want.is_string == is.is_string);
	}
out:
	hs_buf_free(&text);
	hs_buf_free(&expected);
}

/* What one flattener makes of the event, with and without rules by turns. */
static void check_used(const struct hs_rules *rules, const struct hs_event *e)
{
	struct hs_flattener f;
	struct hs_buf out = { 0 };

	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	for (unsigned i = 0; i < 8; i++) {
		struct hs_stamp stamp = { .spooled_at = HS_SLICE("T"),
			                  .rules = i % 3 == 0 ? NULL : rules,
			                  .tenant = i % 4 < 2 ? HS_SLICE_NONE : HS_SLICE("acme") };
		enum hs_result r;
		struct hs_buf expected = flatten(e, stamp.rules, stamp.tenant, &r);

		hs_buf_reset(&out);
		MUST(hs_flatten(&f, e, &stamp, &out) == r);
		MUST(hs_slice_eq(hs_buf_slice(&out), hs_buf_slice(&expected)));
		hs_buf_free(&expected);
	}
	hs_buf_free(&out);
	hs_flattener_free(&f);
}

static void check(const struct hs_rules *rules, const struct hs_event *e)
{
	enum hs_result plain_r, r;
	struct hs_buf plain = flatten(e, NULL, HS_SLICE_NONE, &plain_r), out = flatten(e, rules, HS_SLICE_NONE, &r);

	if (r == HS_OK) {
		fuzz_check_line(hs_buf_slice(&out));
		if (plain_r == HS_OK)
			compare(rules, hs_slice(plain.p, plain.n - 1), hs_slice(out.p, out.n - 1));
	} else {
		MUST(out.n == 0);
		MUST(r == HS_E_DROPPED || r == HS_E_UNPLANNED || r == HS_E_NAME_LONG || r == HS_E_RECORD_LARGE);
	}
	hs_buf_free(&plain);
	hs_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice all = fuzz_copy(data, size);
	const char *zero = size > 0 ? memchr(all.p, '\0', size) : NULL;
	size_t n = zero == NULL ? 0 : (size_t)(zero - all.p);
	struct hs_json json = { 0 };
	struct hs_buf text = { 0 };
	struct hs_settings_error error;
	struct hs_settings *s;
	struct hs_event e;

	hs_buf_put_slice(&text, HS_SLICE(HEAD));
	hs_buf_put(&text, all.p, n);
	s = hs_settings_new("fuzz", hs_buf_slice(&text), NULL, &error);
	if (zero != NULL && s != NULL && s->rules != NULL &&
	    hs_json_document(&json, hs_slice(zero + 1, size - n - 1)) == HS_OK &&
	    hs_event_read(&e, &json, 0, HS_VALIDATE_SPEC) == HS_OK) {
		check(s->rules, &e);
		check_used(s->rules, &e);
	}
	hs_json_free(&json);
	hs_settings_free(s);
	hs_buf_free(&text);
	free((void *)(uintptr_t)all.p);
	return 0;
}

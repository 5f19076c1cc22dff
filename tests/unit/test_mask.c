/*
 * The masks of [fields]: masks.txt says which bytes each of them makes of a value. They must be the same
 * in each place of a record, the first time a name is seen and after.
 */
#include "config/settings.h"
#include "event/flatten.h"
#include "tests/lib/cases.h"

#include <stdlib.h>

#define HASH_KEY "hash_key = 0123456789abcdef0123456789abcdef\n"

/* The mask is on a fixed field, on a leaf, on a second leaf with its name, and on names by their beginning. */
static struct hs_settings *settings_with(struct test_case *c, struct hs_slice mask)
{
	static const char *const names[] = { "channel", "traits_a", "properties_*" };
	struct hs_settings_error error;
	struct hs_buf text = { 0 };
	struct hs_settings *s;

	hs_buf_printf(&text, "spool_dir = /s\nauth = none\n" HASH_KEY "[fields]\n");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		hs_buf_printf(&text, "%s = %.*s\n", names[i], (int)mask.n, mask.p);
	s = hs_settings_new("test.conf", hs_buf_slice(&text), NULL, &error);
	hs_buf_free(&text);
	if (s == NULL)
		case_fail(c, "%s", error.text);
	return s;
}

static void put_field(struct hs_buf *out, const char *name, struct hs_slice value)
{
	if (value.n > 0)
		hs_buf_printf(out, ",\"%s\":%.*s", name, (int)value.n, value.p);
}

/* A fixed field has no array: that one would be a leaf, channel_2. */
static bool may_be_fixed(struct hs_slice value)
{
	return value.p[0] != '[';
}

static struct hs_buf event_with(struct hs_slice value)
{
	struct hs_buf event = { 0 };

	hs_buf_printf(&event, "{\"type\":\"page\",\"userId\":\"u\"");
	if (may_be_fixed(value))
		put_field(&event, "channel", value);
	hs_buf_printf(&event, ",\"traits\":{\"b\":1");
	put_field(&event, "a", value);
	put_field(&event, "A", value);
	hs_buf_printf(&event, "},\"properties\":{\"c\":");
	hs_buf_put_slice(&event, value);
	hs_buf_put_slice(&event, HS_SLICE("}}"));
	return event;
}

static struct hs_buf record_with(struct hs_slice value, bool has_fixed)
{
	struct hs_buf record = { 0 };

	hs_buf_printf(&record, "{\"type\":\"page\",\"user_id\":\"u\"");
	if (has_fixed)
		put_field(&record, "channel", value);
	hs_buf_printf(&record, ",\"spooled_at\":\"T\",\"traits_b\":1");
	put_field(&record, "traits_a", value);
	put_field(&record, "traits_a_2", value);
	put_field(&record, "properties_c", value);
	hs_buf_put_slice(&record, HS_SLICE("}\n"));
	return record;
}

static void check(struct test_case *c, struct hs_slice mask, struct hs_slice in, struct hs_slice value)
{
	struct hs_settings *s = settings_with(c, mask);
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("T"), .rules = s->rules };
	struct hs_buf event = event_with(in), expected = record_with(value, may_be_fixed(in)), out = { 0 };
	struct hs_flattener f;
	struct hs_json json = { 0 };
	struct hs_event e;

	case_result(c, hs_json_document(&json, hs_buf_slice(&event)), HS_OK);
	case_result(c, hs_event_read(&e, &json, 0, HS_VALIDATE_LENIENT), HS_OK);
	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	for (int i = 0; i < 3; i++) {
		hs_buf_reset(&out);
		case_result(c, hs_flatten(&f, &e, &stamp, &out), HS_OK);
		case_same(c, "the record", hs_buf_slice(&out), hs_buf_slice(&expected));
	}
	hs_flattener_free(&f);
	hs_json_free(&json);
	hs_buf_free(&event);
	hs_buf_free(&expected);
	hs_buf_free(&out);
	hs_settings_free(s);
}

static void run_mask_case(struct test_case *c)
{
	struct hs_slice in = case_get(c, "in"), line;

	for (size_t at = 0; case_next(c, "mask", &at, &line);) {
		const char *colon = memchr(line.p, ':', line.n);
		struct hs_slice value;

		if (colon == NULL)
			case_fail(c, "a mask without a colon: %s", line.p);
		value = hs_slice_trim(hs_slice(colon + 1, (size_t)(line.p + line.n - colon - 1)));
		check(c, hs_slice(line.p, (size_t)(colon - line.p)), in, value);
	}
}
TESTS_AND_CASES("mask", "masks.txt", run_mask_case)

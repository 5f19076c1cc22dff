/*
 * A record in Segment's shape, flattened again, is the record: tried on what the cases of flatten.txt become.
 * But for names with two underscores in a row, of empty or odd keys: snake case makes one of them.
 */
#include "event/flatten.h"
#include "event/record_fields.h"
#include "tests/lib/cases.h"
#include "tools/sink/segment_shape.h"

#include <stdlib.h>

/* True if the other line has the field, with the same bytes of its value. */
static bool has_field(struct hs_slice line, const struct hs_record_field *wanted)
{
	struct hs_record_fields walk = hs_record_fields_of(line);
	struct hs_record_field field;

	while (hs_record_field_next(&walk, &field))
		if (hs_slice_eq(field.name, wanted->name))
			return field.is_string == wanted->is_string && hs_slice_eq(field.value, wanted->value);
	return false;
}

/* The settings header's fields are before spooled_at, and a sender's own settings after it. */
static bool is_added(struct hs_slice name, bool before)
{
	return hs_slice_eq(name, HS_SLICE("tenant")) || hs_slice_eq(name, HS_SLICE("source")) ||
	       (before && name.n > 9 && memcmp(name.p, "settings_", 9) == 0);
}

static void compare(struct test_case *c, struct hs_slice record, struct hs_slice again)
{
	struct hs_record_fields walk = hs_record_fields_of(record);
	struct hs_record_field field;
	bool before = true;

	while (hs_record_field_next(&walk, &field)) {
		before = before && !hs_slice_eq(field.name, HS_SLICE("spooled_at"));
		if (!is_added(field.name, before) && memmem(field.name.p, field.name.n, "__", 2) == NULL &&
		    !has_field(again, &field))
			case_fail(c, "%.*s is not in %.*s", (int)field.name.n, field.name.p, (int)again.n, again.p);
	}
}

static void run_shape_case(struct test_case *c)
{
	static const char *const others[] = { "in", "settings", "tenant", "err", "names" };
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("2026-11-23T10:15:00.123Z") };
	struct hs_slice record, ignored;
	struct hs_buf shape = { 0 }, out = { 0 };
	struct hs_flattener flattener;
	struct hs_json json = { 0 };
	struct hs_event e;

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		case_find(c, others[i], &ignored);
	if (!case_find(c, "out", &record) || case_find(c, "names", &ignored) || case_find(c, "lenient", &ignored))
		return;
	hs_segment_shape_put(record, &shape);
	case_result(c, hs_json_document(&json, hs_buf_slice(&shape)), HS_OK);
	case_result(c, hs_event_read(&e, &json, 0, HS_VALIDATE_SPEC), HS_OK);
	hs_flattener_init(&flattener, HS_NAMES_WAREHOUSE);
	case_result(c, hs_flatten(&flattener, &e, &stamp, &out), HS_OK);
	compare(c, record, hs_slice(out.p, out.n - 1));
	hs_flattener_free(&flattener);
	hs_json_free(&json);
	hs_buf_free(&shape);
	hs_buf_free(&out);
}

/* Lines of a spool that is damaged or empty, and names that only begin like an object's. */
TEST(odd_lines_have_a_shape)
{
	static const char *const cases[][2] = {
		{ "{}", "{}" },
		{ "{\"properties_a\":1}", "{\"properties\":{\"a\":1}}" },
		{ "{\"properties_\":1,\"propertiesxy\":2,\"properties.b\":3}",
		  "{\"properties_\":1,\"propertiesxy\":2,\"properties\":{\"b\":3}}" },
		{ "{\"tenant\":\"t\",\"source\":\"s\",\"settings_a\":1,\"spooled_at\":\"x\",\"settings_b\":2}",
		  "{\"settings_b\":2}" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hs_buf out = { 0 };

		hs_segment_shape_put(hs_slice_str(cases[i][0]), &out);
		assert_slice_equal(hs_buf_slice(&out), hs_slice_str(cases[i][1]));
		hs_buf_free(&out);
	}
}

TESTS_AND_CASES("segment_shape", "flatten.txt", run_shape_case)

/*
 * record_fields: the names and values of a record, with or without escapes; a text that is
 * not a record is never read beyond its end.
 */
#include "event/event.h"
#include "event/flatten.h"
#include "event/record_fields.h"
#include "tests/lib/unit.h"

#include <stdlib.h>

/* "name=value;name=value;", as hs_record_field_put has them. */
static const char *walk(struct hs_slice line)
{
	static struct hs_buf out;
	struct hs_record_fields leaves = hs_record_fields_of(line);
	struct hs_record_field leaf;

	hs_buf_reset(&out);
	while (hs_record_field_next(&leaves, &leaf)) {
		hs_buf_put_slice(&out, leaf.name);
		hs_buf_putc(&out, '=');
		hs_record_field_put(&leaf, &out);
		hs_buf_putc(&out, ';');
	}
	hs_buf_putc(&out, '\0');
	return out.p;
}

/* For the sanitizers: there is nothing to add to. */
TEST(no_line_has_no_fields)
{
	struct hs_record_fields walk = hs_record_fields_of(HS_SLICE_NONE);
	struct hs_record_field field;

	assert_false(hs_record_field_next(&walk, &field));
}

TEST(names_and_values)
{
	assert_string_equal(walk(HS_SLICE("{\"type\":\"track\",\"n\":39.950,\"t\":true,\"z\":null,\"e\":\"\"}")),
	                    "type=track;n=39.950;t=true;z=;e=;");
	assert_string_equal(walk(HS_SLICE("{\"a\":\"x,\\\"}{\",\"b\":\"\\\\\",\"c\":1}")), "a=x,\"}{;b=\\;c=1;");
	assert_string_equal(walk(HS_SLICE("{\"a\":\"Caf\\u00e9\",\"b\":\"\\ud83d\\ude00\",\"c\":\"x\\ud800y\"}")),
	                    "a=Caf\xc3\xa9;b=\xf0\x9f\x98\x80;c=x\xef\xbf\xbdy;");
	assert_string_equal(walk(HS_SLICE("{\"a\":\"\\ud7ff \xed\x95\x9c\\n\"}")), "a=\xed\x9f\xbf \xed\x95\x9c\n;");
	assert_string_equal(walk(HS_SLICE("{}")), "");
}

/* Users are compared by the text of their ids: 1e2 is the user "100". */
TEST(numbers_as_ids)
{
	static const struct {
		const char *line;
		const char *id;
	} rows[] = {
		{ "{\"user_id\":1e2}", "100" }, { "{\"user_id\":\"1e2\"}", "1e2" }, { "{\"user_id\":100}", "100" },
		{ "{\"user_id\":1.0}", "1" },   { "{\"user_id\":null}", "" },
	};
	struct hs_buf text = { 0 };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct hs_record_fields fields = hs_record_fields_of(hs_slice_str(rows[i].line));
		struct hs_record_field field;

		assert_true(hs_record_field_next(&fields, &field));
		hs_buf_reset(&text);
		hs_record_field_put_id(&field, &text);
		assert_slice_equal(hs_buf_slice(&text), hs_slice_str(rows[i].id));
	}
	hs_buf_free(&text);
}

/* --user finds a number by its value, and as it was written. */
TEST(numbers_as_the_id_that_is_sought)
{
	static const struct {
		const char *line, *id;
		bool is;
	} rows[] = {
		{ "{\"user_id\":7.0}", "7", true },      { "{\"user_id\":7.0}", "7.0", true },
		{ "{\"user_id\":7.0}", "8", false },     { "{\"user_id\":1e2}", "100", true },
		{ "{\"user_id\":7}", "7", true },        { "{\"user_id\":7}", "7.0", false },
		{ "{\"user_id\":\"7.0\"}", "7", false }, { "{\"user_id\":null}", "null", false },
	};
	struct hs_buf scratch = { 0 };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct hs_record_fields leaves = hs_record_fields_of(hs_slice_str(rows[i].line));
		struct hs_record_field field;

		assert_true(hs_record_field_next(&leaves, &field));
		assert_int_equal(hs_record_field_is_id(&field, hs_slice_str(rows[i].id), &scratch), rows[i].is);
	}
	hs_buf_free(&scratch);
}

/* Whatever hs_flatten makes is read back complete. */
TEST(what_flatten_makes)
{
	static const char event[] = "{\"type\":\"track\",\"event\":\"a\\\"b\",\"userId\":\"u\","
				    "\"properties\":{\"x\":[1,\"]\",{\"a\":2}],"
				    "\"\\\"q\":{\"y\":-1.5e3},\"s\":\"\\\\\\\\\"}}";
	struct hs_flattener f;
	struct hs_json json = { 0 };
	struct hs_buf line = { 0 };
	struct hs_event e;
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("2026-11-23T10:15:00.123Z") };

	hs_flattener_init(&f, HS_NAMES_WAREHOUSE);
	assert_result(hs_json_document(&json, HS_SLICE(event)), HS_OK);
	assert_result(hs_event_read(&e, &json, 0, HS_VALIDATE_SPEC), HS_OK);
	assert_result(hs_flatten(&f, &e, &stamp, &line), HS_OK);
	assert_string_equal(walk(hs_slice(line.p, line.n - 1)),
	                    "type=track;event=a\"b;user_id=u;spooled_at=2026-11-23T10:15:00.123Z;"
	                    "properties_x=[1,\"]\",{\"a\":2}];properties_q_y=-1.5e3;properties_s=\\\\;");
	hs_flattener_free(&f);
	hs_json_free(&json);
	hs_buf_free(&line);
}

TEST(compared_decoded)
{
	struct hs_slice line = HS_SLICE("{\"na\\u006de\":\"\\u0061b\",\"n\":null,\"s\":\"null\",\"i\":12}");
	struct hs_record_fields leaves = hs_record_fields_of(line);
	struct hs_buf scratch = { 0 }, small = { .max = 1 };
	struct hs_record_field leaf;

	assert_true(hs_record_field_next(&leaves, &leaf));
	assert_true(hs_record_field_is_named(&leaf, HS_SLICE("name"), &scratch));
	assert_false(hs_record_field_is_named(&leaf, HS_SLICE("nam"), &scratch));
	assert_true(hs_record_field_is(&leaf, HS_SLICE("ab"), &scratch));
	assert_false(hs_record_field_is(&leaf, HS_SLICE("\\u0061b"), &scratch));
	assert_slice_equal(hs_record_field_decoded(&leaf, &scratch), HS_SLICE("ab"));
	assert_false(hs_record_field_is_named(&leaf, HS_SLICE("name"), &small)); /* no memory */
	assert_null(hs_record_field_decoded(&leaf, &small).p);
	assert_true(hs_record_field_next(&leaves, &leaf));
	assert_false(hs_record_field_is(&leaf, HS_SLICE("null"), &scratch));
	assert_true(hs_record_field_next(&leaves, &leaf));
	assert_true(hs_record_field_is(&leaf, HS_SLICE("null"), &scratch));
	assert_true(hs_record_field_next(&leaves, &leaf));
	assert_true(hs_record_field_is(&leaf, HS_SLICE("12"), &scratch));
	assert_slice_equal(hs_record_field_decoded(&leaf, &scratch), HS_SLICE("12"));
	assert_false(hs_record_field_next(&leaves, &leaf));
	hs_buf_free(&small);
	hs_buf_free(&scratch);
}

/* A NUL ends nothing: "a" and "a\u0000b" are two names. */
TEST(names_with_a_nul)
{
	struct hs_record_fields leaves = hs_record_fields_of(HS_SLICE("{\"a\\u0000b\":1,\"a\":\"x\\u0000\"}"));
	struct hs_buf scratch = { 0 };
	struct hs_record_field leaf;

	assert_true(hs_record_field_next(&leaves, &leaf));
	assert_false(hs_record_field_is_named(&leaf, HS_SLICE("a"), &scratch));
	assert_true(hs_record_field_is_named(&leaf, HS_SLICE("a\0b"), &scratch));
	assert_true(hs_record_field_next(&leaves, &leaf));
	assert_true(hs_record_field_is_named(&leaf, HS_SLICE("a"), &scratch));
	assert_false(hs_record_field_is(&leaf, HS_SLICE("x"), &scratch));
	assert_true(hs_record_field_is(&leaf, HS_SLICE("x\0"), &scratch));
	hs_buf_free(&scratch);
}

/* Every prefix of a line, in memory of exactly that size, for the sanitizers. */
TEST(cut_anywhere)
{
	static const char text[] = "{\"a\":\"x\\\"y\",\"b\":12,\"c\":null,\"d\\\\\":\"\\u0041\"}";

	for (size_t n = 0; n < sizeof text; n++) {
		char *copy = malloc(n + 1);

		assert_non_null(copy);
		memcpy(copy, text, n);
		copy = realloc(copy, n > 0 ? n : 1);
		walk(hs_slice(copy, n));
		free(copy);
	}
	assert_string_equal(walk(HS_SLICE("not a record")), "");
	assert_string_equal(walk(HS_SLICE("{\"a\" 1}")), "");
	assert_string_equal(walk(HS_SLICE("{,,,,")), "");
	assert_string_equal(walk(HS_SLICE("{\"a\":,\"b\":1}")), "");
}

/* A damaged line: nothing after the string is taken for digits of its last escape. */
TEST(cut_escapes)
{
	static const char *const texts[] = { "{\"a\":1,\"b\":\"x\\u\",\"c\":1}", "{\"a\":1,\"b\":\"x\\u00e\"}",
		                             "{\"a\":1,\"b\":\"\\u00eg\"}", "{\"a\":1,\"\\u006\":1}",
		                             "{\"a\":1,\"b\":\"x\\" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		size_t n = strlen(texts[i]);
		char *copy = malloc(n);

		assert_non_null(copy);
		memcpy(copy, texts[i], n);
		assert_string_equal(walk(hs_slice(copy, n)), "a=1;");
		free(copy);
	}
}

TESTS("record_fields", NULL, NULL)

/* schema_forms: catalogues compared and printed, tests/cases/schema.txt; what is no catalogue is refused. */
#include "base/timestamp.h"
#include "tests/lib/cases.h"
#include "tests/lib/random.h"
#include "tools/report/filter.h"
#include "tools/schema/diff.h"
#include "tools/schema/forms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The catalogue of the records of a key. */
static struct hs_schema schema_of(struct test_case *c, const char *key)
{
	struct hs_schema schema = { .table.seed = 3 };
	struct hs_slice line;
	size_t at = 0;

	while (case_next(c, key, &at, &line))
		assert_true(hs_schema_table_add(&schema.table, line, 1, true));
	return schema;
}

static struct hs_schema_view view_of(struct test_case *c)
{
	struct hs_schema_view view = { .since_ms = 0 };
	struct hs_slice value;

	if (case_find(c, "event", &value))
		view.event = value;
	if (case_find(c, "since", &value))
		assert_true(hs_filter_when(value.p, 0, &view.since_ms));
	view.no_examples = case_find(c, "plain", &value);
	return view;
}

static void compare(struct test_case *c, const struct hs_schema_view *view)
{
	struct hs_schema before = schema_of(c, "before"), now = schema_of(c, "now");
	struct hs_schema_table read = { .seed = 5 };
	struct hs_buf json = { 0 }, out = { 0 };
	struct hs_slice expected = case_text(c, "says");
	char *text;

	hs_schema_put_json(&before, &(struct hs_schema_view){ .since_ms = 0 }, &json, NULL, NULL);
	text = unit_exact_copy(hs_buf_slice(&json));
	case_result(c, hs_schema_read_json(hs_slice(text, json.n), &read), HS_OK);
	assert_int_equal(hs_schema_diff(&read, &now.table, view, &out), expected.n > 0);
	case_same(c, "the comparison", hs_buf_slice(&out), expected);
	free(text);
	free((char *)(uintptr_t)expected.p);
	hs_buf_free(&json);
	hs_buf_free(&out);
	hs_schema_table_free(&read);
	hs_schema_free(&before);
	hs_schema_free(&now);
}

static bool never(void *context)
{
	(*(unsigned *)context)++;
	return true;
}

static void print(struct test_case *c, struct hs_slice name, const struct hs_schema_view *view)
{
	struct hs_schema now = schema_of(c, "now");
	struct hs_buf out = { 0 };
	unsigned flushed = 0;
	struct hs_schema_form form = { &now, view, &out, never, &flushed, 0 };
	struct hs_slice expected = case_text(c, "out"), columns;

	if (case_find(c, "columns", &columns))
		form.columns = (unsigned)case_number(c, columns);
	hs_schema_table_sort(&now.table);
	(hs_slice_eq(name, HS_SLICE("table"))        ? hs_schema_put_table
	 : hs_slice_eq(name, HS_SLICE("typescript")) ? hs_schema_put_typescript
	                                             : hs_schema_put_json_schema)(&form);
	assert_true(hs_buf_ok(&out));
	case_same(c, "the output", hs_buf_slice(&out), expected);
	assert_int_equal(flushed, now.table.count);
	free((char *)(uintptr_t)expected.p);
	hs_buf_free(&out);
	hs_schema_free(&now);
}

static void run_case(struct test_case *c)
{
	struct hs_schema_view view = view_of(c);
	struct hs_slice form;

	if (case_find(c, "form", &form))
		print(c, form, &view);
	else
		compare(c, &view);
}

/* The characters of the longest line. */
static size_t widest(struct hs_slice text)
{
	size_t most = 0, n = 0;

	for (size_t i = 0; i < text.n; i++) {
		n = text.p[i] == '\n' ? 0 : n + (((unsigned char)text.p[i] & 0xC0) != 0x80);
		most = n > most ? n : most;
	}
	return most;
}

static void put_random(struct random_source *r, struct hs_buf *line, uint32_t most)
{
	static const char *const pieces[] = { "a",    "_",          "\xc3\xa9",       "\xe2\x82\xac",
		                              "long", "\\u001b[2J", "\\ud83d\\ude00", " " };

	for (uint32_t i = random_below(r, most); i-- > 0;)
		hs_buf_put_slice(line, hs_slice_str(pieces[random_below(r, 8)]));
}

TEST(a_table_fits_the_terminal)
{
	uint64_t seed = random_seed();

	for (unsigned n = 0; n < 300; n++) {
		struct random_source r = random_new(seed + n);
		struct hs_schema schema = { .table.seed = 3 };
		struct hs_buf line = { 0 }, out = { 0 };
		unsigned columns = 60 + random_below(&r, 60);

		for (int i = 0; i < 8; i++) {
			hs_buf_reset(&line);
			hs_buf_put_slice(&line, HS_SLICE("{\"type\":\"track\",\"event\":\""));
			put_random(&r, &line, 60);
			hs_buf_printf(&line, "\",\"p%d\":%s,\"q%d_", (int)random_below(&r, 2),
			              random_below(&r, 2) == 0 ? "true" : "null", i);
			put_random(&r, &line, 60);
			hs_buf_put_slice(&line, HS_SLICE("\":\""));
			put_random(&r, &line, 60);
			hs_buf_put_slice(&line, HS_SLICE("\",\"spooled_at\":\"2026-11-19T08:07:06.000Z\"}"));
			assert_true(hs_schema_table_add(&schema.table, hs_buf_slice(&line), 1, true));
		}
		hs_schema_table_sort(&schema.table);
		hs_schema_put_table(&(struct hs_schema_form){ &schema, &(struct hs_schema_view){ .since_ms = 0 }, &out,
		                                              NULL, NULL, columns });
		if (widest(hs_buf_slice(&out)) > columns || memchr(out.p, '\033', out.n) != NULL)
			fail_msg("seed %llu: %u columns:\n%.*s", (unsigned long long)(seed + n), columns, (int)out.n,
			         out.p);
		hs_buf_free(&line);
		hs_buf_free(&out);
		hs_schema_free(&schema);
	}
}

static bool hang_up(void *context)
{
	return --*(int *)context > 0;
}

/* Its reader may go before its end. */
TEST(a_catalogue_ends_where_nobody_reads_it)
{
	struct hs_schema schema = { .table.seed = 3 };
	struct hs_buf out = { 0 };
	int events = 2;

	for (char type[] = "{\"type\":\"track\",\"event\":\"A\"}"; type[25] < 'F'; type[25]++)
		assert_true(hs_schema_table_add(&schema.table, hs_slice_str(type), 1, true));
	assert_int_equal(schema.table.count, 5);
	hs_schema_put_json(&schema, &(struct hs_schema_view){ .since_ms = 0 }, &out, hang_up, &events);
	assert_int_equal(events, 0);
	assert_non_null(memmem(out.p, out.n, "\"B\"", 3));
	assert_null(memmem(out.p, out.n, "\"C\"", 3));
	hs_buf_free(&out);
	hs_schema_free(&schema);
}

TEST(other_texts_are_refused)
{
	static const struct {
		const char *text;
		enum hs_result result;
	} cases[] = {
		{ "", HS_E_JSON_EMPTY },
		{ "{\"events\":[]", HS_E_JSON_END },
		{ "[]", HS_E_NOT_AN_EVENT },
		{ "{}", HS_E_NOT_AN_EVENT },
		{ "{\"events\":{}}", HS_E_NOT_AN_EVENT },
		{ "{\"events\":[1]}", HS_E_NOT_AN_EVENT },
		{ "{\"events\":[{\"type\":\"a\",\"fields\":[]}]}", HS_E_NOT_AN_EVENT },
		{ "{\"events\":[{\"type\":\"a\",\"event\":1,\"fields\":[]}]}", HS_E_NOT_AN_EVENT },
		{ "{\"events\":[{\"type\":\"a\",\"event\":null,\"fields\":1}]}", HS_E_NOT_AN_EVENT },
		{ "{\"events\":[{\"type\":\"a\",\"event\":null,\"fields\":[{\"name\":\"b\"}]}]}", HS_E_NOT_AN_EVENT },
		{ "{\"events\":[{\"type\":\"a\",\"event\":null,\"fields\":[{\"name\":\"b\",\"types\":[\"c\"]}]}]}",
		  HS_E_NOT_AN_EVENT },
		{ "{\"events\":[{\"type\":\"a\",\"event\":null,\"fields\":[]},{\"type\":\"a\",\"event\":null,"
		  "\"fields\":[]}]}",
		  HS_E_NOT_AN_EVENT },
		{ "{\"events\":[{\"type\":\"a\",\"event\":null,\"fields\":[{\"name\":\"b\",\"types\":[\"null\"]}]}]}",
		  HS_OK },
		{ "{\"events\":[]}", HS_OK },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hs_schema_table t = { .seed = 1 };
		char *text = unit_exact_copy(hs_slice_str(cases[i].text));

		if (hs_schema_read_json(hs_slice(text, strlen(cases[i].text)), &t) != cases[i].result)
			fail_msg("%s", cases[i].text);
		hs_schema_table_free(&t);
		free(text);
	}
}

TESTS_AND_CASES("schema_forms", "schema.txt", run_case)

/* schema_forms: catalogues compared and printed, tests/cases/schema.txt; what is no catalogue is refused. */
#include "base/timestamp.h"
#include "tests/lib/cases.h"
#include "tests/lib/random.h"
#include "tests/lib/wrap.h"
#include "tools/report/filter.h"
#include "tools/schema/diff.h"
#include "tools/schema/forms.h"

#include <errno.h>
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
	size_t shown = 0;

	if (case_find(c, "columns", &columns))
		form.columns = (unsigned)case_number(c, columns);
	hs_schema_table_sort(&now.table);
	(hs_slice_eq(name, HS_SLICE("table"))        ? hs_schema_put_table
	 : hs_slice_eq(name, HS_SLICE("typescript")) ? hs_schema_put_typescript
	                                             : hs_schema_put_json_schema)(&form);
	assert_true(hs_buf_ok(&out));
	case_same(c, "the output", hs_buf_slice(&out), expected);
	for (size_t i = 0; i < now.table.count; i++)
		shown += hs_schema_shows_event(view, &now.table.event[i]);
	assert_int_equal(flushed, shown);
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
	for (int i = 0; i < 3; i++) {
		events = 2;
		hs_buf_reset(&out);
		(i == 0   ? hs_schema_put_table
		 : i == 1 ? hs_schema_put_typescript
		          : hs_schema_put_json_schema)(&(struct hs_schema_form){
		    &schema, &(struct hs_schema_view){ .since_ms = 0 }, &out, hang_up, &events, 0 });
		assert_int_equal(events, 0);
		assert_null(memmem(out.p, out.n, "TrackC", 6));
	}
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
		{ "{\"events\":[{\"type\":\"a\",\"event\":null}]}", HS_E_NOT_AN_EVENT },
		{ "{\"events\":[{\"type\":\"a\",\"event\":null,\"fields\":[{\"types\":[\"null\"]}]}]}",
		  HS_E_NOT_AN_EVENT },
		{ "{\"events\":[{\"type\":\"a\",\"event\":null,\"fields\":[{\"name\":\"b\",\"types\":\"null\"}]}]}",
		  HS_E_NOT_AN_EVENT },
		{ "{\"events\":[{\"type\":\"a\",\"event\":null,\"fields\":[{\"name\":\"b\",\"types\":[1]}]}]}",
		  HS_E_NOT_AN_EVENT },
		{ "{\"events\":[{\"type\":\"a\",\"event\":null,\"fields\":[{\"name\":\"b\",\"types\":[\"null\"]},"
		  "{\"name\":\"b\",\"types\":[\"null\"]}]}]}",
		  HS_E_NOT_AN_EVENT },
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

/* Beyond the limits there are no names, but a number. */
TEST(a_table_tells_what_was_too_much)
{
	struct hs_schema schema = { .table.seed = 3 };
	struct hs_buf line = { 0 }, out = { 0 };

	hs_buf_put_slice(&line, HS_SLICE("{\"type\":\"a\""));
	for (int i = 0; i < HS_SCHEMA_FIELDS + 1; i++) /* and the type */
		hs_buf_printf(&line, ",\"f%d\":1", i);
	hs_buf_putc(&line, '}');
	assert_true(hs_schema_table_add(&schema.table, hs_buf_slice(&line), 1, true));
	schema.table.other = 7;
	schema.table.event[0].count = 0; /* as a damaged file may have it */
	hs_schema_put_table(
	    &(struct hs_schema_form){ &schema, &(struct hs_schema_view){ .since_ms = 0 }, &out, NULL, NULL, 0 });
	assert_non_null(memmem(out.p, out.n, "  2 values of further fields: 1000 names at most\n", 48));
	assert_non_null(memmem(out.p, out.n, "\n7 records of further events: at most 10000 names, 16 MB\n", 56));
	assert_non_null(memmem(out.p, out.n, "  type      string           0%", 31));
	hs_buf_free(&line);
	hs_buf_free(&out);
	hs_schema_free(&schema);
}

/* --- without memory ---------------------------------------------------------------------- */

typedef bool making(struct hs_schema *now, struct hs_buf *out);

static struct hs_schema_form form_of(struct hs_schema *now, struct hs_buf *out)
{
	static const struct hs_schema_view all = { .since_ms = 0 };

	return (struct hs_schema_form){ now, &all, out, NULL, NULL, 80 };
}

static bool make_table(struct hs_schema *now, struct hs_buf *out)
{
	struct hs_schema_form form = form_of(now, out);

	hs_schema_put_table(&form);
	return hs_buf_ok(out);
}

static bool make_typescript(struct hs_schema *now, struct hs_buf *out)
{
	struct hs_schema_form form = form_of(now, out);

	hs_schema_put_typescript(&form);
	return hs_buf_ok(out);
}

static bool make_json_schema(struct hs_schema *now, struct hs_buf *out)
{
	struct hs_schema_form form = form_of(now, out);

	hs_schema_put_json_schema(&form);
	return hs_buf_ok(out);
}

static bool make_comparison(struct hs_schema *now, struct hs_buf *out)
{
	static const char before[] = "{\"events\":[{\"type\":\"a\",\"event\":\"e\",\"fields\":["
				     "{\"name\":\"b\",\"types\":[\"null\"]}]}]}";
	static const struct hs_schema_view all = { .since_ms = 0 };
	struct hs_schema_table t = { .seed = 1 };
	enum hs_result result = hs_schema_read_json(hs_slice_str(before), &t);

	assert_true(result == HS_OK || result == HS_E_MEMORY);
	if (result == HS_OK)
		hs_schema_diff(&t, &now->table, &all, out);
	hs_schema_table_free(&t);
	return result == HS_OK && hs_buf_ok(out);
}

static void fail_from(enum wrap_call call, unsigned nth, unsigned times, making *make, struct hs_schema *now,
                      struct hs_slice whole)
{
	struct hs_buf out = { 0 };

	wrap_reset();
	wrap_fail(call, nth, times, ENOMEM);
	if (make(now, &out))
		assert_slice_equal(hs_buf_slice(&out), whole);
	wrap_reset();
	hs_buf_free(&out);
}

/* Fails each allocation in turn, and all from it on: the text is the same, or there is none. */
static void fail_every_allocation(making *make, struct hs_schema *now)
{
	static const enum wrap_call calls[] = { WRAP_MALLOC, WRAP_CALLOC, WRAP_REALLOC };
	struct hs_buf whole = { 0 };
	unsigned count[3];

	wrap_reset();
	assert_true(make(now, &whole));
	for (size_t i = 0; i < 3; i++)
		count[i] = wrap_count(calls[i]);
	for (size_t i = 0; i < 3; i++)
		for (unsigned nth = 1; nth <= count[i]; nth++) {
			fail_from(calls[i], nth, 1, make, now, hs_buf_slice(&whole));
			fail_from(calls[i], nth, WRAP_FOREVER, make, now, hs_buf_slice(&whole));
		}
	hs_buf_free(&whole);
}

TEST(without_memory_no_form_leaves_anything_out)
{
	struct hs_schema now = { .table.seed = 3 };

	for (char line[] = "{\"type\":\"track\",\"event\":\"A\",\"a\":\"b\",\"c\":null}"; line[25] < 'D'; line[25]++)
		assert_true(hs_schema_table_add(&now.table, hs_slice_str(line), 1, true));
	fail_every_allocation(make_comparison, &now);
	fail_every_allocation(make_table, &now);
	fail_every_allocation(make_typescript, &now);
	fail_every_allocation(make_json_schema, &now);
	hs_schema_free(&now);
}

TESTS_AND_CASES("schema_forms", "schema.txt", run_case)

/*
 * Any bytes as a catalogue of events: what decodes is within the limits, and is the same when it is written and
 * read again; it prints as JSON. And any lines as records. The first byte says how the rest is used.
 *
 *	'f'  as a file, after its check sum
 *	else as lines
 */
#include "schema/schema_json.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct hs_schema *s)
{
	const struct hs_schema_table *t = &s->table;
	size_t fields = 0;

	MUST(t->count <= HS_SCHEMA_EVENTS && t->bytes <= HS_SCHEMA_BYTES);
	for (size_t i = 0; i < t->count; i++) {
		uint32_t n = 0;

		for (uint32_t f = t->event[i].first; f != HS_SCHEMA_NONE; f = t->field[f].next) {
			MUST(f < t->field_count && t->field[f].name.owner == i &&
			     t->field[f].value_count <= HS_SCHEMA_VALUES);
			n++;
		}
		MUST(n == t->event[i].fields && n <= HS_SCHEMA_FIELDS);
		fields += n;
	}
	MUST(fields == t->field_count);
}

static struct hs_buf print(struct hs_schema *s)
{
	struct hs_buf text = { 0 };
	struct json_object *tree;

	hs_schema_table_sort(&s->table);
	hs_schema_put_json(s, &(struct hs_schema_view){ .since_ms = 0 }, &text, NULL, NULL);
	MUST(hs_buf_ok(&text) && text.p[text.n - 1] == '\n');
	tree = fuzz_json_c(hs_slice(text.p, text.n - 1));
	MUST(json_object_is_type(tree, json_type_object));
	json_object_put(tree);
	return text;
}

/* Writes it, reads that, and expects the same; frees it. */
static void write_and_read(struct hs_schema *s)
{
	struct hs_schema again = { .table.seed = 2 };
	struct hs_buf bytes = { 0 }, text, text_again;

	check(s);
	hs_schema_encode(s, &bytes);
	MUST(hs_buf_ok(&bytes) && hs_schema_decode(&again, hs_buf_slice(&bytes)) == HS_OK);
	text = print(s);
	text_again = print(&again);
	MUST(hs_slice_eq(hs_buf_slice(&text), hs_buf_slice(&text_again)));
	hs_buf_free(&bytes);
	hs_buf_free(&text);
	hs_buf_free(&text_again);
	hs_schema_free(s);
	hs_schema_free(&again);
}

static void read_lines(struct hs_slice text)
{
	struct hs_schema s = { .table.seed = 1 };
	uint64_t lines = 0;

	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end == NULL ? text.n : (size_t)(end - text.p);
		struct hs_slice line = fuzz_copy(text.p, n);

		MUST(hs_schema_table_add(&s.table, line, lines / 4, lines % 5 > 0));
		lines++;
		free((char *)(uintptr_t)line.p);
		n += end != NULL;
		text = hs_slice(text.p + n, text.n - n);
	}
	hs_schema_table_drop(&s.table, lines / 8);
	write_and_read(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_schema s = { .table.seed = 1 };
	struct hs_slice rest;

	if (size == 0)
		return 0;
	rest = fuzz_copy(data + 1, size - 1);
	if (data[0] != 'f')
		read_lines(rest);
	else if (hs_schema_decode(&s, rest) == HS_OK)
		write_and_read(&s);
	else
		hs_schema_free(&s);
	free((char *)(uintptr_t)rest.p);
	return 0;
}

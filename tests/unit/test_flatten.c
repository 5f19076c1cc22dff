/*
 * flatten: tests/cases/flatten.txt; random events, each leaf of which must be in the line once,
 * in its place, with its bytes unchanged; bounds on memory.
 */
#include "event/flatten.h"
#include "event/snake.h"
#include "tests/lib/cases.h"
#include "tests/lib/json_c.h"
#include "tests/lib/random.h"

#include <stdio.h>
#include <stdlib.h>

#define SPOOLED_AT "2026-11-23T10:15:00.123Z"

enum { RANDOM_EVENTS = 4000, LEAVES_MAX = 400, LEVELS = 32 };

/* --- a line must be flat JSON, whatever else ---------------------------------- */

/* json-c's verdict: NULL, or the fault of the line, which has that many names. */
static const char *line_fault(struct hs_slice line, unsigned names)
{
	struct json_object *object;
	const char *fault = NULL;

	if (line.n == 0 || memchr(line.p, '\n', line.n) != line.p + line.n - 1)
		fault = "it does not end with its only newline";
	json_c_reads(line.p, line.n, LEVELS, &object);
	if (fault == NULL && !json_object_is_type(object, json_type_object))
		fault = "json-c cannot read it";
	else if (fault == NULL && json_object_object_length(object) != (int)names)
		fault = "a name stands twice";
	if (fault == NULL) {
		json_object_object_foreach(object, name, value)
		{
			if (json_object_is_type(value, json_type_object) || json_object_is_type(value, json_type_array))
				fault = name; /* it is nested */
		}
	}
	json_object_put(object);
	return fault == NULL ? NULL : "not one flat object";
}

/* The members of a line, as our own reader counts them. */
static unsigned count_names(struct hs_slice line)
{
	struct hs_json j = { 0 };
	unsigned n = 0;

	assert_result(hs_json_document(&j, line), HS_OK);
	for (uint32_t i = 1; i < j.n; i = j.tok[i + 1].next)
		n++;
	hs_json_free(&j);
	return n;
}

/* --- the case file ------------------------------------------------------------ */

struct bench {
	struct hs_json event, settings;
	struct hs_flattener flattener;
	struct hs_buf out;
};

static void free_bench(struct bench *b)
{
	hs_json_free(&b->event);
	hs_json_free(&b->settings);
	hs_flattener_free(&b->flattener);
	hs_buf_free(&b->out);
}

static void compare_line(struct test_case *c, struct bench *b)
{
	struct hs_slice line = hs_buf_slice(&b->out), expected;

	expected = case_get(c, "out");
	if (line.n == 0 || line.p[line.n - 1] != '\n')
		case_fail(c, "the line does not end");
	case_same(c, "the line", hs_slice(line.p, line.n - 1), expected);
	if (line_fault(line, count_names(line)) != NULL)
		case_fail(c, "%s", line_fault(line, count_names(line)));
}

static void run_flatten_case(struct test_case *c)
{
	struct bench b = { 0 };
	struct hs_stamp stamp = { .spooled_at = HS_SLICE(SPOOLED_AT) };
	struct hs_slice names, settings, nothing, err;
	bool lenient = case_find(c, "lenient", &nothing);
	bool refused = case_find(c, "err", &err);
	struct hs_event e;
	enum hs_result r;

	case_find(c, "names", &names);
	case_find(c, "tenant", &stamp.tenant);
	if (case_find(c, "settings", &settings)) {
		case_result(c, hs_json_document(&b.settings, settings), HS_OK);
		stamp.settings = &b.settings;
	}
	case_result(c, hs_json_document(&b.event, case_get(c, "in")), HS_OK);
	case_result(c, hs_event_read(&e, &b.event, 0, lenient ? HS_VALIDATE_LENIENT : HS_VALIDATE_SPEC), HS_OK);
	hs_flattener_init(&b.flattener,
	                  hs_slice_eq(names, HS_SLICE("verbatim")) ? HS_NAMES_VERBATIM : HS_NAMES_WAREHOUSE);
	r = hs_flatten(&b.flattener, &e, &stamp, &b.out);
	case_result(c, r, refused ? case_verdict(c).result : HS_OK);
	if (refused)
		case_same(c, "the buffer", hs_buf_slice(&b.out), HS_SLICE(""));
	else
		compare_line(c, &b);
	free_bench(&b);
}

/* --- random events ------------------------------------------------------------ */

struct leaf {
	struct hs_buf name;  /* without a suffix */
	struct hs_buf value; /* as the line must have it */
};

struct maker {
	struct random_source random;
	enum hs_names names;
	struct hs_buf text;
	struct hs_buf path;
	struct leaf leaf[LEAVES_MAX];
	unsigned leaves, serial;
};

static const struct {
	const char *sent, *decoded;
} keys[] = {
	{ "a", "a" },
	{ "b", "b" },
	{ "userId", "userId" },
	{ "orderId", "orderId" },
	{ "order_id", "order_id" },
	{ "total billed", "total billed" },
	{ "", "" },
	{ "$", "$" },
	{ "gr\xC3\xB6\xC3\x9F"
	  "e",
	  "gr\xC3\xB6\xC3\x9F"
	  "e" },
	{ "\\u0061", "a" },
	{ "\\u00e9", "\xC3\xA9" },
	{ "\\\"q", "\"q" },
	{ "x\\\\y", "x\\y" },
	{ "\\ud83d\\ude00", "\xF0\x9F\x98\x80" },
	{ "tenant", "tenant" },
	{ "spooled", "spooled" },
	{ "at", "at" },
	{ "id", "id" },
	{ "message", "message" },
	{ "a_2", "a_2" },
	{ "\\n", "\n" },
};
enum { KEYS = sizeof keys / sizeof *keys };

static uint32_t choose(struct maker *m, uint32_t below)
{
	return random_below(&m->random, below);
}

static void put(struct hs_buf *b, const char *s)
{
	hs_buf_put_slice(b, hs_slice_str(s));
}

static void put_blanks(struct maker *m)
{
	static const char *const blanks[] = { "", "", "", " ", "\t", "\r\n  " };

	put(&m->text, blanks[choose(m, 6)]);
}

/* Puts a scalar unlike any other into the text and into `twin`. */
static void put_scalar(struct maker *m, struct hs_buf *twin)
{
	static const struct {
		const char *before, *after;
	} shapes[] = {
		{ "\"v", "\"" }, { "\"", " \\u00e9 \\\" { [ , \"" },  { "\"\\\\", "  \xE2\x82\xAC\"" }, { "-", ".50" },
		{ "", "e400" },  { "", "12345678901234567890123.0" },
	};
	uint32_t shape = choose(m, 6);
	struct hs_buf value = { 0 };

	put(&value, shapes[shape].before);
	hs_buf_put_uint(&value, 1000 + m->serial++);
	put(&value, shapes[shape].after);
	hs_buf_put_slice(&m->text, hs_buf_slice(&value));
	hs_buf_put_slice(twin, hs_buf_slice(&value));
	hs_buf_free(&value);
}

/* Puts an array, with blanks into the text and without into `twin`. */
static void put_random_array(struct maker *m, struct hs_buf *twin, unsigned depth)
{
	uint32_t n = choose(m, 4);

	put(&m->text, "[");
	put(twin, "[");
	put_blanks(m);
	for (uint32_t i = 0; i < n; i++) {
		put(&m->text, i > 0 ? "," : "");
		put(twin, i > 0 ? "," : "");
		put_blanks(m);
		if (depth > 0 && choose(m, 3) == 0) {
			put_random_array(m, twin, depth - 1);
		} else if (depth > 0 && choose(m, 3) == 0) {
			put(&m->text, "{\"k \\\" \" : null}");
			put(twin, "{\"k \\\" \":null}");
		} else {
			put_scalar(m, twin);
		}
		put_blanks(m);
	}
	put(&m->text, "]");
	put(twin, "]");
}

static void put_leaf(struct maker *m)
{
	struct leaf *l = &m->leaf[m->leaves++];
	struct hs_buf compact = { 0 };

	hs_buf_put_slice(&l->name, hs_buf_slice(&m->path));
	if (choose(m, 4) > 0) {
		put_scalar(m, &l->value);
		return;
	}
	put_random_array(m, &compact, 2);
	put(&l->value, "\"");
	for (size_t i = 0; i < compact.n; i++) {
		if (compact.p[i] == '"' || compact.p[i] == '\\')
			hs_buf_putc(&l->value, '\\');
		hs_buf_putc(&l->value, compact.p[i]);
	}
	put(&l->value, "\"");
	hs_buf_free(&compact);
}

static void push_key(struct maker *m, bool top, uint32_t key)
{
	struct hs_slice decoded = hs_slice_str(keys[key].decoded);
	char snake[64];

	put(&m->text, "\"");
	put(&m->text, keys[key].sent);
	put(&m->text, "\"");
	put_blanks(m);
	put(&m->text, ":");
	put_blanks(m);
	if (!top)
		hs_buf_putc(&m->path, m->names == HS_NAMES_VERBATIM ? '.' : '_');
	if (m->names == HS_NAMES_VERBATIM)
		hs_buf_put_slice(&m->path, decoded);
	else
		hs_buf_put(&m->path, snake, hs_snake(decoded, snake));
}

/* An object has a key once, in whatever spelling. */
static void use_key(bool used[static KEYS], const char *decoded)
{
	for (uint32_t i = 0; i < KEYS; i++)
		used[i] |= strcmp(keys[i].decoded, decoded) == 0;
}

/* The members of an object, with commas between them. */
static void put_members(struct maker *m, unsigned depth, bool top)
{
	uint32_t first = choose(m, KEYS), n = choose(m, 8), step = 1 + choose(m, 4);
	size_t path = m->path.n;
	bool used[KEYS] = { false };

	if (top)
		use_key(used, "userId"); /* the envelope has it already */
	for (uint32_t i = 0; i < n && m->leaves < LEAVES_MAX - 40; i++) {
		uint32_t key = (first + i * step) % KEYS;

		if (used[key])
			continue;
		use_key(used, keys[key].decoded);
		put(&m->text, m->text.p[m->text.n - 1] == '{' ? "" : ",");
		put_blanks(m);
		push_key(m, top, key);
		if (depth > 0 && choose(m, 3) == 0) {
			put(&m->text, "{");
			put_members(m, depth - 1, false);
			put(&m->text, "}");
		} else {
			put_leaf(m);
		}
		put_blanks(m);
		m->path.n = path;
	}
}

static void make_event(struct maker *m, uint64_t seed)
{
	m->random = random_new(seed);
	m->names = choose(m, 2) == 0 ? HS_NAMES_WAREHOUSE : HS_NAMES_VERBATIM;
	put(&m->text, "{\"type\":\"page\",\"userId\":\"u\"");
	put_members(m, 4, true);
	put(&m->text, "}");
	assert_true(hs_buf_ok(&m->text));
}

static void free_maker(struct maker *m)
{
	for (unsigned i = 0; i < m->leaves; i++) {
		hs_buf_free(&m->leaf[i].name);
		hs_buf_free(&m->leaf[i].value);
	}
	hs_buf_free(&m->text);
	hs_buf_free(&m->path);
	free(m);
}

/* `base`, or base_2, base_3, … */
static bool is_name_of(struct hs_slice name, struct hs_slice base)
{
	if (name.n < base.n || !hs_slice_eq(hs_slice(name.p, base.n), base))
		return false;
	if (name.n == base.n)
		return true;
	if (name.p[base.n] != '_' || name.n == base.n + 1)
		return false;
	for (size_t i = base.n + 1; i < name.n; i++)
		if (name.p[i] < '0' || name.p[i] > '9')
			return false;
	return true;
}

/* NULL, or the fault of leaf i, which is token `at` of the line. */
static const char *leaf_fault(const struct hs_json *line, uint32_t at, const struct leaf *l)
{
	struct hs_buf name = { 0 };
	const char *fault = NULL;

	hs_json_unescape(hs_json_inner(line, at), &name);
	if (!hs_slice_eq(hs_json_raw(line, at + 1), hs_buf_slice(&l->value)))
		fault = "a value has changed";
	else if (!is_name_of(hs_buf_slice(&name), hs_buf_slice(&l->name)))
		fault = "a name is not that of its path";
	hs_buf_free(&name);
	return fault;
}

/* NULL, or the fault of the line made from the event. */
static const char *random_fault(const struct maker *m, struct hs_slice line)
{
	static const char start[] = "{\"type\":\"page\",\"user_id\":\"u\",\"spooled_at\":\"" SPOOLED_AT "\"";
	enum { LEADING = 3 };
	struct hs_json j = { 0 };
	const char *fault = NULL;
	uint32_t at = 1 + 2 * LEADING;

	if (line.n < sizeof start || memcmp(line.p, start, sizeof start - 1) != 0)
		fault = "it begins otherwise";
	else if (hs_json_document(&j, line) != HS_OK)
		fault = "it is not JSON";
	else if (j.n != at + 2 * m->leaves)
		fault = "it has not as many members as the event has leaves";
	for (unsigned i = 0; fault == NULL && i < m->leaves; i++)
		fault = leaf_fault(&j, at + 2 * i, &m->leaf[i]);
	hs_json_free(&j);
	return fault != NULL ? fault : line_fault(line, LEADING + m->leaves);
}

TEST(every_leaf_is_in_the_line_once)
{
	struct hs_stamp stamp = { .spooled_at = HS_SLICE(SPOOLED_AT) };
	uint64_t seed = random_seed();
	struct bench b = { 0 };

	hs_flattener_init(&b.flattener, HS_NAMES_WAREHOUSE);
	for (unsigned i = 0; i < RANDOM_EVENTS; i++, seed++) {
		struct maker *m = calloc(1, sizeof *m);
		const char *fault = "";
		struct hs_event e;

		assert_non_null(m);
		make_event(m, seed);
		b.flattener.names = m->names;
		hs_buf_reset(&b.out);
		if (hs_json_document(&b.event, hs_buf_slice(&m->text)) != HS_OK)
			fault = "the event itself is not JSON: correct the test";
		else if (hs_event_read(&e, &b.event, 0, HS_VALIDATE_LENIENT) != HS_OK)
			fault = "it is not an event: correct the test";
		else if (hs_flatten(&b.flattener, &e, &stamp, &b.out) != HS_OK)
			fault = "it was refused";
		else
			fault = random_fault(m, hs_buf_slice(&b.out));
		if (fault != NULL)
			fail_msg("HS_SEED=%llu: %s\n# event %s\n# line  %s", (unsigned long long)seed, fault,
			         unit_show(hs_buf_slice(&m->text)), unit_show(hs_buf_slice(&b.out)));
		free_maker(m);
	}
	free_bench(&b);
}

/* --- many records, large ones, and little memory ------------------------------- */

static enum hs_result flatten_text(struct bench *b, struct hs_slice text)
{
	struct hs_stamp stamp = { .spooled_at = HS_SLICE(SPOOLED_AT) };
	struct hs_event e;

	assert_result(hs_json_document(&b->event, text), HS_OK);
	assert_result(hs_event_read(&e, &b->event, 0, HS_VALIDATE_SPEC), HS_OK);
	return hs_flatten(&b->flattener, &e, &stamp, &b->out);
}

TEST(records_are_appended_independently)
{
	static const char line[] =
	    "{\"type\":\"page\",\"user_id\":\"u\",\"spooled_at\":\"" SPOOLED_AT "\",\"a\":1,\"a_2\":2}\n";
	struct bench b = { 0 };

	hs_flattener_init(&b.flattener, HS_NAMES_WAREHOUSE);
	hs_buf_put(&b.out, "before\n", 7);
	for (int i = 0; i < 3; i++)
		assert_result(flatten_text(&b, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\",\"a\":1,\"A\":2}")),
		              HS_OK);
	assert_int_equal(b.out.n, 7 + 3 * (sizeof line - 1));
	assert_memory_equal(b.out.p, "before\n", 7);
	for (size_t i = 0; i < 3; i++)
		assert_slice_equal(hs_slice(b.out.p + 7 + i * (sizeof line - 1), sizeof line - 1), HS_SLICE(line));
	free_bench(&b);
}

/* The bound on a record is for that record alone, however long the batch before it. */
TEST(a_long_batch_is_not_a_large_record)
{
	struct bench b = { 0 };
	char *room;

	hs_flattener_init(&b.flattener, HS_NAMES_WAREHOUSE);
	room = hs_buf_reserve(&b.out, 1 << 20);
	assert_non_null(room);
	memset(room, 'x', 1 << 20);
	b.out.n = 1 << 20;
	assert_result(flatten_text(&b, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\",\"a\":1}")), HS_OK);
	free_bench(&b);
}

TEST(a_refused_event_leaves_the_records_before_it)
{
	struct bench b = { 0 };
	struct hs_buf text = { 0 };

	hs_flattener_init(&b.flattener, HS_NAMES_WAREHOUSE);
	put(&b.out, "before\n");
	put(&text, "{\"type\":\"page\",\"userId\":\"u\",\"fine\":1,\"");
	for (int i = 0; i < 5000; i++)
		put(&text, "x");
	put(&text, "\":2}");
	assert_result(flatten_text(&b, hs_buf_slice(&text)), HS_E_NAME_LONG);
	assert_slice_equal(hs_buf_slice(&b.out), HS_SLICE("before\n"));
	assert_true(hs_buf_ok(&b.out));
	assert_result(flatten_text(&b, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\",\"fine\":1}")), HS_OK);
	hs_buf_free(&text);
	free_bench(&b);
}

/* {"type":…,"<4000 bytes>":{"k0":0,"k1":0,…}}: every leaf repeats the long name. */
static void put_swelling_event(struct hs_buf *text, unsigned leaves)
{
	put(text, "{\"type\":\"page\",\"userId\":\"u\",\"");
	for (int i = 0; i < 4000; i++)
		put(text, "x");
	put(text, "\":{");
	for (unsigned i = 0; i < leaves; i++) {
		put(text, i == 0 ? "\"k" : ",\"k");
		hs_buf_put_uint(text, i);
		put(text, "\":0");
	}
	put(text, "}}");
}

TEST(an_event_must_not_swell)
{
	struct bench b = { 0 };
	struct hs_buf text = { 0 };

	hs_flattener_init(&b.flattener, HS_NAMES_WAREHOUSE);
	put(&b.out, "before\n");
	put_swelling_event(&text, 20); /* 80 KB from 4 KB */
	assert_result(flatten_text(&b, hs_buf_slice(&text)), HS_OK);
	assert_int_equal(b.out.p[b.out.n - 1], '\n');
	b.out.n = 7;
	hs_buf_reset(&text);
	put_swelling_event(&text, 10000); /* would be 40 MB from 100 KB */
	assert_result(flatten_text(&b, hs_buf_slice(&text)), HS_E_RECORD_LARGE);
	assert_slice_equal(hs_buf_slice(&b.out), HS_SLICE("before\n"));
	assert_true(b.out.cap < 8u << 20); /* it was refused before it was built */
	hs_buf_free(&text);
	free_bench(&b);
}

TEST(a_full_buffer_is_out_of_memory)
{
	struct bench b = { .out = { .max = 100 } };

	hs_flattener_init(&b.flattener, HS_NAMES_WAREHOUSE);
	put(&b.out, "before\n");
	assert_result(flatten_text(&b, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\",\"abc\":"
	                                        "\"0123456789012345678901234567890123456789\"}")),
	              HS_E_MEMORY);
	assert_true(hs_buf_ok(&b.out));
	assert_slice_equal(hs_buf_slice(&b.out), HS_SLICE("before\n"));
	free_bench(&b);
}

/* Names that all collide, and names that all differ: the table grows and stays right. */
TEST(thousands_of_names)
{
	struct bench b = { 0 };
	struct hs_buf text = { 0 }, tail = { 0 };
	char key[64];

	hs_flattener_init(&b.flattener, HS_NAMES_WAREHOUSE);
	put(&text, "{\"type\":\"page\",\"userId\":\"u\"");
	for (unsigned i = 0; i < 1 << 12; i++) { /* "a--a-…": all become a_a_a_a… */
		unsigned n = 0;

		for (unsigned bit = 0; bit < 12; bit++) {
			key[n++] = 'a';
			key[n++] = '-';
			if ((i >> bit & 1) != 0)
				key[n++] = '-';
		}
		put(&text, ",\"");
		hs_buf_put(&text, key, n);
		put(&text, "\":");
		hs_buf_put_uint(&text, i);
	}
	for (unsigned i = 0; i < 3000; i++) {
		put(&text, ",\"other");
		hs_buf_put_uint(&text, i);
		put(&text, "\":0");
	}
	put(&text, "}");
	assert_result(flatten_text(&b, hs_buf_slice(&text)), HS_OK);
	assert_null(line_fault(hs_buf_slice(&b.out), 3 + (1 << 12) + 3000));
	put(&tail, "\"a_a_a_a_a_a_a_a_a_a_a_a_4096\":4095,\"other0\":0,");
	assert_non_null(memmem(b.out.p, b.out.n, tail.p, tail.n));
	hs_buf_free(&tail);
	hs_buf_free(&text);
	free_bench(&b);
}

/* The table is not cleared between records: slots of an earlier era count as empty. */
TEST(eras_may_wrap)
{
	static const char first[] = "{\"type\":\"page\",\"userId\":\"u\",\"a\":1,\"b\":2}";
	static const char other[] = "{\"type\":\"page\",\"userId\":\"u\",\"x\":1,\"y\":2,\"z\":3}";
	static const char more[] = "{\"type\":\"page\",\"userId\":\"u\",\"c\":1,\"d\":2,\"e\":3,\"f\":4,"
				   "\"g\":5,\"h\":6,\"i\":7,\"j\":8}";
	static const char leaves[] = ",\"a\":1,\"b\":2}";
	struct bench b = { 0 };

	hs_flattener_init(&b.flattener, HS_NAMES_WAREHOUSE);
	assert_result(flatten_text(&b, hs_slice_str(first)), HS_OK);
	b.flattener.paths.era = UINT32_MAX - 1;
	assert_result(flatten_text(&b, hs_slice_str(other)), HS_OK);
	b.flattener.paths.era = UINT32_MAX;
	assert_result(flatten_text(&b, hs_slice_str(more)), HS_OK); /* the counter wraps here */
	hs_buf_reset(&b.out);
	assert_result(flatten_text(&b, hs_slice_str(first)), HS_OK);
	assert_non_null(memmem(b.out.p, b.out.n, leaves, sizeof leaves - 1));
	assert_result(flatten_text(&b, hs_slice_str(more)), HS_OK);
	free_bench(&b);
}

/* Keys that never come again do not fill memory. */
TEST(new_names_do_not_fill_memory)
{
	struct bench b = { 0 };
	char text[96];

	hs_flattener_init(&b.flattener, HS_NAMES_WAREHOUSE);
	for (int i = 0; i < 30000; i++) {
		snprintf(text, sizeof text, "{\"type\":\"page\",\"userId\":\"u\",\"k%d\":{\"l\":1}}", i);
		hs_buf_reset(&b.out);
		assert_result(flatten_text(&b, hs_slice_str(text)), HS_OK);
	}
	assert_true(b.flattener.paths.steps < 10000);
	assert_true(b.flattener.paths.names_n < 10000);
	free_bench(&b);
}

TESTS_AND_CASES("flatten", "flatten.txt", run_flatten_case)

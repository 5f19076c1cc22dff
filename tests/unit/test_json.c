/*
 * json: tests/cases/json.txt, compared with json-c, and what a case file
 * cannot say: the tokens, cut and mutated texts, many values and keys.
 */
#include "event/json.h"
#include "tests/lib/cases.h"
#include "tests/lib/json_c.h"
#include "tests/lib/random.h"

#include <stdlib.h>

enum { MUTATIONS = 20000, DEEPER_THAN_WE_GO = 2000 };

/* --- second opinion --------------------------------------------------------- */

static bool json_c_accepts(struct hs_slice text)
{
	struct json_object *object;
	bool accepts = json_c_reads(text.p, text.n, DEEPER_THAN_WE_GO, &object);

	json_object_put(object);
	return accepts;
}

/* --- reading one text in every way ------------------------------------------ */

/* Reads as the handler does: an array at the top by elements. Counts them. */
static enum hs_result read_by_elements(struct hs_json *j, struct hs_slice text, unsigned *count)
{
	enum hs_result r;
	bool more = true;

	*count = 0;
	hs_json_start(j, text);
	if (!hs_json_is_array(j))
		return hs_json_document(j, text);
	for (;;) {
		r = hs_json_element(j, &more);
		if (r != HS_OK || !more)
			return r;
		++*count;
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool has_blank_outside_strings(struct hs_slice s)
{
	bool in_string = false;

	for (size_t i = 0; i < s.n; i++) {
		if (in_string && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			in_string = !in_string;
		else if (!in_string && is_blank(s.p[i]))
			return true;
	}
	return false;
}

/* The token after this one and all that it holds. */
static uint32_t after(const struct hs_json *j, uint32_t i)
{
	return j->tok[i].kind == HS_JSON_KEY ? i + 1 : j->tok[i].next;
}

static const char *token_fault(const struct hs_json *j, uint32_t i)
{
	const struct hs_json_token *t = &j->tok[i];
	struct hs_slice raw = hs_json_raw(j, i);
	static const char first[] = "{[\"";

	if (t->start >= t->end || t->end > j->text.n)
		return "the span lies outside the text";
	if (after(j, i) <= i || after(j, i) > j->n)
		return "next does not lead on";
	if (t->kind <= HS_JSON_STRING && raw.p[0] != first[t->kind])
		return "kind and first byte differ";
	if (t->kind > HS_JSON_ARRAY && after(j, i) != i + 1)
		return "a scalar holds something";
	if ((t->kind == HS_JSON_STRING || t->kind == HS_JSON_KEY) && t->escaped != (memchr(raw.p, '\\', raw.n) != NULL))
		return "escaped is wrong";
	if (t->kind <= HS_JSON_ARRAY && t->spaced != has_blank_outside_strings(raw))
		return "spaced is wrong";
	return NULL;
}

/* Checks all that json.h says of tokens. NULL, or the fault. */
static const char *tokens_fault(const struct hs_json *j)
{
	uint32_t last = 0;

	if (j->n == 0 || j->tok[0].next != j->n)
		return "the first token does not hold all others";
	for (uint32_t i = 0; i < j->n; i++) {
		const char *fault = token_fault(j, i);

		if (fault != NULL)
			return fault;
		if (j->tok[i].start < last)
			return "the tokens are not in the order of the text";
		last = j->tok[i].start;
		for (uint32_t k = i + 1; k < after(j, i); k = after(j, k))
			if (j->tok[k].end >= j->tok[i].end || after(j, k) > j->tok[i].next)
				return "a child does not lie in its parent";
	}
	return NULL;
}

/* --- the case file ---------------------------------------------------------- */

static void check_second_opinion(struct test_case *c, struct hs_slice text, bool we_accept)
{
	struct hs_slice mark;
	bool marked = case_find(c, "json-c", &mark);
	bool accepts = json_c_accepts(text);

	if (!marked && accepts != we_accept)
		case_fail(c, "json-c %s this; if it is wrong, add 'json-c %s'", accepts ? "accepts" : "refuses",
		          accepts ? "accepts" : "refuses");
	if (marked && accepts != hs_slice_eq(mark, HS_SLICE("accepts")))
		case_fail(c, "json-c does not do what the mark says");
	if (marked && accepts == we_accept)
		case_fail(c, "json-c decides as we do: remove the mark");
}

static void check_offset(struct test_case *c, const struct case_verdict *v, size_t pos)
{
	if (v->has_offset && pos != v->offset)
		case_fail(c, "expected offset %zu, got %zu", v->offset, pos);
}

/* A valid text cut anywhere: the error is at the end, and nothing is read beyond it. */
static void check_cut(struct test_case *c, struct hs_json *j, struct hs_slice in)
{
	bool has_an_end = in.p[0] == '{' || in.p[0] == '[' || in.p[0] == '"';

	for (size_t n = 0; n < in.n; n++) {
		struct hs_slice cut = { unit_exact_copy(hs_slice(in.p, n)), n };
		enum hs_result r = hs_json_document(j, cut);
		bool at_end = (r == HS_E_JSON_END || r == HS_E_JSON_EMPTY) && j->pos == n;

		if (!at_end && r != HS_E_JSON_UTF8 && r != HS_OK)
			case_fail(c, "cut to %zu bytes: %s at %zu", n, hs_result_info(r)->name, j->pos);
		if (r == HS_OK && has_an_end && !is_blank(in.p[n]))
			case_fail(c, "cut to %zu bytes: taken", n);
		free((char *)cut.p);
	}
}

static void run_json_case(struct test_case *c)
{
	struct hs_slice in = case_get(c, "in");
	struct case_verdict v = case_verdict(c);
	struct hs_slice text = { unit_exact_copy(in), in.n };
	struct hs_json j;
	unsigned count;
	enum hs_result r;

	hs_json_init(&j, 1);
	r = hs_json_document(&j, text);
	case_result(c, r, v.result);
	check_offset(c, &v, j.pos);
	if (v.result == HS_OK && tokens_fault(&j) != NULL)
		case_fail(c, "%s", tokens_fault(&j));

	r = read_by_elements(&j, text, &count); /* must have the same result */
	case_result(c, r, v.result);
	check_offset(c, &v, j.pos);
	check_second_opinion(c, text, v.result == HS_OK);
	if (v.result == HS_OK)
		check_cut(c, &j, in);
	hs_json_free(&j);
	free((char *)text.p);
}

/* --- tokens ----------------------------------------------------------------- */

static void expect_token(const struct hs_json *j, uint32_t i, enum hs_json_kind kind, const char *raw, uint32_t next)
{
	assert_in_range(i, 0, j->n - 1);
	assert_int_equal(j->tok[i].kind, kind);
	assert_slice_equal(hs_json_raw(j, i), hs_slice_str(raw));
	assert_int_equal(after(j, i), next);
}

TEST(tokens_follow_the_text)
{
	struct hs_json j = { 0 };

	assert_result(hs_json_document(&j, HS_SLICE(" {\"a\": [1, -2.50e1],\"b\\n\":{}, \"c\":null } ")), HS_OK);
	assert_int_equal(j.n, 9);
	expect_token(&j, 0, HS_JSON_OBJECT, "{\"a\": [1, -2.50e1],\"b\\n\":{}, \"c\":null }", 9);
	expect_token(&j, 1, HS_JSON_KEY, "\"a\"", 2);
	expect_token(&j, 2, HS_JSON_ARRAY, "[1, -2.50e1]", 5);
	expect_token(&j, 3, HS_JSON_NUMBER, "1", 4);
	expect_token(&j, 4, HS_JSON_NUMBER, "-2.50e1", 5);
	expect_token(&j, 5, HS_JSON_KEY, "\"b\\n\"", 6);
	expect_token(&j, 6, HS_JSON_OBJECT, "{}", 7);
	expect_token(&j, 7, HS_JSON_KEY, "\"c\"", 8);
	expect_token(&j, 8, HS_JSON_NULL, "null", 9);
	assert_slice_equal(hs_json_inner(&j, 5), HS_SLICE("b\\n"));
	assert_true(j.tok[5].escaped);
	assert_false(j.tok[1].escaped);
	assert_true(j.tok[2].spaced);
	hs_json_free(&j);
}

TEST(literals_have_their_kinds)
{
	struct hs_json j = { 0 };

	assert_result(hs_json_document(&j, HS_SLICE("[true,false,null,\"\",0,{},[]]")), HS_OK);
	expect_token(&j, 1, HS_JSON_TRUE, "true", 2);
	expect_token(&j, 2, HS_JSON_FALSE, "false", 3);
	expect_token(&j, 3, HS_JSON_NULL, "null", 4);
	expect_token(&j, 4, HS_JSON_STRING, "\"\"", 5);
	expect_token(&j, 5, HS_JSON_NUMBER, "0", 6);
	expect_token(&j, 6, HS_JSON_OBJECT, "{}", 7);
	expect_token(&j, 7, HS_JSON_ARRAY, "[]", 8);
	hs_json_free(&j);
}

TEST(blanks_mark_an_array_and_those_around_it)
{
	static const struct {
		const char *text;
		bool spaced; /* tok[0] */
	} cases[] = {
		{ "[]", false },          { "[ ]", true },          { "[1,2]", false },
		{ "[1, 2]", true },       { "[1 ,2]", true },       { "[ 1]", true },
		{ "[1\n]", true },        { "[\" \"]", false },     { "[\"\\\" \"]", false },
		{ "[{\"a\":1}]", false }, { "[{\"a\": 1}]", true }, { "[{\"a\" :1}]", true },
		{ "[{ }]", true },        { "[[[\t]]]", true },     { "[[],{\"a\":[ ]}]", true },
	};
	struct hs_json j = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_result(hs_json_document(&j, hs_slice_str(cases[i].text)), HS_OK);
		if (j.tok[0].spaced != cases[i].spaced)
			fail_msg("spaced is wrong for %s", cases[i].text);
	}
	/* a blank in the neighbour does not count */
	assert_result(hs_json_document(&j, HS_SLICE("{\"a\":[1,2],\"b\":[ ], \"c\":[3]}")), HS_OK);
	assert_false(j.tok[2].spaced);
	assert_true(j.tok[6].spaced);
	assert_false(j.tok[8].spaced);
	hs_json_free(&j);
}

/* --- many ------------------------------------------------------------------- */

static void put_numbers(struct hs_buf *b, unsigned count)
{
	hs_buf_putc(b, '[');
	for (unsigned i = 0; i < count; i++)
		hs_buf_put(b, i == 0 ? "1" : ",1", i == 0 ? 1 : 2);
	hs_buf_putc(b, ']');
}

TEST(a_limited_number_of_values)
{
	struct hs_json j = { 0 };
	struct hs_buf b = { 0 };

	put_numbers(&b, HS_JSON_TOKENS_MAX - 1);
	assert_result(hs_json_document(&j, hs_buf_slice(&b)), HS_OK);
	assert_int_equal(j.n, HS_JSON_TOKENS_MAX);
	hs_buf_reset(&b);
	put_numbers(&b, HS_JSON_TOKENS_MAX);
	assert_result(hs_json_document(&j, hs_buf_slice(&b)), HS_E_JSON_LARGE);

	/* the bound is for an element, not for the batch, and memory is returned */
	hs_json_shrink(&j);
	assert_true(j.cap * sizeof *j.tok <= 1 << 20);
	hs_buf_free(&b);
	hs_json_free(&j);
}

/* How the keys of an object are written, apart from their number. */
struct spelling {
	const char *before, *after; /* the number and the quote */
	unsigned odd_one;           /* this one has a blank before its colon */
};

/* The last has the number `last`. */
static void put_keys(struct hs_buf *b, unsigned count, unsigned last, const struct spelling *s)
{
	hs_buf_putc(b, '{');
	for (unsigned i = 0; i < count; i++) {
		hs_buf_put_slice(b, i == 0 ? HS_SLICE("\"") : HS_SLICE(",\""));
		hs_buf_put_slice(b, hs_slice_str(s->before));
		hs_buf_put_uint(b, i + 1 == count ? last : i);
		hs_buf_put_slice(b, hs_slice_str(s->after));
		hs_buf_put_slice(b, i == s->odd_one ? HS_SLICE("\" :0") : HS_SLICE("\":0"));
	}
	hs_buf_putc(b, '}');
}

TEST(doubled_keys_are_found_among_any_number)
{
	static const struct spelling spellings[] = {
		{ "key", "", UINT32_MAX },
		{ "key", "", 0 },
		{ "key", "", 20 },
		{ "a key that is too long to be ", " remembered", UINT32_MAX },
		{ "\\u006bey", "", UINT32_MAX },
	};
	struct hs_json j = { 0 };
	struct hs_buf b = { 0 };

	hs_json_init(&j, 42);
	for (unsigned count = 2; count < 3000; count += count < 70 ? 1 : 331) {
		const struct spelling *s = &spellings[count % (sizeof spellings / sizeof *spellings)];

		for (unsigned twin = 0; twin < count - 1; twin += 1 + count / 5) {
			hs_buf_reset(&b);
			put_keys(&b, count, twin, s);
			assert_result(hs_json_document(&j, hs_buf_slice(&b)), HS_E_JSON_TWICE);
		}
		hs_buf_reset(&b);
		put_keys(&b, count, count - 1, s);
		assert_result(hs_json_document(&j, hs_buf_slice(&b)), HS_OK);
	}
	hs_buf_free(&b);
	hs_json_free(&j);
}

/* Otherwise a small object would cost as much as the largest one before it. */
TEST(a_small_object_touches_little_of_a_large_table)
{
	static const struct spelling strange = { "\\u006bey", "", UINT32_MAX };
	struct hs_json j = { 0 };
	struct hs_buf b = { 0 };

	hs_json_init(&j, 42);
	put_keys(&b, 5000, 5000 - 1, &strange);
	assert_result(hs_json_document(&j, hs_buf_slice(&b)), HS_OK);
	assert_true(j.table_cap >= 2 * 5000);
	memset(j.table, 0xFF, j.table_cap * sizeof *j.table);
	for (unsigned last = 40 - 2; last < 40; last++) {
		hs_buf_reset(&b);
		put_keys(&b, 40, last, &strange);
		assert_result(hs_json_document(&j, hs_buf_slice(&b)), last == 40 - 1 ? HS_OK : HS_E_JSON_TWICE);
		for (uint32_t i = 128; i < j.table_cap; i++)
			assert_int_equal(j.table[i], UINT32_MAX);
	}
	hs_buf_free(&b);
	hs_json_free(&j);
}

/* Many readers are merely zeroed, and read text that a sender chose. */
TEST(a_zeroed_reader_has_a_seed_of_its_own)
{
	struct hs_json a = { 0 }, b = { 0 };
	uint64_t seed;

	assert_result(hs_json_document(&a, HS_SLICE("{\"k\":1}")), HS_OK);
	assert_result(hs_json_document(&b, HS_SLICE("{\"k\":1}")), HS_OK);
	assert_true(a.seed != 0 && b.seed != 0 && a.seed != b.seed);
	seed = a.seed;
	hs_json_free(&a);
	assert_result(hs_json_document(&a, HS_SLICE("{\"k\":1}")), HS_OK);
	assert_true(a.seed == seed);
	hs_json_free(&a);
	hs_json_free(&b);
}

/* More than are remembered from one text; and afterwards, everything is as before. */
TEST(more_keys_than_are_remembered)
{
	static const struct spelling plain = { "k", "", UINT32_MAX };
	enum { KEYS = 40000 };
	struct hs_json j = { 0 };
	struct hs_buf b = { 0 };

	hs_json_init(&j, 42);
	for (unsigned last = KEYS - 2; last <= KEYS; last++) {
		hs_buf_reset(&b);
		put_keys(&b, KEYS, last, &plain);
		assert_result(hs_json_document(&j, hs_buf_slice(&b)), last < KEYS - 1 ? HS_E_JSON_TWICE : HS_OK);
		assert_in_range(j.keys.cap, 1, 1 << 15); /* memory has a bound */
	}
	hs_buf_reset(&b);
	put_keys(&b, KEYS, 7, &plain);
	assert_result(hs_json_document(&j, hs_buf_slice(&b)), HS_E_JSON_TWICE);
	assert_result(hs_json_document(&j, HS_SLICE("{\"k7\":1,\"k8\":1,\"k7\":1}")), HS_E_JSON_TWICE);
	assert_int_equal(j.pos, 15);
	hs_json_shrink(&j);
	assert_result(hs_json_document(&j, HS_SLICE("{\"k7\":1,\"k8\":1}")), HS_OK);
	hs_buf_free(&b);
	hs_json_free(&j);
}

/* A new reader's tokens grow wherever they end, also at a predicted key. */
TEST(tokens_grow_anywhere)
{
	static const struct spelling plain = { "k", "", UINT32_MAX };
	struct hs_buf b = { 0 };

	hs_buf_put(&b, "[[", 2);
	put_keys(&b, 3000, 2999, &plain);
	hs_buf_put(&b, "]]", 2);
	for (size_t skip = 0; skip < 2; skip++) { /* an odd and an even number of tokens before */
		struct hs_slice text = hs_slice(b.p + skip, b.n - 2 * skip);
		struct hs_json j = { 0 };

		for (int round = 0; round < 2; round++) {
			assert_result(hs_json_document(&j, text), HS_OK);
			assert_null(tokens_fault(&j));
			free(j.tok);
			j.tok = NULL;
			j.n = j.cap = 0;
		}
		hs_json_free(&j);
	}
	hs_buf_free(&b);
}

/* A key is predicted from what it followed before, which must not show. */
TEST(texts_read_one_after_another)
{
	static const struct {
		const char *text;
		enum hs_result result;
		size_t pos;
	} table[] = {
		{ "{\"a\":1,\"b\":{\"c\":1,\"a\":2},\"originalTimestamp\":3,\"padding\":0}", HS_OK, 0 },
		{ "{\"a\":1,\"b\":{\"c\":1,\"a\":2},\"originalTimestamp\":3,\"padding\":0}", HS_OK, 0 },
		{ "{\"a\":1,\"b\":{\"c\":1,\"c\":2},\"originalTimestamp\":3}", HS_E_JSON_TWICE, 18 },
		{ "{\"b\":{\"a\":2,\"c\":1},\"originalTimestam\":3,\"a\":1,\"b\":2}", HS_E_JSON_TWICE, 46 },
		{ "{\"a\":1,\"a\":{\"c\":1},\"originalTimestamp\":3,\"padding\":0}", HS_E_JSON_TWICE, 7 },
		{ "[{\"a\":1},{\"a\":1},{\"a\":1,\"b\":{}},{\"a\":1,\"b\":[{\"c\":1},{\"c\":1}]}]", HS_OK, 0 },
		{ "{\"a\":1,\"b\" :1,\"originalTimestamp\":3,\"b\":2,\"padding\":0}", HS_E_JSON_TWICE, 36 },
		{ "{\"a\":1,\"b\":2,\"padding\":\"0123456789abcdef\"}", HS_OK, 0 },
		{ "{\"padding\":\"0123456789abcdef\",\"b\":1,\"a\":2}", HS_OK, 0 },
		{ "{\"a\":1,\"b\":2,\"a\":3,\"padding\":\"0123456789abcdef\"}", HS_E_JSON_TWICE, 13 },
		{ "{\"a\":1,\"b\";1,\"originalTimestamp\":3,\"padding\":0}", HS_E_JSON_SYNTAX, 10 },
		{ "{\"a\":1,\"b", HS_E_JSON_END, 9 },
		{ "{\"a\":1,\"b\":", HS_E_JSON_END, 11 },
	};
	struct hs_json j = { 0 };

	hs_json_init(&j, 42);
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
			assert_result(hs_json_document(&j, hs_slice_str(table[i].text)), table[i].result);
			if (table[i].result != HS_OK)
				assert_int_equal(j.pos, table[i].pos);
			else
				assert_null(tokens_fault(&j));
		}
	hs_json_free(&j);
}

/* --- mutations -------------------------------------------------------------- */

/*
 * Texts that are changed at random are given to json-c as well. To stay where json-c is
 * right (json.txt lists where it is not), no change brings in a point, a digit, NaN, an
 * Infinity, a single quote, or a byte beyond ASCII.
 */
static const char *const seeds[] = {
	"{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"u-1\"}",
	"[{\"one\":[],\"twice\":{\"three\":[true,false,null]}},[[\"x\"]], \"y\"]",
	"{\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\",\"list\":[{},{\"p\":{\"qqq\":\"r\"}}]}",
	"[\"a\" , \"b\",\n\"c\",{\"key1\" : \"value\" , \"other\" : [ ] } ]",
};

static const char alphabet[] = "{}[]\",:\\ \n/btfrulsenx";

static size_t mutate(struct random_source *r, const char *text, char *out)
{
	size_t n = strlen(text);

	memcpy(out, text, n);
	for (uint32_t k = 1 + random_below(r, 3); k > 0 && n > 1; k--) {
		size_t at = random_below(r, (uint32_t)n);
		char c = alphabet[random_below(r, sizeof alphabet - 1)];

		switch (random_below(r, 3)) {
		case 0: out[at] = c; break;
		case 1: memmove(out + at, out + at + 1, --n - at); break;
		default: memmove(out + at + 1, out + at, n++ - at); out[at] = c;
		}
	}
	return n;
}

/* Texts that only we refuse, and the control characters that json-c takes. */
static bool json_c_does_not_decide(enum hs_result ours)
{
	return ours == HS_E_JSON_TWICE || ours == HS_E_JSON_CONTROL;
}

TEST(mutated_texts_are_read_as_json_c_does)
{
	uint64_t seed = random_seed();
	struct hs_json j = { 0 };

	for (unsigned i = 0; i < MUTATIONS; i++, seed++) {
		struct random_source r = random_new(seed);
		char changed[256];
		size_t n = mutate(&r, seeds[random_below(&r, 4)], changed);
		struct hs_slice text = { unit_exact_copy(hs_slice(changed, n)), n };
		unsigned count;
		enum hs_result ours = hs_json_document(&j, text);
		size_t pos = j.pos;

		if (ours == HS_OK && tokens_fault(&j) != NULL)
			fail_msg("HS_SEED=%llu: %s: %s", (unsigned long long)seed, tokens_fault(&j), unit_show(text));
		if (!json_c_does_not_decide(ours) && (ours == HS_OK) != json_c_accepts(text))
			fail_msg("HS_SEED=%llu: %s at %zu, json-c decides otherwise: %s", (unsigned long long)seed,
			         hs_result_info(ours)->name, pos, unit_show(text));
		if (read_by_elements(&j, text, &count) != ours || j.pos != pos)
			fail_msg("HS_SEED=%llu: by elements the end is another: %s", (unsigned long long)seed,
			         unit_show(text));
		free((char *)text.p);
	}
	hs_json_free(&j);
}

/* A reader is used for thousands of requests; what came before does not matter. */
TEST(a_reader_can_be_used_again)
{
	struct hs_json j = { 0 };
	bool more;

	assert_result(hs_json_document(&j, HS_SLICE("{\"a\":[1,2")), HS_E_JSON_END);
	assert_result(hs_json_document(&j, HS_SLICE("{\"a\":1}")), HS_OK);
	hs_json_start(&j, HS_SLICE("[1,2]"));
	assert_result(hs_json_element(&j, &more), HS_OK); /* the reader is left in the middle */
	hs_json_start(&j, HS_SLICE("[3]"));
	assert_true(hs_json_is_array(&j));
	assert_result(hs_json_element(&j, &more), HS_OK);
	assert_slice_equal(hs_json_raw(&j, 0), HS_SLICE("3"));
	hs_json_free(&j);
	assert_result(hs_json_document(&j, HS_SLICE("[]")), HS_OK);
	hs_json_free(&j);
}

TESTS_AND_CASES("json", "json.txt", run_json_case)

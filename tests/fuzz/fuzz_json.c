/*
 * Compares the strict reader with json-c, in both directions, and with itself.
 *
 * What we accept json-c must accept, with the same tree. What json-c accepts we accept,
 * too, except for the texts below: json-c 0.16, strict and with UTF-8 checked, takes more than
 * RFC 8259 allows.
 *
 *	text                   json-c makes of it      we say
 *	-01  00  01.5          -1, 0, 1.5              HS_E_JSON_NUMBER (RFC 8259, 6)
 *	1.  -.5  1.e5          1.0, -0.5, 1e5          HS_E_JSON_NUMBER, or END
 *	NaN  Infinity          a double                HS_E_JSON_SYNTAX
 *	-Infinity              a double                HS_E_JSON_NUMBER
 *	{'a':1}                the key "a" (no value)  HS_E_JSON_SYNTAX
 *	"<raw 0x01>"           the byte                HS_E_JSON_CONTROL (RFC 8259, 7)
 *	{"a":1,"a":2}          the last one            HS_E_JSON_TWICE (a refusal of ours)
 *
 * Where both accept, json-c's tree differs in the numbers that it cannot hold:
 *
 *	18446744073709551616   18446744073709551615: it saturates
 *	1e400  39.950          inf, 39.95: doubles
 *
 * UTF-8, escaped surrogates and escaped NULs are decided in tests/lib/json_c.h, without either reader.
 */
#include "tests/fuzz/fuzz.h"

/* The token after this one and all that it holds. */
static uint32_t behind(const struct hs_json *j, uint32_t i)
{
	return j->tok[i].kind == HS_JSON_KEY ? i + 1 : j->tok[i].next;
}

/* Kinds match first bytes, values are nested, `next` is the token after the value. */
static void check_tokens(const struct hs_json *j)
{
	for (uint32_t i = 0; i < j->n; i++) {
		const struct hs_json_token *t = &j->tok[i];
		const char first = j->text.p[t->start];

		MUST(t->start < t->end && t->end <= j->text.n);
		MUST(behind(j, i) > i && behind(j, i) <= j->n);
		MUST(i == 0 || t->start >= j->tok[i - 1].start);
		switch (t->kind) {
		case HS_JSON_OBJECT: MUST(first == '{' && j->text.p[t->end - 1] == '}'); break;
		case HS_JSON_ARRAY: MUST(first == '[' && j->text.p[t->end - 1] == ']'); break;
		case HS_JSON_KEY:
		case HS_JSON_STRING: MUST(first == '"' && j->text.p[t->end - 1] == '"'); break;
		case HS_JSON_NUMBER: MUST(first == '-' || (first >= '0' && first <= '9')); break;
		case HS_JSON_TRUE: MUST(t->end - t->start == 4 && first == 't'); break;
		case HS_JSON_FALSE: MUST(t->end - t->start == 5 && first == 'f'); break;
		default: MUST(t->end - t->start == 4 && first == 'n'); break;
		}
		if (t->kind == HS_JSON_OBJECT || t->kind == HS_JSON_ARRAY) {
			for (uint32_t k = i + 1; k < t->next; k = behind(j, k))
				MUST(j->tok[k].end < t->end);
		} else {
			MUST(behind(j, i) == i + 1);
		}
	}
}

/* An array read element by element ends the same way, at the same byte. */
static void check_elements(struct hs_json *j, struct hs_slice text, enum hs_result whole, size_t pos)
{
	bool more = true;
	enum hs_result r = HS_OK;

	hs_json_start(j, text);
	if (!hs_json_is_array(j))
		return;
	while (r == HS_OK && more) {
		r = hs_json_element(j, &more);
		if (r == HS_OK && more)
			check_tokens(j);
	}
	if (whole == HS_E_JSON_LARGE)
		return; /* the limit is for one event */
	MUST(r == whole);
	MUST(r == HS_OK || j->pos == pos);
}

/* A value alone, and an array by elements, are the same in pieces; any rest is read to an end. */
static void check_pieces(struct hs_json *j, struct hs_slice text, enum hs_result whole)
{
	bool more = true;
	enum hs_result r = HS_OK;

	hs_json_start(j, text);
	for (size_t before = 0; r == HS_OK && more; before = j->pos) {
		r = hs_json_piece(j, &more);
		MUST(j->pos <= text.n && (r != HS_OK || !more || j->pos > before));
		if (r == HS_OK && more)
			check_tokens(j);
	}
	MUST(whole != HS_OK || r == HS_OK);
}

/* --- json-c ------------------------------------------------------------------- */

/* True if the refusal is in the table; pos is the byte that was refused. */
static bool json_c_is_too_kind(enum hs_result ours, struct hs_slice text, size_t pos)
{
	switch (ours) {
	case HS_E_JSON_TWICE:
	case HS_E_JSON_CONTROL:
	case HS_E_JSON_NUMBER:
	case HS_E_JSON_LARGE: return true;
	case HS_E_JSON_SYNTAX: return pos < text.n && strchr("NI'", text.p[pos]) != NULL;
	case HS_E_JSON_END: /* 1. */ return pos == text.n && pos > 0 && text.p[pos - 1] == '.';
	default: return false;
	}
}

/* Decodes string i; as json_c_settle does it, a NUL is C0 80. */
static void decode(const struct hs_json *j, uint32_t i, struct hs_buf *out)
{
	struct hs_buf text = { 0 };

	hs_json_unescape(hs_json_inner(j, i), &text);
	MUST(hs_buf_ok(&text));
	hs_buf_reset(out);
	for (size_t at = 0; at < text.n; at++)
		hs_buf_put_slice(out, text.p[at] == '\0' ? HS_SLICE("\xC0\x80") : hs_slice(text.p + at, 1));
	MUST(hs_buf_ok(out));
	hs_buf_free(&text);
}

static void check_string(const struct hs_json *j, uint32_t i, struct json_object *tree)
{
	struct hs_buf text = { 0 };

	MUST(json_object_is_type(tree, json_type_string));
	decode(j, i, &text);
	MUST(hs_slice_eq(hs_buf_slice(&text),
	                 hs_slice(json_object_get_string(tree), (size_t)json_object_get_string_len(tree))));
	hs_buf_free(&text);
}

/* Digits alone are an integer to json-c; the rest is a double, and rounded. */
static void check_number(const struct hs_json *j, uint32_t i, struct json_object *tree)
{
	struct hs_slice raw = hs_json_raw(j, i);
	bool whole = true;
	char digits[20];

	for (size_t k = 0; k < raw.n; k++)
		whole = whole && strchr(".eE", raw.p[k]) == NULL;
	MUST(json_object_is_type(tree, whole ? json_type_int : json_type_double));
	if (!whole || raw.n >= sizeof digits - 1)
		return;
	memcpy(digits, raw.p, raw.n);
	digits[raw.n] = '\0';
	MUST(json_object_get_int64(tree) == strtoll(digits, NULL, 10));
}

static void check_same(const struct hs_json *j, uint32_t i, struct json_object *tree);

static void check_members(const struct hs_json *j, uint32_t i, struct json_object *tree)
{
	struct hs_buf key = { 0 };
	int members = 0;

	MUST(json_object_is_type(tree, json_type_object));
	for (uint32_t k = i + 1; k < j->tok[i].next; k = j->tok[k + 1].next, members++) {
		struct json_object *member;

		decode(j, k, &key);
		hs_buf_putc(&key, '\0');
		MUST(json_object_object_get_ex(tree, key.p, &member));
		check_same(j, k + 1, member);
	}
	MUST(members == json_object_object_length(tree));
	hs_buf_free(&key);
}

/* Recursion is bounded by HS_JSON_DEPTH_MAX. */
static void check_same(const struct hs_json *j, uint32_t i, struct json_object *tree)
{
	size_t at = 0;

	switch (j->tok[i].kind) {
	case HS_JSON_OBJECT: check_members(j, i, tree); break;
	case HS_JSON_STRING: check_string(j, i, tree); break;
	case HS_JSON_NUMBER: check_number(j, i, tree); break;
	case HS_JSON_NULL: MUST(tree == NULL); break;
	case HS_JSON_ARRAY:
		MUST(json_object_is_type(tree, json_type_array));
		for (uint32_t k = i + 1; k < j->tok[i].next; k = j->tok[k].next)
			check_same(j, k, json_object_array_get_idx(tree, at++));
		MUST(at == json_object_array_length(tree));
		break;
	default:
		MUST(json_object_is_type(tree, json_type_boolean));
		MUST(json_object_get_boolean(tree) == (j->tok[i].kind == HS_JSON_TRUE));
	}
}

static void check_second_opinion(const struct hs_json *j, enum hs_result ours)
{
	struct json_object *tree;
	bool accepts = json_c_reads(j->text.p, j->text.n, HS_JSON_DEPTH_MAX + 1, &tree);

	/* a tree of NULL is the JSON null */
	if (ours == HS_OK) {
		MUST(accepts);
		check_same(j, 0, tree);
	} else if (accepts) {
		MUST(json_c_is_too_kind(ours, j->text, j->pos));
	}
	json_object_put(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice text = fuzz_copy(data, size);
	struct hs_json json = { .seed = 1 }, again = { .seed = 2 };
	enum hs_result r = hs_json_document(&json, text);

	MUST(r == HS_OK || json.pos <= text.n);
	if (r == HS_OK)
		check_tokens(&json);
	check_second_opinion(&json, r);
	check_elements(&again, text, r, json.pos);
	check_pieces(&again, text, r);
	hs_json_free(&json);
	hs_json_free(&again);
	free((void *)(uintptr_t)text.p);
	return 0;
}

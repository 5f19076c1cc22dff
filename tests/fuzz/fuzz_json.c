/*
 * The strict reader against json-c, and against itself.
 *
 * What we accept json-c must accept, too, with the same top. The other way round does not
 * hold, for json-c 0.16 in strict mode takes more than RFC 8259 allows:
 *
 *	'a'            single quotes
 *	[1.] [-.5]     numbers without a digit beside the point
 *	"<raw 0x01>"   control characters
 *	"<C0 AF>"      overlong UTF-8
 *	{"a":1,"a":2}  doubled keys (legal in the RFC's letter; a refusal of ours)
 *	{"\u0000":1}   cuts the key
 *	18446744073709551616  saturates
 *
 * so there only the invariants of the tokens are checked.
 */
#include "tests/fuzz/fuzz.h"

/* Kinds match first bytes, values lie in one another, `next` leads behind the value. */
static void check_tokens(const struct hs_json *j)
{
	for (uint32_t i = 0; i < j->n; i++) {
		const struct hs_json_token *t = &j->tok[i];
		const char first = j->text.p[t->start];

		MUST(t->start < t->end && t->end <= j->text.n);
		MUST(t->next > i && t->next <= j->n);
		MUST(i == 0 || t->start >= j->tok[i - 1].start);
		switch (t->kind) {
		case HS_JSON_OBJECT: MUST(first == '{' && j->text.p[t->end - 1] == '}'); break;
		case HS_JSON_ARRAY: MUST(first == '[' && j->text.p[t->end - 1] == ']'); break;
		case HS_JSON_STRING: MUST(first == '"' && j->text.p[t->end - 1] == '"'); break;
		case HS_JSON_NUMBER: MUST(first == '-' || (first >= '0' && first <= '9')); break;
		case HS_JSON_TRUE: MUST(t->end - t->start == 4 && first == 't'); break;
		case HS_JSON_FALSE: MUST(t->end - t->start == 5 && first == 'f'); break;
		default: MUST(t->end - t->start == 4 && first == 'n'); break;
		}
		if (t->kind == HS_JSON_OBJECT || t->kind == HS_JSON_ARRAY) {
			for (uint32_t k = i + 1; k < t->next; k = j->tok[k].next)
				MUST(j->tok[k].end < t->end);
		} else {
			MUST(t->next == i + 1);
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

static enum json_type kind_of(const struct hs_json *j, struct json_object *tree)
{
	static const enum json_type kinds[] = { json_type_object, json_type_array, json_type_string,
		                                json_type_int, json_type_boolean, json_type_boolean,
		                                json_type_null };

	if (j->tok[0].kind == HS_JSON_NUMBER && json_object_is_type(tree, json_type_double))
		return json_type_double;
	return kinds[j->tok[0].kind];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice text = fuzz_copy(data, size);
	struct hs_json json = { .seed = 1 }, again = { .seed = 2 };
	enum hs_result r = hs_json_document(&json, text);

	MUST(r == HS_OK || json.pos <= text.n);
	if (r == HS_OK) {
		struct json_object *tree = fuzz_json_c(text);

		check_tokens(&json);
		/* json-c has no tree for null, and so no way to tell it from an error */
		if (json.tok[0].kind != HS_JSON_NULL) {
			MUST(tree != NULL);
			MUST(json_object_is_type(tree, kind_of(&json, tree)));
		}
		json_object_put(tree);
	}
	check_elements(&again, text, r, json.pos);
	hs_json_free(&json);
	hs_json_free(&again);
	free((void *)(uintptr_t)text.p);
	return 0;
}

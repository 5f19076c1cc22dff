/*
 * An event to a line: it is one strict, flat line, and no leaf's bytes are lost. The
 * first byte chooses: names, validation, tenant.
 */
#include "core/identity.h"
#include "tests/fuzz/fuzz.h"

/* The bytes of every leaf that is copied as it is must be in the line. */
static void check_leaves(const struct hs_json *j, struct hs_slice line)
{
	bool key = false;

	for (uint32_t i = 1; i < j->n;) {
		const struct hs_json_token *t = &j->tok[i];
		struct hs_slice raw = hs_json_raw(j, i);

		if (t->kind == HS_JSON_OBJECT) {
			key = false;
			i++;
			continue;
		}
		if (key && t->kind != HS_JSON_ARRAY)
			MUST(memmem(line.p, line.n, raw.p, raw.n) != NULL);
		key = !key;
		i = t->next;
	}
}

/* What is read back from the spool is the same event. */
static void check_identity(const struct hs_event *e, struct hs_slice tenant, struct hs_slice line)
{
	struct hs_identifier identifier;
	struct hs_identity a, b;
	struct hs_json json = { 0 };
	bool known_a, known_b;
	int64_t ms;

	MUST(hs_identifier_init(&identifier));
	MUST(hs_identity_of_event(&identifier, e, tenant, line, &known_a, &a) == HS_OK);
	MUST(hs_identity_of_line(&identifier, &json, hs_slice(line.p, line.n - 1), &known_b, &b, &ms) == HS_OK);
	MUST(known_a == known_b);
	MUST(!known_a || memcmp(&a, &b, sizeof a) == 0);
	MUST(ms == 1795428900123);
	hs_json_free(&json);
	hs_identifier_free(&identifier);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice = size > 0 ? data[0] : 0;
	struct hs_slice text = size > 0 ? fuzz_copy(data + 1, size - 1) : fuzz_copy(data, 0);
	struct hs_stamp stamp = { .spooled_at = HS_SLICE("2026-11-23T10:15:00.123Z") };
	struct hs_json json = { 0 };
	struct hs_flattener f;
	struct hs_buf out = { 0 };
	struct hs_event e;

	if ((choice & 4) != 0)
		stamp.tenant = HS_SLICE("acme");
	hs_flattener_init(&f, (choice & 1) != 0 ? HS_NAMES_VERBATIM : HS_NAMES_WAREHOUSE);
	hs_buf_put_slice(&out, HS_SLICE("before\n"));
	if (hs_json_document(&json, text) == HS_OK &&
	    hs_event_read(&e, &json, 0, (choice & 2) != 0 ? HS_VALIDATE_LENIENT : HS_VALIDATE_SPEC) == HS_OK) {
		enum hs_result r = hs_flatten(&f, &e, &stamp, &out);

		MUST(memcmp(out.p, "before\n", 7) == 0);
		if (r == HS_OK) {
			struct hs_slice line = hs_slice(out.p + 7, out.n - 7);

			fuzz_check_line(line);
			check_leaves(&json, line);
			check_identity(&e, stamp.tenant, line);
		} else {
			MUST(r == HS_E_NAME_LONG || r == HS_E_RECORD_LARGE);
			MUST(out.n == 7);
		}
	}
	hs_buf_free(&out);
	hs_flattener_free(&f);
	hs_json_free(&json);
	free((void *)(uintptr_t)text.p);
	return 0;
}

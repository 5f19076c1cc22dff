/*
 * X-Segment-Settings: the decoder for any text; and any JSON object, flattened under
 * settings_ in front of an event, in both spellings of names.
 */
#include "base/base64.h"
#include "tests/fuzz/fuzz.h"

static void check_base64(struct hs_slice text)
{
	struct hs_buf bytes = { 0 }, again = { 0 };

	/* strict: only the canonical spelling of these bytes is accepted */
	if (hs_base64_decode(text, &bytes)) {
		hs_base64_encode(hs_buf_slice(&bytes), &again);
		MUST(hs_slice_eq(hs_buf_slice(&again), text));
	} else {
		MUST(bytes.n == 0);
	}
	hs_buf_free(&bytes);
	hs_buf_free(&again);
}

static void check_flattened(const struct hs_json *settings, enum hs_names names)
{
	struct hs_stamp stamp = { .settings = settings,
		                  .tenant = HS_SLICE("acme"),
		                  .spooled_at = HS_SLICE("2026-11-23T10:15:00.123Z") };
	struct hs_json json = { 0 };
	struct hs_flattener f;
	struct hs_buf out = { 0 };
	struct hs_event e;
	enum hs_result r;

	hs_flattener_init(&f, names);
	MUST(hs_json_document(&json, HS_SLICE("{\"type\":\"page\",\"userId\":\"u\","
	                                      "\"settings\":{\"apiKey\":1},\"tenant\":2}")) == HS_OK);
	MUST(hs_event_read(&e, &json, 0, HS_VALIDATE_SPEC) == HS_OK);
	r = hs_flatten(&f, &e, &stamp, &out);
	MUST(r == HS_OK || r == HS_E_NAME_LONG || r == HS_E_RECORD_LARGE);
	if (r == HS_OK) {
		const char *tenant = memmem(out.p, out.n, "\"tenant\":\"acme\"", 15);
		const char *forged = memmem(out.p, out.n, "\"tenant_2\":2", 12);

		fuzz_check_line(hs_buf_slice(&out));
		MUST(tenant != NULL && forged != NULL && tenant < forged);
	}
	hs_buf_free(&out);
	hs_flattener_free(&f);
	hs_json_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice text = fuzz_copy(data, size);
	struct hs_json settings = { 0 };

	check_base64(text);
	if (hs_json_document(&settings, text) == HS_OK && settings.tok[0].kind == HS_JSON_OBJECT) {
		check_flattened(&settings, HS_NAMES_WAREHOUSE);
		check_flattened(&settings, HS_NAMES_VERBATIM);
	}
	hs_json_free(&settings);
	free((void *)(uintptr_t)text.p);
	return 0;
}

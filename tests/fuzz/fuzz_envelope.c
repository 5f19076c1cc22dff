/*
 * The envelope of a body has exactly the members that the strict reader finds, if it accepts the
 * body; and a batch read event by event is accepted where the whole text is. Nothing is read
 * beyond the body.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/lib/envelope_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice body = fuzz_copy(data, size), key;
	struct hs_buf scratch = { 0 };
	struct hs_envelope envelope;

	MUST(direct_body_fault(body) == NULL);
	hs_envelope_find(&envelope, body);
	if (hs_envelope_key(&envelope, &scratch, &key))
		MUST(key.n > 0 && key.n <= HS_WRITE_KEY_MAX);
	hs_envelope_find(&envelope, hs_envelope_first_event(&envelope));
	hs_buf_free(&scratch);
	free((void *)(uintptr_t)body.p);
	return 0;
}

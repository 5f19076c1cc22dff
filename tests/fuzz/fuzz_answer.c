/*
 * A server's answer to `send`, `forward` and `check --url`: the first byte is the status, less 100 and
 * halved; the body follows. What goes to the terminal must be one line of UTF-8 without control characters.
 */
#include "base/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "tools/probe/response_verdict.h"

static void check_text(const char *text, size_t room)
{
	size_t n = strnlen(text, room), length;

	MUST(n < room);
	for (size_t i = 0; i < n; i++)
		MUST((unsigned char)text[i] >= 0x20 && text[i] != 0x7F);
	for (size_t i = 0; i < n; i += length) {
		length = hs_utf8_length(text + i, n - i);
		MUST(length > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hs_slice body = fuzz_copy(size > 0 ? data + 1 : data, size > 0 ? size - 1 : 0);
	int status = size > 0 ? 100 + 2 * data[0] : 200;
	struct hs_response_verdict verdict;

	if (hs_response_verdict_read(&verdict, status, body)) {
		check_text(verdict.message, sizeof verdict.message);
		check_text(verdict.code, sizeof verdict.code);
		MUST(verdict.remedy != NULL);
		MUST(verdict.colour == HS_GREEN || status < 200 || status > 299);
		MUST(verdict.json || !(verdict.counted || verdict.success || verdict.error || verdict.code[0] != '\0'));
	}
	free((char *)(uintptr_t)body.p);
	return 0;
}

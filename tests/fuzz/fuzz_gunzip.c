/*
 * gzip bodies: the first byte is the bound, as a power of two; the stream follows. What is inflated
 * must be what zlib makes of it; what zlib refuses, or what is beyond the bound, must be refused; and
 * no more memory may be taken than the bound allows.
 */
#include "base/gunzip.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/zlib_gunzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hs_gunzip *gunzip;
	struct hs_buf out = { 0 }, other = { 0 };
	size_t most = size > 0 ? (size_t)1 << data[0] % 20 : 0;
	struct hs_slice in = fuzz_copy(size > 0 ? data + 1 : data, size > 0 ? size - 1 : 0);
	bool doubtful;
	enum hs_result result = hs_gunzip(&gunzip, in, most, &out), zlib = zlib_gunzip(in, most, &other, &doubtful);

	MUST(result == HS_OK || result == HS_E_GZIP || result == HS_E_INFLATED);
	MUST(out.cap <= most + 1);
	MUST(hs_gunzip_announced(in) <= in.n * 1032);
	MUST(doubtful || (result == HS_OK) == (zlib == HS_OK));
	if (result == HS_OK)
		MUST(out.n <= most && (doubtful || (out.n == other.n && memcmp(out.p, other.p, out.n) == 0)));
	hs_buf_free(&out);
	hs_buf_free(&other);
	free((char *)(uintptr_t)in.p);
	return 0;
}

/* zlib_gunzip: zlib's opinion of a gzip stream, for comparison with hs_gunzip. */
#ifndef HS_TEST_ZLIB_GUNZIP_H
#define HS_TEST_ZLIB_GUNZIP_H

#include "base/buf.h"
#include "base/result.h"

#include <stdlib.h>
#include <zlib.h>

enum { ZLIB_GZIP = 15 + 16 }; /* windowBits of a gzip stream */

/*
 * Inflates all members into `out`. HS_OK, HS_E_GZIP or HS_E_INFLATED. *doubtful: the only fault is the CRC
 * of a header (RFC 1952, FHCRC), which libdeflate does not check.
 */
static inline enum hs_result zlib_gunzip(struct hs_slice in, size_t most, struct hs_buf *out, bool *doubtful)
{
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)in.p, .avail_in = (unsigned)in.n };
	int got;

	*doubtful = false;
	hs_buf_reset(out);
	z.next_out = (unsigned char *)hs_buf_reserve(out, most + 1);
	z.avail_out = (unsigned)most + 1;
	if (z.next_out == NULL || inflateInit2(&z, ZLIB_GZIP) != Z_OK)
		abort();
	while ((got = inflate(&z, Z_FINISH)) == Z_STREAM_END && z.avail_in > 0)
		inflateReset(&z);
	*doubtful = z.msg != NULL && strcmp(z.msg, "header crc mismatch") == 0;
	out->n = most + 1 - z.avail_out;
	inflateEnd(&z);
	if (out->n > most)
		return HS_E_INFLATED;
	return got == Z_STREAM_END ? HS_OK : HS_E_GZIP;
}

#endif

/*
 * gzip: compressed segments, as a sequence of gzip members (RFC 1952, 2.2).
 *
 *	0   1f 8b 08 04       gzip, deflate, with an extra field
 *	4   00 00 00 00 00 ff no time, no name, no system
 *	10  0c 00             bytes of the extra field: 12
 *	12  'H' 'S' 08 00     its one subfield: 8 bytes
 *	16  member            u32: bytes of this member, head and check sum included
 *	20  plain             u32: bytes of its text
 *	24  …                 deflate, then CRC-32 and size, as in any member
 *
 * Numbers are little-endian. The layout is that of BGZF (SAM specification, 4.1) with sizes
 * wide enough for members of a megabyte, so zcat(1) and zlib can read the file. A member holds
 * whole lines where a line fits into one. To skip a member, a reader adds `member` to its offset and
 * inflates nothing.
 */
#ifndef HS_GZIP_H
#define HS_GZIP_H

#include "base/result.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HS_GZIP_MEMBER = 1 << 20, /* plain bytes of a member, at most */
	HS_GZIP_HEAD = 24,        /* bytes of its head */
};

/* A compressor; one thread uses it. */
struct hs_gzip;

/*
 * `background`: a thread of its own deflates, at the lowest priority. The caller reads, writes and
 * holds locks at its own priority, so that a busy machine never stops the holder of a lock. NULL:
 * out of memory, or no thread can be made.
 */
struct hs_gzip *hs_gzip_new(bool background);
void hs_gzip_free(struct hs_gzip *gzip); /* NULL is fine */

/*
 * Compresses at most HS_GZIP_MEMBER bytes, or none, into one member, which is valid until the next
 * call.
 */
struct hs_slice hs_gzip_member(struct hs_gzip *gzip, struct hs_slice plain);

/* True if the bytes begin with a head as above; then its two sizes. */
bool hs_gzip_head(struct hs_slice head, uint32_t *member, uint32_t *plain);

#endif

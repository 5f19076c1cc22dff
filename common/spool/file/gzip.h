/*
 * gzip: compressed segments, as a sequence of gzip members (RFC 1952, 2.2).
 *
 *	0   1f 8b 08 04       gzip, deflate, with an extra field
 *	4   00 00 00 00 00 ff no time, no name, no system
 *	10  0c 00             bytes of the extra field: 12
 *	12  'H' 'S' 08 00     its one subfield: 8 bytes
 *	16  member            u32: bytes of this member, head and checksum included
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

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HS_GZIP_MEMBER = 1 << 20, /* most plain bytes of a member */
	HS_GZIP_HEAD = 24,        /* bytes of its head */
};

/* A compressor, for one thread at a time. */
struct hs_gzip;

struct hs_gzip *hs_gzip_new(void);       /* NULL: out of memory */
void hs_gzip_free(struct hs_gzip *gzip); /* NULL is fine */

/*
 * Compresses at most HS_GZIP_MEMBER bytes, or none, into one member, which is valid until the next
 * call.
 */
struct hs_slice hs_gzip_member(struct hs_gzip *gzip, struct hs_slice plain);

/* Goes on with a CRC-32 by a member of `plain` bytes of text, without reading the text. */
uint32_t hs_gzip_crc_with(uint32_t crc, struct hs_slice member, size_t plain);

/* Goes on with a CRC-32, as a member has it of its text; it begins with 0. */
uint32_t hs_crc32(uint32_t crc, struct hs_slice bytes);

/* True if the bytes begin with a head as above; then *member and *plain are its two sizes. */
bool hs_gzip_head(struct hs_slice head, uint32_t *member, uint32_t *plain);

#endif

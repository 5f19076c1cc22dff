/*
 * gunzip: inflates a body (RFC 1952), never beyond a bound.
 */
#ifndef HS_GUNZIP_H
#define HS_GUNZIP_H

#include "base/buf.h"
#include "base/result.h"

struct hs_gunzip; /* the memory of one thread */

/*
 * Inflates one gzip stream of one or more members into `out`, which is reset first. HS_OK;
 * HS_E_GZIP (not gzip, cut short, a wrong CRC or length, bytes after the last member), HS_E_INFLATED
 * (more than `most` bytes), HS_E_MEMORY. Uses at most about `most` bytes of memory, whatever the
 * stream announces. *gunzip is made at the first call; free it with hs_gunzip_free.
 */
enum hs_result hs_gunzip(struct hs_gunzip **gunzip, struct hs_slice in, size_t most, struct hs_buf *out);

/* Like hs_gunzip, for the first member alone, whatever follows it; moves *in to its end. */
enum hs_result hs_gunzip_first(struct hs_gunzip **gunzip, struct hs_slice *in, size_t most, struct hs_buf *out);
void hs_gunzip_free(struct hs_gunzip *gunzip); /* NULL is fine */

/* The size that the stream claims for its last member, or the most that a stream of its length can hold. */
size_t hs_gunzip_announced(struct hs_slice in);

#endif

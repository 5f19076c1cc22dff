/*
 * digest: HMAC with SHA-1 and SHA-256 (RFC 2104), SHA-256 (FIPS 180-4) and constant-time comparison, by
 * OpenSSL. A keyed context is made once and copied for each message.
 */
#ifndef HS_DIGEST_H
#define HS_DIGEST_H

#include "base/slice.h"

#include <stdint.h>

enum { HS_SHA1_BYTES = 20, HS_SHA256_BYTES = 32 };

struct hs_hmac; /* a key, ready for use; never changes, so threads may share it */

/* NULL: out of memory. The key is copied. */
struct hs_hmac *hs_hmac_new(struct hs_slice key);
void hs_hmac_free(struct hs_hmac *h); /* wipes it; NULL is fine */

/* HMAC-SHA1 of the bytes. False: out of memory. */
bool hs_hmac_sha1(const struct hs_hmac *h, struct hs_slice bytes, uint8_t out[static HS_SHA1_BYTES]);

/* Likewise for HMAC-SHA-256. */
struct hs_hmac256;
struct hs_hmac256 *hs_hmac256_new(struct hs_slice key);
void hs_hmac256_free(struct hs_hmac256 *h);
bool hs_hmac256(const struct hs_hmac256 *h, struct hs_slice bytes, uint8_t out[static HS_SHA256_BYTES]);

enum {
	HS_SHA256_BLOCK = 64,
	HS_SHA256_SHORT = 55 /* bytes that fit into one block, with their padding */
};

/* False: out of memory. At most HS_SHA256_SHORT bytes cost least. */
bool hs_sha256(struct hs_slice bytes, uint8_t out[static HS_SHA256_BYTES]);

/* Likewise for the first n bytes of a block, at most HS_SHA256_SHORT; the others are zero, and are overwritten. */
bool hs_sha256_in_block(uint8_t block[static HS_SHA256_BLOCK], size_t n, uint8_t out[static HS_SHA256_BYTES]);

/*
 * SHA-256 of a text that comes in pieces: start, add …, end, and start again for the next text. For
 * one thread at a time. NULL, false: out of memory.
 */
struct hs_digest;
struct hs_digest *hs_digest_new(void);
void hs_digest_free(struct hs_digest *d); /* NULL is fine */
bool hs_digest_start(struct hs_digest *d);
bool hs_digest_add(struct hs_digest *d, struct hs_slice bytes);
bool hs_digest_end(struct hs_digest *d, uint8_t out[static HS_SHA256_BYTES]);

/* Compares n bytes in a time that depends on n alone. */
bool hs_equal_constant_time(const void *a, const void *b, size_t n);

/*
 * Finds the entry that has this SHA-256 at `offset`, among `count` entries of `size` bytes. Compares with every
 * entry in constant time, so that the time does not tell which one matched. Returns its index, else `count`.
 */
size_t hs_sha256_find(const void *entries, size_t count, size_t size, size_t offset,
                      const uint8_t digest[static HS_SHA256_BYTES]);

#endif

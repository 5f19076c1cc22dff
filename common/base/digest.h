/*
 * digest: HMAC-SHA1 (RFC 2104), SHA-256 (FIPS 180-4) and constant-time comparison, all
 * of them OpenSSL's. A keyed context is made once and copied for each message.
 */
#ifndef HS_DIGEST_H
#define HS_DIGEST_H

#include "base/slice.h"

#include <stdint.h>

enum { HS_SHA1_BYTES = 20, HS_SHA256_BYTES = 32 };

struct hs_hmac; /* a key, ready for use; never changes, so threads may share it */

/* NULL if memory is out. hs_hmac_free(NULL) does nothing. */
struct hs_hmac *hs_hmac_new(struct hs_slice key);
void hs_hmac_free(struct hs_hmac *h);

/* HMAC-SHA1 of the bytes. False if memory is out. */
bool hs_hmac_sha1(const struct hs_hmac *h, struct hs_slice bytes, uint8_t out[static HS_SHA1_BYTES]);

/* False if memory is out. */
bool hs_sha256(struct hs_slice bytes, uint8_t out[static HS_SHA256_BYTES]);

/*
 * SHA-256 of a text that comes in pieces, with a context that is used again: start, add …,
 * end. One a thread. NULL, false: out of memory.
 */
struct hs_digest;
struct hs_digest *hs_digest_new(void);
void hs_digest_free(struct hs_digest *d);
bool hs_digest_start(struct hs_digest *d);
bool hs_digest_add(struct hs_digest *d, struct hs_slice bytes);
bool hs_digest_end(struct hs_digest *d, uint8_t out[static HS_SHA256_BYTES]);

/* Compares n bytes in a time that depends on n alone. */
bool hs_equal_constant_time(const void *a, const void *b, size_t n);

#endif

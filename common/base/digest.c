/*
 * Calls the old functions of OpenSSL for SHA-1 and SHA-256. The current ones (EVP) first set up
 * providers and tables of names, which costs a plain CGI program a millisecond at each start; and
 * here a keyed context is a struct, which is copied without malloc.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <endian.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>

struct hs_hmac {
	SHA_CTX inner, outer; /* each has read its padded key (RFC 2104, 2) */
};

struct hs_hmac256 {
	SHA256_CTX inner, outer;
};

struct hs_digest {
	SHA256_CTX sha;
};

static bool start_with_pad(SHA_CTX *sha, const uint8_t key[static SHA_CBLOCK], uint8_t pad)
{
	uint8_t block[SHA_CBLOCK];
	bool ok;

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = key[i] ^ pad;
	ok = SHA1_Init(sha) == 1 && SHA1_Update(sha, block, sizeof block) == 1;
	OPENSSL_cleanse(block, sizeof block);
	return ok;
}

struct hs_hmac *hs_hmac_new(struct hs_slice key)
{
	struct hs_hmac *h = malloc(sizeof *h);
	uint8_t block[SHA_CBLOCK] = { 0 };
	SHA_CTX sha;
	bool ok = h != NULL;

	if (key.n <= sizeof block) {
		if (key.n > 0)
			memcpy(block, key.p, key.n);
	} else {
		ok = ok && SHA1_Init(&sha) == 1 && SHA1_Update(&sha, key.p, key.n) == 1 && SHA1_Final(block, &sha) == 1;
	}
	ok = ok && start_with_pad(&h->inner, block, 0x36) && start_with_pad(&h->outer, block, 0x5C);
	OPENSSL_cleanse(block, sizeof block);
	if (!ok) {
		hs_hmac_free(h);
		return NULL;
	}
	return h;
}

void hs_hmac_free(struct hs_hmac *h)
{
	if (h != NULL)
		OPENSSL_cleanse(h, sizeof *h);
	free(h);
}

bool hs_hmac_sha1(const struct hs_hmac *h, struct hs_slice bytes, uint8_t out[static HS_SHA1_BYTES])
{
	SHA_CTX inner = h->inner, outer = h->outer;
	uint8_t digest[HS_SHA1_BYTES];
	bool ok = SHA1_Update(&inner, bytes.p, bytes.n) == 1 && SHA1_Final(digest, &inner) == 1 &&
	          SHA1_Update(&outer, digest, sizeof digest) == 1 && SHA1_Final(out, &outer) == 1;

	OPENSSL_cleanse(&inner, sizeof inner);
	OPENSSL_cleanse(&outer, sizeof outer);
	return ok;
}

static bool start256_with_pad(SHA256_CTX *sha, const uint8_t key[static SHA256_CBLOCK], uint8_t pad)
{
	uint8_t block[SHA256_CBLOCK];
	bool ok;

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = key[i] ^ pad;
	ok = SHA256_Init(sha) == 1 && SHA256_Update(sha, block, sizeof block) == 1;
	OPENSSL_cleanse(block, sizeof block);
	return ok;
}

struct hs_hmac256 *hs_hmac256_new(struct hs_slice key)
{
	struct hs_hmac256 *h = malloc(sizeof *h);
	uint8_t block[SHA256_CBLOCK] = { 0 };
	bool ok = h != NULL;

	if (key.n > sizeof block)
		ok = ok && hs_sha256(key, block);
	else if (key.n > 0)
		memcpy(block, key.p, key.n);
	ok = ok && start256_with_pad(&h->inner, block, 0x36) && start256_with_pad(&h->outer, block, 0x5C);
	OPENSSL_cleanse(block, sizeof block);
	if (!ok) {
		hs_hmac256_free(h);
		return NULL;
	}
	return h;
}

void hs_hmac256_free(struct hs_hmac256 *h)
{
	if (h != NULL)
		OPENSSL_cleanse(h, sizeof *h);
	free(h);
}

static void put_big_endian(uint8_t *to, uint32_t n)
{
	n = htobe32(n);
	memcpy(to, &n, sizeof n);
}

/*
 * Ends a text of whole blocks, `before` bytes, with the first n bytes of a block, at most HS_SHA256_SHORT, and the
 * padding of FIPS 180-4, 5.1.1: without the bookkeeping of SHA256_Update and SHA256_Final. The block's others are zero.
 */
static void end_in_block(SHA256_CTX *sha, uint8_t block[static HS_SHA256_BLOCK], size_t n, size_t before, uint8_t *out)
{
	block[n] = 0x80;
	put_big_endian(block + HS_SHA256_BLOCK - 4, (uint32_t)(8 * (before + n)));
	SHA256_Transform(sha, block);
	for (int i = 0; i < 8; i++)
		put_big_endian(out + 4 * i, (uint32_t)sha->h[i]);
}

static void end_with(SHA256_CTX *sha, const void *bytes, size_t n, size_t before, uint8_t *out)
{
	uint8_t block[HS_SHA256_BLOCK] = { 0 };

	if (n > 0)
		memcpy(block, bytes, n);
	end_in_block(sha, block, n, before, out);
}

bool hs_hmac256(const struct hs_hmac256 *h, struct hs_slice bytes, uint8_t out[static HS_SHA256_BYTES])
{
	SHA256_CTX sha = h->inner;
	uint8_t digest[HS_SHA256_BYTES];
	bool ok = true;

	if (bytes.n <= HS_SHA256_SHORT)
		end_with(&sha, bytes.p, bytes.n, SHA256_CBLOCK, digest);
	else
		ok = SHA256_Update(&sha, bytes.p, bytes.n) == 1 && SHA256_Final(digest, &sha) == 1;
	sha = h->outer;
	end_with(&sha, digest, sizeof digest, SHA256_CBLOCK, out);
	OPENSSL_cleanse(&sha, sizeof sha);
	return ok;
}

bool hs_sha256_in_block(uint8_t block[static HS_SHA256_BLOCK], size_t n, uint8_t out[static HS_SHA256_BYTES])
{
	SHA256_CTX sha;

	if (SHA256_Init(&sha) != 1)
		return false;
	end_in_block(&sha, block, n, 0, out);
	return true;
}

static bool sha256_short(struct hs_slice bytes, uint8_t out[static HS_SHA256_BYTES])
{
	uint8_t block[HS_SHA256_BLOCK] = { 0 };

	if (bytes.n > 0)
		memcpy(block, bytes.p, bytes.n);
	return hs_sha256_in_block(block, bytes.n, out);
}

bool hs_sha256(struct hs_slice bytes, uint8_t out[static HS_SHA256_BYTES])
{
	SHA256_CTX sha;

	if (bytes.n <= HS_SHA256_SHORT)
		return sha256_short(bytes, out);
	return SHA256_Init(&sha) == 1 && SHA256_Update(&sha, bytes.p, bytes.n) == 1 && SHA256_Final(out, &sha) == 1;
}

struct hs_digest *hs_digest_new(void)
{
	return malloc(sizeof(struct hs_digest));
}

void hs_digest_free(struct hs_digest *d)
{
	free(d);
}

bool hs_digest_start(struct hs_digest *d)
{
	return SHA256_Init(&d->sha) == 1;
}

bool hs_digest_add(struct hs_digest *d, struct hs_slice bytes)
{
	return SHA256_Update(&d->sha, bytes.p, bytes.n) == 1;
}

bool hs_digest_end(struct hs_digest *d, uint8_t out[static HS_SHA256_BYTES])
{
	return SHA256_Final(out, &d->sha) == 1;
}

bool hs_equal_constant_time(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

size_t hs_sha256_find(const void *entries, size_t count, size_t size, size_t offset,
                      const uint8_t digest[static HS_SHA256_BYTES])
{
	size_t found = count;

	for (size_t i = 0; i < count; i++)
		if (hs_equal_constant_time((const char *)entries + i * size + offset, digest, HS_SHA256_BYTES))
			found = i;
	return found;
}

#include "core/hmac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/* The opaque type is OpenSSL's context itself: there is nothing to add to it. */
static EVP_MAC_CTX *context(const struct hs_hmac *h)
{
	return (EVP_MAC_CTX *)(uintptr_t)h;
}

struct hs_hmac *hs_hmac_new(struct hs_slice key)
{
	char digest[] = "SHA1";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		                OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);

	EVP_MAC_free(mac); /* the context holds its own reference */
	if (ctx != NULL &&
	    EVP_MAC_init(ctx, (const unsigned char *)key.p, key.n, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return (struct hs_hmac *)(void *)ctx;
}

void hs_hmac_free(struct hs_hmac *h)
{
	EVP_MAC_CTX_free(context(h));
}

bool hs_hmac_sha1(const struct hs_hmac *h, struct hs_slice bytes,
                  uint8_t out[static HS_SHA1_BYTES])
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(context(h));
	size_t n = 0;
	bool ok = ctx != NULL &&
	          EVP_MAC_update(ctx, (const unsigned char *)bytes.p, bytes.n) == 1 &&
	          EVP_MAC_final(ctx, out, &n, HS_SHA1_BYTES) == 1 && n == HS_SHA1_BYTES;

	EVP_MAC_CTX_free(ctx);
	return ok;
}

bool hs_sha256(struct hs_slice bytes, uint8_t out[static HS_SHA256_BYTES])
{
	size_t n = 0;

	return EVP_Q_digest(NULL, "SHA256", NULL, bytes.p, bytes.n, out, &n) == 1 &&
	       n == HS_SHA256_BYTES;
}

static EVP_MD_CTX *digest_context(struct hs_digest *d)
{
	return (EVP_MD_CTX *)(void *)d;
}

struct hs_digest *hs_digest_new(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx != NULL && EVP_DigestInit_ex2(ctx, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		ctx = NULL;
	}
	return (struct hs_digest *)(void *)ctx;
}

void hs_digest_free(struct hs_digest *d)
{
	EVP_MD_CTX_free(digest_context(d));
}

bool hs_digest_start(struct hs_digest *d)
{
	return EVP_DigestInit_ex2(digest_context(d), NULL, NULL) == 1; /* the same digest again */
}

bool hs_digest_add(struct hs_digest *d, struct hs_slice bytes)
{
	return EVP_DigestUpdate(digest_context(d), bytes.p, bytes.n) == 1;
}

bool hs_digest_end(struct hs_digest *d, uint8_t out[static HS_SHA256_BYTES])
{
	return EVP_DigestFinal_ex(digest_context(d), out, NULL) == 1;
}

bool hs_equal_constant_time(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

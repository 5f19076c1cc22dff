#include "base/password.h"
#include "base/digest.h"
#include "base/hex.h"

#include <openssl/evp.h>
#include <stdio.h>

enum { HASH = 32, LOG_N = 15, R = 8, P = 1, LOG_N_LEAST = 14, LOG_N_MOST = 18, P_MOST = 4 };

struct hash {
	unsigned log_n, r, p;
	uint8_t salt[HS_PASSWORD_SALT], hash[HASH];
};

/* RFC 7914, 2: 128 * r bytes for each of N blocks, and some more. */
static bool derive(struct hs_slice password, const struct hash *h, uint8_t out[static HASH])
{
	uint64_t n = UINT64_C(1) << h->log_n, memory = 128 * n * h->r + (UINT64_C(1) << 20);

	return EVP_PBE_scrypt(password.p, password.n, h->salt, sizeof h->salt, n, h->r, h->p, memory, out, HASH) == 1;
}

static bool parse(const char *text, struct hash *h)
{
	char salt[2 * HS_PASSWORD_SALT + 1], hash[2 * HASH + 1];
	char again[HS_PASSWORD_TEXT];

	if (strlen(text) >= HS_PASSWORD_TEXT ||
	    sscanf(text, "scrypt:%2u:%1u:%1u:%32[0-9a-f]:%64[0-9a-f]", &h->log_n, &h->r, &h->p, salt, hash) != 5)
		return false;
	/* printed again it is the same, so nothing follows, and no number has another spelling */
	snprintf(again, sizeof again, "scrypt:%u:%u:%u:%s:%s", h->log_n, h->r, h->p, salt, hash);
	return strcmp(again, text) == 0 && h->log_n >= LOG_N_LEAST && h->log_n <= LOG_N_MOST && h->r == R &&
	       h->p >= 1 && h->p <= P_MOST && hs_hex_decode(hs_slice_str(salt), h->salt, sizeof h->salt) &&
	       hs_hex_decode(hs_slice_str(hash), h->hash, sizeof h->hash);
}

bool hs_password_hash(struct hs_slice password, const uint8_t salt[static HS_PASSWORD_SALT],
                      char out[static HS_PASSWORD_TEXT])
{
	struct hash h = { .log_n = LOG_N, .r = R, .p = P };
	char digits[2 * HS_PASSWORD_SALT + 1] = "", hash[2 * HASH + 1] = "";

	memcpy(h.salt, salt, sizeof h.salt);
	if (!derive(password, &h, h.hash))
		return false;
	hs_hex_encode(h.salt, sizeof h.salt, digits);
	hs_hex_encode(h.hash, sizeof h.hash, hash);
	snprintf(out, HS_PASSWORD_TEXT, "scrypt:%u:%u:%u:%s:%s", h.log_n, h.r, h.p, digits, hash);
	return true;
}

bool hs_password_is_hash(const char *text)
{
	struct hash h;

	return parse(text, &h);
}

bool hs_password_check(struct hs_slice password, const char *text, bool *same)
{
	uint8_t hash[HASH];
	struct hash h;

	*same = false;
	if (!parse(text, &h) || !derive(password, &h, hash))
		return false;
	*same = hs_equal_constant_time(hash, h.hash, sizeof hash);
	return true;
}

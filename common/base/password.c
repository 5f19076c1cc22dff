#include "base/password.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>

enum { HASH = 32, LOG_N = 15, R = 8, P = 1, LOG_N_LEAST = 14, LOG_N_MOST = 18, P_MOST = 4 };

struct hash {
	unsigned log_n, r, p;
	uint8_t salt[HS_PASSWORD_SALT], hash[HASH];
};

/* --- scrypt (RFC 7914) ------------------------------------------------------------ */

enum { WORDS = 16 /* of a Salsa20 block */, BLOCK = 2 * R * WORDS /* words that are mixed at once */ };

static uint32_t rotate(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

static void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*b ^= rotate(*a + *d, 7);
	*c ^= rotate(*b + *a, 9);
	*d ^= rotate(*c + *b, 13);
	*a ^= rotate(*d + *c, 18);
}

/* Section 3: Salsa20/8. */
static void salsa(uint32_t block[static WORDS])
{
	uint32_t x[WORDS];

	memcpy(x, block, sizeof x);
	for (int i = 0; i < 4; i++) {
		quarter(&x[0], &x[4], &x[8], &x[12]);
		quarter(&x[5], &x[9], &x[13], &x[1]);
		quarter(&x[10], &x[14], &x[2], &x[6]);
		quarter(&x[15], &x[3], &x[7], &x[11]);
		quarter(&x[0], &x[1], &x[2], &x[3]);
		quarter(&x[5], &x[6], &x[7], &x[4]);
		quarter(&x[10], &x[11], &x[8], &x[9]);
		quarter(&x[15], &x[12], &x[13], &x[14]);
	}
	for (int i = 0; i < WORDS; i++)
		block[i] += x[i];
}

static void add(uint32_t *to, const uint32_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] ^= from[i];
}

/* Section 4: scryptBlockMix. */
static void mix(uint32_t b[static BLOCK])
{
	uint32_t x[WORDS], mixed[BLOCK];

	memcpy(x, &b[BLOCK - WORDS], sizeof x);
	for (size_t i = 0; i < 2 * R; i++) {
		add(x, b + i * WORDS, WORDS);
		salsa(x);
		memcpy(mixed + (i / 2 + i % 2 * R) * WORDS, x, sizeof x);
	}
	memcpy(b, mixed, sizeof mixed);
}

/* Section 5: scryptROMix, with room for n blocks. The words are little-endian in bytes. */
static void mix_all(uint8_t bytes[static 4 * BLOCK], uint32_t *room, uint32_t n)
{
	uint32_t x[BLOCK];

	for (size_t i = 0; i < BLOCK; i++)
		x[i] = bytes[4 * i] | (uint32_t)bytes[4 * i + 1] << 8 | (uint32_t)bytes[4 * i + 2] << 16 |
		       (uint32_t)bytes[4 * i + 3] << 24;
	for (uint32_t i = 0; i < n; i++) {
		memcpy(room + (size_t)i * BLOCK, x, sizeof x);
		mix(x);
	}
	for (uint32_t i = 0; i < n; i++) {
		add(x, room + (size_t)(x[BLOCK - WORDS] & (n - 1)) * BLOCK, BLOCK);
		mix(x);
	}
	for (size_t i = 0; i < 4 * BLOCK; i++)
		bytes[i] = (uint8_t)(x[i / 4] >> 8 * (i % 4));
}

/* PBKDF2-HMAC-SHA-256 with one iteration (RFC 8018, 5.2); n is a multiple of 32. */
static bool stretch(const struct hs_hmac256 *key, struct hs_slice salt, uint8_t *out, size_t n)
{
	struct hs_buf text = { 0 };
	bool done = true;

	hs_buf_put_slice(&text, salt);
	hs_buf_put(&text, "\0\0\0", 4);
	for (size_t i = 0; i < n / HASH && hs_buf_ok(&text); i++) {
		text.p[text.n - 1] = (char)(i + 1); /* at most 128 */
		done &= hs_hmac256(key, hs_buf_slice(&text), out + i * HASH);
	}
	done = done && hs_buf_ok(&text);
	hs_buf_wipe(&text);
	return done;
}

/* Section 6. OpenSSL has it, too, but a static program would get half of OpenSSL with it (see digest.c). */
static bool derive(struct hs_slice password, const struct hash *h, uint8_t out[static HASH])
{
	uint8_t bytes[4 * BLOCK * P_MOST];
	size_t n = 4 * BLOCK * h->p, room_bytes = (size_t)4 * BLOCK << h->log_n;
	struct hs_hmac256 *key = hs_hmac256_new(password);
	uint32_t *room = malloc(room_bytes);
	bool done =
	    key != NULL && room != NULL && stretch(key, hs_slice((const char *)h->salt, sizeof h->salt), bytes, n);

	for (unsigned i = 0; i < h->p && done; i++)
		mix_all(bytes + i * 4 * BLOCK, room, UINT32_C(1) << h->log_n);
	done = done && stretch(key, hs_slice((const char *)bytes, n), out, HASH);
	hs_hmac256_free(key);
	if (room != NULL)
		explicit_bzero(room, room_bytes);
	free(room);
	explicit_bzero(bytes, sizeof bytes);
	return done;
}

/* --- the text ------------------------------------------------------------------------ */

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

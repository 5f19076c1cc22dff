/* User keys of NATS (nkeys): base32 of a prefix, an Ed25519 key and a CRC-16, least byte first. */
#include "tools/ship/engine_nats.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum {
	SEED_TEXT = 58,        /* "SU…" */
	SEED_BYTES = 36,       /* two of the prefix, 32 of the key, two of the CRC */
	PUBLIC_BYTES = 35,     /* a prefix of one byte */
	PREFIX_SEED = 18 << 3, /* 'S' */
	PREFIX_USER = 20 << 3, /* 'U' */
};

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* CRC-16/XMODEM. */
static uint16_t crc16(const unsigned char *p, size_t n)
{
	unsigned crc = 0;

	for (size_t i = 0; i < n; i++) {
		crc ^= (unsigned)p[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
	}
	return (uint16_t)crc;
}

static bool decode(struct hs_slice text, unsigned char *to)
{
	unsigned bits = 0, count = 0;

	for (size_t i = 0; i < text.n; i++) {
		const char *digit = text.p[i] != '\0' ? strchr(ALPHABET, text.p[i]) : NULL;

		if (digit == NULL)
			return false;
		bits = bits << 5 | (unsigned)(digit - ALPHABET);
		count += 5;
		if (count >= 8) {
			count -= 8;
			*to++ = (unsigned char)(bits >> count);
			bits &= (1U << count) - 1;
		}
	}
	return bits == 0;
}

/* 35 bytes are 56 digits exactly. */
static void encode(const unsigned char *from, char *to)
{
	unsigned bits = 0, count = 0;

	for (size_t i = 0; i < PUBLIC_BYTES; i++) {
		bits = bits << 8 | from[i];
		for (count += 8; count >= 5; bits &= (1U << count) - 1) {
			count -= 5;
			*to++ = ALPHABET[bits >> count];
		}
	}
	*to = '\0';
}

bool hs_nkey_public(struct hs_slice seed, char public_key[static 57])
{
	unsigned char raw[SEED_BYTES + 1], out[PUBLIC_BYTES] = { PREFIX_USER };
	size_t size = 32;
	EVP_PKEY *key = NULL;
	uint16_t crc;
	bool ok = seed.n == SEED_TEXT && decode(seed, raw);

	crc = ok ? crc16(raw, SEED_BYTES - 2) : 0;
	/* The second prefix, of eight bits, begins in the three low bits of the first byte. */
	ok = ok && raw[SEED_BYTES - 2] == (crc & 0xff) && raw[SEED_BYTES - 1] == crc >> 8 &&
	     (raw[0] & 0xf8) == PREFIX_SEED && ((raw[0] & 7) << 5 | raw[1] >> 3) == PREFIX_USER;
	if (ok)
		key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw + 2, 32);
	OPENSSL_cleanse(raw, sizeof raw);
	ok = key != NULL && EVP_PKEY_get_raw_public_key(key, out + 1, &size) == 1 && size == 32;
	EVP_PKEY_free(key);
	if (!ok)
		return false;
	crc = crc16(out, PUBLIC_BYTES - 2);
	out[PUBLIC_BYTES - 2] = (unsigned char)(crc & 0xff);
	out[PUBLIC_BYTES - 1] = (unsigned char)(crc >> 8);
	encode(out, public_key);
	return true;
}

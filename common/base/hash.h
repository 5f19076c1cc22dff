/*
 * hash: a seeded 64-bit hash for tables in memory. It depends on the machine's byte order, so do not
 * store it in files that may move to another machine.
 *
 * Multiplies and folds 128 bits for each eight bytes (the construction of wyhash). The seed
 * is part of every step, so that a sender cannot choose keys that collide: the last eight bytes that
 * make the last product 0 are not UTF-8, which every text of a sender is.
 */
#ifndef HS_HASH_H
#define HS_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t hs_hash_fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	__extension__ typedef unsigned __int128 wide;
	wide product = (wide)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
	uint64_t low = (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF), high = (a >> 32) * (b >> 32);
	uint64_t cross_1 = (a >> 32) * (b & 0xFFFFFFFF), cross_2 = (a & 0xFFFFFFFF) * (b >> 32);
	uint64_t middle = (low >> 32) + (cross_1 & 0xFFFFFFFF) + (cross_2 & 0xFFFFFFFF);

	high += (cross_1 >> 32) + (cross_2 >> 32) + (middle >> 32);
	return (middle << 32 | (low & 0xFFFFFFFF)) ^ high;
#endif
}

static inline uint64_t hs_hash_word(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word);
	return word;
}

/* The last 1 to 8 of n > 0 bytes as one word; p is at the first of these `left` bytes. */
static inline uint64_t hs_hash_tail(const char *p, size_t n, size_t left)
{
	const unsigned char *u = (const unsigned char *)p;
	uint32_t low, high;

	if (n >= 8)
		return hs_hash_word(p + left - 8); /* reads some bytes twice, which does no harm */
	if (n < 4)
		return (uint64_t)u[0] << 16 | (uint64_t)u[n / 2] << 8 | u[n - 1];
	memcpy(&low, p, sizeof low);
	memcpy(&high, p + n - 4, sizeof high);
	return (uint64_t)high << 32 | low;
}

static inline uint64_t hs_hash(const void *bytes, size_t n, uint64_t seed)
{
	const char *p = bytes;
	uint64_t h = seed ^ 0xA0761D6478BD642F;
	size_t left = n;

	for (; left > 8; left -= 8, p += 8)
		h = hs_hash_fold(hs_hash_word(p) ^ seed ^ 0xE7037ED1A0B428DB, h);
	return hs_hash_fold((left == 0 ? 0 : hs_hash_tail(p, n, left)) ^ 0x8EBC6AF09C88C6E3,
	                    h ^ (uint64_t)n ^ 0x589965CC75374CC3);
}

#endif

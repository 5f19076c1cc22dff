#include "base/bloom.h"

enum { WORDS = HS_BLOOM_BLOCK / 4 };

/* Odd constants of BloomFilter.md: each word of a block gets a bit of its own. */
static const uint32_t salt[WORDS] = {
	0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31,
};

size_t hs_bloom_bytes(size_t hashes)
{
	/* -8 / ln(1 - 0.001^(1/8)) = 14.61 bits a hash */
	size_t blocks = (hashes * 146 / 10 + 8 * HS_BLOOM_BLOCK - 1) / (8 * HS_BLOOM_BLOCK);

	return (blocks > 0 ? blocks : 1) * HS_BLOOM_BLOCK;
}

static size_t block_of(size_t bytes, uint64_t hash)
{
	return (size_t)((hash >> 32) * (uint64_t)(bytes / HS_BLOOM_BLOCK) >> 32) * WORDS;
}

static uint32_t bit_of(uint64_t hash, int word)
{
	return UINT32_C(1) << ((uint32_t)hash * salt[word] >> 27);
}

void hs_bloom_add(uint32_t *filter, size_t bytes, uint64_t hash)
{
	uint32_t *block = filter + block_of(bytes, hash);

	for (int i = 0; i < WORDS; i++)
		block[i] |= bit_of(hash, i);
}

bool hs_bloom_may_have(const uint32_t *filter, size_t bytes, uint64_t hash)
{
	const uint32_t *block = filter + block_of(bytes, hash);

	for (int i = 0; i < WORDS; i++)
		if ((block[i] & bit_of(hash, i)) == 0)
			return false;
	return true;
}

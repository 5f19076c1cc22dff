/*
 * bloom: a set of hashes in little memory. It never misses a member; of other hashes it takes
 * about one in a thousand for a member.
 *
 * A split block Bloom filter, as Parquet has it (parquet-format, BloomFilter.md): the upper half of
 * a hash chooses a block of 32 bytes, the lower half a bit in each of its eight words. So a question
 * touches one cache line. The words are in this machine's byte order.
 */
#ifndef HS_BLOOM_H
#define HS_BLOOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HS_BLOOM_BLOCK = 32 /* bytes */ };

/* The size for that many hashes, in bytes: 14.6 bits a hash, at least one block. */
size_t hs_bloom_bytes(size_t hashes);

/* `bytes` is a size of the function above; `filter` is zeroed at first and aligned for uint32_t. */
void hs_bloom_add(uint32_t *filter, size_t bytes, uint64_t hash);
bool hs_bloom_may_have(const uint32_t *filter, size_t bytes, uint64_t hash);

#endif

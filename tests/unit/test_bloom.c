/* bloom: every member is found, and few others are. */
#include "base/bloom.h"
#include "tests/lib/unit.h"

#include <stdlib.h>

/* splitmix64 */
static uint64_t hash_of(uint64_t n)
{
	uint64_t z = (n + 1) * 0x9E3779B97F4A7C15;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
	z = (z ^ z >> 27) * 0x94D049BB133111EB;
	return z ^ z >> 31;
}

TEST(members_are_found_and_few_others)
{
	static const size_t sizes[] = { 1, 2, 25, 26, 27, 1000, 100000 };

	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		size_t bytes = hs_bloom_bytes(sizes[s]), false_ones = 0;
		uint32_t *filter = calloc(1, bytes);

		assert_int_equal(bytes % HS_BLOOM_BLOCK, 0);
		for (size_t i = 0; i < sizes[s]; i++)
			hs_bloom_add(filter, bytes, hash_of(i));
		for (size_t i = 0; i < sizes[s]; i++)
			assert_true(hs_bloom_may_have(filter, bytes, hash_of(i)));
		for (size_t i = 0; i < 100000; i++)
			false_ones += hs_bloom_may_have(filter, bytes, hash_of(1000000 + i));
		assert_true(false_ones < 300); /* one in a thousand is meant */
		free(filter);
	}
}

TEST(an_empty_filter_has_nothing)
{
	size_t bytes = hs_bloom_bytes(0);
	uint32_t *filter = calloc(1, bytes);

	assert_int_equal(bytes, HS_BLOOM_BLOCK);
	for (size_t i = 0; i < 1000; i++)
		assert_false(hs_bloom_may_have(filter, bytes, hash_of(i)));
	free(filter);
}

/* Parquet's own way with a block, so that the constants stay as they are published. */
TEST(bits_are_those_of_parquet)
{
	uint32_t filter[8] = { 0 };

	hs_bloom_add(filter, sizeof filter, 1);
	for (int i = 0; i < 8; i++) {
		static const uint32_t salt[8] = { 0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
			                          0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31 };

		assert_int_equal(filter[i], UINT32_C(1) << (salt[i] >> 27));
	}
}

TESTS("bloom", NULL, NULL)

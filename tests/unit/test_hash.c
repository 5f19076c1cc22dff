/* hash: every byte, the length and the seed count; many short keys have no collision. */
#include "base/hash.h"
#include "tests/lib/unit.h"

#include <stdlib.h>

TEST(every_byte_counts)
{
	char bytes[40] = { 0 };

	for (size_t n = 1; n <= sizeof bytes; n++) {
		uint64_t plain = hs_hash(bytes, n, 1);

		assert_true(plain != hs_hash(bytes, n - 1, 1)); /* zeros at the end count */
		for (size_t i = 0; i < n; i++) {
			bytes[i] = 1;
			if (hs_hash(bytes, n, 1) == plain)
				fail_msg("byte %zu of %zu does not count", i, n);
			bytes[i] = 0;
		}
	}
}

/* Otherwise a sender could choose keys that collide in every process. */
TEST(the_seed_counts_at_any_length)
{
	char bytes[40];

	memset(bytes, 'k', sizeof bytes);
	for (size_t n = 0; n <= sizeof bytes; n++)
		for (uint64_t seed = 2; seed < 20; seed++)
			if (hs_hash(bytes, n, 1) == hs_hash(bytes, n, seed))
				fail_msg("for %zu bytes the seed does not count", n);
}

TEST(the_address_of_the_bytes_does_not_count)
{
	char room[64];

	memset(room, 'x', sizeof room);
	for (size_t at = 1; at < 16; at++)
		assert_true(hs_hash(room, 21, 3) == hs_hash(room + at, 21, 3));
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

TEST(short_keys_do_not_collide)
{
	enum { KEYS = 1 << 16 };
	uint64_t *hash = malloc(KEYS * sizeof *hash);

	assert_non_null(hash);
	for (uint32_t i = 0; i < KEYS; i++)
		hash[i] = hs_hash(&i, sizeof i, 0);
	qsort(hash, KEYS, sizeof *hash, by_value);
	for (uint32_t i = 1; i < KEYS; i++)
		assert_true(hash[i] != hash[i - 1]);
	free(hash);
}

TESTS("hash", NULL, NULL)

/* block: packed identities, found by where they ought to be. */
#include "core/block.h"
#include "tests/lib/cases.h"

#include <stdlib.h>

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, HS_IDENTITY_BYTES);
}

/* So many, ascending, none twice, spread as hashes are; spooled_s is their place. */
static void fill(struct hs_block_entry *e, size_t n, uint64_t seed)
{
	struct case_random r = case_random_new(seed);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < sizeof e[i].id.bytes; k++)
			e[i].id.bytes[k] = (uint8_t)case_random_below(&r, 256);
	qsort(e, n, sizeof *e, by_id);
	for (size_t i = 0; i < n; i++)
		e[i].spooled_s = (uint32_t)i;
}

/* At an odd address: they lie anywhere in a page. */
static struct hs_slice pack(const struct hs_block_entry *e, size_t n)
{
	static char bytes[1 + sizeof(struct hs_block)];

	memcpy(bytes + 1, e, n * sizeof *e);
	return hs_slice(bytes + 1, n * sizeof *e);
}

static void all_are_found(struct hs_slice packed, const struct hs_block_entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct hs_identity other = e[i].id;
		uint32_t spooled_s;

		assert_true(hs_block_find(packed, &e[i].id, &spooled_s));
		assert_int_equal(spooled_s, e[i].spooled_s);
		other.bytes[HS_IDENTITY_BYTES - 1] ^= 1;
		assert_false(hs_block_find(packed, &other, &spooled_s));
	}
}

static void what_is_in_it_is_found(void **state)
{
	struct hs_block_entry e[HS_BLOCK_ENTRIES];

	(void)state;
	for (size_t n = 1; n <= HS_BLOCK_ENTRIES; n += n < 8 ? 1 : 49) {
		fill(e, n, n);
		all_are_found(pack(e, n), e, n);
	}
}

static void nothing_is_in_an_empty_one(void **state)
{
	struct hs_identity id = { { 7 } };
	uint32_t spooled_s;

	(void)state;
	assert_false(hs_block_find(HS_SLICE_NONE, &id, &spooled_s));
}

/* Somebody who chooses ids can make hashes that are near each other. */
static void neighbours_are_found(void **state)
{
	struct hs_block_entry e[HS_BLOCK_ENTRIES];

	(void)state;
	for (size_t same = 7; same < HS_IDENTITY_BYTES - 1; same++) {
		fill(e, HS_BLOCK_ENTRIES, same);
		for (size_t i = 0; i < HS_BLOCK_ENTRIES; i++) {
			memset(e[i].id.bytes, i < 3 ? 0 : 0xff, same);
			e[i].id.bytes[same] = (uint8_t)i;
		}
		all_are_found(pack(e, HS_BLOCK_ENTRIES), e, HS_BLOCK_ENTRIES);
	}
}

static void out_of_range_is_not_found(void **state)
{
	struct hs_identity low = { { 0 } }, high;
	struct hs_block_entry e[50];
	uint32_t spooled_s;

	(void)state;
	memset(&high, 0xff, sizeof high);
	fill(e, 50, 3);
	assert_false(hs_block_find(pack(e, 50), &low, &spooled_s));
	assert_false(hs_block_find(pack(e, 50), &high, &spooled_s));
}

static void merging_keeps_both_in_order(void **state)
{
	static struct hs_block_entry all[2 * HS_BLOCK_ENTRIES], odd[HS_BLOCK_ENTRIES], even[HS_BLOCK_ENTRIES];
	static struct hs_block b;

	(void)state;
	fill(all, 2 * HS_BLOCK_ENTRIES, 5);
	for (size_t i = 0; i < HS_BLOCK_ENTRIES; i++) {
		even[i] = all[2 * i];
		odd[i] = all[2 * i + 1];
	}
	hs_block_merge(&b, pack(even, HS_BLOCK_ENTRIES), 0, odd, HS_BLOCK_ENTRIES);
	assert_int_equal(b.n, 2 * HS_BLOCK_ENTRIES);
	assert_memory_equal(b.entry, all, sizeof all);
	hs_block_merge(&b, HS_SLICE_NONE, 0, odd, 10);
	assert_int_equal(b.n, 10);
	hs_block_merge(&b, pack(odd, 10), 0, NULL, 0);
	assert_int_equal(b.n, 10);
	assert_memory_equal(b.entry, odd, 10 * sizeof *odd);
}

static void the_new_time_of_an_identity_counts(void **state)
{
	static struct hs_block b;
	struct hs_block_entry e[20], again;
	uint32_t spooled_s;

	(void)state;
	fill(e, 20, 9);
	again = e[11];
	again.spooled_s = 4711;
	hs_block_merge(&b, pack(e, 20), 0, &again, 1);
	assert_int_equal(b.n, 20);
	assert_true(hs_block_find(pack(b.entry, b.n), &again.id, &spooled_s));
	assert_int_equal(spooled_s, 4711);
}

static void what_is_too_old_is_dropped(void **state)
{
	static struct hs_block b;
	struct hs_block_entry e[100];

	(void)state;
	fill(e, 100, 13);
	hs_block_merge(&b, pack(e, 100), 60, NULL, 0);
	assert_int_equal(b.n, 40);
	assert_memory_equal(b.entry, e + 60, 40 * sizeof *e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_it_is_found),
		cmocka_unit_test(nothing_is_in_an_empty_one),
		cmocka_unit_test(neighbours_are_found),
		cmocka_unit_test(out_of_range_is_not_found),
		cmocka_unit_test(merging_keeps_both_in_order),
		cmocka_unit_test(the_new_time_of_an_identity_counts),
		cmocka_unit_test(what_is_too_old_is_dropped),
	};

	return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}

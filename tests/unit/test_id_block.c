/* id_block: packed ids, found by where they should be. */
#include "spool/dedup/id_block.h"
#include "tests/lib/random.h"
#include "tests/lib/unit.h"

/* N ascending, distinct ids, spread like hashes; spooled_s is their index. */
static void fill(struct hs_id_block_entry *e, size_t n, uint64_t seed)
{
	struct random_source r = random_new(seed);

	for (size_t i = 0; i < n; i++) {
		struct hs_dedup_key id;

		for (size_t k = 0; k < sizeof id.bytes; k++)
			id.bytes[k] = (uint8_t)random_below(&r, 256);
		e[i] = hs_id_block_entry(&id, 0);
	}
	hs_id_block_sort(e, n);
	for (size_t i = 0; i < n; i++)
		e[i].spooled_s = (uint32_t)i;
}

/* Packs them at an odd address, as in a page, into one of two buffers in turn. */
static struct hs_slice pack(const struct hs_id_block_entry *e, size_t n)
{
	static char bytes[2][1 + HS_ID_BLOCK_ROOM * HS_ID_BLOCK_ENTRY];
	static int next;
	char *to = bytes[next++ % 2] + 1;
	struct hs_id_block b;

	b.n = n;
	for (size_t i = 0; i < n; i++) {
		b.high[i] = e[i].high;
		b.low[i] = e[i].low;
		b.spooled_s[i] = e[i].spooled_s;
	}
	hs_id_block_pack(&b, 0, n, to);
	return hs_slice(to, n * HS_ID_BLOCK_ENTRY);
}

static void assert_holds(const struct hs_id_block *b, const struct hs_id_block_entry *e, size_t n)
{
	assert_int_equal(b->n, n);
	for (size_t i = 0; i < n; i++) {
		assert_true(b->high[i] == e[i].high && b->low[i] == e[i].low);
		assert_int_equal(b->spooled_s[i], e[i].spooled_s);
	}
}

/* Wherever the search begins. */
static bool find(struct hs_slice packed, const struct hs_id_block_entry *e, uint32_t *spooled_s)
{
	size_t n = packed.n / HS_ID_BLOCK_ENTRY;
	size_t guess = hs_id_block_guess(packed, 0, UINT64_MAX, e->high);
	bool found = hs_id_block_find(packed, guess, e, spooled_s);

	for (size_t near = 0; near <= n + 1; near++)
		assert_int_equal(hs_id_block_find(packed, near, e, spooled_s), found);
	return found;
}

static void all_are_found(struct hs_slice packed, const struct hs_id_block_entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct hs_id_block_entry other = e[i];
		uint32_t spooled_s;

		assert_true(find(packed, &e[i], &spooled_s));
		assert_int_equal(spooled_s, e[i].spooled_s);
		other.low ^= 1;
		assert_false(find(packed, &other, &spooled_s));
	}
}

TEST(an_entry_orders_like_its_id)
{
	struct hs_dedup_key id = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255 } };
	struct hs_id_block_entry e = hs_id_block_entry(&id, 42);

	assert_true(e.high == UINT64_C(0x0102030405060708) && e.low == UINT64_C(0x090a0b0c0d0e0fff));
	assert_int_equal(e.spooled_s, 42);
}

TEST(sorting_orders_by_id)
{
	enum { N = 3000 };
	static struct hs_id_block_entry e[N];
	struct random_source r = random_new(17);

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < N; i++) { /* many equal first halves; nearly sorted */
			e[i] = (struct hs_id_block_entry){ .low = random_below(&r, 50) };
			e[i].high = round == 2 && i % 100 != 7 ? i << 48 : random_below(&r, 50);
		}
		hs_id_block_sort(e, N);
		for (size_t i = 1; i < N; i++)
			assert_true(e[i - 1].high < e[i].high ||
			            (e[i - 1].high == e[i].high && e[i - 1].low <= e[i].low));
	}
	hs_id_block_sort(e, 0);
}

TEST(ids_in_a_block_are_found)
{
	struct hs_id_block_entry e[HS_ID_BLOCK_ENTRIES];

	for (size_t n = 1; n <= HS_ID_BLOCK_ENTRIES; n += n < 8 ? 1 : 49) {
		fill(e, n, n);
		all_are_found(pack(e, n), e, n);
	}
}

TEST(an_empty_block_has_no_id)
{
	struct hs_id_block_entry e = { 7, 7, 7 };
	uint32_t spooled_s;

	assert_false(find(HS_SLICE_NONE, &e, &spooled_s));
}

/* A sender that chooses ids can make hashes that are near each other. */
TEST(neighbours_are_found)
{
	struct hs_id_block_entry e[HS_ID_BLOCK_ENTRIES];

	for (unsigned same = 8; same < HS_DEDUP_KEY_BYTES - 1; same++) {
		fill(e, HS_ID_BLOCK_ENTRIES, same);
		for (size_t i = 0; i < HS_ID_BLOCK_ENTRIES; i++) {
			e[i].high = i < 3 ? 0 : UINT64_MAX;
			e[i].low = (uint64_t)i << (8 * (15 - same));
		}
		all_are_found(pack(e, HS_ID_BLOCK_ENTRIES), e, HS_ID_BLOCK_ENTRIES);
	}
}

/* A guess is an index of the block, and a good one if the ids are evenly spread. */
TEST(guesses_are_close)
{
	static const uint64_t ranges[][2] = { { 0, UINT64_MAX },
		                              { 1000, 1300 },
		                              { UINT64_C(5) << 40, UINT64_C(7) << 40 } };
	struct hs_id_block_entry e[HS_ID_BLOCK_ENTRIES] = { 0 };

	for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
		uint64_t low = ranges[k][0], top = ranges[k][1];

		for (size_t i = 0; i < HS_ID_BLOCK_ENTRIES; i++)
			e[i].high = low + (top - low) / HS_ID_BLOCK_ENTRIES * i;
		for (size_t i = 0; i < HS_ID_BLOCK_ENTRIES; i++) {
			size_t near = hs_id_block_guess(pack(e, HS_ID_BLOCK_ENTRIES), low, top, e[i].high);

			assert_true(near < HS_ID_BLOCK_ENTRIES);
			assert_true(k == 1 || (near <= i + 1 && i <= near + 1));
		}
		assert_int_equal(hs_id_block_guess(pack(e, 50), low + 10, top, low), 0);
		assert_int_equal(hs_id_block_guess(pack(e, 50), low, top, top), 49);
		assert_int_equal(hs_id_block_guess(pack(e, 50), top - 1, top, top), 49);
		assert_true(hs_id_block_guess(pack(e, 50), top, low, low + 1) < 50); /* nonsense */
	}
}

TEST(out_of_range_is_not_found)
{
	struct hs_id_block_entry low = { 0 }, high = { UINT64_MAX, UINT64_MAX, 0 }, e[50];
	uint32_t spooled_s;

	fill(e, 50, 3);
	assert_false(find(pack(e, 50), &low, &spooled_s));
	assert_false(find(pack(e, 50), &high, &spooled_s));
}

TEST(merging_keeps_both_in_order)
{
	enum { OLD = HS_ID_BLOCK_ENTRIES, ADDED = HS_ID_BLOCK_ADDED };
	static struct hs_id_block_entry all[OLD + ADDED], old[OLD], added[ADDED], back[OLD];
	static struct hs_id_block b;

	fill(all, OLD + ADDED, 5);
	for (size_t i = 0; i < OLD + ADDED; i++)
		if (i % 3 == 2)
			added[i / 3] = all[i];
		else
			old[i - i / 3 - (i % 3 == 2)] = all[i];
	hs_id_block_merge(&b, pack(old, OLD), 0, added, ADDED);
	assert_holds(&b, all, OLD + ADDED);
	hs_id_block_merge(&b, HS_SLICE_NONE, 0, added, 10);
	assert_holds(&b, added, 10);
	hs_id_block_merge(&b, pack(added, 10), 0, NULL, 0);
	assert_holds(&b, added, 10);
	assert_int_equal(hs_id_block_unpack(pack(old, OLD), back), OLD);
	hs_id_block_merge(&b, pack(back, OLD), 0, NULL, 0);
	assert_holds(&b, old, OLD);
}

TEST(the_latest_time_of_an_id_counts)
{
	static struct hs_id_block b;
	struct hs_id_block_entry e[20], again[3];
	uint32_t spooled_s;

	fill(e, 20, 9);
	again[0] = again[1] = again[2] = e[11];
	again[0].spooled_s = 4710;
	again[1].spooled_s = 4711;
	again[2].spooled_s = 3;
	hs_id_block_merge(&b, pack(e, 20), 0, again, 3);
	e[11].spooled_s = 4711;
	assert_holds(&b, e, 20);
	assert_true(find(pack(e, 20), &again[0], &spooled_s));
	assert_int_equal(spooled_s, 4711);
}

TEST(old_ids_are_dropped)
{
	static struct hs_id_block b;
	struct hs_id_block_entry e[100];

	fill(e, 100, 13);
	hs_id_block_merge(&b, pack(e + 30, 70), 60, e, 30);
	assert_holds(&b, e + 60, 40);
}

TESTS("id_block", NULL, NULL)

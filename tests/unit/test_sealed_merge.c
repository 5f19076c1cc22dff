/* sealed_merge: ids of several summaries come in one order, from any id on. */
#include "spool/dedup/sealed_merge.h"
#include "tests/lib/random.h"
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <string.h>

enum { RUNS = 7, MOST = 300 };

static struct hs_sealed_run runs[RUNS];
static uint64_t high[RUNS * MOST]; /* of all ids, ascending */
static size_t total;

/* Packs ids as a block does: all first halves, all second halves, all times. */
static void make_run(struct hs_sealed_run *run, const struct hs_id_block_entry *e, size_t n)
{
	char *packed = malloc(n > 0 ? n * HS_ID_BLOCK_ENTRY : 1);

	assert_non_null(packed);
	for (size_t i = 0; i < n; i++) {
		memcpy(packed + 8 * i, &e[i].high, 8);
		memcpy(packed + 8 * (n + i), &e[i].low, 8);
		memcpy(packed + 16 * n + 4 * i, &e[i].spooled_s, 4);
	}
	run->packed = hs_slice(packed, n * HS_ID_BLOCK_ENTRY);
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The second run is empty, and the third has the ids of the first. */
FIXTURE(begin)
{
	struct random_source r = random_new(4);
	struct hs_id_block_entry e[MOST];

	total = 0;
	for (size_t k = 0; k < RUNS; k++) {
		size_t n = k == 1 ? 0 : k == 2 ? hs_sealed_run_count(&runs[0]) : 1 + random_below(&r, MOST - 1);

		for (size_t i = 0; i < n && k != 2; i++)
			e[i] = (struct hs_id_block_entry){ (uint64_t)random_below(&r, 1000) << 32, i, (uint32_t)k };
		for (size_t i = 0; i < n && k == 2; i++)
			e[i] = hs_sealed_run_at(&runs[0], i);
		hs_id_block_sort(e, n);
		for (size_t i = 0; i < n; i++)
			high[total++] = e[i].high;
		make_run(&runs[k], e, n);
	}
	qsort(high, total, sizeof *high, ascending);
	return 0;
}

FIXTURE(finish)
{
	for (size_t k = 0; k < RUNS; k++)
		free((void *)(uintptr_t)runs[k].packed.p);
	return 0;
}

static void expect_from(size_t n, uint64_t from)
{
	struct hs_sealed_merge m;
	struct hs_id_block_entry e;
	size_t i = 0;

	while (i < total && high[i] < from)
		i++;
	assert_true(hs_sealed_merge_open(&m, runs, n, from));
	while (hs_sealed_merge_next(&m, &e)) {
		assert_in_range(i, 0, total - 1);
		assert_int_equal(e.high, high[i++]);
	}
	assert_int_equal(i, total);
	assert_false(hs_sealed_merge_next(&m, &e));
	hs_sealed_merge_close(&m);
}

TEST(all_come_in_order)
{
	expect_from(RUNS, 0);
}

TEST(from_any_id_on)
{
	for (size_t i = 0; i < total; i += 13) {
		expect_from(RUNS, high[i]);
		expect_from(RUNS, high[i] + 1);
	}
	expect_from(RUNS, UINT64_MAX);
}

TEST(of_no_run_there_is_none)
{
	struct hs_sealed_merge m;
	struct hs_id_block_entry e;

	assert_true(hs_sealed_merge_open(&m, runs, 0, 0));
	assert_false(hs_sealed_merge_next(&m, &e));
	hs_sealed_merge_close(&m);
}

TESTS("sealed_merge", begin, finish)

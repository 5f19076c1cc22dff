/* memtable: a table of ids that may be emptied at either end. */
#include "spool/dedup/memtable.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>

static struct hs_dedup_key id_of(uint32_t n)
{
	struct hs_dedup_key id = { { 0 } };

	memcpy(id.bytes, &n, sizeof n); /* one run of neighbours: the worst case for the table */
	return id;
}

static void add(struct hs_memtable *p, uint32_t n, uint64_t end)
{
	struct hs_dedup_key id = id_of(n);

	assert_true(hs_memtable_add(p, &id, end, n));
}

static const struct hs_unflushed_id *find(const struct hs_memtable *p, uint32_t n)
{
	struct hs_dedup_key id = id_of(n);

	return hs_memtable_find(p, &id);
}

TEST(an_empty_table_has_nothing)
{
	struct hs_memtable p = { 0 };

	assert_null(find(&p, 1));
	hs_memtable_clear(&p);
	hs_memtable_keep(&p, 0, UINT64_MAX);
	hs_memtable_free(&p);
	assert_null(find(&p, 1));
}

TEST(added_ids_are_found)
{
	struct hs_memtable p = { 0 };

	for (uint32_t i = 0; i < 5000; i++)
		add(&p, i * 256, i + 1); /* the table grows several times */
	assert_int_equal(p.count, 5000);
	for (uint32_t i = 0; i < 5000; i++) {
		assert_non_null(find(&p, i * 256));
		assert_int_equal(find(&p, i * 256)->end, i + 1);
		assert_int_equal(find(&p, i * 256)->spooled_s, i * 256);
		assert_null(find(&p, i * 256 + 1));
	}
	hs_memtable_free(&p);
}

TEST(the_last_line_of_an_id_counts)
{
	struct hs_memtable p = { 0 };

	add(&p, 7, 10);
	add(&p, 7, 20);
	assert_int_equal(p.count, 1);
	assert_int_equal(find(&p, 7)->end, 20);
	hs_memtable_free(&p);
}

/* The low ones are dropped up to their own end, the high ones kept from it. */
TEST(keeping_drops_both_ends)
{
	struct hs_memtable p = { 0 };

	for (uint32_t i = 1; i <= 100; i++)
		add(&p, i, i);
	hs_memtable_keep(&p, 10, 90);
	assert_int_equal(p.count, 80);
	for (uint32_t i = 1; i <= 100; i++)
		assert_int_equal(find(&p, i) != NULL, i > 10 && i <= 90);
	hs_memtable_keep(&p, 90, UINT64_MAX);
	assert_int_equal(p.count, 0);
	add(&p, 5, 5);
	assert_non_null(find(&p, 5));
	assert_null(find(&p, 6));
	hs_memtable_free(&p);
}

/* Wherever in the table it is. */
TEST(the_only_id_to_keep_is_kept)
{
	for (uint32_t i = 0; i < 256; i++) {
		struct hs_memtable p = { 0 };

		add(&p, i, 2);
		add(&p, 1000, 1);
		assert_true(hs_memtable_keep(&p, 1, UINT64_MAX));
		assert_non_null(find(&p, i));
		assert_int_equal(p.count, 1);
		hs_memtable_free(&p);
	}
}

TEST(a_large_table_is_freed)
{
	struct hs_memtable p = { 0 };

	for (uint32_t i = 0; i < 20000; i++)
		add(&p, i, i + 1);
	hs_memtable_clear(&p);
	assert_null(p.slot);
	add(&p, 1, 1);
	assert_non_null(find(&p, 1));
	hs_memtable_clear(&p);
	assert_null(find(&p, 1));
	hs_memtable_free(&p);
}

TEST(without_memory_nothing_is_lost)
{
	struct hs_memtable p = { 0 };
	struct hs_dedup_key id = id_of(1000);
	uint32_t added = 0;

	wrap_reset();
	wrap_fail(WRAP_CALLOC, 1, 1, ENOMEM);
	assert_false(hs_memtable_add(&p, &id, 1, 1));
	assert_null(find(&p, 1000));
	add(&p, 0, 1);
	wrap_fail(WRAP_CALLOC, 1, WRAP_FOREVER, ENOMEM);
	while (id = id_of(++added), hs_memtable_add(&p, &id, added, added))
		assert_true(added < 100000);
	wrap_reset();
	for (uint32_t i = 0; i < added; i++)
		assert_non_null(find(&p, i));
	assert_null(find(&p, added));
	hs_memtable_free(&p);
}

TESTS("memtable", NULL, NULL)

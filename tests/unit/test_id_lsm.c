/* id_lsm: ids are found in whichever level they are; ids that are too old are gone. */
#include "spool/dedup/id_lsm.h"
#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	BATCH = 4096,
	LEVEL = 1 << 13, /* ids that the first level has at most */
};

static struct scene {
	struct spooldir d;
	MDB_env *env;
	MDB_dbi records;
	MDB_txn *txn; /* one for the whole test */
	MDB_cursor *c;
	struct hs_id_lsm levels;
} s;

FIXTURE(begin)
{
	char path[PATH_MAX + 32];

	memset(&s, 0, sizeof s);
	spooldir_make(&s.d, "");
	snprintf(path, sizeof path, "%s/levels", s.d.above);
	assert_int_equal(mdb_env_create(&s.env), 0);
	assert_int_equal(mdb_env_set_mapsize(s.env, 64 << 20), 0);
	assert_int_equal(mdb_env_open(s.env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600), 0);
	assert_int_equal(mdb_txn_begin(s.env, NULL, 0, &s.txn), 0);
	assert_int_equal(mdb_dbi_open(s.txn, NULL, HS_ID_LSM_FLAGS, &s.records), 0);
	assert_int_equal(mdb_cursor_open(s.txn, s.records, &s.c), 0);
	return 0;
}

FIXTURE(finish)
{
	mdb_cursor_close(s.c);
	mdb_txn_abort(s.txn);
	mdb_env_close(s.env);
	spooldir_remove(&s.d);
	return 0;
}

/* The finalizer of splitmix64: one to one, and spread as a hash is. */
static uint64_t mix(uint64_t n)
{
	n = (n ^ n >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	n = (n ^ n >> 27) * UINT64_C(0x94D049BB133111EB);
	return n ^ n >> 31;
}

/* The identity of that number. */
static struct hs_id_block_entry numbered(uint64_t number, uint32_t spooled_s)
{
	return (struct hs_id_block_entry){ mix(number + 1), mix(~number), spooled_s };
}

static void put(struct hs_id_block_entry *e, size_t n, uint32_t since_s)
{
	hs_id_block_sort(e, n);
	for (; n > 0; e += BATCH, n -= n < BATCH ? n : BATCH)
		assert_int_equal(hs_id_lsm_put(s.c, &s.levels, since_s, e, n < BATCH ? n : BATCH), 0);
}

static void put_numbers(uint64_t from, uint64_t to, uint32_t spooled_s, uint32_t since_s)
{
	struct hs_id_block_entry e[BATCH];

	while (from < to) {
		size_t n = 0;

		while (n < BATCH && from < to)
			e[n++] = numbered(from++, spooled_s);
		put(e, n, since_s);
	}
}

static size_t found(const struct hs_id_block_entry *e, size_t n, uint32_t since_s)
{
	bool *there = calloc(n + 1, sizeof *there);
	size_t sum = 0;

	assert_non_null(there);
	there[n] = true;
	assert_int_equal(hs_id_lsm_find(s.c, e, n, since_s, there), 0);
	assert_true(there[n]);
	for (size_t i = 0; i < n; i++)
		sum += there[i];
	free(there);
	return sum;
}

/* Expects the same for sorted and unsorted ids. */
static uint64_t found_numbers(uint64_t from, uint64_t to, uint32_t since_s)
{
	struct hs_id_block_entry e[BATCH];
	uint64_t sum = 0;

	while (from < to) {
		size_t n = 0, here;

		while (n < BATCH && from < to)
			e[n++] = numbered(from++, 0);
		here = found(e, n, since_s);
		hs_id_block_sort(e, n);
		assert_int_equal(found(e, n, since_s), here);
		sum += here;
	}
	return sum;
}

static uint64_t count(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < HS_ID_LSM; i++)
		sum += s.levels.count[i];
	return sum;
}

TEST(it_is_empty_at_first)
{
	assert_int_equal(found_numbers(0, 100, 0), 0);
}

TEST(all_are_found)
{
	for (uint64_t n = 0; n < 300000; n += 60000) {
		put_numbers(n, n + 60000, 1, 0);
		assert_int_equal(count(), n + 60000);
		assert_int_equal(found_numbers(0, n + 60000, 0), n + 60000);
		assert_int_equal(found_numbers(400000, 410000, 0), 0);
	}
	for (int i = 0; i < HS_ID_LSM; i++)
		assert_true(s.levels.count[i] > 0);
	assert_true(s.levels.count[0] < 20000 && s.levels.count[1] < 150000);
}

TEST(ids_put_one_by_one_are_found)
{
	for (uint64_t n = 0; n < 500; n++)
		put_numbers(n, n + 1, 1, 0);
	assert_int_equal(count(), 500);
	assert_int_equal(found_numbers(0, 600, 0), 500);
}

TEST(a_repeated_id_counts_once)
{
	for (int i = 0; i < 3; i++)
		put_numbers(0, 2000, 1, 0);
	assert_int_equal(count(), 2000);
	assert_int_equal(found_numbers(0, 2000, 0), 2000);
}

/* Whether it comes before or after the other, and in whichever level. */
TEST(the_latest_time_counts)
{
	put_numbers(0, 1000, 200, 0);
	put_numbers(1000, 2000, 100, 0);
	put_numbers(2000, 200000, 150, 0);
	put_numbers(0, 1000, 100, 0);
	put_numbers(1000, 2000, 200, 0);
	assert_int_equal(found_numbers(0, 2000, 160), 2000);
	put_numbers(200000, 400000, 150, 0);
	assert_int_equal(found_numbers(0, 2000, 160), 2000);
	assert_int_equal(found_numbers(0, 2000, 201), 0);
}

TEST(old_ids_go)
{
	put_numbers(0, 250000, 100, 0);
	assert_int_equal(found_numbers(0, 250000, 101), 0);
	/* until the second level's merge, too, has been everywhere */
	put_numbers(250000, 750000, 200, 150);
	assert_int_equal(found_numbers(250000, 750000, 150), 500000);
	assert_int_equal(count(), 500000);
}

/* A sender that chooses ids can make hashes that are near each other. */
TEST(neighbours_are_found)
{
	enum { N = 30000 };
	static struct hs_id_block_entry e[N];

	put_numbers(0, 20000, 1, 0);
	for (size_t i = 0; i < N; i++)
		e[i] = (struct hs_id_block_entry){ UINT64_C(0xABCDEF) << 40 | i / 50 << 5, i, 1 };
	put(e, N, 0);
	assert_int_equal(found(e, N, 0), N);
	for (size_t i = 0; i < N; i++)
		e[i].low += N;
	assert_int_equal(found(e, N, 0), 0);
	put_numbers(20000, 40000, 1, 0);
	for (size_t i = 0; i < N; i++)
		e[i].low -= N;
	assert_int_equal(found(e, N, 0), N);
}

/* Puts ids in their order, as from summaries that are merged. */
static void put_many(struct hs_id_block_entry *e, size_t n)
{
	hs_id_block_sort(e, n);
	for (; n > 0; e += BATCH, n -= n < BATCH ? n : BATCH)
		assert_int_equal(hs_id_lsm_put_many(s.c, &s.levels, 0, e, n < BATCH ? n : BATCH), 0);
}

TEST(ids_in_their_order_go_to_the_last_level_at_once)
{
	enum { N = 200000 };
	struct hs_id_block_entry *e = calloc(N, sizeof *e);
	MDB_stat st;

	assert_non_null(e);
	for (size_t i = 0; i < N; i++)
		e[i] = numbered(i, 1);
	put_many(e, N);
	free(e);
	assert_int_equal(s.levels.count[HS_ID_LSM - 1], N);
	assert_int_equal(count(), N);
	assert_int_equal(found_numbers(0, N, 0), N);
	assert_int_equal(found_numbers(N, 2 * N, 0), 0);
	/* the blocks are at least half full */
	assert_int_equal(mdb_stat(s.txn, s.records, &st), 0);
	assert_in_range(st.ms_entries, N / HS_ID_BLOCK_ENTRIES, 2 * N / HS_ID_BLOCK_ENTRIES);
}

/* Among many that are there already, few go the usual way, and each is there once. */
TEST(ids_far_apart_go_the_usual_way)
{
	enum { MANY = 400000, FEW = 2000 };
	struct hs_id_block_entry *e = calloc(MANY, sizeof *e);

	assert_non_null(e);
	for (size_t i = 0; i < MANY; i++)
		e[i] = numbered(i, 1);
	put_many(e, MANY);
	for (size_t i = 0; i < FEW; i++)
		e[i] = numbered(MANY - FEW / 2 + i, 1);
	put_many(e, FEW);
	free(e);
	assert_int_equal(s.levels.count[HS_ID_LSM - 1], MANY);
	assert_int_equal(s.levels.count[0], FEW);
	assert_int_equal(found_numbers(0, MANY + FEW / 2, 0), MANY + FEW / 2);
	assert_int_equal(found_numbers(MANY + FEW / 2, MANY + FEW, 0), 0);
}

TEST(the_lowest_and_the_highest_id)
{
	struct hs_id_block_entry e[] = {
		{ 0, 0, 1 }, { 0, 1, 1 }, { UINT64_MAX, 0, 1 }, { UINT64_MAX, UINT64_MAX, 1 }
	};

	assert_int_equal(found(e, 4, 0), 0);
	put(e, 4, 0);
	put_numbers(0, 150000, 1, 0);
	assert_int_equal(found(e, 4, 0), 4);
}

static uint64_t as_stored(uint64_t key)
{
	return HS_ID_LSM_FLAGS == MDB_INTEGERKEY ? key : htobe64(key);
}

/* Other records in the table are the caller's. */
TEST(foreign_records_are_left_alone)
{
	const uint64_t keys[] = { as_stored(HS_ID_LSM_END), UINT64_MAX };
	MDB_val key = { sizeof keys[0], NULL }, value;

	for (size_t i = 0; i < 2; i++) {
		key.mv_data = (void *)(uintptr_t)&keys[i];
		value = (MDB_val){ 4, (void *)(uintptr_t) "mine" };
		assert_int_equal(mdb_put(s.txn, s.records, &key, &value, 0), 0);
	}
	assert_int_equal(found_numbers(0, 100, 0), 0);
	put_numbers(0, 200000, 1, 0);
	assert_int_equal(found_numbers(0, 200000, 0), 200000);
	for (size_t i = 0; i < 2; i++) {
		key.mv_data = (void *)(uintptr_t)&keys[i];
		assert_int_equal(mdb_get(s.txn, s.records, &key, &value), 0);
		assert_memory_equal(value.mv_data, "mine", 4);
	}
}

TEST(a_record_that_is_not_a_block_is_reported)
{
	static char bytes[2 * HS_ID_BLOCK_ENTRIES * HS_ID_BLOCK_ENTRY];
	struct hs_id_block_entry e = { 5, 5, 5 };
	uint64_t last = as_stored(HS_ID_LSM_END - 1);
	MDB_val key = { sizeof last, &last }, value = { HS_ID_BLOCK_ENTRY + 1, bytes };
	bool there;

	assert_int_equal(mdb_put(s.txn, s.records, &key, &value, 0), 0);
	assert_int_equal(hs_id_lsm_find(s.c, &e, 1, 0, &there), MDB_CORRUPTED);
	value.mv_size = sizeof bytes;
	assert_int_equal(mdb_put(s.txn, s.records, &key, &value, 0), 0);
	assert_int_equal(hs_id_lsm_find(s.c, &e, 1, 0, &there), MDB_CORRUPTED);
}

static void put_record(struct hs_slice name, struct hs_slice text)
{
	MDB_val key = { name.n, (void *)(uintptr_t)name.p }, value = { text.n, (void *)(uintptr_t)text.p };

	assert_int_equal(mdb_put(s.txn, s.records, &key, &value, 0), 0);
}

/* Such as only a damaged file has. */
TEST(a_key_of_another_size_is_reported)
{
	struct hs_id_block_entry e = { 5, 5, 5 };
	bool there;

	put_record(HS_SLICE("\xff\xff\xff\xff"), HS_SLICE("\xff\xff\xff\xff\xff\xff"));
	assert_int_equal(hs_id_lsm_find(s.c, &e, 1, 0, &there), MDB_CORRUPTED);
	assert_int_equal(hs_id_lsm_put(s.c, &s.levels, 0, &e, 1), MDB_CORRUPTED);
}

TEST(before_a_block_any_key_may_be)
{
	struct hs_id_block_entry e = { UINT64_MAX, 5, 5 };

	put_record(hs_slice("\0\0\0\0", 4), hs_slice("\0\0\0\0\0\0", 6));
	put(&e, 1, 0);
	assert_int_equal(found(&e, 1, 0), 1);
}

/* A block is divided where keys differ, and such ids have one key: the others must not suffer. */
TEST(ids_with_one_first_half)
{
	enum { N = HS_ID_BLOCK_ENTRIES + 40, OTHERS = 10 };
	struct hs_id_block_entry same[N], other[OTHERS];

	for (size_t i = 0; i < N; i++)
		same[i] = (struct hs_id_block_entry){ UINT64_C(1) << 40, i, 1 };
	for (size_t i = 0; i < OTHERS; i++)
		other[i] = (struct hs_id_block_entry){ i << 5, i, 1 };
	put(other, OTHERS, 0);
	put(same, N, 0);
	assert_int_equal(found(other, OTHERS, 0), OTHERS);
	assert_in_range(found(same, N, 0), N / 4, N);
}

/* Ids go in turns from the first to the last: those of the last block, and then there is none for the highest ids. */
TEST(a_level_whose_last_block_has_been_moved)
{
	uint64_t numbers = 0;
	struct hs_id_block_entry low[4 * LEVEL];

	for (uint64_t before = 0; s.levels.hand[0] >= before; numbers += 64) {
		before = s.levels.hand[0];
		put_numbers(numbers, numbers + 64, 1, 0);
	}
	assert_int_equal(s.levels.hand[0], 0);
	for (uint64_t i = 0; i < 4 * LEVEL; i++)
		low[i] = (struct hs_id_block_entry){ mix(i) >> 2, i, 1 };
	for (uint64_t i = 0; i < 4 * LEVEL; i += 64)
		put(low + i, 64, 0);
	assert_int_equal(found(low, 4 * LEVEL, 0), 4 * LEVEL);
	assert_int_equal(found_numbers(0, numbers, 0), numbers);
	assert_int_equal(count(), numbers + 4 * LEVEL);
	assert_true(s.levels.count[0] <= LEVEL);
}

/* --- errors ------------------------------------------------------------------------------------- */

/* Puts a few ids one by one and many at once, which moves others on; looks for some. */
static int work(MDB_cursor *c)
{
	struct hs_id_block_entry e[64];
	struct hs_id_lsm levels = s.levels;
	bool there[64];
	int code;

	for (uint64_t i = 0; i < 64; i++)
		e[i] = numbered(100000 + i, 1);
	hs_id_block_sort(e, 64);
	code = hs_id_lsm_put(c, &levels, 0, e, 8);
	if (code == 0)
		code = hs_id_lsm_put_many(c, &levels, 0, e, 64);
	for (uint64_t i = 0; i < 8; i++)
		e[i] = numbered(i, 1);
	if (code == 0)
		code = hs_id_lsm_put_many(c, &levels, 0, e, 8);
	return code == 0 ? hs_id_lsm_find(c, e, 64, 0, there) : code;
}

TEST(every_error_of_lmdb_is_returned)
{
	int code = EIO;
	unsigned nth;

	put_numbers(0, 9000, 1, 0);
	put_numbers(9000, 9000 + LEVEL - 4 - s.levels.count[0], 1, 0); /* four more, and it moves some on */
	for (nth = 1; code == EIO; nth++) {
		MDB_txn *txn;
		MDB_cursor *c;

		assert_int_equal(mdb_txn_begin(s.env, s.txn, 0, &txn), 0);
		assert_int_equal(mdb_cursor_open(txn, s.records, &c), 0);
		wrap_fail(WRAP_LMDB, nth, 1, EIO);
		code = work(c);
		wrap_reset();
		mdb_cursor_close(c);
		mdb_txn_abort(txn);
	}
	assert_int_equal(code, 0);
	assert_true(nth > 40);
	assert_int_equal(found_numbers(0, 9000, 0), 9000);
}

TESTS("id_lsm", begin, finish)

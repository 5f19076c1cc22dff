/* name_cache: what very many names needed is given back; a text of more than 32 bits is refused. */
#include "event/name_cache.h"
#include "tests/lib/unit.h"

#include <stdio.h>

static struct hs_name_cache cache;

FIXTURE(finish)
{
	hs_name_cache_free(&cache);
	return 0;
}

static uint32_t step_to(int number)
{
	char key[16];
	uint32_t step;

	snprintf(key, sizeof key, "k%d", number);
	assert_result(hs_name_cache_step(&cache, HS_PATH_TOP, hs_slice_str(key), &step), HS_OK);
	return step;
}

/* The keys of objects without members have no names. */
TEST(the_room_of_many_steps_without_names_is_given_back)
{
	assert_true(hs_name_cache_next(&cache, HS_NAMES_WAREHOUSE));
	for (int i = 0; i < 5000; i++)
		step_to(i);
	assert_true(hs_name_cache_next(&cache, HS_NAMES_WAREHOUSE));
	assert_int_equal(cache.steps, 1);
	assert_int_equal(cache.text.n, 0); /* or each event from now on would find too much */
	hs_name_cache_shrink(&cache);
	assert_null(cache.step);
}

/* Fewer names than are kept, but long ones. */
TEST(long_names_are_forgotten_for_their_bytes)
{
	char key[1000];
	uint32_t step;

	memset(key, 'k', sizeof key);
	assert_true(hs_name_cache_next(&cache, HS_NAMES_WAREHOUSE));
	for (int i = 0; i < 2000; i++) {
		memcpy(key, (char[4]){ (char)('a' + i / 100), (char)('a' + i / 10 % 10), (char)('a' + i % 10), 'z' },
		       4);
		assert_result(hs_name_cache_step(&cache, HS_PATH_TOP, hs_slice(key, sizeof key), &step), HS_OK);
	}
	assert_in_range(cache.text.n, (1 << 19) + 1, SIZE_MAX);
	assert_true(hs_name_cache_next(&cache, HS_NAMES_WAREHOUSE));
	assert_int_equal(cache.text.n, 0);
	hs_name_cache_shrink(&cache);
}

TEST(the_room_of_few_names_is_kept)
{
	uint32_t step, name;

	assert_true(hs_name_cache_next(&cache, HS_NAMES_WAREHOUSE));
	step = step_to(1);
	assert_result(hs_name_cache_claim(&cache, step, &name), HS_OK);
	hs_name_cache_shrink(&cache);
	assert_true(hs_name_cache_next(&cache, HS_NAMES_WAREHOUSE));
	assert_int_equal(step_to(1), step);
	assert_int_equal(hs_name_cache_name_of(&cache, step), name);
}

TEST(a_name_is_taken_until_the_next_event)
{
	uint32_t step, name;
	bool taken;

	assert_true(hs_name_cache_next(&cache, HS_NAMES_WAREHOUSE));
	step = step_to(1);
	taken = true;
	assert_result(hs_name_cache_is_taken(&cache, step, &taken), HS_OK);
	assert_false(taken);
	assert_result(hs_name_cache_claim(&cache, step, &name), HS_OK);
	assert_result(hs_name_cache_is_taken(&cache, step, &taken), HS_OK);
	assert_true(taken);
	assert_true(hs_name_cache_next(&cache, HS_NAMES_WAREHOUSE));
	assert_result(hs_name_cache_is_taken(&cache, step, &taken), HS_OK);
	assert_false(taken);
}

/* Offsets in the text have 32 bits. */
TEST(a_text_without_an_offset_for_its_end_is_refused)
{
	uint32_t step;

	assert_true(hs_name_cache_next(&cache, HS_NAMES_WAREHOUSE));
	step_to(1);
	cache.text.n = UINT32_MAX - HS_LABEL_SLACK; /* as if there were as many names */
	assert_result(hs_name_cache_step(&cache, HS_PATH_TOP, HS_SLICE("k"), &step), HS_E_RECORD_LARGE);
	cache.text.n = 0;
}

TESTS("name_cache", NULL, finish)

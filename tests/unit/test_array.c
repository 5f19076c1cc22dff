/* array: the first element that is not below a number, in arrays of every length; growth has a bound. */
#include "base/array.h"
#include "tests/lib/unit.h"

struct element {
	uint64_t number;
	char rest[3];
};

TEST(the_first_that_is_not_below)
{
	struct element list[40] = { 0 };

	for (size_t count = 0; count <= 40; count++)
		for (uint64_t number = 0; number < 32; number++) {
			size_t want = 0;

			for (size_t i = 0; i < count; i++) {
				list[i].number = 2 + i / 3 * 2; /* each number three times */
				want += list[i].number < number;
			}
			assert_int_equal(hs_array_from(list, count, sizeof *list, number), want);
		}
	assert_int_equal(hs_array_from(NULL, 0, sizeof *list, 7), 0);
	assert_int_equal(hs_array_from(list, 40, sizeof *list, UINT64_MAX), 40);
}

TEST(an_array_that_no_memory_could_hold_does_not_grow)
{
	static const struct {
		size_t cap, size;
	} cases[] = { { SIZE_MAX / 2 + 1, 1 }, { SIZE_MAX / 16, 16 } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct element one, *list = &one;
		size_t cap = cases[i].cap;

		assert_false(hs_array_grow(&list, &cap, cases[i].size));
		assert_ptr_equal(list, &one);
		assert_int_equal(cap, cases[i].cap);
	}
}

TESTS("array", NULL, NULL)

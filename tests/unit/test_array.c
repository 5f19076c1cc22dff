/* array: the first element that is not below a number, in arrays of every length. */
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

TESTS("array", NULL, NULL)

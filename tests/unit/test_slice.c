/* slice: comparison and trimming. */
#include "base/slice.h"
#include "tests/lib/unit.h"

TEST(equal_means_the_same_bytes)
{
	assert_true(hs_slice_eq(HS_SLICE("abc"), HS_SLICE("abc")));
	assert_true(hs_slice_eq(HS_SLICE("a\0c"), HS_SLICE("a\0c")));
	assert_true(hs_slice_eq(HS_SLICE(""), HS_SLICE_NONE));
	assert_false(hs_slice_eq(HS_SLICE("a\0c"), HS_SLICE("a\0d")));
	assert_false(hs_slice_eq(HS_SLICE("abc"), HS_SLICE("abd")));
	assert_false(hs_slice_eq(HS_SLICE("abc"), HS_SLICE("ab")));
	assert_false(hs_slice_eq(HS_SLICE("abc"), HS_SLICE("ABC")));
}

TEST(case_is_that_of_ascii_letters)
{
	assert_true(hs_slice_eq_nocase(HS_SLICE("Basic"), HS_SLICE("bASIC")));
	assert_true(hs_slice_eq_nocase(HS_SLICE("azAZ09-"), HS_SLICE("AZaz09-")));
	assert_true(hs_slice_eq_nocase(HS_SLICE(""), HS_SLICE_NONE));
	assert_false(hs_slice_eq_nocase(HS_SLICE("Basic"), HS_SLICE("Basi")));
	assert_false(hs_slice_eq_nocase(HS_SLICE("Basic"), HS_SLICE("Basis")));
	/* neighbours of the letters, and pairs 32 apart that are no letters */
	assert_false(hs_slice_eq_nocase(HS_SLICE("@"), HS_SLICE("`")));
	assert_false(hs_slice_eq_nocase(HS_SLICE("["), HS_SLICE("{")));
	assert_false(hs_slice_eq_nocase(HS_SLICE("\xC9"), HS_SLICE("\xE9")));
}

TEST(trimming_takes_blanks_and_tabs)
{
	assert_slice_equal(hs_slice_trim(HS_SLICE(" \t a b\t ")), HS_SLICE("a b"));
	assert_slice_equal(hs_slice_trim(HS_SLICE("x")), HS_SLICE("x"));
	assert_slice_equal(hs_slice_trim(HS_SLICE(" \t ")), HS_SLICE(""));
	assert_slice_equal(hs_slice_trim(HS_SLICE("")), HS_SLICE(""));
	assert_slice_equal(hs_slice_trim(HS_SLICE("\na\r")), HS_SLICE("\na\r"));
	assert_slice_equal(hs_slice_trim(HS_SLICE_NONE), HS_SLICE_NONE);
}

TEST(a_string_is_as_long_as_it_is)
{
	assert_int_equal(hs_slice_str("abc").n, 3);
	assert_int_equal(hs_slice_str("").n, 0);
	assert_int_equal(hs_slice_str(NULL).n, 0);
	assert_null(hs_slice_str(NULL).p);
	assert_int_equal(HS_SLICE("a\0b").n, 3);
}

TESTS("slice", NULL, NULL)

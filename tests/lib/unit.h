/*
 * unit: the tests of one program, and assertions that show what they got.
 *
 *	TEST(numbers_are_decimal)
 *	{
 *		…
 *	}
 *
 *	TESTS("buf", NULL, NULL)
 *
 * TEST defines a test and lists it; TESTS defines main, which runs the listed tests in the order of
 * the file, each between the set-up and the tear-down that TESTS names (NULL for none). A test
 * finds what the set-up left in `state`, as in cmocka.
 */
#ifndef HS_TEST_UNIT_H
#define HS_TEST_UNIT_H

#include "base/result.h"
#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* --- tests ------------------------------------------------------------------ */

struct unit_test {
	struct CMUnitTest test;
	bool has_fixture; /* its own set-up and tear-down, not those of the program */
	int line;         /* tests run in the order of lines */
	struct unit_test *next;
};

/* Lists a test; it must live until the program ends. */
void unit_list(struct unit_test *test);

/* Runs all listed tests as a group. Returns what main returns. */
int unit_run(const char *group, CMFixtureFunction setup, CMFixtureFunction teardown);

#define UNIT_DEFINE(name, has_fixture, setup, teardown) \
	static void name(void **state); \
	static void __attribute__((constructor)) name##_is_listed(void) \
	{ \
		static struct unit_test test = { \
			{ #name, name, setup, teardown, NULL }, has_fixture, __LINE__, NULL \
		}; \
\
		unit_list(&test); \
	} \
	static void name(__attribute__((unused)) void **state)

#define TEST(name) UNIT_DEFINE(name, false, NULL, NULL)
/* A test with a set-up and a tear-down of its own; NULL for none. */
#define TEST_WITH(name, setup, teardown) UNIT_DEFINE(name, true, setup, teardown)

/* A set-up or a tear-down: 0 if all is well. */
#define FIXTURE(name) static int name(__attribute__((unused)) void **state)

#define TESTS(group, setup, teardown) \
	int main(void) \
	{ \
		return unit_run(group, setup, teardown); \
	}

/* --- assertions ------------------------------------------------------------- */

/* Like assert_string_equal for slices; shows both. */
#define assert_slice_equal(got, expected) unit_assert_slice((got), (expected), __FILE__, __LINE__)
void unit_assert_slice(struct hs_slice got, struct hs_slice expected, const char *file, int line);

/* Expects a result, and names both if it is another. */
#define assert_result(got, expected) unit_assert_result((got), (expected), __FILE__, __LINE__)
void unit_assert_result(enum hs_result got, enum hs_result expected, const char *file, int line);

/* Prints bytes in the notation of case files (cases.h), into one of four static buffers in turn. */
const char *unit_show(struct hs_slice s);

/* --- memory and descriptors ----------------------------------------------------------------- */

/* A copy in memory of exactly its size, so that a sanitizer sees any access beyond it. The caller frees it. */
char *unit_exact_copy(struct hs_slice s);

/* Bytes in use on the heap. */
size_t unit_heap(void);

/* Descriptors that are open. A test fails if after its tear-down there are more or fewer than before its set-up. */
size_t unit_descriptors(void);
/* This test may leave some open. */
void unit_leaves_descriptors(void);

#endif

/*
 * cases: tests as data, in files that a person can read and extend.
 *
 * A case file holds blocks with empty lines between them:
 *
 *	# a comment
 *	-- the name of the case
 *	in  {"userId": 1}
 *	out {"user_id":1}
 *
 * A line is a key, blanks, and a value that runs to the end of the line as it stands.
 * Behind a key that ends in '%', %XX is a byte and %{N*text} is text N times over:
 *
 *	in% "%C0%AF"
 *	in% %{64*[}%{64*]}
 *
 * A block without a name line is named by its first value. The keys of a file are
 * explained at its top; a key that no test asks for is an error, so none is mistyped.
 *
 * Each case is one test of a cmocka group. The files are looked for in the directory
 * that HS_CASES names, or in tests/cases.
 *
 * Cases live until the program ends; nobody frees them.
 */
#ifndef HS_TEST_CASES_H
#define HS_TEST_CASES_H

#include "base/result.h"
#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct case_line {
	int number; /* in the file, from 1 */
	const char *key;
	struct hs_slice value; /* a NUL follows it */
	bool asked;            /* some test looked at it */
};

struct test_case {
	const char *file;
	int line; /* of its first line */
	const char *name;
	struct case_line *lines;
	size_t count;
};

/* --- running ---------------------------------------------------------------- */

struct case_set {
	const char *file; /* in the directory of cases: "json.txt" */
	void (*run)(struct test_case *c);
};

/*
 * Runs, as one group, the tests written in C and then a test for each case of each
 * set. Returns what main returns. A file that cannot be read ends the program with
 * "Bail out!".
 */
int cases_run(const char *group, const struct CMUnitTest *tests, size_t test_count, const struct case_set *sets,
              size_t set_count);

#define CASES_RUN(group, tests, sets) \
	cases_run((group), (tests), sizeof(tests) / sizeof *(tests), (sets), sizeof(sets) / sizeof *(sets))

/* --- in a test -------------------------------------------------------------- */

/* The value of a key; the test fails if there is none. */
struct hs_slice case_get(struct test_case *c, const char *key);

/* The same for a key that may be absent. */
bool case_find(struct test_case *c, const char *key, struct hs_slice *value);

/* A key that may stand several times: the next value at or behind line *at, from 0. */
bool case_next(struct test_case *c, const char *key, size_t *at, struct hs_slice *value);

/* All values of a key, a newline behind each. The caller frees `p`. */
struct hs_slice case_text(struct test_case *c, const char *key);

/* A decimal number, possibly negative. */
int64_t case_number(struct test_case *c, struct hs_slice value);

/* Cuts the first word off *value and returns it. */
struct hs_slice case_word(struct hs_slice *value);

/* Fails the test; file and line of the case stand before the message. */
_Noreturn void case_fail(const struct test_case *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Expects the same bytes; `what` says of what. */
void case_same(const struct test_case *c, const char *what, struct hs_slice got, struct hs_slice expected);

/* What a case expects: `ok`, or `err NAME`, or `err NAME OFFSET`. */
struct case_verdict {
	enum hs_result result;
	bool has_offset;
	size_t offset;
	struct hs_slice rest; /* what stands behind `ok` */
};
struct case_verdict case_verdict(struct test_case *c);

/* Expects that result. */
void case_result(const struct test_case *c, enum hs_result got, enum hs_result expected);

/* --- for tests written in C ------------------------------------------------- */

/* Bytes as text for a person, in the notation of case files. From a ring of buffers. */
const char *case_show(struct hs_slice s);

/* Like assert_string_equal for slices; shows both. */
#define assert_slice_equal(got, expected) case_assert_slice((got), (expected), __FILE__, __LINE__)
void case_assert_slice(struct hs_slice got, struct hs_slice expected, const char *file, int line);

/* Expects a result, and names both if it is another. */
#define assert_result(got, expected) case_assert_result((got), (expected), __FILE__, __LINE__)
void case_assert_result(enum hs_result got, enum hs_result expected, const char *file, int line);

/* A copy in memory of exactly its size, so that a sanitizer sees every step beside it. */
char *case_exact(struct hs_slice s);

/*
 * Random tests: the seed comes from HS_SEED or from the clock; print it when a test
 * fails, and the failure can be had again.
 */
struct case_random {
	uint64_t state;
};
uint64_t case_seed(void);
struct case_random case_random_new(uint64_t seed);
uint32_t case_random_below(struct case_random *r, uint32_t below);

/* Bytes in use on the heap. */
size_t case_heap(void);

#endif

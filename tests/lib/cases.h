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
 * A line is a key, blanks, and a value that runs to the end of the line, taken literally.
 * In the value of a key that ends in '%', %XX is a byte and %{N*text} repeats the text N times:
 *
 *	in% "%C0%AF"
 *	in% %{64*[}%{64*]}
 *
 * A block without a name line is named by its first value. The keys of a file are explained at
 * its top; a key that no test asks for is an error, so that none is mistyped.
 *
 * Each case is one test of a cmocka group. The files are in the directory that HS_CASES names, or
 * in tests/cases. Cases live until the program ends.
 */
#ifndef HS_TEST_CASES_H
#define HS_TEST_CASES_H

#include "tests/lib/unit.h"

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

/*
 * Runs the listed tests (unit.h), then a test for each case of a file in the directory of cases, such as
 * "json.txt". Returns what main returns. A file that cannot be read ends the program with "Bail out!".
 */
int cases_run(const char *group, const char *file, void (*run)(struct test_case *c));

/* Defines main, as TESTS does. */
#define TESTS_AND_CASES(group, file, run) \
	int main(void) \
	{ \
		return cases_run(group, file, run); \
	}

/* --- in a test -------------------------------------------------------------- */

/* The value of a key; the test fails if there is none. */
struct hs_slice case_get(struct test_case *c, const char *key);

/* Like the above, for a key that may be absent. */
bool case_find(struct test_case *c, const char *key, struct hs_slice *value);

/* The next value of a key that may occur several times, from line *at on; the caller starts at 0. */
bool case_next(struct test_case *c, const char *key, size_t *at, struct hs_slice *value);

/* All values of a key, a newline after each. The caller frees `p`. */
struct hs_slice case_text(struct test_case *c, const char *key);

/* A decimal number, possibly negative. */
int64_t case_number(struct test_case *c, struct hs_slice value);

/* Cuts the first word off *value and returns it. */
struct hs_slice case_word(struct hs_slice *value);

/* Fails the test; the message begins with file and line of the case. */
_Noreturn void case_fail(const struct test_case *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Expects the same bytes; `what` names them in the message. */
void case_same(const struct test_case *c, const char *what, struct hs_slice got, struct hs_slice expected);

/* A case expects: `ok`, or `err NAME`, or `err NAME OFFSET`. */
struct case_verdict {
	enum hs_result result;
	bool has_offset;
	size_t offset;
	struct hs_slice rest; /* after `ok` */
};
struct case_verdict case_verdict(struct test_case *c);

/* Expects that result. */
void case_result(const struct test_case *c, enum hs_result got, enum hs_result expected);

#endif

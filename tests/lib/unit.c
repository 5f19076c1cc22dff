#include "tests/lib/unit.h"
#include "base/utf8.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

/* --- tests ------------------------------------------------------------------ */

static struct unit_test *first;
static size_t count;

/* Constructors run in no order that the language promises. */
void unit_list(struct unit_test *test)
{
	struct unit_test **at = &first;

	while (*at != NULL && (*at)->line <= test->line)
		at = &(*at)->next;
	test->next = *at;
	*at = test;
	count++;
}

/* The test that runs. */
static struct {
	const struct unit_test *test;
	size_t descriptors; /* open before its set-up */
	bool leaves_some;
} running;

static int begin(void **state)
{
	running.test = *state;
	running.descriptors = unit_descriptors();
	running.leaves_some = false;
	*state = running.test->test.initial_state;
	return running.test->test.setup_func == NULL ? 0 : running.test->test.setup_func(state);
}

/* A descriptor that a test leaves open each of a server's many requests may leave open. */
static int end(void **state)
{
	CMFixtureFunction teardown = running.test->test.teardown_func;
	int failed = teardown == NULL ? 0 : teardown(state);
	size_t left = unit_descriptors();

	if (left == running.descriptors || running.leaves_some)
		return failed;
	print_error("# %s: %zu descriptors before, %zu after\n", running.test->test.name, running.descriptors, left);
	return -1;
}

int unit_run(const char *group, CMFixtureFunction setup, CMFixtureFunction teardown)
{
	struct CMUnitTest *tests = calloc(count, sizeof *tests), *to = tests;
	int failed;

	for (struct unit_test *t = first; t != NULL && tests != NULL; t = t->next, to++) {
		if (!t->has_fixture) {
			t->test.setup_func = setup;
			t->test.teardown_func = teardown;
		}
		*to = t->test;
		to->setup_func = begin;
		to->teardown_func = end;
		to->initial_state = t;
	}
	failed = tests == NULL ? 1 : _cmocka_run_group_tests(group, tests, count, NULL, NULL);
	free(tests);
	return failed;
}

/* --- assertions ------------------------------------------------------------- */

const char *unit_show(struct hs_slice s)
{
	static char ring[4][1600];
	static unsigned turn;
	char *to = ring[turn++ % 4], *at = to;
	size_t i = 0;

	while (i < s.n && at - to < 1560) {
		unsigned char c = (unsigned char)s.p[i];
		size_t length = hs_utf8_length(s.p + i, s.n - i);

		if (length == 0 || c < ' ' || c == '%' || c == 0x7F) {
			at += sprintf(at, "%%%02X", c);
			i++;
		} else {
			memcpy(at, s.p + i, length);
			at += length;
			i += length;
		}
	}
	strcpy(at, at - to < 1560 ? "" : " ...");
	return s.p == NULL ? "(none)" : to;
}

void unit_assert_slice(struct hs_slice got, struct hs_slice expected, const char *file, int line)
{
	if (hs_slice_eq(got, expected))
		return;
	print_error("# expected %s\n# got      %s\n", unit_show(expected), unit_show(got));
	_fail(file, line);
}

void unit_assert_result(enum hs_result got, enum hs_result expected, const char *file, int line)
{
	if (got == expected)
		return;
	print_error("# expected %s, got %s\n", hs_result_info(expected)->name, hs_result_info(got)->name);
	_fail(file, line);
}

/* --- memory ----------------------------------------------------------------- */

char *unit_exact_copy(struct hs_slice s)
{
	char *p = malloc(s.n > 0 ? s.n : 1);

	assert_non_null(p);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

/* A sanitizer has a heap of its own. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

size_t unit_heap(void)
{
	struct mallinfo2 info;

	if (__sanitizer_get_current_allocated_bytes != NULL)
		return __sanitizer_get_current_allocated_bytes();
	info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

void unit_leaves_descriptors(void)
{
	running.leaves_some = true;
}

size_t unit_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

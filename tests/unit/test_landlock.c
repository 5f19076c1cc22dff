/* landlock: if a kernel lacks it, or refuses a step, that is told, and all stays open. */
#include "base/landlock.h"
#include "tests/lib/deny_call.h"
#include "tests/lib/processes.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { CREATE_RULESET = 444, ADD_RULE, RESTRICT_SELF };

static const struct hs_landlock_place places[] = { { NULL, HS_LANDLOCK_USE },
	                                           { "/nowhere", HS_LANDLOCK_USE },
	                                           { "/proc", HS_LANDLOCK_READ },
	                                           { "/dev/null", HS_LANDLOCK_READ } };
enum { PLACES = sizeof places / sizeof *places };

/* 0: entered, 1: not, and everything can be opened as before; else a fault. */
static int enter(int expected)
{
	int root, error;

	errno = 0;
	if (hs_landlock_enter(places, PLACES) == 0)
		return access("/dev/null", F_OK) == 0 && open("/", O_RDONLY | O_DIRECTORY) < 0 ? 0 : 2;
	error = errno;
	root = open("/", O_RDONLY | O_DIRECTORY);
	return error != expected ? 3 : root < 0 ? 4 : 1;
}

static int enter_as_it_is(void *context)
{
	(void)context;
	return enter(0);
}

static int enter_without_any(void *context)
{
	(void)context;
	return !deny_call(CREATE_RULESET, EOPNOTSUPP) ? 5 : hs_landlock_version() != 0 ? 6 : enter(ENOSYS);
}

/* The version is told, by a flag; no ruleset is made. */
static int enter_without_ruleset(void *context)
{
	(void)context;
	return deny_call_with(CREATE_RULESET, 2, 0, ENOMEM) ? enter(ENOMEM) : 5;
}

static int enter_without_rules(void *context)
{
	(void)context;
	return deny_call(ADD_RULE, ENOMEM) ? enter(ENOMEM) : 5;
}

static int enter_without_the_last_step(void *context)
{
	(void)context;
	return deny_call(RESTRICT_SELF, E2BIG) ? enter(E2BIG) : 5;
}

static bool is_there(void)
{
	return hs_landlock_version() >= HS_LANDLOCK_LEAST;
}

TEST(places_that_are_not_there_are_left_out)
{
	if (!is_there())
		skip();
	assert_int_equal(child_run(enter_as_it_is, NULL), 0);
}

TEST(a_step_that_fails_is_told)
{
	assert_int_equal(child_run(enter_without_any, NULL), 1);
	if (!is_there())
		skip();
	assert_int_equal(child_run(enter_without_ruleset, NULL), 1);
	assert_int_equal(child_run(enter_without_rules, NULL), 1);
	assert_int_equal(child_run(enter_without_the_last_step, NULL), 1);
}

TESTS("landlock", NULL, NULL)

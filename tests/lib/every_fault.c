#include "tests/lib/every_fault.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <limits.h>
#include <stdio.h>

enum { EACH = 24 };

static char plan[64];

void fail_each_tell(void)
{
	if (plan[0] != '\0')
		printf("# %s\n", plan);
	plan[0] = '\0';
}

static void fail_once(const struct job *job, enum wrap_call call, unsigned nth, int error)
{
	enum hs_result result;

	snprintf(plan, sizeof plan, "call %d, number %u, error %d", (int)call, nth, error);
	job->prepare();
	wrap_reset();
	wrap_fail(call, nth, 1, error);
	result = job->run();
	wrap_reset();
	if (result == HS_OK)
		job->is_done();
	assert_result(job->run(), HS_OK);
	job->is_done();
}

static void fail_all(unsigned wanted, const int *error, const struct job *job)
{
	unsigned calls[WRAP_CALLS], all = 0, each = job->each > 0 ? job->each : EACH;

	job->prepare();
	wrap_reset();
	assert_result(job->run(), HS_OK);
	for (int call = 0; call < WRAP_CALLS; call++) {
		calls[call] = (wanted & FAIL_CALL(call)) != 0 ? wrap_count((enum wrap_call)call) : 0;
		all += calls[call];
	}
	assert_true(all > 0); /* a job that resets the counts would try nothing */
	job->is_done();
	for (int call = 0; call < WRAP_CALLS; call++)
		for (unsigned nth = 1; nth <= calls[call]; nth += nth < each ? 1 : 1 + calls[call] / each)
			fail_once(job, (enum wrap_call)call, nth,
			          error != NULL ? *error : wrap_error((enum wrap_call)call));
	plan[0] = '\0';
}

void fail_each(const struct job *job)
{
	fail_each_of(UINT_MAX, job);
}

void fail_each_of(unsigned wanted, const struct job *job)
{
	fail_all(wanted, NULL, job);
}

void fail_each_with(unsigned wanted, int error, const struct job *job)
{
	fail_all(wanted, &error, job);
}

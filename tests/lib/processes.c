#include "tests/lib/processes.h"
#include "base/io.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int64_t soon(void)
{
	return hs_io_now_monotonic() + PATIENCE_MS;
}

pid_t child_start(int (*run)(void *context), void *context)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run(context));
	return pid;
}

bool robust_mutexes_work(void)
{
	void *head;
	size_t size;

	return syscall(SYS_get_robust_list, 0, &head, &size) == 0;
}

int child_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	if (!WIFEXITED(status) && !robust_mutexes_work())
		skip();
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int child_run(int (*run)(void *context), void *context)
{
	return child_wait(child_start(run, context));
}

struct killed {
	unsigned nth;
	bool torn;
	int (*run)(void *context);
	void *context;
};

static int run_killed(void *context)
{
	const struct killed *k = context;

	wrap_reset();
	wrap_kill(k->nth, k->torn);
	return k->run(k->context);
}

int child_killed(unsigned nth, bool torn, int (*run)(void *context), void *context)
{
	return child_run(run_killed, &(struct killed){ nth, torn, run, context });
}

void children_run(int count, int (*run)(void *number))
{
	pid_t pid[16];

	assert_in_range(count, 1, 16);
	for (int i = 0; i < count; i++)
		pid[i] = child_start(run, &i);
	for (int i = 0; i < count; i++)
		assert_int_equal(child_wait(pid[i]), 0);
}

bool wait_until(bool (*is_so)(void *context), void *context)
{
	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		if (is_so(context))
			return true;
		hs_io_pause(1);
	}
	return false;
}

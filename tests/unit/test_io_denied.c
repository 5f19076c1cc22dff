/* io_denied: what a sandbox, a container or want of privilege refuses. */
#include "base/io.h"
#include "tests/lib/deny_call.h"
#include "tests/lib/processes.h"
#include "tests/lib/temp_dir.h"

#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A call of 32 bits that has one number for short ids and another. */
#ifdef SYS_setuid32
#define HERE(call) SYS_##call##32
#else
#define HERE(call) SYS_##call
#endif

static int find_no_path(void *context)
{
	char path[PATH_MAX];

	(void)context;
#ifdef SYS_readlink
	if (!deny_call(SYS_readlink, EACCES))
		return 2;
#endif
	return deny_call(SYS_readlinkat, EACCES) && hs_io_own_path(path, sizeof path) == -1 && errno == EACCES ? 0 : 1;
}

/* Without /proc, for one. */
TEST(the_path_of_the_program_may_not_be_known)
{
	char path[PATH_MAX];

	assert_int_equal(hs_io_own_path(path, sizeof path), 0);
	assert_non_null(strstr(path, "test_io_denied"));
	assert_int_equal(child_run(find_no_path, NULL), 0);
}

#ifdef SYS_sync_file_range
/* Writing out early only helps: a sandbox that forbids it is no error. A real one is. */
static int write_out_denied(void *error)
{
	const int *denied = error;

	if (!deny_call(SYS_sync_file_range, (unsigned)*denied))
		return 2;
	return hs_io_write_out(temp.fd, 0, 4096) == 0 ? 0 : errno == *denied ? 1 : 3;
}

TEST(writing_out_may_be_forbidden_but_not_fail)
{
	static int errors[] = { EPERM, ENOSYS, EIO };
	int ends[2];

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(child_run(write_out_denied, &errors[i]), errors[i] == EIO ? 1 : 0);
	assert_int_equal(pipe(ends), 0); /* which has no pages */
	assert_int_equal(hs_io_write_out(ends[1], 4096, 4096), -1);
	assert_int_equal(errno, ESPIPE);
	close(ends[0]);
	close(ends[1]);
}
#endif

/* The call that fails; 0: none. 0: we are another user, 1: it was told, and we are not. */
static int become_another(void *call)
{
	const long *denied = call;

	if (*denied != 0 && !deny_call(*denied, EPERM))
		return 2;
	if (hs_io_become(12345, 23456) == 0)
		return getuid() == 12345 && getgid() == 23456 && geteuid() == 12345 && getegid() == 23456 &&
		               getgroups(0, NULL) == 1
		           ? 0
		           : 3;
	return getuid() == 12345 ? 4 : 1;
}

TEST(another_user_is_become_wholly_or_not)
{
	static long calls[] = { 0, HERE(setgroups), HERE(setgid), HERE(setuid) };

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		assert_int_equal(child_run(become_another, &calls[i]), geteuid() == 0 && i == 0 ? 0 : 1);
}

TESTS("io_denied", temp_dir_begin, temp_dir_end)

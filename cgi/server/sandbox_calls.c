#include "cgi/server/sandbox_calls.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>

enum { PR_SET_NAME_OF_MEMORY = 0x53564d41 }; /* PR_SET_VMA: newer versions of glibc label their mappings */

/*
 * The calls that a worker makes, and those that the C library makes for them, on all architectures: a name
 * that this one lacks is skipped. Each group is one in which nothing but the place of a call differs.
 */
static const char *const CALLS[] = {
	/* files: Landlock decides which */
	"open",
	"openat",
	"close",
	"read",
	"pread64",
	"readv",
	"preadv",
	"write",
	"writev",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"lseek",
	"_llseek",
	"stat",
	"stat64",
	"fstat",
	"fstat64",
	"newfstatat",
	"fstatat64",
	"lstat",
	"lstat64",
	"statx",
	"statfs",
	"statfs64",
	"fstatfs",
	"fstatfs64",
	"getdents",
	"getdents64",
	"readlink",
	"readlinkat",
	"fcntl",
	"fcntl64",
	"flock",
	"ftruncate",
	"ftruncate64",
	"fallocate",
	"fsync",
	"fdatasync",
	"sync_file_range",
	"sync_file_range2",
	"fchmod",
	"fchown",
	"fchown32",
	"utimensat",
	"utimensat_time64",
	"mkdir",
	"mkdirat",
	"unlink",
	"unlinkat",
	"rename",
	"renameat",
	"renameat2",
	"link",
	"linkat",
	/* connections that were accepted, pipes of the log, the supervisor's socket */
	"accept",
	"accept4",
	"recv",
	"recvfrom",
	"recvmsg",
	"send",
	"sendto",
	"sendmsg",
	"shutdown",
	"getsockopt",
	"setsockopt",
	"getsockname",
	"getpeername",
	"pipe2",
	"splice",
	"epoll_create1",
	"epoll_ctl",
	"epoll_wait",
	"epoll_pwait",
	"poll",
	"ppoll",
	"ppoll_time64",
	"select",
	"_newselect",
	"pselect6",
	"pselect6_time64",
	"eventfd2",
	/* memory */
	"brk",
	"munmap",
	"mremap",
	"madvise",
	"msync",
	/* threads and signals */
	"futex",
	"futex_time64",
	"set_robust_list",
	"rseq",
	"sched_getaffinity",
	"sched_yield",
	"setpriority",
	"exit",
	"exit_group",
	"gettid",
	"getpid",
	"tgkill",
	"rt_sigaction",
	"rt_sigprocmask",
	"rt_sigreturn",
	"sigreturn",
	"rt_sigtimedwait",
	"rt_sigtimedwait_time64",
	"sigaltstack",
	"restart_syscall",
	"membarrier",
	/* clocks, the machine, who we are */
	"clock_gettime",
	"clock_gettime64",
	"clock_getres",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"nanosleep",
	"gettimeofday",
	"time",
	"getrandom",
	"sysinfo",
	"uname",
	"getuid",
	"getuid32",
	"geteuid",
	"geteuid32",
	"getgid",
	"getgid32",
	"getegid",
	"getegid32",
	"getgroups",
	"getgroups32",
	"getrlimit",
	"ugetrlimit",
};

/* Calls that are allowed if an argument, masked, has a value. */
static const struct condition {
	const char *call;
	struct scmp_arg_cmp argument;
} CONDITIONS[] = {
	/* no memory becomes code */
	{ "mmap", { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } },
	{ "mmap2", { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } },
	{ "mprotect", { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } },
	/* threads, but no processes */
	{ "clone", { 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD } },
	/* limits are read, not set */
	{ "prlimit64", { 2, SCMP_CMP_EQ, 0, 0 } },
	{ "prctl", { 0, SCMP_CMP_EQ, PR_SET_NAME_OF_MEMORY, 0 } },
};

static int add(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned conditions,
               const struct scmp_arg_cmp *condition)
{
	int number = seccomp_syscall_resolve_name(name);

	return number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add_array(filter, action, number, conditions, condition);
}

static int fill(scmp_filter_ctx filter)
{
	/* Its flags are in memory, where no filter sees them. After ENOSYS the C library calls clone. */
	int result = add(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);

	for (size_t i = 0; i < sizeof CALLS / sizeof CALLS[0] && result == 0; i++)
		result = add(filter, SCMP_ACT_ALLOW, CALLS[i], 0, NULL);
	for (size_t i = 0; i < sizeof CONDITIONS / sizeof CONDITIONS[0] && result == 0; i++)
		result = add(filter, SCMP_ACT_ALLOW, CONDITIONS[i].call, 1, &CONDITIONS[i].argument);
	return result;
}

const char *hs_sandbox_limit_calls(bool kill)
{
	scmp_filter_ctx filter = seccomp_init(kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
	const char *fault = NULL;

	if (filter == NULL)
		return "out of memory";
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1); /* the kernel may not know how to */
	if (fill(filter) < 0)
		fault = "libseccomp does not accept the filter";
	else if (seccomp_load(filter) < 0)
		fault = "this kernel has none";
	seccomp_release(filter);
	return fault;
}

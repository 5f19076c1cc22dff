/*
 * deny CALL=ERRNO PROGRAM [ARGUMENT]...: runs the program with a system call that fails with that
 * errno, as on a file system that lacks it. It uses seccomp(2), which works with static and
 * sanitized programs, too, and without privilege.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct known {
	const char *name;
	unsigned number;
	unsigned flags; /* only if the fourth argument has one of these; 0: always */
} calls[] = { { "flock", SYS_flock, 0 },
	      { "fallocate", SYS_fallocate, 0 },
	      { "mmap-shared", SYS_mmap, MAP_SHARED },
	      { "pwritev2", SYS_pwritev2, 0 },
	      { "landlock_restrict_self", 446, 0 } }, /* the headers of Debian 12 lack its name */
    errors[] = {
	    { "ENOLCK", ENOLCK, 0 }, { "EOPNOTSUPP", EOPNOTSUPP, 0 }, { "EDQUOT", EDQUOT, 0 }, { "ENODEV", ENODEV, 0 }
    };

static const struct known *find(const struct known *table, size_t n, const char *name, size_t length)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0)
			return &table[i];
	return NULL;
}

static int deny(const struct known *call, unsigned error)
{
	unsigned test = call->flags == 0 ? BPF_JGE : BPF_JSET; /* nothing is below 0 */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
		BPF_JUMP(BPF_JMP | test | BPF_K, call->flags, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -1 : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
	const char *equals = argc > 2 ? strchr(argv[1], '=') : NULL;
	const struct known *call, *error;

	if (equals == NULL) {
		fputs("usage: deny CALL=ERRNO PROGRAM [ARGUMENT]...\n", stderr);
		return 2;
	}
	call = find(calls, sizeof calls / sizeof *calls, argv[1], (size_t)(equals - argv[1]));
	error = find(errors, sizeof errors / sizeof *errors, equals + 1, strlen(equals + 1));
	if (call == NULL || error == NULL || deny(call, error->number) < 0) {
		fprintf(stderr, "deny %s: %s\n", argv[1], errno != 0 ? strerror(errno) : "not known");
		return 71;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 71;
}

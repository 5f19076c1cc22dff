/*
 * sandbox_calls: a filter of system calls by seccomp(2), made by libseccomp. sandbox_calls_none.c takes its
 * place in a build without that library (make SECCOMP=no).
 */
#ifndef HS_SANDBOX_CALLS_H
#define HS_SANDBOX_CALLS_H

#include <stdbool.h>

/*
 * Lets this thread, and those that it starts, make only the system calls of a FastCGI server after its
 * start. Any other call kills the process (`kill`), or else fails with EPERM; the kernel's audit log has it,
 * where that is enabled. Sets no_new_privs. NULL: done; else what was in the way, a constant.
 */
const char *hs_sandbox_limit_calls(bool kill);

#endif

/*
 * Linked into each program that `make tsan` builds: the options of ThreadSanitizer, and two calls of the C
 * library that need help.
 *
 * Options are compiled in, because web servers clear the environment of what they start:
 *   die_after_fork=0   unit tests fork while threads run; the children use only what is safe then.
 *   log_path           servers write their errors into logs that a test deletes with its folder.
 */
#include <errno.h>
#include <pthread.h>
#include <sanitizer/tsan_interface.h>
#include <setjmp.h>
#include <signal.h>
#include <stdnoreturn.h>
#include <time.h>

const char *__tsan_default_options(void);
int __real_pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *deadline);
int __wrap_pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *deadline);
noreturn void __real_siglongjmp(sigjmp_buf env, int value);
noreturn void __wrap_siglongjmp(sigjmp_buf env, int value);

const char *__tsan_default_options(void)
{
	return "die_after_fork=0:exitcode=66:log_path=" TSAN_REPORTS "/report";
}

/*
 * The sanitizers of gcc 12 and clang 14 do not know this call, and would take the unlock after it for one of
 * a mutex that nothing locked.
 */
int __wrap_pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *deadline)
{
	int error;

	__tsan_mutex_pre_lock(mutex, __tsan_mutex_try_lock);
	error = __real_pthread_mutex_clocklock(mutex, clock, deadline);
	__tsan_mutex_post_lock(mutex,
	                       error == 0 || error == EOWNERDEAD ? __tsan_mutex_try_lock
	                                                         : __tsan_mutex_try_lock | __tsan_mutex_try_lock_failed,
	                       0);
	return error;
}

/*
 * ThreadSanitizer calls a signal's handler with all signals blocked, also with SA_NODEFER. A jump out of it
 * (io_map.c) would leave them so, and the next SIGBUS would end the process.
 */
noreturn void __wrap_siglongjmp(sigjmp_buf env, int value)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_UNBLOCK, &all, NULL);
	__real_siglongjmp(env, value);
}

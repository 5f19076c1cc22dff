/*
 * processes: children of a test, killed at a chosen call if it wants that, and conditions to wait for.
 */
#ifndef HS_TEST_PROCESSES_H
#define HS_TEST_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PATIENCE_MS = 120000 }; /* an emulator on a busy machine needs more than twenty seconds for some tests */

/* A deadline that no test reaches: PATIENCE_MS from now, by the monotonic clock. */
int64_t soon(void);

/* Runs a function in a child, which exits with what it returns. */
pid_t child_start(int (*run)(void *context), void *context);

/* False under an emulator of user programs: it leaves a mutex locked when its holder dies. */
bool robust_mutexes_work(void);

/*
 * The exit status, or -1 if the child was killed. Skips the test if it was killed where robust mutexes do not
 * work: it may have held one.
 */
int child_wait(pid_t pid);

/* Both, for one child. */
int child_run(int (*run)(void *context), void *context);

/* Runs a child that is killed before its nth call on files (wrap.h). -1, or its status if it made fewer. */
int child_killed(unsigned nth, bool torn, int (*run)(void *context), void *context);

/* Runs `count` children at once, each with the address of its number, from 0; expects 0 of each. */
void children_run(int count, int (*run)(void *number));

/* Polls for PATIENCE_MS. False: it never became true. */
bool wait_until(bool (*is_so)(void *context), void *context);

#endif

/*
 * every_fault: lets each call that a job makes fail in turn, by wrap.h: on files, for memory, for a mapping. What the
 * job then says must be true, and it must succeed when the fault is gone.
 */
#ifndef HS_TEST_EVERY_FAULT_H
#define HS_TEST_EVERY_FAULT_H

#include "base/result.h"

struct job {
	void (*prepare)(void);
	enum hs_result (*run)(void); /* may be called again after success */
	void (*is_done)(void);       /* asserts what HS_OK means */
	/* That many of the first calls of each kind fail, then others at distances of 1/each of all; 0: 24. */
	unsigned each;
};

/* Runs the job once without a fault, then for each fault: prepare, run; is_done if that was HS_OK; run, is_done. */
void fail_each(const struct job *job);

/* As fail_each, for some kinds of calls: FAIL_CALL(WRAP_OPENAT) | FAIL_CALL(WRAP_PREAD). */
#define FAIL_CALL(call) (1U << (call))
void fail_each_of(unsigned calls, const struct job *job);

/* As fail_each_of, but each call fails with this error instead of the one of wrap_error. */
void fail_each_with(unsigned calls, int error, const struct job *job);

/* For a tear-down: prints which fault it was if a test has failed in fail_each. */
void fail_each_tell(void);

#endif

/*
 * no_cut: while no_cut is set, no file can be cut. Unlike wrap.h's, this fails in a build for coverage, too, whose
 * runtime needs ftruncate(2) itself. For one file of a test.
 */
#ifndef HS_TEST_NO_CUT_H
#define HS_TEST_NO_CUT_H

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

static bool no_cut;

int ftruncate(int fd, off_t size)
{
	static int (*real)(int, off_t);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, sizeof(long) < sizeof(off_t) ? "ftruncate64" : "ftruncate");
	errno = EIO;
	return no_cut ? -1 : real(fd, size);
}

#endif

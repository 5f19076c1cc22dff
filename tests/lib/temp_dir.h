/*
 * temp_dir: one empty directory a test, open as temp.fd; for what works on files of a directory and
 * needs no spool. TESTS("io", temp_dir_begin, temp_dir_end)
 */
#ifndef HS_TEST_TEMP_DIR_H
#define HS_TEST_TEMP_DIR_H

#include "tests/lib/spooldir.h"
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"

extern struct temp_dir {
	struct spooldir d;
	int fd;
} temp;

int temp_dir_begin(void **state);
int temp_dir_end(void **state);

#endif

/* io_map: a file that loses its pages while it is mapped ends nobody's process, and other faults do. */
#include "base/io.h"
#include "tests/lib/processes.h"
#include "tests/lib/temp_dir.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096 };

/* A mapping whose file has lost its pages. */
static const char *lost(bool guarded)
{
	int fd = hs_io_make(temp.fd, "map", 0600);
	const void *p;

	assert_int_equal(hs_io_truncate(fd, PAGE), 0);
	p = guarded ? hs_io_map_guarded(fd, PAGE) : hs_io_map_read(fd, PAGE);
	assert_non_null(p);
	assert_int_equal(hs_io_truncate(fd, 0), 0);
	hs_io_close(fd);
	return p;
}

static int read_ours(void *context)
{
	(void)context;
	return *(volatile const char *)lost(false);
}

static int read_guarded(void *context)
{
	struct hs_io_guard guard;

	(void)context;
	if (!HS_IO_GUARDED(&guard))
		return 7;
	return *(volatile const char *)lost(true);
}

static int read_unguarded(void *context)
{
	(void)context;
	return *(volatile const char *)lost(true);
}

static int raise_bus_error(void *context)
{
	(void)context;
	lost(false);
	raise(SIGBUS);
	return 0;
}

static int send_bus_error(void *context)
{
	(void)context;
	lost(false);
	kill(getpid(), SIGBUS);
	return 0;
}

/* More than there is a place for: those beyond are as good as the others while their files are. */
static int map_many(void *context)
{
	enum { MANY = 70 };
	const char *p[MANY];
	int sum = 0;

	(void)context;
	for (int i = 0; i < MANY; i++) {
		char name[8];
		int fd;

		snprintf(name, sizeof name, "m%d", i);
		fd = hs_io_make(temp.fd, name, 0600);
		if (hs_io_write_at(fd, "\1", 1, 0) < 0 || (p[i] = hs_io_map_read(fd, PAGE)) == NULL)
			return 2;
		hs_io_close(fd);
	}
	for (int i = 0; i < MANY; i++)
		sum += p[i][0];
	for (int i = 0; i < MANY; i++)
		hs_io_unmap((char *)(uintptr_t)p[i], PAGE);
	return sum == MANY ? 0 : 1;
}

/* Both are known, in the order of their addresses and in the other. */
static int read_both(void *context)
{
	const char *first = lost(false), *second;

	(void)context;
	unlinkat(temp.fd, "map", 0);
	second = lost(false);
	return *(volatile const char *)second + *(volatile const char *)first;
}

static int read_both_in_other_order(void *context)
{
	char *first = (char *)(uintptr_t)lost(false);
	const char *second, *third;
	int fd;

	(void)context;
	unlinkat(temp.fd, "map", 0);
	second = lost(false);
	hs_io_unmap(first, PAGE); /* its place in the list is free, that in memory is too small */
	fd = hs_io_make(temp.fd, "other", 0600);
	third = hs_io_map_read(fd, 3 * PAGE);
	return third == NULL ? 2 : *(volatile const char *)second + *(volatile const char *)third;
}

static int fail_guarded(void *context)
{
	struct hs_io_guard guard;

	(void)context;
	hs_io_guard_fail(); /* there is none yet */
	if (!HS_IO_GUARDED(&guard))
		return 7;
	hs_io_guard_fail();
	return 1;
}

/* A fault that is not ours to handle, and a signal that someone sends, end the process as they would without us. */
TEST(a_fault_is_handled_where_it_is_ours)
{
	static const struct {
		int (*run)(void *context);
		int signal, status;
	} cases[] = {
		{ read_ours, 0, 0 },           { read_guarded, 0, 7 },
		{ read_unguarded, SIGBUS, 0 }, { raise_bus_error, SIGBUS, 0 },
		{ send_bus_error, SIGBUS, 0 }, { map_many, 0, 0 },
		{ read_both, 0, 0 },           { read_both_in_other_order, 0, 0 },
		{ fail_guarded, 0, 7 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		pid_t child = child_start(cases[i].run, NULL);
		int status;

		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : 0, cases[i].signal);
		if (cases[i].signal == 0)
			assert_int_equal(WEXITSTATUS(status), cases[i].status);
		unlinkat(temp.fd, "map", 0);
	}
}

TESTS("io_map", temp_dir_begin, temp_dir_end)

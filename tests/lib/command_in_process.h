/*
 * command_in_process: a command of `hookspool`, run in the test's own process; what it prints is in run.out, and what
 * it says on standard error in run.err.
 */
#ifndef HS_TEST_COMMAND_IN_PROCESS_H
#define HS_TEST_COMMAND_IN_PROCESS_H

#include "tests/lib/said.h"
#include "tools/command.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
	char out[32768];
	const char *err; /* until the next run */
} run;

/* `to`: the file that is its standard output instead; NULL: none. Returns its exit code. */
static inline int run_command(const struct hs_command *command, const char *to, int argc, char **argv)
{
	int saved = dup(STDOUT_FILENO), code;
	FILE *file = to == NULL ? tmpfile() : fopen(to, "w");
	size_t n = 0;

	assert_non_null(file);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	said_begin(HS_LOG_ERROR);
	optind = 0;
	code = command->run(argc, argv);
	fflush(stdout);
	run.err = said_end();
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	if (to == NULL)
		n = fread(run.out, 1, sizeof run.out - 1, file);
	run.out[n] = '\0';
	fclose(file);
	return code;
}

#endif

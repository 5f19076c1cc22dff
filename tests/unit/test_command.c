/* command: how a command ends; what it says of a failure is one line, with the remedy. */
#include "tests/lib/said.h"
#include "tools/command.h"

#include <sysexits.h>

const struct hs_command *const hs_commands[] = { NULL };

static int end_with(enum hs_result result, const char *want)
{
	const char *said;
	int code;

	said_begin(HS_LOG_ERROR);
	code = hs_command_end("test", hs_command_result("test", "/spool", result));
	said = said_end();
	if (strcmp(said, want) != 0)
		fail_msg("said: %s", said);
	return code;
}

TEST(a_result_is_told_once)
{
	static const char memory[] =
	    "hookspool test: ended for want of memory, processes or descriptors: free some, and run it again\n";

	assert_int_equal(end_with(HS_OK, ""), 0);
	assert_int_equal(end_with(HS_E_MEMORY, memory), EX_OSERR);
	assert_int_equal(end_with(HS_E_SPOOL_IN_USE,
	                          "hookspool test: /spool: stop every hookspool process that has the "
	                          "spool open\n"),
	                 EX_TEMPFAIL);
	hs_command_told();
	assert_int_equal(end_with(HS_E_MEMORY, ""), EX_OSERR);
}

TESTS("command", NULL, NULL)

/* command: how a command begins and ends; what it says of a failure is one line, with the remedy. */
#include "tests/lib/processes.h"
#include "tests/lib/said.h"
#include "tools/command.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

TEST(numbers_of_options)
{
	static const char *const bad[] = { "", "/", ":", "x", "5x", "-5", " 5", "1", "11", "99999999999999999999" };
	uint64_t value;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		said_begin(HS_LOG_ERROR);
		assert_false(hs_option_number("top", bad[i], 2, 10, &value));
		assert_non_null(strstr(said_end(), ": expected a number from 2 to 10\n"));
	}
	assert_true(hs_option_number("top", "2", 2, 10, &value) && value == 2);
	assert_true(hs_option_number("top", "10", 2, 10, &value) && value == 10);
}

TEST(one_tenant)
{
	const char *given = NULL;

	assert_true(hs_command_take_tenant("test", "acme", &given));
	assert_true(hs_command_take_tenant("test", "acme", &given));
	said_begin(HS_LOG_ERROR);
	assert_false(hs_command_take_tenant("test", "other", &given));
	assert_string_equal(said_end(), "hookspool test: --tenant is given twice: run the command for each of them\n");
}

/* The attempt to open it says what is missing. */
TEST(a_spool_that_is_nowhere_has_no_owner)
{
	struct hs_settings settings = { 0 };
	static const char *const nowhere[] = { "/nowhere-of-hookspool", "/nowhere-of-hookspool/above/spool",
		                               "/proc/self/nowhere" };

	for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
		settings.spool_dir = (char *)(uintptr_t)nowhere[i];
		assert_true(hs_command_as_owner(&settings));
	}
}

TEST(colours_are_for_terminals)
{
	int other = posix_openpt(O_RDWR | O_NOCTTY);
	char name[64];
	FILE *terminal, *file = tmpfile();

	assert_true(other >= 0 && grantpt(other) == 0 && unlockpt(other) == 0);
	assert_int_equal(ptsname_r(other, name, sizeof name), 0);
	terminal = fdopen(open(name, O_RDWR | O_NOCTTY), "w");
	assert_true(terminal != NULL && file != NULL);
	unsetenv("NO_COLOR");
	assert_true(hs_command_colours(terminal));
	assert_false(hs_command_colours(file));
	setenv("NO_COLOR", "", 1);
	assert_true(hs_command_colours(terminal));
	setenv("NO_COLOR", "1", 1);
	assert_false(hs_command_colours(terminal));
	fclose(file);
	fclose(terminal);
	close(other);
}

static int never(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* Without its standard input, and without a descriptor for /dev/null in its place. */
static int run_main(void *context)
{
	struct rlimit none = { 0, 0 };

	(void)context;
	close(STDIN_FILENO);
	if (setrlimit(RLIMIT_NOFILE, &none) != 0)
		return 1;
	return hs_command_main(never, "test", 1, (char *[]){ (char[]){ "test" }, NULL });
}

TEST(no_file_takes_the_place_of_a_closed_stream)
{
	int code;

	said_begin(HS_LOG_ERROR);
	code = child_run(run_main, NULL);
	assert_non_null(strstr(said_end(), "hookspool: /dev/null, in the place of a closed standard stream: "));
	assert_int_equal(code, EX_OSERR);
}

TESTS("command", NULL, NULL)

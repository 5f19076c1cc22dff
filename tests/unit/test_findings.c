/*
 * findings: one line for a monitor: the worst findings and no others, figures after the only bar,
 * and the exit code that matches its word.
 */
#include "tests/lib/unit.h"
#include "tests/lib/wrap.h"
#include "tools/report/findings.h"
#include "tools/report/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char said[4096];

/* The printed line. */
static const char *end_with(struct hs_findings *r, bool unknown)
{
	char name[] = "/tmp/hs-report-XXXXXX";
	int out = dup(STDOUT_FILENO), file = mkstemp(name);
	ssize_t got;

	assert_true(out >= 0 && file >= 0);
	unlink(name);
	fflush(stdout);
	dup2(file, STDOUT_FILENO);
	hs_findings_end(r, unknown);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	got = pread(file, said, sizeof said - 1, 0);
	assert_true(got >= 0);
	said[got] = '\0';
	close(file);
	close(out);
	return said;
}

static const char *end(struct hs_findings *r)
{
	return end_with(r, false);
}

TEST(nothing_is_wrong)
{
	struct hs_findings r = { .nagios = true };

	hs_findings_ok(&r, "spool", "fine");
	hs_findings_figure(&r, "free", 1234, "B");
	assert_int_equal(hs_findings_nagios_exit(&r), 0);
	assert_string_equal(end(&r), "HOOKSPOOL OK: nothing is out of order | free=1234B warnings=0 failures=0\n");
}

TEST(warnings_are_reported_together)
{
	struct hs_findings r = { .nagios = true };

	hs_findings_warn(&r, "cursor", "do this", "%s lags", "crm");
	hs_findings_ok(&r, "spool", "fine");
	hs_findings_warn(&r, "space", "do that", "little is left");
	assert_int_equal(hs_findings_nagios_exit(&r), 1);
	assert_string_equal(end(&r),
	                    "HOOKSPOOL WARNING: cursor: crm lags; space: little is left | warnings=2 failures=0\n");
}

TEST(a_failure_drives_warnings_out)
{
	struct hs_findings r = { .nagios = true };

	hs_findings_warn(&r, "cursor", "", "lags");
	hs_findings_fail(&r, "space", "", "full");
	hs_findings_warn(&r, "secret", "", "short");
	hs_findings_fail(&r, "spool", "", "lost");
	assert_int_equal(hs_findings_nagios_exit(&r), 2);
	assert_string_equal(end(&r), "HOOKSPOOL CRITICAL: space: full; spool: lost | warnings=2 failures=2\n");
}

/* Monitoring plug-ins API: figures come after the first bar; a second line means something else. */
TEST(a_bar_or_a_line_end_begins_nothing)
{
	struct hs_findings r = { .nagios = true };

	hs_findings_warn(&r, "cursor", "", "a|b\nc\x1b[31m\x7f");
	end(&r);
	assert_non_null(strstr(said, "cursor: a b c"));
	assert_int_equal(strchr(said, '|') == strrchr(said, '|'), true);
	assert_true(strchr(said, '\n') == said + strlen(said) - 1);
	assert_true(strchr(said, '\x1b') == NULL && strchr(said, '\x7f') == NULL);
}

TEST(nothing_was_looked_at)
{
	struct hs_findings r = { .nagios = true };

	assert_string_equal(end(&r), "HOOKSPOOL UNKNOWN: nothing was checked\n");
}

TEST(figures_are_for_monitors)
{
	struct hs_findings r = { .json = true };

	hs_findings_figure(&r, "free", 1234, "B");
	hs_findings_warn(&r, "space", "make \"room\"", "little");
	assert_string_equal(end(&r), "[{\"check\":\"space\",\"verdict\":\"warn\",\"text\":\"little\","
	                             "\"remedy\":\"make \\\"room\\\"\"}]\n");
}

TEST(a_check_that_could_not_run_is_not_ok)
{
	struct hs_findings fine = { .nagios = true }, warned = { .nagios = true };

	hs_findings_ok(&fine, "spool", "fine");
	assert_string_equal(end_with(&fine, true),
	                    "HOOKSPOOL UNKNOWN: a check could not run | warnings=0 failures=0\n");
	hs_findings_warn(&warned, "space", "do that", "little is left");
	assert_string_equal(end_with(&warned, true),
	                    "HOOKSPOOL UNKNOWN: space: little is left | warnings=1 failures=0\n");
}

TEST(what_is_lost_for_want_of_memory_is_not_in_order)
{
	struct hs_findings monitor = { .nagios = true }, json = { .json = true };

	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	hs_findings_warn(&monitor, "space", "do that", "little is left");
	wrap_reset();
	assert_string_equal(end(&monitor),
	                    "HOOKSPOOL WARNING: out of memory: hookspool check says more | warnings=1 failures=0\n");
	wrap_fail(WRAP_REALLOC, 1, 1, ENOMEM);
	hs_findings_warn(&json, "space", "do that", "little is left");
	wrap_reset();
	assert_string_equal(end(&json), "");
	assert_true(hs_terminal_has_lost());
}

TESTS("findings", NULL, NULL)

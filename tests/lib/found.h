/*
 * found: what a test expects of findings, as tools/report/findings.h writes them in JSON.
 *
 *	found_in(text, "space", "fail", "1.0 KB free", "lower min_free");
 */
#ifndef HS_TEST_FOUND_H
#define HS_TEST_FOUND_H

#include "tests/lib/unit.h"

#include <stdio.h>
#include <string.h>

/*
 * Expects a finding of this name and verdict whose text begins with `begin`, and `remedy` somewhere in its line.
 * verdict NULL: there is none of this name.
 */
static inline void found_in(const char *text, const char *name, const char *verdict, const char *begin,
                            const char *remedy)
{
	char expected[400], line[4096];
	const char *found;

	if (verdict == NULL)
		snprintf(expected, sizeof expected, "\"check\":\"%s\"", name);
	else
		snprintf(expected, sizeof expected, "\"check\":\"%s\",\"verdict\":\"%s\",\"text\":\"%s", name, verdict,
		         begin);
	found = strstr(text, expected);
	if ((found == NULL) != (verdict == NULL))
		fail_msg("expected %s%s in %s", verdict == NULL ? "no " : "", expected, text);
	if (verdict == NULL)
		return;
	snprintf(line, sizeof line, "%.*s", (int)strcspn(found, "\n"), found);
	if (strstr(line, remedy) == NULL)
		fail_msg("expected %s in %s", remedy, line);
}

#endif

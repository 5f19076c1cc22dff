/*
 * said: what a test's program logs meanwhile.
 *
 *	said_begin(HS_LOG_WARN);
 *	…
 *	assert_non_null(strstr(said_end(), "was cut"));
 */
#ifndef HS_TEST_SAID_H
#define HS_TEST_SAID_H

#include "base/log.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <unistd.h>

static struct {
	FILE *file;
	int saved;
	char text[4000];
} saying;

/* Collects descriptor 2 from now on, with messages of this level and worse ones. */
static inline void said_begin(enum hs_level level)
{
	saying.file = tmpfile();
	assert_non_null(saying.file);
	saying.saved = dup(STDERR_FILENO);
	dup2(fileno(saying.file), STDERR_FILENO);
	hs_log_level(level);
}

/* Gives descriptor 2 back, and silences the log, as spooldir.h does. The text is valid until the next call. */
static inline const char *said_end(void)
{
	size_t n;

	hs_log_flush();
	hs_log_level((enum hs_level) - 1);
	dup2(saying.saved, STDERR_FILENO);
	close(saying.saved);
	rewind(saying.file);
	n = fread(saying.text, 1, sizeof saying.text - 1, saying.file);
	saying.text[n] = '\0';
	fclose(saying.file);
	return saying.text;
}

#endif

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
} said;

/* Collects descriptor 2 from now on, with messages of this level and worse ones. */
static inline void said_begin(enum hs_level level)
{
	said.file = tmpfile();
	assert_non_null(said.file);
	said.saved = dup(STDERR_FILENO);
	dup2(fileno(said.file), STDERR_FILENO);
	hs_log_level(level);
}

/* Gives descriptor 2 back, and silences the log, as spooldir.h does. The text is valid until the next call. */
static inline const char *said_end(void)
{
	size_t n;

	hs_log_flush();
	hs_log_level((enum hs_level) - 1);
	dup2(said.saved, STDERR_FILENO);
	close(said.saved);
	rewind(said.file);
	n = fread(said.text, 1, sizeof said.text - 1, said.file);
	said.text[n] = '\0';
	fclose(said.file);
	return said.text;
}

#endif

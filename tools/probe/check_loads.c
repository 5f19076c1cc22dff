#include "tools/probe/check_loads.h"
#include "config/loads.h"
#include "tools/probe/companion.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Starts the trial of a database; its standard output is *out. False: errno tells. */
static bool start(const char *program, const char *file, const char *label, pid_t *pid, FILE **out)
{
	const char *words[] = { "load", "--check", "--config", file, label, NULL };
	posix_spawn_file_actions_t files;
	int ends[2], error;

	if (pipe(ends) < 0)
		return false;
	error = posix_spawn_file_actions_init(&files);
	if (error == 0) {
		posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
		posix_spawn_file_actions_addclose(&files, ends[0]);
		posix_spawn_file_actions_addclose(&files, ends[1]);
		error = posix_spawn(pid, program, &files, NULL, (char **)(uintptr_t)words, environ);
		posix_spawn_file_actions_destroy(&files);
	}
	close(ends[1]);
	*out = error == 0 ? fdopen(ends[0], "r") : NULL;
	if (*out == NULL)
		close(ends[0]);
	return *out != NULL;
}

/* Takes a finding: a verdict, a text and a remedy, divided by tabs. */
static bool take(struct hs_findings *report, char *line)
{
	char *text = strchr(line, '\t'), *remedy = text == NULL ? NULL : strchr(text + 1, '\t');

	if (remedy == NULL)
		return false;
	*text++ = *remedy++ = '\0';
	remedy[strcspn(remedy, "\n")] = '\0';
	if (strcmp(line, "ok") == 0)
		hs_findings_ok(report, "load", "%s", text);
	else if (strcmp(line, "warn") == 0)
		hs_findings_warn(report, "load", remedy, "%s", text);
	else
		hs_findings_fail(report, "load", remedy, "%s", text);
	return true;
}

static void check(struct hs_findings *report, const char *program, const char *file, const char *label)
{
	unsigned findings = 0;
	char *line = NULL;
	size_t room = 0;
	FILE *out;
	pid_t pid;
	int status;

	if (start(program, file, label, &pid, &out)) {
		while (getline(&line, &room, out) > 0)
			findings += take(report, line);
		free(line);
		fclose(out);
		waitpid(pid, &status, 0);
	}
	if (findings == 0)
		hs_findings_fail(report, "load", "hookspool load --check LABEL says why", "%s: it could not be tried",
		                 label);
}

void hs_check_loads(struct hs_findings *report, const struct hs_settings *settings, const char *file)
{
	char program[2 * PATH_MAX];

	if (settings->loads == 0)
		return;
	if (!hs_companion_find("load", program)) {
		hs_findings_fail(report, "load", HS_LOAD_PROGRAM_REMEDY, "hookspool-load is not installed");
		return;
	}
	for (unsigned i = 0; i < settings->loads; i++)
		check(report, program, file, settings->load[i].label);
}

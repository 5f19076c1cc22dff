#include "tools/probe/check_loads.h"
#include "config/loads.h"
#include "tools/probe/companion.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Starts a trial; its standard output is *out. False: errno tells. */
static bool start(const char *program, const char *const *words, pid_t *pid, FILE **out)
{
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
static bool take(struct hs_findings *report, const char *subject, char *line)
{
	char *text = strchr(line, '\t'), *remedy = text == NULL ? NULL : strchr(text + 1, '\t');

	if (remedy == NULL)
		return false;
	*text++ = *remedy++ = '\0';
	remedy[strcspn(remedy, "\n")] = '\0';
	if (strcmp(line, "ok") == 0)
		hs_findings_ok(report, subject, "%s", text);
	else if (strcmp(line, "warn") == 0)
		hs_findings_warn(report, subject, remedy, "%s", text);
	else
		hs_findings_fail(report, subject, remedy, "%s", text);
	return true;
}

/* False: the program found nothing, neither good nor bad. */
static bool check(struct hs_findings *report, const char *program, const char *const *words)
{
	unsigned findings = 0;
	char *line = NULL;
	size_t room = 0;
	FILE *out;
	pid_t pid;
	int status;

	if (start(program, words, &pid, &out)) {
		while (getline(&line, &room, out) > 0)
			findings += take(report, words[0], line);
		free(line);
		fclose(out);
		waitpid(pid, &status, 0);
	}
	return findings > 0;
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
	for (unsigned i = 0; i < settings->loads; i++) {
		const char *label = settings->load[i].label;
		const char *words[] = { "load", "--check", "--config", file, label, NULL };

		if (!check(report, program, words))
			hs_findings_fail(report, "load", "hookspool load --check LABEL says why",
			                 "%s: it could not be tried", label);
	}
}

void hs_check_ship(struct hs_findings *report, const struct hs_settings *settings, const char *file)
{
	const char *words[] = { "ship", "--check", "--config", file, NULL };
	char program[2 * PATH_MAX];

	if (settings->ship == NULL)
		return;
	if (!hs_companion_find("ship", program))
		hs_findings_fail(report, "ship", HS_SHIP_PROGRAM_REMEDY, "hookspool-ship is not installed");
	else if (!check(report, program, words))
		hs_findings_fail(report, "ship", "hookspool ship --check says why", "it could not be tried");
}

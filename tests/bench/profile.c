/*
 * A load for a profiler: profile single|batch MEGABYTES EVENT-FILE DIRECTORY
 * [CONTROL]. Serves requests made beforehand; each is kept in a spool in DIRECTORY, which
 * does not sync. CONTROL is perf's control file: it is told when the requests begin.
 */
#include "tests/bench/path.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 1000, MEGABYTE = 1000000 };

static void tell(const char *control, const char *command)
{
	FILE *f = control == NULL ? NULL : fopen(control, "w");

	if (f == NULL)
		return;
	fputs(command, f);
	fclose(f);
}

int main(int argc, char **argv)
{
	const char *control = argc > 5 ? argv[5] : NULL;
	struct bench_input *in;
	struct bench_path *path;
	struct hs_slice event;
	size_t events, bodies;

	if (argc < 5 || atoi(argv[2]) <= 0) {
		fputs("usage: profile single|batch MEGABYTES EVENT-FILE DIRECTORY [CONTROL]\n", stderr);
		return 2;
	}
	event = bench_file(argv[3]);
	events = strcmp(argv[1], "batch") == 0 ? BATCH : 0;
	bodies = (size_t)atoi(argv[2]) * MEGABYTE / (event.n * (events > 0 ? events : 1)) + 1;
	in = bench_input_new(argv[1], event, events, bodies);
	path = bench_path_new(argv[4], "durability = none");
	tell(control, "enable\n");
	for (size_t i = 0; i < in->bodies; i++)
		bench_path_request(path, in, &in->body[i]);
	tell(control, "disable\n");
	bench_path_free(path);
	bench_input_free(in);
	free((char *)event.p);
	return 0;
}

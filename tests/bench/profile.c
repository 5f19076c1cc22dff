/*
 * A load for a profiler: profile MODE MEGABYTES EVENT-FILE DIRECTORY [CONTROL]. Modes: single
 * and batch; single-sources, with direct intake configured beside them; direct and direct-batch,
 * by a library's paths. Prints the processor time of an event. Serves requests made beforehand; each is kept in a
 * spool in DIRECTORY, which does not sync. CONTROL is perf's control file: it is told when the requests begin.
 */
#include "tests/bench/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 1000, DIRECT_BATCH = 100, MEGABYTE = 1000000 };

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
	int64_t cpu_ns;
	bool sources;

	if (argc < 5 || atoi(argv[2]) <= 0) {
		fputs("usage: profile MODE MEGABYTES EVENT-FILE DIRECTORY [CONTROL]\n", stderr);
		return 2;
	}
	event = bench_file(argv[3]);
	events = strstr(argv[1], "batch") == NULL ? 0 : strcmp(argv[1], "batch") == 0 ? BATCH : DIRECT_BATCH;
	sources = strcmp(argv[1], "single-sources") == 0 || strncmp(argv[1], "direct", 6) == 0;
	bodies = (size_t)atoi(argv[2]) * MEGABYTE / (event.n * (events > 0 ? events : 1)) + 1;
	in = bench_input_new(argv[1], event, events, bodies);
	path = bench_path_new(argv[4],
	                      sources ? "durability = none\naddress_rate = none\n[sources]\nshop = " BENCH_WRITE_KEY
	                              : "durability = none");
	tell(control, "enable\n");
	cpu_ns = bench_cpu_ns();
	for (size_t i = 0; i < in->bodies; i++)
		bench_path_request(path, in, &in->body[i]);
	cpu_ns = bench_cpu_ns() - cpu_ns;
	tell(control, "disable\n");
	printf("{\"cpu_ns\":%.0f}\n", (double)cpu_ns / (double)(in->bodies * in->events));
	bench_path_free(path);
	bench_input_free(in);
	free((char *)event.p);
	return 0;
}
